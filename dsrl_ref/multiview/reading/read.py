"""From a path to views and labels, and to a line that says what was read and what was not.

Every array of the file is a view, the labels, or named as left out; what could be read in two ways is refused with what
is there and with the option that decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import is_sparse
from dsrl_ref.multiview.absent import as_rows, is_absent, require_everyone
from dsrl_ref.multiview.naming import Columns, Expected, Naming, counted
from dsrl_ref.multiview.reading import alike
from dsrl_ref.multiview.reading.content import Content, Options, without
from dsrl_ref.multiview.reading.entries import Entry, flatten, is_opaque, listed, times
from dsrl_ref.multiview.reading.files import ARRAYS, TABLES, ending, stem_of
from dsrl_ref.multiview.reading.folder import read_folder, read_table
from dsrl_ref.multiview.reading.labels import Lines, are_same, known_of, lengths, partly_one_hot, vector
from dsrl_ref.multiview.reading.leaks import LEAST, column_of_classes_beside_measured, columns_like, is_like
from dsrl_ref.multiview.reading.names import NONE, is_label
from dsrl_ref.multiview.reading.orientation import settle
from dsrl_ref.multiview.reading.packed import ARCHIVES
from dsrl_ref.multiview.reading.roles import find


@dataclass(frozen=True)
class Reading:
    """What was read.

    Attributes
    ----------
    views : list of ndarray or csr_array (n, d_v)
        float64.
    labels : ndarray (n,) or None
        As `load_dataset` has them.
    summary : str
        What to say about them, in one line.
    naming : Naming
        What the views and their columns are called; of data for a model as the model has it.
    names : list or None
        What the samples are called, where tables say so.
    """

    views: list[Any]
    labels: NDArray[Any] | None
    summary: str
    naming: Naming
    names: list[Any] | None = None


def read(path: Path, options: Options) -> Reading:
    """Read a file or a folder.

    Raises
    ------
    OSError
        Where it cannot be read.
    ValueError
        Where it is damaged, of an unknown kind, has no views, or can be read in several ways.
    MissingExtraError
        Where the package that opens it is not installed.
    """
    if path.is_dir() or ending(path) in TABLES:
        kept = replace(options, views=None) if options.views == (NONE,) else options
        content = (read_folder if path.is_dir() else read_table)(path, kept)
        if options.views == (NONE,):
            content.others, content.views = [*content.others, *content.views], []
        with _listing([*content.views, *content.labels, *content.others]):
            return _settled(content, options)
    if ending(path) not in ARRAYS:
        packed = "; unpack it first, into a folder" if path.suffix.lower() in ARCHIVES else ""
        raise ValueError(
            f"{path} is neither 'digits' nor a folder nor a file ending in {' or '.join([*ARRAYS, *TABLES])}{packed}"
        )
    entries = flatten(ARRAYS[ending(path)](path))
    with _listing(entries):
        return _settled(_roles(path, entries, options), options)


@contextmanager
def _listing(entries: list[Entry]) -> Iterator[None]:
    """Add to every refusal what there is, and the options that decide."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{error}. It has {listed(entries)}; "
            "--views NAME,NAME, --labels NAME (or none) and --transpose yes or no decide"
        ) from error


def _roles(path: Path, entries: list[Entry], options: Options) -> Content:
    alone = [entry.name for entry in entries] == [stem_of(path)]  # a file of one array without a name
    if alone and options.views is None and options.labels in (None, NONE) and not is_label(stem_of(path)):
        return Content(str(path), entries, [], are_named=False)
    return find(entries, options, str(path), both_ways=ending(path) in (".mat", ".h5", ".hdf5"))


def _settled(content: Content, options: Options) -> Reading:
    """Settle what lies which way, and take the labels that fit."""
    _require_matrices(content)
    counts = {entry.name: lengths(entry) for entry in content.labels}
    if content.labels and not any(counts.values()):
        _refuse_partly_one_hot(content)
        raise ValueError(
            f"{content.source}: {listed(content.labels)} can be read neither as one label a sample nor as one-hot"
        )
    if not content.views and content.unread and options.views is None:
        raise ValueError(
            f"{content.source} has labels but no views: {', '.join(content.unread)} "
            f"{'is' if len(content.unread) == 1 else 'are'} not read; {', '.join(TABLES)} and single arrays are. "
            "--views none takes the labels alone, for a graph"
        )
    if not content.views:
        return _labels_alone(content, counts)
    expected, widths = options.expected, None
    if expected is not None:
        alike.arrange(content, expected, options.views is not None)
        widths = alike.widths(expected)
    transpose = False if content.turned and options.transpose else options.transpose
    n, turned = settle(content.views, counts, transpose, both=content.both_ways, source=content.source, widths=widths)
    named, labels = _chosen(content, counts, n)
    _note_numbers(content, turned)
    if expected is not None:
        return _met(content, turned, named, labels, expected)
    if named is None and options.labels != NONE:
        _refuse_hidden_labels(content, n)
        _note_columns(content, turned)
    return _finished(content, turned, named, labels)


