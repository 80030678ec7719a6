"""New samples as a fitted model takes them.

Its views are found by their names, the samples along the axis that its widths leave, and its columns by their names; by
their order where there are no names, which is said. What `fit` was not given, as it was the labels again, is left out
here too, and nothing else is: the model knows what is a feature.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dsrl_ref.multiview.naming import Columns, Expected, require_same, shown
from dsrl_ref.multiview.reading.content import Content, without
from dsrl_ref.multiview.reading.entries import Entry
from dsrl_ref.multiview.reading.names import FRAMES, TEXTS, family, is_view, number
from dsrl_ref.multiview.reading.packed import PACKED

ENDINGS = *TEXTS, *FRAMES, ".npy", ".mtx", ".npz", ".h5", ".hdf5"  # of files that are a view in a folder


def names_of(content: Content) -> tuple[str, ...] | None:
    """What the views are called, files without their endings; None where the only name is that of the data itself."""
    if not content.are_named:
        return None
    full = tuple(view.name for view in content.views)
    short = tuple(_without_ending(name) for name in full)
    return short if len(set(short)) == len(short) else full


def _without_ending(name: str) -> str:
    head, dot, last = name.removesuffix(PACKED).rpartition(".")
    return head if head and dot + last.lower() in ENDINGS else name


def only_count(names: Sequence[str]) -> bool:
    """Whether names say no more than an order: X1, X2, or X{1}, X{2}, or a usual name of views alone."""
    plain = [name.replace("{", "").replace("}", "") for name in names]
    return len(set(map(family, plain))) == 1 and all(number(name) >= 0 or is_view(name) for name in plain)


def arrange(content: Content, expected: Expected, chosen: bool) -> None:
    """Bring the views into the model's order, and note how that was told.

    Parameters
    ----------
    content : Content
        Its views are put in order, and those left out that `fit` was not given either.
    expected : Expected
        What the model saw.
    chosen : bool
        Whether the user named the views: their order is then that of the model where names do not tell it.

    Raises
    ------
    ValueError
        Where a view is missing, or one too many; the message names it.
    """
    naming, names = expected.naming, names_of(content)
    if names is not None and naming.views_left_out:
        known = naming.views or ()
        again = [
            view
            for view, name in zip(content.views, names, strict=True)
            if name in naming.views_left_out and name not in known
        ]
        content.left_out += [f"{view.name} (not given to the model)" for view in again]
        content.views = without(content.views, again)
        names = names_of(content)
    if names is None or naming.views is None:
        _require_count(content, expected)
        if len(content.views) > 1:
            content.notes.append("views by their order, as the model has no names for them")
    elif set(names) == set(naming.views):
        _sort(content, names, naming.views)
    else:
        _by_order(content, expected, names, naming.views, chosen)


def _sort(content: Content, names: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    if names != wanted:
        content.views = [content.views[names.index(name)] for name in wanted]
        content.notes.append(f"views in the model's order, {', '.join(wanted)}")


def _by_order(
    content: Content, expected: Expected, names: tuple[str, ...], wanted: tuple[str, ...], chosen: bool
) -> None:
    """Views of other names: by their order, if the user gave one, or names only count and widths tell the rest."""
    told = only_count(names) and only_count(wanted)
    told |= (only_count(names) or only_count(wanted)) and len(set(expected.sizes)) == len(wanted)
    in_common = bool(set(names) & set(wanted))
    if not (chosen and len(names) == len(wanted)) and (in_common or not told):
        advice = (
            f". Call them as they were called to the model, or give --views with {len(wanted)} names, which are then "
            f"taken for {', '.join(wanted)} in this order"
        )
        require_same(names, wanted, f"{content.source} has not the views of the model", advice)
    _require_count(content, expected)
    content.notes.append(f"views by their order: {', '.join(names)} for the model's {', '.join(wanted)}")


def _require_count(content: Content, expected: Expected) -> None:
    given, wanted = len(content.views), len(expected.sizes)
    if given != wanted:
        what = f"{given} view{'s' * (given != 1)}, and the model is of {wanted}"
        raise ValueError(f"{content.source} has {what}; --views NAME,NAME says which they are")


def widths(expected: Expected) -> list[set[int]]:
    """How many columns each view may have: those of the model, without or with those that it was not given."""
    return [{size, size + len(expected.left_out(v))} for v, size in enumerate(expected.sizes)]


def match(view: Any, entry: Entry, v: int, expected: Expected, notes: list[str]) -> Any:
    """The columns of the model's view v, in its order.

    Parameters
    ----------
    view : ndarray or csr_array (n, d)
        As it was read.
    entry : Entry
        What it is called, and its columns.
    v : int
        Which of the model's views it is.
    expected : Expected
        What the model saw.
    notes : list of str
        What is to be said is added.

    Raises
    ------
    ValueError
        Where a column is missing, or one too many; the message names it, or where there are no names the numbers.
    """
    names, seen, left_out = entry.columns, expected.naming.columns[v], expected.left_out(v)
    if names is not None and seen is not None:
        return _by_names(view, entry.name, names, seen, left_out, notes)
    size = expected.sizes[v]
    places = [place for place in left_out if isinstance(place, int)]
    if view.shape[1] == size + len(places) and places:
        view = view[:, np.setdiff1d(np.arange(view.shape[1]), places)]
        notes.append(_not_given(entry.name, [str(place + 1) for place in places]))
    if view.shape[1] != size:
        raise ValueError(f"{entry.name} has {view.shape[1]} columns, and the model saw {size}")
    return view


def note_columns_without_names(content: Content, expected: Expected) -> None:
    """Say of which views the columns were taken by their order."""
    pairs = zip(content.views, expected.naming.columns, strict=True)
    without_names = [entry.name for entry, seen in pairs if entry.columns is None or seen is None]
    if without_names:
        which = "" if len(without_names) == len(content.views) else f" of {', '.join(without_names)}"
        content.notes.append(f"columns{which} by their order, without names")


def _by_names(
    view: Any, name: str, names: tuple[str, ...], seen: tuple[str, ...], left_out: Sequence[Any], notes: list[str]
) -> Any:
    again = [column for column in names if column in left_out and column not in seen]
    given = [column for column in names if column not in again]
    if again:
        notes.append(_not_given(name, again))
    require_same(given, seen, f"{name} has not the columns that the model saw", _advice(given, seen))
    if tuple(given) != seen and len(set(seen)) < len(seen):
        raise ValueError(
            f"{name} has the model's columns in another order, and some names twice: bring them into order"
        )
    if tuple(given) != seen:
        notes.append(f"columns of {name} in the model's order")
    places = [place for place, column in enumerate(names) if column not in again]
    if tuple(given) != seen:
        at = {column: place for place, column in enumerate(names)}
        places = [at[column] for column in seen]
    return view if places == list(range(view.shape[1])) else view[:, places]


def _not_given(name: str, columns: Sequence[str]) -> str:
    return f"columns {shown(columns)} of {name} left out, as the model was not given them"


def _advice(given: Sequence[str], seen: Sequence[str]) -> str:
    extra = [column for column in given if column not in seen]
    if not extra:
        return ""
    return f"; --labels {extra[0]} if that are the labels, --index {extra[0]} if it names the samples"


def kept(columns: Columns, places: Sequence[int]) -> tuple[Columns, tuple[str | int, ...]]:
    """Names of the columns but for some, and those by their names, or where there are none by their places."""
    if columns is None:
        return None, tuple(places)
    left_out = set(places)
    rest = tuple(name for place, name in enumerate(columns) if place not in left_out)
    return rest, tuple(columns[place] for place in places)
