"""Checks of (8)-(17): the loss, the recursion and its derivatives."""

import random
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from dsrl_ref.verify import exact
from dsrl_ref.verify.evidence import TINY, Networks, exact_differences
from dsrl_ref.verify.exact import ThetaQ
from dsrl_ref.verify.findings import Check, demonstrated, none_differ
from dsrl_ref.verify.problems import Problem, dyadic, rational, thetas

MOST_REDRAWN = 0.2
MOST_UNITS = 1000.0  # of 2^-53·S, the errors of X_(t) that grow from layer to layer included
GAP, USUAL_GAP = 1e-7, 1e-9
PARAMETERS = ("w1", "w2", "b1", "b2", "L")


class Recursion:
    """The checks of (8)-(17) on `networks`, and on `cases` draws of Θ for the tables."""

    def __init__(self, networks: Networks, cases: int) -> None:
        self.networks = networks
        rng = random.Random(f"{networks.seed} tables")
        self.draws = [
            (theta, z)
            for theta in thetas(rng, cases, rational(rng)) + thetas(rng, cases, dyadic(rng))
            for z in _aimed(rng, theta)
        ]

    def equation_8(self) -> list[Check]:
        """Judge J."""
        wrong, tried = 0, 0
        for problem in self.networks.rational_problems[:40]:
            X = problem.x0
            for i, (x, y) in enumerate(zip(X, problem.target, strict=True)):
                moved = [exact.loss([*X[:i], x + h, *X[i + 1 :]], problem.target) for h in (1, -1)]
                wrong += (moved[0] - moved[1]) / 2 != x - y
                tried += 1
        return [
            self._grid("loss", "the loss equals the rationals"),
            none_differ("dJ/dX = X - X̃", wrong, tried, "entries"),
        ]

    def equation_9(self) -> list[Check]:
        """Judge the recursion."""
        found = self.networks.rational
        moved = found.other_regions
        return [
            self._grid("iterates", "all iterates equal the rationals"),
            Check("rounding of X_(t)", found.worst_iterate <= 1000, f"{found.worst_iterate:.3g} units of 2^-53·max|X|"),
            Check(
                "float64 finds the exact regions",
                moved <= found.cases // 100,
                f"{moved} of {found.cases} networks differ",
            ),
            self._fixed_point_weighs_by_L(),
        ]

    def equation_10(self) -> list[Check]:
        """Judge dJ/dΘ."""
        return [*self._schedules("tensor"), *self._measured(PARAMETERS[:4])]

    def equation_11(self) -> list[Check]:
        """Judge dX_(t)/dΘ."""
        return [*self._schedules("tangent"), self._contraction()]

    def equation_12(self) -> list[Check]:
        """Judge ∂X/∂w1, ∂X/∂w2."""
        unlike = sum(_rebuilt(z, t) != exact.xi(z, t) for t, z in self.draws)
        return [
            self._derivative(0, "∂w1 is the derivative, ties included"),
            self._derivative(1, "∂w2 is the derivative, ties included"),
            self._grid("table w1", "∂w1 equals the rationals"),
            self._grid("table w2", "∂w2 equals the rationals"),
            demonstrated(
                "ξ is written nowhere; this table determines it: ξ = w1·∂w1 + w2·∂w2",
                unlike == 0,
                f"{unlike} differ of {len(self.draws)} values",
            ),
        ]

    def equation_13(self) -> list[Check]:
        """Judge ∂X/∂b1, ∂X/∂b2."""
        return [
            self._derivative(2, "∂b1 is the derivative off ties"),
            self._derivative(3, "∂b2 is the derivative off ties"),
            self._grid("table b1", "∂b1 equals the rationals"),
            self._grid("table b2", "∂b2 equals the rationals"),
            self._zero_knot(),
        ]

    def equation_14(self) -> list[Check]:
        """Judge ∂X_(i)/∂X_(i-1)."""
        wrong = sum((exact.xi(z + TINY, t) - exact.xi(z, t)) / TINY != exact.partials(z, t)[4] for t, z in self.draws)
        ties = sum(abs(z) in t[2:] for t, z in self.draws)
        at = (Fraction(1), Fraction(1, 2), Fraction(1), Fraction(2))
        slopes = [exact.partials(z, at)[4] for z in (Fraction(1), Fraction(-1))]
        return [
            none_differ("it is the right derivative in z, at ties too", wrong, len(self.draws), f"values, {ties} ties"),
            self._grid("table X", "the tensor equals the rationals"),
            demonstrated(
                "half-open rows are not odd at ties",
                slopes[0] != slopes[1],
                f"slope {slopes[0]} at b1, {slopes[1]} at -b1",
            ),
            self._hessian_is_needed(),
        ]

    def equation_15(self) -> list[Check]:
        """Judge dJ/dL."""
        return [*self._schedules("adjoint"), *self._measured(PARAMETERS[4:])]

    def equation_16(self) -> list[Check]:
        """Judge dX_(t)/dL."""
        return [self._grid("L", "dJ/dL equals the rationals"), self._contraction(), self._step_is_weight()]

    def equation_17(self) -> list[Check]:
        """Judge ∂X/∂L."""
        return [
            self._grid("table L", "∂L equals the rationals"),
            self._derivative_in_L(),
            self._index_is_needed(),
        ]

    def _grid(self, key: str, name: str) -> Check:
        found = self.networks.grid
        return none_differ(f"{name}, bit for bit", found.differing[key], found.cases, f"networks, {found.ties} ties")

    def _schedules(self, method: str) -> Iterator[Check]:
        found = self.networks.rational
        yield none_differ(
            "tensor, forward and reverse agree in rationals", found.schedules_differ, found.cases, "networks"
        )
        gap = found.difference_gap
        bits = gap.numerator.bit_length() - gap.denominator.bit_length()
        yield Check(
            "and with exact differences, step 2^-200",
            found.difference_cases > 0 and gap < Fraction(1, 2**350),
            f"worst gap 2^{bits} of {found.difference_cases} networks",
        )
        yield self._grid(method, f'method "{method}" equals the rationals')

    def _measured(self, names: tuple[str, ...]) -> Iterator[Check]:
        units = max(self.networks.rational.worst_gradient[name] for name in names)
        yield Check("rounding of every method", units <= MOST_UNITS, f"{units:.3g} units of 2^-53·S")
        found = self.networks.differences
        gaps = np.concatenate([found.gaps[name] for name in names])
        yield Check(
            "every method against central differences",
            bool(gaps.size > 0 and gaps.max() <= GAP and np.mean(gaps <= USUAL_GAP) >= 0.99),
            f"worst gap {gaps.max(initial=0):.2g}, {np.mean(gaps <= USUAL_GAP):.1%} within 1e-9",
        )
        yield Check(
            "draws redone because an entry changed region",
            found.redrawn <= MOST_REDRAWN,
            f"{found.redrawn:.1%} of {found.draws + found.redraws}",
        )

    def _derivative(self, number: int, name: str) -> Check:
        """Difference ξ in one parameter within a piece, where it is linear: exact."""
        wrong, tried = 0, 0
        for theta, z in self.draws:
            h = -TINY if number == 2 and theta[2] > 0 else TINY  # b1 may only fall where b1 = b2, b2 only rise
            if number >= 2 and (abs(z) in theta[2:] or theta[3] == 0):
                continue  # one-sided in the knots: see the remark
            difference = (exact.xi(z, _moved(theta, number, h)) - exact.xi(z, theta)) / h
            wrong += difference != exact.partials(z, theta)[number]
            tried += 1
        return none_differ(name, wrong, tried, "values")

    def _derivative_in_L(self) -> Check:
        worst, tried = Fraction(0), 0
        for theta, z in self.draws[::4]:
            L, g = Fraction(5, 4), 1 + z * z
            x = z + g / L
            if abs(z) in theta[2:]:
                continue
            moved = [exact.xi(x - g / (L + h), theta) for h in (TINY, -TINY)]
            worst = max(worst, abs((moved[0] - moved[1]) / (2 * TINY) - exact.partials(z, theta)[4] * g / L**2))
            tried += 1
        return Check(
            "it is the derivative in L", tried > 0 and worst < Fraction(1, 2**350), f"gap < 2^-350 at {tried} values"
        )

    def _contraction(self) -> Check:
        found = self.networks.rational
        arguments = (COUPLED.f, COUPLED.theta, COUPLED.L, COUPLED.run(), COUPLED.target)
        read, misread = exact.tensor_gradient(*arguments), exact.misread_gradient(*arguments)
        right = exact_differences(COUPLED)
        return demonstrated(
            "the pair (j,k) of (14) is contracted; over (p,q) the gradient is another",
            max(abs(a - b) for a, b in zip(read, right, strict=True)) < Fraction(1, 2**350)
            and max(abs(a - b) for a, b in zip(misread, right, strict=True)) > Fraction(1, 100),
            f"f = ½(x1+x2-3)², L = 2: dJ/dw1 = {read[0]} as differences have it, not {misread[0]}; "
            f"another in {found.misreading_differs} of {found.misread_cases} networks",
        )

    def _fixed_point_weighs_by_L(self) -> Check:
        grid = [Fraction(k, 2) for k in range(-20, 21)]
        still = [x for x in grid if _soft_layer(x, Fraction(4)) == x]
        least = {t: min(grid, key=lambda x: (x - 5) ** 2 / 2 + t * exact.regularizer(x, SOFT)) for t in (1, 4)}
        return Check(
            "a fixed point is stationary for f + L·g",
            still == [least[4]] and least[4] != least[1],
            f"f = ½(x-5)², L = 4: fixed at {still[0]} = argmin f+4g; argmin f+g = {least[1]}",
        )

    def _step_is_weight(self) -> Check:
        """Show that moving L moves the fixed point 5 - L/2 of that network."""
        L = Fraction(4)
        fixed = all(_soft_layer(5 - M / 2, M) == 5 - M / 2 for M in (L, L + TINY, L - TINY))
        f = exact.Fidelity([Fraction(5)])
        path = exact.run(f, SOFT, L, 40, [Fraction(5)])
        dJ_dL = exact.reverse_gradient(f, SOFT, L, path, [Fraction(0)])[4]
        dX_dL = dJ_dL / path.iterates[-1][0]  # J = ½X²
        return demonstrated(
            "L is step and weight: dX_(t)/dL tends to -1/2 here, not to 0",
            fixed and abs(dX_dL + Fraction(1, 2)) < Fraction(1, 100),
            f"dX_(40)/dL = {float(dX_dL):.6f}",
        )

    def _zero_knot(self) -> Check:
        theta, h = (Fraction(3, 4), Fraction(1, 2), Fraction(0), Fraction(1)), Fraction(1, 8)
        zero = Fraction(0)
        one_sided = (exact.xi(zero, _moved(theta, 2, h)) - exact.xi(zero, theta)) / h
        return demonstrated(
            "b1 = 0 and z = 0: b1 can only grow and ξ stays 0, yet the row says -w1",
            one_sided == 0 and exact.partials(zero, theta)[2] == -theta[0],
            f"one-sided {one_sided}, printed {exact.partials(zero, theta)[2]}",
        )

    def _hessian_is_needed(self) -> Check:
        """∂Z/∂X is left open: it is I - H/L."""
        f = exact.Quartic([Fraction(1, 2), Fraction(1, 4)])
        X, L, wrong = [Fraction(1, 2), Fraction(3, 4)], Fraction(2), 0
        for jk in range(2):
            moved = [f.gradient([x + h * (i == jk) for i, x in enumerate(X)]) for h in (TINY, -TINY)]
            for pq in range(2):
                difference = int(pq == jk) - (moved[0][pq] - moved[1][pq]) / (2 * TINY) / L
                column = f.hessian_product([Fraction(int(i == jk)) for i in range(2)], X)[pq]
                wrong += abs(difference - (int(pq == jk) - column / L)) > Fraction(1, 2**350)
        return demonstrated(
            "∂Z_pq/∂X_jk is left open; it is δ - (∂²f/∂X_pq∂X_jk)/L", wrong == 0, "gap < 2^-350, f not quadratic"
        )

    def _index_is_needed(self) -> Check:
        L, X, W = Fraction(2), [Fraction(2), Fraction(3)], [Fraction(0), Fraction(-1)]
        f = exact.Fidelity(W)
        path = exact.run(f, SOFT, L, 1, X)
        own = [line[4] for line in exact.own_terms(f, SOFT, L, X, path.preactivations[0])]
        moved = [exact.run(f, SOFT, L + h, 1, X).iterates[-1] for h in (TINY, -TINY)]
        differences = [(a - b) / (2 * TINY) for a, b in zip(*moved, strict=True)]
        close = max(abs(a - b) for a, b in zip(own, differences, strict=True)) < Fraction(1, 2**350)
        return demonstrated(
            "the right side lacks the index pq of ∇f: entries differ",
            close and own[0] != own[1],
            f"{own[0]} and {own[1]}",
        )


