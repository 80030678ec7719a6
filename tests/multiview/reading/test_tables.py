"""Index, labels and features of a table, told apart."""

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref.multiview.reading.tables import Column, Table, matrix, take_apart


def table(header=True, index=(), lines=(), **columns):
    made = []
    for name, values in columns.items():
        texts = any(isinstance(value, str) or value is None for value in values)
        made.append(Column(name, np.array(values, dtype=object if texts else float)))
    return Table("a.csv", made, header, tuple(index), tuple(lines))


def apart(given, index=None, labels=None):
    parts = take_apart(given, index, labels)
    names = lambda columns: [column.name for column in columns]  # noqa: E731
    return parts.index, parts.is_named, names(parts.labels), names(parts.features)


P, Q = [0.5, 1.5, 2.5], [1.0, 2.0, 2.0]


def test_columns_named_like_labels_are_labels():
    assert apart(table(p=P, label=Q)) == (None, False, ["label"], ["p"])
    assert apart(table(p=P, Class=Q)) == (None, False, ["Class"], ["p"])
    assert apart(table(x=P, y=Q)) == (None, False, [], ["x", "y"])
    assert apart(table(p=P, y=Q)) == (None, False, ["y"], ["p"])
    assert apart(table(label=["u", "v", "w"], p=P)) == (None, False, ["label"], ["p"])
    assert apart(table(header=False, p=P, label=Q)) == (None, False, [], ["p", "label"])


def test_the_option_decides_on_labels():
    assert apart(table(p=P, q=Q), labels="q") == (None, False, ["q"], ["p"])
    assert apart(table(p=P, q=Q), labels="a.csv:q") == (None, False, ["q"], ["p"])
    assert apart(table(p=P, label=Q), labels="none") == (None, False, [], ["p", "label"])
    parts = take_apart(table(p=P, q=Q, label=Q), None, "q")
    assert ([column.name for column in parts.features], parts.left_out) == (["p"], ["column label of a.csv (labels)"])


@pytest.mark.parametrize(
    ("columns", "options", "expected"),
    [
        ({"": [0, 1, 2], "p": P}, {}, ([0, 1, 2], False)),
        ({"Unnamed: 0": [2, 0, 1], "p": P}, {}, ([2, 0, 1], False)),
        ({"id": [7, 5, 6], "p": P}, {}, ([7, 5, 6], True)),
        ({"id": [7, 7, 6], "p": P}, {}, (None, False)),
        ({"age": [7, 5, 6], "p": P}, {}, (None, False)),
        ({"0": [7, 5, 6], "1": P}, {}, (None, False)),
        ({"who": ["a", "b", "c"], "p": P}, {}, (["a", "b", "c"], True)),
        ({"": ["a", "b", "c"], "p": P}, {}, (["a", "b", "c"], True)),
        ({"who": ["a", "b", "7"], "p": P}, {}, (None, False)),
        ({"1": [0, 1, 2], "2": P}, {"header": False}, ([0, 1, 2], False)),
        ({"1": [1, 2, 3], "2": P}, {"header": False}, ([1, 2, 3], False)),
        ({"1": [2, 3, 4], "2": P}, {"header": False}, (None, False)),
        ({"1": [0, 2, 1], "2": P}, {"header": False}, (None, False)),
        ({"1": [0, 1], "2": P[:2]}, {"header": False}, (None, False)),
        ({"n": [1, 2, 4], "p": P}, {}, (None, False)),
        ({"n": [2, 3, 4], "p": P}, {}, (None, False)),
        ({"n": [0, 1], "p": P[:2]}, {}, (None, False)),
        ({"n": [1, 0, 2], "p": P}, {}, (None, False)),  # of so few samples it may be by chance
        ({"1": ["a", "b", "c"], "2": P}, {"header": False}, (["a", "b", "c"], False)),
        ({"id": [7, 5, 6]}, {}, (None, False)),
        ({"id": [0.5, 1.5, 2.5], "p": P}, {}, ([0.5, 1.5, 2.5], True)),
        ({"p": P, "__index_level_0__": [4, 5, 6]}, {"index": ["__index_level_0__"]}, ([4, 5, 6], False)),
        ({"p": P, "__index_level_0__": ["a", "b", "c"]}, {"index": ["__index_level_0__"]}, (["a", "b", "c"], True)),
        ({"p": P, "cell": [4, 5, 6]}, {"index": ["cell"]}, ([4, 5, 6], True)),
    ],
)
def test_an_index_is_known_by_name_by_content_or_by_its_file(columns, options, expected):
    found, is_named, labels, features = apart(table(**options, **columns))
    assert (found, is_named) == expected
    assert labels == []
    assert len(features) == len(columns) - (found is not None)


