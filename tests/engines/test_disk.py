"""The engine "disk": bit by bit what "pieces" gives, of more data than memory may hold."""

import os
import sys

import children
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import Fidelity, Objective, disk, fit
from dsrl_ref.engines import sorting
from dsrl_ref.engines.disk import _folder
from dsrl_ref.engines.problem import Problem

THETA = (1.1, 0.5, 0.2, 0.6)
JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"
LAYERED = [THETA, (0.9, 0.8, 0.25, 0.5), (1.0, 0.7, 0.0, 0.75)]


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 512)
    monkeypatch.setattr(sorting, "RUN", 100)


@pytest.fixture
def path(tmp_path):
    W = np.random.default_rng(0).normal(size=(3, 400))
    W[:, ::7] = np.round(W[:, ::7], 1)
    np.save(tmp_path / "w.npy", W)
    return tmp_path / "w.npy"


numbers = st.one_of(st.sampled_from([0.0, -0.0, 0.2, -0.2, 0.5, 0.6, 2.0]), st.floats(-3, 3))


@examples(30)
@given(
    st.lists(st.tuples(numbers, numbers), min_size=1, max_size=900), st.sampled_from([0.75, 1.0, 2.5]), st.booleans()
)
def test_the_same_bits_as_in_memory(pairs, L, per_layer):
    W, target = np.array(pairs).T[:, None]
    for goal in (None, target):
        for x0 in (W, 0 * W):
            options = {"layers": 3, "x0": x0, "per_layer": per_layer}
            one, other = (Objective(Fidelity(W), goal, method=method, **options) for method in ("pieces", "disk"))
            theta, step = (LAYERED, [L, 2 * L, L]) if per_layer else (THETA, L)
            for ours, right in zip(one.gauss_newton(theta, step), other.gauss_newton(theta, step), strict=True):
                assert np.array_equal(ours, right)
            assert one.ties(theta, step) == other.ties(theta, step)


@pytest.mark.parametrize("target", [None, "its own"])
def test_fit_learns_the_same_to_the_last_bit(path, tmp_path, target):
    W = np.load(path)
    goal = None
    if target:
        goal = np.sign(W) * np.maximum(np.abs(W) - 0.3, 0)
        np.save(tmp_path / "t.npy", goal)
    there = None if goal is None else tmp_path / "t.npy"
    on_disk, in_memory = (
        Objective(Fidelity(path), there, layers=3),
        Objective(Fidelity(W), goal, layers=3, method="pieces"),
    )
    assert (on_disk.method, on_disk.problem.on_disk) == ("disk", True)
    ours, right = (fit(J, epochs=4) for J in (on_disk, in_memory))
    assert (ours.theta, ours.L, ours.loss) == (right.theta, right.L, right.loss)
    assert all(np.array_equal(ours.history[name], right.history[name]) for name in right.history)


def test_fit_of_every_layer_learns_the_same_where_nothing_is_held_out(path):
    W, goal = np.load(path), np.round(np.load(path))
    both = (
        Objective(Fidelity(W), goal, layers=2, method="pieces", per_layer=True),
        Objective(Fidelity(path), goal, layers=2, per_layer=True),
    )
    right, ours = (fit(J, epochs=2, validation=0) for J in both)
    assert both[1].method == "disk"
    assert np.array_equal(ours.theta, right.theta)
    assert np.array_equal(ours.L, right.L)


def test_the_sorted_file_goes_to_the_folder_of_the_data_or_scratch(path, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for f, folder in ((Fidelity(path), tmp_path), (Fidelity(path, scratch=other), other)):
        assert _folder(Problem(f, f.W, f.W, 3)) == folder
    J = Objective(Fidelity(path, scratch=other), layers=2)
    assert (J.method, os.listdir(other), sorted(os.listdir(tmp_path))) == ("disk", [], ["other", "w.npy"])


# In memory at a time: the limit is on what a process allocates, and maps of files are none of it. Half of the data
# would not fit; what is prepared before the limit is code.
LIMITED = """
import resource, sys
import numpy as np
from dsrl_ref import Fidelity, Objective, disk
from dsrl_ref.engines import sorting
path, entries, room = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if entries < 2**24:
    disk.LARGE, sorting.RUN = 2**20, 2**16
    disk.AT_ONCE = 2**14
theta, large = (1.1, 0.5, 0.2, 0.6), disk.LARGE
part = np.load(path, mmap_mode="r")[:, :9999]  # read-only, as files are: kernels are compiled for that by themselves
disk.LARGE = 2**10  # else it would be read into memory, which can be written to
for method in ("disk", "fused"):
    Objective(Fidelity(part), layers=5, method=method, threads=1)(theta, 0.8)
disk.LARGE = large
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
limit = room if entries >= 2**24 else 1024 * used + room
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
f = Fidelity(path)
for evaluations in (1, 50):
    J = Objective(f, layers=5, evaluations=evaluations, threads=1)
    for k in range(evaluations):
        loss, gradient = J((1.1, 0.5, 0.2 + k / 1000, 0.6), 0.8)
    print(J.method, loss.hex(), gradient.L.hex())
try:
    np.ones(entries)
except MemoryError:
    print("limited")
"""


def in_memory(path):
    said = []
    for method, last in (("fused", 0), ("pieces", 49)):
        J = Objective(Fidelity(np.load(path)), layers=5, method=method, threads=1)
        loss, gradient = J((1.1, 0.5, 0.2 + last / 1000, 0.6), 0.8)
        said.append(f"{'disk' if method == 'pieces' else method} {loss.hex()} {gradient.L.hex()}\n")
    return "".join(said) + "limited\n"


def written(path, entries):
    """Normal entries, of which some are 0 and some equal."""
    rng, data = np.random.default_rng(0), np.lib.format.open_memmap(path, "w+", shape=(1, entries))
    for start in range(0, entries, 2**20):
        part = rng.normal(size=min(2**20, entries - start))
        part[::5] = np.round(part[::5], 1)
        data[0, start : start + part.size] = part
    data.flush()


@pytest.mark.children
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits what a process allocates")
@pytest.mark.skipif(not JIT, reason="a million entries, by compiled code")
@pytest.mark.parametrize(
    ("entries", "room"), [(2**20, 2**22), pytest.param(4 * 10**8, 3 * 2**29, marks=pytest.mark.nightly)]
)
def test_data_larger_than_memory_have_the_same_bits(tmp_path, entries, room):
    """A million entries, 8 MiB, where 4 may be allocated; nightly 4·10⁸, 3.2 GB, where 1.5 GiB may."""
    written(tmp_path / "w.npy", entries)
    assert children.output("-c", LIMITED, tmp_path / "w.npy", entries, room) == in_memory(tmp_path / "w.npy")
    assert os.listdir(tmp_path) == ["w.npy"]


# Ctrl-C comes while the first of the two passes is under way: it ends within a run, and no file is left.
INTERRUPTED = """
import os, signal, sys, threading
import numpy as np
from pathlib import Path
from dsrl_ref.engines import sorting
sorting.RUN = 1000
done = []
def told(what, share):
    done.append(share)
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGINT)
try:
    sorting.sort_to_file(np.arange(1e6), np.empty(0), Path(sys.argv[1]), 2, told)
except KeyboardInterrupt:
    print(len(done) <= 3, os.listdir(sys.argv[1]))
"""


@pytest.mark.children
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupt_ends_sorting_and_leaves_nothing(tmp_path):
    assert children.output("-c", INTERRUPTED, tmp_path) == "True []\n"
