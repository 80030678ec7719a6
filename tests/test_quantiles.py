"""Quantiles of numbers that are read some at a time: those of NumPy, to the bit."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import quantiles as module
from dsrl_ref.quantiles import counts, entries_of_ranks, quantiles

SHARES = 0.1, 0.5, 0.95
positive = st.one_of(st.sampled_from([0.5, 1.0, 1.0 + 2.0**-52, 2.0**-1074, 1.7e308]), st.floats(0, 9))


@examples(6)
@given(st.lists(st.lists(st.one_of(positive, st.sampled_from([0.0, -1.0])), max_size=9), max_size=3), st.booleans())
def test_they_are_those_of_the_positive_numbers(parts, few):
    parts = [np.array(part, dtype=float) for part in parts]
    everything = np.concatenate([*parts, np.empty(0)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", 2**20 if few else 0)
        got = quantiles(lambda: parts, SHARES)
        kept = everything[everything > 0]
        assert got.tobytes() == (np.quantile(kept, SHARES).tobytes() if kept.size else b"")


def test_numbers_of_many_ranks_are_found_where_they_differ_in_the_last_bit():
    values = np.sort(np.concatenate([1 + np.arange(9) * 2.0**-52, np.repeat(3.0, 5), [2.0**-1074]]))
    count = partial(counts, lambda: [values[::2], values[1::2]])
    found = entries_of_ranks(count, set(range(15)))
    assert [found[rank] for rank in range(15)] == values.tolist()


def test_between_two_numbers_they_round_as_those_of_numpy(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 0)
    values, shares = np.random.default_rng(0).random(60), np.linspace(0.01, 0.99, 50)
    assert quantiles(lambda: [values], shares).tobytes() == np.quantile(values, shares).tobytes()
