"""Fidelity only: one pass over the data, nothing of its size allocated.

Where x0 is W or zeros, the network is one piecewise-linear function of an entry, and loss and gradient are sums over
its pieces. Which piece an entry lies on is told by a table of bins of equal width, in a few instructions. Entries so
near a knot that rounding decides their region go through the layers one by one, by `recursion`. So do all entries
where x0 is another matrix, or where the map has too many pieces.
"""

from typing import NamedTuple

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines import recursion
from dsrl_ref.engines.engine import Engine, unless_fidelity
from dsrl_ref.engines.parts import blocks_per_call, sum_over_blocks
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.scalar_map import COLUMNS, HIGH, LOW, C, E, near_knots, pieces_of_map, repeated

BLOCK = 8192  # entries whose sums are formed by themselves
BLOCKS_PER_CALL = 32  # a millisecond: less does not pay for another thread, and Ctrl-C waits for no more
BINS = 1024
SAMPLE = 256  # entries of W that tell roughly where the data lies
SLACK = 1e-3  # of the width of a bin, by which each is taken to be wider: far more than rounding moves its ends
NARROWEST = 1e-9  # width of a bin relative to |v| there, so that bins differ in float64
NEAR_IDENTITY = 1 / 8  # x is near w while |x - w| is at most so much of |w|
STEEP = 8.0  # beyond this slope of x - w, its line and w may cancel to an x that is far smaller
FARTHEST = 1e150  # of the ends of the bins from 0, so that no difference of two values overflows


class Bins(NamedTuple):
    """A lookup table over bins of equal width.

    `pieces[i]` is k + 1 if bin i lies wholly on piece k, and 0 if it may touch a knot. Value v falls in bin
    ``int((v - origin) * scale)``, clamped to the first or the last bin.
    """

    pieces: np.ndarray
    origin: float
    scale: float


class Fused:
    """A dense `Fidelity`, prepared: nothing is kept between evaluations but what x0 is of W."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.start, self.layers = problem, problem.start, int(problem.layers)

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """By the pieces of the scalar map, where it is a map of few pieces and its sums are finite; else by layers."""
        f, x0, target, threads = self.problem.f, self.problem.x0, self.problem.target, self.problem.threads
        table = None if self.start is None else pieces_of_map(self.start, theta, L, self.layers)
        if self.start is not None and table is not None and len(table) and x0.size:
            w = f.start().ravel()
            totals = _by_bins(w, target.ravel(), self.start, table, theta, L, self.layers, threads)
            if np.isfinite(totals).all():
                return totals[0], np.array(totals[1:])
        return recursion.loss_and_gradient(f, theta, L, self.layers, x0, target, threads)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """The same, and the products of the sensitivities of every entry, layer by layer."""
        f, x0, threads = self.problem.f, self.problem.x0, self.problem.threads
        matrix = recursion.gauss_newton(f, theta, L, self.layers, x0, threads)
        return *self.loss_and_gradient(theta, L), matrix

    def ties(self, theta: Theta, L: float) -> int:
        """By layers, of the entries that are in a gap between two pieces: on a piece no Z is on a knot."""
        w, x0 = self.problem.f.start().ravel(), self.problem.x0.ravel()
        if self.start is not None:
            near = near_knots(w, pieces_of_map(self.start, theta, L, self.layers))
            w, x0 = w[near], x0[near]
        return recursion.ties(w, x0, self.problem.of_layers(theta, L))


class LayeredFused:
    """The same with one Θ and one L a layer: by layers, forward and back over some entries at a time."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def loss_and_gradient(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array]:
        """J and its derivatives, a row for each layer."""
        f, x0, target, threads = self.problem.f, self.problem.x0, self.problem.target, self.problem.threads
        return recursion.by_layer(f, theta, L, x0, target, threads)

    def gauss_newton(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array, Array]:
        """The same, and the products of the 5t sensitivities of every entry."""
        matrix = recursion.gauss_newton_by_layer(self.problem.f, theta, L, self.problem.x0, self.problem.threads)
        return *self.loss_and_gradient(theta, L), matrix

    def ties(self, theta: tuple[Theta, ...], L: Array) -> int:
        """By layers, of every entry."""
        w, x0 = self.problem.f.start().ravel(), self.problem.x0.ravel()
        return recursion.ties(w, x0, self.problem.of_layers(theta, L))


