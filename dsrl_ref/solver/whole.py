"""Any smooth term: accelerated proximal gradient descent on the whole of X, with backtracking.

FISTA (Beck & Teboulle 2009) with the adaptive restart of O'Donoghue & Candès (2015). A step is X - ∇f(X)/L followed by
the minimiser of ½L·(x - z)² + h(x), entry by entry. L is what f says, or found: lowered until the quadratic model
fails, then doubled wherever it fails; a step to where f is not finite fails too.
"""

import math
from collections.abc import Callable

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.smooth import LeastSquares
from dsrl_ref.solver.guarded import Guarded, finite_value
from dsrl_ref.solver.penalty import Penalty

Term = Guarded | LeastSquares  # both answer with float64, a value that may be infinite
LARGEST_L = 1e150
SLACK = 1e-12  # of the model, by which its rounding may exceed it


def minimise(
    f: Term, h: Penalty, X: Array, tol: float, max_iter: int, tell: Callable[[str], None] = lambda text: None
) -> tuple[Array, Array, int]:
    """Descend until no column violates a condition of first order by more than tol, or the iterations run out.

    Returns the best X, the largest violation of every column, and the number of iterations.
    """
    at_zero = np.abs(f.gradient(np.zeros(X.shape)))
    finite_value(f, X, "x0")
    return descend(f, h, X, lambda X, L: violations(f, h, X, at_zero, L), tol, max_iter, every=1, tell=tell)


def descend(
    f: Term,
    h: Penalty,
    X: Array,
    residuals_of: Callable[[Array, float], Array],
    tol: float,
    max_iter: int,
    every: int,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[Array, Array, int]:
    """Descend until all residuals are within tol; they are asked for after so many iterations, and at the end.

    `tell` hears in every iteration how far it is.
    """
    known = f.lipschitz()
    L = known if 0 < known < LARGEST_L else _first_guess(f, h, X)
    best, least = X, residuals_of(X, L)
    Y, momentum, iteration = X, 1.0, 0
    while iteration < max_iter and least.max() > tol:
        iteration += 1
        tell(f"iteration {iteration} of at most {max_iter}, residual {least.max():.2g}")
        value = f.value(Y)
        if not math.isfinite(value):  # momentum has left where f is finite
            Y, momentum, value = X, 1.0, finite_value(f, X, "an iterate")
        new, L = _backtracked(f, h, Y, value, L)
        if iteration % every == 0 or iteration == max_iter:
            residuals = residuals_of(new, L)
            if residuals.max() <= least.max():
                best, least = new, residuals
        back, ahead, larger = Y - new, new - X, (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        uphill = np.vdot(back, ahead) > 0
        Y = new if uphill else new + (momentum - 1) / larger * ahead
        X, momentum = new, 1.0 if uphill else larger
    return best, least, iteration


def violations(f: Term, h: Penalty, X: Array, at_zero: Array, L: float) -> Array:
    """The largest violation of every column, relative to h's slope at 0 or, where that is 0, to the largest term.

    The terms of a gradient that is only known as a whole are ∇f(0), the slope of h, and what X may have added to the
    first, at most L times its largest entry.
    """
    violation = h.violation(X, -f.gradient(X))
    if np.all(h.s0 > 0):
        return np.asarray(violation.max(axis=0) / h.s0)
    slopes = np.where(X == 0, 0.0, np.abs(h.slope(X)))
    unit = np.maximum(np.maximum(at_zero, slopes), L * np.abs(X).max(axis=0))
    return np.asarray(np.where(violation == 0, 0.0, violation / unit).max(axis=0))


def _first_guess(f: Term, h: Penalty, X: Array) -> float:
    """An L that is not much too large: a quarter of it breaks the model."""
    gradient, value, L = f.gradient(X), finite_value(f, X, "x0"), 1.0
    while L > 1 / LARGEST_L and _within_model(f, h, X, gradient, value, L / 4) is not None:
        L /= 4
    return L


def _backtracked(f: Term, h: Penalty, Y: Array, value: float, L: float) -> tuple[Array, float]:
    """A step from Y, where f has that value, and the L with which f stays below its quadratic model."""
    gradient = f.gradient(Y)
    while (new := _within_model(f, h, Y, gradient, value, L)) is None:
        if L >= LARGEST_L:
            raise ValueError(
                f"f is not below its quadratic model for any L up to {L:g}: are its value and gradient of one f?"
            )
        L *= 2
    return new, L


def _within_model(f: Term, h: Penalty, Y: Array, gradient: Array, value: float, L: float) -> Array | None:
    """The step from Y with 1/L, or None where f exceeds its quadratic model there."""
    new = h.minimiser(L * Y - gradient, L)
    move = new - Y
    model = value + np.vdot(gradient, move) + 0.5 * L * np.vdot(move, move)
    there = f.value(new)
    return new if math.isfinite(there) and there <= model + SLACK * abs(model) else None
