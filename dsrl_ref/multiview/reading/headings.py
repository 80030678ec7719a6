"""Whether the first line of a table is names of its columns: words, or numbers that are none of a sample.

Numbers above a table are names where they go up in equal steps, as pandas numbers unnamed columns and as years and
wavelengths do, or at least go up along many columns, which no other line of the table does.
"""

import numpy as np

from dsrl_ref.multiview.reading.labels import is_missing, is_number
from dsrl_ref.multiview.reading.names import is_index

FEW, FEWER = 4, 2  # columns: with so many, equal steps above fractions are a heading, and 0,1 is
MANY = 8  # so are numbers that go up in any steps, and above whole numbers those that count, but not from 0

Rows = list[list[str]]


def numbers_of(row: list[str]) -> list[str]:
    """The cells of a line of numbers, but for a first one that is none; [] where another is none."""
    cells = row if is_number(row[0]) else row[1:]
    return cells if all(map(is_number, cells)) else []


def is_heading(rows: Rows) -> bool:
    """Whether the first line is names of columns."""
    first, rest = rows[0], rows[1:]
    if not any(is_number(cell) for cell in first):
        return not all(is_missing(cell) for cell in first) and (not rest or _is_above(first, rest))
    if not rest:
        return False
    cells = numbers_of(first)
    if not cells:
        return False
    if not is_number(first[0]) and is_index(first[0]) and all(row[0] for row in rest):
        return True
    return _go_up(cells, [row[-len(cells) :] for row in rest])


def _is_above(first: list[str], rest: Rows) -> bool:
    """Whether a line without a number is above the samples: some column has numbers, or no cell comes again."""
    columns = list(zip(*rest, strict=True))
    if any(is_number(cell) for column in columns for cell in column):
        return True
    return not any(name in column for name, column in zip(first, columns, strict=True))


def _go_up(cells: list[str], rest: Rows) -> bool:
    """Whether numbers above others are names, by their steps."""
    heading = np.array(cells, dtype=np.float64)
    whole = all(cell.lstrip("+-").isdigit() for row in rest for cell in row if not is_missing(cell))
    counting = bool((np.diff(heading) == 1).all())
    if whole:
        return counting and len(cells) >= (MANY if heading[0] else FEW)
    if counting and heading[0] == 0:
        return len(cells) >= FEWER
    equal, rising = _steps(heading)
    body = [np.array(row, dtype=np.float64) for row in rest if all(map(is_number, row))]
    if equal and len(cells) >= FEW:
        return not any(_steps(row)[0] for row in body)
    return rising and len(cells) >= MANY and not any(_steps(row)[1] for row in body)


def _steps(row: np.ndarray) -> tuple[bool, bool]:
    """Whether numbers go up in equal steps, and whether they go up at all."""
    steps = np.diff(row)
    rising = bool((steps > 0).all())
    return rising and bool(np.ptp(steps) <= 1e-9 * np.abs(row).max()), rising
