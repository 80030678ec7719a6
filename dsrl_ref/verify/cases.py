"""The draws that the checks share, all decided by the seed: every check finds the same cases, alone or among others."""

import random
from fractions import Fraction
from functools import cached_property
from itertools import cycle

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.verify.engines import Engines
from dsrl_ref.verify.exact import Flat, ThetaQ
from dsrl_ref.verify.layered import LayeredNetworks
from dsrl_ref.verify.networks import Networks
from dsrl_ref.verify.problems import dyadic, rational, thetas, unit


class Cases:
    """Draws of Θ, of values and of networks; about a tenth of them where `quick`."""

    def __init__(self, seed: int, quick: bool = False) -> None:
        self.seed, self.quick = seed, quick
        self.many = 30 if quick else 240
        self.networks = Networks(seed, 60, 30, 8) if quick else Networks(seed, 240, 130, 40)
        self.engines = Engines(self.networks, quick)
        self.points = [Fraction(k, 8) for k in range(-40, 41)]

    def rng(self, name: str) -> random.Random:
        """A generator of its own for a check."""
        return random.Random(f"{self.seed} {name}")

    @cached_property
    def layered(self) -> LayeredNetworks:
        """Networks with one Θ and one L a layer."""
        return LayeredNetworks(self.seed, self.quick)

    @cached_property
    def thetas(self) -> list[ThetaQ]:
        """Θ of 53 bits, and on a grid."""
        rng = self.rng("thetas")
        return thetas(rng, self.many, rational(rng)) + thetas(rng, self.many, dyadic(rng))

    @cached_property
    def exact_floats(self) -> list[ThetaQ]:
        """Θ on a grid, its slopes powers of two: their inverses are exact floats too."""
        rng = self.rng("exact floats")
        slopes = [Fraction(2) ** k for k in (-2, -1, 0, 1, 2, -5, 4)]
        grid = thetas(rng, self.many, dyadic(rng))
        knots = [(unit(number) * b1, unit(number) * b2) for number, (_, _, b1, b2) in enumerate(grid)]
        return [(rng.choice(slopes), rng.choice(slopes), *pair) for pair in knots]

    @cached_property
    def edges(self) -> list[ThetaQ]:
        """Θ on the boundaries of (7) and next to them, on both sides: slopes of 1, b1 of (w1-1)/w1·b2, 0 and b2.

        Next to them is from 2^-3 of w, or of b2, down to 2^-40; nearer, rounding is forgiven. All are exact floats.
        """
        rng = self.rng("edges")
        drawn = []
        for number in range(2 * self.many):
            w1, w2 = (1 + _little(rng) if rng.randrange(3) else Fraction(rng.randint(1, 24), 8) for _ in range(2))
            m = unit(number) * Fraction(rng.randint(1, 16), 8)
            b2, least = w1 * m, max(w1 - 1, Fraction(0)) * m  # least is (w1-1)/w1·b2, and exact
            b1 = rng.choice([least, least, Fraction(0), b2]) + b2 * _little(rng)
            drawn.append((w1, w2, Fraction(float(min(b2, max(b1, Fraction(0))))), b2))
        return drawn

    @cached_property
    def aimed(self) -> list[tuple[ThetaQ, Fraction]]:
        """Θ with values of z: the four knots and 0, near them, and anywhere."""
        rng = self.rng("aimed")
        return [(theta, z) for theta in self.thetas for z in _aimed(rng, theta)]

    @cached_property
    def layers(self) -> list[tuple[ThetaQ, Flat]]:
        """Θ on a grid, each with 16 values of z on which float64 is exact: all knots, next to them, and elsewhere."""
        rng = self.rng("layers")
        drawn = []
        for number, (w1, w2, *grid) in enumerate(thetas(rng, max(20, self.many // 3), dyadic(rng))):
            size, steeper = unit(number), 1 if number % 5 else 16
            b1, b2 = (size * knot for knot in grid)
            knots = [b1, -b1, b2, -b2]
            near = [knot + rng.choice([-1, 1]) * size / 2 ** rng.choice([3, 10, 20, 40]) for knot in knots]
            others = [size * Fraction(rng.randint(-32, 32), 8) for _ in range(7)]
            theta = (steeper * w1, steeper * w2, b1, b2)
            drawn.append((theta, [*knots, *near, *others, size * Fraction(rng.choice([-100, 100]))]))
        return drawn

    @property
    def matrices(self) -> list[tuple[ThetaQ, Flat, Array]]:
        """The same with z as a matrix too: a row, a column, square, wide and high, one after the other."""
        shapes = cycle([(1, 16), (4, 4), (16, 1), (2, 8), (8, 2)])
        return [(theta, zs, as_row(zs).reshape(shape)) for (theta, zs), shape in zip(self.layers, shapes, strict=False)]


def _little(rng: random.Random) -> Fraction:
    """0, or a small number of either sign."""
    return rng.choice([0, 1, -1]) * Fraction(1, 2 ** rng.randint(3, 40))


def _aimed(rng: random.Random, theta: ThetaQ) -> list[Fraction]:
    _, _, b1, b2 = theta
    knot = rng.choice([b1, -b1, b2, -b2, Fraction(0)])
    return [knot, knot + rng.choice([-1, 1]) * Fraction(1, 1 << 20), Fraction(rng.randint(-32, 32), 8)]


def as_floats(theta: ThetaQ) -> Theta:
    """Θ in float64."""
    return Theta(*map(float, theta))


def as_row(values: Flat) -> Array:
    """A flat list as a 1×m matrix of float64."""
    return np.array([[float(value) for value in values]])
