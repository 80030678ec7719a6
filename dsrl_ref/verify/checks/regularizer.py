"""Checks of (1) and (4): g and its slope, the proximity operator of t·g, and the Θ of t·g."""

import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

import dsrl_ref
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.verify import exact
from dsrl_ref.verify.cases import Cases, as_floats
from dsrl_ref.verify.exact import ThetaQ
from dsrl_ref.verify.findings import Check, demonstrated, none_differ, of_rationals
from dsrl_ref.verify.networks import laid_out
from dsrl_ref.verify.problems import unit

HALF = Fraction(1, 2)
FEW_UNITS = Fraction(8, 2**53)
ROUNDING = Fraction(1, 2**46)  # relative, where float64 is not exact


def outer_piece(x: Fraction, theta: ThetaQ) -> Fraction:
    """The first row of (1), as printed."""
    w1, w2, b1, b2 = theta
    rise = b2 - b1
    return (1 / (2 * w2) - HALF) * x**2 + (b2 - w1 * rise / w2) * x + w1 * (w1 - w2) / (2 * w2) * rise**2


def inner_piece(x: Fraction, theta: ThetaQ) -> Fraction:
    """The second row of (1), as printed."""
    w1, _, b1, _ = theta
    return (1 / (2 * w1) - HALF) * x**2 + b1 * x


def joint(theta: ThetaQ) -> Fraction:
    """w1*(b2-b1), where the two rows meet."""
    w1, _, b1, b2 = theta
    return w1 * (b2 - b1)


def slope(piece: Callable[[Fraction, ThetaQ], Fraction], x: Fraction, theta: ThetaQ) -> Fraction:
    """Derivative of a quadratic: its central difference, exactly."""
    return (piece(x + 1, theta) - piece(x - 1, theta)) / 2


def slope_of_g(x: Fraction, theta: ThetaQ) -> Fraction:
    """Derivative of g by a difference inside one piece; 0 at 0."""
    if x == 0:
        return Fraction(0)
    piece = outer_piece if abs(x) >= joint(theta) else inner_piece
    return slope(piece, abs(x), theta) * (1 if x > 0 else -1)


def rows_meet(cases: Cases) -> Check:
    """(1): continuity of value and slope."""
    misses = sum(
        outer_piece(joint(t), t) != inner_piece(joint(t), t)
        or slope(outer_piece, joint(t), t) != slope(inner_piece, joint(t), t)
        for t in cases.thetas
    )
    return of_rationals("the two rows meet with equal value and slope", misses, len(cases.thetas), "Θ")


def is_integral_of_slope(cases: Cases) -> Check:
    """(1): the oracle of the next checks is the printed formula."""
    points = cases.points[::8]
    wrong = sum(
        exact.regularizer(x, t) != (outer_piece(abs(x), t) if abs(x) >= joint(t) else inner_piece(abs(x), t))
        for t in cases.thetas
        for x in points
    )
    return of_rationals("(1) is the integral of its slope", wrong, len(cases.thetas) * len(points), "values")


def regularizer_is_exact(cases: Cases) -> Check:
    """(1): `regularizer`."""
    return _same_floats(cases, "regularizer equals the rationals", dsrl_ref.regularizer, exact.regularizer)


def gradient_is_exact(cases: Cases) -> Check:
    """(4): `regularizer_gradient`."""
    return _same_floats(cases, "regularizer_gradient equals the rationals", dsrl_ref.regularizer_gradient, slope_of_g)


def _same_floats(
    cases: Cases, name: str, function: Callable[..., object], rule: Callable[[Fraction, ThetaQ], Fraction]
) -> Check:
    """Of 36 values in rows, matrices and alone: of the size of 1, of the knots, and larger."""
    fixed = [Fraction(k, 4) for k in range(-13, 13)]
    wrong = 0
    thetas = cases.exact_floats[:: 1 if cases.quick else 2]
    for number, theta in enumerate(thetas):
        size = theta[3] or Fraction(1)
        xs = fixed + [sign * size * share for share in (HALF, Fraction(5, 4), 3, 16, 512) for sign in (1, -1)]
        numbers, right = [float(p) for p in theta], [rule(x, theta) for x in xs]
        for shape in ((36,), ((6, 6), (4, 9), (36, 1), (3, 3, 4))[number % 4]):
            values = np.array([float(x) for x in xs]).reshape(shape)
            wrong += not laid_out(np.asarray(function(values, numbers)), shape, right)
        alone = number % 36
        wrong += not laid_out(np.asarray(function(float(xs[alone]), numbers)), (), right[alone : alone + 1])
    return none_differ(f"{name}, bit for bit", wrong, 3 * len(thetas), "arrays")


