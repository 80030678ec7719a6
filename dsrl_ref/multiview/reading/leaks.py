"""Views, and columns of views, that are the labels again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import is_sparse
from dsrl_ref.multiview.reading.entries import Entry
from dsrl_ref.multiview.reading.labels import are_same, codes_of, lengths, vector

LEAST = 10  # samples: with fewer, a feature can tell all classes apart by chance


def is_like(view: Any, labels: NDArray[Any]) -> bool:
    """Whether a view is the labels as a column, or one-hot, with other numbers for the classes or not."""
    n = len(labels)
    if n < LEAST or view.shape[1] > n:
        return False
    entry = Entry("", ("",), view)
    if n not in lengths(entry):
        return False
    if view.shape[1] == 1:
        flat = view.toarray().ravel() if is_sparse(view) else view.ravel()
        return are_same(flat, labels)
    return are_same(vector(entry, n, ""), labels)


def columns_like(view: Any, labels: NDArray[Any]) -> list[int]:
    """Columns that have one number in each class, and another in every other; a view of one column has none."""
    if len(labels) < LEAST or view.shape[1] < 2:
        return []
    codes = codes_of(labels)
    _, firsts = np.unique(codes, return_index=True)
    if len(firsts) < 2:
        return []
    heads = view[firsts]
    heads = heads.toarray() if is_sparse(heads) else heads
    distinct = np.array([len(np.unique(column)) == len(firsts) for column in heads.T], dtype=bool)
    return [int(place) for place in np.flatnonzero(distinct) if _is_constant_within(view, int(place), heads, codes)]


def _is_constant_within(view: Any, place: int, heads: Any, codes: NDArray[np.intp]) -> bool:
    column = view[:, [place]].toarray().ravel() if is_sparse(view) else view[:, place]
    return bool(np.array_equal(column, heads[codes, place]))
