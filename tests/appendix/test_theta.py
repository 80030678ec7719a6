"""Θ: what makes one, condition (7), the projection onto it and its Jacobian."""

import copy
import pickle
from fractions import Fraction
from math import inf, nan, ulp

import naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import examples, thetas

from dsrl_ref import Theta
from dsrl_ref.appendix.theta import (
    as_theta,
    as_thetas,
    claimed_chain,
    nonnegative_at_joint,
    projection_jacobian,
    simplified_condition,
    slope_at_joint,
)
from dsrl_ref.errors import DSRLError, InfeasibleThetaError

four = st.tuples(*[st.floats(-5, 5)] * 4)


def test_unpacks_to_four_floats_and_cannot_change():
    theta = Theta(1, 0.5, 0.25, 1)
    assert [type(value) for value in theta] == [float] * 4
    with pytest.raises(AttributeError, match="can't set attribute"):
        theta.w1 = 2
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        theta.other = 2


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t)), as_theta])
def test_copies_are_equal_and_still_thetas(make):
    theta = Theta(1, 0.5, 0.25, 1)
    assert make(theta) == theta
    assert type(make(theta)) is Theta


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 1, 0, 1), "w1 must be positive, got 0.0"),
        ((1, -1, 0, 1), "w2 must be positive, got -1.0"),
        ((1, 1, -0.5, 1), "b1 must not be negative, got -0.5"),
        ((1, 1, 1, 0.5), "b2 must be at least b1, got b1 = 1.0, b2 = 0.5"),
        ((nan, 1, 0, 1), "w1 contains NaN"),
        ((1, inf, 0, 1), "w2 contains infinity"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda v: Theta(*v),
        Theta._make,
        lambda v: Theta(1, 1, 1, 1)._replace(**dict(zip(Theta._fields, v, strict=True))),
        as_theta,
    ],
)
def test_infeasible_numbers_are_refused_however_made(make, values, message):
    with pytest.raises(InfeasibleThetaError, match=message):
        make(values)


def test_the_refusal_is_a_value_error_and_the_packages_own():
    assert issubclass(InfeasibleThetaError, ValueError)
    assert issubclass(InfeasibleThetaError, DSRLError)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ((1, 1, 1), ValueError, "theta must be four numbers w1, w2, b1, b2, got 3"),
        ((1, 1, 1, 1, 1), ValueError, "got 5"),
        ({"w1": 1}, TypeError, "got a dict"),
        ("1111", TypeError, "got a str"),
        (3, TypeError, "got 3"),
        ((1, 1, "1", 1), TypeError, "b1 must be numeric, got '1'"),
        ((1, 1, 1j, 1), ValueError, "b1: Complex data not supported"),
        ((1, 1, [1, 2], 1), TypeError, r"b1 must be one number, got an array of shape \(2,\)"),
    ],
)
def test_what_is_no_sequence_of_four_numbers_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        as_theta(value)


def test_any_sequence_of_four_numbers_will_do():
    expected = Theta(1, 1, 0, 1)
    for value in (
        [1, 1, 0, 1],
        np.array([1.0, 1, 0, 1]),
        (Fraction(1), np.float32(1), False, np.int8(1)),
        iter((1, 1, 0, 1)),
    ):
        assert as_theta(value) == expected
    assert np.array_equal(np.array(expected), [1, 1, 0, 1])


ROWS = [[1, 0.5, 0.25, 1], [0.75, 1, 0, 0.5]]


@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        tuple(map(tuple, ROWS)),
        np.array(ROWS),
        [Theta(*row) for row in ROWS],
        [np.array(ROWS[0]), tuple(ROWS[1])],
        (row for row in ROWS),
    ],
)
def test_a_theta_a_layer_comes_in_the_order_of_the_layers(value):
    found = as_thetas(value, 2)
    assert found == (Theta(1, 0.5, 0.25, 1), Theta(0.75, 1, 0, 0.5))
    assert all(type(theta) is Theta for theta in found)


@pytest.mark.parametrize("value", [Theta(1, 0.5, 0.25, 1), ROWS[0], np.array(ROWS[0]), iter(ROWS[0])])
def test_one_theta_is_that_of_every_layer(value):
    assert as_thetas(value, 3) == (Theta(1, 0.5, 0.25, 1),) * 3


def test_four_layers_are_not_taken_for_four_numbers():
    assert as_thetas([(1, 1, 0, k) for k in range(4)], 4) == tuple(Theta(1, 1, 0, k) for k in range(4))


@pytest.mark.parametrize("value", [(), np.zeros((0, 4)), Theta.soft(1.0)])
def test_no_layer_has_no_theta(value):
    assert as_thetas(value, 0) == ()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([*ROWS, [1, -1, 0, 1]], InfeasibleThetaError, r"layer 3: w2 must be positive, got -1\.0"),
        ([ROWS[0], [1, 1, 1, 0.5], ROWS[1]], InfeasibleThetaError, r"layer 2: b2 must be at least b1, got b1 = 1\.0"),
        ([[1, 1, np.nan, 1], *ROWS], InfeasibleThetaError, "layer 1: b1 contains NaN"),
        ([*ROWS, [1, 1, 1]], InfeasibleThetaError, "layer 3: theta must be four numbers .*got 3"),
        ([*ROWS, [1, 1, "1", 1]], TypeError, "layer 3: b1 must be numeric, got '1'"),
        (ROWS, ValueError, "theta holds 2 rows, but there are 3 layers; pass one Θ a layer, or one Θ"),
        ([*ROWS, *ROWS], ValueError, "theta holds 4 rows, but there are 3 layers"),
        ((), ValueError, "theta holds 0 rows, but there are 3 layers"),
        ([*ROWS, 1.0], ValueError, "theta must be four numbers w1, w2, b1, b2, got 3"),
        ([1, 1, [1, 2], 1], TypeError, r"b1 must be one number, got an array of shape \(2,\)"),
        (np.ones((3, 4, 1)), TypeError, r"layer 1: w1 must be one number, got an array of shape \(1,\)"),
        ("1111", TypeError, "got a str"),
        ({"w1": 1}, TypeError, "got a dict"),
        (3, TypeError, "got 3"),
    ],
)
def test_what_is_no_theta_a_layer_is_refused_with_its_layer(value, error, message):
    with pytest.raises(error, match=message):
        as_thetas(value, 3)


