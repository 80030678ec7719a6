"""Views, and columns of views, that are the labels again."""

import numpy as np
import pytest
from data_forms import one_hot
from scipy.sparse import csr_array

from dsrl_ref.multiview.reading.leaks import columns_like, is_like, only_column_of_classes

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
