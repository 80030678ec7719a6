"""The certificates: never below the truth, 0 at the end, and not fooled by a point that is nearly right."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solver_oracles import least, objective, violation
from strategies import examples

from dsrl_ref import Theta
from dsrl_ref.solver import certificate
from dsrl_ref.solver.penalty import Penalty

CONVEX = [Theta.soft(0.4), Theta(0.8, 0.6, 0.2, 0.7), Theta(0.5, 1.0, 0.0, 0.4), Theta(1.0, 0.5, 0.0, 0.3)]


@pytest.fixture(autouse=True)
def _quiet():
    with np.errstate(all="ignore"):
        yield


def point(D, y, x):
    u = y - D @ x
    norms = np.linalg.norm(D, axis=0)
    terms = np.maximum(abs(D).T @ abs(y), abs(D).T @ abs(D @ x))[None]
    return certificate.Point(
        x[None], (D.T @ u)[None], np.array([np.linalg.norm(u)]), np.array([np.linalg.norm(y)]), norms, len(D), terms
    )


def penalty(theta, weight, n):
    return Penalty.of(Theta(*theta), weight).spread((1, n))


@examples(60)
@given(st.integers(0, 10**6), st.sampled_from(CONVEX), st.sampled_from([0.0, 1e-9, 1e-5, 0.1, 3.0]))
def test_no_gap_is_below_the_distance_to_the_least_of_all_stationary_points(seed, theta, size):
    rng = np.random.default_rng(seed)
    D, y = rng.normal(size=(4, 2)), rng.normal(size=4)
    x = size * rng.normal(size=2) * (rng.random(2) < 0.7)
    found = certificate.relative_gap(point(D, y, x), penalty(theta, 0.7, 2))[0]
    here = objective(D, y, theta, 0.7, x)
    assert found >= (here - least(D, y, theta, 0.7)) / here - 1e-15


@examples(100)
@given(st.integers(0, 10**6))
def test_for_the_lasso_it_is_the_textbook_gap_in_exact_arithmetic(seed):
    """Primal minus dual value in rationals, for data on a grid where v and u are exact."""
    rng = np.random.default_rng(seed)
    D, y = rng.integers(-4, 5, (5, 3)).astype(float), rng.integers(-8, 9, 5) / 4
    x = rng.integers(-2, 3, 3) / 8
    weight = Fraction(3, 4)
    u = [Fraction(y[i]) - sum(Fraction(D[i, j]) * Fraction(x[j]) for j in range(3)) for i in range(5)]
    v = [sum(Fraction(D[i, j]) * u[i] for i in range(5)) for j in range(3)]
    s = min([Fraction(1), *(weight / abs(each) for each in v if each)])
    primal = sum(each**2 for each in u) / 2 + weight * sum(abs(Fraction(each)) for each in x)
    dual = s * sum(a * Fraction(b) for a, b in zip(u, y, strict=True)) - s**2 * sum(each**2 for each in u) / 2
    found = certificate.relative_gap(point(D, y, x), penalty(Theta.soft(1.0), 0.75, 3))[0]
    exact = float((primal - dual) / primal) if primal else 0.0
    assert exact <= found <= exact * (1 + 1e-12) + 1e-12


def test_a_gap_is_not_hidden_by_what_cancels():
    """y is 1e8 times what D cannot explain: a gap as the difference of two objectives would be 1e-16·1e16."""
    D, y = np.array([[1.0], [0.0]]), np.array([1e8, 1.0])
    weight = 2.0**-10
    best = 1e8 - weight
    near = best + 1e-2
    h = penalty(Theta.soft(1.0), weight, 1)
    exact = (1e-2) ** 2 / 2 / (0.5 + weight * near)
    assert certificate.relative_gap(point(D, y, np.array([best])), h)[0] < 1e-11
    assert certificate.relative_gap(point(D, y, np.array([near])), h)[0] > 0.5 * exact


def test_what_rounding_may_hide_is_counted_against_the_point():
    """x is the minimum as far as floats tell, but v, 1.5, is a sum of products that could be off by 1e-7."""
    D, y, x = np.array([[1.0], [0.0]]), np.array([2.5, 1e8]), np.array([1.0])
    h = penalty(Theta(0.5, 0.5, 0.5, 0.5), 1.0, 1)  # slope 0.5 + x
    found = certificate.relative_gap(point(D, y, x), h)[0]
    assert found * 0.5e16 == pytest.approx(8 * 2.0**-53 * np.sqrt(2) * 1e8, rel=1e-6)


def test_rounding_counts_against_an_entry_that_is_0():
    """|v| is 0.5 and h's slope at 0 is 0.5 too, but v is a sum of products that could be off by 1e-7."""
    D, y, x = np.array([[1.0], [0.0]]), np.array([0.5, 1e8]), np.array([0.0])
    h = penalty(Theta.firm(0.5, 1.5), 1.0, 1)
    assert certificate.relative_violation(point(D, y, x), h)[0] > 1e-9


def test_an_objective_that_is_0_but_for_rounding_is_a_minimum_and_no_other():
    D, y = np.eye(2) * 3, np.array([0.3, 0.6])
    flat = penalty(Theta(1.0, 0.5, 0.0, 5.0), 1.0, 2)  # g is 0 up to 5
    assert certificate.relative_gap(point(D, y, np.array([0.1, 0.2])), flat)[0] == 0
    assert certificate.relative_gap(point(D, y, np.array([0.1, 0.2 + 1e-12])), flat)[0] > 0.1
    assert certificate.relative_gap(point(D, np.zeros(2), np.zeros(2)), flat)[0] == 0


