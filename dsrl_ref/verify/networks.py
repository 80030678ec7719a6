"""Evidence on whole networks, gathered once and read by the checks of (8)-(11), (15) and (16)."""

import random
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from dsrl_ref.appendix.network import forward, preactivations
from dsrl_ref.appendix.shrinkage import rows
from dsrl_ref.arrays import Array
from dsrl_ref.differences import differences
from dsrl_ref.parameters import Gradient
from dsrl_ref.verify import exact, misreadings
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.problems import (
    Arguments,
    Problem,
    grid_problem,
    in_unit,
    near_knot_problem,
    network_problem,
    rational_problem,
    unit,
)
from dsrl_ref.verify.ways import WAYS, Way, objective

UNIT = 2.0**-53
TINY = Fraction(1, 2**200)
MOST_HIDDEN = 1e-6  # of a difference, by the rounding of the losses
NAMES = Gradient._fields
QUANTITIES = ("loss", *NAMES)


@dataclass
class GridEvidence:
    """Float64 against the rationals on data where every float operation is exact; keys are (way, quantity)."""

    cases: Counter[str] = field(default_factory=Counter)
    ties: Counter[str] = field(default_factory=Counter)
    differing: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass
class RationalEvidence:
    """53-bit data: the exact schedules against each other, and against exact differences."""

    cases: int = 0
    schedules_differ: int = 0
    misread_cases: int = 0
    misreading_differs: int = 0
    difference_cases: int = 0
    difference_gap: Fraction = Fraction(0)


@dataclass
class RoundingEvidence:
    """53-bit data: float64 against the rationals, in units of 2^-53·S; keys are (way, quantity)."""

    cases: int = 0
    other_regions: int = 0
    worst_iterate: float = 0.0
    taken: Counter[str] = field(default_factory=Counter)
    worst: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass
class DifferenceEvidence:
    """Gradients against differences of the loss in float64; keys of `gaps` are derivatives."""

    draws: int = 0
    redraws: int = 0
    gaps: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NAMES})
    taken: Counter[str] = field(default_factory=Counter)

    @property
    def redrawn(self) -> float:
        """Share of draws thrown away."""
        return self.redraws / (self.draws + self.redraws)


