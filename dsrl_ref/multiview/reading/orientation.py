"""Which axis of each view the samples lie along.

Public files have features × samples as often as samples × features. The number of labels decides; without labels the
samples are the rows, as everywhere in this package, unless nothing speaks for that: then the user is asked.
"""

from collections.abc import Collection, Sequence

from dsrl_ref.multiview.reading.entries import Entry, listed

SAY = "give --transpose yes if samples are columns, --transpose no if they are rows"


def settle(
    views: list[Entry],
    labels: dict[str, list[int]],
    transpose: bool | None,
    *,
    both: bool,
    source: str,
    widths: Sequence[Collection[int]] | None = None,
) -> tuple[int, list[bool]]:
    """The number of samples, and which views have them along columns.

    Parameters
    ----------
    views : list of Entry
        At least one, all of them matrices.
    labels : dict
        By their names, the numbers of samples that labels can be of, the likeliest first.
    transpose : bool or None
        The user's word: True, samples are columns in all views; False, they are rows.
    both : bool
        Whether files of this kind come both ways round, as MATLAB's do.
    source : str
        The file, for messages.
    widths : sequence of collections of int, optional
        For each view the numbers of features that it may have, where a model knows them: they decide, where they can.

    Raises
    ------
    ValueError
        Where the views agree in no number of samples, or in several.
    """
    if transpose is not None:
        return _as_told(views, transpose, source)
    turned = None if widths is None else _by_widths(views, widths, both, source)
    if turned is not None:
        return views[0].shape[int(turned[0])], turned
    wanted = [n for counts in labels.values() for n in counts]
    for n in wanted:
        if all(view.shape[0] == n for view in views):
            return n, _square(views, n, both, source)
    for n in wanted:
        if all(n in view.shape for view in views):
            return n, _each(views, n, source)
    if wanted:
        raise ValueError(_unlike(views, labels, source))
    return _without_labels(views, both, source)


def _by_widths(views: list[Entry], widths: Sequence[Collection[int]], both: bool, source: str) -> list[bool] | None:
    """Which views have their features along rows, samples along rows being likelier; None where that fits none.

    Raises
    ------
    ValueError
        Where they fit both ways round, and files of this kind come so.
    """
    rows = [view.shape[1] in width for view, width in zip(views, widths, strict=True)]
    columns = [view.shape[0] in width for view, width in zip(views, widths, strict=True)]
    if both and all(rows) and all(columns) and len({view.shape for view in views}) == 1:
        raise ValueError(f"{source}: {listed(views)} fit the features of the model both ways round; {SAY}")
    if all(rows) or not all(row or column for row, column in zip(rows, columns, strict=True)):
        return [False] * len(views) if all(rows) else None
    turned = [True] * len(views) if all(columns) else [not row for row in rows]
    counts = {view.shape[int(turn)] for view, turn in zip(views, turned, strict=True)}
    return turned if len(counts) == 1 else None


def _as_told(views: list[Entry], transpose: bool, source: str) -> tuple[int, list[bool]]:
    axis = int(transpose)
    _require_agreement(views, axis, source)
    return views[0].shape[axis], [transpose] * len(views)


def _require_agreement(views: list[Entry], axis: int, source: str) -> None:
    first = views[0]
    for view in views:
        if view.shape[axis] != first.shape[axis]:
            raise ValueError(
                f"{source}: {view.name} has {view.shape[axis]} samples, {first.name} has {first.shape[axis]}; "
                f"they must agree{_other_way(views, axis)}"
            )


def _other_way(views: list[Entry], axis: int) -> str:
    """What to say where the other axis would do."""
    if len({view.shape[1 - axis] for view in views}) > 1:
        return ""
    return f": their {'rows' if axis else 'columns'} agree, so give --transpose {'no' if axis else 'yes'}"


def _square(views: list[Entry], n: int, both: bool, source: str) -> list[bool]:
    """Rows fit; where all views are square, columns do as well."""
    if both and all(view.shape == (n, n) for view in views):
        raise ValueError(f"{source}: {listed(views)} fit {n} labels both ways round; {SAY}")
    return [False] * len(views)


def _each(views: list[Entry], n: int, source: str) -> list[bool]:
    """Each view by itself; a square one goes with the others, if these are of one mind."""
    clear = [view.shape[0] != n for view in views if view.shape != (n, n)]
    squares = [view for view in views if view.shape == (n, n)]
    if squares and len(set(clear)) > 1:
        raise ValueError(
            f"{source}: {listed(squares)} fits {n} labels both ways round, and the other views lie both ways; "
            f"leave it out by --views, or transpose some in the file"
        )
    return [clear[0] if view.shape == (n, n) else view.shape[0] != n for view in views]


def _unlike(views: list[Entry], labels: dict[str, list[int]], source: str) -> str:
    """What to say where no labels fit: a line of the form ``Y has 2 labels for 3 samples``."""
    name, counts = next((name, counts) for name, counts in labels.items() if counts)
    rows = {view.shape[0] for view in views}
    if len(rows) > 1:
        wrong = next((view for view in views if counts[0] not in view.shape), views[-1])
        return f"{source}: {wrong.name} has {wrong.shape[0]} samples, {name} has {counts[0]} labels; they must agree"
    return f"{source}: {name} has {counts[0]} labels for {rows.pop()} samples"


def _without_labels(views: list[Entry], both: bool, source: str) -> tuple[int, list[bool]]:
    _require_agreement(views, 0, source)
    rows, columns = views[0].shape
    alike = len(views) > 1 and all(view.shape == views[0].shape for view in views)
    if alike and rows != columns and (both or columns > rows):
        raise ValueError(f"{source}: {listed(views)} may lie either way, and there are no labels to tell by; {SAY}")
    return rows, [False] * len(views)
