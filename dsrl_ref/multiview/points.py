"""The samples of a view as points: in dense columns, or in sparse rows that are never made dense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.threads import blas_threads, processors

Places: TypeAlias = NDArray[np.intp] | slice


class Dense:
    """Points in the columns of a matrix.

    Parameters
    ----------
    columns : ndarray (d, n)
        C-contiguous, so that sums over features run in their order.
    """

    def __init__(self, columns: Array) -> None:
        self.columns = columns

    @property
    def count(self) -> int:
        """How many points there are."""
        return int(self.columns.shape[1])

    @property
    def features(self) -> int:
        """How many coordinates each has."""
        return int(self.columns.shape[0])

    def take(self, places: Places) -> Dense:
        """Some of the points."""
        return Dense(np.ascontiguousarray(self.columns[:, places]))

    def largest(self) -> float:
        """The size of the largest coordinate of all."""
        return float(max(self.columns.max(initial=0.0), -self.columns.min(initial=0.0)))

    def squares(self) -> Array:
        """Squares of their lengths."""
        squares: Array = (self.columns**2).sum(axis=0)
        return squares

    def products(self, others: Any) -> Callable[[Places], Array]:
        """Make the function that multiplies a block of the points with all others, which are dense too."""

        def multiply(block: Places) -> Array:
            some = self.columns[:, block]
            with blas_threads(processors(), some.size * others.count):
                products: Array = some.T @ others.columns
            return products

        return multiply

    def are_equal(self) -> bool:
        """Whether all points are one."""
        return bool((self.columns == self.columns[:, :1]).all())

    def at_origin(self) -> NDArray[np.bool_]:
        """Which points are 0."""
        return np.asarray(~self.columns.any(axis=0))


@dataclass(frozen=True)
class Sparse:
    """Points in the rows of a sparse matrix, each moved against one direction: x_i = rows_i - shift_i·direction.

    That is how sparse features are centred: what is stored stays sparse, and products have a correction of rank one.

    Parameters
    ----------
    rows : csr_array (n, d)
        Canonical, without explicit zeros.
    shift : ndarray (n,)
    direction : ndarray (d,)
    """

    rows: csr_array
    shift: Array
    direction: Array

    @classmethod
    def unmoved(cls, rows: csr_array) -> Sparse:
        """The rows as they are."""
        return cls(rows, np.zeros(rows.shape[0]), np.zeros(rows.shape[1]))

    @property
    def count(self) -> int:
        """How many points there are."""
        return int(self.rows.shape[0])

    @property
    def features(self) -> int:
        """How many coordinates each has."""
        return int(self.rows.shape[1])

    def take(self, places: Places) -> Sparse:
        """Some of the points."""
        return Sparse(csr_array(self.rows[places]), self.shift[places], self.direction)

    def squares(self) -> Array:
        """Squares of their lengths."""
        along, length = self.rows @ self.direction, float(self.direction @ self.direction)
        stored = np.asarray(self.rows.multiply(self.rows).sum(axis=1))
        squares: Array = stored - 2 * self.shift * along + self.shift**2 * length
        return np.maximum(squares, 0.0)

    def products(self, others: Any) -> Callable[[Places], Array]:
        """Make the function that multiplies a block of the points with all others, moved against the same direction."""
        columns = csr_array(others.rows.T)
        along, of_others = self.rows @ self.direction, others.rows @ self.direction
        length = float(self.direction @ self.direction)

        def multiply(block: Places) -> Array:
            products: Array = (self.rows[block] @ columns).toarray()
            if length:
                shift = self.shift[block]
                products -= np.multiply.outer(shift, of_others - length * others.shift)
                products -= np.multiply.outer(along[block], others.shift)
            return products

        return multiply

    def are_equal(self) -> bool:
        """Whether all points are one."""
        starts, width = self.rows.indptr, self.rows.indptr[1]
        alike = bool((np.diff(starts) == width).all() and (self.shift == self.shift[:1]).all())
        return alike and all(
            bool((part.reshape(self.count, width) == part[:width]).all())
            for part in (self.rows.indices, self.rows.data)
        )

    def at_origin(self) -> NDArray[np.bool_]:
        """Which points are 0."""
        unmoved = (self.shift == 0) | np.full(self.count, not self.direction.any())
        return (np.diff(self.rows.indptr) == 0) & unmoved


Points: TypeAlias = Dense | Sparse
