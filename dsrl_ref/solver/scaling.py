"""A `LeastSquares` in units of its own, so that no step of its solution depends on those of the caller.

Every column of D and every column of Y is divided by a power of two, so that its largest entry is between ½ and 1.
This is exact, and it makes the same numbers of a problem and of its multiples by powers of two.
"""

from functools import cached_property
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.smooth import LeastSquares

FARTHEST = 1000  # exponent of a unit: its reciprocal must be finite too


class Scaled:
    """½‖Dx - y‖² + h(x) for every column y of Y, a row each, in units of its own.

    Attributes
    ----------
    D : ndarray (k, n) or csr_array
        Scaled; `columns` is the same, quick to take columns from.
    Y : ndarray (m, k)
        Transposed, scaled.
    d_norms, y_norms : ndarray (n,), (m,)
        Of the scaled columns.
    of_d, of_y : ndarray (n,), (m,)
        Powers of two: the caller's column is the scaled one times this.
    """

    def __init__(self, f: LeastSquares) -> None:
        D = f.D
        self.of_d = units(np.asarray(abs(D).max(axis=0).todense()).ravel() if is_sparse(D) else largest(D, 0))
        self.of_y = units(largest(f.Y, 0))
        if is_sparse(D):
            self.D = D.copy()
            self.D.data = D.data / self.of_d[D.indices]
            self.columns: Any = self.D.tocsc()
            self.d_norms: Array = np.sqrt(np.asarray((self.D.multiply(self.D)).sum(axis=0)).ravel())
        else:
            self.D = self.columns = D / self.of_d
            self.d_norms = np.sqrt(np.einsum("ij,ij->j", self.D, self.D))
        self.Y: Array = np.divide(f.Y.T, self.of_y[:, None], order="C")
        self.y_norms = norms(self.Y)

    def points(self, X: Array) -> Array:
        """Points of the caller's (n, m) as rows in these units."""
        scaled: Array = np.multiply(X.T, self.of_d, order="C")
        scaled /= self.of_y[:, None]
        return scaled

    def original(self, X: Array) -> Array:
        """Rows in these units as points of the caller's, (n, m)."""
        points: Array = np.divide(X.T, self.of_d[:, None], order="C")
        points *= self.of_y
        points += 0.0  # no -0
        return points

    def residuals(self, X: Array, rows: slice) -> Array:
        """U = y - Dx of some rows."""
        return np.asarray(self.Y[rows] - (self.D @ X.T).T)

    def products(self, U: Array) -> Array:
        """V = Dᵀu of every row u."""
        return np.ascontiguousarray((self.D.T @ U.T).T)

    def magnitudes(self, U: Array) -> Array:
        """|D|ᵀ|u| of every row u: what Dᵀu would be if nothing of it cancelled."""
        return np.ascontiguousarray((self.absolute.T @ np.abs(U).T).T)

    @cached_property
    def absolute(self) -> Any:
        """|D|, for bounds on rounding."""
        return abs(self.D)

    def term(self, rows: slice) -> LeastSquares:
        """The smooth term of some rows, which are its columns."""
        return LeastSquares(self.D, self.Y[rows].T)

    def gram(self, chosen: Any = None) -> Array:
        """DᵀD of the chosen columns, or of all."""
        some = self.columns if chosen is None else self.columns[:, chosen]
        product = some.T @ some
        return np.ascontiguousarray(product.toarray() if is_sparse(product) else product)


def largest(values: Array, axis: int) -> Array:
    """The largest magnitudes along an axis, without an array of magnitudes."""
    return np.maximum(values.max(axis=axis), -values.min(axis=axis))


def units(sizes: Array) -> Array:
    """The power of two just above every size; 1 for a size of 0."""
    exponents = np.frexp(sizes)[1]
    return np.ldexp(1.0, np.clip(exponents, -FARTHEST, FARTHEST))


def norms(rows: Array) -> Array:
    """Of every row."""
    return np.sqrt(np.einsum("ij,ij->i", rows, rows))
