"""LeastSquares on the nonzeros, one layer of a block of columns at a time, forward and back.

What the arrays hold, here, in `support_sparse` and in `support_tangents`:

* ``G`` (panels, n, 64): DᵀD in panels of 64 columns, the last one filled up with zeros. ``C`` and ``target``
  (panels, m, 64): DᵀY and X̃, of all m columns, cut in the same way; ``C[t, j]`` are the rows 64·t.. of column j.
* **Lists**, of B columns: ``rows[start[q] : start[q + 1]]`` are the rows of column q that are listed, ascending, and
  the same places of other arrays hold what belongs to them: ``x``, ``z``, ``g``. ``start`` has B + 1 entries. X_(i)
  is listed where Z_(i) is active, b1 <= z or z < -b1; elsewhere X_(i), its cotangent and its sensitivities are 0.
* ``whole`` (B,): which columns have more than very few entries: the products of all others are `support_sparse`'s.
* ``first``: the number, among the m columns, of the column that is q = 0 of the block.
* ``u_rows``, ``u_values``, ``u_start``: the lists once more, of every four columns with much in common: see `unions`.

A product of G and a list takes the rows in ascending order, whichever of its forms computes it, so that the forms
agree to the last bit: see `dsrl_ref.engines.intrinsics`.
"""

import numpy as np

from dsrl_ref.engines.intrinsics import (
    four_vectors,
    half_of_four_columns,
    lowest,
    one_column,
    one_vector,
    preactivation,
    two_vectors,
)
from dsrl_ref.engines.jit import compiled

WIDTH = 64  # columns of a panel
LANES = 8  # of a vector
WORTH_A_UNION = 0.75  # of n: the entries of four columns from which they share a pass over a panel, if it saves as much
ALMOST_ALL = 7  # vectors of a row of a panel, from which all 8 take no longer
EVERY_ROW = np.uint64(0xFFFFFFFFFFFFFFFF)


@compiled
def add_products(panel, rows, values, start, out):
    """Add to out[q] (64,) the product of a transposed panel and list q: how DᵀD and DᵀY are made from D.

    In: a panel (k, 64) of D, some of its columns, and lists of the k rows, of the columns of D or of Y. Out: `out`
    (columns, 64), a panel of DᵀD or DᵀY.
    """
    none, product = np.empty(0, np.int64), np.empty((1, WIDTH))
    for q in range(start.size - 1):
        one_column(panel, rows, values, start[q], start[q + 1] - start[q], none, 0, product)
        for r in range(WIDTH):
            out[q, r] += product[0, r]


@compiled
def unions(n, rows, values, start, u_rows, u_values, u_start, line):
    """List together every four columns with so much in common that one pass over a panel serves them all.

    In: lists of B columns, of n rows. Out: for the columns 4·k, .., 4·k + 3 the rows of any of them are
    u_rows[u_start[k] : u_start[k + 1]], ascending, and a row of `u_values` (entries, 4) has the four values side by
    side, 0 where a column has no entry. Where four lists by themselves are less work, u_start[k] == u_start[k + 1],
    and so it is for the one to three columns at the end that are no four. `line` (n, 4) is room to work in.
    """
    end = 0
    for k in range(u_start.size - 1):
        u_start[k] = end
        q = 4 * k
        if q + 4 > start.size - 1:
            continue
        total = start[q + 4] - start[q]
        if total <= WORTH_A_UNION * n:
            continue
        for p in range(n):
            for s in range(4):
                line[p, s] = 0.0
        for s in range(4):
            for e in range(start[q + s], start[q + s + 1]):
                line[rows[e], s] = values[e]
        for p in range(n):
            u_rows[end] = p
            listed = False
            for s in range(4):
                u_values[end, s] = line[p, s]
                listed |= line[p, s] != 0.0
            end += listed
        if end - u_start[k] > WORTH_A_UNION * total:
            end = u_start[k]
    u_start[u_start.size - 1] = end


