"""Exact neighbours by tiles of products: what a product leaves out for certain is most, and the rest is looked at.

|x - y|² = |x|² + |y|² - 2⟨x, y⟩ costs little in tiles that stay in the cache, but loses the digits of small distances.
It only says here who cannot be among the nearest, with a margin for all that it may have rounded; who may be is decided
by the sum of squares of differences. A margin of float32 leaves nearly as few to be looked at as one of float64, for
half the time. Where it does not, as for dense clusters that are far apart, float64 takes over after a block.

The others come in a shuffled order, as in some orders, such as along a line, each is nearer than all before it.
"""

from collections.abc import Iterator
from math import log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.kernels import neighbors as kernels
from dsrl_ref.multiview.lists import SAME, Lists, Samples, squares_of
from dsrl_ref.multiview.points import Places, Sparse

HEIGHT, WIDTH = 256, 1024  # of a tile: 1 MiB in float32
MULTIPLICATIONS = 2**27  # of a tile at most, a tenth of a second: Ctrl-C waits for it
SPARSE_ENTRIES = 2**21  # of a tile of sparse points: 16 MiB
GROUPS = 4  # of the entries of a first tile, for each neighbour
OFTEN = 4  # more than so many times as many candidates as there have to be say that the margin is too wide


def shuffled(n: int) -> NDArray[np.intp]:
    """All places in an order that has nothing to do with the data, always the same."""
    return np.random.default_rng(0).permutation(n)


class Filter(NamedTuple):
    """The others in one precision, and how much the products may round.

    Attributes
    ----------
    rows : ndarray (n, d)
        Less their centre, where all products are least.
    lower : ndarray (n,)
        Squares of their lengths, less the slack of each.
    share, floor : float
        The slack of a point is this share of the square of its length, and this more.
    widest : float
        The largest slack of the others.
    """

    rows: Any
    lower: Any
    share: float
    floor: float
    widest: float

    @classmethod
    def of(cls, rows: Array, kind: type[np.floating[Any]]) -> "Filter":
        """The others in this precision.

        A product of d terms rounds by d·u·|x|·|y|, and 2|x|·|y| is at most |x|² + |y|². The epsilon is 2u.
        """
        precision, squares = np.finfo(kind), squares_of(rows)
        share, floor = float(precision.eps) * (rows.shape[1] + 8), float(precision.tiny) * 64 * rows.shape[1]
        slack = share * squares + floor
        return cls(rows.astype(kind, copy=False), (squares - slack).astype(kind), share, floor, float(slack.max()))


class DenseTiles:
    """Search among dense points."""

    order: NDArray[np.intp] | None = None

    def __init__(self, some: Samples, others: Samples, count: int) -> None:
        self.some, self.count = some, count
        self.original = shuffled(len(others.rows))
        self.others, self.centre = others.rows[self.original], others.rows.mean(axis=0)
        n, d = others.rows.shape
        self.height, self.compared = max(1, min(HEIGHT, MULTIPLICATIONS // (WIDTH * d))), n
        self.filter = Filter.of(self.others - self.centre, np.float32)
        self.enough = OFTEN * (count + count * log(max(n / count, 1.0)) + 1)  # candidates, of a point

    def fill(self, block: Places, own: NDArray[np.intp], lists: Lists) -> Iterator[None]:
        """Offer to each point of the block all that the products do not leave out."""
        rows, lower, share, floor, widest = self.filter
        some, least = self.some.rows[block], self.some.least[block]
        centred = some - self.centre
        squares = squares_of(centred)
        slack = share * squares + floor
        base, factors = slack + least - squares, (-2.0 * centred).astype(rows.dtype)
        bounds, room = np.full(len(some), np.inf, rows.dtype), np.empty(len(some) * WIDTH, rows.dtype)
        offered = 0
        for start in range(0, len(rows), WIDTH):
            part = slice(start, min(start + WIDTH, len(rows)))
            shape = len(some), part.stop - start
            tile = np.matmul(factors, rows[part].T, out=room[: shape[0] * shape[1]].reshape(shape))
            if start == 0:
                begin(tile, lower[part], base, 2.0 * (slack + widest) + least, self.count, bounds)
            those = self.others[part], self.original[part]
            given = tile, lower[part], bounds, base, some, own, *those, least
            offered += kernels.scan(*given, *lists)
            yield
        if offered > self.enough * len(some) and rows.dtype == np.float32:
            self.filter = Filter.of(self.others - self.centre, np.float64)


class SparseTiles:
    """Search among sparse points: a tile is as wide as there are others, and is made by a sparse product."""

    order: NDArray[np.intp] | None = None

    def __init__(self, some: Sparse, others: Sparse, count: int) -> None:
        self.some, self.count = some, count
        self.original = shuffled(others.count)
        self.others = others.take(self.original)
        self.height, self.compared = max(1, SPARSE_ENTRIES // others.count), others.count
        self.products = some.products(self.others)
        self.squares, self.slack = some.squares(), slack_of(some)
        slack = slack_of(self.others)
        self.lower, self.widest = self.others.squares() - slack, float(slack.max())

    def fill(self, block: Places, own: NDArray[np.intp], lists: Lists) -> Iterator[None]:
        """Offer to each point of the block all that the products do not leave out."""
        squares, slack = self.squares[block], self.slack[block]
        tile, base, least = -2.0 * self.products(block), slack - squares, SAME * squares
        bounds = np.full(len(tile), np.inf)
        begin(tile, self.lower, base, 2.0 * (slack + self.widest), self.count, bounds)
        given = tile, self.lower, bounds, base, stored(self.some.take(block)), own
        kernels.scan_sparse(*given, stored(self.others), self.original, least, *lists)
        yield


def begin(tile: Any, lower: Any, base: Array, margin: Array, count: int, bounds: Any) -> None:
    """Bound every point by a first tile: each of `count` disjoint groups of its entries has one up to the bound.

    `margin[i]` is the most by which lower[j] + tile[i, j] is below |x_i - y_j|² + base[i]. Where the tile has fewer
    entries than groups are needed, there is no bound. It is plain NumPy, as a block asks for it once, and numba takes
    seconds to compile a partition.
    """
    groups = min(GROUPS * count, tile.shape[1])
    if groups < count:
        return
    least = tile[:, :groups] + lower[:groups]
    for start in range(groups, tile.shape[1], groups):
        part = tile[:, start : start + groups] + lower[start : start + groups]
        np.minimum(least[:, : part.shape[1]], part, out=least[:, : part.shape[1]])
    farthest = np.partition(least, count - 1, axis=1)[:, count - 1].astype(np.float64) + margin
    bounds[:] = farthest + kernels.MARGIN * np.abs(farthest - base)


def slack_of(points: Sparse) -> Array:
    """How much the squares and products of sparse points may round, for each point.

    What is rounded is of the size of what is stored and of the shift, which may be larger than their difference.
    """
    stored_squares = np.asarray(points.rows.multiply(points.rows).sum(axis=1))
    sizes = np.sqrt(stored_squares) + np.abs(points.shift) * float(np.linalg.norm(points.direction))
    slack: Array = 8 * (points.features + 8) * np.finfo(np.float64).eps * sizes**2 + np.finfo(np.float64).tiny
    return slack


def stored(points: Sparse) -> tuple[Any, ...]:
    """Sparse points as the kernel takes them."""
    rows = points.rows.sorted_indices()
    length = float(points.direction @ points.direction)
    return rows.data, rows.indices, rows.indptr, points.shift, points.direction, length
