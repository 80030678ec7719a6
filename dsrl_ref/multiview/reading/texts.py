"""Tables of text: separators, a heading, missing cells, decimal commas.

The separator is the one that cuts every line into as many cells, of several the one that leaves the most numbers. A
first line without a number is a heading, and so are the numbers 0, 1, 2, ... that pandas writes above unnamed columns.
"""

import contextlib
import csv
from itertools import pairwise
from pathlib import Path

import numpy as np

from dsrl_ref.multiview.reading.labels import Lines, is_missing, is_number
from dsrl_ref.multiview.reading.names import is_index
from dsrl_ref.multiview.reading.tables import Column, Table

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
SURE = 3  # columns: 0,1,2 above numbers that are not all whole is a heading, 0,1 may be a sample
SAMPLED = 100  # lines from which the separator is told
FEW = 4  # columns: so is 0,1,2,3 above whole numbers

Rows = list[list[str]]


def read_text(path: Path) -> Table:
    """A table from a file of text, one line a sample.

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where it is no table; the message names line and column.
    """
    numbers, rows, separator = _rows(path)
    heading = _heading(rows)
    noted = [f"the heading {','.join(rows[0][:4])},.. of {path.name}"] if heading and _counts(rows[0]) else []
    body, numbers = (rows[1:], numbers[1:]) if heading else (rows, numbers)
    if not body:
        raise ValueError(f"{path} has no samples")
    _require_no_gaps(path, numbers)
    if separator == ";" and _has_decimal_commas(body):
        body = [[cell.replace(",", ".") for cell in row] for row in body]
        noted.append(f"commas in {path.name} read as decimal points")
    names = rows[0] if heading else [str(place) for place in range(1, len(body[0]) + 1)]
    columns = [_column(name, list(cells)) for name, cells in zip(names, zip(*body, strict=True), strict=True)]
    return Table(path.name, columns, heading, lines=tuple(numbers), noted=tuple(noted))


def read_lines(path: Path) -> Lines | Table:
    """A file of labels: its only column, whose first cell may be a heading, or the table where it has more columns."""
    numbers, rows, _ = _rows(path)
    if len(rows[0]) > 1:
        return read_text(path)
    _require_no_gaps(path, numbers)
    return Lines([row[0] for row in rows], numbers)


def _rows(path: Path) -> tuple[list[int], Rows, str]:
    """Numbers and cells of the lines that are not empty, and what separates the cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from error
    lines = [(number, line.rstrip("\r\n")) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError(f"{path} has no samples")
    numbers, texts = [number for number, _ in lines], [line for _, line in lines]
    separator = _separator(texts)
    rows = _cut(texts, separator)
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(rows[0]):
            raise ValueError(f"{path}: line {number} has {len(row)} cells, the first has {len(rows[0])}")
    return numbers, rows, separator


def _cut(lines: list[str], separator: str) -> Rows:
    if separator == " ":
        return [line.split() for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]


def _separator(lines: list[str]) -> str:
    """What separates cells: see the first lines of this module. The comma, where nothing does."""
    best, most = ",", (False, -1.0)
    for separator in SEPARATORS:
        rows = _cut(lines if len(lines) < SAMPLED else lines[: SAMPLED // 2] + lines[-SAMPLED // 2 :], separator)
        sizes = {len(row) for row in rows}
        if max(sizes) == 1 or (separator == " " and not all(is_number(cell) for row in rows[1:] for cell in row)):
            continue
        cells = [cell for row in rows[-20:] for cell in row]
        good = sum(is_number(cell.replace(",", ".") if separator == ";" else cell) for cell in cells) / len(cells)
        if (len(sizes) == 1, good) > most:
            best, most = separator, (len(sizes) == 1, good)
    return best


def _counts(row: list[str]) -> bool:
    """Whether a row is 0, 1, 2, ... but perhaps for a first cell that is empty or the name of an index."""
    cells = row[1:] if is_index(row[0]) else row
    return cells == [str(place) for place in range(len(cells))]


def _heading(rows: Rows) -> bool:
    """Whether the first line is names of columns."""
    first, rest = rows[0], rows[1:]
    if not any(is_number(cell) for cell in first):
        return not all(is_missing(cell) for cell in first) and (bool(rest) is False or _is_above(first, rest))
    if not _counts(first) or not rest:
        return False
    whole = all(cell.lstrip("-").isdigit() for row in rest for cell in row)
    return is_index(first[0]) or len(first) >= (FEW if whole else SURE) or (len(first) == SURE - 1 and not whole)


def _is_above(first: list[str], rest: Rows) -> bool:
    """Whether a line without a number is above the samples: some column has numbers, or no cell comes again."""
    columns = list(zip(*rest, strict=True))
    if any(is_number(cell) for column in columns for cell in column):
        return True
    return not any(name in column for name, column in zip(first, columns, strict=True))


def _require_no_gaps(path: Path, numbers: list[int]) -> None:
    for before, after in pairwise(numbers):
        if after != before + 1:
            raise ValueError(
                f"{path}: line {before + 1} is empty, between others; delete it, or write NA where a sample is missing"
            )


def _has_decimal_commas(body: Rows) -> bool:
    with_comma = [cell for row in body for cell in row if "," in cell]
    return bool(with_comma) and all(cell.count(",") == 1 and is_number(cell.replace(",", ".")) for cell in with_comma)


def _column(name: str, cells: list[str]) -> Column:
    """Numbers where all that is not missing are, else texts."""
    if not any("_" in cell for cell in cells):
        with contextlib.suppress(ValueError):
            return Column(name, np.array(cells).astype(np.float64))
    if all(is_number(cell) or is_missing(cell) for cell in cells):
        return Column(name, np.array([np.nan if is_missing(cell) else float(cell) for cell in cells]))
    return Column(name, np.array([None if is_missing(cell) else cell for cell in cells], dtype=object))
