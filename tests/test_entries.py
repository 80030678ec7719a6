"""Large arrays, some entries at a time: the same answers as of all at once, and nothing of their size in memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_ref import entries


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch):
    monkeypatch.setattr(entries, "AT_ONCE", 4)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (4,), (3, 3), (2, 5, 1)])
def test_the_parts_are_all_entries_in_order(shape):
    array = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    parts = list(entries.parts_of(array))
    assert all(0 < part.size <= 4 and np.shares_memory(part, array) for part in parts)
    assert [x for part in parts for x in part] == array.ravel().tolist()


@given(st.lists(st.sampled_from([0.0, 1.0, -2.5, np.nan, np.inf, -np.inf]), max_size=14))
def test_the_first_entry_that_is_not_finite_is_found(values):
    bad = [k for k, value in enumerate(values) if not np.isfinite(value)]
    assert entries.first_not_finite(np.array(values)) == (bad[0] if bad else None)


@pytest.mark.parametrize("place", range(13))
def test_it_is_counted_from_the_first_part_on(place):
    values = np.ones(13)
    values[place] = np.nan
    assert entries.first_not_finite(values) == place


@given(st.lists(st.floats(-9, 9), max_size=14), st.integers(0, 13))
def test_arrays_that_differ_anywhere_are_not_the_same(values, place):
    one, other = np.array(values), np.array(values)
    assert entries.same_entries(one, other)
    if place < one.size:
        other[place] += 1
        assert not entries.same_entries(one, other)


@given(st.lists(st.floats(-9, 9), max_size=14))
def test_the_largest_entry_is_that_of_either_sign(values):
    assert entries.largest_entry(np.array(values)) == max(map(abs, values), default=0.0)


def test_nothing_of_their_size_is_formed(monkeypatch):
    monkeypatch.setattr(entries, "AT_ONCE", 2**10)
    one, other = np.zeros((2, 2**17))
    tracemalloc.start()
    assert entries.first_not_finite(one) is None
    assert entries.same_entries(one, other)
    assert entries.largest_entry(one) == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**16
