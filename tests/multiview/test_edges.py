"""The edges of one view, and the mean over views: what the whole graph, in `test_graph.py`, does not show."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples
from views import euclidean, naive_graph, naive_weights, nearest_first, random_views

from dsrl_ref.multiview import edges
from dsrl_ref.multiview.edges import WEIGHTS, Links, mean_graph, room, thresholded, view_graph
from dsrl_ref.multiview.neighbors import nearest
from dsrl_ref.multiview.points import Dense, Sparse
from dsrl_ref.multiview.views import prepare


def links(new, seen, k, kind):
    return Links(seen, k, kind)(new)


VIEW = random_views(12, (4,))[0]


def test_weights_where_distances_leave_nothing_to_tell():
    lengths, others = np.array([[0.0, 1.0, 1.0, 1.0]]), np.array([[False, True, True, True]])
    assert edges.linear_weights(lengths, np.array([1.0]), others).tolist() == [[0, 1 / 3, 1 / 3, 1 / 3]]
    assert edges.linear_weights(lengths, np.array([2.0]), others).tolist() == [[0, 1 / 3, 1 / 3, 1 / 3]]
    assert edges.heat_weights(np.zeros((1, 2)), 0.0).tolist() == [[1, 1]]
    found = edges.self_tuning_weights(np.array([[0.0, 1.0, 1.0]]), np.array([[0.0, 0.0, 1.0]]))
    assert found.tolist() == [[1, 0, np.exp(-1)]]


def test_what_is_at_the_bound_but_for_rounding_has_no_weight():
    others = np.array([[True, True, True]])
    nearly = 2 * (1 - 1e-11)
    assert edges.linear_weights(np.array([[1.0, nearly, nearly]]), np.array([2.0]), others).tolist() == [[1, 0, 0]]
    even = edges.linear_weights(np.array([[nearly, nearly, nearly]]), np.array([2.0]), others)
    assert even.tolist() == [[1 / 3, 1 / 3, 1 / 3]]
    farther = 2 * (1 - 1e-8)
    assert (edges.linear_weights(np.array([[1.0, farther, farther]]), np.array([2.0]), others) > 0).all()


def words(seed, n=60, d=150):
    """Counts with samples that have no words at all, and some twice."""
    rng = np.random.default_rng(seed)
    view = rng.poisson(1.0, size=(n, d)) * (rng.random((n, d)) < 0.06)
    view[rng.permutation(n)[:4]] = 0
    view[:5] = view[5:10]
    return view.astype(float)


@pytest.mark.parametrize("kind", ["adaptive", "self-tuning"])
@pytest.mark.parametrize("how", ["tf-idf", "samples", "features"])
def test_the_order_of_the_features_decides_no_edge(how, kind):
    for seed in range(6):
        view = words(seed)
        turned = view[:, np.random.default_rng(seed).permutation(view.shape[1])]
        first, second = (view_graph(prepare(each, how).points, 8, kind) for each in (view, turned))
        assert np.array_equal(first.toarray() != 0, second.toarray() != 0)
        assert second.toarray() == pytest.approx(first.toarray(), rel=1e-6, abs=1e-9)


def test_what_has_no_words_is_joined_to_the_first_samples_evenly():
    """It is as far from all that share no word with it, and these come in their order."""
    view = words(0)
    view[:] = np.where(view.any(axis=1, keepdims=True), view, 0)
    blank = np.flatnonzero(~view.any(axis=1))
    directed = links(prepare(view, "tf-idf").like(np.zeros((1, 150))), prepare(view, "tf-idf").points, 8, "adaptive")
    near = np.flatnonzero(directed.toarray()[0])
    assert near.tolist() == blank[:8].tolist()


@pytest.mark.parametrize("k", [1, 4, 18])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_the_graph_of_a_view_equals_the_recipe_in_scalar_loops(kind, k):
    rows = random_views(20, (6,))[0]
    found = view_graph(Dense(np.ascontiguousarray(rows.T)), k, kind)
    assert found.toarray() == pytest.approx(naive_graph(rows, k, kind), rel=1e-9, abs=1e-14)
    assert (found.data > 0).all()


def test_of_equal_samples_the_first_are_neighbours_and_one_may_not_be_its_own():
    rows = np.array([[0.0, 1.0, 5.0]] * 4 + [[5.0, 1.0, 0.0]])
    found = view_graph(Dense(np.ascontiguousarray(rows.T)), 2, "heat").toarray()
    assert (found[3] == [1, 1, 1, 0, 0]).all()  # its three nearest are 0, 1, 2, before itself
    assert not found.diagonal().any()


@pytest.mark.parametrize("kind", WEIGHTS)
def test_links_of_new_samples_equal_the_recipe_in_scalar_loops(kind):
    seen, new = random_views(20, (6,))[0], random_views(7, (6,), 1)[0]
    among = euclidean(seen, seen)
    mean = sum(map(sum, among)) / 400
    scales = [row[nearest_first(row, i)[3]] for i, row in enumerate(among)]
    expected = np.zeros((7, 20))
    for i, lengths in enumerate(euclidean(new, seen)):
        for j, weight in naive_weights(lengths, 4, kind, mean, scales).items():
            expected[i, j] = weight
    found = links(*(Dense(np.ascontiguousarray(rows.T)) for rows in (new, seen)), 4, kind)
    assert found.toarray() == pytest.approx(expected, rel=1e-9, abs=1e-14)
    equal = Dense(np.zeros((6, 20)))
    assert links(equal.take(slice(7)), equal, 4, kind).nnz == view_graph(equal, 4, kind).nnz == 0


@pytest.mark.parametrize("kind", WEIGHTS)
def test_sparse_points_have_the_edges_of_the_same_dense_ones(kind):
    rows = random_views(20, (6,))[0] * (random_views(20, (6,), 1)[0] > 0)
    sparse, dense = Sparse.unmoved(csr_array(rows)), Dense(np.ascontiguousarray(rows.T))
    expected = view_graph(dense, 4, kind).toarray()
    assert view_graph(sparse, 4, kind).toarray() == pytest.approx(expected, rel=1e-6, abs=1e-9)
    expected = links(dense.take(slice(3)), dense, 4, kind).toarray()
    assert links(sparse.take(slice(3)), sparse, 4, kind).toarray() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_mean_of_graphs_is_in_order_whatever_they_are():
    turned = csr_array((np.array([1.0, 2.0]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    found = mean_graph([turned, turned], np.array([0.25, 0.5]))
    assert found.indices.tolist() == [0, 2]
    assert found.data.tolist() == [1.5, 0.75]


def test_a_soft_threshold_takes_a_share_of_the_edges():
    W = csr_array(np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 5.0], [2.0, 5.0, 0.0]]))
    assert thresholded(W, 0.5).toarray().tolist() == [[0, 0, 0], [0, 0, 3], [0, 3, 0]]
    assert thresholded(W, 0.5).nnz == 2
    assert thresholded(W, 0.2).toarray().tolist() == [[0, 0, 1], [0, 0, 4], [1, 4, 0]]
    before = W.toarray().tolist()
    thresholded(W, 0.5).indices[:] = 0
    assert W.toarray().tolist() == before
    assert thresholded(W, 0) is W
    assert thresholded(csr_array((3, 3)), 0.5).nnz == 0


def test_rows_before_both_directions_are_one_are_in_order():
    some = points(VIEW)
    lengths, columns = edges.found(some, some, 5, "adaptive", "exact")
    rows = edges.directed(lengths, columns, 4, "adaptive", 0.0, edges.radii_of(lengths, 4))
    assert all((np.diff(rows.indices[a:b]) > 0).all() for a, b in pairwise(rows.indptr))


@pytest.mark.parametrize(("weights", "kind"), [("adaptive", "exact"), ("heat", "exact"), ("heat", "approximate")])
def test_some_rows_have_the_neighbours_that_they_have_among_all(monkeypatch, weights, kind):
    monkeypatch.setattr(
        edges, "nearest", lambda some, others, count, verbose, kind, rows: nearest(some, others, count, rows=rows)
    )
    some = points(VIEW)
    whole = edges.found(some, some, 5, weights, kind)
    part = edges.found(some, some, 5, weights, kind, rows=slice(3, 7))
    assert all(np.array_equal(a[3:7], b) for a, b in zip(whole, part, strict=True))


@pytest.fixture
def sought(monkeypatch):
    """Which kinds of neighbours were looked for, and how verbosely; all that are found are exact."""
    kinds = []

    def recording(some, others, count, verbose=None, kind="exact", rows=None):
        kinds.append((kind, verbose))
        return nearest(some, others, count, rows=rows)

    monkeypatch.setattr(edges, "nearest", recording)
    monkeypatch.setattr(edges, "recall", lambda some, columns: columns.shape[1] / 100)
    return kinds


@pytest.mark.parametrize("weights", WEIGHTS)
def test_neighbours_are_of_the_kind_that_was_asked_for_and_approximate_ones_have_a_recall(sought, weights):
    assert edges.view_graph_by(points(VIEW), 3, weights, "exact")[1] is None
    sought.clear()
    share = edges.view_graph_by(points(VIEW), 3, weights, "approximate", verbose=False)[1]
    assert share == (0.05 if weights == "adaptive" else 0.04)
    assert sought == [("approximate", False)]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_links_of_few_new_samples_are_exact_and_of_others_as_the_seen_ones(sought, weights):
    seen = points(random_views(40, (4,))[0])
    join = Links(seen, 3, weights, "approximate")
    assert sought == [("approximate", None)] * (weights == "self-tuning")
    for count, kind in ((4, "exact"), (5, "approximate")):
        sought.clear()
        join(points(VIEW[:count]))
        assert [asked for asked, _ in sought] == [kind] * ((kind, weights) != ("exact", "heat"))


def points(samples):
    return Dense(np.ascontiguousarray(np.asarray(samples).T))


def naive_mean(graphs, weights, rows, columns):
    """Pair by pair: the sum of weight times edge, divided by the root of the weights of the views that have both."""
    mean = np.zeros(graphs[0].shape)
    for i, j in np.ndindex(mean.shape):
        both = [v for v in range(len(graphs)) if rows[i][v] and columns[j][v]]
        share = sum(weights[v] for v in both)
        if share:
            mean[i, j] = sum(weights[v] * graphs[v][i, j] for v in both) / math.sqrt(share)
    return mean


def holed(m, n, views, seed):
    """Graphs (m, n) of views that lack some rows and columns, which have no edges there."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.random((m, views)) < 0.7, rng.random((n, views)) < 0.7
    edges = [
        rng.random((m, n)) * (rng.random((m, n)) < 0.4) * np.outer(rows[:, v], columns[:, v]) for v in range(views)
    ]
    return edges, rows, columns


