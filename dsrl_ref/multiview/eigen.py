"""Eigenvectors of the largest eigenvalues of a graph, as exact as those who use them can see, and none missed.

Lanczos' iteration ends where residuals are small, not vectors right. By Davis and Kahan the sine of the largest angle
between the space that was found and the one that is meant is at most ‖R‖/gap: R has the residuals, and the gap is what
lies between the last eigenvalue that is wanted and the next one. So that is looked at, in the space that is orthogonal
to what was found, from another start. What a short look finds may be below the next eigenvalue, so that a quarter of
the gap is counted on. Where the bound is not small then, the iteration goes on to all digits. That second look also
finds what the first may have missed: of an eigenvalue that occurs several times, as in a graph with symmetries, one
start sees one vector alone.

Clusters are those of distances between rows, which no rotation within the space changes: angles between its vectors,
whose eigenvalues may be as near to one another as they like, do not matter.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.memory import require_room
from dsrl_ref.progress import Progress
from dsrl_ref.threads import blas_threads

DENSE = 200  # samples up to which all eigenvectors are computed
DENSE_COPIES = 6  # of the matrix, which the dense solver holds
TOLERANCE = 1e-10  # of an eigenvalue: the residual that the iteration ends at
ANGLE = 1e-5  # the sine above which it goes on
LOOK = 1e-2  # of an eigenvalue: the residual of the next one, whose size alone is asked for
COUNTED = 0.25  # of the gap: what is looked for briefly may lie below the next eigenvalue
ALIKE = 1e-9  # of the largest size: eigenvalues that differ by less are not told apart
TOLD = 20  # products between two signs of life
LOWERED = 3.0  # times the largest size of eigenvalues: by so much known ones are lowered, to lie below all others


@dataclass(frozen=True)
class Scaled:
    """A graph whose rows and columns are multiplied by the same factors, which is not written out.

    Parameters
    ----------
    graph : csr_array (n, n)
        Symmetric, nonnegative.
    factors : ndarray (n,)
        Nonnegative.
    """

    graph: csr_array
    factors: Array

    @cached_property
    def size(self) -> float:
        """A number that no eigenvalue exceeds: the largest sum of a row, 1 at least."""
        return max(1.0, float((self.factors * (self.graph @ self.factors)).max(initial=0.0)))

    def __matmul__(self, x: Array) -> Array:
        """The product with a vector, or with the columns of a matrix."""
        factors = self.factors.reshape(-1, *[1] * (x.ndim - 1))
        product: Array = factors * (self.graph @ (factors * x))
        return product

    def toarray(self) -> Array:
        """The whole of it, dense."""
        dense: Array = self.factors[:, np.newaxis] * self.graph.toarray() * self.factors
        return dense


def top_eigenvectors(matrix: Scaled, count: int, known: csr_array | None = None) -> Array:
    """Eigenvectors of the largest eigenvalues, those first; the same bits whenever it is asked.

    Parameters
    ----------
    matrix : Scaled (n, n)
    count : int
        How many.
    known : csr_array (n, c), optional
        Orthonormal eigenvectors that are left out.

    Returns
    -------
    ndarray (n, count)
        Orthonormal. They span the right space but for an angle whose sine is at most 1e-5, usually 1e-8, where float64
        has it and the next eigenvalue is another one.

    Raises
    ------
    SizeError
        Where so many eigenvectors would not fit.
    ValueError
        Where the iteration does not end.
    """
    n = matrix.graph.shape[0]
    what = f"n_clusters: {count} eigenvectors of {n} samples, and what the iteration for them holds"
    require_room(8 * n * (n * DENSE_COPIES if n <= 2 * count + 2 else 6 * count), what, "take fewer clusters")
    if not count or not matrix.graph.nnz:
        return np.zeros((n, count))
    known = csr_array((n, 0)) if known is None else known
    if n <= max(DENSE, 2 * count + 2):
        lowered = matrix.toarray() - LOWERED * matrix.size * (known @ known.T).toarray()
        with blas_threads(1):  # by more of them it would be rounded in another way
            vectors: Array = np.linalg.eigh(lowered)[1][:, ::-1][:, :count]
        return vectors
    with blas_threads(1), Progress("eigenvectors") as progress:
        search = Search(matrix, known.toarray(), progress)
        values, vectors, gap = search.first(count, TOLERANCE)
        if not np.linalg.norm(search.lowered(vectors) - vectors * values) <= ANGLE * gap:
            values, vectors, gap = search.first(count, 0.0)
    return vectors[:, np.argsort(-values, kind="stable")]


class Search:
    """Lanczos' iteration for the largest eigenvalues, beside eigenvectors that are known already.

    Parameters
    ----------
    matrix : Scaled
    known : ndarray (n, c)
        Orthonormal.
    progress : Progress
        Told of every product with the matrix.
    """

    def __init__(self, matrix: Scaled, known: Array, progress: Progress) -> None:
        self.matrix, self.known, self.progress = matrix, known, progress
        self.lift, self.products = LOWERED * matrix.size, 0

    def first(self, count: int, tolerance: float) -> tuple[Array, Array, float]:
        """So many values and vectors, and what is counted on of the gap to the next value; 0 where there is none."""
        values, vectors = self._iterated(count, tolerance, self.known)
        for _ in range(count):
            space = np.hstack([self.known, vectors])
            if space.shape[1] >= len(space):
                return values, vectors, np.inf
            below = float(self._iterated(1, LOOK, space)[0][0])
            if below <= values.min() + ALIKE * self.matrix.size:
                break
            _, missed = self._iterated(1, tolerance, space)
            values, vectors = self._largest(np.hstack([vectors, missed]), count)
        return values, vectors, max(0.0, COUNTED * (float(values.min()) - below))

    def lowered(self, x: Array, known: Array | None = None) -> Array:
        """The product with the matrix whose known eigenvalues are lowered."""
        known = self.known if known is None else known
        return self.matrix @ x - self.lift * (known @ (known.T @ x))

    def _iterated(self, count: int, tolerance: float, known: Array) -> tuple[Array, Array]:
        """The largest eigenvalues beside known ones, each with a residual of this share of it; 0 is all digits."""
        from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

        n = len(known)
        start = np.random.default_rng(known.shape[1]).uniform(0.5, 1.5, n)
        shape = n, n
        operator = LinearOperator(shape, matvec=lambda x: self._told(self.lowered(x, known)), dtype=np.float64)
        try:
            found: tuple[Any, Any] = eigsh(operator, k=count, which="LA", v0=start, maxiter=100 * n, tol=tolerance)
        except ArpackError as error:
            raise ValueError(f"no spectral embedding: {error}; take fewer clusters or more neighbours") from error
        return found

    def _told(self, product: Array) -> Array:
        self.products += 1
        if self.products % TOLD == 0:
            self.progress.tell(f"{self.products} products with the graph")
        return product

    def _largest(self, vectors: Array, count: int) -> tuple[Array, Array]:
        """Of the space of vectors that are orthogonal to the known ones, the largest values (Rayleigh and Ritz)."""
        space = np.linalg.qr(vectors)[0]
        values, turned = np.linalg.eigh(space.T @ (self.matrix @ space))
        return values[-count:], space @ turned[:, -count:]
