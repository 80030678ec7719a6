"""`LeastSquares`: accelerated proximal gradient descent on columns, each set aside when it has converged."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.solver.prox import Prox

ENTRIES = 1 << 17  # of a block of columns: it stays in cache
CHECKED_EVERY = 5  # iterations: columns that have converged are set aside
SETTLED_FROM = 25  # iterations: before, too few entries are in their last region
LARGEST_BATCH = 1 << 23  # entries of the systems that are solved at once


def descend(
    D: Any, gram: Array | None, constant: Array, X: Array, prox: Prox, enough: float, max_iter: int
) -> tuple[Array, int]:
    """Minimise every column, a block at a time, and count the iterations of the one that took most."""
    X, width, iterations = X.copy(), max(1, ENTRIES // X.shape[0]), 0
    for first in range(0, X.shape[1], width):
        block = slice(first, first + width)
        columns = Columns(D, gram, constant[:, block], prox)
        X[:, block], taken = _descend_block(columns, X[:, block], enough, max_iter)
        iterations = max(iterations, taken)
    return X, iterations


class Columns:
    """Some columns of a `LeastSquares`: ∇f, and the minimum once the region of every entry is known."""

    def __init__(self, D: Any, gram: Array | None, constant: Array, prox: Prox) -> None:
        self.D, self.gram, self.constant, self.prox = D, gram, constant, prox

    def keep(self, kept: NDArray[np.bool_]) -> "Columns":
        """These columns alone."""
        return Columns(self.D, self.gram, self.constant[:, kept], self.prox)

    def step(self, X: Array) -> Array:
        """X - ∇f(X)/L."""
        product = self.D.T @ (self.D @ X) if self.gram is None else self.gram @ X
        product -= self.constant
        product *= -1 / self.prox.L
        product += X
        return product

    def residuals(self, X: Array) -> Array:
        """L·‖x - prox(x - ∇f(x)/L)‖ of each column."""
        return self.prox.L * _column_norms(X - self.prox(self.step(X)))

    def settled(self, X: Array) -> Array | None:
        """X with every entry where it would end if it stayed in its region; None where that is no system to solve.

        There x = s·z + o with z = x - ∇f(x)/L: a linear system in the entries with s > 0, batched over columns.
        """
        w1, w2, b1, b2 = self.prox.theta
        Z = self.step(X)
        size = np.abs(Z)
        slope = np.where(size > b2, w2, np.where(size > b1, w1, 0.0))
        offset = np.sign(Z) * np.where(size > b2, w1 * (b2 - b1) - w2 * b2, -w1 * b1)
        counts = np.count_nonzero(slope, axis=0)
        most, columns = int(counts.max()), np.arange(X.shape[1])[:, None]
        if self.gram is None or most == 0 or most * most * X.shape[1] > LARGEST_BATCH:
            return None
        rows = np.argsort(slope == 0, axis=0, kind="stable")[:most].T
        s, real = slope[rows, columns], np.arange(most) < counts[:, None]
        matrix = self.gram[rows[:, :, None], rows[:, None, :]] * (s / self.prox.L)[:, :, None] * real[:, None, :]
        diagonal = np.arange(most)
        matrix[:, diagonal, diagonal] += 1 - s
        right = s * self.constant[rows, columns] / self.prox.L + np.where(real, offset[rows, columns], 0.0)
        try:
            found = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            return None
        settled = np.zeros_like(X)
        settled[rows, columns] = found
        return settled


def _descend_block(columns: Columns, X: Array, enough: float, max_iter: int) -> tuple[Array, int]:
    """Minimise column by column; one whose residual is small enough is set aside."""
    done, active = X.copy(), np.arange(X.shape[1])
    Y, momentum = X, np.ones(X.shape[1])
    for iteration in range(1, max_iter + 1):
        new = columns.prox(columns.step(Y))
        back, ahead = Y - new, new - X
        if iteration % CHECKED_EVERY == 0 or iteration == max_iter:
            best, kept = _best(columns, new, enough, iteration)
            done[:, active] = best
            if not kept.any():
                return done, iteration
            active, columns, momentum = active[kept], columns.keep(kept), momentum[kept]
            new, back, ahead = new[:, kept], back[:, kept], ahead[:, kept]
        X, (Y, momentum) = new, _accelerated(new, back, ahead, momentum)
    return done, max_iter


def _best(columns: Columns, X: Array, enough: float, iteration: int) -> tuple[Array, NDArray[np.bool_]]:
    """X, its columns replaced by settled ones where these are minima; and which have not converged."""
    kept = columns.residuals(X) > enough
    convex = columns.prox.theta.w1 <= 1  # else what is settled may be a maximum in some direction
    if convex and iteration >= SETTLED_FROM and (settled := columns.settled(X)) is not None:
        better = columns.residuals(settled) <= enough
        X, kept = np.where(better, settled, X), kept & ~better
    return X, kept


def _accelerated(new: Array, back: Array, ahead: Array, momentum: Array) -> tuple[Array, Array]:
    """The point to step from next; momentum that leads uphill begins anew, in each column for itself."""
    uphill = np.einsum("ij,ij->j", back, ahead) > 0
    larger = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
    factor = np.where(uphill, 0.0, (momentum - 1) / larger)
    ahead *= factor
    return new + ahead, np.where(uphill, 1.0, larger)


def _column_norms(X: Array) -> Array:
    return np.sqrt(np.einsum("ij,ij->j", X, X))
