"""The kernel: it ends at the minimum that brute force finds, on whichever way, and says truly how it ended."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solver_oracles import least, objective, stationary_points
from strategies import examples

from dsrl_ref import Theta, regularizer
from dsrl_ref.solver.kernels import coordinates
from dsrl_ref.solver.penalty import Penalty

CONVEX = [Theta.soft(0.4), Theta(0.8, 0.6, 0.2, 0.7), Theta(0.5, 1.0, 0.1, 0.4), Theta(2.0, 0.5, 0.3, 0.3)]
NONCONVEX = [Theta.firm(0.3, 1.5), Theta(2.5, 0.7, 0.4, 0.6), Theta.firm(0.1, 0.12)]


def descend(D, y, theta, weight, x=None, goal=1e-10, most=500, budget=1e9, unit=1.0):
    """The kernel on one row, y and x being counted in `unit`."""
    n = D.shape[1]
    x = np.zeros(n) if x is None else x
    h = Penalty.of(Theta(*theta), weight).spread((n,))
    X = x[None] / unit
    V = (D.T @ (y - D @ x))[None] / unit
    pieces = np.array([h.s0, h.s1, h.p1, h.p2, h.joint])
    taken, ended = np.zeros(1, np.int64), np.zeros(1, np.int8)
    goals = np.full((1, n), goal / unit)
    coordinates.descend(D.T @ D, V, X, pieces, np.array([unit]), goals, most, budget, taken, ended)
    assert V[0] * unit == pytest.approx(D.T @ (y - D @ (X[0] * unit)), abs=1e-9 * (1 + np.abs(D.T @ y).max()))
    return X[0] * unit, int(taken[0]), int(ended[0])


@examples(150)
@given(st.integers(0, 10**6), st.sampled_from(CONVEX), st.floats(0.05, 2))
def test_where_g_is_convex_nothing_is_lower(seed, theta, weight):
    rng = np.random.default_rng(seed)
    D, y = rng.normal(size=(5, 3)), 2 * rng.normal(size=5)
    x, _, ended = descend(D, y, theta, weight, x=rng.normal(size=3) * (rng.random(3) < 0.5))
    assert ended == 1
    expected = least(D, y, theta, weight)
    assert objective(D, y, theta, weight, x) == pytest.approx(expected, rel=1e-12)


@examples(150)
@given(st.integers(0, 10**6), st.sampled_from(NONCONVEX), st.floats(0.05, 2))
def test_where_it_is_not_it_ends_at_one_of_the_stationary_points_and_no_higher_than_it_began(seed, theta, weight):
    rng = np.random.default_rng(seed)
    D, y, start = rng.normal(size=(5, 3)), 2 * rng.normal(size=5), rng.normal(size=3)
    x, _, ended = descend(D, y, theta, weight, x=start.copy())
    assert ended == 1
    assert min(np.abs(x - each).max() for each in stationary_points(D, y, theta, weight)) < 1e-6
    assert objective(D, y, theta, weight, x) <= objective(D, y, theta, weight, start) + 1e-12


@examples(150)
@given(st.floats(-8, 8), st.floats(0.2, 3), st.floats(0.1, 4))
def test_one_coordinate_goes_to_its_least_value_though_there_are_two_minima(y, d, weight):
    theta = Theta.firm(0.5, 1.5)
    x, _, ended = descend(np.array([[d]]), np.array([y]), theta, weight, x=np.array([77.0]))
    grid = np.linspace(-60, 60, 120_001)
    costs = (d * grid - y) ** 2 / 2 + weight * regularizer(grid, theta)
    found = (d * x[0] - y) ** 2 / 2 + weight * float(regularizer(x[0], theta))
    assert ended == 1
    assert found <= costs.min() + 1e-9


def test_a_coordinate_crosses_the_hill_exactly_where_the_far_side_is_lower():
    theta, grid = Theta.firm(0.5, 1.5), np.linspace(-4, 4, 80_001)
    for y in np.linspace(0.8, 0.9, 51):  # both minima are about as low
        costs = (0.5 * grid - y) ** 2 / 2 + regularizer(grid, theta)
        x, _, _ = descend(np.array([[0.5]]), np.array([y]), theta, 1.0, x=np.array([77.0]))
        assert (0.5 * x[0] - y) ** 2 / 2 + float(regularizer(x[0], theta)) <= costs.min() + 1e-9


def test_systems_end_what_coordinates_would_not(monkeypatch):
    """Two columns at an angle of 1e-4: every sweep goes 1e-8 of the way."""
    D = np.array([[1.0, 1.0], [0.0, 1e-4]])
    y = D @ [3.0, 2.0]
    x, taken, ended = descend(D, y, Theta.soft(1e-6), 1.0, goal=1e-13)
    assert ended == 1
    assert taken < 20
    assert x == pytest.approx(stationary_points(D, y, Theta.soft(1e-6), 1.0)[0], rel=1e-6)


def test_of_equal_columns_any_share_will_do():
    D = np.ones((3, 4))
    x, _, ended = descend(D, np.full(3, 2.0), Theta.soft(0.3), 1.0, x=np.array([0.2, 0.3, 0.0, -0.1]))
    assert ended == 1
    assert x.sum() == pytest.approx(2.0 - 0.1)
    assert (x >= 0).all()


def test_more_entries_than_rows_are_left_by_those_that_do_not_belong():
    rng = np.random.default_rng(0)
    D, y = rng.normal(size=(4, 9)), rng.normal(size=4)
    x, _, ended = descend(D, y, Theta.soft(0.1), 1.0, x=np.ones(9))
    assert ended == 1
    assert np.count_nonzero(x) <= 4
    assert objective(D, y, Theta.soft(0.1), 1.0, x) <= objective(D, y, Theta.soft(0.1), 1.0, np.zeros(9))


def test_the_budget_only_interrupts():
    rng = np.random.default_rng(1)
    D, y = rng.normal(size=(20, 30)), rng.normal(size=20)
    whole, _, _ = descend(D, y, CONVEX[1], 0.3)
    X = np.zeros(30)
    calls = 0
    ended = 0
    while not ended:
        X, some, ended = descend(D, y, CONVEX[1], 0.3, x=X, budget=1.0)
        calls += 1
        assert some > 0 or ended
    assert calls > 2
    assert pytest.approx(whole, abs=1e-8) == X


def test_iterations_are_counted_and_not_exceeded():
    rng = np.random.default_rng(2)
    D, y = rng.normal(size=(20, 30)), rng.normal(size=20)
    _, taken, ended = descend(D, y, CONVEX[0], 0.1, most=4)
    assert (taken, ended) == (4, 0)
    x, _, _ = descend(D, y, CONVEX[0], 0.1)
    again, taken, ended = descend(D, y, CONVEX[0], 0.1, x=x.copy())
    assert (taken, ended) == (0, 1)
    assert np.array_equal(x, again)


def test_goals_below_rounding_end_as_such_and_not_never():
    rng = np.random.default_rng(3)
    D, y = rng.normal(size=(20, 30)), rng.normal(size=20)
    _, taken, ended = descend(D, y, CONVEX[0], 0.1, goal=1e-300, most=100_000)
    assert ended == 2
    assert taken < 1000


def test_what_has_no_minimum_goes_down_and_stays_finite():
    D = np.array([[1.0, 0.0]])
    x, _, ended = descend(D, np.array([1.0]), (1.5, 1, 0, 1), 1.0, x=np.ones(2), most=50)
    assert ended != 1
    assert x[0] == pytest.approx(1.5)
    assert 1.0 <= x[1] <= 1.5  # to the end of its piece; beyond, the slope falls for ever


@pytest.mark.parametrize("theta", [CONVEX[1], NONCONVEX[0]])
def test_the_unit_of_a_row_is_that_of_its_y(theta):
    rng = np.random.default_rng(4)
    D, y = rng.normal(size=(6, 4)), rng.normal(size=6)
    assert np.array_equal(descend(D, y, theta, 0.3)[0], descend(D, y, theta, 0.3, unit=2.0**40)[0])


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="kernels are plain Python already")
def test_rows_do_not_see_each_other():
    rng = np.random.default_rng(5)
    D, Y = rng.normal(size=(6, 4)), rng.normal(size=(3, 6))
    h = Penalty.of(CONVEX[1], 0.3).spread((4,))
    X, V = np.zeros((3, 4)), np.array([D.T @ y for y in Y])
    taken, ended = np.zeros(3, np.int64), np.array([0, 1, 0], np.int8)
    pieces, goals = np.array([h.s0, h.s1, h.p1, h.p2, h.joint]), np.full((3, 4), 1e-10)
    coordinates.descend(D.T @ D, V, X, pieces, np.ones(3), goals, 500, 1e9, taken, ended)
    assert np.array_equal(X[0], descend(D, Y[0], CONVEX[1], 0.3)[0])
    assert np.array_equal(X[2], descend(D, Y[2], CONVEX[1], 0.3)[0])
    assert not X[1].any()  # it had ended
    assert ended.tolist() == [1, 1, 1]
