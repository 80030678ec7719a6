"""Sums of parts: exact, and in a fixed order, so that neither threads nor the order of arrival leaves a trace.

A part is a block of entries whose sums a kernel forms by itself, a block of columns, or a problem of its own. What the
parts are depends on the data alone, never on the number of threads. Losses and gradients of parts are added here, by
whatever engine; the matrices of some columns are added up where they are made, in the order of the columns.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Generic

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


def condensed(rows: Array) -> Array:
    """A few rows whose columns have exactly the sums of those of `rows`, so that sums can be sent and added elsewhere.

    The first is the sum, rounded; the next what rounding left of it, rounded; and so on until nothing is left. `rows`
    itself where a sum is not finite, as it then depends on the order of adding.
    """
    words: list[list[float]] = []
    left = add_exactly(rows)
    while any(left) and np.isfinite(left).all():
        words.append(left)
        left = add_exactly(np.concatenate([rows, -np.array(words)]))
    if any(left):
        return rows
    return np.array(words).reshape(-1, rows.shape[1])


def terms(part: Any, theta: Any, L: Any) -> Array:
    """Rows whose columns add up to the loss and the derivatives of a part, once `Engine.complete` has had the sums.

    Exactly, where the engine gives its sums before it rounds them (``terms``): then the sum of all parts has the same
    bits whatever the parts are. Of other engines it is one row, rounded.
    """
    if hasattr(part, "terms"):
        exact: Array = part.terms(theta, L)
        return exact
    loss, gradient = part.loss_and_gradient(theta, L)
    return np.array([[loss, *gradient.ravel()]])


def gauss_newton_terms(part: Any, theta: Any, L: Any) -> Array:
    """The same of the loss, the derivatives, and the upper triangle of the Gauss-Newton matrix, row by row."""
    if hasattr(part, "gauss_newton_terms"):
        exact: Array = part.gauss_newton_terms(theta, L)
        return exact
    loss, gradient, matrix = part.gauss_newton(theta, L)
    return np.array([[loss, *gradient.ravel(), *matrix[np.triu_indices(len(matrix))]]])


def errors(part: Any, theta: Any, L: Any) -> Array | None:
    """‖x_t - x̃‖² of every column, by an engine that has columns (``errors``); None of others.

    NaN, or infinity, where an iterate is not finite, and no DivergenceError names the layer.
    """
    return part.errors(theta, L) if hasattr(part, "errors") else None


def whole_matrix(triangle: Any, parameters: int) -> Array:
    """The symmetric matrix of an upper triangle, which is given row by row."""
    matrix = np.zeros((parameters, parameters))
    matrix[np.triu_indices(parameters)] = triangle
    return matrix + np.triu(matrix, 1).T


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

    def terms(self, theta: Thetas, L: Constants) -> Array:
        """The terms of all parts, in their order."""
        return np.concatenate([terms(part, theta, L) for part in self.parts])

    def gauss_newton_terms(self, theta: Thetas, L: Constants) -> Array:
        """The same, with those of the matrices."""
        return np.concatenate([gauss_newton_terms(part, theta, L) for part in self.parts])

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
