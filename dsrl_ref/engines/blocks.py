"""Blocks of entries: worked on in threads, and their sums added so that the number of threads leaves no trace."""

import math
import os
from collections.abc import Callable

from dsrl_ref.arrays import Array

MANY_LAYERS = 250  # from which an entry takes a microsecond, layer by layer


def in_threads(work: Callable[[int], None], items: range, threads: int) -> None:
    """Do all items; the threads live for one call, so that a fork finds none. Ctrl-C drops what has not begun."""
    if threads == 1 or len(items) <= 1:
        for item in items:
            work(item)
        return
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and seldom needed

    pool = ThreadPoolExecutor(min(threads, len(items)))
    try:
        for _ in pool.map(work, items):
            pass
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def blocks_per_call(most: int, layers: int) -> int:
    """How many blocks to give to a kernel at once: fewer of many layers, since Ctrl-C waits for the kernel to end."""
    return max(1, most * MANY_LAYERS // max(MANY_LAYERS, layers))


def add_exactly(rows: Array) -> list[float]:
    """Add each column, rounded once; NaN where it has infinities of both signs, or overflows on the way."""
    try:
        return [math.fsum(column) for column in rows.T]
    except (OverflowError, ValueError):
        return [math.nan] * rows.shape[1]


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
