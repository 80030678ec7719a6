"""Sort entries on disk into one file, with memory for some of them at a time.

1. `RUN` entries at a time are read, sorted, and written to a file: sorted runs.
2. The order of all is divided into blocks of `RUN` entries. Which part of each run is in which block is found by
   bisection, exactly: a block is never larger, whatever the entries are.
3. Each block is collected from its parts, sorted, and written where it belongs.

Equal entries stay in the order that they had, with what stands beside them: in a run, and from run to run. So the
sorted file is, bit by bit, what `pieces.sorted_together` makes of the same entries in memory. Entries that are 0 are
left out and counted, where nothing stands beside them.
"""

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.disk import Scratch, Watch
from dsrl_ref.engines.pieces import sorted_together
from dsrl_ref.progress import Progress
from dsrl_ref.threads import in_threads

RUN = 2**22  # entries in memory at a time, of each thread: 32 MiB; sorted within .3 seconds, which Ctrl-C waits for
ROUND = 8  # times the threads, runs, after which is told how far it is

Told = Callable[[str, float], object]


def sort_to_file(w: Array, target: Array, folder: Path, threads: int, callback: Told | None) -> tuple[Array, Array]:
    """Sort flat entries on disk, with those of a target beside them, into files without a name in a folder.

    Parameters
    ----------
    w : ndarray (n,)
        Entries, on disk or not.
    target : ndarray (n,) or (0,)
        What stands beside them; empty where nothing does.
    folder : Path
        It takes twice the size of both while it works, and once of what is returned.
    threads : int
        How many work; an answer has the same bits for any number.
    callback : callable or None
        ``callback("sorting", share)`` after some of the work each time.

    Returns
    -------
    w, target : ndarray
        Maps of the sorted files, without the zeros of `w` if nothing stands beside them.

    Raises
    ------
    DataFileError
        Where there is no room, or where the file of w or the target changes meanwhile. Files are gone then.
    """
    sorter = _Sorter(w, target, threads)
    with Progress("sorting on disk") as progress:
        told = _Told(progress, callback, 2 * len(sorter.begins))
        columns = sorter.columns
        with Scratch(folder, columns * w.size, "W, sorted by parts") as runs:
            sorter.write_runs(runs, told)
            parts = runs.mapped((columns, w.size))
        with Scratch(folder, columns * sorter.kept, "W, sorted") as blocks:
            sorter.write_blocks(parts, blocks, told)
            found = blocks.mapped((columns, sorter.kept))
    return found[0], found[1] if target.size else found[0, :0]


class _Sorter:
    """The two passes over all runs; `kept` is how many entries are sorted, once the first is done."""

    def __init__(self, w: Array, target: Array, threads: int) -> None:
        self.w, self.target, self.threads = w, target, threads
        self.columns = 2 if target.size else 1
        self.begins = np.arange(0, w.size, RUN)
        self.ends = self.begins.copy()  # of the entries of each run that are kept
        self.watch = Watch(w, target)
        self.rooms: SimpleQueue[Array] = SimpleQueue()  # memory that is used again costs no new pages
        for _ in range(threads):
            self.rooms.put(np.empty((self.columns, min(RUN, w.size))))

    @property
    def kept(self) -> int:
        """How many entries are neither 0 nor beside anything else."""
        return int((self.ends - self.begins).sum())

    def write_runs(self, runs: Scratch, told: Callable[[int], None]) -> None:
        """Sort `RUN` entries after the other."""

        def write(room: Array, r: int) -> None:
            self.watch.check()
            begin = self.begins[r]
            part = self.w[begin : begin + RUN]
            if self.target.size:
                values, beside = sorted_together(part, self.target[begin : begin + RUN])
                runs.write(beside, self.w.size + begin)
            else:
                values = room[0, : part.size]
                values[:] = part
                if np.count_nonzero(values) < values.size:
                    values = values[values != 0]
                values.sort()
            runs.write(values, begin)
            self.ends[r] = begin + values.size

        self._over(len(self.begins), write, told)
        self.watch.check()

    def write_blocks(self, parts: Array, blocks: Scratch, told: Callable[[int], None]) -> None:
        """Sort the entries of each block, of every run those that are in it."""
        cuts = self._cuts(parts[0])

        def write(room: Array, k: int) -> None:
            at = 0
            for begin, end in zip(cuts[k].tolist(), cuts[k + 1].tolist(), strict=True):
                room[:, at : at + end - begin] = parts[:, begin:end]
                at += end - begin
            values = room[0, :at]
            if self.target.size:
                values, beside = sorted_together(values, room[1, :at])
                blocks.write(beside, self.kept + k * RUN)
            else:
                values.sort()
            blocks.write(values, k * RUN)

        self._over(len(cuts) - 1, write, told)

    def _cuts(self, v: Array) -> NDArray[np.int64]:
        """Where each run is divided: row k has the places before which its entries are in one of the first k blocks."""
        from dsrl_ref.engines.kernels import sorting as kernels

        ranks = np.append(np.arange(0, self.kept, RUN), self.kept)
        cuts = np.empty((len(ranks), len(self.begins)), np.int64)
        cuts[0] = self.begins
        for before, cut, rank in zip(cuts, cuts[1:], ranks[1:].tolist(), strict=False):
            cut[:] = before
            kernels.divide_runs(v, self.begins, self.ends, rank, cut, self.ends.copy())
        return cuts

    def _over(self, count: int, write: Callable[[Array, int], None], told: Callable[[int], None]) -> None:
        """Do all of a pass, some at a time, each in a room of its own."""

        def work(item: int) -> None:
            room = self.rooms.get()
            try:
                write(room, item)
            finally:
                self.rooms.put(room)

        for first in range(0, count, ROUND * self.threads):
            some = range(first, min(count, first + ROUND * self.threads))
            in_threads(work, some, self.threads)
            told(len(some))


class _Told:
    """Tells how much is done, to a line on a terminal and to a caller."""

    def __init__(self, progress: Progress, callback: Told | None, steps: int) -> None:
        self.progress, self.callback, self.steps = progress, callback, max(1, steps)
        self.done = 0

    def __call__(self, more: int) -> None:
        """So many steps more are done."""
        self.done += more
        self.progress.tell(f"{self.done} of {self.steps} parts", self.done / self.steps)
        if self.callback is not None:
            self.callback("sorting", min(1.0, self.done / self.steps))
