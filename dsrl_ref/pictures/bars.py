"""Weights of views as bars, and the eigenvalues that speak for a number of clusters."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dsrl_ref.arrays import as_real
from dsrl_ref.pictures.groups import COLOURS, short
from dsrl_ref.plotting import new_figure

BAR, MARK = COLOURS[0], COLOURS[1]


def draw_view_weights(weights: Any, names: Sequence[Any] | None = None) -> Any:
    """Draw what each view counts in the mean graph, beside equal weights.

    Parameters
    ----------
    weights : array_like (views,)
        Of sum 1.
    names : sequence, optional
        What the views are called; by default their numbers from 0.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    ValueError
        Where there is not one name for each weight.
    """
    count = len(as_real(weights, "weights"))
    figure = new_figure((5.6, 1.5 + 0.35 * count))
    weights_panel(figure.subplots(), weights, names)
    return figure


def weights_panel(panel: Any, weights: Any, names: Sequence[Any] | None) -> None:
    """Draw them on a panel."""
    weights = as_real(weights, "weights")
    called = [f"view {v}" for v in range(len(weights))] if names is None else [short(name) for name in names]
    if len(called) != len(weights):
        raise ValueError(f"there are {len(called)} names for the weights of {len(weights)} views")
    places = np.arange(len(weights))
    panel.barh(places, weights, color=BAR, height=0.7)
    for place, weight in enumerate(weights):  # beside the longest bar, where the dashed line never is
        panel.text(1.03 * float(weights.max()), place, f"{weight:.3f}", va="center", fontsize="small")
    panel.axvline(1 / len(weights), color=MARK, linestyle="--")
    panel.set_yticks(places, called)
    panel.invert_yaxis()
    panel.set(title="weights of the views", xlabel="weight in the mean (dashed: equal)")
    panel.set_xlim(0, 1.22 * float(weights.max()))


def draw_eigengap(eigenvalues: Any, clusters: int, *, asked: bool = False) -> Any:
    """Draw the eigenvalues of a graph, and the gap behind as many of them as there are clusters.

    Parameters
    ----------
    eigenvalues : array_like (k,)
        As ``eigenvalues_`` of `DSRLClustering`: in descending order.
    clusters : int
        How many were taken.
    asked : bool
        Whether that number was given, not chosen by the gap.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    """
    figure = new_figure((5.6, 3.8))
    eigengap_panel(figure.subplots(), eigenvalues, clusters, asked)
    return figure


def eigengap_panel(panel: Any, eigenvalues: Any, clusters: int, asked: bool) -> None:
    """Draw them on a panel."""
    values = as_real(eigenvalues, "eigenvalues")
    places = np.arange(1, len(values) + 1)
    title = f"{clusters} clusters, {'asked for' if asked else 'chosen'}"
    panel.plot(places, values, "o-", color=BAR, linewidth=0.8, markersize=4)
    if 1 <= clusters < len(values):
        own = slice(clusters - 1, clusters + 1)
        title += f": a gap of {values[clusters - 1] - values[clusters]:.3f}"
        panel.axvspan(clusters, clusters + 1, color=MARK, alpha=0.25, linewidth=0.0)
        panel.plot(places[own], values[own], "o", color=MARK)
    panel.set(
        title=f"eigenvalues of the learned graph\n{title}",
        xlabel="place, the largest first",
        ylabel="eigenvalue of $D^{-1/2} W D^{-1/2}$",
    )
    panel.set_xticks(places[:: max(1, len(places) // 10)])
