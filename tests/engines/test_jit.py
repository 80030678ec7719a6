"""What numba keeps on disk is believed only where it is whole and of this source."""

import os
import random
import shutil
import sys
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
from dsrl_ref import Theta
from dsrl_ref.engines import recursion
w = np.linspace(-2, 2, 30)
x, dx = recursion.sensitivities(w, w, Theta(1.1, 0.5, 0.2, 0.6), 0.8, 11)
print(x.tolist(), dx.tolist())
"""


def fresh_process(folder):
    return children.output("-c", SCRIPT, env=children.environment(NUMBA_CACHE_DIR=str(folder)))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache as the first process leaves it, and what that process answered."""
    folder = tmp_path_factory.mktemp("filled")
    return folder, fresh_process(folder)


@pytest.fixture
def cache(filled, tmp_path):
    """A copy of that cache, to be damaged, and the answer."""
    folder, expected = filled
    return shutil.copytree(folder, tmp_path / "cache"), expected


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
def test_one_wrong_bit_is_no_answer_and_is_mended(tmp_path, suffix, repeats):
    """Every 37th bit by default, which is one in each five bytes and any place in a byte; every bit nightly."""
    cache_file(tmp_path).save("signature", KEPT)
    (path,) = tmp_path.glob(f"*{suffix}")
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), repeats(37, 1)):
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

    sealed, announced, file = [], [], object()
    monkeypatch.setattr(jit, "seal", lambda *arguments: sealed.append(arguments))
    monkeypatch.setattr(jit, "announce", announced.append)
    kernel = SimpleNamespace(__call__=None, _cache=SimpleNamespace(_cache_file=file))
    monkeypatch.setattr(numba, "njit", lambda **_: lambda function: kernel)
    jit.compiled(cache_file)
    ((given, source),) = sealed
    assert given is file
    assert announced == [file]
    assert b"def cache_file" in source
    assert source.endswith(jit.INTRINSICS.read_bytes())


def test_that_it_compiles_is_said_once_and_only_where_nothing_is_kept(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(jit, "remark", said.append)
    jit.say_that_it_compiles.cache_clear()
    file = cache_file(tmp_path)
    jit.announce(file)
    file.save("signature", KEPT)
    assert (file.load("signature"), said) == (KEPT, [])
    assert (file.load("another"), file.load("a third")) == (None, None)
    (text,) = said
    assert "takes some seconds, once: the next time will load what is kept" in text
    jit.say_that_it_compiles.cache_clear()


compiled_only = pytest.mark.skipif(not JIT, reason="nothing is compiled under NUMBA_DISABLE_JIT=1")


@compiled_only
def test_compiled_code_with_wrong_bits_is_compiled_again(cache):
    (folder, expected), rng = cache, random.Random(0)
    damaged = list(folder.rglob("*.nbc"))
    assert damaged
    for path in damaged:
        data = bytearray(path.read_bytes())
        for _ in range(3):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
    kept = [path.read_bytes() for path in damaged]
    assert fresh_process(folder) == expected
    assert [path.read_bytes() for path in damaged] != kept


@compiled_only
def test_a_cut_cache_costs_time_and_no_more(cache):
    folder, expected = cache
    kept = list(folder.rglob("*.nb?"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:50])
    assert fresh_process(folder) == expected


@compiled_only
def test_a_cache_that_cannot_be_written_costs_time_and_no_more(filled, tmp_path):
    (tmp_path / "file").write_text("no folder can be made under a file")
    assert fresh_process(tmp_path / "file" / "cache") == filled[1]


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


@pytest.mark.parametrize("where", ["in no folder", "in a folder that is full"])
def test_that_nothing_can_be_kept_is_said_once(monkeypatch, capsys, where):
    def decorate(function):
        if where == "in no folder":
            raise RuntimeError("cannot cache function: no locator available")
        return full

    def full(*_):
        raise OSError(28, "No space left on device")

    jit.say_that_nothing_is_kept.cache_clear()
    in_place_of_caching(monkeypatch, decorate)
    for _ in range(2):
        out = np.zeros(1)
        jit.compiled(_writes_two)(out)
        assert out[0] == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("set NUMBA_CACHE_DIR to one that can be written\n") == 1


def test_where_there_is_no_stderr_nothing_is_said(monkeypatch, capsys):
    """Nor on stdout, which has data: that is where `print` goes without a file."""
    jit.say_that_nothing_is_kept.cache_clear()
    monkeypatch.setattr(sys, "stderr", None)
    assert jit.say_that_nothing_is_kept() is None
    monkeypatch.undo()
    assert capsys.readouterr().out == ""


def test_kernels_leave_the_gil_to_other_threads_and_are_compiled_once_where_nothing_is_kept(monkeypatch):
    import numba

    asked = []

    def njit(*, cache=False, **options):
        def decorate(function):
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            asked.append(options["nogil"])
            return function

        return decorate

    def broken(*_):
        raise EOFError("Ran out of input")

    monkeypatch.setattr(numba, "njit", njit)
    jit.compiled(_writes_two)
    assert asked == [True]
    monkeypatch.setattr(numba, "njit", lambda *, cache=False, **_: lambda f: broken if cache else asked.append(1) or f)
    call = jit.compiled(_writes_two)
    for _ in range(3):
        call(np.zeros(1))
    assert asked == [True, 1]


def test_a_damaged_cache_is_compiled_around_without_a_word(monkeypatch, capsys):
    def broken(*_):
        raise EOFError("Ran out of input")

    jit.say_that_nothing_is_kept.cache_clear()
    in_place_of_caching(monkeypatch, lambda function: broken)
    jit.compiled(_writes_two)(np.zeros(1))
    assert capsys.readouterr().err == ""


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
