"""What views agree in: weights that no label decides."""

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples
from views import fewer, hard_views, holed, naive_graph, random_views, standard

from dsrl_ref.multiview import agreement, assembly, neighbors
from dsrl_ref.multiview.agreement import chosen, consensus, separation, weights_by_agreement
from dsrl_ref.multiview.edges import mean_graph, thresholded, view_graph
from dsrl_ref.multiview.spectral import embed, k_means
from dsrl_ref.multiview.views import prepare


def graphs_of(views, k=15):
    return [view_graph(prepare(view, "features").points, k, "adaptive") for view in views]


def noise(n, seed=7, d=20):
    return np.random.default_rng(seed).normal(size=(n, d))


VIEWS, LABELS = hard_views()
GRAPHS = graphs_of([*VIEWS, noise(120)])
MIXED = graphs_of([VIEWS[0], VIEWS[0] + 1.5 * noise(120, 1, 10), VIEWS[0] + 4 * noise(120, 2, 10)])


def naive_choice(views, k):
    """What to standardise in each view: the share of its edges that other views have, counted edge by edge."""
    tried = []
    for view in views:
        n, places = len(view), np.flatnonzero(~np.isnan(view[:, 0]))
        view, near = view[places], fewer(k, len(places), n, "heat")
        ways = {} if view.shape[1] < 16 else {"samples": standard(view)}
        ways["features"] = standard(view.T).T
        graphs = {axis: naive_graph(samples, near, "heat") for axis, samples in ways.items()}
        edges = {axis: places[np.array(np.nonzero(graph))] for axis, graph in graphs.items()}
        tried.append({axis: {*zip(*pairs, strict=True)} for axis, pairs in edges.items()})
    chosen = []
    for view in tried:
        others = [edges for other in tried if other is not view for edges in other.values()]
        shares = {axis: sum(len(edges & other) for other in others) / len(edges) for axis, edges in view.items()}
        chosen.append(max(shares, key=shares.get))
    return chosen


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


def test_the_consensus_sees_the_mean_and_its_strongest_edges():
    """Each alone has other clusters here."""
    W = agreement.mean_graph(MIXED, np.full(3, 1 / 3))
    embeddings = [embed(graph, 4) for graph in (W, thresholded(W, 0.75))]
    both, first, second = (
        k_means(points, 4, 3, np.random.default_rng(0)).tolist() for points in (np.hstack(embeddings), *embeddings)
    )
    assert consensus(W, 4).tolist() == both
    assert both not in (first, second)


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


def test_what_contradicts_the_others_counts_nothing():
    blocks = np.kron(np.eye(4), np.ones((8, 8)) - np.eye(8))
    across = 0.01 * (1 - np.kron(np.eye(4), np.ones((8, 8))))
    assert weights_by_agreement([csr_array(each) for each in (blocks, blocks, across)], 4).tolist() == [0.5, 0.5, 0]


def test_a_tenth_of_the_best_is_needed(monkeypatch):
    for share, expected in ((0.1, True), (0.09, False)):
        values = iter([1.0, share])
        monkeypatch.setattr(agreement, "separation", lambda *_, values=values: next(values))
        assert bool(weights_by_agreement(GRAPHS[:2], 4)[1] > 0) is expected


def test_separation_does_not_depend_on_the_blocks_that_it_is_added_up_in(monkeypatch):
    rng = np.random.default_rng(0)
    graph, partition = csr_array(rng.random((12, 12)) * (rng.random((12, 12)) < 0.5)), rng.integers(3, size=12)
    whole = separation(graph, partition)
    monkeypatch.setattr(assembly, "BLOCK", 10)
    assert separation(graph, partition) == pytest.approx(whole, rel=1e-12)


def test_of_one_view_nothing_is_clustered(monkeypatch):
    monkeypatch.setattr(agreement, "consensus", None)
    assert weights_by_agreement([csr_array(np.ones((3, 3)))], 2).tolist() == [1.0]


def test_edges_are_shared_however_small_their_weights_are():
    graph = csr_array(np.array([[0, 1e-200, 0], [1e-200, 0, 1e-300], [0, 1e-300, 0]]))
    assert agreement.mean_overlap(graph, [graph, csr_array((3, 3))]) == 0.5


def test_counts_are_for_tf_idf_whatever_the_others_say():
    rng = np.random.default_rng(0)
    words = (rng.random((40, 120)) < 0.05).astype(float)
    dense = rng.normal(size=(40, 20))
    assert chosen([words, dense], 5, "adaptive")[0] == "tf-idf"
    assert chosen([csr_array(words)], 5, "adaptive") == ["tf-idf"]
    assert chosen([dense], 5, "adaptive") == ["features"]
    assert chosen([words, words], 5, "adaptive") == ["tf-idf", "tf-idf"]


