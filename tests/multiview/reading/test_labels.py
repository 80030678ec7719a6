"""Labels in all their forms, as one vector."""

import numpy as np
import pytest
from data_forms import one_hot
from scipy.sparse import csc_array

from dsrl_ref.multiview.reading.entries import Entry
from dsrl_ref.multiview.reading.labels import (
    Lines,
    are_same,
    codes_of,
    is_missing,
    is_number,
    known_of,
    lengths,
    partly_one_hot,
    vector,
)

Y = np.array([2, 1, 2, 3, 1])


def entry(value):
    return Entry("Y", ("Y",), value)


def lines(*cells, first=1):
    return Lines(list(cells), list(range(first, first + len(cells))))


@pytest.mark.parametrize(
    "value", [Y, Y.reshape(1, -1), Y.reshape(-1, 1), Y.astype(float), csc_array([Y.astype(float)])]
)
def test_rows_and_columns_are_vectors(value):
    assert lengths(entry(value)) == [5]
    assert vector(entry(value), 5, "d.mat").tolist() == Y.tolist()


@pytest.mark.parametrize("low", [0, -1])
def test_one_hot_tables_number_the_classes(low):
    table = one_hot(Y, low)
    assert lengths(entry(table)) == [5]
    assert vector(entry(table), 5, "d.mat").tolist() == [1, 0, 1, 2, 0]
    assert lengths(entry(table.T)) == [5]
    assert vector(entry(table.T), 5, "d.mat").tolist() == [1, 0, 1, 2, 0]


def test_sparse_one_hot_tables_are_read_too():
    assert vector(entry(csc_array(one_hot(Y))), 5, "d.mat").tolist() == [1, 0, 1, 2, 0]


@pytest.mark.parametrize(("low", "kind"), [(0, np.asarray), (-1, np.asarray), (0, csc_array)])
def test_one_hot_tables_may_lack_the_one_of_some_samples(low, kind):
    """They are no labels then, as nobody can tell what that means; who reads them is told so."""
    table = np.insert(one_hot(Y, low), [0, 3], low, axis=0)
    assert lengths(entry(kind(table))) == []
    for turned in (table, table.T):
        assert partly_one_hot(entry(kind(turned)), 7).tolist() == [-1, 1, 0, 1, -1, 2, 0]
    assert partly_one_hot(entry(kind(one_hot(Y, low))), 5) is None  # nobody lacks it
    assert partly_one_hot(entry(kind(np.insert(table, 0, low, axis=1))), 7) is None  # a class without a sample
    assert partly_one_hot(entry(kind(table[[0, 1, 2, 5]])), 4) is None  # one sample a class
    assert partly_one_hot(entry(kind(table[:, :1])), 7) is None  # a vector
    assert partly_one_hot(entry(kind(table)), 3) is None
    table[1, :] = 1
    assert partly_one_hot(entry(kind(table)), 7) is None


def test_a_large_sparse_table_is_not_made_dense():
    large = csc_array((np.ones(2), ([0, 5], [7, 7])), shape=(10**6, 10**6))
    assert lengths(entry(large)) == []
    explicit = csc_array((np.array([1.0, 1, 0]), ([0, 1, 1], [1, 0, 2])), shape=(2, 10**6))
    assert vector(entry(explicit), 2, "d").tolist() == [1, 0]
    for wrong in ([1.0, 2, 0], [1.0, 1, 1]):
        assert lengths(entry(csc_array((np.array(wrong), ([0, 1, 1], [1, 0, 2])), shape=(2, 9)))) == []


def test_a_square_one_hot_table_is_read_by_rows():
    assert lengths(entry(np.eye(3)[[1, 2, 0]])) == [3, 3]
    assert vector(entry(np.eye(3)[[1, 2, 0]]), 3, "d.mat").tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    "value",
    [
        np.array([[1, 1, 0], [0, 1, 0]]),
        np.array([[0, 0, 0], [0, 1, 0]]),
        np.array([[1, 0, -1], [0, 1, 0]]),
        np.ones((2, 3, 4)),
        np.empty((0, 0)),
        np.array([["a", "b"], ["c", "d"]]),
        np.array([1j, 2]),
        object(),
    ],
)
def test_what_is_no_label_a_sample_has_no_length(value):
    assert lengths(entry(value)) == []


WORDS = "NA", "nan", "", " ", "None", "?", "-1", "N/A", "<NA>", "null"


