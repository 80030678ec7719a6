"""Evidence on the engines beside that of small networks: matrices, large problems, fixed points, order of answers."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

import dsrl_ref
from dsrl_ref.arrays import Array
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import Flat, ThetaQ
from dsrl_ref.verify.networks import QUANTITIES, TINY, Networks, ways_of
from dsrl_ref.verify.problems import Arguments, Problem, dyadic, grid_problem, thetas
from dsrl_ref.verify.ways import evaluated, objective


@dataclass(frozen=True)
class Large:
    """Many copies of a small problem: what they give with one thread and with three, and what is right."""

    name: str
    entries: int
    by_one: list[float]
    by_three: list[float]
    right: Flat
    scales: Flat


@dataclass(frozen=True)
class FixedPoint:
    """layers = ∞: the loss, the derivatives and the Gauss-Newton matrix beside the rationals'."""

    got: list[float]
    right: Flat
    matrix: Array
    right_matrix: Array
    ties: int


@dataclass(frozen=True)
class Matrix:
    """A Gauss-Newton matrix beside the rationals'."""

    way: str
    got: Array
    right: Array


class Engines:
    """Evidence on engines, drawn from the seed of `networks`."""

    def __init__(self, networks: Networks, quick: bool) -> None:
        self.networks, self.quick = networks, quick

    def _rng(self, name: str) -> random.Random:
        return random.Random(f"{self.networks.seed} {name}")

    @cached_property
    def matrices(self) -> list[Matrix]:
        """The Gauss-Newton matrix of every way."""
        found = []
        for number in range(0, len(self.networks.grid_problems), 2 if self.quick else 7):
            problem, dX = self.networks.grid_problems[number], self.networks.exact_total(number)
            right = np.array([[float(sum(a[p] * a[q] for a in dX)) for q in range(5)] for p in range(5)])
            arguments = problem.arguments()
            found += [Matrix(way.name, way.gauss_newton(arguments), right) for way in ways_of(arguments)]
        return found

    @cached_property
    def calls(self) -> list[tuple[dict[str, float], dict[str, float]]]:
        """What the four forms of a call give, by name, and what is right."""
        found = []
        for problem in self.networks.grid_problems[:: 3 if self.quick else 7]:
            arguments = problem.arguments()
            f, theta, L, layers, x0, target = arguments
            right = dict(zip(QUANTITIES, map(float, answers(problem)), strict=True))
            J = objective(arguments, "auto")
            flat_loss, flat = J.flat([*theta, L])
            by_flat = {"loss": flat_loss, **dict(zip(QUANTITIES[1:], flat.tolist(), strict=True))}
            called, once = J(theta, L), dsrl_ref.loss_and_gradient(f, theta, L, layers, target, x0)
            named = [
                {"loss": J_, **gradient._asdict()} for J_, gradient in (called, once, J.gauss_newton(theta, L)[:2])
            ]
            found += [(got, right) for got in (*named, by_flat)]
        return found

    @cached_property
    def large(self) -> list[Large]:
        """Problems that take compiled blocks, with one thread and with three."""
        found = []
        for name, problem, method, copies, beside in self._large_problems():
            right, scales = [copies * value for value in answers(problem)], [copies * S for S in _scales(problem)]
            if beside is not None:
                right = [a + b for a, b in zip(right, answers(beside), strict=True)]
            arguments, got = copied(problem, copies, beside), {}
            for threads in (3, 1):  # the other way round, memory that is not cleared might hold the answer already
                loss, gradient = evaluated(objective(arguments, method, threads=threads), arguments)
                got[threads] = [loss, *gradient.tolist()]
            found.append(Large(name, arguments.x0.size, got[1], got[3], right, scales))
        return found

    def _large_problems(self) -> Iterator[tuple[str, Problem, str, int, Problem | None]]:
        """Entries in more than one block and kernel call; unless quick, what "pieces" sorts and columns too.

        Some entries are closer to a knot than the width of a bin of "fused", and beside its copies there is one of
        larger entries, of which its sample of the data sees nothing.
        """
        rng = self._rng("large")
        theta = (Fraction(3, 4), Fraction(5, 8), Fraction(1, 4), Fraction(1))
        L, number = Fraction(rng.choice([2, 4])), dyadic(rng)
        W, target = ([number(-1, 1) or Fraction(1, 8) for _ in range(12)] for _ in range(2))
        # W is only placed by the package; what is right there, the rationals say
        network = ScalarMap(tuple(map(float, theta)), float(L), layers=3)
        near = [Fraction(round(at * 2**12) - 2, 2**12) for at in network.breakpoints.tolist()]
        W[12 - len(near[:6]) :] = near[:6]
        of_W = Problem(exact.Fidelity(W), theta, L, 3, (1, 12), W, target)
        wide = [16 * w for w in W]
        far = replace(of_W, f=exact.Fidelity(wide), x0=wide)
        yield '"fused"', of_W, "fused", 25_000, far
        of_itself = replace(of_W, target=W), replace(far, target=wide)
        yield '"fused", target W', of_itself[0], "fused", 25_000, of_itself[1]
        yield '"pieces"', of_W, "pieces", (2_000 if self.quick else 360_000), None
        yield '"pieces", target W', of_itself[0], "pieces", 2_000, of_itself[1]
        elsewhere = replace(of_W, x0=target[::-1])
        yield '"fused" with another x0', elsewhere, "fused", 12_000, None
        D = [[Fraction(rng.choice([-1, 1])) for _ in range(3)] for _ in range(2)]
        Y, x0, target = ([number(-2, 2) for _ in range(size)] for size in (4, 6, 6))
        columns = Problem(exact.LeastSquares(D, Y), theta, L, 2, (3, 2), x0, target)
        yield "LeastSquares by columns", columns, "columns", (5_000 if self.quick else 250_000), None

    @cached_property
    def fixed_points(self) -> list[FixedPoint]:
        """Fixed points by rational linear equations, with derivatives by exact differences of these."""
        rng, found = self._rng("fixed points"), list[FixedPoint]()
        while len(found) < (8 if self.quick else 40):
            problem = _contracting(grid_problem(rng, len(found)), rng)
            rows = _settled_rows(problem)
            if rows is not None:
                found.append(_at_fixed_point(problem, rows))
        return found


