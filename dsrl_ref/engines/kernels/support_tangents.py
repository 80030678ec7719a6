"""Sensitivities of LeastSquares on the nonzeros, carried forward with the layers, and what is summed of them.

Lists, panels and the names of arrays are those of `dsrl_ref.engines.kernels.support`. A row of ``dX`` (entries, lanes)
belongs to an entry that is listed, and has the derivatives of its X_(i): five in the w1, w2, b1, b2 and L that all
layers share, or five in those of each layer, the first layer's first. Zeros fill it up to a multiple of `LANES`.
"""

import numpy as np

from dsrl_ref.engines.intrinsics import (
    eight_rows,
    eight_rows_of_three,
    eight_rows_of_two,
    four_rows,
    four_rows_of_three,
    four_rows_of_two,
    sixteen_rows,
)
from dsrl_ref.engines.jit import compiled, inlined, pasted

WIDTH = 64  # columns of a panel
LANES = 8  # of a vector
FEW = 32  # rows for each entry of a column, from which it has few


@inlined
def products(panel, rows, dX, first, count, offsets, wanted, out):
    """Multiply entries of a panel's columns by sensitivities: out[j] is Σ_k panel[rows[k], offsets[j]] · dX[k].

    The list is k = first, .., first + count - 1, and j runs over 0, .., `wanted` - 1. `offsets` and `out` go on after
    the last that is wanted.
    """
    lanes, lane = dX.shape[1], 0
    while lanes - lane >= 3 * LANES:
        j = 0
        while wanted - j > 4:
            eight_rows_of_three(panel, rows, dX, first, count, offsets, j, lane, out)
            j += 8
        if wanted > j:
            four_rows_of_three(panel, rows, dX, first, count, offsets, j, lane, out)
        lane += 3 * LANES
    if lanes - lane == 2 * LANES:
        j = 0
        while wanted - j > 4:
            eight_rows_of_two(panel, rows, dX, first, count, offsets, j, lane, out)
            j += 8
        if wanted > j:
            four_rows_of_two(panel, rows, dX, first, count, offsets, j, lane, out)
    if lanes - lane == LANES:
        j = 0
        while wanted - j > 12:
            sixteen_rows(panel, rows, dX, first, count, offsets, j, lane, out)
            j += 16
        if wanted - j > 4:
            eight_rows(panel, rows, dX, first, count, offsets, j, lane, out)
            j += 8
        if wanted > j:
            four_rows(panel, rows, dX, first, count, offsets, j, lane, out)


@pasted
def through_layer(panel, base, before, q, listed, begin, end, p, step, theta, place, offsets, product, dX):
    """Carry the sensitivities of entries begin, .., `end` - 1 of column q through a layer; all are rows of one panel.

    `p` is a place in the lists `before`, and none behind it is of a row above these. The answer is where it may go on.
    """
    (p_rows, p_dX, p_start), (rows, z, g), (w1, w2, b1, b2) = before, listed, theta
    pushed, lanes, rise, p_end = p_dX.shape[1], dX.shape[1], b2 - b1, p_start[q + 1]
    for e in range(begin, end):
        offsets[e - begin] = rows[e] - base
    products(panel, p_rows, p_dX, p_start[q], p_end - p_start[q], offsets, end - begin, product)
    for e in range(begin, end):
        while p < p_end and p_rows[p] < rows[e]:
            p += 1
        k = e - begin
        size = abs(z[e])
        sign = 1.0 if z[e] >= 0.0 else -1.0
        past2 = 1.0 if (z[e] >= b2) | (z[e] < -b2) else 0.0
        slope = past2 * w2 + (1.0 - past2) * w1
        if p < p_end and p_rows[p] == rows[e]:
            for s in range(pushed):
                dX[e, s] = p_dX[p, s] - step * product[k, s]
        else:
            for s in range(pushed):
                dX[e, s] = 0.0 - step * product[k, s]
        for s in range(pushed, lanes):
            dX[e, s] = 0.0
        dX[e, place + 4] += g[e] * step * step
        for s in range(lanes):
            dX[e, s] *= slope
        dX[e, place] += sign * (past2 * rise + (1.0 - past2) * (size - b1))
        dX[e, place + 1] += sign * past2 * (size - b2)
        dX[e, place + 2] -= sign * w1
        dX[e, place + 3] += sign * (w1 - w2) * past2
    return p


