"""What `fit` and `solve` return."""

from dataclasses import dataclass
from typing import Any

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array


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
        The minimiser; where g is not convex, a stationary point.
    objective : float
        f(x) + weight·g(x).
    residual : float
        L·‖x - prox(x - ∇f(x)/L)‖_F / max(1, ‖∇f(0)‖_F): 0 exactly at stationary points.
    iterations : int
        Most that any column took.
    converged : bool
        Whether ``residual <= tol``.
    message : str
        How it ended, and what to do about it.
    """

    x: Any
    objective: float
    residual: float
    iterations: int
    converged: bool
    message: str