def _refuse_partly_one_hot(content: Content) -> None:
    """Refuse one-hot labels with samples without a 1 by their name, with what to write in their place."""
    for entry in content.labels:
        for n in entry.shape:
            found = partly_one_hot(entry, n)
            if found is not None:
                raise ValueError(
                    f"{content.source}: {entry} is one-hot, but {np.count_nonzero(found < 0)} samples have no 1, the "
                    f"first of them sample {np.argmin(found)}: they have no label, or the class whose column was left "
                    "out. Give one label a sample in its place, as by numpy.argmax along the classes, and for these "
                    "-1 where they have none, or a class of their own"
                )


def _require_matrices(content: Content) -> None:
    for view in content.views:
        wrong = "" if view.is_numeric else "no matrix of real numbers"
        if not wrong and len(view.shape) != 2:
            wrong = f"no matrix but an array of {len(view.shape)} dimensions{_in_two(view.shape)}"
        if not wrong and view.size == 0:
            wrong = "empty"
        if wrong:
            raise ValueError(f"{content.source}: {view} is {wrong}; a view is samples by features")


def _in_two(shape: tuple[int, ...]) -> str:
    """What to say of an array of more than two dimensions, as of images."""
    if len(shape) < 3:
        return ""
    rest = int(np.prod(shape[1:], dtype=np.int64))
    return f" (if the first of them counts samples, reshape it to {shape[0]}×{rest}; if it counts views, cut it)"


def _labels_alone(content: Content, counts: dict[str, list[int]]) -> Reading:
    """A file of nothing but labels, for a graph from another."""
    n = next((found[0] for found in counts.values() if found), 0)
    named, labels = _chosen(content, counts, n)
    return Reading([], labels, _summary(content, [], named, labels, []), Naming(None, ()))


def _chosen(content: Content, counts: dict[str, list[int]], n: int) -> tuple[Entry | None, NDArray[Any] | None]:
    """The labels that fit n samples: the first of several that make the same classes.

    Raises
    ------
    ValueError
        Where several fit, and make other classes.
    """
    fitting = [entry for entry in content.labels if n in counts[entry.name]]
    content.others += without(content.labels, fitting)
    if not fitting:
        _require_no_labels(content, counts, n)
        return None, None
    found = [vector(entry, n, content.source) for entry in fitting]
    first = fitting[0].value
    if isinstance(first, Lines) and not first.has_heading and len(first.cells) > n:
        content.notes.append(f"the first line of {fitting[0].name}, {first.cells[0]!r}, is a heading")
    for entry, labels in zip(fitting[1:], found[1:], strict=True):
        if not are_same(labels, found[0]):
            raise ValueError(
                f"{content.source} has labels twice, and they differ: {fitting[0].name} and {entry.name}; "
                f"give --labels {fitting[0].name} or --labels {entry.name}"
            )
    content.left_out += [f"{entry.name} (the same labels)" for entry in fitting[1:]]
    return fitting[0], found[0]


def _require_no_labels(content: Content, counts: dict[str, list[int]], n: int) -> None:
    """Labels that do not fit are not left out without a question."""
    for name, found in counts.items():
        if found:
            raise ValueError(f"{content.source}: {name} has {found[0]} labels for {n} samples")


def _refuse_hidden_labels(content: Content, n: int) -> None:
    """Where there are no labels by name: what could be them is neither left out nor a view without a question."""
    for entry in [*content.views, *content.others]:
        if is_opaque(entry.value) or _could_be_labels(entry, n):
            raise ValueError(
                f"{content.source}: {entry} may be the labels; give --labels {entry.name}, or --labels none"
            )


def _note_columns(content: Content, turned: list[bool]) -> None:
    """Say where the first or last column of a view may be the labels, though the file calls them a feature."""
    for entry, is_turned in zip(content.views, turned, strict=True):
        if is_sparse(entry.value):
            continue
        values = np.asarray(entry.value.T if is_turned else entry.value, dtype=np.float64)
        place = column_of_classes_beside_measured(values)
        if place is not None:
            content.notes.append(f"the {'last' if place else 'first'} column of {entry.name} looks like labels")


def _note_numbers(content: Content, turned: list[bool]) -> None:
    """Say where the first column of a view numbers the samples, though the file calls it a feature."""
    for entry, is_turned in zip(content.views, turned, strict=True):
        if not is_sparse(entry.value) and entry.shape[1 - is_turned] > 1:
            first = entry.value[0] if is_turned else entry.value[:, 0]
            if len(first) >= LEAST and first[0] in (0, 1) and (np.diff(first.astype(np.float64)) == 1).all():
                content.notes.append(f"the first column of {entry.name} numbers the samples")


def _could_be_labels(entry: Entry, n: int) -> bool:
    """Whether this is n classes of which some come again."""
    if n not in lengths(entry):
        return n >= LEAST and partly_one_hot(entry, n) is not None
    try:
        labels = vector(entry, n, "")
    except ValueError:  # fractions, say
        return False
    given = [label for label in labels.tolist() if label is not None]  # -1 among them: it may be a class, beside 1
    return 1 < len(set(given)) < len(given)


