"""The BLAS libraries of this process, and the limits of their threads that are in force: see `dsrl_ref.threads`.

A limit may be nested in another, overlap with that of another thread, and be broken off by Ctrl-C at any moment. So
all limits in force are kept in a list, and after every change each library is settled: brought to the least of its
limits, or back to the number that it had before the first of them.
"""

import os
import sys
import threading
from typing import Any


class Limit:
    """One limit, in force from ``__enter__`` to ``__exit__``, which belong into one thread."""

    def __init__(self, at_most: int) -> None:
        self.at_most, self.thread = at_most, threading.get_ident()

    def __enter__(self) -> None:
        try:
            process.begin(self)
        except BaseException:  # Ctrl-C: no __exit__ will follow
            process.end(self)
            raise

    def __exit__(self, *error: object) -> None:
        try:
            process.end(self)
        except BaseException:  # Ctrl-C: what is left of it is done first
            process.end(self)
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


process = Blas()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: process.after_fork())
