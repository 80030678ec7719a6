"""The one place that knows numba: compile on first use, keep the result, and never depend on having kept it.

A cache that is damaged, stale or cannot be written costs the time to compile again, nothing else. A kernel and its
callees live in one file, since numba's cache does not see edits elsewhere; that of intrinsics.py, which kernels take
instructions from, is part of what their code is sealed with.
"""

import functools
import hashlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsrl_ref.progress import remark

INTRINSICS = Path(__file__).with_name("intrinsics.py")
OPTIONS: dict[str, Any] = {"nogil": True, "no_cfunc_wrapper": True}  # an entry for C that nobody uses takes time


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba, without the GIL, cached where that works."""
    from numba import njit

    fresh = functools.cache(lambda: njit(**OPTIONS)(function))
    try:
        cached = njit(**OPTIONS, cache=True)(function)
    except RuntimeError:  # no folder to keep it in
        say_that_nothing_is_kept()
        return fresh()
    if hasattr(cached, "_cache"):  # not under NUMBA_DISABLE_JIT=1
        sources = Path(function.__code__.co_filename), INTRINSICS
        seal(cached._cache._cache_file, b"".join(source.read_bytes() for source in sources))
        announce(cached._cache._cache_file)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return cached(*arguments)
        except OSError:  # what was compiled cannot be written
            say_that_nothing_is_kept()
        except Exception:  # whatever a damaged cache raises while it is read; a second failure is the kernel's own
            pass
        return fresh()(*arguments)

    return call


@functools.cache
def say_that_nothing_is_kept() -> None:
    """Say on stderr, once a process, that every process will compile anew, and what to do about it."""
    if sys.stderr is not None:
        print(
            "dsrl_ref: numba has no folder that it can write to, so that every process compiles its kernels anew: set "
            "NUMBA_CACHE_DIR to one that can be written",
            file=sys.stderr,
        )


@functools.cache
def say_that_it_compiles() -> None:
    """Say once a process, where somebody sees it, why the first call takes so long."""
    remark("dsrl_ref: compiling for this processor takes some seconds, once: the next time will load what is kept")


def announce(file: Any) -> None:
    """Let numba's file of compiled code say when it has nothing for a call, which numba then compiles."""
    load = file.load

    def load_or_say(key: Any) -> Any:
        found = load(key)
        if found is None:
            say_that_it_compiles()
        return found

    file.load = load_or_say


def seal(file: Any, source: bytes) -> None:
    """Let numba's file of compiled code give back only what it wrote itself, whole, from this very source.

    numba looks at the date and size of the source alone, and runs whatever it finds: one wrong bit ends the process.
    """
    dump, load_index, load_data = file._dump, file._load_index, file._load_data

    def digest(data: bytes) -> bytes:
        return hashlib.sha256(source + data).digest()

    def dump_sealed(value: Any) -> bytes:
        data = dump(value)
        return data + digest(data)  # pickle reads no further than its own end

    def whole(data: bytes) -> bool:
        return digest(data[:-32]) == data[-32:]

    def load_whole_index() -> Any:
        try:
            with open(file._index_path, "rb") as index:
                pickle.load(index)  # numba's version
                return load_index() if whole(index.read()) else {}
        except Exception:  # whatever a damaged pickle raises
            return {}

    def load_whole_data(name: str) -> Any:
        if not whole(Path(file._data_path(name)).read_bytes()):
            raise OSError("damaged")  # numba takes it for a file that is gone, and writes another
        return load_data(name)

    file._dump, file._load_index, file._load_data = dump_sealed, load_whole_index, load_whole_data


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper that only compiled functions of the same file call: without entries for others, which take time.

    An argument that is a plain number in the source is a type of its own: each is compiled for.
    """
    from numba import njit

    options = {**OPTIONS, "no_cpython_wrapper": True}
    return njit(**options)(function)


def pasted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper as `inlined` does, and put its code where it is called, whatever the compiler thinks of it.

    For helpers so short that a call, which hands over every array in some ten numbers, takes as long as their work.
    """
    from numba import njit

    options = {**OPTIONS, "no_cpython_wrapper": True, "forceinline": True}
    return njit(**options)(function)
