"""All layers of an entry in one pass, where every layer has a Θ and an L: forward, and back over the layers.

``numbers`` (t, 5) has w1, w2, b1, b2 and L of each layer, the first layer's first. Chunks, blocks and the rows of the
outputs are those of `dsrl_ref.engines.kernels.recursion`, and so is the arithmetic of x and z, bit for bit.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

CHUNK = 256  # entries that go through the layers together, in loops that the compiler vectorises
LANES = 8  # partial sums of a quantity, which let the compiler vectorise


@inlined
def forward(w, x, numbers, z):
    """Carry x = X_(0) of some entries through all layers, in place; row i of `z` becomes Z_(i+1)."""
    for i in range(len(numbers)):
        w1, w2, b1, b2, step = numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3], 1.0 / numbers[i, 4]
        rise = b2 - b1
        for j in range(x.size):
            value = x[j] - step * (x[j] - w[j])
            size, right = abs(value), value >= 0.0
            sign = 1.0 if right else -1.0
            past1 = 1.0 if (size > b1 or (right and size == b1)) else 0.0
            past2 = 1.0 if (size > b2 or (right and size == b2)) else 0.0
            z[i, j] = value
            x[j] = sign * (w2 * (past2 * (size - b2)) + w1 * (past2 * rise + (past1 - past2) * (size - b1)))


@inlined
def partials(z, w1, w2, b1, b2, d, slope):
    """Fill rows of `d` with ∂ξ in w1, w2, b1 and b2 at the entries of z, and `slope` with its slope."""
    rise = b2 - b1
    for j in range(z.size):
        size, right = abs(z[j]), z[j] >= 0.0
        sign = 1.0 if right else -1.0
        past1 = 1.0 if (size > b1 or (right and size == b1)) else 0.0
        past2 = 1.0 if (size > b2 or (right and size == b2)) else 0.0
        slope[j] = past2 * w2 + (past1 - past2) * w1
        d[0, j] = sign * (past2 * rise + (past1 - past2) * (size - b1))
        d[1, j] = sign * past2 * (size - b2)
        d[2, j] = -sign * w1 * past1
        d[3, j] = sign * (w1 - w2) * past2


@inlined
def summed(terms, lanes):
    """Add up the entries of a chunk: in `lanes` by themselves, and then in order."""
    for j in range(LANES):
        lanes[j] = 0.0
    for i in range(0, CHUNK, LANES):
        for j in range(LANES):
            lanes[j] += terms[i + j]
    total = 0.0
    for j in range(LANES):
        total += lanes[j]
    return total


@compiled
def loss_and_gradient(w, x0, target, block, first, last, numbers, sums):
    """Fill the rows first..last-1 of `sums` (blocks, 1 + 5t): the loss, and the five derivatives of each layer.

    The way back carries dJ/dX_(i), and needs Z_(i) and X_(i-1) of the chunk, which are kept.
    """
    layers = len(numbers)
    x, slope, terms, lanes = np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(LANES)
    z, before, d, dX = np.zeros((layers, CHUNK)), np.zeros((layers, CHUNK)), np.zeros((4, CHUNK)), np.zeros(CHUNK)
    for row in range(first, last):
        end = min(w.size, (row + 1) * block)
        for k in range(sums.shape[1]):
            sums[row, k] = 0.0
        for start in range(row * block, end, CHUNK):
            c = min(CHUNK, end - start)
            for j in range(c):
                x[j] = x0[start + j]
            for i in range(layers):
                for j in range(c):
                    before[i, j] = x[j]
                forward(w[start : start + c], x[:c], numbers[i : i + 1], z[i : i + 1])
            for j in range(CHUNK):
                dX[j] = x[j] - target[start + j] if j < c else 0.0
                terms[j] = 0.5 * dX[j] * dX[j]
            sums[row, 0] += summed(terms, lanes)
            for i in range(layers - 1, -1, -1):
                step = 1.0 / numbers[i, 4]
                partials(z[i], numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3], d, slope)
                for p in range(4):
                    for j in range(CHUNK):
                        terms[j] = dX[j] * d[p, j]
                    sums[row, 1 + 5 * i + p] += summed(terms, lanes)
                for j in range(c):
                    dZ = dX[j] * slope[j]
                    terms[j] = dZ * (step * step * (before[i, j] - w[start + j]))
                    dX[j] = dZ - step * dZ
                sums[row, 5 + 5 * i] += summed(terms, lanes)


@inlined
def carry(w, x, numbers, z, d, slope, dx):
    """Carry x = X_(0) of a chunk through all layers, in place, with the rows of `dx` (5t, CHUNK), five of each layer.

    Scratch: `z` (1, CHUNK), `d` (4, CHUNK) and `slope` (CHUNK,).
    """
    for i in range(len(numbers)):
        own, step = 5 * i, 1.0 / numbers[i, 4]
        for j in range(CHUNK):
            dx[own + 4, j] = step * step * (x[j] - w[j])
        forward(w, x, numbers[i : i + 1], z)
        partials(z[0], numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3], d, slope)
        for s in range(own):
            for j in range(CHUNK):
                dx[s, j] = slope[j] * (dx[s, j] - step * dx[s, j])
        for p in range(4):
            for j in range(CHUNK):
                dx[own + p, j] = d[p, j]
        for j in range(CHUNK):
            dx[own + 4, j] *= slope[j]


@compiled
def sensitivities(w, x0, numbers, x, dx):
    """Fill x with X_(t), and the rows of `dx` (5t, entries) with its derivatives, five of each layer."""
    v, y, slope = np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(CHUNK)
    z, d, own = np.zeros((1, CHUNK)), np.zeros((4, CHUNK)), np.zeros((len(dx), CHUNK))
    for start in range(0, w.size, CHUNK):
        c = min(CHUNK, w.size - start)
        for j in range(c):
            v[j], y[j] = w[start + j], x0[start + j]
        carry(v, y, numbers, z, d, slope, own)
        for j in range(c):
            x[start + j] = y[j]
        for p in range(len(dx)):
            for j in range(c):
                dx[p, start + j] = own[p, j]


@compiled
def gauss_newton(w, x0, block, first, last, numbers, sums):
    """Fill the rows first..last-1 of `sums` with Σ (∂x/∂p)(∂x/∂q) over the entries of each block.

    A row holds the upper triangle of the matrix 5t×5t, row by row.
    """
    count = 5 * len(numbers)
    v, x, slope, products, lanes = np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(LANES)
    z, d, dx = np.zeros((1, CHUNK)), np.zeros((4, CHUNK)), np.zeros((count, CHUNK))
    for row in range(first, last):
        end = min(w.size, (row + 1) * block)
        for k in range(sums.shape[1]):
            sums[row, k] = 0.0
        for start in range(row * block, end, CHUNK):
            c = min(CHUNK, end - start)
            for j in range(c):
                v[j], x[j] = w[start + j], x0[start + j]
            carry(v, x, numbers, z, d, slope, dx)
            for p in range(count):
                for j in range(c, CHUNK):
                    dx[p, j] = 0.0
            k = 0
            for p in range(count):
                for q in range(p, count):
                    for j in range(CHUNK):
                        products[j] = dx[p, j] * dx[q, j]
                    sums[row, k] += summed(products, lanes)
                    k += 1
