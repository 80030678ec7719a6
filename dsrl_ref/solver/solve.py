"""`solve`: argmin f + weight·g."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm, starting_point
from dsrl_ref.appendix.regularizer import regularizer
from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_count, as_number, is_sparse
from dsrl_ref.engines.blocks import processors
from dsrl_ref.engines.jit import WORTH_COMPILING
from dsrl_ref.results import SolveResult
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.solver import columns, coordinates, whole
from dsrl_ref.solver.prox import MARGIN, Prox, entrywise, norm, residual


def solve(
    f: SmoothTerm,
    theta: ThetaLike,
    weight: float = 1.0,
    *,
    x0: Any = None,
    tol: float = 1e-8,
    max_iter: int = 10_000,
) -> SolveResult:
    """Minimise f(X) + weight·g(X).

    Parameters
    ----------
    f : SmoothTerm
        `Fidelity`, `LeastSquares` or your own.
    theta : Theta or four numbers
        w1, w2, b1, b2 of g; w2 <= 1, for else g is unbounded below. `Theta.soft` is the lasso, `Theta.firm` MCP.
    weight : float
        Of g; not negative.
    x0 : array_like (n, m), optional
        Where to start; defaults to ``f.start()``.
    tol : float
        Largest residual, see `SolveResult`; positive.
    max_iter : int
        Most iterations, of any column.

    Returns
    -------
    SolveResult
        ``.x``, ``.objective``, ``.residual``, ``.iterations``, ``.converged`` and, in words, ``.message``.

    Raises
    ------
    ValueError, TypeError
        For bad arguments.

    Notes
    -----
    FISTA (Beck & Teboulle 2009) with the adaptive restart of O'Donoghue & Candès (2015). The prox of a step 1/L is ξ
    of S(weight/L)Θ, see `Theta.scaled`; L is kept where that exists. The columns of a `LeastSquares` are independent
    and go in blocks, each set aside when it has converged; where g is convex and the regions of a column's entries no
    longer change, a linear system tells where it ends. Where g is convex and there are 200,000 entries or more, it is
    compiled coordinate descent instead, on working sets, columns in threads; its iterations are sweeps over the
    working set. For another f, L is doubled where it proves too small.

    Examples
    --------
    >>> import numpy as np
    >>> from dsrl_ref import LeastSquares, Theta
    >>> lasso = solve(LeastSquares([[1.0, 0.5], [0.0, 1.0]], [[2.0], [0.5]]), Theta.soft(0.5))
    >>> lasso.x.round(6), lasso.converged
    (array([[1.375],
           [0.25 ]]), True)
    """
    theta, weight = as_theta(theta), as_number(weight, "weight")
    if weight < 0:
        raise ValueError(f"weight must not be negative, got {weight}")
    if theta.w2 > 1:
        raise ValueError(f"w2 = {theta.w2} exceeds 1: g is unbounded below, and so is f + weight·g for any weight")
    tol = as_number(tol, "tol")
    if tol <= 0:
        raise ValueError(f"tol must be positive, got {tol}")
    max_iter = as_count(max_iter, "max_iter", least=1)
    X = starting_point(f, x0)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        if type(f) is LeastSquares:
            return _solve_least_squares(f, theta, weight, _dense(X), tol, max_iter)
        if type(f) is Fidelity:
            return _solve_fidelity(f, theta, weight, X, tol, max_iter)
        return _solve_whole(f, theta, weight, _dense(X), tol, max_iter)


def solve_path(
    f: SmoothTerm,
    theta: ThetaLike,
    weights: Iterable[float],
    *,
    x0: Any = None,
    tol: float = 1e-8,
    max_iter: int = 10_000,
) -> list[SolveResult]:
    """Solve for several weights, each from the solution of the one before; from large to small is fastest.

    Parameters
    ----------
    f, theta, x0, tol, max_iter
        As for `solve`.
    weights : iterable of float
        In the order in which to go.

    Returns
    -------
    list of SolveResult
        One for each weight.

    Examples
    --------
    >>> from dsrl_ref import Fidelity, Theta
    >>> [solution.x.tolist() for solution in solve_path(Fidelity([[3.0, 1.5]]), Theta.soft(1), [2, 1])]
    [[[1.0, 0.0]], [[2.0, 0.5]]]
    """
    solutions: list[SolveResult] = []
    for weight in weights:
        start = solutions[-1].x if solutions else x0
        solutions.append(solve(f, theta, weight, x0=start, tol=tol, max_iter=max_iter))
    return solutions


def _solve_least_squares(
    f: LeastSquares, theta: Theta, weight: float, X: Array, tol: float, max_iter: int
) -> SolveResult:
    """By coordinates where that is worth compiling and g is convex: else they may end where columns do not."""
    constant, L = f.D.T @ f.Y, _finite(f.lipschitz(), "the curvature of f")
    scale, gram, prox = _scale(constant), _gram_matrix(f.D), Prox(theta, weight, L or 1.0)
    if theta.w1 <= 1:
        X = np.where(_seen(f.D), X, 0.0)
    enough = tol * scale / math.sqrt(X.shape[1])
    if gram is not None and theta.w1 <= 1 and X.size >= WORTH_COMPILING:
        X, taken = coordinates.descend(gram, constant, X, theta, weight, prox, enough, max_iter, processors())
    else:
        X, taken = columns.descend(f.D, gram, constant, X, prox, enough, max_iter)
    return _result(f, theta, weight, X, prox, scale, tol, taken)


def _seen(D: Any) -> Array:
    """Which entries of a column f sees; the others are where g alone has its minimum, if it is convex: at 0."""
    return np.asarray(abs(D).sum(axis=0) > 0).reshape(-1, 1)


def _gram_matrix(D: Any) -> Array | None:
    """DᵀD, where a product with it takes no more operations than two with D."""
    k, n = D.shape
    gram: Array | None = None if is_sparse(D) or n > 2 * k else D.T @ D
    return gram


def _solve_fidelity(f: Fidelity, theta: Theta, weight: float, X: Any, tol: float, max_iter: int) -> SolveResult:
    """In closed form where there is one: the prox of weight·g at W."""
    if weight * (theta.w1 - 1) <= MARGIN * theta.w1:
        prox = Prox(theta, weight, 1.0)
        return _result(f, theta, weight, entrywise(prox, f.W), prox, _scale(f.W), tol, 0)
    if is_sparse(f.W):
        f = Fidelity(f.W.toarray())
    return _solve_whole(f, theta, weight, _dense(X), tol, max_iter)


def _solve_whole(f: SmoothTerm, theta: Theta, weight: float, X: Array, tol: float, max_iter: int) -> SolveResult:
    scale = _scale(f.gradient(np.zeros(X.shape)))
    X, prox, iterations = whole.descend(f, theta, weight, X, tol * scale, max_iter)
    return _result(f, theta, weight, X, prox, scale, tol, iterations)


def _result(
    f: SmoothTerm, theta: Theta, weight: float, X: Any, prox: Prox, scale: float, tol: float, iterations: int
) -> SolveResult:
    entries = X.data if is_sparse(X) else X
    objective = float(f.value(X)) + weight * float(np.sum(regularizer(entries, theta)))
    left = residual(f, X, prox) / scale
    kind = "a stationary point; g is not convex, as w1 > 1, so there may be others" if theta.w1 > 1 else "the minimum"
    message = (
        f"converged: {kind}"
        if left <= tol
        else f"the residual is {left:.2g} after {iterations} iterations, tol is {tol:g}: raise max_iter or tol, or "
        "start from this x"
    )
    if left > tol and theta.w2 == 1 and theta.violations():
        message += "; or lower w2: as (7) is broken and w2 = 1, g is unbounded below, and the objective may be too"
    return SolveResult(X, objective, left, iterations, left <= tol, message)


def _scale(gradient: Any) -> float:
    """max(1, ‖∇f(0)‖_F), of which residuals are a part."""
    return max(1.0, _finite(norm(gradient), "the square of ∇f(0)"))


def _finite(value: float, name: str) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{name} overflows float64: scale the data down")
    return value


def _dense(X: Any) -> Array:
    dense: Array = X.toarray() if is_sparse(X) else X
    return dense
