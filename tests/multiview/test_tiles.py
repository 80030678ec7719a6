"""Tiles of products: they leave out nobody who is near, whatever they round, and most of the others."""

from itertools import pairwise

import numpy as np
import pytest
from peaks import with_peak
from scipy.sparse import csr_array
from views import nearest_exactly, tied_samples

from dsrl_ref.multiview import neighbors, tiles
from dsrl_ref.multiview.kernels import neighbors as kernels
from dsrl_ref.multiview.lists import Lists, Samples
from dsrl_ref.multiview.neighbors import nearest
from dsrl_ref.multiview.points import Dense, Sparse
from dsrl_ref.multiview.tiles import DenseTiles, Filter, SparseTiles, begin, shuffled, slack_of
from dsrl_ref.threads import limited


def filled(search, n, count, block=None):
    """The lists that a search among n points makes, of a block of them or of all, in order."""
    block = slice(0, n) if block is None else block
    lists = Lists.empty(np.arange(n)[block], count)
    for _ in search.fill(block, np.arange(n)[block], lists):
        pass
    kernels.order(*lists)
    return lists


def samples(rows):
    return Samples.of(Dense(np.ascontiguousarray(np.asarray(rows).T)), 0)


def offers(monkeypatch):
    """How many candidates were looked at, and in which precision, tile by tile; filled as tiles are scanned."""
    seen, scan = [], kernels.scan

    def counting(tile, *given):
        offered = scan(tile, *given)
        seen.append((tile.dtype, offered / len(tile)))
        return offered

    monkeypatch.setattr(kernels, "scan", counting)
    return seen


def test_others_come_in_an_order_that_is_always_the_same_and_no_order_of_the_data():
    assert np.array_equal(shuffled(50), shuffled(50))
    assert sorted(shuffled(50).tolist()) == list(range(50))
    assert abs(np.corrcoef(shuffled(500), np.arange(500))[0, 1]) < 0.2


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 2.0**-70])
def test_a_filter_is_never_above_the_square_of_a_distance(kind, scale):
    rng = np.random.default_rng(0)
    for d in (1, 5, 300):
        x, y = rng.normal(size=(2, 40, d)) / np.sqrt(d)
        y[0], x[1] = x[0], 0
        x, y = scale * x, y * np.where(np.arange(40) % 2, scale, 1.0)[:, np.newaxis]
        found = Filter.of(y, kind)
        squares = (x**2).sum(axis=1)
        slack = found.share * squares + found.floor
        sums = found.lower + (-2 * x).astype(kind) @ found.rows.T
        exact = ((x[:, np.newaxis] - y) ** 2).sum(axis=2) - squares[:, np.newaxis]
        assert (sums <= exact + slack[:, np.newaxis]).all()
        assert (sums >= exact - slack[:, np.newaxis] - 2 * found.widest).all()
        assert found.widest <= np.finfo(kind).eps * (d + 8) * (y**2).sum(axis=1).max() * 1.01


def test_products_that_round_as_badly_as_they_may_leave_out_nobody_who_is_near(monkeypatch):
    """Every product is too large by all that a sum of d terms may round; the others are apart by much less than that.

    The point is twice as far from the centre as they are, so that its own slack is needed beside theirs.
    """
    d, n, multiply = 64, 3000, np.matmul

    def rounded(a, b, out):
        lengths = np.linalg.norm(a, axis=1)[:, np.newaxis] * np.linalg.norm(b, axis=0)
        unit = d * np.finfo(out.dtype).eps / 2
        out[:] = multiply(a.astype(np.float64), b.astype(np.float64)) + unit * lengths
        return out

    steps = 4e-9 * np.arange(n)
    others = np.zeros((2 * n, d))
    others[::2, 0], others[1::2, 0] = 1 + steps, -1 - steps
    some = np.zeros((2, d))
    some[:, 0] = 2, -2
    monkeypatch.setattr(tiles.np, "matmul", rounded)
    lengths, columns = nearest(Dense(np.ascontiguousarray(some.T)), Dense(np.ascontiguousarray(others.T)), 1)
    assert columns.ravel().tolist() == [2 * n - 2, 2 * n - 1]
    assert lengths.ravel().tolist() == [2 - others[-2, 0]] * 2


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("entries", "count"), [(7, 2), (8, 2), (23, 2), (3, 3)])
def test_a_first_tile_has_as_many_entries_up_to_a_bound_as_there_are_to_be_neighbours(kind, entries, count):
    rng = np.random.default_rng(0)
    tile, lower = rng.normal(size=(6, entries)).astype(kind), rng.normal(size=entries).astype(kind)
    base, margin, bounds = rng.normal(size=6), rng.random(6), np.full(6, np.inf, kind)
    begin(tile, lower, base, margin, count, bounds)
    groups = np.arange(entries) % min(4 * count, entries)
    for row, found, own, more in zip(tile, bounds.astype(float), base, margin, strict=True):
        least = sorted(min((row + lower)[groups == group]) for group in set(groups.tolist()))
        needed = float(least[count - 1]) + more
        assert found - needed == pytest.approx(2.0**-20 * abs(needed - own), abs=1e-7 * abs(needed))


