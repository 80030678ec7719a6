"""Exact nearest neighbours, block by block: no n×n array is held."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.points import Dense, Points
from dsrl_ref.threads import in_threads, processors

BLOCK_ENTRIES = 2**21  # distances that a thread holds at a time: 16 MiB
TREE_SAMPLES, TREE_FEATURES = 5_000, 8  # from so many samples and up to so many features a tree is faster
SHARE_OF_NORMS = 1e-5  # of the share of distances that may be rounding: the share of the points' own squares
SAMPLED = 3_000  # above so many samples, the mean distance is that among so many of them


def nearest(some: Points, others: Points, count: int, rounding: float = 0.0) -> tuple[Array, NDArray[np.intp]]:
    """Find the `count` nearest among `others`, for each point of `some`.

    Parameters
    ----------
    some, others : Points
        Of m and n samples, with the same features.
    count : int
        At most n.
    rounding : float
        By what share of the largest of them squares of distances may differ and count as equal to it: 0, or as much as
        products of matrices may round, whose last bits depend on the order of the features.

    Returns
    -------
    lengths : ndarray (m, count)
        Ascending.
    columns : ndarray of the same shape
        Of equal lengths the first in order comes first, and stays in. Where `some` is `others`, each sample has
        distance 0 from itself, and is one of its own neighbours unless `count` others equal it.
    """
    if isinstance(some, Dense) and isinstance(others, Dense) and _suits_a_tree(others):
        return _by_tree(some.columns, others.columns, count)
    lengths = np.empty((some.count, count))
    columns = np.empty(lengths.shape, dtype=np.intp)
    distances = Distances(some, others, rounding)

    def work(start: int) -> None:
        block = slice(start, min(start + distances.height, len(lengths)))
        lengths[block], columns[block] = _smallest(distances(block), count, rounding)

    in_threads(work, range(0, len(lengths), distances.height), processors())
    return lengths, columns


class Distances:
    """Euclidean distances of blocks of points from all others, by a product: below 1e-8 of the norms it is rounding.

    With a share for `rounding`, what is below a ten-thousandth of it is 0: that is, samples which are equal.
    """

    def __init__(self, some: Points, others: Points, rounding: float = 0.0) -> None:
        self.of_itself, self.least = some is others, rounding * SHARE_OF_NORMS
        self.products = some.products(others)
        self.squares = some.squares()
        self.of_others = self.squares if self.of_itself else others.squares()
        self.height = max(1, BLOCK_ENTRIES // others.count)

    def __call__(self, block: slice) -> Array:
        """Distances (points of the block, others); those of a point from itself are 0."""
        norms = self.squares[block, np.newaxis] + self.of_others
        squared = norms - 2 * self.products(block)
        if self.least:
            squared[squared <= self.least * norms] = 0.0
        found = np.sqrt(np.maximum(squared, 0.0))
        if self.of_itself:
            found[np.arange(len(found)), np.arange(block.start, block.stop)] = 0.0
        return found


def sampled(n: int) -> NDArray[np.intp]:
    """All of n samples, or above 3,000 so many, drawn by a fixed seed; ascending."""
    return np.arange(n) if n <= SAMPLED else np.sort(np.random.default_rng(0).choice(n, SAMPLED, replace=False))


def mean_distance(points: Points) -> float:
    """Mean of all n² distances, the zero diagonal included; above 3,000 samples of those among so many."""
    points = points.take(sampled(points.count))
    n = points.count
    total = 0.0
    distances = Distances(points, points)
    for start in range(0, n, distances.height):
        total += float(distances(slice(start, min(start + distances.height, n))).sum())
    return total / n**2


def _suits_a_tree(points: Dense) -> bool:
    return points.count >= TREE_SAMPLES and points.features <= TREE_FEATURES


def _smallest(found: Array, count: int, rounding: float) -> tuple[Array, NDArray[np.intp]]:
    last = np.partition(found, count - 1, axis=1)[:, count - 1 : count]
    row, column = np.nonzero(found <= last * (1 + rounding))
    length, bound = found[row, column], last[row, 0]
    if rounding:
        length = np.where(length >= bound * (1 - rounding), bound, length)
    order = np.lexsort((column, length, row))
    row, column, length = row[order], column[order], length[order]
    first = np.searchsorted(row, np.arange(len(found)))
    kept = np.arange(row.size) - first[row] < count  # the others are equal to the last
    return length[kept].reshape(-1, count), column[kept].reshape(-1, count)


def _by_tree(some: Array, others: Array, count: int) -> tuple[Array, NDArray[Any]]:
    from scipy.spatial import KDTree

    lengths, columns = KDTree(others.T).query(some.T, k=np.arange(1, count + 1), workers=processors())
    order = np.lexsort((columns, lengths))  # of equal lengths the first in order; which of them stay in is the tree's
    return np.take_along_axis(lengths, order, axis=1), np.take_along_axis(columns, order, axis=1)
