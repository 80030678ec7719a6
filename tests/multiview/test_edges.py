"""The edges of one view, and the mean over views: what the whole graph, in `test_graph.py`, does not show."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from views import euclidean, naive_graph, naive_weights, nearest_first, random_views

from dsrl_ref.multiview import edges
from dsrl_ref.multiview.edges import WEIGHTS, mean_graph, thresholded, view_graph
from dsrl_ref.multiview.points import Dense, Sparse
from dsrl_ref.multiview.views import prepare


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
    directed = edges.links(
        prepare(view, "tf-idf").like(np.zeros((1, 150))), prepare(view, "tf-idf").points, 8, "adaptive"
    )
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
    found = edges.links(*(Dense(np.ascontiguousarray(rows.T)) for rows in (new, seen)), 4, kind)
    assert found.toarray() == pytest.approx(expected, rel=1e-9, abs=1e-14)
    equal = Dense(np.zeros((6, 20)))
    assert edges.links(equal.take(slice(7)), equal, 4, kind).nnz == view_graph(equal, 4, kind).nnz == 0


@pytest.mark.parametrize("kind", WEIGHTS)
def test_sparse_points_have_the_edges_of_the_same_dense_ones(kind):
    rows = random_views(20, (6,))[0] * (random_views(20, (6,), 1)[0] > 0)
    sparse, dense = Sparse.unmoved(csr_array(rows)), Dense(np.ascontiguousarray(rows.T))
    expected = view_graph(dense, 4, kind).toarray()
    assert view_graph(sparse, 4, kind).toarray() == pytest.approx(expected, rel=1e-6, abs=1e-9)
    expected = edges.links(dense.take(slice(3)), dense, 4, kind).toarray()
    assert edges.links(sparse.take(slice(3)), sparse, 4, kind).toarray() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_mean_of_graphs_is_in_order_whatever_they_are():
    turned = csr_array((np.array([1.0, 2.0]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    found = mean_graph([turned, turned], np.array([0.25, 0.5]))
    assert found.indices.tolist() == [0, 2]
    assert found.data.tolist() == [1.5, 0.75]


def test_a_soft_threshold_takes_a_share_of_the_edges():
    W = csr_array(np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 5.0], [2.0, 5.0, 0.0]]))
    assert thresholded(W, 0.5).toarray().tolist() == [[0, 0, 0], [0, 0, 3], [0, 3, 0]]
    assert thresholded(W, 0.5).nnz == 2
    before = W.toarray().tolist()
    thresholded(W, 0.5).indices[:] = 0
    assert W.toarray().tolist() == before
    assert thresholded(W, 0) is W
    assert thresholded(csr_array((3, 3)), 0.5).nnz == 0
