"""One pass over the entries of W: each finds its piece of the scalar map in a table of bins, and adds to its sums.

r = x - target = E*w + C + (w - target), and of a piece J and its gradient need no more than Σr, Σrw and Σr². An
entry whose bin is no one piece's is found by halving; one so near a knot that it is on no piece is only listed.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

LOW, HIGH, DA, DC = 0, 1, 7, 12  # columns of a table of pieces, as kernels/scalar_map.py fills it
LANES = 8
SUMS = 6  # loss, then w1, w2, b1, b2, L


@inlined
def find(value, table):
    """The row of the piece that holds the value, by halving; 0 where it is near a knot, on none."""
    low, high = 0, len(table) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if table[middle, LOW] <= value:
            low = middle
        else:
            high = middle - 1
    return low if low > 0 and value <= table[low, HIGH] else 0


@inlined
def add_by_bins(begin, count, w, target, slopes, intercepts, bins, origin, scale, R, RW, RR, listed, left):
    """Add `count` entries, each in a lane of its own, to the sums of their pieces; list those in bin 0."""
    end_of_bins = bins.size - 1.0
    for j in range(count):
        value = w[begin + j]
        at = (value - origin) * scale
        at = at if at > 0.0 else 0.0  # also for NaN, should W have changed since it was checked
        k = bins[np.uint32(at if at < end_of_bins else end_of_bins)]  # unsigned: no test for k < 0
        r = slopes[k] * value + intercepts[k] + (value - target[begin + j])
        r = 0.0 if k == 0 else r
        R[k, j] += r
        RW[k, j] += r * value
        RR[j] += r * r
        listed[left] = begin + j
        left += k == 0
    return left


@inlined
def add_by_halving(w, target, table, slopes, intercepts, R, RW, RR, listed, begin, end):
    """Add the entries listed[begin:end]; keep those near a knot in the list, and return where it ends now."""
    left = begin
    for i in range(begin, end):
        value = w[listed[i]]
        k = find(value, table)
        if k == 0:
            listed[left] = listed[i]
            left += 1
        else:
            r = slopes[k] * value + intercepts[k] + (value - target[listed[i]])
            R[k, 0] += r
            RW[k, 0] += r * value
            RR[0] += r * r
    return left


@compiled
def loss_and_gradient(w, target, table, slopes, intercepts, bins, origin, scale, block, sums, listed):
    """Fill the rows of `sums`, one for each block of `block` entries; list the entries left over; return how many.

    Piece k > 0 is row k of the table, and x - w = slopes[k]*w + intercepts[k] there; row 0 is zeros.
    """
    R, RW, RR = np.empty((len(table), LANES)), np.empty((len(table), LANES)), np.empty(LANES)
    left = 0
    for row in range(len(sums)):
        for j in range(LANES):
            RR[j] = 0.0
            for k in range(len(table)):
                R[k, j] = RW[k, j] = 0.0
        before, end = left, min(w.size, (row + 1) * block)
        whole = end - (end - row * block) % LANES
        for i in range(row * block, whole, LANES):
            left = add_by_bins(i, LANES, w, target, slopes, intercepts, bins, origin, scale, R, RW, RR, listed, left)
        rest = end - whole
        left = add_by_bins(whole, rest, w, target, slopes, intercepts, bins, origin, scale, R, RW, RR, listed, left)
        left = add_by_halving(w, target, table, slopes, intercepts, R, RW, RR, listed, before, left)
        sums[row, 0] = 0.5 * RR.sum()
        for p in range(5):
            sums[row, 1 + p] = 0.0
        for k in range(1, len(table)):
            r, rw = R[k].sum(), RW[k].sum()
            for p in range(5):
                sums[row, 1 + p] += table[k, DA + p] * rw + table[k, DC + p] * r
    return left
