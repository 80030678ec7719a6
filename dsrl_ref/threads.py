"""Threads: how many this process may use, and work done in them."""

import os
from collections.abc import Callable, Iterable


def in_threads(work: Callable[[int], Iterable[None] | None], items: range, threads: int) -> None:
    """Do all items; the threads live for one call, so that a fork finds none. Ctrl-C drops what has not begun.

    Work that takes long is a generator, which yields wherever it may be left: Ctrl-C, or an error elsewhere, ends it
    there.
    """
    if threads == 1 or len(items) <= 1:
        for item in items:
            for _ in work(item) or ():
                pass
        return
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and seldom needed

    dropped = False

    def run(item: int) -> None:
        nonlocal dropped
        try:
            for _ in () if dropped else work(item) or ():
                if dropped:
                    return
        except BaseException:
            dropped = True
            raise

    pool = ThreadPoolExecutor(min(threads, len(items)))
    try:
        for _ in pool.map(run, items):
            pass
    finally:
        dropped = True
        pool.shutdown(wait=True, cancel_futures=True)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
