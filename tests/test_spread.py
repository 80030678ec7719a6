"""Dask arrays are told from others without an import, and validated without a look at an entry."""

import sys
import types
from importlib.machinery import ModuleSpec

import children
import numpy as np
import pytest

from dsrl_ref.errors import MissingExtraError
from dsrl_ref.spread import as_spread, is_spread

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")


def unread(shape=(4, 3), dtype=float):
    """An array that nobody may compute."""

    def fail(*_, **__):
        raise AssertionError("it was computed")

    return da.map_blocks(
        fail, chunks=tuple((length,) for length in shape), dtype=dtype, meta=np.empty((0,) * len(shape), dtype)
    )


@pytest.mark.parametrize("dtype", [float, np.float32, int, np.uint8, bool])
def test_a_dask_array_is_taken_as_it_is(dtype):
    array = unread(dtype=dtype)
    assert is_spread(array)
    assert as_spread(array, "W") is array


def test_other_arrays_are_none(monkeypatch):
    others = np.eye(2), [[1.0]], None, "dask"
    assert not any(is_spread(value) for value in others)
    monkeypatch.setitem(sys.modules, "dask.array", types.ModuleType("dask.array"))  # another thread is importing it
    assert not any(is_spread(value) for value in others)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (unread(dtype=complex), ValueError, "W: Complex data not supported, got a dask array of complex128"),
        (unread(dtype="U3"), TypeError, "W must be numeric, got a dask array of dtype <U3"),
        (unread(dtype=object), TypeError, "W must be numeric, got a dask array of dtype object"),
        (unread((4,)), ValueError, "W: Expected 2D array, got 1D array"),
        (unread((4, 0)), ValueError, r"W: Found array with 0 feature"),
        (unread((4, np.nan)), ValueError, r"unknown sizes, shape \(4, nan\): call W.compute_chunk_sizes\(\) first"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(array, error, message):
    with pytest.raises(error, match=message):
        as_spread(array, "W")


@pytest.mark.parametrize("found", [None, ModuleSpec("distributed", None)], ids=["nothing", "a folder of that name"])
def test_without_its_cluster_the_extra_is_named(found, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)
    with pytest.raises(MissingExtraError, match=r"pip install 'dsrl_ref\[distributed\]'; or pass W.compute\(\)"):
        as_spread(unread(), "W")


@pytest.mark.children
def test_the_package_imports_no_dask():
    code = (
        "import dsrl_ref, sys; dsrl_ref.Objective(dsrl_ref.Fidelity([[1.0]]), layers=1); print('dask' in sys.modules)"
    )
    assert children.output("-c", code) == "False\n"
