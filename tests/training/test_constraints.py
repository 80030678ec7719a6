"""Steps within (7): the constraints are its rules, and the minimum under them is that of all active sets."""

import numpy as np
import pytest
from active_sets import least_by_enumeration
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref.training.constraints import constrained_minimum, constraints, feasible


def test_feasible_is_the_projection_and_an_L_above_0_in_any_unit():
    assert feasible(np.array([2.0, 1.5, 0.0, 1.0, 3.0])).tolist() == [2, 1, 0.4, 0.8, 3]
    assert feasible(np.array([2.0, 1.5, 0.0, 1.0, 3e-200]))[4] == 3e-200
    assert 0 < feasible(np.array([2.0, 1.5, 0.0, 1.0, -3.0]))[4] < 1e-300


def rules_of_7(values, L_before=0.0):
    """What must not be negative, in their order; b1's bound, for w1 below 1 by its tangent at 1."""
    w1, w2, b1, b2, L = values
    bound = 1 - 1 / w1 if w1 >= 1 else w1 - 1
    return np.array([w1 - 1e-4, w2 - 1e-4, 1 - w2, b1, b2 - b1, b1 - bound * b2, L - 1e-3 * L_before])


@examples(200)
@given(st.integers(0, 2**32 - 1))
def test_constraints_are_the_rules_of_7_and_their_derivatives(seed):
    values = feasible(2 * np.random.default_rng(seed).normal(size=5))
    rows, slack = constraints(values)
    assert (slack >= 0).all()
    assert slack == pytest.approx(np.maximum(rules_of_7(values, values[4]), 0), abs=1e-12)
    side = 1 if values[0] >= 1 else -1  # the tangent of the side where w1 is
    for k, h in enumerate(side * 2.0**-26 * np.eye(5)):
        slope = (rules_of_7(values + h) - rules_of_7(values)) / h[k]
        assert rows[:, k] == pytest.approx(slope, abs=1e-6 * (1 + np.abs(values).max()))


def test_rounding_makes_no_slack_negative_at_the_edge():
    at_the_edge = [feasible(np.array([w1, 0.5, 0.0, 1.0, 1.0])) for w1 in np.linspace(1.1, 3, 200)]
    assert min(rules_of_7(values).min() for values in at_the_edge) < 0  # so that it would be seen
    assert min(constraints(values)[1].min() for values in at_the_edge) == 0


@examples(200)
@given(st.integers(0, 2**32 - 1))
def test_the_tangent_of_the_curved_bound_is_never_below_it(seed):
    rng = np.random.default_rng(seed)
    values = feasible(3 * rng.normal(size=5))
    rows, slack = constraints(values)
    for w1 in (*rng.uniform(1e-4, 10, 20), max(values[0], 1.0)):
        moved = values + [w1 - values[0], 0, 0, 0, 0]  # noqa: RUF005  # a sum
        curved = moved[2] - (1 - 1 / w1) * moved[3]
        tangent = rows[5] @ (moved - values) + slack[5]
        assert tangent <= curved + 1e-9 * (1 + abs(curved))
    assert tangent == pytest.approx(curved, abs=1e-9)  # where it touches


@examples(40)
@given(st.integers(0, 2**32 - 1))
def test_the_constrained_minimum_is_that_of_all_active_sets(seed):
    rng = np.random.default_rng(seed)
    root, gradient = rng.normal(size=(5, 5)), 3 * rng.normal(size=5)
    matrix = root @ root.T + 0.1 * np.eye(5)
    rows, slack = constraints(feasible(2 * rng.normal(size=5)))
    step = constrained_minimum(matrix, gradient, rows, slack)
    assert (rows @ step + slack >= -1e-8).all()
    assert step == pytest.approx(least_by_enumeration(matrix, gradient, rows, slack), rel=1e-5, abs=1e-6)
