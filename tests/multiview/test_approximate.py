"""Approximate neighbours: most of the true ones, with exact distances, the same every time."""

import sys
from itertools import pairwise
from threading import current_thread, main_thread

import numpy as np
import pytest
from views import euclidean, hard_views, nearest_first

from dsrl_ref.errors import MissingExtraError
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, approximate, neighbors, similarity_graph
from dsrl_ref.multiview.lists import Lists, Samples
from dsrl_ref.multiview.neighbors import Taken, nearest, recall
from dsrl_ref.multiview.points import Dense
from dsrl_ref.threads import limited

faiss = pytest.importorskip("faiss", reason="faiss is not installed: pip install '.[ann]'")


@pytest.fixture(autouse=True)
def _small_cells(monkeypatch):
    monkeypatch.setattr(approximate, "CELL", 20)
    monkeypatch.setattr(approximate, "LOOKED_AT", 4)
    monkeypatch.setattr(approximate, "HEIGHT", 64)


def blobs(n=400, d=6, offset=0.0):
    rng = np.random.default_rng(0)
    rows = 4 * rng.normal(size=(5, d))[rng.integers(5, size=n)] + rng.normal(size=(n, d)) + offset
    return Dense(np.ascontiguousarray(rows.T))


def test_most_neighbours_are_true_and_all_distances_are_exact():
    points = blobs()
    lengths, columns = nearest(points, points, 6, kind="approximate")
    rows = points.columns.T
    exact = euclidean(rows, rows)
    true = [nearest_first(row)[:6] for row in exact]
    shares = [np.isin(a[1:], b).mean() for a, b in zip(true, columns, strict=True)]
    assert 0.8 < np.mean(shares) < 1
    assert recall(points, columns) == pytest.approx(np.mean(shares), abs=0.05)
    assert columns[:, 0].tolist() == list(range(400))
    assert lengths == pytest.approx(np.take_along_axis(np.array(exact), columns, axis=1), rel=1e-15)
    assert (np.diff(lengths, axis=1) >= 0).all()


def test_neighbours_far_from_the_origin_are_as_good():
    near, far = (nearest(points, points, 6, kind="approximate")[1] for points in (blobs(), blobs(offset=2.0**20)))
    assert (near == far).mean() > 0.99


def test_new_samples_have_neighbours_too():
    points = blobs()
    new = points.take(slice(0, 30))
    lengths, columns = nearest(new, points, 3, kind="approximate")
    assert columns[:, 0].tolist() == list(range(30))
    assert not lengths[:, 0].any()


def test_cells_have_a_fixed_seed_and_are_made_by_one_thread_that_leaves_the_main_one_free(monkeypatch):
    made, limits = [], []
    train, limit = faiss.IndexIVFFlat.train, faiss.omp_set_num_threads

    def watched(index, rows):
        made.append((current_thread() is main_thread(), faiss.omp_get_max_threads(), index.cp.seed, index.cp.niter))
        train(index, rows)

    monkeypatch.setattr(faiss.IndexIVFFlat, "train", watched)
    monkeypatch.setattr(
        faiss, "omp_set_num_threads", lambda n: limits.append((current_thread() is main_thread(), n)) or limit(n)
    )
    points = blobs()
    with limited(1):  # all else is done by the main thread
        nearest(points, points, 6, kind="approximate")
    assert made == [(False, 1, 0, approximate.ROUNDS)]
    assert (False, 1) in limits


@pytest.mark.parametrize("end", ["first", "last"])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_where_a_cell_has_too_few_those_of_others_keep_theirs(monkeypatch, end, side):
    """Four samples far from all others have a cell of their own, whichever its number is."""
    monkeypatch.setattr(approximate, "LOOKED_AT", 1)
    rows = np.random.default_rng(0).normal(size=(44, 5))
    rows[:4, 0] += 1e3 * side
    points = Dense(np.ascontiguousarray((rows if end == "first" else rows[::-1]).T))
    columns, expected = nearest(points, points, 8, kind="approximate")[1], nearest(points, points, 8)[1]
    far = np.abs(points.columns[0]) > 100
    assert np.array_equal(columns[far], expected[far])
    assert not np.isin(columns[~far], np.flatnonzero(far)).any()
    assert columns[:, 0].tolist() == list(range(44))


def test_faiss_has_one_thread_while_it_works_and_the_callers_number_after(monkeypatch):
    faiss.omp_set_num_threads(2)
    seen = []
    with pytest.raises(TypeError, match="append"), approximate._one_thread(faiss):
        seen.append("one thread", faiss.omp_get_max_threads())
    assert faiss.omp_get_max_threads() == 2
    for kind, name in ((faiss.IndexIVFFlat, "add"), (faiss.IndexIVFFlat, "search"), (faiss.IndexFlatL2, "search")):
        function = getattr(kind, name)

        def watched(*given, _name=name, _function=function):
            seen.append((_name, faiss.omp_get_max_threads()))
            return _function(*given)

        monkeypatch.setattr(kind, name, watched)
    some = Samples.of(blobs(), 0)  # the search by itself: around it BLAS may be limited, and faiss with it
    search = approximate.Cells(some, some, 6)
    for _ in search.fill(slice(0, 64), np.arange(64), Lists.empty(np.arange(64), 6)):
        pass
    assert set(seen) == {("add", 1), ("search", 1)}


