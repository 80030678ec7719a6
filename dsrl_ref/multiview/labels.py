"""Labels that may be missing: -1, or None among strings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.multiview.estimator import warn_of_column


@dataclass(frozen=True)
class Labels:
    """Classes in ascending order, and for every sample its index among them, -1 where it is unlabelled."""

    classes: NDArray[Any]
    codes: NDArray[np.intp]


def as_labels(y: Any, n: int) -> Labels:
    """Convert the labels of n samples.

    Raises
    ------
    ValueError
        For another number of labels, NaN, labels that are no classes, and where none is given.
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        warn_of_column("y")
        y = y.ravel()
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    if len(y) != n:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: X has {n}, y has {len(y)}")
    known = _known(y)
    if not known.any():
        raise ValueError("y: all samples are unlabelled; at least one needs a class")
    given = y[known]
    if given.dtype.kind == "O" and all(isinstance(label, str) for label in given):
        given = given.astype(str)
    classes, found = np.unique(given, return_inverse=True)
    codes = np.full(n, -1, dtype=np.intp)
    codes[known] = found
    return Labels(classes.astype(y.dtype) if y.dtype.kind == "O" else classes, codes)


def _known(y: NDArray[Any]) -> NDArray[np.bool_]:
    kind = y.dtype.kind
    if kind == "f":
        if not np.isfinite(y).all():
            place = int(np.argmin(np.isfinite(y)))
            what = "NaN" if np.isnan(y[place]) else "infinity"
            raise ValueError(f"Input y contains {what}: y[{place}]; -1 is for unlabelled samples")
        if (y != np.round(y)).any():
            place = int(np.argmax(y != np.round(y)))
            raise ValueError(f"Unknown label type: continuous. y[{place}] = {y[place]} is no class")
        return y != -1
    if kind == "O":
        for place, label in enumerate(y):
            if isinstance(label, float) and not np.isfinite(label):
                raise ValueError(f"Input y contains NaN: y[{place}]; None or -1 is for unlabelled samples")
        return np.array([label is not None and not (isinstance(label, int) and label == -1) for label in y], bool)
    if kind not in "iubUS":
        raise ValueError(f"Unknown label type: y has dtype {y.dtype}; integers or strings are needed")
    return y != -1 if kind == "i" else np.ones(len(y), dtype=bool)
