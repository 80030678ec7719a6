"""LeastSquares only: reverse mode by blocks of columns, which do not interact.

The tape of a block, Z of every layer, stays in cache, forward and back, before the next block begins: memory does not
grow with the number of columns. ∇f is not on it: X - Z is ∇f/L, but for what rounds off. Products are with D and Dᵀ,
or with DᵀD where that is less work.
"""

import math

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.engines import tangent
from dsrl_ref.engines.jit import WORTH_COMPILING
from dsrl_ref.smooth import LeastSquares

TAPE_ENTRIES = 2**22  # 32 MiB: the last level of cache, or little more; narrower products take longer
TANGENT_ENTRIES = 2**15  # and five sensitivities of each, with what becomes of them


def pay(f: SmoothTerm, x0: Array) -> bool:
    """Whether f is a dense `LeastSquares`, large enough to make up for loading the kernels."""
    return type(f) is LeastSquares and not is_sparse(f.D) and x0.size >= WORTH_COMPILING


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L; f is a dense `LeastSquares`."""
    products = Products(f.D)  # type: ignore[attr-defined]
    Y: Array = f.Y  # type: ignore[attr-defined]
    n, m = x0.shape
    width = max(1, min(m, TAPE_ENTRIES // (max(1, layers) * n)))
    tape = np.empty((layers, n * width))
    sums = []
    for start in range(0, m, width):
        block = slice(start, min(m, start + width))
        arguments = (theta, L, x0[:, block].copy(), target[:, block], Y[:, block])
        sums.append(_block(products, tape, *arguments))
    totals = [math.fsum(column) for column in zip(*sums, strict=True)]
    return totals[0], np.array(totals[1:])


def gauss_newton(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> Array:
    """Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5×5: the tangents, some columns at a time."""
    D, Y = f.D, f.Y  # type: ignore[attr-defined]
    n, m = x0.shape
    width, total = max(1, TANGENT_ENTRIES // n), np.zeros((5, 5))
    for start in range(0, m, width):
        block = slice(start, start + width)
        total += tangent.gauss_newton(LeastSquares(D, Y[:, block]), theta, L, layers, x0[:, block])
    return total


class Products:
    """∇f and the Hessian for one D, with whichever of D and DᵀD is less work."""

    def __init__(self, D: Array) -> None:
        k, n = D.shape
        self.D = D
        self.gram = D.T @ D if n <= 2 * k else None

    def offset(self, Y: Array) -> Array:
        """What `less_offset` leaves to be subtracted, flat: DᵀY, or nothing without DᵀD."""
        n = self.D.shape[1]
        return np.zeros(n * Y.shape[1]) if self.gram is None else (self.D.T @ Y).reshape(-1)

    def less_offset(self, X: Array, Y: Array, G: Array) -> None:
        """G, once the offset is subtracted, is ∇f = Dᵀ(DX - Y)."""
        moved = X.any()
        if self.gram is None:
            np.matmul(self.D.T, self.D @ X - Y if moved else -Y, out=G)
        elif moved:
            np.matmul(self.gram, X, out=G)
        else:
            G[:] = 0.0

    def hessian(self, V: Array, P: Array) -> None:
        """P = DᵀDV."""
        if self.gram is None:
            np.matmul(self.D.T, self.D @ V, out=P)
        else:
            np.matmul(self.gram, V, out=P)


def _block(
    products: Products, tape: Array, theta: Theta, L: float, X: Array, target: Array, Y: Array
) -> tuple[float, ...]:
    """Loss and derivatives of some columns; X is theirs of X_(0), and is overwritten."""
    from dsrl_ref.engines.kernels import columns as kernels

    step, (w1, w2, _, _) = 1.0 / L, theta
    Z, G, start = tape[:, : X.size], np.empty(X.shape), X.reshape(-1).copy()
    flat = X.reshape(-1)
    offset = products.offset(Y)
    for i in range(len(Z)):
        products.less_offset(X, Y, G)
        kernels.forward_layer(flat, G.reshape(-1), offset, Z[i], step, *theta)
    X -= target
    loss = 0.5 * float(np.sum(X * X))
    G[:] = 0.0
    lanes = np.zeros((5, kernels.LANES))
    for i in range(len(Z) - 1, -1, -1):
        before = (Z[i - 1], *theta) if i else (start, 1.0, 1.0, 0.0, 0.0)
        kernels.backward_layer(flat, G.reshape(-1), Z[i], *before, step, *theta, lanes)
        if i:
            products.hessian(X, G)
    in_w1, in_w2, past_b1, past_b2, in_step = lanes.sum(axis=1).tolist()
    return loss, in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2, step * in_step
