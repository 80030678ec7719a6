"""The most memory that a call holds at once, of what NumPy and Python allocate."""

import tracemalloc


def with_peak(call):
    """What the call gives, and the most bytes that it held beside what there was before."""
    tracemalloc.start()
    try:
        found = call()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
