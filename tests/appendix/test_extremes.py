"""Numbers of any size: the digits that float64 has are kept, and what overflows is refused by name."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import Fidelity, Objective, Theta, regularizer, regularizer_gradient
from dsrl_ref.appendix.theta import nonnegative_at_joint, projection_jacobian

UNIT = Fraction(1, 2**53)
SIZES = st.floats(-40, 40).map(lambda power: 2.0**power)
NEAR_ONE = st.floats(-40, 0).map(lambda power: 1 - 2.0**power / 2)
ANY = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(5e-324, 1.7e308)


@st.composite
def sized_thetas(draw, slopes=None):
    slopes = st.one_of(SIZES, NEAR_ONE) if slopes is None else slopes
    b1 = draw(st.one_of(st.just(0.0), SIZES))
    return Theta(draw(slopes), draw(slopes), b1, b1 + draw(st.one_of(st.just(0.0), SIZES)))


def wild_thetas():
    knots = st.tuples(ANY.map(abs), ANY.map(abs)).map(sorted)
    return st.builds(lambda w1, w2, b: Theta(w1, w2, *b), POSITIVE, POSITIVE, knots)


def answered(function, *arguments):
    """What a function returns with no message, or None with the message of its refusal."""
    try:
        return function(*arguments), ""
    except ValueError as error:
        return None, str(error)


def test_scaling_by_a_large_multiple_keeps_the_digits():
    assert Theta.soft(0.5).scaled(2.0**53 + 2) == (1, 1, 2.0**52 + 1, 2.0**52 + 1)
    assert Theta.soft(0.5).scaled(1e17) == (1, 1, 5e16, 5e16)


@given(sized_thetas(), SIZES)
def test_scaling_loses_no_more_than_its_own_cancellation(theta, t):
    exact, multiple = tuple(map(Fraction, theta)), Fraction(t)
    scales = [w + multiple * (1 - w) for w in exact[:2]]
    sizes = [w + multiple * abs(1 - w) for w in exact[:2]]
    if min(scales[i] - 8 * UNIT * sizes[i] for i in (0, 1)) <= 0:  # nothing but rounding is left: either is right
        scaled, refusal = answered(theta.scaled, t)
        assert scaled is not None or "is too large for" in refusal
        return
    scaled, right = theta.scaled(t), naive.scaled(exact, multiple)
    for i in (0, 1):
        slack = 8 * UNIT * sizes[i] / (scales[i] - 8 * UNIT * sizes[i])
        assert abs(Fraction(scaled[i]) - right[i]) <= (slack + 8 * UNIT) * right[i]
    assert abs(Fraction(scaled.b1) - right[2]) <= 2 * UNIT * right[2]
    rise = exact[3] - exact[2]
    assert abs(Fraction(scaled.b2) - right[3]) <= 8 * UNIT * (multiple * exact[2] + (sizes[0] + scales[0]) * rise)


@given(wild_thetas(), ANY.map(abs))
def test_scaling_gives_a_theta_or_names_t(theta, t):
    scaled, refusal = answered(theta.scaled, t)
    assert isinstance(scaled, Theta) or f"t = {t} is too large for" in refusal


def g_and_slope(x, theta):
    """The rationals of (1) and (4), and the sizes of what is added up: its error is a few units of them."""
    w1, w2, b1, b2 = exact = tuple(map(Fraction, theta))
    size, joint = abs(Fraction(x)), w1 * (b2 - b1)
    beyond = max(size - joint, Fraction(0))
    inside = min(size, joint)
    sizes = inside * (b1 + inside / w1 + inside) + beyond * (b2 + joint + beyond / w2 + beyond + (size + joint) / w2)
    slopes = b1 + size + inside / w1 + b2 + (size + joint) / w2 * (beyond > 0 or size == joint)
    return naive.regularizer(Fraction(x), exact), naive.regularizer_gradient(Fraction(x), exact), sizes, slopes


@given(sized_thetas(), st.one_of(SIZES, st.floats(-3, -0.001)), st.booleans())
def test_g_and_its_slope_are_right_to_a_few_units_of_what_they_add_up(theta, x, near_joint):
    if near_joint:
        x = theta.w1 * (theta.b2 - theta.b1) * (1 + x * 2.0**-30)
    g, slope, sizes, slopes = g_and_slope(x, theta)
    assert abs(Fraction(float(regularizer(x, theta))) - g) <= 16 * UNIT * sizes
    got = Fraction(float(regularizer_gradient(x, theta)))
    joint = Fraction(theta.w1) * (Fraction(theta.b2) - Fraction(theta.b1))
    crossing = (
        abs(abs(Fraction(x)) - joint) <= 4 * UNIT * joint
    )  # the slope is continuous, to the rounding of the joint
    assert abs(got - slope) <= 16 * UNIT * (slopes + (joint / Fraction(theta.w2) if crossing else 0))


def test_g_keeps_its_digits_at_the_joint_where_w2_is_tiny():
    theta = Theta(1.0, 1e-12, 0.25, 1.25)
    assert float(regularizer(1.0, theta)) == 0.25  # (1/w2) times a cancelled square would lose 1e-4


@given(wild_thetas(), ANY)
def test_g_and_its_slope_are_numbers_or_refused(theta, x):
    for function, name in ((regularizer, "g"), (regularizer_gradient, "∇g")):
        value, refusal = answered(function, x, theta)
        assert np.isfinite(value) if value is not None else f"{name}(" in refusal and "overflows float64" in refusal


def test_g_of_extreme_parameters_is_what_it_is():
    assert regularizer([1.0], (1, 1, 0, 1e200)).tolist() == [0.0]
    assert regularizer([0.0], (1e-310, 1, 0, 1)).tolist() == [0.0]
    assert nonnegative_at_joint(Theta(1, 1, 0, 1e200)) == 0.0
    assert np.isfinite(projection_jacobian([1e200, 1.0, 0.0, 1.0])).all()


@examples(200)
@given(POSITIVE, st.sampled_from(["tensor", "tangent", "adjoint"]))
def test_any_step_constant_gives_numbers_or_is_refused_by_name(L, method):
    J = Objective(Fidelity([[1.0, 0.25]]), [[0.5, 0.0]], layers=2, x0=[[0.0, 1.0]], method=method)
    answer, refusal = answered(J, (1, 0.5, 0.25, 0.5), L)
    assert np.isfinite([answer[0], *answer[1]]).all() if answer else "overflows" in refusal or "layer" in refusal


@pytest.mark.parametrize("L", [1.4e154, 1e300])
@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint"])
def test_a_huge_step_constant_is_no_error(L, method):
    J = Objective(Fidelity([[1.0]]), [[0.5]], layers=1, x0=[[0.0]], method=method)
    loss, gradient = J((1, 1, 0, 0), L)
    assert loss == 0.125
    assert gradient == pytest.approx((0, -0.5 / L, 0.5, 0, 0.5 / L / L), rel=1e-14)
