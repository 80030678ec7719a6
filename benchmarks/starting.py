"""Rows on new processes: what an import takes, and what the first evaluation does."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.measure import Result
from benchmarks.rows import Row

IMPORTS = {"dsrl_ref": "import dsrl_ref", "NumPy": "import numpy", "nothing": "pass"}


class Taken(NamedTuple):
    """Seconds of a process, by the clock on the wall and of processors; the latter None where the system tells none."""

    wall: float
    processors: float | None


def imports(size: str) -> Row:
    """``import dsrl_ref`` beside ``import numpy``: whole processes, in turn, the least of many."""
    rounds = {"full": 60, "quick": 10, "smallest": 1}[size]
    taken: dict[str, list[Taken]] = {name: [] for name in IMPORTS}
    with tempfile.TemporaryDirectory() as cache:
        for code in IMPORTS.values():
            _importing(code, cache)  # which compiles modules to bytecode, as pip does
        for _ in range(rounds):
            for name, code in IMPORTS.items():
                taken[name].append(_importing(code, cache))
    by_wall = [Result(name, min(one.wall for one in of)) for name, of in taken.items()]
    by_processors = [
        Result(
            f"{name}, of processors", min((one.processors for one in of if one.processors is not None), default=None)
        )
        for name, of in taken.items()
    ]
    notes = [_compared("by the clock", by_wall), _compared("of processors", by_processors)]
    return Row("import", f"a process that imports, the least of {rounds}", by_wall + by_processors, notes=notes)


def _importing(code: str, cache: str) -> Taken:
    """What a process takes whose modules are compiled, and kept, in the folder `cache`."""
    before, began = _of_children(), time.perf_counter()
    _in_new_process(code, PYTHONPYCACHEPREFIX=cache, PYTHONDONTWRITEBYTECODE="")
    wall, after = time.perf_counter() - began, _of_children()
    return Taken(wall, None if before is None or after is None else after - before)


def _of_children() -> float | None:
    """Processor seconds of all child processes that have ended; None where the system does not tell."""
    try:
        from resource import RUSAGE_CHILDREN, getrusage
    except ImportError:  # Windows
        return None
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _compared(how: str, results: list[Result]) -> str:
    """How often the second fits into the first, and what is left of it without the third."""
    ours, numpy, nothing = (result.seconds for result in results)
    if ours is None or numpy is None or nothing is None:
        return f"{how}: not known here"
    return (
        f"{how}: {ours / numpy:.3f} times NumPy's process; the import alone {(ours - nothing) / (numpy - nothing):.3f}"
    )


FIRST_CALL = """
import time
import numpy as np
import dsrl_ref
W = np.random.default_rng(0).random((512, 512))
f = {f}
began = time.perf_counter()
dsrl_ref.Objective(f, W, layers=11, method={method!r})((1.1, 0.5, 0.2, 0.6), 300.0)
print(time.perf_counter() - began)
"""


def first_call(size: str) -> Row:
    """The first evaluation of a process beyond ``import dsrl_ref``: kernels compiled, or read from the cache."""
    engines = {
        "pieces": "dsrl_ref.Fidelity(W)",
        "fused": "dsrl_ref.Fidelity(W)",
        "columns": "dsrl_ref.LeastSquares(W, W)",
    }
    results = []
    for method, f in engines.items() if size != "smallest" else [("fused", engines["fused"])]:
        with tempfile.TemporaryDirectory() as cache:
            for kind in ("cold", "cached"):
                told = _in_new_process(FIRST_CALL.format(f=f, method=method), NUMBA_CACHE_DIR=cache)
                results.append(Result(f"{method}, {kind}", float(told)))
    return Row("first-call", "262,144 entries, a new process, import not counted", results)


def _in_new_process(code: str, **environment: str) -> str:
    """What it prints."""
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    ).stdout


ROWS: dict[str, Callable[[str], Row]] = {"first-call": first_call, "import": imports}
