"""A graph before and after the network, its samples by class or by cluster."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.pictures.groups import short
from dsrl_ref.plotting import new_figure

RASTER = 300  # cells across
DECADES = 1e4  # below the largest weight: fainter ones are drawn alike
NAMED = 20  # groups: the names of more would overlap


def draw_graphs(before: Any, after: Any, codes: Any, names: Sequence[Any] | None = None) -> Any:
    """Draw a graph before and after the network side by side, samples in the order of their groups.

    Parameters
    ----------
    before, after : csr_array (n, n)
        What the network was trained on, and what it made of it.
    codes : array_like (n,) of int
        The class or cluster of each sample, from 0; those with none, -1, come last.
    names : sequence, optional
        What the groups are called; by default their codes.

    Returns
    -------
    matplotlib.figure.Figure
        Colours are the mean weight of the pairs in a cell, by powers of ten, four at most; where no pair is joined it
        is white.

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    """
    figure = new_figure((9.6, 4.1))
    left, right = figure.subplots(1, 2)
    graph_panels(left, right, before, after, codes, names)
    return figure


def graph_panels(left: Any, right: Any, before: Any, after: Any, codes: Any, names: Sequence[Any] | None) -> None:
    """Draw them on two panels."""
    share = f" ({after.nnz / before.nnz:.0%})" if before.nnz else ""
    graph_panel(left, before, codes, names, f"graph before: {before.nnz // 2:,} edges")
    graph_panel(right, after, codes, names, f"graph after: {after.nnz // 2:,} edges{share}")


def graph_panel(panel: Any, graph: Any, codes: Any, names: Sequence[Any] | None, title: str) -> None:
    """Draw one graph on a panel, with lines between the groups."""
    from matplotlib.colors import LogNorm

    codes = np.asarray(codes)
    groups = np.where(codes >= 0, codes, codes.max(initial=0) + 1)
    n = len(codes)
    weights = raster(graph, np.argsort(groups, kind="stable"))
    shown = np.ma.masked_equal(weights, 0.0)
    largest = float(weights.max()) or 1.0
    smallest = max(float(shown.min()) if weights.any() else largest, largest / DECADES)
    norm = LogNorm(min(smallest, largest / 10), largest, clip=True)
    image = panel.imshow(
        shown, cmap="viridis_r", norm=norm, extent=(0, n, n, 0), interpolation="nearest", aspect="equal"
    )
    cell = "mean weight of the pairs in a cell" if n > RASTER else "weight"
    panel.figure.colorbar(image, ax=panel, label=cell, pad=0.02, shrink=0.85)
    present, sizes = np.unique(groups, return_counts=True)
    ends = np.cumsum(sizes)
    for end in ends[:-1] if len(present) <= 2 * NAMED else ():
        panel.axhline(end, color="0.4", linewidth=0.5)
        panel.axvline(end, color="0.4", linewidth=0.5)
    panel.set(title=title, xticks=[], yticks=[], xlabel="samples")
    if len(present) <= NAMED:
        called = [_called(names, code, codes) for code in present.tolist()]
        panel.set_yticks(ends - sizes / 2, called, fontsize="small")
        panel.tick_params(axis="y", length=0)
    else:
        panel.set_ylabel(f"samples, by {len(present)} groups")


def raster(graph: Any, order: Any) -> Array:
    """Mean weight of the pairs in each cell of a raster over the reordered graph."""
    n = len(order)
    place = np.empty(n, dtype=np.intp)
    place[order] = np.arange(n)
    entries = graph.tocoo()
    edges = np.linspace(0, n, min(n, RASTER) + 1)
    totals, *_ = np.histogram2d(place[entries.row], place[entries.col], bins=[edges, edges], weights=entries.data)
    members = np.histogram(np.arange(n), bins=edges)[0]
    means: Array = totals / np.outer(members, members)
    return means


def _called(names: Sequence[Any] | None, code: int, codes: Any) -> str:
    if code > codes.max(initial=-1):
        return "none"
    return short(code if names is None else names[code])
