"""Blocks of entries: how many a kernel gets at once, and sums over them, in which threads leave no trace."""

import math

from dsrl_ref.arrays import Array

MANY_LAYERS = 250  # from which an entry takes a microsecond, layer by layer


def blocks_per_call(most: int, layers: int) -> int:
    """How many blocks to give to a kernel at once: fewer of many layers, since Ctrl-C waits for the kernel to end."""
    return max(1, most * MANY_LAYERS // max(MANY_LAYERS, layers))


def add_exactly(rows: Array) -> list[float]:
    """Add each column, rounded once; NaN where it has infinities of both signs, or overflows on the way."""
    try:
        return [math.fsum(column) for column in rows.T]
    except (OverflowError, ValueError):
        return [math.nan] * rows.shape[1]
