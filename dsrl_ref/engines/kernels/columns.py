"""One layer of a block of columns, forward and back, entry by entry.

All matrices of a block arrive flat: arrays of n·(columns of the block) entries, in one order. Sums are kept in `LANES`
partial sums each, entry j in lane j % LANES, instead of in one variable: that lets the compiler vectorise. The caller
adds up the lanes.
"""

from dsrl_ref.engines.jit import compiled

LANES = 256


@compiled
def forward_layer(X, Z, offset, w1, w2, b1, b2):
    """Forward through one layer, in place.

    In: X is X_(i-1), Z holds DᵀDX_(i-1)/L, and `offset` is DᵀY/L, so that Z - offset is ∇f(X_(i-1))/L.
    Out: Z is Z_(i) = X_(i-1) - (Z - offset), and X is X_(i) = ξ(Z_(i)).
    """
    rise = b2 - b1
    for j in range(X.size):
        z = X[j] - (Z[j] - offset[j])
        Z[j] = z
        size = abs(z)
        sign = 1.0 if z >= 0.0 else -1.0
        past1 = 1.0 if (z >= b1) | (z < -b1) else 0.0
        past2 = 1.0 if (z >= b2) | (z < -b2) else 0.0
        X[j] = sign * (w2 * past2 * (size - b2) + w1 * (past2 * rise + (past1 - past2) * (size - b1)))


@compiled
def backward_layer(V, P, Z, offset, w1, w2, b1, b2, lanes):
    """Backward through one layer, in place.

    In: V - P is dJ/dX_(i), Z is Z_(i), and `offset` is DᵀY/L. In the last layer V is the residual and P is 0; below it
    V is dJ/dZ_(i+1) and P is DᵀD·dJ/dZ_(i+1)/L.
    Out: Z holds dJ/dZ_(i), which is dJ/dX_(i) times the slope of ξ.
    Added to `lanes`, an array (5, LANES), one row each:
    dw1; dw2; Σ dJ/dX·sign(z) over |z| past b1, and over |z| past b2, which the caller multiplies by -w1 and by w1 - w2
    for db1 and db2; and Σ (P·X_(i) - dJ/dZ_(i)·offset), which summed over all layers is L·dJ/dL, but for the P·X_(0)
    that the caller adds.
    """
    rise = b2 - b1
    in_w1, in_w2, past_b1, past_b2, in_step = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]
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
            cotangent = v[j] - p[j]
            pulled = cotangent * (past2 * w2 + (past1 - past2) * w1)
            in_w1[j] += cotangent * by_w1
            in_w2[j] += cotangent * by_w2
            past_b1[j] += cotangent * sign * past1
            past_b2[j] += cotangent * sign * past2
            in_step[j] += p[j] * (w1 * by_w1 + w2 * by_w2) - pulled * c[j]
            z[j] = pulled


@compiled
def forward_step(X, Z, offset, step, w1, w2, b1, b2):
    """Forward through one layer with a step of its own, in place.

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
def backward_step(V, P, Z, offset, step, w1, w2, b1, b2, lanes):
    """Backward through one layer, in place, where the layer above, i+1, has the step `step`, 1/L_(i+1).

    In: V - step·P is dJ/dX_(i), Z is Z_(i), and `offset` is DᵀY. In the last layer V is the residual and P is 0; below
    it V is dJ/dZ_(i+1) and P is DᵀD·dJ/dZ_(i+1).
    Out: Z holds dJ/dZ_(i).
    Added to `lanes`, an array (6, LANES), one row each:
    dw1; dw2; Σ dJ/dX·sign(z) over |z| past b1, and over |z| past b2, as in `backward_layer`, all four of layer i;
    Σ dJ/dZ_(i)·offset, also of layer i; and Σ P·X_(i), which is ⟨dJ/dZ_(i+1), DᵀDX_(i)⟩ and of layer i+1.
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
            cotangent = v[j] - step * p[j]
            pulled = cotangent * (past2 * w2 + (past1 - past2) * w1)
            in_w1[j] += cotangent * by_w1
            in_w2[j] += cotangent * by_w2
            past_b1[j] += cotangent * sign * past1
            past_b2[j] += cotangent * sign * past2
            in_data[j] += pulled * c[j]
            in_product[j] += p[j] * (w1 * by_w1 + w2 * by_w2)
            z[j] = pulled
