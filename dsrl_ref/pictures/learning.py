"""A graph before the network, the function that it applies to every weight, and the graph after."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.pictures.graphs import graph_panels
from dsrl_ref.plotting import new_figure

POINTS = 400  # of the curve


def draw_learning(
    before: Any, after: Any, network: Callable[[Array], Array], codes: Any, names: Sequence[Any] | None = None
) -> Any:
    """Draw what learning made of a graph: the graph before, what becomes of a weight, and the graph after.

    Parameters
    ----------
    before, after, codes, names
        As for `draw_graphs`.
    network : callable
        From weights of edges, an array, to what the network makes of each.

    Returns
    -------
    matplotlib.figure.Figure
        The curve goes from 0 to the largest weight before; the dotted line is that of weights left as they are.

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    """
    figure = new_figure((13.6, 4.1))
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1, 1.2))
    graph_panels(left, right, before, after, codes, names)
    weights = np.linspace(0, before.data.max(initial=0.0), POINTS)
    middle.plot(weights, weights, linestyle=":", color="0.5", label="as it is")
    middle.plot(weights, network(weights), label="learned")
    middle.set(xlabel="weight of an edge before", ylabel="its weight after", title="what the network does to an edge")
    middle.legend(frameon=False)
    return figure
