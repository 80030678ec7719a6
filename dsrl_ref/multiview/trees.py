"""Exact neighbours by a k-d tree, which looks at few of the others where there are few features.

The tree's own distances may round otherwise, and of equal ones it takes any. So it is asked for one more than is
needed. Where that one is farther than the last, nobody else can be among the nearest; where it is not, all that are as
near as the last are asked for, or, if they are a large share of all, tiles do it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.kernels import neighbors as kernels
from dsrl_ref.multiview.lists import Lists, Samples
from dsrl_ref.multiview.points import Places
from dsrl_ref.multiview.tiles import DenseTiles

HEIGHT = 1024  # points at a time
MARGIN = 1 + 2.0**-20  # of squares: more than they are rounded by
FEW = 50  # to list another costs a tree as much as so many entries of a tile
LISTED = 2**20  # others in lists at a time


class Tree:
    """Search among dense points of few features."""

    order: NDArray[np.intp] | None = None

    def __init__(self, some: Samples, others: Samples, count: int) -> None:
        from scipy.spatial import KDTree

        self.height, self.compared = HEIGHT, FEW * count * len(others.rows).bit_length()
        self.some, self.others, self.count = some, others, count
        self.tree = KDTree(others.rows)
        self.tiles: DenseTiles | None = None

    def fill(self, block: Places, own: NDArray[np.intp], lists: Lists) -> Iterator[None]:
        """Offer to each point of the block whom the tree finds."""
        rows = np.arange(len(self.some.rows))[block]
        n, some = len(self.others.rows), self.some.rows[rows]
        asked = min(self.count + 1, n)
        lengths, found = self.tree.query(some, k=asked)
        yield
        self._offer(rows, own, found.ravel(), np.arange(0, found.size + 1, asked), lists)
        if asked == self.count:
            return
        bound = MARGIN * np.maximum(lengths[:, -2] ** 2, self.some.least[rows])
        unclear = np.flatnonzero(lengths[:, -1] ** 2 <= bound)
        if unclear.size:
            yield from self._settle(unclear, rows[unclear], own[unclear], np.sqrt(bound[unclear]), lists)

    def _settle(
        self, place: NDArray[np.intp], rows: NDArray[np.intp], own: NDArray[np.intp], radius: Array, lists: Lists
    ) -> Iterator[None]:
        """Fill the lists in some places anew, of points whose nearest are within some radius, though others are too."""
        sizes = self.tree.query_ball_point(self.some.rows[rows], radius, return_length=True)
        yield
        many = sizes * FEW > len(self.others.rows)
        for part in np.array_split(np.flatnonzero(~many), 1 + int(sizes[~many].sum()) // LISTED):
            if part.size:
                within = self.tree.query_ball_point(self.some.rows[rows[part]], radius[part], return_sorted=False)
                fresh = Lists.empty(own[part], self.count)
                found = np.concatenate([np.asarray(each, dtype=np.intp) for each in within])
                self._offer(rows[part], own[part], found, np.append(0, np.cumsum(sizes[part])), fresh)
                lists.take(place[part], fresh)
                yield
        if many.any():
            self.tiles = self.tiles or DenseTiles(self.some, self.others, self.count)
            fresh = Lists.empty(own[many], self.count)
            yield from self.tiles.fill(rows[many], own[many], fresh)
            lists.take(place[many], fresh)

    def _offer(
        self,
        rows: NDArray[np.intp],
        own: NDArray[np.intp],
        found: NDArray[np.intp],
        starts: NDArray[np.intp],
        lists: Lists,
    ) -> None:
        some, least = self.some.rows[rows], self.some.least[rows]
        kernels.choose(starts, found, some, own, self.others.rows, least, *lists)
