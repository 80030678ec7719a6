"""Samples that a view does not have: rows of NaN, and no other NaN."""

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array, issparse

from dsrl_ref.multiview.absent import as_rows, is_absent, names_of, require_everyone, require_order

PLAIN = np.array([[1.0, 2.0, 0.0], [0.0, 5.0, 6.0], [7.0, 0.0, 9.0], [0.0, 0.0, 1.0]])
KINDS = [np.asarray, csr_array, coo_array]


def holed(*rows, value=np.nan):
    """PLAIN with rows of NaN, or of another value."""
    view = PLAIN.copy()
    view[list(rows)] = value
    return view


def dense(view):
    return view.toarray() if issparse(view) else view


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_finite_or_nan_as_a_whole(kind):
    for view in (PLAIN, holed(0), holed(1, 3), holed(0, 1, 2)):
        found = as_rows(kind(view), "X")
        assert issparse(found) == (kind is not np.asarray)
        assert np.array_equal(dense(found), view, equal_nan=True)
        assert is_absent(found).tolist() == np.isnan(view).all(axis=1).tolist()


def test_what_has_no_holes_is_referred_to_and_nothing_is_written():
    assert as_rows(PLAIN, "X") is PLAIN
    view = holed(2)
    assert as_rows(view, "X") is view
    assert np.array_equal(view, holed(2), equal_nan=True)


@pytest.mark.parametrize("gap", [None, np.nan])
def test_rows_of_objects_may_be_missing(gap):
    given = PLAIN.astype(object)
    given[1] = gap
    found = as_rows(given, "X")
    assert found.dtype == np.float64
    assert np.array_equal(found, holed(1), equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_is_nan_in_part_is_refused_with_place_and_advice(kind):
    view = holed(0)
    view[2, 1:] = view[3, 0] = np.nan
    message = (
        r"^X contains NaN: X\[2, 1\] = nan, and 2 rows are NaN in part: fill these entries, or drop the rows or "
        "columns; only a sample that the view does not have is a row of NaN, in all its entries$"
    )
    with pytest.raises(ValueError, match=message):
        as_rows(kind(view), "X")
    view = PLAIN.copy()
    view[:, 1] = np.nan  # as many as three rows of NaN would have, and one more
    with pytest.raises(ValueError, match=r"X\[0, 1\] = nan, and 4 rows"):
        as_rows(kind(view), "X")


def test_what_a_sparse_row_does_not_store_is_zero_and_no_nan():
    view = csr_array(([np.nan, np.nan, 1.0], ([0, 0, 1], [0, 2, 1])), shape=(2, 3))
    with pytest.raises(ValueError, match=r"X\[0, 0\] = nan, and 1 rows are NaN in part"):
        as_rows(view, "X")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_beside_nan_too(kind, value):
    view = holed(0)
    view[2, 1] = value
    with pytest.raises(ValueError, match=rf"^X contains infinity: X\[2, 1\] = {value}; no entry may be$"):
        as_rows(kind(view), "X")
    with pytest.raises(ValueError, match=r"X contains infinity: X\[1, 0\]"):
        as_rows(kind(holed(1, value=value)), "X")


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_may_have_none_of_the_samples(kind):
    """New ones, that is, for which predict is asked."""
    assert is_absent(as_rows(kind(holed(0, 1, 2, 3)), "X")).all()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.zeros((0, 3)), ValueError, r"X: Found array with 0 sample\(s\)"),
        (np.zeros(3), ValueError, "X: Expected 2D array, got 1D array"),
        ([["a"]], TypeError, "X must be numeric"),
        (None, ValueError, "X must be numeric, got None"),
    ],
)
def test_what_is_no_matrix_is_refused_as_elsewhere(value, error, message):
    with pytest.raises(error, match=message):
        as_rows(value, "X")


def test_every_sample_is_in_some_view():
    require_everyone([holed(0, 1), holed(2, 3)])
    require_everyone([holed(0), csr_array(holed(1))], ["a", "b", "c", "d"])
    with pytest.raises(ValueError, match=r"^sample 1 is in no view, a row of NaN in each: nothing can be said of such"):
        require_everyone([holed(0, 1), csr_array(holed(1, 2))])
    with pytest.raises(ValueError, match=r"^set: samples 'b', 'd' are in no view"):
        require_everyone([holed(1, 3), holed(1, 2, 3)], ["a", "b", "c", "d"], "set")
    many = np.full((9, 2), np.nan)
    many[3] = 1.0
    with pytest.raises(ValueError, match=r"^samples 0, 1, 2, 4, 5 and 3 more are in no view"):
        require_everyone([many])


