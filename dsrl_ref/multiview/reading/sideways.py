"""Tables with a sample a column, whose heading names the samples: they are turned before samples are aligned.

Biology writes them so, genes by patients. Names tell it: the labels' samples are in the heading, or all headings have
samples in common where the names of the rows have none. So do numbers: as many columns as labels, and not as many rows.
"""

from dataclasses import replace
from typing import Any

from dsrl_ref.multiview.naming import shown
from dsrl_ref.multiview.reading.align import Indexed
from dsrl_ref.multiview.reading.content import Options
from dsrl_ref.multiview.reading.entries import Entry
from dsrl_ref.multiview.reading.labels import is_number, lengths
from dsrl_ref.multiview.reading.names import NONE

FEW = 3  # names: with fewer in common, headings are not of samples


def turn(
    views: list[Indexed], labels: list[Indexed], options: Options, source: str
) -> tuple[list[Indexed], frozenset[str]]:
    """Transpose the tables that have a sample a column, and say which these were.

    Parameters
    ----------
    views, labels : list of Indexed
        As they stand in the files.
    options : Options
        `transpose` decides where it is given, and with `index` "none" no heading names samples.
    source : str
        The file, for messages.

    Raises
    ------
    ValueError
        Where the user says that samples are columns, and only some of the tables have names for them; where rows
        and columns of all tables have names in common.
    """
    headed = [view for view in views if view.columns is not None]
    if options.index == NONE or options.transpose is False or not headed:
        return views, frozenset()
    if options.transpose:
        for view in views:
            if view.columns is None:
                raise ValueError(
                    f"{source}: {headed[0].name} names its samples in its heading, and {view.name} has none: give it "
                    "one too, or --index none, which takes the columns as they stand"
                )
        return [_turned(view) for view in views], frozenset(view.name for view in views)
    chosen = [view for view in headed if _is_sideways(view, views, labels, options, source)]
    return [_turned(view) if view in chosen else view for view in views], frozenset(view.name for view in chosen)


def _turned(view: Indexed) -> Indexed:
    names = None if view.index is None else tuple(map(str, view.index))
    return replace(view, values=view.values.T, index=list(view.columns or ()), is_named=True, columns=names)


def _is_sideways(view: Indexed, views: list[Indexed], labels: list[Indexed], options: Options, source: str) -> bool:
    """Whether the heading of a table names samples, and its rows are features."""
    columns, rows = set(view.columns or ()), set(map(str, view.samples))
    if options.features:
        return bool(rows & options.features) and not columns & options.features
    named = [set(map(str, table.samples)) for table in labels if table.has_index]
    if any(columns & samples for samples in named):
        return not any(rows & samples for samples in named)
    counts = {n for table in labels for n in lengths(Entry(table.name, (table.name,), table.values))}
    n_rows, n_columns = view.values.shape
    if counts:
        return n_columns in counts and n_rows not in counts
    if len(views) < 2:
        return False
    headings: Any = [{name for name in other.columns or () if not is_number(name)} for other in views]
    common = set.intersection(*headings)
    names = [set(map(str, other.samples)) for other in views if other.has_index]
    if len(names) == len(views) and set.intersection(*names):
        alike = len(common) >= FEW and all(heading == common for heading in headings)
        if alike and not any(other.of_samples for other in views):
            raise ValueError(
                f"{source}: the tables have the same names in their headings, {shown(sorted(common))}, and names in "
                f"common in their rows, {shown(sorted(set.intersection(*names)))}: which are the samples? Give "
                "--transpose yes if they are the columns, and --transpose no if they are the rows"
            )
        return False
    unlike = len({other.values.shape[0] for other in views}) > 1
    return bool(common) and (len(names) == len(views) or (unlike and not names))
