"""A threadpoolctl of libraries that are not there, to hold what limits do to them; and what the real one says."""

import sys
import threading
import types
from contextlib import contextmanager

import pytest


class Library:
    """A BLAS with one number of threads for the process, or one for each thread.

    As in OpenBLAS by threadpoolctl 3.8, a thread that sets the number of the process is the only one that can, until it
    says that it has finished.
    """

    controlling = None  # by all libraries, as there

    def __init__(self, number, *, path="one", internal_api="openblas", threading_layer="pthreads"):
        self.filepath, self.internal_api, self.threading_layer = path, internal_api, threading_layer
        self.default = number
        self.of_thread = threading.local()
        self.apart = internal_api == "mkl" or threading_layer == "openmp"
        self.calls = 0
        self.breaks_at = None  # the call that Ctrl-C breaks, before or after it has done its work
        self.afterwards = False
        self.set_to = []

    @property
    def number(self):
        return getattr(self.of_thread, "number", self.default) if self.apart else self.default

    def get_num_threads(self):
        self._maybe_break(False)
        number = self.number
        self._maybe_break(True)
        return number

    def set_num_threads(self, number):
        self._maybe_break(False)
        if self.apart:
            self.of_thread.number = number
        elif Library.controlling in (None, threading.current_thread()) or not Library.controlling.is_alive():
            Library.controlling = threading.current_thread()
            self.default = number
        self.set_to.append(number)
        self._maybe_break(True)

    def _maybe_break(self, afterwards):
        self.calls += not afterwards
        if self.calls == self.breaks_at and afterwards == self.afterwards:
            self.breaks_at = None
            raise KeyboardInterrupt


def threadpoolctl_of(libraries, *, old=False):
    """A module with what dsrl_ref uses of threadpoolctl; `old` knows no number for each thread."""

    class ThreadpoolController:
        found = 0

        def __init__(self):
            type(self).found += 1
            self.lib_controllers = list(libraries)

        def select(self, *, user_api):
            assert user_api == "blas"
            return self

        @contextmanager
        def limit(self):
            yield
            if Library.controlling is threading.current_thread():
                Library.controlling = None

    class OpenBLASController:
        pass

    if not old:
        OpenBLASController.clear_controlling_thread = None
    module = types.ModuleType("threadpoolctl")
    module.ThreadpoolController, module.OpenBLASController = ThreadpoolController, OpenBLASController
    return module


def numbers():
    """What every real BLAS library would use now, by its path."""
    threadpoolctl = sys.modules.get("threadpoolctl") or __import__("threadpoolctl")
    found = threadpoolctl.threadpool_info()
    return {library["filepath"]: library["num_threads"] for library in found if library["user_api"] == "blas"}


KINDS = {
    "of the process": {},
    "of each thread": {"threading_layer": "openmp"},
    "of each thread, MKL": {"internal_api": "mkl"},
}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
