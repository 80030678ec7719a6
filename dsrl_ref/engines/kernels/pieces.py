"""Sums over sorted data in double-double, and over the pieces of the scalar map.

Tables of pieces are those of the kernels in scalar_map.py: A, E, C, DA and DC are the columns where its rows keep them.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

A, E, C, DA, DC = 2, 3, 4, 7, 12
LANES = 8
SUMS = 10  # Σw, Σw², Σd, Σdw, Σd², each in two words; the first two without a target of its own
BLOCK = 256  # entries between two rows of running sums


@inlined
def two_sum(a, b):
    """Add: the rounded sum and what rounding took."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@inlined
def two_product(a, b):
    """Multiply: the rounded product and what rounding took."""
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
    """Add in two words; cancellation is safe."""
    sh, sl = two_sum(ah, bh)
    th, tl = two_sum(al, bl)
    sl += th
    vh = sh + sl
    vl = sl - (vh - sh) + tl
    high = vh + vl
    return high, vl - (high - vh)


@inlined
def times(ah, al, b):
    """Multiply two words by one."""
    p, e = two_product(ah, b)
    e += al * b
    high = p + e
    return high, e - (high - p)


@inlined
def combine(p, ah, al, q, bh, bl):
    """p*a + q*b with a and b of two words."""
    ph, pl = times(ah, al, p)
    qh, ql = times(bh, bl, q)
    return add(ph, pl, qh, ql)


@inlined
def expand(e, f, ah, al, c, bh, bl):
    """(e + f)*a + c*b with a and b of two words, f a rounding error of e."""
    high, low = combine(e, ah, al, c, bh, bl)
    return add(high, low, f * ah, 0.0)


@compiled
def block_sums(v, y, zero, first, last, sums):
    """Fill sums[k+1], for k in first..last-1, with the sums over the k-th whole block, counted from `zero % BLOCK`."""
    s, t = np.empty((5, LANES)), np.empty((5, LANES))
    kinds = sums.shape[1] // 2
    for row in range(first, last):
        for kind in range(kinds):
            for j in range(LANES):
                s[kind, j] = t[kind, j] = 0.0
        begin = zero % BLOCK + row * BLOCK
        for i in range(begin, begin + BLOCK, LANES):
            for j in range(LANES):
                w = v[i + j]
                s0, e = two_sum(s[0, j], w)
                s[0, j] = s0
                t[0, j] += e
                p, r = two_product(w, w)
                s1, e = two_sum(s[1, j], p)
                s[1, j] = s1
                t[1, j] += e + r
            if kinds > 2:
                for j in range(LANES):
                    d, c = two_sum(v[i + j], -y[i + j])
                    s2, e = two_sum(s[2, j], d)
                    s[2, j] = s2
                    t[2, j] += e + c
                    p, r = two_product(d, v[i + j])
                    s3, e = two_sum(s[3, j], p)
                    s[3, j] = s3
                    t[3, j] += e + (r + c * v[i + j])
                    p, r = two_product(d, d)
                    s4, e = two_sum(s[4, j], p)
                    s[4, j] = s4
                    t[4, j] += e + (r + 2.0 * d * c)
        for kind in range(kinds):
            high, low = 0.0, 0.0
            for j in range(LANES):
                high, low = add(high, low, s[kind, j], t[kind, j])
            sums[row + 1, 2 * kind], sums[row + 1, 2 * kind + 1] = high, low


@compiled
def accumulate(sums, anchor):
    """Turn sums of blocks into running sums, from row `anchor` outwards, where the values are smallest."""
    for kind in range(0, sums.shape[1], 2):
        high, low = 0.0, 0.0
        for row in range(anchor, 0, -1):
            block_high, block_low = sums[row, kind], sums[row, kind + 1]
            sums[row, kind], sums[row, kind + 1] = high, low
            high, low = add(high, low, -block_high, -block_low)
        sums[0, kind], sums[0, kind + 1] = high, low
        high, low = 0.0, 0.0
        for row in range(anchor + 1, len(sums)):
            high, low = add(high, low, sums[row, kind], sums[row, kind + 1])
            sums[row, kind], sums[row, kind + 1] = high, low


