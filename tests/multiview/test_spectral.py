"""Embedding and k-means, against dense eigenvectors and brute force."""

import importlib
import itertools

import blas
import numpy as np
import pytest
from scipy.sparse import block_diag, csr_array, linalg

from dsrl_ref import memory
from dsrl_ref.errors import SizeError
from dsrl_ref.multiview import assembly, eigen, spectral
from dsrl_ref.multiview.spectral import (
    eigengap,
    embed,
    embed_as_authors,
    faint_gap,
    k_means,
    require_row_affinity,
    row_affinity,
)


def random_graph(n, density=0.3, seed=0):
    rng = np.random.default_rng(seed)
    dense = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return csr_array(dense + dense.T)


def inertia_of(points, labels):
    """Squares of the distances of all points from the means of their clusters."""
    members = [points[np.asarray(labels) == c] for c in set(np.asarray(labels).tolist())]
    return sum(((inside - inside.mean(axis=0)) ** 2).sum() for inside in members)


def test_lanczos_spans_what_the_dense_solver_does(monkeypatch):
    W = random_graph(60)
    dense = embed(W, 3)
    monkeypatch.setattr(eigen, "DENSE", 0)
    iterated = embed(W, 3)
    assert np.abs(dense) == pytest.approx(np.abs(iterated), abs=1e-9)
    assert np.array_equal(iterated, embed(W, 3))


def test_components_are_points():
    W = csr_array(np.kron(np.eye(3), np.ones((5, 5)) - np.eye(5)))
    points = embed(W, 3)
    gram = points @ points.T
    assert gram == pytest.approx(np.kron(np.eye(3), np.ones((5, 5))), abs=1e-9)


def test_isolated_samples_sit_at_0():
    dense = np.zeros((6, 6))
    dense[:5, :5] = 1 - np.eye(5)
    points = embed(csr_array(dense), 2)
    assert not points[5].any()
    assert np.isfinite(points).all()


def test_row_affinity_is_the_formula():
    X = random_graph(8)
    rows = X.toarray()
    expected = [[np.exp(-((a - b) ** 2).sum() / 8) for b in rows] for a in rows] - np.eye(8)
    assert row_affinity(X).toarray() == pytest.approx(expected, abs=1e-12)


def test_row_affinity_is_the_same_by_blocks(monkeypatch):
    expected = row_affinity(random_graph(9))
    monkeypatch.setattr(assembly, "BLOCK", 20)
    assert row_affinity(random_graph(9)).toarray().tobytes() == expected.toarray().tobytes()
    assert row_affinity(csr_array((10, 10))).nnz == 90


def test_a_row_affinity_that_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 24 * 10**2)
    require_row_affinity(10, "embedding='rows'", "take embedding='graph'")
    message = r"embedding='rows' holds .* a dense 11×11 matrix: 0.0 GiB of memory, .*; take embedding='graph'"
    with pytest.raises(SizeError, match=message):
        require_row_affinity(11, "embedding='rows'", "take embedding='graph'")


def test_k_means_finds_the_least_inertia():
    points = np.random.default_rng(0).normal(size=(7, 2))
    best = min(inertia_of(points, labels) for labels in itertools.product(range(3), repeat=7))
    assert inertia_of(points, k_means(points, 3, 50, np.random.default_rng(0))) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(5))
def test_lloyd_ends_where_every_point_is_nearest_to_the_mean_of_its_cluster(seed):
    points = np.random.default_rng(seed).normal(size=(40, 2))
    inertia, labels = spectral._lloyd(points, points[:4], 500)
    means = np.array([points[labels == c].mean(axis=0) for c in range(4)])
    squares = ((points[:, np.newaxis] - means) ** 2).sum(axis=2)
    assert labels.tolist() == squares.argmin(axis=1).tolist()
    assert inertia == pytest.approx(inertia_of(points, labels))


