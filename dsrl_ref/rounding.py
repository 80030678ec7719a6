"""How far rounding may have moved X_(t), for whoever compares numbers that cancel.

An operation of float64 errs by at most 2^-53 of its result, and a sum by a few such shares of its terms. How far this
carries depends on the layers that follow: each of them may shrink it or let it grow. The network is therefore run again
with every layer nudged, up or down by chance, by what its own rounding may be; how far X_(t) moves, with a margin, is
the bound. Bounds that are carried on by absolute values are safe for sure, but grow by a factor in every layer.
"""

import math
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm, forward, preactivation
from dsrl_ref.appendix.shrinkage import shrink
from dsrl_ref.appendix.theta import ThetasLike, as_thetas
from dsrl_ref.arrays import Array, as_step_constants
from dsrl_ref.checked import gradient, hessian_product
from dsrl_ref.engines import implicit
from dsrl_ref.smooth import Fidelity, LeastSquares

UNIT = 2.0**-52
DRAWS = 6  # of nudges
MARGIN = 4.0  # over the largest move that was drawn


def output(f: SmoothTerm, theta: ThetasLike, L: Any, layers: float, x0: Array) -> tuple[Array, Array]:
    """Run the network, and say how far rounding may have moved each entry.

    Parameters
    ----------
    f, theta, L, layers, x0
        As of `forward`, dense; ``layers = math.inf`` too, with one Θ and one L: how far one more layer moves the fixed
        point is then among its rounding.

    Returns
    -------
    X, rounding : ndarray (n, m)
        X_(t), and a bound on what any order of the same operations may add to its entries: an estimate, which is
        measured, and not proven.
    """
    if layers == math.inf:
        return _limit(f, theta, L, x0)
    X = forward(f, theta, L, int(layers), x0)[-1]
    rng, moved = np.random.default_rng(0), np.zeros(X.shape)
    for _ in range(DRAWS):
        np.maximum(moved, np.abs(_nudged(f, theta, L, int(layers), x0, rng) - X), out=moved)
    return X, MARGIN * moved


def _nudged(f: SmoothTerm, theta: ThetasLike, L: Any, layers: int, x0: Array, rng: np.random.Generator) -> Array:
    """X_(t) where every layer errs by a unit in the last place of the terms that it adds up."""
    X = x0
    for i, (own, constant) in enumerate(
        zip(as_thetas(theta, layers), as_step_constants(L, layers).tolist(), strict=True), start=1
    ):
        terms = np.abs(X) + gradient_terms(f, X, i) / constant
        Z = preactivation(f, X, constant, i) + UNIT * terms * rng.choice([-1.0, 1.0], X.shape)
        X = shrink(Z, own) * (1 + UNIT * rng.choice([-1.0, 1.0], X.shape))
    return X


def _limit(f: SmoothTerm, theta: ThetasLike, L: Any, x0: Array) -> tuple[Array, Array]:
    """The fixed point; what one more layer adds to it, rounding included, is added up over all that follow."""
    (own,), (constant,) = as_thetas(theta, 1), as_step_constants(L, 1).tolist()
    found = implicit.fixed_point(f, own, constant, x0)
    terms = np.abs(found.X) + gradient_terms(f, found.X, 1) / constant
    one = found.gap * np.abs(found.Z).max() + MARGIN * UNIT * terms.max()
    return found.X, np.full(found.X.shape, one / (1 - found.radius))


def gradient_terms(f: SmoothTerm, X: Array, layer: int) -> Array:
    """What ∇f(X) adds up, entry by entry, with all terms positive.

    Of your own f, which tells no terms, |∇f(X)| + |∇²f(X)X| stands for them: where the terms that depend on X cancel
    those that do not, the second is still as large as they.
    """
    if type(f) is Fidelity:
        return np.abs(X) + np.abs(f.W)
    if type(f) is LeastSquares:
        terms: Array = abs(f.D).T @ (abs(f.D) @ np.abs(X) + np.abs(f.Y))
        return terms
    return np.abs(gradient(f, X, layer)) + np.abs(hessian_product(f, X, X, layer))
