"""Evidence on whole networks, gathered once and read by the checks of (8)-(17)."""

import random
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from dsrl_ref.appendix import partials
from dsrl_ref.appendix.network import SmoothTerm, forward, loss, preactivations
from dsrl_ref.appendix.shrinkage import count_ties, rows
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.objective import ENGINES, Gradient
from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.problems import Problem, grid_problem, network_problem, rational_problem

UNIT = 2.0**-53
TINY = Fraction(1, 2**200)
NAMES = Gradient._fields


@dataclass
class GridEvidence:
    """Float64 against the rationals on data where every float operation is exact."""

    cases: int = 0
    ties: int = 0
    differing: Counter[str] = field(default_factory=Counter)


@dataclass
class RationalEvidence:
    """53-bit data: the exact schedules against each other, and float64 against them."""

    cases: int = 0
    schedules_differ: int = 0
    misread_cases: int = 0
    misreading_differs: int = 0
    other_regions: int = 0
    worst_iterate: float = 0.0
    worst_gradient: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NAMES, 0.0))
    difference_cases: int = 0
    difference_gap: Fraction = Fraction(0)


@dataclass
class DifferenceEvidence:
    """Gradients against central differences of the loss in float64."""

    draws: int = 0
    redraws: int = 0
    gaps: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NAMES})

    @property
    def redrawn(self) -> float:
        """Share of draws thrown away because an entry changed region within the step."""
        return self.redraws / (self.draws + self.redraws)


class Networks:
    """The networks that verification runs on, drawn from `seed`."""

    def __init__(self, seed: int, grid_cases: int, rational_cases: int, draws: int) -> None:
        rng = random.Random(f"{seed} networks")
        self.seed = seed
        self.grid_problems = [grid_problem(rng) for _ in range(grid_cases)]
        self.rational_problems = [rational_problem(rng) for _ in range(rational_cases)]
        self.draws = draws

    @cached_property
    def grid(self) -> GridEvidence:
        """Compare bit for bit."""
        found = GridEvidence()
        for problem in self.grid_problems:
            _compare_on_grid(problem, found)
        return found

    @cached_property
    def rational(self) -> RationalEvidence:
        """Compare the exact schedules, and measure the rounding of float64."""
        found = RationalEvidence()
        for problem in self.rational_problems:
            _compare_schedules(problem, found)
        for problem in self.rational_problems[::6]:
            _compare_readings(problem, found)
            _compare_differences(problem, found)
        return found

    @cached_property
    def differences(self) -> DifferenceEvidence:
        """Difference the loss; a draw in which any entry changes region is redone and counted."""
        found = DifferenceEvidence()
        rng = np.random.default_rng(self.seed)
        while found.draws < self.draws and found.redraws <= self.draws:
            _difference(rng, found)
        return found


def _exactly(values: Array, expected: Flat) -> bool:
    return all(Fraction(float(v)) == e for v, e in zip(values.ravel(), expected, strict=True))


def _compare_on_grid(problem: Problem, found: GridEvidence) -> None:
    path = problem.run()
    f, theta, L = problem.smooth_term(), problem.float_theta(), float(problem.L)
    x0, target = problem.matrix(problem.x0), problem.matrix(problem.target)
    iterates = forward(f, theta, L, problem.layers, x0)
    differing = found.differing
    differing["iterates"] += not all(map(_exactly, iterates, path.iterates))
    differing["loss"] += not _exactly(
        np.array(loss(target, iterates[-1])), [exact.loss(path.iterates[-1], problem.target)]
    )
    gradient = exact.reverse_gradient(problem.f, problem.theta, problem.L, path, problem.target)
    for method, engine in ENGINES.items():
        got_loss, got = engine(f, theta, L, problem.layers, x0, target)
        differing[method] += not _exactly(got, gradient)
        for name, value, expected in zip(NAMES, got, gradient, strict=True):
            differing[name] += Fraction(float(value)) != expected
        differing["loss"] += Fraction(got_loss) != exact.loss(path.iterates[-1], problem.target)
    Z, X = problem.matrix(path.preactivations[0]), problem.matrix(path.iterates[0])
    _compare_tables(problem, Z, X, differing)
    found.cases += 1
    for Z_i in path.preactivations:
        found.ties += count_ties(problem.matrix(Z_i), theta)


def _compare_tables(problem: Problem, Z: Array, X: Array, differing: Counter[str]) -> None:
    """(12), (13), (14), (17) of the first layer."""
    f, theta, L = problem.smooth_term(), problem.float_theta(), float(problem.L)
    flat_Z, flat_X = [Fraction(z) for z in Z.ravel().tolist()], problem.x0
    own = exact.own_terms(problem.f, problem.theta, problem.L, flat_X, flat_Z)
    tables = [function(Z, theta) for function in (partials.dw1, partials.dw2, partials.db1, partials.db2)]
    tables.append(partials.dL(Z, np.asarray(f.gradient(X)), theta, L))
    for number, table in enumerate(tables):
        differing["table " + NAMES[number]] += not _exactly(table, [line[number] for line in own])
    tensor = exact.layer_tensor(problem.f, problem.theta, problem.L, flat_X, flat_Z)
    flat_tensor = [value for line in tensor for value in line]
    differing["table X"] += not _exactly(partials.dX(f, Z, X, theta, L, layer=1), flat_tensor)


