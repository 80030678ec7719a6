"""Tables of text: separators, a heading, missing cells, decimal commas.

The separator is the one that cuts every line into as many cells, of several the one that leaves the most numbers. A
first line without a number is a heading, and so are the numbers 0, 1, 2, ... that pandas writes above unnamed columns.
"""

import contextlib
import csv
from itertools import pairwise
from pathlib import Path

import numpy as np

from dsrl_ref.files import refuse_pointer
from dsrl_ref.multiview.reading.labels import Lines, is_missing, is_number
from dsrl_ref.multiview.reading.names import is_index
from dsrl_ref.multiview.reading.tables import Column, Table

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
SAMPLED = 100  # lines from which the separator is told
FEW, FEWER = 4, 2  # columns: 0,1,2,3 above whole numbers is a heading, above others 0,1 is

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
    commas = separator == ";" and _has_decimal_commas(rows)
    if commas:
        rows = [[_with_point(cell) for cell in row] for row in rows]
    heading = _heading(rows)
    noted = (
        [f"the numbers {','.join(rows[0][:4])},.. above {path.name} are names of its columns"]
        if heading and _numbered(rows[0])
        else []
    )
    body, numbers = (rows[1:], numbers[1:]) if heading else (rows, numbers)
    if not body:
        raise ValueError(f"{path} has no samples")
    _require_no_gaps(path, numbers, len(body[0]))
    noted += [f"commas in {path.name} are decimal points"] if commas else []
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
    refuse_pointer(path)
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
        if max(sizes) == 1 or (separator == " " and not all(map(_is_said, rows[1:]))):
            continue
        cells = [cell for row in rows[-20:] for cell in row]
        good = sum(is_number(cell.replace(",", ".") if separator == ";" else cell) for cell in cells) / len(cells)
        if (len(sizes) == 1, good) > most:
            best, most = separator, (len(sizes) == 1, good)
    return best


def _is_said(row: list[str]) -> bool:
    """Whether every cell of a row is a number, or a word for what is missing."""
    return all(is_number(cell) or is_missing(cell) for cell in row)


def _numbered(row: list[str]) -> list[str]:
    """The cells of a row that are 0, 1, 2, ..., but perhaps for a first one with a name, or none; [] of other rows."""
    cells = row if is_number(row[0]) else row[1:]
    return cells if cells == [str(place) for place in range(len(cells))] else []


def _heading(rows: Rows) -> bool:
    """Whether the first line is names of columns."""
    first, rest = rows[0], rows[1:]
    if not any(is_number(cell) for cell in first):
        return not all(is_missing(cell) for cell in first) and (not rest or _is_above(first, rest))
    cells = _numbered(first)
    if not cells or not rest:
        return False
    whole = all(cell.lstrip("-").isdigit() for row in rest for cell in row[-len(cells) :])
    return is_index(first[0]) or len(cells) >= (FEW if whole else FEWER)


def _is_above(first: list[str], rest: Rows) -> bool:
    """Whether a line without a number is above the samples: some column has numbers, or no cell comes again."""
    columns = list(zip(*rest, strict=True))
    if any(is_number(cell) for column in columns for cell in column):
        return True
    return not any(name in column for name, column in zip(first, columns, strict=True))


def _require_no_gaps(path: Path, numbers: list[int], cells: int = 1) -> None:
    for before, after in pairwise(numbers):
        if after != before + 1:
            raise ValueError(
                f"{path}: line {before + 1} is empty, between others; delete it, or write NA"
                f"{f' in each of its {cells} cells' if cells > 1 else ''} where a sample is missing"
            )


def _with_point(cell: str) -> str:
    """A number with a point for its comma; any other cell as it is."""
    pointed = cell.replace(",", ".")
    return pointed if is_number(pointed) else cell


def _has_decimal_commas(rows: Rows) -> bool:
    """Whether there are commas, below the first line all of them in numbers."""
    with_comma = [cell for row in rows[1:] or rows for cell in row if "," in cell]
    return bool(with_comma) and all(_with_point(cell) != cell for cell in with_comma)


def _column(name: str, cells: list[str]) -> Column:
    """Numbers where all that is not missing are, else texts."""
    if not any("_" in cell for cell in cells):
        with contextlib.suppress(ValueError):
            return Column(name, np.array(cells).astype(np.float64))
    if all(is_number(cell) or is_missing(cell) for cell in cells):
        return Column(name, np.array([np.nan if is_missing(cell) else float(cell) for cell in cells]))
    return Column(name, np.array([None if is_missing(cell) else cell for cell in cells], dtype=object))
