"""Tables whose samples have names, brought into one order."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.multiview.naming import shown


@dataclass(frozen=True, eq=False)
class Indexed:
    """Rows of a view, or labels, and what their samples are called; `is_named` says that the names are to count.

    `columns` is what the columns are called, where that is known, and `of_samples` says that the column with the names
    has one that says so, as ``id`` and ``patient`` do.
    """

    name: str
    values: Any
    index: list[Any] | None
    is_named: bool
    columns: tuple[str, ...] | None = None
    of_samples: bool = False

    @property
    def has_index(self) -> bool:
        """Whether its samples are called anything."""
        return self.index is not None

    @property
    def samples(self) -> list[Any]:
        """What the samples are called, where they are."""
        return [] if self.index is None else self.index


def align(views: list[Indexed], labels: list[Indexed], source: str) -> tuple[list[Indexed], list[Indexed], list[str]]:
    """Bring all into the order of the first view, and say what had to be moved.

    A sample that a view does not have is a row of NaN there, one that the labels do not have is None. Where samples
    have no names, or names that do not count, their order must be the same.

    Raises
    ------
    ValueError
        Where names differ that do not count, only some of the tables have any, or one has none of the others' samples.
    """
    tables = [*views, *labels]
    indexed = [table for table in tables if table.has_index]
    if all(_same(table, indexed[0]) for table in indexed):  # also where there is no index at all
        return views, labels, _by_order(tables, source)
    for table in tables:
        if not table.has_index or not table.is_named:
            other = next(one for one in indexed if one is not table and not _same(one, table))
            lacks = "has none" if not table.has_index else "has one without a name"
            raise ValueError(
                f"{source}: the index of {other.name} has an order of its own, and {table.name} {lacks}: "
                "--index COLUMN says by which column all are to be aligned (--index 1: the first), labels too; "
                "--index none takes the rows of all as they stand"
            )
    order = list(dict.fromkeys(name for view in views for name in view.samples))
    _require_common(views, labels, source)
    places = {name: place for place, name in enumerate(order)}
    notes = [f"aligned by index: {', '.join(table.name for table in tables)}"]
    if len(views) > 1:
        common = set(order).intersection(*(view.samples for view in views))
        notes[0] += f"; the views have {len(common)} of {len(order)} samples in common"
    for table in labels:
        foreign = [name for name in table.samples if name not in places]
        if foreign:
            notes.append(f"{len(foreign)} labels of {table.name} for samples in no view (first {foreign[0]!r})")
    return [_moved(view, places) for view in views], [_moved(table, places) for table in labels], notes


def _by_order(tables: list[Indexed], source: str) -> list[str]:
    """Say which tables are taken as they stand, where others have an index.

    Raises
    ------
    ValueError
        Where the index of the others numbers the samples in another order than theirs.
    """
    without = [table.name for table in tables if not table.has_index]
    indexed = next((table for table in tables if table.has_index), None)
    if indexed is None or not without or _counts(indexed.samples):
        return []
    first = min(indexed.samples) if all(isinstance(name, int) for name in indexed.samples) else None
    if first in (0, 1) and len(indexed.samples) > 1 and _counts(sorted(indexed.samples)):
        raise ValueError(
            f"{source}: the index of {indexed.name} numbers the samples from {first} on in another order, and "
            f"{shown(without)} {'has' if len(without) == 1 else 'have'} no index to follow it by: give one to every "
            "file, or --index none to take the rows as they stand"
        )
    return [f"samples of {', '.join(without)} by their order, without an index"]


def _counts(names: list[Any]) -> bool:
    """Whether samples are called 0, 1, 2, .. or 1, 2, 3, .., as if they had no names."""
    return names in (list(range(len(names))), list(range(1, len(names) + 1)))


def _require_common(views: list[Indexed], labels: list[Indexed], source: str) -> None:
    """Refuse a table that has no sample of the others: it is called by other names, or is of other samples."""
    for table in [*views[1:], *labels]:
        others = [view for view in views if view is not table]
        if not set(table.samples) & {name for view in others for name in view.samples}:
            raise ValueError(
                f"{source}: {table.name} has no sample in common with {', '.join(view.name for view in others)}: its "
                f"samples are called {shown(list(map(str, table.samples)))}, the others "
                f"{shown(list(map(str, others[0].samples)))}; "
                "--index COLUMN says which column names them all, and --index none takes the rows as they stand"
            )


def _same(some: Indexed, other: Indexed) -> bool:
    return some.index == other.index


def _moved(table: Indexed, places: dict[Any, int]) -> Indexed:
    """The rows of a table at their places; what no row comes to is NaN, or None among labels."""
    known = np.array([name in places for name in table.samples], dtype=bool)
    rows = np.array([places[name] for name in table.samples if name in places], dtype=np.intp)
    values = np.asarray(table.values)
    full = len(rows) == len(places)
    moved: NDArray[Any] = np.empty((len(places), *values.shape[1:]), dtype=values.dtype if full else object)
    moved[rows] = values[known]
    if values.ndim == 2:
        moved = moved.astype(np.float64)  # None becomes NaN
    return replace(table, values=moved, index=list(places))
