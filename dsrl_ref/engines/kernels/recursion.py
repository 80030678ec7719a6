"""All layers of an entry in one pass, with the five sensitivities beside the value.

`CHUNK` entries go through the layers together, without branches, so that the compiler vectorises across them. A block
is a fixed number of entries, and every row of an output belongs to one block and is written once: any number of threads
gives the same bits.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

CHUNK = 256
LANES = 8  # partial sums of a product, which lets the compiler vectorise
SUMS = 6  # columns of the sums: the loss, then its derivatives in w1, w2, b1, b2, L
PRODUCTS = 15  # columns of the products: the upper triangle of the Gauss-Newton matrix, row by row


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


@compiled
def loss_and_gradient(w, x0, target, block, first, last, layers, w1, w2, b1, b2, L, sums):
    """Fill the rows first..last-1 of `sums` (blocks, SUMS), one for each `block` entries of w, x0 and target."""
    x = np.empty(CHUNK)
    d1, d2, d3, d4, d5 = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    for row in range(first, last):
        end = min(w.size, (row + 1) * block)
        s0 = s1 = s2 = s3 = s4 = s5 = 0.0
        for start in range(row * block, end, CHUNK):
            c = min(CHUNK, end - start)
            for j in range(c):
                x[j] = x0[start + j]
            run_layers(w[start : start + c], x[:c], d1[:c], d2[:c], d3[:c], d4[:c], d5[:c], layers, w1, w2, b1, b2, L)
            for j in range(c):
                r = x[j] - target[start + j]
                s0 += 0.5 * r * r
                s1 += r * d1[j]
                s2 += r * d2[j]
                s3 += r * d3[j]
                s4 += r * d4[j]
                s5 += r * d5[j]
        sums[row, 0], sums[row, 1], sums[row, 2] = s0, s1, s2
        sums[row, 3], sums[row, 4], sums[row, 5] = s3, s4, s5


@compiled
def sensitivities(w, x0, layers, w1, w2, b1, b2, L, x, dx):
    """Fill x with X_(t) and the five rows of dx with its derivatives in w1, w2, b1, b2, L, for the entries of w."""
    for j in range(x.size):
        x[j] = x0[j]
    run_layers(w, x, dx[0], dx[1], dx[2], dx[3], dx[4], layers, w1, w2, b1, b2, L)


@compiled
def gauss_newton(w, x0, block, first, last, layers, w1, w2, b1, b2, L, sums):
    """Fill the rows first..last-1 of `sums` (blocks, PRODUCTS) with Σ (∂x/∂p)(∂x/∂q) over the entries of each block.

    A row holds the pairs p <= q of w1, w2, b1, b2, L in the order of the upper triangle of the matrix, row by row.
    """
    x, dx = np.empty(CHUNK), np.empty((5, CHUNK))
    lanes = np.empty((PRODUCTS, LANES))
    for row in range(first, last):
        end = min(w.size, (row + 1) * block)
        for k in range(PRODUCTS):
            for j in range(LANES):
                lanes[k, j] = 0.0
        for start in range(row * block, end, CHUNK):
            c = min(CHUNK, end - start)
            for p in range(5):
                for j in range(CHUNK):
                    dx[p, j] = 0.0
            for j in range(c):
                x[j] = x0[start + j]
            d1, d2, d3, d4, d5 = dx[0, :c], dx[1, :c], dx[2, :c], dx[3, :c], dx[4, :c]
            run_layers(w[start : start + c], x[:c], d1, d2, d3, d4, d5, layers, w1, w2, b1, b2, L)
            k = 0
            for p in range(5):
                for q in range(p, 5):
                    for i in range(0, CHUNK, LANES):
                        for j in range(LANES):
                            lanes[k, j] += dx[p, i + j] * dx[q, i + j]
                    k += 1
        for k in range(PRODUCTS):
            sums[row, k] = lanes[k].sum()
