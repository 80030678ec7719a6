"""A graph before, what the network does to an edge, and the graph after."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dsrl_ref.pictures import draw_learning

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("matplotlib")]


def test_the_curve_is_what_the_network_makes_of_a_weight():
    graph = csr_array(np.array([[0.0, 0.5, 0.0], [0.5, 0.0, 0.2], [0.0, 0.2, 0.0]]))
    less = csr_array(graph * (graph > 0.3))
    figure = draw_learning(graph, less, lambda weights: weights**2, [0, 0, 1])
    left, middle, right = figure.axes[:3]
    unchanged, learned = middle.lines
    assert np.array_equal(learned.get_ydata(), unchanged.get_xdata() ** 2)
    assert np.array_equal(unchanged.get_ydata(), unchanged.get_xdata())
    assert (unchanged.get_xdata()[0], unchanged.get_xdata()[-1]) == (0.0, 0.5)
    assert left.get_title() == "graph before: 2 edges"
    assert right.get_title() == "graph after: 1 edges (50%)"


def test_a_graph_without_edges_is_drawn():
    figure = draw_learning(csr_array((3, 3)), csr_array((3, 3)), lambda weights: weights, [0, 1, 1])
    assert figure.axes[1].lines[1].get_ydata().max() == 0.0
