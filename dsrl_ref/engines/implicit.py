"""layers = ∞: the fixed point X = ξ(X - ∇f(X)/L), and its derivatives from the equation itself.

With D the slopes of ξ at the fixed point and H the Hessian of f there, dX = D(I - H/L) dX + ∂ξ, and the cotangent of
one layer is the residual plus (I - H/L)D times itself. On the active entries, where the slope is not 0, D(I - H/L) is
similar to the symmetric √D (I - H/L) √D, which is all that is needed of it, and only applied to vectors.
"""

from typing import NamedTuple, Protocol

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.checked import gradient, hessian_product, require_finite
from dsrl_ref.engines import adjoint, forward, tangent
from dsrl_ref.engines.engine import Engine
from dsrl_ref.engines.problem import Problem
from dsrl_ref.errors import DivergenceError
from dsrl_ref.smooth import Fidelity
from dsrl_ref.threads import blas_threads, processors

MOST_LAYERS = 10_000
ALTERNATING = 500  # layers that undo each other: there is no limit
SETTLED = 20  # layers in which no entry changes its piece: then Newton's method may try
NEWTON_STEPS = 10
CLOSE = 1e-11  # of the largest |Z|: what one more layer may move a fixed point
ON_KNOT = 1e-12  # of the largest |Z|
LARGEST_RADIUS = 1 - 1e-6
REPELLING = 1 + 1e-6  # a radius beyond: the layers do not end there
FEW = 24  # active entries: too few for Lanczos vectors
LANCZOS = 1e-8  # relative error of the radius
CONJUGATE_GRADIENTS = 1e-15  # of the right side: what its recursion says is left


class Contraction(Protocol):
    """How a small change of X goes through one more layer."""

    def radius(self) -> float:
        """The spectral radius."""

    def solve(self, right: Array) -> Array:
        """V = right + D(I - H/L)V, on active entries; `right` is 0 on the others."""

    def solve_transposed(self, right: Array) -> Array:
        """V = right + (I - H/L)D V, on active entries; the others, on which no derivative depends, are 0."""


class FixedPoint(NamedTuple):
    """X, Z = X - ∇f(X)/L, how far a layer moves X in units of the largest |Z|, and the derivative of a layer."""

    X: Array
    Z: Array
    gap: float
    contraction: Contraction
    radius: float


class Implicit:
    """A problem whose number of layers is infinite, prepared: nothing is kept between evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """J at the fixed point, and its derivatives from one system of linear equations."""
        found = fixed_point(self.problem.f, theta, L, self.problem.x0)
        return self._at(found, theta, L)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """The same at the same fixed point, and the products of five sensitivities, a system each."""
        found = fixed_point(self.problem.f, theta, L, self.problem.x0)
        _, partials = tangent.sensitivities(self.problem.f, theta, L, 1, found.X)
        dX = np.stack([found.contraction.solve(partial) for partial in partials])
        return *self._at(found, theta, L), np.einsum("anm,bnm->ab", dX, dX)

    def ties(self, theta: Theta, L: float) -> int:
        """None: a fixed point with a Z on a knot is refused."""
        return 0

    def _at(self, found: FixedPoint, theta: Theta, L: float) -> tuple[float, Array]:
        """The loss and its derivatives at a fixed point."""
        residual = found.X - self.problem.target
        cotangent = found.contraction.solve_transposed(residual)
        (derivatives,) = adjoint.backward(self.problem.f, [(theta, L)], found.X, [found.Z], cotangent)
        return 0.5 * float(np.sum(residual * residual)), derivatives


def refuses(problem: Problem) -> str | None:
    """Refuse finitely many layers."""
    return None if problem.layers == np.inf else f"is for layers = inf, got {problem.layers}; take 'auto'"


def fixed_point(f: SmoothTerm, theta: Theta, L: float, x0: Array) -> FixedPoint:
    """Where the layers end; refused where that has no derivative."""
    found = limit(f, theta, L, x0)
    _require_off_knots(found.Z, theta, ON_KNOT + found.gap / (1 - found.radius))
    return found


def limit(f: SmoothTerm, theta: Theta, L: float, x0: Array) -> FixedPoint:
    """Where the layers end, on a knot too; refused where they do not contract, so that X is not known."""
    if type(f) is Fidelity and max(theta.w1, theta.w2) * abs(1 - 1 / L) < 1:
        X = forward.activate(f.W, theta.scaled(L))
        Z = X - (1.0 / L) * (X - f.W)
        contraction = contraction_at(f, theta, L, X, Z)
        found = FixedPoint(X, Z, 0.0, contraction, contraction.radius())
    else:
        found = _layer_by_layer(f, theta, L, x0)
    if not found.radius < LARGEST_RADIUS:
        raise DivergenceError(
            f"layers = inf: the fixed point has no derivative, for the spectral radius of D(I - H/L) on its "
            f"{np.count_nonzero(found.X)} active entries is {found.radius:.9g}, not below 1 - 1e-6, with {theta}, "
            f"L = {L}: take finitely many layers, or a larger b1, which leaves fewer entries active"
        )
    return found


def contraction_at(f: SmoothTerm, theta: Theta, L: float, X: Array, Z: Array) -> Contraction:
    """The derivative of a layer at X, in X."""
    slopes = forward.slopes_of_pieces(theta)[forward.piece_of(Z, theta)]
    return Elementwise(slopes, L) if type(f) is Fidelity else Coupled(f, X, slopes, L)


class Elementwise:
    """D(I - H/L) of `Fidelity`, whose H is the identity."""

    def __init__(self, slopes: Array, L: float) -> None:
        self.active, self.factors = slopes > 0, slopes * (1 - 1.0 / L)

    def radius(self) -> float:
        """The largest factor."""
        return float(np.abs(self.factors).max(initial=0.0))

    def solve(self, right: Array) -> Array:
        """Entry by entry; infinite where a factor is 1, from where nothing leads to a fixed point."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.active, right, 0.0) / (1 - self.factors)

    solve_transposed = solve


