"""What judges `solve`: brute force on small problems, and certificates in extended precision. No code of the package.

A column of a problem is D (k, n), y (k,), the four numbers of Θ and the weight; g is written out from (1) here.
"""

from itertools import product

import numpy as np

WIDE = np.longdouble


def g(x, theta):
    """(1), with g(-x) = g(x), in the precision of x."""
    w1, w2, b1, b2 = (np.asarray(x).dtype.type(number) for number in theta)
    x, rise = np.abs(x), b2 - b1
    inner = (1 / (2 * w1) - 0.5) * x**2 + b1 * x
    outer = (1 / (2 * w2) - 0.5) * x**2 + (b2 - w1 * rise / w2) * x + w1 * (w1 - w2) / (2 * w2) * rise**2
    return np.where(x >= w1 * rise, outer, inner)


def slope(x, theta):
    """g'(x) away from 0."""
    w1, w2, b1, b2 = theta
    size = np.abs(x)
    inner, outer = (1 / w1 - 1) * size + b1, (1 / w2 - 1) * size + b2 - w1 * (b2 - b1) / w2
    return np.sign(x) * np.where(size >= w1 * (b2 - b1), outer, inner)


def objective(D, y, theta, weight, x):
    """½‖Dx - y‖² + weight·g(x) of one column, in extended precision."""
    D, y, x = D.astype(WIDE), y.astype(WIDE), x.astype(WIDE)
    return float(np.sum((D @ x - y) ** 2) / 2 + WIDE(weight) * np.sum(g(x, theta)))


def stationary_points(D, y, theta, weight):
    """Every x that meets the conditions of first order, by trying each piece of g for each entry; n is small."""
    w1, w2, b1, b2 = theta
    joint, n = w1 * (b2 - b1), D.shape[1]
    pieces = [(0, 0.0, 0.0, 0.0, 0.0)]  # sign, least and largest size, curvature, slope extended to 0
    for sign in (1, -1):
        if joint > 0:
            pieces.append((sign, 0.0, joint, 1 / w1 - 1, b1))
        pieces.append((sign, joint, np.inf, 1 / w2 - 1, b2 - w1 * (b2 - b1) / w2))
    found = []
    for chosen in product(pieces, repeat=n):
        live = [j for j in range(n) if chosen[j][0]]
        x = np.zeros(n)
        if live:
            part = D[:, live]
            matrix = part.T @ part + weight * np.diag([chosen[j][3] for j in live])
            if abs(np.linalg.det(matrix)) < 1e-12:
                continue
            right = part.T @ y - weight * np.array([chosen[j][0] * chosen[j][4] for j in live])
            x[live] = np.linalg.solve(matrix, right)
        near = 1e-9 * (1 + np.abs(x))
        in_piece = all(c[1] - near[j] <= c[0] * x[j] <= c[2] + near[j] if c[0] else True for j, c in enumerate(chosen))
        v = D.T @ (y - D @ x)
        if in_piece and all(abs(v[j]) <= weight * b1 + 1e-9 for j in range(n) if not chosen[j][0]):
            found.append(x)
    return found


def least(D, y, theta, weight):
    """The least objective of all stationary points: the minimum, as there is one."""
    return min(objective(D, y, theta, weight, x) for x in stationary_points(D, y, theta, weight))


def lasso_gap(D, y, weight, x):
    """(primal - dual)/primal of ½‖Dx - y‖² + weight·‖x‖₁, in extended precision and by the textbook formula."""
    D, y, x, weight = D.astype(WIDE), y.astype(WIDE), x.astype(WIDE), WIDE(weight)
    residual = y - D @ x
    reach = np.abs(D.T @ residual).max()
    u = residual * (min(WIDE(1), weight / reach) if reach > 0 else WIDE(1))
    primal = residual @ residual / 2 + weight * np.abs(x).sum()
    return float((primal - (u @ y - u @ u / 2)) / primal) if primal > 0 else 0.0


def violation(D, y, theta, weight, x):
    """The largest distance of Dᵀ(y - Dx) from the slopes of weight·g at x, as a part of weight·b1."""
    D, y, x = D.astype(WIDE), y.astype(WIDE), x.astype(WIDE)
    theta = [WIDE(number) for number in theta]
    v = D.T @ (y - D @ x)
    off = np.where(x == 0, np.maximum(np.abs(v) - weight * theta[2], 0), np.abs(v - weight * slope(x, theta)))
    return float(off.max() / (weight * theta[2]))
