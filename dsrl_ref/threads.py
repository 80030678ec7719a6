"""Threads: how many this process may use, work done in them, and limits of those that BLAS starts.

BLAS divides a product among all processors, and its threads wait for one another by turning in circles. That pays where
a product is large and the machine is free. Where other programs run, every small product waits until the system has
given each thread its turn: some ten milliseconds for work of a tenth of one.

`blas_threads` sets limits through threadpoolctl, where that is installed (the extra ``threads``: ``pip install
'dsrl_ref[threads]'``), and does nothing where it is not, nor to a BLAS that threadpoolctl does not know. Without it,
set the variables OPENBLAS_NUM_THREADS, MKL_NUM_THREADS, BLIS_NUM_THREADS and VECLIB_MAXIMUM_THREADS to 1 before Python
starts, whichever is that of your BLAS (``numpy.show_config()`` names it).

`limited` says how many threads all of this takes, in a ``with`` statement. It holds for the thread, or the task of
asyncio, that says so, and for those that work for it; for others it changes nothing, but the number of BLAS where the
process has one.

A number that the caller has set is never raised, and is there again after the last limit has ended. What the same
process does in other threads meanwhile is limited too, as most of BLAS knows one number for the process. Two things
cannot be seen from here: a library that is loaded without an import, and a limit that another part of the program sets
during an evaluation and lifts after it, which brings the number back that it found.

Bits: how BLAS divides a product may change its rounding, so that only the same number of BLAS threads gives the same
bits. Small products always have one thread here: with the extra, their bits do not depend on the setting.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dsrl_ref.blas import Limit

Result = TypeVar("Result")
LOOK = 0.2  # seconds between two looks for Ctrl-C: one that comes just as the main thread begins to wait wakes nobody
_jobs: ContextVar[int | None] = ContextVar("jobs", default=None)  # each thread, and each task of asyncio, has its own
LARGE_PRODUCT = 2**28  # multiplications, 10 ms: from here on a busy machine costs at most three times that


def in_threads(work: Callable[[int], Iterable[None] | None], items: range, threads: int) -> None:
    """Do all items; the threads live for one call, so that a fork finds none. Ctrl-C drops what has not begun.

    Work that takes long is a generator, which yields wherever it may be left: Ctrl-C, or an error elsewhere, ends it
    there. It multiplies nothing by BLAS: what does goes through `blas_in_threads`.
    """
    _in_threads(work, items, threads, nullcontext)


def blas_in_threads(work: Callable[[int], Iterable[None] | None], items: range, threads: int) -> None:
    """Do all items as `in_threads` does, of work that multiplies by BLAS: it has one thread in each of several.

    To set the number of BLAS's threads, and set it back, takes as long as a small evaluation: so what does not multiply
    goes through `in_threads`.
    """
    if threads == 1 or len(items) <= 1:
        in_threads(work, items, 1)
        return
    with blas_threads(1):
        _in_threads(work, items, threads, lambda: blas_threads(1))  # in each: a BLAS may have a number for each thread


def _in_threads(
    work: Callable[[int], Iterable[None] | None],
    items: range,
    threads: int,
    around: Callable[[], AbstractContextManager[None]],
) -> None:
    """Do all items, each in a context of its own that is entered in the thread that does it."""
    if threads == 1 or len(items) <= 1:
        for item in items:
            for _ in work(item) or ():
                pass
        return
    from concurrent.futures import ThreadPoolExecutor, wait  # slow to import, and seldom needed

    dropped = False

    def run(item: int) -> None:
        nonlocal dropped
        try:
            with around():
                for _ in () if dropped else work(item) or ():
                    if dropped:
                        return
        except BaseException:
            dropped = True
            raise

    pool = ThreadPoolExecutor(min(threads, len(items)), thread_name_prefix="dsrl_ref")
    try:
        for future in [pool.submit(copy_context().run, run, item) for item in items]:
            while not future.done():
                wait([future], timeout=LOOK)
            future.result()
    finally:
        dropped = True
        pool.shutdown(wait=True, cancel_futures=True)


def interruptible(work: Callable[[], Result]) -> Result:
    """Do work that lets go of the GIL, a sort or a copy, in a thread: neither Ctrl-C nor the exit waits for its end."""
    from concurrent.futures import Future, wait  # slow to import, and seldom needed
    from threading import Thread

    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    while not done.done():
        wait([done], timeout=LOOK)
    return done.result()


@contextmanager
def limited(jobs: int | None) -> Iterator[None]:
    """Let `processors` be this many within a ``with`` statement, here and in the threads that `in_threads` begins.

    BLAS has no more threads meanwhile.

    Parameters
    ----------
    jobs : int or None
        At least 1; more than there are processors is taken at its word. None leaves what is in force, which is all
        processors that the process may use unless another ``with limited(...)`` is around this one.

    Examples
    --------
    >>> with limited(3), limited(None):
    ...     processors()
    3
    """
    if jobs is None:
        yield
        return
    token = _jobs.set(jobs)
    try:
        with blas_threads(jobs):
            yield
    finally:
        _jobs.reset(token)


def processors() -> int:
    """How many this process may use: all, or as many as `limited` says."""
    jobs = _jobs.get()
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blas_threads(at_most: int, multiplications: float = LARGE_PRODUCT) -> "Limit":
    """Limit the threads of BLAS in a ``with`` statement: one where products are small, else `at_most`.

    Parameters
    ----------
    at_most : int
        Never raises what the caller has set. Of limits that overlap, in whatever threads, the least counts.
    multiplications : float
        Of the largest product that is to come; the default is large.
    """
    from dsrl_ref.blas import Limit  # what it imports, `import dsrl_ref` does without

    return Limit(at_most if multiplications >= LARGE_PRODUCT else 1)
