"""One pass over the entries of W: each finds its piece of the scalar map, and adds to the sums of that piece.

The residual r = x - target of an entry w on piece k follows from row k of `lines`, whose columns are named below. Where
the target is W, r = SLOPE*w + INTERCEPT. With a target of its own,

    r = SLOPE*(w - ANCHOR) + INTERCEPT + (KEPT*w - target).

The loss is ½Σr². On a piece every derivative of x is an affine function of w, DA*w + DC. The gradient Σr·dx therefore
needs no more of a piece than Σr and Σrw, and the Gauss-Newton matrix no more than Σ1, Σu and Σu² with u = w + SHIFT.
These five are the sums of a piece.

The piece is looked up in a table of bins of equal width: an entry in a bin that lies wholly on one piece is on that
piece. For an entry in another bin the table of pieces is halved until its piece is found. An entry so near a knot that
it is on no piece is listed, and left to the caller.
"""

import math

import numpy as np

from dsrl_ref.engines.intrinsics import add_beside_target, add_on_piece
from dsrl_ref.engines.jit import compiled, inlined

LOW, HIGH, DA = 0, 1, 7  # columns of a table of pieces, as kernels/scalar_map.py fills it
SLOPE, UNIT, ANCHOR, INTERCEPT, SHIFT, KEPT, COLUMNS = 0, 1, 2, 4, 5, 6, 8  # of `lines`: UNIT is 1, others are 0
R, U, RW, UU, COUNT, SUMS = range(6)  # columns of `sums`; the first four are those of `lanes`
LANES = 8  # partial sums of a piece, used in turn, so that successive entries need not wait for each other's
CHUNK = 256  # entries whose bins are found before any is added, in a loop that the compiler vectorises
CANCELLED = 2.0**-40  # a sum of squares below this share of its terms may have come out negative


@inlined
def find_bins(values, origin, scale, last, at):
    """Fill `at` with the number of the bin, 0..last, that each of `values` falls in: clamped beyond the ends."""
    for j in range(values.size):
        position = (values[j] - origin) * scale
        position = position if position > 0.0 else 0.0  # also for NaN, should W have changed since it was checked
        at[j] = np.int32(position if position < last else last)


@inlined
def add_by_bins(values, start, lines, bins, at, lanes, counts, listed, left):
    """Add the entries `values` of a chunk to the sums of their pieces, where the target is W.

    Entry i of the chunk is entry start + i of the array that the caller was given, and bins[at[i]] is its piece: 0 for
    none, whose line is zeros, so that nothing is added. Such entries are listed from listed[left] on. `counts` counts
    the entries of each bin. Returns where the list ends now, and Σr² of the chunk.
    """
    squares = 0.0
    for i in range(values.size):
        bin = np.uint32(at[i])  # unsigned: no test for a place < 0
        k = bins[bin]
        r = add_on_piece(lines, k, values[i], 0.0, lanes, np.uint32(LANES * k + i % LANES))
        counts[bin] += 1
        squares += r * r
        listed[np.uint32(left)] = start + i
        left += k == 0
    return left, squares


@inlined
def add_by_bins_beside(values, target, start, lines, bins, at, lanes, counts, listed, left):
    """Do what `add_by_bins` does, beside a target of its own: `target` has the entries of the same chunk."""
    squares = 0.0
    for i in range(values.size):
        bin = np.uint32(at[i])
        k = bins[bin]
        r = add_beside_target(lines, k, values[i], target[i], lanes, np.uint32(LANES * k + i % LANES))
        r = 0.0 if k == 0 else r
        counts[bin] += 1
        squares += r * r
        listed[np.uint32(left)] = start + i
        left += k == 0
    return left, squares


@inlined
def add_by_halving(w, target, table, lines, lanes, sums, listed, begin, end):
    """Add the entries that listed[begin:end] names, each after halving the table until its piece is found.

    Row k > 0 of `table` is piece k, ascending. Entries in a gap between two pieces stay in the list, moved up to
    listed[begin] and on. `target` is empty where it is W. Returns where the list ends now, and Σr² of those added.
    """
    left, squares = begin, 0.0
    for i in range(begin, end):
        value = w[listed[i]]
        k, last = 0, len(table) - 1
        while k < last:
            middle = (k + last + 1) // 2
            if table[middle, LOW] <= value:
                k = middle
            else:
                last = middle - 1
        if k == 0 or value > table[k, HIGH]:
            listed[left] = listed[i]
            left += 1
        else:
            goal = target[listed[i]] if target.size else lines[k, KEPT] * value
            r = add_beside_target(lines, k, value, goal, lanes, LANES * k)
            sums[k, COUNT] += 1.0
            squares += r * r
    return left, squares


