"""The five sensitivities of LeastSquares on the nonzeros, carried forward with the layers, and what is summed of them.

Lists, panels and the names of arrays are those of `dsrl_ref.engines.kernels.support`. A row of ``dX`` (entries, 8)
belongs to an entry that is listed, and has the derivatives of its X_(i) in w1, w2, b1, b2 and L, then three zeros:
one vector.
"""

import numpy as np

from dsrl_ref.engines.intrinsics import eight_rows, four_rows, sixteen_rows
from dsrl_ref.engines.jit import compiled

WIDTH = 64  # columns of a panel
LANES = 8  # of a vector
PARAMETERS = 5
SUMS = 21  # a column: Σ(x - x̃)², the derivatives in w1, w2, b1, b2, L, and the upper triangle of the matrix, by rows


@compiled
def forward_tangents(G, p_rows, p_dX, p_start, rows, z, g, start, step, w1, w2, b1, b2, at, p_at, dX):
    """Carry the sensitivities through a layer.

    In: `p_dX`, those of X_(i-1), on its lists `p_rows` and `p_start`; and Z_(i) and ∇f(X_(i-1)) on the lists of X_(i).
    Out: `dX`, those of X_(i), which are ∂ξ + slope·(p_dX - step·G·p_dX), and in the column of L ∇f·step² more before
    the slope. Only rows of G·p_dX that are listed in X_(i) are formed. `at` and `p_at` (B,) are room to work in.
    """
    product, offsets = np.zeros((WIDTH, LANES)), np.zeros(WIDTH, np.int64)
    rise = b2 - b1
    for q in range(start.size - 1):
        at[q], p_at[q] = start[q], p_start[q]
    for t in range(G.shape[0]):
        base, panel = t * WIDTH, G[t]
        for q in range(start.size - 1):
            a, p, p_end = at[q], p_at[q], p_start[q + 1]
            while a < start[q + 1] and rows[a] < base + WIDTH:
                offsets[a - at[q]] = rows[a] - base
                a += 1
            j, wanted, begin = 0, a - at[q], p_start[q]
            while wanted - j > 12:
                sixteen_rows(panel, p_rows, p_dX, begin, p_end - begin, offsets, j, product)
                j += 16
            if wanted - j > 4:
                eight_rows(panel, p_rows, p_dX, begin, p_end - begin, offsets, j, product)
                j += 8
            if wanted > j:
                four_rows(panel, p_rows, p_dX, begin, p_end - begin, offsets, j, product)
            for e in range(at[q], a):
                while p < p_end and p_rows[p] < rows[e]:
                    p += 1
                k = e - at[q]
                for s in range(PARAMETERS):
                    own = p_dX[p, s] if p < p_end and p_rows[p] == rows[e] else 0.0
                    product[k, s] = own - step * product[k, s]
                size = abs(z[e])
                sign = 1.0 if z[e] >= 0.0 else -1.0
                past2 = 1.0 if (z[e] >= b2) | (z[e] < -b2) else 0.0
                slope = past2 * w2 + (1.0 - past2) * w1
                dX[e, 0] = sign * (past2 * rise + (1.0 - past2) * (size - b1)) + slope * product[k, 0]
                dX[e, 1] = sign * past2 * (size - b2) + slope * product[k, 1]
                dX[e, 2] = -sign * w1 + slope * product[k, 2]
                dX[e, 3] = sign * (w1 - w2) * past2 + slope * product[k, 3]
                dX[e, 4] = slope * (product[k, 4] + g[e] * step * step)
                dX[e, 5] = dX[e, 6] = dX[e, 7] = 0.0
            at[q], p_at[q] = a, p


@compiled
def add_tangents(dX, residual, start, sums):
    """Add up gradient and matrix over what is listed in each column.

    In: the sensitivities `dX` of X_(t), and `residual`, X_(t) - X̃, on the lists of X_(t). Added to sums[q, 1:6]: the
    gradient Σ dX·(x - x̃); to sums[q, 6:21]: the upper triangle of the matrix Σ dX·dXᵀ, by rows.
    """
    for q in range(start.size - 1):
        for e in range(start[q], start[q + 1]):
            k = 1 + PARAMETERS
            for s in range(PARAMETERS):
                sums[q, 1 + s] += dX[e, s] * residual[e]
                for r in range(s, PARAMETERS):
                    sums[q, k] += dX[e, s] * dX[e, r]
                    k += 1
