"""The row on a machine that other programs use: processor time, which is what a user waits for or pays."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from benchmarks.measure import Result
from benchmarks.rows import Row

LOOPS = 4
LOOP = "print(flush=True)\nwhile True: pass"
EVALUATIONS = """
import sys, time
if {without}:
    sys.modules["threadpoolctl"] = None
from benchmarks.rows import dictionary
from dsrl_ref import Objective
f, target, L, theta = dictionary(*{sizes})
J = Objective(f, target, layers={layers}, method="adjoint")
J(theta, L)
taken = []
for _ in range({rounds}):
    began = time.process_time()
    J(theta, L)
    taken.append(time.process_time() - began)
print(sum(taken) / len(taken))
"""


def busy(size: str) -> Row:
    """Processor time of an evaluation with four busy loops beside, with the extra `threads` and without."""
    k, n, m, layers, rounds = {
        "full": (64, 128, 400, 16, 10),
        "quick": (64, 128, 400, 16, 4),
        "smallest": (8, 16, 20, 2, 2),
    }[size]
    ways = {"extra `threads`": False, "without it": True} if find_spec("threadpoolctl") else {"without it": True}
    results, notes = [], []
    for way, without in ways.items():
        code = EVALUATIONS.format(without=without, sizes=(k, n, m), layers=layers, rounds=rounds)
        quiet = _in_child(code)
        with _busy_loops():
            beside = _in_child(code)
        results += [Result(f"{way}, quiet", quiet), Result(f"{way}, {LOOPS} busy loops", beside)]
        notes.append(f"{way}: {beside / quiet:.1f} times the quiet one")
    work = f"D {k}×{n}, {m} columns, {layers} layers: processor seconds of an evaluation"
    return Row("busy", work, results, notes=notes)


def _in_child(code: str) -> float:
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(child.stdout)


@contextmanager
def _busy_loops() -> Iterator[None]:
    """Loops that have begun, and have ended afterwards."""
    loops = [subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE) for _ in range(LOOPS)]
    try:
        for loop in loops:
            assert loop.stdout is not None
            loop.stdout.readline()
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.communicate()


ROWS = {"busy": busy}