@pytest.mark.parametrize("descending", [False, True])
def test_who_is_nearer_in_float64_is_found_where_float32_has_them_in_another_order(descending):
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(6, 5))
    lengths = 1 + 1e-9 * np.arange(6)[:: -1 if descending else 1, np.newaxis]
    ring = lengths * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    rows = np.concatenate([np.zeros((1, 5)), ring, 10 + rng.normal(size=(20, 5))])
    points = Dense(np.ascontiguousarray(rows.T))
    found = nearest(points, points, 3, kind="approximate", rows=slice(0, 1))[1]
    assert found.tolist() == [[0, 6, 5] if descending else [0, 1, 2]]


def test_few_samples_are_one_cell_and_nothing_is_said_of_that(capfd):
    points = blobs(10)
    found = nearest(points, points, 10, kind="approximate")
    assert np.array_equal(found[1], nearest(points, points, 10)[1])
    assert capfd.readouterr() == ("", "")


def test_some_of_the_points_have_the_neighbours_that_they_have_among_all():
    points = blobs()
    lengths, columns = nearest(points, points, 6, kind="approximate")
    some = nearest(points, points, 6, kind="approximate", rows=slice(30, 250))
    assert np.array_equal(some[0], lengths[30:250])
    assert np.array_equal(some[1], columns[30:250])


def test_points_come_cell_by_cell_and_in_order_within_a_cell(monkeypatch):
    monkeypatch.setattr(approximate, "ADDED", 50)
    points = blobs()
    these, those = (Samples.of(each, 0) for each in (points.take(slice(0, 120)), points))
    search = approximate.Cells(these, those, 6)
    order = search.order.tolist()
    assert sorted(order) == list(range(120))
    means = search.quantizer.reconstruct_n(0, search.quantizer.ntotal)
    apart = euclidean(these.rows - search.centre, means.astype(np.float64))
    cells = [int(np.argmin(apart[place])) for place in order]
    assert all((a, i) < (b, j) for (a, i), (b, j) in pairwise(zip(cells, order, strict=True)))


@pytest.mark.parametrize("threads", [1, 3])
def test_neighbours_are_always_the_same_and_the_callers_threads_come_back(threads):
    points = blobs()
    expected = nearest(points, points, 6, kind="approximate")
    faiss.omp_set_num_threads(2)
    with limited(threads):
        found = nearest(points, points, 6, kind="approximate")
    assert faiss.omp_get_max_threads() == 2
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


def test_of_equal_samples_each_is_its_own_first_neighbour():
    points = Dense(np.zeros((3, 100)))
    lengths, columns = nearest(points, points, 4, kind="approximate")
    assert columns[:, 0].tolist() == list(range(100))
    assert not lengths.any()


def test_where_cells_have_too_few_the_neighbours_are_the_true_ones(monkeypatch):
    monkeypatch.setattr(approximate, "LOOKED_AT", 1)
    points = blobs(150)
    lengths, columns = nearest(points, points, 100, kind="approximate")
    expected = nearest(points, points, 100)
    assert np.array_equal(columns, expected[1])
    assert np.array_equal(lengths, expected[0])


def test_where_cells_have_too_few_new_samples_have_the_true_ones_by_tiles_that_are_made_once(monkeypatch):
    monkeypatch.setattr(approximate, "LOOKED_AT", 1)
    monkeypatch.setattr(approximate, "HEIGHT", 8)
    made, of = [], approximate.DenseTiles
    monkeypatch.setattr(approximate, "DenseTiles", lambda *given: made.append(given) or of(*given))
    seen, new = blobs(150), Dense(blobs(170).columns[:, 150:] + 0.1)
    with limited(1):
        columns = nearest(new, seen, 100, kind="approximate")[1]
    assert np.array_equal(columns, nearest(new, seen, 100)[1])
    assert len(made) == 1


def test_without_faiss_approximate_neighbours_say_which_extra_has_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    views = [np.eye(5)]
    with pytest.raises(MissingExtraError, match=r"pip install 'dsrl_ref\[ann\]', or give neighbors='exact'"):
        similarity_graph(views, 2, neighbors="approximate")
    with pytest.raises(MissingExtraError, match=r"dsrl_ref\[ann\]"):
        DSRLClustering(2, n_neighbors=2, neighbors="approximate").fit(views)


def test_estimators_say_what_they_took_and_take_it_for_new_samples_too(monkeypatch, capsys):
    views, labels = hard_views()
    exact = DSRLClustering(4, random_state=0).fit(views)
    assert exact.neighbors_ == (Taken("exact", None),) * 3
    model = DSRLClassifier(neighbors="approximate", verbose=True).fit(views, labels)
    assert [taken.kind for taken in model.neighbors_] == ["approximate"] * 3
    assert all(0.5 < taken.recall < 1 for taken in model.neighbors_)
    share = f"{model.neighbors_[1].recall:.1%}"
    assert f"views[1]: approximate neighbours, {share} of the true ones\n" in capsys.readouterr().err
    kinds = []
    search = neighbors._search
    monkeypatch.setattr(neighbors, "_search", lambda *given: kinds.append(given[-1]) or search(*given))
    assert len(model.predict([view + 1e-3 for view in views])) == 120
    assert kinds == ["approximate"] * 3
    kinds.clear()
    model.predict([view[:5] + 1e-3 for view in views])
    assert kinds == ["exact"] * 3


def test_a_word_that_is_no_kind_is_refused():
    for call in (
        lambda: similarity_graph([np.eye(5)], 2, neighbors="some"),
        lambda: DSRLClustering(neighbors="some").fit([np.eye(5)]),
    ):
        with pytest.raises(ValueError, match="neighbors must be one of"):
            call()
