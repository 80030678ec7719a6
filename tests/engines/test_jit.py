"""What numba keeps on disk is believed only where it is whole and of this source."""

import os
import random
from types import SimpleNamespace

import children
import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile

from dsrl_ref.engines import jit

JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"
KEPT = {"code": bytes(range(256))}


SCRIPT = """
import numpy as np
from dsrl_ref import Fidelity, loss_and_gradient
print(loss_and_gradient(Fidelity(np.linspace(-2, 2, 1000).reshape(1, -1)), (1.1, .5, .2, .6), .8, 11, method="fused"))
"""


def fresh_process(folder):
    return children.output("-c", SCRIPT, env=children.environment(NUMBA_CACHE_DIR=str(folder)))


def cache_file(folder, source=b"source", stamp="date and size"):
    file = IndexDataCacheFile(cache_path=str(folder), filename_base="kernel", source_stamp=stamp)
    jit.seal(file, source)
    return file


def test_what_was_kept_is_found(tmp_path):
    cache_file(tmp_path).save("signature", KEPT)
    assert cache_file(tmp_path).load("signature") == KEPT
    assert cache_file(tmp_path).load("another") is None
    assert cache_file(tmp_path / "empty").load("signature") is None


def test_another_source_of_the_same_date_and_size_is_another(tmp_path):
    cache_file(tmp_path).save("signature", KEPT)
    assert cache_file(tmp_path, source=b"edited").load("signature") is None


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_one_wrong_bit_is_no_answer_and_is_mended(tmp_path, suffix):
    cache_file(tmp_path).save("signature", KEPT)
    (path,) = tmp_path.glob(f"*{suffix}")
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        assert cache_file(tmp_path).load("signature") in (None, KEPT)
    assert cache_file(tmp_path).load("signature") is None
    cache_file(tmp_path).save("signature", KEPT)
    assert cache_file(tmp_path).load("signature") == KEPT


@pytest.mark.parametrize("length", [0, 1, 31, 32, 40, -1])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_cut_file_is_no_answer(tmp_path, suffix, length):
    cache_file(tmp_path).save("signature", KEPT)
    (path,) = tmp_path.glob(f"*{suffix}")
    path.write_bytes(path.read_bytes()[:length])
    assert cache_file(tmp_path).load("signature") is None


def test_a_compiled_kernel_is_sealed(monkeypatch):
    import numba

    sealed, file = [], object()
    monkeypatch.setattr(jit, "seal", lambda *arguments: sealed.append(arguments))
    kernel = SimpleNamespace(__call__=None, _cache=SimpleNamespace(_cache_file=file))
    monkeypatch.setattr(numba, "njit", lambda **_: lambda function: kernel)
    jit.compiled(cache_file)
    ((given, source),) = sealed
    assert given is file
    assert b"def cache_file" in source


@pytest.mark.skipif(not JIT, reason="nothing is compiled under NUMBA_DISABLE_JIT=1")
def test_compiled_code_with_wrong_bits_is_compiled_again(tmp_path):
    expected, rng = fresh_process(tmp_path), random.Random(0)
    for path in tmp_path.rglob("*.nbc"):
        damaged = bytearray(path.read_bytes())
        for _ in range(3):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
    assert fresh_process(tmp_path) == expected


@pytest.mark.skipif(not JIT, reason="nothing is compiled under NUMBA_DISABLE_JIT=1")
def test_a_cut_or_unwritable_cache_costs_time_and_no_more(tmp_path):
    expected = fresh_process(tmp_path / "cache")
    kept = list((tmp_path / "cache").rglob("*.nb?"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:50])
    assert fresh_process(tmp_path / "cache") == expected
    (tmp_path / "file").write_text("no folder can be made under a file")
    assert fresh_process(tmp_path / "file" / "cache") == expected


def test_a_kernel_that_cannot_be_cached_is_compiled_without(monkeypatch):
    def nowhere(function):
        raise RuntimeError("cannot cache function: no locator available")

    in_place_of_caching(monkeypatch, nowhere)
    out = np.zeros(1)
    jit.compiled(_writes_two)(out)
    assert out[0] == 2


def test_a_cache_that_cannot_be_read_is_compiled_around(monkeypatch):
    def broken(*_):
        raise EOFError("Ran out of input")

    in_place_of_caching(monkeypatch, lambda function: broken)
    out = np.zeros(1)
    jit.compiled(_writes_two)(out)
    assert out[0] == 2


def in_place_of_caching(monkeypatch, decorate):
    """Let ``numba.njit(cache=True)`` be `decorate` for the kernel of these tests alone: numba uses njit itself."""
    import numba

    njit = numba.njit

    def either(*arguments, cache=False, **options):
        if arguments or not cache:
            return njit(*arguments, **options)
        return lambda function: decorate(function) if function is _writes_two else njit(**options)(function)

    monkeypatch.setattr(numba, "njit", either)


def _writes_two(out):
    out[0] = 2
