"""LeastSquares on the nonzeros, of the columns in which X has very few: one after the other, by groups of 8 rows.

Arrays and lists are those of `dsrl_ref.engines.kernels.support`, which forms all other columns.

An entry r of ∇f(X) = GX - C moves by no more than Σ_k |G_rk||Δ_k| when X moves by Δ. From a bound of |∇f| at X_(i-2)
follows one at X_(i-1), and where step·bound < b1 and X_(i-1) is 0, Z_(i) lies on the dead zone and need not be formed.
The bounds are those of **groups**, of 8 rows each, and take an eighth of the work of a product. Where they do not
tell, the 8 entries are formed, and their |∇f| is the next bound.

The bounds hold for what float64 makes of ∇f: whatever rounding may have lost is added to them, and where a sum might
overflow on its way, though ∇f is small, they tell nothing. A group is left out only if none of its entries would have
been listed, so that no bit of an answer depends on a bound.

* ``H`` (panels of groups, n, 64): H[T, k, v] is the largest |G_rk| of the rows r of group 64·T + v.
* ``bounds`` (panels of groups, B, 64): of |∇f(X)| on each group, for each column; those of X = 0 at first, |C|.
* ``whole`` (B,): which columns are left to `support`. A column whose bounds once told too little, or whose X once had
  too many entries, is left to it from then on.
* ``line`` (64 · panels,): room for one column, all its rows side by side; zeros before and after each.
"""

import numpy as np

from dsrl_ref.engines.intrinsics import lowest, one_column, one_vector, preactivation_of_eight
from dsrl_ref.engines.jit import compiled, pasted

WIDTH = 64  # groups of a panel of groups, and rows of a panel
ROWS = 8  # of a group
FEW = 32  # rows for each entry of a column, from which it has few
WORTH_LEAVING_OUT = 2  # groups for each that has to be formed, from which bounds save more time than they take
ROUNDING = 2.0**-50  # eight times what an operation rounds by; a sum of n terms loses less than n times as much
TINY = 1e-300  # more than all that underflows in a sum


@pasted
def move(before, lists, q, line, at, by):
    """Tell how far each entry of column q has moved, from X_(i-2), `before`, to X_(i-1).

    Out: the rows of those that have, in `at`, and how far, in `by`. The answer is how many they are, and Σ|X_(i-1)|.
    """
    (p_rows, p_x, p_start), (rows, x, start) = before, lists
    count, size = 0, 0.0
    for e in range(p_start[q], p_start[q + 1]):
        line[p_rows[e]] = p_x[e]
    for e in range(start[q], start[q + 1]):
        at[count], by[count] = rows[e], abs(x[e] - line[rows[e]])
        count += by[count] != 0.0
        size += abs(x[e])
        line[rows[e]] = 0.0
    for e in range(p_start[q], p_start[q + 1]):  # what is not listed any more
        at[count], by[count] = p_rows[e], abs(line[p_rows[e]])
        count += by[count] != 0.0
        line[p_rows[e]] = 0.0
    return count, size


