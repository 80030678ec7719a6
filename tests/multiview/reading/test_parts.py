"""Index, labels and features of a table, told apart."""

import pytest
from table_data import P, Q, apart, table

from dsrl_ref.multiview.reading.parts import take_apart
from dsrl_ref.multiview.reading.tables import Table


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
    parts = take_apart(table(p=P, label=Q), None, "none")
    assert ([column.name for column in parts.features], parts.left_out) == (["p", "label"], [])


def test_a_column_that_a_model_knows_is_a_feature_whatever_it_is_called():
    parts = take_apart(table(p=P, label=Q), None, None, {"label"})
    assert ([column.name for column in parts.features], parts.labels) == (["p", "label"], [])


def test_what_is_left_out_is_said():
    assert take_apart(table(id=[7, 5, 6], p=P), None, None).left_out == ["column id of a.csv (index)"]
    assert take_apart(table(**{"": [7, 5, 6]}, p=P), None, None).left_out == ["column 1 of a.csv (index)"]
    noted = Table("a.csv", table(p=P, q=Q).columns, True, noted=("so",))
    assert take_apart(noted, None, None).notes == ["so"]


def test_identifiers_are_no_features_unless_that_is_asked_for():
    given = table(id=[7, 5, 6], patient_id=[1, 1, 2], p=P)
    parts = take_apart(given, None, None)
    assert [column.name for column in parts.features] == ["p"]
    assert parts.left_out == ["column id of a.csv (index)", "column patient_id of a.csv (names samples)"]
    assert [column.name for column in take_apart(given, "none", None).features] == ["id", "patient_id", "p"]
    labels = take_apart(given, None, "patient_id")
    assert ([column.name for column in labels.labels], labels.left_out) == (
        ["patient_id"],
        ["column id of a.csv (index)"],
    )


@pytest.mark.parametrize("header", [True, False])
def test_a_first_column_that_may_number_the_samples_is_kept_and_told_of_beside_fractions(header):
    given = table(header, visit=[7, 5, 6], p=P)
    parts = take_apart(given, None, None)
    assert parts.perhaps_index is given.columns[0]
    option = "visit" if header else "1"
    told = f"column visit of a.csv has another whole number for every sample; --index {option} if it names them"
    assert parts.notes == [told]
    whole = take_apart(table(header, visit=[7, 5, 6], q=Q), None, None)
    assert (whole.perhaps_index.name, whole.notes) == ("visit", [])
    for index, labels, known in (("none", None, ()), ("visit", None, ()), (None, "visit", ()), (None, None, ["visit"])):
        if header or index != "visit":
            assert take_apart(given, index, labels, known).perhaps_index is None
    assert take_apart(table(header, visit=[7, 5, 6], p=P), "2", None).perhaps_index is None


@pytest.mark.parametrize(
    ("name", "header", "expected"), [("id", True, True), ("id", False, False), ("who", True, False), ("", True, False)]
)
def test_an_index_may_say_that_it_is_one_of_samples(name, header, expected):
    assert take_apart(table(header, **{name: ["u", "v", "w"]}, p=P), None, None).of_samples == expected
    assert not take_apart(table(p=P, q=Q), None, None).of_samples
