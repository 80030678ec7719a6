"""Tables whose samples have names, in one order."""

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref.multiview.reading.align import Indexed, align

A = np.array([[1.0, 2], [3, 4], [5, 6]])


def table(name, index=None, values=A, is_named=True):
    return Indexed(name, values, index, is_named)


def aligned(views, labels=()):
    found, classes, notes = align(list(views), list(labels), "set")
    return [view.values.tolist() for view in found], [one.values.tolist() for one in classes], notes


def test_what_is_in_one_order_is_left_as_it_is():
    same = [table("a", ["p", "q", "r"]), table("b", ["p", "q", "r"], is_named=False), table("c")]
    views, labels, notes = align(same, [table("y")], "set")
    assert all(found is given for found, given in zip([*views, *labels], [*same, labels[0]], strict=True))
    assert notes == ["samples of c, y by their order, without an index"]
    assert aligned([table("a"), table("b")])[2] == []
    assert aligned([table("a", ["p", "q", "r"]), table("b", ["p", "q", "r"])])[2] == []
    told = ["samples of b by their order, without an index"]
    assert aligned([table("a", ["p", 1, 0]), table("b")])[2] == told  # names of two kinds have no order
    for counted in ([0, 1, 2], [1, 2, 3]):  # nobody follows names that only count
        assert aligned([table("a", counted), table("b")])[2] == []


@pytest.mark.parametrize("moved", [[2, 1, 0], [1, 3, 2]])
def test_tables_without_an_index_do_not_follow_numbers_in_another_order_than_theirs(moved):
    message = (
        rf"set: the index of y numbers the samples from {min(moved)} on in another order, and 'a', 'b' have no "
        "index to follow it by: give one to every file, or --index none"
    )
    with pytest.raises(ValueError, match=message):
        align([table("a"), table("b")], [table("y", moved)], "set")
    with pytest.raises(ValueError, match="and 'y' has no index"):
        align([table("a", moved)], [table("y")], "set")
    others = [10 * number for number in moved]  # names, whose order tells nothing
    assert aligned([table("a")], [table("y", others)])[2] == ["samples of a by their order, without an index"]
    assert aligned([table("a", [5]), table("b")])[2] == ["samples of b by their order, without an index"]


def test_rows_follow_the_names_of_the_first_view():
    views, labels, notes = aligned(
        [table("a", ["p", "q", "r"]), table("b", ["r", "p", "q"])],
        [table("y", ["q", "r", "p"], np.array([20, 30, 10]))],
    )
    assert views == [A.tolist(), [[3, 4], [5, 6], [1, 2]]]
    assert labels == [[10, 20, 30]]
    assert notes == ["aligned by index: a, b, y; the views have 3 of 3 samples in common"]


def test_samples_that_a_view_has_not_are_nan_and_labels_none():
    views, labels, notes = align(
        [table("a", ["p", "q"], A[:2]), table("b", ["r", "q", "p"])],
        [table("y", ["z", "r", "p"], np.array([90, 30, 10]))],
        "set",
    )
    assert np.array_equal(views[0].values, [[1, 2], [3, 4], [np.nan, np.nan]], equal_nan=True)
    assert views[0].values.dtype == np.float64
    assert views[1].values.tolist() == [[5, 6], [3, 4], [1, 2]]
    assert labels[0].values.tolist() == [10, None, 30]
    assert notes[0].endswith("a, b, y; the views have 2 of 3 samples in common")
    assert notes[1:] == ["1 labels of y for samples in no view (first 'z')"]
    assert views[0].index == ["p", "q", "r"]


def test_labels_keep_their_type_where_all_are_there():
    _, (labels,), _ = align([table("a", ["p", "q"], A[:2])], [table("y", ["q", "p"], np.array(["c", "d"]))], "set")
    assert labels.values.dtype.kind == "U"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([table("a", ["p", "q", "r"]), table("b", ["q", "p", "r"], is_named=False)], "b has one without a name"),
        ([table("a", ["p", "q", "r"]), table("b", ["q", "p", "r"]), table("c")], "and c has none"),
    ],
)
def test_orders_that_differ_without_names_are_refused_with_the_option(tables, message):
    with pytest.raises(
        ValueError, match=f"set: the index of . has an order of its own, .*{message}: --index COLUMN says"
    ):
        aligned(tables)
    with pytest.raises(ValueError, match=message):
        aligned(tables[:1], tables[1:])


@examples(60)
@given(
    first=st.lists(st.integers(0, 9), min_size=1, unique=True),
    others=st.lists(st.lists(st.integers(0, 9), min_size=1, unique=True), min_size=1, max_size=3),
    labelled=st.lists(st.integers(0, 12), min_size=1, unique=True),
)
def test_tables_are_joined_where_they_have_samples_in_common_and_their_number_is_said(first, others, labelled):
    indices = [first, *others]
    views = [table(f"v{v}", index, np.ones((len(index), 1))) for v, index in enumerate(indices)]
    labels = [table("y", labelled, np.array(labelled))]
    alone = [
        index for v, index in enumerate(indices) if v and not set(index) & set().union(*indices[:v], *indices[v + 1 :])
    ]
    foreign = not set(labelled) & set().union(*indices)
    assume(any(index != first for index in [*others, labelled]))
    common, everyone = set(first).intersection(*others), set().union(*indices)
    try:
        said = align(views, labels, "set")[2][0]
    except ValueError as error:
        said = str(error)
    joined = said.endswith(f"the views have {len(common)} of {len(everyone)} samples in common")
    refused = re.search(r"^set: (v\d|y) has no sample in common with .*--index COLUMN says which", said) is not None
    assert (joined, refused) == (not alone and not foreign, bool(alone) or foreign)


def test_a_lone_table_has_no_samples_in_common_to_speak_of():
    assert aligned([table("a", ["p", "q", "r"])], [table("y", ["q", "p", "r"], np.arange(3))])[2] == [
        "aligned by index: a, y"
    ]
