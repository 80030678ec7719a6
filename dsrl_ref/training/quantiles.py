"""Quantiles of the positive numbers among many, which are read some at a time and never held together.

The bits of a positive float64, read as an integer, grow with the number. A pass counts how many numbers begin with the
same 16 bits; the next three count, of those that begin as a number that is looked for, the 16 bits that follow. So
every number that a quantile lies between is found exactly, in four passes, with counters of half a MiB.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.entries import AT_ONCE

BITS = 16  # of the 64 of a number, in a pass

Parts = Callable[[], Iterable[Array]]  # the numbers, some at a time, each time it is called


def quantiles(parts: Parts, shares: Sequence[float]) -> Array:
    """The quantiles of the positive numbers, to the bit as ``np.quantile`` has them; empty if none is positive."""
    total, few = 0, list[Array]()
    for part in parts():
        positive = part[part > 0]
        total += positive.size
        few = [*few, positive] if total <= AT_ONCE else []
    if total == 0:
        return np.empty(0)
    if few:
        return np.asarray(np.quantile(np.concatenate(few), shares))
    places = np.asarray(shares) * (total - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, total - 1)
    entries = entries_of_ranks(parts, {*below.tolist(), *above.tolist()})
    low, high = (np.array([entries[rank] for rank in ranks.tolist()]) for ranks in (below, above))
    share, step = places - below, high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def entries_of_ranks(parts: Parts, ranks: set[int]) -> dict[int, float]:
    """The positive numbers of these ranks, of which the least has rank 0."""
    # of each rank: the bits that its number is known to begin with, and its rank among the numbers that do
    known = {rank: (0, rank) for rank in ranks}
    for shift in (3 * BITS, 2 * BITS, BITS, 0):
        counts = _counts(parts, {begun for begun, _ in known.values()}, shift)
        for rank, (begun, among) in known.items():
            upto = np.cumsum(counts[begun])
            following = int(upto.searchsorted(among, side="right"))
            known[rank] = (begun << BITS) + following, among - (int(upto[following - 1]) if following else 0)
    return {rank: float(np.array(begun, np.int64).view(np.float64)) for rank, (begun, _) in known.items()}


def _counts(parts: Parts, begun: set[int], shift: int) -> dict[int, NDArray[np.int64]]:
    """How often each group of bits, those from `shift` on, follows bits that numbers begin with."""
    counts = {bits: np.zeros(1 << BITS, np.int64) for bits in begun}
    for part in parts():
        bits = part[part > 0].view(np.int64) >> shift
        for first, found in counts.items():
            following = bits[bits >> BITS == first] - (first << BITS)
            found += np.bincount(following, minlength=1 << BITS)
    return counts
