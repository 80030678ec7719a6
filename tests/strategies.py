"""What the property tests draw: dyadic rationals, on which float64 is exact, aimed at ties and next to them."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import naive
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from dsrl_ref import Fidelity, LeastSquares

USUAL = 1000  # examples of the profile "default", see conftest.py


def examples(count):
    """So many examples by default, where kernels are plain Python no more than their profile has, and nightly 25 times
    as many, up to that profile's.

    An example that ``assume`` discards is not one of them: hypothesis draws another. It fails a test that discards
    nearly all it draws: its health check ``filter_too_much``, which nothing here switches off. A test that draws and
    discards by itself counts what it discards.
    """
    most = settings.default.max_examples
    return settings(max_examples=min(most, 25 * count if most > USUAL else count))


def dyadic(low, high, bits=3):
    """Multiples of 2^-bits from low to high."""
    return st.integers(low << bits, high << bits).map(lambda k: Fraction(k, 1 << bits))


SLOPES = dyadic(0, 2).filter(bool)
DEPTHS = st.integers(0, 3)


@st.composite
def thetas(draw, slopes=SLOPES, feasible=False, apart=False):
    """Θ on the grid; b1 = 0 and b1 = b2 come often. `feasible` keeps (7), `apart` keeps b1 < b2."""
    w1, w2, b1 = draw(slopes), draw(slopes), draw(dyadic(0, 1))
    rises = dyadic(0, 1)
    b2 = b1 + draw(rises.filter(bool) if apart else st.one_of(st.just(Fraction(0)), rises))
    if feasible:
        w2 = min(w2, Fraction(1))
        b1 = max(b1, (w1 - 1) * b2 / w1)
        while b1.denominator > 1 << 20:  # w1 = 3/8: not a dyadic bound
            b1 = Fraction(-(-b1 * 1024 // 1), 1024)
        b2 = max(b1, b2)
    return w1, w2, b1, b2


POWERS = st.sampled_from([Fraction(2) ** k for k in range(-2, 3)])  # their inverses are exact floats


def values(theta, ties=True):
    """Numbers on the knots of theta, a little beside them, and anywhere; not on them without `ties`."""
    knots = [sign * knot for knot in (*theta[2:], Fraction(0)) for sign in (1, -1)]
    tiny = Fraction(1, 1 << 20)
    near = st.tuples(st.sampled_from(knots), st.sampled_from([-tiny, tiny])).map(sum)
    anywhere = dyadic(-4, 4, bits=4)
    if ties:
        return st.one_of(st.sampled_from(knots), near, anywhere)
    return st.one_of(near, anywhere).filter(lambda z: abs(z) not in theta[2:])


@st.composite
def theta_and_value(draw, ties=True, **options):
    theta = draw(thetas(**options))
    return theta, draw(values(theta, ties))


def floats(rows):
    """Nested rationals as a float64 array."""
    return np.array([[float(x) for x in row] for row in rows])


def exact(array):
    """A float64 matrix as nested rationals."""
    return [[Fraction(x) for x in row] for row in np.asarray(array).tolist()]


def identity(n):
    return [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]


def times(X, c):
    return [[c * x for x in line] for line in X]


@dataclass(frozen=True)
class Problem:
    """One network in rationals, for naive.py and, with the same values in float64, for the package."""

    f: Any
    theta: tuple
    L: Fraction
    layers: int
    x0: list
    target: list

    @property
    def term(self):
        if isinstance(self.f, naive.Fidelity):
            return Fidelity(floats(self.f.W))
        if isinstance(self.f, naive.LeastSquares):
            return LeastSquares(floats(self.f.D), floats(self.f.Y))
        return FloatQuartic(floats(self.f.S))

    @property
    def arguments(self):
        """(f, theta, L, layers, x0, target) in rationals."""
        return self.f, self.theta, self.L, self.layers, self.x0, self.target

    @property
    def float_theta(self):
        return [float(value) for value in self.theta]

    def but(self, **changes):
        return replace(self, **changes)


class FloatQuartic:
    """A smooth term of a user's own: ¼‖XXᵀ - S‖²."""

    def __init__(self, S):
        self.S = S

    def __repr__(self):
        return f"FloatQuartic(S {len(self.S)}×{len(self.S)})"

    def value(self, X):
        return 0.25 * np.sum((X @ X.T - self.S) ** 2)

    def gradient(self, X):
        return (X @ X.T - self.S) @ X

    def hessian_product(self, V, X):
        return (V @ X.T + X @ V.T) @ X + (X @ X.T - self.S) @ V

    def lipschitz(self):
        return np.inf

    def start(self):
        return np.zeros((len(self.S), 2))


def matrices(n, m, entries=None):
    entries = dyadic(-2, 2) if entries is None else entries
    return st.lists(st.lists(entries, min_size=m, max_size=m), min_size=n, max_size=n)


@st.composite
def problems(draw, kinds=("fidelity", "least squares"), layers=DEPTHS):
    """Networks on the grid 2^-3 with L = 4 and an integer Hessian, where every float operation is exact."""
    n, m = draw(st.sampled_from([(1, 2), (3, 2), (2, 3)]))
    if draw(st.sampled_from(kinds)) == "fidelity":
        f = naive.Fidelity(draw(matrices(n, m)))
    else:
        k = draw(st.integers(1, 2))
        f = naive.LeastSquares(draw(matrices(k, n, st.integers(-1, 1).map(Fraction))), draw(matrices(k, m)))
    theta = draw(thetas(slopes=dyadic(0, 2, bits=2).filter(bool)))
    return Problem(f, theta, Fraction(4), draw(layers), draw(matrices(n, m)), draw(matrices(n, m)))


@st.composite
def layered_problems(draw, kinds=("fidelity", "least squares"), layers=DEPTHS):
    """`problems` with a theta and an L, 2, 4 or 8, for every layer: (problem, thetas, constants).

    The theta and L of the problem itself are not used then.
    """
    problem = draw(problems(kinds=kinds, layers=layers))
    own = thetas(slopes=dyadic(0, 2, bits=2).filter(bool))
    chosen = [draw(own) for _ in range(problem.layers)]
    constants = [draw(st.sampled_from([Fraction(2), Fraction(4), Fraction(8)])) for _ in range(problem.layers)]
    return problem, chosen, constants
