"""`LeastSquares` without a penalty: least squares itself, by LAPACK, or by LSMR where D is sparse."""

import numpy as np

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.solver.certificate import Point, relative_violation
from dsrl_ref.solver.least_squares import Ends
from dsrl_ref.solver.penalty import Penalty
from dsrl_ref.solver.scaling import Scaled, norms

REFINEMENTS = 2


def least_squares(scaled: Scaled, x0: Array, tol: float, max_iter: int) -> Ends:
    """The minimum of every column; where there are many, the one nearest to x0 in units of the scaled columns."""
    X, every, m = scaled.points(x0), slice(None), len(scaled.Y)
    h = Penalty(0.0, 0.0, 0.0, 0.0, 0.0).spread(X.shape)
    taken = np.zeros(m, np.int64)
    for refinement in range(REFINEMENTS + 1):
        U = scaled.residuals(X, every)
        point = Point(X, scaled.products(U), norms(U), scaled.y_norms, scaled.d_norms, scaled.D.shape[0])
        residuals = relative_violation(point, h)
        if refinement == REFINEMENTS or (residuals <= tol).all():
            break
        if is_sparse(scaled.D):
            for k in np.flatnonzero((residuals > tol) & (taken < max_iter)):
                step, iterations = _lsmr(scaled, U[k], tol, max_iter - int(taken[k]))
                X[k] += step
                taken[k] += iterations
        else:
            X += np.linalg.lstsq(scaled.D, U.T, rcond=None)[0].T
            taken += taken < max_iter
    return Ends(scaled.original(X), residuals, taken, (residuals > tol) & (taken < max_iter))


def _lsmr(scaled: Scaled, u: Array, tol: float, most: int) -> tuple[Array, int]:
    from scipy.sparse.linalg import lsmr

    found = lsmr(scaled.D, u, atol=0.1 * tol, btol=0.1 * tol, conlim=0, maxiter=most)
    return found[0], int(found[2])