def test_a_first_tile_of_too_few_bounds_nobody():
    bounds = np.full(2, np.inf)
    begin(np.zeros((2, 3)), np.zeros(3), np.zeros(2), np.zeros(2), 4, bounds)
    assert (bounds == np.inf).all()


def test_few_are_looked_at_even_of_samples_along_a_line(monkeypatch):
    seen = offers(monkeypatch)
    monkeypatch.setattr(tiles, "WIDTH", 64)
    line = samples(np.arange(600.0)[:, np.newaxis] * np.ones(3))
    search = DenseTiles(line, line, 5)
    filled(search, 600, 5, slice(590, 600))
    assert sum(offered for _, offered in seen) < 5 * (1 + np.log(600 / 5)) + 15
    assert {kind for kind, _ in seen} == {np.dtype(np.float32)}


def test_a_first_tile_leaves_out_most_before_any_list_is_full(monkeypatch):
    """By lists alone, each of 31 places would be taken by some 31·(1 + log(1000/31)) samples, 139."""
    seen = offers(monkeypatch)
    cloud = samples(np.random.default_rng(0).normal(size=(1000, 8)))
    search = DenseTiles(cloud, cloud, 31)
    for start in (0, 100):
        filled(search, 1000, 31, slice(start, start + 100))
    assert [kind for kind, _ in seen] == [np.float32, np.float32]
    assert all(offered < 62 for _, offered in seen)


def test_float64_takes_over_where_float32_leaves_too_many(monkeypatch):
    seen = offers(monkeypatch)
    rng = np.random.default_rng(0)
    monkeypatch.setattr(tiles, "HEIGHT", 200)
    clusters = np.repeat([0.0, 1.0], 200)[:, np.newaxis] + 1e-6 * rng.normal(size=(400, 6))
    points = Dense(np.ascontiguousarray(clusters[rng.permutation(400)].T))
    with limited(1):
        nearest(points, points, 3)
    assert [kind for kind, _ in seen] == [np.float32, np.float64]
    assert seen[0][1] > 150
    assert seen[1][1] < 20


def test_float64_takes_over_once_though_it_leaves_as_many(monkeypatch):
    made, of = [], Filter.of
    monkeypatch.setattr(Filter, "of", lambda rows, kind: made.append(kind) or of(rows, kind))
    monkeypatch.setattr(tiles, "HEIGHT", 50)
    close = 0.75 + 1e-9 * np.random.default_rng(0).normal(size=(150, 6))
    points = Dense(np.ascontiguousarray(np.vstack([close, -close]).T))
    with limited(1):
        nearest(points, points, 2)
    assert made == [np.float32, np.float64]


def test_work_may_be_left_after_every_tile(monkeypatch):
    monkeypatch.setattr(tiles, "WIDTH", 7)
    some = samples(np.random.default_rng(0).normal(size=(30, 3)))
    search = DenseTiles(some, some, 2)
    steps = search.fill(slice(0, 4), np.arange(4), Lists.empty(np.arange(4), 2))
    assert len(list(steps)) == 5


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_tile_takes_two_mebibytes_at_most(monkeypatch, kind):
    monkeypatch.setattr(kernels, "scan", lambda *given: 0)
    some = samples(np.random.default_rng(0).normal(size=(5000, 2)))
    search = DenseTiles(some, some, 2)
    search.filter = Filter.of(search.others - search.centre, kind)
    lists = Lists.empty(np.arange(search.height), 2)
    _, peak = with_peak(lambda: list(search.fill(slice(0, search.height), np.arange(search.height), lists)))
    assert peak < 2.2 * 2**20