class Networks:
    """The networks that verification runs on, drawn from `seed`."""

    def __init__(self, seed: int, grid_cases: int, rational_cases: int, draws: int) -> None:
        rng = random.Random(f"{seed} networks")
        self.seed = seed
        self.grid_problems = [in_unit(grid_problem(rng, number), unit(number // 6)) for number in range(grid_cases)]
        self.rational_problems = [rational_problem(rng, number) for number in range(rational_cases)]
        self.draws = draws
        self._totals: dict[int, list[Flat]] = {}

    def exact_total(self, number: int) -> list[Flat]:
        """dX_(t) of a grid problem, five derivatives an entry; found once."""
        if number not in self._totals:
            problem = self.grid_problems[number]
            path = problem.run()
            self._totals[number] = exact.sensitivities(problem.f, problem.theta, problem.L, path)[-1]
        return self._totals[number]

    @cached_property
    def grid(self) -> GridEvidence:
        """Compare bit for bit."""
        found = GridEvidence()
        for problem in self.grid_problems:
            _compare_on_grid(problem, found)
        return found

    @cached_property
    def rational(self) -> RationalEvidence:
        """Compare the exact schedules."""
        found = RationalEvidence()
        for problem in self.rational_problems:
            _compare_schedules(problem, found)
        for problem in self.rational_problems[::5]:
            _compare_readings(problem, found)
            _compare_differences(problem, found)
        return found

    @cached_property
    def rounding(self) -> RoundingEvidence:
        """Measure the rounding of float64, on data like any and on data that cancel."""
        found, rng = RoundingEvidence(), random.Random(f"{self.seed} near knots")
        near = [near_knot_problem(rng, number) for number in range(len(self.rational_problems))]
        for problem in (*self.rational_problems, *near):
            _measure_rounding(problem, found)
        return found

    @cached_property
    def differences(self) -> DifferenceEvidence:
        """Difference the loss; a draw that says nothing is redone and counted."""
        found = DifferenceEvidence()
        rng = np.random.default_rng(self.seed)
        while found.draws < self.draws and found.redraws <= self.draws:
            _difference(rng, found)
        return found


def exactly(values: Array, expected: Flat) -> bool:
    """Whether floats are the rationals bit for bit."""
    return all(Fraction(v) == e for v, e in zip(np.ravel(values).tolist(), expected, strict=True))


def laid_out(values: Array, shape: tuple[int, ...], expected: Flat) -> bool:
    """Whether an array has the shape, and the rationals in row order, bit for bit."""
    return np.shape(values) == shape and exactly(values, expected)


def ways_of(arguments: Arguments) -> list[Way]:
    """The ways that take a problem."""
    return [way for way in WAYS if way.takes(arguments)]


def _compare_on_grid(problem: Problem, found: GridEvidence) -> None:
    path, arguments = problem.run(), problem.arguments()
    gradient = exact.reverse_gradient(problem.f, problem.theta, problem.L, path, problem.target)
    expected = [exact.loss(path.iterates[-1], problem.target), *gradient]
    ties = sum(abs(z) in problem.theta[2:] for Z in path.preactivations for z in Z)
    for way in ways_of(arguments):
        J, derivatives = way.evaluate(arguments)
        found.cases[way.name] += 1
        found.ties[way.name] += ties
        for name, value, right in zip(QUANTITIES, [J, *derivatives.tolist()], expected, strict=True):
            found.differing[way.name, name] += Fraction(value) != right


def _compare_schedules(problem: Problem, found: RationalEvidence) -> None:
    arguments = (problem.f, problem.theta, problem.L, problem.run(), problem.target)
    gradient = exact.tensor_gradient(*arguments)
    others = (exact.forward_gradient, exact.reverse_gradient)
    found.schedules_differ += any(other(*arguments) != gradient for other in others)
    found.cases += 1


def _compare_readings(problem: Problem, found: RationalEvidence) -> None:
    arguments = (problem.f, problem.theta, problem.L, problem.run(), problem.target)
    found.misreading_differs += misreadings.misread_gradient(*arguments) != exact.forward_gradient(*arguments)
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


def _measure_rounding(problem: Problem, found: RoundingEvidence) -> None:
    path, arguments = problem.run(), problem.arguments()
    found.cases += 1
    if _regions(arguments) != [bytes(r % 256 for r in _rows(Z, problem)) for Z in path.preactivations]:
        found.other_regions += 1  # rounding moved an entry across a knot: no figure, but counted
        return
    f, theta, L, layers, x0, _ = arguments
    last = forward(f, theta, L, layers, x0)[-1].ravel().tolist()
    largest = max(abs(x) for X in (*path.iterates, *path.preactivations) for x in X)
    worst = max(abs(Fraction(a) - b) for a, b in zip(last, path.iterates[-1], strict=True))
    found.worst_iterate = max(found.worst_iterate, float(worst / largest) / UNIT)
    exact_arguments = (problem.f, problem.theta, problem.L, path, problem.target)
    expected = [exact.loss(path.iterates[-1], problem.target), *exact.reverse_gradient(*exact_arguments)]
    scales = exact.rounding_scale(*exact_arguments)
    for way in ways_of(arguments):
        J, gradient = way.evaluate(arguments)
        found.taken[way.name] += 1
        for name, value, right, S in zip(QUANTITIES, [J, *gradient.tolist()], expected, scales, strict=True):
            error = abs(Fraction(value) - right)
            units = float(error / S) / UNIT if S else (0.0 if error == 0 else float("inf"))
            found.worst[way.name, name] = max(found.worst.get((way.name, name), 0.0), units)


def _rows(Z: Flat, problem: Problem) -> list[int]:
    return [exact.row(z, problem.theta) for z in Z]


def _difference(rng: np.random.Generator, found: DifferenceEvidence) -> None:
    """Compare every way with differences on one draw, or count a redraw: on knots, or where rounding hides too much."""
    arguments = network_problem(rng, found.draws)
    try:
        expected = differences(objective(arguments, "tangent"), arguments.theta, arguments.L)
    except ValueError:
        found.redraws += 1
        return
    if any(difference.rounding > MOST_HIDDEN * difference.size for difference in expected.values()):
        found.redraws += 1
        return
    found.draws += 1
    for way in ways_of(arguments):
        _, gradient = way.evaluate(arguments)
        found.taken[way.name] += 1
        for name, value in zip(NAMES, gradient.tolist(), strict=True):
            found.gaps[name].append(expected[name].gap(value))


def _regions(arguments: Arguments) -> list[bytes]:
    f, theta, L, layers, x0, _ = arguments
    return [rows(Z, theta).tobytes() for Z in preactivations(f, theta, L, layers, x0)]
