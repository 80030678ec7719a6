"""The one place that knows numba: compile on first use, keep the result, and never depend on having kept it.

A cache that is damaged, stale or cannot be written costs the time to compile again, nothing else. A kernel and
its callees live in one file, since numba's cache does not see edits elsewhere.
"""

import functools
from collections.abc import Callable
from typing import Any

WORTH_COMPILING = 200_000  # entries from which a compiled kernel makes up for loading numba in a few evaluations
WORTH_SORTING = 20_000  # entries from which it does so in the some fifty evaluations of a training


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba, without the GIL, cached where that works."""
    from numba import njit

    fresh = functools.cache(lambda: njit(nogil=True)(function))
    try:
        cached = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder to keep it in
        return fresh()

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return cached(*arguments)
        except Exception:  # whatever a damaged cache raises while it is read; a second failure is the kernel's own
            return fresh()(*arguments)

    return call


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper that only compiled functions of the same file call."""
    from numba import njit

    return njit(nogil=True)(function)
