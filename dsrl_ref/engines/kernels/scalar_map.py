"""The scalar map of a Fidelity network, w -> x_t, piece by piece on the whole line.

A table has a row for each piece, ascending, and these columns. On LOW <= w <= HIGH the region of every layer is
certain, x_t = A*w + C, and its derivative in the p-th parameter is DA[p]*w + DC[p]: of the w1, w2, b1, b2, L that all
layers share, or of those of each layer, the first layer's first. The DC follow the last DA. E is A - 1, carried
beside A, so that x - w = E*w + C keeps its digits near the identity. ALPHA*|w| + BETA bounds how far apart rounding
carries the x of the float recursion and A*w + C. Wherever that could decide a region, no row holds w: there is a gap
between two rows.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

LOW, HIGH, A, E, C, ALPHA, BETA = range(7)
DA = 7  # as many columns as there are parameters, and as many more for DC
KNOTS = 4
FEW_UNITS = 8 * 2.0**-53
LEAST = 1e-300  # half the width of the narrowest gap, so that a w that sits on a knot is always in one


@inlined
def copy_row(row, other):
    """Copy a row of a table to `other`, entry by entry: to compile an assignment of arrays takes seconds."""
    for p in range(row.size):
        other[p] = row[p]


@inlined
def certain_within(slope, intercept, alpha, beta, b1, b2):
    """Give an |w| up to which slope*w + intercept is certain to stay off all knots, -1 if there is none.

    For a slope so small that rounding, bounded by alpha*|w| + beta, may outweigh it.
    """
    to_b1, to_b2 = abs(abs(intercept) - b1), abs(abs(intercept) - b2)
    distance = (to_b1 if to_b1 < to_b2 else to_b2) - beta
    if distance <= 0.0:
        return -1.0
    drift = alpha + abs(slope)
    return 0.99 * distance / drift if drift > 0.0 else np.inf


@inlined
def find_gaps(slope, intercept, alpha, beta, b1, b2, low, high):
    """Find the intervals of w in which slope*w + intercept is within alpha*|w| + beta of a knot.

    Out: low[k] and high[k] are the ends of interval k, in ascending order of `low`; there are KNOTS of them, two where
    the slope is next to nothing. The last entry of `low` is not touched.
    """
    if not abs(slope) > 2.0 * alpha:
        reach = certain_within(slope, intercept, alpha, beta, b1, b2)
        low[0], high[0], low[1], high[1] = -np.inf, -reach, reach, np.inf
        return
    for k in range(KNOTS):
        knot = (1.0 if k >= 2 else -1.0) * (b1 if k == 1 or k == 2 else b2)
        w = (knot - intercept) / slope
        half = 1.01 * (alpha * abs(w) + beta) / (abs(slope) - alpha) + FEW_UNITS * abs(w) + LEAST
        at = k
        while at > 0 and low[at - 1] > w - half:
            low[at], high[at] = low[at - 1], high[at - 1]
            at -= 1
        low[at], high[at] = w - half, w + half


@inlined
def within(low, high):
    """Give some finite number between `low` and `high`, each of which may be infinite."""
    if low == -np.inf:
        return 0.0 if high == np.inf else high - (1.0 + abs(high))
    return low + (1.0 + abs(low)) if high == np.inf else low + 0.5 * (high - low)


@inlined
def step_piece(row, step, da, dc):
    """Turn the row of a piece of X into that of Z = X - step*(X - W), in place, with its derivatives and bounds.

    The five columns of the layer's own derivatives begin at `da` and at `dc`.
    """
    m = 1.0 - step
    e, c = row[E], row[C]
    for p in range(A, row.size):
        row[p] = m * row[p]
    kept = row[A]
    row[A] = kept + step
    row[da + 4] += step * step * e
    row[dc + 4] += step * step * c
    row[ALPHA] = abs(row[ALPHA]) + FEW_UNITS * (abs(kept + step) + abs(kept) + step * abs(e))
    row[BETA] = abs(row[BETA]) + FEW_UNITS * (abs(m) + step) * abs(c)


@inlined
def shrink_piece(row, w1, w2, b1, b2, da, dc):
    """Turn the row of a piece of Z, on which the region is certain, into that of X = ξ(Z), in place.

    Every derivative is multiplied by the slope of ξ, and what the layer's own ∂ξ adds is added: to the five columns
    from `da` on, and to those from `dc` on.
    """
    slope, intercept = row[A], row[C]
    z = slope * within(row[LOW], row[HIGH]) + intercept
    if abs(z) < b1:
        for p in range(A, row.size):
            row[p] = 0.0
        row[E] = -1.0
        return
    sign = 1.0 if z >= 0.0 else -1.0
    outer = abs(z) >= b2
    w, steepest = w2 if outer else w1, w1 if w1 > w2 else w2
    for p in range(A, row.size):
        row[p] = w * row[p]
    row[E] += w - 1.0
    row[C] -= sign * ((w2 - w1) * b2 + w1 * b1 if outer else w1 * b1)
    row[ALPHA] += FEW_UNITS * steepest * abs(slope)
    row[BETA] += FEW_UNITS * steepest * (abs(intercept) + b2)
    own = 1 if outer else 0  # w1's column or w2's
    row[da + own] += slope
    row[dc + own] += intercept - sign * (b2 if outer else b1)
    row[dc + 2] -= sign * w1
    if outer:
        row[dc] += sign * (b2 - b1)
        row[dc + 3] += sign * (w1 - w2)


@compiled
def scalar_map(table, spare, low, high, numbers, places):
    """Turn the map of X_(0) into the pieces of w -> x_t, layer by layer.

    In: the first row of `table` is X_(0) on the whole line; a row of `numbers` (t, 5) has w1, w2, b1, b2 and L of a
    layer, whose derivatives are the five from places[i] on. Out: its first rows are the pieces of x_t. Returns how many
    they are, or -1 if they are more than the table has rows.
    Scratch: `spare`, as large as the table, and `low` and `high` of KNOTS + 1 entries each, the last of `low` infinite.
    """
    count = 1
    parameters = (table.shape[1] - DA) // 2
    for i in range(len(numbers)):
        w1, w2, b1, b2, L = numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3], numbers[i, 4]
        da = DA + places[i]
        dc = da + parameters
        for k in range(count):
            copy_row(table[k], spare[k])
        made = 0
        for k in range(count):
            piece = spare[k]
            step_piece(piece, 1.0 / L, da, dc)
            find_gaps(piece[A], piece[C], piece[ALPHA], piece[BETA], b1, b2, low, high)
            cursor = piece[LOW]
            for gap in range(KNOTS + 1):
                end = piece[HIGH] if piece[HIGH] < low[gap] else low[gap]
                if cursor < end:
                    if made == len(table):
                        return -1
                    row = table[made]
                    copy_row(piece, row)
                    row[LOW], row[HIGH] = cursor, end
                    shrink_piece(row, w1, w2, b1, b2, da, dc)
                    made += 1
                cursor = high[gap] if high[gap] > cursor else cursor
        count = made
    return count
