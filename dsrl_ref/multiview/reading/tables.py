"""Tables with columns: which of them is an index, which holds labels, and which are features."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.reading.labels import is_missing, is_number
from dsrl_ref.multiview.reading.names import NONE, is_index, is_label

FEW = 3  # samples: with fewer, numbers in order are no sign of an index
MANY = 10  # and with fewer than these, numbers in another order are none


@dataclass(frozen=True, eq=False)
class Column:
    """One column: its name, which is its number counted from 1 where the table has no header, and its content.

    `values` are float64 with NaN for what is missing, or texts with None for it.
    """

    name: str
    values: NDArray[Any]

    @property
    def is_numeric(self) -> bool:
        """Whether all that is there are numbers."""
        return self.values.dtype == np.float64


@dataclass(frozen=True)
class Table:
    """A file of columns, as a reader gives it.

    `index` are the names of the columns that the file itself calls its index; `lines` are the numbers of the lines of
    the samples, for messages, where the file has lines; `noted` is what was read in another way than as it stands.
    """

    file: str
    columns: list[Column]
    has_header: bool
    index: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    noted: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Where a sample stands, for a message."""
        return f"line {self.lines[row]}" if self.lines else f"row {row + 1}"


@dataclass(frozen=True)
class Parts:
    """A table taken apart.

    Attributes
    ----------
    index : list or None
        What the samples are called.
    is_named : bool
        Whether samples are to be aligned by it: it has a name, or was asked for.
    labels : list of Column
        Of which some may be the labels, by their names or because they were asked for.
    features : list of Column
    left_out : list of str
        What is neither, and why.
    notes : list of str
        What was read in another way than as it stands.
    """

    index: list[Any] | None
    is_named: bool
    labels: list[Column]
    features: list[Column]
    left_out: list[str]
    notes: list[str]


def take_apart(
    table: Table, index: str | None, labels: str | None, known: Collection[str | int] = frozenset()
) -> Parts:
    """Tell index, labels and features apart, by name, by the options `index` and `labels`, or by content.

    `known` are names of columns that a model knows as features, whatever they are called.

    Raises
    ------
    ValueError
        Where the first column may be an index or a feature, and where an option asks for a column that is not there.
    """
    rest, left_out = list(table.columns), list[str]()
    found, is_named = _index_of(table, index, known)
    if found is not None:
        rest.remove(found)
        left_out.append(f"{_called(table, found)} (index)")
    names = {column.name.lower() for column in rest} if table.has_header else set()
    chosen = [column for column in rest if table.has_header and is_label(column.name) and column.name not in known]
    if {"x", "y"} <= names:  # coordinates
        chosen = [column for column in chosen if column.name.lower() != "y"]
    if labels is not None:
        chosen = [column for column in rest if labels in (column.name, f"{table.file}:{column.name}")]
        own = [column for column in rest if table.has_header and is_label(column.name)]
        left_out += [f"{_called(table, column)} (labels)" for column in own if column not in chosen and labels != NONE]
        rest = rest if labels == NONE else [column for column in rest if column not in own]
    features = [column for column in rest if column not in chosen]
    values = None if found is None else _as_names(found)
    return Parts(values, is_named, chosen, features, left_out, list(table.noted))


def _called(table: Table, column: Column) -> str:
    return f"column {column.name or '1'} of {table.file}"


def _as_names(column: Column) -> list[Any]:
    """An index as names that compare equal across tables: integers where all are, else what is there."""
    if column.is_numeric and np.array_equal(column.values, np.round(column.values)):
        return column.values.astype(np.int64).tolist()
    return column.values.tolist()


def _index_of(table: Table, wanted: str | None, known: Collection[str | int]) -> tuple[Column | None, bool]:
    """The column that numbers or names the samples, and whether samples are to be aligned by it."""
    if wanted == NONE:
        return None, False
    if wanted is not None:
        return _asked_for(table, wanted), True
    own = [column for column in table.columns if column.name in table.index]
    if own:
        return own[0], not own[0].is_numeric or not own[0].name.startswith("__index_level_")
    first = table.columns[0]
    if len(table.columns) < 2 or not _is_distinct(first) or (table.has_header and is_label(first.name)):
        return None, False
    if is_index(first.name):
        return first, not first.is_numeric or (first.name != "" and not first.name.lower().startswith("unnamed"))
    if not first.is_numeric:
        return (None, False) if any(map(is_number, first.values)) else (first, table.has_header)
    if counts(first) and not table.has_header:
        return first, False
    if first.name not in known:
        _refuse_counting(table, first)
    return None, False


def counts(column: Column) -> bool:
    """Whether a column is 0, 1, 2, .. or 1, 2, 3, .. in this order."""
    values = column.values
    return bool(column.is_numeric and len(values) >= FEW and values[0] in (0, 1) and (np.diff(values) == 1).all())


def _refuse_counting(table: Table, first: Column) -> None:
    """Refuse a first column that numbers the samples, in their order or in another: it may be a feature as well."""
    values = np.sort(first.values)
    if counts(first) or (len(values) >= MANY and counts(Column("", values))):
        raise ValueError(
            f"{_called(table, first)} has each number from {values[0]:g} to {values[-1]:g} once: give "
            f"--index {first.name} if it numbers the samples, and --index none if it is a feature"
        )


def _asked_for(table: Table, wanted: str) -> Column:
    for place, column in enumerate(table.columns, 1):
        if wanted == column.name or wanted == str(place):
            if not _is_distinct(column):
                raise ValueError(f"{table.file}: column {wanted} is no index: it names a sample twice, or not at all")
            return column
    known = ", ".join(column.name for column in table.columns[:20])
    raise ValueError(f"{table.file} has no column {wanted} for --index; it has {known}; --index none takes it without")


def _is_distinct(column: Column) -> bool:
    values = column.values.tolist()
    return len(set(values)) == len(values) and not any(value is None or value != value for value in values)


def matrix(table: Table, columns: list[Column]) -> Array:
    """Features as numbers, rows that are missing as a whole as NaN.

    Raises
    ------
    ValueError
        For a cell that is no number, and for a missing one in a row that has others.
    """
    for column in columns:
        if not column.is_numeric:
            _raise_text(table, column)
    values = np.column_stack([column.values for column in columns])
    missing = np.isnan(values)
    partly = missing.any(axis=1) & ~missing.all(axis=1)
    if partly.any():
        row = int(np.argmax(partly))
        name = columns[int(np.argmax(missing[row]))].name
        raise ValueError(
            f"{table.file}: {table.place(row)}, column {name} is missing ({int(missing[partly].sum())} such cells): "
            "fill or drop them first; a sample that is not seen in a view has all its cells empty"
        )
    return values


def _raise_text(table: Table, column: Column) -> None:
    row = next(row for row, cell in enumerate(column.values) if not _is_feature(cell))
    raise ValueError(
        f"{table.file}: {table.place(row)}, column {column.name}: {column.values[row]!r} is no number; if the column "
        f"holds the labels, give --labels {column.name}, and if it names the samples, --index {column.name}"
    )


def _is_feature(cell: Any) -> bool:
    return cell is None or is_number(str(cell)) or is_missing(str(cell))