@inlined
def add_entries(v, y, begin, end, out):
    """Add the sums over v[begin:end], entry by entry."""
    s0 = s1 = t0 = t1 = 0.0
    for i in range(begin, end):
        s0, e = two_sum(s0, v[i])
        t0 += e
        p, r = two_product(v[i], v[i])
        s1, e = two_sum(s1, p)
        t1 += e + r
    out[0], out[1] = add(out[0], out[1], s0, t0)
    out[2], out[3] = add(out[2], out[3], s1, t1)
    if out.size == 4:
        return
    s0 = s1 = s2 = t0 = t1 = t2 = 0.0
    for i in range(begin, end):
        d, c = two_sum(v[i], -y[i])
        s0, e = two_sum(s0, d)
        t0 += e + c
        p, r = two_product(d, v[i])
        s1, e = two_sum(s1, p)
        t1 += e + (r + c * v[i])
        p, r = two_product(d, d)
        s2, e = two_sum(s2, p)
        t2 += e + (r + 2.0 * d * c)
    out[4], out[5] = add(out[4], out[5], s0, t0)
    out[6], out[7] = add(out[6], out[7], s1, t1)
    out[8], out[9] = add(out[8], out[9], s2, t2)


@compiled
def range_sums(v, y, zero, running, begins, ends, out):
    """Fill a row of `out` with the sums over v[begin:end], for each range."""
    first = zero % BLOCK
    for k in range(begins.size):
        begin, end = begins[k], ends[k]
        for c in range(out.shape[1]):
            out[k, c] = 0.0
        low = max(0, -((first - begin) // BLOCK))
        high = min(len(running) - 1, (end - first) // BLOCK)
        if low >= high:
            add_entries(v, y, begin, end, out[k])
            continue
        add_entries(v, y, begin, first + low * BLOCK, out[k])
        add_entries(v, y, first + high * BLOCK, end, out[k])
        for c in range(0, out.shape[1], 2):
            upper, lower = add(running[high, c], running[high, c + 1], -running[low, c], -running[low, c + 1])
            out[k, c], out[k, c + 1] = add(out[k, c], out[k, c + 1], upper, lower)


@compiled
def loss_and_gradient(table, counts, sums, out):
    """Fill the rows of `out`, two words each, with the loss and five derivatives over all pieces.

    r = x - target = E*w + C + d with d = w - target. E takes two words where x is much smaller than w.
    """
    for p in range(6):
        out[p, 0] = out[p, 1] = 0.0
    own = sums.shape[1] > 4
    for k in range(counts.size):
        e, c, n = table[k, E], table[k, C], counts[k]
        f = 0.0
        if e < -0.5:
            e, f = two_sum(table[k, A], -1.0)
        rh, rl = expand(e, f, sums[k, 0], sums[k, 1], c, n, 0.0)  # Σr
        wh, wl = expand(e, f, sums[k, 2], sums[k, 3], c, sums[k, 0], sums[k, 1])  # Σrw
        dh, dl = 0.0, 0.0  # Σrd
        if own:
            rh, rl = add(rh, rl, sums[k, 4], sums[k, 5])
            wh, wl = add(wh, wl, sums[k, 6], sums[k, 7])
            dh, dl = expand(e, f, sums[k, 6], sums[k, 7], c, sums[k, 4], sums[k, 5])
            dh, dl = add(dh, dl, sums[k, 8], sums[k, 9])
        high, low = expand(e, f, wh, wl, c, rh, rl)
        high, low = add(high, low, dh, dl)
        out[0, 0], out[0, 1] = add(out[0, 0], out[0, 1], 0.5 * high, 0.5 * low)
        for p in range(5):
            high, low = combine(table[k, DA + p], wh, wl, table[k, DC + p], rh, rl)
            out[p + 1, 0], out[p + 1, 1] = add(out[p + 1, 0], out[p + 1, 1], high, low)


@compiled
def gauss_newton(table, counts, sums, out):
    """Fill the 5×5 `out` with Σ (∂x/∂p)(∂x/∂q) over all pieces."""
    for p in range(5):
        for q in range(p, 5):
            th, tl = 0.0, 0.0
            for k in range(counts.size):
                e, c = table[k, DA + q], table[k, DC + q]
                wh, wl = combine(e, sums[k, 2], sums[k, 3], c, sums[k, 0], sums[k, 1])
                rh, rl = combine(e, sums[k, 0], sums[k, 1], c, counts[k], 0.0)
                high, low = combine(table[k, DA + p], wh, wl, table[k, DC + p], rh, rl)
                th, tl = add(th, tl, high, low)
            out[p, q] = out[q, p] = th
