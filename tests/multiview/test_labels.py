"""Labels that may be missing: what is a class, what is unlabelled, and what is refused by its place."""

import numpy as np
import pytest

from dsrl_ref.multiview.labels import as_labels


class Column:
    """As much of a column of strings of pandas as is asked of it."""

    dtype = "string"

    def __init__(self, *values):
        self.values = values

    def notna(self):
        return [value is not None and value == value for value in self.values]

    def astype(self, kind):
        assert kind is object
        return self

    def where(self, kept, other):
        values = [value if keep else other for value, keep in zip(self.values, kept, strict=True)]
        return np.array(values, dtype=object)


@pytest.mark.parametrize(
    ("y", "classes", "codes"),
    [
        (np.array([7, -1, 3, 7]), [3, 7], [1, -1, 0, 1]),
        (np.array([7.0, -1.0, 3.0, 7.0]), [3, 7], [1, -1, 0, 1]),
        (np.array([7, -3, -1, 100], dtype=np.int8), [-3, 7, 100], [1, 0, -1, 2]),
        (np.array([2, 0, 2], dtype=np.uint8), [0, 2], [1, 0, 1]),
        (np.array([True, False]), [False, True], [1, 0]),
        (np.array([np.True_, np.False_, None], dtype=object), [False, True], [1, 0, -1]),
        ([5, -1, 2], [2, 5], [1, -1, 0]),
        ([5, None, 2], [2, 5], [1, -1, 0]),
        (np.array([4.0, -1.0, None], dtype=object), [4], [0, -1, -1]),
        ([-1, np.int64(-1), np.float64(-1), 9], [9], [-1, -1, -1, 0]),
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        (["b", -1, "a"], ["a", "b"], [1, -1, 0]),
        (["b", None, "a"], ["a", "b"], [1, -1, 0]),
        ([None, "a", -1.0], ["a"], [-1, 0, -1]),
        (np.array(["b", "a"]), ["a", "b"], [1, 0]),
        (np.array([b"b", b"a"]), [b"a", b"b"], [1, 0]),
        (np.array([b"b", b"NA", b"a"]), [b"a", b"b"], [1, -1, 0]),
        (np.array(["b", np.nan, "a", "NA", "", " ", "None", "?"]), ["a", "b"], [1, -1, 0, -1, -1, -1, -1, -1]),
        (["b", "nan", "a", "N/A", "none"], ["a", "b", "none"], [1, -1, 0, -1, 2]),
        ([5, "NA", 2, None, -1], [2, 5], [1, -1, 0, -1, -1]),
        (Column("b", None, "a", float("nan")), ["a", "b"], [1, -1, 0, -1]),
    ],
)
def test_classes_ascend_and_the_unlabelled_are_none_of_them(y, classes, codes):
    found = as_labels(y, len(codes))
    assert found.classes.tolist() == classes
    assert found.codes.tolist() == codes
    assert found.codes.dtype == np.intp


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        ([1, None, 1], [1]),
        ([1, 1, 1], [1]),
        ([2, -1, 2], [2]),
        ([1, -1, 0], [0, 1]),
        (np.array([255, 1, 0]), [0, 1, 255]),
        (np.array([254, 1, 0], dtype=np.uint8), [0, 1, 254]),
        (np.array([255, 1, 0], dtype=np.uint16), [0, 1, 255]),
        (np.array([127, 1, -1], dtype=np.int8), [1, 127]),
    ],
)
def test_labels_that_only_look_like_a_mistake_are_taken(y, classes):
    assert as_labels(y, 3).classes.tolist() == classes


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy has strings of any length from 2.0 on")
def test_numpys_strings_of_any_length_are_classes():
    found = as_labels(np.array(["b", "a", "b"], dtype=np.dtypes.StringDType()), 3)
    assert found.classes.tolist() == ["a", "b"]
    assert found.codes.tolist() == [1, 0, 1]


