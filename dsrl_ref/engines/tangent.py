"""Forward mode: the n×m×5 sensitivities carried along the recursion, matrix-free.

(11) and (16) need the tensor (14) only applied to the five sensitivities of X_(i-1), which is
``slope * (dX - H dX / L)`` with one Hessian product each. Works for every f.
"""

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm, gradient, hessian_product, require_finite
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array


def sensitivities(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> tuple[Array, Array]:
    """X_(t), n×m, and its derivatives in w1, w2, b1, b2, L: five n×m matrices, stacked first."""
    w1, w2, b1, b2 = theta
    step = 1.0 / L
    X, dX = x0, np.zeros((5, *x0.shape))
    for layer in range(1, layers + 1):
        g = gradient(f, X, layer)
        Z = X - step * g
        dZ = np.stack([V - step * hessian_product(f, V, X, layer) for V in dX])
        dZ[4] += step * step * g

        sign = np.where(Z >= 0, 1.0, -1.0)
        size = np.abs(Z)
        past1 = np.where(Z >= 0, size >= b1, size > b1)  # ties: the right side in z
        past2 = np.where(Z >= 0, size >= b2, size > b2)
        outer = np.where(past2, size - b2, 0.0)
        middle = np.where(past2, b2 - b1, np.where(past1, size - b1, 0.0))
        slope = np.where(past2, w2, np.where(past1, w1, 0.0))

        dX = slope * dZ
        dX[0] += sign * middle
        dX[1] += sign * outer
        dX[2] -= sign * w1 * past1
        dX[3] += sign * (w1 - w2) * past2
        X = require_finite(sign * (w2 * outer + w1 * middle), f"X_({layer})", layer, f"L = {L} may be too small")
    return X, dX


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L."""
    X, dX = sensitivities(f, theta, L, layers, x0)
    residual = X - target
    return 0.5 * float(np.sum(residual * residual)), np.array([np.sum(V * residual) for V in dX])


def gauss_newton(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> Array:
    """Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5×5."""
    _, dX = sensitivities(f, theta, L, layers, x0)
    return np.einsum("anm,bnm->ab", dX, dX)