@pytest.mark.parametrize("word", WORDS)
def test_a_word_for_what_is_missing_is_none_in_every_form(word):
    cells = ["cat", word, "dog"]
    for value in (np.array(cells), np.array(cells).astype("S"), np.array(cells, dtype=object), lines(*cells)):
        assert vector(entry(value), 3, "d.mat").tolist() == ["cat", None, "dog"]


def test_texts_are_stripped():
    found = vector(entry(np.array([" cat", "dog "])), 2, "d.mat")
    assert found.dtype.kind == "U"
    assert found.tolist() == ["cat", "dog"]
    assert vector(entry(np.array(["cat", None], dtype=object)), 2, "d.mat").tolist() == ["cat", None]
    assert vector(entry(np.array([7, None], dtype=object)), 2, "d.mat").tolist() == [7, None]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 0.5], r"d\.mat: Y\[1\] = 0\.5 is no class"),
        ([1.0, 2.0**53 + 2], r"Y\[1\] = 9007199254740994\.0 is beyond 2\*\*53"),
    ],
)
def test_fractions_and_what_float64_has_rounded_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        vector(entry(np.array(values)), 2, "d.mat")


def test_whole_numbers_are_integers_and_missing_ones_none():
    found = vector(entry(np.array([1.0, np.nan, -1.0])), 3, "d.mat")
    assert [str(label) for label in found.tolist()] == ["1", "None", "-1"]
    assert vector(entry(np.full(2, np.nan)), 2, "d.mat").tolist() == [None, None]
    found = vector(entry(np.array([2.0**53, 1])), 2, "d.mat")
    assert found.dtype == np.int64
    assert found.tolist() == [2**53, 1]


def test_a_label_is_known_unless_a_reader_calls_it_missing():
    assert known_of(np.array([0.0, np.nan, -1.0, 2.0])).tolist() == [True, False, False, True]
    assert known_of(np.array(["a", None], dtype=object)).tolist() == [True, False]
    assert known_of(np.array([False, True])).tolist() == [True, True]


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        (("class", "1", "2"), [2]),
        (("class", "1", "NA"), [2]),
        (("class", "a", "b"), [2, 3]),
        (("cat", "a", "b"), [3]),
        (("0", "1", "2"), [3, 2]),
        (("1", "0", "2"), [3]),
        (("class",), [1]),
        (("0",), [1]),
        (("class", "3", "x"), [2, 3]),
    ],
)
def test_a_first_line_may_be_a_heading(cells, counts):
    assert lengths(entry(lines(*cells))) == counts


def test_lines_are_whole_numbers_or_names():
    assert vector(entry(lines("class", "3.0", "-1", "+2")), 3, "d").tolist() == [3, -1, 2]
    assert vector(entry(lines("3", "x")), 2, "d").tolist() == ["3", "x"]
    assert vector(entry(lines("3", "NA", "1")), 3, "d").tolist() == [3, None, 1]
    assert vector(entry(lines("a", "", "b")), 3, "d").tolist() == ["a", None, "b"]
    assert vector(entry(lines("9007199254740993", "9007199254740992")), 2, "d").tolist() == [2**53 + 1, 2**53]
    assert vector(entry(lines("9223372036854775808", "9")), 2, "d").tolist() == ["9223372036854775808", "9"]
    assert vector(entry(lines("9223372036854775807")), 1, "d").dtype == np.int64


@pytest.mark.parametrize("cell", ["0.5", "inf", "1e-3"])
def test_a_line_that_is_no_class_is_named_by_its_number(cell):
    with pytest.raises(ValueError, match=rf"d: Y: line 8: '{cell}' is no class; whole numbers or names are"):
        vector(entry(lines("1", cell, first=7)), 2, "d")


def test_numbers_and_gaps_are_what_people_write():
    assert [is_number(cell) for cell in ("1", "-1e3", "nan", "1_000", "x", "")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert [is_missing(cell) for cell in ("", " ", "NA", "nan", "<NA>", "n/a", "?", "None ")] == [True] * 8
    assert [is_missing(cell) for cell in ("0", "none", "-1")] == [False] * 3


def test_classes_are_the_same_whatever_they_are_called():
    assert codes_of(np.array(["b", "a", "b"])).tolist() == [0, 1, 0]
    assert are_same(np.array([1, 2, 1]), np.array(["x", "a", "x"]))
    assert not are_same(np.array([1, 2, 1]), np.array([1, 2, 2]))
    assert not are_same(np.array([1, 2, 1]), np.array([1, 2]))
