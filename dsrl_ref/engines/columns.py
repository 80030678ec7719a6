"""LeastSquares only: reverse mode by blocks of columns, which do not interact.

The tape of a block, Z of every layer, stays in cache, forward and back, before the next block begins: memory does not
grow with the number of columns. ∇f is not on it: X - Z is ∇f/L, but for what rounds off. A layer is one product with
I - DᵀD/L, or two with D and Dᵀ where these are less work.
"""

import math
from functools import partial

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.engines import adjoint, tangent
from dsrl_ref.engines.jit import WORTH_COMPILING
from dsrl_ref.smooth import LeastSquares

TAPE_ENTRIES = 5 * 2**20  # 40 MiB: the last level of cache, or little more; narrower products take longer
TANGENT_ENTRIES = 2**15  # and five sensitivities of each, with what becomes of them
FAR = 10.0  # times ‖D‖²_F, which L = λ_max(DᵀD) is below: from there X - Z keeps too few digits of ∇f


def pay(f: SmoothTerm, x0: Array) -> bool:
    """Whether f is a dense `LeastSquares`, large enough to make up for loading the kernels."""
    return type(f) is LeastSquares and not is_sparse(f.D) and x0.size >= WORTH_COMPILING


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L; f is a dense `LeastSquares`."""
    D, Y = f.D, f.Y  # type: ignore[attr-defined]
    n, m = x0.shape
    width = max(1, min(m, TAPE_ENTRIES // (max(1, layers) * n)))
    if layers and FAR * float(np.sum(D * D)) >= L:
        work = partial(_block, Steps(D, 1.0 / L), np.empty((layers, n * width)), theta, L)
    else:
        work = partial(_careful_block, D, theta, L, layers)
    sums = []
    for start in range(0, m, width):
        block = slice(start, min(m, start + width))
        sums.append(work(x0[:, block], target[:, block], Y[:, block]))
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


class Steps:
    """V - DᵀDV/L: by A = I - DᵀD/L, or by D where that is less work."""

    def __init__(self, D: Array, step: float) -> None:
        k, n = D.shape
        self.D, self.shortened = D, step * D.T
        self.A = np.eye(n) - step * (D.T @ D) if n <= 2 * k else None

    def offset(self, Y: Array) -> Array:
        """DᵀY/L: X - ∇f(X)/L is what `apply` makes of X, and this."""
        return self.shortened @ Y

    def apply(self, V: Array, out: Array) -> None:
        """Out = V - DᵀDV/L."""
        if self.A is None:
            np.matmul(self.shortened, self.D @ V, out=out)
            np.subtract(V, out, out=out)
        else:
            np.matmul(self.A, V, out=out)


def _block(steps: Steps, tape: Array, theta: Theta, L: float, x0: Array, target: Array, Y: Array) -> tuple[float, ...]:
    """Loss and derivatives of some columns."""
    from dsrl_ref.engines.kernels import columns as kernels

    X, Z, (w1, w2, _, _) = np.empty(x0.shape), tape[:, : x0.size].reshape(-1, *x0.shape), theta
    x, z, offset, moved = X.reshape(-1), tape[:, : x0.size], steps.offset(Y).reshape(-1), float(x0.any())
    for i in range(len(tape)):
        if i or moved:
            steps.apply(X if i else x0, Z[i])
        else:
            Z[i] = 0.0
        kernels.forward_layer(z[i], offset, x, *theta)
    X -= target
    loss = 0.5 * float(x @ x)
    lanes = np.zeros((5, kernels.LANES))
    for i in range(len(tape) - 1, -1, -1):
        before = (z[i - 1], *theta) if i else (x0.reshape(-1) if moved else offset, moved, moved, 0.0, 0.0)
        kernels.backward_layer(x, z[i], *before, *theta, lanes)  # from here z[i] is its own cotangent
        if i:
            steps.apply(Z[i], X)
    in_w1, in_w2, past_b1, past_b2, in_step = lanes.sum(axis=1).tolist()
    return loss, in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2, in_step / L


def _careful_block(
    D: Array, theta: Theta, L: float, layers: int, x0: Array, target: Array, Y: Array
) -> tuple[float, ...]:
    """The same by the pass for any f, where steps are so short that ∇f must be formed for its own sake."""
    loss, gradient = adjoint.loss_and_gradient(LeastSquares(D, Y), theta, L, layers, x0, target)
    return loss, *gradient.tolist()
