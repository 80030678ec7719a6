"""Sums of parts: exact, and in a fixed order, so that neither threads nor the order of arrival leaves a trace.

A part is a block of entries whose sums a kernel forms by itself, a block of columns, or a problem of its own. What the
parts are depends on the data alone, never on the number of threads. Losses and gradients of parts are added here, by
whatever engine; the matrices of some columns are added up where they are made, in the order of the columns.
"""

import math
from collections.abc import Callable, Sequence
from typing import Generic

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.engines.engine import Constants, Evaluations, Thetas
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


def over_blocks(fill: Callable[[int, int], None], blocks: int, blocks_at_once: int, threads: int) -> None:
    """Let threads fill arrays that have a row for each block, or for each `blocks_at_once` blocks.

    Parameters
    ----------
    fill : callable
        ``fill(first, last)`` writes what belongs to the blocks first..last-1, and nothing else.
    blocks : int
        How many there are.
    blocks_at_once : int
        How many a call of `fill` is for, the last call perhaps fewer.
    threads : int
        How many threads call it.
    """
    in_threads(
        lambda first: fill(first, min(blocks, first + blocks_at_once)), range(0, blocks, blocks_at_once), threads
    )


def blocks_per_call(most: int, layers: int) -> int:
    """Tell how many blocks to give to a kernel at once.

    They are `most` up to `MANY_LAYERS` layers and fewer of more layers, since Ctrl-C waits for the kernel to end.
    """
    return max(1, most * MANY_LAYERS // max(MANY_LAYERS, layers))


class Sum(Generic[Thetas, Constants]):
    """The sum of prepared problems that do not interact, itself prepared.

    Parameters
    ----------
    parts : sequence of Evaluations
        All with one Θ, or all with one a layer; evaluated in their order. The first that refuses Θ and L speaks for
        all.
    """

    def __init__(self, parts: Sequence[Evaluations[Thetas, Constants]]) -> None:
        self.parts = parts

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Add the losses, and the derivatives."""
        loss, gradient = _added([part.loss_and_gradient(theta, L) for part in self.parts])
        return float(loss), gradient

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """Add the losses, the derivatives, and the matrices."""
        loss, gradient, matrix = _added([part.gauss_newton(theta, L) for part in self.parts])
        return float(loss), gradient, matrix

    def ties(self, theta: Thetas, L: Constants) -> int:
        """Add the counts."""
        return sum(part.ties(theta, L) for part in self.parts)


def _added(found: Sequence[tuple[float | Array, ...]]) -> list[Array]:
    """Add what is at the same place of each, number by number."""
    sums = []
    for terms in zip(*found, strict=True):
        total = add_exactly(np.array([np.ravel(term) for term in terms]))
        sums.append(np.reshape(total, np.shape(terms[0])))
    return sums
