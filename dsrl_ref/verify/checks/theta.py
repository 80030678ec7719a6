"""Checks of (2), (3), (5), (6) and (7): the conditions on Θ."""

import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction

from dsrl_ref.appendix import theta as package
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.errors import InfeasibleThetaError
from dsrl_ref.verify import exact
from dsrl_ref.verify.cases import Cases, as_floats
from dsrl_ref.verify.checks.regularizer import HALF, better_points, inner_piece, joint, outer_piece, slope
from dsrl_ref.verify.exact import ThetaQ
from dsrl_ref.verify.findings import Check, demonstrated, none_differ, of_rationals
from dsrl_ref.verify.problems import unit

ONE = Fraction(1)
SUFFICIENT_ONLY = (Fraction(2), Fraction(1, 10), Fraction(2, 5), ONE)  # breaks (7), and g > 0
FEW_ULP = Fraction(1, 2**50)
FLOOR = Fraction(1e-4)  # the authors' least slope, as a float
TINY = Fraction(1, 2**60)
NEAR = Fraction(1, 2**8), Fraction(1, 2**21)


def three(theta: ThetaQ) -> Fraction:
    """(3), left side."""
    w1, _, b1, b2 = theta
    return (w1 - 1) * b2 - (w1 + 1) * b1


def five(theta: ThetaQ) -> Fraction:
    """(5), last left side."""
    w1, _, b1, b2 = theta
    return b2 - w1 * (b2 - b1)


def joint_decides(cases: Cases) -> Check:
    """(2)."""
    steep = [t for t in cases.thetas if t[0] > 1]
    dips = sum(
        (inner_piece(joint(t), t) >= 0) != all(inner_piece(joint(t) * k / 8, t) >= 0 for k in range(1, 9))
        for t in steep
    )
    return of_rationals("its sign at the joint decides the whole inner piece", dips, len(steep), "Θ with w1 > 1")


def nonnegative_at_joint_is_exact(cases: Cases) -> Iterator[Check]:
    """(2): the function."""
    return _same_condition(
        cases, "nonnegative_at_joint", package.nonnegative_at_joint, lambda t: inner_piece(joint(t), t), _size_of_two
    )


def _size_of_two(theta: ThetaQ) -> Fraction:
    """The terms of (2), added up."""
    return joint(theta) * ((1 / theta[0] + 1) / 2 * joint(theta) + theta[2])


def simplification_holds(cases: Cases) -> Check:
    """(3)."""
    unequal = sum(inner_piece(joint(t), t) != -joint(t) / 2 * three(t) for t in cases.thetas)
    return of_rationals("(2) is (3) times -w1(b2-b1)/2", unequal, len(cases.thetas), "Θ")


def simplified_condition_is_exact(cases: Cases) -> Iterator[Check]:
    """(3): the function."""
    return _same_condition(cases, "simplified_condition", package.simplified_condition, three, _size_of_terms)


def _size_of_terms(theta: ThetaQ) -> Fraction:
    """The terms of (3), and those of (5), added up."""
    w1, _, b1, b2 = theta
    return (w1 + 1) * (b1 + b2)


def needs_a_factor_to_divide_by(cases: Cases) -> Check:
    """(3) divides (2) by w1(b2-b1)/2, which may be 0: then (2) says nothing, and (3) says b1 >= 0."""
    theta = (Fraction(2), ONE, -HALF, -HALF)
    differ = sum(
        (inner_piece(joint(t), t) >= 0) != (three(t) <= 0)
        for t in cases.thetas
        if t[2] >= 0  # as Theta insists
    )
    try:
        Theta(*map(float, theta))
        refused = False
    except InfeasibleThetaError:
        refused = True
    return demonstrated(
        "needs b2 > b1 or b1 >= 0, which is stated only later: else (2) holds and (3) does not",
        inner_piece(joint(theta), theta) >= 0 and three(theta) > 0 and differ == 0 and refused,
        f"Θ = (2, 1, -1/2, -1/2): 0 >= 0, but {three(theta)} <= 0 is false; Theta refuses it",
    )


def five_is_slope(cases: Cases) -> Check:
    """(5)."""
    unequal = sum(slope(outer_piece, joint(t), t) != five(t) for t in cases.thetas)
    return of_rationals("it is (4) at the joint", unequal, len(cases.thetas), "Θ")


