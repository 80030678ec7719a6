"""`LeastSquares` without a penalty: least squares itself, by LAPACK, or by LSMR where D is sparse and large.

**The certificate.** Let u = y - Dx, and let P project onto what the columns of D span. Then

    ½‖u‖² - (the minimum) = ½‖Pu‖²

exactly, and with the singular value decomposition D = QΣVᵀ that is ½‖Qᵀu‖². A small gradient tells nothing of this
kind: where columns are nearly parallel, or rows have unlike weights, Dᵀu is as good as 0 far above the minimum.

What rounding has to do with it, with ε = 2^-53 and k, n the shape of D:

* u is off by at most E = (n + 2)·ε·‖|y| + |D||x|‖, or by 8√n·ε times that length but for a probability that is
  negligible, whichever is less. E counts against the point.
* Q belongs to a matrix that differs from D by no more than 8√max(k, n)·ε·‖D‖. So what it spans is tilted by no more
  than t, that divided by the least singular value, and ‖Pu‖ <= (‖Qᵀu‖ + E + t·‖u‖)/(1 - t).
* Singular values below 2·max(k, n)·ε of the largest are taken for 0: columns that depend on each other but for
  rounding count as dependent. Whether they are cannot be told, so nothing is proven then. The columns of X are called
  stationary: their conditions are met, and a point with entries 10^15 times as large may be lower.
* No objective is negative, so ½(‖u‖ + E)² bounds the distance to the minimum whatever D is.

**Relative to what.** To the objective, as for any convex problem. But where D explains y there is no small part of
an objective that vanishes: if ‖Qᵀu‖ is no more than a few of its own roundings, the unit is at least ½‖y‖² times
`SHARE`. So "the minimum" means that no point's objective is lower by more than tol times that unit.

**Sparse D** goes the same way if it is small enough to be decomposed. Else LSMR descends, which knows no bound. Such
a column is the minimum where its objective is as good as 0, and otherwise a stationary point: every coordinate of
the gradient is within tol of its largest term.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.solver.certificate import EPSILON, SAFETY, ZERO, point_of, relative_violation, roundings
from dsrl_ref.solver.least_squares import Ends
from dsrl_ref.solver.penalty import Penalty
from dsrl_ref.solver.scaling import Scaled, norms

SHARE = 1e-4  # of ½‖y‖²: the unit of a distance that is rounding
LARGEST_SYSTEM = 1 << 30  # k·n·min(k, n) of a sparse D that is decomposed
REFINEMENTS = 6
SAME = 1e-9  # relative, by which lengths may differ that are called the same


def least_squares(scaled: Scaled, x0: Array, tol: float, max_iter: int) -> Ends:
    """The minimum of every column; where there are many, the one nearest to x0 in units of the scaled columns."""
    k, n = scaled.D.shape
    large = is_sparse(scaled.D) and k * n * min(k, n) > LARGEST_SYSTEM
    X = scaled.points(x0)
    X[scaled.y_norms == 0] = 0.0  # a minimum that is exact
    system = Iterative(scaled, tol) if large else Decomposed(scaled)
    judged, taken = _refined(system, X, tol, max_iter)
    met = judged.residuals <= tol
    return Ends(scaled.original(judged.X), judged.residuals, taken, ~met & (taken < max_iter), judged.bounds <= tol)


@dataclass(frozen=True)
class Judged:
    """Points and what is known of them, a row each.

    Attributes
    ----------
    X, U : ndarray (m, n), (m, k)
        x and u = y - Dx.
    residuals, bounds : ndarray (m,)
        What is reported, and a bound on how far the objective is above the minimum.
    distances : ndarray (m,)
        What tells which of two points is nearer to the end: less is.
    """

    X: Array
    U: Array
    residuals: Array
    bounds: Array
    distances: Array

    def replaced(self, rows: NDArray[np.bool_], other: "Judged") -> "Judged":
        """The same with some rows of another."""
        deep = rows[:, None]
        return Judged(
            np.where(deep, other.X, self.X),
            np.where(deep, other.U, self.U),
            np.where(rows, other.residuals, self.residuals),
            np.where(rows, other.bounds, self.bounds),
            np.where(rows, other.distances, self.distances),
        )


def _refined(system: "Decomposed | Iterative", X: Array, tol: float, max_iter: int) -> tuple[Judged, NDArray[np.int64]]:
    """Step to the minimum, and again as long as that brings a row nearer; the iterations that every row took.

    Products are formed of all rows, also of those that need no more. So the rounding of a row does not depend on the
    others.
    """
    best = system.judge(X)
    taken, ended = np.zeros(len(X), np.int64), (best.residuals <= tol) & system.starts_count
    for _ in range(REFINEMENTS):
        pending = ~ended & (taken < max_iter)
        if not pending.any():
            break
        steps, counts = system.steps(best.U, pending, max_iter - taken)
        found = system.judge(np.where(pending[:, None], best.X + steps, best.X))
        less = found.distances < (1 - SAME) * best.distances
        same = found.distances <= (1 + SAME) * best.distances
        nearer = pending & (less | same & (found.residuals < best.residuals))
        going = nearer & ((found.residuals > tol) | (found.residuals < system.worth * best.residuals))
        ended = ended | pending & ~going
        best, taken = best.replaced(nearer, found), taken + np.where(pending, counts, 0)
    return best, taken


class Decomposed:
    """D by its singular values."""

    starts_count = True  # what is certified is an end, however it was found
    worth = 0.01  # steps cost little: one that divides the residual by more is followed by another

    def __init__(self, scaled: Scaled) -> None:
        self.scaled = scaled
        D = scaled.D.toarray() if is_sparse(scaled.D) else scaled.D
        k, n = D.shape
        Q, sigma, V = np.linalg.svd(D, full_matrices=False)
        kept = sigma > 2 * max(k, n) * EPSILON * sigma[0]
        self.Q, self.sigma, self.V = Q[:, kept], sigma[kept], V[kept]
        self.complete = len(self.sigma) == min(k, np.count_nonzero(scaled.d_norms))
        self.tilt = SAFETY * np.sqrt(max(k, n)) * (sigma[0] / self.sigma[-1] if len(self.sigma) else 1.0)

    def steps(self, U: Array, pending: NDArray[np.bool_], most: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
        """The shortest step of every row to its minimum."""
        return ((U @ self.Q) / self.sigma) @ self.V, np.ones(len(U), np.int64)

    def judge(self, X: Array) -> Judged:
        """Certify every row, as the module says."""
        U = self.scaled.residuals(X, slice(None))
        off, length, y_norms = rounding_of_residuals(self.scaled, X), norms(U), self.scaled.y_norms
        left, unknown = norms(U @ self.Q), off + self.tilt * length
        bound = (left + unknown) / max(1 - self.tilt, 0.0)
        by_projection = _relative(bound, left <= ZERO * unknown, length, y_norms)
        by_length = _relative(length + off, length <= ZERO * off, length, y_norms)
        residuals = np.minimum(by_projection, by_length)
        return Judged(X, U, residuals, residuals if self.complete else by_length, residuals)


class Iterative:
    """A large sparse D by its products alone."""

    starts_count = False  # a small gradient is no end before LSMR has had a say
    worth = 0.0

    def __init__(self, scaled: Scaled, tol: float) -> None:
        self.scaled, self.goal = scaled, 0.1 * tol

    def steps(self, U: Array, pending: NDArray[np.bool_], most: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
        """What LSMR finds for the pending rows; each time that it is asked, a hundred times as exactly."""
        from scipy.sparse.linalg import lsmr

        steps, counts = np.zeros((len(U), self.scaled.D.shape[1])), np.zeros(len(U), np.int64)
        for row in np.flatnonzero(pending):
            found = lsmr(self.scaled.D, U[row], atol=self.goal, btol=self.goal, conlim=0, maxiter=int(most[row]))
            steps[row], counts[row] = found[0], max(1, int(found[2]))
        self.goal = max(0.01 * self.goal, EPSILON)
        return steps, counts

    def judge(self, X: Array) -> Judged:
        """The violation of the conditions of first order, or what proves that an objective is as good as 0."""
        point = point_of(self.scaled, X, slice(None), terms=True)
        length, U = point.u_norms, self.scaled.residuals(X, slice(None))
        off = rounding_of_residuals(self.scaled, X)
        violation = relative_violation(point, Penalty(0.0, 0.0, 0.0, 0.0, 0.0).spread(X.shape))
        by_length = _relative(length + off, length <= ZERO * off, length, self.scaled.y_norms)
        return Judged(X, U, np.minimum(violation, by_length), by_length, length)


def rounding_of_residuals(scaled: Scaled, X: Array) -> Array:
    """E of every row, see the module."""
    return roundings(X.shape[1]) * norms(np.abs(scaled.Y) + (scaled.absolute @ np.abs(X).T).T)


def _relative(bound: Array, hidden: NDArray[np.bool_], length: Array, y_norms: Array) -> Array:
    """bound² as a part of its unit: of length², or of more where rounding hides the rest."""
    unit = np.where(hidden, np.maximum(length, np.sqrt(SHARE) * y_norms), length)
    return np.where(bound == 0, 0.0, np.where(np.isfinite(bound), (bound / unit) ** 2, np.inf))
