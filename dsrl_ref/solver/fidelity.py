"""`Fidelity`: every entry by itself, in closed form.

½(x - w)² + h(x) has its least value where a line of slope 1 meets the slope of h, or where h has a hill that is
steeper than that, on one of its two sides: `Penalty.minimiser` compares them. The certificate is that of D = I, one
product an entry. Columns are taken in blocks, of a sparse W the stored entries alone: a column of few of them is a
short row, filled up with zeros, which are where they should be. How long that row is depends on the column itself and
on no other.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.solver.certificate import EPSILON, Point, relative_gap, relative_violation
from dsrl_ref.solver.penalty import Penalty
from dsrl_ref.solver.scaling import largest, norms, units

ENTRIES = 1 << 17  # of a block of columns: it stays in cache


def minimise(W: Any, h: Penalty, convex: bool) -> tuple[Any, Array]:
    """The least ½(x - w)² + h(x) for every entry w of W, sparse as W is, and the residual of every column."""
    residuals = np.empty(W.shape[1])
    if not is_sparse(W):
        X = np.empty(W.shape)
        for first in range(0, W.shape[1], width := max(1, ENTRIES // W.shape[0])):
            block = slice(first, first + width)
            rows, residuals[block] = _minimise_rows(np.ascontiguousarray(W[:, block].T), h, convex)
            X[:, block] = rows.T
        return X, residuals
    X = W.tocsc()
    for columns, places, stored in _rows_of_stored(X):
        rows = np.zeros(stored.shape)
        rows[stored] = X.data[places]
        rows, residuals[columns] = _minimise_rows(rows, h, convex)
        X.data[places] = rows[stored]
    return X.tocsr(), residuals


def _minimise_rows(W: Array, h: Penalty, convex: bool) -> tuple[Array, Array]:
    """The same for the rows of W, in units in which the largest entry of a row is between ½ and 1."""
    of_w = units(largest(W, 1))[:, None]
    W = W / of_w
    own = h.in_units(1.0, of_w).spread(W.shape)
    X = own.minimiser(W, 1.0)
    U = W - X
    point = Point(X, U, norms(U), norms(W), np.ones(W.shape[1]), 1, np.maximum(np.abs(W), np.abs(X)))
    if convex:
        return X * of_w + 0.0, relative_gap(point, own)
    return X * of_w + 0.0, relative_violation(point, own, EPSILON * np.abs(U))


def _rows_of_stored(W: Any) -> Iterator[tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.bool_]]]:
    """Columns of as many entries, but for a factor of two, where these are in ``W.data``, and which of their rows."""
    counts = np.diff(W.indptr)
    lengths = np.maximum(1, 1 << np.frexp(np.maximum(counts - 1, 0))[1])  # the power of two that holds the entries
    for length in np.unique(lengths):
        alike, width = np.flatnonzero(lengths == length), max(1, ENTRIES // int(length))
        for first in range(0, len(alike), width):
            columns = alike[first : first + width]
            stored = np.arange(length) < counts[columns, None]
            yield columns, (W.indptr[columns, None] + np.arange(length))[stored], stored
