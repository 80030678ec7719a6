"""What was found in a file and what the user said about it: between the readers and what becomes of it."""

from dataclasses import dataclass, field
from typing import Any

from dsrl_ref.multiview.naming import Expected
from dsrl_ref.multiview.reading.entries import Entry


@dataclass(frozen=True)
class Options:
    """What the user decides, where a file does not by itself; None leaves it to the file.

    Attributes
    ----------
    views : tuple of str or None
        Names of the views, in their order; ("none",) leaves all of them out.
    labels : str or None
        The name of the labels, or "none".
    transpose : bool or None
        True where samples are the columns of all views, False where they are the rows.
    index : str or None
        The column of tables that names the samples, by name or by number from 1, or "none".
    expected : Expected or None
        What the fitted model has that the data is for; it decides what is a view, and what a feature.
    """

    views: tuple[str, ...] | None = None
    labels: str | None = None
    transpose: bool | None = None
    index: str | None = None
    expected: Expected | None = None

    @property
    def features(self) -> frozenset[str | int]:
        """Names of columns of which the model knows what they are: features, or what it was not given."""
        if self.expected is None:
            return frozenset()
        naming = self.expected.naming
        return frozenset(name for names in (*naming.columns, *naming.columns_left_out) for name in names or ())


@dataclass
class Content:
    """Which entries of a file are what.

    Attributes
    ----------
    source : str
        The file, for messages.
    views, labels, others : list of Entry
        Candidates for labels, of which one is taken; `others` are neither views nor labels.
    left_out : list of str
        What is no entry and was not read, for the user.
    notes : list of str
        What was read in another way than as it stands, for the user.
    both_ways : bool
        Whether files of this kind have samples along rows as often as along columns.
    names : list or None
        What the samples are called, where tables say so.
    are_named : bool
        Whether the views have names of their own, and not that of the file.
    turned : frozenset of str
        Views that have been transposed already, as the heading of their table named the samples.
    unread : list of str
        Files of a folder that nothing here reads, and that may be views.
    """

    source: str
    views: list[Entry]
    labels: list[Entry]
    others: list[Entry] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    both_ways: bool = False
    names: list[Any] | None = None
    are_named: bool = True
    turned: frozenset[str] = frozenset()
    unread: list[str] = field(default_factory=list)


def select(entries: list[Entry], name: str, option: str, source: str) -> list[Entry]:
    """The entries that a name given by the user means: one, or all cells and fields of it.

    Raises
    ------
    ValueError
        Where there is none.
    """
    exact = [entry for entry in entries if name in (entry.name, stem(entry.name))]
    found = exact or [entry for entry in entries if entry.name.startswith(tuple(name + mark for mark in "{(.:"))]
    if not found:
        raise ValueError(f"{source} has no {name} for {option}")
    return found


def stem(name: str) -> str:
    """The name of a file without its ending; names of variables have none to speak of."""
    head, dot, _ = name.rpartition(".")
    return head if dot and not any(mark in name for mark in "{(:") else name


def without(entries: list[Entry], taken: list[Entry]) -> list[Entry]:
    """The entries that are not among those taken, in their order."""
    return [entry for entry in entries if not any(entry is other for other in taken)]
