"""Exact neighbours, by blocks and by tree, against sorting all distances."""

from typing import ClassVar

import blas
import numpy as np
import pytest
from scipy.sparse import csr_array
from views import euclidean, nearest_first, random_views

from dsrl_ref.multiview import neighbors
from dsrl_ref.multiview.neighbors import Distances, mean_distance, nearest, sampled
from dsrl_ref.multiview.points import Dense, Sparse


def points(n, seed=0, features=3):
    return in_columns(random_views(n, (features,), seed)[0].T)


def in_columns(columns):
    return Dense(np.array(columns, dtype=float))


def distances(some, others, rounding=0.0):
    """All of them in one block."""
    return Distances(some, others, rounding)(slice(0, some.count))


def by_sorting(some, others, count):
    """Ascending distances, of equal ones the first in order."""
    rows = euclidean(some.columns.T, others.columns.T)
    places = [nearest_first(row)[:count] for row in rows]
    return [[row[j] for j in near] for row, near in zip(rows, places, strict=True)], places


@pytest.fixture(params=[1, 50, 10**6], ids=lambda entries: f"{entries} entries")
def _blocks(request, monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK_ENTRIES", request.param)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("count", [1, 5, 20])
def test_nearest_are_those_of_a_full_sort(count):
    some, others = points(7, seed=1), points(20)
    for first, second in ((others, others), (some, others)):
        lengths, columns = nearest(first, second, count)
        expected, places = by_sorting(first, second, count)
        assert columns.tolist() == places
        assert lengths == pytest.approx(np.array(expected), abs=1e-7)


@pytest.mark.usefixtures("_blocks")
def test_each_sample_is_at_distance_0_from_itself_however_large():
    large = in_columns(
        1e6 * points(40).columns + 1e7
    )  # the matrix product alone leaves the root of rounding errors here
    lengths, columns = nearest(large, large, 3)
    assert not lengths[:, 0].any()
    assert columns[:, 0].tolist() == list(range(40))
    assert not np.diag(distances(large, large)).any()
    assert np.diag(distances(large, in_columns(large.columns))).any()
    assert np.isfinite(lengths).all()


@pytest.mark.usefixtures("_blocks")
def test_of_equal_distances_the_first_stay_in_and_come_first():
    lengths, columns = nearest(in_columns(np.zeros((2, 6))), in_columns(np.zeros((2, 6))), 3)
    assert columns.tolist() == [[0, 1, 2]] * 6
    assert not lengths.any()
    line = in_columns([[1.0, -1.0, 2.0, -2.0, 1.0]])
    lengths, columns = nearest(in_columns([[0.0]]), line, 4)
    assert columns.tolist() == [[0, 1, 4, 2]]
    assert lengths.tolist() == [[1, 1, 1, 2]]


@pytest.mark.parametrize("count", [1, 4])
def test_the_tree_finds_the_same(monkeypatch, count):
    some, others = points(15, seed=1), points(40)
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 40)
    monkeypatch.setattr(neighbors, "Distances", None)  # the tree needs none
    expected, places = by_sorting(some, others, count)
    lengths, columns = nearest(some, others, count)
    assert columns.tolist() == places
    assert lengths == pytest.approx(np.array(expected), rel=1e-12)


def test_the_trees_equal_distances_come_in_order(monkeypatch):
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 1)
    line = np.repeat([[0.0, 5.0, 1.0]], 30, axis=1)[:, np.random.default_rng(0).permutation(90)]
    lengths, columns = nearest(Dense(line), Dense(line), 60)
    for i in range(90):
        same, other = np.flatnonzero(line[0] == line[0, i]), np.flatnonzero(line[0] == {0: 1, 1: 0, 5: 1}[line[0, i]])
        assert columns[i].tolist() == [*same, *other]
        assert lengths[i].tolist() == [0.0] * 30 + [4.0 if line[0, i] == 5 else 1.0] * 30


@pytest.mark.parametrize(("n", "features", "tree"), [(50, 8, True), (49, 8, False), (50, 9, False)])
def test_a_tree_is_for_many_samples_of_few_features(monkeypatch, n, features, tree):
    taken = []
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 50)
    monkeypatch.setattr(neighbors, "_by_tree", lambda *_: taken.append(True))
    nearest(points(3, features=features), points(n, features=features), 2)
    assert taken == [True] * tree