@pasted
def groups_to_form(H, n, lists, q, at, by, moved, limit, bounds, change, groups):
    """Bring the bounds of column q up to X_(i-1), and number the groups that have to be formed, into `groups`.

    Those are the groups in which X_(i-1) is listed, or whose bound is not below the limit, as NaN is not. In: how far X
    has moved, as `move` tells it. `change` (1, 64) is room to work in. The answer is how many groups they are.
    """
    rows, _, start = lists
    rounding, count, e, bit = n * ROUNDING, 0, start[q], np.uint64(1)
    for T in range(H.shape[0]):
        one_column(H[T], at, by, 0, moved, groups, 0, change)  # all of a row, so that it reads no offsets in `groups`
        mask = np.uint64(0)
        for v in range(WIDTH):
            bounds[T, q, v] = (bounds[T, q, v] + change[0, v]) * (1.0 + rounding) + TINY
            mask |= np.uint64(not bounds[T, q, v] < limit) << np.uint64(v)
        while e < start[q + 1] and rows[e] < (T + 1) * WIDTH * ROWS:
            mask |= bit << np.uint64(rows[e] // ROWS % WIDTH)
            e += 1
        while mask != 0:
            groups[count] = T * WIDTH + lowest(mask)
            mask &= mask - bit
            count += groups[count] * ROWS < n
    return count


@compiled
def forward_layer(G, n, H, largest, before, lists, C, first, step, b1, room, bounds, whole, found, cuts):
    """One layer of the columns that have few entries: Z = X - step·(GX - C), of which the active ones are listed.

    In: X_(i-2) and X_(i-1) as lists, `before` and `lists`; `largest` of all |G_rk|; `bounds` that hold for X_(i-2), and
    `whole`. Out: bounds that hold for X_(i-1), columns more that are whole, and in `found` and `cuts` what
    `support.forward_layer` writes, where cuts[0] tells the places of all entries of a column. `room`, which is ``line``
    and room for n + 1 rows and values, is to work in. The answer is how many entries there are.
    """
    (rows, x, start), (line, at, by), (n_rows, n_z, n_g) = lists, room, found
    columns, count, bit, change = start.size - 1, np.int64(0), np.uint64(1), np.empty((1, WIDTH))
    groups = np.empty(H.shape[0] * WIDTH, np.int64)
    active, g, z = np.empty(groups.size, np.uint64), np.empty((groups.size, ROWS)), np.empty((groups.size, ROWS))
    for q in range(columns):
        begin, many = start[q], start[q + 1] - start[q]
        whole[q] |= many * FEW > n
        if whole[q]:
            continue
        moved, size = move(before, lists, q, line, at, by)
        # What rounding takes from an entry of GX is less than `slack`, which is ∞ where a sum may overflow on its way;
        # and float64's step·∇f is below b1 in size wherever a bound is below `limit`, whatever was rounded.
        slack = n * ROUNDING * (2.0 * (largest * size)) + TINY
        limit = (b1 - TINY) / step * (1.0 - 4.0 * n * ROUNDING) - 2.0 * slack
        formed = groups_to_form(H, n, lists, q, at, by, moved, limit, bounds, change, groups)
        whole[q] = formed * ROWS * WORTH_LEAVING_OUT > n
        if whole[q]:
            continue
        for e in range(begin, begin + many):
            line[rows[e]] = x[e]
        for i in range(formed):
            T, v, row = groups[i] // WIDTH, groups[i] % WIDTH, groups[i] * ROWS
            t, place, bound = row // WIDTH, row % WIDTH, (T * columns + q) * WIDTH + v
            active[i] = preactivation_of_eight(
                *(G[t], rows, x, begin, many, place, C[t], first + q, line, row, step, b1, g, z, i),
                *(bounds, bound, slack),
            )
        for e in range(begin, begin + many):
            line[rows[e]] = 0.0
        cuts[0, q, 0] = count
        for i in range(formed):
            mask, base = active[i], groups[i] * ROWS
            while mask != 0:
                r = lowest(mask)
                mask &= mask - bit
                n_rows[count], n_z[count], n_g[count] = base + r, z[i, r], g[i, r]
                count += 1  # rows beyond n have z = 0, and where b1 = 0 every group is formed, and the column is whole
        cuts[0, q, 1] = count
    return count


@compiled
def backward_product(G, rows, dZ, start, step, p_rows, p_start, line, whole, p_dX):
    """Backward through Z_(i) = X_(i-1) - step·∇f(X_(i-1)), of the columns in which dJ/dZ_(i) has few entries.

    In: dJ/dZ_(i) as lists, and where X_(i-1) is listed, `p_rows` and `p_start`. Out: `p_dX`, which is
    dJ/dX_(i-1) = dZ - step·G·dZ on the lists of X_(i-1), and `whole`, which columns are left to `support`.
    """
    product, place = np.empty((1, WIDTH)), np.empty(1, np.int64)
    for q in range(start.size - 1):
        begin, end = start[q], start[q + 1]
        whole[q] = (end - begin) * FEW > G.shape[1]
        if whole[q]:
            continue
        for e in range(begin, end):
            line[rows[e]] = dZ[e]
        before = np.int64(-1)
        for b in range(p_start[q], p_start[q + 1]):
            r = np.int64(p_rows[b])
            if r // ROWS != before:
                before, place[0] = r // ROWS, r % WIDTH // ROWS * ROWS
                one_vector(G[r // WIDTH], rows, dZ, begin, end - begin, place, 0, product)
            p_dX[b] = line[r] - step * product[0, r % WIDTH]
        for e in range(begin, end):
            line[rows[e]] = 0.0
