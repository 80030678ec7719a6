"""Which arrays of a file are its views and which its labels, by name."""

from dsrl_ref.multiview.reading.content import Content, Options, select, without
from dsrl_ref.multiview.reading.entries import Entry, is_opaque, listed
from dsrl_ref.multiview.reading.labels import lengths
from dsrl_ref.multiview.reading.names import NONE, family, is_label, is_view, number, sounds_like_labels

Family = tuple[tuple[str, bool], ...]


def find(entries: list[Entry], options: Options, source: str, both_ways: bool) -> Content:
    """Tell views and labels of a file from all else.

    Raises
    ------
    ValueError
        Where no name is a usual one, or several could be the views; the message lists what there is.
    """
    labels = _labels(entries, options, source)
    views = _views(without(entries, labels), options, source, bool(labels))
    others = without(entries, [*views, *labels])
    return Content(source, views, labels, others, both_ways=both_ways)


def role(path: tuple[str, ...]) -> str:
    """What the deepest key of a known name says: "views", "labels", or "" where none is known."""
    for key in reversed(path):
        if is_label(key) or is_view(key):
            return "labels" if is_label(key) else "views"
    return ""


def _labels(entries: list[Entry], options: Options, source: str) -> list[Entry]:
    """Those that the user named; else those of usual names; else those whose names have a word for labels."""
    if options.labels == NONE:
        return []
    if options.labels is not None:
        return select(entries, options.labels, "--labels", source)
    taken = (
        [] if options.views is None else [e for name in options.views for e in select(entries, name, "--views", source)]
    )
    free = without(entries, taken)
    usual = [entry for entry in free if role(entry.path) == "labels"]
    if any(lengths(entry) for entry in usual):
        return usual
    alike = [entry for entry in free if role(entry.path) != "views" and sounds_like_labels(entry.path[-1])]
    return usual + [entry for entry in without(alike, usual) if lengths(entry)]


def _views(entries: list[Entry], options: Options, source: str, with_labels: bool) -> list[Entry]:
    if options.views is not None:
        return [entry for name in options.views for entry in select(entries, name, "--views", source)]
    families: dict[Family, list[Entry]] = {}
    for entry in entries:
        if role(entry.path) == "views":
            families.setdefault(_family(entry), []).append(entry)
    some = [members for members in families.values() if any(map(_has_numbers, members))]
    matrices = [members for members in some if any(map(_is_matrix, members))]
    some = matrices or some
    if len(some) > 1:
        first, second = (_asked(members) for members in some[:2])
        raise ValueError(
            f"{source} has {_called(some[0])} and {_called(some[1])}: which are the views? Give --views {first} or "
            f"--views {second}. There are {listed(entries)}"
        )
    if not some:
        if with_labels and not any(_is_matrix(entry) for entry in entries):
            return []  # labels alone, for a graph
        raise ValueError(
            f"{source} has no views: key X is missing, and so is every other usual name. There are {listed(entries)}; "
            "give --views NAME,NAME, and --labels NAME or --labels none"
        )
    return some[0]


def _family(entry: Entry) -> Family:
    return tuple((family(key), number(key) >= 0) for key in entry.path)


def _has_numbers(entry: Entry) -> bool:
    return (entry.is_numeric and entry.size > 1) or is_opaque(entry.value)


def _is_matrix(entry: Entry) -> bool:
    return entry.is_numeric and len(entry.shape) > 1 and entry.size not in entry.shape


def _called(members: list[Entry]) -> str:
    return ".".join(members[0].path)


def _asked(members: list[Entry]) -> str:
    """What to write after ``--views`` for these."""
    return ",".join(dict.fromkeys(".".join(entry.path) for entry in members))