@given(st.integers(0, 10**6), st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(any))
@examples(100)
def test_the_mean_is_over_the_views_that_have_both_samples_of_a_pair(seed, shares):
    graphs, rows, columns = holed(5, 7, len(shares), seed)
    weights = np.array(shares) / sum(shares)
    found = mean_graph([csr_array(graph) for graph in graphs], weights, rows, columns)
    assert found.toarray() == pytest.approx(naive_mean(graphs, weights, rows, columns), rel=1e-12)
    assert np.isfinite(found.data).all()
    assert found.has_sorted_indices
    assert found.nnz == np.count_nonzero(found.toarray())
    assert found.data.max(initial=0) <= 1 + 1e-15
    everyone = np.ones_like(rows)  # new samples, say, that lack nothing
    found = mean_graph([csr_array(graph) for graph in graphs], weights, everyone, columns)
    assert found.toarray() == pytest.approx(naive_mean(graphs, weights, everyone, columns), rel=1e-12)


def test_where_every_view_has_every_sample_it_is_the_mean_to_the_last_bit():
    rng = np.random.default_rng(0)
    graphs = [rng.random((6, 6)) * (rng.random((6, 6)) < 0.6) for _ in range(3)]
    weights, everyone = np.array([0.2, 0.5, 0.3]), np.ones((6, 3), dtype=bool)  # of sum 1 - 1.1e-16
    found = mean_graph([csr_array(graph) for graph in graphs], weights, everyone, everyone).toarray()
    assert found.tolist() == (((0.2 * graphs[0]) + 0.5 * graphs[1]) + 0.3 * graphs[2]).tolist()


