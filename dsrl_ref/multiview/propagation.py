"""Labels that spread over a graph from the labelled samples to all others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array

from dsrl_ref.arrays import Array
from dsrl_ref.threads import blas_threads, processors

PROPAGATION = "balanced", "one-hot", "normalized"
ALPHA = 10.0
DENSE = 2_500  # samples up to which a dense factorisation is faster
TOLERANCE = 1e-12  # relative residual of the linear equations above that
MOST = 1e12  # alpha times the largest degree: four digits are left then of what I adds
SHELL = 1e-6  # of the largest entry: what is below it is solved again


def propagate(
    W: csr_array, labellings: Sequence[NDArray[np.intp]], classes: int, form: str, alpha: float | None
) -> list[Array]:
    """Spread several labellings of the same samples over one graph.

    Parameters
    ----------
    W : csr_array (n, n)
        Symmetric, nonnegative.
    labellings : sequence of ndarray (n,)
        Codes of classes; negative is unlabelled.
    classes : int
        c.
    form : {"balanced", "one-hot", "normalized"}
        As for `DSRLClassifier`.
    alpha : float or None
        How far labels spread, in units of the mean degree; None for the authors' 1, which has no units.

    Returns
    -------
    list of ndarray (n, c)
        F of (I + αL) F = sources for each; rows of 0 where no source reaches.

    Raises
    ------
    ValueError
        For an alpha beside which float64 does not see I.
    """
    columns = np.hstack([_sources(codes, classes, form == "balanced") for codes in labellings])
    degrees = W.sum(axis=1)
    laplacian: Any = diags_array(degrees) - W
    reach, largest = 1.0 if alpha is None else alpha, float(degrees.max())
    if form == "normalized":
        roots = diags_array(np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1.0)), 0.0))
        laplacian, largest = roots @ laplacian @ roots, 1.0
    elif alpha is not None:
        mean = float(degrees.mean()) or 1.0
        laplacian, largest = laplacian / mean, largest / mean
    if not reach * largest <= MOST:
        size = f"alpha = {reach:g} times the largest degree, {largest:g},"
        raise ValueError(f"{size} is too large for float64, {MOST:g} at most; take a smaller alpha")
    found = _solved(csr_array(eye_array(len(degrees)) + reach * laplacian), columns)
    return np.split(found, len(labellings), axis=1)


def distributions(F: Array) -> Array:
    """Rows that sum to 1; uniform where no source reaches."""
    positive = np.maximum(F, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    return np.where(total > 0, positive / np.where(total > 0, total, 1.0), 1 / F.shape[1])


def _sources(codes: NDArray[np.intp], classes: int, balanced: bool) -> Array:
    """One column a class: 1 at its labelled samples, or one part in their number."""
    labelled = np.flatnonzero(codes >= 0)
    columns = np.zeros((len(codes), classes))
    columns[labelled, codes[labelled]] = 1.0
    return columns / np.maximum(columns.sum(axis=0), 1.0) if balanced else columns


def _solved(matrix: csr_array, columns: Array) -> Array:
    """Solve with a symmetric positive definite matrix, for any number of right-hand sides."""
    n = matrix.shape[0]
    if n > DENSE:
        with blas_threads(1):
            return _in_shells(matrix, columns)
    from scipy.linalg import cho_factor, cho_solve  # before the limit, which is then on this library too

    with blas_threads(processors(), n**3 // 6):
        factor = cho_factor(matrix.toarray(), lower=True, overwrite_a=True)
        solution: Array = cho_solve(factor, columns)
    return solution


def _in_shells(matrix: csr_array, columns: Array) -> Array:
    """Solve by conjugate gradients, which are exact to a share of the largest entry only.

    What is far from all sources is smaller than that error: it is solved again by itself, from what is around it.
    """
    found, rest = np.zeros_like(columns), np.arange(len(columns))
    while True:
        solution = np.column_stack([_conjugate_gradients(matrix, column) for column in columns.T])
        found[rest] = solution
        largest = np.abs(solution).max(axis=1)
        far = largest < SHELL * largest.max()
        if not far.any():
            return found
        columns = columns[far] - matrix[far][:, ~far] @ solution[~far]
        matrix, rest = csr_array(matrix[far][:, far]), rest[far]


def _conjugate_gradients(matrix: csr_array, column: Array) -> Array:
    from scipy.sparse.linalg import cg

    size = np.abs(column).max()
    if size == 0:
        return column
    scaled = column / size  # squares of what is left of far sources would vanish
    inverse_diagonal = diags_array(1 / matrix.diagonal())
    solution, failed = cg(matrix, scaled, rtol=TOLERANCE, atol=0.0, maxiter=20 * len(column), M=inverse_diagonal)
    if failed:
        raise ValueError("the propagation did not converge: alpha is too large for float64; take a smaller one")
    return size * solution
