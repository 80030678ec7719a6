"""Tables of text: separators, comments, missing cells, decimal commas; what is a heading says `headings`.

The separator is the one that cuts every line into as many cells, of several the one that leaves the most numbers. R
leaves out the cell above its names of rows.
"""

import codecs
import contextlib
import csv
import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from dsrl_ref.arrays import LARGEST_EXACT_INTEGER
from dsrl_ref.files import refuse_pointer
from dsrl_ref.multiview.reading.headings import is_heading, numbers_of
from dsrl_ref.multiview.reading.labels import Lines, is_missing, is_number
from dsrl_ref.multiview.reading.names import is_index
from dsrl_ref.multiview.reading.packed import opened
from dsrl_ref.multiview.reading.tables import Column, Table

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
SAMPLED = 100  # lines from which the separator is told
COMMENTS = "#", "%"  # at the beginning of a line
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # 1,234: a thousand, or one and a bit

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
    numbers, rows, separator, noted = _rows(path)
    commas = separator != "," and _has_decimal_commas(path, rows)
    if commas:
        rows = [[_with_point(cell) for cell in row] for row in rows]
    heading = is_heading(rows)
    if heading and (cells := numbers_of(rows[0])):
        noted.append(f"the numbers {','.join(cells[:4])},.. above {path.name} are names of its columns")
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
    numbers, rows, _, _ = _rows(path)
    if len(rows[0]) > 1:
        return read_text(path)
    _require_no_gaps(path, numbers)
    return Lines([row[0] for row in rows], numbers)


def _rows(path: Path) -> tuple[list[int], Rows, str, list[str]]:
    """Numbers and cells of the lines that are not empty, what separates the cells, and what is to be said of that."""
    refuse_pointer(path)
    lines = [(number, line.rstrip("\r\n")) for number, line in enumerate(_text(path).splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError(f"{path} has no samples")
    comments = _comments([line for _, line in lines])
    numbers, texts = [number for number, _ in lines[comments:]], [line for _, line in lines[comments:]]
    separator = _separator(texts)
    rows = _cut(texts, separator)
    noted = [f"{comments} line{'s' * (comments > 1)} of comment above {path.name}"] if comments else []
    above = _cut([lines[comments - 1][1].lstrip("#% ")], separator)[0] if comments else []
    if above and 0 <= len(rows[0]) - len(above) <= 1 and len(above) > 1 and not any(map(is_number, above)):
        rows, numbers, noted = [above, *rows], [numbers[0] - 1, *numbers], []
    if _lacks_a_cell(rows):
        rows[0] = ["", *rows[0]]  # R has no cell above the names of its rows
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(rows[0]):
            raise ValueError(f"{path}: line {number} has {len(row)} cells, the first has {len(rows[0])}")
    return numbers, rows, separator, noted


def _text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark."""
    with opened(path) as stream:
        content = stream.read()
    coding = next((coding for mark, coding in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(coding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}; save it as UTF-8") from error


def _comments(lines: list[str]) -> int:
    """How many lines of comment are above the others, among which none begins like them."""
    count = next((place for place, line in enumerate(lines) if not line.startswith(COMMENTS)), 0)
    return 0 if any(line.startswith(COMMENTS) for line in lines[count:]) else count


def _cut(lines: list[str], separator: str) -> Rows:
    if separator == " ":
        return [_cut_at_blanks(line) for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]


def _cut_at_blanks(line: str) -> list[str]:
    """The cells between blanks, of which R quotes those that are texts."""
    if '"' not in line:
        return line.split()
    return [cell.strip('"') for cell in re.findall(r'"[^"]*"|\S+', line)]


def _separator(lines: list[str]) -> str:
    """What separates cells: see the first lines of this module. The comma, where nothing does."""
    best, most = ",", (False, -1.0)
    some = lines if len(lines) < SAMPLED else lines[: SAMPLED // 2] + lines[-SAMPLED // 2 :]
    for separator in SEPARATORS:
        rows = _cut(some, separator)
        sizes = {len(row) for row in rows}
        if max(sizes) == 1 or (separator == " " and not _are_cut_by_blanks(some, rows)):
            continue
        cells = [cell for row in rows[-20:] for cell in row]
        good = sum(is_number(cell if separator == "," else cell.replace(",", ".")) for cell in cells) / len(cells)
        if (len(sizes) == 1, good) > most:
            best, most = separator, (len(sizes) == 1, good)
    return best


def _are_cut_by_blanks(lines: list[str], rows: Rows) -> bool:
    """Whether blanks separate cells and not words: numbers between them, or texts in quotes, or R's names of rows."""
    if all(map(_is_said, rows[1:])):
        return True
    if all(line.startswith('"') for line in lines):
        return all(_is_said([cell]) for line in lines[1:] for cell in re.sub(r'"[^"]*"', "", line).split())
    return len(rows[-1]) > 2 and _lacks_a_cell(rows) and all(_is_said(row[1:]) for row in rows[1:])


def _lacks_a_cell(rows: Rows) -> bool:
    """Whether the first line is words, and one fewer than there are cells in every other line."""
    shorter = len(rows) > 1 and all(len(row) == len(rows[0]) + 1 for row in rows[1:])
    return shorter and not any(map(is_number, rows[0]))


def _is_said(row: list[str]) -> bool:
    """Whether every cell of a row is a number, be it with a comma, or a word for what is missing."""
    return all(is_number(cell.replace(",", ".")) or is_missing(cell) for cell in row)


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


def _has_decimal_commas(path: Path, rows: Rows) -> bool:
    """Whether there are commas, below the first line all of them in numbers.

    Raises
    ------
    ValueError
        Where each may as well stand after the thousands.
    """
    with_comma = [cell for row in rows[1:] or rows for cell in row if "," in cell]
    if not with_comma or any(_with_point(cell) == cell for cell in with_comma):
        return False
    if all(map(GROUPED.fullmatch, with_comma)):
        first = with_comma[0]
        raise ValueError(
            f"{path}: {first} may be {first.replace(',', '')} or {first.replace(',', '.')}, and no number of the file "
            "tells which: write decimal points, and nothing between thousands"
        )
    return True


def _column(name: str, cells: list[str]) -> Column:
    """Numbers where all that is not missing are, else texts; so are names of samples that float64 would round."""
    if not any("_" in cell for cell in cells):
        with contextlib.suppress(ValueError):
            values = np.array(cells).astype(np.float64)
            if not (is_index(name) and (np.abs(values) > LARGEST_EXACT_INTEGER).any()):
                return Column(name, values)
            return Column(name, np.array(cells, dtype=object))
    if all(is_number(cell) or is_missing(cell) for cell in cells):
        return Column(name, np.array([np.nan if is_missing(cell) else float(cell) for cell in cells]))
    return Column(name, np.array([None if is_missing(cell) else cell for cell in cells], dtype=object))
