"""Matrices that a user gives: similarities become a graph, distances are recognised and refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peaks import with_peak
from scipy.sparse import csc_array, csr_array, random_array
from scipy.spatial.distance import cdist, pdist, squareform
from strategies import examples
from views import GRAPH, KNOWN

from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, affinity, assembly
from dsrl_ref.multiview.affinity import as_affinity, is_distances

POINTS = np.random.default_rng(0).normal(size=(40, 5))
METRICS = ["euclidean", "sqeuclidean", "cityblock", "cosine", "correlation", "chebyshev"]


def between(points, metric):
    return squareform(pdist(points, metric))


def test_what_is_positive_off_the_diagonal_is_an_edge_of_the_larger_weight():
    given = np.array([[9.0, 1.0, 0.0, -2.0], [3.0, 0.0, 0.0, 0.0], [0.0, 0.5, -1.0, -0.5], [1.0, 0.0, -2.0, 2.0]])
    expected = [[0.0, 3.0, 0.0, 1.0], [3.0, 0.0, 0.5, 0.0], [0.0, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
    assert as_affinity(given).toarray().tolist() == expected
    stored = csr_array((np.array([0.0, 2.0]), np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 2))  # a stored 0
    for graph, edges in ((as_affinity(csc_array(given)), 6), (as_affinity(stored), 2)):
        assert graph.nnz == np.count_nonzero(graph.toarray()) == edges
        assert graph.has_canonical_format


@pytest.mark.parametrize(("symmetric", "most"), [(True, 2.3), (False, 4.3)])
def test_a_graph_is_read_in_a_few_times_its_memory(monkeypatch, symmetric, most):
    """Of what is not symmetric, a fourth part is room that is never written to."""
    monkeypatch.setattr(assembly, "BLOCK", 2**10)
    upper = csr_array(random_array((700, 700), density=0.05, rng=np.random.default_rng(0)))
    given = csr_array(upper + upper.T) if symmetric else upper
    size = given.data.nbytes + given.indices.nbytes + given.indptr.nbytes
    found, peak = with_peak(lambda: as_affinity(given))
    assert peak < most * size
    assert found.indices.dtype == np.int32


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("estimator", [DSRLClassifier, DSRLClustering])
def test_distances_are_refused_with_advice(metric, estimator):
    message = r"X looks like a matrix of distances: .*takes similarities, as np.exp.*by a diagonal of their largest"
    with pytest.raises(ValueError, match=message):
        estimator(affinity="precomputed").fit(between(POINTS, metric), KNOWN[:40])


@examples(60)
@given(
    st.integers(10, 60), st.integers(1, 30), st.sampled_from(METRICS[:3]), st.integers(0, 10**6), st.floats(1e-6, 1e6)
)
def test_distances_are_recognised_in_any_unit_and_dimension_whatever_a_few_of_them_have_in_common(
    n, d, metric, seed, unit
):
    points = np.random.default_rng(seed).normal(size=(n, d))
    points[1] = points[0]
    assert is_distances(csr_array(unit * between(points, metric)))


def by_products(points):
    """Distances as many programs compute them: 0 is the root of a difference that rounds."""
    squares = (points**2).sum(axis=1)
    return np.sqrt(np.maximum(squares[:, np.newaxis] + squares - 2 * points @ points.T, 0))


@examples(60)
@given(
    n=st.integers(10, 60), d=st.integers(1, 30), seed=st.integers(0, 10**6), offset=st.sampled_from([0.0, 1.0, 30.0])
)
def test_distances_are_recognised_where_rounding_leaves_them_a_diagonal(n, d, seed, offset):
    points = offset + np.random.default_rng(seed).normal(size=(n, d))
    points[1] = points[0]
    distances = by_products(points)
    distances[0, 0] = max(distances[0, 0], 2e-7)  # this one at least, whatever BLAS does
    assert is_distances(csr_array(distances))
    assert is_distances(csr_array(distances**2))


@examples(60)
@given(
    n=st.integers(10, 60),
    d=st.integers(3, 30),
    seed=st.integers(0, 10**6),
    metric=st.sampled_from(["cosine", "correlation"]),
    positive=st.booleans(),
)
def test_cosine_distances_are_recognised_with_what_rounding_leaves_of_either_sign(n, d, seed, metric, positive):
    points = np.random.default_rng(seed).normal(size=(n, d))
    distances = cdist(*[np.abs(points) if positive else points] * 2, metric)
    distances[0, 0], distances[1, 1] = 2e-16, -2e-16
    assert is_distances(csr_array(distances))


@examples(60)
@given(n=st.integers(10, 60), d=st.integers(1, 30), seed=st.integers(0, 10**6), width=st.floats(0.3, 30))
def test_kernels_with_their_diagonal_are_never_taken_for_distances(n, d, seed, width):
    points = np.random.default_rng(seed).normal(size=(n, d))
    rows = np.abs(points) / np.linalg.norm(points, axis=1, keepdims=True)
    for kernel in (np.exp(-between(points, "sqeuclidean") / width**2), rows @ rows.T, np.abs(points @ points.T)):
        assert not is_distances(csr_array(kernel))


def test_large_matrices_of_distances_are_recognised_by_some_of_their_samples(monkeypatch):
    looked_at = []
    whole = affinity._keeps_triangles
    monkeypatch.setattr(affinity, "_keeps_triangles", lambda roots: looked_at.append(len(roots)) or whole(roots))
    assert is_distances(csr_array(between(np.random.default_rng(1).normal(size=(250, 3)), "euclidean")))
    assert looked_at == [200]


@examples(60)
@given(n=st.integers(10, 40), d=st.integers(1, 6), width=st.floats(0.3, 1.2), seed=st.integers(0, 10**6))
def test_similarities_are_no_distances(n, d, width, seed):
    """Without a diagonal too, where they tell the near from the far at all: the far are below a quarter of the near."""
    points = np.random.default_rng(seed).normal(size=(n, d))
    points[: n // 2] += 6.0
    kernel = np.exp(-between(points, "sqeuclidean") / (2 * d * width**2))
    assert not is_distances(csr_array(kernel))
    np.fill_diagonal(kernel, 0.0)
    assert not is_distances(csr_array(kernel))


def spoiled(change):
    D = between(POINTS, "euclidean")
    change(D)
    return csr_array(D)


@pytest.mark.parametrize(
    "change",
    [
        lambda D: np.fill_diagonal(D, D.max()),
        lambda D: D.__setitem__((3, 3), 0.01 * np.median(D)),
        lambda D: D.__setitem__((3, 4), D[3, 4] * 1.001),
        lambda D: D.__setitem__(([3, 4], [4, 3]), 30 * D.max()),
        lambda D: D.__setitem__(([3, 4], [4, 3]), -D[3, 4]),
        lambda D: D.__setitem__(np.quantile(D, 0.45) < D, 0.0),
        lambda D: D.__setitem__(D > 0, 1.0),
        lambda D: D.__setitem__(np.quantile(D, 0.4) < D, D.max()),
    ],
    ids=["diagonal", "one on the diagonal", "not symmetric", "too long", "negative", "few", "all equal", "most equal"],
)
def test_what_breaks_one_rule_of_distances_is_none(change):
    assert is_distances(spoiled(lambda D: None))
    assert not is_distances(spoiled(change))


def test_few_samples_show_nothing():
    assert is_distances(csr_array(between(POINTS[:10], "euclidean")))
    assert not is_distances(csr_array(between(POINTS[:9], "euclidean")))


def test_graphs_of_neighbours_are_none():
    assert as_affinity(GRAPH).nnz == GRAPH.nnz
    assert as_affinity(GRAPH.toarray()).nnz == GRAPH.nnz


def test_two_sides_joined_to_one_another_are_a_graph():
    """It keeps the triangle inequality, as two places with many samples each would."""
    sides = np.arange(10) < 3
    assert not is_distances(csr_array((sides[:, np.newaxis] != sides) * 1.0))


def test_a_clique_with_a_weak_edge_is_a_graph():
    clique = 1 - np.eye(10)
    clique[0, 1] = clique[1, 0] = 1e-6
    assert not is_distances(csr_array(clique))


def test_the_way_out_that_the_message_names_is_one():
    D = between(POINTS, "euclidean")
    similar = D + np.diag(np.full(40, D.max()))
    assert np.array_equal(as_affinity(similar).toarray(), D)
    assert as_affinity(np.exp(-(D**2) / np.median(D) ** 2)).nnz == 40 * 39


def test_what_is_not_square_is_refused_by_name():
    with pytest.raises(ValueError, match=r"W.npy must be a square matrix .*, got shape \(3, 4\)"):
        as_affinity(np.eye(3, 4), "W.npy")


def test_what_is_negative_by_more_than_rounding_is_no_distance():
    points = POINTS.copy()
    points[1] = points[0]
    distances = between(points, "euclidean")
    distances[0, 1] = distances[1, 0] = -1e-12
    assert is_distances(csr_array(distances))
    distances[0, 1] = distances[1, 0] = -0.1
    assert not is_distances(csr_array(distances))
