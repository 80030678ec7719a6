"""`fit` by Gauss-Newton: at the minimum within (7), from starts that reach the data, in few evaluations."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from strategies import FloatQuartic, examples

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, fit, forward
from dsrl_ref.errors import DivergenceWarning, StartWarning
from dsrl_ref.training import gauss_newton


def recovery(n=40, m=25, signals=60, layers=6, seed=0):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(m, n)) / np.sqrt(m)
    X = rng.normal(size=(n, signals)) * (rng.random((n, signals)) < 0.1)
    return Objective(LeastSquares(D, D @ X + 0.01 * rng.normal(size=(m, signals))), X, layers=layers)


@pytest.fixture(scope="module")
def learned():
    return fit(recovery())


def test_converges_inside_condition_7(learned):
    assert learned.converged
    assert learned.message.startswith("converged")
    assert learned.theta.violations() == ()
    assert learned.loss == recovery()(learned.theta, learned.L)[0] == min([*learned.history["loss"], learned.loss])


def test_no_other_optimiser_goes_lower(learned):
    bounds = [(1e-4, 5), (1e-4, 1), (0, 2), (0, 4), (0.1, 20)]
    rules = {"type": "ineq", "fun": lambda x: [x[3] - x[2], x[2] - (1 - 1 / x[0]) * x[3]]}
    J = recovery()

    def flat(x):
        inside = np.append(Theta.projected(x[:4]), x[4])
        return J.flat(inside)

    start = [*learned.theta, learned.L]
    for nudge in (1, 0.9, 1.1):
        found = minimize(flat, nudge * np.array(start), jac=True, bounds=bounds, constraints=rules, method="SLSQP")
        assert found.fun >= learned.loss * (1 - 1e-4)  # J has a kink wherever an entry crosses a knot


def test_takes_fifty_times_fewer_evaluations_than_adam(learned):
    from dsrl_ref.training.authors import Adam

    J, adam, values = recovery(), Adam(), gauss_newton.starts(recovery())[0]
    for _ in range(50 * len(learned.history["loss"])):
        loss, gradient = J(Theta.projected(values[:4]), values[4])
        if loss <= learned.loss * (1 + 1e-6):
            pytest.fail("Adam was as good")
        values = gauss_newton.feasible(values - 0.01 * adam.direction(np.array(gradient)))


def test_learns_what_made_the_data():
    W = np.random.default_rng(1).normal(size=(20, 30))
    made = Theta(1.5, 0.5, 0.4, 0.9)
    target = forward(Fidelity(W), made, 1.2, 3)[-1]
    found = fit(Objective(Fidelity(W), target, layers=3), epochs=300)
    assert found.loss < 1e-24
    x = np.linspace(-3, 3, 50).reshape(1, -1)
    ours, theirs = (forward(Fidelity(x), theta, L, 3)[-1] for theta, L in ((found.theta, found.L), (made, 1.2)))
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_with_target_W_it_finds_the_identity_and_says_so():
    found = fit(Objective(Fidelity(np.random.default_rng(2).random((8, 9))), layers=4))
    assert found.loss < 1e-20
    assert "with target = W the optimum is the identity, so expect no sparsity" in found.message


def test_sparse_and_dense_learn_the_same():
    rng = np.random.default_rng(3)
    W = rng.normal(size=(30, 30)) * (rng.random((30, 30)) < 0.3)
    target = forward(Fidelity(W), (1.5, 0.5, 0.4, 0.9), 1.2, 2)[-1] + 0.1 * rng.normal(size=W.shape) * (W != 0)
    dense, sparse = (fit(Objective(Fidelity(kind(W)), kind(target), layers=2)) for kind in (np.asarray, sp.csr_array))
    assert [*dense.theta, dense.L] == pytest.approx([*sparse.theta, sparse.L], rel=1e-6)


def test_any_smooth_term_will_do():
    f, x0 = FloatQuartic(np.array([[1.0, 0.25], [0.25, 0.5]])), np.array([[0.75, 0.125], [0.25, -0.5]])
    J = Objective(f, np.array([[0.5, 0.0], [0.25, -0.5]]), layers=3, x0=x0)
    found = fit(J, theta=(1, 0.9, 0.05, 0.3), L=4.0)
    assert found.loss < J((1, 0.9, 0.05, 0.3), 4.0)[0]


def test_goes_on_from_where_it_is_told():
    J = recovery()
    first = fit(J, epochs=10)
    second = fit(J, theta=first.theta, L=first.L)
    assert second.history["theta"][0].tolist() == list(first.theta)
    assert second.history["L"][0] == first.L
    assert not first.converged
    assert "not converged after 10 epochs" in first.message
    assert second.loss <= first.loss


def test_the_callback_sees_every_step_and_can_stop():
    seen = []
    found = fit(recovery(), callback=lambda epoch, loss, theta, L: seen.append(loss) or epoch == 4)
    assert found.history["loss"].tolist() == seen
    assert found.message == "stopped by the callback in epoch 4"


def test_ctrl_c_returns_the_best_so_far():
    def interrupt(epoch, *_):
        if epoch == 12:
            raise KeyboardInterrupt

    found = fit(recovery(), callback=interrupt)
    assert found.message == "interrupted in epoch 13; this is the best so far"
    assert found.loss == found.history["loss"].min()


def test_a_start_beyond_the_data_is_warned_of():
    with pytest.warns(StartWarning, match=r"the gradient is zero at the start, Theta\(w1=1.0, w2=1.0, b1=9.0"):
        fit(Objective(Fidelity([[1.0, 0.5]]), layers=2), theta=(1, 1, 9, 9), epochs=1)


def test_a_start_with_ties_is_warned_of():
    with pytest.warns(StartWarning, match="1 entries of Z sit on a knot at the start"):
        fit(Objective(Fidelity([[1.0, 0.5]]), layers=1), theta=(1, 1, 0.5, 0.75), L=1, epochs=1)


def test_a_start_whose_step_overshoots_is_warned_of():
    J = Objective(Fidelity([[1.0, 0.4]]), [[0.5, 0.1]], layers=3)
    with pytest.warns(DivergenceWarning, match=r"L = 0.45 is below 0.5 at the start: the step 1/L overshoots"):
        fit(J, theta=(1, 1, 0.15, 0.75), L=0.45, epochs=1)
    fit(J, theta=(1, 1, 0.15, 0.75), L=0.51, epochs=1)  # warnings are errors here


@examples(300)
@given(st.integers(0, 2**32 - 1))
def test_the_constrained_minimum_is_one(seed):
    rng = np.random.default_rng(seed)
    root, gradient = rng.normal(size=(5, 5)), 3 * rng.normal(size=5)
    matrix = root @ root.T + 0.1 * np.eye(5)
    values = gauss_newton.feasible(2 * rng.normal(size=5))
    rows, slack = gauss_newton.constraints(values)
    step = gauss_newton.constrained_minimum(matrix, gradient, rows, slack)
    assert (rows @ step + slack >= -1e-9).all()
    model = lambda d: 0.5 * d @ matrix @ d + gradient @ d  # noqa: E731
    for other in rng.normal(size=(50, 5)) * rng.choice([1e-3, 0.1, 1], size=(50, 1)):
        candidate = step + other
        if (rows @ candidate + slack >= 0).all():
            assert model(candidate) >= model(step) - 1e-9


@given(st.integers(0, 2**32 - 1))
def test_the_tangent_of_the_curved_bound_is_never_below_it(seed):
    rng = np.random.default_rng(seed)
    values = gauss_newton.feasible(3 * rng.normal(size=5))
    rows, slack = gauss_newton.constraints(values)
    assert (slack >= 0).all()
    for w1 in (*rng.uniform(1e-4, 10, 20), max(values[0], 1.0)):
        moved = values + [w1 - values[0], 0, 0, 0, 0]  # noqa: RUF005  # a sum
        curved = moved[2] - (1 - 1 / w1) * moved[3]
        tangent = rows[5] @ (moved - values) + slack[5]
        assert tangent <= curved + 1e-9 * (1 + abs(curved))
    assert tangent == pytest.approx(curved, abs=1e-9)  # where it touches


def test_a_smooth_term_without_a_constant_needs_a_start():
    J = Objective(FloatQuartic(np.eye(2)), np.ones((2, 2)), layers=1)
    with pytest.raises(ValueError, match=r"f.lipschitz\(\) is inf, no step constant to start from"):
        fit(J)
