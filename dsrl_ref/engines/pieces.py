"""Fidelity only: the sums over all entries, piece by piece of the scalar map w -> x_t that the network is.

Preparation sorts the entries and forms running sums of them in double-double. The sums over a piece are differences of
these, so that an evaluation takes time that does not depend on how many entries there are.

Some entries go through the float recursion instead. Those so near a knot that rounding decides their region do so value
by value, each value once for all entries that have it. Where such values, or the pieces, are too many, whole ranges of
entries do, and so do the entries of a piece whose sum of squares is so far below its terms that two words have lost its
digits. As the recursion squares entry by entry, no loss is ever negative.
"""

from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.engines import recursion
from dsrl_ref.engines.engine import Constants, Engine, Prepared, PreparedLayers, Thetas, unless_fidelity
from dsrl_ref.engines.parts import add_exactly, whole_matrix
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.scalar_map import DERIVATIVES, HIGH, LOW, Layered, Sharing, constant_rows
from dsrl_ref.entries import largest_entry
from dsrl_ref.threads import in_threads, interruptible

MOST_VALUES = 4096  # different values in one gap between pieces; of more, the entries go to `recursion` as a range
BLOCKS_PER_CALL = 1 << 14  # of the sums that are prepared, given to a kernel at once
SAFE = 1e-140, 1e140  # the largest |w| between these has a square whose rounding errors are finite and normal


Network: TypeAlias = Sharing | Layered


