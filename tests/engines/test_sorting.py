"""Sorted files: bit by bit what sorting in memory makes, blocks of bounded size, and nothing left behind."""

import os
import signal
import sys

import children
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import disk
from dsrl_ref.engines import sorting
from dsrl_ref.engines.kernels import sorting as kernels
from dsrl_ref.errors import DataFileError

FEW = st.sampled_from([-2.0, -0.5, -0.0, 0.0, 0.25, 0.5, 3.0])  # ties and zeros
VALUES = st.lists(st.one_of(FEW, st.floats(-3, 3)), min_size=1, max_size=60)


@pytest.fixture(autouse=True)
def _short_runs(monkeypatch):
    monkeypatch.setattr(sorting, "RUN", 7)
    monkeypatch.setattr(sorting, "ROUND", 1)


def sorted_in_file(w, target, folder, threads=1, callback=None):
    w, target = np.array(w, dtype=float), np.array(target, dtype=float)
    return sorting.sort_to_file(w, target, folder, threads, callback)


@examples(80)
@given(VALUES)
def test_entries_are_sorted_without_zeros(tmp_path_factory, values):
    w, beside = sorted_in_file(values, [], tmp_path_factory.getbasetemp())
    assert w.tolist() == sorted(value for value in values if value)
    assert beside.size == 0


@examples(80)
@given(VALUES, st.integers(1, 3))
def test_equal_entries_stay_in_their_order_with_what_is_beside_them(tmp_path_factory, values, threads):
    places = np.arange(len(values))
    w, beside = sorted_in_file(values, places, tmp_path_factory.getbasetemp(), threads)
    order = sorted(places, key=lambda place: values[place])  # Python's sort is stable
    assert beside.tolist() == order
    assert w.tolist() == [values[place] for place in order]


@examples(80)
@given(st.lists(st.lists(FEW, min_size=1, max_size=9).map(sorted), min_size=1, max_size=5), st.data())
def test_runs_are_divided_after_any_number_of_entries(runs, data):
    v, ends = np.concatenate(runs), np.cumsum([len(run) for run in runs])
    begins = ends - [len(run) for run in runs]
    rank = data.draw(st.integers(0, v.size))
    low, high = begins.copy(), ends.copy()
    kernels.divide_runs(v, begins, ends, rank, low, high)
    everything = sorted((value, r, k) for r, run in enumerate(runs) for k, value in enumerate(run))
    inside = [sum(1 for _, run, _ in everything[:rank] if run == r) for r in range(len(runs))]
    assert (low - begins).tolist() == inside
    assert high.tolist() == low.tolist()


@given(st.lists(FEW, max_size=30))
def test_the_places_of_equal_entries_are_put_in_order(values):
    w = np.array(values)
    order = np.array(sorted(range(len(values)), key=lambda k: (values[k], -k)), dtype=np.intp)
    kernels.order_ties(w[order], order)
    assert order.tolist() == sorted(range(len(values)), key=lambda k: values[k])


def test_a_block_is_no_larger_than_a_run_whatever_the_entries_are(tmp_path, monkeypatch):
    sizes, write = [], sorting.Scratch.write
    monkeypatch.setattr(
        sorting.Scratch, "write", lambda self, part, at: (sizes.append(part.size), write(self, part, at))
    )
    for values in (np.ones(50), np.arange(50.0) + 1, -np.arange(50.0) - 1, np.repeat([1.0, 2.0], 25)):
        sizes.clear()
        sorted_in_file(values, [], tmp_path)
        assert sizes == 2 * [7, 7, 7, 7, 7, 7, 7, 1]


def test_how_far_it_is_is_told_and_an_error_ends_it(tmp_path):
    told = []
    sorted_in_file(np.arange(1.0, 36.0), [], tmp_path, callback=lambda what, share: told.append((what, share)))
    assert told == [("sorting", pytest.approx(k / 10)) for k in range(1, 11)]
    told.clear()
    sorted_in_file(np.arange(1.0, 36.0), [], tmp_path, 2, lambda what, share: told.append(share))
    assert told == pytest.approx([0.2, 0.4, 0.5, 0.7, 0.9, 1.0])

    def stop(what, share):
        raise KeyboardInterrupt("stop")

    with pytest.raises(KeyboardInterrupt, match="stop"):
        sorted_in_file(np.arange(1.0, 36.0), [], tmp_path, callback=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changes_while_the_last_of_it_is_read_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 64)
    path = tmp_path / "w.npy"
    np.save(path, np.arange(1.0, 36.0).reshape(1, -1))
    w = disk.as_data(path, "W").ravel()

    def change(what, share):
        if share == 0.5:  # all runs are written
            os.utime(path, ns=(1, 1))

    with pytest.raises(DataFileError, match="has changed since it was read: it was written to"):
        sorting.sort_to_file(w, w[:0], tmp_path, 1, change)


def test_where_the_folder_cannot_be_written_to_it_is_said(tmp_path):
    with pytest.raises(DataFileError, match=r"no room in .*none for 2\.4e-08 GB, for a copy of W.*give scratch="):
        sorted_in_file([1.0, 2.0, 3.0], [], tmp_path / "none")


# A child that is killed while it sorts; its files have no names, so that the folder is empty already then.
KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from dsrl_ref.engines import sorting
sorting.RUN = sorting.ROUND = 1
folder, share = Path(sys.argv[1]), float(sys.argv[2])
def stop(what, done):
    if done > share:
        print([each.name for each in folder.iterdir()], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
sorting.sort_to_file(np.arange(9.0), np.empty(0), folder, 1, stop)
"""


@pytest.mark.children
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_kill_leaves_nothing(tmp_path, share):
    done = children.run("-c", KILLED, tmp_path, share)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "[]\n"), done.stderr
    assert os.listdir(tmp_path) == []
