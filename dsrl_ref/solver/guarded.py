"""The guard around a smooth term of the caller's own: what is wrong with it is told by the name of its method.

`solve` asks such a term for values, gradients and its Lipschitz constant through here. X arrives read-only, as the
protocol promises. A gradient is a real, finite matrix of the shape of X, in whatever container. A value is one real
number, and may be infinite or NaN at a point that a line search only tries; who stands on a point asks for a
`finite_value`.
"""

import math
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array, as_matrix_or_csr, as_number, is_sparse, require_shape
from dsrl_ref.errors import DSRLError

METHODS = "value", "gradient", "lipschitz"


class Guarded:
    """The three methods that `solve` needs of f, each answer checked.

    Raises
    ------
    TypeError
        Where f has no such methods, or they return what is no number.
    ValueError
        For shapes that do not fit and entries that are not finite.
    DSRLError
        For whatever f raises.
    """

    def __init__(self, f: Any) -> None:
        missing = [name for name in METHODS if not callable(getattr(f, name, None))]
        if missing:
            raise TypeError(f"f must have {', '.join(METHODS)} as methods; {type(f).__name__} has no {missing[0]}")
        self.f = f

    def value(self, X: Array) -> float:
        """f(X), which may be infinite or NaN."""
        answer = _asked(self.f, "value", _read_only(X))
        if isinstance(answer, float) and not math.isfinite(answer):  # np.float64 is a float
            return float(answer)
        return as_number(answer, "f.value(X)")

    def gradient(self, X: Array) -> Array:
        """∇f(X), dense."""
        answer = as_matrix_or_csr(_asked(self.f, "gradient", _read_only(X)), "f.gradient(X)")
        require_shape(answer, X.shape, "f.gradient(X)", "X")
        dense: Array = answer.toarray() if is_sparse(answer) else answer
        return dense

    def lipschitz(self) -> float:
        """A number that is not negative, or infinity."""
        answer = _asked(self.f, "lipschitz")
        number = answer if isinstance(answer, float) and answer == math.inf else as_number(answer, "f.lipschitz()")
        if number < 0:
            raise ValueError(f"f.lipschitz() is {number}; it must not be negative, and is infinity where it is unknown")
        return float(number)


def finite_value(f: Any, X: Array, at: str) -> float:
    """f(X); ValueError with the name of the point where it is not finite."""
    value = float(f.value(X))
    if not math.isfinite(value):
        raise ValueError(f"f.value(X) is {value} at {at}: give an x0 where f is finite, or scale the data down")
    return value


def _asked(f: Any, method: str, *arguments: Any) -> Any:
    try:
        return getattr(f, method)(*arguments)
    except Exception as error:
        raise DSRLError(f"f.{method} failed: {type(error).__name__}: {error}") from error


def _read_only(X: Array) -> Array:
    view = np.asarray(X).view()
    view.flags.writeable = False
    return view
