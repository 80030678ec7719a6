"""Threads: how many this process may use, and work done in them."""

import os
from collections.abc import Callable


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


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
