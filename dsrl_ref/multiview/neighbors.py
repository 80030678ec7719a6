"""The nearest neighbours of points, and distances between them: no n×n array is held."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.approximate import Cells, is_installed
from dsrl_ref.multiview.kernels import neighbors as kernels
from dsrl_ref.multiview.lists import Lists, Samples, Search, exponent_for
from dsrl_ref.multiview.points import Dense, Places, Points, Sparse
from dsrl_ref.multiview.tiles import DenseTiles, SparseTiles
from dsrl_ref.multiview.trees import Tree
from dsrl_ref.progress import Progress, remark
from dsrl_ref.threads import blas_in_threads, blas_threads, processors

TREE_SAMPLES, TREE_FEATURES = 2_000, 4  # from so many samples and up to so many features a tree is faster
BLOCK_ENTRIES = 2**21  # distances that are held at a time, by a thread, where they are needed: 16 MiB
SAMPLED = 3_000  # above so many samples, the mean distance is that among so many of them
NEIGHBORS = "auto", "exact", "approximate"
MANY = 200_000  # samples: exact neighbours take a minute or more from here on, without a tree
JUDGED = 256  # samples whose true neighbours are looked up, to say how many approximate ones miss
PAIRS = 2**30  # of points, that are compared between two signs of life: about a second


class Taken(NamedTuple):
    """How the neighbours in a view were found.

    Attributes
    ----------
    kind : {"exact", "approximate"}
    recall : float or None
        Share of the true neighbours that are among those found, for 256 samples; None where all are.
    """

    kind: str
    recall: float | None


def kind_for(points: Points, neighbors: str) -> str:
    """Which kind a choice of `NEIGHBORS` takes: "auto" takes "approximate" for many dense points, if faiss is there.

    Where a tree serves, and of sparse points, all are exact.
    """
    if isinstance(points, Sparse) or neighbors == "exact":
        return "exact"
    if neighbors == "approximate":
        return neighbors
    if points.count < MANY or suits_a_tree(points):
        return "exact"
    if is_installed():
        return "approximate"
    advice = "pip install 'dsrl_ref[ann]' brings approximate ones, which take seconds"
    remark(f"dsrl_ref: exact neighbours of {points.count} samples take minutes; {advice}")
    return "exact"


def recall(points: Points, columns: NDArray[np.intp]) -> float:
    """Share of the true neighbours of 256 samples, themselves left out, that are among those found."""
    rows = np.sort(np.random.default_rng(0).choice(points.count, min(points.count, JUDGED), replace=False))
    true = nearest(points.take(rows), points, columns.shape[1])[1]
    shares = [np.isin(each[each != row], columns[row]).mean() for row, each in zip(rows, true, strict=True)]
    return float(np.mean(shares))


def nearest(
    some: Points,
    others: Points,
    count: int,
    verbose: bool | None = None,
    kind: str = "exact",
    rows: slice | None = None,
) -> tuple[Array, NDArray[np.intp]]:
    """Find the `count` nearest among `others`, for each point of `some`.

    Parameters
    ----------
    some, others : Points
        Of m and n samples, with the same features; both dense, or both sparse.
    count : int
        At most n.
    verbose : bool, optional
        As for `Progress`.
    kind : {"exact", "approximate"}
        Approximate ones, of dense points, may be others than the nearest; their distances are exact.
    rows : slice, optional
        Points of `some` next to one another, from its start to its stop, whose neighbours alone are found: they are
        those that they have beside all others. By default all m.

    Returns
    -------
    lengths : ndarray (m, count), or as many rows as are asked for
        Euclidean distances in ascending order; such as rounding alone tells apart are in the order of their columns.
    columns : ndarray of the same shape
        Where `some` is `others`, each sample is the first of its own neighbours, at distance 0. Of equal distances the
        first in order comes first, and stays in.

    Raises
    ------
    TypeError
        For dense points and sparse ones.
    MissingExtraError
        For approximate ones without faiss.

    Notes
    -----
    A square of a distance is a sum of squares of differences, as float64 adds them up: it is 0 between equal samples.
    By it alone is decided who is nearest, so that the answer depends neither on the number of threads, nor on BLAS, nor
    on whether tiles or a tree found it. As the order of the features moves its last bits, squares are compared rounded
    to thirty bits, and as 0 where the distance is below 1.2e-10 of the length of the point.

    Beside the answer and the points, up to three and a half copies of dense points are held, and by each thread a tile
    of products: of 2 MiB at most, or of 16 MiB for sparse points. Ctrl-C waits for a tile.
    """
    rows = slice(0, some.count) if rows is None else rows
    lengths = np.empty((rows.stop - rows.start, count))
    columns = np.empty(lengths.shape, dtype=np.intp)
    with blas_threads(1), Progress("neighbours", verbose) as progress:
        exponent, search = _search(some, others, count, kind)
        _fill(search, some is others, exponent, rows.start, lengths, columns, progress)
    return lengths, columns


def _fill(
    search: Search,
    of_itself: bool,
    exponent: int,
    first: int,
    lengths: Array,
    columns: NDArray[np.intp],
    progress: Progress,
) -> None:
    """Fill all rows, of points from the `first` on, in threads, and say now and then how far it is."""
    m, count = lengths.shape
    order = None if search.order is None else search.order[(search.order >= first) & (search.order < first + m)]

    def work(start: int) -> Iterator[None]:
        part = slice(start, min(start + search.height, m))
        here = np.arange(first + part.start, first + part.stop) if order is None else order[part]
        block: Places = slice(first + part.start, first + part.stop) if order is None else here
        own = here if of_itself else np.full(len(here), -1)
        lists = Lists.empty(own, count)
        yield from search.fill(block, own, lists)
        kernels.order(*lists)
        rows: Places = part if order is None else here - first
        lengths[rows], columns[rows] = np.ldexp(np.sqrt(lists.squares), -exponent), lists.places

    step = search.height * max(1, PAIRS * processors() // (search.height * search.compared))
    for start in range(0, m, step):
        if start:
            progress.tell(f"{start} of {m} samples", start / m)
        blas_in_threads(work, range(start, min(start + step, m), search.height), processors())


def _search(some: Points, others: Points, count: int, kind: str) -> tuple[int, Search]:
    """How they are found, with the exponent of the power of two by which points are multiplied for it."""
    if isinstance(some, Sparse) and isinstance(others, Sparse):
        return 0, SparseTiles(some, others, count)
    if isinstance(some, Sparse) or isinstance(others, Sparse):
        raise TypeError("points must be both dense, or both sparse: give new samples as the seen ones were")
    exponent = exponent_for(some, others)
    those = Samples.of(others, exponent)
    these = those if some is others else Samples.of(some, exponent)
    if kind == "approximate":
        return exponent, Cells(these, those, count)
    return exponent, (Tree if suits_a_tree(others) else DenseTiles)(these, those, count)


def nearest_as_authors(
    some: Points, others: Points, count: int, rows: slice | None = None
) -> tuple[Array, NDArray[np.intp]]:
    """The same as the authors' program finds them: by distances of which a product leaves rounding, if they are small.

    A sample is in order among those that equal it, and is none of its own neighbours if there are `count` before it.
    A tree, where one is faster, is exact. Products are of the same blocks of points, whichever `rows` are asked for.
    """
    if isinstance(some, Dense) and isinstance(others, Dense) and suits_a_tree(others):
        return nearest(some, others, count, rows=rows)
    rows = slice(0, some.count) if rows is None else rows
    lengths = np.empty((rows.stop - rows.start, count))
    columns = np.empty(lengths.shape, dtype=np.intp)
    distances = Distances(some, others)

    def work(start: int) -> None:
        block = slice(start, min(start + distances.height, some.count))
        asked = slice(max(start, rows.start), min(block.stop, rows.stop))
        place, within = (slice(asked.start - origin, asked.stop - origin) for origin in (rows.start, start))
        lengths[place], columns[place] = _smallest(distances(block)[within], count)

    first = rows.start // distances.height * distances.height
    blas_in_threads(work, range(first, rows.stop, distances.height), processors())
    return lengths, columns


def _smallest(found: Array, count: int) -> tuple[Array, NDArray[np.intp]]:
    last = np.partition(found, count - 1, axis=1)[:, count - 1 : count]
    row, column = np.nonzero(found <= last)
    order = np.lexsort((column, found[row, column], row))
    row, column = row[order], column[order]
    first = np.searchsorted(row, np.arange(len(found)))
    kept = np.arange(row.size) - first[row] < count  # the others are equal to the last
    row, column = row[kept], column[kept]
    return found[row, column].reshape(-1, count), column.reshape(-1, count)


def suits_a_tree(points: Dense) -> bool:
    """Whether a tree is faster than tiles: with few features, of whatever data, and not for few samples."""
    return points.count >= TREE_SAMPLES and points.features <= TREE_FEATURES


class Distances:
    """Euclidean distances of blocks of points from all others, by a product: below 1e-8 of the norms it is rounding."""

    def __init__(self, some: Points, others: Points) -> None:
        self.of_itself = some is others
        self.products, self.squares = some.products(others), some.squares()
        self.of_others = self.squares if self.of_itself else others.squares()
        self.height = max(1, BLOCK_ENTRIES // others.count)

    def __call__(self, block: slice) -> Array:
        """Distances (points of the block, others); those of a point from itself are 0."""
        squared = self.squares[block, np.newaxis] + self.of_others - 2 * self.products(block)
        found = np.sqrt(np.maximum(squared, 0.0))
        if self.of_itself:
            found[np.arange(len(found)), np.arange(block.start, block.stop)] = 0.0
        return found


def sampled(n: int) -> NDArray[np.intp]:
    """All of n samples, or above 3,000 so many, drawn by a fixed seed; ascending."""
    return np.arange(n) if n <= SAMPLED else np.sort(np.random.default_rng(0).choice(n, SAMPLED, replace=False))


def mean_distance(points: Points) -> float:
    """Mean of all n² distances, the zero diagonal included; above 3,000 samples of those among so many."""
    points = points.take(sampled(points.count))
    n = points.count
    total = 0.0
    distances = Distances(points, points)
    for start in range(0, n, distances.height):
        total += float(distances(slice(start, min(start + distances.height, n))).sum())
    return total / n**2
