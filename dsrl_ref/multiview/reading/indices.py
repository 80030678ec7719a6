"""Which column of a table numbers or names its samples: by what the file says, by name, by the user's word."""

from collections.abc import Collection
from typing import Any

import numpy as np

from dsrl_ref.multiview.reading.labels import is_number
from dsrl_ref.multiview.reading.names import NONE, is_identifier, is_index, is_label
from dsrl_ref.multiview.reading.tables import Column, Table

FEW = 3  # samples: with fewer, numbers in order are no sign of an index
MANY = 10  # and with fewer than these, numbers in another order are none
Known = Collection[str | int]  # names of columns that a model knows as features, whatever they are called


def called(table: Table, column: Column) -> str:
    """A column in a message."""
    return f"column {column.name or '1'} of {table.file}"


def as_names(column: Column) -> list[Any]:
    """An index as names that compare equal across tables: integers where all are, else what is there."""
    if column.is_numeric and np.array_equal(column.values, np.round(column.values)):
        return column.values.astype(np.int64).tolist()
    return column.values.tolist()


def index_of(table: Table, wanted: str | None, known: Known) -> tuple[Column | None, bool]:
    """The column that numbers or names the samples, and whether samples are to be aligned by it.

    Raises
    ------
    ValueError
        Where the first column may be an index or a feature, where an index names a sample twice, and where the
        option asks for a column that is not there.
    """
    if wanted == NONE:
        return None, False
    if wanted is not None:
        return _asked_for(table, wanted), True
    own, first = _own(table), table.columns[0]
    if own is not None and _is_named(own):
        return own, True
    if own is None and len(table.columns) > 1 and table.has_header and _is_index(first, known) and _is_named(first):
        _require_distinct(table, first)
        return first, True
    for column in table.columns if len(table.columns) > 1 and table.has_header else []:
        if column is not own and is_identifier(column.name) and column.name not in known and is_distinct(column):
            return column, True
    if own is not None:
        return own, False
    return _by_content(table, known)


def _own(table: Table) -> Column | None:
    """The column that the file itself calls its index."""
    own = [column for column in table.columns if column.name in table.index]
    if len(own) > 1:
        names = ", ".join(column.name for column in own)
        raise ValueError(
            f"{table.file} has an index of {len(own)} levels, {names}: one column is to name the samples; "
            "write the file anew after reset_index, and give --index COLUMN, or --index none"
        )
    return own[0] if own else None


def _is_named(column: Column) -> bool:
    """Whether an index is one to align by: of texts, or called something."""
    return not column.is_numeric or _is_called(column)


def _is_called(column: Column) -> bool:
    """Whether a column has a name, and not one that pandas makes up."""
    return column.name != "" and not column.name.lower().startswith(("unnamed", "__index_level_"))


def _is_index(first: Column, known: Known) -> bool:
    """Whether a first column is an index by its name; texts that come again are none under a name of more meanings."""
    if not is_index(first.name) or first.name in known:
        return False
    return is_whole(first) or is_distinct(first) or is_identifier(first.name) or not _is_called(first)


def _by_content(table: Table, known: Known) -> tuple[Column | None, bool]:
    """The first column, where it has no name, or texts, or counts the samples."""
    first = table.columns[0]
    if len(table.columns) < 2 or first.name in known or (table.has_header and is_label(first.name)):
        return None, False
    if table.has_header and is_index(first.name) and not _is_named(first):
        _require_distinct(table, first)
        return first, False
    if not is_distinct(first):
        return None, False
    if not first.is_numeric:
        return (None, False) if any(map(is_number, first.values)) else (first, table.has_header)
    if counts(first) and not table.has_header:
        return first, False
    _refuse_counting(table, first)
    return None, False


def others_of(table: Table, found: Column | None, known: Known) -> list[Column]:
    """Columns beside the index that tell samples apart too: identifiers, and what pandas wrote for its own index."""
    if not table.has_header or len(table.columns) < 2:
        return []
    alike = [column for column in table.columns if is_identifier(column.name) and not _is_measured(column)]
    if found is not None:
        alike += [column for column in table.columns[:1] if is_index(column.name) and not _is_named(column)]
        alike += [column for column in table.columns if column.name in table.index]
    return [column for column in table.columns if column in alike and column is not found and column.name not in known]


def is_whole(column: Column) -> bool:
    """Whether all that is there are whole numbers, and there are some."""
    if not column.is_numeric:
        return False
    values = column.values[~np.isnan(column.values)]
    return len(values) > 0 and np.array_equal(values, np.round(values))


def _is_measured(column: Column) -> bool:
    return column.is_numeric and not is_whole(column)


def perhaps_index(table: Table) -> Column | None:
    """A first column with a whole number of its own for every sample, which may number them."""
    first = table.columns[0]
    alone = len(table.columns) < 2 or len(first.values) < FEW
    return None if alone or not is_whole(first) or not is_distinct(first) else first


def is_beside_measured(table: Table, column: Column) -> bool:
    """Whether most of the other columns have fractions, as an index among features has them beside it."""
    others = [other for other in table.columns if other is not column]
    return 2 * sum(map(_is_measured, others)) > len(others)


def counts(column: Column) -> bool:
    """Whether a column is 0, 1, 2, .. or 1, 2, 3, .. in this order."""
    values = column.values
    return bool(column.is_numeric and len(values) >= FEW and values[0] in (0, 1) and (np.diff(values) == 1).all())


def _refuse_counting(table: Table, first: Column) -> None:
    """Refuse a first column that numbers the samples, in their order or in another: it may be a feature as well."""
    values = np.sort(first.values)
    if counts(first) or (len(values) >= MANY and counts(Column("", values))):
        raise ValueError(
            f"{called(table, first)} has each number from {values[0]:g} to {values[-1]:g} once: give "
            f"--index {first.name} if it numbers the samples, and --index none if it is a feature"
        )


def _asked_for(table: Table, wanted: str) -> Column:
    for place, column in enumerate(table.columns, 1):
        if wanted == column.name or wanted == str(place):
            if not is_distinct(column):
                raise ValueError(f"{table.file}: column {wanted} is no index: it names a sample twice, or not at all")
            return column
    known = ", ".join(column.name for column in table.columns[:20])
    raise ValueError(f"{table.file} has no column {wanted} for --index; it has {known}; --index none takes it without")


def is_distinct(column: Column) -> bool:
    """Whether every sample has a value, and no two the same."""
    values = column.values.tolist()
    return len(set(values)) == len(values) and not any(value is None or value != value for value in values)


def _require_distinct(table: Table, column: Column) -> None:
    """Refuse a column with the name of an index that is none."""
    seen: dict[Any, int] = {}
    for row, value in enumerate(as_names(column)):
        if value is None or value != value or value in seen:
            wrong = f"calls two samples {value!r}, {table.place(seen[value])} and " if value in seen else "misses "
            raise ValueError(
                f"{called(table, column)} is named like an index, and {wrong}{table.place(row)}: mend it, or take it "
                "out of the file, if the rows of all files are in one order; --index none takes it as a feature"
            )
        seen[value] = row