def _met(
    content: Content, columns: list[bool], named: Entry | None, labels: NDArray[Any] | None, expected: Expected
) -> Reading:
    """Convert the views to what a model expects: it knows what is a feature, whatever looks like the labels."""
    views, said = [], []
    for v, (entry, turned) in enumerate(zip(content.views, columns, strict=True)):
        view = _converted(entry, turned, content.source)
        said.append(_said(entry, view, turned or entry.name in content.turned))
        views.append(alike.match(view, entry, v, expected, content.notes))
    alike.note_columns_without_names(content, expected)
    require_everyone(views, content.names, content.source)
    return Reading(views, labels, _summary(content, said, named, labels, []), expected.naming, content.names)


def _finished(content: Content, columns: list[bool], named: Entry | None, labels: NDArray[Any] | None) -> Reading:
    """Convert the views, without those, and without those columns, that are the labels again."""
    views, said, dropped, called = [], [], [], list(alike.names_of(content) or [])
    left_out, kept = list[str](), list[tuple[Columns, tuple[str | int, ...]]]()
    for place, (entry, turned) in enumerate(zip(content.views, columns, strict=True)):
        view = _converted(entry, turned, content.source)
        seen, classes = _seen(view, labels)
        if classes is not None and is_like(seen, classes):
            dropped.append(f"{entry} (the labels)")
            left_out += called[place : place + 1]
            continue
        again = [] if classes is None else columns_like(seen, classes)
        if again:
            places = ", ".join(str(place + 1) for place in again)
            dropped.append(f"column{'s' * (len(again) > 1)} {places} of {entry.name} (the labels)")
            view = view[:, np.setdiff1d(np.arange(view.shape[1]), again)]
        if view.shape[1] == 0:
            raise ValueError(
                f"{content.source}: every column of {entry} is the labels {named} again, and no feature is left: "
                "leave it out by --views"
            )
        views.append(view)
        kept.append(alike.kept(None if turned else entry.columns, again))
        said.append(_said(entry, view, turned or entry.name in content.turned))
    if not views:
        raise ValueError(f"{content.source} has no views: {listed(content.views)} are the labels {named} again")
    require_everyone(views, content.names, content.source)
    names = tuple(name for name in called if name not in left_out)
    columns_left_out = tuple(places for _, places in kept) if any(places for _, places in kept) else ()
    naming = Naming(names or None, tuple(called for called, _ in kept), tuple(left_out), columns_left_out)
    return Reading(views, labels, _summary(content, said, named, labels, dropped), naming, content.names)


def _seen(view: Any, labels: NDArray[Any] | None) -> tuple[Any, NDArray[Any] | None]:
    """The samples that a view has, and their labels."""
    absent = is_absent(view)
    return (view, labels) if labels is None or not absent.any() else (view[~absent], labels[~absent])


def _converted(entry: Entry, turned: bool, source: str) -> Any:
    """A view as float64, dense or CSR; rows that are NaN as a whole are samples not seen."""
    return as_rows(entry.value.T if turned else entry.value, f"{source}: {entry.name}")


def _said(entry: Entry, view: Any, turned: bool) -> str:
    marks = ["transposed"] * turned + ["sparse"] * is_sparse(view)
    unseen = int(np.count_nonzero(is_absent(view)))
    marks += [f"{counted(unseen, 'sample')} not seen"] if unseen else []
    return f"{entry.name} {times(view.shape)}" + (f" ({', '.join(marks)})" if marks else "")


def _summary(
    content: Content, said: list[str], named: Entry | None, labels: NDArray[Any] | None, dropped: list[str]
) -> str:
    """One line: views, labels, and what was left out."""
    parts = [*said, "no labels" if labels is None or named is None else _classes(labels, named.name)]
    left = [*map(str, content.others), *dropped, *content.left_out]
    return "; ".join([", ".join(parts), *content.notes]) + (f"; left out: {', '.join(left)}" if left else "")


def _classes(labels: NDArray[Any], name: str) -> str:
    known = labels[known_of(labels)].tolist()
    gaps = len(labels) - len(known)
    return f"labels {counted(len(set(known)), 'class')}" + (f" ({gaps} unlabelled)" if gaps else "") + f" from {name}"


def options_of(
    views: Any = None, labels: str | None = None, transpose: bool | None = None, index: str | int | None = None
) -> Options:
    """Options as a caller gives them: views as a list or as one text with commas.

    Raises
    ------
    TypeError
        Where one is of another type.
    """
    if isinstance(views, str):
        views = [name.strip() for name in views.split(",")]
    if views is not None and not all(isinstance(name, str) for name in views):
        raise TypeError(f"views must be names, got {views!r}")
    if labels is not None and not isinstance(labels, str):
        raise TypeError(f"labels must be a name, or 'none', got {labels!r}")
    if transpose is not None and not isinstance(transpose, bool):
        raise TypeError(f"transpose must be True, False or None, got {transpose!r}")
    if index is not None and (isinstance(index, bool) or not isinstance(index, str | int)):
        raise TypeError(f"index must be a column's name or number, or 'none', got {index!r}")
    return Options(None if views is None else tuple(views), labels, transpose, None if index is None else str(index))
