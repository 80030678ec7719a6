"""`solve`: where it ends no condition of a minimum is broken, and other people's solvers agree."""

import importlib
import os

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Theta, prox, regularizer, regularizer_gradient, solve, solve_path



CONVEX, FIRM = Theta(0.8, 0.6, 0.2, 0.7), Theta.firm(0.2, 1.5)


def least_squares(k=20, n=35, m=12, seed=0):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(k, n)) / np.sqrt(k)
    X = 2 * rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.15)
    return LeastSquares(D, D @ X + 0.01 * rng.normal(size=(k, m)))


@pytest.fixture(params=["only"])
def way(request, monkeypatch):
    """Both ways to a convex minimum, however small the problem."""
    if request.param == "coordinates":
        monkeypatch.setattr(importlib.import_module("dsrl_ref.solver.solve"), "WORTH_COMPILING", 0)
    return request.param


def violation(f, theta, weight, x):
    """How far 0 is from ∇f + weight·∂g, entry by entry."""
    slope = f.gradient(x)
    off = np.abs(slope + weight * regularizer_gradient(x, theta))
    return np.where(x == 0, np.maximum(0, np.abs(slope) - weight * Theta(*theta).b1), off).max()


thetas = st.builds(
    lambda w1, w2, b1, rise: (w1, w2, b1, b1 + rise),
    st.floats(0.1, 3),
    st.floats(0.1, 1),
    st.floats(0, 2),
    st.floats(0, 2),
)


@given(thetas, st.floats(0.1, 5), st.floats(0.01, 10), st.lists(st.floats(-9, 9), min_size=1))
def test_the_prox_in_two_passes_is_that_of_the_appendix(theta, weight, L, values):
    ours = Prox(Theta(*theta), weight, L)
    assert ours.L >= L
    assert ours(np.array(values)) == pytest.approx(prox(values, theta, weight / ours.L), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("theta", [Theta.soft(0.3), CONVEX, FIRM, Theta(2.5, 1, 0.7, 1.0)])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 1.5])
def test_no_condition_of_a_minimum_is_broken(way, theta, weight):
    f = least_squares()
    found = solve(f, theta, weight, tol=1e-10)
    assert found.converged
    assert found.residual <= 1e-10
    assert violation(f, theta, weight, found.x) < 1e-7
    assert found.objective == pytest.approx(f.value(found.x) + weight * regularizer(found.x, theta).sum(), rel=1e-14)


@pytest.mark.parametrize("theta", [Theta.soft(0.3), CONVEX])
def test_nothing_near_or_far_is_lower_where_g_is_convex(way, theta):
    f, rng = least_squares(), np.random.default_rng(1)
    found = solve(f, theta, 0.5, tol=1e-10)
    for size in (1e-4, 1e-2, 1):
        for _ in range(50):
            x = found.x + size * rng.normal(size=found.x.shape) * (rng.random(found.x.shape) < 0.2)
            assert f.value(x) + 0.5 * regularizer(x, theta).sum() >= found.objective


@pytest.mark.parametrize("theta", [Theta.soft(0.5), CONVEX, Theta(1.5, 0.5, 0.5, 1)])
@pytest.mark.parametrize("weight", [0.5, 2.0, 4.0])
def test_fidelity_is_solved_in_each_entry(theta, weight):
    W = np.linspace(-4, 4, 41).reshape(1, -1)
    x = np.linspace(-5, 5, 10_001)
    found = solve(Fidelity(W), theta, weight)
    for w, ours in zip(W[0], found.x[0], strict=True):
        costs = 0.5 * (x - w) ** 2 + weight * regularizer(x, theta)
        cost = 0.5 * (ours - w) ** 2 + weight * regularizer(ours, theta)
        if weight * (1 - 1 / theta.w1) < 1:  # else the cost has more than one minimum
            assert cost <= costs.min() + 1e-12
    assert violation(Fidelity(W), theta, weight, found.x) < 1e-6
    assert found.converged


def test_sparse_and_dense_are_one():
    W = sp.random(30, 20, 0.2, format="csr", random_state=0) * 3
    sparse, dense = (solve(Fidelity(kind), CONVEX) for kind in (W, W.toarray()))
    assert sp.issparse(sparse.x)
    assert np.array_equal(sparse.x.toarray(), dense.x)
    assert sparse.objective == pytest.approx(dense.objective)
    beyond = [solve(Fidelity(kind), (1.5, 0.5, 0.5, 1), 4.0).x for kind in (W, W.toarray())]
    assert np.array_equal(*beyond)
    D = sp.random(20, 30, 0.3, format="csr", random_state=1)
    Y = np.random.default_rng(0).normal(size=(20, 4))
    ours, theirs = (solve(LeastSquares(kind, Y), Theta.soft(0.1), tol=1e-11).x for kind in (D, D.toarray()))
    assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("shape", [{}, {"n": 50}, {"k": 10, "n": 20, "m": 1}])
