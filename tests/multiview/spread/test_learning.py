"""What is learned of a graph in blocks has the bits of what is learned of it in memory."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from views import hard_views, same_graph

from dsrl_ref.distributed import problem
from dsrl_ref.distributed.cluster import Cluster, Here
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import similarity_graph
from dsrl_ref.multiview.learning import Training, learn_graph, mixed
from dsrl_ref.multiview.spread import learning
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.learning import learn_spread, mixed_spread

pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")


def blocks(W, ends=(7, 50)):
    n = W.shape[0]
    rows = [slice(a, b) for a, b in zip((0, *ends), (*ends, n), strict=True)]
    return Blocks(Here(2), [csr_array(W[block]) for block in rows], rows, n)


def learned_both_ways(W, keep=0.25, epochs=200):
    options = {"keep": keep, "layers": 11, "epochs": epochs, "learning_rate": 0.02}
    return learn_graph(W, **options), learn_spread(blocks(W), Training(*options.values(), None))


def gathered(graph):
    return graph.gathered("", "")


@pytest.mark.parametrize("fetched", [learning.FETCHED, 0])
def test_theta_L_and_the_graph_have_the_bits_of_one_process(monkeypatch, fetched):
    monkeypatch.setattr(learning, "FETCHED", fetched)
    monkeypatch.setattr(problem, "BLOCK", 500)
    monkeypatch.setattr(Here, "groups", 2)
    if not fetched:
        monkeypatch.setattr(learning, "trained", lambda *_: pytest.fail("weights came to the caller"))
    W = similarity_graph(hard_views(200)[0], 12, weights="adaptive")
    expected, found = learned_both_ways(csr_array(W * 3.0))
    assert (found.theta, found.L, found.scale) == (expected.theta, expected.L, expected.scale)
    assert np.array_equal(found.losses, expected.losses)
    assert same_graph(gathered(found.graph), expected.graph)
    W = csr_array(W * 3.0)
    assert same_graph(gathered(mixed_spread(blocks(W), found.graph)), mixed(W, expected.graph))


def test_weights_of_blocks_without_an_edge_are_left_out(monkeypatch):
    monkeypatch.setattr(learning, "FETCHED", 0)
    W = np.zeros((220, 220))
    W[20:, 20:] = similarity_graph([hard_views(200)[0][0]], 12, weights="adaptive").toarray()
    expected, found = learned_both_ways(csr_array(W))
    assert (found.theta, found.L) == (expected.theta, expected.L)
    assert same_graph(gathered(found.graph), expected.graph)


def test_weights_are_learned_from_where_they_are(monkeypatch):
    class Near(Cluster):
        """A cluster that is here."""

        prepare, ask, slots = Here.prepare, Here.ask, 2

    told = []

    def stop(f, client, **_):
        told.append(client)
        raise InterruptedError("it is seen")

    monkeypatch.setattr(learning, "FETCHED", 0)
    monkeypatch.setattr(learning, "Objective", stop)
    W = blocks(csr_array(np.ones((60, 60))))
    for place, client in ((Near("mine", None, 60.0), "mine"), (Here(2), None)):
        with pytest.raises(InterruptedError, match="it is seen"):
            learn_spread(Blocks(place, W.states, W.rows, 60), Training(0.25, 3, 3, 0.02, None))
        assert told.pop() == client


def test_samples_that_lose_all_edges_keep_their_strongest_in_both_rows():
    W = np.zeros((60, 60))
    W[:50, :50] = 1.0 - np.eye(50)
    for i, j, weight in ((50, 3, 0.01), (51, 55, 0.02), (52, 8, 0.01), (52, 9, 0.015)):
        W[i, j] = W[j, i] = weight
    expected, found = learned_both_ways(csr_array(W))
    kept = gathered(found.graph)
    assert same_graph(kept, expected.graph)
    assert kept[[50]].indices.tolist() == [3]
    assert kept[[52]].indices.tolist() == [9]
    assert kept[[55]].indices.tolist() == [51]


def test_too_few_epochs_are_warned_of():
    W = csr_array(similarity_graph(hard_views(60)[0], 12, weights="adaptive"))
    with pytest.warns(GraphWarning, match="after 1 epochs only .* of the edges are kept") as said:
        expected, found = learned_both_ways(W, epochs=1)
    assert len(said) == 2  # here and there
    assert len({str(each.message) for each in said}) == 1
    assert same_graph(gathered(found.graph), expected.graph)


def test_a_graph_without_edges_stays_one():
    expected, found = learned_both_ways(csr_array((60, 60)))
    assert found.graph.nnz == expected.graph.nnz == 0
    assert found.scale == 1.0
    assert mixed_spread(blocks(csr_array((60, 60))), found.graph) is found.graph