@inlined
def take_lanes(lanes, sums):
    """Add the partial sums of each piece to its sums, and make them zeros."""
    for k in range(len(sums)):
        r = u = rw = uu = 0.0
        for i in range(LANES * k, LANES * (k + 1)):
            r += lanes[i, R]
            u += lanes[i, U]
            rw += lanes[i, RW]
            uu += lanes[i, UU]
            lanes[i, R] = lanes[i, U] = lanes[i, RW] = lanes[i, UU] = 0.0
        sums[k, R] += r
        sums[k, U] += u
        sums[k, RW] += rw
        sums[k, UU] += uu


@compiled
def sums_of_pieces(w, target, table, lines, bins, origin, scale, block, lanes, at, counts, losses, sums, listed):
    """Sum up the loss, block by block, and what the derivatives need, piece by piece, over the entries on pieces.

    In: `w`, and `target` of the same size, or empty where it is W. Row k > 0 of `table` is piece k and row k of `lines`
    its residual; rows 0 are zeros. `bins`, `origin` and `scale` are the lookup table: value v falls in bin
    (v - origin)*scale, and bins[i] is the piece that bin i lies on, or 0. A block is `block` entries.
    Out: losses[i] is ½Σr² over block i. To row k > 0 of `sums` the SUMS of piece k are added; row 0 is of no meaning.
    `listed` begins with the places in w of the entries that are left over; it has room for all of w and one more.
    Returns how many they are.
    Scratch, zeros to begin with: `lanes` (LANES*len(table), 4) and `counts`, as many as bins. Scratch: `at` (CHUNK,).
    """
    left = np.int64(0)  # a plain 0 is a type of its own, and all helpers would be compiled for both
    for row in range(losses.size):
        losses[row] = 0.0
        before, end = left, (row + 1) * block
        end = end if end < w.size else w.size
        for start in range(row * block, end, CHUNK):
            stop = start + CHUNK if start + CHUNK < end else end
            v = w[start:stop]
            find_bins(v, origin, scale, bins.size - 1.0, at)
            if target.size:
                y = target[start:stop]
                left, rr = add_by_bins_beside(v, y, start, lines, bins, at, lanes, counts, listed, left)
            else:
                left, rr = add_by_bins(v, start, lines, bins, at, lanes, counts, listed, left)
            losses[row] += 0.5 * rr
        left, rr = add_by_halving(w, target, table, lines, lanes, sums, listed, before, left)
        losses[row] += 0.5 * rr
        take_lanes(lanes, sums)
    for i in range(bins.size):
        sums[bins[i], COUNT] += counts[i]
    return left


@compiled
def gradient(table, sums, out):
    """Add Σr·∂x/∂p over all pieces to out[p], given their sums; rows 0 of `table` and `sums` are no piece's."""
    dc = (DA + table.shape[1]) // 2
    for k in range(1, len(table)):
        for p in range(out.size):
            out[p] += table[k, DA + p] * sums[k, RW] + table[k, dc + p] * sums[k, R]


@inlined
def cancels(a, c, own):
    """Tell whether Σ(a*u + c)², of one of the derivatives on a piece with the sums `own`, cancels in its terms."""
    n, size = own[COUNT], math.sqrt(own[UU])
    for p in range(a.size):
        total = a[p] * a[p] * own[UU] + 2.0 * a[p] * c[p] * own[U] + c[p] * c[p] * n
        terms = abs(a[p]) * size + abs(c[p]) * math.sqrt(n)
        if not total >= CANCELLED * terms * terms:
            return True
    return False


@compiled
def gauss_newton(table, lines, sums, out):
    """Add Σ(∂x/∂p)(∂x/∂q) over all pieces to out[p, q], p <= q, given their sums.

    On piece k, ∂x/∂p = a[p]*u + c[p], so that the sum of the products is a[p]*a[q]*Σu² + (a[p]*c[q] + c[p]*a[q])*Σu +
    c[p]*c[q]*Σ1. Where such a sum of squares is nothing beside its terms, the same is formed as the product at the mean
    of u, once for every entry, and a[p]*a[q] times Σ(u - mean)²: neither is ever negative.
    """
    parameters = len(out)
    a, c, dc = np.empty(parameters), np.empty(parameters), DA + parameters
    for k in range(1, len(table)):
        own = sums[k]
        n, u, uu = own[COUNT], own[U], own[UU]
        if n == 0.0:
            continue
        for p in range(parameters):
            a[p] = table[k, DA + p]
            c[p] = table[k, dc + p] - a[p] * lines[k, SHIFT]
        if cancels(a, c, own):
            mean = u / n
            for p in range(parameters):
                c[p] += a[p] * mean
            u, uu = 0.0, max(0.0, uu - mean * u)
        for p in range(parameters):
            by_u, by_one, row = a[p] * uu + c[p] * u, a[p] * u + c[p] * n, out[p, p:]
            others, beside = a[p:], c[p:]
            for q in range(row.size):
                row[q] += others[q] * by_u + beside[q] * by_one
