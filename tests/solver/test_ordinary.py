"""Without a penalty: least squares, whatever the units of the columns."""

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import LeastSquares, Status, Theta, solve

RNG = np.random.default_rng(0)
KINDS = [np.asarray, sp.csr_array]


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


def test_sparse_iterations_run_out():
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
    assert found.x == pytest.approx(expected, abs=1e-7)


def test_no_more_iterations_are_counted_than_are_allowed():
    D, y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 1))
    found = solve(LeastSquares(D, y), Theta.soft(1.0), 0.0, tol=1e-300, max_iter=1)
    assert found.column_iterations.tolist() == [1]
    assert found.status is Status.MAX_ITER
