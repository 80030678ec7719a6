"""Checks of (1)-(7): the regularizer and the conditions on Θ, in exact arithmetic."""

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from dsrl_ref.appendix import regularizer, regularizer_gradient
from dsrl_ref.appendix.theta import (
    Theta,
    claimed_chain,
    nonnegative_at_joint,
    simplified_condition,
    slope_at_joint,
)
from dsrl_ref.errors import InfeasibleThetaError
from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import ThetaQ
from dsrl_ref.verify.findings import Check, demonstrated, none_differ
from dsrl_ref.verify.problems import dyadic, rational, thetas

half = Fraction(1, 2)
E2 = (Fraction(2), Fraction(1, 10), Fraction(2, 5), Fraction(1))  # breaks (7), and g > 0


def outer_piece(x: Fraction, theta: ThetaQ) -> Fraction:
    """The first row of (1), as printed."""
    w1, w2, b1, b2 = theta
    rise = b2 - b1
    return (1 / (2 * w2) - half) * x**2 + (b2 - w1 * rise / w2) * x + w1 * (w1 - w2) / (2 * w2) * rise**2


def inner_piece(x: Fraction, theta: ThetaQ) -> Fraction:
    """The second row of (1), as printed."""
    w1, _, b1, _ = theta
    return (1 / (2 * w1) - half) * x**2 + b1 * x


def joint(theta: ThetaQ) -> Fraction:
    """w1*(b2-b1), where the two rows meet."""
    w1, _, b1, b2 = theta
    return w1 * (b2 - b1)


def slope(piece: Callable[[Fraction, ThetaQ], Fraction], x: Fraction, theta: ThetaQ) -> Fraction:
    """Derivative of a quadratic: its central difference, exactly."""
    return (piece(x + 1, theta) - piece(x - 1, theta)) / 2


