"""Along which axis of each view the samples lie."""

import numpy as np
import pytest

from dsrl_ref.multiview.reading.entries import Entry
from dsrl_ref.multiview.reading.orientation import settle


def views(*shapes):
    return [Entry(f"X{v}", (f"X{v}",), np.zeros(shape)) for v, shape in enumerate(shapes)]


def settled(shapes, labels=(), transpose=None, both=True):
    counts = {"Y": list(labels)} if labels else {}
    return settle(views(*shapes), counts, transpose, both=both, source="d.mat")


@pytest.mark.parametrize(
    ("shapes", "labels", "expected"),
    [
        ([(9, 3), (9, 4)], [9], (9, [False, False])),
        ([(3, 9), (4, 9)], [9], (9, [True, True])),
        ([(3, 9), (3, 9)], [9], (9, [True, True])),
        ([(9, 3), (4, 9)], [9], (9, [False, True])),
        ([(9, 9), (4, 9)], [9], (9, [True, True])),
        ([(9, 9), (9, 4)], [9], (9, [False, False])),
        ([(9, 3), (9, 4)], [10, 9], (9, [False, False])),
        ([(9, 10), (9, 10)], [10, 9], (9, [False, False])),
        ([(10, 9), (10, 9)], [10, 9], (10, [False, False])),
        ([(9, 3), (9, 4)], [], (9, [False, False])),
        ([(3, 9)], [], (3, [False])),
        ([(9, 9), (9, 9)], [], (9, [False, False])),
    ],
)
def test_labels_decide_and_without_them_samples_are_rows(shapes, labels, expected):
    assert settled(shapes, labels) == expected


def test_labels_of_several_names_are_tried_in_turn():
    found = settle(views((3, 9), (4, 9)), {"a": [], "b": [5], "c": [9]}, None, both=True, source="d.mat")
    assert found == (9, [True, True])


@pytest.mark.parametrize("labels", [[], [9], [5]])
def test_the_users_word_counts_above_labels(labels):
    assert settled([(9, 3), (9, 3)], labels, transpose=True) == (3, [True, True])
    assert settled([(3, 9), (3, 9)], labels, transpose=False) == (3, [False, False])


@pytest.mark.parametrize(
    ("shapes", "labels", "options", "message"),
    [
        ([(9, 9), (9, 9)], [9], {}, "X0 9×9, X1 9×9 fit 9 labels both ways round; give --transpose yes if"),
        ([(9, 9), (3, 9), (9, 3)], [9], {}, "X0 9×9 fits 9 labels both ways round, and the other views lie both ways"),
        ([(9, 3), (9, 4)], [8], {}, "d.mat: Y has 8 labels for 9 samples"),
        ([(9, 3), (8, 4)], [9], {}, "d.mat: X1 has 8 samples, Y has 9 labels; they must agree"),
        ([(9, 3), (9, 4)], [], {"transpose": True}, "X1 has 4 samples, X0 has 3; .*rows agree, so give --transpose no"),
        ([(3, 9), (4, 9)], [], {}, "X1 has 4 samples, X0 has 3; .*columns agree, so give --transpose yes"),
        ([(3, 9), (4, 8)], [], {}, "X1 has 4 samples, X0 has 3; they must agree$"),
        ([(3, 9), (3, 9)], [], {"both": False}, "X0 3×9, X1 3×9 may lie either way"),
        (
            [(9, 3), (9, 3)],
            [],
            {},
            "X0 9×3, X1 9×3 may lie either way, and there are no labels to tell by; give --tran",
        ),
    ],
)
def test_what_fits_in_no_way_or_in_two_is_refused_with_the_option(shapes, labels, options, message):
    with pytest.raises(ValueError, match=message):
        settled(shapes, labels, **options)


def test_files_whose_rows_are_samples_by_convention_are_read_so():
    assert settled([(9, 3), (9, 3)], both=False) == (9, [False, False])
    assert settled([(9, 9), (9, 9)], [9], both=False) == (9, [False, False])


def met(shapes, widths, both=False):
    """Of new samples for a model, whose widths are known."""
    return settle(views(*shapes), {}, None, both=both, source="d.mat", widths=[{width} for width in widths])


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(
    ("shapes", "widths", "expected"),
    [
        ([(9, 3), (9, 4)], [3, 4], (9, [False, False])),
        ([(3, 9), (4, 9)], [3, 4], (9, [True, True])),
        ([(9, 3), (4, 9)], [3, 4], (9, [False, True])),
        ([(3, 3), (4, 3)], [3, 4], (3, [True, True])),  # a square one goes with the others
        ([(4, 3), (4, 4)], [3, 4], (4, [False, False])),
        ([(3, 4), (4, 3)], [3, 3], (4, [True, False])),
        ([(9, 3), (9, 3)], [3, 3], (9, [False, False])),
        ([(3, 9), (3, 9)], [3, 3], (9, [True, True])),
    ],
)
def test_the_widths_of_a_model_decide(shapes, widths, expected, both):
    assert met(shapes, widths, both) == expected


def test_widths_that_fit_both_ways_are_asked_about_where_files_come_so():
    for shapes in ([(3, 3)], [(3, 3), (3, 3)]):
        widths = [3] * len(shapes)
        assert met(shapes, widths) == (3, [False] * len(shapes))
        with pytest.raises(ValueError, match="fit the features of the model both ways round; give --transpose yes"):
            met(shapes, widths, both=True)
        assert settle(views(*shapes), {}, True, both=True, source="d.mat", widths=[{3}] * len(shapes))[1][0]


def test_widths_that_agree_in_no_number_of_samples_decide_nothing():
    with pytest.raises(ValueError, match=r"X1 has 4 samples, X0 has 3; they must agree"):
        met([(3, 9), (4, 8)], [3, 4])
    assert met([(9, 5), (9, 6)], [3, 4]) == (9, [False, False])  # and others say which columns are wrong
    labelled = settle(views((5, 9), (6, 9)), {"Y": [9]}, None, both=True, source="d.mat", widths=[{3}, {4}])
    assert labelled == (9, [True, True])
    loose = settle(views((4, 4), (4, 5)), {}, None, both=True, source="d.mat", widths=[{4}, {4, 5}])
    assert loose == (4, [False, False])  # along columns they would not agree
