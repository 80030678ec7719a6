"""Edges of one view, and their mean over views, against scalar loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples
from views import naive_graph, naive_weights, random_views

from dsrl_ref.multiview.edges import WEIGHTS, links, mean_graph, room, view_graph
from dsrl_ref.multiview.points import Dense

VIEW = random_views(12, (4,))[0]


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
