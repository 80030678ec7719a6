"""Coordinate descent on one column at a time, within a working set of its entries that grows.

``left`` is c - Gx, minus the gradient of ½xᵀGx - cᵀx. A coordinate has its own prox, ξ with the four numbers in its row
of ``own``; how far a column is from its minimum is told by a step 1/L with the prox w1, w2, b1, b2.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

SHARE = 0.25  # of the farthest move of an entry outside: those that would move so far are taken in
PRECISION = 0.1  # to which the working set is solved, of how far the column is from its minimum


@inlined
def xi(z, w1, w2, b1, b2):
    """ξ of a number."""
    size = abs(z)
    if size <= b1:
        return 0.0
    value = w1 * (size - b1) if size < b2 else w2 * (size - b2) + w1 * (b2 - b1)
    return value if z > 0.0 else -value


@inlined
def subtract_row(left, amount, row):
    """Subtract amount·row from left."""
    for i in range(left.size):
        left[i] -= amount * row[i]


@inlined
def gather(gram, members, known, count, inner):
    """Copy what inner does not yet have of the rows and columns of the members."""
    for i in range(count):
        row = gram[members[i]]
        for j in range(known if i < known else 0, count):
            inner[i, j] = row[members[j]]


@inlined
def sweep(inner, own, members, count, x, left):
    """Each member to its minimum, the others held; returns how far the gradient has moved."""
    moved = 0.0
    for i in range(count):
        curvature, numbers = inner[i, i], own[members[i]]
        change = xi(x[i] + left[i] / curvature, numbers[0], numbers[1], numbers[2], numbers[3]) - x[i]
        if change != 0.0:
            x[i] += change
            moved += (change * curvature) ** 2
            for j in range(count):
                left[j] -= change * inner[i, j]
    return np.sqrt(moved)


@inlined
def take_in(excess, least, inside, members, count):
    """Add to the members those that a step would move by `least` or more."""
    for j in range(excess.size):
        if excess[j] >= least:
            inside[j] = True
            members[count] = j
            count += 1
    return count


@inlined
def minus_gradient(gram, constant, full, members, count, left):
    """Left = constant - gram·full, full being 0 but at the members."""
    for i in range(left.size):
        left[i] = constant[i]
    for i in range(count):
        if full[members[i]] != 0.0:
            subtract_row(left, full[members[i]], gram[members[i]])


@compiled
def descend(gram, constants, X, own, L, w1, w2, b1, b2, enough, most, sweeps, done):
    """Minimise every row x of X, with c its row of constants, in at most `most` sweeps; count them, say if done."""
    n = gram.shape[0]
    left, excess, x, inner_left = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    members, inside, inner = np.empty(n, np.int64), np.empty(n, np.bool_), np.empty((n, n))
    for k in range(X.shape[0]):
        full = X[k]
        count, known, taken = 0, 0, 0
        for j in range(n):
            inside[j] = full[j] != 0.0
            if inside[j]:
                members[count] = j
                count += 1
        while True:
            minus_gradient(gram, constants[k], full, members, count, left)
            total, farthest = 0.0, 0.0
            for j in range(n):
                away = abs(xi(full[j] + left[j] / L, w1, w2, b1, b2) - full[j])
                total += away * away
                excess[j] = 0.0 if inside[j] else away
                farthest = max(farthest, excess[j])
            distance = L * np.sqrt(total)
            done[k] = distance <= enough
            if done[k] or taken >= most:
                break
            if farthest > 0.0:
                count = take_in(excess, SHARE * farthest, inside, members, count)
            gather(gram, members, known, count, inner)
            known = count
            for i in range(count):
                x[i], inner_left[i] = full[members[i]], left[members[i]]
            goal = PRECISION * distance
            while taken < most:
                taken += 1
                if sweep(inner, own, members, count, x, inner_left) <= goal:
                    break
            for i in range(count):
                full[members[i]] = x[i]
        sweeps[k] += taken
