"""A graph before, what the network does to an edge, and the graph after."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, complementary_views

pytest.importorskip("matplotlib", reason="pictures need the extra plot")


def test_the_curve_is_what_the_network_makes_of_a_weight():
    from dsrl_ref.pictures import draw_learning

    graph = csr_array(np.array([[0.0, 0.5, 0.0], [0.5, 0.0, 0.2], [0.0, 0.2, 0.0]]))
    figure = draw_learning(graph, graph, lambda weights: weights**2, [0, 0, 1])
    left, middle, right = figure.axes[:3]
    unchanged, learned = middle.lines
    assert np.array_equal(learned.get_ydata(), unchanged.get_xdata() ** 2)
    assert np.array_equal(unchanged.get_ydata(), unchanged.get_xdata())
    assert (unchanged.get_xdata()[0], unchanged.get_xdata()[-1]) == (0.0, 0.5)
    assert left.get_title() == "graph before: 2 edges"
    assert right.get_title() == "graph after: 2 edges (100%)"


def test_a_graph_without_edges_is_drawn():
    from dsrl_ref.pictures import draw_learning

    figure = draw_learning(csr_array((3, 3)), csr_array((3, 3)), lambda weights: weights, [0, 1, 1])
    assert figure.axes[1].lines[1].get_ydata().max() == 0.0


@pytest.mark.parametrize("kind", [DSRLClustering, DSRLClassifier])
def test_of_an_estimator_it_gives_the_weights_that_the_learned_graph_has(kind):
    """The curve, read at weights of edges before, is the weight of the same edge after."""
    from dsrl_ref.pictures import draw_estimator

    views, labels = complementary_views(random_state=0)
    model = kind(4, random_state=0).fit(views) if kind is DSRLClustering else kind().fit(views, labels)
    curve = draw_estimator(model, "learning").axes[1].lines[1]
    before, after = model.affinity_matrix_.toarray(), model.graph_.toarray()
    read = np.interp(before[after > 0], curve.get_xdata(), curve.get_ydata())
    largest = before.max()
    assert np.quantile(np.abs(read - after[after > 0]), 0.99) < largest / 200
    assert curve.get_xdata()[-1] == largest