@compiled
def forward_layer(
    G, n, rows, x, start, u_rows, u_values, u_start, C, first, step, b1, at, whole, count, n_rows, n_z, n_g, cuts
):
    """One layer of a block: Z = X - step·(GX - C), of which the active entries are listed.

    In: X_(i-1) as lists, and ``whole`` (B,), which columns are formed here: the others are by `support_sparse`, which
    has found `count` entries before. Out, in the order of the work, panel by panel: ``n_rows``, ``n_z`` and ``n_g``,
    the row, Z_(i) and ∇f(X_(i-1)) of each active entry, after those that are there; those of panel t and column q are
    at cuts[t, q, 0], .., cuts[t, q, 1] - 1. `at` (B,) is room to work in. The answer is how many there are in all. A Z
    that is NaN is listed, so that it is found.
    """
    products, z, own, offsets = np.empty((5, WIDTH)), np.empty(WIDTH), np.zeros(WIDTH), np.arange(0, WIDTH, LANES)
    one, bit = products[4:], np.uint64(1)
    for q in range(start.size - 1):
        at[q] = start[q]
    for t in range(G.shape[0]):
        base, panel, offset_of = t * WIDTH, G[t], C[t]
        inside = EVERY_ROW if n - base >= WIDTH else (bit << np.uint64(n - base)) - bit
        for q in range(start.size - 1):
            row, begin, many = q % 4, u_start[q // 4], u_start[q // 4 + 1] - u_start[q // 4]
            if many and row == 0:
                half_of_four_columns(panel, u_rows, u_values, begin, many, offsets, 0, products)
                half_of_four_columns(panel, u_rows, u_values, begin, many, offsets, 4, products)
            if not whole[q]:
                continue
            if many == 0:
                row = 4
                one_column(panel, rows, x, start[q], start[q + 1] - start[q], offsets, 0, one)
            e = at[q]
            while e < start[q + 1] and rows[e] < base + WIDTH:
                own[rows[e] - base] = x[e]
                e += 1
            mask = preactivation(products, row, offset_of, first + q, own, step, b1, z) & inside
            for k in range(at[q], e):
                own[rows[k] - base] = 0.0
            at[q] = e
            cuts[t, q, 0] = count
            while mask != 0:
                r = lowest(mask)
                mask &= mask - bit
                n_rows[count], n_z[count], n_g[count] = base + r, z[r], products[row, r]
                count += 1
            cuts[t, q, 1] = count
    return count


@compiled
def count_ties(G, n, rows, x, start, u_rows, u_values, u_start, C, first, step, b1, b2, at):
    """Count the entries of Z_(i), listed or not, that sit on a knot, b1 or b2 in size.

    The arguments are those of `forward_layer`, and so is the arithmetic, bit for bit; nothing is written but `at`.
    """
    products, z, own, offsets = np.empty((5, WIDTH)), np.empty(WIDTH), np.zeros(WIDTH), np.arange(0, WIDTH, LANES)
    one = products[4:]
    for q in range(start.size - 1):
        at[q] = start[q]
    count = np.int64(0)
    for t in range(G.shape[0]):
        base, panel, offset_of = t * WIDTH, G[t], C[t]
        for q in range(start.size - 1):
            row, begin, many = q % 4, u_start[q // 4], u_start[q // 4 + 1] - u_start[q // 4]
            if many == 0:
                row = 4
                one_column(panel, rows, x, start[q], start[q + 1] - start[q], offsets, 0, one)
            elif row == 0:
                half_of_four_columns(panel, u_rows, u_values, begin, many, offsets, 0, products)
                half_of_four_columns(panel, u_rows, u_values, begin, many, offsets, 4, products)
            while at[q] < start[q + 1] and rows[at[q]] < base + WIDTH:
                own[rows[at[q]] - base] = x[at[q]]
                at[q] += 1
            preactivation(products, row, offset_of, first + q, own, step, b1, z)
            for r in range(min(WIDTH, n - base)):
                own[r] = 0.0
                count += (abs(z[r]) == b1) | (abs(z[r]) == b2)
    return count


@compiled
def pack_layer(n_rows, n_z, n_g, cuts, whole, w1, w2, b1, b2, rows, z, g, x, start):
    """Bring what was found into the order of the columns, as lists, and apply ξ.

    In: `n_rows`, `n_z`, `n_g` and `cuts` as `forward_layer` has filled them for the columns that are `whole`; of the
    others all is at cuts[0, q, 0], .., cuts[0, q, 1] - 1. Out: the lists of the active entries, `rows` with
    Z_(i) in `z`, ∇f(X_(i-1)) in `g` and X_(i) = ξ(Z_(i)) in `x`, and `start` (B + 1,). Returns how many entries of
    X_(i) are not finite.
    """
    rise, columns, end, wrong = b2 - b1, start.size - 1, np.int64(0), np.int64(0)
    for q in range(columns):
        start[q] = end
        for t in range(cuts.shape[0] if whole[q] else 1):
            for k in range(cuts[t, q, 0], cuts[t, q, 1]):
                rows[end], z[end], g[end] = n_rows[k], n_z[k], n_g[k]
                end += 1
    start[columns] = end
    for e in range(end):
        size = abs(z[e])
        sign = 1.0 if z[e] >= 0.0 else -1.0
        past2 = 1.0 if (z[e] >= b2) | (z[e] < -b2) else 0.0
        x[e] = sign * (w2 * past2 * (size - b2) + w1 * (past2 * rise + (1.0 - past2) * (size - b1)))
        wrong += not abs(x[e]) < np.inf
    return wrong


@compiled
def residual(rows, x, start, target, first, dX, sums):
    """Subtract the target from X_(t).

    In: X_(t) as lists, and the panels of X̃. Out: `dX` has X_(t) - X̃ where X_(t) is listed. Added to sums[q, 0]: the
    squares of X_(t) - X̃ in all rows of column q, also where X_(t) is 0; they are added up in 64 sums, those of a row
    of the panels, so that the compiler vectorises, and then in order.
    """
    lanes, d = np.empty(WIDTH), np.empty(WIDTH)
    for q in range(start.size - 1):
        e, end = start[q], start[q + 1]
        for r in range(WIDTH):
            lanes[r] = 0.0
        for t in range(target.shape[0]):
            base = t * WIDTH
            for r in range(WIDTH):
                d[r] = -target[t, first + q, r]
            while e < end and rows[e] < base + WIDTH:
                d[rows[e] - base] += x[e]
                dX[e] = d[rows[e] - base]
                e += 1
            for r in range(WIDTH):
                lanes[r] += d[r] * d[r]
        for r in range(WIDTH):
            sums[q, 0] += lanes[r]


@compiled
def backward_layer(z, g, start, step, w1, w2, b1, b2, dX, place, sums):
    """Backward through ξ, in place.

    In: Z_(i) and ∇f(X_(i-1)) on the lists of layer i, and `dX`, dJ/dX_(i) on the same lists. Out: `dX` holds dJ/dZ_(i).
    Added to sums[q], to the five entries from `place` on: the derivatives in w1 and w2; what -w1 and w1 - w2 are to be
    multiplied by for those in b1 and b2; and Σ dZ·step·∇f, which is to be divided by L for that in L.
    """
    rise = b2 - b1
    for q in range(start.size - 1):
        in_w1 = in_w2 = past_b1 = past_b2 = in_L = 0.0
        for e in range(start[q], start[q + 1]):
            size = abs(z[e])
            sign = 1.0 if z[e] >= 0.0 else -1.0
            past2 = 1.0 if (z[e] >= b2) | (z[e] < -b2) else 0.0
            signed = dX[e] * sign
            dZ = dX[e] * (past2 * w2 + (1.0 - past2) * w1)
            in_w1 += signed * (past2 * rise + (1.0 - past2) * (size - b1))
            in_w2 += signed * past2 * (size - b2)
            past_b1 += signed
            past_b2 += signed * past2
            in_L += dZ * (step * g[e])
            dX[e] = dZ
        sums[q, place] += in_w1
        sums[q, place + 1] += in_w2
        sums[q, place + 2] += past_b1
        sums[q, place + 3] += past_b2
        sums[q, place + 4] += in_L


@compiled
def backward_product(G, rows, dZ, start, u_rows, u_values, u_start, step, p_rows, p_start, at, whole, p_at, p_dX):
    """Backward through Z_(i) = X_(i-1) - step·∇f(X_(i-1)), of the columns that are `whole`.

    In: dJ/dZ_(i) as lists, once by columns and once by fours, and where X_(i-1) is listed, `p_rows` and `p_start`. Out:
    `p_dX`, which is dJ/dX_(i-1) = dZ - step·G·dZ on the lists of X_(i-1). Of a product only those vectors of 8 rows
    are formed that have one of these rows. `at` and `p_at` (B,) are room to work in.
    """
    products, every = np.empty((5, WIDTH)), np.arange(0, WIDTH, LANES)
    one, offsets = products[4:], np.empty(WIDTH // LANES, np.int64)
    for q in range(start.size - 1):
        at[q], p_at[q] = start[q], p_start[q]
    for t in range(G.shape[0]):
        base, panel = t * WIDTH, G[t]
        for q in range(start.size - 1):
            row, begin, many = q % 4, u_start[q // 4], u_start[q // 4 + 1] - u_start[q // 4]
            if many and row == 0:
                half_of_four_columns(panel, u_rows, u_values, begin, many, every, 0, products)
                half_of_four_columns(panel, u_rows, u_values, begin, many, every, 4, products)
            if not whole[q]:
                continue
            a, vectors, before = p_at[q], 0, np.int64(-1)
            while a < p_start[q + 1] and p_rows[a] < base + WIDTH:
                offset = np.int64(p_rows[a] - base) & -LANES
                vectors += offset != before
                offsets[vectors - 1] = before = offset
                a += 1
            if many == 0:
                row, begin, many, j = 4, start[q], start[q + 1] - start[q], 0
                if vectors >= ALMOST_ALL:
                    one_column(panel, rows, dZ, begin, many, offsets, 0, one)
                    j = vectors
                if vectors - j >= 4:
                    four_vectors(panel, rows, dZ, begin, many, offsets, j, one)
                    j += 4
                if vectors - j >= 2:
                    two_vectors(panel, rows, dZ, begin, many, offsets, j, one)
                    j += 2
                if vectors > j:
                    one_vector(panel, rows, dZ, begin, many, offsets, j, one)
            e = at[q]
            for b in range(p_at[q], a):
                while e < start[q + 1] and rows[e] < p_rows[b]:
                    e += 1
                own = dZ[e] if e < start[q + 1] and rows[e] == p_rows[b] else 0.0
                p_dX[b] = own - step * products[row, p_rows[b] - base]
            at[q], p_at[q] = e, a
