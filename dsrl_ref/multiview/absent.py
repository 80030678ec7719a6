"""Samples that a view does not have: rows that are NaN as a whole.

A row of a view is finite, or NaN in every entry. The latter says that the sample was not seen in this view, and is the
only NaN that a view may have: a row that is NaN in part has features that somebody must fill or drop.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import as_csr_numbers, as_numbers, is_sparse, require_matrix_shape

SHOWN = 5  # samples that a message names


def as_rows(value: Any, name: str) -> Any:
    """Convert a view to float64, dense or canonical CSR, with rows that are finite or NaN as a whole.

    A row of a sparse view is NaN as a whole if all its entries are stored and NaN.

    Raises
    ------
    ValueError, TypeError
        As `dsrl_ref.arrays.as_matrix`; for infinity, and for a row that is NaN in part.
    """
    view = as_csr_numbers(value, name) if is_sparse(value) else as_numbers(value, name)
    require_matrix_shape(view.shape, name)
    row, column = _where(view, np.isinf)
    if row.size:
        place = row[0], column[0]
        raise ValueError(f"{name} contains infinity: {name}[{row[0]}, {column[0]}] = {view[place]}; no entry may be")
    row, column = _where(view, np.isnan)
    counts = np.bincount(row, minlength=view.shape[0])
    partly = counts[row] < view.shape[1]
    if partly.any():
        first, rows = int(np.argmax(partly)), np.count_nonzero(np.bincount(row[partly]))
        raise ValueError(
            f"{name} contains NaN: {name}[{row[first]}, {column[first]}] = nan, and {rows} rows are NaN in part: fill "
            "these entries, or drop the rows or columns; only a sample that the view does not have is a row of NaN, "
            "in all its entries"
        )
    return view


def _where(view: Any, test: Callable[[Any], NDArray[np.bool_]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the entries that pass a test; of a CSR matrix among those that are stored."""
    if not is_sparse(view):
        row, column = np.nonzero(test(view))
        return row, column
    place = np.flatnonzero(test(view.data))
    return np.searchsorted(view.indptr, place, side="right") - 1, view.indices[place].astype(np.intp)


def is_absent(view: Any) -> NDArray[np.bool_]:
    """Which samples a view does not have, of what `as_rows` has returned."""
    absent = np.zeros(view.shape[0], dtype=bool)
    absent[_where(view, np.isnan)[0]] = True
    return absent


def require_everyone(views: Sequence[Any], names: Sequence[Any] | None = None, source: str = "") -> None:
    """Refuse samples that no view has; the message says which, by their names where these are known, and in what file.

    Raises
    ------
    ValueError
        Where there is one.
    """
    require_somewhere([is_absent(view) for view in views], names, source)


def require_somewhere(
    absent: Sequence[NDArray[np.bool_]], names: Sequence[Any] | None = None, source: str = ""
) -> None:
    """The same of which samples each of the views does not have."""
    nowhere = np.flatnonzero(np.logical_and.reduce(absent))
    if nowhere.size:
        called = [str(place) if names is None else repr(names[place]) for place in nowhere[:SHOWN]]
        more = f" and {nowhere.size - SHOWN} more" if nowhere.size > SHOWN else ""
        which = f"sample {called[0]} is" if nowhere.size == 1 else f"samples {', '.join(called)}{more} are"
        where = f"{source}: " if source else ""
        raise ValueError(
            f"{where}{which} in no view, a row of NaN in each: nothing can be said of such samples; drop them"
        )


def names_of(views: Sequence[Any]) -> list[Any] | None:
    """What the samples are called, by the first of the views that is a table with an index; None where none is.

    Integers without a name for them call no sample, as they only count; but tables that have been put into another
    order, or have lost rows, tell so by them.

    Raises
    ------
    ValueError
        Where two tables call or count the samples differently, or have others: rows are not joined that nobody said
        belong together.
    """
    found = [(v, view, names) for v, view in enumerate(views) if (names := _index_of(view)) is not None]
    tables = [(v, names) for v, view, names in found if not _counts(view, names)]
    _require_same([(v, names) for v, view, names in found if _counts(view, names)])
    _require_same(tables)
    return tables[0][1] if tables else None


def _require_same(tables: Sequence[tuple[int, list[Any]]]) -> None:
    """Refuse the first of the tables, each with its place among the views, whose index is not that of the first."""
    for v, names in tables[1:]:
        first, others = tables[0]
        if names != others:
            place = next((i for i, (a, b) in enumerate(zip(others, names, strict=False)) if a != b), None)
            differ = f"{len(names)} samples, not {len(others)}"
            if place is not None:
                differ = f"sample {place} is {names[place]!r}, not {others[place]!r}"
            raise ValueError(
                f"the index of views[{v}] is not that of views[{first}]: {differ}. Bring all into one order, with rows "
                "of NaN for samples that a view does not have: index = frames[0].index.union(frames[1].index), "
                "[frame.reindex(index) for frame in frames]; or, where the rows belong together as they stand, "
                "[frame.reset_index(drop=True) for frame in frames]"
            )


def require_order(y: Any, views: Sequence[Any]) -> None:
    """Refuse labels whose index has the names of the first table with an index in another order.

    Labels that are called otherwise, as by new numbers, belong to the rows as they stand.

    Raises
    ------
    ValueError
        With the first sample that differs.
    """
    labels, samples = _rows_of(y), next((names for view in views if (names := _index_of(view)) is not None), None)
    if labels is None or samples is None or labels == samples or set(labels) != set(samples):
        return
    place = next((i for i, (a, b) in enumerate(zip(labels, samples, strict=False)) if a != b), None)
    if place is not None:
        raise ValueError(
            f"the index of y has the samples of X in another order: y[{place}] is of {labels[place]!r}, the row of X "
            f"is {samples[place]!r}. Give y.reindex(X.index), or y.to_numpy() where the labels belong to the rows "
            "as they stand"
        )


def _index_of(view: Any) -> list[Any] | None:
    """The names of rows of a table like those of pandas."""
    return _rows_of(view) if hasattr(view, "columns") else None


def _rows_of(value: Any) -> list[Any] | None:
    """The names of rows of a table, or of a column, like those of pandas."""
    index = getattr(value, "index", None)
    return None if index is None or callable(index) else list(index)


def _counts(view: Any, names: list[Any]) -> bool:
    """Whether the names of the rows of a table are integers that are not called anything themselves."""
    return getattr(view.index, "name", None) is None and all(isinstance(name, int | np.integer) for name in names)
