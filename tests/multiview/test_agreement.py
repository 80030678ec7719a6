"""What views agree in: weights that no label decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples
from views import hard_views

from dsrl_ref.multiview import agreement
from dsrl_ref.multiview.agreement import chosen, consensus, separation, weights_by_agreement
from dsrl_ref.multiview.edges import view_graph
from dsrl_ref.multiview.views import prepare


def graphs_of(views, k=15):
    return [view_graph(prepare(view, "features").points, k, "adaptive") for view in views]


def noise(n, seed=7, d=20):
    return np.random.default_rng(seed).normal(size=(n, d))


VIEWS, LABELS = hard_views()
GRAPHS = graphs_of([*VIEWS, noise(120)])
MIXED = graphs_of([VIEWS[0], VIEWS[0] + 1.5 * noise(120, 1, 10), VIEWS[0] + 4 * noise(120, 2, 10)])


def naive_separation(W, partition):
    """Modularity by the largest that the degrees of the clusters allow, pair by pair."""
    total, degrees, n = sum(map(sum, W)), [sum(row) for row in W], len(W)
    same = [(i, j) for i in range(n) for j in range(n) if partition[i] == partition[j]]
    expected = sum(degrees[i] * degrees[j] for i, j in same) / total**2
    return (sum(W[i][j] for i, j in same) / total - expected) / (1 - expected)


def test_separation_is_modularity_by_the_largest_that_it_can_be():
    rng = np.random.default_rng(0)
    for classes in (2, 5):
        W = np.triu(rng.random((30, 30)) * (rng.random((30, 30)) < 0.3), 1)
        partition = rng.integers(0, classes, 30)
        expected = naive_separation((W + W.T).tolist(), partition)
        assert separation(csr_array(W + W.T), partition) == pytest.approx(expected, rel=1e-12)


def test_separation_is_1_where_no_edge_leaves_a_cluster_and_0_where_there_is_nothing():
    blocks = csr_array(np.kron(np.eye(3), np.ones((4, 4)) - np.eye(4)))
    assert separation(blocks, np.repeat([0, 1, 2], 4)) == pytest.approx(1, rel=1e-15)
    assert separation(blocks, np.tile([0, 1, 2, 3], 3)) < 0
    assert separation(blocks, np.zeros(12, dtype=int)) == 0
    assert separation(csr_array((12, 12)), np.repeat([0, 1, 2], 4)) == 0


def test_noise_counts_nothing_and_what_agrees_much_counts_more():
    found = weights_by_agreement(GRAPHS, 4)
    assert found.sum() == pytest.approx(1, rel=1e-15)
    assert found[3] == 0
    assert found[:3].min() > 0.25
    first, second, third = weights_by_agreement(MIXED, 4)
    assert first > second > third


def test_weights_are_the_power_of_separation_of_the_consensus():
    partition = consensus(agreement.mean_graph(MIXED, np.full(3, 1 / 3)), 4)
    powers = [naive_separation(graph.toarray().tolist(), partition) ** 0.75 for graph in MIXED]
    assert weights_by_agreement(MIXED, 4) == pytest.approx(np.array(powers) / sum(powers), rel=1e-12)


def test_the_consensus_is_that_of_the_classes():
    found = consensus(agreement.mean_graph(GRAPHS[:3], np.full(3, 1 / 3)), 4)
    table = np.zeros((4, 4))
    np.add.at(table, (LABELS, found), 1)
    assert table.max(axis=1).sum() >= 0.9 * 120
    assert np.array_equal(consensus(agreement.mean_graph(GRAPHS[:3], np.full(3, 1 / 3)), None), found)  # 4 by the gap


@given(st.permutations(range(4)), st.integers(2, 5))
@examples(20)
def test_the_order_of_the_views_does_not_matter(order, clusters):
    found = weights_by_agreement([GRAPHS[v] for v in order], clusters)
    assert found == pytest.approx(weights_by_agreement(GRAPHS, clusters)[list(order)], abs=1e-9)


@given(st.integers(0, 10**6))
@examples(10)
def test_the_names_of_samples_do_not_matter(seed):
    order = np.random.default_rng(seed).permutation(120)
    found = weights_by_agreement([csr_array(graph[order][:, order]) for graph in MIXED], 4)
    assert found == pytest.approx(weights_by_agreement(MIXED, 4), abs=0.03)  # k-means begins elsewhere


@given(st.integers(-8, 8))
@examples(10)
def test_units_of_the_weights_do_not_matter(exponent):
    found = weights_by_agreement([graph * 2.0**exponent for graph in MIXED], 4)
    assert found.tolist() == weights_by_agreement(MIXED, 4).tolist()


def test_equal_views_count_equally_and_where_none_agrees_all_do():
    assert weights_by_agreement([GRAPHS[0]] * 3, 4) == pytest.approx([1 / 3] * 3)
    assert weights_by_agreement(GRAPHS[:1], 4).tolist() == [1]
    assert weights_by_agreement(MIXED, 1).tolist() == [1 / 3] * 3
    assert weights_by_agreement([csr_array((12, 12))] * 2, 3).tolist() == [0.5, 0.5]


def test_a_tenth_of_the_best_is_needed(monkeypatch):
    for share, expected in ((0.1, True), (0.09, False)):
        values = iter([1.0, share])
        monkeypatch.setattr(agreement, "separation", lambda *_, values=values: next(values))
        assert bool(weights_by_agreement(GRAPHS[:2], 4)[1] > 0) is expected


def test_counts_are_for_tf_idf_whatever_the_others_say():
    rng = np.random.default_rng(0)
    words = (rng.random((40, 120)) < 0.05).astype(float)
    dense = rng.normal(size=(40, 20))
    assert chosen([words, dense], 5, "adaptive")[0] == "tf-idf"
    assert chosen([csr_array(words)], 5, "adaptive") == ["tf-idf"]
    assert chosen([dense], 5, "adaptive") == ["features"]
    assert chosen([words, words], 5, "adaptive") == ["tf-idf", "tf-idf"]