def test_lloyd_ends_after_its_iterations():
    line = np.array([[0.0], [1.0], [2.0], [10.0]])
    assert spectral._lloyd(line, line[:2], 1)[1].tolist() == [0, 1, 1, 1]
    assert spectral._lloyd(line, line[:2], 2)[1].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("inertias", "chosen"), [([3, 1, 2], 1), ([1, 2, 3], 0), ([3, 2, 1], 2), ([1, 1 - 1e-14, 1], 0), ([0, 0], 0)]
)
def test_the_restart_of_least_inertia_wins_and_of_equals_the_first(monkeypatch, inertias, chosen):
    ends = iter([(float(inertia), np.full(4, r)) for r, inertia in enumerate(inertias)])
    monkeypatch.setattr(spectral, "_lloyd", lambda points, centers, iterations: next(ends))
    found = k_means(np.arange(4.0)[:, np.newaxis], 2, len(inertias), np.random.default_rng(0))
    assert found.tolist() == [chosen] * 4
    assert next(ends, None) is None


def test_every_cluster_is_used_where_points_differ():
    points = np.repeat(np.arange(6.0), 30)[:, np.newaxis]
    for seed in range(20):
        assert len(set(k_means(points, 6, 1, np.random.default_rng(seed)))) >= 5
    assert len(set(k_means(points, 6, 20, np.random.default_rng(0)))) == 6