SOFT: ThetaQ = (Fraction(1), Fraction(1), Fraction(1, 2), Fraction(1, 2))


COUPLED = Problem(
    exact.LeastSquares([[Fraction(1), Fraction(1)]], [Fraction(3)]),
    (Fraction(1, 2), Fraction(1), Fraction(1, 4), Fraction(1)),
    L=Fraction(2),
    layers=2,
    shape=(2, 1),
    x0=[Fraction(2), Fraction(0)],
    target=[Fraction(0), Fraction(0)],
)  # two entries on different pieces of ξ: its slopes do not commute with the Hessian


def _soft_layer(x: Fraction, L: Fraction) -> Fraction:
    """One layer with f = ½(x-5)² and the soft threshold ½."""
    return exact.xi(x - (x - 5) / L, SOFT)


def _aimed(rng: random.Random, theta: ThetaQ) -> list[Fraction]:
    """Values of z: the four knots and 0, near them, and anywhere."""
    _, _, b1, b2 = theta
    knot = rng.choice([b1, -b1, b2, -b2, Fraction(0)])
    return [knot, knot + rng.choice([-1, 1]) * Fraction(1, 1 << 20), Fraction(rng.randint(-32, 32), 8)]


def _moved(theta: ThetaQ, number: int, h: Fraction) -> ThetaQ:
    w1, w2, b1, b2 = (value + h * (i == number) for i, value in enumerate(theta))
    return w1, w2, b1, b2


def _rebuilt(z: Fraction, theta: ThetaQ) -> Fraction:
    dw1, dw2, *_ = exact.partials(z, theta)
    return theta[0] * dw1 + theta[1] * dw2
