"""Fidelity only: all layers of an entry in one pass over the data, nothing of its size allocated.

With f = ½‖X - W‖² entries do not interact. The engines `fused` and `pieces` leave to this the entries that their pieces
do not hold. Blocks of fixed size are summed on their own and their sums added exactly, so that the result has the same
bits for any number of threads.
"""

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines import forward
from dsrl_ref.engines.parts import blocks_per_call, sum_over_blocks
from dsrl_ref.engines.problem import Layers
from dsrl_ref.smooth import Fidelity

BLOCK = 8192  # entries whose sums are formed by themselves
BLOCKS_PER_CALL = 8  # up to MANY_LAYERS a kernel call of milliseconds: Ctrl-C waits for it


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array, threads: int = 1
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L; f is a dense `Fidelity`."""
    from dsrl_ref.engines.kernels import recursion as kernels

    w, start, goal = f.start().ravel(), x0.ravel(), target.ravel()

    sums = np.empty((-(-w.size // BLOCK), kernels.SUMS))

    def fill(first: int, last: int) -> None:
        kernels.loss_and_gradient(w, start, goal, BLOCK, first, last, layers, *theta, L, sums)

    totals = sum_over_blocks(fill, [sums], blocks_per_call(BLOCKS_PER_CALL, layers), threads)
    return totals[0], np.array(totals[1:])


def gauss_newton(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, threads: int = 1) -> Array:
    """Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5×5."""
    from dsrl_ref.engines.kernels import recursion as kernels

    w, start = f.start().ravel(), x0.ravel()

    sums = np.empty((-(-w.size // BLOCK), kernels.PRODUCTS))

    def fill(first: int, last: int) -> None:
        kernels.gauss_newton(w, start, BLOCK, first, last, layers, *theta, L, sums)

    matrix = np.zeros((5, 5))
    totals = sum_over_blocks(fill, [sums], blocks_per_call(BLOCKS_PER_CALL, layers), threads)
    matrix[np.triu_indices(5)] = totals
    return matrix + np.triu(matrix, 1).T


def sensitivities(w: Array, x0: Array, theta: Theta, L: float, layers: int) -> tuple[Array, Array]:
    """X_(t) and, a row each, its derivatives in w1, w2, b1, b2, L, entry by entry of w."""
    from dsrl_ref.engines.kernels import recursion as kernels

    x, dx = np.empty(w.size), np.empty((5, w.size))
    kernels.sensitivities(w, x0, layers, *theta, L, x, dx)
    return x, dx


def by_layer(
    f: SmoothTerm, thetas: tuple[Theta, ...], L: Array, x0: Array, target: Array, threads: int = 1
) -> tuple[float, Array]:
    """J and its derivatives in the w1, w2, b1, b2, L of every layer, a row each; f is a dense `Fidelity`."""
    from dsrl_ref.engines.kernels import recursion_layers as kernels

    w, start, goal, numbers = f.start().ravel(), x0.ravel(), target.ravel(), numbers_of(thetas, L)
    sums = np.empty((-(-w.size // BLOCK), 1 + numbers.size))

    def fill(first: int, last: int) -> None:
        kernels.loss_and_gradient(w, start, goal, BLOCK, first, last, numbers, sums)

    totals = sum_over_blocks(fill, [sums], blocks_per_call(BLOCKS_PER_CALL, len(thetas)), threads)
    return totals[0], np.reshape(totals[1:], numbers.shape)


def gauss_newton_by_layer(f: SmoothTerm, thetas: tuple[Theta, ...], L: Array, x0: Array, threads: int = 1) -> Array:
    """Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5t×5t."""
    from dsrl_ref.engines.kernels import recursion_layers as kernels

    w, start, numbers = f.start().ravel(), x0.ravel(), numbers_of(thetas, L)
    sums = np.empty((-(-w.size // BLOCK), numbers.size * (numbers.size + 1) // 2))

    def fill(first: int, last: int) -> None:
        kernels.gauss_newton(w, start, BLOCK, first, last, numbers, sums)

    matrix = np.zeros((numbers.size, numbers.size))
    matrix[np.triu_indices(numbers.size)] = sum_over_blocks(fill, [sums], 1, threads)
    return matrix + np.triu(matrix, 1).T


def sensitivities_by_layer(w: Array, x0: Array, thetas: tuple[Theta, ...], L: Array) -> tuple[Array, Array]:
    """X_(t) and, a row each, its derivatives in the w1, w2, b1, b2, L of every layer, entry by entry of w."""
    from dsrl_ref.engines.kernels import recursion_layers as kernels

    numbers = numbers_of(thetas, L)
    x, dx = np.empty(w.size), np.empty((numbers.size, w.size))
    kernels.sensitivities(w, x0, numbers, x, dx)
    return x, dx


def numbers_of(thetas: tuple[Theta, ...], L: Array) -> Array:
    """The five numbers of every layer, a row each."""
    return np.column_stack([np.reshape(thetas, (-1, 4)), L])


def ties(w: Array, x0: Array, layers: Layers) -> int:
    """Count the Z of the entries of w that are on a knot of their layer.

    In NumPy by the operations of the kernels, which for `Fidelity` are those of the appendix: z = x - step·(x - w),
    then ξ in its anchored form. So every engine for `Fidelity` counts the same.
    """
    live = (w != 0) | (x0 != 0)
    zeros = live.size - int(np.count_nonzero(live))  # which stay 0
    on_knots = zeros * sum(theta.b1 == 0 for theta, _ in layers)
    if zeros < live.size:
        on_knots += forward.ties(Fidelity(w[live].reshape(1, -1)), layers, x0[live].reshape(1, -1))
    return on_knots