def answers(problem: Problem) -> Flat:
    """The loss and the five derivatives."""
    path = problem.run()
    gradient = exact.reverse_gradient(problem.f, problem.theta, problem.L, path, problem.target)
    return [exact.loss(path.iterates[-1], problem.target), *gradient]


def _scales(problem: Problem) -> Flat:
    path = problem.run()
    return exact.rounding_scale(problem.f, problem.theta, problem.L, path, problem.target)


def copied(problem: Problem, copies: int, beside: Problem | None) -> Arguments:
    """The problem beside itself, so many times, and another one at the end."""
    first, others = problem.arguments(), [] if beside is None else [beside.arguments()]

    def joined(of: Callable[[Arguments], Array]) -> Array:
        return np.hstack([np.tile(of(first), (1, copies)), *map(of, others)])

    x0, target = joined(lambda part: part.x0), joined(lambda part: part.target)
    data = joined(lambda part: part.f.Y if isinstance(part.f, LeastSquares) else part.f.start())
    term = LeastSquares(first.f.D, data) if isinstance(first.f, LeastSquares) else Fidelity(data)
    return first._replace(f=term, x0=x0, target=target)


def _contracting(problem: Problem, rng: random.Random) -> Problem:
    """The same f with a Θ whose layers draw together, and a step that does not overshoot.

    A fixed point is stationary for f + L·g: with the L that D needs, knots must be small to leave entries active.
    """
    ((w1, w2, b1, b2),) = thetas(rng, 1, dyadic(rng))
    of_W = isinstance(problem.f, exact.Fidelity)
    L, unit = (Fraction(3, 2), Fraction(1)) if of_W else (Fraction(10), Fraction(1, 16))
    knots = unit * (b1 + Fraction(1, 16)), unit * (b2 + Fraction(3, 32))
    theta = (min(w1, Fraction(7, 8)), min(w2, Fraction(7, 8)), *knots)
    return Problem(problem.f, theta, L, 0, problem.shape, problem.x0, problem.target)


def _settled_rows(problem: Problem) -> list[int] | None:
    """The regions in which the layers end, by floats, checked by rationals; None next to a knot, or if all are dead."""
    numbers = tuple(map(float, problem.theta))
    f = problem.smooth_term()
    L, X = float(problem.L), problem.matrix(problem.x0)
    for _ in range(300):
        Z = X - np.asarray(f.gradient(X)) / L
        size = np.abs(Z)
        middle = np.clip(size, numbers[2], numbers[3]) - numbers[2]
        X = np.sign(Z) * (numbers[0] * middle + numbers[1] * np.maximum(size - numbers[3], 0))
    rows = [exact.row(Fraction(z), problem.theta) for z in Z.ravel().tolist()]
    there = exact.fixed_point(problem.f, problem.theta, problem.L, rows)
    right_Z = [x - g / problem.L for x, g in zip(there, problem.f.gradient(there), strict=True)]
    near = min(abs(abs(z) - knot) for z in right_Z for knot in problem.theta[2:])
    settled = [exact.row(z, problem.theta) for z in right_Z] == rows and near > Fraction(1, 1000)
    return rows if settled and any(rows) else None


def _at_fixed_point(problem: Problem, rows: list[int]) -> FixedPoint:
    X = exact.fixed_point(problem.f, problem.theta, problem.L, rows)
    dX = [
        [(a - b) / (2 * TINY) for a, b in zip(*(_moved(problem, rows, c, h) for h in (TINY, -TINY)), strict=True)]
        for c in range(5)
    ]
    residual = [x - y for x, y in zip(X, problem.target, strict=True)]
    gradient = [sum((r * d for r, d in zip(residual, line, strict=True)), exact.ZERO) for line in dX]
    matrix = np.array([[float(sum(a * b for a, b in zip(p, q, strict=True))) for q in dX] for p in dX])
    f, theta, L, _, x0, target = problem.arguments()
    J = Objective(f, target, layers=np.inf, x0=x0)
    loss, derivatives = J(theta, L)
    right = [exact.loss(X, problem.target), *gradient]
    return FixedPoint([loss, *derivatives], right, J.gauss_newton(theta, L)[2], matrix, J.ties(theta, L))


def _moved(problem: Problem, rows: list[int], number: int, h: Fraction) -> Flat:
    """The fixed point where one of the five numbers is moved by h."""
    w1, w2, b1, b2, L = (v + h * (i == number) for i, v in enumerate([*problem.theta, problem.L]))
    theta: ThetaQ = (w1, w2, b1, b2)
    return exact.fixed_point(problem.f, theta, L, rows)
