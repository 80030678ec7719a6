"""The graph before and after the network: weights in cells, groups with names, bars that say what colours are."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dsrl_ref.pictures import draw_graphs, graphs
from dsrl_ref.pictures.graphs import graph_panel, raster

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("matplotlib")]


def blocks(n=6):
    graph = np.zeros((n, n))
    graph[0, 2] = graph[2, 0] = 0.5
    graph[1, 3] = graph[3, 1] = 0.25
    graph[4, 5] = graph[5, 4] = 0.005
    return csr_array(graph)


CODES = np.array([0, 1, 0, 1, -1, -1])


def test_samples_are_in_the_order_of_their_groups_with_weights_for_colours():
    after = csr_array(np.where(blocks().toarray() > 0.1, blocks().toarray(), 0))
    left, right, bar, other = draw_graphs(blocks(), after, CODES, ["ape", "bee"]).axes
    expected = blocks().toarray()[np.ix_([0, 2, 1, 3, 4, 5], [0, 2, 1, 3, 4, 5])]
    assert left.images[0].get_array().filled(0).tolist() == expected.tolist()
    assert right.images[0].get_array().filled(0)[4:].tolist() == [[0] * 6] * 2
    assert left.get_title() == "graph before: 3 edges"
    assert right.get_title() == "graph after: 2 edges (67%)"
    assert bar.get_ylabel() == other.get_ylabel() == "weight"
    assert [text.get_text() for text in left.yaxis.get_ticklabels()] == ["ape", "bee", "none"]
    assert left.get_yticks().tolist() == [1, 3, 5]
    assert sorted({line.get_ydata()[0] for line in left.lines if line.get_ydata()[0] == line.get_ydata()[1]}) == [2, 4]
    assert left.images[0].get_clim() == (0.005, 0.5)


def test_faint_weights_are_drawn_alike():
    graph = np.zeros((4, 4))
    graph[0, 1] = graph[1, 0] = 1.0
    graph[2, 3] = graph[3, 2] = 1e-9
    image = draw_graphs(csr_array(graph), csr_array(graph), np.zeros(4, dtype=int)).axes[0].images[0]
    assert image.get_clim() == (1e-4, 1.0)
    assert image.norm(1e-9) == 0


def test_cells_of_many_samples_are_means_over_their_pairs(monkeypatch):
    monkeypatch.setattr(graphs, "RASTER", 3)
    graph = np.arange(49.0).reshape(7, 7)
    graph = csr_array(graph + graph.T)
    order = np.array([6, 0, 5, 1, 4, 2, 3])
    dense = graph.toarray()[np.ix_(order, order)]
    parts = [range(3), range(3, 5), range(5, 7)]  # of 7 samples, cells end at 7/3 and 14/3
    expected = [[np.mean([dense[i, j] for i in rows for j in columns]) for columns in parts] for rows in parts]
    assert raster(graph, order) == pytest.approx(np.array(expected))
    panel = draw_graphs(graph, graph, np.zeros(7, dtype=int)).axes[2]
    assert panel.get_ylabel() == "mean weight of the pairs in a cell"


@pytest.mark.parametrize("graph", [csr_array((5, 5)), csr_array(np.ones((5, 5)) - np.eye(5))])
def test_no_weights_and_equal_ones_are_drawn_without_a_warning(graph):
    figure = draw_graphs(graph, graph, np.zeros(5, dtype=int))
    figure.savefig("/dev/null", format="png")
    low, high = figure.axes[0].images[0].get_clim()
    assert (low, high) == (0.1, 1.0)


def test_names_of_many_groups_would_overlap_and_are_counted(matplotlib):
    from matplotlib.figure import Figure

    for count, named in ((20, True), (21, False), (41, False)):
        panel = Figure().subplots()
        graph_panel(panel, csr_array((82, 82)), np.arange(82) % count, None, "")
        assert bool(panel.yaxis.get_ticklabels()) == named
        assert panel.get_ylabel() == ("" if named else f"samples, by {count} groups")
        assert len(panel.lines) == (2 * (count - 1) if count < 41 else 0)
