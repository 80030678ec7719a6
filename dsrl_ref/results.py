"""What `fit` and `solve` return."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.status import Status


@dataclass(frozen=True)
class FitResult:
    """What `fit` learned.

    Attributes
    ----------
    theta : Theta
        Projected onto (7): what the network uses.
    L : float
        The step constant.
    loss : float
        J at `theta` and `L`.
    converged : bool
        Whether Gauss-Newton found a minimum; for the authors' training, whether all epochs were completed.
    message : str
        How it ended.
    history : dict of ndarray
        "loss" (epochs,), "theta" (epochs, 4), "L" (epochs,): before each epoch's step, as stored.
    raw : tuple of ndarray (4,) and float
        Θ and L as stored, before the projection.
    """

    theta: Theta
    L: float
    loss: float
    converged: bool
    message: str
    history: dict[str, Array]
    raw: tuple[Array, float]


@dataclass(frozen=True)
class SolveResult:
    """What `solve` found.

    Attributes
    ----------
    x : ndarray (n, m) or sparse
        The minimiser; where g is not convex, or f one's own, a stationary point.
    objective : float
        f(x) + weight·g(x).
    residual : float
        The largest of `residuals`.
    iterations : int
        Most that any column took.
    converged : bool
        Whether ``residual <= tol``.
    message : str
        How it ended, what is left, and what to do about it.
    status : Status
        How it ended: `Status.CONVERGED` (the minimum), `Status.STATIONARY`, `Status.MAX_ITER` or `Status.STALLED`; as
        the column that ended worst.
    column_status : ndarray (m,) of Status
        The same for every column.
    residuals : ndarray (m,)
        How far every column is from its end, without a unit. For convex g with `Fidelity` or `LeastSquares` and
        weight > 0, a bound on (objective - minimum)/objective of the column, from its duality gap. Otherwise the
        largest violation of a condition of first order in the column, relative to weight·b1 or, where that is 0, to
        the largest term of that coordinate's gradient.
    column_iterations : ndarray (m,) of int
        What every column took.
    """

    x: Any
    objective: float
    residual: float
    iterations: int
    converged: bool
    message: str
    status: Status
    column_status: NDArray[Any]
    residuals: Array
    column_iterations: NDArray[np.int64]
