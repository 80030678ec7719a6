"""Views, and columns of views, that are the labels again."""

import numpy as np
import pytest
from data_forms import one_hot
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples

from dsrl_ref.multiview.reading.leaks import (
    column_of_classes_beside_measured,
    columns_like,
    has_few,
    is_like,
    only_column_of_classes,
)

Y = np.array([3, 1, 2, 3, 1, 2, 2, 3, 1, 1])
OTHER = np.roll(Y, 1)
NOISE = np.random.default_rng(0).normal(size=(10, 3))


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_labels_as_a_view_are_known_in_any_code(kind):
    assert is_like(kind(Y.reshape(-1, 1).astype(float)), Y)
    assert is_like(kind(10.0 - Y.reshape(-1, 1)), Y)
    assert is_like(kind(one_hot(Y)), Y)
    assert is_like(kind(one_hot(Y)[:, ::-1].copy()), Y)
    assert not is_like(kind(OTHER.reshape(-1, 1).astype(float)), Y)
    assert not is_like(kind(one_hot(OTHER)), Y)
    assert not is_like(kind(NOISE), Y)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_columns_that_are_the_labels_are_found(kind):
    view = np.column_stack([NOISE[:, 0], Y, OTHER, 7.0 - 2 * Y, Y > 1])
    assert columns_like(kind(view), Y) == [1, 3]
    assert columns_like(kind(view[:, [1]]), Y) == []
    assert columns_like(kind(np.column_stack([view, np.ones(10)])), np.ones(10)) == []
    assert columns_like(kind(view), np.array(["abc"[y - 1] for y in Y])) == [1, 3]


def test_few_samples_can_be_told_apart_by_chance():
    assert not is_like(Y[:9].reshape(-1, 1).astype(float), Y[:9])
    assert columns_like(np.column_stack([NOISE[:9], Y[:9]]), Y[:9]) == []


