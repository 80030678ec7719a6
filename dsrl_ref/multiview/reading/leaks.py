"""Views, and columns of views, that are the labels again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.multiview.reading.entries import Entry
from dsrl_ref.multiview.reading.labels import are_same, codes_of, known_of, lengths, partly_one_hot, vector

MOST = 20  # classes that a column of numbers without a usual name is taken to have
LEAST = 10  # labelled samples: with fewer, a feature can tell all classes apart by chance


def is_like(view: Any, labels: NDArray[Any]) -> bool:
    """Whether a view is the labels as a column, or one-hot, with other numbers for the classes or not.

    Only samples with a label are compared: a file may hide in its labels what the view says of all.
    """
    view, labels = _labelled(view, labels)
    n = len(labels)
    if not _can_be_told(labels) or view.shape[1] > n:
        return False
    entry = Entry("", ("",), view)
    if n not in lengths(entry):
        partly = partly_one_hot(entry, n)  # the column of one class may have been left out
        return partly is not None and are_same(partly, labels)
    if view.shape[1] == 1:
        flat = view.toarray().ravel() if is_sparse(view) else view.ravel()
        return are_same(flat, labels)
    return are_same(vector(entry, n, ""), labels)


def only_column_of_classes(values: Array) -> int | None:
    """The first or last column where it alone has few whole numbers that each come again; None where that is not so."""
    values = values[~np.isnan(values).all(axis=1)]  # of the samples that it has
    alike = [place for place, column in enumerate(values.T) if _has_classes(column)]
    return alike[0] if len(alike) == 1 and alike[0] in (0, values.shape[1] - 1) and values.shape[1] > 1 else None


def has_few(column: Array, least: int = 1) -> bool:
    """Whether there are 2 to 20 whole numbers, each at least `least` times and one of them twice."""
    column = column[~np.isnan(column)]
    if not np.array_equal(column, np.round(column)):
        return False
    _, counts = np.unique(column, return_counts=True)
    return 1 < len(counts) <= MOST and int(counts.min()) >= least and int(counts.max()) > 1


def column_of_classes_beside_measured(values: Array) -> int | None:
    """The first or last column where it alone has few whole numbers, each three times, and most others have fractions.

    This asks for more than `only_column_of_classes`: where columns have names, or are of a file that says what its
    views are, a column of few whole numbers is more often a feature.
    """
    values = values[~np.isnan(values).all(axis=1)]
    few = [place for place, column in enumerate(values.T) if has_few(column, least=3)]
    measured = sum(not np.array_equal(column, np.round(column)) for column in values.T)
    alone = len(few) == 1 and few[0] in (0, values.shape[1] - 1) and 2 * measured > values.shape[1] - 1
    return few[0] if alone else None


def _has_classes(column: Array) -> bool:
    if len(column) < LEAST or not np.array_equal(column, np.round(column)):
        return False
    _, counts = np.unique(column, return_counts=True)
    return 1 < len(counts) <= len(column) // 4 and int(counts.min()) > 1


def columns_like(view: Any, labels: NDArray[Any]) -> list[int]:
    """Columns that have one number in each class, and another in every other, and the columns of a one-hot table.

    Only samples with a label are compared. A view of one column has none.
    """
    view, labels = _labelled(view, labels)
    if not _can_be_told(labels) or view.shape[1] < 2:
        return []
    codes = codes_of(labels)
    _, firsts = np.unique(codes, return_index=True)
    heads = view[firsts]
    heads = heads.toarray() if is_sparse(heads) else heads
    distinct = np.array([len(np.unique(column)) == len(firsts) for column in heads.T], dtype=bool)
    alike = [int(place) for place in np.flatnonzero(distinct) if _is_constant_within(view, int(place), heads, codes)]
    return sorted(set(alike) | set(_one_hot_columns(view, heads, codes)))


def _labelled(view: Any, labels: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
    """The samples that have a label, and these labels."""
    known = known_of(labels)
    return (view, labels) if known.all() else (view[known], labels[known])


def _can_be_told(labels: NDArray[Any]) -> bool:
    """Whether labels, all of them known, can be found again: several classes, of which one comes again."""
    return len(labels) >= LEAST and 1 < len(set(labels.tolist())) < len(labels)


def _one_hot_columns(view: Any, heads: Any, codes: NDArray[np.intp]) -> list[int]:
    """As many columns side by side as there are classes, each 1 in a class of its own, and 0 or -1 in all others.

    One fewer will do from three classes on: the column of a class may have been left out.
    """
    ones = heads == 1
    single = (ones.sum(axis=0) == 1) & (ones | (heads == 0) | (heads == -1)).all(axis=0)
    found: list[int] = []
    for width in {len(heads), len(heads) - 1}:
        for start in range(heads.shape[1] - width + 1):
            block = range(start, start + width)
            own = set(ones[:, start : start + width].argmax(axis=0))
            if not single[start : start + width].all() or len(own) < width:
                continue
            if all(_is_constant_within(view, place, heads, codes) for place in block):
                found += block
    return found


def _is_constant_within(view: Any, place: int, heads: Any, codes: NDArray[np.intp]) -> bool:
    column = view[:, [place]].toarray().ravel() if is_sparse(view) else view[:, place]
    return bool(np.array_equal(column, heads[codes, place]))
