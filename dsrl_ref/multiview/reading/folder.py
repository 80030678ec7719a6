"""A folder of files, a view each, and a single table: which files and columns are views, labels, or neither."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.arrays import is_sparse
from dsrl_ref.multiview.naming import shown
from dsrl_ref.multiview.reading.align import Indexed, align
from dsrl_ref.multiview.reading.content import Content, Options
from dsrl_ref.multiview.reading.entries import Entry, flatten
from dsrl_ref.multiview.reading.files import ARRAYS, TABLES, ending, in_order, stem_of
from dsrl_ref.multiview.reading.indices import called, counts, is_distinct
from dsrl_ref.multiview.reading.labels import Lines
from dsrl_ref.multiview.reading.leaks import column_of_classes_beside_measured, has_few, only_column_of_classes
from dsrl_ref.multiview.reading.names import NONE, TEXTS, is_index, is_label, may_be_label, sounds_like_labels
from dsrl_ref.multiview.reading.parts import Parts, take_apart
from dsrl_ref.multiview.reading.sideways import turn
from dsrl_ref.multiview.reading.tables import Column, Table, matrix
from dsrl_ref.multiview.reading.texts import read_lines

ABOUT = frozenset(("readme", "license", "licence", "description", "notes", "survival"))  # files that speak of the data

ENDINGS = ", ".join([*TABLES, *(kind for kind in ARRAYS if kind != ".mat")])


@dataclass
class _Found:
    """What the files of a folder gave so far."""

    views: list[Indexed] = field(default_factory=list)
    labels: list[Indexed] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    suspects: list[str] = field(default_factory=list)  # columns that may be the labels, and how to say that they are
    numbers: list[tuple[str, str, Any]] = field(default_factory=list)  # first columns that may be an index, by name


def read_table(path: Path, options: Options) -> Content:
    """A single table: one view, and the labels if a column is named like them.

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where it is no table of numbers, or an option asks for what it has not.
    """
    found = _Found()
    if is_label(stem_of(path)) and options.views is None:
        _add_labels(found, path, options)
    else:
        _add_view(found, path, options)
    content = _content(str(path), found, options)
    content.are_named = False
    return content


def read_folder(path: Path, options: Options) -> Content:
    """The files of a folder, a view each, in the order of their names, but for those that are named like labels.

    Raises
    ------
    OSError
        Where a file cannot be read.
    ValueError
        Where a file is no table of numbers, or an option asks for what is not there.
    """
    found = _Found()
    files = in_order(path)
    known = [file for file in files if _is_data(file)]
    found.left_out += [file.name for file in files if file not in known]
    labels = _label_files(known, options, found)
    views = _view_files(path, [file for file in known if file not in labels], options, found)
    if not views and not labels:
        raise ValueError(f"{path} has no views: it has {', '.join(found.left_out) or 'no files'}; {ENDINGS} are read")
    for file in views:
        _add_view(found, file, options)
    for file in labels:
        _add_labels(found, file, options)
    content = _content(str(path), found, options)
    content.unread = [file.name for file in files if file not in known and not _is_about(file)]
    return content


def _is_data(file: Path) -> bool:
    known = ending(file) in TABLES or ending(file) in ARRAYS
    return file.is_file() and known and not _is_about(file)


def _is_about(file: Path) -> bool:
    """Whether a file is hidden, or speaks of the data."""
    return file.name.startswith(".") or stem_of(file).lower() in ABOUT


def _label_files(known: list[Path], options: Options, found: _Found) -> list[Path]:
    """Those that the user named; else those named like labels; these are never views."""
    alike = [file for file in known if sounds_like_labels(stem_of(file))]
    usual = [file for file in known if is_label(stem_of(file))]
    asked = [file for file in known if options.labels in (file.name, stem_of(file))]
    if options.views is not None:
        alike = [file for file in alike if not {file.name, stem_of(file)} & set(options.views)]
    chosen = asked or ([] if options.labels == NONE else [file for file in usual or alike if file in alike])
    dropped = [file for file in alike if file not in chosen]
    found.left_out += [f"{file.name} (named like labels)" for file in dropped]
    for file in dropped:
        known.remove(file)
    return chosen


def _view_files(path: Path, free: list[Path], options: Options, found: _Found) -> list[Path]:
    if options.views is None:
        return free
    chosen = []
    for name in options.views:
        fitting = [file for file in free if name in (file.name, stem_of(file))]
        if len(fitting) != 1:
            what = "has no" if not fitting else "has several files called"
            raise ValueError(f"{path} {what} {name} for --views; it has {', '.join(file.name for file in free)}")
        chosen += fitting
    found.left_out += [file.name for file in free if file not in chosen]
    return chosen


def _add_view(found: _Found, file: Path, options: Options) -> None:
    """One view from a table or from a file with one matrix, and what columns of a table could be labels."""
    given = _only_array(file) if ending(file) in ARRAYS else TABLES[ending(file)](file)
    if options.views is None and is_index(stem_of(file)) and _is_vector(given):
        found.left_out.append(f"{file.name} (names samples)")
        return
    if not isinstance(given, Table):
        found.views.append(Indexed(file.name, given, None, False))
        return
    table = given
    parts = take_apart(table, options.index, options.labels, options.features)
    found.left_out += parts.left_out
    found.notes += parts.notes
    if not parts.features:
        raise ValueError(
            f"{file} has no features: its columns are {', '.join(column.name for column in table.columns)}"
        )
    _note_numbers(found, table, parts)
    names = tuple(column.name for column in parts.features) if table.has_header else None
    values = matrix(table, parts.features)
    found.views.append(Indexed(file.name, values, parts.index, parts.is_named, names, parts.of_samples))
    found.labels += [_labels(table, column, parts) for column in parts.labels]
    for name in set(_suspects(table, parts.features, found.views[-1].values)) - options.features:
        option = name if table.has_header else f"{file.name}:{name}"
        found.suspects.append(f"column {name} of {file.name} may be the labels; give --labels {option}")


def _is_vector(given: Any) -> bool:
    """Whether a table, or an array, has one column, or one row, of which no value comes again."""
    if isinstance(given, Table):
        return len(given.columns) == 1 and is_distinct(given.columns[0])
    if is_sparse(given) or given.size not in given.shape:
        return False
    return len(set(np.ravel(given).tolist())) == given.size


def _note_numbers(found: _Found, table: Table, parts: Parts) -> None:
    """Keep a first column that may be an index, and refuse it where another table has the same numbers.

    Raises
    ------
    ValueError
        With both columns, and the option that decides.
    """
    column = parts.perhaps_index
    if column is None:
        return
    name = called(table, column)
    for other, option, values in found.numbers:
        if np.array_equal(np.sort(values), np.sort(column.values)):
            raise ValueError(
                f"{other} and {name} have the same whole numbers, another one for every sample: give --index {option} "
                "if they name the samples, and --index none if they are features"
            )
    found.numbers.append((name, column.name if table.has_header else "1", column.values))


def _suspects(table: Table, features: list[Column], values: Any) -> list[str]:
    """Features that may be the labels, by their names, or by what they hold beside the others."""
    if not table.has_header:
        place = only_column_of_classes(values)
        return [] if place is None else [features[place].name]
    place = column_of_classes_beside_measured(values)
    found = [column for column in features if may_be_label(column.name) and has_few(column.values)]
    found += [] if place is None else [features[place]]
    coordinates = {"x", "y"} <= {column.name.lower() for column in features}
    return [column.name for column in found if not (coordinates and column.name.lower() == "y")]


def _add_labels(found: _Found, file: Path, options: Options) -> None:
    """The labels of a file of their own: a vector, a column, one of several columns, or a one-hot table."""
    if ending(file) in ARRAYS:
        if options.labels in (None, file.name, stem_of(file)):
            found.labels.append(Indexed(file.name, _only_array(file), None, False))
        else:
            found.left_out.append(file.name)
        return
    given: Lines | Table = read_lines(file) if ending(file) in TEXTS else TABLES[ending(file)](file)
    if isinstance(given, Lines) and options.labels not in (None, file.name, stem_of(file), given.cells[0]):
        found.left_out.append(file.name)
    elif isinstance(given, Lines):
        found.labels.append(Indexed(file.name, given, None, False))
    else:
        _add_table_of_labels(found, file, given, options)


def _add_table_of_labels(found: _Found, file: Path, given: Table, options: Options) -> None:
    """Labels from one of several columns, or one-hot."""
    own = None if options.labels in (file.name, stem_of(file), NONE) else options.labels
    if own is not None and not any(own in (column.name, f"{file.name}:{column.name}") for column in given.columns):
        found.left_out.append(file.name)
        return
    first = given.columns[0]
    if options.index is None and len(given.columns) > 1 and not is_index(first.name) and counts(first):
        given = replace(given, columns=given.columns[1:])  # it has the samples in their order, as they are without it
        found.left_out.append(f"column {first.name} of {file.name} (counts)")
    parts = take_apart(given, options.index if len(given.columns) > 1 else NONE, own)
    columns = parts.labels or parts.features
    found.left_out += parts.left_out
    found.notes += parts.notes
    if len(columns) == 1:
        rest = [column.name for column in parts.features if column is not columns[0]]
        found.left_out += [f"column {name} of {file.name}" for name in rest]
        found.labels.append(_labels(given, columns[0], parts, file.name))
    elif all(column.is_numeric for column in columns) and len(parts.labels) == 0:
        found.labels.append(Indexed(file.name, matrix(given, columns), parts.index, parts.is_named))
    else:
        names = ", ".join(column.name for column in columns)
        raise ValueError(f"{file} has several columns, {names}; one label a line is needed: give --labels COLUMN")


def _labels(table: Table, column: Column, parts: Parts, name: str = "") -> Indexed:
    """A column as labels: None for what is missing, whole numbers as such."""
    values: Any = column.values
    if column.is_numeric:
        missing = np.isnan(values)
        if np.array_equal(values[~missing], np.round(values[~missing])) and (np.abs(values[~missing]) < 2**53).all():
            values = np.array([None if gap else int(v) for v, gap in zip(values, missing, strict=True)])
    elif all(isinstance(label, str) for label in values):
        values = values.astype(str)
    return Indexed(name or f"{table.file}:{column.name}", values, parts.index, parts.is_named)


def _only_array(file: Path) -> Any:
    """The array of a file that has one.

    Raises
    ------
    ValueError
        Where it has several; the message lists them.
    """
    entries = flatten(ARRAYS[ending(file)](file))
    if len(entries) != 1:
        raise ValueError(
            f"{file} has {len(entries)} arrays, {', '.join(map(str, entries))}; in a folder a file is one view: "
            "give the file itself, or leave it out by --views"
        )
    return entries[0].value


def _with_columns(view: Indexed) -> str:
    """A table with its columns, of which one may be meant."""
    return view.name if view.columns is None else f"{view.name} with columns {shown(view.columns)}"


def _content(source: str, found: _Found, options: Options) -> Content:
    """Bring tables into one order, and check that the labels asked for are there."""
    if options.labels not in (None, NONE) and not found.labels:
        names = ", ".join([*map(_with_columns, found.views), *found.left_out])
        raise ValueError(f"{source} has no {options.labels} for --labels; it has {names}")
    if options.labels is None and not found.labels and found.suspects:
        raise ValueError(f"{source}: {found.suspects[0]}, or --labels none")
    views, turned = turn(found.views, found.labels, options, source)
    views, labels, notes = align(views, found.labels, source)
    return Content(
        source,
        [Entry(view.name, (view.name,), view.values, view.columns) for view in views],
        [Entry(table.name, (table.name,), table.values) for table in labels],
        left_out=found.left_out,
        notes=[*notes, *found.notes],
        names=next((view.index for view in views if view.has_index), None),
        turned=turned,
    )
