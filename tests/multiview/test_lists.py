"""Lists of the nearest before anybody is offered, and points as searches take them."""

import numpy as np
import pytest

from dsrl_ref.multiview.lists import Lists, Samples, exponent_for, squares_of
from dsrl_ref.multiview.points import Dense


def test_points_are_brought_between_a_half_and_one():
    for scale in (1.0, 2.0**-1000, 2.0**900):
        first, second = Dense(scale * np.array([[0.5, -3.0]])), Dense(scale * np.array([[2.0, 1.0]]))
        rows = [Samples.of(each, exponent_for(first, second)).rows for each in (first, second)]
        assert [each.tolist() for each in rows] == [[[0.125], [-0.75]], [[0.5], [0.25]]]
    small, large = Dense(np.array([[0.1]])), Dense(np.array([[-3.0]]))
    assert exponent_for(small, large) == exponent_for(large, small) == -2
    assert exponent_for(Dense(np.zeros((2, 3)))) == 0


def test_what_equals_a_point_but_for_rounding_is_a_share_of_its_own_square():
    samples = Samples.of(Dense(np.array([[0.5, 0.0], [0.0, 0.25]])), 0)
    assert samples.least.tolist() == [2.0**-68, 2.0**-70]
    assert squares_of(samples.rows).tolist() == [0.25, 0.0625]


def test_lists_begin_with_the_point_itself_where_it_is_among_the_others():
    lists = Lists.empty(np.array([3, -1]), 2)
    assert lists.keys.tolist() == [[np.inf, -1.0], [np.inf, np.inf]]
    assert lists.squares[0].tolist() == [np.inf, 0.0]
    assert lists.places[0, 1] == 3
    assert lists.places[1, 0] == np.iinfo(np.intp).max


def test_lists_take_others_in_some_rows():
    lists, others = Lists.empty(np.arange(3), 1), Lists.empty(np.array([7]), 1)
    lists.take(np.array([1]), others)
    assert lists.places[:, 0].tolist() == [0, 7, 2]
    with pytest.raises(IndexError, match="out of bounds"):
        lists.take(np.array([5]), others)
