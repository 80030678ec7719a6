"""The guards around a smooth term f, which may be a caller's own: what is wrong with it is told with the layer.

A method of f gets views that it cannot write to. Its answer is taken as float64 if it is real, of the shape of X, and
finite; whatever it raises arrives as a DSRLError. All that asks f for a gradient or a Hessian product asks here.
"""

from typing import Any

import numpy as np

from dsrl_ref.arrays import Array, is_sparse, require_shape
from dsrl_ref.disk import as_data
from dsrl_ref.errors import DivergenceError, DSRLError
from dsrl_ref.spread import is_spread


def starting_point(f: Any, x0: Any) -> Any:
    """Validate X_(0), by default ``f.start()``: a float64 matrix, or canonical CSR.

    TypeError unless f is an object with the methods that are needed; ValueError for an x0 that is no finite matrix, or
    that is not of ``f.shape``, where f has that.
    """
    needed = ("gradient",) if x0 is not None else ("gradient", "start")
    if isinstance(f, type) or not all(callable(getattr(f, method, None)) for method in needed):
        got = f"the class {f.__name__}" if isinstance(f, type) else type(f).__name__
        raise TypeError(f"f must be an object with {' and '.join(needed)}, such as Fidelity(W); got {got}")
    require_term_in_memory(f)
    X = as_data(f.start() if x0 is None else x0, "x0")
    shape = getattr(f, "shape", X.shape)
    require_shape(X, shape, "x0", "f")
    return X


def require_term_in_memory(f: Any) -> None:
    """Refuse an f of a dask array where only what is in memory is served; TypeError says what to pass."""
    for name in ("W", "Y"):
        if is_spread(getattr(f, name, None)):
            raise TypeError(
                f"f holds a dask array, {name}, which only Objective and fit work on: make f of {name}.compute(), if "
                f"it fits into memory, or of some columns, {name}[:, :100].compute()"
            )


def gradient(f: Any, X: Any, layer: int) -> Any:
    """Ask f for ∇f(X), X = X_(i-1) for layer i; the answer has the shape of X."""
    return evaluated(f, "gradient", layer, X)


def hessian_product(f: Any, V: Array, X: Array, layer: int) -> Any:
    """Ask f for ∇²f(X) applied to the direction V, X = X_(i-1) for layer i; the answer has the shape of X."""
    return evaluated(f, "hessian_product", layer, V, X)


def evaluated(f: Any, method: str, layer: int, *arguments: Any) -> Any:
    """Call a method of f, of which X is the last argument; what is wrong with it or its answer is told with the layer.

    DSRLError for whatever it raises, ValueError for another shape than that of X and for masked entries, TypeError for
    what is not real, DivergenceError for what is not finite.
    """
    X = arguments[-1]
    try:
        answer = getattr(f, method)(*(read_only(argument) for argument in arguments))
    except Exception as error:
        raise DSRLError(f"f.{method} failed in layer {layer}: {type(error).__name__}: {error}") from error
    if np.shape(answer) != X.shape:
        raise ValueError(f"f.{method} in layer {layer} returned shape {np.shape(answer)}; X has shape {X.shape}")
    answer = _as_plain(answer, is_sparse(X), f"f.{method} in layer {layer}")
    return require_finite(answer, f"f.{method}", layer, "check f, or take a larger L or smaller slopes")


def _as_plain(answer: Any, may_be_sparse: bool, what: str) -> Any:
    """Take an answer of f as float64: dense, except where X is sparse."""
    if np.ma.is_masked(answer):
        raise ValueError(f"{what} returned masked entries; every entry must be finite")
    if not is_sparse(answer):
        answer = np.asarray(answer)
    elif not may_be_sparse:
        answer = answer.toarray()
    if answer.dtype.kind not in "fiub":
        raise TypeError(f"{what} returned {answer.dtype} entries; they must be real numbers")
    return answer.astype(np.float64, copy=False)


def require_finite(value: Any, what: str, layer: int, advice: str) -> Any:
    """Give `value` back, dense or sparse; DivergenceError, with its name, the layer and advice, unless it is finite."""
    finite = np.isfinite(value.data if is_sparse(value) else value)
    if not finite.all():
        raise DivergenceError(f"{what} is not finite in layer {layer} ({np.sum(~finite)} entries): {advice}")
    return value


def read_only(X: Any) -> Any:
    """Return a view of X that f cannot write to."""
    if is_sparse(X):
        return X
    view = X.view()
    view.flags.writeable = False
    return view
