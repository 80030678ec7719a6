"""Approximate neighbours, with faiss (the extra ``ann``): the samples in cells, of which the nearest are looked at.

The cells are those of k-means, with a fixed seed. Whom they have near a point is offered to the kernels, which compute
distances in float64: what is found is as exact as ever, but somebody may be missing, and others be there instead.

The points come cell by cell, as those of one cell have the same cells next to them: what is looked at is in the
processor's cache then. In any other order nearly every one of many points would read its cells from memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.errors import MissingExtraError
from dsrl_ref.multiview.kernels import neighbors as kernels
from dsrl_ref.multiview.lists import Lists, Samples
from dsrl_ref.multiview.points import Places
from dsrl_ref.multiview.tiles import DenseTiles
from dsrl_ref.threads import interruptible

HEIGHT = 1024  # points at a time
CELL = 256  # samples of a cell, on the average
LOOKED_AT = 16  # cells, the nearest to a point
SLOWER = 8  # to compare a point with one of a cell takes so many times as long as by a tile
MORE = 4  # than are needed are asked for, as float32 may have the last of them in another order
ADDED = 2**16  # samples at a time: Ctrl-C waits for them
ROUNDS = 10  # of k-means
MEANS = 64  # samples of a cell, that k-means looks at


def is_installed() -> bool:
    """Whether there is faiss."""
    return find_spec("faiss") is not None


class Cells:
    """Search among dense points in cells."""

    def __init__(self, some: Samples, others: Samples, count: int) -> None:
        self.some, self.others, self.count, self.height = some, others, count, HEIGHT
        self.faiss = require_faiss()
        n, d = others.rows.shape
        self.centre = others.rows.mean(axis=0)
        cells = max(1, n // CELL)
        self.compared = cells + SLOWER * CELL * LOOKED_AT
        with _one_thread(self.faiss):
            self.quantizer = self.faiss.IndexFlatL2(d)
            self.index = self.faiss.IndexIVFFlat(self.quantizer, d, cells)
            self.index.cp.seed, self.index.cp.niter, self.index.cp.min_points_per_centroid = 0, ROUNDS, 1
            self.index.cp.max_points_per_centroid = MEANS
            self.index.nprobe = min(LOOKED_AT, cells)
            interruptible(self._train)
            for start in range(0, n, ADDED):
                self.index.add(self._narrow(others, slice(start, start + ADDED)))
            self.order: NDArray[np.intp] | None = np.argsort(self._cells(), kind="stable")
        self.tiles: DenseTiles | None = None

    def _narrow(self, samples: Samples, block: Places) -> NDArray[np.float32]:
        return (samples.rows[block] - self.centre).astype(np.float32)

    def _train(self) -> None:
        """Make the cells. What OpenMP is told holds for the thread that says it."""
        with _one_thread(self.faiss):
            self.index.train(self._narrow(self.others, slice(None)))

    def _cells(self) -> NDArray[np.intp]:
        """In which cell each of the points is."""
        cells = np.empty(len(self.some.rows), dtype=np.intp)
        for start in range(0, len(cells), ADDED):
            part = slice(start, start + ADDED)
            cells[part] = self.quantizer.search(self._narrow(self.some, part), 1)[1][:, 0]
        return cells

    def fill(self, block: Places, own: NDArray[np.intp], lists: Lists) -> Iterator[None]:
        """Offer to each point of the block whom the nearest cells have; all others where that is too few."""
        rows = np.arange(len(self.some.rows))[block]
        asked = self.count + MORE
        with _one_thread(self.faiss):
            found = self.index.search(self._narrow(self.some, rows), asked)[1]  # -1 where there is nobody
        yield
        starts = np.arange(0, found.size + 1, asked)
        some, least = self.some.rows[rows], self.some.least[rows]
        kernels.choose(starts, found.ravel(), some, own, self.others.rows, least, *lists)
        few = np.isinf(lists.keys[:, 0])
        if few.any():
            self.tiles = self.tiles or DenseTiles(self.some, self.others, self.count)
            fresh = Lists.empty(own[few], self.count)
            yield from self.tiles.fill(rows[few], own[few], fresh)
            lists.take(np.flatnonzero(few), fresh)


def require_faiss() -> Any:
    """faiss; MissingExtraError where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError(
            "approximate neighbours need faiss: pip install 'dsrl_ref[ann]', or give neighbors='exact'"
        ) from error
    return faiss


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    """Let faiss have one thread, as blocks of points have threads of their own; the caller's number comes back."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
