"""`solve`: where it ends no condition of a minimum is broken, in any unit, and other people's solvers agree."""

import itertools
import os
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from solver_oracles import lasso_gap, least, objective, stationary_points, violation
from strategies import examples

from dsrl_ref import Fidelity, LeastSquares, Status, Theta, regularizer, regularizer_gradient, solve, solve_path

CONVEX, FIRM = Theta(0.8, 0.6, 0.2, 0.7), Theta.firm(0.2, 1.5)
THETAS = [Theta.soft(0.3), CONVEX, FIRM, Theta(2.5, 1, 0.7, 1.0), Theta(0.5, 1.0, 0.0, 0.4), Theta(1.0, 0.5, 0.0, 0.3)]
seeds = st.integers(0, 10**6)


def least_squares(k=20, n=35, m=12, seed=0):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(k, n)) / np.sqrt(k)
    X = 2 * rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.15)
    return LeastSquares(D, D @ X + 0.01 * rng.normal(size=(k, m)))


def broken(f, theta, weight, x):
    """How far 0 is from ∇f + weight·∂g, entry by entry."""
    slope = f.gradient(x)
    off = np.abs(slope + weight * regularizer_gradient(x, theta))
    return np.where(x == 0, np.maximum(0, np.abs(slope) - weight * Theta(*theta).b1), off).max()


def exact_violation(D, y, theta, weight, x):
    """The largest distance from the slopes of weight·g as a part of weight·b1, in rationals."""
    D, y, x = [list(map(Fraction, row)) for row in D.tolist()], *(list(map(Fraction, each.tolist())) for each in (y, x))
    (w1, w2, b1, b2), weight = map(Fraction, theta), Fraction(weight)
    joint, worst = w1 * (b2 - b1), Fraction(0)
    u = [e - sum(d * z for d, z in zip(row, x, strict=True)) for row, e in zip(D, y, strict=True)]
    for j, entry in enumerate(x):
        v, size = sum(row[j] * e for row, e in zip(D, u, strict=True)), abs(entry)
        slope = b1 + (1 / w1 - 1) * size if size < joint else b2 - joint / w2 + (1 / w2 - 1) * size
        off = max(abs(v) - weight * b1, 0) if entry == 0 else abs(v - weight * (slope if entry > 0 else -slope))
        worst = max(worst, off / (weight * b1))
    return worst


def small(seed, k=5, n=3, m=1):
    """A problem for brute force."""
    rng = np.random.default_rng(seed)
    return LeastSquares(rng.normal(size=(k, n)), 2 * rng.normal(size=(k, m)))


@pytest.mark.parametrize("theta", [Theta.soft(0.3), CONVEX, FIRM, Theta(2.5, 1, 0.7, 1.0)])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 1.5])
def test_no_condition_of_a_minimum_is_broken(theta, weight):
    f = least_squares()
    found = solve(f, theta, weight, tol=1e-10)
    assert found.converged
    assert found.residual <= 1e-10
    assert broken(f, theta, weight, found.x) < 1e-7
    assert found.objective == pytest.approx(f.value(found.x) + weight * regularizer(found.x, theta).sum(), rel=1e-14)


@pytest.mark.parametrize("theta", [Theta.soft(0.3), CONVEX])
def test_nothing_near_or_far_is_lower_where_g_is_convex(theta):
    f, rng = least_squares(), np.random.default_rng(1)
    found = solve(f, theta, 0.5, tol=1e-10)
    for size in (1e-4, 1e-2, 1):
        for _ in range(50):
            x = found.x + size * rng.normal(size=found.x.shape) * (rng.random(found.x.shape) < 0.2)
            assert f.value(x) + 0.5 * regularizer(x, theta).sum() >= found.objective


