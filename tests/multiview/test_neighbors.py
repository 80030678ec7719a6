"""Exact neighbours, however they are found, against fractions and against sorting all distances."""

from contextlib import contextmanager
from fractions import Fraction
from typing import ClassVar

import blas
import numpy as np
import pytest
from scipy.sparse import csr_array
from views import euclidean, nearest_exactly, nearest_first, random_views, tied_samples

from dsrl_ref.multiview import neighbors, tiles, trees
from dsrl_ref.multiview.kernels import neighbors as kernels
from dsrl_ref.multiview.lists import Lists
from dsrl_ref.multiview.neighbors import (
    Distances,
    kind_for,
    mean_distance,
    nearest,
    nearest_as_authors,
    recall,
    sampled,
)
from dsrl_ref.multiview.points import Dense, Sparse
from dsrl_ref.multiview.trees import Tree
from dsrl_ref.progress import reported
from dsrl_ref.threads import limited


def points(n, seed=0, features=3):
    return in_columns(random_views(n, (features,), seed)[0].T)


def in_columns(columns):
    return Dense(np.array(columns, dtype=float))


def distances(some, others):
    """All of them in one block."""
    return Distances(some, others)(slice(0, some.count))


def by_sorting(some, others, count):
    """Ascending distances, of equal ones the first in order."""
    rows = euclidean(some.columns.T, others.columns.T)
    places = [nearest_first(row)[:count] for row in rows]
    return [[row[j] for j in near] for row, near in zip(rows, places, strict=True)], places


@pytest.fixture(params=[1, 50, 10**6], ids=lambda entries: f"{entries} entries")
def _blocks(request, monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK_ENTRIES", request.param)


@pytest.fixture(params=["tiles", "small tiles", "tree"])
def _found_by(request, monkeypatch):
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 1 if request.param == "tree" else 10**9)
    if request.param == "small tiles":
        monkeypatch.setattr(tiles, "HEIGHT", 4)
        monkeypatch.setattr(tiles, "WIDTH", 6)


@pytest.mark.usefixtures("_found_by")
@pytest.mark.parametrize("find", [nearest, nearest_as_authors])
def test_some_rows_have_the_bits_that_they_have_among_all(monkeypatch, find):
    monkeypatch.setattr(neighbors, "BLOCK_ENTRIES", 7 * 30)  # products of seven points
    samples, others = points(30), points(25, seed=1)
    for some, among in ((samples, samples), (samples, others)):
        whole = find(some, among, 4)
        for rows in (slice(0, 30), slice(0, 1), slice(3, 9), slice(7, 14), slice(13, 30), slice(29, 30)):
            for found, expected in zip(find(some, among, 4, rows=rows), whole, strict=True):
                assert np.array_equal(found, expected[rows])


@pytest.mark.usefixtures("_found_by")
def test_nearest_are_those_of_the_definition_whatever_is_equal():
    rng = np.random.default_rng(0)
    for _ in range(20):
        n, d = rng.integers(3, 30), rng.integers(1, 5)
        samples = tied_samples(rng, n, d)
        others, new = in_columns(samples.T), samples[rng.integers(n, size=5)] * rng.choice([1, 0.5, -1])
        count = int(rng.integers(1, n + 1))
        for some, itself in ((others, True), (in_columns(new.T), False)):
            lengths, columns = nearest(some, others, count)
            expected = nearest_exactly(some.columns.T, samples, count, itself)
            assert columns.tolist() == [[j for _, j in row] for row in expected]
            for found, row in zip(lengths, expected, strict=True):
                assert [Fraction(x) ** 2 for x in found] == pytest.approx([s for s, _ in row], rel=1e-15)
        sparse = Sparse.unmoved(csr_array(samples))
        expected = nearest_exactly(samples, samples, count, True)
        assert nearest(sparse, sparse, count)[1].tolist() == [[j for _, j in row] for row in expected]


@pytest.mark.usefixtures("_found_by")
def test_nearest_of_any_data_are_those_of_a_full_sort():
    some, others = points(7, seed=1), points(150)
    for first in (others, some):
        lengths, columns = nearest(first, others, 9)
        expected, places = by_sorting(first, others, 9)
        assert columns.tolist() == places
        assert lengths == pytest.approx(np.array(expected), rel=1e-15)


@pytest.mark.usefixtures("_found_by")
def test_small_distances_keep_their_digits_however_far_from_the_origin():
    """A product would have lost them all."""
    far = in_columns(1e9 + np.arange(30.0) ** 2 + np.zeros((3, 1)))
    lengths, columns = nearest(far, far, 4)
    expected, places = by_sorting(far, far, 4)
    assert columns.tolist() == places
    assert lengths == pytest.approx(np.array(expected), rel=1e-15)