@compiled
def forward_tangents(
    G, p_rows, p_dX, p_start, rows, z, g, start, step, theta, place, first_panel, last_panel, at, p_at, dX
):
    """Carry the sensitivities through a layer, where X_(i) is listed in the panels from the first to before the last.

    In: `p_dX`, those of X_(i-1), on its lists `p_rows` and `p_start`, with the lanes of the layers up to it, perhaps
    none; and Z_(i) and ∇f(X_(i-1)) on the lists of X_(i). Out: `dX`, those of X_(i), which are slope·(p_dX -
    step·G·p_dX), and on the five lanes from `place` on, those of this layer's parameters, ∂ξ more; and in L ∇f·step²
    more before the slope. Only rows of G·p_dX that are listed in X_(i) are formed: with the first panel all of a column
    of which few are listed in X_(i-1), panel by panel those of the others. `at` and `p_at` (B,) keep where the panels
    before have ended.
    """
    before, listed = (p_rows, p_dX, p_start), (rows, z, g)
    product, offsets = np.zeros((WIDTH, dX.shape[1])), np.zeros(WIDTH, np.int64)
    for q in range(start.size - 1 if first_panel == 0 else 0):
        a, p = start[q], p_start[q]
        while (p_start[q + 1] - p_start[q]) * FEW <= G.shape[1] and a < start[q + 1]:
            own, begin = np.int64(rows[a]) // WIDTH, a
            while a < start[q + 1] and rows[a] < (own + 1) * WIDTH:
                a += 1
            there = G[own], own * WIDTH
            p = through_layer(*there, before, q, listed, begin, a, p, step, theta, place, offsets, product, dX)
        at[q], p_at[q] = a, p
    for t in range(first_panel, last_panel):
        for q in range(start.size - 1):
            a, p = at[q], p_at[q]
            while a < start[q + 1] and rows[a] < (t + 1) * WIDTH:
                a += 1
            if a == at[q]:
                continue
            p = through_layer(G[t], t * WIDTH, before, q, listed, at[q], a, p, step, theta, place, offsets, product, dX)
            at[q], p_at[q] = a, p


@compiled
def add_tangents(dX, residual, start, parameters, columns, sums, matrices):
    """Add up gradient and Gauss-Newton matrix over what is listed in each column.

    In: the sensitivities `dX` of X_(t), of so many parameters, and `residual`, X_(t) - X̃, on the lists of X_(t). Added
    to sums[q, 1:]: the gradient of column q, Σ dX·(x - x̃); to matrices[q // columns]: the upper triangle of the matrix
    Σ dX·dXᵀ, by rows. Every sum goes from entry to entry, in their order.
    """
    for q in range(start.size - 1):
        matrix = matrices[q // columns]
        for e in range(start[q], start[q + 1]):
            for s in range(parameters):
                sums[q, 1 + s] += dX[e, s] * residual[e]
        for e in range(start[q], start[q + 1] - 3, 4):
            k = 0
            for s in range(parameters):
                a, b, c, d = dX[e, s], dX[e + 1, s], dX[e + 2, s], dX[e + 3, s]
                for r in range(s, parameters):
                    sum2 = matrix[k] + a * dX[e, r] + b * dX[e + 1, r]
                    matrix[k] = sum2 + c * dX[e + 2, r] + d * dX[e + 3, r]
                    k += 1
        for e in range(start[q + 1] - (start[q + 1] - start[q]) % 4, start[q + 1]):
            k = 0
            for s in range(parameters):
                for r in range(s, parameters):
                    matrix[k] += dX[e, s] * dX[e, r]
                    k += 1
