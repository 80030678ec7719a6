"""Quantiles, squares and largest entries of what is shared out: those of NumPy on the whole."""

import math

import numpy as np
import pytest

from dsrl_ref import Fidelity
from dsrl_ref.distributed import amounts, work
from dsrl_ref.engines.problem import Problem

SHARES = 0.0, 0.25, 0.5, 0.75, 0.95, 1.0


def spread(*parts, x0=0.0):
    """A function that asks groups of two blocks each, whose W are the parts and whose target is twice these."""
    blocks = []
    for part in parts:
        W = np.array(part, dtype=float).reshape(1, -1)
        blocks.append(work.Block(None, Problem(Fidelity(W), x0 * W, 2 * W, 1), (0, 1), (0, W.size)))
    groups = [work.Group(blocks[first : first + 2]) for first in range(0, len(blocks), 2)]
    return lambda question, *arguments: [question(group, *arguments) for group in groups]


def drawn(seed, count):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count) * 10.0 ** rng.integers(-300, 300, size=count)
    values[rng.random(count) < 0.3] = rng.choice([0.0, -0.0, 1.0, -1.0, 5e-324, math.nextafter(1, 2)])
    return values


@pytest.mark.parametrize("count", [1, 2, 3, 50, 501])
def test_quantiles_are_those_of_numpy_to_the_last_bit(count):
    for seed in range(4):
        parts = [drawn(seed, count) for _ in range(5)]
        seen = np.abs(np.concatenate(parts))
        seen = seen[seen > 0]
        found = amounts.quantiles(spread(*parts, x0=1.0), 2.0, SHARES)
        if not seen.size:
            assert found is None
            continue
        assert np.array_equal(found, np.quantile(seen, SHARES))


def test_the_first_layer_is_x0_and_a_step():
    parts = [[1.0, -2.0, 0.0], [4.0], [0.0]]
    found = amounts.quantiles(spread(*parts), 4.0, [0.0, 0.5, 1.0])  # x0 = 0, so that Z_(1) is W/4
    assert found.tolist() == [0.25, 0.5, 1.0]
    assert amounts.quantiles(spread([0.0, 0.0]), 4.0, [0.5]) is None


def test_squares_are_those_of_each_block_and_nonzeros_are_counted():
    ask = spread([1.0, 0.0], [2.0**40], [3.0], [0.0])
    assert amounts.squares(ask, 1.0) == ([4.0, 2.0**82, 36.0, 0.0], 3)
    assert amounts.squares(ask, 2.0) == ([1.0, 2.0**80, 9.0, 0.0], 3)
    assert amounts.largest(ask) == 2.0**41
    assert amounts.largest(spread([1.0], [2.0], [-3.0])) == 6.0  # of the second group