@pytest.mark.usefixtures("_found_by")
def test_neighbours_follow_the_samples_into_any_order_and_to_any_scale():
    some = points(60, features=4)
    lengths, columns = nearest(some, some, 7)
    turned = np.random.default_rng(1).permutation(60)
    again = nearest(some.take(turned), some.take(turned), 7)
    assert np.array_equal(turned[again[1]], columns[turned])
    assert np.array_equal(again[0], lengths[turned])
    for scale in (2.0**-500, 2.0**460):
        scaled = in_columns(scale * some.columns)
        assert np.array_equal(nearest(scaled, scaled, 7)[0], scale * lengths)
        assert np.array_equal(nearest(scaled, scaled, 7)[1], columns)


@pytest.mark.usefixtures("_found_by")
@pytest.mark.parametrize("threads", [2, 3])
def test_neighbours_do_not_depend_on_the_number_of_threads(threads):
    some = in_columns(np.random.default_rng(0).integers(-3, 4, size=(3, 2500)))
    with limited(1):
        expected = nearest(some.take(slice(900)), some, 5)
    with limited(threads):
        found = nearest(some.take(slice(900)), some, 5)
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


@pytest.mark.usefixtures("_found_by")
def test_what_rounding_alone_tells_apart_is_in_order():
    line = in_columns([[0.0, 1 + 1e-12, 1.0, -1 - 2e-12, 3.0, -1 + 1e-12]])
    lengths, columns = nearest(line, line, 4)
    assert columns[0].tolist() == [0, 1, 2, 3]
    assert lengths[0].tolist() == [0, 1 + 1e-12, 1, 1 + 2e-12]
    assert nearest(line, line, 6)[1][0].tolist() == [0, 1, 2, 3, 5, 4]
    apart = in_columns([[0.0, 1 + 1e-8, 1.0]])
    assert nearest(apart, apart, 2)[1][0].tolist() == [0, 2]


@pytest.mark.usefixtures("_found_by")
def test_what_is_as_near_as_rounding_equals_the_sample():
    rows = np.array([[3.0, 4.0]] * 4) * [[1.0], [1 + 1e-11], [1.0], [1 + 1e-9]]
    lengths, columns = nearest(in_columns(rows[[2]].T), in_columns(rows.T), 4)
    assert columns.tolist() == [[0, 1, 2, 3]]
    assert lengths.tolist() == [[0, 0, 0, pytest.approx(5e-9, rel=1e-6)]]
    itself = in_columns(rows.T)
    assert nearest(itself, itself, 2)[1].tolist() == [[0, 1], [1, 0], [2, 0], [3, 1]]


@pytest.mark.parametrize(("n", "features", "tree"), [(50, 4, True), (49, 4, False), (50, 5, False)])
def test_a_tree_is_for_many_samples_of_few_features(monkeypatch, n, features, tree):
    taken = []
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 50)
    monkeypatch.setattr(neighbors, "Tree", lambda *given: taken.append(True) or Tree(*given))
    nearest(points(3, features=features), points(n, features=features), 2)
    nearest_as_authors(points(3, features=features), points(n, features=features), 2)
    assert taken == [True, True] * tree


def test_auto_is_approximate_for_many_dense_samples_without_a_tree(monkeypatch, capsys):
    monkeypatch.setattr(neighbors, "MANY", 100)
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 50)
    monkeypatch.setattr(neighbors, "is_installed", lambda: True)
    many, few, low = points(100, features=5), points(99, features=5), points(100)
    assert [kind_for(some, "auto") for some in (many, few, low)] == ["approximate", "exact", "exact"]
    assert [kind_for(some, "exact") for some in (many, few)] == ["exact", "exact"]
    assert [kind_for(some, "approximate") for some in (many, few, low)] == ["approximate"] * 3
    assert [kind_for(Sparse.unmoved(csr_array(np.eye(200))), kind) for kind in ("auto", "approximate")] == ["exact"] * 2
    monkeypatch.setattr(neighbors, "is_installed", lambda: False)
    said = []
    monkeypatch.setattr(neighbors, "remark", said.append)
    assert [kind_for(some, "auto") for some in (few, low, many)] == ["exact"] * 3
    assert said == [
        "dsrl_ref: exact neighbours of 100 samples take minutes; pip install 'dsrl_ref[ann]' brings approximate ones, "
        "which take seconds"
    ]
    assert capsys.readouterr().err == ""