class Index(list):
    """Names of rows, which may have a name themselves, as pandas has it."""

    def __init__(self, names, name=None):
        super().__init__(names)
        self.name = name


class Frame:
    """What is asked of a data frame."""

    columns = ("a", "b")

    def __init__(self, *index, name=None):
        self.index = Index(index, name)


def test_samples_are_called_as_the_first_table_with_an_index_says():
    assert names_of([PLAIN, [[1.0]], Frame(0, 1), Frame("p", "q"), PLAIN]) == ["p", "q"]
    assert names_of([Frame(7, 3, name="id"), Frame(7, 3, name="sample")]) == [7, 3]
    assert names_of([Frame(np.int64(7), 3), PLAIN, csr_array(PLAIN)]) is None
    assert names_of([Frame(7, 3), Frame(7, 3)]) is None  # as frames are after a split, say
    assert names_of([]) is None


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([PLAIN, Frame("p", "q"), Frame("q", "p")], r"views\[2\] is not that of views\[1\]: sample 0 is 'q', not 'p'"),
        ([Frame("p", "q"), Frame("p", "q"), Frame("p", "r")], r"views\[2\] .* views\[0\]: sample 1 is 'r', not 'q'"),
        ([Frame("p", "q"), Frame("p")], r"views\[1\] is not that of views\[0\]: 1 samples, not 2"),
        ([Frame(0, 1), PLAIN, Frame(1, 0)], r"views\[2\] .* views\[0\]: sample 0 is 1, not 0"),
        ([Frame("p", "q"), Frame(7, 3), Frame(7, 4)], r"views\[2\] .* views\[1\]: sample 1 is 4, not 3"),
        ([Frame(0, 1), Frame(0, 1, 2)], r"views\[1\] .*: 3 samples, not 2"),
        ([Frame(1, 2, name="id"), Frame(2, 1, name="id")], r"views\[1\] .*: sample 0 is 2, not 1"),
    ],
)
def test_tables_with_indices_of_their_own_are_refused_with_what_joins_them(frames, message):
    with pytest.raises(ValueError, match=rf"^the index of {message}\. Bring all into one order, with rows of NaN for"):
        names_of(frames)


class Series:
    """What is asked of a column of a data frame."""

    def __init__(self, *index):
        self.index = Index(index)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([Frame("p", "q", "r")], Series("p", "r", "q"), r"y\[1\] is of 'r', the row of X is 'q'"),
        ([PLAIN, Frame(2, 0, 1)], Series(0, 1, 2), r"y\[0\] is of 0, the row of X is 2"),
    ],
)
def test_labels_in_another_order_than_the_samples_are_refused(X, y, message):
    with pytest.raises(ValueError, match=rf"^the index of y .*: {message}\. Give y.reindex\(X.index\), or y.to_numpy"):
        require_order(y, X)


@pytest.mark.parametrize("y", [Series("p", "q"), Series(0, 1), Series("q", "r"), [1, 2], np.array([1, 2]), ("q", "p")])
def test_labels_in_the_order_of_the_samples_or_without_their_names_are_taken(y):
    assert require_order(y, [PLAIN, Frame("p", "q")]) is None
    assert require_order(y, [PLAIN]) is None


@pytest.mark.peer
def test_what_the_refusal_advises_joins_frames_of_pandas():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frames = [
        pandas.DataFrame(PLAIN[:3], index=["p", "q", "r"]),
        pandas.DataFrame(PLAIN[:2], index=["r", "s"]),
    ]
    with pytest.raises(ValueError, match="sample 0 is 'r', not 'p'"):
        names_of(frames)
    index = frames[0].index.union(frames[1].index)
    joined = [frame.reindex(index) for frame in frames]
    assert names_of(joined) == ["p", "q", "r", "s"]
    views = [as_rows(frame, "X") for frame in joined]
    assert np.array_equal(views[0], holed(3)[[0, 1, 2, 3]], equal_nan=True)
    assert is_absent(views[1]).tolist() == [True, True, False, False]
