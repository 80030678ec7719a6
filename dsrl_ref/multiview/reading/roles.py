"""Which arrays of a file are its views and which its labels, by name."""

from dsrl_ref.multiview.reading.content import Content, Options, select, without
from dsrl_ref.multiview.reading.entries import Entry, is_opaque
from dsrl_ref.multiview.reading.labels import lengths
from dsrl_ref.multiview.reading.names import NONE, family, is_label, is_view, number, sounds_like_labels

Family = tuple[tuple[str, bool], ...]


def find(entries: list[Entry], options: Options, source: str, both_ways: bool) -> Content:
    """Tell views and labels of a file from all else.

    Raises
    ------
    ValueError
        Where no name is a usual one, or several could be the views.
    """
    labels = _labels(entries, options, source)
    views = _views(without(entries, labels), options, source, labels)
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
    free = without(entries, _asked_for(entries, options, source))
    usual = [entry for entry in free if role(entry.path) == "labels" and entry.size > 1]
    if any(lengths(entry) for entry in usual):
        return usual
    alike = [entry for entry in free if role(entry.path) != "views" and sounds_like_labels(entry.path[-1])]
    return usual + [entry for entry in without(alike, usual) if lengths(entry) and entry.size > 1]


def _asked_for(entries: list[Entry], options: Options, source: str) -> list[Entry]:
    """The views that the user named, in that order."""
    if options.views in (None, (NONE,)):
        return []
    return [entry for name in options.views or () for entry in select(entries, name, "--views", source)]


def _views(entries: list[Entry], options: Options, source: str, labels: list[Entry]) -> list[Entry]:
    if options.views is not None:
        return _asked_for(entries, options, source)
    families: dict[Family, list[Entry]] = {}
    for entry in entries:
        if role(entry.path) == "views":
            families.setdefault(_family(entry), []).append(entry)
    some = [members for members in families.values() if any(map(_could_be_meant, members))]
    matrices = [members for members in some if any(map(_is_matrix, members))]
    some = matrices or some
    if len(some) > 1:
        first, second = (_asked(members) for members in some[:2])
        raise ValueError(
            f"{source} has {_called(some[0])} and {_called(some[1])}: which are the views? Give --views {first} or "
            f"--views {second}"
        )
    if not some:
        if labels and not any(_is_matrix(entry) for entry in entries):
            return []  # labels alone, for a graph
        counts = {count for entry in labels for count in lengths(entry)}
        fitting = ",".join(entry.name for entry in entries if _is_matrix(entry) and counts & set(entry.shape))
        advice = f"; what has as many samples as labels: --views {fitting}" if fitting else _advice_on_parts(entries)
        raise ValueError(f"{source} has no views: key X is missing, and so is every other usual name{advice}")
    return some[0]


def _advice_on_parts(entries: list[Entry]) -> str:
    """What to say where the samples are cut into those to train with and those to test: Xtrain, Xtest."""
    named = {entry.name.lower(): entry for entry in entries if _is_matrix(entry)}
    for name, entry in named.items():
        other = named.get(name.replace("train", "test"))
        if other is not None and other is not entry:
            return (
                f"; {entry} and {other} may be parts of one view: join them along the samples in the file, and their "
                f"labels, -1 where they are not to be used; or give --views {entry.name}, and --labels, for one part"
            )
    return ""


def _known(entry: Entry) -> tuple[str, ...]:
    """The keys down to the deepest of a known name: fields below it belong together, whatever they are called."""
    deepest = max(place for place, key in enumerate(entry.path) if is_view(key))
    return entry.path[: deepest + 1]


def _family(entry: Entry) -> Family:
    return tuple((family(key), number(key) >= 0) for key in _known(entry))


def _could_be_meant(entry: Entry) -> bool:
    return is_opaque(entry.value) or (entry.size != 1 and not entry.is_text)


def _is_matrix(entry: Entry) -> bool:
    return entry.is_numeric and len(entry.shape) > 1 and entry.size not in entry.shape


def _called(members: list[Entry]) -> str:
    return ".".join(_known(members[0]))


def _asked(members: list[Entry]) -> str:
    """What to write after ``--views`` for these."""
    return ",".join(dict.fromkeys(".".join(_known(entry)) for entry in members))
