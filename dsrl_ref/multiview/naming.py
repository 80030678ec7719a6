"""What views and their columns are called, so that new samples meet a fitted model by names and not by places.

Views have names where they come in a dictionary, or from a reader of files; columns have names where a view is a table
whose columns all do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Columns: TypeAlias = tuple[str, ...] | None  # None where they have no names, or not all of them
SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Naming:
    """Names of views and of their columns, as `fit` was given them.

    Attributes
    ----------
    views : tuple of str or None
        A name a view; None where nothing says so.
    columns : tuple of (tuple of str or None)
        For each view the names of its columns.
    views_left_out : tuple of str
        Views of the same files that were not given to `fit`, as they are the labels again.
    columns_left_out : tuple of tuple of (str or int)
        For each view its columns that were not given for the same reason: by their names, or where they have none by
        their places, from 0; () where no view has any.
    """

    views: tuple[str, ...] | None
    columns: tuple[Columns, ...]
    views_left_out: tuple[str, ...] = ()
    columns_left_out: tuple[tuple[str | int, ...], ...] = ()

    @property
    def features(self) -> Columns:
        """Names of the columns of all views, one after the other; None where some have none."""
        if any(names is None for names in self.columns):
            return None
        return tuple(name for names in self.columns for name in names or ())

    def called(self, v: int) -> str:
        """What a message calls a view: its name, or its place; nothing where it is the only one."""
        if self.views is not None:
            return f"view {self.views[v]}"
        return "X" if len(self.columns) == 1 else f"X[{v}]"


@dataclass(frozen=True)
class Expected:
    """What new samples of a fitted model are to have: names, and how many columns each table."""

    naming: Naming
    sizes: tuple[int, ...]

    def left_out(self, v: int) -> tuple[str | int, ...]:
        """The columns of a view that `fit` was not given."""
        return self.naming.columns_left_out[v] if self.naming.columns_left_out else ()


@dataclass(frozen=True)
class Named:
    """Views as readers of files give them to an estimator: matrices beside the names that they have no place for."""

    views: Sequence[Any]
    naming: Naming


class ViewList(list[Any]):
    """Views in a list that knows what they, their columns and their samples are called; `load_dataset` returns one.

    Parameters
    ----------
    views : iterable of matrices
    naming : Naming
        Names of the views and of their columns.
    samples : sequence or None
        What the samples are called.
    """

    def __init__(self, views: Iterable[Any], naming: Naming, samples: Sequence[Any] | None = None) -> None:
        super().__init__(views)
        self._named = tuple(self), naming
        self.samples = None if samples is None else list(samples)

    @property
    def naming(self) -> Naming:
        """Names of the views and of their columns; none any more where the list has other views, or another order."""
        views, naming = self._named
        same = len(views) == len(self) and all(one is other for one, other in zip(self, views, strict=True))
        return naming if same else Naming(None, tuple(_columns_of(view) for view in self))

    @property
    def names(self) -> tuple[str, ...] | None:
        """What the views are called, in their order; None where nothing says so."""
        return self.naming.views


def is_views(X: Any) -> bool:
    """Whether `X` is views: a dictionary of them, or a list or tuple with a matrix, a table or a list of rows in it."""
    if isinstance(X, Mapping | Named):
        return True
    return isinstance(X, list | tuple) and any(_is_view(view) for view in X)


def _is_view(entry: Any) -> bool:
    """Whether an entry of a list has two dimensions, and not one, as a row of one table has.

    That is an array, a sparse container, a table of any package (not all have `ndim`), or a list of rows.
    """
    if isinstance(entry, list | tuple):
        return any(isinstance(row, list | tuple) or getattr(row, "ndim", 0) == 1 for row in entry[:1])
    return getattr(entry, "ndim", 0) == 2 or any(hasattr(entry, name) for name in ("columns", "__dataframe__"))


def tables_of(X: Any) -> list[Any]:
    """The views of `X` in their order; a single table, or graph, as the only one."""
    if isinstance(X, Named):
        return list(X.views)
    if isinstance(X, Mapping):
        return list(X.values())
    return list(X) if is_views(X) else [X]


def naming_of(X: Any) -> Naming:
    """What the views of `X` and their columns are called.

    Raises
    ------
    TypeError
        Where a dictionary has a key that is no text.
    """
    if isinstance(X, Named | ViewList):
        return X.naming
    columns = tuple(_columns_of(table) for table in tables_of(X))
    if not isinstance(X, Mapping):
        return Naming(None, columns)
    for key in X:
        if not isinstance(key, str):
            raise TypeError(f"X is a dictionary of views, whose keys are their names, got the key {key!r}")
    return Naming(tuple(X), columns)


def _columns_of(table: Any) -> Columns:
    """Names of the columns of a table of any package, where all are texts."""
    names = getattr(table, "column_names", None)  # of pyarrow, whose columns are arrays
    names = getattr(table, "columns", None) if names is None else names
    if names is None or callable(names) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names)


def in_order(X: Any, seen: Naming) -> Any:
    """New samples with their views in the order of those that `fit` saw, where both have names, else as they are.

    Raises
    ------
    ValueError
        Where a view is missing or is one too many, and where columns have other names, or the same in another order;
        the message has the names.
    """
    new = naming_of(X)
    if new.views is not None and seen.views is not None and new.views != seen.views:
        require_same(new.views, seen.views, "X has not the views that fit saw")
        places = [new.views.index(name) for name in seen.views]
        tables, columns = tables_of(X), tuple(new.columns[place] for place in places)
        X, new = [tables[place] for place in places], Naming(seen.views, columns)
    for v, (names, before) in enumerate(zip(new.columns, seen.columns, strict=False)):
        if names is not None and before is not None and names != before:
            wrong = "The feature names should match those that were passed during fit, in the same order"
            wrong += f": of {seen.called(v)}"
            require_same(names, before, wrong)
            place = next(i for i, pair in enumerate(zip(names, before, strict=True)) if pair[0] != pair[1])
            raise ValueError(
                f"{wrong}: column {place} is {names[place]!r}, where fit saw {before[place]!r}; bring the columns "
                "into the order of feature_names_in_"
            )
    return X


def require_same(new: Sequence[str], seen: Sequence[str], wrong: str, advice: str = "") -> None:
    """Refuse names of which some are missing, or too many, or twice; their order is not looked at.

    Raises
    ------
    ValueError
        With `wrong`, the names, and `advice`.
    """
    twice = [name for place, name in enumerate(new) if name in new[:place]] if len(set(new)) < len(new) else []
    known, given = set(seen), set(new)
    parts = {
        "missing": [name for name in seen if name not in given],
        "not known": [name for name in new if name not in known],
        "there twice": [] if len(set(seen)) < len(seen) else twice,
    }
    told = [f"{shown(names)} {'is' if len(names) == 1 else 'are'} {what}" for what, names in parts.items() if names]
    if told or len(new) != len(seen):
        raise ValueError(f"{wrong}: {'; '.join(told) or f'{len(new)} names for {len(seen)}'}{advice}")


def shown(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


def counted(count: int, what: str) -> str:
    """So many of something, in words: 1 class, 2 classes."""
    return f"{count} {what}" if count == 1 else f"{count} {what}{'es' if what.endswith('s') else 's'}"
