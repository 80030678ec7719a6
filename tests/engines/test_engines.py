"""Every engine, held to the same cases: rationals, and what must be invariant."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from methods import (
    GENERAL,
    LEAST_SQUARES_ONLY,
    OF_PIECES,
    each_for_fidelity,
    each_for_least_squares,
    each_method,
    evaluate,
    methods_for,
    package_evaluates,
    suited,
)
from strategies import Problem, dyadic, examples, floats, matrices, problems, times

from dsrl_ref import Fidelity, LeastSquares, Objective
from dsrl_ref.engines.table import ENGINES
from dsrl_ref.errors import DivergenceError


def tied(problem):
    """Whether some Z sits on a knot, where derivatives are one-sided."""
    _, Z = naive.forward(*problem.arguments[:5])
    return any(abs(z) in problem.theta[2:] for matrix in Z for line in matrix for z in line)


@each_method
@examples(60)
@given(problem=problems())
def test_equals_the_rationals(method, problem):
    problem = suited(problem, method)
    J, gradient = evaluate(problem, method)
    last = naive.forward(*problem.arguments[:5])[0][-1]
    assert naive.loss(problem.target, last) == J
    assert gradient == naive.tensor_gradient(*problem.arguments)


@examples(60)
@given(problems(layers=st.integers(1, 3)))
def test_three_schedules_are_one_in_rationals(problem):
    """Of the oracle: literal tensors, five sensitivities carried forward, and one pass backward."""
    expected = naive.tensor_gradient(*problem.arguments)
    assert naive.forward_gradient(*problem.arguments) == expected
    assert naive.reverse_gradient(*problem.arguments) == expected


@each_for_fidelity
@examples(30)
@given(problem=problems(kinds=("fidelity",)))
def test_sparse_equals_dense(method, problem):
    problem = suited(problem, method)
    assert evaluate(problem, method, sparse=True) == evaluate(problem, method)


@each_method
@examples(25)
@given(problem=problems(layers=st.just(0)))
def test_no_layer_has_no_gradient(method, problem):
    problem = suited(problem, method)
    assert evaluate(problem, method)[1] == [0] * 5


@each_method
@examples(25)
@given(problem=problems())
def test_a_target_that_is_met_has_no_gradient(method, problem):
    problem = suited(problem, method)
    met = problem.but(target=naive.forward(*problem.arguments[:5])[0][-1])
    assert evaluate(met, method) == (0, [0] * 5)


@each_method
@examples(25)
@given(problem=problems(), data=st.data())
def test_linear_in_the_residual(method, problem, data):
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
@examples(25)
@given(problem=problems(), data=st.data())
def test_order_of_rows_and_columns_does_not_matter(method, problem, data):
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
@examples(25)
@given(problem=problems())
def test_negated_data_have_the_same_loss(method, problem):
    problem = suited(problem, method)
    assert evaluate(with_data_times(problem, -1, 1), method)[0] == evaluate(problem, method)[0]


@each_method
@examples(20)
@given(problem=problems())
def test_negated_data_have_off_ties_the_same_gradient(method, problem):
    problem = suited(problem, method)
    assume(not tied(problem))
    assert evaluate(with_data_times(problem, -1, 1), method) == evaluate(problem, method)


@each_for_fidelity
def test_ties_are_not_odd(method):
    """The smallest case in which negated data have another gradient."""
    f, theta = naive.Fidelity([[Fraction(1)]]), tuple(map(Fraction, (1, 1, 1, 2)))
    problem = Problem(f, theta, Fraction(1), 1, [[Fraction(1)]], [[Fraction(-1)]])
    assert evaluate(problem, method)[1][2] == -1
    assert evaluate(with_data_times(problem, -1, 1), method)[1][2] == 0


@each_method
@examples(25)
@given(problem=problems(), c=st.sampled_from([Fraction(2), Fraction(1, 4)]))
def test_scales_with_the_data(method, problem, c):
    """W, x0, the target, b1 and b2 times c: J, dw1, dw2 and dL times c², db1 and db2 times c."""
    problem = suited(problem, method)
    J, (dw1, dw2, db1, db2, dL) = evaluate(problem, method)
    expected = [c * c * dw1, c * c * dw2, c * db1, c * db2, c * c * dL]
    assert evaluate(with_data_times(problem, c, c), method) == (c * c * J, expected)


@each_method
@pytest.mark.parametrize("per_layer", [False, True])
def test_gauss_newton_tells_the_same_loss_bit_for_bit_where_float64_rounds(method, per_layer):
    if per_layer and ENGINES[method].prepare_layers is None:
        pytest.skip("shares Θ among the layers")
    rng, theta = np.random.default_rng(7), (1.1, 0.6, 0.1, 0.4)
    for n, m in ((3, 2), (7, 5), (6, 11)):
        W, D, Y = rng.normal(size=(n, m)), rng.normal(size=(4, n)), rng.normal(size=(4, m))
        x0 = np.zeros((n, m)) if method in OF_PIECES else rng.normal(size=(n, m))
        f = LeastSquares(D, Y) if method in LEAST_SQUARES_ONLY or (method in GENERAL and m > 2) else Fidelity(W)
        J = Objective(f, rng.normal(size=(n, m)), layers=3, x0=x0, method=method, per_layer=per_layer)
        (loss, gradient), (again, tangents, _) = J(theta, 9.0), J.gauss_newton(theta, 9.0)
        assert again == loss
        assert np.array(tangents) == pytest.approx(np.array(gradient), rel=1e-9, abs=1e-9)


@each_method
@pytest.mark.parametrize("far", [1e300, 1.7e308])
@examples(20)
@given(problem=problems(), per_layer=st.booleans())
def test_a_knot_that_nothing_reaches_may_be_as_far_away_as_float64_goes(method, far, problem, per_layer):
    """Who wants no outer piece takes such a b2: nothing of it may be infinity, nor infinity times 0."""
    problem = suited(problem, method)
    w1, w2, b1, _ = problem.float_theta

    def answer(b2):
        f, x0, target = problem.term, floats(problem.x0), floats(problem.target)
        J = Objective(f, target, layers=max(1, problem.layers), x0=x0, method=method, per_layer=per_layer)
        theta, L = (1 + w1, w2, b1, b2), float(problem.L)
        loss, gradient, matrix = J.gauss_newton(theta, L)
        return [*J(theta, L), loss, *gradient, *matrix, J.ties(theta, L)]

    for near, found in zip(answer(2.0**40), answer(far), strict=True):
        assert np.array_equal(near, found)


@each_method
@pytest.mark.parametrize("per_layer", [False, True])
def test_where_all_X_are_finite_and_derivatives_overflow_no_layer_is_blamed(method, per_layer):
    """X_(3) is 1e300, its square and the derivatives are more than float64 holds: neither f nor a layer is at fault."""
    f = LeastSquares([[1.0]], [[1.0]]) if method in LEAST_SQUARES_ONLY else Fidelity([[1.0]])
    J = Objective(f, [[0.0]], layers=3, x0=[[0.0]], method=method, per_layer=per_layer)
    for call in (J, J.gauss_newton):
        with pytest.raises(DivergenceError, match=r"the loss \(inf\) or its gradient overflows float64 after 3 layers"):
            call((1, 1, 0, 0), 1e-100)
    with pytest.raises(DivergenceError, match=r"[XZ]_\(4\) is not finite in layer 4 \(1 entries\)"):
        Objective(f, [[0.0]], layers=5, x0=[[0.0]], method=method, per_layer=per_layer)((1, 1, 0, 0), 1e-100)


def arrays(f):
    return [value for value in vars(f).values() if isinstance(value, np.ndarray)]


@each_method
@examples(30)
@given(problem=problems())
def test_calls_repeat_bit_for_bit_and_leave_the_input_alone(method, problem):
    problem = suited(problem, method)
    f, x0, target = problem.term, floats(problem.x0), floats(problem.target)
    kept = [array.tobytes() for array in (x0, target, *arrays(f))]
    arguments = (f, problem.float_theta, float(problem.L), problem.layers, x0, target, method)
    assert package_evaluates(*arguments) == package_evaluates(*arguments)
    assert [array.tobytes() for array in (x0, target, *arrays(f))] == kept


@each_for_least_squares
@examples(25)
@given(problem=problems(kinds=("least squares",)))
def test_columns_add_up(method, problem):
    """J and its gradient are the sums of those of the columns."""
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
@examples(25)
@given(problem=problems(kinds=("least squares",)))
def test_scaling_f_and_L_together_changes_only_dL(method, problem):
    """D and Y times 2 make f and L four times as large, and dL a quarter."""
    J, (*dtheta, dL) = evaluate(problem, method)
    f = naive.LeastSquares(times(problem.f.D, 2), times(problem.f.Y, 2))
    assert evaluate(problem.but(f=f, L=4 * problem.L), method) == (J, [*dtheta, dL / 4])


@examples(30)
@given(dyadic(0, 1).filter(bool), dyadic(-2, 2))
def test_zero_knot_follows_the_printed_row(w1, residual):
    """b1 = 0 and z = 0: the row b1 <= z < b2 gives ∂b1 = -w1, one-sided though it is."""
    theta = (w1, Fraction(1, 2), Fraction(0), Fraction(1))
    problem = Problem(naive.Fidelity([[Fraction(0)]]), theta, Fraction(1), 1, [[Fraction(0)]], [[-residual]])
    for method in methods_for(problem.f):
        assert evaluate(problem, method)[1][2] == -w1 * residual
