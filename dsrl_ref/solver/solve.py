"""`solve`: argmin f + weight·g."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.regularizer import regularizer
from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_count, as_number, is_sparse, require_in_memory
from dsrl_ref.checked import starting_point
from dsrl_ref.disk import arrays_of, refuse_if_on_disk
from dsrl_ref.progress import Progress
from dsrl_ref.results import SolveResult
from dsrl_ref.smooth import Fidelity, LeastSquares, multiplications
from dsrl_ref.solver import fidelity, least_squares, ordinary, whole
from dsrl_ref.solver.guarded import Guarded, finite_value
from dsrl_ref.solver.least_squares import Ends
from dsrl_ref.solver.penalty import Penalty, is_convex
from dsrl_ref.solver.scaling import Scaled
from dsrl_ref.status import Status
from dsrl_ref.threads import blas_threads, processors

Term = Fidelity | LeastSquares | Guarded
Tell = Callable[[str], None]  # what hears how far it is
WORST_FIRST = Status.MAX_ITER, Status.STALLED, Status.STATIONARY, Status.CONVERGED
START_TOL = 1e-4  # of the convex problem whose minimum is the start of one that is not convex


def solve(
    f: SmoothTerm,
    theta: ThetaLike,
    weight: float = 1.0,
    *,
    x0: Any = None,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    verbose: bool | None = None,
) -> SolveResult:
    """Minimise f(X) + weight·g(X), each column of X to a relative accuracy that is certified.

    >>> from dsrl_ref import LeastSquares, Theta
    >>> found = solve(LeastSquares([[1.0, 0.5], [0.0, 1.0]], [[2.0], [0.5]]), Theta.soft(0.5))

    Parameters
    ----------
    f : SmoothTerm
        `Fidelity`, `LeastSquares` or your own.
    theta : Theta or four numbers
        w1, w2, b1, b2 of g; w2 <= 1, for else g is unbounded below. `Theta.soft` is the lasso, `Theta.firm` MCP.
    weight : float
        Of g; not negative. With 0, `LeastSquares` is least squares.
    x0 : array_like (n, m), optional
        Where to start; defaults to ``f.start()`` or, for a `LeastSquares` and g that is not convex, to the minimum for
        the convex g with the same slope at 0, the lasso. A start that is certified already is returned as it is.
    tol : float
        Largest residual of a column, see `SolveResult`; positive. It has no unit: the same tol means the same for data
        in any unit.
    max_iter : int
        Most iterations, of any column.
    verbose : bool, optional
        True writes a line a round, or an iteration of an f of your own, to stderr, False nothing. By default a run of
        more than two seconds has one line that tells how far it is, and only on a terminal.

    Returns
    -------
    SolveResult
        ``.x``, ``.objective``, ``.residual``, ``.iterations``, ``.converged``, ``.status`` and, in words, ``.message``;
        for every column ``.column_status``, ``.residuals`` and ``.column_iterations``.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, where the squares of the data overflow float64, where f is not finite at an x0 on which the
        end depends, and for an f of your own whose methods return what they should not.
    DSRLError
        For whatever a method of your own f raises.

    Notes
    -----
    *When it stops.* Where g is convex (w1 <= 1, or b1 = b2) and f is `Fidelity` or `LeastSquares`, when the duality
    gap of every column is at most tol times the column's objective: the objective then is at most so far above its
    minimum. Otherwise, when every coordinate meets its condition of first order within tol times weight·b1, the slope
    of weight·g at 0, or, where that is 0, tol times what that coordinate's gradient is made of. The module
    `dsrl_ref.solver.certificate` says it in formulas, and what rounding has to do with it.

    Without a penalty, `LeastSquares` is judged by the projection of y - Dx onto the columns of D, half the square of
    which is exactly what is left to the minimum: at most tol times the objective or, where rounding hides the rest,
    tol times a ten-thousandth of ½‖y‖². Where columns of D depend on each other but for rounding, or D is sparse and
    large, that is no proof, and the end is called a stationary point. See `dsrl_ref.solver.ordinary`.

    *How it gets there.* The entries of a `Fidelity` have a closed form. The columns of a `LeastSquares` are
    independent, and go by compiled coordinate descent, every coordinate with the curvature that is its own, with
    linear systems in between for the entries that are not 0 (`dsrl_ref.solver.kernels.coordinates`); an iteration is
    a sweep or such a system. Any other f goes by accelerated proximal gradient descent.

    Examples
    --------
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
    refuse_if_on_disk(
        "a solution", arrays_of(f), "solve for some columns at a time: those of both terms do not interact"
    )
    X = starting_point(f, x0)
    term = f if isinstance(f, Fidelity | LeastSquares) and type(f) in (Fidelity, LeastSquares) else Guarded(f)
    n, m = X.shape
    largest = multiplications(f, (n, max(n, m)))  # the product may be DᵀD
    # What overflows is refused; penalties divide by curvatures that may be 0.
    with blas_threads(processors(), largest), np.errstate(all="ignore"), Progress("solve", verbose) as progress:
        h = Penalty.of(theta, weight)
        convex = is_convex(theta) or h.vanishes()
        ends = _ends(term, h, convex, X, x0 is None, tol, max_iter, progress.tell)
        return _result(term, theta, weight, convex, ends, tol)