def test_seeds_are_spread_over_what_is_far_apart():
    points = np.repeat([0.0, 1e3, 3e3, 7e3, 1.2e4], [60, 5, 5, 5, 5])[:, np.newaxis] + np.linspace(0, 1, 80)[:, None]
    for seed in range(20):
        seeds = spectral._seeds(points, 5, np.random.default_rng(seed))
        assert sorted((seeds[:, 0] // 500).tolist()) == [0, 2, 6, 14, 24]


def test_a_seed_is_the_best_of_its_draws(monkeypatch):
    points = np.array([[0.0], [4.0], [6.0], [7.0], [-1.0]])

    class Drawn:
        def integers(self, count):
            return 0

        def choice(self, count, size, p):
            assert p.tolist() == pytest.approx(np.array([0, 16, 36, 49, 1]) / 102)
            assert size == 2 + int(np.log(2))
            return np.array([1, 2])

    # after 4, squares of 4 + 9 + 1 are left, after 6 of 4 + 1 + 1
    assert spectral._seeds(points, 2, Drawn()).tolist() == [[0], [6]]


def test_equal_points_are_one_cluster():
    assert set(k_means(np.zeros((5, 2)), 3, 2, np.random.default_rng(0))) == {0}


def test_empty_clusters_begin_anew_at_what_is_served_worst():
    points = 1e3 + np.array([[0.0], [0.1], [5.0], [5.2], [30.0]])
    seeds = 1e3 + np.array([[0.0], [90.0], [95.0]])
    assert spectral._lloyd(points, seeds, 1)[1].tolist() == [0, 0, 0, 0, 0]
    assert spectral._lloyd(points, seeds, 2)[1].tolist() == [2, 2, 2, 2, 1]  # anew at 1030 and 1005.2
    inertia, labels = spectral._lloyd(points, seeds, 500)
    assert [labels.tolist().index(label) for label in labels] == [0, 0, 2, 2, 4]
    assert inertia == pytest.approx(2 * 0.05**2 + 2 * 0.1**2)


@pytest.mark.parametrize(("embedding", "power"), [(embed, -0.5), (embed_as_authors, 0.5)])
def test_degrees_scale_by_the_power(embedding, power):
    rng = np.random.default_rng(3)
    A = np.triu(rng.random((12, 12)), 1)
    A = A + A.T
    D = np.diag(A.sum(axis=1) ** power)
    vectors = np.linalg.eigh(D @ A @ D)[1][:, ::-1][:, :3]
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = embedding(csr_array(A), 3)
    assert found @ found.T == pytest.approx(expected @ expected.T, abs=1e-9)


@pytest.mark.parametrize("n", [5, 300])
def test_a_graph_without_edges_is_one_point(n):
    assert not embed(csr_array((n, n)), 3).any()


def cliques(count, size, seed=0):
    rng = np.random.default_rng(seed)
    blocks = [rng.uniform(0.2, 1, (size, size)) for _ in range(count)]
    return csr_array(block_diag([np.maximum(B, B.T) * (1 - np.eye(size)) for B in blocks]))


@pytest.mark.parametrize(
    ("count", "size"),
    [(2, 5), (20, 12), *(pytest.param(*many, marks=pytest.mark.nightly) for many in [(40, 10), (110, 3)])],
)
def test_each_of_many_components_is_a_point(count, size):
    points = embed(cliques(count, size), count)
    expected = np.kron(np.eye(count), np.ones((size, size)))
    assert points @ points.T == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("dense", [0, 1000])
def test_what_comes_after_the_components_is_found(monkeypatch, dense):
    monkeypatch.setattr(eigen, "DENSE", dense)
    W = cliques(12, 8)
    D = np.diag(W.sum(axis=1) ** -0.5)
    vectors = np.linalg.eigh(D @ W.toarray() @ D)[1][:, ::-1][:, :15]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = embed(W, 15)
    assert points @ points.T == pytest.approx(vectors @ vectors.T, abs=1e-6)


def test_the_largest_components_come_first():
    W = csr_array(block_diag([cliques(1, 3), cliques(1, 8), cliques(1, 5), csr_array((2, 2))]))
    points = embed(W, 2)
    assert np.abs(points).sum(axis=0).tolist() == pytest.approx([8, 5])
    assert not points[:3].any()
    assert not points[-2:].any()


def test_specks_take_no_dimension():
    halves = np.kron([[1, 0.01], [0.01, 1]], np.ones((30, 30))) * (1 - np.eye(60))
    W = csr_array(block_diag([halves, *[cliques(1, 2)] * 5]))
    points = embed(W, 2)
    assert not points[60:].any()
    assert np.abs(points[:30] @ points[30:60].T).max() < 0.1


def test_an_iteration_that_fails_says_what_to_do(monkeypatch):
    def failing(*_, **__):
        raise linalg.ArpackNoConvergence("no convergence", np.empty(0), np.empty((0, 0)))

    monkeypatch.setattr(linalg, "eigsh", failing)
    with pytest.raises(ValueError, match=r"no spectral embedding: .* take fewer clusters or more neighbours"):
        embed(cliques(1, 300), 3)


@pytest.mark.parametrize(("module", "name"), [("numpy.linalg", "eigh"), ("scipy.sparse.linalg", "eigsh")])
def test_blas_has_one_thread_while_eigenvectors_of_small_graphs_are_sought(module, name, monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    seen, where = [], importlib.import_module(module)
    original = getattr(where, name)
    monkeypatch.setattr(where, name, lambda *a, **b: (seen.append(set(blas.numbers().values())), original(*a, **b))[1])
    monkeypatch.setattr(eigen, "DENSE", 200 if name == "eigh" else 1)
    W = csr_array(np.ones((20, 20)) - np.eye(20))
    with threadpoolctl.threadpool_limits(3, "blas"):
        found = spectral.embed(W, 3)
        assert set(blas.numbers().values()) == {3}
    assert found.shape == (20, 3)
    assert seen
    assert all(numbers == {1} for numbers in seen)


def spectrum(W, count):
    """The largest eigenvalues of D^(-½) W D^(-½), all dense."""
    dense = W.toarray()
    degrees = dense.sum(axis=1)
    roots = np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1)), 0)
    return np.sort(np.linalg.eigvalsh(roots[:, np.newaxis] * dense * roots))[::-1][:count]


