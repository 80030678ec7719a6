"""Numbers of any size: the digits that float64 has are kept, and what overflows is refused by name."""

import math
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


@st.composite
def slopes_and_multiples(draw):
    """Any two slopes, and a t: of any size, next to 0 and 1, and the last below the end of the range of a slope."""
    any_slope = st.floats(-300, 300).map(lambda power: 10.0**power)
    slopes = [draw(st.one_of(any_slope, SIZES, NEAR_ONE, NEAR_ONE.map(lambda w: 2 - w))) for _ in range(2)]
    beside_one = st.integers(-(2**20), 2**20).map(lambda k: 1 + k * 2.0**-53)
    t = draw(st.one_of(st.floats(0, 1e17), st.floats(0, 1), SIZES, NEAR_ONE, beside_one, st.just(0.0)))
    steep = [w for w in slopes if w > 1]
    if steep and draw(st.booleans()):
        limit = min(Fraction(w) / (Fraction(w) - 1) for w in steep)
        t = float(limit) * (1 - draw(st.sampled_from([0, 2.0**-53, 2.0**-40, 0.5])))
        while Fraction(t) >= limit:
            t = math.nextafter(t, 0)
    return slopes, t


@examples(200)
@given(slopes_and_multiples(), st.one_of(st.just(0.0), SIZES), st.one_of(st.just(0.0), SIZES))
def test_scaling_is_right_to_a_few_units_in_the_last_place(drawn, b1, rise):
    (w1, w2), t = drawn
    theta = Theta(w1, w2, b1, b1 + rise)
    exact, multiple = tuple(map(Fraction, theta)), Fraction(t)
    if min(w + multiple * (1 - w) for w in exact[:2]) <= 0:
        with pytest.raises(ValueError, match=r"is too large for w[12] = .*: t\*g has a prox only for t < "):
            theta.scaled(t)
        return
    for got, right in zip(theta.scaled(t), naive.scaled(exact, multiple), strict=True):
        assert abs(Fraction(got) - right) <= 4 * Fraction(math.ulp(float(right)))


@examples(200)
@given(wild_thetas())
def test_once_g_is_g(theta):
    assert theta.scaled(1.0) == theta


@examples(200)
@given(sized_thetas())
def test_g_taken_no_times_is_zero(theta):
    assert theta.scaled(0.0)[:3] == (1, 1, 0)
    assert regularizer(0.5, theta.scaled(0.0)) == 0


@pytest.mark.parametrize(
    ("w", "t"),
    [
        (1e6, 1 - 2.0**-40),
        (27565.07, 0.9999999999999716),
        (5e95, 0.9999999981),
        (0.999999, 1e12),
        (1 + 2.0**-52, 2.0**52),
    ],
)
def test_scaling_where_one_form_or_the_other_cancels(w, t):
    right = Fraction(w) / (Fraction(w) + Fraction(t) * (1 - Fraction(w)))
    assert Theta(w, 1, 0.25, 1).scaled(t).w1 == pytest.approx(float(right), rel=4e-16)


@pytest.mark.parametrize(
    ("w", "t", "limit"),
    [(1e17, 1 + 2.0**-52, r"1 \+ 1e-17"), (2.0**53 + 2, 2.0, r"1 \+ 1\.1102"), (1.5, 3.0, r"3\.0")],
)
def test_the_end_of_the_range_is_told_from_one(w, t, limit):
    with pytest.raises(ValueError, match=rf"t = .* is too large for w1 = .*: t\*g has a prox only for t < {limit}"):
        Theta(w, 1, 0.25, 1).scaled(t)


@given(wild_thetas(), ANY.map(abs))
def test_scaling_gives_a_theta_or_names_t(theta, t):
    scaled, refusal = answered(theta.scaled, t)
    assert isinstance(scaled, Theta) or (f"t = {t}" in refusal and "too large for" in refusal)


def g_and_slope(x, theta):
    """The rationals of (1) and (4), and what they add up with absolute values, as the docstrings of both say it.

    A term of the slope errs by its own digits, and x - joint by those of x.
    """
    w1, w2, b1, b2 = exact = tuple(map(Fraction, theta))
    size, rise, joint = abs(Fraction(x)), b2 - b1, w1 * (b2 - b1)
    if size >= joint * (1 - 4 * UNIT):  # the slope is continuous: next to the joint either piece is right
        bend = b1 + abs(1 - w1) * rise
        slopes = bend + abs(1 / w2 - 1) * size
        sizes = size * (bend + abs(1 / w2 - 1) * max(size - joint, 8 * UNIT * joint))
    else:
        slopes = b1 + abs(1 / w1 - 1) * size
        sizes = size * slopes
    return naive.regularizer(Fraction(x), exact), naive.regularizer_gradient(Fraction(x), exact), sizes, slopes


NEXT_TO_ONE = st.one_of(SIZES, NEAR_ONE, NEAR_ONE.map(lambda w: 2 - w))


@given(sized_thetas(NEXT_TO_ONE), st.one_of(SIZES, st.floats(-3, -0.001)), st.booleans())
def test_g_and_its_slope_are_right_to_a_few_units_of_what_they_add_up(theta, x, near_joint):
    if near_joint:
        x = theta.w1 * (theta.b2 - theta.b1) * (1 + x * 2.0**-30)
    g, slope, sizes, slopes = g_and_slope(x, theta)
    assert abs(Fraction(float(regularizer(x, theta))) - g) <= 8 * UNIT * sizes
    assert abs(Fraction(float(regularizer_gradient(x, theta))) - slope) <= 8 * UNIT * slopes


def test_g_keeps_its_digits_where_a_slope_is_next_to_one():
    theta = (0.008525699043735586, 1.0000000018626451, 0, 0)
    x, w2 = Fraction(0.2523033299603893), Fraction(theta[1])
    assert float(regularizer(float(x), theta)) == pytest.approx(float(x * x * (1 / w2 - 1) / 2), rel=1e-15)
    assert float(regularizer_gradient(float(x), theta)) == pytest.approx(float(x * (1 / w2 - 1)), rel=1e-15)


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
