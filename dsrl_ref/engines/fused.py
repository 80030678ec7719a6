"""Fidelity only: one pass over the data, nothing of its size allocated.

Where x0 is W or zeros, the network is one piecewise-linear function of an entry. Loss, gradient and Gauss-Newton matrix
then follow from a few sums over each of its pieces, which one pass forms whatever is asked for. Which piece an entry
lies on is told by a table of bins of equal width, in a few instructions. Entries so near a knot that rounding decides
their region go through the layers one by one, by `recursion`. So do all entries where x0 is another matrix, where the
map has too many pieces, or where entries are so few that a table with the derivatives of each layer costs more.

Each entry of the matrix is within 10³(t+1)·2^-53·√(S_p·S_q) of that of exact arithmetic, where S_p is the sum over the
entries of the square of what ∂x/∂p adds up with absolute values, as `dsrl_ref.engines` says it of S.
"""

from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.engines import recursion
from dsrl_ref.engines.engine import Constants, Engine, Prepared, PreparedLayers, Thetas, unless_fidelity
from dsrl_ref.engines.parts import add_exactly, blocks_per_call, over_blocks
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.scalar_map import HIGH, LOW, C, E, Layered, Sharing, near_knots
from dsrl_ref.entries import AT_ONCE

BLOCKS_PER_CALL = 32  # a millisecond: less does not pay for another thread, and Ctrl-C waits for no more
BINS = 1024
SAMPLE = 256  # entries of W that tell roughly where the data lies
SLACK = 1e-3  # of the width of a bin, by which each is taken to be wider: far more than rounding moves its ends
NARROWEST = 1e-9  # width of a bin relative to |v| there, so that bins differ in float64
NEAR_IDENTITY = 1 / 8  # x is near w while |x - w| is at most so much of |w|
STEEP = 8.0  # beyond this slope of x - w, its line and w may cancel to an x that is far smaller
FARTHEST = 1e150  # of the ends of the bins from 0, so that no difference of two values overflows
WORTH_A_TABLE = 1  # times the layers and the derivatives beyond five, entries, from which a table makes up for itself
NARROWEST_ROOM = 1e-300  # around an origin: nearer to 0 it is 0
LEAST_SQUARE = 1e-280  # of Σu² over a piece: below it squares may have underflowed


class Bins(NamedTuple):
    """A lookup table over bins of equal width.

    `pieces[i]` is k + 1 if bin i lies wholly on piece k, and 0 if it may touch a knot. Value v falls in bin
    ``int((v - origin) * scale)``, clamped to the first or the last bin.
    """

    pieces: np.ndarray
    origin: float
    scale: float


class Found(NamedTuple):
    """What one pass over the data has found: loss and gradient, and the sums of the pieces, with what they stand for.

    The rows of `table`, `lines` and `sums` are those of `kernels.fused`, row k + 1 of piece k.
    """

    loss: float
    gradient: Array
    table: Array
    lines: Array
    sums: Array

    def matrix(self) -> Array | None:
        """Σ (∂x/∂p)(∂x/∂q) over the entries on pieces; None where their squares overflow, or may have underflowed."""
        from dsrl_ref.engines.kernels import fused as kernels

        u, uu = self.sums[1:, kernels.U], self.sums[1:, kernels.UU]
        if np.any((uu < LEAST_SQUARE) & (u != 0)) or not np.isfinite(uu).all():
            return None
        upper = np.zeros((self.gradient.size, self.gradient.size))
        kernels.gauss_newton(self.table, self.lines, self.sums, upper)
        return upper + np.triu(upper, 1).T


