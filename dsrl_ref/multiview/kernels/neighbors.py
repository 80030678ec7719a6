"""The nearest of some points among others, kept one row a point; tiles of products say who cannot be one of them.

A row of `keys`, `squares` and `places` holds the nearest that a point has met. It is a heap, with the farthest at place
0: nearer is who has the lesser key, and of equal keys the lesser place. A key is the square of a distance,
rounded to thirty bits; that of the point itself is -1. Squares are sums of squares of differences. So who is in a row
depends neither on the order in which the others come, nor on the products, which only leave out who is too far.

A tile holds -2⟨x_i, y_j⟩ for some points x_i and some others y_j, with what BLAS has rounded. `lower` is |y_j|² and
`base` -|x_i|², the one less and the other more by what these and the product may be wrong: lower[j] + tile[i, j] is at
most |x_i - y_j|² + base[i]. `bounds[i]` is what it is at most for who may be nearer than the farthest in row i.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

STRIPE = 64  # entries of a tile that are compared at once
SPLIT = 2.0**23 + 1.0
MARGIN = 2.0**-20  # of a key: more than it is rounded by, and than a bound of 32 bits is


@inlined
def apart(x, y):
    """|x - y|², in four sums, so that no addition waits for the last."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = x.size - x.size % 4
    for f in range(0, whole, 4):
        p, q, r, s = x[f] - y[f], x[f + 1] - y[f + 1], x[f + 2] - y[f + 2], x[f + 3] - y[f + 3]
        a += p * p
        b += q * q
        c += r * r
        d += s * s
    for f in range(whole, x.size):
        p = x[f] - y[f]
        a += p * p
    return (a + b) + (c + d)


@inlined
def apart_sparse(x, of_x, y, of_y, shift, direction, length):
    """|x - y - shift·direction|², where x and y are given by what they store, and `length` is |direction|²."""
    i, j, total, met = 0, 0, 0.0, 0.0
    while i < x.size or j < y.size:
        if j == y.size or (i < x.size and of_x[i] < of_y[j]):
            f, p = of_x[i], x[i]
            i += 1
        elif i == x.size or of_y[j] < of_x[i]:
            f, p = of_y[j], -y[j]
            j += 1
        else:
            f, p = of_x[i], x[i] - y[j]
            i += 1
            j += 1
        p -= shift * direction[f]
        total += p * p
        met += direction[f] * direction[f]
    return total + shift * shift * max(length - met, 0.0)


@inlined
def sift(keys, squares, places, size, key, square, place):
    """Put somebody into a heap of this size, instead of the farthest."""
    p = 0
    while True:
        child = 2 * p + 1
        if child >= size:
            break
        other = child + 1
        if other < size:
            farther = keys[other] > keys[child]
            if farther or (keys[other] == keys[child] and places[other] > places[child]):
                child = other
        if keys[child] < key or (keys[child] == key and places[child] < place):
            break
        keys[p], squares[p], places[p] = keys[child], squares[child], places[child]
        p = child
    keys[p], squares[p], places[p] = key, square, place


@inlined
def offer(keys, squares, places, square, place, least):
    """Put somebody into a heap, if he is nearer than the farthest; a square up to `least` is 0."""
    if square <= least:
        square = 0.0
    part = SPLIT * square
    key = part - (part - square)  # rounded to 53 - 23 bits (Veltkamp)
    if key < keys[0] or (key == keys[0] and place < places[0]):
        sift(keys, squares, places, keys.size, key, square, place)


@inlined
def hits(row, lower, start, bound, near):
    """Count the entries of a stripe, from `start` on, that the bound does not leave out, and list them."""
    entries, low = row[start : start + STRIPE], lower[start : start + STRIPE]
    count = 0
    for j in range(entries.size):
        count += low[j] + entries[j] <= bound
    if count == 0:
        return 0
    count = 0
    for j in range(entries.size):
        near[count] = start + j
        count += low[j] + entries[j] <= bound
    return count


@inlined
def limit(place, bound, base, keys, places):
    """What lower + tile is at most for somebody who gets into a heap: who comes behind its farthest has to be nearer.

    The square of who is nearer is less than the key of the farthest; nobody's key is less than 0.
    """
    if place < places[0]:
        return bound
    return (1.0 - 2.0**-31) * keys[0] + base if keys[0] > 0.0 else -np.inf


@compiled
def scan(tile, lower, bounds, base, some, own, others, original, least, keys, squares, places):
    """Offer to each point who in a tile is not left out by its bound, and count these.

    `some` are the points, `own` their places among all others, or -1, and `least` the squares that are 0 for them.
    `others` are those of the tile, `original` their places.
    """
    offered = 0
    near = np.empty(STRIPE, np.int64)
    for i in range(tile.shape[0]):
        row, point = tile[i], some[i]
        near_keys, near_squares, near_places = keys[i], squares[i], places[i]
        for start in range(0, row.size, STRIPE):
            for hit in range(hits(row, lower, start, bounds[i], near)):
                j = near[hit]
                place = original[j]
                if place != own[i] and lower[j] + row[j] <= limit(place, bounds[i], base[i], near_keys, near_places):
                    offered += 1
                    square = apart(point, others[j])
                    offer(near_keys, near_squares, near_places, square, place, least[i])
                    bounds[i] = min(bounds[i], (1.0 + MARGIN) * keys[i, 0] + base[i])
    return offered


@compiled
def scan_sparse(tile, lower, bounds, base, some, own, others, original, least, keys, squares, places):
    """The same for sparse points: `some` and `others` are data, indices, starts, shift, direction and |direction|²."""
    offered = 0
    near = np.empty(STRIPE, np.int64)
    x, of_x, starts_x, shift_x, direction, length = some
    y, of_y, starts_y, shift_y, _, _ = others
    for i in range(tile.shape[0]):
        row, point, of_point = tile[i], x[starts_x[i] : starts_x[i + 1]], of_x[starts_x[i] : starts_x[i + 1]]
        near_keys, near_squares, near_places = keys[i], squares[i], places[i]
        for start in range(0, row.size, STRIPE):
            for hit in range(hits(row, lower, start, bounds[i], near)):
                j = near[hit]
                place = original[j]
                if place != own[i] and lower[j] + row[j] <= limit(place, bounds[i], base[i], near_keys, near_places):
                    offered += 1
                    a, b = starts_y[j], starts_y[j + 1]
                    shift = shift_x[i] - shift_y[j]
                    square = apart_sparse(point, of_point, y[a:b], of_y[a:b], shift, direction, length)
                    offer(near_keys, near_squares, near_places, square, place, least[i])
                    bounds[i] = min(bounds[i], (1.0 + MARGIN) * keys[i, 0] + base[i])
    return offered


@compiled
def choose(starts, listed, some, own, others, least, keys, squares, places):
    """Offer to each point those who are listed for it, from `starts[i]` on; -1 is nobody."""
    for i in range(keys.shape[0]):
        for place in listed[starts[i] : starts[i + 1]]:
            if place >= 0 and place != own[i]:
                square = apart(some[i], others[place])
                offer(keys[i], squares[i], places[i], square, place, least[i])


@compiled
def order(keys, squares, places):
    """Sort each row, the nearest first."""
    for i in range(keys.shape[0]):
        for last in range(keys.shape[1] - 1, 0, -1):
            key, square, place = keys[i, last], squares[i, last], places[i, last]
            keys[i, last], squares[i, last], places[i, last] = keys[i, 0], squares[i, 0], places[i, 0]
            sift(keys[i], squares[i], places[i], last, key, square, place)
