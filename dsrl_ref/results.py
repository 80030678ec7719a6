"""What `fit` and `solve` return."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.network import SmoothTerm, forward
from dsrl_ref.appendix.shrinkage import shrink
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, as_count, is_sparse, require_shape
from dsrl_ref.checked import starting_point
from dsrl_ref.disk import arrays_of, refuse_if_on_disk
from dsrl_ref.engines import implicit
from dsrl_ref.persistence import Kind, register
from dsrl_ref.shown import Shown, size
from dsrl_ref.smooth import Fidelity, LeastSquares, portions
from dsrl_ref.status import Status
from dsrl_ref.threads import blas_threads

WHITE = 1e-6  # how far, relative, a D may be from singular values 1 and 0 that was whitened elsewhere, in float32 say
ITERATES = 2**23  # entries of all iterates of a part of X_(t) that is written to `out`, 64 MiB


@dataclass(frozen=True, repr=False)
class FitResult(Shown):
    """What `fit` learned.

    Attributes
    ----------
    theta : Theta; ndarray (t, 4) where every layer has its own
        Projected onto (7): what the network uses.
    L : float; ndarray (t,) where every layer has its own
        The step constant.
    loss : float
        J at `theta` and `L`, of all columns.
    converged : bool
        ``status.converged``: whether Gauss-Newton found a point that no other drawn around it is below; for the
        authors' training, whether all epochs were completed.
    message : str
        How it ended, and what to do about it.
    history : dict of ndarray
        "loss" (epochs,), "theta" (epochs, 4), "L" (epochs,): before each epoch's step, as stored. "accepted"
        (epochs,) of bool: whether the epoch belongs to the run from that of several starts from which `theta` and `L`
        came; a file of version 1 has none. Where every layer has its own, "theta" is (epochs, t, 4) and "L"
        (epochs, t), "loss" is of what was learned from, and "validation" (epochs,) is the loss of what was held out,
        if anything was.
    raw : tuple of ndarray (4,) and float; of ndarray (t, 4) and ndarray (t,)
        Θ and L as stored, before the projection.
    layers : int, math.inf or None
        Of the network that learned them; None where a file of version 1 was loaded, which does not tell.
    status : Status or None
        How it ended: `Status.CONVERGED` (the loss is 0 but for rounding), `Status.STATIONARY` (of the points drawn
        around it, up to a tenth of the parameters away, none is lower by more than 1e-6 of the loss; lower ones may
        lie elsewhere), `Status.STALLED`, `Status.COMPLETED` (of one Θ a layer: steps were no longer worth it, as
        `message` says), `Status.MAX_ITER`, `Status.STOPPED` or `Status.INTERRUPTED`; None of a file of version 1.
    kind : str or None
        The class of the smooth term: "Fidelity", "LeastSquares" or your own; None of a file of version 1.
    validation : float or None
        The loss of what was held out, at `theta` and `L`; None where nothing was.
    whitened : bool or None
        Whether the D of the `LeastSquares` had singular values 1 and 0 alone, as `LeastSquares.whitened` makes them;
        None for another f, and of files that do not tell. `apply` refuses a D of the other sort.
    """

    theta: Any
    L: Any
    loss: float
    converged: bool
    message: str
    history: dict[str, Array]
    raw: tuple[Array, Any]
    layers: float | None = None
    status: Status | None = None
    kind: str | None = None
    validation: float | None = None
    whitened: bool | None = None

    def _facts(self) -> dict[str, str]:
        own = self.per_layer
        facts = {
            "status": ("CONVERGED" if self.converged else "not converged") if self.status is None else self.status.name,
            "loss": f"{self.loss:.6g}",
            "validation": "" if self.validation is None else f"{self.validation:.6g}",
            "theta": "one a layer" if own else f"({', '.join(f'{value:.6g}' for value in self.theta)})",
            "L": "one a layer" if own else f"{self.L:.6g}",
            "layers": "unknown" if self.layers is None else f"{self.layers}",
            "epochs": f"{len(self.history['loss'])}",
            "whitened": "True" if self.whitened else "",
        }
        return {name: fact for name, fact in facts.items() if fact}

    @property
    def per_layer(self) -> bool:
        """Whether every layer has a Θ and an L of its own."""
        return np.ndim(self.theta) == 2

    def apply(self, f: SmoothTerm, x0: Any = None, *, out: Any = None) -> Any:
        """X_(t) of new data, by what was learned.

        Parameters
        ----------
        f : SmoothTerm
            The new data: `Fidelity`, `LeastSquares` or your own.
        x0 : array_like (n, m) or scipy.sparse container, optional
            X_(0); by default ``f.start()``.
        out : ndarray (n, m) of float64, optional
            What X_(t) is written to, part by part: for data on disk a map of a file, as
            ``np.lib.format.open_memmap("x.npy", "w+", shape=f.shape)`` makes it. Not for a sparse W.

        Returns
        -------
        ndarray (n, m) or csr_array
            As of `forward`, after as many layers as learned; for ``layers = math.inf`` the fixed point, on a knot too.
            `out`, where it is given.

        Raises
        ------
        ValueError
            Where the number of layers is not known, as in a file of version 1; where this was learned from whitened
            measurements and those of f are not, or the other way round; and as of `forward`.
        DivergenceError
            A ValueError. Where the network diverges on this f.
        SizeError
            For data on disk without `out`: the message says how large X_(t) is.

        Examples
        --------
        >>> from dsrl_ref import Fidelity, Objective, fit
        >>> learned = fit(Objective(Fidelity([[1.0, 0.25, -2.0]]), [[0.5, 0.0, -1.5]], layers=1))
        >>> learned.apply(Fidelity([[3.0, 0.125]])).round(6)
        array([[2.5, 0. ]])
        """
        if self.layers is None:
            raise ValueError(
                "this result does not know its layers, as it comes from a file of version 1: say how many they were, "
                "as in dataclasses.replace(result, layers=11).apply(f)"
            )
        require_as_learned(self, f)
        if type(f) not in (Fidelity, LeastSquares):
            return _written(self._last(f, x0), out)
        X = f.start() if x0 is None else starting_point(f, x0)
        if out is None:
            refuse_if_on_disk("X_(t)", [*arrays_of(f), X], "pass out=, a map of a file that it is written to")
        if out is None or is_sparse(X) or is_sparse(getattr(f, "W", X)):
            return _written(self._last(f, X), out)
        _require_room(out, X.shape)
        layers = 1 if self.layers == math.inf else int(self.layers)
        for place, part, start in portions(f, X, max(1, ITERATES // (layers + 1))):  # type: ignore[arg-type]
            out[place] = self._last(part, start)
        return out

    def _last(self, f: SmoothTerm, x0: Any) -> Any:
        """X_(t), in memory."""
        if self.layers < math.inf:  # type: ignore[operator]  # known, as `apply` has asked
            return forward(f, self.theta, self.L, int(self.layers), x0)[-1]  # type: ignore[arg-type]
        return _fixed_point(f, self.theta, self.L, starting_point(f, x0))


def _written(X: Any, out: Any) -> Any:
    """X itself, or `out`, which it is written to."""
    if out is None:
        return X
    if is_sparse(X):
        raise ValueError("out is for a dense X_(t), and that of a sparse f is sparse: leave it out")
    _require_room(out, X.shape)
    out[:] = X
    return out


def _require_room(out: Any, shape: tuple[int, ...]) -> None:
    """Refuse an `out` that X_(t) cannot be written to as it is."""
    if not isinstance(out, np.ndarray) or out.dtype != np.float64 or not out.flags.writeable:
        got = f"an array of {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeError(f"out must be an array of float64 that can be written to, in memory or a map, got {got}")
    require_shape(out, shape, "out", "X_(t)")


@dataclass(frozen=True, repr=False)
class SolveResult(Shown):
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
        weight > 0, a bound on (objective - minimum)/objective of the column, from its duality gap; for weight 0 the
        same, from the projection on what the columns of D span, or, where D is sparse and large, from the objective
        itself. Otherwise the largest violation of a condition of first order in the column, relative to weight·b1 or,
        where that is 0, to the largest term of that coordinate's gradient.
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

    def _facts(self) -> dict[str, str]:
        nonzeros = self.x.count_nonzero() if is_sparse(self.x) else np.count_nonzero(self.x)
        return {
            "status": self.status.name,
            "objective": f"{self.objective:.6g}",
            "residual": f"{self.residual:.2g}",
            "x": f"{size(self.x.shape)} with {nonzeros} nonzeros",
            "iterations": f"{self.iterations}",
        }


def is_white(f: Any) -> bool | None:
    """Whether the D of a `LeastSquares` has singular values 1 and 0 alone; None for another f.

    So it is where DDᵀ is a projection; that is asked of one drawn vector: it costs as much as two layers of one signal.
    """
    if type(f) is not LeastSquares:
        return None
    drawn = np.random.default_rng(0).normal(size=f.D.shape[0])
    with blas_threads(1), np.errstate(all="ignore"):  # what overflows is not white
        once = f.D @ (f.D.T @ drawn)
        return bool(np.linalg.norm(f.D @ (f.D.T @ once) - once) <= WHITE * np.linalg.norm(once) > 0)


def require_as_learned(result: FitResult, f: Any) -> None:
    """Raise ValueError where the measurements of f are whitened and those learned from are not, or the other way round.

    A network that has learned the steps for one of the two diverges on the other, or answers nonsense.
    """
    white = is_white(f)
    if result.whitened is None or white is None or white == result.whitened:
        return
    if result.whitened:
        told = (
            "this was learned from whitened measurements, and those of f are not: pass white.apply_to(Y), where white "
            "is the whitened term that it was learned from, or f.whitened(); on a shell, --whiten"
        )
    else:
        told = (
            "this was learned from measurements as they are, and those of f are whitened, or its D has singular values "
            "1 and 0 alone: pass LeastSquares(D, Y) of what was measured; on a shell, leave --whiten out"
        )
    raise ValueError(f"{told}. dataclasses.replace(result, whitened=None) is applied to anything")


def _fixed_point(f: SmoothTerm, theta: Theta, L: float, x0: Any) -> Any:
    """The limit of the layers; of a `Fidelity` whose layers contract in closed form, sparse or not."""
    if type(f) is Fidelity:
        if max(theta.w1, theta.w2) * abs(1 - 1 / L) < 1:
            return shrink(f.W, theta.scaled(L))
        f = Fidelity(f.W.toarray() if is_sparse(f.W) else f.W)
    return implicit.limit(f, theta, L, x0.toarray() if is_sparse(x0) else x0).X


def to_file(result: FitResult) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and arrays of what `fit` learned."""
    header = {
        "theta": np.asarray(result.theta).tolist(),  # (4,), or (t, 4)
        "L": np.asarray(result.L).tolist(),
        "loss": None if np.isnan(result.loss) else result.loss,
        "converged": result.converged,
        "message": result.message,
        "raw_L": np.asarray(result.raw[1]).tolist(),
        "layers": "inf" if result.layers == math.inf else result.layers,
        "status": None if result.status is None else result.status.name,
        "smooth_term": result.kind,
        "validation": "inf" if result.validation == math.inf else result.validation,
        "whitened": result.whitened,
    }
    return header, {"raw_theta": result.raw[0], **{f"history_{k}": v for k, v in result.history.items()}}


