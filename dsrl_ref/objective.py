"""Objective: prepare once, evaluate the loss J and its five derivatives many times."""

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from textwrap import indent, wrap
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import ThetaLike, ThetasLike
from dsrl_ref.arrays import Array, as_count, require_in_memory, require_shape
from dsrl_ref.checked import starting_point
from dsrl_ref.disk import as_data
from dsrl_ref.engines import parts, table
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.errors import DivergenceError
from dsrl_ref.parameters import Gradient, Parameters, PerLayer, Shared
from dsrl_ref.shown import Shown, size
from dsrl_ref.smooth import Fidelity, LeastSquares, is_spread_term, multiplications
from dsrl_ref.spread import TIMEOUT
from dsrl_ref.threads import blas_threads, processors


class Objective(Shown):
    """The loss J of the unrolled network, as a function of Θ and L.

    >>> J = Objective(Fidelity([[1.0, 0.25, -2.0]]), layers=2)
    >>> loss, gradient = J((1, 0.5, 0.5, 1), L=1)

    Parameters
    ----------
    f : SmoothTerm
        `Fidelity`, `LeastSquares` or your own.
    target : array_like (n, m), scipy.sparse container or path of a .npy, optional
        X̃; defaults to the W of `Fidelity`, required otherwise. On disk as W of `Fidelity` is.
    layers : int or math.inf
        t, the number of applications of ξ; ``math.inf`` for the fixed point that they lead to, and the derivatives
        of it.
    x0 : array_like (n, m), scipy.sparse container or path of a .npy, optional
        X_(0), a constant; defaults to ``f.start()``. On disk as W of `Fidelity` is.
    method : str
        Which engine runs, or "auto", which chooses one by the problem and the number of evaluations:

        {engines}
    threads : int, optional
        At most so many, by default one a processor. The engines that work in threads of their own give the same bits
        for any number; the others leave it to BLAS, whose rounding may depend on it where products are large. BLAS is
        limited with the extra ``threads``, see `dsrl_ref.threads`.
    evaluations : int
        How many evaluations are to come, roughly; "auto" goes by it. To load compiled code takes some tenths of a
        second, once in a process, and sorting takes as long as many evaluations.
    per_layer : bool
        Whether every layer has a Θ and an L of its own. Then `theta` is (t, 4), or t Θ, and `L` is (t,), where one Θ or
        one L stands for that of all layers; derivatives are arrays (t,), the first layer's first. Their sums over the
        layers are the derivatives in a Θ and an L that all share.
    callback : callable, optional
        ``callback("sorting", share)`` now and then while data on disk are sorted. What it raises ends that, and leaves
        no file. A terminal shows the same in a line.
    client : distributed.Client, optional
        Of the cluster that works on an f of a dask array; by default the one in charge, or dask's scheduler for one
        machine, where there is none. What is prepared stays on the workers, see `dsrl_ref.distributed`. `threads` is
        what a task has there at most; the worker's own number is never exceeded.
    timeout : float
        Seconds without a sign of life from that cluster, after which an evaluation ends with a ClusterError.

    Attributes
    ----------
    method : str
        The name of the engine that runs, "auto" resolved.
    f, x0, target, layers, per_layer
        As given, converted; not to be changed.
    problem : Problem
        The same as engines see it, with what is known of the target as a whole, and whether data are on disk.
    parameters : Shared or PerLayer
        How Θ and L are read, and in which order their numbers are: see `dsrl_ref.parameters`.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, before any work.
    SizeError
        Where ``method="tensor"`` would not fit, before it is allocated; for data on disk that no engine reads there.
    DataFileError
        An OSError. For a file that cannot be read, is cut short or has changed since f was made, by evaluations too;
        where there is no room for the sorted file.
    ClusterError
        Where a cluster does not answer, or loses its workers for good; evaluations may raise it too.
    MissingExtraError
        For a dask array without the extra ``distributed``.

    Warns
    -----
    ClusterWarning
        Where a cluster lost what was prepared, and prepared it again; also in evaluations.

    Notes
    -----
    Eqs. (8)-(17). A sparse `Fidelity` whose target and x0 are sparse too runs on the entries stored in any of
    the three: everywhere else X stays 0, as ξ(0) = 0.

    Examples
    --------
    >>> J = Objective(Fidelity([[1.0, 0.25, -2.0]]), layers=2)
    >>> J
    Objective(f=Fidelity(W 1×3), layers=2, method='adjoint')
    >>> loss, gradient = J((1, 0.5, 0.5, 1), L=1)
    >>> loss
    0.65625
    >>> gradient.b1
    1.5

    One Θ and one L a layer:

    >>> J = Objective(Fidelity([[1.0, 0.25, -2.0]]), layers=2, per_layer=True)
    >>> loss, gradient = J([(1, 0.5, 0.5, 1), (1, 0.5, 0.5, 1)], L=[1, 1])
    >>> gradient.b1.shape, float(gradient.b1.sum())
    ((2,), 1.5)
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
        evaluations: int = table.EVALUATIONS,
        per_layer: bool = False,
        callback: Callable[[str, float], Any] | None = None,
        client: Any = None,
        timeout: float = TIMEOUT,
    ) -> None:
        require_in_memory(layers, "layers")
        self.layers = math.inf if np.ndim(layers) == 0 and layers == math.inf else as_count(layers, "layers")
        threads = None if threads is None else as_count(threads, "threads", least=1)
        self.threads = processors() if threads is None else threads
        evaluations = as_count(evaluations, "evaluations", least=1)
        self.per_layer, self.parameters = bool(per_layer), _parameters(per_layer, self.layers)
        of = self.layers, threads, self.per_layer, client
        self.problem: Any
        if is_spread_term(f):
            from dsrl_ref.distributed import spread  # what it imports, asyncio among it, is for clusters alone

            self.problem, self.x0, self.target = spread(f, target, x0, *of, timeout)
        else:
            self.problem, self.x0, self.target = _of_arrays(f, target, x0, *of, callback)
        self._of_others: dict[str, Any] = {"layers": self.layers, "threads": threads, "per_layer": self.per_layer}
        self.f, self.shape, self.client, self.timeout = f, self.problem.shape, client, timeout
        engine = table.choose(self.problem, evaluations) if method == "auto" else table.named(method, self.problem)
        self.method = engine.name
        with self._limited(), _quiet():
            prepare: Any = table.prepare_layers if per_layer else table.prepare
            self._prepared: Any = self.problem.made_ready(engine, prepare)

    def _facts(self) -> dict[str, str]:
        known = isinstance(self.f, Fidelity | LeastSquares)
        facts = {
            "f": repr(self.f) if known else f"{type(self.f).__name__} of {size(self.shape)}",  # one's own may be long
            "layers": f"{self.layers}",
            "per_layer": "True" if self.per_layer else "",
            "method": repr(self.method),
        }
        return {name: fact for name, fact in facts.items() if fact}

    def __call__(self, theta: ThetasLike, L: Any) -> tuple[float, Gradient]:
        """Evaluate J and its gradient.

        Parameters
        ----------
        theta : Theta or four numbers; with `per_layer` also one a layer
            w1, w2, b1, b2.
        L : float; with `per_layer` also array_like (t,)
            Step constant, positive.

        Returns
        -------
        loss : float
            J, eq. (8).
        gradient : Gradient
            dJ/dΘ, eq. (10), and dJ/dL, eq. (15): floats; with `per_layer` arrays (t,), the terms of these sums.

        Raises
        ------
        ValueError
            For an infeasible Θ or L; with `per_layer` the message names the layer.
        DivergenceError
            A ValueError. Where the network diverges: the message names the layer. For ``layers=math.inf`` where no
            fixed point is reached, where a Z there sits on a knot, or where the spectral radius of D(I - H/L) on the
            active entries is not below 1 - 1e-6.
        """
        theta, L = self.parameters.read(theta, L)
        with self._limited(), _quiet():
            loss, gradient = self._prepared.loss_and_gradient(theta, L)
        return self._finite(loss, gradient, theta, L)

    def of_others(self, f: SmoothTerm, target: Any, x0: Any) -> "Objective":
        """The same network on other data, by the same engine and, where these are dask arrays too, the same cluster."""
        cluster = {"client": self.client, "timeout": self.timeout} if is_spread_term(f) else {}
        return Objective(f, target, x0=x0, method=self.method, **self._of_others, **cluster)

    def _finite(self, loss: float, gradient: Array, theta: Any, L: Any) -> tuple[float, Gradient]:
        """Give the loss and the gradient their types; DivergenceError for what is not finite."""
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            if self.layers < math.inf:
                self.problem.require_finite_layers(theta, L)  # names the layer, if it is one
            raise DivergenceError(
                f"the loss ({loss}) or its gradient overflows float64 after {self.layers} layers "
                f"{self.parameters.where(gradient, theta, L)}: scale the data down or take a larger L"
            )
        return float(loss), self.parameters.gradient(gradient)

    def flat(self, x: Any) -> tuple[float, Array]:
        """Evaluate at x = (w1, w2, b1, b2, L), for ``scipy.optimize.minimize(J.flat, x, jac=True)``.

        With `per_layer` x has 5t numbers, a layer after the other.

        Returns
        -------
        loss : float
            J.
        gradient : ndarray (5,), or (5t,)
            Its derivatives, in the order of `x`.
        """
        loss, gradient = self(*self.parameters.of_flat(x))
        return loss, np.array(gradient).T.ravel()

    def free(self, u: Any) -> tuple[float, Array]:
        """Evaluate at five real numbers of any size, for optimisers that know no bounds.

        Parameters
        ----------
        u : array_like (5,); with `per_layer` (5t,)
            Any finite numbers; `from_free` tells which Θ and L they are.

        Returns
        -------
        loss : float
            J; infinity where the network diverges or overflows, so that a line search comes back.
        gradient : ndarray, as `u`
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
        theta, L = self.parameters.from_free(u)
        try:
            loss, gradient = self(theta, L)
        except DivergenceError:
            return math.inf, np.full(self.parameters.size, math.nan)
        return loss, self.parameters.in_free(gradient, u)

    def from_free(self, u: Any) -> tuple[Any, Any]:
        """Θ and L of five real numbers: w1, w2, b1, b2 - b1 and L are their exponentials.

        With `per_layer` t Θ and L (t,) of 5t numbers, a layer after the other.
        """
        return self.parameters.from_free(u)

    def to_free(self, theta: ThetasLike, L: Any) -> Array:
        """The real numbers of Θ and L; ValueError where b1 = 0 or b2 = b1, with what to start from instead."""
        return self.parameters.to_free(theta, L)

    def gauss_newton(self, theta: ThetasLike, L: Any) -> tuple[float, Gradient, Array]:
        """Evaluate J, its gradient, and the Gauss-Newton matrix Σ (∂x/∂θ)(∂x/∂θ)ᵀ over the entries x of X_(t).

        Returns
        -------
        loss : float
            J.
        gradient : Gradient
            Its derivatives.
        matrix : ndarray (5, 5); with `per_layer` (5t, 5t)
            In the order w1, w2, b1, b2, L, a layer after the other; symmetric, not negative definite.

        Examples
        --------
        >>> loss, gradient, matrix = Objective(Fidelity([[1.0, 2.0]]), layers=1).gauss_newton((1, 1, 0.5, 0.5), L=1)
        >>> float(matrix[2, 2])
        2.0
        """
        theta, L = self.parameters.read(theta, L)
        with self._limited(), _quiet():
            loss, gradient, matrix = self._prepared.gauss_newton(theta, L)
        found = self._finite(loss, gradient, theta, L)
        if not np.isfinite(matrix).all():
            raise DivergenceError(
                "the Gauss-Newton matrix overflows float64, whose entries are products of two derivatives: scale the "
                "data, b1 and b2 by one factor, or D, so that derivatives are smaller"
            )
        return *found, matrix

    def scalar_map(self, theta: ThetasLike, L: Any) -> ScalarMap:
        """Build the piecewise-linear function w -> x_t that the network applies to each entry of W.

        Parameters
        ----------
        theta : Theta or four numbers; with `per_layer` also one a layer
            w1, w2, b1, b2.
        L : float; with `per_layer` also array_like (t,)
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
        if self.problem.start is None:
            raise ValueError(
                "scalar_map needs Fidelity and an x0 that is W or zeros: otherwise no one map serves all entries"
            )
        return ScalarMap(theta, L, int(self.layers), start=self.problem.start, per_layer=self.per_layer)

    def ties(self, theta: ThetasLike, L: Any) -> int:
        """Count the entries of Z_(1), ..., Z_(t) that sit on a knot, where the gradient is one-sided.

        By the arithmetic of the engine that runs, since it decides the regions of the gradient: for `LeastSquares` two
        engines may round a Z to either side of a knot; for `Fidelity` all agree. 0 for ``layers=math.inf``, where a tie
        is refused.
        """
        theta, L = self.parameters.read(theta, L)
        with self._limited(), _quiet():
            return int(self._prepared.ties(theta, L))

    def errors(self, theta: ThetasLike, L: Any) -> Array | None:
        """‖x_t - x̃‖² of every column, (m,), which add up to 2J; None where the engine that runs has no columns apart.

        Raises
        ------
        ValueError, DivergenceError
            As evaluations do.
        """
        theta, L = self.parameters.read(theta, L)
        with self._limited(), _quiet():
            found = parts.errors(self._prepared, theta, L)
            if found is not None and not np.isfinite(found).all():
                self.problem.require_finite_layers(theta, L)
        return found

    def _limited(self) -> AbstractContextManager[None]:
        """Limit BLAS; of the products that it is for, a `Fidelity` of finitely many layers has none."""
        products = multiplications(self.problem.f, self.problem.x0.shape)
        return blas_threads(self.threads, products) if products or self.layers == math.inf else nullcontext()


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


def _of_arrays(
    f: SmoothTerm, target: Any, x0: Any, layers: float, threads: int | None, per_layer: bool, client: Any, callback: Any
) -> tuple[Problem, Any, Any]:
    """The problem of data in memory or on disk, with x0 and the target as given, validated."""
    if client is not None:
        raise TypeError("client is for an f that holds a dask array, and the data of this one are arrays: leave it out")
    x0 = f.start() if x0 is None and type(f) in (Fidelity, LeastSquares) else starting_point(f, x0)
    target = _default_target(f) if target is None else as_data(target, "target")
    require_shape(target, x0.shape, "target", "x0")
    threads = processors() if threads is None else threads
    return Problem(f, x0, target, layers, threads, per_layer, callback), x0, target


def _parameters(per_layer: Any, layers: float) -> Parameters:
    """What Θ and L are; refused for ``layers=math.inf``, whose limit would be that of a last layer."""
    if not isinstance(per_layer, bool | np.bool_):
        raise TypeError(f"per_layer must be True or False, got {per_layer!r}")
    if not per_layer:
        return Shared()
    if layers == math.inf:
        raise ValueError("per_layer=True needs finitely many layers, got layers = inf: give their number")
    return PerLayer(int(layers))


def _quiet() -> Any:
    """What overflows is refused by name, and NumPy need not warn of it too."""
    return np.errstate(over="ignore", invalid="ignore")


def _default_target(f: SmoothTerm) -> Any:
    if isinstance(f, Fidelity):
        return f.W
    raise ValueError(f"target is required for {type(f).__name__}; only Fidelity has a default, its W")


def _with_engines(documentation: str | None) -> str | None:
    """Print the table of engines into the docstring of `Objective`; there is none under ``python -OO``."""
    if documentation is None:
        return None
    lines = [
        part
        for line in table.description().splitlines()
        for part in wrap(line, 108, subsequent_indent="  ", break_on_hyphens=False)
    ]
    return re.sub(
        r"^( *){engines}$", lambda found: indent("\n".join(lines), found[1]), documentation, flags=re.MULTILINE
    )


Objective.__doc__ = _with_engines(Objective.__doc__)
