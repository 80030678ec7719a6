"""Every engine on data of 53 bits: rounding, central differences, and the limit of many layers."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from cancelling import beside_knots, float_path, least_squares_beside_knots
from hypothesis import given
from methods import (
    METHODS,
    each_for_fidelity,
    each_for_least_squares,
    evaluate,
    methods_for,
    package_evaluates,
)
from strategies import FloatQuartic, Problem, exact, examples, floats

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, forward, region
from dsrl_ref.appendix.network import preactivations
from dsrl_ref.differences import differences

UNIT = 2.0**-53  # the rounding of a float64


@each_for_least_squares
def test_many_layers_tend_to_the_implicit_gradient(method):
    """Which solves (I - D·(I - H/L))·dX = ∂ξ, D the slopes of ξ: no more than .8 here, so that .8^200 is left over."""
    rng = np.random.default_rng(3)
    for _ in range(4):
        D = rng.normal(size=(6, 4))
        f, theta = LeastSquares(D, 5 * rng.normal(size=(6, 1))), Theta(0.8, 0.6, 0.2, 0.7)
        L = f.lipschitz()
        X = forward(f, theta, L, 200)[-1]
        Z = X - f.gradient(X) / L
        rows = np.array([naive.partials(z, theta) for z in Z.ravel().tolist()])
        slope = rows[:, 4]
        own = np.column_stack([rows[:, :4], slope * f.gradient(X).ravel() / L**2])
        limit = np.linalg.solve(np.eye(4) - slope[:, None] * (np.eye(4) - D.T @ D / L), own)
        _, gradient = package_evaluates(f, theta, L, 200, np.zeros((4, 1)), np.zeros((4, 1)), method)
        assert np.array(gradient) == pytest.approx(limit.T @ X.ravel(), rel=1e-10, abs=1e-10)


def within_the_promise(answer, problem, rows):
    """|error| <= 10³(t+1)·2^-53·S is promised, of the loss and of every derivative; a hundredth of it is what is held.

    `answer` is the package's, `rows` are its regions.
    """
    last = naive.forward(*problem.arguments[:5], rows)[0][-1]
    right = [naive.loss(problem.target, last), *naive.reverse_gradient(*problem.arguments, rows)]
    of_loss, of_gradient = naive.scale(*problem.arguments, rows)
    bound = Fraction(10 * (problem.layers + 1) * UNIT)
    got = [answer[0], *answer[1]]
    return all(abs(a - b) <= bound * S for a, b, S in zip(got, right, [of_loss, *of_gradient], strict=True))


def random_problem(rng):
    """53-bit data, as the rationals that the floats are."""
    n, m = rng.choice([(2, 3), (4, 2), (3, 1)])
    draw = lambda *shape: exact(rng.normal(size=shape))  # noqa: E731
    kind, b1 = rng.integers(3), rng.uniform(0, 0.5)
    f = naive.Fidelity(draw(n, m))
    if kind == 1:
        f = naive.LeastSquares(draw(n + 1, n), draw(n + 1, m))
    if kind == 2:
        S = rng.normal(size=(n, n))
        f = naive.Quartic(exact(S + S.T))
    theta = tuple(map(Fraction, (rng.uniform(0.2, 1.4), rng.uniform(0.2, 1), b1, b1 + rng.uniform(0, 0.5))))
    layers = int(rng.integers(1, 3 if kind == 2 else 5))
    x0 = f.W if kind == 0 else draw(n, m)
    return Problem(f, theta, Fraction(rng.uniform(2, 9)), layers, x0, draw(n, m))


def test_rounding_is_bounded_by_the_scale(repeats):
    """Wherever float64 finds the exact regions, which it nearly always does on such data."""
    rng = np.random.default_rng(4)
    elsewhere, draws = 0, repeats(50, 500)
    for _ in range(draws):
        problem = random_problem(rng)
        theta, x0 = Theta(*problem.float_theta), floats(problem.x0)
        Z = preactivations(problem.term, theta, float(problem.L), problem.layers, x0)
        _, exactly = naive.forward(*problem.arguments[:5])
        rows = naive.regions(exactly, problem.theta)
        if [region(matrix, theta).tolist() for matrix in Z] != rows:
            elsewhere += 1
            continue
        for method in methods_for(problem.f):
            assert within_the_promise(evaluate(problem, method), problem, rows)
    assert elsewhere <= draws / 50


@each_for_fidelity
@pytest.mark.parametrize("attenuated", [False, True])
def test_rounding_is_bounded_by_the_scale_beside_knots_and_where_data_cancel(method, attenuated):
    """The rationals follow the regions of the float recursion, which are those of every engine."""

    @examples(40)
    @given(beside_knots(attenuated))
    def holds(problem):
        _, rows = float_path(problem)
        assert within_the_promise(evaluate(problem, method), problem, rows)

    holds()


@each_for_least_squares
def test_rounding_is_bounded_by_the_scale_beside_knots_of_least_squares(method):
    """Where rounding, which is another in each engine, cannot decide a region; that it might is counted."""
    outcomes = []

    @examples(40)
    @given(least_squares_beside_knots())
    def holds(problem):
        f, theta, _, _, x0, _ = arguments = problem.arguments
        _, Z = naive.forward(*arguments[:5])
        rows = naive.regions(Z, theta)
        _, sizes = naive.sizes(f, theta, arguments[2], x0, rows)
        entries = [(abs(z), size) for pair in zip(Z, sizes, strict=True) for z, size in flat(*pair)]
        outcomes.append(all(abs(z - knot) > size / 2**45 for z, size in entries for knot in theta[2:]))
        if outcomes[-1]:
            assert within_the_promise(evaluate(problem, method), problem, rows)

    holds()
    assert np.mean(outcomes) >= 0.8


def flat(*matrices):
    """The entries of matrices of one shape, side by side."""
    return [entries for lines in zip(*matrices, strict=True) for entries in zip(*lines, strict=True)]


@each_for_fidelity
def test_the_scale_has_what_cancelled_to_make_X_in_place_of_X(method):
    """X_(1) = 1/3 - b1 is 2^-42: rounding 1/3 is more than a million units of 2^-53·|X_(1)|, and part of one of S."""
    one, zero, knot = [[Fraction(1)]], [[Fraction(0)]], Fraction(1 / 3 * (1 - 2.0**-40))
    problem = Problem(naive.Fidelity(one), (Fraction(1), Fraction(1), knot, knot), Fraction(3), 1, zero, zero)
    answer, right = evaluate(problem, method), naive.reverse_gradient(*problem.arguments)
    assert within_the_promise(answer, problem, None)
    assert abs(answer[1][2] - right[2]) > 10**6 * Fraction(UNIT) * abs(right[2])


@each_for_least_squares
@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_units_of_signals_and_dictionary_show_in_no_bit(method, per_layer, sign):
    """X in another unit, D in another: J and its derivatives change by powers of these, and powers of 2 do not round.

    A sum of terms in the unit of (DX)², as (15) and (17) suggest it, would overflow here, or lose all its digits.
    """
    rng, s, c = np.random.default_rng(2), 2.0 ** (420 * sign), 2.0 ** (100 * sign)
    D, Y, x0, target = (rng.normal(size=shape) for shape in ((4, 6), (4, 3), (6, 3), (6, 3)))
    theta = np.array([1.1, 0.6, 0.05, 0.2])

    def answers(s, c):
        J = Objective(
            LeastSquares(c * D, s * c * Y), s * target, layers=3, x0=s * x0, method=method, per_layer=per_layer
        )
        theta_in_units, L = theta * [1, 1, s, s], 16.5 * c * c
        return J(theta_in_units, L), J.gauss_newton(theta_in_units, L)

    (loss, gradient), (again, tangents, matrix) = answers(s, c)
    (usual, of_usual), (_, tangents_of_usual, matrix_of_usual) = answers(1.0, 1.0)
    units = np.array([s, s, 1.0, 1.0, s / c / c])  # of ∂x in w1, w2, b1, b2, L; J and the residual have s besides
    assert loss == again == s * s * usual
    for found, expected in ((gradient, of_usual), (tangents, tangents_of_usual)):
        assert np.array_equal(np.array(found).T, np.array(expected).T * units * s)
    in_units = np.tile(units, len(matrix) // 5)
    assert np.array_equal(matrix, matrix_of_usual * in_units * in_units[:, None])


def float_network(rng):
    n, m = (int(k) for k in rng.integers(3, 7, 2))
    b1 = rng.uniform(0.02, 0.3)
    theta = np.array([rng.uniform(0.3, 1.4), rng.uniform(0.3, 1.2), b1, b1 + rng.uniform(0.05, 0.5)])
    S = rng.normal(size=(n, n))
    f = [
        Fidelity(rng.normal(size=(n, m))),
        LeastSquares(rng.normal(size=(n + 2, n)), rng.normal(size=(n + 2, m))),
        FloatQuartic(S + S.T),
    ][rng.integers(3)]
    L = {Fidelity: 1.0, LeastSquares: 20.0, FloatQuartic: 25.0}[type(f)] * rng.uniform(0.7, 2)
    x0 = f.W if isinstance(f, Fidelity) else rng.normal(size=(n, m))
    return f, np.append(theta, L), int(rng.integers(1, 9)), x0, rng.normal(size=(n, m))


def test_agrees_with_central_differences(repeats):
    rng = np.random.default_rng(5)
    gaps, redraws, draws = [], 0, repeats(50, 1000)
    while len(gaps) < draws * len(METHODS):
        f, x, layers, x0, target = float_network(rng)
        try:
            expected = differences(Objective(f, target, layers=layers, x0=x0), x[:4], x[4])
        except ValueError:  # entries on knots
            redraws += 1
            assert redraws <= 0.2 * draws
            continue
        for method in methods_for(f):
            _, gradient = package_evaluates(f, x[:4], x[4], layers, x0, target, method)
            gaps += [found.gap(value) for found, value in zip(expected.values(), gradient, strict=True)]
    assert max(gaps) <= 1e-8
