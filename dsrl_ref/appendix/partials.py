"""Derivatives of one layer X_(i) = ξ(Z_(i)) while X_(i-1) is held: (12), (13), (14) and (17).

Each function writes its table out in the appendix's order of rows, ``b2 <= z`` first.
"""

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.shrinkage import by_row, rows
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.checked import hessian_product
from dsrl_ref.errors import SizeError

LARGEST_TENSOR = 2**30  # bytes


def dw1(Z: Array, theta: Theta) -> Array:
    """(12), left: ∂X_(i)/∂w1, n×m."""
    _, _, b1, b2 = theta
    return by_row(rows(Z, theta), b2 - b1, Z - b1, 0.0, Z + b1, b1 - b2)  # (12)


def dw2(Z: Array, theta: Theta) -> Array:
    """(12), right: ∂X_(i)/∂w2, n×m."""
    _, _, _, b2 = theta
    return by_row(rows(Z, theta), Z - b2, 0.0, 0.0, 0.0, Z + b2)  # (12)


def db1(Z: Array, theta: Theta) -> Array:
    """(13), left: ∂X_(i)/∂b1, n×m."""
    w1, _, _, _ = theta
    return by_row(rows(Z, theta), -w1, -w1, 0.0, w1, w1)  # (13)


def db2(Z: Array, theta: Theta) -> Array:
    """(13), right: ∂X_(i)/∂b2, n×m."""
    w1, w2, _, _ = theta
    return by_row(rows(Z, theta), w1 - w2, 0.0, 0.0, 0.0, w2 - w1)  # (13)


def dtheta(Z: Array, theta: Theta) -> Array:
    """(12), (13): ∂X_(i)/∂Θ, the n×m×4 tensor."""
    return np.stack([dw1(Z, theta), dw2(Z, theta), db1(Z, theta), db2(Z, theta)], axis=2)


def dZ(Z: Array, theta: Theta) -> Array:
    """The factor in front of ∂Z_(i) in (14): ∂ξ/∂z entry by entry, n×m."""
    w1, w2, _, _ = theta
    return by_row(rows(Z, theta), w2, w1, 0.0, w1, w2)  # (14)


def dX(f: SmoothTerm, Z: Array, X: Array, theta: Theta, L: float, layer: int) -> Array:
    """(14): ∂X_(i)/∂X_(i-1), the n×m×n×m tensor, from Z_(i) and X = X_(i-1).

    The appendix leaves ∂Z_pq/∂X_jk open; it is δ_pj δ_qk - (∂²f/∂X_pq ∂X_jk)/L.

    Raises
    ------
    SizeError
        Where the tensor would exceed 1 GiB, before it is allocated.
    """
    require_tensor_fits(X.shape)
    step = 1.0 / L
    slope = dZ(Z, theta)
    tensor = np.empty(X.shape + X.shape)
    for j, k in np.ndindex(X.shape):
        E_jk = np.zeros(X.shape)
        E_jk[j, k] = 1.0
        tensor[:, :, j, k] = slope * (E_jk - step * hessian_product(f, E_jk, X, layer))  # (14)
    return tensor


def dL(Z: Array, gradient: Array, theta: Theta, L: float) -> Array:
    """(17): ∂X_(i)/∂L, n×m, from Z_(i) and gradient = ∇f(X_(i-1)); both sides carry the index pq."""
    w1, w2, _, _ = theta
    step = gradient / L / L  # L**2 may overflow where this does not
    return by_row(rows(Z, theta), w2 * step, w1 * step, 0.0, w1 * step, w2 * step)  # (17)


def require_tensor_fits(shape: tuple[int, ...]) -> None:
    """Refuse the n×m×n×m tensor of (14) above 1 GiB."""
    n, m = shape
    size = 8 * (n * m) ** 2
    if size > LARGEST_TENSOR:
        raise SizeError(
            f"the {n}×{m}×{n}×{m} tensor of (14) would take {size / 2**30:.3g} GiB, more than 1 GiB; "
            'use method="adjoint" or "tangent", which never form it'
        )
