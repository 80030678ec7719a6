"""What the engines work on: dense arrays, and of a sparse `Fidelity` the entries it stores."""

from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.smooth import Fidelity


def dense_problem(f: SmoothTerm, x0: Any, target: Any) -> tuple[SmoothTerm, Array, Array]:
    """Reduce a sparse Fidelity to its stored entries; otherwise make x0 and target (and W) dense."""
    if type(f) is Fidelity and is_sparse(f.W):
        if is_sparse(x0) and is_sparse(target):
            W, x0, target = _stored_entries(f.W, x0, target)
            return Fidelity(W), x0, target
        f = Fidelity(f.W.toarray())
    return f, _dense(x0), _dense(target)


def _stored_entries(*matrices: Any) -> list[Array]:
    """Each CSR matrix as one row of values over the union of all patterns, of one zero where that is empty."""
    first = matrices[0]
    if first.nnz and all(_same_pattern(first, other) for other in matrices[1:]):
        return [matrix.data.reshape(1, -1) for matrix in matrices]
    keys = [_keys(matrix) for matrix in matrices]
    union = np.unique(np.concatenate(keys)) if any(key.size for key in keys) else np.zeros(1, dtype=np.int64)
    rows = []
    for matrix, key in zip(matrices, keys, strict=True):
        row = np.zeros((1, union.size))
        row[0, np.searchsorted(union, key)] = matrix.data
        rows.append(row)
    return rows


def _same_pattern(one: Any, other: Any) -> bool:
    arrays = (one.indptr, other.indptr), (one.indices, other.indices)
    return all(a is b or np.array_equal(a, b) for a, b in arrays)


def _keys(matrix: Any) -> np.ndarray:
    n, m = matrix.shape
    return np.repeat(np.arange(n, dtype=np.int64) * m, np.diff(matrix.indptr)) + matrix.indices


def _dense(matrix: Any) -> Array:
    return matrix.toarray() if is_sparse(matrix) else matrix