class Conditions:
    """The draws that the checks of (1)-(7) share; `cases` of Θ, 53-bit and on a grid of exact floats."""

    def __init__(self, seed: int, cases: int) -> None:
        rng = random.Random(f"{seed} conditions")
        self.rng = rng
        self.thetas = thetas(rng, cases, rational(rng)) + thetas(rng, cases, dyadic(rng))
        slopes = [Fraction(2) ** k for k in range(-2, 3)]  # their inverses are exact floats too
        self.exact_floats = [
            (rng.choice(slopes), rng.choice(slopes), b1, b2) for _, _, b1, b2 in thetas(rng, cases, dyadic(rng))
        ]
        self.points = [Fraction(k, 8) for k in range(-40, 41)]

    def equation_1(self) -> list[Check]:
        """Judge g."""
        misses = sum(
            outer_piece(joint(t), t) != inner_piece(joint(t), t)
            or slope(outer_piece, joint(t), t) != slope(inner_piece, joint(t), t)
            for t in self.thetas
        )
        return [
            none_differ("the two rows meet with equal value and slope", misses, len(self.thetas), "Θ"),
            self._same_floats("regularizer equals the rationals", regularizer, exact.regularizer),
            self._same_as_printed(),
            self._shrinkage_is_prox(),
            self._needs_ordered_knots(),
        ]

    def equation_2(self) -> list[Check]:
        """Judge g at the joint."""
        steep = [t for t in self.thetas if t[0] > 1]
        dips = sum(
            (inner_piece(joint(t), t) >= 0) != all(inner_piece(joint(t) * k / 8, t) >= 0 for k in range(1, 9))
            for t in steep
        )
        return [
            none_differ("its sign at the joint decides the whole inner piece", dips, len(steep), "Θ with w1 > 1"),
            self._same_condition("nonnegative_at_joint", nonnegative_at_joint, lambda t: inner_piece(joint(t), t)),
        ]

    def equation_3(self) -> list[Check]:
        """Judge the simplification of (2)."""
        unequal = sum(inner_piece(joint(t), t) != -joint(t) / 2 * three(t) for t in self.thetas)
        return [
            none_differ("(2) is (3) times -w1(b2-b1)/2", unequal, len(self.thetas), "Θ"),
            self._same_condition("simplified_condition", simplified_condition, three),
        ]

    def equation_4(self) -> list[Check]:
        """Judge the slope of g."""
        unequal = 0
        for w1, w2, b1, b2 in self.thetas:
            x = joint((w1, w2, b1, b2)) + self.rng.randint(0, 9)
            unequal += slope(outer_piece, x, (w1, w2, b1, b2)) != (1 / w2 - 1) * x + (b2 - w1 * (b2 - b1) / w2)
        return [
            none_differ("it is the derivative of (1)", unequal, len(self.thetas), "Θ"),
            self._same_floats("regularizer_gradient equals the rationals", regularizer_gradient, _slope_of_g),
        ]

    def equation_5(self) -> list[Check]:
        """Judge the slope at the joint."""
        unequal = sum(slope(outer_piece, joint(t), t) != five(t) for t in self.thetas)
        flat = [t for t in self.thetas if t[1] <= 1]
        wrong = sum(
            (five(t) >= 0) != all(slope(outer_piece, joint(t) + k, t) >= 0 for k in (0, half, 1, 10)) for t in flat
        )
        return [
            none_differ("it is (4) at the joint", unequal, len(self.thetas), "Θ"),
            none_differ("its sign decides the outer piece", wrong, len(flat), "Θ with w2 <= 1"),
            self._same_condition("slope_at_joint", slope_at_joint, five),
        ]

    def equation_6(self) -> list[Check]:
        """Judge the chain of bounds: false as printed."""
        false_at = [t for t in self.thetas if not _chain_holds(t)]
        w1, _, _, b2 = example = (half, half, Fraction(0), Fraction(1))
        sides = claimed_chain(Theta(*map(float, example)))
        elsewhere = sum(_chain_holds(t) != (t[0] > 1 and t[3] > 0) for t in self.thetas)
        harmless = sum(three(t) > 0 for t in self.thetas if exact.nondecreasing(t))
        return [
            Check(
                "false as printed: w1 = 1/2, b2 = 1",
                not (w1 - 1) / w1 * b2 > (w1 - 1) / (w1 + 1) * b2 and sides[0] < sides[1],
                f"-1 > -1/3 is false; so it is for {len(false_at)} of {len(self.thetas)} Θ",
                "erratum",
            ),
            none_differ("it holds exactly where w1 > 1 and b2 > 0", elsewhere, len(self.thetas), "Θ"),
            none_differ("harmless: (3) holds wherever (7) does", harmless, len(self.thetas), "Θ"),
        ]

    def equation_7(self) -> list[Check]:
        """Judge the conditions for g >= 0."""
        inside = [t for t in self.thetas if exact.nondecreasing(t)]
        values = [[exact.regularizer(x, t) for x in self.points if x >= 0] for t in inside]
        negative = sum(min(g) < 0 for g in values)
        falling = sum(g != sorted(g) for g in values)
        expands = sum(exact.nondecreasing(t) != _never_expands(t) for t in self.thetas)
        unlike = sum(exact.nondecreasing(t) == bool(Theta(*map(float, t)).violations()) for t in self.exact_floats)
        return [
            none_differ("it makes g >= 0", negative, len(inside), "Θ in (7)"),
            none_differ("it makes g nondecreasing", falling, len(inside), "Θ in (7)"),
            none_differ("it is exactly |ξ(z)| <= |z|", expands, len(self.thetas), "Θ"),
            none_differ("violations() decides like the rationals", unlike, len(self.exact_floats), "Θ"),
            self._not_necessary(),
            self._not_needed_for_the_prox(),
            self._needs_positive_knot(),
            self._not_convex(),
            self._not_closed(),
        ]

    def _same_floats(self, name: str, function: Callable[..., object], rule: Callable[..., Fraction]) -> Check:
        wrong = 0
        xs = [Fraction(k, 4) for k in range(-20, 21)]
        for theta in self.exact_floats:
            values = np.asarray(function([float(x) for x in xs], [float(p) for p in theta]))
            wrong += sum(Fraction(float(v)) != rule(x, theta) for v, x in zip(values, xs, strict=True))
        return none_differ(name, wrong, len(xs) * len(self.exact_floats), "values")

    def _same_condition(
        self, name: str, function: Callable[[Theta], float], rule: Callable[[ThetaQ], Fraction]
    ) -> Check:
        wrong = sum(Fraction(function(Theta(*map(float, t)))) != rule(t) for t in self.exact_floats)
        return none_differ(f"{name} equals the rationals", wrong, len(self.exact_floats), "Θ")

    def _same_as_printed(self) -> Check:
        wrong = sum(
            exact.regularizer(x, t) != (outer_piece(abs(x), t) if abs(x) >= joint(t) else inner_piece(abs(x), t))
            for t in self.thetas
            for x in self.points[::8]
        )
        return none_differ("it is the integral of its slope", wrong, len(self.thetas) * len(self.points[::8]), "values")

    def _shrinkage_is_prox(self) -> Check:
        """Search the whole grid for a better point than ξ(z); exact, and no local search is started at ξ(z)."""
        draws = self.thetas[:: max(1, len(self.thetas) // 60)]
        worse, tried = 0, 0
        for theta in draws:
            z = self.rng.choice([*self.points, theta[2], -theta[2], theta[3], -theta[3]])
            worse += self._better_points(z, theta)
            tried += len(self.points)
        return none_differ("ξ minimises ½(x-z)² + g(x), over a grid of all x", worse, tried, "points, (7) not assumed")

    def _better_points(self, z: Fraction, theta: ThetaQ) -> int:
        """Count the grid points at which ½(x-z)² + g(x) is too low for ξ(z) to be its one minimiser."""
        best = exact.xi(z, theta)
        least = exact.regularizer(best, theta) + (best - z) ** 2 / 2
        return sum(
            exact.regularizer(v, theta) + (v - z) ** 2 / 2 < least + (v - best) ** 2 / (2 * max(theta[:2]))
            for v in self.points
        )

    def _not_needed_for_the_prox(self) -> Check:
        theta = (Fraction(3), Fraction(2), Fraction(1, 4), Fraction(1))
        z = [*self.points[::8], *theta[2:]]
        return demonstrated(
            "ξ is the prox of g without it: w1, w2 > 0 and b2 >= b1 >= 0 will do",
            not exact.nondecreasing(theta) and not any(self._better_points(x, theta) for x in z),
            f"Θ = (3, 2, 1/4, 1) breaks it; no better point than ξ(z) on a grid, at {len(z)} z",
        )

    def _needs_positive_knot(self) -> Check:
        lowest = inner_piece(half, (half, Fraction(1), Fraction(-1), Fraction(1)))
        return demonstrated(
            "Case 1 needs b1 >= 0, which is stated only later (as b1 > 0)",
            lowest < 0,
            f"w1 = 1/2, b1 = -1: g(1/2) = {lowest}",
        )

    def _needs_ordered_knots(self) -> Check:
        theta = (Fraction(2), Fraction(1), Fraction(1), half)
        at_zero = outer_piece(Fraction(0), theta)
        return demonstrated(
            "needs b2 >= b1, which is stated only later: else g(0) is not 0",
            joint(theta) < 0 and at_zero != 0,
            f"Θ = (2, 1, 1, 1/2): first row at 0 is {at_zero}",
        )

    def _not_necessary(self) -> Check:
        lowest = min(exact.regularizer(Fraction(k, 90), E2) for k in range(108, 360))  # from its joint 6/5 on
        found = sum(exact.nonnegative(t) and not exact.nondecreasing(t) for t in self.thetas)
        return demonstrated(
            "sufficient, not necessary: Θ = (2, 1/10, 2/5, 1) breaks it, and g > 0",
            not exact.nondecreasing(E2) and exact.nonnegative(E2) and lowest > 0,
            f"min g = {lowest} on the outer piece; {found} of {len(self.thetas)} Θ are such",
        )

    def _not_convex(self) -> Check:
        first = (Fraction(1), half, Fraction(0), Fraction(1))
        second = (Fraction(3), half, Fraction(2, 100), Fraction(3, 100))
        middle: ThetaQ = tuple((a + b) / 2 for a, b in zip(first, second, strict=True))  # type: ignore[assignment]
        return demonstrated(
            "the set is not convex",
            exact.nondecreasing(first) and exact.nondecreasing(second) and not exact.nondecreasing(middle),
            "(w1,b1,b2) = (1,0,1) and (3,.02,.03) are in, their midpoint is not",
        )

    def _not_closed(self) -> Check:
        """Slopes that halve stay in; their limit 0 is none, as g divides by it: hence a floor in the projection."""
        inside = all(exact.nondecreasing((half**k, half**k, half, Fraction(1))) for k in range(1, 64))
        try:
            Theta(0.0, 0.0, 0.5, 1.0)
        except InfeasibleThetaError as error:
            return demonstrated(
                "the set is not closed: it lacks w = 0, and has no nearest point there", inside, str(error)
            )
        return demonstrated("the set is not closed", False, "w = 0 was taken")


def three(theta: ThetaQ) -> Fraction:
    """(3), left side."""
    w1, _, b1, b2 = theta
    return (w1 - 1) * b2 - (w1 + 1) * b1


def five(theta: ThetaQ) -> Fraction:
    """(5), last left side."""
    w1, _, b1, b2 = theta
    return b2 - w1 * (b2 - b1)


def _chain_holds(theta: ThetaQ) -> bool:
    w1, _, _, b2 = theta
    return (w1 - 1) / w1 * b2 > (w1 - 1) / (w1 + 1) * b2


def _never_expands(theta: ThetaQ) -> bool:
    """|ξ(z)| <= |z| at the knot b2 and, since w2 decides beyond, far out."""
    _, _, b1, b2 = theta
    far = 1000 * (b1 + b2 + 1) / min(1, abs(theta[1] - 1) or 1)
    return all(abs(exact.xi(z, theta)) <= abs(z) for z in (b2, far))


def _slope_of_g(x: Fraction, theta: ThetaQ) -> Fraction:
    """Derivative of g by a difference inside one piece; 0 at 0."""
    if x == 0:
        return Fraction(0)
    piece = outer_piece if abs(x) >= joint(theta) else inner_piece
    return slope(piece, abs(x), theta) * (1 if x > 0 else -1)