def test_recall_is_of_all_neighbours_but_the_sample_itself(monkeypatch):
    some = points(50, features=5)
    columns = nearest(some, some, 5)[1]
    assert recall(some, columns) == 1
    columns[:, 2:] = -1
    assert recall(some, columns) == 0.25
    monkeypatch.setattr(neighbors, "JUDGED", 3)
    assert recall(some, columns) == 0.25


def test_recall_is_of_so_many_samples_which_are_always_the_same(monkeypatch):
    monkeypatch.setattr(neighbors, "JUDGED", 40)
    some = points(90, features=5)
    columns = nearest(some, some, 5)[1]
    columns[30:, 2:] = -1
    shares = {recall(some, columns) for _ in range(3)}
    assert len(shares) == 1
    assert 0.25 < shares.pop() < 1


@pytest.mark.parametrize("kernel", ["scan", "scan_sparse"])
def test_few_others_are_looked_at(monkeypatch, kernel):
    """Of a thousand, for 30 neighbours: lists alone, as they fill, would take 139 of them."""
    offered, scan = [], getattr(kernels, kernel)
    monkeypatch.setattr(kernels, kernel, lambda *given: offered.append(scan(*given)) or offered[-1])
    rows = np.random.default_rng(0).normal(size=(1000, 8))
    some = Sparse.unmoved(csr_array(rows)) if kernel == "scan_sparse" else Dense(np.ascontiguousarray(rows.T))
    with limited(1):
        nearest(some, some, 31, rows=slice(0, 100))
    assert 30 <= sum(offered) / 100 < 50


@pytest.mark.parametrize(
    "make", [lambda rows: Dense(np.ascontiguousarray(rows.T)), lambda rows: Sparse.unmoved(csr_array(rows))]
)
def test_of_others_that_rounding_alone_tells_apart_the_first_stay_in(monkeypatch, make):
    """Though products that hardly round would leave them out: as far as all others are, to eleven digits."""
    monkeypatch.setattr(tiles.Filter, "of", lambda rows, _, of=tiles.Filter.of: of(rows, np.float64))
    rng = np.random.default_rng(0)
    rows = np.zeros((61, 2))
    rows[1:, 0] = rng.choice([-1.0, 1.0], 60) * (1 + 1e-11 * rng.random(60))
    some = make(rows)
    assert nearest(some, some, 6, rows=slice(0, 1))[1].tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("kernel", ["scan", "scan_sparse"])
def test_of_others_that_are_all_as_far_the_later_ones_are_not_looked_at(monkeypatch, kernel):
    offered, scan = [], getattr(kernels, kernel)
    monkeypatch.setattr(kernels, kernel, lambda *given: offered.append(scan(*given)) or offered[-1])
    monkeypatch.setattr(tiles.Filter, "of", lambda rows, _, of=tiles.Filter.of: of(rows, np.float64))
    for rows in (np.eye(300), np.ones((300, 5))):
        some = Sparse.unmoved(csr_array(rows)) if kernel == "scan_sparse" else Dense(np.ascontiguousarray(rows.T))
        with limited(1):
            assert nearest(some, some, 4, rows=slice(0, 20))[1][10].tolist() == [10, 0, 1, 2]
        assert sum(offered) / 20 < 60
        offered.clear()


def test_nobody_is_offered_where_the_list_of_candidates_has_nobody():
    """As -1 says it; the last of all others is no candidate."""
    rows, least = np.array([[0.0], [2.0], [1.0]]), np.zeros(3)
    lists = Lists.empty(np.arange(1), 2)
    kernels.choose(np.array([0, 3]), np.array([-1, 0, 1]), rows, np.arange(3), rows, least, *lists)
    kernels.order(*lists)
    assert lists.places.tolist() == [[0, 1]]


def test_dense_points_are_not_sought_among_sparse_ones():
    with pytest.raises(TypeError, match="points must be both dense, or both sparse"):
        nearest(points(3), Sparse.unmoved(csr_array(np.eye(3))), 1)


def test_it_says_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(neighbors, "PAIRS", 1)
    monkeypatch.setattr(tiles, "HEIGHT", 4)
    some = points(9, features=5)
    with limited(1):
        nearest(some, some, 2, verbose=True)
        assert capsys.readouterr().err == "neighbours: 4 of 9 samples\nneighbours: 8 of 9 samples\n"
        told = []
        with reported(None, lambda *said: told.append(said)):
            nearest(some, some, 2)
    assert [share for _, share, _ in told] == [4 / 9, 8 / 9]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("rows", [slice(0, 40), slice(7, 30)])
