"""The fused graph of dask arrays has the bits of the one of the same views in memory, however they are cut."""

import clusters
import numpy as np
import pytest
from scipy.sparse import csr_array
from views import holed_views, random_views, same_graph

from dsrl_ref.errors import ClusterError, GraphWarning, SizeError
from dsrl_ref.multiview import similarity_graph
from dsrl_ref.multiview.spread import fusion
from dsrl_ref.multiview.spread.views import prepared, views_of

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")

N = 60
CHUNKS = (-1, -1), (7, 50), (1, 3), ((40, 20), 2)
CUTS = [N], [1, N], [20, 40, N], [1, 2, 3, 17, 18, 43, N]


def spread(views, chunks=(25, 2)):
    return [da.from_array(view, chunks=chunks) for view in views]


def cut_at(monkeypatch, ends):
    starts = [0, *ends[:-1]]
    monkeypatch.setattr(fusion, "ranges", lambda *_: [slice(a, b) for a, b in zip(starts, ends, strict=True)])


@pytest.mark.parametrize("holed", [False, True])
@pytest.mark.parametrize("weights", ["heat", "self-tuning", "adaptive"])
def test_all_chunks_and_blocks_have_the_bits_of_one_process(monkeypatch, weights, holed):
    views = holed_views(N) if holed else random_views(N, (20, 3, 6))
    monkeypatch.setattr("dsrl_ref.multiview.neighbors.BLOCK_ENTRIES", 7 * N)  # products of seven samples
    choices = ("auto", "auto"), ("samples", None), ("features", [1, 2, 3]), ("auto", None)
    for (standardize, view_weights), chunks, ends in zip(choices, CHUNKS, CUTS, strict=True):
        options = {"weights": weights, "standardize": standardize, "view_weights": view_weights}
        cut_at(monkeypatch, ends)
        found = similarity_graph(spread(views, chunks), 5, **options)
        assert found.chunks == (tuple(np.diff([0, *ends]).tolist()), (N,))
        assert same_graph(found.compute(), similarity_graph(views, 5, **options)), (options, chunks, ends)


def test_sparse_chunks_stay_sparse(monkeypatch):
    rng = np.random.default_rng(0)
    counts = csr_array(rng.poisson(0.03, size=(N, 200)).astype(float))
    views, other = [counts, random_views(N, (6,))[0]], spread(random_views(N, (6,)))[0]
    parts = [
        da.from_delayed(da.core.delayed(counts[a : a + 20]), (20, 200), meta=csr_array((0, 0))) for a in (0, 20, 40)
    ]
    for standardize in ("tf-idf", "samples", "auto"):
        chosen = [views[0]] if standardize == "tf-idf" else views
        given = [da.concatenate(parts), other][: len(chosen)]
        expected = similarity_graph(chosen, 5, standardize=standardize, weights="adaptive")
        found = similarity_graph(given, 5, standardize=standardize, weights="adaptive")
        assert same_graph(found.compute(), expected)


def test_views_agree_on_as_many_clusters_as_are_asked_for(monkeypatch):
    told, consensus = [], fusion.consensus
    monkeypatch.setattr(fusion, "consensus", lambda graph, count: told.append(count) or consensus(graph, count))
    views = prepared(views_of(spread(random_views(N, (20, 6)))), ["features"] * 2, 5, "adaptive", "auto")
    for count in (3, None):
        fusion.fused(views, "adaptive", None, count)
    assert told == [3, None]


def test_a_view_alone_is_prepared_in_one_way_which_others_need_not_choose(monkeypatch):
    monkeypatch.setattr(fusion, "choice", lambda *_: pytest.fail("there is nothing to choose"))
    assert fusion.ways_for(views_of(spread(random_views(N, (20,)))), "auto", 5, "adaptive") == ["features"]


def test_views_that_tell_nothing_are_warned_of_and_have_no_edges_as_in_memory():
    views, said, graphs = [random_views(N, (5,))[0], np.ones((N, 4))], [], []
    for given in (views, spread(views)):
        with pytest.warns(GraphWarning, match=r"views\[1\] is constant: standardised along samples") as warned:
            graphs.append(similarity_graph(given, 5))
        said.append([(str(each.message), each.filename) for each in warned])
    assert said[0] == said[1]
    assert same_graph(graphs[1].compute(), graphs[0])


def test_samples_in_views_of_weight_0_alone_are_warned_of():
    views = random_views(N, (5, 4))
    views[0][3] = np.nan
    for given in (views, spread(views)):
        with pytest.warns(GraphWarning, match="1 of 60 samples are in no view but such of weight 0, .* sample 3"):
            similarity_graph(given, 5, view_weights=[1, 0])


def test_what_the_caller_cannot_hold_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr("dsrl_ref.memory.free_memory", lambda: 1000)
    views = spread(random_views(N, (20, 6)))
    with pytest.raises(
        SizeError, match=r"view_weights='auto' clusters the graph in the memory of the caller, \d+ entr"
    ):
        similarity_graph(views, 5, view_weights="auto")
    assert similarity_graph(views, 5).shape == (N, N)


@pytest.mark.children
def test_workers_that_die_between_views_and_after_leave_no_trace(client, monkeypatch):
    views = random_views(N, (20, 6))
    expected = similarity_graph(views, 5, view_weights="auto")
    here = fusion.graph_of

    def dying(view, name, rows, weights):
        if name == "views[1]":
            clusters.killed_and_missed(client)
        return here(view, name, rows, weights)

    monkeypatch.setattr(fusion, "graph_of", dying)
    found = similarity_graph(spread(views), 5, view_weights="auto")
    clusters.killed_and_missed(client)
    assert same_graph(found.compute(), expected)


@pytest.mark.children
def test_a_scheduler_that_forgot_and_a_closed_client_are_named(client, monkeypatch):
    views, here = random_views(N, (20, 6)), fusion.graph_of

    def forgetting(view, *given):
        clusters.forgotten(client, [view.state])
        return here(view, *given)

    monkeypatch.setattr(fusion, "graph_of", forgetting)
    with pytest.raises(ClusterError, match="the Dask scheduler has forgotten what was made of the views"):
        similarity_graph(spread(views), 5)
    monkeypatch.setattr(
        fusion, "graph_of", lambda *given: monkeypatch.setattr(client, "status", "closed") or here(*given)
    )
    with pytest.raises(ClusterError, match="the Dask client is closed"):
        similarity_graph(spread(views), 5)