@examples(100)
@given(seeds, st.sampled_from(THETAS), st.floats(0.05, 2))
def test_brute_force_finds_nothing_lower_where_g_is_convex_and_the_same_points_where_not(seed, theta, weight):
    f = small(seed)
    found = solve(f, theta, weight)
    D, y, x = f.D, f.Y[:, 0], found.x[:, 0]
    if found.status is Status.CONVERGED:
        assert objective(D, y, theta, weight, x) <= least(D, y, theta, weight) * (1 + 1e-8) + 1e-14
    else:
        assert found.status is Status.STATIONARY
        assert min(np.abs(x - each).max() for each in stationary_points(D, y, theta, weight)) < 1e-5


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e-9, 1e-10, 1e-150, 1e6, 1e100])
def test_small_units_do_not_pass_for_small_residuals(scale):
    """At 1e-8, 1e-9 and 1e-10 a residual with a floor of 1 was 2, 19 and 46 % above the minimum."""
    rng = np.random.default_rng(0)
    D, Y = rng.normal(size=(30, 60)), rng.normal(size=(30, 4))
    found = solve(LeastSquares(D, Y * scale), Theta.soft(1.0), 0.5 * scale)
    assert found.status is Status.CONVERGED
    assert np.count_nonzero(found.x) == 108
    for k in range(4):
        assert lasso_gap(D, Y[:, k], 0.5, found.x[:, k] / scale) < 1e-8


def test_a_column_of_ones_beside_large_columns():
    rng = np.random.default_rng(1)
    D = np.column_stack([np.ones(50), rng.normal(size=(50, 5)) * 1e3 + 1e4])
    y = D @ [1.0, 2, 0, 0, 3, 0] + rng.normal(size=50)
    found = solve(LeastSquares(D, y[:, None]), Theta.soft(1.0), 10.0)
    assert found.status is Status.CONVERGED
    assert lasso_gap(D, y, 10.0, found.x[:, 0]) < 1e-8
    assert found.objective == pytest.approx(70.16, abs=0.01)


@pytest.mark.parametrize("theta", THETAS[:4])
@pytest.mark.parametrize("scale", [1e7, 1e8, 1e-9, 3.0])
def test_scaling_one_column_leaves_the_others_as_they_are(theta, scale):
    rng = np.random.default_rng(0)
    D, Z = rng.normal(size=(30, 60)), rng.normal(size=(30, 3))
    expected = solve(LeastSquares(D, Z), theta, 0.5).x
    scaled = solve(LeastSquares(D, Z * [1.0, scale, 1.0]), theta, 0.5).x
    assert np.array_equal(scaled[:, [0, 2]], expected[:, [0, 2]])


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("smooth", [LeastSquares, lambda D, Y: Fidelity(Y)])
@pytest.mark.parametrize(("theta", "weight"), [*((theta, 0.5) for theta in THETAS), (FIRM, 2.0), (FIRM, 0.0)])
def test_a_column_leaves_no_trace_in_the_others(kind, smooth, theta, weight):
    """Whatever it becomes: harder, zero, sparser or unlike any; the iterations that it takes are its own too."""
    rng = np.random.default_rng(0)
    D, Y = kind(rng.normal(size=(20, 40))), rng.normal(size=(20, 3)) * (rng.random((20, 3)) < 0.7)
    expected = solve(smooth(D, kind(Y)), theta, weight, max_iter=60)
    for new in (1e3 * Y[:, 0], 1e-9 * Y[:, 1], np.zeros(20), np.eye(20)[3], rng.normal(size=20)):
        Y[:, 0] = new
        found = solve(smooth(D, kind(Y)), theta, weight, max_iter=60)
        for name in ("column_status", "residuals", "column_iterations"):
            assert np.array_equal(getattr(found, name)[1:], getattr(expected, name)[1:])
        before, after = (each.x.toarray() if sp.issparse(each.x) else each.x for each in (expected, found))
        assert np.array_equal(before[:, 1:], after[:, 1:])


def test_iterations_of_the_lasso_before_count_for_the_column_that_took_them():
    rng = np.random.default_rng(0)
    D, Y = rng.normal(size=(20, 40)), rng.normal(size=(20, 3)) * [1e3, 1.0, 1.0]
    found = solve(LeastSquares(D, Y), Theta.firm(1.0, 3.0), 2.0, max_iter=60)
    assert found.column_status.tolist() == [Status.MAX_ITER, Status.STATIONARY, Status.STATIONARY]
    assert found.column_iterations.max() == 60


