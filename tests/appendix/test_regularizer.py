"""The regularizer g, its slope and its proximity operator, exactly on slopes whose inverses are floats."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import POWERS, dyadic, examples, theta_and_value, thetas

from dsrl_ref import Theta, prox, regularizer, regularizer_gradient, shrink, verify

points = dyadic(-5, 5)


def exactly(function):
    return lambda x, theta: Fraction(float(function(float(x), [float(p) for p in theta])))


g, slope, xi = exactly(regularizer), exactly(regularizer_gradient), exactly(shrink)
ranges = {"slopes": POWERS}


@examples(150)
@given(thetas(**ranges), points)
def test_equals_the_rationals(theta, x):
    assert g(x, theta) == naive.regularizer(x, theta)
    assert slope(x, theta) == naive.regularizer_gradient(x, theta)


@examples(150)
@given(theta_and_value(**ranges), points)
def test_shrinkage_is_its_global_minimiser(drawn, v):
    """By at least (v - x)²/(2·max(w1, w2)) for any other v: g + (· - z)²/2 is as strongly convex as that."""
    theta, z = drawn
    x = xi(z, theta)
    gain = g(v, theta) + (v - z) ** 2 / 2 - g(x, theta) - (x - z) ** 2 / 2
    assert gain >= (v - x) ** 2 / (2 * max(theta[:2]))


def test_shrinkage_is_the_best_point_of_a_fine_grid():
    grid = np.linspace(-6, 6, 24001)
    for theta in (Theta(1.5, 0.5, 0.3, 0.6), Theta(0.4, 1.8, 0.2, 1.1), Theta.firm(0.5, 1.5)):
        for z in np.linspace(-3, 3, 41):
            best = grid[np.argmin(regularizer(grid, theta) + (grid - z) ** 2 / 2)]
            assert abs(best - shrink(z, theta)) <= 5.001e-4


@examples(150)
@given(theta_and_value(**ranges))
def test_what_was_taken_away_is_the_slope(drawn):
    """z - x = ∇g(x) at x = ξ(z); at x = 0, where g has a kink, z is between the slopes -b1 and b1 of its sides."""
    theta, z = drawn
    x = xi(z, theta)
    if x:
        assert z - x == slope(x, theta)
    else:
        assert abs(z) <= theta[2]


@examples(150)
@given(thetas(**ranges), points)
def test_even_and_zero_at_zero(theta, x):
    assert g(-x, theta) == g(x, theta)
    assert slope(-x, theta) == -slope(x, theta)
    assert g(0, theta) == slope(0, theta) == 0


@examples(150)
@given(thetas(apart=True, **ranges))
def test_smooth_at_the_joint(theta):
    """There the outer piece takes the value and the slope that the inner piece comes to."""
    w1, _, b1, b2 = theta
    joint = w1 * (b2 - b1)
    assert g(joint, theta) == (1 / w1 - 1) / 2 * joint**2 + b1 * joint
    assert slope(joint, theta) == (1 / w1 - 1) * joint + b1


@examples(150)
@given(thetas(feasible=True, **ranges), points, points)
def test_nonnegative_and_nondecreasing_under_7(theta, x, y):
    x, y = sorted((abs(x), abs(y)))
    assert 0 <= naive.regularizer(x, theta) <= naive.regularizer(y, theta)
    assert 0 <= g(x, theta) <= g(y, theta)


@examples(150)
@given(thetas(**ranges), points, points)
def test_weakly_convex(theta, x, y):
    """g + ρ/2·x² is convex, with ρ = max(0, 1 - 1/max(w1, w2))."""
    rho = max(Fraction(0), 1 - 1 / max(theta[:2]))
    bent = lambda v: g(v, theta) + rho * v * v / 2  # noqa: E731
    assert bent((x + y) / 2) <= (bent(x) + bent(y)) / 2


@examples(150)
@given(thetas(**ranges), points, POWERS)
def test_scales_with_the_knots(theta, x, c):
    """g(c·x; c·b1, c·b2) = c²·g(x; b1, b2)."""
    w1, w2, b1, b2 = theta
    assert g(c * x, (w1, w2, c * b1, c * b2)) == c * c * g(x, theta)


def in_range(theta, *multiples):
    """Whether each t·g has a prox: w + t·(1 - w) > 0 for both slopes."""
    return all(w + t * (1 - w) > 0 for w in theta[:2] for t in multiples)


@examples(150)
@given(theta_and_value(**ranges), dyadic(0, 2))
def test_a_multiple_of_g_is_another_g(drawn, t):
    """t·g_Θ = g_{S(t)Θ}, the prox of which is ξ_{S(t)Θ}."""
    theta, z = drawn
    assume(in_range(theta, t))
    other = naive.scaled(theta, t)
    x = naive.xi(z, other)
    assert t * naive.regularizer(x, theta) == naive.regularizer(x, other)
    numbers = [float(p) for p in theta]
    assert Theta(*numbers).scaled(float(t)) == pytest.approx([float(p) for p in other], rel=1e-15, abs=1e-15)
    assert prox(float(z), numbers, float(t)) == pytest.approx(float(x), rel=1e-13, abs=1e-14)


@examples(150)
@given(thetas(), dyadic(0, 2).filter(bool), dyadic(0, 2).filter(bool))
def test_scaling_composes_inverts_and_keeps_7(theta, s, t):
    """S(s)S(t) = S(s·t); the S of the appendix's g is a group, and (7) does not depend on a positive weight."""
    assume(in_range(theta, t, s * t))
    at = Theta(*map(float, theta))
    moved = at.scaled(float(t))
    assert moved.scaled(float(s)) == pytest.approx(at.scaled(float(s * t)), rel=1e-12, abs=1e-14)
    assert moved.scaled(float(1 / t)) == pytest.approx(at, rel=1e-12, abs=1e-14)
    assert naive.holds_7(naive.scaled(theta, t)) == naive.holds_7(theta) == (not moved.violations())


