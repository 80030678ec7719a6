"""Labels that may be missing: -1, None, and among strings NaN and the words for it that tables have, as NA."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import require_in_memory
from dsrl_ref.multiview.conventions import warn_of_column
from dsrl_ref.multiview.reading.labels import is_missing

UNLABELLED = "-1 (None among strings) is for unlabelled samples"


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
        For another number of labels, NaN, labels that are no classes, and where none is given; where -1 may be a class,
        as 1 is the only other label, or may have become one, as the largest number of an unsigned type.
    TypeError
        For numbers and strings in one.
    """
    y = _as_vector(y)
    if len(y) != n:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: X has {n}, y has {len(y)}")
    values, known = _of_objects(y) if y.dtype.kind == "O" else (y, np.ones(n, dtype=bool))
    known = known & _known(values)
    if not known.any():
        raise ValueError("y: all samples are unlabelled; at least one needs a class")
    classes, found = np.unique(values[known], return_inverse=True)
    _refuse_signs(y, classes)
    codes = np.full(n, -1, dtype=np.intp)
    codes[known] = found
    return Labels(classes, codes)


def _as_vector(y: Any) -> NDArray[Any]:
    """An array of one dimension; a list is not let become one of strings by a single string among numbers."""
    require_in_memory(y, "y")
    if np.ma.is_masked(y):
        place = int(np.argmax(np.ma.getmaskarray(y).ravel()))
        raise ValueError(f"y has masked entries, the first at y[{place}]; {UNLABELLED}")
    if str(getattr(y, "dtype", "")) in ("str", "string"):  # a column of pandas, where None has become NaN or NA
        y = y.astype(object).where(y.notna(), None)
    y = np.asarray(y) if hasattr(y, "dtype") else np.array(y, dtype=object)
    if y.dtype.kind == "T":  # NumPy's strings of any length
        y = y.astype(object)
    if y.ndim == 2 and y.shape[1] == 1:
        warn_of_column("y")
        y = y.ravel()
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    return y


def _of_objects(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """All strings or all numbers, and which of them are labels."""
    if any(isinstance(label, str) for label in y):  # as pandas writes a gap among them
        y = np.array([None if isinstance(label, float) and label != label else label for label in y], dtype=object)
    for place, label in enumerate(y):
        if isinstance(label, Real) and label != label:
            raise ValueError(f"Input y contains NaN: y[{place}]; {UNLABELLED}")
        if not (label is None or isinstance(label, str | Real | np.bool_)):
            raise ValueError(f"Unknown label type: y[{place}] = {label!r} is neither a number nor a string")
    known = np.array([not _says_nothing(label) for label in y], dtype=bool)
    strings = np.array([isinstance(label, str) for label in y], dtype=bool) & known
    for place, label in enumerate(y):
        _refuse_minus_one(label, place)
    if strings.any() and not strings[known].all():
        text, number = int(np.argmax(strings)), int(np.argmax(known & ~strings))
        raise TypeError(f"y mixes strings and numbers: y[{text}] = {y[text]!r}, y[{number}] = {y[number]!r}")
    values = np.where(known, y, "" if strings.any() else -1)
    return (values if strings.any() else np.array(values.tolist())), known


def _says_nothing(label: Any) -> bool:
    """Whether this is one of the signs for a sample without a label."""
    if isinstance(label, bytes):
        label = label.decode("utf-8", "replace")
    return label is None or (is_missing(label) if isinstance(label, str) else bool(label == -1))


def _known(y: NDArray[Any]) -> NDArray[np.bool_]:
    kind = y.dtype.kind
    if kind == "u" and (y == np.iinfo(y.dtype).max).any():
        largest = np.iinfo(y.dtype).max
        raise ValueError(
            f"y[{int(np.argmax(y == largest))}] = {largest} is what -1 becomes in {y.dtype}, and -1 is for unlabelled "
            f"samples: give np.where(y == {largest}, -1, y.astype(int)), or y.astype(int) if {largest} is a class"
        )
    if kind not in "fiubUSO":
        raise ValueError(f"Unknown label type: y has dtype {y.dtype}; integers or strings are needed")
    if kind == "f" and not np.isfinite(y).all():
        place = int(np.argmin(np.isfinite(y)))
        what = "NaN" if np.isnan(y[place]) else "infinity"
        raise ValueError(f"Input y contains {what}: y[{place}]; {UNLABELLED}")
    if kind == "f" and (y != np.round(y)).any():
        place = int(np.argmax(y != np.round(y)))
        raise ValueError(f"Unknown label type: continuous. y[{place}] = {y[place]} is no class")
    for place, label in enumerate(y if kind in "US" else ()):
        _refuse_minus_one(label, place)
    return y != -1 if kind in "fi" else np.array([not _says_nothing(label) for label in y.tolist()], dtype=bool)


def _refuse_signs(y: NDArray[Any], classes: NDArray[Any]) -> None:
    """Of two classes called -1 and 1, one would be taken for unlabelled; the other is none without it."""
    if classes.tolist() == [1] and any(label == -1 for label in y):
        raise ValueError(
            "y has the labels -1 and 1 alone, and -1 is for unlabelled samples, which leaves one class: if -1 is a "
            "class, give np.where(y == 1, 1, 0); if not, None in its place says so"
        )


def _refuse_minus_one(label: Any, place: int) -> None:
    if label in ("-1", b"-1"):
        raise ValueError(
            f"y[{place}] = '-1' is a string, as np.array makes of -1 among strings; {UNLABELLED}, in a list"
        )
