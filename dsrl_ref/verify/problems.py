"""Problems to verify on, each in exact rationals with the float64 twin that has the very same values."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import Flat, ThetaQ

PARAMETERS = ("w1", "w2", "b1", "b2", "L")


class Arguments(NamedTuple):
    """What every engine is called with, in float64."""

    f: SmoothTerm
    theta: Theta
    L: float
    layers: int
    x0: Array
    target: Array


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
    sparse: bool = False  # whether D is stored so

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
                dictionary = np.array([[float(d) for d in line] for line in D])
                return LeastSquares(csr_array(dictionary) if self.sparse else dictionary, signals)
            case exact.Quartic(C):
                return FloatQuartic(self.matrix(C))

    def float_theta(self) -> Theta:
        """Θ in float64."""
        return Theta(*map(float, self.theta))

    def arguments(self) -> Arguments:
        """All of it in float64."""
        x0, target = self.matrix(self.x0), self.matrix(self.target)
        return Arguments(self.smooth_term(), self.float_theta(), float(self.L), self.layers, x0, target)

    def run(self) -> exact.Run:
        """The exact recursion."""
        return exact.run(self.f, self.theta, self.L, self.layers, self.x0)

    @property
    def ties(self) -> int:
        """How many entries of Z_(1), ..., Z_(t) sit on a knot."""
        return sum(abs(z) in self.theta[2:] for Z in self.run().preactivations for z in Z)

    @property
    def parameters(self) -> tuple[Array, Any]:
        """Θ and L in float64, as a user's function is called with: an array of 4, and a number."""
        return np.array(self.float_theta()), float(self.L)

    def solved(self) -> tuple[list[str], Flat, Flat]:
        """The quantities of an answer by name: the loss and its five derivatives, and the scale S of each."""
        arguments = (self.f, self.theta, self.L, self.run(), self.target)
        expected = [exact.loss(arguments[3].iterates[-1], self.target), *exact.tensor_gradient(*arguments)]
        return ["loss", *PARAMETERS], expected, exact.rounding_scale(*arguments)


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
    """Draw Θ, three of ten in a row with b1 = 0, b1 = b2 or both; `number(low, high)` draws one rational."""
    drawn, first = [], rng.randrange(10)
    for kind in range(first, first + count):
        b1, rise = number(0, 1) * (kind % 10 not in (0, 1)), number(0, 1) * (kind % 10 not in (1, 2))
        drawn.append((number(0, 2) + Fraction(1, 8), number(0, 2) + Fraction(1, 8), b1, b1 + rise))
    return drawn


def rational(rng: random.Random) -> Callable[[int, int], Fraction]:
    """Draw 53-bit rationals: the exact values of random floats."""
    return lambda low, high: Fraction(rng.uniform(low, high))


def dyadic(rng: random.Random, bits: int = 3) -> Callable[[int, int], Fraction]:
    """Draw multiples of 2^-bits: sums and products stay exact in float64, and ties are frequent."""
    return lambda low, high: Fraction(rng.randint(low << bits, high << bits), 1 << bits)


def unit(number: int) -> Fraction:
    """A power of two that the knots and data of a case are multiplied by: mostly 1, now and then small or large.

    All of (1)-(17) is homogeneous in them, so that float64 rounds as it does at 1, and what is exact stays so.
    """
    return Fraction(2) ** (0, 0, -10, 0, 20, 0, 5)[number % 7]


KINDS = (  # of f, and of X_(0): anywhere, or a function of W
    ("least squares", "anywhere"),
    ("fidelity", "W"),
    ("quartic", "anywhere"),
    ("fidelity", "anywhere"),
    ("least squares", "anywhere"),
    ("fidelity", "zeros"),
)
QUADRATIC = tuple(kind for kind in KINDS if kind[0] != "quartic")


