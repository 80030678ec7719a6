"""Conjugate gradients for many right-hand sides side by side, on a graph: each ends when it has converged itself.

One product of the graph with several columns reads its entries once, and looks rows of the columns up in any order.
Eight columns go side by side, as a row of them is what is read at once anyway: half the time of one by one. Where eight
do not stay in a processor's cache each goes alone, of which more stays there: from 131,073 samples on. The columns do
not know of one another: every one has its own step lengths, and leaves when it is done. "Done" is judged twice: during
the iteration by the residual that it carries along, which drifts from the true one, and at the end by the true one,
formed anew; a column for which that is not small is taken up again from where it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.assembly import blocks, rows_of

LINE = 8  # numbers in a line of a processor's cache, which is what it reads of memory at once
CACHE = 2**23  # bytes of the columns that go side by side
TOLERANCE = 1e-12  # of a right-hand side: its residual
ROUNDING = 8 * np.finfo(np.float64).eps  # of the sizes of what a residual is a difference of
ROUNDS = 4  # how often a column is taken up again


@dataclass(frozen=True)
class System:
    """The matrix diag(diagonal) - factor·W, symmetric and positive (semi)definite, which is not formed.

    Parameters
    ----------
    W : csr_array (n, n)
        Symmetric, nonnegative.
    diagonal : ndarray (n,)
        At least `factor` times the sum of each row of W.
    factor : float
    """

    W: csr_array
    diagonal: Array
    factor: float

    def __matmul__(self, X: Array) -> Array:
        """The product with a matrix (n, c), by blocks of rows, so that Ctrl-C is answered between two."""
        product = self.diagonal[:, np.newaxis] * X
        for block in blocks(self.W.indptr):
            product[block] -= self.factor * (rows_of(self.W, block) @ X)
        return product

    def sizes(self, X: Array) -> Array:
        """The largest size, in each column of X, of what is added up in an entry of the product."""
        largest: Array = (System(self.W, self.diagonal, -self.factor) @ np.abs(X)).max(axis=0)
        return largest

    def toarray(self) -> Array:
        """The whole of it, dense."""
        dense: Array = -self.factor * self.W.toarray()
        dense[np.diag_indices_from(dense)] += self.diagonal
        return dense

    def across(self, kept: NDArray[np.bool_], X: Array) -> Array:
        """What the rows that are kept have of the others' entries, which are X: W[kept, others] @ X."""
        product: Array = self.W[kept][:, ~kept] @ X
        return product

    def among(self, kept: NDArray[np.bool_]) -> "System":
        """The same of some of the rows and columns."""
        return System(csr_array(self.W[kept][:, kept]), self.diagonal[kept], self.factor)

    @property
    def own(self) -> Array:
        """The entries of the diagonal, those of W included."""
        own: Array = self.diagonal - self.factor * self.W.diagonal()
        return own


def abreast(n: int) -> int:
    """How many columns of n entries go side by side: as many as a line of the cache holds, or one."""
    return LINE if 8 * LINE * n <= CACHE else 1


def solved(system: System, columns: Array, tell: Callable[[float], None]) -> tuple[Array, NDArray[np.bool_]]:
    """Solve for all columns, from 0 on.

    Parameters
    ----------
    system : System (n, n)
    columns : ndarray (n, c)
    tell : callable
        Told after every product how far the work is, from 0 to 1.

    Returns
    -------
    solution : ndarray (n, c)
    converged : ndarray (c,) of bool
        Of each column, whether no entry of its true residual b - A x is more than 1e-12 of the length of b, or than
        what float64 rounds in forming it.
    """
    count, width = columns.shape[1], abreast(len(columns))
    groups = [slice(first, min(first + width, count)) for first in range(0, count, width)]
    found = []
    for place, group in enumerate(groups):

        def told(share: float, place: int = place) -> None:
            tell((place + share) / len(groups))

        found.append(_solved_together(system, np.ascontiguousarray(columns[:, group]), told))
    return np.hstack([solution for solution, _ in found]), np.concatenate([converged for _, converged in found])


def _solved_together(system: System, columns: Array, tell: Callable[[float], None]) -> tuple[Array, NDArray[np.bool_]]:
    """The same of columns that are few enough to stay in the cache."""
    lengths = np.linalg.norm(columns, axis=0)
    solution, residual = np.zeros(columns.shape), columns
    converged = np.zeros(columns.shape[1], dtype=bool)
    for _ in range(ROUNDS):
        left = np.flatnonzero(~converged)
        solution[:, left] += _descended(system, residual[:, left], TOLERANCE * lengths[left], tell)
        residual = columns - system @ solution
        converged = np.abs(residual).max(axis=0) <= TOLERANCE * lengths + ROUNDING * system.sizes(solution)
        if converged.all():
            break
    return solution, converged


def _descended(system: System, columns: Array, bounds: Array, tell: Callable[[float], None]) -> Array:
    """One run of conjugate gradients, scaled by the diagonal, until each column's own residual is below its bound."""
    n, inverse = len(columns), 1 / system.own[:, np.newaxis]
    solution, on = np.zeros(columns.shape), np.arange(columns.shape[1])
    first = _lengths(columns)
    X, R = np.zeros(columns.shape), columns.copy()
    rho, P = np.ones(columns.shape[1]), np.zeros(columns.shape)
    for _ in range(20 * n):
        norms = _lengths(R)
        done = norms <= bounds[on]
        if done.any():
            solution[:, on[done]] = X[:, done]
            on, X, R, P, rho, norms = on[~done], X[:, ~done], R[:, ~done], P[:, ~done], rho[~done], norms[~done]
        if not on.size:
            return solution
        shares = np.log(first[on] / norms) / np.log(first[on] / bounds[on])
        tell(max(0.0, float(shares.min())))  # at first a residual may grow
        Z = R * inverse
        rho, before = _products(R, Z), rho
        P = P * (rho / before) + Z
        Q = system @ P
        curvature = _products(P, Q)
        steps = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)  # else rounding is all there is
        if not steps.any():
            break
        X += steps * P
        R -= steps * Q
    solution[:, on] = X
    return solution


def _products(A: Array, B: Array) -> Array:
    """Of each column of A with that of B."""
    products: Array = np.einsum("ij,ij->j", A, B)
    return products


def _lengths(A: Array) -> Array:
    return np.sqrt(_products(A, A))
