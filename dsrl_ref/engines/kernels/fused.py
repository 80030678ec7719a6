"""One pass over the entries of W: each finds its piece of the scalar map, and adds to the sums of that piece.

The residual r = x - target of an entry w on piece k follows from column k of `lines`, whose rows are SLOPE, ANCHOR,
INTERCEPT and KEPT. Where the target is W, r = SLOPE*w + INTERCEPT. With a target of its own,
r = SLOPE*(w - ANCHOR) + INTERCEPT + (KEPT*w - target).

The loss is ½Σr². On a piece every derivative of x is an affine function of w, so that the gradient needs no more of the
piece than Σr and Σrw.

The piece is looked up in a table of bins of equal width: an entry in a bin that lies wholly on one piece is on that
piece. For an entry in another bin the table of pieces is halved until its piece is found. An entry so near a knot that
it is on no piece is listed, and left to the caller.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

LOW, HIGH, DA, DC = 0, 1, 7, 12  # columns of a table of pieces, as kernels/scalar_map.py fills it
SLOPE, ANCHOR, INTERCEPT, KEPT = ROWS = 0, 1, 2, 3  # rows of `lines`
R, RW = 0, 1  # columns of `added`: Σr and Σrw. Its row LANES*k + j has the sums of piece k in lane j
LANES = 8  # partial sums of a piece, used in turn, so that successive entries need not wait for each other's
CHUNK = 256  # entries whose bins are found before any is added, in a loop that the compiler vectorises
SUMS = 6  # columns of `sums`: the loss, then its derivatives in w1, w2, b1, b2, L


@inlined
def find_bins(values, origin, scale, last, at):
    """Fill `at` with the number of the bin, 0..last, that each of `values` falls in: clamped beyond the ends."""
    for j in range(values.size):
        position = (values[j] - origin) * scale
        position = position if position > 0.0 else 0.0  # also for NaN, should W have changed since it was checked
        at[j] = np.int32(position if position < last else last)


@inlined
def add_by_bins(values, start, slopes, intercepts, bins, at, added, listed, left):
    """Add the entries `values` of a chunk to the sums of their pieces, where the target is W.

    Entry i of the chunk is entry start + i of the array that the caller was given, and bins[at[i]] is its piece: 0 for
    none, whose column of `lines` is zeros, so that nothing is added. Such entries are listed from listed[left] on.
    Returns where the list ends now, and Σr² of the chunk.
    """
    squares = 0.0
    for i in range(values.size):
        value = values[i]
        k = bins[np.uint32(at[i])]  # unsigned: no test for k < 0
        r = slopes[k] * value + intercepts[k]
        row = np.uint32(LANES * k + i % LANES)
        added[row, R] += r
        added[row, RW] += r * value
        squares += r * r
        listed[np.uint32(left)] = start + i
        left += k == 0
    return left, squares


@inlined
def add_with_target(values, target, start, lines, bins, at, added, listed, left):
    """Do what `add_by_bins` does, beside a target of its own: `target` has the entries of the same chunk."""
    slopes, anchors, intercepts, kept = lines[SLOPE], lines[ANCHOR], lines[INTERCEPT], lines[KEPT]
    squares = 0.0
    for i in range(values.size):
        value = values[i]
        k = bins[np.uint32(at[i])]
        r = slopes[k] * (value - anchors[k]) + intercepts[k] + (kept[k] * value - target[i])
        r = 0.0 if k == 0 else r
        row = np.uint32(LANES * k + i % LANES)
        added[row, R] += r
        added[row, RW] += r * value
        squares += r * r
        listed[np.uint32(left)] = start + i
        left += k == 0
    return left, squares


@inlined
def add_by_halving(w, target, table, lines, added, listed, begin, end):
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
            r = lines[SLOPE, k] * (value - lines[ANCHOR, k]) + lines[INTERCEPT, k]
            if target.size:
                r += lines[KEPT, k] * value - target[listed[i]]
            added[LANES * k, R] += r
            added[LANES * k, RW] += r * value
            squares += r * r
    return left, squares


@compiled
def loss_and_gradient(w, target, table, lines, bins, origin, scale, block, added, at, sums, listed):
    """Sum up loss and derivatives over the entries of w that are on pieces, block by block.

    In: `w`, and `target` of the same size, or empty where it is W. Row k > 0 of `table` is piece k and column k of
    `lines` its residual; row 0 and column 0 are zeros. `bins`, `origin` and `scale` are the lookup table: value v falls
    in bin (v - origin)*scale, and bins[i] is the piece that bin i lies on, or 0. A block is `block` entries.
    Out: row i of `sums` has the SUMS quantities of block i. `listed` begins with the places in w of the entries that
    are left over; it has room for all of w and one more. Returns how many they are.
    Scratch: `added` (LANES*len(table), 2) and `at` (CHUNK,).
    """
    left = np.int64(0)  # a plain 0 is a type of its own, and all helpers would be compiled for both
    slopes, intercepts = lines[SLOPE], lines[INTERCEPT]
    for row in range(len(sums)):
        for i in range(len(added)):
            added[i, R] = added[i, RW] = 0.0
        for p in range(SUMS):
            sums[row, p] = 0.0
        before, end = left, (row + 1) * block
        end = end if end < w.size else w.size
        for start in range(row * block, end, CHUNK):
            stop = start + CHUNK if start + CHUNK < end else end
            v = w[start:stop]
            find_bins(v, origin, scale, bins.size - 1.0, at)
            if target.size:
                y = target[start:stop]
                left, rr = add_with_target(v, y, start, lines, bins, at, added, listed, left)
            else:
                left, rr = add_by_bins(v, start, slopes, intercepts, bins, at, added, listed, left)
            sums[row, 0] += 0.5 * rr
        left, rr = add_by_halving(w, target, table, lines, added, listed, before, left)
        sums[row, 0] += 0.5 * rr
        for k in range(1, len(table)):
            r = rw = 0.0
            for i in range(LANES * k, LANES * (k + 1)):
                r += added[i, R]
                rw += added[i, RW]
            for p in range(5):
                sums[row, 1 + p] += table[k, DA + p] * rw + table[k, DC + p] * r
    return left
