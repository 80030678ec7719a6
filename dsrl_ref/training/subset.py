"""Some columns of an objective, where columns are known not to interact, and the error of each column."""

from typing import Any

import numpy as np

from dsrl_ref.appendix.network import forward
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares, is_spread_term

AT_ONCE = 2**18  # entries of X in a block of `errors`, whose iterates are all kept


def has_columns_apart(J: Objective) -> bool:
    """Whether the columns of X are known not to interact; a subclass may do anything."""
    return type(J.f) in (Fidelity, LeastSquares)


def subset(J: Objective, columns: Any) -> Objective:
    """The objective of some columns, by the same engine; J is the sum of those of any parts.

    Of a dask array few columns are fetched, and many are another dask array.
    """
    if is_spread_term(J.f):
        of, start, goal = J.problem.some(columns)
        return J.of_others(of, goal, start)
    f = _term_of(J, columns)
    x0 = None if isinstance(f, Fidelity) and J.x0 is J.f.W else J.x0[:, columns]  # type: ignore[attr-defined]
    target = f.W if isinstance(f, Fidelity) and J.target is J.f.W else J.target[:, columns]  # type: ignore[attr-defined]
    return J.of_others(f, target, x0)


def errors(J: Objective, theta: Any, L: Any) -> Array:
    """‖x_t - x̃‖² of every column, (m,): by the engine that evaluates J, or by the recursion where that has no columns.

    Raises
    ------
    DivergenceError
        Where an iterate is not finite.
    """
    if is_spread_term(J.f):
        of_columns: Array = J.problem.errors(*J.parameters.read(theta, L))
        return of_columns
    of_engine = J.errors(theta, L)
    return _by_recursion(J, theta, L) if of_engine is None else of_engine


def _by_recursion(J: Objective, theta: Any, L: Any) -> Array:
    n, m = J.shape
    width = max(1, AT_ONCE // n)
    if m <= width or not has_columns_apart(J):
        return _squares(forward(J.f, theta, L, int(J.layers), J.x0)[-1] - J.target)
    found = []
    for start in range(0, m, width):
        columns = slice(start, start + width)
        X = forward(_term_of(J, columns), theta, L, int(J.layers), J.x0[:, columns])[-1]
        found.append(_squares(X - J.target[:, columns]))
    return np.concatenate(found)


def energies(J: Objective) -> Array:
    """‖x̃‖² of every column: the error of an answer of 0."""
    if is_spread_term(J.f):
        of_columns: Array = J.problem.energies()
        return of_columns
    return _squares(J.target)


def _term_of(J: Objective, columns: Any) -> Any:
    """The smooth term of some columns that do not interact with the others."""
    if isinstance(J.f, Fidelity):
        return Fidelity(J.f.W[:, columns])
    return LeastSquares(J.f.D, J.f.Y[:, columns])  # type: ignore[attr-defined]  # the caller has asked above


def drawn(columns: Any, count: int, seed: int) -> Array:
    """So many of these columns, or of the first so many, in ascending order; the same of the same seed."""
    return np.sort(np.random.default_rng(seed).permutation(columns)[:count])


def _squares(X: Any) -> Array:
    squares: Array = np.asarray((X.multiply(X) if is_sparse(X) else X**2).sum(axis=0), dtype=np.float64).ravel()
    return squares
