"""Every engine, held to the same cases: rationals, differences, and what must be invariant."""

from fractions import Fraction

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from strategies import FloatQuartic, Problem, dyadic, exact, examples, floats, identity, matrices, problems, times

from dsrl_ref import Fidelity, LeastSquares, Theta, forward, loss_and_gradient, region
from dsrl_ref.appendix.network import preactivations
from dsrl_ref.engines import columns
from dsrl_ref.objective import FIDELITY_ONLY

GENERAL = ["tensor", "tangent", "adjoint"]
METHODS = [*GENERAL, "columns", "fused", "pieces"]
UNIT = 2.0**-53
each_method = pytest.mark.parametrize("method", METHODS)
each_for_least_squares = pytest.mark.parametrize("method", [*GENERAL, "columns"])
each_for_fidelity = pytest.mark.parametrize("method", [*GENERAL, *FIDELITY_ONLY])


def methods_for(f):
    """All methods that take f, x0 apart."""
    if isinstance(f, naive.Fidelity | Fidelity):
        return [*GENERAL, "fused", "pieces"]
    return [*GENERAL, "columns"] if isinstance(f, naive.LeastSquares | LeastSquares) else GENERAL


def suited(problem, method):
    """A problem as general as the method takes it: another f, or another x0."""
    if method == "columns" and isinstance(problem.f, naive.Fidelity):
        return problem.but(f=naive.LeastSquares(identity(len(problem.x0)), problem.f.W))
    if method in FIDELITY_ONLY and not isinstance(problem.f, naive.Fidelity):
        problem = problem.but(f=naive.Fidelity(naive.minus(problem.x0, problem.target)))
    if method == "pieces":
        kept = problem.f.W[0][0] > 0
        return problem.but(x0=problem.f.W if kept else times(problem.f.W, 0))
    return problem


def package_evaluates(f, theta, L, layers, x0, target, method):
    if method == "columns":
        J, gradient = columns.loss_and_gradient(f, Theta(*theta), L, layers, x0, target)
    else:
        J, gradient = loss_and_gradient(f, theta, L, layers, target, x0, method)
    return J, list(gradient)


def evaluate(problem, method, sparse=False):
    """Loss and gradient by the package, as rationals."""
    wrap = sp.csr_array if sparse else np.asarray
    f = Fidelity(wrap(floats(problem.f.W))) if sparse else problem.term
    x0, target = wrap(floats(problem.x0)), wrap(floats(problem.target))
    J, gradient = package_evaluates(f, problem.float_theta, float(problem.L), problem.layers, x0, target, method)
    return Fraction(J), [Fraction(value) for value in gradient]


def regions(problem):
    _, Z = naive.forward(*problem.arguments[:5])
    return [[naive.region(z, problem.theta) for line in matrix for z in line] for matrix in Z]


@each_method
@examples(300)
@given(problem=problems())
def test_equals_the_rationals(method, problem):  # N1
    problem = suited(problem, method)
    J, gradient = evaluate(problem, method)
    last = naive.forward(*problem.arguments[:5])[0][-1]
    assert naive.loss(problem.target, last) == J
    assert gradient == naive.tensor_gradient(*problem.arguments)


@examples(300)
@given(problems(layers=st.integers(1, 3)))
def test_three_schedules_are_one_in_rationals(problem):  # N1
    expected = naive.tensor_gradient(*problem.arguments)
    assert naive.forward_gradient(*problem.arguments) == expected
    assert naive.reverse_gradient(*problem.arguments) == expected


@each_for_fidelity
@examples(200)
@given(problem=problems(kinds=("fidelity",)))
def test_sparse_equals_dense(method, problem):  # N9
    problem = suited(problem, method)
    assert evaluate(problem, method, sparse=True) == evaluate(problem, method)


@each_method
@examples(100)
@given(problem=problems(layers=st.just(0)))
def test_no_layer_has_no_gradient(method, problem):  # N3
    problem = suited(problem, method)
    assert evaluate(problem, method)[1] == [0] * 5


@each_method
@examples(100)
@given(problem=problems())
def test_a_target_that_is_met_has_no_gradient(method, problem):  # N4
    problem = suited(problem, method)
    met = problem.but(target=naive.forward(*problem.arguments[:5])[0][-1])
    assert evaluate(met, method) == (0, [0] * 5)


@each_method
@examples(100)
@given(problem=problems(), data=st.data())
def test_linear_in_the_residual(method, problem, data):  # N5
    problem = suited(problem, method)
    last = naive.forward(*problem.arguments[:5])[0][-1]
    other = problem.but(target=data.draw(matrices(len(last), len(last[0]))))
    both = problem.but(target=naive.minus(naive.minus(problem.target, last), other.target, -1))
    (J, gradient), (_, more) = evaluate(problem, method), evaluate(other, method)
    assert evaluate(both, method)[1] == [a + b for a, b in zip(gradient, more, strict=True)]
    doubled = problem.but(target=naive.minus(problem.target, naive.minus(last, problem.target)))
    assert evaluate(doubled, method) == (4 * J, [2 * value for value in gradient])


