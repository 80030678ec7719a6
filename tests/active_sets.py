"""The minimum of a quadratic model under linear constraints, by trying every set of them."""

from itertools import combinations

import numpy as np


def least_by_enumeration(matrix, gradient, rows, slack):
    """The best of the model's minima under every set of constraints held with equality, where the others hold."""
    best, least = np.inf, None
    for count in range(6):
        for active in combinations(range(len(rows)), count):
            held = rows[list(active)].reshape(count, 5)
            system = np.block([[matrix, held.T], [held, np.zeros((count, count))]])
            try:
                step = np.linalg.solve(system, np.concatenate([-gradient, -slack[list(active)]]))[:5]
            except np.linalg.LinAlgError:  # constraints that depend on each other
                continue
            value = 0.5 * step @ matrix @ step + gradient @ step
            if value < best and (rows @ step + slack >= -1e-9).all():
                best, least = value, step
    return least
