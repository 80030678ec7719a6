"""Sums over sorted data in double-double, and over the pieces of the scalar map.

Tables of pieces are those of the kernels in scalar_map.py: A, E, C, DA and DC are the columns where its rows keep them.
"""

from dsrl_ref.engines.jit import compiled, inlined

A, E, C, DA, DC = 2, 3, 4, 7, 12
SUMS = 10  # Σw, Σw², Σd, Σdw, Σd², each in two words; the first two without a target of its own
BLOCK = 256  # entries between two rows of running sums
RUN = 32  # entries added before their sum's second word is: the fewer, the less rounds off it


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
def expand(e, f, ah, al, c, bh, bl, dh, dl):
    """(e + f)*a + c*b + d with a, b and d of two words, f a rounding error of e."""
    high, low = combine(e, ah, al, c, bh, bl)
    high, low = add(high, low, f * ah, 0.0)
    return add(high, low, dh, dl)


@inlined
def add_entries(v, y, begin, end, out):
    """Add the sums over v[begin:end] to the two words each of `out`."""
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
        if y.size == 0:
            continue
        s0 = s1 = s2 = t0 = t1 = t2 = 0.0
        for i in range(start, stop):
            w = v[i]
            d, c = two_sum(w, -y[i])
            s0, e = two_sum(s0, d)
            t0 += e + c
            p, r = two_product(d, w)
            s1, e = two_sum(s1, p)
            t1 += e + (r + c * w)
            p, r = two_product(d, d)
            s2, e = two_sum(s2, p)
            t2 += e + (r + 2.0 * d * c)
        out[4], out[5] = add(out[4], out[5], s0, t0)
        out[6], out[7] = add(out[6], out[7], s1, t1)
        out[8], out[9] = add(out[8], out[9], s2, t2)


@compiled
def block_sums(v, y, zero, first, last, sums):
    """Add to sums[k+1], for k in first..last-1, the sums over the k-th whole block, counted from `zero % BLOCK`."""
    for row in range(first, last):
        begin = zero % BLOCK + row * BLOCK
        add_entries(v, y, begin, begin + BLOCK, sums[row + 1])


@compiled
def accumulate(sums, start, stop, step):
    """Turn sums of blocks into running sums, from row `start` on."""
    for kind in range(0, sums.shape[1], 2):
        high, low = 0.0, 0.0
        for row in range(start, stop, step):
            high, low = add(high, low, sums[row, kind], sums[row, kind + 1])
            sums[row, kind], sums[row, kind + 1] = high, low


@compiled
def range_sums(v, y, zero, running, begins, ends, out):
    """Fill a row of `out` with the sums over v[begin:end], for each range; without a target only the first two."""
    first = zero % BLOCK
    for k in range(begins.size):
        begin, end, row = begins[k], ends[k], out[k]
        low, high = -((first - begin) // BLOCK), (end - first) // BLOCK
        low = low if low > 0 else 0
        high = high if high < len(running) else len(running) - 1
        stop, again = first + low * BLOCK, first + high * BLOCK
        if low >= high:  # no whole block
            low = high = 0
            stop = again = end
        for c in range(0, running.shape[1], 2):
            row[c], row[c + 1] = add(running[high, c], running[high, c + 1], -running[low, c], -running[low, c + 1])
        add_entries(v, y, begin, stop, row)
        add_entries(v, y, again, end, row)


@compiled
def loss_and_gradient(table, counts, sums, out):
    """Add to the rows of `out`, two words each, the loss and five derivatives over all pieces.

    r = x - target = E*w + C + d with d = w - target. E takes two words where x is much smaller than w.
    """
    for k in range(counts.size):
        e, c, f = table[k, E], table[k, C], 0.0
        if e < -0.5:
            e, f = two_sum(table[k, A], -1.0)
        sh, sl = sums[k, 0], sums[k, 1]  # Σw
        dh, dl, ph, pl = sums[k, 4], sums[k, 5], sums[k, 6], sums[k, 7]  # Σd and Σdw
        rh, rl = expand(e, f, sh, sl, c, counts[k], 0.0, dh, dl)  # Σr
        wh, wl = expand(e, f, sums[k, 2], sums[k, 3], c, sh, sl, ph, pl)  # Σrw
        dh, dl = expand(e, f, ph, pl, c, dh, dl, sums[k, 8], sums[k, 9])  # Σrd
        high, low = expand(e, f, wh, wl, c, rh, rl, dh, dl)
        high, low = 0.5 * high, 0.5 * low
        for p in range(6):
            if p > 0:
                high, low = combine(table[k, DA - 1 + p], wh, wl, table[k, DC - 1 + p], rh, rl)
            out[p, 0], out[p, 1] = add(out[p, 0], out[p, 1], high, low)


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