def test_columns_are_independent(way, monkeypatch, shape):
    from dsrl_ref.solver import columns

    f = least_squares(**shape)
    whole = solve(f, CONVEX, tol=1e-11).x
    monkeypatch.setattr(columns, "ENTRIES", 3 * f.shape[0])
    assert solve(f, CONVEX, tol=1e-11).x == pytest.approx(whole, abs=1e-9)
    alone = solve(LeastSquares(f.D, f.Y[:, :1]), CONVEX, tol=1e-11).x
    assert alone == pytest.approx(whole[:, :1], abs=1e-9)


@pytest.mark.parametrize("theta", [Theta.soft(0.3), CONVEX, Theta(0.5, 1.0, 0.0, 0.4)])
def test_coordinates_end_where_columns_do(monkeypatch, theta):
    f = least_squares(m=40)
    f.D[:, 3] = 0  # an entry that f does not see
    start = np.random.default_rng(2).normal(size=f.shape)
    expected = solve(f, theta, 0.4, tol=1e-11).x
    monkeypatch.setattr(importlib.import_module("dsrl_ref.solver.solve"), "WORTH_COMPILING", 0)
    for x0 in (None, start, expected):
        assert solve(f, theta, 0.4, x0=x0, tol=1e-11).x == pytest.approx(expected, abs=1e-8)
    monkeypatch.setattr(coordinates, "WORK_PER_CALL", 1)  # one sweep a call
    in_small_calls = solve(f, theta, 0.4, tol=1e-11)
    assert in_small_calls.x == pytest.approx(expected, abs=1e-8)
    assert in_small_calls.iterations > 1
    assert np.array_equal(start, np.random.default_rng(2).normal(size=f.shape))


def test_a_singular_system_is_left_to_the_iteration(monkeypatch):
    def fail(*_):
        raise np.linalg.LinAlgError

    f = least_squares()
    expected = solve(f, CONVEX, tol=1e-10)
    monkeypatch.setattr(np.linalg, "solve", fail)
    alone = solve(f, CONVEX, tol=1e-10)
    assert alone.x == pytest.approx(expected.x, abs=1e-8)
    assert alone.iterations > expected.iterations


def test_the_number_of_threads_leaves_no_trace(way, monkeypatch):
    module, f = importlib.import_module("dsrl_ref.solver.solve"), least_squares(m=100)
    solutions = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(module, "processors", lambda threads=threads: threads)
        solutions.append(solve(f, CONVEX).x)
    assert np.array_equal(solutions[0], solutions[1])
    assert np.array_equal(solutions[0], solutions[2])


def test_any_smooth_term_will_do_though_its_constant_is_unknown():
    f = FloatQuartic(np.array([[2.0, 0.5], [0.5, 1.0]]))
    start = np.array([[0.75, 0.125], [0.25, -0.5]])
    found = solve(f, Theta.soft(0.1), x0=start, tol=1e-10)
    assert found.converged
    assert violation(f, Theta.soft(0.1), 1.0, found.x) < 1e-8
    assert found.objective < f.value(start) + regularizer(start, Theta.soft(0.1)).sum()


def test_a_term_of_ones_own_finds_what_least_squares_finds():
    class Own:
        def __init__(self, f):
            self.shape, self.value, self.gradient, self.start = f.shape, f.value, f.gradient, f.start

        def lipschitz(self):
            return np.inf

    f = least_squares()
    assert solve(Own(f), CONVEX, tol=1e-11).x == pytest.approx(solve(f, CONVEX, tol=1e-11).x, abs=1e-8)


def test_a_value_that_is_no_number_ends_the_search_for_a_step():
    class Wrong(LeastSquares):
        def value(self, X):
            return np.nan

    f = least_squares()
    with pytest.raises(ValueError, match=r"f is not below its quadratic model for any L up to .*e\+150: are its value"):
        solve(Wrong(f.D, f.Y), CONVEX)


def test_a_path_is_its_solutions(way):
    f, weights = least_squares(), [1.0, 0.5, 0.1]
    for one, weight in zip(solve_path(f, CONVEX, weights, tol=1e-11), weights, strict=True):
        alone = solve(f, CONVEX, weight, tol=1e-11)
        assert one.x == pytest.approx(alone.x, abs=1e-8)
    path = solve_path(f, Theta.soft(0.1), np.linspace(1, 0.8, 8))
    assert path[-1].iterations < solve(f, Theta.soft(0.1), 0.8).iterations