def regularizer_rounds_little(cases: Cases) -> Check:
    """(1) on Θ of 53 bits, and on and next to the edges of (7): within some units of the terms that are added."""
    return _rounds_little(cases, "regularizer", dsrl_ref.regularizer, exact.regularizer, _terms_of_g)


def gradient_rounds_little(cases: Cases) -> Check:
    """(4) on the same."""
    return _rounds_little(cases, "regularizer_gradient", dsrl_ref.regularizer_gradient, slope_of_g, _terms_of_slope)


def _rounds_little(
    cases: Cases,
    name: str,
    function: Callable[..., Any],
    rule: Callable[[Fraction, ThetaQ], Fraction],
    terms: Callable[[Fraction, ThetaQ], Fraction],
) -> Check:
    """Of values anywhere, at the joint, next to it, and far out."""
    worst, thetas = Fraction(0), [*cases.thetas[: cases.many : 2], *cases.edges[::3]]
    for theta in thetas:
        at = joint(theta) or theta[3] or Fraction(1)
        near = [at, at * (1 + Fraction(1, 2**10)), -at * (1 - Fraction(1, 2**10)), 50 * at]
        xs = [0.37, -1.9, 4.1, *map(float, near)]
        exactly: ThetaQ = tuple(map(Fraction, as_floats(theta)))  # type: ignore[assignment]
        for x, value in zip(map(Fraction, xs), function(xs, as_floats(theta)).tolist(), strict=True):
            worst = max(worst, abs(Fraction(value) - rule(x, exactly)) / terms(abs(x), exactly))
    name = f"{name} of any Θ, next to the edges of (7) and to its joint"
    return Check(name, worst <= FEW_UNITS, f"{float(worst) * 2**53:.2g} units of 2^-53 of its terms")


def _terms_of_g(size: Fraction, theta: ThetaQ) -> Fraction:
    w1, w2, _, b2 = theta
    rise = b2 - theta[2]
    return size**2 * (1 / w1 + 1 / w2 + 1) + size * (b2 + w1 * rise / w2) + w1 * (w1 + w2) / w2 * rise**2


def _terms_of_slope(size: Fraction, theta: ThetaQ) -> Fraction:
    w1, w2, b1, b2 = theta
    return size * (1 / w1 + 1 / w2 + 1) + b2 + w1 * (b2 - b1) / w2


def shrinkage_is_prox(cases: Cases) -> Check:
    """Search the whole grid for a better point than ξ(z); exact, and no local search is started at ξ(z)."""
    rng, worse, tried = cases.rng("prox"), 0, 0
    for theta in cases.exact_floats[:: 3 if cases.quick else 5]:
        z = rng.choice([*cases.points, theta[2], -theta[2], theta[3], -theta[3]])
        shape = rng.choice([(), (1,), (1, 1)])
        best = Fraction(dsrl_ref.shrink(np.full(shape, float(z)), as_floats(theta)).item())
        worse += better_points(cases, z, best, theta)
        tried += len(cases.points)
    return none_differ("shrink minimises ½(x-z)² + g(x), over a grid of all x", worse, tried, "points, (7) not assumed")


def better_points(cases: Cases, z: Fraction, best: Fraction, theta: ThetaQ) -> int:
    """Count the grid points at which ½(x-z)² + g(x) is too low for `best` to be its one minimiser."""
    least = exact.regularizer(best, theta) + (best - z) ** 2 / 2
    return sum(
        exact.regularizer(v, theta) + (v - z) ** 2 / 2 < least + (v - best) ** 2 / (2 * max(theta[:2]))
        for v in cases.points
    )


