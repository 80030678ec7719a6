"""What numba keeps on disk is believed only where it is whole and of this source."""

import os
import random
from types import SimpleNamespace

import pytest
from numba.core.caching import IndexDataCacheFile

from dsrl_ref.engines import jit

JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"
KEPT = {"code": bytes(range(256))}


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
    from test_fused import fresh_process

    expected, rng = fresh_process(tmp_path), random.Random(0)
    for path in tmp_path.rglob("*.nbc"):
        damaged = bytearray(path.read_bytes())
        for _ in range(3):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
    assert fresh_process(tmp_path) == expected
