"""The scalar map of a Fidelity network, w -> x_t, piece by piece on the whole line.

A row of a table is one piece: on LOW <= w <= HIGH every layer's region is certain, x = A*w + C, and its derivative
in the p-th parameter is DA[p]*w + DC[p]. E = A - 1 is carried beside A, so that x - w keeps its digits near the
identity. ALPHA*|w| + BETA bounds how far rounding carries the x of the float recursion and A*w + C apart; wherever
that could decide a region there is a gap between two rows.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

LOW, HIGH, A, E, C, ALPHA, BETA = range(7)
DA, DC = 7, 12  # five columns each: w1, w2, b1, b2, L
COLUMNS = 17
KNOTS = 4
FEW_UNITS = 8 * 2.0**-53
LEAST = 1e-300  # half of the narrowest gap: what sits on a knot is in it


@inlined
def copy_row(row, other):
    """Copy, entry by entry: array assignment takes seconds to compile."""
    for p in range(COLUMNS):
        other[p] = row[p]


@inlined
def certain_within(slope, intercept, alpha, beta, knot):
    """How large |w| may become before slope*w + intercept may reach the knot; `slope` is next to nothing."""
    distance = abs(intercept - knot) - beta
    if distance <= 0.0:
        return -1.0
    drift = alpha + abs(slope)
    return 0.99 * distance / drift if drift > 0.0 else np.inf


@inlined
def find_gaps(slope, intercept, alpha, beta, b1, b2, low, high):
    """Where slope*w + intercept is within alpha*|w| + beta of a knot: intervals in order of their lower ends."""
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
    """Some number between, both ends finite or not."""
    if low == -np.inf:
        return 0.0 if high == np.inf else high - max(1.0, abs(high))
    return low + max(1.0, abs(low)) if high == np.inf else low + 0.5 * (high - low)


@inlined
def shrink_piece(row, step, w1, w2, b1, b2):
    """Put a piece of Z, whose region is certain, through ξ in place; its derivatives are still those of X before."""
    slope, intercept = row[A], row[C]
    z = slope * within(row[LOW], row[HIGH]) + intercept
    if abs(z) < b1:
        for p in range(A, COLUMNS):
            row[p] = 0.0
        row[E] = -1.0
        return
    sign = 1.0 if z >= 0.0 else -1.0
    outer = abs(z) >= b2
    w, steepest = w2 if outer else w1, max(w1, w2)
    for p in range(DA, COLUMNS):
        row[p] = w * row[p]
    row[DC + 2] -= sign * w1
    if outer:
        row[DC] += sign * (b2 - b1)
        row[DA + 1] += slope
        row[DC + 1] += intercept - sign * b2
        row[DC + 3] += sign * (w1 - w2)
    else:
        row[DA] += slope
        row[DC] += intercept - sign * b1
    row[A] = w * slope
    row[E] = (w - 1.0) + w * row[E]
    row[C] = w * intercept - sign * ((w2 - w1) * b2 + w1 * b1 if outer else w1 * b1)
    row[ALPHA] = w * row[ALPHA] + FEW_UNITS * steepest * abs(slope)
    row[BETA] = w * row[BETA] + FEW_UNITS * steepest * (abs(intercept) + b2)


@inlined
def step_piece(row, step):
    """Turn a piece of X into one of Z = X - step*(X - W), in place."""
    m = 1.0 - step
    a, e, c = row[A], row[E], row[C]
    for p in range(DA, COLUMNS):
        row[p] = m * row[p]
    row[DA + 4] += step * step * e
    row[DC + 4] += step * step * c
    row[A], row[E], row[C] = m * a + step, m * e, m * c
    row[ALPHA] = abs(m) * row[ALPHA] + FEW_UNITS * (abs(row[A]) + abs(m * a) + step * abs(e))
    row[BETA] = abs(m) * row[BETA] + FEW_UNITS * (abs(m) + step) * abs(c)


@inlined
def split(piece, table, count, low, high, step, w1, w2, b1, b2):
    """Append what a piece becomes in the next layer to the table; return how many rows that makes, -1 if too many."""
    step_piece(piece, step)
    slope, intercept, alpha, beta = piece[A], piece[C], piece[ALPHA], piece[BETA]
    gaps = KNOTS
    cursor, last = piece[LOW], piece[HIGH]
    if abs(slope) > 2.0 * alpha:
        find_gaps(slope, intercept, alpha, beta, b1, b2, low, high)
    else:
        gaps = 0
        for knot in (b1, b2):
            for sign in (-1.0, 1.0):
                reach = certain_within(slope, intercept, alpha, beta, sign * knot)
                cursor, last = max(cursor, -reach), min(last, reach)
    for k in range(gaps + 1):
        end = min(low[k], last) if k < gaps else last
        if cursor < end:
            if count == len(table):
                return -1
            copy_row(piece, table[count])
            table[count, LOW], table[count, HIGH] = cursor, end
            shrink_piece(table[count], step, w1, w2, b1, b2)
            count += 1
        if k < gaps:
            cursor = max(cursor, high[k])
    return count


@compiled
def scalar_map(table, spare, layers, start, w1, w2, b1, b2, L):
    """Fill the table with the pieces of w -> x_t, x_0 = start*w; return how many, -1 if they do not fit."""
    low, high = np.empty(KNOTS), np.empty(KNOTS)
    for p in range(COLUMNS):
        table[0, p] = 0.0
    table[0, LOW], table[0, HIGH], table[0, A], table[0, E] = -np.inf, np.inf, start, start - 1.0
    count = 1
    for _ in range(layers):
        for k in range(count):
            copy_row(table[k], spare[k])
        made = 0
        for k in range(count):
            made = split(spare[k], table, made, low, high, 1.0 / L, w1, w2, b1, b2)
            if made < 0:
                return -1
        count = made
    return count
