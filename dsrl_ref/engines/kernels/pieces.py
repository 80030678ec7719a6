"""Sums over sorted data in double-double, and over the pieces of the scalar map.

A number of "two words" is a pair (high, low) of floats whose exact sum is meant; its two words are two results, two
arguments, or two neighbouring entries of a row.

The tables of pieces are those of scalar_map.py: A, E, C, ALPHA and BETA are its columns, and from DA on those of the
derivatives, of A and then of C, in as many parameters as there are: five that all layers share, or five of each layer.
A row of ``numbers`` (t, 5) has w1, w2, b1, b2 and L of a layer, the first layer's first.

On a piece x = A*w + C, so that the sums of r = x - target follow from sums of w and of y. There are two forms of y. In
the first y = w - target and r = E*w + C + y, which keeps the digits of r near the identity. In the second y = -target
and r = A*w + C + y, which keeps the digits of x where x is far below w. The first is taken where |A| > 1/2.

What cancels all the same is judged afterwards: `residual_sums` tells of which pieces the sum of r² has lost its digits.
"""

import math

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

A, E, C, ALPHA, BETA, DA = 2, 3, 4, 5, 6, 7
# Columns of the sums over a piece, a row each: Σw and Σw² from W on, then Σy, Σyw and Σy² from Y on, of two words each;
# from REACH on, the largest running sums of w² and of y² that were subtracted to get them, of one word.
W, Y, REACH, COLUMNS = 0, 4, 10, 12
SUMS = 16  # columns of running sums: Σw, Σw²; Σy, Σyw, Σy² in the first form; the same in the second; of two words
FINE = 2.0**-47  # a sum of r² whose x may be off by more than this share of r is formed again, with a line of two words
LOST = 2.0**-47  # a sum in two words below this share of its terms has lost what float64 would keep
BLOCK = 256  # entries between two rows of running sums
RUN = 32  # entries that are added in one word before both are: the fewer, the less rounds off the second