def test_rounding_beside_a_small_slope_is_no_stationary_point():
    """In rationals: what is called stationary is so, though weight·b1 is 1e-4 to 1e-14 of what DᵀY is."""
    rng, ends = np.random.default_rng(0), Counter()
    for trial in range(99):
        size = 10.0 ** -(4 + trial % 11)
        D = rng.normal(size=(int(rng.integers(1, 5)), int(rng.integers(1, 4))))
        y = rng.normal(size=(len(D), 1))
        theta = Theta.firm(1.0, float(rng.choice([rng.uniform(1.5, 1e3), 1e12])))
        weight = size * float(np.abs(D.T @ y).max())
        found = solve(LeastSquares(D, y), theta, weight)
        ends[found.status, size > 3e-6] += 1
        if found.status is Status.STATIONARY:
            assert exact_violation(D, y[:, 0], theta, weight, found.x[:, 0]) <= 1e-8 * (1 + 1e-6)
    assert ends[Status.STATIONARY, True] == 18  # 1e-4 and 1e-5, where rounding hides nothing


def test_a_row_of_great_weight_hides_no_other():
    """b1 = 0, so that 0 is where g is least; y is all in the row that hardly weighs."""
    f = LeastSquares([[1e9, 1e9], [0.0, 1.0]], [[0.0], [1.0]])
    found = solve(f, Theta(1.5, 0.5, 0.0, 1.0), 1e-12)
    assert not (found.converged and found.objective > 1e-3)
    assert found.x.any()


@pytest.mark.parametrize(("theta", "weight"), [(Theta.firm(0.5, 1.0), 0.0), (CONVEX, 0.0), (FIRM, 1.0)])
def test_a_start_where_f_overflows_is_refused(theta, weight):
    with pytest.raises(ValueError, match=r"f.value\(X\) is inf at x0: give an x0 where f is finite"):
        solve(LeastSquares([[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0]]), theta, weight, x0=[[1e300], [1e300]])


@examples(40)
@given(seeds, st.integers(-100, 100), st.integers(-100, 100), st.sampled_from(THETAS))
def test_by_powers_of_two_units_leave_the_same_bits(seed, d, y, theta):
    f, of_d, of_y = small(seed, n=8, m=2), 2.0**d, 2.0**y
    expected = solve(f, Theta.soft(0.3), 0.5)
    in_d = solve(LeastSquares(f.D * of_d, f.Y), Theta.soft(0.3), 0.5 * of_d)
    assert np.array_equal(in_d.x * of_d, expected.x)
    in_y = solve(LeastSquares(f.D, f.Y * of_y), Theta.soft(0.3), 0.5 * of_y)
    assert np.array_equal(in_y.x, expected.x * of_y)
    w1, w2, b1, b2 = theta
    any_g = solve(LeastSquares(f.D, f.Y * of_y), (w1, w2, b1 * of_y, b2 * of_y), 0.5)
    expected = solve(f, theta, 0.5)
    assert np.array_equal(any_g.x, expected.x * of_y)
    assert np.array_equal(any_g.residuals, expected.residuals)


@examples(40)
@given(seeds, st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([each for each in THETAS if each.w1 <= 1]))
def test_by_powers_of_ten_units_leave_the_objective(seed, d, y, theta):
    f, of_d, of_y = small(seed, n=8, m=2), 10.0**d, 10.0**y
    expected = solve(f, Theta.soft(0.3), 0.5, tol=1e-10).objective
    in_d = solve(LeastSquares(f.D * of_d, f.Y), Theta.soft(0.3), 0.5 * of_d, tol=1e-10)
    assert in_d.objective == pytest.approx(expected, rel=1e-9)
    in_y = solve(LeastSquares(f.D, f.Y * of_y), Theta.soft(0.3), 0.5 * of_y, tol=1e-10)
    assert in_y.objective / of_y**2 == pytest.approx(expected, rel=1e-9)
    w1, w2, b1, b2 = theta
    any_g = solve(LeastSquares(f.D, f.Y * of_y), (w1, w2, b1 * of_y, b2 * of_y), 0.5, tol=1e-10)
    assert any_g.objective / of_y**2 == pytest.approx(solve(f, theta, 0.5, tol=1e-10).objective, rel=1e-9)


