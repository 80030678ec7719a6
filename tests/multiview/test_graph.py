"""The similarity graph, against scalar loops and against the authors' own."""

import math

import authors_data
import numpy as np
import pytest

from dsrl_ref.multiview import graph, load_dataset, similarity_graph


def naive_graph(views, k):
    """The recipe, sample by sample."""
    n = len(views[0])
    fused = [[0.0] * n for _ in range(n)]
    for view in views:
        samples = []
        for row in view:
            mean = sum(row) / len(row)
            deviation = math.sqrt(sum((x - mean) ** 2 for x in row) / max(1, len(row) - 1)) + 1e-8
            samples.append([(x - mean) / deviation for x in row])
        d = [[math.dist(a, b) for b in samples] for a in samples]
        t = sum(map(sum, d)) / n**2
        weight = [[0.0] * n for _ in range(n)]
        for i in range(n):
            others = sorted((j for j in range(n) if j != i), key=lambda j, i=i: d[i][j])
            for j in others[:k]:
                weight[i][j] = math.exp(-(d[i][j] ** 2) / (2 * t**2))
        for i in range(n):
            for j in range(n):
                fused[i][j] += max(weight[i][j], weight[j][i]) / len(views)
    return np.array(fused)


def random_views(n=25, sizes=(4, 7, 3), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, size)) for size in sizes]


@pytest.mark.parametrize("k", [1, 3, 24])
def test_equals_the_recipe_in_scalar_loops(k):
    views = random_views()
    assert similarity_graph(views, k).toarray() == pytest.approx(naive_graph(views, k), rel=1e-10, abs=1e-14)


def test_symmetric_without_loops_and_weights_up_to_one():
    W = similarity_graph(random_views(), 4)
    assert W.format == "csr"
    assert (abs(W - W.T)).nnz == 0
    assert not W.diagonal().any()
    assert W.data.min() > 0
    assert W.data.max() <= 1
    assert W.has_sorted_indices


@pytest.mark.parametrize("entries", [1, 60, 10**6])
def test_block_size_does_not_matter(monkeypatch, entries):
    expected = similarity_graph(random_views(), 5).toarray()
    monkeypatch.setattr(graph, "BLOCK_ENTRIES", entries)
    assert similarity_graph(random_views(), 5).toarray() == pytest.approx(expected, rel=1e-12)


def test_memory_layout_does_not_matter():
    views = random_views()
    other = similarity_graph([np.asfortranarray(view) for view in views], 5)
    assert np.array_equal(other.toarray(), similarity_graph(views, 5).toarray())


def test_the_mean_counts_every_view():
    views = random_views()
    single = sum(similarity_graph([view], 4).toarray() for view in views) / 3
    assert similarity_graph(views, 4).toarray() == pytest.approx(single, rel=1e-14)


def test_equal_samples_have_weight_one_and_ties_go_to_the_first():
    view = [[0.0, 1.0, 5.0]] * 4 + [[5.0, 1.0, 0.0]]
    W = similarity_graph([view], 2).toarray()
    assert W[0, 1] == W[0, 2] == W[1, 2] == 1
    assert (W[3] == [1, 1, 1, 0, 0]).all()  # its three nearest are 0, 1, 2, before itself


def test_constant_samples_and_views_are_finite():
    W = similarity_graph([np.zeros((6, 3)), np.ones((6, 1)), random_views(6)[0]], 2)
    assert np.isfinite(W.data).all()


@pytest.mark.parametrize(("name", "k"), [("MSRC-v1", 10)])
def test_rebuilds_the_authors_graph(name, k):
    views, labels = load_dataset(authors_data.path_of(f"{name}.mat"))
    theirs = authors_data.graph(name)
    ours = similarity_graph(views, k).toarray()
    assert len(labels) == len(ours)
    assert np.array_equal(ours != 0, theirs != 0)
    assert np.linalg.norm(ours - theirs) <= 1e-10 * np.linalg.norm(theirs)


def test_rebuilds_the_authors_graph_outside_tied_rows():
    """ALOI's last view is one huge feature: its distances are rounding, and tie by the hundred."""
    views, _ = load_dataset(authors_data.path_of("ALOI.mat"))
    theirs, ours = authors_data.graph("ALOI"), similarity_graph(views, 20).toarray()
    differing = (np.abs(ours - theirs) > 1e-10).any(axis=1)
    assert differing.mean() < 0.05
    assert np.mean((ours != 0) != (theirs != 0)) < 1e-4


@pytest.mark.parametrize(
    ("views", "k", "error", "message"),
    [
        ([], 1, ValueError, "views is empty"),
        (None, 1, ValueError, "views is empty"),
        ([np.ones((3, 2)), np.ones((4, 2))], 1, ValueError, r"views\[1\] has 4 samples, but views\[0\] has 3"),
        ([np.ones((3, 2)), np.full((3, 2), np.nan)], 1, ValueError, r"views\[1\] contains NaN: views\[1\]\[0, 0\]"),
        ([np.ones(3)], 1, ValueError, r"views\[0\]: Expected 2D array"),
        ([np.ones((3, 2))], 3, ValueError, "n_neighbors = 3 is too large: 3 samples have at most 2 neighbours"),
        ([np.ones((3, 2))], 0, ValueError, "n_neighbors must be at least 1, got 0"),
        ([np.ones((3, 2))], 1.5, TypeError, "n_neighbors must be an integer, got 1.5"),
    ],
)
def test_bad_arguments_are_refused(views, k, error, message):
    with pytest.raises(error, match=message):
        similarity_graph(views, k)


@pytest.mark.peer
def test_neighbours_are_scikit_learns():
    neighbors = pytest.importorskip("sklearn.neighbors", reason="scikit-learn is not installed: pip install '.[dev]'")
    views, _ = load_dataset("digits")
    sample = views[0][:300]
    standard = (sample - sample.mean(axis=1, keepdims=True)) / (sample.std(axis=1, ddof=1, keepdims=True) + 1e-8)
    theirs = neighbors.kneighbors_graph(standard, 7).toarray()
    assert np.array_equal(similarity_graph([sample], 7).toarray() != 0, (theirs + theirs.T) != 0)