class Coupled:
    """√D (I - H/L) √D on the active entries, for any f."""

    def __init__(self, f: SmoothTerm, X: Array, slopes: Array, L: float) -> None:
        self.f, self.X, self.step = f, X, 1.0 / L
        self.active = slopes > 0
        self.roots: Array = np.sqrt(slopes[self.active])

    def __call__(self, vector: Array) -> Array:
        """Apply it to a vector of the active entries."""
        V = self._spread(self.roots * vector)
        moved: Array = V - self.step * hessian_product(self.f, V, self.X, 1)
        return self.roots * moved[self.active]

    def radius(self) -> float:
        """By Lanczos' method."""
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

        size = self.roots.size
        if size < FEW:
            columns = [self(column) for column in np.eye(size)]
            return float(np.abs(np.linalg.eigvalsh(np.array(columns))).max()) if columns else 0.0
        operator = LinearOperator((size, size), matvec=self, dtype=np.float64)
        start = np.cos(np.arange(size))  # of no symmetry
        try:
            with blas_threads(processors()):  # the limit in force, for a library that is here since the import above
                (value,) = eigsh(operator, k=1, which="LM", v0=start, tol=LANCZOS, return_eigenvectors=False)
        except ArpackNoConvergence as error:
            raise DivergenceError(
                "layers = inf: the spectral radius of D(I - H/L) was not found: Lanczos failed"
            ) from error
        return abs(float(value))

    def solve(self, right: Array) -> Array:
        """By conjugate gradients."""
        return self._spread(self.roots * self._conjugate_gradients(right[self.active] / self.roots))

    def solve_transposed(self, right: Array) -> Array:
        """By conjugate gradients."""
        return self._spread(self._conjugate_gradients(right[self.active] * self.roots) / self.roots)

    def _conjugate_gradients(self, right: Array) -> Array:
        """The solution, found in the unit of the right side, since squares of numbers of any other may leave float64.

        That unit is a power of 2, which shows in no bit.
        """
        from scipy.sparse.linalg import LinearOperator, cg

        if not right.size:
            return right
        _, exponent = np.frexp(np.abs(right).max())
        operator = LinearOperator((right.size, right.size), matvec=lambda v: v - self(v), dtype=np.float64)
        solution: Array
        solution, _ = cg(operator, np.ldexp(right, -exponent), rtol=CONJUGATE_GRADIENTS, atol=0.0)
        return np.ldexp(solution, exponent)

    def _spread(self, vector: Array) -> Array:
        V = np.zeros(self.X.shape)
        V[self.active] = vector
        return V


def _layer_by_layer(f: SmoothTerm, theta: Theta, L: float, x0: Array) -> FixedPoint:
    """The limit of the layers: those of the appendix until no entry changes its piece, then Newton's method."""
    X, settled, undone, patience = x0, 0, 0, SETTLED
    before, before_that = np.empty(0), np.empty(0)
    for layer in range(1, MOST_LAYERS + 1):
        Z = X - (1.0 / L) * gradient(f, X, layer)
        X = require_finite(forward.activate(Z, theta), f"X_({layer})", layer, f"L = {L} may be too small")
        pieces = forward.piece_of(Z, theta)
        settled = settled + 1 if np.array_equal(pieces, before) else 0
        undone = undone + 1 if not settled and np.array_equal(pieces, before_that) else 0
        before, before_that = pieces, before
        if settled >= patience:
            found = _newton(f, theta, L, X, pieces)
            if found is not None and found.radius < REPELLING:
                return found
            settled, patience = 0, 2 * patience
        if undone == ALTERNATING:
            break
    raise DivergenceError(
        f"layers = inf: no fixed point was reached in {layer} layers with {theta}, L = {L}: take finitely many, "
        "or L nearer to f.lipschitz()"
    )


def _newton(f: SmoothTerm, theta: Theta, L: float, X: Array, pieces: np.ndarray) -> FixedPoint | None:
    """Newton's method from X with every entry on its piece; None where one leaves it, or it does not converge."""
    least = np.inf
    for step in range(NEWTON_STEPS):
        Z = X - (1.0 / L) * gradient(f, X, step)
        if not np.isfinite(Z).all() or not np.array_equal(forward.piece_of(Z, theta), pieces):
            return None
        change = forward.activate(Z, theta) - X
        gap = float(np.abs(change).max() / (np.abs(Z).max() or 1.0))
        contraction = contraction_at(f, theta, L, X, Z)
        if gap <= CLOSE and (gap >= 0.5 * least or gap == 0):
            return FixedPoint(X, Z, gap, contraction, contraction.radius())
        least = min(least, gap)
        X = X + contraction.solve(change)
        if not np.isfinite(X).all():
            return None
    return None


def _require_off_knots(Z: Array, theta: Theta, margin: float) -> None:
    size = np.abs(Z)
    for name, knot in (("b1", theta.b1), ("b2", theta.b2)):
        near = np.abs(size - knot) <= margin * size.max()
        if near.any():
            i, j = (int(k) for k in np.argwhere(near)[0])
            raise DivergenceError(
                f"layers = inf: Z[{i}, {j}] = {Z[i, j]} sits on the knot {name} = {knot}, where the fixed point has no "
                f"derivative; move {name} a little"
            )


ENGINE = Engine(
    "implicit",
    "any f, for ``layers=math.inf`` alone; the derivatives of the fixed point solve linear equations with the "
    "action of the Hessian",
    refuses,
    Implicit,
)
