"""One pass over the entries of W: each finds its piece of the scalar map in a table of bins, and adds to its sums.

On a column of `lines` r = x - target is SLOPE*w + INTERCEPT where the target is W, and with a target of its own
SLOPE*(w - ANCHOR) + INTERCEPT + (KEPT*w - target); of a piece the gradient needs no more than Σr and Σrw. An entry
whose bin is no one piece's is found by halving; one so near a knot that it is on no piece is only listed.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

LOW, HIGH, DA, DC = 0, 1, 7, 12  # columns of a table of pieces, as kernels/scalar_map.py fills it
SLOPE, ANCHOR, INTERCEPT, KEPT = ROWS = 0, 1, 2, 3  # of `lines`
R, RW = 0, 1  # columns of `added`, whose row LANES*k + j has the sums of piece k in lane j
LANES = 8  # successive entries of one piece need not wait for each other's sums
CHUNK = 256  # entries whose bins are found before any is added: that much the compiler vectorises
SUMS = 6  # loss, then w1, w2, b1, b2, L


@inlined
def find_bins(values, origin, scale, last, at):
    """Put into `at` the number of each value's bin, 0..last."""
    for j in range(values.size):
        position = (values[j] - origin) * scale
        position = position if position > 0.0 else 0.0  # also for NaN, should W have changed since it was checked
        at[j] = np.int32(position if position < last else last)


@inlined
def add_by_bins(values, start, slopes, intercepts, bins, at, added, listed, left):
    """Add entries, in lanes in turn, to the sums of their pieces; list those in bin 0; return how many, and Σr²."""
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
    """The same beside a target that is not W."""
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
    """Add the entries listed[begin:end]; keep those near a knot in the list; return where it ends now, and Σr²."""
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
    """Fill the rows of `sums`, one for each block of `block` entries; list the entries left over; return how many.

    Piece k > 0 is row k of the table and column k of `lines`; column 0 is zeros. No target is one that is W, and then
    the anchors are 0. `added`
    and `at` are scratch.
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
