"""Exact nearest neighbours, block by block: no n×n array is held."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.threads import blas_threads, in_threads, processors

BLOCK_ENTRIES = 2**21  # distances that a thread holds at a time: 16 MiB
TREE_SAMPLES, TREE_FEATURES = 5_000, 8  # from so many samples and up to so many features a tree is faster
SAMPLED = 3_000  # above so many samples, the mean distance is that among so many of them


def is_constant(features: Array) -> bool:
    """Whether all samples are equal: such a view tells none from another."""
    return bool((features == features[:, :1]).all())


def distances(some: Array, others: Array) -> Array:
    """Euclidean distances between columns, by a matrix product: those below 1e-8 of the norms are rounding."""
    with blas_threads(processors(), some.size * others.shape[1]):
        products = some.T @ others
    squared = (some**2).sum(axis=0)[:, np.newaxis] + (others**2).sum(axis=0) - 2 * products
    return np.sqrt(np.maximum(squared, 0.0))


def nearest(some: Array, others: Array, count: int) -> tuple[Array, NDArray[np.intp]]:
    """Find the `count` nearest among the columns of `others`, for each column of `some`.

    Returns
    -------
    lengths : ndarray (columns of some, count)
        Ascending.
    columns : ndarray of the same shape
        Of equal lengths the first in order comes first, and stays in. Where `some` is `others`, each column has
        distance 0 from itself, and is one of its own neighbours unless `count` others equal it.
    """
    features, n = others.shape
    if n >= TREE_SAMPLES and features <= TREE_FEATURES:
        return _by_tree(some, others, count)
    lengths = np.empty((some.shape[1], count))
    columns = np.empty(lengths.shape, dtype=np.intp)
    height = max(1, BLOCK_ENTRIES // n)

    def work(start: int) -> None:
        block = slice(start, min(start + height, len(lengths)))
        found = distances(some[:, block], others)
        if some is others:
            found[np.arange(len(found)), np.arange(block.start, block.stop)] = 0.0
        lengths[block], columns[block] = _smallest(found, count)

    in_threads(work, range(0, len(lengths), height), processors())
    return lengths, columns


def sampled(n: int) -> NDArray[np.intp]:
    """All of n samples, or above 3,000 so many, drawn by a fixed seed; ascending."""
    return np.arange(n) if n <= SAMPLED else np.sort(np.random.default_rng(0).choice(n, SAMPLED, replace=False))


def mean_distance(features: Array) -> float:
    """Mean of all n² distances, the zero diagonal included; above 3,000 samples of those among so many."""
    features = np.ascontiguousarray(features[:, sampled(features.shape[1])])
    n = features.shape[1]
    total = 0.0
    height = max(1, BLOCK_ENTRIES // n)
    for start in range(0, n, height):
        stop = min(start + height, n)
        found = distances(features[:, start:stop], features)
        found[np.arange(stop - start), np.arange(start, stop)] = 0.0
        total += float(found.sum())
    return total / n**2


def _smallest(found: Array, count: int) -> tuple[Array, NDArray[np.intp]]:
    last = np.partition(found, count - 1, axis=1)[:, count - 1 : count]
    row, column = np.nonzero(found <= last)
    length = found[row, column]
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
