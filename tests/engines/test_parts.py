"""Sums of parts: exact, in a fixed order, and no exception where there is no number."""

import math

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
