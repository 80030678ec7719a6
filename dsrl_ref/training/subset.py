"""Some columns of an objective, where columns are known not to interact, and the error of each column."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import forward
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.entries import AT_ONCE as ENTRIES
from dsrl_ref.entries import parts_of
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares, portions

AT_ONCE = 2**18  # entries of X in a block of `errors`, whose iterates are all kept


def has_columns_apart(J: Objective) -> bool:
    """Whether the columns of X are known not to interact; a subclass may do anything."""
    return type(J.f) in (Fidelity, LeastSquares)


def subset(J: Objective, columns: Any) -> Objective:
    """The objective of some columns, by the same engine; J is the sum of those of any parts."""
    f = _term_of(J, columns)
    x0 = None if isinstance(f, Fidelity) and J.x0 is J.f.W else J.x0[:, columns]  # type: ignore[attr-defined]
    target = f.W if isinstance(f, Fidelity) and J.target is J.f.W else J.target[:, columns]  # type: ignore[attr-defined]
    return Objective(f, target, layers=J.layers, x0=x0, method=J.method, threads=J.threads, per_layer=J.per_layer)


def errors(J: Objective, theta: Any, L: Any) -> Array:
    """‖x_t - x̃‖² of every column, (m,).

    Raises
    ------
    DivergenceError
        Where an iterate is not finite.
    """
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


def first_seen(J: Objective, L: float) -> Callable[[], Iterator[Array]]:
    """|X_(0) - ∇f(X_(0))/L|, which the first layer sees: of a sparse matrix what is stored, some entries at a time."""

    def parts() -> Iterator[Array]:
        f, x0 = J.f, J.x0
        if type(f) is Fidelity and (x0 is f.W or not (is_sparse(x0) or is_sparse(f.W))):
            for x, w in zip(parts_of(_entries(x0)), parts_of(_entries(f.W)), strict=True):
                yield np.abs(x - (x - w) / L)
        elif J.on_disk:
            for _, part, x in portions(f, x0, ENTRIES):  # type: ignore[arg-type]  # others are in memory
                yield np.abs(x - part.gradient(x) / L).ravel()
        else:
            yield np.abs(_entries(x0 - f.gradient(x0) / L)).ravel()

    return parts


def _entries(X: Any) -> Array:
    entries: Array = X.data if is_sparse(X) else X
    return entries


def energies(J: Objective) -> Array:
    """‖x̃‖² of every column: the error of an answer of 0."""
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