def test_a_search_may_take_the_points_in_any_order(monkeypatch, rows):
    some = points(40, features=5)
    expected = nearest(some, some, 3)
    monkeypatch.setattr(tiles.DenseTiles, "order", np.random.default_rng(0).permutation(40))
    monkeypatch.setattr(tiles, "HEIGHT", 4)
    lengths, columns = nearest(some, some, 3, rows=rows)
    assert np.array_equal(lengths, expected[0][rows])
    assert np.array_equal(columns, expected[1][rows])


@pytest.mark.parametrize(("features", "compared"), [(5, 40), (2, 50 * 3 * 6)], ids=["tiles", "tree"])
def test_signs_of_life_come_after_so_many_comparisons(monkeypatch, features, compared):
    """With all forty by tiles; by a tree of six levels, for three neighbours, each as long as fifty take a tile."""
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 1)
    monkeypatch.setattr(neighbors, "PAIRS", 8 * compared)
    monkeypatch.setattr(tiles, "HEIGHT", 4)
    monkeypatch.setattr(trees, "HEIGHT", 4)
    taken, work = [], neighbors.blas_in_threads
    monkeypatch.setattr(
        neighbors, "blas_in_threads", lambda call, items, count: taken.append(items) or work(call, items, count)
    )
    some = points(40, features=features)
    with limited(2):
        nearest(some, some, 3)
    assert [(items.start, items.stop) for items in taken] == [(0, 16), (16, 32), (32, 40)]


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("count", [1, 5, 20])
def test_nearest_as_authors_are_those_of_a_full_sort(count):
    some, others = points(7, seed=1), points(20)
    for first, second in ((others, others), (some, others)):
        lengths, columns = nearest_as_authors(first, second, count)
        expected, places = by_sorting(first, second, count)
        assert columns.tolist() == places
        assert lengths == pytest.approx(np.array(expected), abs=1e-7)


@pytest.mark.usefixtures("_blocks")
def test_each_sample_is_at_distance_0_from_itself_however_large():
    large = in_columns(
        1e6 * points(40).columns + 1e7
    )  # the matrix product alone leaves the root of rounding errors here
    lengths, columns = nearest_as_authors(large, large, 3)
    assert not lengths[:, 0].any()
    assert columns[:, 0].tolist() == list(range(40))
    assert not np.diag(distances(large, large)).any()
    assert np.diag(distances(large, in_columns(large.columns))).any()
    assert np.isfinite(lengths).all()


@pytest.mark.usefixtures("_blocks")
def test_of_equal_distances_the_first_stay_in_and_come_first_as_the_authors_have_it():
    equal = in_columns(np.zeros((2, 6)))
    for others in (equal, in_columns(np.zeros((2, 6)))):
        lengths, columns = nearest_as_authors(equal, others, 3)
        assert columns.tolist() == [[0, 1, 2]] * 6
        assert not lengths.any()
    line = in_columns([[1.0, -1.0, 2.0, -2.0, 1.0]])
    lengths, columns = nearest_as_authors(in_columns([[0.0]]), line, 4)
    assert columns.tolist() == [[0, 1, 4, 2]]
    assert lengths.tolist() == [[1, 1, 1, 2]]


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


def test_products_of_tiles_have_one_thread_of_blas(monkeypatch):
    seen, scan = [], kernels.scan

    @contextmanager
    def limit(number):
        seen.append(number)
        yield
        seen.append("end")

    monkeypatch.setattr(neighbors, "blas_threads", limit)
    monkeypatch.setattr(kernels, "scan", lambda *given: seen.append("tile") or scan(*given))
    some = points(9, features=5)
    nearest(some, some, 2)
    assert seen == [1, "tile", "end"]


@pytest.mark.usefixtures("_blocks")
def test_sparse_points_have_the_neighbours_of_the_same_dense_ones():
    rng = np.random.default_rng(0)
    rows = csr_array(rng.normal(size=(20, 6)) * (rng.random((20, 6)) < 0.4))
    sparse = Sparse(rows, rng.normal(size=20), rng.normal(size=6))
    dense = in_columns((rows.toarray() - np.outer(sparse.shift, sparse.direction)).T)
    for some, same in ((sparse, dense), (sparse.take(slice(3, 9)), dense.take(slice(3, 9)))):
        for find, error in ((nearest, 1e-13), (nearest_as_authors, 1e-7)):
            lengths, columns = find(some, sparse, 5)
            expected, places = find(same, dense, 5)
            assert np.array_equal(columns, places)
            assert lengths == pytest.approx(expected, rel=1e-9, abs=error)
    assert mean_distance(sparse) == pytest.approx(mean_distance(dense), rel=1e-12)
