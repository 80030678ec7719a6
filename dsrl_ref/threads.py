"""Threads: how many this process may use, work done in them, and limits of those that BLAS starts.

BLAS divides a product among all processors, and its threads wait for one another by turning in circles. That pays where
a product is large and the machine is free. Where other programs run, every small product waits until the system has
given each thread its turn: some ten milliseconds for work of a tenth of one.

`blas_threads` sets limits through threadpoolctl, where that is installed (the extra ``threads``: ``pip install
'dsrl_ref[threads]'``), and does nothing where it is not, nor to a BLAS that threadpoolctl does not know. Without it,
set the variables OPENBLAS_NUM_THREADS, MKL_NUM_THREADS, BLIS_NUM_THREADS and VECLIB_MAXIMUM_THREADS to 1 before Python
starts, whichever is that of your BLAS (``numpy.show_config()`` names it).

A number that the caller has set is never raised, and is there again after the last limit has ended. What the same
process does in other threads meanwhile is limited too, as most of BLAS knows one number for the process. Two things
cannot be seen from here: a library that is loaded without an import, and a limit that another part of the program sets
during an evaluation and lifts after it, which brings the number back that it found.

Bits: how BLAS divides a product may change its rounding, so that only the same number of BLAS threads gives the same
bits. Small products always have one thread here: with the extra, their bits do not depend on the setting.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

LARGE_PRODUCT = 2**28  # multiplications, 10 ms: from here on a busy machine costs at most three times that


def in_threads(work: Callable[[int], None], items: range, threads: int) -> None:
    """Do all items; the threads live for one call, so that a fork finds none. Ctrl-C drops what has not begun.

    While several threads work, BLAS has one in each.
    """
    if threads == 1 or len(items) <= 1:
        for item in items:
            work(item)
        return
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and seldom needed

    def limited(item: int) -> None:
        with blas_threads(1):  # for a BLAS that has a number for each thread
            work(item)

    with blas_threads(1):
        pool = ThreadPoolExecutor(min(threads, len(items)))
        try:
            for _ in pool.map(limited, items):
                pass
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def processors() -> int:
    """How many this process may use."""
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
    return Limit(at_most if multiplications >= LARGE_PRODUCT else 1)


class Limit:
    """One limit, in force from ``__enter__`` to ``__exit__``, which belong into one thread."""

    def __init__(self, at_most: int) -> None:
        self.at_most, self.thread = at_most, threading.get_ident()

    def __enter__(self) -> None:
        try:
            _blas.begin(self)
        except BaseException:  # Ctrl-C: no __exit__ will follow
            _blas.end(self)
            raise

    def __exit__(self, *error: object) -> None:
        try:
            _blas.end(self)
        except BaseException:  # Ctrl-C: what is left of it is done first
            _blas.end(self)
            raise


class Setting:
    """The numbers of threads of some libraries, and the limits that are in force on them."""

    def __init__(self) -> None:
        self.limits: list[Limit] = []
        self.found: dict[str, int] = {}  # by library: its number before the first limit
        self.given: dict[str, set[int]] = {}  # by library: numbers that are not somebody else's
        self.moved = False  # whether a number was set

    def settle(self, libraries: list[Any]) -> None:
        """Bring every library to the least of its limits, or back.

        May be broken off anywhere, and done again. A number that somebody else has set meanwhile stays, unless it is
        above a limit.
        """
        for library in libraries:
            now, path = library.get_num_threads(), library.filepath
            if now is None:
                continue
            if self.limits and path not in self.found:
                self.given[path], self.found[path] = {now}, now
            wanted = min([self.found.get(path, now), *(limit.at_most for limit in self.limits)])
            known = now in self.given.get(path, ())
            if wanted != now and (known or (self.limits and wanted < now)):
                self.given[path].add(wanted)
                self.moved = True
                library.set_num_threads(wanted)
            if not self.limits:
                self.found.pop(path, None)
                self.given.pop(path, None)


class Blas:
    """The BLAS libraries of this process: those with one number for it, and those with one for each thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # one thread may come twice, from a signal's handler
        self.of_process, self.of_threads = Setting(), threading.local()
        self.controller: Any = None
        self.shared: list[Any] = []
        self.apart: list[Any] = []
        self.modules = 0

    def begin(self, limit: Limit) -> None:
        """Put a limit in force."""
        with self.lock:
            self.look()
            self.of_process.limits.append(limit)
            self.of_this_thread().limits.append(limit)
            self.settle()

    def end(self, limit: Limit) -> None:
        """Lift a limit, unless it is lifted already."""
        with self.lock:
            for setting in (self.of_process, self.of_this_thread()):
                if limit in setting.limits:
                    setting.limits.remove(limit)
            self.settle()

    def look(self) -> None:
        """Look for libraries, again where something was imported: that is how they come, and takes a millisecond."""
        if len(sys.modules) == self.modules:
            return
        try:
            from threadpoolctl import OpenBLASController, ThreadpoolController
        except ImportError:
            self.modules = len(sys.modules)
            return
        self.controller = ThreadpoolController().select(user_api="blas")
        self.modules = len(sys.modules)
        apart = hasattr(OpenBLASController, "clear_controlling_thread")  # older ones set the process's number
        libraries = self.controller.lib_controllers
        self.apart = [library for library in libraries if apart and _has_a_number_for_each_thread(library)]
        self.shared = [library for library in libraries if library not in self.apart]

    def settle(self) -> None:
        """Settle both kinds."""
        self.of_this_thread().settle(self.apart)
        self.of_process.settle(self.shared)
        if self.of_process.moved:
            with self.controller.limit():  # sets nothing; when it ends, other threads may set numbers again
                self.of_process.moved = False

    def of_this_thread(self) -> Setting:
        """The setting of libraries with a number for each thread."""
        if not hasattr(self.of_threads, "setting"):
            self.of_threads.setting = Setting()
        setting: Setting = self.of_threads.setting
        return setting

    def after_fork(self) -> None:
        """In the child: threads other than this one are gone, with their limits and what they had locked."""
        self.lock, own = threading.RLock(), threading.get_ident()
        if any(limit.thread != own for limit in self.of_process.limits):
            self.of_process.limits = [limit for limit in self.of_process.limits if limit.thread == own]
            self.settle()


def _has_a_number_for_each_thread(library: Any) -> bool:
    return library.internal_api == "mkl" or getattr(library, "threading_layer", "") == "openmp"


_blas = Blas()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _blas.after_fork())
