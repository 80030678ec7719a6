"""The samples on a plane, or two: the principal axes of their embedding."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, as_matrix
from dsrl_ref.pictures.groups import COLOURS, Group, groups_of
from dsrl_ref.plotting import new_figure

IN_A_PLANE = 3  # groups
TITLE = "embedding of the samples"
LEAST = 1e-300  # variance: what is below it is none
AREA, LABELLED_AREA = 13.0, 32.0  # of a marker, in square points
AT_ONE_PLACE, FEWEST = 0.002, 4  # of the picture: so near to one another that so many samples are drawn as one dot
DISC, LARGEST_DISC = 0.004, 0.04  # of the picture: radius for one sample, growing as the root of their number
GOLDEN = np.pi * (3 - np.sqrt(5))  # the angle between two seeds of a sunflower, which leaves no gaps
TWO_COLUMNS = 16  # names of a legend


def draw_embedding(
    points: Any,
    codes: Any,
    names: Sequence[Any] | None = None,
    *,
    labelled: Any = None,
    nobody: str = "no class",
) -> Any:
    """Draw samples along the principal axes of their embedding, by class or by cluster.

    Up to three groups lie in the plane of the first two axes; beside more, there is that of the next two. Samples of
    one place are drawn on a disc around it, whose area tells how many they are.

    Parameters
    ----------
    points : array_like (n, d)
        As ``embedding_`` of `DSRLClustering`.
    codes : array_like (n,) of int
        The class or cluster of each sample, from 0; negative for none. Up to thirty have a pair of a colour and a
        marker of their own, of more the 29 largest.
    names : sequence, optional
        What they are called.
    labelled : array_like of int, optional
        Places of the samples whose label was known: they are larger, with an edge.
    nobody : str
        What samples without a class are called.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    """
    places = as_matrix(points, "points")
    planes = 2 if len(np.unique(codes)) > IN_A_PLANE and places.shape[1] >= 4 else 1
    wide = 1.8 * (len(np.unique(codes)) > TWO_COLUMNS)
    figure = new_figure((2.2 + 4.2 * planes + wide, 4.2))
    figure.suptitle(TITLE)
    panels = figure.subplots(1, planes, squeeze=False)[0]
    for plane, panel in enumerate(panels):
        embedding_panel(panel, places, codes, names, labelled, nobody, plane=plane, legend=panel is panels[-1])
    return figure


def embedding_panel(
    panel: Any,
    points: Any,
    codes: Any,
    names: Sequence[Any] | None,
    labelled: Any,
    nobody: str,
    *,
    plane: int = 0,
    legend: bool = True,
) -> None:
    """Draw one plane on a panel: the first two axes, or the next two; the legend is to its right."""
    places, shares = principal(as_matrix(points, "points"), plane)
    places = spread(places)
    known = np.zeros(places.shape[1], dtype=bool)
    if labelled is not None:
        known[np.asarray(labelled)] = True
    for group in groups_of(codes, names, nobody):
        _scatter(panel, places, group, known)
    if known.any():
        panel.scatter([], [], s=LABELLED_AREA, c="white", edgecolors="black", linewidths=0.9, label="label known")
    for axis, share, set_name in zip(
        (2 * plane + 1, 2 * plane + 2), shares, (panel.set_xlabel, panel.set_ylabel), strict=True
    ):
        set_name(f"principal axis {axis} ({share:.0%} of the variance)")
    panel.set(xticks=[], yticks=[])
    panel.margins(0.04)
    if legend:
        count = len(panel.get_legend_handles_labels()[1])
        panel.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            frameon=False,
            markerscale=1.6,
            ncols=1 + (count > TWO_COLUMNS),
            fontsize="small" if count > len(COLOURS) else None,
        )


def _scatter(panel: Any, places: Array, group: Group, known: NDArray[np.bool_]) -> None:
    """Draw a group: its samples, and above them those whose label was known."""
    own, marked = group.members[~known[group.members]], group.members[known[group.members]]
    faint = {"linewidths": 0.8} if group.marker == "x" else {"linewidths": 0.0}
    panel.scatter(
        *places[:, own], s=AREA, c=group.colour, marker=group.marker, alpha=0.8, label=group.name, zorder=1, **faint
    )
    if marked.size:
        panel.scatter(
            *places[:, marked],
            s=LABELLED_AREA,
            c=group.colour,
            marker=group.marker,
            edgecolors="black",
            linewidths=0.9,
            zorder=2,
        )


def spread(places: Array) -> Array:
    """Coordinates (2, n) at which samples are drawn: those of one place on a disc around it, whose area tells how many.

    The samples of a part of the graph that is joined to no other are at one place, and would be one dot.
    """
    extent = np.maximum(np.ptp(places, axis=1, keepdims=True), LEAST)
    cells = np.round((places - places.min(axis=1, keepdims=True)) / extent / AT_ONE_PLACE)
    _, cell, sizes = np.unique(cells, axis=1, return_inverse=True, return_counts=True)
    drawn, cell = places.copy(), cell.ravel()
    for each in np.flatnonzero(sizes >= FEWEST):
        own = np.flatnonzero(cell == each)
        along = np.sqrt((np.arange(len(own)) + 0.5) / len(own)) * min(LARGEST_DISC, DISC * np.sqrt(len(own)))
        turn = GOLDEN * np.arange(len(own))
        drawn[:, own] = places[:, own].mean(axis=1, keepdims=True) + extent * along * [np.cos(turn), np.sin(turn)]
    return drawn


def principal(points: Array, plane: int = 0) -> tuple[Array, Array]:
    """Coordinates along the two axes of most variance, or the next two, (2, n), and the share of it that each has."""
    centred = np.pad(points - points.mean(axis=0), ((0, 2), (0, 2)))  # one axis, or one sample, is none to draw on
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    shares = sizes**2 / max(float((sizes**2).sum()), LEAST)
    own = slice(2 * plane, 2 * plane + 2)
    return (axes[own] @ centred.T)[:, : len(points)], shares[own]