@pytest.mark.usefixtures("_blocks")
def test_mean_distance_counts_the_diagonal_as_0():
    assert mean_distance(in_columns([[0.0, 3.0, 0.0]])) == pytest.approx(4 * 3 / 9)
    some = points(20)
    expected = sum(map(sum, euclidean(some.columns.T, some.columns.T))) / 400
    assert mean_distance(some) == pytest.approx(expected, rel=1e-12)
    assert mean_distance(in_columns(np.full((2, 5), 1e7 / 3))) == 0


def test_mean_distance_of_many_is_that_of_a_fixed_sample(monkeypatch):
    monkeypatch.setattr(neighbors, "SAMPLED", 60)
    some = points(200)
    rows = sampled(200)
    assert len(set(rows.tolist())) == 60
    assert rows.tolist() == sorted(rows.tolist()) == sampled(200).tolist()
    assert max(rows) > 150
    among = some.columns.T[rows]
    assert mean_distance(some) == pytest.approx(sum(map(sum, euclidean(among, among))) / 3600, rel=1e-9)
    assert sampled(60).tolist() == list(range(60))


def test_blas_has_one_thread_where_distances_are_few():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    class Watched(np.ndarray):
        seen: ClassVar[list] = []

        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            if ufunc is np.matmul:
                Watched.seen.append(set(blas.numbers().values()))
            return getattr(ufunc, method)(*(np.asarray(each) for each in inputs), **options)

    some = np.arange(6.0).reshape(2, 3)
    with threadpoolctl.threadpool_limits(3, "blas"):
        found = distances(Dense(some.view(Watched)), Dense(some))
        assert set(blas.numbers().values()) == {3}
    assert found == pytest.approx(distances(Dense(some), Dense(some.copy())))
    assert Watched.seen == [{1}]


def test_what_is_equal_but_for_rounding_counts_as_equal_where_that_is_asked():
    line = in_columns([[0.0, 1 + 1e-12, 1.0, -1 - 2e-12, 3.0, -1 + 1e-12]])
    assert nearest(line, line, 3)[1][0].tolist() == [0, 5, 2]
    lengths, columns = nearest(line, line, 3, 1e-9)
    assert columns[0].tolist() == [0, 1, 2]
    assert lengths[0].tolist() == [0, lengths[0, 1], lengths[0, 1]]
    assert nearest(line, line, 6, 1e-9)[1][0].tolist() == [
        0,
        5,
        2,
        1,
        3,
        4,
    ]  # nothing that stays in has to be told apart


def test_what_is_equal_but_for_rounding_of_its_norm_is_at_distance_0_where_that_is_asked():
    far = 1e6 * np.random.default_rng(0).normal(size=(50, 3))
    some, others = in_columns(far), in_columns(far[:, [2, 1, 0]])
    near = in_columns(far[:, [2, 1, 0]] + 1e-2)
    exact = distances(some, others, 1e-9)
    assert not nearest(some, others, 1, 1e-9)[0][:3].any()
    assert [exact[i, 2 - i] for i in range(3)] == [0, 0, 0]
    assert np.count_nonzero(exact) == 6
    assert np.count_nonzero(distances(some, near, 1e-9)) == 6  # 1e-8 of the norms is rounding
    assert np.count_nonzero(distances(some, in_columns(far[:, [2, 1, 0]] + 10.0), 1e-9)) == 9


@pytest.mark.usefixtures("_blocks")
def test_sparse_points_have_the_neighbours_of_the_same_dense_ones():
    rng = np.random.default_rng(0)
    rows = csr_array(rng.normal(size=(20, 6)) * (rng.random((20, 6)) < 0.4))
    sparse = Sparse(rows, rng.normal(size=20), rng.normal(size=6))
    dense = in_columns((rows.toarray() - np.outer(sparse.shift, sparse.direction)).T)
    for some, same in ((sparse, dense), (sparse.take(slice(3, 9)), dense.take(slice(3, 9)))):
        lengths, columns = nearest(some, sparse, 5)
        expected, places = nearest(same, dense, 5)
        assert np.array_equal(columns, places)
        assert lengths == pytest.approx(expected, rel=1e-9, abs=1e-7)
    assert mean_distance(sparse) == pytest.approx(mean_distance(dense), rel=1e-12)
