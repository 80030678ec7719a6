"""The rows on growth: what a step costs as its data grow over three decades, and with which power of the size.

A step is run at every size, with one thread and with two, after a run that compiles. What is told is the time that
passes and the peak of memory; the power is that of the time of processors with one thread, which a busy machine changes
little, over the last two decades, where what a call costs by itself no longer shows. Of views the time of processors is
told, with one thread.
"""

import gc
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.measure import Result, peak_since, reset_peak
from benchmarks.rows import LAYERS, THETA, L, Row
from dsrl_ref import Fidelity, Objective
from dsrl_ref.multiview import planning
from dsrl_ref.threads import limited

Call = Callable[[], Any]
THREADS = 1, 2
LEAST, MOST, SHORT = 2, 5, 1.0  # so many calls at least and at most, and no more after so many seconds
SHAPE = planning.Shape(views=2, features=16, classes=20, neighbors=10)
BOTH = 10**5  # samples, up to which steps have one thread, and then two
DECADES = 2  # the last, over which the power is fitted
SIZES = {
    "full": [10**5, 10**6, 10**7, 10**8],
    "quick": [10**4, 10**5, 10**6],
    "smallest": [10**2, 10**3],
}


@dataclass(frozen=True)
class Cost:
    """Of one call: seconds that pass, seconds of processors, bytes at the peak beyond those before (or None)."""

    passed: float
    used: float
    peak: int | None


def cost(call: Call) -> Cost:
    """What a call takes, the least of a few times: the first may wait for memory that its machine does not have yet."""
    costs = [once(call) for _ in range(LEAST)]
    while len(costs) < MOST and sum(each.passed for each in costs) < SHORT:
        costs.append(once(call))
    return min(costs, key=lambda each: each.used)


def once(call: Call) -> Cost:
    """What one call takes."""
    gc.collect()
    before, passed, used = reset_peak(), time.perf_counter(), time.process_time()
    answer = call()
    passed, used = time.perf_counter() - passed, time.process_time() - used
    peak = peak_since(before)
    del answer
    return Cost(passed, used, peak)


def power(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The exponent of size in seconds: the slope of a line through the logarithms, over the last two decades."""
    x, y = np.log(sizes), np.log(seconds)
    last = x >= x[-1] - DECADES * math.log(10) * (1 + 1e-9)
    return float(np.polyfit(x[last], y[last], 1)[0])


def grown(name: str, work: str, unit: str, steps: Mapping[str, Callable[[int], Call]], sizes: list[int]) -> Row:
    """A row of steps, each a function from a size to a call, of which only the call is timed."""
    results, notes, curves = [], [], {}
    for step, of_size in steps.items():
        of_size(sizes[0])()
        for threads in THREADS:
            found = {}
            with limited(threads):
                for size in sizes:
                    found[size] = cost(of_size(size))
                    told = f"{step}, {size:,} {unit}, {threads} thread{'s' * (threads > 1)}"
                    results.append(Result(told, found[size].passed, found[size].peak))
            curves[f"{step}, {threads} thread{'s' * (threads > 1)}"] = [
                (float(n), each.passed) for n, each in found.items()
            ]
            if threads == 1:
                used = [each.used for each in found.values()]
                steps_between = pairwise(zip(sizes, used, strict=True))
                between = ", ".join(f"{power([a, b], [s, t]):.2f}" for (a, s), (b, t) in steps_between)
                notes.append(f"{step}: power {power(sizes, used):.2f}; from size to size {between}")
    return Row(name, work, results, notes=notes, curves=curves)


def pieces(size: str) -> Row:
    """Preparation and an evaluation of "pieces" from 10⁵ to 10⁸ values."""

    def prepare(entries: int) -> Call:
        f = Fidelity(np.random.default_rng(0).random((1, entries)))
        return lambda: Objective(f, layers=LAYERS, method="pieces")(THETA, L)

    def evaluate(entries: int) -> Call:
        f = Fidelity(np.random.default_rng(0).random((1, entries)))
        J = Objective(f, layers=LAYERS, method="pieces")
        return lambda: [J((1.1 - 0.001 * step, *THETA[1:]), L) for step in range(1000)]

    steps = {"prepare and evaluate once": prepare, "evaluate 1,000 times": evaluate}
    return grown("scale-pieces", f"dense Fidelity, {LAYERS} layers", "values", steps, SIZES[size])


def views(size: str) -> Row:
    """Every step of clustering and classification, in time of processors on one thread, from 10³ samples on.

    Up to `BOTH` samples it is run on two threads too, of which the time that passes is told.
    """
    sizes = {"full": [10**3, 10**4, 10**5, 10**6], "quick": [1000, 10_000], "smallest": [1000]}[size]
    results, notes, curves = [], [], defaultdict(list)
    for n in sizes:
        for step, seconds in planning.timed(SHAPE, n).items():
            results.append(Result(f"{step}, {n:,} samples", seconds))
            curves[step].append((float(n), seconds))
        if n <= BOTH:
            for step, seconds in planning.timed(SHAPE, n, 2, time.perf_counter).items():
                results.append(Result(f"{step}, {n:,} samples, 2 threads", seconds))
    for step, points in curves.items():
        if len(points) > 1:
            found, taken = zip(*points, strict=True)
            last = power(found[-2:], taken[-2:])
            notes.append(f"{step}: power {power(found, taken):.2f}; of the last decade {last:.2f}")
    return Row(
        "scale-views",
        f"{SHAPE.views} views of {SHAPE.features} features, {SHAPE.classes} classes",
        results,
        notes=notes,
        curves=curves,
    )


BY_NAME: dict[str, Callable[[str], Row]] = {"scale-pieces": pieces, "scale-views": views}