def permuted(rows, order):
    return [rows[i] for i in order]


@each_method
@examples(100)
@given(problem=problems(), data=st.data())
def test_order_of_rows_and_columns_does_not_matter(method, problem, data):  # N6
    problem = suited(problem, method)
    n, m = len(problem.x0), len(problem.x0[0])
    rows, columns = data.draw(st.permutations(range(n))), data.draw(st.permutations(range(m)))
    move = lambda X: [permuted(line, columns) for line in permuted(X, rows)]  # noqa: E731
    if isinstance(problem.f, naive.Fidelity):
        f = naive.Fidelity(move(problem.f.W))
    else:
        f = naive.LeastSquares(
            [permuted(line, rows) for line in problem.f.D], [permuted(line, columns) for line in problem.f.Y]
        )
    assert evaluate(problem.but(f=f, x0=move(problem.x0), target=move(problem.target)), method) == evaluate(
        problem, method
    )


def with_data_times(problem, c, knots):
    f = problem.f
    f = naive.Fidelity(times(f.W, c)) if isinstance(f, naive.Fidelity) else naive.LeastSquares(f.D, times(f.Y, c))
    w1, w2, b1, b2 = problem.theta
    theta = (w1, w2, b1 * knots, b2 * knots)
    return problem.but(f=f, theta=theta, x0=times(problem.x0, c), target=times(problem.target, c))


@each_method
@examples(100)
@given(problem=problems())
def test_negated_data_have_the_same_loss_and_off_ties_the_same_gradient(method, problem):  # N7
    problem = suited(problem, method)
    J, gradient = evaluate(problem, method)
    negated_J, negated_gradient = evaluate(with_data_times(problem, -1, 1), method)
    assert negated_J == J
    _, Z = naive.forward(*problem.arguments[:5])
    if not any(abs(z) in problem.theta[2:] for matrix in Z for line in matrix for z in line):
        assert negated_gradient == gradient


@each_for_fidelity
def test_ties_are_not_odd(method):  # N7: -12.5 and -7.5 of the same kind, here the smallest case
    f, theta = naive.Fidelity([[Fraction(1)]]), tuple(map(Fraction, (1, 1, 1, 2)))
    problem = Problem(f, theta, Fraction(1), 1, [[Fraction(1)]], [[Fraction(-1)]])
    assert evaluate(problem, method)[1][2] == -1
    assert evaluate(with_data_times(problem, -1, 1), method)[1][2] == 0


@each_method
@examples(100)
@given(problem=problems(), c=st.sampled_from([Fraction(2), Fraction(1, 4)]))
def test_scales_with_the_data(method, problem, c):  # N8
    problem = suited(problem, method)
    J, (dw1, dw2, db1, db2, dL) = evaluate(problem, method)
    expected = [c * c * dw1, c * c * dw2, c * db1, c * db2, c * c * dL]
    assert evaluate(with_data_times(problem, c, c), method) == (c * c * J, expected)


def arrays(f):
    return [value for value in vars(f).values() if isinstance(value, np.ndarray)]


@each_method
@examples(50)
@given(problem=problems())
def test_calls_repeat_bit_for_bit_and_leave_the_input_alone(method, problem):  # N13, N14
    problem = suited(problem, method)
    f, x0, target = problem.term, floats(problem.x0), floats(problem.target)
    kept = [array.tobytes() for array in (x0, target, *arrays(f))]
    arguments = (f, problem.float_theta, float(problem.L), problem.layers, x0, target, method)
    assert package_evaluates(*arguments) == package_evaluates(*arguments)
    assert [array.tobytes() for array in (x0, target, *arrays(f))] == kept


@each_for_least_squares
@examples(100)
@given(problem=problems(kinds=("least squares",)))
def test_columns_add_up(method, problem):  # N15
    column = lambda X, q: [[line[q]] for line in X]  # noqa: E731
    J, gradient = evaluate(problem, method)
    parts = [
        evaluate(
            problem.but(
                f=naive.LeastSquares(problem.f.D, column(problem.f.Y, q)),
                x0=column(problem.x0, q),
                target=column(problem.target, q),
            ),
            method,
        )
        for q in range(len(problem.x0[0]))
    ]
    assert sum(part[0] for part in parts) == J
    assert gradient == [sum(values) for values in zip(*(part[1] for part in parts), strict=True)]


