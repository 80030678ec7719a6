"""Views that are dask arrays are read where they are, and refused as those in memory, by their names."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from views import random_views

from dsrl_ref.errors import MissingExtraError, SizeError
from dsrl_ref.multiview.blank import what_is_blank
from dsrl_ref.multiview.neighbors import mean_distance
from dsrl_ref.multiview.spread.views import SpreadView, in_memory, prepared, views_of
from dsrl_ref.multiview.views import as_views, prepare
from dsrl_ref.threads import limited

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")
delayed = pytest.importorskip("dask", reason="the extra distributed brings dask").delayed


def spread(*views):
    return [da.from_array(np.asarray(view, dtype=float), chunks=(2, 2)) for view in views]


def test_views_in_memory_are_read_as_ever():
    views = random_views(9)
    assert all(np.array_equal(*pair) for pair in zip(views_of(views), as_views(views), strict=True))
    with pytest.raises(TypeError, match="views must be a list of matrices, samples by features, got int"):
        views_of(5)


def test_views_on_workers_tell_their_shape_and_whom_they_lack():
    one, other = random_views(5, (4, 3))
    other[[1, 3]] = np.nan
    first, second = views_of({"a": spread(one)[0], "b": spread(other)[0]})
    assert isinstance(first, SpreadView)
    assert (first.shape, second.shape) == ((5, 4), (5, 3))
    assert np.flatnonzero(first.absent).tolist() == []
    assert np.flatnonzero(second.absent).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("views", "error", "message"),
    [
        (lambda: [*spread(np.eye(4)), np.eye(4)], TypeError, r"views\[1\] is in memory, and others are dask arrays"),
        (lambda: spread(np.eye(4), np.ones((3, 2))), ValueError, r"views\[1\] has 3 samples, but views\[0\] has 4"),
        (lambda: spread(np.eye(4), [1, 2, 3, 4]), ValueError, r"views\[1\]: Expected 2D array, got 1D array"),
        (
            lambda: [da.ones((4, 2)).map_blocks(lambda chunk: chunk[:3], chunks=((4,), (2,)))],
            ValueError,
            r"views\[0\] has shape \(3, 2\), but its dask array says \(4, 2\)",
        ),
        (lambda: [da.ones((3, 2), dtype="U1")], TypeError, r"views\[0\] must be numeric"),
        (lambda: spread(1e160 * np.eye(4)), ValueError, r"views\[0\] has 1e\+160 for largest size"),
        (
            lambda: spread([[1, 2], [1, 2], [1, np.nan], [3, 4]]),
            ValueError,
            r"views\[0\]\[2, 1\] = nan, and 1 rows are",
        ),
        (
            lambda: spread(np.eye(3), [[1, 2], [1, np.nan], [3, 4]]),
            ValueError,
            r"views\[1\]\[1, 1\] = nan, and 1 rows are",
        ),
        (lambda: spread([[1, 2], [np.nan] * 2, [3, 4]]), ValueError, "sample 1 is in no view, a row of NaN in each"),
    ],
)
def test_what_is_wrong_is_named_as_in_memory(views, error, message):
    with pytest.raises(error, match=message):
        views_of(views())


def test_without_its_cluster_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"views\[0\] is a dask array, .* pip install 'dsrl_ref\[distributed\]'"
    ):
        views_of(spread(np.eye(4)))


def test_what_a_view_takes_is_what_is_stored_of_it():
    view = csr_array(np.eye(6, 500))
    whole = da.from_delayed(delayed(view), (6, 500), meta=csr_array((0, 0)))
    (ready,) = prepared(views_of([whole]), ["tf-idf"], 3, "heat", "auto")
    points = prepare(view, "tf-idf").points.rows
    parts = [part for each in (view, points) for part in (each.data, each.indices, each.indptr)]
    assert ready.told.bytes == sum(part.nbytes for part in parts)


def test_views_that_tell_nothing_and_samples_they_have_are_told_of():
    other = random_views(5, (3,))[0]
    other[[1, 3]] = np.nan
    constant, holed = prepared(views_of(spread(np.ones((5, 2)), other)), ["samples", "features"], 2, "heat", "auto")
    assert constant.told.blank == what_is_blank(prepare(np.ones((5, 2)), "samples"))
    assert "constant" in constant.told.blank
    assert constant.told.equal
    assert constant.seen.tolist() == [True] * 5
    assert not holed.told.equal
    assert holed.seen.tolist() == [True, False, True, False, True]


def test_prepared_views_come_to_the_caller_where_there_is_room(monkeypatch):
    view = random_views(9, (4,))[0]
    (ready,) = prepared(views_of(spread(view)), ["features"], 3, "heat", "auto")
    assert (ready.told.blank, ready.told.equal, ready.told.kind) == ("", False, "exact")
    assert (ready.told.k, ready.told.sought) == (3, 4)
    (found,) = in_memory([ready])
    assert np.array_equal(found.points.columns, prepare(view, "features").points.columns)
    monkeypatch.setattr("dsrl_ref.memory.free_memory", lambda: 2 * 8 * 9 * 4 - 1)
    said = "predict of new samples, and save, bring the views of 9 samples into the memory"
    with pytest.raises(SizeError, match=said):
        in_memory([ready])
    monkeypatch.setattr("dsrl_ref.memory.free_memory", lambda: 2 * 2 * 8 * 9 * 4 - 1)
    assert len(in_memory([ready])) == 1
    with pytest.raises(SizeError, match=said):
        in_memory([ready, ready])


def test_the_scale_of_heat_is_told_and_asked_of_no_other_weights():
    view = random_views(9, (4,))[0]
    scales = [
        prepared(views_of(spread(view)), ["features"], 3, weights, "auto")[0].told.scale
        for weights in ("heat", "adaptive")
    ]
    assert scales == [mean_distance(prepare(view, "features").points), 0.0]


def test_without_a_cluster_as_many_views_are_read_at_a_time_as_there_are_processors():
    with limited(3):
        assert views_of(spread(np.eye(4)))[0].place.slots == 3