def rational_problem(rng: random.Random, number: int) -> Problem:
    """Draw 53-bit data, up to three layers (two where the Hessian depends on X); six in a row have all `KINDS`."""
    kind = KINDS[number % len(KINDS)]
    layers = rng.randint(1, 2 if kind[0] == "quartic" else 3)
    return _problem(rng, rational(rng), Fraction(rng.uniform(0.75, 6)), layers, kind)


DEPTHS = (0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6)
SHAPES = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3))


def grid_problem(rng: random.Random, number: int) -> Problem:
    """Draw data on a grid with L a power of two and an integer Hessian, such that every float64 operation is exact.

    Up to six layers, or none; n×m from 1×1 on, square and not; every third D is sparse.
    """
    while True:
        layers, bits = rng.choice(DEPTHS), rng.randint(1, 3)
        L = Fraction(2) ** rng.choice((-2, -1, 0, 1, 2, 3, 4, 5, 10))
        problem = _problem(rng, dyadic(rng, bits), L, layers, QUADRATIC[number % len(QUADRATIC)], integer=True)
        problem = replace(problem, sparse=isinstance(problem.f, exact.LeastSquares) and number % 3 == 0)
        if isinstance(problem.f, exact.Fidelity) and layers and rng.randrange(2):
            problem = _tied(rng, problem)
        if is_exact_in_floats(problem, [problem.theta] * layers, [problem.L] * layers, problem.run()):
            return problem


def in_unit(problem: Problem, size: Fraction) -> Problem:
    """The same problem with its data and knots that many times as large."""
    w1, w2, b1, b2 = problem.theta
    x0, target = ([size * value for value in flat] for flat in (problem.x0, problem.target))
    theta = (w1, w2, size * b1, size * b2)
    match problem.f:
        case exact.Fidelity(W):
            f: Any = exact.Fidelity([size * w for w in W])
        case exact.LeastSquares(D, Y):
            f = exact.LeastSquares(D, [size * y for y in Y])
        case exact.Quartic():
            raise ValueError("a quartic f has a unit")
    return replace(problem, f=f, theta=theta, x0=x0, target=target)


def is_exact_in_floats(problem: Problem, thetas: list[ThetaQ], constants: Flat, path: exact.Run) -> bool:
    """Whether the largest sum of a gradient takes no more than 53 bits.

    The Θ and L are those of each layer. Bits after the point are counted, the others follow from a bound. Data, knots
    and slopes have three bits after the point (`_tied` may add one to W). A layer adds three for a slope and log2(L)
    for the step, and its own term in L takes 2·log2(L). The bounds are norms: h of H, d of dX_(i).
    """
    h = 1.0
    if isinstance(problem.f, exact.LeastSquares):
        D = np.array([[float(d) for d in line] for line in problem.f.D])
        h = float(np.abs(D.T @ D).sum(axis=1).max())
    x_bits, d_bits, d = 4, 0, 0.0
    for theta, constant, X, Z in zip(thetas, constants, path.iterates, path.preactivations, strict=False):
        w1, w2, _, b2 = map(float, theta)
        L, steepest = float(constant), max(w1, w2)
        of_step = max(0, round(math.log2(L)))
        g = max(abs(float(value)) for value in problem.f.gradient(X))
        z = max(abs(float(value)) for value in Z)
        d = max(z + b2, w1 + w2, steepest * g / min(L, L * L)) + steepest * (1 + h / L) * d
        d_bits = max(3 + d_bits + of_step, 3 + x_bits + 2 * of_step)
        x_bits += 3 + of_step
    residual = max(abs(float(x)) + abs(float(y)) for x, y in zip(path.iterates[-1], problem.target, strict=True))
    largest = len(problem.target) * residual * max(d, residual)
    return x_bits + max(x_bits, d_bits) + math.ceil(math.log2(max(largest, 1.0))) <= 53