def test_a_symmetric_mean_stays_symmetric_to_the_last_bit():
    graphs, rows, _ = holed(9, 9, 3, 5)
    graphs = [csr_array(np.maximum(g, g.T) * np.outer(rows[:, v], rows[:, v])) for v, g in enumerate(graphs)]
    found = mean_graph(graphs, np.array([0.1, 0.2, 0.7]), rows, rows).toarray()
    assert found.any()
    assert found.tolist() == found.T.tolist()


@pytest.mark.parametrize("kind", WEIGHTS)
def test_of_few_samples_as_many_are_neighbours_as_there_can_be(kind):
    """One remains beyond the last neighbour where that bounds the weights."""
    for count in (4, 7, 12):
        most = count - 1 - (kind == "adaptive")
        few = points(VIEW[:count])
        assert [room(k, count, kind) for k in (1, most, most + 1, 99)] == [1, most, most, most]
        expected = naive_graph(VIEW[:count], most, kind)
        for k in (most, most + 1, 50):
            assert view_graph(few, k, kind).toarray() == pytest.approx(expected, rel=1e-9, abs=1e-14)
        new = points(VIEW[10:] + 0.1)
        for k in (most + 1, 50):
            assert (links(new, few, k, kind) != links(new, few, most, kind)).nnz == 0
            assert links(new, few, k, kind).nnz == 2 * most


@pytest.mark.parametrize("kind", WEIGHTS)
def test_two_samples_are_joined_to_each_other(kind):
    pair = points(VIEW[:2])
    found = view_graph(pair, 10, kind).toarray()
    length = math.dist(*VIEW[:2])
    expected = {"heat": math.exp(-(length**2) / (2 * (length / 2) ** 2)), "self-tuning": math.exp(-1), "adaptive": 1.0}
    assert found == pytest.approx(expected[kind] * np.array([[0, 1], [1, 0]]))
    near = VIEW[:1] + 0.01
    found = links(points(near), pair, 10, kind).toarray()
    assert np.argmax(found) == 0
    lengths = [math.dist(near[0], other) for other in VIEW[:2]]
    if kind == "adaptive":
        assert found.tolist() == [[1.0, 0.0]]
    else:
        weights = naive_weights(lengths, 1, kind, length / 2, [length, length])
        assert found[0, 0] == pytest.approx(weights[0])


@pytest.mark.parametrize("kind", WEIGHTS)
def test_one_sample_is_joined_to_nothing(kind):
    one = points(VIEW[:1])
    assert view_graph(one, 10, kind).nnz == 0
    assert links(points(VIEW[:3]), one, 10, kind).shape == (3, 1)
    assert links(points(VIEW[:3]), one, 10, kind).nnz == 0