def five_decides(cases: Cases) -> Check:
    """(5)."""
    flat = [t for t in cases.thetas if t[1] <= 1]
    wrong = sum((five(t) >= 0) != all(slope(outer_piece, joint(t) + k, t) >= 0 for k in (0, HALF, 1, 10)) for t in flat)
    return of_rationals("its sign decides the outer piece", wrong, len(flat), "Θ with w2 <= 1")


def slope_at_joint_is_exact(cases: Cases) -> Iterator[Check]:
    """(5): the function."""
    return _same_condition(cases, "slope_at_joint", package.slope_at_joint, five, _size_of_terms)


def _same_condition(
    cases: Cases,
    name: str,
    function: Callable[[Theta], float],
    rule: Callable[[ThetaQ], Fraction],
    size: Callable[[ThetaQ], Fraction],
) -> Iterator[Check]:
    """Bit for bit where float64 is exact; on Θ of 53 bits, and on and next to the edges of (7), by its terms."""
    wrong = sum(Fraction(function(as_floats(t))) != rule(t) for t in cases.exact_floats)
    yield none_differ(f"{name} equals the rationals, bit for bit", wrong, len(cases.exact_floats), "Θ")
    others: list[ThetaQ] = [tuple(map(Fraction, as_floats(t))) for t in cases.thetas[: cases.many : 2]]  # type: ignore[misc]
    others += cases.edges
    far = sum(abs(Fraction(function(as_floats(t))) - rule(t)) > FEW_ULP * size(t) for t in others)
    yield none_differ(f"{name} of any Θ, and next to the edges of (7), within rounding", far, len(others), "Θ")


def claimed_chain_is_printed(cases: Cases) -> Check:
    """(6): the function gives the two printed sides."""
    wrong, tried = 0, [*cases.thetas, *cases.exact_floats[::4], *cases.edges]
    for t in tried:
        sides = _sides(t)
        got = package.claimed_chain(as_floats(t))
        wrong += any(abs(Fraction(a) - b) > FEW_ULP * abs(b) for a, b in zip(got, sides, strict=True))
    return none_differ("claimed_chain gives the two sides that are printed", wrong, len(tried), "Θ")


def chain_is_false(cases: Cases) -> Check:
    """(6): the erratum. As printed, it has no condition; where it fails, the appendix does not need it."""
    example = (HALF, HALF, Fraction(0), ONE)
    left, right = package.claimed_chain(as_floats(example))
    false_at = [t for t in cases.thetas if not _chain_holds(t)]
    return Check(
        "false as printed, but only where it is not needed: w1 <= 1 or b2 = 0",
        left < right and not _chain_holds(example) and bool(false_at),
        f"w1 = 1/2, b2 = 1: {left:.3g} > {right:.3g} is false; so it is for {len(false_at)} of {len(cases.thetas)} Θ",
        "erratum",
    )


def chain_holds_where_needed(cases: Cases) -> Check:
    """(6): (2) and (3) are asked for where w1 > 1, and there it holds."""
    elsewhere = sum(_chain_holds(t) != (t[0] > 1 and t[3] > 0) for t in cases.thetas)
    return of_rationals("it holds exactly where w1 > 1 and b2 > 0", elsewhere, len(cases.thetas), "Θ")


def chain_is_harmless(cases: Cases) -> Check:
    """(6): its conclusion."""
    inside = [t for t in cases.thetas if exact.nondecreasing(t)]
    harmless = sum(three(t) > 0 for t in inside)
    return of_rationals("its conclusion stands: (3) holds wherever (7) does", harmless, len(inside), "Θ in (7)")


def _sides(theta: ThetaQ) -> tuple[Fraction, Fraction]:
    w1, _, _, b2 = theta
    return (w1 - 1) / w1 * b2, (w1 - 1) / (w1 + 1) * b2


def _chain_holds(theta: ThetaQ) -> bool:
    left, right = _sides(theta)
    return left > right


def seven_makes_g_rise(cases: Cases) -> Check:
    """(7)."""
    inside = [t for t in cases.thetas if exact.nondecreasing(t)]
    values = [[exact.regularizer(x, t) for x in cases.points if x >= 0] for t in inside[:: 1 if cases.quick else 2]]
    wrong = sum(min(g) < 0 or g != sorted(g) for g in values)
    return of_rationals("it makes g nondecreasing, and g >= 0", wrong, len(values), "Θ in (7)")


def seven_is_no_expansion(cases: Cases) -> Check:
    """(7), as `violations` decides it, is |ξ(z)| <= |z|."""
    expands = sum(exact.nondecreasing(t) != _never_expands(t) for t in cases.thetas)
    return of_rationals("it is exactly |ξ(z)| <= |z|", expands, len(cases.thetas), "Θ")


