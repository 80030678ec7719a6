"""Coordinates in which (7) is a box: both ways, their derivatives, and that the box is (7)."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, thetas

from dsrl_ref import Theta, shrink
from dsrl_ref.training.box import LEAST, MOST, Box, power_of_two

UNITS = Box(1.0, 1.0)


def between(low, high):
    return st.floats(low, high, allow_subnormal=False)


# Anywhere in the box, its faces included; β and σ such that no b2 or L leaves the usual range.
POINTS = st.tuples(*map(between, [*LEAST[:3], -12, -3], [*MOST[:3], 6, 1.5]))


@examples(500)
@given(st.lists(POINTS, min_size=1, max_size=3))
def test_condition_7_holds_everywhere_in_the_box(rows):
    theta, L = UNITS.parameters(np.array(rows))
    assert [Theta(*row).violations() for row in theta] == [()] * len(rows)
    assert (L > 0).all()


@examples(300)
@given(st.lists(POINTS, min_size=1, max_size=3))
def test_coordinates_come_back(rows):
    u = np.array(rows)
    assert UNITS.of(*UNITS.parameters(u)) == pytest.approx(u, rel=1e-12, abs=1e-12)


@examples(300)
@given(thetas(feasible=True), st.integers(-2, 3))
def test_every_theta_of_7_has_coordinates_in_the_box_of_the_same_shrinkage(theta, power):
    """Where b1 > 0.98·b2 they are of another Θ: ξ is the same up to b1, and from where the outer knot moved to."""
    theta = Theta(*map(float, theta))
    u = UNITS.of(np.array([theta]), np.array([2.0**power]))
    assert (u >= LEAST).all()
    assert (u <= MOST).all()
    (found,), L = UNITS.parameters(u)
    assert L[0] == pytest.approx(2.0**power, rel=1e-14)
    z = np.linspace(-4, 4, 65)
    outer = theta.b1 / MOST[2]
    if theta.b2 > 0 and theta.b1 > MOST[2] * theta.b2:
        z = np.concatenate([z[np.abs(z) <= theta.b1], z[np.abs(z) >= outer * (1 + 1e-12)]])
    if theta.w1 >= LEAST[0] / (1 - MOST[2]):  # else it is on the floor of the slopes
        assert shrink(z, found) == pytest.approx(shrink(z, theta), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("b", [0.5, 3.0])
def test_soft_thresholding_stays_soft_thresholding(b):
    ((w1, w2, b1, b2),), _ = UNITS.parameters(UNITS.of(np.array([[0.3, 1.0, b, b]]), np.ones(1)))
    assert (w1, w2, b1) == pytest.approx((1.0, 1.0, b), rel=1e-12)
    assert b2 == pytest.approx(b / 0.98, rel=1e-12)


def test_a_straight_line_stays_one():
    ((w1, w2, b1, b2),), _ = UNITS.parameters(UNITS.of(np.array([[0.3, 0.75, 0.0, 0.0]]), np.ones(1)))
    assert (w1, w2, b1) == (0.75, 0.75, 0.0)
    assert b2 == 1.0  # one unit: it has no effect


@pytest.mark.parametrize(
    ("theta", "coordinate"),
    [((1.5, 0.5, 0.25, 1.0), 0), ((0.5, 1.25, 0.25, 1.0), 1), ((1.5, 1.0, 1 / 3 - 1e-3, 1.0), 0)],
)
def test_what_breaks_7_is_on_or_beyond_a_face(theta, coordinate):
    """κ = w1·(b2 - b1)/b2 or w2 exceeds 1 exactly where `violations` says so; the coordinates stop at the face."""
    w1, w2, b1, b2 = theta
    assert max(w1 * (b2 - b1) / b2, w2) > 1
    assert Theta(*theta).violations() != ()
    assert UNITS.of(np.array([theta]), np.ones(1))[0, coordinate] == 1


@examples(200)
@given(st.tuples(*[st.integers(1, 8)] * 2, st.integers(0, 7)), st.integers(-4, 4), st.integers(-4, 4))
def test_the_parameters_are_those_of_the_definition_in_rationals(eighths, knot, step):
    kappa, w2, rho = (Fraction(k, 8) for k in eighths)
    units = Box(2.0**knot, 2.0**step)
    theta, L = units.parameters(np.array([[float(kappa), float(w2), float(rho), 0.0, 0.0]]))
    b2 = Fraction(2) ** knot
    expected = [kappa / (1 - rho), w2, rho * b2, b2]
    assert theta[0].tolist() == [float(value) for value in expected]
    assert kappa == expected[0] * (expected[3] - expected[2]) / expected[3]
    assert L.tolist() == [2.0**step]


@examples(200)
@given(st.lists(POINTS, min_size=1, max_size=3), st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_derivatives_are_those_of_complex_steps(rows, knot, L):
    """f(u + ih)/h has the derivative as its imaginary part, to rounding: nothing cancels."""
    units, u, h = Box(knot, L), np.array(rows), 1e-40
    jacobian = units.jacobian(u)
    for c in range(5):
        moved = u + 1j * h * np.eye(5)[c]
        theta, constants = units.parameters(moved)
        expected = np.column_stack([theta, constants]).imag / h
        assert jacobian[:, :, c] == pytest.approx(expected, rel=1e-12, abs=1e-30)


@pytest.mark.parametrize(("value", "power"), [(1.0, 1.0), (1.99, 1.0), (2.0, 2.0), (0.3, 0.25), (1e-300, 2.0**-997)])
def test_units_are_rounded_down_to_powers_of_two(value, power):
    assert power_of_two(value) == power
    assert (Box(value, 5.0).knot, Box(5.0, value).L) == (power, power)


def test_data_in_other_units_have_the_same_coordinates():
    theta, L = np.array([[0.9, 0.8, 0.3, 1.1], [1.0, 1.0, 0.7, 0.9]]), np.array([0.7, 3.0])
    u = Box(1.3, 2.5).of(theta, L)
    assert Box(1.3 * 64, 2.5 / 8).of(theta * [1, 1, 64, 64], L / 8).tobytes() == u.tobytes()
    there, constants = Box(1.3 * 64, 2.5 / 8).parameters(u)
    here, others = Box(1.3, 2.5).parameters(u)
    assert (there / [1, 1, 64, 64]).tobytes() == here.tobytes()
    assert (constants * 8).tobytes() == others.tobytes()


@pytest.mark.parametrize("farther", [1e5, 1e12, 1e300])
def test_an_outer_knot_beyond_the_box_moves_in_and_leaves_the_threshold(farther):
    """A soft threshold, as people write it: b2 so far out that no entry comes there."""
    units = Box(1.0, 1.0)
    theta, _ = units.parameters(units.of(np.array([[1.0, 1.0, 0.2, farther]]), np.ones(1)))
    w1, _, b1, b2 = theta[0]
    assert (w1, b1) == pytest.approx((1.0, 0.2), rel=1e-9)
    assert b2 == pytest.approx(np.exp(MOST[3]))
    above = units.parameters(units.of(np.array([[1.0, 1.0, 1e6, 1e12]]), np.ones(1)))[0][0]
    assert above[2] <= above[3]


def test_the_least_step_constant_bounds_every_layer():
    units = Box(1.0, 5.7, least_L=5.7 / 2)
    _, L = units.parameters(units.of(np.tile([0.9, 0.8, 0.3, 1.1], (3, 1)), np.array([0.1, 4.0, 100.0])))
    assert L.tolist() == pytest.approx([5.7 / 2, 4.0, 100.0])
    assert (units.most[:4] == MOST[:4]).all()