def test_a_single_column_of_classes_at_an_end_is_suspect():
    wide = np.column_stack([NOISE, Y])
    long = np.vstack([wide, wide])
    assert only_column_of_classes(long) == 3
    assert only_column_of_classes(long[:, ::-1]) == 0
    assert only_column_of_classes(np.insert(long, 4, np.nan, axis=0)) == 3  # a sample that the view does not have
    assert only_column_of_classes(long[:, [0, 3, 1]]) is None
    assert only_column_of_classes(np.column_stack([long[:, 3], long])) is None
    assert only_column_of_classes(long[:, [3]]) is None
    assert only_column_of_classes(wide[:9]) is None
    assert only_column_of_classes(np.column_stack([long[:, :2], np.ones(20)])) is None
    assert only_column_of_classes(np.column_stack([long[:, :2], np.arange(20) // 3])) is None
    assert only_column_of_classes(np.column_stack([long[:, :2], np.arange(20) > 18])) is None


GAPS = np.nan, -1.0, None
LONG = np.tile(Y, 6)
MANY = np.random.default_rng(1).normal(size=(60, 5))


def hidden(gap, known=slice(0, None, 4), labels=LONG):
    """Labels of which all but the `known` ones are hidden."""
    given = np.full(len(labels), gap, dtype=object if gap is None else float)
    given[known] = labels[known]
    return given


@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_features_are_no_labels_because_labels_are_hidden(gap):
    for known in (slice(0, None, 4), slice(0, 30, 10), slice(0, 0)):
        assert columns_like(MANY, hidden(gap, known)) == []
        assert not is_like(MANY[:, :1], hidden(gap, known))
    alone = hidden(gap, [0, 10, 20], np.arange(60))  # every known one a class of its own
    assert columns_like(MANY, alone) == []
    assert columns_like(MANY, hidden(gap, slice(0, None, 3), np.arange(60))) == []
    assert not is_like(MANY[:, :1], hidden(gap, slice(0, None, 3), np.arange(60)))


@pytest.mark.parametrize("gap", GAPS, ids=str)
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_labels_are_known_again_though_most_are_hidden(gap, kind):
    given = hidden(gap)
    column = LONG.reshape(-1, 1).astype(float)
    assert is_like(kind(column), given)
    assert is_like(kind(np.where(np.arange(60) % 4 == 0, LONG, -1).reshape(-1, 1).astype(float)), given)
    assert is_like(kind(one_hot(LONG)), given)
    assert columns_like(kind(np.hstack([MANY, column])), given) == [5]
    assert columns_like(kind(np.hstack([MANY, one_hot(LONG), MANY])), given) == [5, 6, 7]
    assert columns_like(kind(np.hstack([one_hot(LONG, -1)[:, ::-1], MANY])), given) == [0, 1, 2]
    assert not is_like(kind(np.roll(column, 1)), given)
    assert columns_like(kind(np.hstack([MANY, one_hot(np.roll(LONG, 1))])), given) == []


def test_indicators_of_some_classes_are_features():
    table, five = one_hot(LONG), np.arange(60) % 5
    assert columns_like(np.hstack([MANY, table[:, :1]]), LONG) == []
    assert columns_like(np.hstack([MANY, one_hot(five)[:, :3]]), five) == []
    assert columns_like(np.hstack([MANY, table[:, [0, 0, 2]]]), LONG) == [6, 7]
    assert columns_like(np.hstack([MANY, table[:, [0]], MANY, table[:, 1:2], MANY, table[:, 2:]]), LONG) == []
    assert columns_like(np.hstack([MANY, np.where(table == 1, 1, 7)]), LONG) == []
    table[-1] = [0, 0, 1] if LONG[-1] != 3 else [1, 0, 0]  # another class than that of the sample
    assert columns_like(np.hstack([MANY, table]), LONG) == []


@examples(40)
@given(classes=st.integers(3, 6), data=st.data(), low=st.sampled_from([0, -1]), sparse=st.booleans())
def test_one_hot_labels_without_the_column_of_a_class_are_the_labels_as_well(classes, data, low, sparse):
    labels = np.arange(40) % classes
    out = data.draw(st.integers(0, classes - 1))
    left = np.delete(one_hot(labels, low), out, axis=1)[:, data.draw(st.permutations(range(classes - 1)))]
    kind = csr_array if sparse and low == 0 else np.asarray
    assert is_like(kind(left), labels)
    assert columns_like(kind(np.hstack([MANY[:40], left])), labels) == list(range(5, 4 + classes))
    assert not is_like(kind(left[[1, 0, *range(2, 40)]]), labels)


def test_few_whole_numbers_at_an_end_beside_measured_columns_are_suspect():
    assert column_of_classes_beside_measured(np.column_stack([MANY, LONG])) == 5
    assert column_of_classes_beside_measured(np.column_stack([LONG, MANY])) == 0
    assert column_of_classes_beside_measured(np.column_stack([MANY[:, :2], np.arange(60), MANY[:, 2:], LONG])) == 6
    counts = np.arange(180).reshape(60, 3)
    for features in (
        np.column_stack([MANY, LONG, MANY]),  # in the middle
        np.column_stack([MANY, LONG, MANY, LONG]),  # not alone
        np.column_stack([LONG, MANY, LONG, MANY]),
        np.column_stack([counts, LONG]),  # among integers
        np.column_stack([MANY, np.arange(60) // 3 * 1.0 + 40 * (np.arange(60) > 57)]),  # one of them twice, many others
        np.column_stack([MANY, np.arange(60) // 2]),  # thirty numbers
        np.column_stack([MANY, np.arange(60) > 57]),  # one of them twice
        np.column_stack([MANY, np.ones(60)]),
        LONG.reshape(-1, 1) * 1.0,
    ):
        assert column_of_classes_beside_measured(features) is None


def test_few_numbers_are_whole_and_come_again():
    assert has_few(np.array([1.0, 2, 2, np.nan]))
    for column in ([1.0, 2, 3], [1.0, 1, 1], [1.5, 2, 2], np.arange(42) // 2):
        assert not has_few(np.asarray(column, dtype=float))