def _never_expands(theta: ThetaQ) -> bool:
    """|ξ(z)| <= |z| at the knot b2 and, since w2 decides beyond, far out."""
    _, _, b1, b2 = theta
    far = 1000 * (b1 + b2 + 1) / min(1, abs(theta[1] - 1) or 1)
    return all(abs(exact.xi(z, theta)) <= abs(z) for z in (b2, far))


def violations_decide(cases: Cases) -> Check:
    """(7): `Theta.violations`, a sentence for each inequality that is broken."""
    wrong, tried = 0, [*cases.exact_floats, *cases.edges]
    for t in tried:
        w1, w2, b1, b2 = t
        broken = ["w2 ="] * (w2 > 1) + ["b1 ="] * (w1 * b1 < (w1 - 1) * b2)
        told = as_floats(t).violations()
        wrong += len(told) != len(broken) or any(
            not line.startswith(word) for line, word in zip(told, broken, strict=False)
        )
    return none_differ("violations names what the rationals find broken", wrong, len(tried), "Θ")


def tolerance_is_rounding(cases: Cases) -> Check:
    """(7): a b1 within 4 units in the last place of b2 is forgiven, as rounding takes it there; one 8 below is not."""
    rng, wrong = cases.rng("tolerance"), 0
    for _ in range(cases.many):
        w1, b2 = rng.uniform(1.01, 4), rng.uniform(0.1, 2)
        least = (Fraction(w1) - 1) / Fraction(w1) * Fraction(b2)
        ulp = Fraction(math.ulp(b2))
        for units in (0, 2):
            wrong += bool(Theta(w1, 0.5, float(least - units * ulp), b2).violations())
        wrong += not Theta(w1, 0.5, float(least - 8 * ulp), b2).violations()
    return none_differ("violations forgives rounding of b1, and no more", wrong, 3 * cases.many, "Θ next to the edge")


def projection_is_nearest(cases: Cases) -> Check:
    """(7): `Theta.projected` and `project`, against the nearest of the points that the two edges offer."""
    rng, wrong, drawn = cases.rng("projection"), 0, 2 * cases.many
    for number in range(drawn):
        values = _anywhere(rng, number)
        found = Theta.projected([float(v) for v in values])
        right, size = exact.projected(values, FLOOR), max(map(abs, values[2:]))
        wrong += any(abs(Fraction(a) - b) > FEW_ULP * max(b, size) for a, b in zip(found[2:], right[2:], strict=True))
        wrong += tuple(map(Fraction, found[:2])) != right[:2] or bool(found.violations())
    tried = [*cases.exact_floats, *cases.edges]
    for t in tried:
        moved, inside = as_floats(t).project(), exact.nondecreasing(t)
        wrong += inside != (tuple(moved) == tuple(map(float, t)))
    return none_differ("projected gives the nearest point, and leaves (7) as it is", wrong, drawn + len(tried), "Θ")


def jacobian_is_derivative(cases: Cases) -> Check:
    """(7): `projection_jacobian` against exact differences; on a boundary against those of the feasible side."""
    rng, wrong, tried = cases.rng("jacobian"), 0, 0
    for number in range(96 if cases.quick else 160):
        values = _anywhere(rng, number)
        found = package.projection_jacobian([float(v) for v in values])
        for column in range(4):
            right = _derivatives(values, column)
            for row in range(4):
                wrong += abs(Fraction(found[row, column]) - right[row]) > Fraction(1e-9) * (1 + abs(right[row]))
                tried += 1
    return none_differ("projection_jacobian is the derivative of the projection", wrong, tried, "entries")


def _derivatives(values: ThetaQ, column: int) -> list[Fraction]:
    """Of the projection in one of the four numbers, by a difference to the side that is feasible.

    That is the side on which the projection leaves all as it is, or if there is none, the number itself. Of both sides
    alike it is the lower one: the edge (w1-1)/w1·b2 turns where w1 > 1, and at w1 = 1 it does not yet.
    """
    here = exact.projected(values, FLOOR)

    def to_the(side: int) -> tuple[tuple[bool, bool], list[Fraction]]:
        w1, w2, b1, b2 = (v + side * TINY * (i == column) for i, v in enumerate(values))
        moved, found = (w1, w2, b1, b2), exact.projected((w1, w2, b1, b2), FLOOR)
        feasible = found == moved, found[column] == moved[column]
        return feasible, [(there - at) / (side * TINY) for there, at in zip(found, here, strict=True)]

    return max((to_the(side) for side in (-1, 1)), key=lambda side: side[0])[1]  # the first of equals