def test_large_entries_that_cancel_do_not_make_an_objective_of_0():
    """Rounding is as large as what is left of y: nothing is known, and least of all that this is a minimum."""
    D, y, x = np.array([[1.0, -1.0], [1.0, -1.0]]), np.array([1.0, -1.0]), np.array([1e17, 1e17])
    for theta in (Theta(1.0, 0.5, 0.0, 1e18), Theta.soft(1e-40)):
        assert certificate.relative_gap(point(D, y, x), penalty(theta, 1.0, 2))[0] > 0.1


@pytest.mark.parametrize("size", [1e170, 1e300])
def test_what_overflows_is_not_certified(size):
    D, y, x = np.array([[1e5, 1.0], [0.0, 1.0]]), np.array([1.0, 2.0]), np.array([size, -size])
    assert certificate.relative_gap(point(D, y, x), penalty(CONVEX[1], 1.0, 2))[0] > 0.1
    for theta in (Theta.firm(0.2, 1.5), Theta(2.0, 0.5, 0.0, 1.0)):
        assert certificate.relative_violation(point(D, y, x), penalty(theta, 1.0, 2))[0] > 0.1


@examples(60)
@given(
    st.integers(0, 10**6), st.sampled_from([Theta.firm(0.2, 1.5), Theta(2.5, 1, 0.7, 1.0), Theta(0.8, 0.6, 0.2, 0.7)])
)
def test_the_violation_is_that_of_extended_precision(seed, theta):
    rng = np.random.default_rng(seed)
    D, y = rng.normal(size=(6, 4)), rng.normal(size=6)
    x = rng.normal(size=4) * (rng.random(4) < 0.6)
    found = certificate.relative_violation(point(D, y, x), penalty(theta, 0.3, 4))[0]
    assert found == pytest.approx(violation(D, y, theta, 0.3, x), rel=1e-12)


def test_without_a_slope_at_0_the_unit_is_the_largest_term_of_the_coordinate():
    D, y = np.array([[2.0, 0.0], [0.0, 1e-3]]), np.array([4.0, 3.0])
    h = penalty((1, 1, 0, 0), 0.0, 2)
    assert certificate.units(point(D, y, np.zeros(2)), h).tolist() == [[8.0, 3e-3]]
    assert certificate.units(point(D, y, np.array([-4.0, 6e3])), h).tolist() == [[16.0, 6e-3]]
    assert certificate.relative_violation(point(D, y, np.array([2.0, 3e3])), h)[0] < 1e-14
    assert certificate.relative_violation(point(D, y, np.array([2.0, 2e3])), h)[0] > 0.1  # small in absolute terms


def test_a_row_of_great_weight_does_not_hide_the_others():
    """By norms, ‖d_2‖·‖y‖ would be 1e9, and v_2, which is all that there is of y, nothing beside it."""
    D, y = np.array([[1e9, 1e9], [0.0, 1.0]]), np.array([0.0, 1.0])
    assert certificate.relative_violation(point(D, y, np.zeros(2)), penalty((1.5, 0.5, 0, 1), 1e-12, 2))[0] > 0.9


@examples(200)
@given(seed=st.integers(0, 10**6), size=st.integers(-16, 0), cancels=st.integers(0, 12))
def test_no_violation_is_below_the_exact_one(seed, size, cancels):
    """Of what cancels in u, for slopes at 0 as small as that: in rationals."""
    rng = np.random.default_rng(seed)
    D, x = rng.normal(size=(4, 3)), rng.normal(size=3) * (rng.random(3) < 0.7)
    y = D @ x + 10.0**-cancels * rng.normal(size=4)
    s0 = 10.0**size
    u = [Fraction(y[i]) - sum(Fraction(D[i, j]) * Fraction(x[j]) for j in range(3)) for i in range(4)]
    exact = Fraction(0)
    for j in range(3):
        v = sum(Fraction(D[i, j]) * u[i] for i in range(4))
        sign = int(np.sign(x[j]))
        exact = max(exact, abs(v - sign * Fraction(s0)) if sign else abs(v) - Fraction(s0))
    h = Penalty(s0, s0, 0.0, 0.0, 0.0).spread((1, 3))
    assert Fraction(certificate.relative_violation(point(D, y, x), h)[0]) >= exact / Fraction(s0)


def test_rows_do_not_mix():
    rng = np.random.default_rng(3)
    D, Y, X = rng.normal(size=(5, 4)), rng.normal(size=(3, 5)), rng.normal(size=(3, 4)) * (rng.random((3, 4)) < 0.5)
    Y[1] *= 1e9
    alone = [point(D, y, x) for y, x in zip(Y, X, strict=True)]
    fields = {
        name: np.concatenate([getattr(each, name) for each in alone])
        for name in ("X", "V", "u_norms", "y_norms", "terms")
    }
    together = certificate.Point(**fields, d_norms=alone[0].d_norms, rows=5)
    for theta in CONVEX:
        h = Penalty.of(theta, 0.4)
        gaps = certificate.relative_gap(together, h.spread((3, 4)))
        assert gaps == pytest.approx([certificate.relative_gap(each, h.spread((1, 4)))[0] for each in alone], rel=1e-13)