def solve_path(
    f: SmoothTerm,
    theta: ThetaLike,
    weights: Iterable[float],
    *,
    x0: Any = None,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    verbose: bool | None = None,
) -> list[SolveResult]:
    """Solve for several weights, each from the solution of the one before; from large to small is fastest.

    Parameters
    ----------
    f, theta, x0, tol, max_iter, verbose
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
    require_in_memory(weights, "weights")
    solutions: list[SolveResult] = []
    for weight in weights:
        start = solutions[-1].x if solutions else x0
        solutions.append(solve(f, theta, weight, x0=start, tol=tol, max_iter=max_iter, verbose=verbose))
    return solutions


def _ends(f: Term, h: Penalty, convex: bool, X: Any, free: bool, tol: float, max_iter: int, tell: Tell) -> Ends:
    """Take the way that f and h allow; the start is `free` where the caller gave none."""
    if isinstance(f, Fidelity):
        _require_finite(_square(f.W), "the square of ∇f(0)")
        x, residuals = fidelity.minimise(f.W, h, convex and not h.vanishes())
        columns = len(residuals)
        every = np.ones(columns, np.bool_)
        return Ends(x, residuals, np.zeros(columns, np.int64), every, every & convex)
    X = _dense(X)
    if isinstance(f, Guarded):
        _require_finite(_square(f.gradient(np.zeros(X.shape))), "the square of ∇f(0)")
        X, residuals, taken = whole.minimise(f, h, X, tol, max_iter, tell)
        none = np.zeros(len(residuals), np.bool_)
        return Ends(X, residuals, np.full(len(residuals), taken), none, none)
    _require_finite(_square(f.D), "the curvature of f")
    _require_finite(_square(f.D.T @ f.Y), "the square of ∇f(0)")
    if not free and (not convex or h.vanishes()):  # what comes out depends on the start
        finite_value(f, X, "x0")
    scaled = Scaled(f)
    if convex:
        X = np.where(scaled.d_norms[:, None] > 0, X, 0.0)  # what f does not see is where g alone has its minimum
    if h.vanishes():
        return ordinary.least_squares(scaled, X, tol, max_iter)
    if convex or h.s0 == 0 or not free:
        return least_squares.descend(scaled, h, convex, X, tol, max_iter, tell=tell)
    start = least_squares.descend(scaled, h.tangent(), True, X, START_TOL, max_iter, tell=tell)
    return least_squares.descend(scaled, h, False, start.X, tol, max_iter, start.iterations, tell)


def _result(f: Term, theta: Theta, weight: float, convex: bool, ends: Ends, tol: float) -> SolveResult:
    """Say how it ended: for every column, and for the whole as for the column that ended worst."""
    X = ends.X
    _require_finite(X.data if is_sparse(X) else X, "the solution")
    entries = X.data if is_sparse(X) else X
    objective = float(f.value(X)) + weight * float(np.sum(regularizer(entries, theta)))
    states = np.full(ends.residuals.shape, Status.STATIONARY, dtype=object)
    states[ends.proven] = Status.CONVERGED
    open_ended = ~(ends.residuals <= tol)
    states[open_ended] = Status.MAX_ITER
    states[open_ended & ends.stalled] = Status.STALLED
    status = next(each for each in WORST_FIRST if (states == each).any())
    residual, iterations = float(ends.residuals.max()), int(ends.iterations.max())
    own = isinstance(f, Guarded)
    message = _message(theta, convex, own, status, residual, iterations, tol, states)
    return SolveResult(
        X, objective, residual, iterations, status.converged, message, status, states, ends.residuals, ends.iterations
    )


def _message(
    theta: Theta, convex: bool, own: bool, status: Status, residual: float, iterations: int, tol: float, states: Any
) -> str:
    """What to tell a person: how it ended, what is left, and what to do."""
    if status is Status.CONVERGED:
        return status.value
    if status is Status.STATIONARY and convex and own:
        return "converged: a stationary point; it is the minimum if f is convex"
    if status is Status.STATIONARY and convex:
        return (
            "converged: a stationary point; whether it is the minimum is not proven, as D is large and sparse, or its "
            "columns depend on each other but for rounding"
        )
    if status is Status.STATIONARY:
        return "converged: a stationary point; g is not convex, as w1 > 1, so there may be others"
    message = f"the residual is {residual:.2g} after {iterations} iterations, tol is {tol:g}: "
    if status is Status.MAX_ITER:
        message += "raise max_iter or tol, or start from this x"
    else:
        message += "rounding hides the rest, so raise tol"
    if len(states) > 1:
        message += f" ({sum(not state.converged for state in states)} of {len(states)} columns are beyond it)"
    if not convex and theta.w2 == 1 and theta.violations():
        message += "; or lower w2: as (7) is broken and w2 = 1, g is unbounded below, and the objective may be too"
    return message


def _square(values: Any) -> float:
    """The sum of squares."""
    entries = values.data if is_sparse(values) else values
    return float(np.vdot(entries, entries))


def _require_finite(values: Any, name: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} overflows float64: scale the data down")


def _dense(X: Any) -> Array:
    dense: Array = X.toarray() if is_sparse(X) else X
    return dense
