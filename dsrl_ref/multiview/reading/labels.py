"""Labels in all their forms, as one vector: rows, columns, one-hot tables, texts, lines of a table."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import LARGEST_EXACT_INTEGER, is_sparse
from dsrl_ref.multiview.reading.entries import Entry
from dsrl_ref.multiview.reading.names import is_label

MISSING = frozenset(("", "na", "nan", "n/a", "<na>", "null", "?"))  # in small letters; a cell that says nothing
NOTHING = "None"  # so too, as Python writes it: in small letters it may be a class
SERIES = "0"  # what pandas writes above a column without a name
LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Lines:
    """One column of a table of texts, whose first line may be a heading; `numbers` are those of its lines."""

    cells: list[str]
    numbers: list[int]

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of texts, as an array of them has it."""
        return np.dtype(str)

    @property
    def shape(self) -> tuple[int]:
        """Of the column, a heading counted."""
        return (len(self.cells),)

    @property
    def has_heading(self) -> bool:
        """Whether the first cell is certainly none of the labels: a word above numbers."""
        rest = [cell for cell in self.cells[1:] if not is_missing(cell)]
        return bool(rest) and not is_number(self.cells[0]) and all(map(is_number, rest))

    @property
    def counts(self) -> list[int]:
        """How many labels there can be, the likeliest first: the number of samples decides on what may be a heading."""
        count = len(self.cells)
        if self.has_heading:
            return [count - 1]
        if count > 1 and is_label(self.cells[0]):
            return [count - 1, count]
        return [count, count - 1] if count > 1 and self.cells[0] == SERIES else [count]


