"""`LeastSquares` with weight > 0: compiled descent by coordinates, as far as the certificate asks for.

Columns are taken in blocks, and go in rounds: residuals and their products with D are formed afresh, the certificate of
every column is computed from them, and the compiled kernel improves those columns that do not have it yet. So
rounding of the kernel's running sums does not build up, and nothing that the kernel believes decides the end. A round
asks the kernel for a violation of each coordinate's condition within some part of its unit, a quarter of tol at
first, and ten times less whenever that was met and the certificate says that it was not enough.

The kernel needs DᵀD. Where n is at most 2k that is formed once. In a wider D, or a large one, columns go one by one,
and DᵀD is that of a column's *members*: the entries that are not 0 and those that violate their conditions most. All
others are held for that round, which is descent by blocks of coordinates. A column with more than 1,000 entries that
are not 0 leaves this: it goes by accelerated gradients, which need no DᵀD, to the same certificate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.solver import whole
from dsrl_ref.solver.certificate import Point, objective, point_of, relative_gap, relative_violation, units
from dsrl_ref.solver.penalty import Penalty
from dsrl_ref.solver.scaling import Scaled
from dsrl_ref.threads import blas_in_threads, blas_threads, in_threads, processors

ENTRIES = 1 << 17  # of a block of columns: it stays in cache
LARGEST_GRAM = 2048  # entries of a column whose DᵀD is formed once
MOST_NONZEROS = 1000  # of a column that goes by its members
ALWAYS_WHOLE = 256  # entries of a column: DᵀD is small
ROUGHLY = 0.1  # of the largest violation, which is enough while the members may change
CHECKED_EVERY = 5  # accelerated steps
ROWS_PER_CALL = 16
WORK_PER_CALL = float(1 << 29)  # multiplications: Ctrl-C waits for no more
FIRST_PART = 0.25  # of tol, asked of the kernel
SMALLEST_PART = 1e-8
PATIENCE = 6  # rounds that bring a column no nearer: it has stalled


@dataclass
class Ends:
    """What came out.

    Attributes
    ----------
    X : ndarray (n, m) or sparse
        The points.
    residuals, iterations : ndarray (m,)
        Of every column.
    stalled, proven : ndarray (m,) of bool
        Whether a column stopped though iterations were left, and whether a small residual proves its minimum.
    """

    X: Any
    residuals: Array
    iterations: NDArray[np.int64]
    stalled: NDArray[np.bool_]
    proven: NDArray[np.bool_]


def descend(
    scaled: Scaled,
    h: Penalty,
    convex: bool,
    x0: Array,
    tol: float,
    max_iter: int,
    taken: NDArray[np.int64] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Ends:
    """Minimise every column from x0, (n, m); the iterations it has taken so far count, each column for itself.

    `tell` hears, in every round of a block of columns, how far they are.
    """
    X = scaled.points(x0)
    m, n = X.shape
    gram = scaled.gram() if n <= max(ALWAYS_WHOLE, min(2 * scaled.D.shape[0], LARGEST_GRAM)) else None
    width = 1 if gram is None else max(1, ENTRIES // n)
    h = h.in_units(scaled.of_d, 1.0)
    iterations = np.zeros(m, np.int64) if taken is None else taken.copy()
    ends = Ends(X, np.empty(m), iterations, np.zeros(m, np.bool_), np.full(m, convex))
    done, lock = 0, Lock()

    def tell_of(pending: int, residual: float) -> None:
        tell(f"{done} of {m} columns are done, {pending} under way, residual {residual:.2g}")

    def work(first: int) -> None:
        rows = slice(first, min(m, first + width))
        block = Block(scaled, h, convex, rows, X[rows], gram)
        with np.errstate(all="ignore"):  # a thread has its own
            ends.residuals[rows], ends.stalled[rows] = block.descend(tol, max_iter, iterations[rows], tell_of)
        X[rows] = block.best
        nonlocal done
        with lock:
            done += rows.stop - rows.start

    with blas_threads(processors(), scaled.D.size * min(m, width)):
        blas_in_threads(work, range(0, m, width), processors() if gram is None else 1)
    ends.X = scaled.original(X)
    return ends


class Block:
    """Some rows of X, with the best that was found for each."""

    def __init__(self, scaled: Scaled, h: Penalty, convex: bool, rows: slice, X: Array, gram: Array | None) -> None:
        self.scaled, self.convex, self.rows, self.gram, self.of_columns = scaled, convex, rows, gram, h
        self.h = h.in_units(1.0, scaled.of_y[rows, None]).spread(X.shape)
        self.X, self.best, self.members = X.copy(), X.copy(), np.arange(X.shape[1] if gram is not None else 0)

    def descend(
        self, tol: float, max_iter: int, taken: NDArray[np.int64], tell: Callable[[int, float], None]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Go round after round, counted in `taken`; the residuals, and which rows have stalled.

        `tell` hears before each round how many rows are in it, and the largest residual of them.
        """
        count = len(self.X)
        idle = np.zeros(count, np.int64)
        part, least, nearest = np.full(count, FIRST_PART), np.full(count, np.inf), np.full(count, np.inf)
        while True:
            point, residuals, distances = self.certify()
            idle = np.where(distances < 0.9 * nearest, 0, idle + 1)
            better = (distances <= nearest) | (residuals <= tol) & (least > tol)
            self.best[better], least = self.X[better], np.where(better, residuals, least)
            nearest = np.where(better, distances, nearest)
            pending = np.flatnonzero((least > tol) & (taken < max_iter) & (idle < PATIENCE))
            if not pending.size:
                return least, (least > tol) & (taken < max_iter)
            tell(pending.size, least[pending].max())
            if self.gram is None and np.count_nonzero(self.X) > MOST_NONZEROS:
                self.accelerate(tol, taken, max_iter)
                continue
            met = self.improve(point, pending, part[pending] * tol, taken, max_iter)
            part[pending] = np.where(met, np.maximum(0.1 * part[pending], SMALLEST_PART), part[pending])

    def certify(self) -> tuple[Point, Array, Array]:
        """Every row's point, formed afresh, its residual, and how near the end it is: less is nearer.

        A gap that is relative to the objective may rise while both fall: there the gap itself tells what is nearer.

        All rows are formed, also those that need no more. So the shapes of the products, and with them the rounding of
        a row, do not depend on how far the others are.
        """
        point = self.point(self.X)
        residuals = self.residuals(point)
        return point, residuals, residuals * objective(point, self.h) if self.convex else residuals

    def point(self, X: Array) -> Point:
        """What the certificates of rows need."""
        return point_of(self.scaled, X, self.rows, terms=not np.all(self.h.s0 > 0))

    def residuals(self, point: Point) -> Array:
        """The residual of every row, of the kind that h allows."""
        return (relative_gap if self.convex else relative_violation)(point, self.h)

    def accelerate(self, tol: float, taken: NDArray[np.int64], max_iter: int) -> None:
        """Descend in the only row without DᵀD."""

        def residuals_of(X: Array, L: float) -> Array:
            return self.residuals(self.point(np.ascontiguousarray(X.T)))

        term, left = self.scaled.term(self.rows), max_iter - int(taken[0])
        X, _, count = whole.descend(term, self.h.transposed(), self.X.T, residuals_of, tol, left, CHECKED_EVERY)
        self.X, taken[0] = np.ascontiguousarray(X.T), taken[0] + count

    def improve(
        self,
        point: Point,
        pending: NDArray[np.int_],
        part: Array,
        taken: NDArray[np.int64],
        max_iter: int,
    ) -> NDArray[np.bool_]:
        """Let the kernel move the pending rows; say where it has met what was asked for."""
        goals = units(point, self.h)[pending] * part[:, None]
        np.maximum(goals, np.finfo(float).tiny, out=goals)
        gram, rough = self.gram, np.zeros(len(pending), np.bool_)
        if gram is None:
            ratios = self.h.at(pending).violation(self.X[pending], point.V[pending]) / goals
            gram = self._gram_of_members(ratios, pending)
            most = ROUGHLY * ratios.max(axis=1)
            goals, rough = goals[:, self.members] * np.maximum(1.0, most)[:, None], most > 1
        at = np.ix_(pending, self.members)
        problem = gram, self.of_columns.at(self.members), self.scaled.of_y[self.rows][pending]
        X, V, counts, ended = self.X[at], point.V[at], taken[pending], np.zeros(len(pending), np.int8)
        _in_calls(problem, V, X, np.ascontiguousarray(goals), max_iter, counts, ended)
        self.X[at], taken[pending] = X, counts
        return np.asarray((ended == 1) & ~rough)

    def _gram_of_members(self, ratios: Array, pending: NDArray[np.int_]) -> Array:
        """Choose the entries to move, by how many times its goal each violates its condition; DᵀD of them."""
        used, worst = (self.X[pending] != 0).any(axis=0), ratios.max(axis=0)
        room = max(ALWAYS_WHOLE, 2 * int(np.count_nonzero(used)))
        wanted = np.flatnonzero(used | (worst > 1))
        order = np.lexsort((-worst[wanted], ~used[wanted]))  # those in use first, then by what they violate
        self.members = np.sort(wanted[order[:room]])
        return self.scaled.gram(self.members)


def _in_calls(
    problem: tuple[Array, Penalty, Array],
    V: Array,
    X: Array,
    goals: Array,
    most: int,
    taken: NDArray[np.int64],
    ended: NDArray[np.int8],
) -> None:
    """Call the kernel on some rows at a time, in threads, and again until they all have ended."""
    from dsrl_ref.solver.kernels import coordinates as kernels

    gram, h, of_y = problem
    pieces = np.array([h.s0, h.s1, h.p1, h.p2, h.joint])
    while (waiting := np.flatnonzero((ended == 0) & (taken < most))).size:

        def work(first: int, waiting: NDArray[np.int_] = waiting) -> None:
            some = waiting[first : first + ROWS_PER_CALL]
            v, x, counts, ends = V[some], X[some], taken[some], ended[some]
            kernels.descend(gram, v, x, pieces, of_y[some], goals[some], most, WORK_PER_CALL, counts, ends)
            V[some], X[some], taken[some], ended[some] = v, x, counts, ends

        in_threads(work, range(0, waiting.size, ROWS_PER_CALL), processors())