def prox_is_stationary(cases: Cases) -> Check:
    """`prox` of t·g by its condition x - z + t·∇g(x) = 0, or |z| <= t·b1 at 0: enough, as ½(x-z)² + t·g is convex."""
    rng, wrong, tried = cases.rng("prox of t·g"), 0, 0
    for number, theta in enumerate(cases.thetas):
        t = _multiple(rng, number)
        w1, w2, b1, _ = theta
        curvature1, curvature2 = 1 + t * (1 / w1 - 1), 1 + t * (1 / w2 - 1)
        if min(curvature1, curvature2) < Fraction(1, 64):
            continue
        size = unit(number // 7)
        theta = (w1, w2, size * b1, size * theta[3])
        b1, zs = theta[2], [size * Fraction(rng.uniform(-6, 6)) for _ in range(4)]
        shape = ((4,), (2, 2), (4, 1), (1, 4))[number % 4]
        found = dsrl_ref.prox(np.array([float(z) for z in zs]).reshape(shape), as_floats(theta), float(t))
        wrong += found.shape != shape
        for z, x in zip(zs, map(Fraction, found.ravel().tolist()), strict=True):
            left = x - z + t * slope_of_g(x, theta)
            slack = ROUNDING * max(curvature1, curvature2, Fraction(1)) * (abs(z) + t * (b1 + theta[3]) + size)
            wrong += abs(z) > t * b1 + slack if x == 0 else abs(left) > slack
            tried += 1
    return none_differ("prox of t·g is where x - z + t·∇g(x) vanishes", wrong, tried, "values")


def _multiple(rng: random.Random, number: int) -> Fraction:
    """A t, of every size in turn: 0, 1, around them, and large."""
    kinds = (rng.uniform(0, 1), rng.uniform(1, 3), 0, rng.uniform(4, 12), 1, rng.uniform(12, 200), rng.uniform(0, 0.1))
    return Fraction(kinds[number % len(kinds)])


def scaled_is_multiple(cases: Cases) -> Check:
    """`Theta.scaled`: t·g(Θ) = g(S(t)Θ)."""
    rng, wrong, tried = cases.rng("scaled"), 0, 0
    for number, theta in enumerate(cases.thetas[::2]):
        t = _multiple(rng, number)
        if min(w + t * (1 - w) for w in theta[:2]) < Fraction(1, 64):
            continue
        scaled: ThetaQ = tuple(map(Fraction, as_floats(theta).scaled(float(t))))  # type: ignore[assignment]
        for x in cases.points[::20]:
            multiple, other = t * exact.regularizer(x, theta), exact.regularizer(x, scaled)
            terms = t * x**2 * (1 / theta[0] + 1 / theta[1] + 1) + t * (abs(x) + 1) * (sum(theta) + 1) ** 2 / theta[1]
            wrong += abs(multiple - other) > ROUNDING * 64 * terms
            tried += 1
        wrong += (t == 1 and scaled != tuple(map(Fraction, as_floats(theta)))) or (
            t == 0 and list(scaled[:3]) != [1, 1, 0]
        )
    return none_differ("t·g(Θ) = g(S(t)Θ) with Theta.scaled", wrong, tried, "values")


def scaled_rounds_little(cases: Cases) -> Iterator[Check]:
    """`Theta.scaled` for slopes and t of any size, to the last t that has a prox; what lies beyond is refused."""
    rng, worst, taken, accepted = cases.rng("scaled, any size"), Fraction(0), 0, 0
    for number in range(cases.many):
        w1, w2 = (_slope_of_any_size(rng, number + k) for k in range(2))
        b1 = Fraction(rng.choice([0.0, rng.uniform(0, 1)]))
        size, b2 = unit(number), Fraction(float(b1 + Fraction(rng.uniform(0, 1))))
        theta: ThetaQ = (w1, w2, size * b1, size * b2)
        b1 = theta[2]
        t, ends = Fraction(10 ** rng.uniform(-3, 17)), [w / (w - 1) for w in (w1, w2) if w > 1]
        if ends:  # the last float below the end, or a share of it
            t = min(t, min(ends) * rng.choice([Fraction(1, 2), 1 - Fraction(1, 2**30), Fraction(1)]))
            accepted += _accepts(theta, float(min(ends) * (1 + Fraction(1, 2**40))))
        numbers, at = as_floats(theta), float(t)
        if ends and Fraction(at) >= min(ends):
            at = math.nextafter(at, 0)
        t = Fraction(at)
        scales = [w + t * (1 - w) for w in theta[:2]]
        right = (w1 / scales[0], w2 / scales[1], t * b1, t * b1 + scales[0] * (theta[3] - b1))
        for got, number_of_it in zip(numbers.scaled(at), right, strict=True):
            worst = max(worst, abs(Fraction(got) - number_of_it) / (number_of_it or 1))
            taken += 1
    units = float(worst) * 2**53
    yield Check("Theta.scaled for any w and t", worst <= FEW_UNITS, f"{units:.2g} units of 2^-53, {taken} numbers")
    yield none_differ("Theta.scaled and prox refuse a t that has no prox", accepted, cases.many, "Θ")


def _slope_of_any_size(rng: random.Random, number: int) -> Fraction:
    near = 2.0 ** -rng.randint(1, 52)
    return Fraction((10 ** rng.uniform(-8, 8), 1.0, 1 - near / 2, 1 + near, 10 ** rng.uniform(-100, 100))[number % 5])


def _accepts(theta: ThetaQ, t: float) -> int:
    """How many of `Theta.scaled` and `prox` take a t."""
    taken = 0
    for function in (as_floats(theta).scaled, lambda step: dsrl_ref.prox([1.0], as_floats(theta), step)):
        try:
            function(t)
            taken += 1
        except ValueError:
            pass
    return taken


def named_thetas(cases: Cases) -> Check:
    """`Theta.soft` is the lasso's g, b·|x|; `Theta.firm` the minimax concave penalty."""
    rng, wrong, tried = cases.rng("named"), 0, 0
    for number in range(cases.many // 3):
        size = unit(number // 3)
        b = size * Fraction(number % 17, 8)
        c = b + size * Fraction(2) ** rng.randint(-2, 1)  # c - b a power of two: c/(c-b) is exact
        soft: ThetaQ = tuple(map(Fraction, Theta.soft(float(b))))  # type: ignore[assignment]
        firm: ThetaQ = tuple(map(Fraction, Theta.firm(float(b), float(c))))  # type: ignore[assignment]
        for x in (size * abs(point) for point in cases.points[::5]):
            concave = b * x - b * x**2 / (2 * c) if x <= c else b * c / 2
            wrong += exact.regularizer(x, soft) != b * x or exact.regularizer(x, firm) != concave
            tried += 1
        one = Fraction(1)
        wrong += soft != (one, one, b, b) or firm != (c / (c - b), one, b, c)
    return none_differ("Theta.soft is b·|x|, Theta.firm the MCP", wrong, tried, "values")


def needs_ordered_knots(cases: Cases) -> Check:
    """(1): its remark."""
    theta = (Fraction(2), Fraction(1), Fraction(1), HALF)
    at_zero = outer_piece(Fraction(0), theta)
    return demonstrated(
        "needs b2 >= b1, which is stated only later: else g(0) is not 0",
        joint(theta) < 0 and at_zero != 0,
        f"Θ = (2, 1, 1, 1/2): first row at 0 is {at_zero}",
    )


def is_derivative(cases: Cases) -> Check:
    """(4): the printed formula."""
    rng, unequal = cases.rng("slope"), 0
    for w1, w2, b1, b2 in cases.thetas:
        x = joint((w1, w2, b1, b2)) + rng.randint(0, 9)
        unequal += slope(outer_piece, x, (w1, w2, b1, b2)) != (1 / w2 - 1) * x + (b2 - w1 * (b2 - b1) / w2)
    return of_rationals("it is the derivative of (1)", unequal, len(cases.thetas), "Θ")
