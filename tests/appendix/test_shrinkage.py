"""ξ and its regions. On the dyadic grid float64 is exact, so that every property is asserted with ==."""

from fractions import Fraction
from math import inf, nan, nextafter, ulp

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from strategies import POWERS, dyadic, examples, theta_and_value, thetas, values

from dsrl_ref import Theta, region, shrink
from dsrl_ref.appendix.shrinkage import count_ties

reals = st.floats(-1e6, 1e6)


def xi(z, theta):
    return Fraction(float(shrink(float(z), [float(p) for p in theta])))


@examples(150)
@given(theta_and_value())
def test_equals_the_rationals(drawn):
    theta, z = drawn
    assert xi(z, theta) == naive.xi(z, theta)
    assert region(float(z), [float(p) for p in theta]) == naive.region(z, theta)


@examples(150)
@given(theta_and_value())
def test_odd(drawn):
    theta, z = drawn
    assert xi(-z, theta) == -xi(z, theta)


@examples(150)
@given(st.data(), thetas())
def test_monotone_and_lipschitz_and_cocoercive(data, theta):
    """With w = max(w1, w2): 0 <= Δξ·Δz, |Δξ| <= w·|Δz| and Δξ² <= w·Δξ·Δz."""
    z, y = data.draw(values(theta)), data.draw(values(theta))
    rise, run, steepest = xi(z, theta) - xi(y, theta), z - y, max(theta[:2])
    assert rise * run >= 0
    assert abs(rise) <= steepest * abs(run)
    assert rise * run * steepest >= rise**2


@examples(150)
@given(theta_and_value())
def test_zero_exactly_up_to_b1_and_the_sign_is_kept(drawn):
    theta, z = drawn
    assert (xi(z, theta) == 0) == (abs(z) <= theta[2])
    assert xi(z, theta) * z >= 0


@examples(150)
@given(theta_and_value(feasible=True))
def test_never_expands_under_7(drawn):
    theta, z = drawn
    assert not Theta(*map(float, theta)).violations()
    assert abs(xi(z, theta)) <= abs(z)


@examples(150)
@given(st.tuples(*[st.floats(-2, 4)] * 4), reals)
def test_never_expands_beyond_rounding_on_the_edge_of_7(numbers, z):
    """|ξ(z)| <= |z|, but for four units in the last place, which `violations` forgives too."""
    theta = Theta.projected(numbers)
    for at in (z, z / 1e6, theta.b1, theta.b2, -theta.b2):
        assert abs(shrink(at, theta)) <= abs(at) + 4 * ulp(at)


@examples(150)
@given(theta_and_value(), POWERS)
def test_scales_with_the_knots(drawn, c):
    """ξ(c·z; c·b1, c·b2) = c·ξ(z; b1, b2)."""
    (w1, w2, b1, b2), z = drawn
    assert xi(c * z, (w1, w2, c * b1, c * b2)) == c * xi(z, (w1, w2, b1, b2))


@examples(150)
@given(theta_and_value(), dyadic(0, 2).filter(bool), dyadic(0, 2).filter(bool))
def test_linear_in_the_slopes(drawn, v1, v2):
    (w1, w2, b1, b2), z = drawn
    both = xi(z, (w1 + v1, w2 + v2, b1, b2))
    assert both == xi(z, (w1, w2, b1, b2)) + xi(z, (v1, v2, b1, b2))


@examples(150)
@given(dyadic(0, 2), dyadic(-4, 4))
def test_soft_is_soft_thresholding(b, z):
    expected = max(abs(z) - b, 0) * (1 if z > 0 else -1)
    assert xi(z, Theta.soft(float(b))) == expected
    assert xi(z, (1, 1, b, b + 1)) == expected


@examples(150)
@given(theta_and_value(), dyadic(0, 2).filter(bool))
def test_equal_knots_leave_no_room_for_w1(drawn, v1):
    (w1, w2, b1, _), z = drawn
    assert xi(z, (w1, w2, b1, b1)) == xi(z, (v1, w2, b1, b1))


@examples(150)
@given(theta_and_value())
def test_is_a_sum_of_hinges(drawn):
    """ξ = w1·h(b1) + (w2 - w1)·h(b2) with h(b) = max(z - b, 0) - max(-z - b, 0)."""
    (w1, w2, b1, b2), z = drawn
    hinge = lambda b: max(z - b, 0) - max(-z - b, 0)  # noqa: E731
    assert xi(z, (w1, w2, b1, b2)) == w1 * hinge(b1) + (w2 - w1) * hinge(b2)


@examples(150)
@given(st.tuples(*[st.floats(0.01, 10)] * 2, *[st.floats(0, 10)] * 2), reals)
def test_bitwise_odd_and_monotone_in_floats(numbers, z):
    """Without any tolerance: what the anchored form of ξ is for."""
    w1, w2, b, rise = numbers
    theta = Theta(w1, w2, b, b + rise)
    for at in (z, theta.b1, theta.b2, -theta.b2):
        below, above = nextafter(at, -inf), nextafter(at, inf)
        assert shrink(-at, theta) == -shrink(at, theta)
        assert shrink(below, theta) <= shrink(at, theta) <= shrink(above, theta)


@pytest.mark.parametrize("z", [0.5, 1.0, -0.5, -1.0])
def test_pieces_meet_at_the_knots(z):
    theta = Theta(0.75, 0.3, 0.5, 1.0)
    assert shrink(nextafter(z, -inf), theta) == pytest.approx(shrink(z, theta), abs=1e-15)


def test_any_shape_and_zero_dimensions():
    theta = (1, 0.5, 0.5, 1)
    assert shrink(2.0, theta) == 1.0
    assert shrink(np.full((2, 1, 3), 2.0), theta).shape == (2, 1, 3)
    assert region(2.0, theta).dtype == region([[2.0]], theta).dtype == np.int8


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dia", "bsr"])
def test_sparse_in_sparse_out(form):
    z = np.array([[0.0, 0.75], [-2.0, 0.25]])
    answer = shrink(sp.csr_array(z).asformat(form), (1, 0.5, 0.5, 1))
    assert answer.format == "csr"
    assert np.array_equal(answer.toarray(), shrink(z, (1, 0.5, 0.5, 1)))


@pytest.mark.parametrize(("bad", "what"), [(nan, "NaN"), (inf, "infinity"), (-inf, "infinity")])
@pytest.mark.parametrize("function", [shrink, region])
def test_what_is_not_finite_belongs_to_no_region(function, bad, what):
    with pytest.raises(ValueError, match=rf"z contains {what}: z\[1\]"):
        function([0.0, bad], (1, 1, 1, 1))


def test_ties_are_counted_once_and_signed_zeros_are_equal():
    assert count_ties(np.array([0.5, -0.5, 1.0, 0.25]), Theta(1, 1, 0.5, 1)) == 3
    assert count_ties(np.array([0.5, -0.5]), Theta.soft(0.5)) == 2
    assert count_ties(np.array([0.0, -0.0]), Theta(1, 1, 0, 1)) == 2
    assert shrink(-0.0, (1, 1, 0, 1)) == shrink(0.0, (1, 1, 0, 1)) == 0
