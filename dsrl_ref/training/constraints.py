"""(7) and L > 0 as constraints of a step, and the minimum of a quadratic model under them."""

import numpy as np

from dsrl_ref.appendix.theta import FLOOR_OF_SLOPES, Theta
from dsrl_ref.arrays import Array

SHARE_OF_L = 1e-3  # that a step leaves of L at least, which has no floor but 0: it has a unit, that of f's curvature
SMALLEST_L = np.finfo(np.float64).tiny


def feasible(values: Array) -> Array:
    """The nearest point of (7) with L > 0."""
    return np.append(Theta.projected(values[:4]), max(values[4], SMALLEST_L))


def constraints(values: Array) -> tuple[Array, Array]:
    """(7), the floors of slopes and a share of L as rows @ step + slack >= 0.

    The bound on b1, which is curved in w1, is there by its tangent, which lies above it.
    """
    w1, w2, b1, b2, L = values
    at = max(w1, 1.0)  # of the tangent: below 1 there is no bound but 0
    bound = 1 - 1 / at + (w1 - at) / at**2
    rows = np.array(
        [
            [1, 0, 0, 0, 0],
            [0, 1, 0, 0, 0],
            [0, -1, 0, 0, 0],
            [0, 0, 1, 0, 0],
            [0, 0, -1, 1, 0],
            [-b2 / at**2, 0, 1, -bound, 0],
            [0, 0, 0, 0, 1],
        ]
    )
    slack = np.array(
        [w1 - FLOOR_OF_SLOPES, w2 - FLOOR_OF_SLOPES, 1 - w2, b1, b2 - b1, b1 - bound * b2, L - SHARE_OF_L * L]
    )
    return rows, np.maximum(slack, 0.0)


def constrained_minimum(matrix: Array, gradient: Array, rows: Array, slack: Array) -> Array:
    """Minimise ½dᵀ·matrix·d + gradient·d over d with rows @ d + slack >= 0; the matrix is positive definite.

    As a problem of least distance, by nonnegative least squares (Lawson & Hanson 1974, chapter 23).
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    R = np.linalg.cholesky(matrix).T  # y = R d + offset: ½‖y‖² is to be least
    offset = solve_triangular(R, gradient, trans="T")
    turned = solve_triangular(R, rows.T, trans="T").T
    system, last = np.vstack([turned.T, turned @ offset - slack]), np.append(np.zeros(len(offset)), 1.0)
    multipliers, _ = nnls(system, last, maxiter=1000)
    residual = system @ multipliers - last
    return solve_triangular(R, -residual[:-1] / residual[-1] - offset)
