"""Time contestants in turn, in one run, with the peak of their memory."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from ctypes import CDLL
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from dsrl_ref.progress import Progress

Contestant = Callable[[], Any]
ROUNDS = 7
PATIENCE = 10.0  # seconds: a contestant that has used so much is not asked again
SETTLE = 0.5  # seconds: after a contestant's work BLAS's threads turn for some tenths, which the next would be charged
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Result:
    """What one contestant took.

    Attributes
    ----------
    seconds : float or None
        Median over the rounds; None where the contestant is not installed.
    peak : int or None
        Most bytes held during a call beyond those held before it; None where that cannot be known.
    error : float or None
        For rows on accuracy, in place of a time.
    """

    contestant: str
    seconds: float | None = None
    peak: int | None = None
    error: float | None = None


def time_in_turn(contestants: Mapping[str, Contestant | None], rounds: int | None = None) -> list[Result]:
    """Call every contestant once a round, ROUNDS times by default; all were called before, so that nothing compiles."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    peaks: dict[str, int | None] = dict.fromkeys(contestants)
    for name, call in _turns(contestants, seconds, rounds):
        gc.collect()
        before = reset_peak()
        time.sleep(SETTLE)
        began = time.perf_counter()
        answer = call()
        seconds[name].append(time.perf_counter() - began)
        peaks[name] = larger(peaks[name], peak_since(before))
        del answer
    return [Result(name, median(taken) if taken else None, peaks[name]) for name, taken in seconds.items()]


def cpu_in_turn(contestants: Mapping[str, Contestant | None], rounds: int | None = None) -> list[Result]:
    """Do the same, and tell the least time of processors, of all threads: a busy machine changes it little."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for name, call in _turns(contestants, seconds, rounds):
        time.sleep(SETTLE)
        began = time.process_time()
        call()
        seconds[name].append(time.process_time() - began)
    return [Result(name, min(taken) if taken else None) for name, taken in seconds.items()]


def _turns(
    contestants: Mapping[str, Contestant | None], seconds: Mapping[str, list[float]], rounds: int | None
) -> Iterator[tuple[str, Contestant]]:
    """Yield who is next, and tell it on a terminal; `seconds` is what each has used so far."""
    rounds = ROUNDS if rounds is None else rounds
    with Progress("benchmarks") as progress:
        for turn in range(1, rounds + 1):
            for name, call in contestants.items():
                if call is not None and sum(seconds[name]) <= PATIENCE:
                    progress.tell(f"{name}, round {turn} of {rounds}")
                    yield name, call


def fetch(count: int) -> None:
    """Write to so many bytes, and free them: a virtual machine may ask its host for memory first, for seconds a GB."""
    np.ones(count, dtype=np.uint8)


def most_allocated(call: Callable[[], Any]) -> int:
    """Return the most bytes that NumPy and Python hold for a call: no page of another library is among them."""
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def larger(a: int | None, b: int | None) -> int | None:
    """Return the larger of two that are known."""
    return b if a is None else a if b is None else max(a, b)


def reset_peak() -> int | None:
    """Forget the peak of resident memory; return what is resident now, None where the system does not tell."""
    try:
        CDLL(None).malloc_trim(0)  # else a call that reuses what an earlier one freed would seem to need nothing
        CLEAR.write_text("5")
        return _kibibytes("VmRSS")
    except (OSError, AttributeError, TypeError):
        return None


def peak_since(before: int | None) -> int | None:
    """Return how far resident memory has risen above `before`, in bytes."""
    return None if before is None else max(0, _kibibytes("VmHWM") - before) * 1024


def _kibibytes(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1])