def test_a_tile_of_sparse_points_takes_sixteen_mebibytes_at_most(monkeypatch):
    monkeypatch.setattr(kernels, "scan_sparse", lambda *given: 0)
    rng = np.random.default_rng(0)
    places = rng.integers(1000, size=5000)
    some = Sparse.unmoved(csr_array((rng.random(5000), places, np.arange(5001)), shape=(5000, 1000)))
    search = SparseTiles(some, some, 2)
    own = np.arange(search.height)
    _, peak = with_peak(lambda: list(search.fill(slice(0, search.height), own, Lists.empty(own, 2))))
    assert peak < 18 * 2**20


def test_points_are_held_three_and_a_half_times_at_most(monkeypatch):
    """In float64, in their order and shuffled, and for products in float32, and in float64 while that is made."""
    monkeypatch.setattr(kernels, "scan", lambda *given: 10**9)
    monkeypatch.setattr(kernels, "order", lambda *given: None)  # to compile it would take memory too
    points = Dense(np.random.default_rng(0).normal(size=(1000, 500)))
    with limited(1):
        _, peak = with_peak(lambda: nearest(points, points, 2, rows=slice(0, 8)))
    assert peak < 3.7 * points.columns.nbytes


def test_who_is_as_far_as_the_last_but_comes_later_is_not_looked_at(monkeypatch):
    """Else samples that are all as far from one another would cost n² squares."""
    seen = offers(monkeypatch)
    apart = samples(np.eye(300))
    search = DenseTiles(apart, apart, 4)
    search.filter = Filter.of(search.others - search.centre, np.float64)
    found = filled(search, 300, 4, slice(0, 20))
    assert found.places[10].tolist() == [10, 0, 1, 2]
    assert seen[0][1] < 60


@pytest.mark.parametrize("count", [1, 3, 30])
def test_tiles_narrower_than_the_lists_are_long_leave_out_nobody(monkeypatch, count):
    monkeypatch.setattr(tiles, "WIDTH", 7)
    rng = np.random.default_rng(1)
    rows = tied_samples(rng, 30, 2)
    found = filled(DenseTiles(samples(rows), samples(rows), count), 30, count)
    assert found.places.tolist() == [[j for _, j in row] for row in nearest_exactly(rows, rows, count, True)]


def test_a_tile_of_many_features_is_low_so_that_it_is_soon_done(monkeypatch):
    wide = samples(np.zeros((2, 5000)))
    search = DenseTiles(wide, wide, 1)
    assert 1 <= search.height < tiles.HEIGHT
    assert search.height * tiles.WIDTH * 5000 <= tiles.MULTIPLICATIONS
    assert DenseTiles(samples(np.zeros((2, 5))), samples(np.zeros((2, 5))), 1).height == tiles.HEIGHT
    monkeypatch.setattr(tiles, "MULTIPLICATIONS", tiles.WIDTH)
    assert DenseTiles(wide, wide, 1).height == 1


def test_sparse_points_may_be_stored_in_any_order():
    dense = np.random.default_rng(0).integers(-2, 3, size=(12, 6)) * 1.0
    rows = csr_array(dense)
    ranges = list(pairwise(rows.indptr))
    data, indices = (np.concatenate([each[a:b][::-1] for a, b in ranges]) for each in (rows.data, rows.indices))
    backwards = Sparse.unmoved(csr_array((data, indices, rows.indptr), shape=rows.shape))
    columns = nearest(backwards, backwards, 4)[1]
    assert columns.tolist() == nearest(Sparse.unmoved(rows), Sparse.unmoved(rows), 4)[1].tolist()