def test_auto_does_not_take_few_features_along_samples():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 30)
    views = [3 * rng.normal(size=(3, 2))[labels] + rng.normal(size=(90, 2)) for _ in range(2)]
    # along samples, two features are one of two points: such views agree in nothing but the order of the samples
    assert chosen(views, 10, "adaptive") == ["features", "features"]
    wide = np.hstack([rng.normal(size=(90, 20)), 10 * np.eye(3)[labels]])
    assert chosen([*views, wide], 10, "adaptive")[:2] == ["features", "features"]


def test_auto_takes_what_the_other_views_agree_with():
    rng = np.random.default_rng(0)
    level, pattern = rng.normal(size=(90, 1)), rng.normal(size=(90, 20))
    levels = [level + 0.1 * rng.normal(size=(90, 20)) for _ in range(2)]  # along samples, noise is left of them
    patterns = [pattern + 100 * rng.normal(size=(90, 1)) for _ in range(2)]  # along features, it drowns them
    assert chosen(levels, 10, "adaptive") == ["features", "features"]
    assert chosen(patterns, 10, "adaptive") == ["samples", "samples"]
    assert chosen([pattern], 10, "adaptive") == ["features"]
    assert chosen([pattern[:, :15]], 10, "adaptive") == ["features"]


def test_auto_takes_what_shares_more_edges_with_the_other_views():
    found = []
    for seed in range(40):
        views = random_views(14, (16, 17, 5), seed)
        found.append(naive_choice(views, 3))
        assert chosen(views, 3, "heat") == found[-1]
    assert {axes[0] for axes in found} == {axes[1] for axes in found} == {"samples", "features"}


def test_auto_looks_at_some_of_many_samples(monkeypatch):
    monkeypatch.setattr(neighbors, "SAMPLED", 12)
    for seed in range(10):
        views = random_views(60, (16, 17, 5), seed)
        rows = neighbors.sampled(60)
        expected = naive_choice([view[rows] for view in views], 10)
        assert chosen(views, 30, "heat") == expected


def test_what_to_standardise_is_chosen_by_the_samples_that_a_view_has():
    found = []
    for seed in range(30):
        views, _ = holed(random_views(18, (16, 17, 5), seed), 0.2, seed)
        found.append(naive_choice(views, 7))
        assert chosen(views, 7, "heat") == found[-1]
    assert {axes[0] for axes in found} == {axes[1] for axes in found} == {"samples", "features"}


def test_a_view_that_has_none_of_the_samples_looked_at_is_prepared_all_the_same(monkeypatch):
    monkeypatch.setattr(neighbors, "SAMPLED", 12)
    views = random_views(60, (16, 17, 5))
    views[0][neighbors.sampled(60)] = np.nan
    assert chosen(views, 5, "heat")[0] in ("samples", "features")


def test_counts_are_known_by_the_samples_that_a_view_has():
    words = (np.random.default_rng(0).random((40, 120)) < 0.05).astype(float)
    words[[2, 5]] = np.nan
    assert chosen([words, noise(40)], 5, "adaptive")[0] == "tf-idf"
    assert chosen([noise(40), csr_array(words)], 5, "adaptive")[1] == "tf-idf"


def test_no_sample_is_left_without_a_view_that_counts():
    """Noise counts nothing, unless it is all that there is of a sample: then as little as the least of the others."""
    seen = np.ones((120, 4), dtype=bool)
    seen[:, 3], seen[9, 0] = np.arange(120) < 60, False

    def weights():
        lacking = [csr_array(graph.multiply(np.outer(has, has))) for graph, has in zip(GRAPHS, seen.T, strict=True)]
        return weights_by_agreement(lacking, 4, seen)

    found = weights()
    assert found[3] == 0
    assert found.sum() == pytest.approx(1, rel=1e-15)
    seen[[7, 8], :3], seen[8, 2] = False, True
    kept = weights()
    assert kept.sum() == pytest.approx(1, rel=1e-15)
    assert kept[3] == kept[:3].min() > 0
    assert len(set(kept[:3])) == 3


def test_a_consensus_of_views_that_lack_samples_is_of_pairs_as_the_views_have_them():
    seen = np.random.default_rng(0).random((120, 3)) < 0.6
    graphs = [csr_array(graph.multiply(np.outer(has, has))) for graph, has in zip(MIXED, seen.T, strict=True)]
    partition = consensus(agreement.mean_graph(graphs, np.full(3, 1 / 3), seen, seen), 4)
    powers = [naive_separation(graph.toarray().tolist(), partition) ** 0.75 for graph in graphs]
    seen_once = seen | ~seen.any(axis=1, keepdims=True)
    assert weights_by_agreement(graphs, 4, seen_once) == pytest.approx(np.array(powers) / sum(powers), rel=1e-12)


def test_the_mean_is_let_go_before_its_strongest_edges_are_embedded(monkeypatch):
    held = []

    def watched(graph, count):
        alive = [reference() is not None for reference in held]
        held.append(weakref.ref(graph))
        found.append(alive)
        return embed(graph, count)

    found = []
    monkeypatch.setattr(agreement, "embed", watched)
    consensus(mean_graph(GRAPHS, np.full(len(GRAPHS), 1 / len(GRAPHS))), 3)
    assert found == [[], [False]]