def test_zero_is_no_stationary_point_because_the_weight_is_large():
    """x = 0 violates by 1e-9 of the weight, and by 5.4 of weight·b1."""
    rng, scale = np.random.default_rng(0), 1e-9
    D, Y = rng.normal(size=(30, 60)), rng.normal(size=(30, 4))
    theta = Theta.firm(0.2 * scale, 2 * scale)
    found = solve(LeastSquares(D, Y * scale), theta, 10.0)
    assert found.status is Status.STATIONARY
    assert all(found.x.any(axis=0))
    for k in range(4):
        assert violation(D, Y[:, k] * scale, theta, 10.0, found.x[:, k]) < 1e-7


def test_numbers_that_lost_their_digits_in_a_prox():
    assert solve(LeastSquares([[1e-9]], [[1.0]]), Theta.soft(0.1)).x == 0.0
    d = (1 / (2**53 + 2)) ** 0.5
    found = solve(LeastSquares([[d]], [[1e9]]), Theta.soft(1.0))
    assert found.x[0, 0] == pytest.approx((d * 1e9 - 1) / d**2, rel=1e-12)


@pytest.mark.parametrize("theta", THETAS)
def test_a_column_of_zeros_is_0_and_certified(theta):
    rng = np.random.default_rng(0)
    found = solve(LeastSquares(rng.normal(size=(5, 8)), np.zeros((5, 2))), theta)
    assert found.converged
    assert found.residual == 0
    assert not found.x.any()


@pytest.mark.parametrize("rise", [0.3, 30.0])
def test_an_objective_that_can_be_0_is_followed_there(rise):
    """g is 0 up to the knot, and D x = y has solutions below it: no gap is small beside an objective that vanishes."""
    rng = np.random.default_rng(0)
    D, Y = rng.normal(size=(30, 60)), rng.normal(size=(30, 2))
    found = solve(LeastSquares(D, Y), Theta(1.0, 0.5, 0.0, rise), 0.5)
    assert found.status is Status.CONVERGED
    assert found.objective < 1e-14  # what (1) rounds to next to the knot


@pytest.mark.parametrize("size", [1e10, 1e100, 1e200])
def test_a_start_that_is_far_away_is_no_end(size):
    f = least_squares()
    expected = solve(f, CONVEX)
    found = solve(f, CONVEX, x0=np.full(f.shape, size))
    assert found.converged
    assert found.objective == pytest.approx(expected.objective, rel=1e-7)


def test_g_that_is_not_convex_starts_from_the_lasso_but_from_x0_where_that_is_given():
    rng = np.random.default_rng(3)
    D = rng.normal(size=(20, 35)) / np.sqrt(20)
    f = LeastSquares(D, D @ (2 * rng.normal(size=(35, 6)) * (rng.random((35, 6)) < 0.15)))
    free, lasso = solve(f, FIRM, 2.0), solve(f, Theta.soft(0.2), 2.0)
    from_lasso = solve(f, FIRM, 2.0, x0=lasso.x)
    assert free.x == pytest.approx(from_lasso.x, abs=1e-6)
    assert free.iterations > 0
    there = solve(f, FIRM, 2.0, x0=free.x)
    assert there.iterations == 0
    assert np.array_equal(there.x, free.x)


def test_the_states_of_the_columns_add_up():
    f = least_squares()
    f.Y[:, 0] = 0.0
    found = solve(f, CONVEX, max_iter=8)
    assert found.status is Status.MAX_ITER
    assert set(found.column_status) == {Status.CONVERGED, Status.MAX_ITER}
    assert [status.converged for status in found.column_status] == (found.residuals <= 1e-8).tolist()
    assert found.residual == found.residuals.max()
    assert found.iterations == found.column_iterations.max() == 8
    short = np.count_nonzero(found.residuals > 1e-8)
    assert f"({short} of 12 columns are beyond it)" in found.message