@pytest.mark.parametrize("entries", [90, 5])  # three rows a tile, and not even one
def test_sparse_points_have_the_neighbours_of_the_definition(monkeypatch, entries):
    monkeypatch.setattr(tiles, "SPARSE_ENTRIES", entries)
    monkeypatch.setattr(neighbors, "Tree", None)
    rng = np.random.default_rng(0)
    for shifted in (False, True):
        rows = csr_array(rng.integers(-1, 2, size=(30, 5)) * 1.0)
        shift, direction = rng.integers(-1, 2, size=(2, 30)) * (0.5 * shifted)
        points = Sparse(rows, shift, direction[:5])
        dense = rows.toarray() - np.outer(shift, direction[:5])
        lengths, columns = nearest(points, points, 6)
        expected = nearest_exactly(dense, dense, 6, True)
        assert columns.tolist() == [[j for _, j in row] for row in expected]
        assert (lengths**2).tolist() == pytest.approx(np.array([[float(s) for s, _ in row] for row in expected]))
        columns = nearest(points.take(slice(4, 9)), points, 6)[1]
        assert columns.tolist() == [[j for _, j in row] for row in nearest_exactly(dense[4:9], dense, 6)]


def test_products_of_sparse_points_that_round_by_all_their_slack_leave_out_nobody_who_is_near(monkeypatch):
    """The nearest seem to be farther by all that they may, all others nearer: by more than they are apart."""
    monkeypatch.setattr(tiles, "slack_of", lambda points: 20.0 + points.shift)
    dense = np.random.default_rng(0).permutation(40)[:, np.newaxis] * 1.0
    points = Sparse(csr_array(dense), np.arange(40.0), np.zeros(1))
    search = SparseTiles(points, points, 4)
    expected = [[j for _, j in row] for row in nearest_exactly(dense, dense, 4, True)]
    multiply, errors = search.products, np.add.outer(search.slack, search.slack[search.original]) / 2
    near = np.array([np.isin(search.original, row) for row in expected])
    search.products = lambda block: multiply(block) + np.where(near, -errors, errors)[block]
    assert filled(search, 40, 4).places.tolist() == expected


def test_who_equals_a_sparse_point_but_for_rounding_comes_in_order():
    points = Sparse.unmoved(csr_array(np.array([[3.0, 4.0]] * 3) * [[1.0], [1 + 1e-11], [1.0]]))
    assert nearest(points, points, 2)[1].tolist() == [[0, 1], [1, 0], [2, 0]]


def test_small_distances_of_sparse_points_keep_their_digits():
    rows = csr_array(np.array([[1.0, 0, 2], [1 + 1e-6, 0, 2], [1, 0, 2 + 3e-6], [0, 5, 0]]))
    points = Sparse(rows, np.array([7.0, 7.0, 7.0, 0.0]), np.array([1.0, 1.0, 1.0]))
    lengths, columns = nearest(points, points, 3)
    assert columns[0].tolist() == [0, 1, 2]
    assert lengths[0] == pytest.approx([0, 1e-6, 3e-6], rel=1e-9)


def test_products_of_sparse_points_round_by_less_than_their_slack():
    rng = np.random.default_rng(0)
    rows = csr_array(rng.normal(size=(40, 8)) * (rng.random((40, 8)) < 0.5))
    points = Sparse(rows, 1e6 * rng.normal(size=40), rng.normal(size=8))
    dense = rows.toarray().astype(np.longdouble) - np.outer(points.shift, points.direction).astype(np.longdouble)
    exact = ((dense[:, np.newaxis] - dense) ** 2).sum(axis=2)
    squares, slack = points.squares(), slack_of(points)
    error = np.abs(squares[:, np.newaxis] + squares - 2 * points.products(points)(slice(0, 40)) - exact)
    assert (error <= slack[:, np.newaxis] + slack).all()
    assert slack.max() < 1e-9 * squares.max()


def test_the_last_tile_may_be_of_one(monkeypatch):
    monkeypatch.setattr(tiles, "WIDTH", 29)
    rows = np.random.default_rng(2).integers(-2, 3, size=(30, 2)) * 0.25
    found = filled(DenseTiles(samples(rows), samples(rows), 30), 30, 30)
    assert found.places.tolist() == [[j for _, j in row] for row in nearest_exactly(rows, rows, 30, True)]


def test_who_equals_a_point_but_for_rounding_is_not_left_out():
    rows = np.array([[3.0, 4.0]] * 3) * [[1.0], [1 + 1e-11], [1.0]]
    assert filled(DenseTiles(samples(rows), samples(rows), 2), 3, 2).places.tolist() == [[0, 1], [1, 0], [2, 0]]