@each_for_least_squares
@examples(100)
@given(problem=problems(kinds=("least squares",)))
def test_scaling_f_and_L_together_changes_only_dL(method, problem):  # N16: c = 4 through D and Y times 2
    J, (*dtheta, dL) = evaluate(problem, method)
    f = naive.LeastSquares(times(problem.f.D, 2), times(problem.f.Y, 2))
    assert evaluate(problem.but(f=f, L=4 * problem.L), method) == (J, [*dtheta, dL / 4])


@each_for_least_squares
def test_many_layers_tend_to_the_implicit_gradient(method):  # N12
    rng = np.random.default_rng(3)
    for _ in range(4):
        D = rng.normal(size=(6, 4))
        f, theta = LeastSquares(D, 5 * rng.normal(size=(6, 1))), Theta(0.8, 0.6, 0.2, 0.7)
        L = f.lipschitz()
        X = forward(f, theta, L, 3000)[-1]
        Z = X - f.gradient(X) / L
        where = region(Z, theta).ravel()
        slope = np.array([0.6, 0.8, 0.0, 0.8, 0.6])[where + 2]
        own = np.array([naive.partials(z, theta)[:4] for z in Z.ravel().tolist()])
        own = np.column_stack([own, slope * f.gradient(X).ravel() / L**2])
        limit = np.linalg.solve(np.eye(4) - slope[:, None] * (np.eye(4) - D.T @ D / L), own)
        _, gradient = package_evaluates(f, theta, L, 3000, np.zeros((4, 1)), np.zeros((4, 1)), method)
        assert np.array(gradient) == pytest.approx(limit.T @ X.ravel(), rel=1e-10, abs=1e-10)


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


def test_rounding_is_bounded_by_the_scale():
    """|error| <= 10³(t+1)·2^-53·S wherever float64 finds the exact regions, which it nearly always does."""
    rng = np.random.default_rng(4)
    elsewhere = 0
    for _ in range(120):
        problem = random_problem(rng)
        theta, x0 = Theta(*problem.float_theta), floats(problem.x0)
        Z = preactivations(problem.term, theta, float(problem.L), problem.layers, x0)
        if [region(matrix, theta).ravel().tolist() for matrix in Z] != regions(problem):
            elsewhere += 1
            continue
        expected = naive.reverse_gradient(*problem.arguments)
        scale = naive.tensor_gradient(*problem.arguments, absolute=True)
        bound = Fraction(10**3 * (problem.layers + 1) * UNIT)
        for method in methods_for(problem.f):
            _, gradient = evaluate(problem, method)
            for value, right, S in zip(gradient, expected, scale, strict=True):
                assert abs(value - right) <= bound * S
    assert elsewhere <= 2


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


def all_regions(f, x, layers, x0):
    return [region(Z, x[:4]).tobytes() for Z in preactivations(f, Theta(*x[:4]), float(x[4]), layers, x0)]


def differences(f, x, layers, x0, target):
    """Central differences of the loss; None where an entry changes region within a step."""
    home, answer = all_regions(f, x, layers, x0), []
    for number in range(5):
        h = 2.0 ** round(np.log2(2.0**-20 * max(1.0, abs(x[number]))))
        sides = [x + sign * h * (np.arange(5) == number) for sign in (1, -1)]
        if any(all_regions(f, side, layers, x0) != home for side in sides):
            return None
        losses = [0.5 * np.sum((forward(f, y[:4], y[4], layers, x0)[-1] - target) ** 2) for y in sides]
        answer.append((losses[0] - losses[1]) / (2 * h))
    return np.array(answer)


def test_agrees_with_central_differences():
    rng = np.random.default_rng(5)
    gaps, redraws, draws = [], 0, 150
    while len(gaps) < draws * len(METHODS):
        f, x, layers, x0, target = float_network(rng)
        expected = differences(f, x, layers, x0, target)
        if expected is None:
            redraws += 1
            assert redraws <= 0.2 * draws
            continue
        for method in methods_for(f):
            J, gradient = package_evaluates(f, x[:4], x[4], layers, x0, target, method)
            gaps.append(np.max(np.abs(gradient - expected) / np.maximum(1, np.maximum(abs(J), np.abs(expected)))))
    assert max(gaps) <= 1e-7
    assert np.mean(np.array(gaps) <= 1e-9) >= 0.99


@examples(200)
@given(dyadic(0, 1).filter(bool), dyadic(-2, 2))
def test_zero_knot_follows_the_printed_row(w1, residual):
    """b1 = 0 and z = 0: the row b1 <= z < b2 gives ∂b1 = -w1, one-sided though it is."""
    theta = (w1, Fraction(1, 2), Fraction(0), Fraction(1))
    problem = Problem(naive.Fidelity([[Fraction(0)]]), theta, Fraction(1), 1, [[Fraction(0)]], [[-residual]])
    for method in methods_for(problem.f):
        assert evaluate(problem, method)[1][2] == -w1 * residual