def test_a_column_is_read_with_a_warning_and_a_table_is_refused():
    with pytest.warns(UserWarning, match="A column-vector y was passed when a 1d array was expected"):
        found = as_labels(np.array([[4], [-1], [2]]), 3)
    assert found.codes.tolist() == [1, -1, 0]
    with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(2, 2\)"):
        as_labels(np.zeros((2, 2)), 2)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([-1, -1, -1], "all samples are unlabelled; at least one needs a class"),
        (["NA", "", None], "all samples are unlabelled; at least one needs a class"),
        ([None, None, None], "all samples are unlabelled; at least one needs a class"),
        ([0, 1], "inconsistent numbers of samples: X has 3, y has 2"),
        ([0, 1, 0, 1], "inconsistent numbers of samples: X has 3, y has 4"),
        (np.array([0.0, 1.0, 0.5]), r"Unknown label type: continuous. y\[2\] = 0.5 is no class"),
        ([0, 1, 0.5], r"Unknown label type: continuous. y\[2\] = 0.5 is no class"),
        (np.array([0.0, np.nan, np.inf]), r"Input y contains NaN: y\[1\]"),
        (np.array([0.0, np.inf, np.nan]), r"Input y contains infinity: y\[1\]"),
        (np.array([0.0, 1.0, -np.inf]), r"Input y contains infinity: y\[2\]"),
        ([0, 1, float("inf")], r"Input y contains infinity: y\[2\]"),
        ([0, np.float64("nan"), None], r"Input y contains NaN: y\[1\]"),
        (np.ma.masked_array([0, 1, 0], mask=[0, 0, 1]), r"y has masked entries, the first at y\[2\]"),
        (["a", "b", "-1"], r"y\[2\] = '-1' is a string, as np.array makes of -1 among strings"),
        (np.array(["a", "-1", "-1"]), r"y\[1\] = '-1' is a string"),
        (np.array([b"a", b"b", b"-1"]), r"y\[2\] = '-1' is a string"),
        (["a", {"b"}, "c"], r"Unknown label type: y\[1\] = \{'b'\} is neither a number nor a string"),
        ([0, 1, 1j], r"Unknown label type: y\[2\] = 1j is neither"),
        (np.zeros(3, dtype=complex), "Unknown label type: y has dtype complex128; integers or strings are needed"),
        (np.zeros(3, dtype="datetime64[D]"), "Unknown label type: y has dtype datetime64"),
        (np.array([0, 255, 1], dtype=np.uint8), r"y\[1\] = 255 is what -1 becomes in uint8.*np.where\(y == 255, -1"),
        (np.array([0, -1, 1]).astype(np.uint16), r"y\[1\] = 65535 is what -1 becomes in uint16"),
        (np.array([0, -1, 1]).astype(np.uint64), r"y\[1\] = 18446744073709551615 is what -1 becomes in uint64"),
        (np.array([1, -1, 1]), "y has the labels -1 and 1 alone, .* which leaves one class"),
        ([1, -1, -1], "y has the labels -1 and 1 alone"),
        ([1.0, -1.0, None], "y has the labels -1 and 1 alone"),
        (np.array([1.0, -1.0, 1.0]), "y has the labels -1 and 1 alone"),
    ],
)
def test_what_is_no_label_is_named_by_its_place(y, message):
    with pytest.raises(ValueError, match=message):
        as_labels(y, 3)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", 5, "b"], r"y mixes strings and numbers: y\[0\] = 'a', y\[1\] = 5"),
        ([None, 5, "b"], r"y mixes strings and numbers: y\[2\] = 'b', y\[1\] = 5"),
        ([-1, "b", 5], r"y mixes strings and numbers: y\[1\] = 'b', y\[2\] = 5"),
    ],
)
def test_numbers_among_strings_are_refused_and_the_unlabelled_are_neither(y, message):
    with pytest.raises(TypeError, match=message):
        as_labels(y, 3)


def test_among_strings_nan_is_a_gap_as_pandas_writes_it():
    given = np.array(["b", np.nan, "a", np.float64("nan"), "b"], dtype=object)
    for y in (given, given.tolist()):
        found = as_labels(y, 5)
        assert (found.classes.tolist(), found.codes.tolist()) == (["a", "b"], [1, -1, 0, -1, 1])
    with pytest.raises(ValueError, match=r"Input y contains NaN: y\[1\]"):  # among numbers it is one too many
        as_labels([0, np.nan, 1], 3)
