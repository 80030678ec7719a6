"""Derivatives of the whole network with the literal tensors: (10), (11), (15) and (16).

The base case, which the appendix leaves out, is that X_(0) is a constant: dX_(0)/dΘ = 0 and dX_(0)/dL = 0.
In (11) and (16) the pair (j,k) of (14) is contracted, p and q are kept.
"""

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm, loss, preactivation
from dsrl_ref.appendix.partials import dL, dtheta, dX, require_tensor_fits
from dsrl_ref.appendix.shrinkage import xi
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.checked import gradient


def total(partial: Array, tensor: Array, previous: Array) -> Array:
    """(11), (16): dX_(i) = ∂X_(i) + dX_(i-1) ∂X_(i)/∂X_(i-1), contracted over (j,k)."""
    return partial + np.einsum("pqjk,jkc->pqc", tensor, previous)  # (11), (16)


def contract(sensitivity: Array, residual: Array) -> Array:
    """(10), (15): dJ from dX_(t), n×m×c, and dJ/dX_(t), n×m."""
    return np.einsum("pqc,pq->c", sensitivity, residual)  # (10), (15)


def sensitivities(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> tuple[Array, Array, Array]:
    """Run (9), (11) and (16) side by side.

    Returns
    -------
    X : ndarray (n, m)
        X_(t).
    dX_dtheta : ndarray (n, m, 4)
        dX_(t)/dΘ.
    dX_dL : ndarray (n, m, 1)
        dX_(t)/dL.

    Raises
    ------
    SizeError
        Where the tensor (14) would exceed 1 GiB, before anything is computed.
    """
    require_tensor_fits(x0.shape)
    n, m = x0.shape
    X, dX_dtheta, dX_dL = x0, np.zeros((n, m, 4)), np.zeros((n, m, 1))
    for i in range(1, layers + 1):
        Z = preactivation(f, X, L, i)
        tensor = dX(f, Z, X, theta, L, i)  # (14)
        dX_dtheta = total(dtheta(Z, theta), tensor, dX_dtheta)  # (11)
        dX_dL = total(dL(Z, gradient(f, X, i), theta, L)[:, :, np.newaxis], tensor, dX_dL)  # (16)
        X = xi(Z, theta)  # (9)
    return X, dX_dtheta, dX_dL


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J (8) and its derivatives in w1, w2, b1, b2 by (10) and in L by (15)."""
    X, dX_dtheta, dX_dL = sensitivities(f, theta, L, layers, x0)
    residual = X - target
    dJ_dtheta = contract(dX_dtheta, residual)  # (10)
    dJ_dL = contract(dX_dL, residual)  # (15)
    return loss(target, X), np.concatenate([dJ_dtheta, dJ_dL])