def test_what_rounding_hides_is_told_apart_from_what_is_left_to_do():
    rng = np.random.default_rng(0)
    found = solve(LeastSquares(rng.normal(size=(30, 5)), rng.normal(size=(30, 2))), FIRM, 1e-13)
    assert found.status is Status.STALLED
    assert "rounding hides the rest, so raise tol" in found.message
    assert not found.converged


def test_a_path_is_its_solutions():
    f, weights = least_squares(), [1.0, 0.5, 0.1]
    for one, weight in zip(solve_path(f, CONVEX, weights, tol=1e-13), weights, strict=True):
        alone = solve(f, CONVEX, weight, tol=1e-13)
        assert one.x == pytest.approx(alone.x, abs=1e-6)
    path = solve_path(f, Theta.soft(0.1), np.linspace(1, 0.8, 8))
    assert path[-1].iterations < solve(f, Theta.soft(0.1), 0.8).iterations


def test_it_says_how_it_ended():
    f = least_squares()
    assert solve(f, CONVEX).message == "converged: the minimum"
    assert solve(f, FIRM).message == "converged: a stationary point; g is not convex, as w1 > 1, so there may be others"
    early = solve(f, CONVEX, max_iter=3)
    assert not early.converged
    assert early.iterations == 3
    assert "after 3 iterations, tol is 1e-08: raise max_iter or tol, or start from this x" in early.message
    assert solve(f, CONVEX, x0=early.x).converged


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_what_f_does_not_see_is_0_at_once_however_small_the_weight(kind):
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
def test_agrees_with_the_lasso_of_scikit_learn():
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
    f = least_squares(seed=1)
    alpha, gamma, k = 0.05, 3.0, len(f.D)
    # skglm minimises ‖y - Dw‖²/2k + MCP(w): k times that is f + k·MCP
    theta = Theta.firm(alpha, gamma * alpha)
    ours = solve(f, theta, k, tol=1e-12)
    peer = skglm.estimators.MCPRegression(alpha=alpha, gamma=gamma, fit_intercept=False, tol=1e-12, max_iter=1000)
    theirs = np.column_stack([peer.fit(f.D, y).coef_ for y in f.Y.T])
    again = solve(f, theta, k, x0=theirs, tol=1e-10)
    assert again.x == pytest.approx(theirs, abs=1e-6)  # theirs is stationary for us
    assert ours.objective <= again.objective * (1 + 0.05)


class Quadratic:
    """½‖DX - Y‖², as a term of one's own."""

    def __init__(self, f):
        for name in ("value", "gradient", "hessian_product", "lipschitz", "start"):
            setattr(self, name, getattr(f, name))


@pytest.mark.parametrize("kind", ["convex", "not convex", "own"])
def test_verbose_tells_on_stderr_how_far_it_is_and_changes_nothing(kind, capsys):
    f = least_squares(m=5)
    f = Quadratic(f) if kind == "own" else f
    theta = FIRM if kind == "not convex" else Theta.soft(0.3)
    found = solve(f, theta, verbose=True)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    if kind == "own":
        told = [line.startswith(f"solve: iteration {i} of at most 10000, residual ") for i, line in enumerate(lines, 1)]
        assert len(lines) == found.iterations
    else:
        told = [line.startswith("solve: 0 of 5 columns are done, ") for line in lines]
        assert lines[0].startswith("solve: 0 of 5 columns are done, 5 under way, residual ")
    assert told == [True] * len(lines)
    assert lines
    assert np.array_equal(solve(f, theta, verbose=False).x, found.x)
    assert np.array_equal(solve(f, theta).x, found.x)
    assert capsys.readouterr() == ("", "")


def test_columns_that_go_one_by_one_are_counted_and_the_start_is_told_of_too(capsys):
    f = least_squares(k=20, n=300, m=4)
    (found,) = solve_path(f, FIRM, [1.0], verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert found.status is Status.STATIONARY
    counts = [int(line.removeprefix("solve: ").split()[0]) for line in lines]
    assert set(counts) <= {0, 1, 2, 3}
    assert counts[0] == 0
    starts = sum(after < before for before, after in itertools.pairwise(counts))
    assert starts >= 1  # the lasso, and then what is asked for
