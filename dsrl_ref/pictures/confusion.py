"""What was found beside what is true: a table of counts, coloured by shares."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.pictures.groups import short
from dsrl_ref.plotting import new_figure

SHARES_UP_TO, COUNTS_UP_TO = 10, 20  # classes: with more, cells are too small for two lines, or for one
LETTER = 0.09  # inches of a name's
TICKS = 25  # names beside the table


def draw_confusion(
    true: Any,
    found: Any,
    names: Sequence[Any] | None = None,
    found_names: Sequence[Any] | None = None,
    *,
    title: str = "",
) -> Any:
    """Draw how many samples of each class were found to be what.

    A row is a class, and its colours are shares of its samples. Up to 20 classes have counts in the cells, up to ten
    the shares too.

    Parameters
    ----------
    true, found : array_like (n,) of int
        Codes from 0 of the samples that are to be counted; a sample where either is negative is left out.
    names : sequence, optional
        What the classes are called; by default their codes.
    found_names : sequence, optional
        What is found is called, where that is not a class: clusters, which are then put in the order in which they fit
        the classes best.
    title : str
        Above the picture; by default the share on the diagonal.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    ValueError
        Where no sample is to be counted.
    """
    heads = names if found_names is None else found_names
    across = 1 + max(int(np.max(true, initial=0)), int(np.max(found, initial=0)))
    size = float(np.clip(2.0 + 0.55 * across, 3.6, 11.0))
    left, below = (LETTER * max((len(short(name)) for name in each or ()), default=2) for each in (names, heads))
    figure = new_figure((size + left + 1.6, size + below))
    confusion_panel(figure.subplots(), true, found, names, found_names, title=title)
    return figure


def confusion_panel(
    panel: Any,
    true: Any,
    found: Any,
    names: Sequence[Any] | None,
    found_names: Sequence[Any] | None,
    *,
    title: str = "",
    counts_up_to: int = COUNTS_UP_TO,
    shares_up_to: int = SHARES_UP_TO,
) -> None:
    """Draw it on a panel, with counts in the cells of at most so many classes, and shares below them of so many."""
    counts = table(true, found, len(names or ()), len(found_names or names or ()))
    columns = np.arange(counts.shape[1]) if found_names is None else matched(counts)
    counts = counts[:, columns]
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    image = panel.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    panel.figure.colorbar(image, ax=panel, label="share of the class", format="{x:.0%}", pad=0.02)
    rows = [f"{_called(names, code)} ({int(totals[code, 0])})" for code in range(len(counts))]
    heads = [_called(names if found_names is None else found_names, code) for code in columns]
    _ticks(panel.set_yticks, rows)
    rotated = max(map(len, heads), default=0) * len(heads) > 40
    _ticks(panel.set_xticks, heads, **({"rotation": 90} if rotated else {}))
    what = "found class" if found_names is None else "cluster"
    right = f"{np.trace(counts) / counts.sum():.1%} of {int(counts.sum())} samples on the diagonal"
    panel.set(xlabel=what, ylabel="class (samples)", title=title or right)
    if max(counts.shape) <= counts_up_to:
        _write(panel, counts, shares, max(counts.shape) <= shares_up_to)


def table(true: Any, found: Any, rows: int = 0, columns: int = 0) -> NDArray[np.intp]:
    """How many samples of each true code have each found one, of at least so many codes.

    Raises
    ------
    ValueError
        Where lengths differ, or no sample has both codes.
    """
    true, found = np.asarray(true), np.asarray(found)
    if true.shape != found.shape or true.ndim != 1:
        raise ValueError(f"true and found must be one code a sample, got shapes {true.shape} and {found.shape}")
    both = (true >= 0) & (found >= 0)
    if not both.any():
        raise ValueError("no sample has both a known class and a found one: there is nothing to count")
    counts = np.zeros((max(rows, true.max() + 1), max(columns, found.max() + 1)), dtype=np.intp)
    np.add.at(counts, (true[both], found[both]), 1)
    return counts


def matched(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Columns in the order that puts the most on the diagonal; those that match no row come last."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(counts, maximize=True)
    order: NDArray[np.intp] = columns[np.argsort(rows)]
    return np.concatenate([order, np.setdiff1d(np.arange(counts.shape[1]), order)])


def _called(names: Sequence[Any] | None, code: int) -> str:
    return short(code if names is None or code >= len(names) else names[code])


def _ticks(set_ticks: Any, texts: Sequence[str], **options: Any) -> None:
    """A tick for each text, or for so many of them as can be read."""
    step = -(-len(texts) // TICKS)
    size = "medium" if len(texts) <= COUNTS_UP_TO else "x-small"
    set_ticks(range(0, len(texts), step), texts[::step], fontsize=size, **options)


def _write(panel: Any, counts: NDArray[np.intp], shares: NDArray[np.float64], both: bool) -> None:
    """Counts, or both, into the cells where there are any; white on dark."""
    for (row, column), count in np.ndenumerate(counts):
        if count:
            share = shares[row, column]
            panel.text(
                column,
                row,
                f"{count}\n{share:.0%}" if both else f"{count}",
                ha="center",
                va="center",
                color="white" if share > 0.6 else "black",
                fontsize="small",
            )
