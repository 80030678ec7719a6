"""Tables with columns, and the matrix that some of them are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.reading.labels import is_missing, is_number


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
