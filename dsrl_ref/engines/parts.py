"""Sums of parts: exact, and in a fixed order, so that neither threads nor the order of arrival leaves a trace.

A part is a block of entries whose sums a kernel forms by itself, a block of columns, or a problem of its own. What the
parts are depends on the data alone, never on the number of threads. All that adds parts together adds them here.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.engine import Prepared
from dsrl_ref.threads import in_threads

MANY_LAYERS = 250  # from which an entry takes a microsecond, layer by layer


def add_exactly(rows: Array) -> list[float]:
    """Add each column of `rows`, rounded once.

    A column's sum is NaN where it has infinities of both signs, or where the sum overflows on the way.
    """
    try:
        return [math.fsum(column) for column in rows.T]
    except (OverflowError, ValueError):
        return [math.nan] * rows.shape[1]


def sum_over_blocks(
    fill: Callable[[int, int], None], sums: Sequence[Array], blocks_at_once: int, threads: int
) -> list[float]:
    """Let threads fill arrays of sums, a row for each block, and add all their rows exactly.

    Parameters
    ----------
    fill : callable
        ``fill(first, last)`` writes the rows first..last-1 of every array in `sums`, and no others.
    sums : sequence of ndarray (blocks, quantities)
        Where it writes. Arrays beside the first hold further terms of the same quantities.
    blocks_at_once : int
        How many rows a call of `fill` writes, the last call perhaps fewer.
    threads : int
        How many threads call it.

    Returns
    -------
    list of float
        The sum of each quantity.
    """
    blocks = len(sums[0])
    in_threads(
        lambda first: fill(first, min(blocks, first + blocks_at_once)), range(0, blocks, blocks_at_once), threads
    )
    return add_exactly(np.concatenate(sums))


def blocks_per_call(most: int, layers: int) -> int:
    """Tell how many blocks to give to a kernel at once.

    They are `most` up to `MANY_LAYERS` layers and fewer of more layers, since Ctrl-C waits for the kernel to end.
    """
    return max(1, most * MANY_LAYERS // max(MANY_LAYERS, layers))


class Sum:
    """The sum of prepared problems that do not interact, itself prepared.

    Parameters
    ----------
    parts : sequence of Prepared
        Evaluated in their order; the first that refuses Θ and L speaks for all.
    """

    def __init__(self, parts: Sequence[Prepared]) -> None:
        self.parts = parts

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """Add the losses, and the derivatives."""
        found = [part.loss_and_gradient(theta, L) for part in self.parts]
        return _added(found)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """Add the losses, the derivatives, and the matrices."""
        found = [part.gauss_newton(theta, L) for part in self.parts]
        matrix = add_exactly(np.array([matrix.ravel() for _, _, matrix in found]))
        return *_added([(loss, gradient) for loss, gradient, _ in found]), np.reshape(matrix, (5, 5))

    def ties(self, theta: Theta, L: float) -> int:
        """Add the counts."""
        return sum(part.ties(theta, L) for part in self.parts)


def _added(found: Sequence[tuple[float, Array]]) -> tuple[float, Array]:
    loss, *gradient = add_exactly(np.array([[loss, *gradient] for loss, gradient in found]))
    return loss, np.array(gradient)
