"""LeastSquares whose X has more rows than a panel of the engine "support", sparse in places: what its tests draw."""

from fractions import Fraction

import naive
import numpy as np
from hypothesis import strategies as st
from strategies import Problem

from dsrl_ref import LeastSquares, Theta
from dsrl_ref.engines import problem as engines
from dsrl_ref.engines import support

THETA, LAYERS = Theta(1.1, 0.6, 0.02, 0.1), 6


def prepared(f, x0, target, layers=LAYERS, threads=1):
    return support.Support(engines.Problem(f, x0, target, layers, threads))


def data(k=40, n=150, m=11, seed=0, density=0.2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, m)) * (rng.random((n, m)) < density)
    f = LeastSquares(rng.normal(size=(k, n)), rng.normal(size=(k, m)))
    return f, 1.05 * f.lipschitz(), X


def _sparse(rng, n, m, density, values):
    """A matrix of multiples of 1/2, of which so many are not 0."""
    drawn = np.where(rng.random((n, m)) < density, rng.choice(values, (n, m)), 0)
    return [[Fraction(x, 2) for x in line] for line in drawn.tolist()]


@st.composite
def wide_problems(draw):
    """On a grid where float64 is exact, over one to three panels; columns that are empty, sparse and full."""
    return wide_problem(draw(st.integers(0, 2**32)))


def wide_problem(seed):
    """So few layers, and so few entries of D, that no sum has more than 53 bits."""
    rng = np.random.default_rng(seed)
    n, m, k = int(rng.choice([1, 7, 63, 64, 65, 130])), int(rng.integers(1, 6)), int(rng.integers(1, 4))
    D = _sparse(rng, k, n, min(rng.choice([0.1, 0.9]), 20 / n), [-2, 2])
    f = naive.LeastSquares(D, _sparse(rng, k, m, 0.7, [-3, 1, 2]))
    knots = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)][rng.integers(5)]
    theta = tuple(Fraction(int(x), 2) for x in (*rng.integers(1, 4, 2), *knots))
    x0 = _sparse(rng, n, m, rng.choice([0, 0.05, 1]), range(-4, 5))
    target = _sparse(rng, n, m, 0.3, range(-4, 5))
    layers, L = int(rng.integers(0, 3 if n > 60 else 4)), Fraction([1, 16][rng.integers(2)])
    return Problem(f, theta, L, layers, x0, target)
