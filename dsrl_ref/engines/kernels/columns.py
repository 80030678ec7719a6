"""One layer of a block of columns, forward and back, entry by entry.

Sums go into lanes instead of one variable: that lets the compiler vectorise.
"""

from dsrl_ref.engines.jit import compiled

LANES = 256


@compiled
def forward_layer(Z, offset, X, w1, w2, b1, b2):
    """Z += offset, then X = ξ(Z)."""
    rise = b2 - b1
    for j in range(X.size):
        z = Z[j] + offset[j]
        Z[j] = z
        size = abs(z)
        sign = 1.0 if z >= 0.0 else -1.0
        past1 = 1.0 if (z >= b1) | (z < -b1) else 0.0
        past2 = 1.0 if (z >= b2) | (z < -b2) else 0.0
        X[j] = sign * (w2 * past2 * (size - b2) + w1 * (past2 * rise + (past1 - past2) * (size - b1)))


@compiled
def backward_layer(P, Z, before, u1, u2, a1, a2, w1, w2, b1, b2, lanes):
    """Put into Z its cotangent, which is P, that of this layer's X, taken through ξ; add to the rows of lanes.

    Rows: P·∂ξ for w1 and w2; P·sign past b1, and past b2; and the cotangent of Z times X - Z, where X, which the layer
    began with, is ξ of `before` with u1, u2, a1, a2: of the Z before, or with 1, 1, 0, 0 of X itself.
    """
    rise, first = b2 - b1, u1 * (a2 - a1)
    in_w1, in_w2, past_b1, past_b2, in_step = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]
    for start in range(0, Z.size, LANES):
        count = min(LANES, Z.size - start)
        end = start + count
        p, z, y = P[start:end], Z[start:end], before[start:end]
        for j in range(count):
            size = abs(z[j])
            sign = 1.0 if z[j] >= 0.0 else -1.0
            past1 = 1.0 if (z[j] >= b1) | (z[j] < -b1) else 0.0
            past2 = 1.0 if (z[j] >= b2) | (z[j] < -b2) else 0.0
            signed = sign * p[j]
            in_w1[j] += signed * (past2 * rise + (past1 - past2) * (size - b1))
            in_w2[j] += signed * past2 * (size - b2)
            past_b1[j] += signed * past1
            past_b2[j] += signed * past2
            pulled = p[j] * (past2 * w2 + (past1 - past2) * w1)
            size = abs(y[j])
            x = u1 * (size - a1) if size < a2 else first + u2 * (size - a2)
            x = x if size > a1 else 0.0
            in_step[j] += pulled * ((x if y[j] >= 0.0 else -x) - z[j])
            z[j] = pulled
