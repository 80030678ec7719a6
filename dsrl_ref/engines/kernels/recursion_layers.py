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


@inlined
def add_chunk(w, x0, target, numbers, before, z, d, slope, dX, sums):
    """Take the entries of a chunk through the layers and back, and add their loss and its derivatives to `sums`.

    Out: row i of `z` is Z_(i+1), and of `before` X_(i). Scratch: `d` (4, CHUNK), `slope` and `dX`.
    """
    c, layers, lanes = w.size, len(numbers), np.zeros(LANES)
    x, terms = np.zeros(CHUNK), np.zeros(CHUNK)
    for j in range(c):
        x[j] = x0[j]
    for i in range(layers):
        for j in range(c):
            before[i, j] = x[j]
        forward(w, x[:c], numbers[i : i + 1], z[i : i + 1])
    for j in range(CHUNK):
        dX[j] = x[j] - target[j] if j < c else 0.0
        terms[j] = 0.5 * dX[j] * dX[j]
    sums[0] += summed(terms, lanes)
    for i in range(layers - 1, -1, -1):
        step = 1.0 / numbers[i, 4]
        partials(z[i], numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3], d, slope)
        for p in range(4):
            for j in range(CHUNK):
                terms[j] = dX[j] * d[p, j]
            sums[1 + 5 * i + p] += summed(terms, lanes)
        for j in range(c):
            dZ = dX[j] * slope[j]
            terms[j] = dZ * (step * step * (before[i, j] - w[j]))
            dX[j] = dZ - step * dZ
        sums[5 + 5 * i] += summed(terms, lanes)


@inlined
def carry(w, numbers, before, z, d, slope, dx):
    """Fill the rows of `dx` (5t, CHUNK) with the derivatives of X_(t), five of each layer, for the entries of w.

    In: `before` and `z` as `add_chunk` leaves them. Scratch: `d` (4, CHUNK) and `slope` (CHUNK,).
    """
    for i in range(len(numbers)):
        own, step = 5 * i, 1.0 / numbers[i, 4]
        partials(z[i], numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3], d, slope)
        for s in range(own):
            for j in range(CHUNK):
                dx[s, j] = slope[j] * (dx[s, j] - step * dx[s, j])
        for p in range(4):
            for j in range(CHUNK):
                dx[own + p, j] = d[p, j]
        for j in range(w.size):
            dx[own + 4, j] = slope[j] * (step * step * (before[i, j] - w[j]))


@inlined
def add_products(dx, c, by_entries, products):
    """Add Σ (∂x/∂p)(∂x/∂q) over the first c entries of `dx` (5t, CHUNK) to products[p, q], for p <= q.

    Scratch: `by_entries` (CHUNK, 5t), the same numbers with those of an entry side by side. Four entries are added at a
    time, so that a product is read and written once for them.
    """
    for p in range(len(dx)):
        for e in range(CHUNK):
            by_entries[e, p] = dx[p, e] if e < c else 0.0
    for e in range(0, c, 4):
        for p in range(len(products)):
            one, two, three, four = (
                by_entries[e, p:],
                by_entries[e + 1, p:],
                by_entries[e + 2, p:],
                by_entries[e + 3, p:],
            )
            out, g, h, k, m = products[p, p:], one[0], two[0], three[0], four[0]
            for q in range(out.size):
                out[q] += (g * one[q] + h * two[q]) + (k * three[q] + m * four[q])


@compiled
def loss_and_gradient(w, x0, target, block, numbers, sums):
    """Fill the rows of `sums` (blocks, 1 + 5t), one for each `block` entries: the loss, and five derivatives a layer.

    The way back carries dJ/dX_(i), and needs Z_(i) and X_(i-1) of the chunk, which are kept.
    """
    layers = len(numbers)
    z, before = np.zeros((layers, CHUNK)), np.zeros((layers, CHUNK))
    d, slope, dX = np.zeros((4, CHUNK)), np.zeros(CHUNK), np.zeros(CHUNK)
    for row in range(len(sums)):
        end = min(w.size, (row + 1) * block)
        for k in range(sums.shape[1]):
            sums[row, k] = 0.0
        for start in range(row * block, end, CHUNK):
            v, y, goal = w[start : min(start + CHUNK, end)], x0[start:], target[start:]
            add_chunk(v, y, goal, numbers, before, z, d, slope, dX, sums[row])


@compiled
def gauss_newton(w, x0, target, block, numbers, sums, products):
    """Fill the rows of `sums` as `loss_and_gradient` does, and add Σ (∂x/∂p)(∂x/∂q) over all entries to `products`.

    `products` (5t, 5t) is filled on and above its diagonal. The sums over a block are formed by themselves.
    """
    layers, count = len(numbers), len(products)
    z, before = np.zeros((layers, CHUNK)), np.zeros((layers, CHUNK))
    d, slope, dX = np.zeros((4, CHUNK)), np.zeros(CHUNK), np.zeros(CHUNK)
    dx, by_entries, own = np.zeros((count, CHUNK)), np.zeros((CHUNK, count)), np.zeros((count, count))
    for row in range(len(sums)):
        end = min(w.size, (row + 1) * block)
        for k in range(sums.shape[1]):
            sums[row, k] = 0.0
        for start in range(row * block, end, CHUNK):
            v, y, goal = w[start : min(start + CHUNK, end)], x0[start:], target[start:]
            add_chunk(v, y, goal, numbers, before, z, d, slope, dX, sums[row])
            carry(v, numbers, before, z, d, slope, dx)
            add_products(dx, v.size, by_entries, own)
        for p in range(count):
            for q in range(p, count):
                products[p, q] += own[p, q]
                own[p, q] = 0.0


@compiled
def add_errors(w, x, target, numbers, out):
    """Add (x - x̃)² of X_(t) to `out` (m,), each entry to its column, in the order of the rows.

    In: whole rows of n×m matrices, one after the other: W, X_(0) in `x`, and X̃. Out: `x` is X_(t).
    """
    z, q = np.empty((1, CHUNK)), 0
    for start in range(0, w.size, CHUNK):
        stop = min(start + CHUNK, w.size)
        for i in range(len(numbers)):
            forward(w[start:stop], x[start:stop], numbers[i : i + 1], z)
    for e in range(w.size):
        out[q] += (x[e] - target[e]) * (x[e] - target[e])
        q = q + 1 if q + 1 < out.size else 0


@compiled
def sensitivities(w, x0, numbers, x, dx):
    """Fill x with X_(t), and the rows of `dx` (5t, entries) with its derivatives, five of each layer."""
    layers = len(numbers)
    z, before, slope = np.zeros((layers, CHUNK)), np.zeros((layers, CHUNK)), np.zeros(CHUNK)
    d, own = np.zeros((4, CHUNK)), np.zeros((len(dx), CHUNK))
    for start in range(0, w.size, CHUNK):
        v = w[start : start + CHUNK]
        y = x0[start : start + CHUNK].copy()
        for i in range(layers):
            for j in range(v.size):
                before[i, j] = y[j]
            forward(v, y, numbers[i : i + 1], z[i : i + 1])
        carry(v, numbers, before, z, d, slope, own)
        for j in range(v.size):
            x[start + j] = y[j]
        for p in range(len(dx)):
            for j in range(v.size):
                dx[p, start + j] = own[p, j]
