"""Fidelity only: all layers of an entry in one pass over the data, nothing of its size allocated.

With f = ½‖X - W‖² entries do not interact. The engines `fused` and `pieces` leave to this the entries that their pieces
do not hold. Blocks of fixed size are summed on their own and their sums added exactly, so that the result has the same
bits for any number of threads.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines import forward
from dsrl_ref.engines.parts import add_exactly, blocks_per_call, over_blocks
from dsrl_ref.engines.problem import Layers, Problem
from dsrl_ref.entries import AT_ONCE
from dsrl_ref.smooth import Fidelity
from dsrl_ref.threads import in_threads

BLOCK = 8192  # entries whose sums are formed by themselves
MOST_ENTRIES = 2**20  # of all layers, that a call carries forward: milliseconds
BLOCKS_PER_CALL = 8  # up to MANY_LAYERS a kernel call of milliseconds: Ctrl-C waits for it


class Network(Protocol):
    """A network of some layers, with numbers that all layers share or with numbers of each.

    Attributes
    ----------
    parameters : int
        How many derivatives it has.
    shape : tuple of int
        Of the array of them.
    effort : int
        The work for an entry with all its derivatives and their products, in layers of a network that shares its
        numbers.
    """

    parameters: int
    shape: tuple[int, ...]
    effort: int

    def fill(self, w: Array, x0: Array, target: Array, sums: Array) -> None:
        """Write a row for each `BLOCK` of the entries: their loss, and its derivatives."""

    def fill_and_multiply(self, w: Array, x0: Array, target: Array, sums: Array, products: Array) -> None:
        """Write the same, to the bit, and add Σ (∂x/∂p)(∂x/∂q) to products[p, q], p <= q."""


class Sums:
    """What entries add up to that go through the layers, in blocks: the loss, and its derivatives.

    Attributes
    ----------
    rows : ndarray (blocks, 1 + parameters)
        Of each block; zeros until it is filled.
    """

    def __init__(self, network: Network, entries: int, blocks_at_once: int) -> None:
        self.network, self.blocks_at_once = network, blocks_at_once
        self.rows = np.zeros((-(-entries // BLOCK), 1 + network.parameters))

    def fill(self, w: Array, x0: Array, target: Array, first: int) -> None:
        """Take so many entries, no more than `blocks_at_once` blocks, for what the block `first` begins with."""
        self.network.fill(w, x0, target, self.rows[first : first - (-w.size // BLOCK)])

    def fill_all(self, w: Array, x0: Array, target: Array, threads: int) -> None:
        """Take all entries."""

        def fill(first: int, last: int) -> None:
            part = slice(first * BLOCK, last * BLOCK)
            self.fill(w[part], np.ascontiguousarray(x0[part]), target[part], first)

        over_blocks(fill, len(self.rows), self.blocks_at_once, threads)


class SumsAndProducts(Sums):
    """The same, and Σ (∂x/∂p)(∂x/∂q), by itself for the entries of each call of `fill`."""

    def __init__(self, network: Network, entries: int, blocks_at_once: int) -> None:
        super().__init__(network, entries, blocks_at_once)
        self.products: dict[int, Array] = {}

    def fill(self, w: Array, x0: Array, target: Array, first: int) -> None:
        """Take so many entries."""
        products = np.zeros((self.network.parameters, self.network.parameters))
        self.network.fill_and_multiply(w, x0, target, self.rows[first : first - (-w.size // BLOCK)], products)
        self.products[first] = products

    def matrix(self) -> Array:
        """The sum of all products, 5×5 or 5t×5t, in the order of the entries."""
        upper = np.zeros((self.network.parameters, self.network.parameters))
        for _, products in sorted(self.products.items()):
            upper += products
        return upper + np.triu(upper, 1).T


def loss_and_gradient(network: Network, w: Array, x0: Array, target: Array, threads: int = 1) -> tuple[float, Array]:
    """J and its derivatives, of the shape that the network has them in, over the entries of vectors of one size."""
    sums = Sums(network, w.size, blocks_per_call(BLOCKS_PER_CALL, network.effort))
    sums.fill_all(w, x0, target, threads)
    loss, *derivatives = add_exactly(sums.rows)
    return loss, np.reshape(derivatives, network.shape)


def gauss_newton(network: Network, w: Array, x0: Array, target: Array, threads: int = 1) -> tuple[float, Array, Array]:
    """The same, to the bit, and Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), from the same pass."""
    sums = SumsAndProducts(network, w.size, blocks_per_call(BLOCKS_PER_CALL, network.effort))
    sums.fill_all(w, x0, target, threads)
    loss, *derivatives = add_exactly(sums.rows)
    return loss, np.reshape(derivatives, network.shape), sums.matrix()


def errors(problem: Problem, numbers: Array) -> Array | None:
    """‖x_t - x̃‖² of every column; None of a sparse `Fidelity`, whose entries have left their columns.

    Parameters
    ----------
    problem : Problem
        Of a `Fidelity`.
    numbers : ndarray (t, 5)
        w1, w2, b1, b2 and L of each layer.
    """
    from dsrl_ref.engines.kernels import recursion_layers as kernels

    if problem.x0.shape != problem.shape:
        return None
    (n, m), W, threads = problem.shape, problem.f.start(), problem.threads
    found, share = np.zeros(m), -(-m // threads)
    width = min(share, MOST_ENTRIES)
    height = max(1, MOST_ENTRIES // (width * max(1, len(numbers))))

    def add(first: int) -> Iterator[None]:
        """Some columns, some rows at a time: a column has the same sum for any threads and any blocks."""
        columns = slice(first, first + width)
        for top in range(0, n, height):
            problem.watch.check()
            place = slice(top, top + height), columns
            w, x, target = (np.array(matrix[place]).ravel() for matrix in (W, problem.x0, problem.target))
            kernels.add_errors(w, x, target, numbers, found[columns])
            yield

    in_threads(add, range(0, m, width), threads)
    return found


def sensitivities(w: Array, x0: Array, theta: Theta, L: float, layers: int) -> tuple[Array, Array]:
    """X_(t) and, a row each, its derivatives in w1, w2, b1, b2, L, entry by entry of w."""
    from dsrl_ref.engines.kernels import recursion as kernels

    x, dx = np.empty(w.size), np.empty((5, w.size))
    kernels.sensitivities(w, x0, layers, *theta, L, x, dx)
    return x, dx


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
    return sum(
        _ties(w[start : start + AT_ONCE], x0[start : start + AT_ONCE], layers) for start in range(0, w.size, AT_ONCE)
    )


def _ties(w: Array, x0: Array, layers: Layers) -> int:
    live = (w != 0) | (x0 != 0)
    zeros = live.size - int(np.count_nonzero(live))  # which stay 0
    on_knots = zeros * sum(theta.b1 == 0 for theta, _ in layers)
    if zeros < live.size:
        on_knots += forward.ties(Fidelity(w[live].reshape(1, -1)), layers, x0[live].reshape(1, -1))
    return on_knots
