"""Fidelity only: one pass over the data, nothing of its size allocated.

Where x0 is W or zeros, the network is one piecewise-linear function of an entry: a table of equal bins tells in a
few instructions which piece an entry lies on. Entries so near a knot that rounding decides their region go through
the layers by `recursion`; so do all, where x0 is another or the pieces are too many.
"""

from typing import NamedTuple

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines import recursion
from dsrl_ref.engines.blocks import add_exactly, blocks_per_call
from dsrl_ref.engines.scalar_map import COLUMNS, HIGH, LOW, C, E, multiple_of_W, pieces_of_map
from dsrl_ref.threads import in_threads

BLOCK = 8192  # entries whose sums are formed by themselves
BLOCKS_PER_CALL = 32  # a millisecond: less does not pay for another thread, and Ctrl-C waits for no more
BINS = 1024
SAMPLE = 256  # entries that tell roughly where the data lies
SLACK = 1e-3  # of a bin: far more than rounding moves its ends
NARROWEST = 1e-9  # bin, in units of where it lies
NEAR_IDENTITY = 1 / 8  # of |w|: how far x may be from it
STEEP = 8.0  # slope of x - w: beyond, its line and w may cancel to an x that is far smaller
FARTHEST = 1e150  # bin: no difference of two values overflows


class Bins(NamedTuple):
    """The piece that holds all of a bin, counted from 1, or 0; v is in bin (v - origin)·scale, or in an end bin."""

    pieces: np.ndarray
    origin: float
    scale: float


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array, threads: int = 1
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L; f is a dense `Fidelity`."""
    start = multiple_of_W(f, x0)
    table = None if start is None else pieces_of_map(start, theta, L, layers)
    if start is not None and table is not None and len(table) and x0.size:
        w = f.start().ravel()
        totals = _by_bins(w, target.ravel(), start, table, theta, L, layers, threads)
        if np.isfinite(totals).all():
            return totals[0], np.array(totals[1:])
    return recursion.loss_and_gradient(f, theta, L, layers, x0, target, threads)


def _by_bins(
    w: Array, target: Array, start: float, table: Array, theta: Theta, L: float, layers: int, threads: int
) -> list[float]:
    from dsrl_ref.engines.kernels import fused as kernels
    from dsrl_ref.engines.kernels.recursion import loss_and_gradient as layer_by_layer

    own = target.ctypes.data != w.ctypes.data or bool(np.abs(table[:, E]).max() > STEEP)
    table = split_near_identity(table) if own else table
    bins, lines = make_bins(table, w), make_lines(table, start, theta, L, layers, own)
    table, blocks = np.concatenate([np.zeros((1, COLUMNS)), table]), -(-w.size // BLOCK)
    sums, left_over = np.empty((blocks, kernels.SUMS)), np.zeros((blocks, kernels.SUMS))
    step = blocks_per_call(BLOCKS_PER_CALL, layers)

    def work(first: int) -> None:
        rows, entries = slice(first, first + step), slice(first * BLOCK, (first + step) * BLOCK)
        v, goal = w[entries], target[entries]
        other = goal if own else goal[:0]
        listed = np.empty(v.size + 1, np.int32)
        scratch = np.empty((kernels.LANES * len(table), 2)), np.empty(kernels.CHUNK, np.int32)
        left = kernels.loss_and_gradient(v, other, table, lines, *bins, BLOCK, *scratch, sums[rows], listed)
        if left:
            v, goal, end = v[listed[:left]], goal[listed[:left]], -(-left // BLOCK)
            layer_by_layer(v, start * v, goal, BLOCK, 0, end, layers, *theta, L, left_over[rows])

    in_threads(work, range(0, blocks, step), threads)
    return add_exactly(np.concatenate([sums, left_over]))


def make_lines(table: Array, start: float, theta: Theta, L: float, layers: int, own: bool) -> Array:
    """Four rows that turn an entry on a piece, a column each, into r; the first column is zeros.

    x - w keeps its digits near the identity. Elsewhere, beside a target that is not W, x itself does, as a line from
    where it is 0.
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
    anchored_lines(nearest, kept, start, layers, *theta, L, slopes, anchors, intercepts)
    return lines


def split_near_identity(table: Array) -> Array:
    """Divide the pieces on which x is near w only from some entry on, as those of a small soft threshold are."""
    low, high = table[:, LOW], table[:, HIGH]
    at = np.copysign(_identity_from(table), np.clip(0.0, low, high))
    inside = (low < at) & (at < high)
    second = np.flatnonzero(inside) + np.arange(1, 1 + np.count_nonzero(inside))
    table = np.repeat(table, 1 + inside, axis=0)
    table[second - 1, HIGH] = table[second, LOW] = at[inside]
    return table


def _identity_from(table: Array) -> Array:
    """The |w| from which on x is nearer to w than `NEAR_IDENTITY`, piece by piece; it may be infinite."""
    room = NEAR_IDENTITY - np.abs(table[:, E])
    return np.divide(np.abs(table[:, C]), room, out=np.full(len(table), np.inf), where=room > 0)


def make_bins(table: Array, w: Array) -> Bins:
    """Divide the line, as far as both knots and data reach, into bins."""
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
