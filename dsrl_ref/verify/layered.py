"""Problems with one Θ and one L a layer, in exact rationals with their float64 twins, and the draws of them."""

import random
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.verify import exact, exact_layers
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.exact_layers import Layers
from dsrl_ref.verify.problems import (
    PARAMETERS,
    Arguments,
    Problem,
    dyadic,
    grid_problem,
    is_exact_in_floats,
    network_problem,
    rational,
    rational_problem,
    thetas,
)


@dataclass(frozen=True)
class LayeredProblem:
    """A network whose layers have a Θ and an L of their own; those of `network`, its f and its data, are layer 1's."""

    network: Problem
    layers: Layers

    def arguments(self) -> Arguments:
        """All of it in float64, with the Θ and L of the first layer."""
        return self.network.arguments()

    def float_thetas(self) -> tuple[Theta, ...]:
        """Θ_1, ..., Θ_t in float64."""
        return tuple(Theta(*map(float, theta)) for theta in self.layers.thetas)

    def float_constants(self) -> Array:
        """L_1, ..., L_t in float64."""
        return np.array([float(L) for L in self.layers.constants])

    @cached_property
    def path(self) -> exact.Run:
        """The exact recursion."""
        return exact_layers.run(self.network.f, self.layers, self.network.x0)

    @cached_property
    def loss(self) -> Fraction:
        """J."""
        return exact.loss(self.path.iterates[-1], self.network.target)

    @cached_property
    def terms(self) -> list[Flat]:
        """The five derivatives of each layer."""
        return exact_layers.reverse_terms(self.network.f, self.layers, self.path, self.network.target)

    @property
    def ties(self) -> int:
        """How many entries of Z_(1), ..., Z_(t) sit on a knot of their own layer."""
        parts = zip(self.layers.thetas, self.path.preactivations, strict=True)
        return sum(abs(z) in theta[2:] for theta, Z in parts for z in Z)

    @property
    def parameters(self) -> tuple[Array, Array]:
        """Θ (t, 4) and L (t,) in float64, as a user's function is called with."""
        return np.reshape(self.float_thetas(), (-1, 4)), self.float_constants()

    def solved(self) -> tuple[list[str], Flat, Flat]:
        """The quantities of an answer by name: the loss, five derivatives of each layer, and the scale S of each."""
        f, target = self.network.f, self.network.target
        of_loss, scales = exact_layers.rounding_scale(f, self.layers, self.path, target)
        terms = exact_layers.forward_terms(f, self.layers, self.path, target)
        names = [f"{name} of layer {i}" for i in range(1, len(terms) + 1) for name in PARAMETERS]
        return ["loss", *names], [self.loss, *joined(terms)], [of_loss, *joined(scales)]

    def shared(self) -> "LayeredProblem":
        """The same, every layer with the Θ and L of the first."""
        t = self.network.layers
        return LayeredProblem(self.network, Layers([self.network.theta] * t, [self.network.L] * t))


def joined(rows: list[Flat]) -> Flat:
    """Rows, one after the other."""
    return [value for row in rows for value in row]


def grid_layers(rng: random.Random, number: int) -> LayeredProblem:
    """Draw `grid_problem` with a Θ and an L, a power of two, for each layer, such that float64 is exact still."""
    while True:
        network = grid_problem(rng, number)
        more, bits = max(0, network.layers - 1), rng.randint(1, 3)
        others = thetas(rng, more, dyadic(rng, bits)), [Fraction(2) ** rng.randint(-1, 3) for _ in range(more)]
        mine = network.layers > 0
        layers = Layers([network.theta] * mine + others[0], [network.L] * mine + others[1])
        problem = LayeredProblem(network, layers)
        if is_exact_in_floats(network, layers.thetas, layers.constants, problem.path):
            return problem


def rational_layers(rng: random.Random, number: int, layers: int = 0) -> LayeredProblem:
    """Draw `rational_problem` with a Θ and an L of 53 bits for each of so many layers, or of two or three."""
    network = replace(rational_problem(rng, number), layers=layers or (2 if number % 6 == 2 else rng.randint(2, 3)))
    others = thetas(rng, network.layers - 1, rational(rng))
    constants = [Fraction(rng.uniform(0.75, 6)) for _ in others]
    return LayeredProblem(network, Layers([network.theta, *others], [network.L, *constants]))


def network_layers(rng: np.random.Generator, number: int) -> tuple[Arguments, list[Theta], Array]:
    """Draw `network_problem` with a Θ and an L for each of two or three layers: the arguments, Θ (t, 4) and L (t,)."""
    arguments = network_problem(rng, number)._replace(layers=int(rng.integers(2, 4)))
    w1, w2, b1, b2 = arguments.theta
    rows = [
        Theta(w1 * rng.uniform(0.8, 1.2), w2 * rng.uniform(0.8, 1.2), b1 * rng.uniform(0.5, 1), b2 * rng.uniform(1, 2))
        for _ in range(arguments.layers)
    ]
    return arguments, rows, arguments.L * rng.uniform(0.9, 1.5, arguments.layers)


def _of_one_entry(rng: random.Random, number: int) -> LayeredProblem:
    """Draw `grid_layers` until there is one entry, and two layers or more."""
    while True:
        problem = grid_layers(rng, number)
        if len(problem.network.x0) == 1 and problem.network.layers > 1:
            return problem


class LayeredNetworks:
    """The networks with a Θ and an L a layer that verification runs on, drawn from the seed."""

    def __init__(self, seed: int, quick: bool) -> None:
        rng = random.Random(f"{seed} layers")
        self.seed = seed
        self.grid = [grid_layers(rng, number) for number in range(24 if quick else 72)]
        self.grid += [_of_one_entry(rng, number) for number in (0, 1)]  # least squares, and a fidelity
        self.rational = [rational_layers(rng, number) for number in range(12 if quick else 30)]
        self.rational += [rational_layers(rng, number, layers=4) for number in (0, 1)]
        self.draws = 3 if quick else 6

    @cached_property
    def equal(self) -> list[LayeredProblem]:
        """Networks on a grid whose layers have one Θ and one L."""
        rng = random.Random(f"{self.seed} equal layers")
        drawn = [grid_problem(rng, number) for number in range(len(self.grid) // 2)]
        return [LayeredProblem(network, Layers([], [])).shared() for network in drawn]
