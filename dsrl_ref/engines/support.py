"""LeastSquares only: work that follows the nonzeros of X_(1), ..., X_(t).

X_(i) is 0 on its dead zone, and so are its cotangent and its sensitivities. Products with DᵀD therefore take only the
rows that are listed, and the way back, and sensitivities, form only those that are asked for. Columns do not
interact: kernels run over a block of them, a layer at a time, and `dsrl_ref.engines.kernels.support` says what they
keep.

**Bits.** No product here is BLAS's. Every entry of a product is one sum over the rows in ascending order, however
sparse its column is; every column has sums of its own, which are added by eights and then exactly. An answer has the
same bits for any number of threads, any width of the blocks, and a D that is sparse or dense: DᵀD and DᵀY are formed
in the same way.

**Arithmetic.** ∇f is DᵀD·X - DᵀY here, with a fused multiply-add a term, and Z = X - step·∇f has none. Where this
rounds differently from Dᵀ(DX - Y), an entry next to a knot may be in another region than elsewhere: `ties` counts
those of here.

**Memory.** Prepared: DᵀD, n² numbers; DᵀY and the target, 2·n·m; the nonzeros of x0. An evaluation adds for each of its
threads about `TAPE` entries of 20 bytes, 40 MiB, at most, and less where X is sparse: more only where a single column
has more in all its layers.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.engines.engine import Engine, unless_least_squares
from dsrl_ref.engines.parts import add_exactly
from dsrl_ref.engines.problem import Problem
from dsrl_ref.errors import DivergenceError, SizeError
from dsrl_ref.threads import in_threads

WIDTH = 64  # columns of a panel, as the kernels have it
TAPE = 2**21  # entries that a block of columns may keep, in all layers
AT_ONCE = 2**31  # multiplications of one kernel call, under half a second: Ctrl-C waits for it
BESIDES = 4  # entries, for each of a layer, that are kept besides the tape
TANGENTS = 10  # and with five sensitivities, of this layer and the one before, in place of the tape
CHUNK = 1024  # rows of D, whose products are added to those of the rows before
LISTED = 2**20  # entries that are listed at once while something is prepared
LARGEST = 2**31  # bytes of DᵀD
EIGHT = 8  # columns whose sums are added before they are added exactly
FOUR = 4  # columns that may share a pass over a panel


class Lists(NamedTuple):
    """Entries of some columns: rows[start[q] : start[q + 1]] are the rows of column q, ascending, with their values."""

    rows: NDArray[np.uint32]
    values: Array
    start: NDArray[np.int64]

    def of(self, first: int, last: int) -> "Lists":
        """Those of the columns first..last-1."""
        begin, end = self.start[[first, last]]
        return Lists(self.rows[begin:end], self.values[begin:end], self.start[first : last + 1] - begin)


class Layer(NamedTuple):
    """The active entries of Z_(i), as `Lists`, with ∇f(X_(i-1)) beside each."""

    rows: NDArray[np.uint32]
    z: Array
    g: Array
    start: NDArray[np.int64]


class Support:
    """A problem, prepared: DᵀD, DᵀY, the target and x0, as the kernels read them.

    Parameters
    ----------
    problem : Problem
        Of a `LeastSquares`; its threads have no influence on an answer.

    Raises
    ------
    SizeError
        Where DᵀD would take more than 2 GiB, before it is formed.
    ValueError
        Where DᵀD overflows.
    """

    def __init__(self, problem: Problem) -> None:
        D, Y = problem.f.D, problem.f.Y  # type: ignore[attr-defined]
        self.layers, self.threads = int(problem.layers), problem.threads
        self.n, self.m = problem.x0.shape
        reason = too_large(self.n)
        if reason is not None:
            raise SizeError(f"method 'support' {reason}")
        self.G, self.C = products(D, Y, self.threads)
        if not np.isfinite(self.G).all():
            raise ValueError("method 'support' needs DᵀD, which overflows float64: scale D and Y down")
        self.target, self.x0 = panels_of(problem.target), lists_of(problem.x0)

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """J and its derivatives in w1, w2, b1, b2, L: forward, and back over what was listed on the way."""
        from dsrl_ref.engines.kernels import support as kernels

        w1, w2, _, _ = theta
        sums = self._sums(Block.backward, kernels.SUMS, self._width(self.layers + BESIDES, 1), theta, L)
        squares, in_w1, in_w2, past_b1, past_b2, in_L = sums
        return 0.5 * squares, np.array([in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2, in_L / L / L])

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """J, its derivatives, and Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t): one pass forward, no tape."""
        from dsrl_ref.engines.kernels import support_tangents as kernels

        squares, *sums = self._sums(Block.tangents, kernels.SUMS, self._width(TANGENTS, kernels.LANES), theta, L)
        matrix = np.zeros((5, 5))
        matrix[np.triu_indices(5)] = sums[5:]
        return 0.5 * squares, np.array(sums[:5]), matrix + np.triu(matrix, 1).T

    def ties(self, theta: Theta, L: float) -> int:
        """Count the entries of Z_(1), ..., Z_(t) that sit on a knot, by the arithmetic of the evaluations."""
        (found,) = self._sums(Block.ties, 1, self._width(BESIDES, 1), theta, L)
        return int(found)

    def _width(self, entries: int, lanes: int) -> int:
        """How many columns are a block that keeps so many entries for each of a column; it shows in no answer."""
        room = min(TAPE // (entries * self.n), AT_ONCE // (lanes * self.n**2))
        share = -(-self.m // self.threads)
        return max(1, min(room // FOUR * FOUR or room, -(-share // FOUR) * FOUR))

    def _sums(
        self, work: "Callable[[Block], Iterator[None]]", quantities: int, width: int, theta: Theta, L: float
    ) -> list[float]:
        """What the blocks add up for each column, in total.

        Raises
        ------
        DivergenceError
            With the first layer in which an entry of any column is not finite.
        """
        sums, wrong = np.zeros((self.m, quantities)), list[tuple[int, int]]()

        def run(first: int) -> Iterator[None]:
            return work(Block(self, first, min(self.m, first + width), theta, L, sums, wrong))

        in_threads(run, range(0, self.m, width), self.threads)
        if wrong:
            layer, _ = min(wrong)
            entries = sum(count for other, count in wrong if other == layer)
            raise DivergenceError(
                f"X_({layer}) is not finite in layer {layer} ({entries} entries): L = {L} may be too small"
            )
        return add_exactly(by_eights(sums))


class Block:
    """Some columns on their way through the layers.

    Every pass is a generator, which adds to the rows of `sums` that are of its columns and yields between kernel
    calls. A block that finds entries that are not finite adds (layer, how many there are) to `wrong`, and goes no
    further.
    """

    def __init__(
        self,
        prepared: Support,
        first: int,
        last: int,
        theta: Theta,
        L: float,
        sums: Array,
        wrong: list[tuple[int, int]],
    ) -> None:
        self.prepared, self.first, self.columns = prepared, first, last - first
        self.theta, self.step = theta, 1.0 / L
        self.sums, self.wrong = sums[first:last], wrong
        self.X = prepared.x0.of(first, last)
        n, entries = prepared.n, self.columns * prepared.n
        self.found = np.empty(entries, np.uint32), np.empty(entries), np.empty(entries)
        self.cuts = np.empty((len(prepared.G) + 1, self.columns), np.int64)
        self.at = np.empty(self.columns, np.int64), np.empty(self.columns, np.int64)
        fours, together = self.columns // FOUR, self.columns // FOUR + 1
        self.four = (
            np.empty(fours * n + n, np.uint32),
            np.empty((fours * n + n, FOUR)),
            np.zeros(together + 1, np.int64),
        )
        self.line = np.empty((n, FOUR))

    def backward(self) -> Iterator[None]:
        """Σ(x - x̃)² and the sums of the derivatives: forward, and back over the layers that were kept."""
        from dsrl_ref.engines.kernels import support as kernels

        tape: list[Layer] = []
        for layer in self._forward():
            tape.append(layer)
            yield
        if len(tape) < self.prepared.layers:
            return
        dX = self._residual()
        for i in range(len(tape) - 1, -1, -1):
            kernels.backward_layer(tape[i].z, tape[i].g, tape[i].start, *self.theta, dX, self.sums)
            if i:
                dX = self._through_step(Lists(tape[i].rows, dX, tape[i].start), tape[i - 1])
            yield

    def tangents(self) -> Iterator[None]:
        """Σ(x - x̃)², the derivatives and the matrix: sensitivities carried along, of two layers at a time."""
        from dsrl_ref.engines.kernels import support_tangents as kernels

        before, dX, layers = self.X, np.zeros((len(self.X.rows), kernels.LANES)), 0
        for layer in self._forward():
            moved = np.empty((len(layer.rows), kernels.LANES))
            scalars = self.step, *self.theta
            kernels.forward_tangents(self.prepared.G, before.rows, dX, before.start, *layer, *scalars, *self.at, moved)
            before, dX, layers = self.X, moved, layers + 1
            yield
        if layers == self.prepared.layers:
            kernels.add_tangents(dX, self._residual(), before.start, self.sums)

    def ties(self) -> Iterator[None]:
        """How many entries of Z sit on a knot, into the first row of the block."""
        from dsrl_ref.engines.kernels import support as kernels

        forward = self._forward()
        for _ in range(self.prepared.layers):
            self.sums[0] += kernels.count_ties(*self._step(), self.theta.b1, self.theta.b2, self.at[0])
            if next(forward, None) is None:
                return
            yield

    def _forward(self) -> Iterator[Layer]:
        """The layers, one after the other, X_(i) in `X`, until one has an entry that is not finite."""
        from dsrl_ref.engines.kernels import support as kernels

        w1, w2, b1, b2 = self.theta
        for i in range(1, self.prepared.layers + 1):
            count = kernels.forward_layer(*self._step(), b1, self.at[0], *self.found, self.cuts)
            rows, start = np.empty(count, np.uint32), np.empty(self.columns + 1, np.int64)
            z, g, x = np.empty(count), np.empty(count), np.empty(count)
            self.X = Lists(rows, x, start)
            wrong = kernels.pack_layer(*self.found, self.cuts, w1, w2, b1, b2, rows, z, g, x, start)
            if wrong:
                self.wrong.append((i, int(wrong)))
                return
            yield Layer(rows, z, g, start)

    def _step(self) -> tuple[Any, ...]:
        """What kernels need to form X - step·∇f(X) of the present X."""
        prepared, together = self.prepared, self._together(self.X)
        return prepared.G, prepared.n, *self.X, *together, prepared.C, self.first, self.step

    def _residual(self) -> Array:
        """X_(t) - X̃ where X_(t) is listed; its squares, of all entries, go into the sums."""
        from dsrl_ref.engines.kernels import support as kernels

        difference = np.empty(len(self.X.rows))
        kernels.residual(*self.X, self.prepared.target, self.first, difference, self.sums)
        return difference

    def _through_step(self, dZ: Lists, before: Layer) -> Array:
        """The cotangent of X_(i-1), where it is listed, from that of Z_(i)."""
        from dsrl_ref.engines.kernels import support as kernels

        dX = np.empty(len(before.rows))
        kernels.backward_product(
            self.prepared.G, *dZ, *self._together(dZ), self.step, before.rows, before.start, *self.at, dX
        )
        return dX

    def _together(self, lists: Lists) -> tuple[NDArray[np.uint32], Array, NDArray[np.int64]]:
        """The lists of every four columns with much in common, listed together."""
        from dsrl_ref.engines.kernels import support as kernels

        kernels.unions(self.prepared.n, *lists, *self.four, self.line)
        return self.four


def too_large(n: int) -> str | None:
    """Why DᵀD is not formed, if it is not."""
    size = 8 * n * panels(n) * WIDTH
    if size <= LARGEST:
        return None
    return (
        f"holds DᵀD, {n:,}×{n:,} numbers, which are {size / 2**30:.1f} GiB, and takes up to {LARGEST / 2**30:.0f} GiB; "
        "take 'columns', which may multiply by D and Dᵀ"
    )


def products(D: Any, Y: Array, threads: int) -> tuple[Array, Array]:
    """DᵀD, n×n, and DᵀY, n×m, in panels of 64 of their rows: (panels, n, 64) and (panels, m, 64).

    Some rows of D at a time, always the same, so that an entry is the same sum whatever is sparse and whoever adds.
    """
    from dsrl_ref.engines.kernels import support as kernels

    (k, n), m = D.shape, Y.shape[1]
    G, C = np.zeros((panels(n), n, WIDTH)), np.zeros((panels(n), m, WIDTH))
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
    cut = np.zeros((panels(n), m, WIDTH))
    for t in range(len(cut)):
        rows = A[t * WIDTH : (t + 1) * WIDTH]
        cut[t, :, : len(rows)] = rows.T
    return cut


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


def by_eights(rows: Array) -> Array:
    """The sums of every eight rows, in order: a tenth of the time of adding all of them exactly."""
    added = rows[::EIGHT].copy()
    for following in range(1, EIGHT):
        others = rows[following::EIGHT]
        added[: len(others)] += others
    return added


ENGINE = Engine(
    "support",
    "`LeastSquares`; compiled, by products of DᵀD and the nonzeros of X_(i) alone, which its time follows; holds DᵀD, "
    "DᵀY and a copy of the target",
    unless_least_squares,
    Support,
)
