"""Objective: prepare once, evaluate the loss J and its five derivatives many times."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from dsrl_ref import free
from dsrl_ref.appendix import totals
from dsrl_ref.appendix.network import SmoothTerm, forward, preactivations, starting_point
from dsrl_ref.appendix.partials import require_tensor_fits
from dsrl_ref.appendix.shrinkage import count_ties
from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import (
    Array,
    as_count,
    as_matrix_or_csr,
    as_real,
    as_step_constant,
    require_in_memory,
    require_shape,
)
from dsrl_ref.engines import adjoint, columns, fused, implicit, pieces, recursion, tangent
from dsrl_ref.engines.entries import dense_problem
from dsrl_ref.engines.jit import WORTH_COMPILING, WORTH_COMPILING_FOR_MANY
from dsrl_ref.engines.scalar_map import ScalarMap, multiple_of_W, near_knots
from dsrl_ref.errors import DivergenceError
from dsrl_ref.smooth import Fidelity, LeastSquares, multiplications
from dsrl_ref.threads import blas_threads, processors

Evaluate = Callable[[Theta, float], tuple[float, Array]]
Products = Callable[[Theta, float], Array]


class Engine(Protocol):
    """One way to J and its derivatives in w1, w2, b1, b2, L."""

    def __call__(
        self, f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
    ) -> tuple[float, Array]:
        """Evaluate."""


ENGINES: dict[str, Engine] = {
    "tensor": totals.loss_and_gradient,
    "tangent": tangent.loss_and_gradient,
    "adjoint": adjoint.loss_and_gradient,
}
FIDELITY_ONLY = ("fused", "pieces")


class Gradient(NamedTuple):
    """dJ/dw1, dJ/dw2, dJ/db1, dJ/db2 and dJ/dL."""

    w1: float
    w2: float
    b1: float
    b2: float
    L: float


class Objective:
    """The loss J of the unrolled network, as a function of Θ and L.

    Parameters
    ----------
    f : SmoothTerm
        `Fidelity`, `LeastSquares` or your own.
    target : array_like (n, m) or scipy.sparse container, optional
        X̃; defaults to the W of `Fidelity`, required otherwise.
    layers : int or math.inf
        t, the number of applications of ξ; ``math.inf`` for the fixed point that they lead to, and the derivatives
        of it.
    x0 : array_like (n, m) or scipy.sparse container, optional
        X_(0), a constant; defaults to ``f.start()``.
    method : {"auto", "tensor", "tangent", "adjoint", "fused", "pieces", "implicit"}
        "tensor" is the appendix, literally, and refused above 1 GiB; "tangent" carries n×m×5 sensitivities
        forward; "adjoint" goes back over a tape of t n×m matrices (of a `LeastSquares` of 20,000 entries or more in
        compiled blocks of columns, so that memory does not grow with m); "fused", for `Fidelity`, is one compiled pass
        over the data, in which an entry looks up its piece of the scalar map, or goes through all layers where
        it is next to a knot or x0 is neither W nor zeros; "pieces", for `Fidelity` with x0 = W or zeros, sorts a
        copy of the entries once (and of the target's, unless that is W), after which an evaluation takes the
        same fraction of a millisecond whatever their number. "auto" takes, for a `Fidelity` of 20,000 entries or
        more, "pieces" where x0 allows it, else "fused"; "adjoint" for all others. "implicit", which
        is for ``layers=math.inf`` alone and is taken for it, solves linear equations with the action of the Hessian.
    threads : int, optional
        At most so many, by default one a processor. "fused" and "pieces" work in them, and give the same bits for any
        number; the other methods leave it to BLAS, whose rounding may depend on it where products are large. BLAS is
        limited with the extra ``threads``, see `dsrl_ref.threads`.

    Attributes
    ----------
    method : str
        What runs, "auto" resolved.
    f, x0, target, layers
        As given, converted; not to be changed.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, before any work.
    SizeError
        Where ``method="tensor"`` would not fit, before it is allocated.

    Notes
    -----
    Eqs. (8)-(17). A sparse `Fidelity` whose target and x0 are sparse too runs on the entries stored in any of
    the three: everywhere else X stays 0, as ξ(0) = 0.

    Examples
    --------
    >>> J = Objective(Fidelity([[1.0, 0.25, -2.0]]), layers=2)
    >>> loss, gradient = J((1, 0.5, 0.5, 1), L=1)
    >>> loss
    0.65625
    >>> gradient.b1
    1.5
    """

    _worth_compiling = WORTH_COMPILING_FOR_MANY

    def __init__(
        self,
        f: SmoothTerm,
        target: Any = None,
        *,
        layers: float,
        x0: Any = None,
        method: str = "auto",
        threads: int | None = None,
    ) -> None:
        require_in_memory(layers, "layers")
        self.layers = math.inf if np.ndim(layers) == 0 and layers == math.inf else as_count(layers, "layers")
        _require_method(method, f, self.layers)
        self.threads = processors() if threads is None else as_count(threads, "threads", least=1)
        x0 = f.W if x0 is None and type(f) is Fidelity else starting_point(f, x0)
        target = _default_target(f) if target is None else as_matrix_or_csr(target, "target")
        require_shape(target, x0.shape, "target", "x0")
        self.f, self.x0, self.target = f, x0, target
        self.shape: tuple[int, int] = x0.shape
        if method == "tensor":
            require_tensor_fits(self.shape)
        self._f, self._x0, self._target = dense_problem(f, x0, target)
        self.method = self._best_method() if method == "auto" else method
        self._evaluate, self._products = self._bind_engine()

    def _best_method(self) -> str:
        """What "auto" is."""
        if self.layers == math.inf:
            return "implicit"
        if type(self._f) is not Fidelity or self._x0.size < self._worth_compiling:
            return "adjoint"
        return "fused" if multiple_of_W(self._f, self._x0) is None else "pieces"

    def _bind_engine(self) -> tuple[Evaluate, Products]:
        """Choose how (Θ, L) becomes the loss with its gradient, and the Gauss-Newton matrix."""
        f, x0 = self._f, self._x0
        if self.method == "implicit":
            return (
                partial(implicit.loss_and_gradient, f, x0=x0, target=self._target),
                partial(implicit.gauss_newton, f, x0=x0),
            )
        layers = int(self.layers)
        if self.method == "pieces":
            prepared = pieces.prepare(f, x0, self._target, self.threads)
            return partial(prepared.loss_and_gradient, layers=layers), partial(prepared.gauss_newton, layers=layers)
        if self.method == "fused":
            engine: Engine = partial(fused.loss_and_gradient, threads=self.threads)
            products: Products = partial(recursion.gauss_newton, f, layers=layers, x0=x0, threads=self.threads)
        else:
            large = x0.size >= self._worth_compiling
            by_columns = self.method == "adjoint" and type(f) is LeastSquares and large
            engine = columns.loss_and_gradient if by_columns else ENGINES[self.method]
            products = partial((columns if by_columns else tangent).gauss_newton, f, layers=layers, x0=x0)
        return partial(engine, f, layers=layers, x0=x0, target=self._target), products

    def __call__(self, theta: ThetaLike, L: float) -> tuple[float, Gradient]:
        """Evaluate J and its gradient.

        Parameters
        ----------
        theta : Theta or four numbers
            w1, w2, b1, b2.
        L : float
            Step constant, positive.

        Returns
        -------
        loss : float
            J, eq. (8).
        gradient : Gradient
            dJ/dΘ, eq. (10), and dJ/dL, eq. (15).

        Raises
        ------
        ValueError
            For an infeasible Θ or L.
        DivergenceError
            A ValueError. Where the network diverges: the message names the layer. For ``layers=math.inf`` where no
            fixed point is reached, where a Z there sits on a knot, or where the spectral radius of D(I - H/L) on the
            active entries is not below 1 - 1e-6.
        """
        theta, L = as_theta(theta), as_step_constant(L)
        if self.layers == math.inf and theta.b1 == 0 and self._unstored():
            raise DivergenceError("layers = inf: b1 = 0, and a Z that is not stored, 0, sits on it; take a positive b1")
        with self._limited(), np.errstate(over="ignore", invalid="ignore"):
            loss, gradient = self._evaluate(theta, L)
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            if self.layers < math.inf:
                forward(self._f, theta, L, int(self.layers), self._x0)  # names the layer, if it is an iterate
            raise DivergenceError(
                f"the loss ({loss}) or its gradient overflows float64 after {self.layers} layers with {theta}, "
                f"L = {L}: scale the data down or take a larger L"
            )
        return float(loss), Gradient(*map(float, gradient))

    def flat(self, x: Any) -> tuple[float, Array]:
        """Evaluate at x = (w1, w2, b1, b2, L), for ``scipy.optimize.minimize(J.flat, x, jac=True)``.

        Returns
        -------
        loss : float
            J.
        gradient : ndarray (5,)
            Its derivatives, in the order of `x`.
        """
        x = as_real(x, "x")
        if x.shape != (5,):
            raise ValueError(f"x must be (w1, w2, b1, b2, L), got shape {x.shape}")
        loss, gradient = self(x[:4], x[4])
        return loss, np.array(gradient)

    def free(self, u: Any) -> tuple[float, Array]:
        """Evaluate at five real numbers of any size, for optimisers that know no bounds.

        Parameters
        ----------
        u : array_like (5,)
            Any finite numbers; `from_free` tells which Θ and L they are.

        Returns
        -------
        loss : float
            J; infinity where the network diverges or overflows, so that a line search comes back.
        gradient : ndarray (5,)
            Its derivatives in `u`; NaN where the loss is infinite.

        Notes
        -----
        Condition (7) is not asked: see `Theta.violations` of what is found. `fit` keeps (7).

        Examples
        --------
        >>> from scipy.optimize import minimize
        >>> J = Objective(Fidelity([[1.0, 0.25, -2.0]]), [[0.5, 0.0, -1.0]], layers=2)
        >>> found = minimize(J.free, J.to_free((1, 0.5, 0.25, 1), L=2.0), jac=True, method="BFGS")
        >>> theta, L = J.from_free(found.x)
        >>> J(theta, L)[0] < 1e-6
        True
        """
        theta, L = free.from_free(u)
        try:
            loss, gradient = self(theta, L)
        except DivergenceError:
            return math.inf, np.full(5, math.nan)
        return loss, free.pulled(np.array(gradient), u)

    def from_free(self, u: Any) -> tuple[Theta, float]:
        """Θ and L of five real numbers: w1, w2, b1, b2 - b1 and L are their exponentials."""
        return free.from_free(u)

    def to_free(self, theta: ThetaLike, L: float) -> Array:
        """The five real numbers of Θ and L; ValueError where b1 = 0 or b2 = b1, with what to start from instead."""
        return free.to_free(theta, L)

    def gauss_newton(self, theta: ThetaLike, L: float) -> tuple[float, Gradient, Array]:
        """Evaluate J, its gradient, and the Gauss-Newton matrix Σ (∂x/∂θ)(∂x/∂θ)ᵀ over the entries x of X_(t).

        Returns
        -------
        loss : float
            J.
        gradient : Gradient
            Its derivatives.
        matrix : ndarray (5, 5)
            In the order w1, w2, b1, b2, L; symmetric, not negative definite.

        Examples
        --------
        >>> loss, gradient, matrix = Objective(Fidelity([[1.0, 2.0]]), layers=1).gauss_newton((1, 1, 0.5, 0.5), L=1)
        >>> float(matrix[2, 2])
        2.0
        """
        loss, gradient = self(theta, L)
        theta, L = as_theta(theta), as_step_constant(L)
        with self._limited():
            matrix = self._products(theta, L)
        if theta.b1 == 0 and (unstored := self._unstored()):
            zero = np.zeros((1, 1))
            matrix += unstored * tangent.gauss_newton(Fidelity(zero), theta, L, int(self.layers), zero)
        return loss, gradient, matrix

    def scalar_map(self, theta: ThetaLike, L: float) -> ScalarMap:
        """Build the piecewise-linear function w -> x_t that the network applies to each entry of W.

        Parameters
        ----------
        theta : Theta or four numbers
            w1, w2, b1, b2.
        L : float
            Step constant, positive.

        Returns
        -------
        ScalarMap
            Its pieces and their derivatives; callable on arrays of new entries.

        Raises
        ------
        ValueError
            Unless f is `Fidelity` and x0 is W or zeros; where L < 1 folds the map into more than 1,024 pieces; for
            ``layers=math.inf``.
        """
        if self.layers == math.inf:
            raise ValueError("scalar_map is of finitely many layers; their limit is shrink(w, theta.scaled(L))")
        start = multiple_of_W(self._f, self._x0) if type(self._f) is Fidelity else None
        if start is None:
            raise ValueError(
                "scalar_map needs Fidelity and an x0 that is W or zeros: otherwise no one map serves all entries"
            )
        return ScalarMap(start, as_theta(theta), as_step_constant(L), int(self.layers))

    def ties(self, theta: ThetaLike, L: float) -> int:
        """Count the entries of Z_(1), ..., Z_(t) that sit on a knot, where the gradient is one-sided.

        0 for ``layers=math.inf``, where a tie is refused.
        """
        theta, L = as_theta(theta), as_step_constant(L)
        if self.layers == math.inf:
            return 0
        f, x0, layers, zeros = self._f, self._x0, int(self.layers), self._unstored()
        if type(f) is Fidelity:
            live = (f.W != 0) | (x0 != 0)  # the others stay 0
            zeros += live.size - np.count_nonzero(live)
            if self.method in FIDELITY_ONLY and (start := multiple_of_W(f, x0)) is not None:
                live[live] = near_knots(f.W[live], start, theta, L, layers)
            if not live.any():
                return layers * zeros if theta.b1 == 0 else 0
            f, x0 = Fidelity(f.W[live].reshape(1, -1)), x0[live].reshape(1, -1)
        with self._limited():
            tied = sum(count_ties(Z, theta) for Z in preactivations(f, theta, L, layers, x0))
        return tied + (layers * zeros if theta.b1 == 0 else 0)

    def _limited(self) -> AbstractContextManager[None]:
        """Limit BLAS, which "fused" and "pieces" do not use."""
        if self.method in FIDELITY_ONLY:
            return nullcontext()
        return blas_threads(self.threads, multiplications(self._f, self._x0.shape))

    def _unstored(self) -> int:
        """Count the entries that are 0 in W, x0 and target and left out of the work."""
        return self.shape[0] * self.shape[1] - self._x0.size


class _Once(Objective):
    """The same for one evaluation: sorting does not pay, and loading numba does for large data alone."""

    _worth_compiling = WORTH_COMPILING

    def _best_method(self) -> str:
        method = super()._best_method()
        return "fused" if method == "pieces" else method


def loss_and_gradient(
    f: SmoothTerm, theta: ThetaLike, L: float, layers: float, target: Any = None, x0: Any = None, method: str = "auto"
) -> tuple[float, Gradient]:
    """Evaluate J and its gradient once; `Objective` is for many times and documents the parameters.

    To load compiled code for one evaluation pays from 200,000 entries on, not from 20,000: "auto" then takes "fused",
    and "adjoint" its blocks.

    Examples
    --------
    >>> loss, gradient = loss_and_gradient(Fidelity([[1.0, 0.25]]), (1, 1, 0.5, 0.5), L=1, layers=1)
    >>> loss, gradient.b1
    (0.15625, 0.5)
    """
    return _Once(f, target, layers=layers, x0=x0, method=method)(theta, L)


def _require_method(method: str, f: SmoothTerm, layers: float) -> None:
    known = ["auto", *ENGINES, *FIDELITY_ONLY, "implicit"]
    if method not in known:
        raise ValueError(f"method must be one of {', '.join(map(repr, known))}, got {method!r}")
    if method in FIDELITY_ONLY and type(f) is not Fidelity:
        raise ValueError(f"method {method!r} is for Fidelity alone, got {type(f).__name__}; take 'auto'")
    if method != "auto" and (method == "implicit") != (layers == math.inf):
        raise ValueError(f"method 'implicit' is for layers = inf and no other is, got {method!r} for layers = {layers}")


def _default_target(f: SmoothTerm) -> Any:
    if isinstance(f, Fidelity):
        return f.W
    raise ValueError(f"target is required for {type(f).__name__}; only Fidelity has a default, its W")
