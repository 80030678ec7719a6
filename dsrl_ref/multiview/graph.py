"""The fused similarity graph of several views of the same samples."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array

from dsrl_ref.arrays import Array, as_count, as_matrix

BLOCK_ENTRIES = 2**22  # distances held at a time: 32 MiB


def similarity_graph(views: Sequence[Any], n_neighbors: int = 10) -> csr_array:
    """Build the mean over views of their k-nearest-neighbour graphs with heat-kernel weights.

    Parameters
    ----------
    views : sequence of array_like (n, d_v)
        The same n samples in the same order, seen in different features.
    n_neighbors : int
        k, not counting the sample itself; from 1 to n - 1.

    Returns
    -------
    csr_array (n, n)
        Symmetric, float64, weights in [0, 1], zero diagonal.

    Raises
    ------
    ValueError
        For views of different length (the message names the view), no view, or k out of range.

    Notes
    -----
    Each sample is standardised over its own features (divisor d - 1, 1e-8 added to the deviation; one that is
    constant becomes 0). Neighbours get the weight exp(-d²/(2 t²)), t being the mean of all n² distances of the
    view, the zero diagonal included; i and j are joined if either is a neighbour of the other. Of equal
    distances the first in order counts, the sample itself among them. Distances come from a matrix product, so
    that those below 1e-8 of a sample's norm are rounding. No n×n array is held.

    Examples
    --------
    >>> graph = similarity_graph([[[0.0, 1.0, 3.0], [0.0, 1.0, 4.0], [3.0, 1.0, 0.0], [4.0, 1.0, 0.0]]], n_neighbors=1)
    >>> graph.nnz, graph.toarray()[0].round(3)
    (4, array([0.   , 0.996, 0.   , 0.   ]))
    """
    checked = _as_views(views)
    n = checked[0].shape[0]
    k = as_count(n_neighbors, "n_neighbors", least=1)
    if k >= n:
        raise ValueError(f"n_neighbors = {k} is too large: {n} samples have at most {n - 1} neighbours each")
    fused = csr_array((n, n))
    for view in checked:
        fused = fused + _neighbour_graph(_standardised(view), k)
    fused = csr_array(fused / len(checked))
    fused.sort_indices()
    return fused


def _as_views(views: Sequence[Any]) -> list[Array]:
    if views is None or len(views) == 0:
        raise ValueError("views is empty; at least one matrix of samples by features is needed")
    checked = [as_matrix(view, f"views[{v}]") for v, view in enumerate(views)]
    for v, view in enumerate(checked):
        if len(view) != len(checked[0]):
            raise ValueError(f"views[{v}] has {len(view)} samples, but views[0] has {len(checked[0])}; they must agree")
    return checked


def _standardised(view: Array) -> Array:
    """Samples as columns, so that sums over features run in their order, whatever the memory layout."""
    features = np.ascontiguousarray(view.T)
    deviation = features.std(axis=0, ddof=min(1, len(features) - 1))
    return (features - features.mean(axis=0)) / (deviation + 1e-8)


def _neighbour_graph(features: Array, k: int) -> csr_array:
    """The heat-kernel graph of one view, features by samples."""
    n = features.shape[1]
    rows, columns, lengths = [], [], []
    total = 0.0
    for start, distances in _distance_blocks(features):
        total += float(distances.sum())
        row, column = np.nonzero(_nearest(distances, k + 1))  # the sample itself is one of them
        lengths.append(distances[row, column])
        rows.append(row + start)
        columns.append(column)
    row, column, length = np.concatenate(rows), np.concatenate(columns), np.concatenate(lengths)
    scale = total / n**2
    weights = np.exp(-(length**2) / (2 * scale**2)) if scale > 0 else np.ones(length.size)
    others = row != column
    directed = coo_array((weights[others], (row[others], column[others])), shape=(n, n)).tocsr()
    return csr_array(directed.maximum(directed.T))


def _distance_blocks(features: Array) -> Iterator[tuple[int, Array]]:
    """Euclidean distances from some samples to all, block by block."""
    n = features.shape[1]
    squares = (features**2).sum(axis=0)
    height = max(1, BLOCK_ENTRIES // n)
    for start in range(0, n, height):
        stop = min(n, start + height)
        squared = squares[start:stop, np.newaxis] + squares - 2 * (features[:, start:stop].T @ features)
        squared[np.arange(stop - start), np.arange(start, stop)] = 0.0
        yield start, np.sqrt(np.maximum(squared, 0.0))


def _nearest(distances: Array, count: int) -> np.ndarray:
    """Mark the `count` smallest of each row; of equal ones the first."""
    last = np.partition(distances, count - 1, axis=1)[:, count - 1 : count]
    closer = distances < last
    tied = distances == last
    room = count - closer.sum(axis=1, keepdims=True)
    return closer | (tied & (np.cumsum(tied, axis=1) <= room))