@inlined
def two_sum(a, b):
    """Add two floats: the rounded sum, and the error of rounding, exactly."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@inlined
def two_product(a, b):
    """Multiply two floats: the rounded product, and the error of rounding, exactly."""
    p = a * b
    t = 134217729.0 * a
    a1 = t - (t - a)
    a2 = a - a1
    t = 134217729.0 * b
    b1 = t - (t - b)
    b2 = b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


@inlined
def add(ah, al, bh, bl):
    """Add two numbers of two words; no digits of the sum are lost where they cancel."""
    sh, sl = two_sum(ah, bh)
    th, tl = two_sum(al, bl)
    sl += th
    vh = sh + sl
    vl = sl - (vh - sh) + tl
    high = vh + vl
    return high, vl - (high - vh)


@inlined
def product(ah, al, bh, bl):
    """Multiply two numbers of two words."""
    p, e = two_product(ah, bh)
    e += ah * bl + al * bh
    high = p + e
    return high, e - (high - p)


@inlined
def combine(p, ah, al, q, bh, bl):
    """Give p*a + q*b in two words; p and q are floats, a and b are of two words."""
    ph, pl = product(ah, al, p, 0.0)
    qh, ql = product(bh, bl, q, 0.0)
    return add(ph, pl, qh, ql)


@inlined
def expand(line, ah, al, bh, bl, dh, dl):
    """Give slope*a + intercept*b + d, all of two words; `line` has slope and intercept."""
    ph, pl = product(line[0], line[1], ah, al)
    qh, ql = product(line[2], line[3], bh, bl)
    ph, pl = add(ph, pl, qh, ql)
    return add(ph, pl, dh, dl)


@inlined
def add_entries(v, begin, end, out):
    """Add Σw and Σw² over v[begin:end] to the two words each of `out`."""
    for start in range(begin, end, RUN):
        stop = start + RUN if start + RUN < end else end
        s0 = s1 = t0 = t1 = 0.0
        for i in range(start, stop):
            w = v[i]
            s0, e = two_sum(s0, w)
            t0 += e
            p, r = two_product(w, w)
            s1, e = two_sum(s1, p)
            t1 += e + r
        out[0], out[1] = add(out[0], out[1], s0, t0)
        out[2], out[3] = add(out[2], out[3], s1, t1)


@inlined
def add_beside_target(v, target, kept, begin, end, out):
    """Add Σy, Σyw and Σy², y = kept*w - target with kept 1 or 0, to the two words each of `out`."""
    for start in range(begin, end, RUN):
        stop = start + RUN if start + RUN < end else end
        s0 = s1 = s2 = t0 = t1 = t2 = 0.0
        for i in range(start, stop):
            w = v[i]
            y, c = two_sum(kept * w, -target[i])
            s0, e = two_sum(s0, y)
            t0 += e + c
            p, r = two_product(y, w)
            s1, e = two_sum(s1, p)
            t1 += e + (r + c * w)
            p, r = two_product(y, y)
            s2, e = two_sum(s2, p)
            t2 += e + (r + 2.0 * y * c)
        out[0], out[1] = add(out[0], out[1], s0, t0)
        out[2], out[3] = add(out[2], out[3], s1, t1)
        out[4], out[5] = add(out[4], out[5], s2, t2)


@compiled
def block_sums(v, target, zero, first, last, sums):
    """Sum up whole blocks of sorted entries, BLOCK of them each, from entry zero % BLOCK on.

    In: `v`, sorted, and `target` in its order, or empty where it is W. Added to sums[k + 1], for k in first..last-1:
    the SUMS quantities of block k, two words each, or the first four columns alone where the target is W.
    """
    for row in range(first, last):
        begin, out = zero % BLOCK + row * BLOCK, sums[row + 1]
        add_entries(v, begin, begin + BLOCK, out)
        if target.size:
            add_beside_target(v, target, 1.0, begin, begin + BLOCK, out[4:10])
            add_beside_target(v, target, 0.0, begin, begin + BLOCK, out[10:16])


@compiled
def accumulate(sums, start, stop, step):
    """Turn sums of blocks into running sums, in place.

    The rows are `start`, `start` + `step`, .. before `stop`, and each becomes the sum of those up to it; a negative
    step goes down. Columns come in pairs, the two words of a sum.
    """
    for kind in range(0, sums.shape[1], 2):
        high, low = 0.0, 0.0
        for row in range(start, stop, step):
            high, low = add(high, low, sums[row, kind], sums[row, kind + 1])
            sums[row, kind], sums[row, kind + 1] = high, low


@inlined
def from_w(own, slope):
    """Tell whether a piece of this slope takes y in its first form, w - target.

    Always where the target is W, as y is then 0; `own` tells that it is not.
    """
    return not own or abs(slope) > 0.5


@compiled
def range_sums(v, target, zero, running, table, begins, ends, out):
    """Sum up the entries on each piece, in the form of y that the piece takes.

    In: `v`, sorted, and `target` in its order, or empty where it is W; `zero`, the place in v where w = 0 would be.
    Row i of `running` has the running sums up to the i-th boundary of blocks, which lie BLOCK entries apart from
    zero % BLOCK on. Row k of `table` is a piece whose entries are v[begins[k]:ends[k]].
    Out: row k of `out` has the COLUMNS sums over them: differences of running sums, and the entries before the first
    whole block and after the last, one by one.
    """
    first, own = zero % BLOCK, target.size > 0
    for k in range(begins.size):
        begin, end, row = begins[k], ends[k], out[k]
        low, high = -((first - begin) // BLOCK), (end - first) // BLOCK
        low = low if low > 0 else 0
        high = high if high < len(running) else len(running) - 1
        stop, again = first + low * BLOCK, first + high * BLOCK
        if low >= high:  # no whole block
            low = high = 0
            stop = again = end
        kept = from_w(own, table[k, A])
        for c in range(Y + 6 if own else Y):
            at = c if kept or c < Y else c + 6
            row[c] = running[high, at]
            if c % 2:
                row[c - 1], row[c] = add(row[c - 1], row[c], -running[low, at - 1], -running[low, at])
        row[REACH] = max(abs(running[low, 2]), abs(running[high, 2]))
        add_entries(v, begin, stop, row)
        add_entries(v, again, end, row)
        if own:
            at = Y + 4 if kept else Y + 10
            row[REACH + 1] = max(abs(running[low, at]), abs(running[high, at]))
            add_beside_target(v, target, 1.0 if kept else 0.0, begin, stop, row[Y:REACH])
            add_beside_target(v, target, 1.0 if kept else 0.0, again, end, row[Y:REACH])


@inlined
def follow(w, start, numbers, kept, line):
    """Find the line of x, or of x - w if `kept`, on the piece that holds w, in two words.

    It goes through the layers in the regions of w, as the recursion does, and carries slope and intercept along.
    Out: `line` has the two words of the slope, then those of the intercept.
    """
    x = start * w
    sh, sl, ch, cl = start - (1.0 if kept else 0.0), 0.0, 0.0, 0.0
    for i in range(len(numbers)):
        w1, w2, b1, b2, step = numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3], 1.0 / numbers[i, 4]
        mh, ml = two_sum(1.0, -step)
        z = x - step * (x - w)
        sh, sl = product(sh, sl, mh, ml)
        ch, cl = product(ch, cl, mh, ml)
        if not kept:
            sh, sl = add(sh, sl, step, 0.0)
        size, sign = abs(z), 1.0 if z >= 0.0 else -1.0
        if size < b1:
            x = 0.0
            sh, sl, ch, cl = -1.0 if kept else 0.0, 0.0, 0.0, 0.0
            continue
        outer = size >= b2
        slope = w2 if outer else w1
        x = sign * (w2 * (size - b2) + w1 * (b2 - b1) if outer else w1 * (size - b1))
        sh, sl = product(sh, sl, slope, 0.0)
        ch, cl = product(ch, cl, slope, 0.0)
        if kept:
            eh, el = two_sum(slope, -1.0)
            sh, sl = add(sh, sl, eh, el)
        ph, pl = two_product(w1, b1)
        if outer:  # w2*b2 - w1*(b2 - b1)
            qh, ql = two_product(w2, b2)
            ph, pl = add(ph, pl, qh, ql)
            qh, ql = two_product(w1, b2)
            ph, pl = add(ph, pl, -qh, -ql)
        ch, cl = add(ch, cl, -sign * ph, -sign * pl)
    line[0], line[1], line[2], line[3] = sh, sl, ch, cl


@inlined
def short(x):
    """The 26 leading bits of a number."""
    t = 134217729.0 * x
    return t - (t - x)


@compiled
def anchored_lines(values, kept, start, numbers, slopes, anchors, intercepts):
    """Write x, or x - w where `kept`, as slope*(w - anchor) + intercept on the piece of each value.

    The anchor is where the line is 0, rounded, and the intercept is what rounding leaves: near the anchor, where the
    terms of A*w + C cancel, none of its digits is lost. Slopes and intercepts of few bits, on whose grid float64 does
    not round, keep an anchor of 0 where another would be rounded.
    """
    line = np.empty(4)
    for k in range(values.size):
        follow(values[k], start, numbers, kept[k], line)
        anchor = -line[2] / line[0] if line[0] != 0.0 else 0.0
        anchor = anchor if abs(anchor) < np.inf else 0.0
        intercept, _ = expand(line, anchor, 0.0, 1.0, 0.0, 0.0, 0.0)
        on_grid = line[1] == 0.0 and line[3] == 0.0 and short(line[0]) == line[0] and short(line[2]) == line[2]
        if on_grid and not (intercept == 0.0 and short(anchor) == anchor):
            anchor, intercept = 0.0, line[2]
        slopes[k], anchors[k], intercepts[k] = line[0], anchor, intercept


@inlined
def sums_on_line(line, count, sums, out):
    """Put Σr, Σrw and Σr² of r = slope*w + intercept + y, two words each, into `out`.

    `line` has slope and intercept in two words each; `sums` is a row of `range_sums`, over `count` entries.
    """
    sh, sl, yh, yl, ph, pl = sums[W], sums[W + 1], sums[Y], sums[Y + 1], sums[Y + 2], sums[Y + 3]
    out[0], out[1] = expand(line, sh, sl, count, 0.0, yh, yl)
    out[2], out[3] = expand(line, sums[W + 2], sums[W + 3], sh, sl, ph, pl)
    yh, yl = expand(line, ph, pl, yh, yl, sums[Y + 4], sums[Y + 5])  # Σry
    out[4], out[5] = expand(line, out[2], out[3], out[0], out[1], yh, yl)


@inlined
def terms(line, ww, count, yy):
    """Bound Σr² and every term that it is formed of, given Σw² as `ww` and Σy² as `yy`."""
    size = abs(line[0]) * math.sqrt(abs(ww)) + abs(line[2]) * math.sqrt(count) + math.sqrt(abs(yy))
    return size * size


@inlined
def residual_sums(table, lines, counts, sums, w, begins, own, start, numbers, out, lost):
    """Fill row k of `out` with Σr, Σrw and Σr² over piece k, two words each, and tell which of the Σr² are lost.

    A Σr² is lost where the rounding in it, and in the running sums that it came from, is large both beside itself and
    beside the total of the pieces whose sums are certain; lost[k] says so. The sums of a piece without entries may be
    NaN: where its knots are as far away as float64 reaches, its line overflows.
    """
    line, least, certain = np.empty(4), np.empty(counts.size), 0.0
    for k in range(counts.size):
        row, count, kept = sums[k], counts[k], from_w(own, table[k, A])
        line[0], line[1], line[2], line[3] = table[k, E if kept else A], 0.0, table[k, C], 0.0
        sums_on_line(line, count, row, out[k])
        off = table[k, ALPHA] * math.sqrt(row[W + 2]) + table[k, BETA] * math.sqrt(count)
        if FINE * FINE * out[k, 4] < off * off and k < lines:
            follow(w[begins[k]], start, numbers, kept, line)
            sums_on_line(line, count, row, out[k])
        ww, yy = max(row[W + 2], row[REACH]), max(row[Y + 4], row[REACH + 1])
        least[k] = LOST * terms(line, ww, count, yy)
        if out[k, 4] >= least[k]:
            certain += out[k, 4]
    for k in range(counts.size):
        kept = out[k, 4] >= least[k] or abs(out[k, 4]) <= least[k] <= certain
        lost[k] = counts[k] > 0.0 and not kept


@compiled
def loss_and_gradient(table, lines, counts, sums, w, begins, own, start, numbers, out, lost):
    """Add to the rows of `out`, two words each, the loss and its derivatives over all pieces but those that are lost.

    The first rows of the table, `lines` of them, are pieces of the map, and w[begins[k]] is an entry on each; the
    others are constants. `own`: the target is not W. `lost` tells of which rows the entries are left to the caller;
    return how many.
    """
    r, dc = np.empty((counts.size, 6)), (DA + table.shape[1]) // 2
    residual_sums(table, lines, counts, sums, w, begins, own, start, numbers, r, lost)
    for k in range(counts.size):
        if lost[k] or counts[k] == 0.0:
            continue
        out[0, 0], out[0, 1] = add(out[0, 0], out[0, 1], 0.5 * r[k, 4], 0.5 * r[k, 5])
        for p in range(len(out) - 1):
            high, low = combine(table[k, DA + p], r[k, 2], r[k, 3], table[k, dc + p], r[k, 0], r[k, 1])
            out[1 + p, 0], out[1 + p, 1] = add(out[1 + p, 0], out[1 + p, 1], high, low)
    return lost.sum()


@inlined
def sums_of_derivatives(row, count, sums, beside):
    """Fill row p of `beside` (parameters, 4) with Σ (∂x/∂p)w and Σ ∂x/∂p over a piece, two words each.

    `row` is the piece's row of the table, and `sums` that of `range_sums`, over `count` entries. Tell whether two words
    do not hold the digits of the sum of one of the squares (∂x/∂p)².
    """
    dc, ww, lost = (DA + row.size) // 2, max(sums[W + 2], sums[REACH]), False
    for p in range(len(beside)):
        a, c, own = row[DA + p], row[dc + p], beside[p]
        own[0], own[1] = combine(a, sums[W + 2], sums[W + 3], c, sums[W], sums[W + 1])
        own[2], own[3] = combine(a, sums[W], sums[W + 1], c, count, 0.0)
        size = abs(a) * math.sqrt(ww) + abs(c) * math.sqrt(count)
        high, _ = combine(a, own[0], own[1], c, own[2], own[3])
        lost |= not high >= LOST * size * size
    return lost


@inlined
def add_products(a, c, beside, out):
    """Add a times the first number in each row of `beside` plus c times the second to those of `out`, in two words."""
    for q in range(len(out)):
        high, low = combine(a, beside[q, 0], beside[q, 1], c, beside[q, 2], beside[q, 3])
        out[q, 0], out[q, 1] = add(out[q, 0], out[q, 1], high, low)


@compiled
def gauss_newton(table, counts, sums, out, lost):
    """Add Σ (∂x/∂p)(∂x/∂q), p ≤ q, over all pieces but those that are lost to the two words out[p, q].

    A piece is lost where two words do not hold the digits of the sum of one of its squares; return how many these are.
    """
    dc, beside = (DA + table.shape[1]) // 2, np.empty((len(out), 4))
    for k in range(counts.size):
        lost[k] = counts[k] > 0.0 and sums_of_derivatives(table[k], counts[k], sums[k], beside)
        if lost[k] or counts[k] == 0.0:
            continue
        for p in range(len(out)):
            add_products(table[k, DA + p], table[k, dc + p], beside[p:], out[p, p:])
    return lost.sum()