def from_file(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> FitResult:
    """What `to_file` took apart; of version 1 without what that does not tell."""
    theta, own = header["theta"], isinstance(header["L"], list)  # one Θ and one L a layer
    if own and len(theta) != len(header["L"]):
        raise ValueError(f"it holds {len(theta)} Θ and {len(header['L'])} L")
    return FitResult(
        np.array([Theta(*row) for row in theta]) if own else Theta(*theta),
        np.array(header["L"], dtype=np.float64) if own else header["L"],
        np.nan if header["loss"] is None else header["loss"],
        header["converged"],
        header["message"],
        _history(arrays),
        (arrays["raw_theta"], np.array(header["raw_L"], dtype=np.float64) if own else header["raw_L"]),
        **({} if header["version"] == 1 else _since_version_2(header)),
    )


def _history(arrays: Mapping[str, Array]) -> dict[str, Array]:
    told = [name for name in ("accepted", "validation") if f"history_{name}" in arrays]  # not every file has these
    return {name: arrays[f"history_{name}"] for name in ("loss", "theta", "L", *told)}


def _since_version_2(header: Mapping[str, Any]) -> dict[str, Any]:
    layers, status = header["layers"], header["status"]
    return {
        "layers": math.inf if layers == "inf" else None if layers is None else as_count(layers, "layers"),
        "status": None if status is None else Status[status],
        "kind": header["smooth_term"],
        "validation": math.inf if header.get("validation") == "inf" else header.get("validation"),
        "whitened": header.get("whitened"),
    }


KIND = Kind(FitResult, "result of fit", to_file, from_file)
register(KIND)
