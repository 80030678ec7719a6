"""One layer of a block of columns, forward and back, entry by entry.

X is changed in place, and sums go into lanes instead of one variable: both let the compiler vectorise.
"""

from dsrl_ref.engines.jit import compiled

LANES = 256


@compiled
def forward_layer(X, G, Y, Z, step, w1, w2, b1, b2):
    """G = G - Y and Z = X - step*G, then X = ξ(Z)."""
    rise = b2 - b1
    for j in range(X.size):
        g = G[j] - Y[j]
        G[j] = g
        z = X[j] - step * g
        Z[j] = z
        size = abs(z)
        right = z >= 0.0
        sign = 1.0 if right else -1.0
        past1 = 1.0 if (size > b1 or (right and size == b1)) else 0.0
        past2 = 1.0 if (size > b2 or (right and size == b2)) else 0.0
        X[j] = sign * (w2 * past2 * (size - b2) + w1 * (past2 * rise + (past1 - past2) * (size - b1)))


@compiled
def backward_layer(V, P, Z, G, step, w1, w2, b1, b2, lanes):
    """Take V - step*P, the cotangent of this layer's X, through ξ in place, adding to the sums in the rows of lanes.

    Rows: V·∂ξ for w1 and w2; V·sign past b1, and past b2; and the new V times G.
    """
    rise = b2 - b1
    in_w1, in_w2, past_b1, past_b2, in_step = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]
    for start in range(0, V.size, LANES):
        count = min(LANES, V.size - start)
        end = start + count
        v, p, z, g = V[start:end], P[start:end], Z[start:end], G[start:end]
        for j in range(count):
            size = abs(z[j])
            right = z[j] >= 0.0
            sign = 1.0 if right else -1.0
            past1 = 1.0 if (size > b1 or (right and size == b1)) else 0.0
            past2 = 1.0 if (size > b2 or (right and size == b2)) else 0.0
            cotangent = v[j] - step * p[j]
            signed = sign * cotangent
            in_w1[j] += signed * (past2 * rise + (past1 - past2) * (size - b1))
            in_w2[j] += signed * past2 * (size - b2)
            past_b1[j] += signed * past1
            past_b2[j] += signed * past2
            pulled = cotangent * (past2 * w2 + (past1 - past2) * w1)
            in_step[j] += pulled * g[j]
            v[j] = pulled
