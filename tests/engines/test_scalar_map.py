"""The network as one function of a number: its pieces, its derivatives, and new data."""

import entrywise
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, forward, shrink
from dsrl_ref.appendix import layers
from dsrl_ref.engines import scalar_map
from dsrl_ref.engines.scalar_map import ScalarMap

THETA, L, LAYERS = Theta(1.1, 0.5, 0.2, 0.6), 0.8, 11

slopes = st.floats(0.1, 2.0)


def test_one_layer_is_the_shrinkage():
    one = ScalarMap(Theta(0.9, 0.5, 0.25, 1), 1.0, 1)
    assert one.breakpoints == pytest.approx([-1, -0.25, 0.25, 1], abs=1e-14)
    assert one.slopes == pytest.approx([0.5, 0.9, 0, 0.9, 0.5])
    w = np.linspace(-3, 3, 101)
    assert one(w) == pytest.approx(shrink(w, (0.9, 0.5, 0.25, 1)), abs=1e-15)


@examples(150)
@given(slopes, slopes, st.floats(0, 1), st.floats(0, 1), st.floats(0.45, 8), st.integers(0, 8), st.sampled_from([0, 1]))
def test_equals_the_network_everywhere(w1, w2, b1, rise, L, layers, start):
    """Measured by the largest number on the way, which overshooting makes large.

    A rounding is lengthened at most by (2·|1 - 1/0.45|)^8, some 1,300; the bound is 9,000 roundings.
    """
    theta = Theta(w1, w2, b1, b1 + rise)
    whole = ScalarMap(theta, L, layers, start=start)
    w = np.concatenate([whole.breakpoints, np.linspace(-4, 4, 41), [-1e9, 1e9, 0.0, -0.0]])
    x, dx, _ = entrywise.network(w, start * w, theta, L, layers)
    on_the_way = np.max([abs(entrywise.network(w, start * w, theta, L, i)[0]) for i in range(layers + 1)], axis=0)
    assert np.all(np.abs(whole(w) - x) <= 1e-12 * (1 + np.abs(w) + on_the_way))
    scale = np.abs(dx).max(axis=0) + np.abs(w) + 1
    assert np.all(np.abs(whole.derivatives(w) - dx.T) <= 1e-10 * scale[:, None])


def test_pieces_join():
    whole = Objective(Fidelity([[1.0]]), layers=LAYERS).scalar_map(THETA, L)
    at = whole.breakpoints
    left, right = (whole.slopes[k] * at + whole.intercepts[k] for k in (slice(None, -1), slice(1, None)))
    assert left == pytest.approx(right, abs=1e-14)
    assert np.all(np.diff(whole.intervals.ravel()) > 0)
    assert np.all(whole.intervals[1:, 0] - whole.intervals[:-1, 1] < 1e-12)
    assert np.isneginf(whole.intervals[0, 0])
    assert np.isposinf(whole.intervals[-1, 1])


@pytest.mark.parametrize("step_constant", [1.0, 1.5, 4.0])
def test_no_overshoot_no_fold(step_constant):
    whole = ScalarMap(THETA, step_constant, LAYERS)
    assert np.all(whole.slopes >= 0)
    assert len(whole.slopes) <= 4 * LAYERS + 1


def test_derivatives_are_differences():
    whole = ScalarMap(THETA, L, LAYERS)
    w = np.random.default_rng(0).normal(size=50)
    w = w[np.abs(w[:, None] - whole.breakpoints).min(axis=1) > 1e-3]
    at, h = np.array([*THETA, L]), 1e-6
    for p in range(5):
        moved = [ScalarMap(Theta(*x[:4]), x[4], LAYERS)(w) for x in (at + h * np.eye(5)[p], at - h * np.eye(5)[p])]
        assert whole.derivatives(w)[:, p] == pytest.approx((moved[0] - moved[1]) / (2 * h), abs=1e-8)