class Fused(Generic[Thetas, Constants]):
    """A dense `Fidelity`, prepared: nothing is kept between evaluations but what x0 is of W.

    Parameters
    ----------
    problem : Problem
        Of a `Fidelity`.
    network : callable
        Makes the network of a Θ and an L, or of one a layer.
    """

    def __init__(self, problem: Problem, network: Callable[[Thetas, Constants], Sharing | Layered]) -> None:
        self.problem, self.network = problem, network
        self.start, self.threads, self.watch = problem.start, problem.threads, problem.watch
        self.w, self.x0, self.target = (X.ravel() for X in (problem.f.start(), problem.x0, problem.target))
        self.target_is_W = problem.target_is_W

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """By the pieces of the scalar map, where it is a map of few pieces and its sums are finite; else by layers."""
        network = self.network(theta, L)
        found = self._by_bins(network, recursion.Sums(network, self.w.size, _blocks_per_call(network)))
        if found is None:
            return recursion.loss_and_gradient(network, self.w, self.x0, self.target, self.threads)
        return found.loss, found.gradient

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """The same, to the bit, and the matrix from the same pass, unless its sums are out of range: then by layers."""
        network = self.network(theta, L)
        left = recursion.SumsAndProducts(network, self.w.size, _blocks_per_call(network))
        found = self._by_bins(network, left)
        by_layers = network, self.w, self.x0, self.target, self.threads
        if found is None:
            return recursion.gauss_newton(*by_layers)
        matrix = found.matrix()
        if matrix is None:
            *_, matrix = recursion.gauss_newton(*by_layers)
            return found.loss, found.gradient, matrix
        return found.loss, found.gradient, matrix + left.matrix()

    def ties(self, theta: Thetas, L: Constants) -> int:
        """By layers, of the entries that are in a gap between two pieces: on a piece no Z is on a knot."""
        network, found = self.network(theta, L), 0
        table = self._table(network)
        for start in range(0, self.w.size, AT_ONCE):
            w, x0 = self.w[start : start + AT_ONCE], self.x0[start : start + AT_ONCE]
            near = near_knots(w, table)
            found += network.ties(w[near], x0[near])
        return found

    def errors(self, theta: Thetas, L: Constants) -> Array | None:
        """‖x_t - x̃‖² of every column, by layers."""
        return recursion.errors(self.problem, self.network(theta, L).numbers)

    def _table(self, network: Sharing | Layered) -> Array | None:
        """The pieces of the map, where there is one and it is worth its while."""
        least = max(1, WORTH_A_TABLE * network.layers * (network.parameters - 5))
        if self.start is None or self.w.size < least:
            return None
        table = network.pieces(self.start)
        return table if table is not None and len(table) else None

    def _by_bins(self, network: Sharing | Layered, left: recursion.Sums) -> Found | None:
        """Pass over the entries; those that are on no piece are left to `left`. None where that is no way."""
        from dsrl_ref.engines.kernels import fused as kernels

        table = self._table(network)
        if table is None or self.start is None:
            return None
        w, target, start, blocks = self.w, self.target, self.start, len(left.rows)
        own = not self.target_is_W or bool(np.abs(table[:, E]).max() > STEEP)
        table = split_near_identity(table) if own else table
        bins, lines = make_bins(table, w), make_lines(table, start, network.numbers, own)
        table = np.concatenate([np.zeros((1, table.shape[1])), table])
        losses, sums = np.empty(blocks), np.zeros((-(-blocks // left.blocks_at_once), len(table), kernels.SUMS))

        def fill(first: int, last: int) -> None:
            self.watch.check()
            entries = slice(first * recursion.BLOCK, last * recursion.BLOCK)
            v, goal = w[entries], target[entries]
            listed, at = np.empty(v.size + 1, np.int32), np.empty(kernels.CHUNK, np.int32)
            scratch = np.zeros((kernels.LANES * len(table), 4)), at, np.zeros(BINS, np.int32)
            out = losses[first:last], sums[first // left.blocks_at_once], listed
            fixed = table, lines, *bins, recursion.BLOCK
            count = kernels.sums_of_pieces(v, goal if own else goal[:0], *fixed, *scratch, *out)
            if count:
                places = listed[:count]
                left.fill(v[places], start * v[places], goal[places], first)

        over_blocks(fill, blocks, left.blocks_at_once, self.threads)
        of_pieces = np.sum(sums, axis=0)  # call by call, in the order of the entries
        derivatives = np.zeros(network.parameters)
        kernels.gradient(table, of_pieces, derivatives)
        (loss,) = add_exactly(np.concatenate([losses, left.rows[:, 0]])[:, None])
        derivatives = np.array(add_exactly(np.concatenate([derivatives[None], left.rows[:, 1:]])))
        finite = np.isfinite(loss) and np.isfinite(derivatives).all()
        return Found(loss, derivatives.reshape(network.shape), table, lines, of_pieces) if finite else None


def _blocks_per_call(network: Sharing | Layered) -> int:
    return blocks_per_call(BLOCKS_PER_CALL, network.effort)


def make_lines(table: Array, start: float, numbers: Array, own: bool) -> Array:
    """Make the coefficients with which an entry w becomes its residual r = x - target: a row for each piece.

    Row k + 1 belongs to piece k, and row 0 is zeros, for the bins that are no one piece's. The columns are those of
    `kernels.fused`, where the formula stands; `numbers` has w1, w2, b1, b2 and L of each layer. Two forms keep the
    digits of r. Near the identity x - w is a line with few digits to lose, and KEPT is 1. Elsewhere x itself is,
    written as a line through the ANCHOR where it is 0, and KEPT is 0. Without a target of its own (`own` false) r is
    x - w itself.
    """
    from dsrl_ref.engines.kernels import fused as kernels
    from dsrl_ref.engines.kernels.pieces import anchored_lines

    lines = np.zeros((1 + len(table), kernels.COLUMNS))
    slopes, intercepts = table[:, E].copy(), table[:, C].copy()
    anchors, kept = np.zeros(len(table)), np.ones(len(table))
    nearest = np.minimum(np.maximum(table[:, LOW], 0.0), table[:, HIGH])  # to 0, of the entries on each piece
    if own:
        kept[:] = np.abs(nearest) >= _identity_from(table) * (1 - 1e-9)
        anchored_lines(nearest, kept, start, numbers, slopes, anchors, intercepts)
    columns = {
        kernels.SLOPE: slopes,
        kernels.UNIT: np.ones(len(table)),
        kernels.ANCHOR: anchors,
        kernels.INTERCEPT: intercepts,
        kernels.SHIFT: -origins(nearest, table[:, HIGH] - table[:, LOW]),
        kernels.KEPT: kept,
    }
    for column, values in columns.items():
        lines[1:, column] = values
    return lines


def origins(nearest: Array, widths: Array) -> Array:
    """Where u = w - origin is counted from on each piece, so that neither u nor its square loses digits of w.

    Beside the end of the piece that is nearest to 0, by no more than half the width of the piece and an eighth of the
    distance from 0, and no farther from 0 than it: so |u| is at most |w|, and of the size of the piece where this is
    narrow. It has as few bits as that leaves, so that float64 is exact with it where it is with w.
    """
    _, exponents = np.frexp(np.maximum(np.minimum(widths / 2, np.abs(nearest) / 8), NARROWEST_ROOM))
    units = np.ldexp(1.0, exponents - 1)
    return np.trunc(nearest / units) * units


def split_near_identity(table: Array) -> Array:
    """Divide each piece on which x is near w for some entries and not for others, as small soft thresholds have them.

    Takes and returns a table of pieces, a row each; a piece that is divided becomes two rows, which meet.
    """
    low, high = table[:, LOW], table[:, HIGH]
    at = np.copysign(_identity_from(table), np.clip(0.0, low, high))
    inside = (low < at) & (at < high)
    second = np.flatnonzero(inside) + np.arange(1, 1 + np.count_nonzero(inside))
    table = np.repeat(table, 1 + inside, axis=0)
    table[second - 1, HIGH] = table[second, LOW] = at[inside]
    return table


def _identity_from(table: Array) -> Array:
    """For each piece, the |w| from which on |x - w| is below `NEAR_IDENTITY`·|w|; infinite where there is none."""
    room = NEAR_IDENTITY - np.abs(table[:, E])
    return np.divide(np.abs(table[:, C]), room, out=np.full(len(table), np.inf), where=room > 0)


def make_bins(table: Array, w: Array) -> Bins:
    """Divide the line into bins, as far as both the ends of pieces and a sample of the data reach."""
    ends, sample = table[:, [LOW, HIGH]], w[:: max(1, w.size // SAMPLE)]
    knots = ends[np.isfinite(ends)]
    reach = knots.min(initial=np.inf), knots.max(initial=-np.inf)
    low, high = np.clip(np.clip(reach, sample.min(), sample.max()), -FARTHEST, FARTHEST)
    width = max((high - low) / (BINS - 4), NARROWEST * abs(low), 1e-300)
    origin = low - 2 * width
    lower, upper = origin + (np.arange(BINS) - SLACK) * width, origin + (np.arange(1, BINS + 1) + SLACK) * width
    lower[0], upper[-1] = -np.inf, np.inf
    piece = table[:, LOW].searchsorted(lower, side="right") - 1
    whole = (piece >= 0) & (upper <= table[piece, HIGH])
    return Bins(np.where(whole, piece + 1, 0).astype(np.uint16), origin, 1 / width)


def prepare(problem: Problem) -> Prepared:
    """With one Θ and one L for all layers."""
    return Fused(problem, partial(Sharing, layers=int(problem.layers)))


def prepare_layers(problem: Problem) -> PreparedLayers:
    """With one Θ and one L a layer."""
    return Fused(problem, Layered)


ENGINE = Engine(
    "fused",
    "`Fidelity`; one compiled pass over the data, in memory or on disk, in `threads` threads, that allocates nothing "
    "of its size and has the Gauss-Newton matrix too: best for few evaluations, and for an x0 that is neither W nor "
    "zeros",
    unless_fidelity,
    prepare,
    prepare_layers,
    reads_disk=True,
)
