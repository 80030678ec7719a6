"""Sums of parts: exact, in a fixed order, and no exception where there is no number."""

import math
from fractions import Fraction

import numpy as np
import pytest

from dsrl_ref.engines import parts


def test_sums_are_rounded_once():
    assert parts.add_exactly(np.array([[1e100, 0.1], [1.0, 0.2], [-1e100, -0.3]])) == [1.0, 2.0**-55]


def test_a_call_has_fewer_blocks_of_many_layers():
    assert [parts.blocks_per_call(8, layers) for layers in (0, 11, 250, 500, 10**6)] == [8, 8, 8, 4, 1]


def test_infinities_and_overflow_are_no_number():
    for column in ([np.inf, -np.inf], [1.7e308, 1.7e308]):
        assert math.isnan(parts.add_exactly(np.array([column]).T)[0])


class Part:
    """A prepared problem that answers with powers of 2 of its own size."""

    def __init__(self, size):
        self.size = size

    def loss_and_gradient(self, theta, L):
        return self.size, self.size * np.arange(1.0, 6.0)

    def gauss_newton(self, theta, L):
        return *self.loss_and_gradient(theta, L), self.size * np.arange(25.0).reshape(5, 5)

    def ties(self, theta, L):
        return int(self.size)


def test_a_sum_of_prepared_problems_adds_all_that_they_tell():
    whole = parts.Sum([Part(1.0), Part(16.0), Part(256.0)])
    loss, gradient = whole.loss_and_gradient(None, 1.0)
    assert (loss, gradient.tolist()) == (273.0, [273.0, 546.0, 819.0, 1092.0, 1365.0])
    loss, gradient, matrix = whole.gauss_newton(None, 1.0)
    assert (loss, gradient.tolist()) == (273.0, [273.0, 546.0, 819.0, 1092.0, 1365.0])
    assert np.array_equal(matrix, 273.0 * np.arange(25.0).reshape(5, 5))
    assert whole.ties(None, 1.0) == 273


def test_it_adds_exactly():
    assert parts.Sum([Part(1e100), Part(1.0), Part(-1e100)]).loss_and_gradient(None, 1.0)[0] == 1.0


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("blocks", "at_once"), [(1, 1), (7, 3), (6, 3), (5, 9)])
def test_every_block_is_filled_once(blocks, at_once, threads):
    rows, calls = np.zeros(blocks), []

    def fill(first, last):
        calls.append((first, last))
        rows[first:last] += 1.0

    parts.over_blocks(fill, blocks, at_once, threads)
    assert sorted(calls) == [(first, min(blocks, first + at_once)) for first in range(0, blocks, at_once)]
    assert rows.tolist() == [1.0] * blocks


@pytest.mark.parametrize("seed", range(20))
def test_condensed_rows_have_exactly_the_same_sums(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(30, 4)) * 10.0 ** rng.integers(-30, 30, size=(30, 4))
    few = parts.condensed(rows)
    assert len(few) < 10
    for column, words in zip(rows.T, few.T, strict=True):
        assert sum(map(Fraction, column.tolist())) == sum(map(Fraction, words.tolist()))
    assert few[0].tolist() == parts.add_exactly(rows)


def test_sums_that_are_nothing_or_no_number_are_left_to_who_adds_all():
    assert parts.condensed(np.array([[1.0, -2.0], [-1.0, 2.0]])).shape == (0, 2)
    for rows in ([[np.inf], [1.0], [-np.inf]], [[1.7e308], [1.7e308], [-1.7e308]], [[np.inf], [1.0], [2.0]]):
        assert np.array_equal(parts.condensed(np.array(rows)), rows)


def test_an_engine_without_exact_sums_has_one_row_and_a_sum_the_rows_of_all_parts():
    whole = parts.Sum([Part(1.0), Part(16.0)])
    assert parts.terms(whole, None, 1.0).tolist() == [[1, 1, 2, 3, 4, 5], [16, 16, 32, 48, 64, 80]]
    rows = parts.gauss_newton_terms(whole, None, 1.0)
    assert rows.shape == (2, 21)
    assert rows[0, 6:].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 13, 14, 18, 19, 24]
    assert parts.whole_matrix(rows[0, 6:], 5)[3].tolist() == [3, 8, 13, 18, 19]


def test_errors_are_those_of_an_engine_that_tells_them():
    class Telling(Part):
        def errors(self, theta, L):
            return np.array([self.size, L])

    assert parts.errors(Telling(2.0), None, 1.0).tolist() == [2.0, 1.0]
    assert parts.errors(Part(2.0), None, 1.0) is None
