"""LeastSquares whose X has more rows than a panel of the engine "support", sparse in places: what its tests draw."""

import os
from fractions import Fraction

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import strategies as st
from strategies import Problem

from dsrl_ref import LeastSquares, Theta
from dsrl_ref.engines import problem as engines
from dsrl_ref.engines import support

JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"
plain_python_warns = pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
THETA, LAYERS = Theta(1.1, 0.6, 0.02, 0.1), 6


def prepared(f, x0, target, layers=LAYERS, threads=1):
    return support.Support(engines.Problem(f, x0, target, layers, threads))


def prepared_layers(f, x0, target, layers=LAYERS, threads=1):
    return support.Support(engines.Problem(f, x0, target, layers, threads, per_layer=True))


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


def answer_bits(answer):
    return b"".join(np.asarray(part).tobytes() for part in answer)


def random_problem(seed):
    """53-bit data of any shape up to three panels and forty columns, dense and sparse."""
    rng = np.random.default_rng(seed)
    k, n, m = (int(rng.integers(1, most)) for most in (20, 150 if JIT else 70, 40 if JIT else 10))
    density = rng.choice([0.02, 0.2, 1.0])
    D = rng.normal(size=(k, n)) * (rng.random((k, n)) < rng.choice([0.2, 1.0]))
    f = LeastSquares(sp.csr_array(D) if rng.random() < 0.3 else D, rng.normal(size=(k, m)))
    x0 = rng.choice([0.0, 1.0]) * rng.normal(size=(n, m)) * (rng.random((n, m)) < density)
    theta = Theta(rng.uniform(0.3, 1.3), rng.uniform(0.3, 1), *np.sort(rng.choice([0.0, 0.02, 0.3, 1.0], 2)))
    L = max(1.0, f.lipschitz()) * rng.uniform(0.6, 2)
    return f, x0, rng.normal(size=(n, m)), int(rng.integers(0, 5)), theta, L


def varied(layers, L):
    """Θ and L of so many layers, no two alike."""
    rng = np.random.default_rng(layers)
    thetas = [Theta(*rng.uniform(0.5, 1.1, 2), *np.sort(rng.uniform(0.01, 0.2, 2))) for _ in range(layers)]
    return tuple(thetas), L * rng.uniform(1, 2, layers)