def _tied(rng: random.Random, problem: Problem) -> Problem:
    """Move some entries of W so that Z_(1) sits on a knot there; an x0 or a target that is W moves along."""
    knots = [*problem.theta[2:], *(-knot for knot in problem.theta[2:])]
    L, W, x0 = problem.L, list(problem.f.W), problem.x0  # type: ignore[union-attr]
    moves_along, target_is_W = x0 == W, problem.target == W
    for i, x in enumerate(x0):
        if rng.randrange(2):
            knot = rng.choice(knots)
            W[i] = knot if moves_along else L * knot - (L - 1) * x
    target = list(W) if target_is_W else problem.target
    return replace(problem, f=exact.Fidelity(W), x0=list(W) if moves_along else x0, target=target)


def _problem(
    rng: random.Random,
    number: Callable[[int, int], Fraction],
    L: Fraction,
    layers: int,
    kind_and_start: tuple[str, str],
    integer: bool = False,
) -> Problem:
    kind, start = kind_and_start
    n, m = rng.choice(SHAPES)

    def draw(size: int) -> Flat:
        return [number(-2, 2) for _ in range(size)]

    f: Any
    x0, target = draw(n * m), draw(n * m)
    if kind == "fidelity":
        f = exact.Fidelity(draw(n * m))
        target = rng.choice([target, list(f.W)])
        x0 = {"anywhere": x0, "W": list(f.W), "zeros": [Fraction(0)] * (n * m)}[start]
    elif kind == "quartic":
        f = exact.Quartic([abs(value) for value in draw(n * m)])
    else:
        k = rng.randint(1, 3)
        D = [[Fraction(rng.randint(-1, 1)) if integer else number(-1, 1) for _ in range(n)] for _ in range(k)]
        f = exact.LeastSquares(D, draw(k * m))
    (theta,) = thetas(rng, 1, number)
    return Problem(f, theta, L, layers, (n, m), x0, target)


def near_knot_problem(rng: random.Random, number: int) -> Problem:
    """Draw 53-bit data that cancel: a knot within 2^-20 to 2^-34 of some entry of Z_(1), X̃ next to X_(t) or 0."""
    problem = rational_problem(rng, number)
    w1, w2, _, _ = problem.theta
    z, *_ = problem.run().preactivations
    height = abs(rng.choice(z)) or Fraction(1, 2)
    knot = Fraction(float(height) * (1 + rng.choice([-1, 1]) * 2.0 ** -rng.randint(20, 34)))
    other = Fraction(float(knot) * rng.choice([0.5, 1.0, 2.0]))
    problem = replace(problem, theta=(w1, w2, min(knot, other), max(knot, other)))
    off = Fraction(rng.choice([0, 1, 1]) * (1 + 2.0 ** -rng.randint(3, 40)))
    return replace(problem, target=[Fraction(float(off * x)) for x in problem.run().iterates[-1]])


def network_problem(rng: np.random.Generator, number: int) -> Arguments:
    """Draw a float network for differences: up to 6×4 entries and 6 layers; six in a row have all `KINDS`."""
    n, m, layers = (int(rng.integers(2, high)) for high in (7, 5, 7))
    kind, start = KINDS[number % len(KINDS)]
    f: SmoothTerm
    x0 = rng.normal(size=(n, m))
    if kind == "fidelity":
        f, L = Fidelity(rng.normal(size=(n, m))), rng.uniform(0.75, 3)
        x0 = {"anywhere": x0, "W": f.W, "zeros": np.zeros((n, m))}[start]
    elif kind == "least squares":
        f = LeastSquares(rng.normal(size=(n + 2, n)), rng.normal(size=(n + 2, m)))
        L = f.lipschitz() * rng.uniform(0.6, 2)
    else:
        f, L = FloatQuartic(rng.uniform(0, 1, (n, m))), rng.uniform(4, 12)
    b1, rise = rng.uniform(0.01, 0.2), rng.uniform(0.05, 0.5)
    theta = Theta(rng.uniform(0.3, 1.4), rng.uniform(0.3, 1.0), b1, b1 + rise)
    return Arguments(f, theta, float(L), layers, x0, rng.normal(size=(n, m)))