@examples(150)
@given(theta_and_value(**ranges))
def test_moreau_and_fenchel(drawn):
    """The integral of ξ is the conjugate of g + x²/2, and what Moreau's envelope of g leaves of z²/2."""
    theta, z = drawn
    integral = lambda y: _integral_of_xi(abs(y), theta)  # noqa: E731
    x = xi(z, theta)
    assert g(x, theta) + (x - z) ** 2 / 2 + integral(z) == z * z / 2
    for v in (x, x + 1, -x):
        assert (g(v, theta) + v * v / 2) + integral(z) >= z * v
    assert (g(x, theta) + x * x / 2) + integral(z) == z * x
    h = Fraction(1, 1 << 20)
    assert x * h <= integral(z + h) - integral(z) <= naive.xi(z + h, theta) * h  # the integral is that of ξ


def _integral_of_xi(z, theta):
    w1, w2, b1, b2 = theta
    inner, outer = max(0, min(z, b2) - b1), max(0, z - b2)
    return w1 * inner**2 / 2 + w1 * (b2 - b1) * outer + w2 * outer**2 / 2


@examples(150)
@given(thetas())
def test_7_is_exactly_that_shrinkage_never_expands(theta):
    _, w2, b1, b2 = theta
    far = 1000 * (b1 + b2 + 1) / (abs(w2 - 1) or 1)
    assert naive.holds_7(theta) == all(abs(naive.xi(z, theta)) <= z for z in (b1, b2, far))
    assert naive.holds_7(theta) == (not Theta(*map(float, theta)).violations())


@examples(150)
@given(thetas())
def test_where_g_is_nonnegative(theta):
    """Where (7) holds, or where the outer piece dips and its vertex is still not below zero."""
    w1, w2, b1, b2 = theta
    rise = b2 - b1
    dips = w2 < 1 and w1 * rise > b2
    criterion = naive.holds_7(theta) or (dips and w1 * (w1 + 1 - w2) * rise**2 - 2 * w1 * b2 * rise + w2 * b2**2 <= 0)
    joint = w1 * rise
    lowest = [joint, Fraction(10**6)]
    if w2 < 1:
        vertex = (w1 * rise - w2 * b2) / (1 - w2)
        lowest.append(max(vertex, joint))
    assert criterion == all(naive.regularizer(x, theta) >= 0 for x in lowest)
    assert criterion == verify.exact.nonnegative(theta)


def test_the_step_beyond_which_the_prox_jumps_is_refused():
    with pytest.raises(ValueError, match=r"t = 3\.0 is too large for w1 = 1\.5: t\*g has a prox only for t < 3\.0"):
        prox(1.0, (1.5, 1, 0.5, 1), 3)
    with pytest.raises(ValueError, match="too large for w2 = 2"):
        prox(1.0, (1, 2, 0.5, 1), 2)


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (-1, ValueError, r"step is the t of t\*g: t must not be negative, got -1"),
        (3, ValueError, r"step is the t of t\*g: t = 3\.0 is too large for w1 = 1\.5"),
        (np.nan, ValueError, "step contains NaN"),
        ("1", TypeError, "step must be numeric, got '1'"),
        ([1, 2], TypeError, r"step must be one number, got an array of shape \(2,\)"),
    ],
)
def test_a_bad_step_is_named(step, error, message):
    with pytest.raises(error, match=message):
        prox(1.0, (1.5, 1, 0.5, 1), step)


@pytest.mark.parametrize("function", [regularizer, regularizer_gradient])
def test_bad_values_are_named(function):
    with pytest.raises(ValueError, match=r"x contains NaN: x\[0, 1\] = nan"):
        function([[0, np.nan]], (1, 1, 1, 1))


def test_huge_values_do_not_turn_into_nan():
    assert regularizer(1e200, (1, 1, 0.5, 0.5)) == 0.5e200


@examples(150)
@given(st.floats(-50, 50), st.floats(0.01, 5))
def test_lasso_and_mcp_by_name(x, b):
    assert regularizer(x, Theta.soft(b)) == pytest.approx(b * abs(x))
    c = 3 * b
    size = min(abs(x), c)
    assert regularizer(x, Theta.firm(b, c)) == pytest.approx(b * size - size**2 * b / (2 * c), rel=1e-9, abs=1e-12)
