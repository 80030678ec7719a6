"""What the kernels of "support" read: panels of 64 rows of a dense matrix, lists of what is not 0, DᵀD and DᵀY.

The file of the kernels, `dsrl_ref.engines.kernels.support`, says what the arrays hold.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.threads import in_threads

WIDTH = 64  # columns of a panel, as the kernels have it
GROUPS = 8  # of 8 columns each, of a panel
LARGE_PAGE = 2**18  # numbers, 2 MiB
CHUNK = 1024  # rows of D, whose products are added to those of the rows before
LISTED = 2**20  # entries that are listed at once while something is prepared


class Lists(NamedTuple):
    """Entries of some columns: rows[start[q] : start[q + 1]] are the rows of column q, ascending, with their values."""

    rows: NDArray[np.uint32]
    values: Array
    start: NDArray[np.int64]

    def of(self, first: int, last: int) -> "Lists":
        """Those of the columns first..last-1."""
        begin, end = self.start[[first, last]]
        return Lists(self.rows[begin:end], self.values[begin:end], self.start[first : last + 1] - begin)


def products(D: Any, Y: Array, threads: int) -> tuple[Array, Array]:
    """DᵀD, n×n, and DᵀY, n×m, in panels of 64 of their rows: (panels, n, 64) and (panels, m, 64).

    Some rows of D at a time, always the same, so that an entry is the same sum whatever is sparse and whoever adds.
    """
    from dsrl_ref.engines.kernels import support as kernels

    (k, n), m = D.shape, Y.shape[1]
    G, C = in_large_pages(panels(n), n, WIDTH), in_large_pages(panels(n), m, WIDTH)
    for start in range(0, k, CHUNK):
        rows = slice(start, start + CHUNK)
        part = D[rows].tocsc() if is_sparse(D) else D[rows]
        for right, out in ((part, G), (Y[rows], C)):
            width = max(1, LISTED // right.shape[0])
            for first in range(0, right.shape[1], width):
                columns = slice(first, first + width)
                lists = lists_of(right[:, columns])

                def add(t: int, part: Any = part, lists: Lists = lists, out: Array = out[:, columns]) -> None:
                    kernels.add_products(panel_of(part, t), *lists, out[t])

                in_threads(add, range(panels(n)), threads)
    return G, C


def in_large_pages(*shape: int) -> Array:
    """Zeros that begin where a large page of memory does, which a processor finds by far fewer tables.

    NumPy asks for large pages wherever an array takes 4 MiB or more, and on Linux alone; so this one is a part of such
    an array. What lies around it is never touched. The products of "support", which read a few rows of DᵀD here and
    there, gain from it. Less than a quarter of a large page is left in small ones: the system would fill a whole large
    one with zeros for it.
    """
    size = math.prod(shape)
    if size < LARGE_PAGE // 4:
        return np.zeros(shape)
    around = np.zeros(size + 2 * LARGE_PAGE)
    first = -around.ctypes.data // around.itemsize % LARGE_PAGE
    return around[first : first + size].reshape(shape)


def gram_overflows(D: Any) -> bool:
    """Whether an entry of DᵀD leaves float64, or may by rounding: none is larger than ‖d‖² of the longest column d.

    Forms no matrix of n×n, and none of the size of D unless D is sparse.
    """
    with np.errstate(over="ignore"):
        squares = D.multiply(D).sum(axis=0) if is_sparse(D) else np.einsum("ij,ij->j", D, D)
        return bool(2 * squares.max() == np.inf)


def panels(n: int) -> int:
    """How many panels n columns are."""
    return -(-n // WIDTH)


def panel_of(D: Any, t: int) -> Array:
    """The columns 64·t.. of D, filled up with zeros."""
    columns = D[:, t * WIDTH : (t + 1) * WIDTH]
    panel = np.zeros((D.shape[0], WIDTH))
    panel[:, : columns.shape[1]] = columns.toarray() if is_sparse(columns) else columns
    return panel


def panels_of(A: Array) -> Array:
    """The panels (panels, m, 64) of 64 rows each that an n×m matrix is cut into."""
    n, m = A.shape
    cut = in_large_pages(panels(n), m, WIDTH)
    for t in range(len(cut)):
        rows = A[t * WIDTH : (t + 1) * WIDTH]
        cut[t, :, : len(rows)] = rows.T
    return cut


def largest_of_groups(cut: Array) -> Array:
    """The largest size of every 8 rows of a matrix in panels: (panels, m, 64) becomes (panels / 8 rounded up, m, 64).

    NaN is the largest of all. Zeros stand for groups beyond the last.
    """
    count, m, _ = cut.shape
    largest = in_large_pages(panels(count * GROUPS), m, WIDTH)
    for t, panel in enumerate(cut):
        T, first = divmod(t * GROUPS, WIDTH)
        largest[T, :, first : first + GROUPS] = np.abs(panel).reshape(m, GROUPS, -1).max(axis=2)
    return largest


def lists_of(A: Any) -> Lists:
    """The entries of a matrix that are not 0, by columns; A is dense, or a csc_array."""
    if is_sparse(A):
        return Lists(A.indices.astype(np.uint32), A.data.astype(np.float64), A.indptr.astype(np.int64))
    n, m = A.shape
    rows, values, counts = [], [], [np.zeros(1, np.int64)]
    width = max(1, LISTED // n)
    for first in range(0, m, width):
        part = A[:, first : first + width].T
        columns, listed = np.nonzero(part)
        rows.append(listed.astype(np.uint32))
        values.append(part[columns, listed])
        counts.append(np.bincount(columns, minlength=len(part)))
    return Lists(np.concatenate(rows), np.concatenate(values), np.cumsum(np.concatenate(counts)))
