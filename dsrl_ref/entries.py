"""Large arrays, some entries at a time: nothing of their size is formed, and Ctrl-C need not wait for all of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_ONCE = 2**20  # entries that are looked at together: what is formed of them takes megabytes


def parts_of(array: "NDArray[Any]") -> "Iterator[NDArray[Any]]":
    """The entries of a C-contiguous array, in order, `AT_ONCE` at a time: views, for a loop that Ctrl-C can leave."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        yield flat[start : start + AT_ONCE]


def first_not_finite(array: "NDArray[np.float64]") -> int | None:
    """Where the first entry is that is NaN or infinite, counted along the rows; None if all are finite."""
    for number, part in enumerate(parts_of(array)):
        finite = np.isfinite(part)
        if not finite.all():
            return number * AT_ONCE + int(finite.argmin())
    return None


def same_entries(one: "NDArray[np.float64]", other: "NDArray[np.float64]") -> bool:
    """Whether two C-contiguous arrays of one size have the same entries."""
    return one is other or all(map(np.array_equal, parts_of(one), parts_of(other)))


def largest_entry(array: "NDArray[np.float64]") -> float:
    """The largest |entry| of a C-contiguous array; 0 of one that has none."""
    return max((max(float(part.max()), -float(part.min())) for part in parts_of(array)), default=0.0)
