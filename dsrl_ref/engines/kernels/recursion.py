"""All layers of an entry in one pass, with the five sensitivities beside the value.

`CHUNK` entries go through the layers together, without branches, so that the compiler vectorises across them. A block
is a fixed number of entries, and every row of an output belongs to one block and is written once: any number of threads
gives the same bits.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

CHUNK = 256  # entries that go through the layers side by side
SUMS = 6  # columns of the sums: the loss, then its derivatives in w1, w2, b1, b2, L
PRODUCTS = 15  # of the upper triangle of the Gauss-Newton matrix, row by row


@inlined
def run_layers(w, x, d1, d2, d3, d4, d5, layers, w1, w2, b1, b2, L):
    """Carry x and its derivatives d1, .., d5 in w1, w2, b1, b2, L through all layers, in place.

    In: w, and x = X_(0), of one size. Out: x is X_(t), and d1, .., d5, whose content before does not matter, are its
    derivatives.
    """
    step = 1.0 / L
    rise = b2 - b1
    for j in range(x.size):
        d1[j] = d2[j] = d3[j] = d4[j] = d5[j] = 0.0
    for _ in range(layers):
        for j in range(x.size):
            g = x[j] - w[j]
            z = x[j] - step * g
            size = abs(z)
            right = z >= 0.0
            sign = 1.0 if right else -1.0
            past1 = 1.0 if (size > b1 or (right and size == b1)) else 0.0
            past2 = 1.0 if (size > b2 or (right and size == b2)) else 0.0
            outer = past2 * (size - b2)
            middle = past2 * rise + (past1 - past2) * (size - b1)
            slope = past2 * w2 + (past1 - past2) * w1
            x[j] = sign * (w2 * outer + w1 * middle)
            d1[j] = slope * (d1[j] - step * d1[j]) + sign * middle
            d2[j] = slope * (d2[j] - step * d2[j]) + sign * outer
            d3[j] = slope * (d3[j] - step * d3[j]) - sign * w1 * past1
            d4[j] = slope * (d4[j] - step * d4[j]) + sign * (w1 - w2) * past2
            d5[j] = slope * (d5[j] - step * d5[j] + step * step * g)


@inlined
def add_residuals(x, target, d1, d2, d3, d4, d5, out):
    """Add ½Σr² and Σr·d1, .., Σr·d5 over some entries to the SUMS numbers of `out`, where r = x - target."""
    s0 = s1 = s2 = s3 = s4 = s5 = 0.0
    for j in range(x.size):
        r = x[j] - target[j]
        s0 += 0.5 * r * r
        s1 += r * d1[j]
        s2 += r * d2[j]
        s3 += r * d3[j]
        s4 += r * d4[j]
        s5 += r * d5[j]
    out[0] += s0
    out[1] += s1
    out[2] += s2
    out[3] += s3
    out[4] += s4
    out[5] += s5


@inlined
def add_products(d1, d2, d3, d4, d5, out):
    """Add the sums of the products of each two of d1, .., d5 over some entries to the PRODUCTS numbers of `out`."""
    s11 = s12 = s13 = s14 = s15 = s22 = s23 = s24 = s25 = s33 = s34 = s35 = s44 = s45 = s55 = 0.0
    for j in range(d1.size):
        a, b, c, d, e = d1[j], d2[j], d3[j], d4[j], d5[j]
        s11, s12, s13, s14, s15 = s11 + a * a, s12 + a * b, s13 + a * c, s14 + a * d, s15 + a * e
        s22, s23, s24, s25 = s22 + b * b, s23 + b * c, s24 + b * d, s25 + b * e
        s33, s34, s35 = s33 + c * c, s34 + c * d, s35 + c * e
        s44, s45, s55 = s44 + d * d, s45 + d * e, s55 + e * e
    for k, total in enumerate((s11, s12, s13, s14, s15, s22, s23, s24, s25, s33, s34, s35, s44, s45, s55)):
        out[k] += total


@inlined
def add_chunk(w, x0, target, layers, w1, w2, b1, b2, L, x, dx, sums):
    """Take the entries of a chunk through the layers, and add what they give to the SUMS numbers of `sums`.

    Out: `x` (CHUNK,) begins with their X_(t), and the five rows of `dx` (5, CHUNK) with its derivatives.
    """
    c = w.size
    x, d1, d2, d3, d4, d5 = x[:c], dx[0, :c], dx[1, :c], dx[2, :c], dx[3, :c], dx[4, :c]
    for j in range(c):
        x[j] = x0[j]
    run_layers(w, x, d1, d2, d3, d4, d5, layers, w1, w2, b1, b2, L)
    add_residuals(x, target, d1, d2, d3, d4, d5, sums)


@compiled
def loss_and_gradient(w, x0, target, block, layers, w1, w2, b1, b2, L, sums):
    """Fill the rows of `sums` (blocks, SUMS), one for each `block` entries of w, x0 and target."""
    x, dx = np.empty(CHUNK), np.empty((5, CHUNK))
    for row in range(len(sums)):
        end = min(w.size, (row + 1) * block)
        for k in range(SUMS):
            sums[row, k] = 0.0
        for start in range(row * block, end, CHUNK):
            stop = min(start + CHUNK, end)
            v, y, goal = w[start:stop], x0[start:stop], target[start:stop]
            add_chunk(v, y, goal, layers, w1, w2, b1, b2, L, x, dx, sums[row])


@compiled
def gauss_newton(w, x0, target, block, layers, w1, w2, b1, b2, L, sums, products):
    """Fill the rows of `sums` as `loss_and_gradient` does, and add Σ (∂x/∂p)(∂x/∂q) over all entries to `products`.

    `products` (5, 5) is filled on and above its diagonal. The sums over a block are formed by themselves.
    """
    x, dx, own = np.empty(CHUNK), np.empty((5, CHUNK)), np.empty(PRODUCTS)
    for row in range(len(sums)):
        end = min(w.size, (row + 1) * block)
        for k in range(SUMS):
            sums[row, k] = 0.0
        for k in range(PRODUCTS):
            own[k] = 0.0
        for start in range(row * block, end, CHUNK):
            stop = min(start + CHUNK, end)
            v, y, goal, c = w[start:stop], x0[start:stop], target[start:stop], stop - start
            add_chunk(v, y, goal, layers, w1, w2, b1, b2, L, x, dx, sums[row])
            add_products(dx[0, :c], dx[1, :c], dx[2, :c], dx[3, :c], dx[4, :c], own)
        k = 0
        for p in range(5):
            for q in range(p, 5):
                products[p, q] += own[k]
                k += 1


@compiled
def sensitivities(w, x0, layers, w1, w2, b1, b2, L, x, dx):
    """Fill x with X_(t) and the five rows of dx with its derivatives in w1, w2, b1, b2, L, for the entries of w."""
    for j in range(x.size):
        x[j] = x0[j]
    run_layers(w, x, dx[0], dx[1], dx[2], dx[3], dx[4], layers, w1, w2, b1, b2, L)
