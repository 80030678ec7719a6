"""The penalty by its slope: weight·g of the appendix, convex exactly where it says so, with the right conjugate."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import Theta, prox, regularizer, regularizer_gradient
from dsrl_ref.solver.penalty import Penalty, is_convex

plain = st.floats(-9, 9).map(lambda x: 0.0 if abs(x) < 1e-9 else x)  # whose squares do not underflow
slopes, knots, weights = st.floats(0.1, 3), plain.map(abs), st.floats(0.01, 10)
thetas = st.builds(
    lambda w1, w2, b1, rise: Theta(w1, w2, b1, b1 + rise),
    slopes | st.just(1.0),
    st.floats(0.1, 1) | st.just(1.0),
    knots,
    knots | st.just(0.0),
)
points = st.lists(plain, min_size=1, max_size=9).map(np.array)
GRID = np.linspace(-60, 60, 240_001)


@given(thetas, weights, points)
def test_value_and_slope_are_those_of_the_appendix(theta, weight, x):
    h = Penalty.of(theta, weight)
    assert h.value(x) == pytest.approx(weight * regularizer(x, theta), rel=1e-9, abs=1e-9 * weight)
    off = x[x != 0]
    assert h.slope(off) == pytest.approx(weight * regularizer_gradient(off, theta), rel=1e-9, abs=1e-9 * weight)
    assert np.all(h.slope(np.zeros(1)) == weight * theta.b1)


@given(thetas)
def test_it_is_convex_exactly_where_the_slope_never_falls(theta):
    joint = theta.w1 * (theta.b2 - theta.b1)
    assume(joint == 0 or joint > 1e-6)
    sizes = np.array([0.01, 0.5, 0.99, 1.01, 2.0, 5.0]) * (joint or 1.0)
    rises = np.diff(regularizer_gradient(sizes, theta))
    falls = bool((rises < -1e-12 * (1 + theta.b2)).any())
    assume(abs(theta.w1 - 1) > 1e-6 or theta.w1 == 1)
    assert is_convex(theta) == (not falls)


def test_what_is_convex_by_name():
    assert is_convex(Theta.soft(0.5))
    assert is_convex(Theta(2.0, 1.0, 0.5, 0.5))  # no inner piece
    assert not is_convex(Theta.firm(0.5, 1.0))


@examples(200)
@given(thetas.filter(is_convex), weights, st.floats(-5, 5), st.floats(-5, 5))
def test_the_area_is_h_plus_its_conjugate_less_the_product(theta, weight, x, level):
    """h* by its definition, over a grid that reaches beyond the maximum."""
    h = Penalty.of(theta, weight)
    v = level * weight
    with np.errstate(all="ignore"):
        area = float(h.area(np.array([x]), np.array([v]))[0])
    heights = v * GRID - weight * regularizer(GRID, theta)
    if np.argmax(heights) in (0, len(GRID) - 1):
        assume(h.p2 > 1e-6 or abs(v) > h.s1)
        assert area > heights.max() + float(weight * regularizer(x, theta)) - x * v - 1e-9
        return
    expected = heights.max() + float(weight * regularizer(x, theta)) - x * v
    assert area >= 0
    assert area == pytest.approx(expected, abs=1e-4 * weight * (1 + 1 / min(theta[:2])))


def test_the_area_keeps_its_digits_next_to_0():
    """A difference of h, h* and the product would be rounding: they are 1e20 times as large."""
    h = Penalty.of(Theta(0.5, 0.5, 1.0, 1.0), 1.0)  # slope 1 + x
    x, off = np.array([3.0]), 2.0**-30
    assert h.area(x, np.array([4.0 + off])) == pytest.approx(off**2 / 2, rel=1e-12)
    assert h.area(x, np.array([4.0])) == 0.0
    assert h.area(-x, np.array([4.0])) == pytest.approx(2 * 12.0 + 0.0, rel=1e-15)


def test_beyond_the_largest_slope_the_conjugate_is_infinite():
    lasso = Penalty.of(Theta.soft(1.0), 2.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        areas = lasso.area(np.array([0.0, 3.0, 3.0, 0.0]), np.array([2.0, 2.0, 2.5, 1.0]))
    assert areas.tolist() == [0.0, 0.0, np.inf, 0.0]


@given(thetas, weights, points)
def test_the_minimiser_is_the_prox_of_the_appendix_where_that_exists(theta, weight, q):
    h = Penalty.of(theta, weight)
    curvature = max(1.0, 1.2 * weight * (theta.w1 - 1) / theta.w1)
    expected = prox(q / curvature, theta, weight / curvature)
    with np.errstate(all="ignore"):
        assert h.minimiser(q, curvature) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@examples(200)
@given(thetas, weights, st.floats(-20, 20), st.floats(0.05, 2))
def test_nothing_on_a_grid_is_below_the_minimiser_though_the_prox_jumps(theta, weight, q, curvature):
    with np.errstate(all="ignore"):
        found = Penalty.of(theta, weight).minimiser(np.array([q]), curvature)

    def cost(x):
        return curvature / 2 * x * x - q * x + weight * regularizer(x, theta)

    assert cost(found)[0] <= cost(GRID).min() + 1e-9 * (1 + abs(cost(found)[0]))


@given(thetas, weights, st.integers(-40, 40), st.integers(-40, 40), points)
def test_in_other_units_it_is_the_same_to_the_bit(theta, weight, d, y, x):
    h, of_d, of_y = Penalty.of(theta, weight), 2.0**d, 2.0**y
    scaled = h.in_units(of_d, of_y)
    assert np.array_equal(scaled.value(x * of_d / of_y) * of_y**2, h.value(x))
    assert np.array_equal(scaled.slope(x * of_d / of_y) * of_d * of_y, h.slope(x))


def test_it_vanishes_only_where_g_is_0():
    assert Penalty.of(Theta.soft(0.0), 3.0).vanishes()
    assert Penalty.of(Theta(0.5, 0.5, 1, 2), 0.0).vanishes()
    assert Penalty.of(Theta(0.5, 1.0, 0, 0), 1.0).vanishes()  # no inner piece
    for theta in (Theta.soft(1e-300), Theta(1, 0.5, 0, 1), Theta(0.5, 1, 0, 1)):
        assert not Penalty.of(theta, 1.0).vanishes()


def test_firm_thresholding_ends_flat_but_for_rounding():
    for b, c in ((0.1, 0.3), (0.2, 1.5), (1e-9, 3.3e-9)):
        h = Penalty.of(Theta.firm(b, c), 1.0)
        assert 0 <= h.s1 <= 4e-16 * c
        assert h.p2 == 0
    assert Penalty.of(Theta(2.0, 1.0, 0.25, 1.0), 1.0).s1 == -0.5  # (7) is broken: this one falls
