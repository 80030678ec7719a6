"""`solve`: argmin f + weight·g by accelerated proximal gradient descent."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.network import SmoothTerm, starting_point
from dsrl_ref.appendix.regularizer import regularizer
from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_count, as_number, is_sparse
from dsrl_ref.results import SolveResult
from dsrl_ref.smooth import Fidelity, LeastSquares

MARGIN = 0.9  # of the range in which the prox has a closed form
ENTRIES = 1 << 17  # of a block of columns: it stays in cache
CHECKED_EVERY = 5  # iterations: columns that have converged are set aside
SETTLED_FROM = 25  # iterations: before, too few entries are in their last region
LARGEST_BATCH = 1 << 23  # entries of the systems that are solved at once
LARGEST_L = 1e150


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
    longer change, a linear system tells where it ends. For another f, L is doubled where it proves too small.

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
    if type(f) is LeastSquares:
        return _solve_by_columns(f, theta, weight, _dense(X), tol, max_iter)
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


class Prox:
    """The prox of (weight/L)·g, with the least L that leaves it in its closed form."""

    def __init__(self, theta: Theta, weight: float, L: float) -> None:
        self.L = max(L, weight * (theta.w1 - 1) / theta.w1 / MARGIN)
        self.theta = theta.scaled(weight / self.L)

    def __call__(self, Z: Array) -> Array:
        """ξ of S(weight/L)Θ, from what lies beyond each knot: two passes, where `shrink` has five pieces."""
        w1, w2, b1, b2 = self.theta
        X = Z - np.clip(Z, -b1, b1)
        X *= w1
        if w1 != w2:
            X += (w2 - w1) * (Z - np.clip(Z, -b2, b2))
        return X


def _solve_by_columns(f: LeastSquares, theta: Theta, weight: float, X: Array, tol: float, max_iter: int) -> SolveResult:
    prox = Prox(theta, weight, f.lipschitz() or 1.0)
    constant = f.D.T @ f.Y
    enough = tol * max(1.0, float(np.linalg.norm(constant))) / math.sqrt(X.shape[1])
    gram = _gram_matrix(f.D)
    X, width, iterations = X.copy(), max(1, ENTRIES // X.shape[0]), 0
    for first in range(0, X.shape[1], width):
        block = slice(first, first + width)
        columns = Columns(f.D, gram, constant[:, block], prox)
        X[:, block], taken = _descend_columns(columns, X[:, block], enough, max_iter)
        iterations = max(iterations, taken)
    return _result(f, theta, weight, X, prox, tol, iterations)


def _gram_matrix(D: Any) -> Array | None:
    """DᵀD, where a product with it takes no more operations than two with D."""
    k, n = D.shape
    gram: Array | None = None if is_sparse(D) or n > 2 * k else D.T @ D
    return gram


class Columns:
    """Some columns of a `LeastSquares`: ∇f, and the minimum once the region of every entry is known."""

    def __init__(self, D: Any, gram: Array | None, constant: Array, prox: Prox) -> None:
        self.D, self.gram, self.constant, self.prox = D, gram, constant, prox

    def keep(self, kept: NDArray[np.bool_]) -> "Columns":
        """These columns alone."""
        return Columns(self.D, self.gram, self.constant[:, kept], self.prox)

    def step(self, X: Array) -> Array:
        """X - ∇f(X)/L."""
        product = self.D.T @ (self.D @ X) if self.gram is None else self.gram @ X
        product -= self.constant
        product *= -1 / self.prox.L
        product += X
        return product

    def residuals(self, X: Array) -> Array:
        """L·‖x - prox(x - ∇f(x)/L)‖ of each column."""
        return self.prox.L * _column_norms(X - self.prox(self.step(X)))

    def settled(self, X: Array) -> Array | None:
        """X with every entry where it would end if it stayed in its region; None where that is no system to solve.

        There x = s·z + o with z = x - ∇f(x)/L: a linear system in the entries with s > 0, batched over columns.
        """
        w1, w2, b1, b2 = self.prox.theta
        Z = self.step(X)
        size = np.abs(Z)
        slope = np.where(size > b2, w2, np.where(size > b1, w1, 0.0))
        offset = np.sign(Z) * np.where(size > b2, w1 * (b2 - b1) - w2 * b2, -w1 * b1)
        counts = np.count_nonzero(slope, axis=0)
        most, columns = int(counts.max()), np.arange(X.shape[1])[:, None]
        if self.gram is None or most == 0 or most * most * X.shape[1] > LARGEST_BATCH:
            return None
        rows = np.argsort(slope == 0, axis=0, kind="stable")[:most].T
        s, real = slope[rows, columns], np.arange(most) < counts[:, None]
        matrix = self.gram[rows[:, :, None], rows[:, None, :]] * (s / self.prox.L)[:, :, None] * real[:, None, :]
        diagonal = np.arange(most)
        matrix[:, diagonal, diagonal] += 1 - s
        right = s * self.constant[rows, columns] / self.prox.L + np.where(real, offset[rows, columns], 0.0)
        try:
            found = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            return None
        settled = np.zeros_like(X)
        settled[rows, columns] = found
        return settled


def _descend_columns(columns: Columns, X: Array, enough: float, max_iter: int) -> tuple[Array, int]:
    """Minimise column by column; one whose residual is small enough is set aside."""
    done, active = X.copy(), np.arange(X.shape[1])
    Y, momentum = X, np.ones(X.shape[1])
    for iteration in range(1, max_iter + 1):
        new = columns.prox(columns.step(Y))
        back, ahead = Y - new, new - X
        if iteration % CHECKED_EVERY == 0 or iteration == max_iter:
            best, kept = _best(columns, new, enough, iteration)
            done[:, active] = best
            if not kept.any():
                return done, iteration
            active, columns, momentum = active[kept], columns.keep(kept), momentum[kept]
            new, back, ahead = new[:, kept], back[:, kept], ahead[:, kept]
        X, (Y, momentum) = new, _accelerated(new, back, ahead, momentum)
    return done, max_iter


def _best(columns: Columns, X: Array, enough: float, iteration: int) -> tuple[Array, NDArray[np.bool_]]:
    """X, its columns replaced by settled ones where these are minima; and which have not converged."""
    kept = columns.residuals(X) > enough
    convex = columns.prox.theta.w1 <= 1  # else what is settled may be a maximum in some direction
    if convex and iteration >= SETTLED_FROM and (settled := columns.settled(X)) is not None:
        better = columns.residuals(settled) <= enough
        X, kept = np.where(better, settled, X), kept & ~better
    return X, kept


def _accelerated(new: Array, back: Array, ahead: Array, momentum: Array) -> tuple[Array, Array]:
    """The point to step from next; momentum that leads uphill begins anew, in each column for itself."""
    uphill = np.einsum("ij,ij->j", back, ahead) > 0
    larger = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
    factor = np.where(uphill, 0.0, (momentum - 1) / larger)
    ahead *= factor
    return new + ahead, np.where(uphill, 1.0, larger)


def _column_norms(X: Array) -> Array:
    return np.sqrt(np.einsum("ij,ij->j", X, X))


def _solve_fidelity(f: Fidelity, theta: Theta, weight: float, X: Any, tol: float, max_iter: int) -> SolveResult:
    """In closed form where there is one: the prox of weight·g at W."""
    if weight * (theta.w1 - 1) <= MARGIN * theta.w1:
        prox = Prox(theta, weight, 1.0)
        return _result(f, theta, weight, _entrywise(prox, f.W), prox, tol, 0)
    if is_sparse(f.W):
        f = Fidelity(f.W.toarray())
    return _solve_whole(f, theta, weight, _dense(X), tol, max_iter)


def _solve_whole(f: SmoothTerm, theta: Theta, weight: float, X: Array, tol: float, max_iter: int) -> SolveResult:
    """Minimise any f; L is doubled where f rises above its model."""
    known = f.lipschitz()
    prox = Prox(theta, weight, known if 0 < known < LARGEST_L else 1.0)
    enough = tol * max(1.0, float(np.linalg.norm(f.gradient(np.zeros(X.shape)))))
    Y, momentum, iteration = X, 1.0, 0
    while iteration < max_iter:
        iteration += 1
        gradient, value = f.gradient(Y), f.value(Y)
        new, prox = _backtracked(f, Y, gradient, value, prox, theta, weight)
        if _residual(f, new, prox) <= enough:
            X = new
            break
        back, ahead, larger = Y - new, new - X, (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        uphill = np.vdot(back, ahead) > 0
        Y = new if uphill else new + (momentum - 1) / larger * ahead
        X, momentum = new, 1.0 if uphill else larger
    return _result(f, theta, weight, X, prox, tol, iteration)


def _backtracked(
    f: SmoothTerm, Y: Array, gradient: Array, value: float, prox: Prox, theta: Theta, weight: float
) -> tuple[Array, Prox]:
    """A step from Y, and the L with which f stays below its quadratic model."""
    while True:
        new = prox(Y - gradient / prox.L)
        move = new - Y
        model = value + np.vdot(gradient, move) + 0.5 * prox.L * np.vdot(move, move)
        if f.value(new) <= model + 1e-12 * abs(model):
            return new, prox
        if prox.L >= LARGEST_L:
            raise ValueError(
                f"f is not below its quadratic model for any L up to {prox.L:g}: are its value and gradient of one f?"
            )
        prox = Prox(theta, weight, 2 * prox.L)


def _result(f: SmoothTerm, theta: Theta, weight: float, X: Any, prox: Prox, tol: float, iterations: int) -> SolveResult:
    entries = X.data if is_sparse(X) else X
    objective = float(f.value(X)) + weight * float(np.sum(regularizer(entries, theta)))
    residual = _residual(f, X, prox) / max(1.0, _norm(f.gradient(_entrywise(np.zeros_like, X))))
    converged = residual <= tol
    kind = "a stationary point; g is not convex, as w1 > 1, so there may be others" if theta.w1 > 1 else "the minimum"
    message = (
        f"converged: {kind}"
        if converged
        else f"the residual is {residual:.2g} after {iterations} iterations, tol is {tol:g}: raise max_iter or tol, or "
        "start from this x"
    )
    return SolveResult(X, objective, residual, iterations, converged, message)


def _residual(f: SmoothTerm, X: Any, prox: Prox) -> float:
    return prox.L * _norm(X - _entrywise(prox, X - f.gradient(X) / prox.L))


def _norm(X: Any) -> float:
    return float(np.linalg.norm(X.data if is_sparse(X) else X))


def _dense(X: Any) -> Array:
    dense: Array = X.toarray() if is_sparse(X) else X
    return dense


def _entrywise(function: Callable[[Array], Array], X: Any) -> Any:
    """Apply a function that maps 0 to 0."""
    if not is_sparse(X):
        return function(X)
    result = X.copy()
    result.data = function(X.data)
    return result
