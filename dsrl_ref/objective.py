"""Objective: prepare once, evaluate the loss J and its five derivatives many times."""

import math
import re
from textwrap import indent, wrap
from typing import Any, NamedTuple

import numpy as np

from dsrl_ref import free
from dsrl_ref.appendix.network import SmoothTerm, forward
from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_count, as_matrix_or_csr, as_real, as_step_constant, require_shape
from dsrl_ref.checked import starting_point
from dsrl_ref.engines import table
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.errors import DivergenceError
from dsrl_ref.smooth import Fidelity
from dsrl_ref.threads import processors


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
    method : str
        Which engine runs, or "auto", which chooses one by the problem and the number of evaluations:

        {engines}
    threads : int, optional
        For the engines that take them; the result has the same bits for any number. By default one a processor.
    evaluations : int
        How many evaluations are to come, roughly; "auto" goes by it. To load compiled code takes some tenths of a
        second, once in a process, and sorting takes as long as many evaluations.

    Attributes
    ----------
    method : str
        The name of the engine that runs, "auto" resolved.
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

    def __init__(
        self,
        f: SmoothTerm,
        target: Any = None,
        *,
        layers: float,
        x0: Any = None,
        method: str = "auto",
        threads: int | None = None,
        evaluations: int = table.MANY,
    ) -> None:
        self.layers = math.inf if np.ndim(layers) == 0 and layers == math.inf else as_count(layers, "layers")
        self.threads = processors() if threads is None else as_count(threads, "threads", least=1)
        evaluations = as_count(evaluations, "evaluations", least=1)
        x0 = f.W if x0 is None and type(f) is Fidelity else starting_point(f, x0)
        target = _default_target(f) if target is None else as_matrix_or_csr(target, "target")
        require_shape(target, x0.shape, "target", "x0")
        self.f, self.x0, self.target = f, x0, target
        self.shape: tuple[int, int] = x0.shape
        self._problem = Problem(f, x0, target, self.layers, self.threads)
        engine = table.choose(self._problem, evaluations) if method == "auto" else table.named(method, self._problem)
        self.method = engine.name
        self._prepared = table.prepare(engine, self._problem)

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
        with np.errstate(over="ignore", invalid="ignore"):
            loss, gradient = self._prepared.loss_and_gradient(theta, L)
        return self._finite(loss, gradient, theta, L)

    def _finite(self, loss: float, gradient: Array, theta: Theta, L: float) -> tuple[float, Gradient]:
        """Give the loss and the gradient their types; DivergenceError for what is not finite."""
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            if self.layers < math.inf:
                forward(self._problem.f, theta, L, int(self.layers), self._problem.x0)  # names the layer, if it is one
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
        theta, L = as_theta(theta), as_step_constant(L)
        with np.errstate(over="ignore", invalid="ignore"):
            loss, gradient, matrix = self._prepared.gauss_newton(theta, L)
        return *self._finite(loss, gradient, theta, L), matrix

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
        if self._problem.start is None:
            raise ValueError(
                "scalar_map needs Fidelity and an x0 that is W or zeros: otherwise no one map serves all entries"
            )
        return ScalarMap(theta, L, int(self.layers), start=self._problem.start)

    def ties(self, theta: ThetaLike, L: float) -> int:
        """Count the entries of Z_(1), ..., Z_(t) that sit on a knot, where the gradient is one-sided.

        By the arithmetic of the engine that runs, since it decides the regions of the gradient: for `LeastSquares` two
        engines may round a Z to either side of a knot; for `Fidelity` all agree. 0 for ``layers=math.inf``, where a tie
        is refused.
        """
        theta, L = as_theta(theta), as_step_constant(L)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._prepared.ties(theta, L)


def loss_and_gradient(
    f: SmoothTerm, theta: ThetaLike, L: float, layers: float, target: Any = None, x0: Any = None, method: str = "auto"
) -> tuple[float, Gradient]:
    """Evaluate J and its gradient once; `Objective` is for many times and documents the parameters.

    What "auto" takes for ``evaluations=1``: compiled code from 200,000 entries on, and nothing sorted.

    Examples
    --------
    >>> loss, gradient = loss_and_gradient(Fidelity([[1.0, 0.25]]), (1, 1, 0.5, 0.5), L=1, layers=1)
    >>> loss, gradient.b1
    (0.15625, 0.5)
    """
    return Objective(f, target, layers=layers, x0=x0, method=method, evaluations=1)(theta, L)


def _default_target(f: SmoothTerm) -> Any:
    if isinstance(f, Fidelity):
        return f.W
    raise ValueError(f"target is required for {type(f).__name__}; only Fidelity has a default, its W")


def _with_engines(documentation: str | None) -> str | None:
    """Print the table of engines into the docstring of `Objective`; there is none under ``python -OO``."""
    if documentation is None:
        return None
    lines = [part for line in table.description().splitlines() for part in wrap(line, 108, subsequent_indent="  ")]
    return re.sub(
        r"^( *){engines}$", lambda found: indent("\n".join(lines), found[1]), documentation, flags=re.MULTILINE
    )


Objective.__doc__ = _with_engines(Objective.__doc__)