def test_it_shows_which_entries_survive():
    W = np.random.default_rng(0).normal(size=(20, 30))
    J = Objective(Fidelity(W), layers=LAYERS)
    whole = J.scalar_map(THETA, 1.0)
    dead = whole.intervals[(whole.slopes == 0) & (whole.intercepts == 0)]
    assert len(dead) == 1
    inside = (dead[0, 0] <= W) & (dead[0, 1] >= W)
    assert np.array_equal(inside, forward(Fidelity(W), THETA, 1.0, LAYERS)[-1] == 0)


def test_takes_arrays_of_any_shape():
    whole = ScalarMap(THETA, L, LAYERS)
    assert whole(1.0).shape == ()
    assert whole([[1.0], [2.0]]).shape == (2, 1)
    assert whole.derivatives([[1.0], [2.0]]).shape == (2, 1, 5)
    assert whole(np.empty((0, 2))).shape == (0, 2)
    w = np.arange(12.0).reshape(3, 4)[:, ::-2]
    assert np.array_equal(whole(w), whole(w.copy()))
    with pytest.raises(ValueError, match="w contains NaN"):
        whole([np.nan])


def test_needs_one_map_for_all_entries():
    for J in (
        Objective(Fidelity([[1.0]]), layers=1, x0=[[0.5]]),
        Objective(LeastSquares([[1.0]], [[1.0]]), [[1.0]], layers=1),
    ):
        with pytest.raises(ValueError, match="scalar_map needs Fidelity and an x0 that is W or zeros"):
            J.scalar_map(THETA, L)
    with pytest.raises(ValueError, match="b2 must be at least b1"):
        Objective(Fidelity([[1.0]]), layers=1).scalar_map((1, 1, 2, 1), L)


def test_a_map_that_is_one_gap_is_the_network_entry_by_entry():
    """L = 1/2 and w1 = w2 = 2 make Z_(2) zero for every w, and zero is a knot."""
    theta, w = Theta(2, 2, 0, 0), np.linspace(-1, 1, 9)
    whole = ScalarMap(theta, 0.5, 2)
    x, dx, _ = entrywise.network(w, w, theta, 0.5, 2)
    assert np.array_equal(whole(w), x)
    assert np.array_equal(whole.derivatives(w), dx.T)
    assert whole.intervals.tolist() == [[0, 0]]


def test_all_entries_may_be_near_knots_where_the_pieces_are_too_many(monkeypatch):
    w, network = np.array([0.1, 0.25, 0.7]), (1.0, Theta(1, 0.5, 0.3, 0.6), 1.0, 2)
    assert not scalar_map.near_knots(w, scalar_map.pieces_of_map(*network)).any()
    assert scalar_map.near_knots(np.array([-0.6, 0.25, 0.3]), scalar_map.pieces_of_map(*network)).tolist() == [1, 0, 1]
    assert scalar_map.near_knots(w, scalar_map.pieces_of_map(1.0, Theta(2, 2, 0, 0), 0.5, 2)).all()
    monkeypatch.setattr(scalar_map, "MOST_PIECES", 2)
    assert scalar_map.near_knots(w, scalar_map.pieces_of_map(*network)).all()


def test_a_tie_between_two_equal_pieces_keeps_its_own_derivatives():
    """At W = 3/8 both layers' Z is b1, while x_t and its derivatives are 0 on either side."""
    theta, w = Theta(1.75, 2.0, 0.75, 1.75), np.array([0.375, 0.374, 0.376])
    whole = ScalarMap(theta, 0.5, 2, start=0.0)
    x, dx, _ = entrywise.network(w, np.zeros(3), theta, 0.5, 2)
    assert np.array_equal(whole(w), x)
    assert np.array_equal(whole.derivatives(w), dx.T)
    assert whole.derivatives(0.375)[2] == 1.3125
    assert not whole.derivatives(w[1:]).any()


@pytest.mark.parametrize("start", [0.5, -1.0, 2.0])
def test_a_start_that_is_neither_w_nor_zeros_is_refused(start):
    with pytest.raises(ValueError, match=f"start must be 1, for X_.* or 0, .*; got {start}"):
        ScalarMap((1, 1, 0.5, 0.5), 1.0, 1, start=start)