def _compare_schedules(problem: Problem, found: RationalEvidence) -> None:
    arguments = (problem.f, problem.theta, problem.L)
    path = problem.run()
    gradient = exact.tensor_gradient(*arguments, path, problem.target)
    others = (exact.forward_gradient, exact.reverse_gradient)
    found.schedules_differ += any(other(*arguments, path, problem.target) != gradient for other in others)
    found.cases += 1
    _measure_rounding(problem, path, gradient, found)


def _measure_rounding(problem: Problem, path: exact.Run, gradient: Flat, found: RationalEvidence) -> None:
    f, theta, L = problem.smooth_term(), problem.float_theta(), float(problem.L)
    x0, target = problem.matrix(problem.x0), problem.matrix(problem.target)
    regions = [rows(Z, theta).ravel().tolist() for Z in preactivations(f, theta, L, problem.layers, x0)]
    if regions != [[exact.row(z, problem.theta) for z in Z] for Z in path.preactivations]:
        found.other_regions += 1  # rounding moved an entry across a knot: no figure, but counted
        return
    last = forward(f, theta, L, problem.layers, x0)[-1].ravel().tolist()
    largest = max(abs(x) for X in (*path.iterates, *path.preactivations) for x in X)
    worst = max(abs(Fraction(a) - b) for a, b in zip(last, path.iterates[-1], strict=True))
    found.worst_iterate = max(found.worst_iterate, float(worst / largest) / UNIT)
    scale = exact.rounding_scale(problem.f, problem.theta, problem.L, path, problem.target)
    for engine in ENGINES.values():
        _, got = engine(f, theta, L, problem.layers, x0, target)
        for name, value, expected, S in zip(NAMES, got, gradient, scale, strict=True):
            error = abs(Fraction(float(value)) - expected)
            units = float(error / S) / UNIT if S else (0.0 if error == 0 else float("inf"))
            found.worst_gradient[name] = max(found.worst_gradient[name], units)


def _compare_readings(problem: Problem, found: RationalEvidence) -> None:
    arguments = (problem.f, problem.theta, problem.L, problem.run(), problem.target)
    found.misreading_differs += exact.misread_gradient(*arguments) != exact.forward_gradient(*arguments)
    found.misread_cases += 1


def _compare_differences(problem: Problem, found: RationalEvidence) -> None:
    _, _, b1, b2 = problem.theta
    if not 0 < b1 < b2:
        return  # on the boundary of the feasible Θ there are only one-sided differences
    gradient = exact.reverse_gradient(problem.f, problem.theta, problem.L, problem.run(), problem.target)
    gap = max(abs(a - b) for a, b in zip(gradient, exact_differences(problem), strict=True))
    found.difference_gap = max(found.difference_gap, gap)
    found.difference_cases += 1


def exact_differences(problem: Problem) -> Flat:
    """Central differences of the exact loss with the step 2^-200."""
    at = [*problem.theta, problem.L]

    def shifted(number: int, h: Fraction) -> Fraction:
        w1, w2, b1, b2, L = (value + h * (i == number) for i, value in enumerate(at))
        path = exact.run(problem.f, (w1, w2, b1, b2), L, problem.layers, problem.x0)
        return exact.loss(path.iterates[-1], problem.target)

    return [(shifted(i, TINY) - shifted(i, -TINY)) / (2 * TINY) for i in range(5)]


def _difference(rng: np.random.Generator, found: DifferenceEvidence) -> None:
    """Compare every engine with differences on one draw, or count a redraw."""
    f, theta, L, layers, x0, target = network_problem(rng)
    at = np.array([*theta, L])
    steps = 2.0 ** np.round(np.log2(2.0**-20 * np.maximum(1.0, np.abs(at))))
    regions = _regions(f, theta, L, layers, x0)
    estimates = []
    for number, h in enumerate(steps):
        values = []
        for sign in (1, -1):
            moved = at.copy()
            moved[number] += sign * h
            moved_theta = Theta(*moved[:4])
            if _regions(f, moved_theta, moved[4], layers, x0) != regions:
                found.redraws += 1
                return
            values.append(loss(target, forward(f, moved_theta, moved[4], layers, x0)[-1]))
        estimates.append((values[0] - values[1]) / (2 * h))
    found.draws += 1
    for engine in ENGINES.values():
        J, gradient = engine(f, theta, L, layers, x0, target)
        for name, value, estimate in zip(NAMES, gradient, estimates, strict=True):
            found.gaps[name].append(float(abs(value - estimate) / max(1.0, abs(value), abs(J))))


def _regions(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> list[bytes]:
    return [rows(Z, theta).tobytes() for Z in preactivations(f, theta, float(L), layers, x0)]
