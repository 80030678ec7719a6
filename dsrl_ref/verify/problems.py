"""Problems to verify on, each in exact rationals with the float64 twin that has the very same values."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import Flat, ThetaQ


@dataclass(frozen=True)
class Problem:
    """One network: f, Θ, L, t, X_(0) and X̃, all rational and all exact in float64."""

    f: exact.Fidelity | exact.LeastSquares | exact.Quartic
    theta: ThetaQ
    L: Fraction
    layers: int
    shape: tuple[int, int]
    x0: Flat
    target: Flat

    def matrix(self, flat: Flat) -> Array:
        """Shape a flat list into the n×m float64 matrix."""
        return np.array([float(value) for value in flat]).reshape(self.shape)

    def smooth_term(self) -> SmoothTerm:
        """F in float64."""
        match self.f:
            case exact.Fidelity(W):
                return Fidelity(self.matrix(W))
            case exact.LeastSquares(D, Y):
                signals = np.array([float(y) for y in Y]).reshape(len(D), -1)
                return LeastSquares([[float(d) for d in line] for line in D], signals)
            case exact.Quartic(C):
                return FloatQuartic(self.matrix(C))

    def float_theta(self) -> Theta:
        """Θ in float64."""
        return Theta(*map(float, self.theta))

    def run(self) -> exact.Run:
        """The exact recursion."""
        return exact.run(self.f, self.theta, self.L, self.layers, self.x0)


@dataclass(frozen=True)
class FloatQuartic:
    """¼Σ(x² - c)²: a smooth term of a user's own, whose Hessian depends on X."""

    C: Array

    def value(self, X: Array) -> float:
        """Σ(x² - c)²/4."""
        return 0.25 * float(np.sum((X * X - self.C) ** 2))

    def gradient(self, X: Array) -> Array:
        """(x² - c)x."""
        return (X * X - self.C) * X

    def hessian_product(self, V: Array, X: Array) -> Array:
        """(3x² - c)v."""
        return (3 * X * X - self.C) * V

    def lipschitz(self) -> float:
        """No global bound."""
        return float("inf")

    def start(self) -> Array:
        """C."""
        return self.C


def thetas(rng: random.Random, count: int, number: Callable[[int, int], Fraction]) -> list[ThetaQ]:
    """Draw Θ, about one in four with b1 = b2 or b1 = 0; `number(low, high)` draws one rational."""
    drawn = []
    for _ in range(count):
        b1, rise = number(0, 1), number(0, 1)
        kind = rng.randrange(8)
        drawn.append(
            (
                number(0, 2) + Fraction(1, 8),
                number(0, 2) + Fraction(1, 8),
                b1 * (kind != 0),
                b1 * (kind != 0) + rise * (kind != 1),
            )
        )
    return drawn


def rational(rng: random.Random) -> Callable[[int, int], Fraction]:
    """Draw 53-bit rationals: the exact values of random floats."""
    return lambda low, high: Fraction(rng.uniform(low, high))


def dyadic(rng: random.Random, bits: int = 3) -> Callable[[int, int], Fraction]:
    """Draw multiples of 2^-bits: sums and products stay exact in float64, and ties are frequent."""
    return lambda low, high: Fraction(rng.randint(low << bits, high << bits), 1 << bits)


def rational_problem(rng: random.Random) -> Problem:
    """Draw 53-bit data, any of three f, up to three layers (two where the Hessian depends on X)."""
    kind = rng.choice(["fidelity", "least squares", "least squares", "quartic"])
    return _problem(rng, rational(rng), Fraction(rng.uniform(0.75, 6)), kind)


def grid_problem(rng: random.Random) -> Problem:
    """Draw data on the grid 2^-3 with L = 4 and an integer Hessian: every float64 operation is exact."""
    return _problem(
        rng, dyadic(rng, bits=rng.randint(1, 3)), Fraction(4), rng.choice(["fidelity", "least squares"]), integer=True
    )


def _problem(
    rng: random.Random, number: Callable[[int, int], Fraction], L: Fraction, kind: str, integer: bool = False
) -> Problem:
    n, m = rng.choice([(1, 2), (2, 1), (3, 2), (2, 3)])
    layers = rng.randint(1, 2 if kind == "quartic" else 3)

    def draw(size: int) -> Flat:
        return [number(-2, 2) for _ in range(size)]

    f: Any
    if kind == "fidelity":
        f = exact.Fidelity(draw(n * m))
    elif kind == "quartic":
        f = exact.Quartic([abs(value) for value in draw(n * m)])
    else:
        k = rng.randint(1, 3)
        D = [[Fraction(rng.randint(-1, 1)) if integer else number(-1, 1) for _ in range(n)] for _ in range(k)]
        f = exact.LeastSquares(D, draw(k * m))
    (theta,) = thetas(rng, 1, number)
    return Problem(f, theta, L, layers, (n, m), draw(n * m), draw(n * m))


def network_problem(rng: np.random.Generator) -> tuple[SmoothTerm, Theta, float, int, Array, Array]:
    """Draw a float network for differences: f, Θ, L, layers, x0, target; up to 6×4 and 6 layers, any of three f."""
    n, m, layers = (int(rng.integers(2, high)) for high in (7, 5, 7))
    kind = rng.integers(3)
    f: SmoothTerm
    if kind == 0:
        f, L = Fidelity(rng.normal(size=(n, m))), rng.uniform(0.75, 3)
    elif kind == 1:
        f = LeastSquares(rng.normal(size=(n + 2, n)), rng.normal(size=(n + 2, m)))
        L = f.lipschitz() * rng.uniform(0.6, 2)
    else:
        f, L = FloatQuartic(rng.uniform(0, 1, (n, m))), rng.uniform(4, 12)
    b1, rise = rng.uniform(0.01, 0.2), rng.uniform(0.05, 0.5)
    theta = Theta(rng.uniform(0.3, 1.4), rng.uniform(0.3, 1.0), b1, b1 + rise)
    return f, theta, float(L), layers, rng.normal(size=(n, m)), rng.normal(size=(n, m))
