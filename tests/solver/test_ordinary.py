"""Without a penalty: least squares, whatever the units of the columns; no minimum is claimed that is none."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import LeastSquares, Status, Theta, solve
from dsrl_ref.solver import ordinary

RNG = np.random.default_rng(0)
KINDS = [np.asarray, sp.csr_array]


@pytest.fixture(params=["dense", "sparse", "sparse and large"])
def kind(request, monkeypatch):
    """What makes a D of each kind; however small, the last goes by its products alone."""
    if request.param == "sparse and large":
        monkeypatch.setattr(ordinary, "LARGEST_SYSTEM", 0)
    return np.asarray if request.param == "dense" else sp.csr_array


def ordinary_of(D, y, **options):
    return solve(LeastSquares(D, y), Theta.soft(1.0), 0.0, **options)


def draw(rng, how):
    """D (k, n) of full column rank, and y: plain, of unlike units, with an offset, nearly parallel, or weighted."""
    n = int(rng.integers(1, 5))
    k = n + int(rng.integers(0, 4))
    D, y = rng.normal(size=(k, n)), rng.normal(size=(k, 1)) * 10.0 ** rng.uniform(-9, 6)
    if how == "units":
        D *= 10.0 ** rng.uniform(-6, 6, n)
    if how == "offset":
        D += 1e6 * rng.normal(size=(k, 1))
    if how == "parallel":
        D = D[:, :1] + 1e-7 * rng.normal(size=(k, n))
    if how == "weighted":
        D *= 10.0 ** rng.uniform(-6, 6, (k, 1))
    return D, D @ rng.normal(size=(n, 1)) if rng.random() < 0.2 else y


def exact_squares(D, y, x=None):
    """‖y - Dx‖² in rationals, of x or, by elimination, of the minimum; None where that is not the only one."""
    D, y = [[Fraction(entry) for entry in row] for row in D.tolist()], [Fraction(entry) for entry in y.ravel().tolist()]
    n = len(D[0])
    if x is None:
        rows = [
            [sum(row[a] * row[b] for row in D) for b in range(n)] + [sum(r[a] * e for r, e in zip(D, y, strict=True))]
            for a in range(n)
        ]
        for a in range(n):
            if rows[a][a] == 0:
                return None
            for b in range(n):
                if b != a:
                    share = rows[b][a] / rows[a][a]
                    rows[b] = [one - share * other for one, other in zip(rows[b], rows[a], strict=True)]
        x = [rows[a][n] / rows[a][a] for a in range(n)]
    else:
        x = [Fraction(entry) for entry in x.ravel().tolist()]
    return sum((e - sum(d * z for d, z in zip(row, x, strict=True))) ** 2 for row, e in zip(D, y, strict=True))


@pytest.mark.parametrize("how", ["plain", "units", "offset", "parallel", "weighted"])
def test_no_minimum_is_claimed_that_is_none(how, kind, repeats):
    """In rationals: what is claimed is within tol of the objective, or of a ten-thousandth of ½‖y‖²."""
    rng, ends, problems = np.random.default_rng(5), Counter(), repeats(25, 500)
    for trial in range(problems):
        D, y = draw(rng, how)
        start = rng.normal(size=(D.shape[1], 1)) * 10.0 ** rng.uniform(-3, 3) if trial % 3 == 0 else None
        found = ordinary_of(kind(D), y, x0=start)
        ends[found.status] += 1
        least, here = exact_squares(D, y), exact_squares(D, y, found.x)
        assert least is not None
        if found.status is Status.CONVERGED:
            unit = max(here, Fraction(1, 10**4) * sum(Fraction(entry) ** 2 for entry in y.ravel().tolist()))
            assert here - least <= Fraction(found.residuals[0]) * unit
    if ordinary.LARGEST_SYSTEM:
        assert ends[Status.CONVERGED] >= 0.7 * problems


def test_zero_does_not_pass_where_columns_are_nearly_parallel(kind):
    for size in (1e6, 1e8):
        found = ordinary_of(kind([[size, size], [0.0, 1.0]]), [[0.0], [1.0]])
        assert found.objective < 1e-12
        assert found.x == pytest.approx(np.array([[-1.0], [1.0]]), rel=1e-6)


def test_seconds_since_1970_beside_a_column_of_ones():
    t = 1.7e9 + np.arange(11.0)
    for kind in KINDS:
        found = ordinary_of(kind(np.column_stack([np.ones(11), t])), (t - t.mean())[:, None])
        assert found.status is Status.CONVERGED
        assert found.objective < 1e-12
        assert found.x == pytest.approx(np.array([[-t.mean()], [1.0]]), rel=1e-7)


@pytest.mark.parametrize("tiny", [0.0, 1e-17])
def test_columns_that_depend_but_for_rounding_prove_nothing(tiny):
    found = ordinary_of([[1.0, 1.0], [0.0, tiny]], [[0.0], [1.0]])
    assert found.status is Status.STATIONARY
    assert "whether it is the minimum is not proven" in found.message
    explained = ordinary_of([[1.0, 1.0], [0.0, tiny]], [[1.0], [0.0]])
    assert explained.status is Status.CONVERGED  # no objective is below 0


def test_what_a_large_sparse_d_leaves_is_a_stationary_point(monkeypatch):
    monkeypatch.setattr(ordinary, "LARGEST_SYSTEM", 0)
    D, Y = sp.random(60, 40, 0.3, format="csr", random_state=0), np.random.default_rng(1).normal(size=(60, 2))
    found = ordinary_of(D, Y)
    assert found.status is Status.STATIONARY
    best = np.linalg.lstsq(D.toarray(), Y, rcond=None)[0]
    assert found.objective == pytest.approx(LeastSquares(D, Y).value(best), rel=1e-9)


def test_a_column_leaves_no_trace_in_the_others(kind):
    rng = np.random.default_rng(3)
    D, Y, start = rng.normal(size=(9, 4)) * 10.0 ** rng.uniform(-3, 3, (9, 1)), *rng.normal(size=(2, 9, 3))
    start = start[:4]
    expected = ordinary_of(kind(D), Y, x0=start)
    for new in (1e3 * Y[:, 0], np.zeros(9), D @ np.ones(4), rng.normal(size=9)):
        Y[:, 0] = new
        found = ordinary_of(kind(D), Y, x0=start)
        for name in ("column_status", "residuals", "column_iterations"):
            assert np.array_equal(getattr(found, name)[1:], getattr(expected, name)[1:])
        assert np.array_equal(found.x[:, 1:], expected.x[:, 1:])


def test_of_a_y_of_zeros_the_minimum_is_0_from_any_start(kind):
    found = ordinary_of(kind(np.random.default_rng(0).normal(size=(5, 3))), np.zeros((5, 1)), x0=np.ones((3, 1)))
    assert found.status is Status.CONVERGED
    assert not found.x.any()


def test_a_d_of_zeros_leaves_0():
    found = ordinary_of(np.zeros((3, 2)), np.ones((3, 1)), x0=np.ones((2, 1)))
    assert found.status is Status.CONVERGED
    assert not found.x.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("theta", "weight"), [(Theta(0.5, 0.5, 1, 2), 0.0), (Theta.soft(0.0), 3.0), (Theta.firm(1, 2), 0)]
)
def test_it_is_least_squares_in_any_unit(kind, theta, weight):
    D, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 3))
    expected = np.linalg.lstsq(D, Y, rcond=None)[0]
    units = np.array([1e-6, 1.0, 1e3, 1e6])
    for scale in (1.0, 1e-9, 1e6):
        found = solve(LeastSquares(kind(D * units), Y * scale), theta, weight, tol=1e-12)
        assert found.status is Status.CONVERGED  # whatever g, as it has no weight
        assert found.x * units[:, None] / scale == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_ones_beside_large_ones(kind):
    """cond(DᵀD) is 1e12: by DᵀD four digits would be left."""
    D = np.column_stack([np.ones(50), RNG.normal(size=(50, 5)) * 1e3 + 1e5])
    y = (D @ [1.0, 2, 0, 0, 3, 0])[:, None]
    found = solve(LeastSquares(kind(D), y), Theta.soft(1.0), 0.0, tol=1e-14)
    assert found.x[1:, 0] == pytest.approx([2.0, 0, 0, 3, 0], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_of_many_minima_it_takes_the_one_next_to_the_start(kind):
    D, Y = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 2))
    found = solve(LeastSquares(kind(D), Y), Theta.soft(1.0), 0.0, tol=1e-12)
    assert found.objective < 1e-20
    assert found.status is Status.CONVERGED
    again = solve(LeastSquares(kind(D), Y), Theta.soft(1.0), 0.0, x0=found.x, tol=1e-12)
    assert np.array_equal(again.x, found.x)
    away = np.linalg.svd(D)[2][-1][:, None]  # D does not see it
    moved = solve(LeastSquares(kind(D), Y), Theta.soft(1.0), 0.0, x0=found.x + away, tol=1e-12)
    assert moved.x == pytest.approx(found.x + away, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_it_moves_from_the_start_only_where_f_sees_it(kind):
    D, Y = RNG.uniform(0.5, 1.0, size=(3, 5)), RNG.normal(size=(3, 2))  # columns whose units are the same
    start = RNG.normal(size=(5, 2))
    found = solve(LeastSquares(kind(D), Y), Theta.soft(1.0), 0.0, x0=start, tol=1e-13)
    assert found.objective < 1e-20
    unseen = np.linalg.svd(D)[2][3:]
    assert unseen @ (found.x - start) == pytest.approx(np.zeros((2, 2)), abs=1e-9)


def test_what_f_does_not_see_is_0():
    D = np.array([[1.0, 0.0], [2.0, 0.0]])
    found = solve(LeastSquares(D, [[1.0], [2.0]]), Theta.soft(1.0), 0.0, x0=[[0.0], [5.0]])
    assert found.x.ravel() == pytest.approx([1.0, 0.0], abs=1e-15)


def test_sparse_iterations_run_out(monkeypatch):
    monkeypatch.setattr(ordinary, "LARGEST_SYSTEM", 0)
    D = sp.random(60, 40, 0.3, format="csr", random_state=0)
    found = solve(LeastSquares(D, RNG.normal(size=(60, 2))), Theta.soft(1.0), 0.0, tol=1e-13, max_iter=3)
    assert found.status is Status.MAX_ITER
    assert found.iterations == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_direction_that_is_hardly_seen_is_solved_for_all_the_same(kind):
    """The columns are of one length, and one singular value is a hundred-thousandth of the largest."""
    left, right = (np.linalg.qr(np.random.default_rng(seed).normal(size=(n, 3)))[0] for seed, n in ((1, 8), (2, 3)))
    D, x = left @ np.diag([1.0, 0.8, 1e-5]) @ right.T, np.array([[1.0], [-2.0], [3.0]])
    found = solve(LeastSquares(kind(D), D @ x), Theta.soft(1.0), 0.0, tol=1e-14)
    assert found.x == pytest.approx(x, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_begins_at_its_end_does_not_end_the_others(kind):
    D, Y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 2))
    expected = np.linalg.lstsq(D, Y, rcond=None)[0]
    found = solve(LeastSquares(kind(D), Y), Theta.soft(1.0), 0.0, x0=expected * [1.0, 0.0])
    assert found.converged
    assert found.column_iterations[0] == 0 < found.column_iterations[1]
    assert np.array_equal(found.x[:, 0], expected[:, 0])
    assert found.x == pytest.approx(expected, abs=1e-7)


def test_a_small_gradient_of_a_large_sparse_d_is_no_end_before_a_step(monkeypatch):
    monkeypatch.setattr(ordinary, "LARGEST_SYSTEM", 0)
    found = ordinary_of(sp.csr_array([[1.0], [1.0]]), [[1.0], [-1.0 + 2.0**-30]])
    assert found.column_iterations.tolist() == [1]
    assert found.x == pytest.approx(np.array([[2.0**-31]]), rel=1e-6)


def test_no_more_iterations_are_counted_than_are_allowed():
    D, y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 1))
    found = solve(LeastSquares(D, y), Theta.soft(1.0), 0.0, tol=1e-300, max_iter=1)
    assert found.column_iterations.tolist() == [1]
    assert found.status is Status.MAX_ITER
