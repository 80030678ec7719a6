"""What arrays share is written, weighed and held once, and every array is read again as it was."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dsrl_ref.distributed.carried import packed, unpacked, weight

KINDS = {
    "itself": lambda array: array,
    "in a row": lambda array: array.reshape(-1),
    "turned": lambda array: array.T,
    "rows": lambda array: array[1:],
    "every second": lambda array: array[:, ::2],
    "backwards": lambda array: array[::-1],
    "other numbers": lambda array: array.view(np.int64),
    "one number": lambda array: np.broadcast_to(array[:1, :1], (4, 5)),
    "none": lambda array: array[:0],
    "one row many times": lambda array: np.broadcast_to(array[:1], (3, array.shape[1])),
}


@given(
    array=hnp.arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.floats(width=64)),
    chosen=st.lists(st.sampled_from(list(KINDS)), max_size=8),
)
def test_every_array_is_read_as_it_was(array, chosen):
    value = {"arrays": [KINDS[kind](array) for kind in chosen], "text": "as it is", "dtype": array.dtype}
    found = unpacked(*packed(value))
    assert (found["text"], found["dtype"]) == ("as it is", np.dtype(float))
    for before, now in zip(value["arrays"], found["arrays"], strict=True):
        assert (now.dtype, now.shape) == (before.dtype, before.shape)
        assert now.tobytes() == before.tobytes()


def test_what_is_shared_is_there_once_before_and_after():
    array = np.arange(10_000.0).reshape(100, 100)
    value = [array, array.reshape(-1), array.view(np.int64), np.broadcast_to(0.0, (1000, 1000)), array]
    written, parts = packed(value)
    assert sorted(part.nbytes for part in parts) == [8, array.nbytes]
    assert any(np.shares_memory(part, array) for part in parts)
    assert len(written) < 1000
    assert weight(value) == len(written) + 8 + array.nbytes
    one, flat, *_, again = unpacked(written, parts)
    assert np.shares_memory(one, flat)
    assert np.shares_memory(one, again)
    assert weight([array, array.copy()]) > 2 * array.nbytes


def test_objects_and_maps_of_files_are_written_as_ever(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6.0))
    value = [np.array([1, "two"], dtype=object), np.load(tmp_path / "a.npy", mmap_mode="r")]
    written, parts = packed(value)
    assert parts == []
    texts, numbers = unpacked(written, parts)
    assert texts.tolist() == [1, "two"]
    assert numbers.tolist() == value[1].tolist()


def test_what_is_written_is_no_pickle_that_others_read():
    written, _ = packed([np.ones(3)])
    with pytest.raises(pickle.UnpicklingError, match="persistent"):
        pickle.Unpickler(io.BytesIO(written)).load()
