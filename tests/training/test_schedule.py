"""Families of networks: what their numbers mean, and their derivatives."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref.training import box
from dsrl_ref.training.schedule import Apart, Schedule

NUMBERS = np.array([0.9, 0.8, 0.5, 0.3, -1.0, -3.0, 0.5])
INSIDE = st.tuples(
    *(st.floats(low, high) for low, high in zip([0.1, 0.1, 0, -5, -4, -9, -3], [1, 1, 0.98, 3, 1, 3, 1.5], strict=True))
)


def test_knots_fall_to_a_floor_and_all_else_is_the_same():
    u = Schedule(6).coordinates(NUMBERS)
    assert u[:, [0, 1, 2, 4]].tolist() == [[0.9, 0.8, 0.5, 0.5]] * 6
    ratio = math.exp(-math.exp(-1.0))
    expected = [math.exp(0.3) * ratio**i + math.exp(-3.0) for i in range(6)]
    assert np.exp(u[:, 3]) == pytest.approx(expected, rel=1e-13)


def test_a_network_that_shares_its_parameters_is_one_of_the_family():
    u = Schedule(5).coordinates(np.array([0.9, 0.8, 0.5, -20.0, -1.0, 2.0, 0.5]))
    assert np.ptp(u, axis=0).max() < 1e-8


@examples(100)
@given(INSIDE, st.integers(1, 20))
def test_the_derivatives_are_those_of_differences(numbers, layers):
    family, numbers, h = Schedule(layers), np.array(numbers), 1e-5
    jacobian = family.jacobian(numbers)
    for c, step in enumerate(h * np.eye(7)):
        difference = (family.coordinates(numbers + step) - family.coordinates(numbers - step)) / (2 * h)
        assert jacobian[:, :, c] == pytest.approx(difference, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("family", [Schedule(3), Apart(3)])
@pytest.mark.parametrize("at", ["lower", "upper"])
def test_within_their_bounds_the_coordinates_are_in_the_box(family, at):
    u = family.coordinates(getattr(family, at))
    assert u.shape == (3, 5)
    assert (u >= box.LEAST).all()
    assert (u <= box.MOST).all()


def test_apart_every_layer_has_its_own():
    numbers = np.arange(10.0)
    assert Apart(2).coordinates(numbers).tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    jacobian = Apart(2).jacobian(numbers)
    assert jacobian.shape == (2, 5, 10)
    assert (jacobian @ numbers).tolist() == Apart(2).coordinates(numbers).tolist()
    assert jacobian.sum() == 10
    assert Apart(2).lower.tolist() == [*box.LEAST] * 2
    assert Apart(2).upper.tolist() == [*box.MOST] * 2