@examples(60)
@drawn(
    start=st.sampled_from([0, 1]), n=st.integers(3, 40), order=st.randoms(use_true_random=False), moved=st.booleans()
)
def test_a_first_column_that_counts_the_samples_is_never_a_feature_without_a_question(start, n, order, moved):
    numbers = list(range(start, start + n))
    if moved:
        order.shuffle(numbers)
    rest = {"p": (np.arange(n) % 5 / 2).tolist()}
    asked = numbers == sorted(numbers) or n >= 10
    given = table(patient=numbers, **rest)
    assert apart(given, index="patient") == (numbers, True, [], ["p"])
    assert apart(given, index="none") == (None, False, [], ["patient", "p"])
    assert apart(table(**rest, patient=numbers)) == (None, False, [], ["p", "patient"])
    known = take_apart(given, None, None, {"patient"})  # a model says that it is a feature
    assert [column.name for column in known.features] == ["patient", "p"]
    message = (
        f"column patient of a.csv has each number from {start} to {start + n - 1} once: give --index patient if it"
    )
    told = ""
    try:
        assert apart(given) == (None, False, [], ["patient", "p"])
    except ValueError as error:
        told = str(error)
    assert told == (f"{message} numbers the samples, and --index none if it is a feature" if asked else "")


def test_a_column_that_a_model_knows_is_a_feature_whatever_it_is_called():
    parts = take_apart(table(p=P, label=Q), None, None, {"label"})
    assert ([column.name for column in parts.features], parts.labels) == (["p", "label"], [])


def test_the_option_decides_on_the_index():
    given = table(p=P, q=[3, 1, 2])
    assert apart(given, index="q") == ([3, 1, 2], True, [], ["p"])
    assert apart(given, index="2") == ([3, 1, 2], True, [], ["p"])
    assert apart(table(id=[7, 5, 6], p=P), index="none") == (None, False, [], ["id", "p"])
    with pytest.raises(ValueError, match=r"a\.csv has no column z for --index; it has p, q; --index none"):
        apart(given, index="z")
    for twice in ([1, 1, 2], [1, np.nan, 2], ["a", None, "b"]):
        with pytest.raises(ValueError, match=r"a\.csv: column q is no index: it names a sample twice, or not at all"):
            apart(table(p=P, q=twice), index="q")


def test_what_is_left_out_is_said():
    assert take_apart(table(id=[7, 5, 6], p=P), None, None).left_out == ["column id of a.csv (index)"]
    assert take_apart(table(**{"": [7, 5, 6]}, p=P), None, None).left_out == ["column 1 of a.csv (index)"]
    noted = Table("a.csv", table(p=P, q=Q).columns, True, noted=("so",))
    assert take_apart(noted, None, None).notes == ["so"]


def test_a_matrix_has_whole_rows_missing_or_none():
    nan = np.nan
    given = table(p=[1, nan, 3], q=[4, nan, 6], lines=(2, 3, 4))
    assert np.array_equal(matrix(given, given.columns), [[1, 4], [nan, nan], [3, 6]], equal_nan=True)
    given = table(p=[1, nan, 3], q=[4, nan, nan], lines=(2, 3, 5))
    with pytest.raises(
        ValueError, match=r"a\.csv: line 5, column q is missing \(1 such cells\): fill or drop them first"
    ):
        matrix(given, given.columns)
    given = table(p=[1, 2], q=[nan, 3])
    with pytest.raises(ValueError, match=r"a\.csv: row 1, column q is missing"):
        matrix(given, given.columns)


def test_texts_are_no_features():
    given = table(p=["1", None, "NA", "x"], lines=(1, 2, 3, 4))
    with pytest.raises(ValueError, match=r"a\.csv: line 4, column p: 'x' is no number; .*give --labels p, .*--index p"):
        matrix(given, given.columns)
