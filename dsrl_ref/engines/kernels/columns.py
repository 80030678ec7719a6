"""One layer of some columns: forward, back, and forward with sensitivities, entry by entry.

Forward and back, all matrices of a block arrive flat: arrays of n·(columns of the block) entries, in one order. Sums
are kept in `LANES` partial sums each, entry j in lane j % LANES, instead of in one variable: that lets the compiler
vectorise. The caller adds up the lanes.

Sensitivities are kept where they are not 0: `rows` lists, in ascending order, the rows of X in which an entry of any
of the columns is active, which is past b1. dX has such a row each: for the first parameter all columns, for the next
all columns, and so on.
"""

from dsrl_ref.engines.jit import compiled

LANES = 256


@compiled
def forward_layer(X, Z, offset, step, w1, w2, b1, b2):
    """Forward through one layer, in place.

    In: X is X_(i-1), Z holds DᵀDX_(i-1), `offset` is DᵀY, so that Z - offset is ∇f(X_(i-1)), and `step` is 1/L_i.
    Out: Z is Z_(i) = X_(i-1) - step·(Z - offset), and X is X_(i) = ξ(Z_(i)).
    """
    rise = b2 - b1
    for j in range(X.size):
        z = X[j] - step * (Z[j] - offset[j])
        Z[j] = z
        size = abs(z)
        sign = 1.0 if z >= 0.0 else -1.0
        past1 = 1.0 if (z >= b1) | (z < -b1) else 0.0
        past2 = 1.0 if (z >= b2) | (z < -b2) else 0.0
        X[j] = sign * (w2 * past2 * (size - b2) + w1 * (past2 * rise + (past1 - past2) * (size - b1)))


@compiled
def backward_layer(V, P, Z, offset, step, own_step, w1, w2, b1, b2, lanes):
    """Backward through one layer, in place. Its `own_step` is 1/L_i; `step` is that of the layer above, 1/L_(i+1).

    In: V - step·P is dJ/dX_(i), Z is Z_(i), and `offset` is DᵀY. In the last layer V is the residual and P is 0; below
    it V is dJ/dZ_(i+1) and P is DᵀD·dJ/dZ_(i+1).
    Out: Z holds dJ/dZ_(i).
    Added to `lanes`, an array (6, LANES), one row each:
    dw1; dw2; Σ dJ/dX·sign(z) over |z| past b1, and over |z| past b2, which the caller multiplies by -w1 and by w1 - w2
    for db1 and db2, all four of layer i; Σ dJ/dZ_(i)·offset/L_i, also of layer i; and Σ P·X_(i)/L_(i+1), which is
    ⟨dJ/dZ_(i+1), DᵀDX_(i)⟩/L_(i+1) and of layer i+1. The last two are divided term by term, which gives them the
    unit of X²: in that of (DX)² they would overflow or vanish where D is written in a very large or small unit.
    """
    rise = b2 - b1
    in_w1, in_w2, past_b1, past_b2, in_data, in_product = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5]
    for start in range(0, Z.size, LANES):
        count = min(LANES, Z.size - start)
        end = start + count
        v, p, z, c = V[start:end], P[start:end], Z[start:end], offset[start:end]
        for j in range(count):
            size = abs(z[j])
            sign = 1.0 if z[j] >= 0.0 else -1.0
            past1 = 1.0 if (z[j] >= b1) | (z[j] < -b1) else 0.0
            past2 = 1.0 if (z[j] >= b2) | (z[j] < -b2) else 0.0
            by_w1 = sign * (past2 * rise + (past1 - past2) * (size - b1))
            by_w2 = sign * past2 * (size - b2)
            moved = step * p[j]
            cotangent = v[j] - moved
            pulled = cotangent * (past2 * w2 + (past1 - past2) * w1)
            in_w1[j] += cotangent * by_w1
            in_w2[j] += cotangent * by_w2
            past_b1[j] += cotangent * sign * past1
            past_b2[j] += cotangent * sign * past2
            in_data[j] += pulled * (own_step * c[j])
            in_product[j] += moved * (w1 * by_w1 + w2 * by_w2)
            z[j] = pulled


@compiled
def forward_listed(X, g, step, w1, w2, b1, b2, Z, rows):
    """Forward through one layer by its gradient, in place; count and list the rows with an active entry.

    In: X is X_(i-1), n×(some columns), g is ∇f(X_(i-1)), and `step` is 1/L_i.
    Out: Z is Z_(i), X is X_(i), and the first of `rows` are the numbers of those rows, as many as are returned.
    """
    n, columns = X.shape
    rise, count = b2 - b1, 0
    for p in range(n):
        active = False
        for q in range(columns):
            z = X[p, q] - step * g[p, q]
            Z[p, q] = z
            size = abs(z)
            sign = 1.0 if z >= 0.0 else -1.0
            past1 = 1.0 if (z >= b1) | (z < -b1) else 0.0
            past2 = 1.0 if (z >= b2) | (z < -b2) else 0.0
            X[p, q] = sign * (w2 * past2 * (size - b2) + w1 * (past2 * rise + (past1 - past2) * (size - b1)))
            active |= past1 > 0.0
        if active:
            rows[count] = p
            count += 1
    return count


@compiled
def gather(matrix, rows, columns, out):
    """Copy the entries in the listed rows and columns."""
    for p in range(rows.size):
        line, copy = matrix[rows[p]], out[p]
        for q in range(columns.size):
            copy[q] = line[columns[q]]


@compiled
def forward_tangents(before, dX, product, rows, Z, g, step, w1, w2, b1, b2, first, slopes, out):
    """Carry sensitivities through one layer, (11) and (16): slope·(dX - step·DᵀD·dX), and what begins in this layer.

    In: dX is dX_(i-1), on the rows `before`; `product` is DᵀD·dX on the rows `rows`, which are those of layer i; Z is
    Z_(i), and g is ∇f(X_(i-1)), n×(some columns); `slopes` is room for a row of dX. The derivatives (12), (13) and (17)
    are added to those in the five parameters from number `first` on.
    Out: `out` is dX_(i) on the rows `rows`, in no fewer parameters than dX has.
    """
    columns, rise, known, k = Z.shape[1], b2 - b1, dX.shape[1], 0
    for p in range(rows.size):
        row, line, pulled = rows[p], out[p], product[p]
        line[:] = 0.0
        for q in range(columns):
            z, at = Z[row, q], first * columns + q
            size = abs(z)
            sign = 1.0 if z >= 0.0 else -1.0
            past1 = 1.0 if (z >= b1) | (z < -b1) else 0.0
            past2 = 1.0 if (z >= b2) | (z < -b2) else 0.0
            slope = past2 * w2 + (past1 - past2) * w1
            line[at] = sign * (past2 * rise + (past1 - past2) * (size - b1))  # (12)
            line[at + columns] = sign * past2 * (size - b2)
            line[at + 2 * columns] = -sign * w1 * past1  # (13)
            line[at + 3 * columns] = sign * (w1 - w2) * past2
            line[at + 4 * columns] = slope * (g[row, q] * step * step)  # (17)
            slopes[q] = slope
        for j in range(columns, known):
            slopes[j] = slopes[j - columns]
        while k < before.size and before[k] < row:
            k += 1
        if k < before.size and before[k] == row:
            dx = dX[k]
            for j in range(known):
                line[j] += slopes[j] * (dx[j] - step * pulled[j])
        else:
            for j in range(known):
                line[j] -= slopes[j] * step * pulled[j]
