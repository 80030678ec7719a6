"""How thorough a run is, and that no test leaves a process behind.

Without an option the same examples are drawn everywhere. ``--nightly`` draws new ones, five times as many, and runs the
tests marked ``nightly`` too. Where kernels are plain Python (NUMBA_DISABLE_JIT=1) an example takes a hundred times as
long, and few are drawn.

``pytest`` alone runs on up to four processors where pytest-xdist is installed; ``pytest -n 0`` does not.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

MOST_WORKERS = 4

settings.register_profile("default", max_examples=1000, derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("nightly", max_examples=5000, deadline=None, database=None, print_blob=True)
settings.register_profile("interpreted", max_examples=20, derandomize=True, deadline=None, database=None)


def pytest_addoption(parser):
    parser.addoption("--nightly", action="store_true", help="run what is thorough: hours, new examples every time")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Divide the whole suite among processors; part of it is done sooner than workers are started."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    worker = "PYTEST_XDIST_WORKER" in os.environ  # which has the same arguments
    if whole and not worker and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = min(MOST_WORKERS, os.cpu_count() or 1)


def pytest_configure(config):
    interpreted = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    nightly = config.getoption("--nightly")
    settings.load_profile("nightly" if nightly else "interpreted" if interpreted else "default")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    if config.getoption("--nightly"):
        return
    left_out = [item for item in items if item.get_closest_marker("nightly")]
    items[:] = [item for item in items if not item.get_closest_marker("nightly")]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def repeats(request):
    """``repeats(few, many)``: how often to repeat, `few` by default and `many` in the nightly form."""
    return lambda few, many: many if request.config.getoption("--nightly") else few


@pytest.fixture(autouse=True)
def _no_child_is_left():
    before = _children()
    yield
    left = _children() - before - getattr(sys.modules.get("clusters"), "OF_ALL_TESTS", set())
    assert not left, f"the test left {left} running"


def _children():
    """Process numbers of the children of this process that still run or wait to be reaped; none where unknown.

    The resource tracker of multiprocessing is not counted: Python starts one with the first process that it spawns, and
    keeps it until it ends itself.
    """
    listed = Path("/proc/self/task").glob("*/children")
    numbers = {int(number) for path in listed for number in _text(path).split()}
    return {number for number in numbers if "resource_tracker" not in _text(Path(f"/proc/{number}/cmdline"))}


def _text(path):
    try:
        return path.read_text()
    except OSError:  # the thread or the process has ended meanwhile
        return ""


@pytest.fixture
def fake_blas(monkeypatch):
    """``fake_blas(libraries)`` lets the package find these libraries, and none before."""

    import blas

    import dsrl_ref.blas

    def use(*libraries, old=False):
        module = blas.threadpoolctl_of(libraries, old=old)
        monkeypatch.setitem(sys.modules, "threadpoolctl", module)
        monkeypatch.setattr(dsrl_ref.blas, "process", dsrl_ref.blas.Blas())
        monkeypatch.setattr(blas.Library, "controlling", None)
        return module

    return use


@pytest.fixture
def uncounted(monkeypatch):
    """Whoever counts the processors of the machine fails the test: what was asked for is to count alone."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: pytest.fail("processors were counted"), raising=False)


@pytest.fixture
def matplotlib(monkeypatch):
    """Pictures need no display, and are kept nowhere: whoever imports pyplot fails."""
    module = pytest.importorskip("matplotlib", reason="the extra plot brings matplotlib")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    return module


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory):
    """A function that gives a cluster of two worker processes, both of which are there: the same one, if it can."""
    pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")
    import clusters

    with clusters.kept(2, tmp_path_factory.mktemp("dask")) as current:
        yield current


@pytest.fixture
def cluster(whole_cluster):
    """The child that serves it, and the address of its scheduler."""
    return whole_cluster()


@pytest.fixture
def client(cluster):
    """A client of it, the one in charge, of each test's own."""
    from distributed import Client

    with Client(cluster[1]) as client:
        yield client
