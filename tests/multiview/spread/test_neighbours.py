"""The graph of one view on workers has the bits of the one in memory, whichever blocks its rows are in."""

import numpy as np
import pytest
from views import holed_views, random_views, same_graph

from dsrl_ref.multiview.conventions import narrow
from dsrl_ref.multiview.edges import WEIGHTS, view_graph_by
from dsrl_ref.multiview.spread import neighbours
from dsrl_ref.multiview.spread.neighbours import graph_of
from dsrl_ref.multiview.spread.views import prepared, views_of
from dsrl_ref.multiview.views import prepare
from dsrl_ref.threads import limited, processors

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")

N = 60


def rows_of(*ends):
    return [slice(a, b) for a, b in zip((0, *ends[:-1]), ends, strict=True)]


def both(view, k, weights, kind, rows):
    """What neighbours were taken for the graph, and the graph, in one process and on workers."""
    here = prepare(view, "features")
    graph, share = view_graph_by(here.points, here.neighbours(k), weights, kind)
    (there,) = prepared(
        views_of([da.from_array(view, chunks=(25, 2)), da.ones((len(view), 1))])[:1], ["features"], k, weights, kind
    )
    found, taken = graph_of(there, "views[0]", rows, weights)
    return (narrow(here.scattered(graph)), share), (found, taken)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rows", [rows_of(N), rows_of(1, 2, 30, N), rows_of(20, 40, N)])
def test_blocks_decide_nothing(weights, rows):
    holed = holed_views(N)[1]
    holed[1] = np.nan  # a block has no sample that the view has
    for view in (random_views(N, (4,))[0], holed):
        (expected, _), (found, taken) = both(view, 5, weights, "exact", rows)
        assert found.rows == rows
        assert same_graph(found.gathered("", ""), expected)
        assert taken == ("exact", None)


def test_a_view_without_differences_has_no_edges():
    (expected, _), (found, _) = both(np.ones((N, 3)), 5, "adaptive", "exact", rows_of(20, N))
    assert found.nnz == expected.nnz == 0
    assert found.shape == (N, N)


def test_a_worker_searches_with_one_thread_a_task(monkeypatch):
    monkeypatch.setattr(neighbours, "found", lambda *_: (processors(), None))
    with limited(5):
        assert neighbours._near(prepare(np.eye(4), "features"), slice(0, 4), 1, "heat", "exact").lengths == 1


def test_approximate_neighbours_and_their_share_of_the_true_ones_are_those_of_one_process():
    pytest.importorskip("faiss", reason="the extra ann brings faiss")
    view = random_views(1200, (8,))[0]
    (expected, share), (found, taken) = both(view, 5, "adaptive", "approximate", rows_of(500, 1200))
    assert taken == ("approximate", share)
    assert same_graph(found.gathered("", ""), expected)