LAYERED = [(1.1, 0.6, 0.1, 0.5), (0.8, 0.9, 0.2, 0.4), (1.3, 0.7, 0.05, 0.7)], [1.5, 0.8, 2.0]


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_with_a_theta_a_layer_it_is_the_network_and_its_derivatives_are_those_of_each_layer(start):
    w = np.random.default_rng(0).normal(size=(4, 90))
    mapped = ScalarMap(*LAYERED, 3, start=start, per_layer=True)
    thetas, L = tuple(Theta(*row) for row in LAYERED[0]), LAYERED[1]
    x, dx = layers.sensitivities(Fidelity(w), thetas, np.array(L), start * w)
    assert mapped(w) == pytest.approx(x, rel=1e-13, abs=1e-14)
    assert mapped.derivatives(w).shape == (4, 90, 3, 5)
    assert mapped.derivatives(w) == pytest.approx(dx, rel=1e-12, abs=1e-13)
    piece = mapped.breakpoints.searchsorted(w)
    affine = mapped.slope_derivatives[piece] * w[..., None, None] + mapped.intercept_derivatives[piece]
    assert affine == pytest.approx(mapped.derivatives(w), rel=1e-12, abs=1e-13)


def test_between_pieces_derivatives_of_every_layer_are_those_of_the_recursion():
    """Z_(1) = ±b1 and ±b2, exactly, of entries without number: more than go through the layers together."""
    w = np.tile([0.25, -0.25, 1.0, -1.0], 100)
    theta, L = [(1.0, 0.5, 0.25, 1.0), (0.5, 1.0, 0.125, 0.5)], [1.0, 2.0]
    mapped = ScalarMap(theta, L, 2, per_layer=True)
    thetas = tuple(Theta(*row) for row in theta)
    x, dx = layers.sensitivities(Fidelity([w]), thetas, np.array(L), np.array([w]))
    assert mapped(w).tolist() == x[0].tolist()
    assert mapped.derivatives(w).tolist() == dx[0].tolist()


@pytest.mark.parametrize("count", [0, 1, 4])
def test_the_sum_over_layers_is_the_derivative_in_what_they_share(count):
    shared, own = ScalarMap(THETA, L, count), ScalarMap(THETA, L, count, per_layer=True)
    assert np.array_equal(own.slopes, shared.slopes)
    assert np.array_equal(own.intercepts, shared.intercepts)
    assert own.slope_derivatives.sum(axis=1) == pytest.approx(shared.slope_derivatives, rel=1e-13, abs=1e-15)
    assert own.intercept_derivatives.sum(axis=1) == pytest.approx(shared.intercept_derivatives, rel=1e-13, abs=1e-15)


def test_a_map_of_layers_names_the_layer_whose_theta_is_wrong():
    with pytest.raises(ValueError, match="layer 2"):
        ScalarMap([(1, 1, 0.5, 0.5), (1, 1, 0.5, 0.25)], 1.0, 2, per_layer=True)


def test_a_constant_on_a_knot_is_one_gap_with_a_theta_a_layer_too():
    shared, own = (ScalarMap((1, 1, 0, 0), 1.0, 1, start=0.0, per_layer=each) for each in (False, True))
    assert np.array_equal(own.intervals, shared.intervals)
    assert np.array_equal(own.derivatives([0.0, 1.0])[:, 0], shared.derivatives([0.0, 1.0]))


@pytest.mark.parametrize("per_layer", [False, True])
def test_a_map_of_too_many_pieces_is_refused(monkeypatch, per_layer):
    monkeypatch.setattr(scalar_map, "MOST_PIECES", 20)
    with pytest.raises(ValueError, match=r"more than 20 pieces: L = .* overshoots and folds it; take L >= 1"):
        ScalarMap((1.9, 1.9, 0.01, 0.02), 0.4, 30, per_layer=per_layer)
