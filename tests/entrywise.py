"""An oracle for Fidelity in NumPy, for as many entries as one likes: the appendix's rows, written down once more.

Imports nothing from dsrl_ref. With f = ½‖X - W‖² entries do not interact, so that each is a network of its own. The
arithmetic is the one that defines where an entry lies: z = x - step·(x - w) with step = 1/L rounded once, and ξ in
its anchored form. An entry on a knot, or a unit in the last place beside it, is therefore in the same region here as
it is for every engine of the package.
"""

from math import fsum
from typing import NamedTuple

import numpy as np


class Answer(NamedTuple):
    """What a network answers about its parameters w1, w2, b1, b2, L.

    `gradient` and `scale` hold five numbers and `matrix`, the Gauss-Newton matrix, 5 x 5. The scale of a derivative is
    Σ|r||∂x| over the entries, with r = x - target: what (10) adds up. Next to knots and near the target it is far less
    than S of `naive.scale`, which the promise about errors is made in, and so a harder test where it can be passed.
    """

    loss: float
    gradient: list
    matrix: np.ndarray
    scale: np.ndarray
    ties: int


def network(w, x0, theta, L, layers):
    """X_(t) of shape (entries,), its derivatives of shape (5, entries), and how many Z sit on a knot."""
    w1, w2, b1, b2 = map(float, theta)
    step, x, dx, ties = 1.0 / L, np.array(x0, float), np.zeros((5, len(w))), 0
    for _ in range(layers):
        g = x - w
        z = x - step * g
        rows = [b2 <= z, (b1 <= z) & (z < b2), (-b1 <= z) & (z < b1), (-b2 <= z) & (z < -b1), z < -b2]
        ties += np.count_nonzero((abs(z) == b1) | (abs(z) == b2))
        slope = np.select(rows, [w2, w1, 0.0, w1, w2])
        own = [
            np.select(rows, [b2 - b1, z - b1, 0.0, z + b1, b1 - b2]),
            np.select(rows, [z - b2, 0.0, 0.0, 0.0, z + b2]),
            np.select(rows, [-w1, -w1, 0.0, w1, w1]),
            np.select(rows, [w1 - w2, 0.0, 0.0, 0.0, w2 - w1]),
            slope * g / L**2,
        ]
        dx = own + slope * (1 - 1 / L) * dx
        inner = w1 * (b2 - b1)
        x = np.select(rows, [w2 * (z - b2) + inner, w1 * (z - b1), 0.0, w1 * (z + b1), w2 * (z + b2) - inner])
    return x, dx, ties


def answer(W, theta, L, layers, x0=None, target=None):
    """Everything about J on the entries of W; x0 and the target are W where they are not given."""
    w, start, goal = (np.asarray(W if X is None else X).ravel() for X in (W, x0, target))
    x, dx, ties = network(w, start, theta, L, layers)
    r = x - goal
    gradient = [fsum(row) for row in r * dx]
    return Answer(0.5 * fsum(r * r), gradient, dx @ dx.T, abs(dx) @ abs(r), ties)
