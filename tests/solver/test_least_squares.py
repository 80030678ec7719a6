"""Blocks and rounds: whatever the way to a column's end, it is the same end, and the certificate's."""

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import LeastSquares, Theta, regularizer
from dsrl_ref.solver import least_squares
from dsrl_ref.solver.penalty import Penalty, is_convex
from dsrl_ref.solver.scaling import Scaled

CONVEX, FIRM = Theta(0.8, 0.6, 0.2, 0.7), Theta.firm(0.2, 1.5)


def problem(k=20, n=35, m=12, seed=0):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(k, n)) / np.sqrt(k)
    X = 2 * rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.15)
    return LeastSquares(D, D @ X + 0.01 * rng.normal(size=(k, m)))


def descend(f, theta=CONVEX, weight=0.5, x0=None, tol=1e-11, max_iter=5000):
    x0 = np.zeros(f.shape) if x0 is None else x0
    with np.errstate(all="ignore"):
        return least_squares.descend(Scaled(f), Penalty.of(theta, weight), is_convex(theta), x0, tol, max_iter)


@pytest.fixture
def by_members(monkeypatch):
    """DᵀD of members alone, however small the problem."""
    monkeypatch.setattr(least_squares, "ALWAYS_WHOLE", 4)
    monkeypatch.setattr(least_squares, "LARGEST_GRAM", 16)


def assert_same_end(found, expected, f, theta=CONVEX, weight=0.5):
    """The objectives to what both are certified for, and points as near as that makes them."""
    here, there = (f.value(X) + weight * regularizer(X, theta).sum() for X in (found.X, expected.X))
    assert here == pytest.approx(there, rel=2e-11)
    assert pytest.approx(expected.X, abs=1e-4) == found.X
    assert (found.residuals <= 1e-11).all()


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_members_end_where_the_whole_does(kind, request):
    f = problem()
    whole = descend(f)
    request.getfixturevalue("by_members")
    assert_same_end(descend(LeastSquares(kind(f.D), f.Y)), whole, f)


@pytest.mark.parametrize("theta", [CONVEX, Theta.soft(0.3)])
def test_columns_with_many_entries_go_by_accelerated_gradients_to_the_same_end(theta, by_members, monkeypatch):
    f = problem()
    members = descend(f, theta)
    monkeypatch.setattr(least_squares, "MOST_NONZEROS", 3)
    found = descend(f, theta)
    assert_same_end(found, members, f, theta)
    assert found.iterations.max() > members.iterations.max()


def test_a_descent_by_members_forms_no_more_than_it_needs(by_members, monkeypatch):
    sizes, gram = [], Scaled.gram
    monkeypatch.setattr(Scaled, "gram", lambda self, chosen=None: sizes.append(len(chosen)) or gram(self, chosen))
    found = descend(problem(n=200), Theta.soft(0.5))
    assert (found.residuals <= 1e-11).all()
    assert 0 < max(sizes) <= 2 * np.count_nonzero(found.X, axis=0).max() + 20


def test_blocks_leave_no_trace(monkeypatch):
    f = problem()
    whole = descend(f).X
    monkeypatch.setattr(least_squares, "ENTRIES", 3 * f.shape[0])
    assert pytest.approx(whole, abs=1e-9) == descend(f).X
    alone = descend(LeastSquares(f.D, f.Y[:, :1])).X
    assert alone == pytest.approx(whole[:, :1], abs=1e-9)


@pytest.mark.parametrize("theta", [CONVEX, FIRM])
def test_the_number_of_threads_leaves_no_trace(monkeypatch, theta):
    f, solutions = problem(m=100), []
    for threads in (1, 2, 5):
        monkeypatch.setattr(least_squares, "processors", lambda threads=threads: threads)
        solutions.append(descend(f, theta).X)
    assert np.array_equal(solutions[0], solutions[1])
    assert np.array_equal(solutions[0], solutions[2])


def test_small_calls_of_the_kernel_lead_to_the_same_end(monkeypatch):
    f = problem()
    whole = descend(f)
    monkeypatch.setattr(least_squares, "WORK_PER_CALL", 1.0)
    found = descend(f)
    assert pytest.approx(whole.X, abs=1e-8) == found.X
    assert (found.residuals <= 1e-11).all()


def test_a_start_that_is_certified_is_returned_to_the_bit():
    f = problem()
    first = descend(f)
    again = descend(f, x0=first.X)
    assert np.array_equal(again.X, first.X)
    assert not again.iterations.any()


def test_iterations_run_out_column_by_column():
    f = problem()
    found = descend(f, max_iter=6)
    assert found.iterations.max() == 6
    assert (found.residuals > 1e-11).any()
    assert not found.stalled.any()
    enough = descend(f)
    quick = enough.iterations <= 6
    assert (found.residuals[quick] <= 1e-11).all()


def test_iterations_taken_before_count_for_the_column_that_took_them():
    f, (_, m) = problem(), problem().shape
    before = np.arange(m) % 3
    penalty = Penalty.of(CONVEX, 0.5)
    anew = least_squares.descend(Scaled(f), penalty, True, np.zeros(f.shape), 1e-11, 5000)
    after = least_squares.descend(Scaled(f), penalty, True, np.zeros(f.shape), 1e-11, 5000, before)
    assert np.array_equal(after.iterations, anew.iterations + before)
    assert np.array_equal(before, np.arange(m) % 3)


def test_what_float64_cannot_certify_stalls_and_says_so():
    """A weight 1e-12 of the largest that matters: rounding is beyond it."""
    rng = np.random.default_rng(0)
    D = rng.normal(size=(30, 5))
    f = LeastSquares(D, rng.normal(size=(30, 2)))
    found = descend(f, FIRM, weight=1e-13)
    assert found.stalled.all()
    assert (found.residuals > 1e-11).all()
    assert pytest.approx(np.linalg.lstsq(D, f.Y, rcond=None)[0], rel=1e-9) == found.X


def test_a_kernel_that_lies_does_not_make_a_certificate(monkeypatch):
    """The kernel says that it has met its goals, and has not moved."""
    from dsrl_ref.solver.kernels import coordinates

    def lie(gram, V, X, pieces, units, goals, most, budget, taken, ended):
        ended[:], taken[:] = 1, taken + 1

    monkeypatch.setattr(coordinates, "descend", lie)
    found = descend(problem())
    assert (found.residuals > 0.1).all()
    assert found.stalled.all()


@pytest.mark.parametrize(("theta", "convex"), [(CONVEX, True), (FIRM, False)])
def test_nearness_is_the_gap_itself_where_g_is_convex(theta, convex):
    """Relative to an objective that falls too, a gap may rise on the way down."""
    f = problem(m=3)
    scaled, rows = Scaled(f), np.random.default_rng(5).normal(size=(3, 35))
    block = least_squares.Block(
        scaled, Penalty.of(theta, 0.5).in_units(scaled.of_d, 1.0), convex, slice(0, 3), rows, scaled.gram()
    )
    _, residuals, distances = block.certify()
    X = scaled.original(rows)
    objectives = ((f.D @ X - f.Y) ** 2).sum(axis=0) / 2 + 0.5 * regularizer(X, theta).sum(axis=0)
    assert distances == pytest.approx(residuals * (objectives / scaled.of_y**2 if convex else 1.0), rel=1e-12)