def _anywhere(rng: random.Random, number: int) -> ThetaQ:
    """Four numbers, feasible or not; every other one has slopes or knots on an edge of what is feasible."""
    size = unit(number // 4)
    w1, w2, b1, b2 = (Fraction(rng.uniform(*ends)) for ends in ((-0.5, 3), (-0.5, 2), (-1, 2), (-1, 2)))
    if number % 6 == 0:  # onto the lower edge of the cone, which turns with w1
        w1, b1, b2 = w1 + Fraction(3, 2), -abs(b1), abs(b2) + 1
    if number % 2:
        w1 = rng.choice([w1, ONE, FLOOR, Fraction(2), Fraction(20), ONE + NEAR[0], ONE - NEAR[1]])
        w2 = rng.choice([w2, ONE, FLOOR, *(ONE + sign * near for near in NEAR for sign in (1, -1))])
        m = Fraction(rng.randint(1, 16), 8)
        on_edges = [(m, m), (max(w1 - 1, Fraction(0)) * m, max(w1, Fraction(1, 8)) * m), (Fraction(0), m), (-m, m)]
        b1, b2 = rng.choice([(b1, b2), *on_edges])
    w1, w2, b1, b2 = (Fraction(float(value)) for value in (w1, w2, b1, b2))
    return w1, w2, size * b1, size * b2


def not_needed_for_the_prox(cases: Cases) -> Check:
    """(7): a remark."""
    theta = (Fraction(3), Fraction(2), Fraction(1, 4), ONE)
    z = [*cases.points[::8], *theta[2:]]
    return demonstrated(
        "ξ is the prox of g without it: w1, w2 > 0 and b2 >= b1 >= 0 will do",
        not exact.nondecreasing(theta) and not any(better_points(cases, x, exact.xi(x, theta), theta) for x in z),
        f"Θ = (3, 2, 1/4, 1) breaks it; no better point than ξ(z) on a grid, at {len(z)} z",
    )


def needs_positive_knot(cases: Cases) -> Check:
    """(7): a remark."""
    lowest = inner_piece(HALF, (HALF, ONE, -ONE, ONE))
    return demonstrated(
        "Case 1 needs b1 >= 0, which is stated only later (as b1 > 0)",
        lowest < 0,
        f"w1 = 1/2, b1 = -1: g(1/2) = {lowest}",
    )


def not_necessary(cases: Cases) -> Check:
    """(7): a remark."""
    theta = SUFFICIENT_ONLY
    lowest = min(exact.regularizer(Fraction(k, 90), theta) for k in range(108, 360))  # from its joint 6/5 on
    found = sum(exact.nonnegative(t) and not exact.nondecreasing(t) for t in cases.thetas)
    return demonstrated(
        "sufficient, not necessary: Θ = (2, 1/10, 2/5, 1) breaks it, and g > 0",
        not exact.nondecreasing(theta) and exact.nonnegative(theta) and lowest > 0,
        f"min g = {lowest} on the outer piece; {found} of {len(cases.thetas)} Θ are such",
    )


def not_convex(cases: Cases) -> Check:
    """(7): a remark."""
    first = (ONE, HALF, Fraction(0), ONE)
    second = (Fraction(3), HALF, Fraction(2, 100), Fraction(3, 100))
    middle: ThetaQ = tuple((a + b) / 2 for a, b in zip(first, second, strict=True))  # type: ignore[assignment]
    return demonstrated(
        "the set is not convex",
        exact.nondecreasing(first) and exact.nondecreasing(second) and not exact.nondecreasing(middle),
        "(w1,b1,b2) = (1,0,1) and (3,.02,.03) are in, their midpoint is not",
    )


def not_closed(cases: Cases) -> Check:
    """Slopes that halve stay in; their limit 0 is none, as g divides by it: hence a floor in the projection."""
    inside = all(exact.nondecreasing((HALF**k, HALF**k, HALF, ONE)) for k in range(1, 64))
    name = "the set is not closed: it lacks w = 0, and has no nearest point there"
    try:
        Theta(0.0, 0.0, 0.5, 1.0)
    except InfeasibleThetaError as error:
        return demonstrated(name, inside, str(error))
    return demonstrated(name, False, "w = 0 was taken")
