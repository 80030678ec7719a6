"""LeastSquares only: work that follows the nonzeros of X_(1), ..., X_(t).

X_(i) is 0 on its dead zone, and so are its cotangent and its sensitivities. Products with DᵀD therefore take only the
rows that are listed, and the way back, and sensitivities, form only those that are asked for. Columns do not
interact: kernels run over a block of them, a layer at a time, and `dsrl_ref.engines.kernels.support` says what they
keep. Of columns with very few entries the way forward, too, forms only what may leave the dead zone:
`dsrl_ref.engines.kernels.support_sparse` bounds the rest.

**Bits.** No product here is BLAS's. Every entry of a product is one sum over the rows in ascending order, however
sparse its column is; every column has sums of its own, which are added by eights and then exactly. An answer has the
same bits for any number of threads, any width of the blocks, and a D that is sparse or dense: DᵀD and DᵀY are formed
in the same way. What is left out by a bound is 0 with every rounding.

**Arithmetic.** ∇f is DᵀD·X - DᵀY here, with a fused multiply-add a term, and Z = X - step·∇f has none. Where this
rounds differently from Dᵀ(DX - Y), an entry next to a knot may be in another region than elsewhere: `ties` counts
those of here.

**Memory.** Prepared: DᵀD, n² numbers, DᵀY and the target, 2·n·m, and bounds that are an eighth of the first two; the
nonzeros of x0. An evaluation adds for each of its threads about `TAPE` entries of 20 bytes, 80 MiB, at most, and less
where X is sparse: more only where a single column has more in all its layers. With one Θ and one L a layer the sums are
1 + 5t numbers a column, and the Gauss-Newton matrix takes half a 5t×5t matrix for every `COLUMNS_A_MATRIX` columns.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.engine import Constants, Engine, Thetas, unless_least_squares
from dsrl_ref.engines.panels import WIDTH, Lists, largest_of_groups, lists_of, panels, panels_of, products
from dsrl_ref.engines.parts import add_exactly, whole_matrix
from dsrl_ref.engines.problem import Layers, Problem
from dsrl_ref.errors import DivergenceError, SizeError
from dsrl_ref.threads import in_threads

TAPE = 2**22  # entries that a block of columns may keep, in all layers
MOST_MULTIPLICATIONS = 2**31  # multiplications of one kernel call, under half a second: Ctrl-C waits for it
BESIDES = 4  # entries, for each of a layer, that are kept besides the tape
COLUMNS_A_MATRIX = 32  # columns whose Gauss-Newton matrices are added to one, where they are larger than 5×5
LARGEST = 2**31  # bytes of DᵀD
EIGHT = 8  # columns whose sums are added before they are added exactly
LANES = 8  # of a vector, as the kernels have it
FOUR = 4  # columns that may share a pass over a panel


class Layer(NamedTuple):
    """The active entries of Z_(i), as `Lists`, with ∇f(X_(i-1)) beside each."""

    rows: NDArray[np.uint32]
    z: Array
    g: Array
    start: NDArray[np.int64]


class Support(Generic[Thetas, Constants]):
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
        self.problem, self.threads = problem, problem.threads
        self.n, self.m = problem.x0.shape
        reason = too_large(self.n)
        if reason is not None:
            raise SizeError(f"method 'support' {reason}")
        self.G, self.C = products(D, Y, self.threads)
        if not np.isfinite(self.G).all():
            raise ValueError("method 'support' needs DᵀD, which overflows float64: scale D and Y down")
        self.H, self.at_zero = largest_of_groups(self.G), largest_of_groups(self.C)
        self.largest = float(self.H.max(initial=0.0))
        self.target, self.x0 = panels_of(problem.target), lists_of(problem.x0)

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Forward, and back over what was listed on the way."""
        return complete(self.problem, add_exactly(self.terms(theta, L)), theta, L)

    def terms(self, theta: Thetas, L: Constants) -> Array:
        """The sums of every eight columns, which `complete` makes J and its derivatives of."""
        layers = self.problem.of_layers(theta, L)
        sums, width = np.zeros((self.m, 1 + self.problem.parameters)), self._width(len(layers) + BESIDES)
        self._run(Block.backward, layers, width, width, sums)
        return by_eights(sums)

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """One pass forward, with the sensitivities where Z is active, and no tape.

        Matrices of 5×5 are added as the other sums are; of larger ones there is one for every `COLUMNS_A_MATRIX`
        columns.
        """
        sums, matrices = self._products(theta, L)
        squares, *derivatives = add_exactly(sums)
        rows, matrix = np.reshape(derivatives, (-1, 5)), whole_matrix(add_exactly(matrices), self.problem.parameters)
        return 0.5 * squares, rows if self.problem.per_layer else rows[0], matrix

    def gauss_newton_terms(self, theta: Thetas, L: Constants) -> Array:
        """The sums of every eight columns, and beside them those of the upper triangles of their matrices."""
        sums, matrices = self._products(theta, L)
        sums[:, 0] *= 0.5
        rows = np.zeros((len(sums), sums.shape[1] + matrices.shape[1]))
        rows[:, : sums.shape[1]], rows[: len(matrices), sums.shape[1] :] = sums, matrices
        return rows

    def _products(self, theta: Thetas, L: Constants) -> tuple[Array, Array]:
        """Rows that add up to 2J and J's derivatives, and rows that add up to the upper triangle of the matrix."""
        layers, parameters = self.problem.of_layers(theta, L), self.problem.parameters
        lanes = in_lanes(parameters)
        width = self._width(BESIDES + 2 * lanes)
        columns, width, share = (
            (1, width, width) if parameters == 5 else (COLUMNS_A_MATRIX, min(width, COLUMNS_A_MATRIX), COLUMNS_A_MATRIX)
        )
        sums = np.zeros((self.m, 1 + parameters))
        matrices = np.zeros((-(-self.m // columns), parameters * (parameters + 1) // 2))
        work = partial(Block.tangents, columns=columns, matrices=matrices)
        self._run(work, layers, width, share, sums)
        return by_eights(sums), by_eights(matrices)

    def ties(self, theta: Thetas, L: Constants) -> int:
        """Count the entries of Z_(1), ..., Z_(t) that sit on a knot, by the arithmetic of the evaluations."""
        found, width = np.zeros((self.m, 1)), self._width(BESIDES)
        self._run(Block.ties, self.problem.of_layers(theta, L), width, width, found)
        return int(found.sum())

    def errors(self, theta: Thetas, L: Constants) -> Array:
        """‖x_t - x̃‖² of every column: the way forward of the evaluations, of which nothing is kept."""
        found, width = np.zeros((self.m, 1)), self._width(BESIDES)
        self._run(Block.errors, self.problem.of_layers(theta, L), width, width, found)
        return found[:, 0]

    def _width(self, entries: int) -> int:
        """How many columns are a block that keeps so many entries for each of a column; it shows in no answer."""
        room = min(TAPE // (entries * self.n), MOST_MULTIPLICATIONS // self.n**2)
        share = -(-self.m // self.threads)
        return max(1, min(room // FOUR * FOUR or room, -(-share // FOUR) * FOUR))

    def _run(
        self, work: "Callable[[Block], Iterator[None]]", layers: Layers, width: int, share: int, sums: Array
    ) -> None:
        """Do the work of all columns: `width` of them are a block; the blocks of `share` columns follow one another.

        Raises
        ------
        DivergenceError
            With the first layer in which an entry of any column is not finite.
        """
        wrong = list[tuple[int, int]]()

        def run(begin: int) -> Iterator[None]:
            end = min(self.m, begin + share)
            for first in range(begin, end, width):
                yield from work(Block(self, layers, first, min(end, first + width), sums, wrong))

        in_threads(run, range(0, self.m, share), self.threads)
        if wrong:
            i, _ = min(wrong)
            entries, (_, L) = sum(count for other, count in wrong if other == i), layers[i]
            raise DivergenceError(
                f"X_({i + 1}) is not finite in layer {i + 1} ({entries} entries): L = {L} may be too small"
            )


def complete(problem: Problem, sums: Sequence[float], theta: Any, L: Any) -> tuple[float, Array]:
    """J and its derivatives, of the sums over all columns."""
    squares, *derivatives = sums
    rows = np.reshape(derivatives, (-1, 5))
    for row, layer in zip(rows, problem.of_layers(theta, L), strict=False):  # layers that share Θ have added to one row
        row[:] = completed(row, *layer)
    return 0.5 * squares, rows if problem.per_layer else rows[0]


def in_lanes(parameters: int) -> int:
    """How many numbers the sensitivities of an entry take: whole vectors."""
    return -(-parameters // LANES) * LANES


def completed(derivatives: Array, theta: Theta, L: float) -> Array:
    """The derivatives in w1, w2, b1, b2, L.

    What the way back adds up are those in w1 and w2; what -w1 and w1 - w2 are to be multiplied by for those in b1 and
    b2; and what is to be divided by L for that in L.
    """
    in_w1, in_w2, past_b1, past_b2, in_L = derivatives.tolist()
    w1, w2, _, _ = theta
    return np.array([in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2, in_L / L])


class Block:
    """Some columns on their way through the layers.

    Every pass is a generator, which adds to the rows of `sums` that are of its columns and yields between kernel
    calls. A block that finds entries that are not finite adds (layer, how many there are) to `wrong`, and goes no
    further.
    """

    def __init__(
        self,
        prepared: "Support[Any, Any]",
        layers: Layers,
        first: int,
        last: int,
        sums: Array,
        wrong: list[tuple[int, int]],
    ) -> None:
        self.prepared, self.layers, self.first, self.columns = prepared, layers, first, last - first
        self.sums, self.wrong = sums[first:last], wrong
        self.X = prepared.x0.of(first, last)
        n, entries = prepared.n, self.columns * prepared.n
        self.found = np.empty(entries, np.uint32), np.empty(entries), np.empty(entries)
        self.cuts = np.empty((len(prepared.G), self.columns, 2), np.int64)
        self.at = np.empty(self.columns, np.int64), np.empty(self.columns, np.int64)
        fours, ends = self.columns // FOUR, self.columns // FOUR + 1
        self.four = (
            np.empty(fours * n + n, np.uint32),
            np.empty((fours * n + n, FOUR)),
            np.zeros(ends + 1, np.int64),
        )
        self.line = np.empty((n, FOUR))
        self.bounds, self.whole = prepared.at_zero[:, first:last].copy(), np.zeros(self.columns, np.bool_)
        self.room = np.zeros(WIDTH * len(prepared.G)), np.empty(n + 1, np.uint32), np.empty(n + 1)

    def backward(self) -> Iterator[None]:
        """Σ(x - x̃)² and the sums of the derivatives: forward, and back over the layers that were kept."""
        from dsrl_ref.engines.kernels import support as kernels

        places, tape = self.prepared.problem.places, list[Layer]()
        for layer in self._forward():
            tape.append(layer)
            yield
        if len(tape) < len(self.layers):
            return
        dX = self._residual()
        for i in range(len(tape) - 1, -1, -1):
            theta, L = self.layers[i]
            step, layer = 1.0 / L, tape[i]
            kernels.backward_layer(layer.z, layer.g, layer.start, step, *theta, dX, 1 + places[i], self.sums)
            if i:
                dX = self._through_step(Lists(layer.rows, dX, layer.start), step, tape[i - 1])
            yield

    def errors(self) -> Iterator[None]:
        """Σ(x - x̃)², forward alone; of entries that are not finite, what `wrong` says is said instead."""
        for _ in self._forward():
            yield
        self._residual()

    def tangents(self, columns: int, matrices: Array) -> Iterator[None]:
        """Σ(x - x̃)², the derivatives and the matrix: sensitivities carried along, of two layers at a time.

        The matrices of so many `columns` are added to one row of `matrices`. Two arrays hold the sensitivities in turn,
        as long as they are large enough: a new one in each layer would be asked of the system each time.
        """
        from dsrl_ref.engines.kernels import support_tangents as kernels

        problem, done = self.prepared.problem, 0
        before, dX, room = self.X, np.empty((len(self.X.rows), 0)), [np.empty(0), np.empty(0)]
        for layer, (theta, L), place in zip(self._forward(), self.layers, problem.places, strict=False):
            lanes = in_lanes(place + 5)
            if len(room[0]) < len(layer.rows) * lanes:
                room[0] = np.empty(len(layer.rows) * lanes)
            moved = room[0][: len(layer.rows) * lanes].reshape(-1, lanes)
            given = self.prepared.G, before.rows, dX, before.start, *layer, 1.0 / L, tuple(theta), place
            for some in self._panels(len(before.rows), lanes):
                kernels.forward_tangents(*given, *some, *self.at, moved)
                yield
            before, dX, done, room = self.X, moved, done + 1, room[::-1]
        if done == len(self.layers):
            residual = self._residual()
            if done:
                rows = matrices[self.first // columns :]
                kernels.add_tangents(dX, residual, before.start, problem.parameters, columns, self.sums, rows)

    def _panels(self, entries: int, lanes: int) -> Iterator[tuple[int, int]]:
        """From which panel to which one call carries so many `lanes` of so many entries: Ctrl-C waits for it."""
        count, most = len(self.prepared.G), max(1, MOST_MULTIPLICATIONS // (WIDTH * lanes * max(1, entries)))
        for first in range(0, count, most):
            yield first, min(first + most, count)

    def ties(self) -> Iterator[None]:
        """How many entries of Z sit on a knot, into the first row of the block."""
        from dsrl_ref.engines.kernels import support as kernels

        forward = self._forward()
        for i, (theta, _) in enumerate(self.layers):
            self.sums[0] += kernels.count_ties(*self._step(i), theta.b1, theta.b2, self.at[0])
            if next(forward, None) is None:
                return
            yield

    def _forward(self) -> Iterator[Layer]:
        """The layers, one after the other, X_(i) in `X`, until one has an entry that is not finite."""
        from dsrl_ref.engines.kernels import support as kernels

        before = Lists(np.empty(0, np.uint32), np.empty(0), np.zeros(self.columns + 1, np.int64))
        for i, ((w1, w2, b1, b2), _) in enumerate(self.layers):
            step = self._step(i)
            room = self.whole, self._forward_sparse(before, step[-1], b1), *self.found, self.cuts
            count = kernels.forward_layer(*step, b1, self.at[0], *room)
            before = self.X
            rows, start = np.empty(count, np.uint32), np.empty(self.columns + 1, np.int64)
            z, g, x = np.empty(count), np.empty(count), np.empty(count)
            self.X = Lists(rows, x, start)
            wrong = kernels.pack_layer(*self.found, self.cuts, self.whole, w1, w2, b1, b2, rows, z, g, x, start)
            if wrong:
                self.wrong.append((i, int(wrong)))
                return
            yield Layer(rows, z, g, start)

    def _forward_sparse(self, before: Lists, step: float, b1: float) -> int:
        """Form the columns with few entries; return how many are active. `before` are the lists of a layer before X."""
        from dsrl_ref.engines.kernels.support_sparse import forward_layer

        own, room = self.prepared, (self.room, self.bounds, self.whole, self.found, self.cuts)
        lists = tuple(before), tuple(self.X)
        return int(forward_layer(own.G, own.n, own.H, own.largest, *lists, own.C, self.first, step, b1, *room))

    def _step(self, i: int) -> tuple[Any, ...]:
        """What kernels need to form X - step·∇f(X) of the present X, with the step of layer i + 1."""
        prepared, unions = self.prepared, self._unions(self.X)
        return prepared.G, prepared.n, *self.X, *unions, prepared.C, self.first, 1.0 / self.layers[i][1]

    def _residual(self) -> Array:
        """X_(t) - X̃ where X_(t) is listed; its squares, of all entries, go into the sums."""
        from dsrl_ref.engines.kernels import support as kernels

        difference = np.empty(len(self.X.rows))
        kernels.residual(*self.X, self.prepared.target, self.first, difference, self.sums)
        return difference

    def _through_step(self, dZ: Lists, step: float, before: Layer) -> Array:
        """The cotangent of X_(i-1), where it is listed, from that of Z_(i)."""
        from dsrl_ref.engines.kernels import support, support_sparse

        G, dX = self.prepared.G, np.empty(len(before.rows))
        listed = before.rows, before.start
        support_sparse.backward_product(G, *dZ, step, *listed, self.room[0], self.whole, dX)
        support.backward_product(G, *dZ, *self._unions(dZ), step, *listed, self.at[0], self.whole, self.at[1], dX)
        return dX

    def _unions(self, lists: Lists) -> tuple[NDArray[np.uint32], Array, NDArray[np.int64]]:
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
    Support,
    lambda problem: EIGHT * COLUMNS_A_MATRIX,
    complete,
)