def is_number(cell: str) -> bool:
    """Whether a cell is a number as people write them: 1_000 is none, though Python reads it."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def is_missing(cell: str) -> bool:
    """Whether a text says that there is nothing, in a table, in an array and in Python alike."""
    return cell.strip().lower() in MISSING or cell.strip() == NOTHING


def lengths(entry: Entry) -> list[int]:
    """The numbers of samples that these labels can be of, the likeliest first; [] if they are no labels."""
    value = entry.value
    if isinstance(value, Lines):
        return value.counts
    if not (entry.is_numeric or entry.is_text or _kind(value) == "O"):
        return []
    if entry.size in entry.shape:
        return [entry.size] if entry.size else []
    if len(entry.shape) != 2 or not entry.is_numeric:
        return []
    return [n for n, axis in zip(entry.shape, (1, 0), strict=True) if _one_hot(entry, axis) is not None]


def _kind(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    return "" if dtype is None else str(dtype.kind)


def vector(entry: Entry, n: int, source: str) -> NDArray[Any]:
    """The labels of n samples, of which `lengths` says that they fit.

    Raises
    ------
    ValueError
        For numbers that are no classes, and for integers that float64 has rounded; the message names the place.
    """
    value = entry.value
    if isinstance(value, Lines):
        skipped = len(value.cells) - n
        return _of_cells(value.cells[skipped:], value.numbers[skipped:], f"{source}: {entry.name}")
    if entry.size not in entry.shape:
        axis = 1 if entry.shape[0] == n and _one_hot(entry, 1) is not None else 0
        found = _one_hot(entry, axis)
        assert found is not None, "lengths says that it is one-hot"
        return found
    flat = np.ravel(value.toarray() if is_sparse(value) else value)
    if flat.dtype.kind == "f":
        _require_classes(flat, f"{source}: {entry.name}")
        return _with_gaps([None if label != label else int(label) for label in flat.tolist()])
    if entry.is_text or (flat.dtype.kind == "O" and all(cell is None or isinstance(cell, str) for cell in flat)):
        return _texts(flat)
    return flat


def _one_hot(entry: Entry, axis: int) -> NDArray[Any] | None:
    """Where along an axis the single 1 among zeros stands, or the single 1 among -1; None if that is not so."""
    found = _ones(entry, axis)
    return None if found is None or (found < 0).any() else found


def _ones(entry: Entry, axis: int) -> NDArray[np.intp] | None:
    """The same, with -1 where there is no 1; None if there are several, or other numbers."""
    if is_sparse(entry.value):
        return _ones_sparse(entry.value, axis)
    dense = np.asarray(entry.value)
    ones = dense == 1
    low = dense[~ones]
    counts = ones.sum(axis=axis)
    if (counts > 1).any() or not ((low == 0).all() or (low == -1).all()):
        return None
    return np.where(counts == 1, np.argmax(ones, axis=axis), -1)


def _ones_sparse(value: Any, axis: int) -> NDArray[np.intp] | None:
    """The same of a sparse table, which is never made dense: it may be a view as large as any."""
    stored = value.tocoo()
    given = stored.data != 0
    samples, classes = (stored.col, stored.row)[axis][given], (stored.row, stored.col)[axis][given]
    if len(np.unique(samples)) != len(samples) or not (stored.data[given] == 1).all():
        return None
    found = np.full(value.shape[1 - axis], -1, dtype=np.intp)
    found[samples] = classes
    return found


def partly_one_hot(entry: Entry, n: int) -> NDArray[np.intp] | None:
    """The classes of n samples by a table that is one-hot but for some samples without a 1, which have -1.

    None of any other table. Each of its classes, of which there are two at least, has a sample, and one has two. A
    sample without a 1 may have no label, or the class whose column was left out: who reads such a table cannot tell.
    """
    if len(entry.shape) != 2 or not entry.is_numeric or entry.size in entry.shape:
        return None
    for size, axis in zip(entry.shape, (1, 0), strict=True):
        found = _ones(entry, axis) if size == n else None
        if found is not None and (found < 0).any():
            counts = np.bincount(found[found >= 0], minlength=entry.shape[axis])
            if len(counts) > 1 and counts.min() > 0 and counts.max() > 1:
                return found
    return None


def _texts(flat: NDArray[Any]) -> NDArray[Any]:
    """Texts without blanks around them; None where one says that there is no label."""
    texts = np.char.decode(flat, "utf-8", "replace") if flat.dtype.kind == "S" else flat
    return _names([None if text is None else text.strip() for text in texts.tolist()])


def _names(cells: list[str | None]) -> NDArray[Any]:
    """Names of classes; None for a word for what is missing, and for -1, which is none among names either."""
    return _with_gaps([None if cell is None or cell == "-1" or is_missing(cell) else cell for cell in cells])


def _require_classes(flat: NDArray[Any], name: str) -> None:
    known = ~np.isnan(flat)
    for wrong, rule in (
        (known & (flat != np.round(flat)), "no class; whole numbers or names are"),
        (np.abs(flat) > LARGEST_EXACT_INTEGER, "beyond 2**53, where float64 no longer tells integers apart"),
    ):
        if wrong.any():
            place = int(np.argmax(wrong))
            raise ValueError(f"{name}[{place}] = {flat[place]} is {rule}")


def _of_cells(cells: list[str], numbers: list[int], name: str) -> NDArray[Any]:
    """Whole numbers, or names where one is no number; None where a cell is missing."""
    given = [cell for cell in cells if not is_missing(cell)]
    if not all(map(is_number, given)):
        return _names(list(cells))
    for cell, line in zip(cells, numbers, strict=True):
        if not is_missing(cell) and not _is_whole(cell):
            raise ValueError(f"{name}: line {line}: {cell!r} is no class; whole numbers or names are")
    whole = [None if is_missing(cell) else _whole(cell) for cell in cells]
    if any(number is not None and abs(number) > LARGEST_INTEGER for number in whole):
        return _names(list(cells))
    return _with_gaps(whole)


def _with_gaps(labels: list[Any]) -> NDArray[Any]:
    return np.array(labels, dtype=object if None in labels else None)


def _is_whole(cell: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+", cell)) or float(cell).is_integer()


def _whole(cell: str) -> int:
    """The integer that a text is, also where float64 could not hold it."""
    return int(cell) if re.fullmatch(r"[+-]?\d+", cell) else int(float(cell))


def codes_of(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Classes numbered in the order in which they first occur: equal for labels that differ in names alone."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels.tolist()], dtype=np.intp)


def known_of(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Which samples have a label: not NaN, -1, or None, as the readers write what is missing."""
    return np.array([not (label is None or label != label or label == -1) for label in labels.tolist()], dtype=bool)


def are_same(some: NDArray[Any], others: NDArray[Any]) -> bool:
    """Whether two vectors of labels make the same classes, whatever these are called."""
    return bool(np.array_equal(codes_of(some), codes_of(others)))
