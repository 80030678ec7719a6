"""The tables (12)-(14) and (17): exact difference quotients of the naive ξ, ties included."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import assume, given
from strategies import examples, problems, theta_and_value

from dsrl_ref import Fidelity, Theta
from dsrl_ref.appendix import partials
from dsrl_ref.errors import SizeError

TINY = Fraction(1, 1 << 60)
TABLES = (partials.dw1, partials.dw2, partials.db1, partials.db2, partials.dZ)


def tables(z, theta):
    """The five columns as the package computes them."""
    at = Theta(*map(float, theta))
    return [Fraction(float(table(np.array([[float(z)]]), at)[0, 0])) for table in TABLES]


@examples(100)
@given(theta_and_value())
def test_equal_the_rationals(drawn):
    theta, z = drawn
    assert tables(z, theta) == naive.partials(z, theta)


@examples(100)
@given(theta_and_value())
def test_homogeneous_in_the_slopes_and_in_the_lengths(drawn):
    """Euler: ξ is of degree 1 in (w1, w2), and of degree 1 in (z, b1, b2)."""
    (w1, w2, b1, b2), z = drawn
    dw1, dw2, db1, db2, dz = tables(z, (w1, w2, b1, b2))
    assert w1 * dw1 + w2 * dw2 == naive.xi(z, (w1, w2, b1, b2))
    assert z * dz + b1 * db1 + b2 * db2 == naive.xi(z, (w1, w2, b1, b2))


@examples(100)
@given(theta_and_value())
def test_moving_all_knots_moves_the_value(drawn):
    """ξ(z + h; b1 + h, b2 + h) = ξ(z; b1, b2) for positive z: nothing but the distances to the knots counts."""
    theta, z = drawn
    _, _, db1, db2, dz = tables(z, theta)
    sign = 1 if z >= theta[2] else -1 if z < -theta[2] else 0
    assert db1 + db2 + sign * dz == 0


@examples(100)
@given(theta_and_value())
def test_slope_is_the_right_derivative_everywhere(drawn):
    theta, z = drawn
    assert tables(z, theta)[4] == (naive.xi(z + TINY, theta) - naive.xi(z, theta)) / TINY


@examples(100)
@given(theta_and_value())
def test_slopes_are_differentiated_exactly_ties_included(drawn):
    """ξ is linear in w1 and w2, so that a difference quotient of any length is the derivative."""
    (w1, w2, b1, b2), z = drawn
    h = Fraction(1, 16)
    for number, moved in enumerate([(w1 + h, w2, b1, b2), (w1, w2 + h, b1, b2)]):
        assert tables(z, (w1, w2, b1, b2))[number] == (naive.xi(z, moved) - naive.xi(z, (w1, w2, b1, b2))) / h


@examples(100)
@given(theta_and_value(ties=False))
def test_knots_are_differentiated_exactly_off_ties(drawn):
    (w1, w2, b1, b2), z = drawn
    assume(b1 > 0)
    theta = (w1, w2, b1, b2)
    assert tables(z, theta)[2] == (naive.xi(z, theta) - naive.xi(z, (w1, w2, b1 - TINY, b2))) / TINY
    assert tables(z, theta)[3] == (naive.xi(z, (w1, w2, b1, b2 + TINY)) - naive.xi(z, theta)) / TINY


@examples(100)
@given(theta_and_value(ties=False))
def test_parity_off_ties(drawn):
    """ξ is odd, and so are its derivatives in w1, w2, b1, b2; that in z is even."""
    theta, z = drawn
    *forward, slope = tables(z, theta)
    *mirrored, mirrored_slope = tables(-z, theta)
    assert mirrored == [-value for value in forward]
    assert mirrored_slope == slope


def test_parity_fails_at_ties():
    """The rows are half-open: b1 <= z < b2, but -b2 <= z < -b1."""
    theta = (Fraction(1), Fraction(1, 2), Fraction(1), Fraction(2))
    assert tables(Fraction(1), theta)[2:] == [-1, 0, 1]
    assert tables(Fraction(-1), theta)[2:] == [0, 0, 0]
    assert tables(Fraction(2), theta)[4] == Fraction(1, 2)
    assert tables(Fraction(-2), theta)[4] == 1


@examples(100)
@given(problems())
def test_tensor_and_step_derivative_equal_the_rationals(problem):
    f, theta, L, layers, x0, _ = problem.arguments
    iterates, preactivations = naive.forward(f, theta, L, max(layers, 1), x0)
    X, Z = iterates[0], preactivations[0]
    at, term = Theta(*problem.float_theta), problem.term
    X_float, Z_float = (np.array([[float(v) for v in line] for line in matrix]) for matrix in (X, Z))
    tensor = partials.dX(term, Z_float, X_float, at, float(L), layer=1)
    for place, value in naive.tensor(f, theta, L, X, Z).items():
        assert Fraction(float(tensor[place])) == value
    dL = partials.dL(Z_float, term.gradient(X_float), at, float(L))
    for (p, q), (own, _) in naive.layer_terms(f, theta, L, X, Z).items():
        assert Fraction(float(dL[p, q])) == own[4]


def test_the_tensor_is_refused_before_it_is_allocated():
    W = np.zeros((120, 100))
    message = "the 120×100×120×100 tensor of .14. would take 1.07 GiB"
    with pytest.raises(SizeError, match=message):
        partials.dX(Fidelity(W), W, W, Theta(1, 1, 0, 1), 1.0, layer=1)
    assert issubclass(SizeError, MemoryError)
