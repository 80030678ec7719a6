"""One layer of a block of columns, forward and back, entry by entry.

Sums go into lanes instead of one variable: that lets the compiler vectorise.
"""

from dsrl_ref.engines.jit import compiled

LANES = 256


@compiled
def forward_layer(X, Z, offset, w1, w2, b1, b2):
    """Z, a product that `offset` is to be subtracted from, becomes X - (Z - offset); then X = ξ(Z)."""
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
    """Put into Z its cotangent: V - P, that of X = ξ(Z), taken through ξ; add to the rows of lanes.

    Rows: (V - P)·∂ξ for w1 and w2; (V - P)·sign past b1, and past b2; and P·X less the cotangent of Z times offset.
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