def blobs(sizes, between, seed=0):
    """Groups of samples that are joined at random, and here and there to one another."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(seed)
    odds = np.where(codes[:, np.newaxis] == codes, 0.9, between)
    upper = np.triu((rng.random(odds.shape) < odds) * rng.uniform(0.5, 1, odds.shape), 1)
    return csr_array(upper + upper.T)


@pytest.mark.parametrize("sizes", [[20] * 3, [30, 20, 25, 40, 35], [15] * 19, [90, 80, 70]])
def test_the_eigengap_finds_as_many_groups_as_there_are_and_shows_the_eigenvalues(sizes):
    W = blobs(sizes, 0.02 / len(sizes))
    clusters, values = eigengap(W)
    assert clusters == len(sizes)
    assert values == pytest.approx(spectrum(W, 21), abs=1e-8)


@pytest.mark.parametrize("count", [2, 7, 19, 20, 21, 30])
def test_components_are_clusters_however_many(count):
    W = blobs([12] * count, 0.0)
    clusters, values = eigengap(W)
    assert clusters == count
    assert values == pytest.approx(spectrum(W, 21), abs=1e-8)


def test_components_of_a_few_samples_are_no_clusters():
    """Four pairs and a single sample beside 400: they would be five clusters of their own."""
    large = blobs([100] * 4, 0.01).toarray()
    W = np.zeros((409, 409))
    W[:400, :400] = large
    for i in range(400, 408, 2):
        W[i, i + 1] = W[i + 1, i] = 1.0
    clusters, values = eigengap(csr_array(W))
    assert clusters == 4
    assert values == pytest.approx(spectrum(csr_array(large), 21), abs=1e-8)


@pytest.mark.parametrize("n", [3, 4, 5, 12, 21, 22])
def test_few_samples_have_few_eigenvalues(n):
    W = csr_array(1 - np.eye(n))
    clusters, values = eigengap(W)
    assert len(values) == min(21, n)
    assert values == pytest.approx(spectrum(W, min(21, n)), abs=1e-8)
    assert 2 <= clusters <= min(20, n - 1)


def test_a_graph_without_edges_has_eigenvalues_too():
    clusters, values = eigengap(csr_array((30, 30)))
    assert (clusters, values.tolist()) == (2, [0.0] * 21)


@pytest.mark.parametrize(("count", "dimensions"), [(7, 3), (8, 2), (8, 3), (30, 2)])
def test_most_samples_are_never_isolated(count, dimensions):
    """Equal components, each below half of a cluster's mean size: the largest of them keep their places."""
    W = blobs([10 + i for i in range(count)], 0.0)
    places = embed(W, dimensions)
    largest = np.repeat(np.arange(count), [10 + i for i in range(count)]) >= count - dimensions
    assert np.linalg.norm(places[largest], axis=1) == pytest.approx(1)
    assert len(np.unique(places[largest].round(6), axis=0)) == dimensions
    assert not places[~largest].any()


def test_a_few_small_components_are_isolated_as_before():
    W = csr_array(block_diag([*[1 - np.eye(60)] * 2, *[1 - np.eye(2)] * 3]))
    lengths = np.linalg.norm(embed(W, 3), axis=1)
    assert lengths == pytest.approx(1.0 * (np.arange(126) < 120))


@pytest.mark.parametrize(
    ("clusters", "eigenvalues", "gap"),
    [
        (20, np.append(np.linspace(1, 0.62, 20), 0.592), 0.028),  # the largest at the bound: there may be larger ones
        (20, np.append(np.ones(20), 0.4), None),
        (2, np.append([1, 1], np.linspace(0.98, 0.95, 19)), 0.02),  # all alike, as of a line
        (2, np.append([1, 1], np.linspace(0.98, 0.94, 19)), None),
        (2, np.append([1, 1], np.linspace(0.965, 0.95, 19)), None),
        (40, np.ones(21), None),  # parts of the graph
        (2, np.append([1, 1], np.linspace(0.98, 0.95, 18)), None),  # every number could be chosen
    ],
)
def test_a_gap_is_faint_at_the_bound_or_between_eigenvalues_that_are_all_alike(clusters, eigenvalues, gap):
    assert faint_gap(clusters, eigenvalues) == (None if gap is None else pytest.approx(gap))