def test_it_says_how_it_ended(way):
    f = least_squares()
    assert solve(f, CONVEX).message == "converged: the minimum"
    assert "a stationary point; g is not convex, as w1 > 1" in solve(f, FIRM).message
    early = solve(f, CONVEX, max_iter=3)
    assert not early.converged
    assert early.iterations == 3
    assert "after 3 iterations, tol is 1e-08: raise max_iter or tol, or start from this x" in early.message
    assert solve(f, CONVEX, x0=early.x).converged
    assert not solve(FloatQuartic(np.eye(2)), CONVEX, x0=np.ones((2, 2)), max_iter=1).converged


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_what_f_does_not_see_is_0_at_once_however_small_the_weight(way, kind):
    f = LeastSquares(kind([[1e3, 0.0], [0.0, 0.0]]), [[1.0], [1.0]])
    found = solve(f, CONVEX, 1e-9, x0=[[0.0], [5.0]], max_iter=50)
    assert found.converged
    assert found.x[1] == 0


def test_where_nothing_is_least_it_says_why():
    """f does not see the second entry, and g falls for ever: w2 = 1 with b1 below (7)."""
    found = solve(LeastSquares([[1.0, 0.0]], [[1.0]]), (1.5, 1, 0, 1), x0=[[1.0], [1.0]], max_iter=100)
    assert not found.converged
    assert "lower w2: as (7) is broken and w2 = 1, g is unbounded below" in found.message


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (LeastSquares([[1e200, 1.0]], [[0.0]]), "the curvature of f overflows float64: scale the data down"),
        (LeastSquares(sp.csr_array([[1e200, 1.0]]), [[0.0]]), "the curvature of f overflows float64"),
        (LeastSquares([[1e100]], [[1e250]]), r"the square of ∇f\(0\) overflows float64: scale the data down"),
        (Fidelity([[1e200]]), r"the square of ∇f\(0\) overflows float64"),
        (Fidelity(sp.csr_array([[1e200]])), r"the square of ∇f\(0\) overflows float64"),
    ],
)
@pytest.mark.parametrize("theta", [CONVEX, (1.5, 0.5, 0.5, 1)])
def test_what_overflows_is_refused(f, theta, message):
    with pytest.raises(ValueError, match=message):
        solve(f, theta, 5.0)


@pytest.mark.parametrize(
    ("theta", "options", "error", "message"),
    [
        ((1, 1.5, 1, 1), {}, ValueError, "w2 = 1.5 exceeds 1: g is unbounded below"),
        ((1, 0, 1, 1), {}, ValueError, "w2 must be positive"),
        (CONVEX, {"weight": -1}, ValueError, "weight must not be negative, got -1"),
        (CONVEX, {"weight": np.nan}, ValueError, "weight contains NaN"),
        (CONVEX, {"tol": 0}, ValueError, "tol must be positive, got 0"),
        (CONVEX, {"max_iter": 0}, ValueError, "max_iter must be at least 1, got 0"),
        (CONVEX, {"max_iter": 2.5}, TypeError, "max_iter must be an integer"),
        (CONVEX, {"x0": np.zeros((3, 3))}, ValueError, r"x0 has shape \(3, 3\)"),
    ],
)
def test_bad_arguments_are_refused(theta, options, error, message):
    with pytest.raises(error, match=message):
        solve(least_squares(), theta, **options)


@pytest.mark.peer
def test_agrees_with_the_lasso_of_scikit_learn(way):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="the extra dev brings scikit-learn")
    f, weight = least_squares(), 0.1
    ours = solve(f, Theta.soft(1.0), weight, tol=1e-12).x
    peer = linear_model.Lasso(alpha=weight / len(f.D), fit_intercept=False, tol=1e-13, max_iter=100_000)
    assert ours == pytest.approx(peer.fit(f.D, f.Y).coef_.T, abs=1e-6)


@pytest.mark.peer
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="skglm's own kernels must be compiled")
def test_agrees_with_the_mcp_of_skglm():
    """MCP(α, γ) is α|x| - x²/2γ up to γα: g of firm thresholding at α and γα."""
    skglm = pytest.importorskip("skglm", reason="the extra dev brings skglm")
    f = least_squares(m=1)
    alpha, gamma, k = 0.05, 3.0, len(f.D)
    # skglm minimises ‖y - Dw‖²/2k + MCP(w): k times that is f + k·MCP
    ours = solve(f, Theta.firm(alpha, gamma * alpha), k, tol=1e-12)
    peer = skglm.estimators.MCPRegression(alpha=alpha, gamma=gamma, fit_intercept=False, tol=1e-12, max_iter=1000)
    theirs = peer.fit(f.D, f.Y[:, 0]).coef_[:, None]
    again = solve(f, Theta.firm(alpha, gamma * alpha), k, x0=theirs, tol=1e-10)
    assert again.x == pytest.approx(theirs, abs=1e-6)  # theirs is stationary for us
    assert ours.objective <= again.objective * (1 + 0.2)
