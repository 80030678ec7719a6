"""Graphs that the user made: matrices of similarities, and not of distances, whose largest join the farthest."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array, as_csr, as_matrix, is_sparse
from dsrl_ref.multiview.assembly import assembled, blocks, rows_of, symmetrised

LEAST, MOST = 10, 200  # samples: fewer show nothing, and so many of them are looked at
ROUNDING = 1e-6  # by how much a distance may be longer than the way round, or less than 0, beside the others
DIAGONAL = 1e-3  # of the others' median: what a distance from itself may come to, as a root of a difference that rounds


def as_affinity(X: Any, name: str = "X") -> csr_array:
    """A square matrix of similarities as a graph: symmetrised by max, zero diagonal, positive weights only.

    Raises
    ------
    ValueError
        For what is not square, and for a matrix of distances.
    """
    given = as_csr(X, name) if is_sparse(X) else csr_array(as_matrix(X, name))
    if given.shape[0] != given.shape[1]:
        raise ValueError(f"{name} must be a square matrix for affinity='precomputed', got shape {given.shape}")
    if is_distances(given):
        raise ValueError(
            f"{name} looks like a matrix of distances: 0 on the diagonal, positive elsewhere, and no entry longer than "
            "the way round by a third sample. affinity='precomputed' takes similarities, as np.exp(-X**2 / "
            "np.median(X)**2) is of distances; if these are similarities, say so by a diagonal of their largest"
        )
    return symmetrised(assembled(given.shape, given.nnz, blocks(given.indptr), lambda block: _edges(given, block)))


def _edges(given: csr_array, block: slice) -> csr_array:
    """Of some rows, the entries that are edges: positive, and not of a sample with itself."""
    rows = rows_of(given, block)
    row = np.repeat(np.arange(block.start, block.stop), np.diff(rows.indptr))
    kept = (rows.data > 0) & (rows.indices != row)
    starts = np.concatenate([[0], np.cumsum(kept)])[rows.indptr]
    return csr_array((rows.data[kept], rows.indices[kept], starts), shape=rows.shape)


def is_distances(matrix: csr_array) -> bool:
    """Whether a matrix is one of distances, or of their squares, as far as at most 200 of its samples tell.

    That is: symmetric, 0 on the diagonal and nowhere else but between few samples, not the same between most, and with
    roots that keep the triangle inequality, as those of distances do, and of squared Euclidean ones, of which cosine
    and correlation distances are half. What rounding leaves of a 0 counts as 0. Similarities without a diagonal break
    the inequality, unless all are within a factor of 4; those with one have the largest of it, as every kernel has.
    """
    n = matrix.shape[0]
    if n < LEAST or matrix.nnz < n * (n - 1) // 2:
        return False
    places = np.arange(n) if n <= MOST else np.sort(np.random.default_rng(0).choice(n, MOST, replace=False))
    dense = matrix[places][:, places].toarray()
    others = dense[~np.eye(len(dense), dtype=bool)]
    middle = float(np.median(others))
    if np.abs(matrix.diagonal()).max() > DIAGONAL * middle or matrix.data.min() < -ROUNDING * middle:
        return False
    np.fill_diagonal(dense, 0.0)
    return bool(np.mean(others == others.max()) <= 0.5) and _keeps_triangles(np.sqrt(np.maximum(dense, 0.0)))


def _keeps_triangles(roots: Array) -> bool:
    """Whether no entry exceeds the sum of two that lead from the one sample to the other, but for rounding.

    By way of the one or the other itself that is symmetry.
    """
    allowed = roots * (1 - ROUNDING) - ROUNDING * np.median(roots)
    return all(bool((allowed <= column[:, np.newaxis] + column).all()) for column in roots.T)
