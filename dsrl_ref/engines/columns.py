"""LeastSquares only: reverse mode by blocks of columns, which do not interact.

The tape of a block, Z of every layer, stays in cache, forward and back, before the next block begins: memory does not
grow with the number of columns. ∇f is not on it, nor formed again: its share of dJ/dL is ⟨dZ, DᵀDX - DᵀY⟩ =
⟨DᵀD·dZ, X⟩ - ⟨dZ, DᵀY⟩, and DᵀD·dZ is at hand, as the cotangent of X takes it.
"""

from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.engines import tangent
from dsrl_ref.engines.blocks import add_exactly
from dsrl_ref.smooth import LeastSquares

BLOCK_ENTRIES = 29 * 2**18  # 58 MiB: the last level of cache, or little more; narrower products take longer
BESIDES = 3  # what a block keeps besides its tape: X, a product, and what is subtracted from it
TANGENT_ENTRIES = 2**15  # and five sensitivities of each, with what becomes of them
AT_ONCE = 2**33  # multiplications of one product: Ctrl-C waits for it
SPARSE = 8  # dense multiplications take as long as one with a sparse D


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L; f is a `LeastSquares`."""
    D, Y = f.D, f.Y  # type: ignore[attr-defined]
    n, m = x0.shape
    curvature = Curvature(D, 1.0 / L, 2 * layers * m)
    entries = (layers + BESIDES + 1) * n + len(Y)  # a column, with what products need on the way
    width = max(1, min(m, BLOCK_ENTRIES // entries, AT_ONCE // curvature.work))
    room, sums = np.empty((layers + BESIDES, n * width)), []
    for start in range(0, m, width):
        block = slice(start, start + width)
        sums.append(_block(curvature, room, theta, L, x0[:, block], target[:, block], Y[:, block]))
    totals = add_exactly(np.array(sums))
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


class Curvature:
    """Products with DᵀD/L: by itself, or by D and Dᵀ where these are less work for so many columns."""

    def __init__(self, D: Any, step: float, columns: int) -> None:
        k, n = D.shape
        entries = SPARSE * D.nnz if is_sparse(D) else D.size  # by the time they take
        forming = entries * D.nnz / k if is_sparse(D) else entries * n
        once = 0.5 if forming <= AT_ONCE and not is_sparse(D) else 1.0  # NumPy forms half of a symmetric product
        pays = once * forming + n * n * columns <= 1.1 * 2 * entries * columns  # one product is worth a tenth
        self.D, self.step = D, step
        self.gram = _scaled_gram(D, step, max(1, int(AT_ONCE * n // max(1, forming)))) if pays else None
        self.work = max(1, entries, n * n if pays else 0)  # of the largest product, a column

    def offset(self, Y: Array, out: Array) -> None:
        """Out = DᵀY/L, which `apply` to X leaves to be subtracted: the rest is ∇f/L."""
        np.multiply(self.D.T @ Y, self.step, out=out)

    def apply(self, V: Array, out: Array) -> None:
        """Out = DᵀDV/L."""
        if self.gram is None:
            np.multiply(self.D.T @ (self.D @ V), self.step, out=out)
        else:
            np.matmul(self.gram, V, out=out)


def _scaled_gram(D: Any, step: float, rows: int) -> Array:
    """DᵀD·step, so many rows at a time."""
    n = D.shape[1]
    gram = np.empty((n, n))
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        if is_sparse(D):
            gram[part] = (D[:, part].T @ D).toarray()
        else:
            np.matmul(D[:, part].T, D, out=gram[part])
    gram *= step
    return gram


def _block(
    curvature: Curvature, room: Array, theta: Theta, L: float, x0: Array, target: Array, Y: Array
) -> tuple[float, ...]:
    """Loss and derivatives of some columns."""
    from dsrl_ref.engines.kernels import columns as kernels

    w1, w2, _, _ = theta
    *tape, X, P, C = room[:, : x0.size].reshape(-1, *x0.shape)
    *flat, x, p, c = room[:, : x0.size]
    moved = x0.any()  # else no product is needed next to it
    curvature.offset(Y, out=C)
    X[:] = x0
    for i, Z in enumerate(tape):
        if i or moved:
            curvature.apply(X, out=Z)
        else:
            Z[:] = 0.0
        kernels.forward_layer(x, flat[i], c, *theta)
    X -= target
    loss = 0.5 * float(x @ x)
    P[:] = 0.0
    lanes = np.zeros((5, kernels.LANES))
    for i in range(len(tape) - 1, -1, -1):
        kernels.backward_layer(x, p, flat[i], c, *theta, lanes)
        x = flat[i]  # which is its own cotangent now
        if i or moved:
            curvature.apply(tape[i], out=P)
    in_w1, in_w2, past_b1, past_b2, in_step = lanes.sum(axis=1).tolist()
    if moved:
        in_step += float(np.sum(P * x0))
    return loss, in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2, in_step / L
