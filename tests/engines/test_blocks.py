"""Sums of blocks: exact, and no exception where there is no number."""

import math

import numpy as np

from dsrl_ref.engines import blocks


def test_sums_are_rounded_once():
    assert blocks.add_exactly(np.array([[1e100, 0.1], [1.0, 0.2], [-1e100, -0.3]])) == [1.0, 2.0**-55]


def test_a_call_has_fewer_blocks_of_many_layers():
    assert [blocks.blocks_per_call(8, layers) for layers in (0, 11, 250, 500, 10**6)] == [8, 8, 8, 4, 1]


def test_infinities_and_overflow_are_no_number():
    for column in ([np.inf, -np.inf], [1.7e308, 1.7e308]):
        assert math.isnan(blocks.add_exactly(np.array([column]).T)[0])