def test_named_thetas():
    assert Theta.soft(0.5) == Theta(1, 1, 0.5, 0.5)
    assert Theta.firm(0.5, 1.5) == Theta(1.5, 1, 0.5, 1.5)
    with pytest.raises(ValueError, match=r"c must be greater than b, got b = 1\.0, c = 1\.0"):
        Theta.firm(1, 1)


@examples(150)
@given(thetas())
def test_violations_decide_like_the_rationals(theta):
    assert naive.holds_7(theta) == (not Theta(*map(float, theta)).violations())


def test_rounding_of_four_units_is_forgiven():
    theta = Theta(1.3, 1, (1.3 - 1) / 1.3 * 1.7, 1.7)
    assert not theta.violations()
    assert not theta._replace(b1=theta.b1 - 3 * ulp(1.7)).violations()
    assert theta._replace(b1=theta.b1 - 9 * ulp(1.7)).violations()


@examples(150)
@given(thetas())
def test_conditions_2_3_5_and_6_are_what_they_say(theta):
    w1, _, b1, b2 = theta
    at = Theta(*map(float, theta))
    joint = w1 * (b2 - b1)
    inner = joint**2 * (1 / w1 - 1) / 2 + b1 * joint
    assert nonnegative_at_joint(at) == pytest.approx(float(inner), rel=1e-12, abs=1e-12)
    assert simplified_condition(at) == (w1 - 1) * b2 - (w1 + 1) * b1
    assert slope_at_joint(at) == b2 - joint
    assert claimed_chain(at) == pytest.approx((float((w1 - 1) / w1 * b2), float((w1 - 1) / (w1 + 1) * b2)))


@examples(150)
@given(four)
def test_projection_is_feasible_and_idempotent(values):
    theta = Theta.projected(values)
    assert not theta.violations()
    assert theta.project() == theta
    assert theta.w1 == max(values[0], 1e-4)
    assert theta.w2 == min(max(values[1], 1e-4), 1)


@examples(150)
@given(thetas(feasible=True))
def test_projection_leaves_feasible_points_alone(theta):
    at = Theta(*map(float, theta))
    assert at.project() == at


@examples(150)
@given(four, st.floats(0, 1), st.floats(0, 5))
def test_projection_is_the_nearest_point_of_the_cone(values, share, b2):
    theta = Theta.projected(values)
    least = max(0.0, (theta.w1 - 1) / theta.w1)
    other = np.array([b2 * (least + share * (1 - least)), b2])
    given_b, found = np.array(values[2:]), np.array(theta[2:])
    assert np.linalg.norm(found - given_b) <= np.linalg.norm(other - given_b) + 1e-12


def test_projection_of_huge_numbers_is_finite():
    assert all(np.isfinite(Theta.projected([1.7e308, 1, 1.7e308, -1.7e308])))
    assert Theta.projected([1, 1, 1.7e308, 1.6e308]).b1 == pytest.approx(1.65e308)


@examples(150)
@given(four)
def test_jacobian_of_the_projection_is_that_of_differences(values):
    w1, w2, b1, b2 = values
    least = max(0.0, (max(w1, 1e-4) - 1) / max(w1, 1e-4))
    edges = [w1 - 1e-4, w1 - 1, w2 - 1e-4, w2 - 1, b1 - b2, b1 - least * b2, b1 + b2, least * b1 + b2, b2]
    assume(min(map(abs, edges)) > 1e-3)
    h = 2.0**-20
    for column in range(4):
        plus, minus = (np.array(values), np.array(values))
        plus[column] += h
        minus[column] -= h
        difference = (np.array(Theta.projected(plus)) - np.array(Theta.projected(minus))) / (2 * h)
        assert projection_jacobian(values)[:, column] == pytest.approx(difference, abs=1e-6)


def test_jacobian_on_a_boundary_is_that_of_the_feasible_side():
    for values in ([1e-4, 1e-4, 0, 1], [2, 1, 0.5, 1], [1, 0.5, 1, 1], [0.5, 1, 0, 0]):
        assert np.array_equal(projection_jacobian(values), np.eye(4))
    assert not projection_jacobian([1, 1, -1, -2])[2:].any()


def test_scaling_range():
    theta = Theta(1.5, 0.5, 0.25, 1)
    assert theta.scaled(1) == theta
    assert theta.scaled(0) == Theta(1, 1, 0, 1.125)
    with pytest.raises(ValueError, match="t must not be negative, got -1"):
        theta.scaled(-1)
    with pytest.raises(ValueError, match=r"only for t < 3\.0"):
        theta.scaled(3)
    assert theta.scaled(2.999).w1 > 400