class Parts(NamedTuple):
    """The sorted entries, divided for one network.

    The first `lines` rows of `table` are the pieces of the map. The rows after them are constants, one for each value
    that lies between two pieces. Row k holds the entries w[begins[k]:ends[k]], counts[k] of them, and sums[k] are the
    sums over these. `ranges` has (begin, end) of the entries that no row holds.
    """

    table: Array
    lines: int
    counts: Array
    sums: Array
    begins: np.ndarray
    ends: np.ndarray
    ranges: list[tuple[int, int]]

    def left_over(self, lost: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """The ranges, and the entries of the rows whose sums have lost their digits."""
        return [*self.ranges, *zip(self.begins[lost].tolist(), self.ends[lost].tolist(), strict=True)]


def refuses(problem: Problem) -> str | None:
    """Refuse what is no function of W, entry by entry."""
    if reason := unless_fidelity(problem):
        return reason
    return (
        None if problem.start is not None else "needs x0 to be W or zeros, or X_(t) is no function of W; take 'fused'"
    )


def prepare(problem: Problem) -> Prepared:
    """Sort what a dense `Fidelity` holds, for one Θ and one L."""
    return _sorted(problem, partial(Sharing, layers=int(problem.layers)))


def prepare_layers(problem: Problem) -> PreparedLayers:
    """The same for one Θ and one L a layer."""
    return _sorted(problem, Layered)


def _sorted(problem: Problem, network: Callable[[Thetas, Constants], Network]) -> "Pieces[Thetas, Constants]":
    """Sort the entries; zeros are counted, where the target is W."""
    w, zeros = problem.f.start().ravel(), 0
    if problem.target_is_W:
        zeros = w.size - interruptible(lambda: np.count_nonzero(w))
        w = interruptible(lambda: w[w != 0] if zeros else w.copy())
        interruptible(w.sort)
        target = w[:0]
    else:
        w, target = interruptible(lambda: sorted_together(w, problem.target.ravel()))
    return Pieces(problem, w, target, zeros, network)


def sorted_together(w: Array, target: Array) -> tuple[Array, Array]:
    """Sort w and, in its order, the target, equal entries as they come: so sums have one order on every machine.

    ``argsort(kind="stable")`` takes two to three times as long as sorting without regard to the order of equal entries
    and putting these right, which are few in data that is measured.
    """
    from dsrl_ref.engines.kernels import sorting as kernels

    order = w.argsort()
    w = w[order]
    kernels.order_ties(w, order)
    return w, target[order]


class Pieces(Generic[Thetas, Constants]):
    """Entries of W, sorted, with those of the target in the same order, and running sums.

    Parameters
    ----------
    problem : Problem
        What the entries are of; x0 is W or zeros.
    w : ndarray
        Entries of W, sorted; in memory, or the map of a file.
    target : ndarray
        Of the same size, each beside its entry of W; empty where it is W.
    zeros : int
        How many entries that are 0 in W, and in the target, were left out of `w`.
    network : callable
        Makes the network of a Θ and an L, or of one a layer.
    """

    def __init__(
        self, problem: Problem, w: Array, target: Array, zeros: int, network: Callable[[Thetas, Constants], Network]
    ) -> None:
        assert problem.start is not None, "refused"
        self.problem, self.start, self.threads = problem, problem.start, problem.threads
        self.w, self.target, self.zeros, self.network = w, target, zeros, network
        ends = [*w[[0, -1]], largest_entry(target)] if w.size else [0.0]
        self.safe = SAFE[0] < np.abs(ends).max() < SAFE[1]
        self.zero = int(self.w.searchsorted(0.0))
        self.running = self._running_sums()

    def _running_sums(self) -> Array:
        from dsrl_ref.engines.kernels import pieces as kernels

        blocks = (self.w.size - self.zero % kernels.BLOCK) // kernels.BLOCK
        running = np.zeros((blocks + 1, kernels.SUMS if self.target.size else 4))

        def work(first: int) -> None:
            last = min(blocks, first + BLOCKS_PER_CALL)
            kernels.block_sums(self.w, self.target, self.zero, first, last, running)

        in_threads(work, range(0, blocks, BLOCKS_PER_CALL), self.threads)
        anchor = self.zero // kernels.BLOCK  # from where the values are smallest, outwards
        running[:anchor] = -running[1 : anchor + 1]
        running[anchor] = 0.0
        kernels.accumulate(running, anchor - 1, -1, -1)
        kernels.accumulate(running, anchor + 1, len(running), 1)
        return running

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """J and its derivatives in w1, w2, b1, b2, L, in those of each layer where it has its own."""
        network = self.network(theta, L)
        loss, *gradient = add_exactly(self._terms(network, self._parts(network)))
        return loss, np.reshape(gradient, network.shape)

    def terms(self, theta: Thetas, L: Constants) -> Array:
        """The two words of the sums over pieces, and the sums over what is on none: exactly J and its derivatives."""
        network = self.network(theta, L)
        return self._terms(network, self._parts(network))

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """The same, and Σ (∂x/∂p)(∂x/∂q) from the sums over the same pieces."""
        network = self.network(theta, L)
        parts, count = self._parts(network), network.parameters
        loss, *gradient = add_exactly(self._terms(network, parts))
        products = self._products(network, parts)
        triangle = add_exactly(products) if len(products) > 2 else products[0]  # the first word is the sum, rounded
        return loss, np.reshape(gradient, network.shape), whole_matrix(triangle, count)

    def gauss_newton_terms(self, theta: Thetas, L: Constants) -> Array:
        """The terms of J and its derivatives, and beside them those of the upper triangle of the matrix."""
        network = self.network(theta, L)
        parts = self._parts(network)
        sums, products = self._terms(network, parts), self._products(network, parts)
        rows = np.zeros((max(len(sums), len(products)), sums.shape[1] + products.shape[1]))
        rows[: len(sums), : sums.shape[1]], rows[: len(products), sums.shape[1] :] = sums, products
        return rows

    def ties(self, theta: Thetas, L: Constants) -> int:
        """By layers, of the entries that are in a gap between two pieces: on a piece no Z is on a knot."""
        network, zero = self.network(theta, L), np.zeros(1)
        table = network.pieces(self.start)
        begins, ends = self._on_pieces(np.empty((0, HIGH + 1)) if table is None else table)
        found = 0
        for between in self._gaps(begins, ends):
            w, x0, _ = self._entries(between)
            found += network.ties(w, x0)
        return found + self.zeros * network.ties(zero, zero)

    def errors(self, theta: Thetas, L: Constants) -> Array | None:
        """By layers, of the entries as they were given: sorted, they have left their columns."""
        return recursion.errors(self.problem, self.network(theta, L).numbers)

    def _products(self, network: Network, parts: Parts) -> Array:
        """Rows that add up to the upper triangle of Σ (∂x/∂p)(∂x/∂q): two words, and what is on no piece, if any is."""
        from dsrl_ref.engines.kernels import pieces as kernels

        count, triangle = network.parameters, np.triu_indices(network.parameters)
        upper, lost = np.zeros((count, count, 2)), np.empty(len(parts.table), np.bool_)
        left = kernels.gauss_newton(parts.table, parts.counts, parts.sums, upper, lost)
        rows = [upper[..., 0], upper[..., 1]]
        for entries in map(self._entries, parts.left_over(lost) if left else parts.ranges):
            *_, products = recursion.gauss_newton(network, *entries, self.threads)
            rows.append(products)
        if self.zeros:
            _, dx = network.sensitivities(np.zeros(1), np.zeros(1))
            if dx.any():
                rows.append(self.zeros * (dx @ dx.T))
        return np.array([row[triangle] for row in rows])

    def _terms(self, network: Network, parts: Parts) -> Array:
        """Rows that add up to J and its derivatives, over all parts."""
        from dsrl_ref.engines.kernels import pieces as kernels

        out, lost = np.zeros((1 + network.parameters, 2)), np.empty(len(parts.table), np.bool_)
        of_pieces = *parts[:4], self.w, parts.begins, self.target.size > 0
        left = kernels.loss_and_gradient(*of_pieces, self.start, network.numbers, out, lost)
        results = [out[:, 0], out[:, 1]]
        for entries in map(self._entries, parts.left_over(lost) if left else parts.ranges):
            loss, gradient = recursion.loss_and_gradient(network, *entries, self.threads)
            results.append(np.array([loss, *gradient.ravel()]))
        return np.array(results)

    def _entries(self, begin_and_end: tuple[int, int]) -> tuple[Array, Array, Array]:
        """W, X_(0) and the target of some entries."""
        w = self.w[slice(*begin_and_end)]
        x0 = w if self.start else np.broadcast_to(0.0, w.shape)
        return w, x0, self.target[slice(*begin_and_end)] if self.target.size else w

    def _parts(self, network: Network) -> Parts:
        from dsrl_ref.engines.kernels import pieces as kernels

        table = network.pieces(self.start) if self.safe else None
        if table is None:
            nothing, everything = np.empty(0, np.intp), [(0, self.w.size)] if self.w.size else []
            none = np.empty((0, DERIVATIVES + 2 * network.parameters))
            return Parts(none, 0, np.empty(0), np.empty((0, kernels.COLUMNS)), nothing, nothing, everything)
        begins, ends = self._on_pieces(table)
        runs, ranges = self._in_gaps(begins, ends)
        lines = len(table)
        if runs:
            values = self.w[[begin for begin, _ in runs]]
            rows = constant_rows(values, *network.sensitivities(values, self.start * values))
            table = np.concatenate([table, rows])
            begins, ends = (np.append(a, b) for a, b in zip((begins, ends), np.transpose(runs), strict=True))
        sums = np.zeros((len(table), kernels.COLUMNS))
        kernels.range_sums(self.w, self.target, self.zero, self.running, table, begins, ends, sums)
        return Parts(table, lines, (ends - begins).astype(np.float64), sums, begins, ends, ranges)

    def _on_pieces(self, table: Array) -> tuple[np.ndarray, np.ndarray]:
        """Where the entries on each piece begin and end."""
        return self.w.searchsorted(table[:, LOW], side="left"), self.w.searchsorted(table[:, HIGH], side="right")

    def _gaps(self, begins: np.ndarray, ends: np.ndarray) -> list[tuple[int, int]]:
        """Where the entries between two pieces begin and end, where there are any; all, if there are no pieces."""
        pairs = zip(np.append(0, ends).tolist(), np.append(begins, self.w.size).tolist(), strict=True)
        return [(begin, end) for begin, end in pairs if begin < end]

    def _in_gaps(self, begins: np.ndarray, ends: np.ndarray) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Find the runs of one value between the pieces, and the ranges with too many values."""
        runs, ranges = [], []
        for begin, end in self._gaps(begins, ends):
            if end - begin > MOST_VALUES and self.w[begin] != self.w[end - 1]:
                ranges.append((begin, end))
                continue
            while begin < end:
                after = int(self.w.searchsorted(self.w[begin], side="right"))
                runs.append((begin, after))
                begin = after
        return runs, ranges


ENGINE = Engine(
    "pieces",
    "`Fidelity` with x0 = W or zeros; sorts a copy of the entries once (and of the target's, unless that is W), in "
    "`threads` threads, after which an evaluation takes the same fraction of a millisecond whatever their number, and "
    "milliseconds with tens of layers that have a Θ each: best for many evaluations",
    refuses,
    prepare,
    prepare_layers,
)
