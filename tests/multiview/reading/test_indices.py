"""The column of a table that numbers or names its samples."""

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from strategies import examples
from table_data import P, Q, apart, table

from dsrl_ref.multiview.reading.parts import take_apart


@pytest.mark.parametrize(
    ("columns", "options", "expected"),
    [
        ({"": [0, 1, 2], "p": P}, {}, ([0, 1, 2], False)),
        ({"Unnamed: 0": [2, 0, 1], "p": P}, {}, ([2, 0, 1], False)),
        ({"id": [7, 5, 6], "p": P}, {}, ([7, 5, 6], True)),
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
    given = table(visit=numbers, **rest)
    assert apart(given, index="visit") == (numbers, True, [], ["p"])
    assert apart(given, index="none") == (None, False, [], ["visit", "p"])
    assert apart(table(**rest, visit=numbers)) == (None, False, [], ["p", "visit"])
    known = take_apart(given, None, None, {"visit"})  # a model says that it is a feature
    assert [column.name for column in known.features] == ["visit", "p"]
    message = f"column visit of a.csv has each number from {start} to {start + n - 1} once: give --index visit if it"
    told = ""
    try:
        assert apart(given) == (None, False, [], ["visit", "p"])
    except ValueError as error:
        told = str(error)
    assert told == (f"{message} numbers the samples, and --index none if it is a feature" if asked else "")


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


@pytest.mark.parametrize("name", ["id", "patient_id", "PatientID", "barcode"])
@pytest.mark.parametrize("values", [[7, 5, 6], ["a", "b", "c"]])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_identifier_is_the_index_wherever_it_stands(name, values, place):
    columns = [("p", P), ("q", Q)]
    columns.insert(place, (name, values))
    assert apart(table(**dict(columns))) == (values, True, [], ["p", "q"])


def test_an_index_with_a_name_comes_before_one_that_pandas_counts():
    for counted in ("", "Unnamed: 0"):
        parts = take_apart(table(**{counted: [0, 1, 2]}, id=[7, 5, 6], p=P), None, None)
        assert (parts.index, [column.name for column in parts.features]) == ([7, 5, 6], ["p"])
        assert parts.left_out == ["column id of a.csv (index)", f"column {counted or 1} of a.csv (names samples)"]
    own = table(index=["__index_level_0__"], id=["u", "v", "w"], p=P, __index_level_0__=[2, 1, 0])
    assert apart(own) == (["u", "v", "w"], True, [], ["p"])
    known = take_apart(table(id=[7, 5, 6], p=P), None, None, {"id"})
    assert (known.index, [column.name for column in known.features]) == (None, ["id", "p"])


def test_further_identifiers_are_no_features_unless_they_are_measured_or_asked_for():
    given = table(id=[7, 5, 6], patient_id=[1, 1, 2], owner_id=["s", "s", "t"], grid_id=P, p=P)
    parts = take_apart(given, None, None)
    assert [column.name for column in parts.features] == ["grid_id", "p"]
    told = ["column patient_id of a.csv (names samples)", "column owner_id of a.csv (names samples)"]
    assert parts.left_out == ["column id of a.csv (index)", *told]
    assert len(take_apart(given, "none", None).features) == 5
    assert [column.name for column in take_apart(given, None, "patient_id").labels] == ["patient_id"]
    assert next(column.name for column in take_apart(given, None, None, {"patient_id"}).features) == "patient_id"
    assert apart(table(id=[7, 5, 6])) == (None, False, [], ["id"])


@pytest.mark.parametrize(
    ("name", "values", "wrong"),
    [
        ("id", [7, 7, 6], "calls two samples 7, row 1 and row 2"),
        ("id", ["a", "b", "a"], "calls two samples 'a', row 1 and row 3"),
        ("subject", [1, 2, 1], "calls two samples 1, row 1 and row 3"),
        ("", [0, 0, 1], "calls two samples 0, row 1 and row 2"),
        ("Unnamed: 0", ["a", "a", "b"], "calls two samples 'a', row 1 and row 2"),
        ("id", ["a", None, "b"], "misses row 2"),
        ("id", [1, np.nan, 2], "misses row 2"),
    ],
)
def test_an_index_that_names_a_sample_twice_or_not_at_all_is_refused(name, values, wrong):
    message = rf"column {name or 1} of a\.csv is named like an index, and {wrong}: mend it, .*; --index none takes it"
    with pytest.raises(ValueError, match=message):
        apart(table(**{name: values}, p=P))
    assert apart(table(**{name: values}, p=P), index="none")[3] == [name, "p"]


def test_names_that_come_again_are_no_index():
    assert apart(table(name=["a", "b", "a"], p=P))[:2] == (None, False)
    assert apart(table(subject=[0.5, 0.5, 1.5], p=P))[:2] == (None, False)


def test_an_index_of_several_levels_is_refused():
    given = table(index=["u", "v"], p=P, u=[1, 1, 2], v=[1, 2, 1])
    with pytest.raises(ValueError, match=r"a\.csv has an index of 2 levels, u, v: one column is to name the samples"):
        apart(given)
    assert apart(given, index="none")[3] == ["p", "u", "v"]


@examples(40)
@drawn(
    numbers=st.lists(st.integers(-(2**40), 2**40), min_size=3, max_size=30, unique=True),
    measured=st.booleans(),
    header=st.booleans(),
)
def test_a_first_column_of_distinct_whole_numbers_is_told_of(numbers, measured, header):
    ordered = sorted(numbers)
    if ordered == list(range(ordered[0], ordered[0] + len(numbers))) and ordered[0] in (0, 1):
        numbers = [number + 5 for number in numbers]  # what counts is asked about
    rest = (np.arange(len(numbers)) / 2 if measured else np.arange(len(numbers)) % 2 * 1.0).tolist()
    parts = take_apart(table(header, first=numbers, p=rest), None, None)
    assert parts.perhaps_index is parts.features[0]
    note = "column first of a.csv has another whole number for every sample; "
    note += f"--index {'first' if header else 1} if it names them"
    assert parts.notes == ([note] if measured else [])
    assert take_apart(table(first=numbers, p=rest), None, None, {"first"}).perhaps_index is None
    assert take_apart(table(first=numbers, p=rest), "none", None).perhaps_index is None
    assert take_apart(table(p=rest, first=numbers), None, None).perhaps_index is None


def test_other_first_columns_number_nothing():
    for values in (P, [1, 1, 2], [1, 2, np.nan], [1, 2]):
        assert take_apart(table(first=values, p=P[: len(values)]), None, None).perhaps_index is None
    assert take_apart(table(first=[5, 9, 7]), None, None).perhaps_index is None
    assert take_apart(table(label=[5, 9, 7], p=P), None, None).perhaps_index is None


def test_numbers_in_another_order_are_asked_about_from_ten_samples_on():
    for n in (9, 10):
        given = table(visit=[*range(1, n), 0], p=np.linspace(0.5, 5.1, n).tolist())
        if n == 10:
            with pytest.raises(ValueError, match=r"column visit of a\.csv has each number from 0 to 9 once"):
                apart(given)
        else:
            assert apart(given)[:2] == (None, False)


def test_labels_that_count_are_labels_and_a_column_alone_is_no_index():
    assert apart(table(label=[0, 1, 2], p=P)) == (None, False, ["label"], ["p"])
    assert apart(table(visit=[0, 1, 2])) == (None, False, [], ["visit"])
    assert apart(table(False, **{"": [0, 1, 2]})) == (None, False, [], [""])


def test_without_a_heading_no_name_counts():
    assert apart(table(False, id=[7, 5, 6], p=P))[3] == ["id", "p"]
    assert apart(table(False, p=P, id=[7, 5, 6]))[3] == ["p", "id"]


def test_texts_under_a_name_of_more_meanings_are_the_index_where_none_comes_again():
    assert apart(table(name=["u", "v", "w"], p=P)) == (["u", "v", "w"], True, [], ["p"])
    assert apart(table(name=["u", "v", "7"], p=P)) == (["u", "v", "7"], True, [], ["p"])  # beside a number too


def test_an_identifier_that_comes_again_is_passed_over_for_one_that_does_not():
    assert apart(table(p=P, owner_id=["s", "s", "t"], id=[7, 5, 6])) == ([7, 5, 6], True, [], ["p"])
    assert apart(table(p=P, owner_id=["s", "s", "t"])) == (None, False, [], ["p"])
