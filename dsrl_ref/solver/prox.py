"""The prox of weight·g for a step, and how far a point is from where it would stay."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, is_sparse

MARGIN = 0.9  # of the range in which the prox has a closed form


class Prox:
    """The prox of (weight/L)·g, with the least L that leaves it in its closed form."""

    def __init__(self, theta: Theta, weight: float, L: float) -> None:
        self.L = max(L, weight * (theta.w1 - 1) / theta.w1 / MARGIN)
        self.theta = theta.scaled(weight / self.L)

    def __call__(self, Z: Array) -> Array:
        """ξ of S(weight/L)Θ, from what lies beyond each knot: two passes, where `shrink` has five pieces."""
        w1, w2, b1, b2 = self.theta
        X = Z - np.clip(Z, -b1, b1)
        X *= w1
        if w1 != w2:
            X += (w2 - w1) * (Z - np.clip(Z, -b2, b2))
        return X


def residual(f: SmoothTerm, X: Any, prox: Prox) -> float:
    """L·‖X - prox(X - ∇f(X)/L)‖_F: 0 exactly at stationary points."""
    return prox.L * norm(X - entrywise(prox, X - f.gradient(X) / prox.L))


def norm(X: Any) -> float:
    """Frobenius."""
    return float(np.linalg.norm(X.data if is_sparse(X) else X))


def entrywise(function: Callable[[Array], Array], X: Any) -> Any:
    """Apply a function that maps 0 to 0."""
    if not is_sparse(X):
        return function(X)
    result = X.copy()
    result.data = function(X.data)
    return result