def _by_bins(
    w: Array, target: Array, start: float, table: Array, theta: Theta, L: float, layers: int, threads: int
) -> list[float]:
    """Sum up the loss and the five derivatives over the entries of w, given the table of pieces of the map."""
    from dsrl_ref.engines.kernels import fused as kernels
    from dsrl_ref.engines.kernels.recursion import loss_and_gradient as layer_by_layer

    own = target.ctypes.data != w.ctypes.data or bool(np.abs(table[:, E]).max() > STEEP)
    table = split_near_identity(table) if own else table
    bins, lines = make_bins(table, w), make_lines(table, start, theta, L, layers, own)
    table, blocks = np.concatenate([np.zeros((1, COLUMNS)), table]), -(-w.size // BLOCK)
    sums, left_over = np.empty((blocks, kernels.SUMS)), np.zeros((blocks, kernels.SUMS))

    def fill(first: int, last: int) -> None:
        rows, entries = slice(first, last), slice(first * BLOCK, last * BLOCK)
        v, goal = w[entries], target[entries]
        other = goal if own else goal[:0]
        listed = np.empty(v.size + 1, np.int32)
        scratch = np.empty((kernels.LANES * len(table), 2)), np.empty(kernels.CHUNK, np.int32)
        left = kernels.loss_and_gradient(v, other, table, lines, *bins, BLOCK, *scratch, sums[rows], listed)
        if left:
            v, goal, end = v[listed[:left]], goal[listed[:left]], -(-left // BLOCK)
            layer_by_layer(v, start * v, goal, BLOCK, 0, end, layers, *theta, L, left_over[rows])

    return sum_over_blocks(fill, [sums, left_over], blocks_per_call(BLOCKS_PER_CALL, layers), threads)


def make_lines(table: Array, start: float, theta: Theta, L: float, layers: int, own: bool) -> Array:
    """Make the coefficients with which an entry w becomes its residual r = x - target: a column for each piece.

    Column k + 1 belongs to piece k, and column 0 is zeros, for the bins that are no one piece's. The rows are SLOPE,
    ANCHOR, INTERCEPT and KEPT of `kernels.fused`, where the formula stands. Two forms keep the digits of r. Near the
    identity x - w is a line with few digits to lose, and KEPT is 1. Elsewhere x itself is, written as a line
    through the ANCHOR where it is 0, and KEPT is 0. Without a target of its own (`own` false) r is x - w itself.
    """
    from dsrl_ref.engines.kernels import fused as kernels
    from dsrl_ref.engines.kernels.pieces import anchored_lines

    lines = np.zeros((4, 1 + len(table)))
    slopes, anchors, intercepts, kept = (lines[row, 1:] for row in kernels.ROWS)
    if not own:
        slopes[:], intercepts[:], kept[:] = table[:, E], table[:, C], 1.0
        return lines
    nearest = np.clip(0.0, table[:, LOW], table[:, HIGH])  # to 0, of the entries on each piece
    kept[:] = np.abs(nearest) >= _identity_from(table) * (1 - 1e-9)
    anchored_lines(nearest, kept, start, repeated(theta, L, layers), slopes, anchors, intercepts)
    return lines


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


ENGINE = Engine(
    "fused",
    "`Fidelity`; one compiled pass over the data, in `threads` threads, that allocates nothing of its size: best "
    "for few evaluations, and for an x0 that is neither W nor zeros",
    unless_fidelity,
    Fused,
    LayeredFused,
)
