"""A table taken apart: its index, its labels, its features."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from dsrl_ref.multiview.reading.indices import (
    as_names,
    called,
    index_of,
    is_beside_measured,
    others_of,
    perhaps_index,
)
from dsrl_ref.multiview.reading.names import NONE, is_label, names_samples
from dsrl_ref.multiview.reading.tables import Column, Table


@dataclass(frozen=True)
class Parts:
    """A table taken apart.

    Attributes
    ----------
    index : list or None
        What the samples are called.
    is_named : bool
        Whether samples are to be aligned by it: it has a name, or was asked for.
    labels : list of Column
        Of which some may be the labels, by their names or because they were asked for.
    features : list of Column
    left_out : list of str
        What is neither, and why.
    notes : list of str
        What was read in another way than as it stands.
    perhaps_index : Column or None
        A feature that may number the samples.
    of_samples : bool
        Whether the index is called after samples, as ``id`` and ``patient`` are.
    """

    index: list[Any] | None
    is_named: bool
    labels: list[Column]
    features: list[Column]
    left_out: list[str]
    notes: list[str]
    perhaps_index: Column | None = None
    of_samples: bool = False


def take_apart(
    table: Table, index: str | None, labels: str | None, known: Collection[str | int] = frozenset()
) -> Parts:
    """Tell index, labels and features apart, by name, by the options `index` and `labels`, or by content.

    `known` are names of columns that a model knows as features, whatever they are called.

    Raises
    ------
    ValueError
        Where the first column may be an index or a feature, and where an option asks for a column that is not there.
    """
    rest, left_out, notes = list(table.columns), list[str](), list(table.noted)
    found, is_named = index_of(table, index, known)
    if found is not None:
        rest.remove(found)
        left_out.append(f"{called(table, found)} (index)")
    names = {column.name.lower() for column in rest} if table.has_header else set()
    own = [column for column in rest if table.has_header and is_label(column.name)]
    chosen = [column for column in own if column.name not in known]
    if {"x", "y"} <= names:  # coordinates
        chosen = [column for column in chosen if column.name.lower() != "y"]
    if labels is not None:
        chosen = [column for column in rest if labels in (column.name, f"{table.file}:{column.name}")]
        left_out += [f"{called(table, column)} (labels)" for column in own if column not in chosen and labels != NONE]
        rest = rest if labels == NONE else [column for column in rest if column not in own]
    features = [column for column in rest if column not in chosen]
    if index != NONE:
        others = [column for column in others_of(table, found, known) if column in features]
        left_out += [f"{called(table, column)} (names samples)" for column in others]
        features = [column for column in features if column not in others]
    perhaps = perhaps_index(table) if found is None and index is None else None
    if perhaps not in features or perhaps is None or perhaps.name in known:
        perhaps = None
    elif is_beside_measured(table, perhaps):
        option = perhaps.name if table.has_header else "1"
        notes.append(
            f"{called(table, perhaps)} has another whole number for every sample; --index {option} if it names them"
        )
    values = None if found is None else as_names(found)
    of_samples = found is not None and table.has_header and names_samples(found.name)
    return Parts(values, is_named, chosen, features, left_out, notes, perhaps, of_samples)
