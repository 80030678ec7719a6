"""Quantiles of the positive numbers among many, which are read some at a time and never held together.

The bits of a positive float64, read as an integer, grow with the number. A pass counts how many numbers begin with the
same 16 bits; the next three count, of those that begin as a number that is looked for, the 16 bits that follow. So
every number that a quantile lies between is found exactly, in four passes, with counters of half a MiB. Counters of
parts add up, so that a pass may be shared out.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.entries import AT_ONCE

BITS = 16  # of the 64 of a number, in a pass

Parts: TypeAlias = Callable[[], Iterable[Array]]  # the numbers, some at a time, each time it is called
Counts: TypeAlias = dict[int, NDArray[np.int64]]  # how often each group of bits follows those that numbers begin with
Count: TypeAlias = Callable[[set[int], int], Counts]  # a pass: `counts` of all numbers


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
    return counted_quantiles(partial(counts, parts), total, shares)


def counted_quantiles(count: Count, total: int, shares: Sequence[float]) -> Array:
    """The same of so many positive numbers, at least one, of which nothing but counts is known."""
    places = np.asarray(shares) * (total - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, total - 1)
    entries = entries_of_ranks(count, {*below.tolist(), *above.tolist()})
    low, high = (np.array([entries[rank] for rank in ranks.tolist()]) for ranks in (below, above))
    share, step = places - below, high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def entries_of_ranks(count: Count, ranks: set[int]) -> dict[int, float]:
    """The positive numbers of these ranks, of which the least has rank 0."""
    # of each rank: the bits that its number is known to begin with, and its rank among the numbers that do
    known = {rank: (0, rank) for rank in ranks}
    for shift in (3 * BITS, 2 * BITS, BITS, 0):
        found = count({begun for begun, _ in known.values()}, shift)
        for rank, (begun, among) in known.items():
            upto = np.cumsum(found[begun])
            following = int(upto.searchsorted(among, side="right"))
            known[rank] = (begun << BITS) + following, among - (int(upto[following - 1]) if following else 0)
    return {rank: float(np.array(begun, np.int64).view(np.float64)) for rank, (begun, _) in known.items()}


def counts(parts: Parts, begun: set[int], shift: int) -> Counts:
    """How often each group of bits, those from `shift` on, follows bits that positive numbers begin with."""
    counted = {bits: np.zeros(1 << BITS, np.int64) for bits in begun}
    for part in parts():
        bits = part[part > 0].view(np.int64) >> shift
        for first, found in counted.items():
            following = bits[bits >> BITS == first] - (first << BITS)
            found += np.bincount(following, minlength=1 << BITS)
    return counted
