"""What training asks of a target and of Z_(1) as a whole, asked of the workers: largest entries, squares, quantiles.

Each is the same for any number of workers, and quantiles are those of NumPy on all entries at once: they are order
statistics, which are found to the last bit by counters that add up.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.distributed import work
from dsrl_ref.quantiles import Counts, counted_quantiles, counts

Ask = Callable[..., list[Any]]


def largest(ask: Ask) -> float:
    """The largest |entry| of the target."""
    return max(ask(_largest))


def squares(ask: Ask, unit: float) -> tuple[list[float], int]:
    """Terms whose sum is Σ(x̃/unit)² over all entries, and how many are not 0."""
    found, counts = zip(*ask(_squares, unit), strict=True)
    return [square for terms in found for square in terms], sum(counts)


def quantiles(ask: Ask, L: float, shares: Sequence[float]) -> Array | None:
    """Those of the |entries| of Z_(1) with the step 1/L that are not 0, as NumPy has them; None without any."""
    total = sum(ask(_positive, L))

    def count(begun: set[int], shift: int) -> Counts:
        answers = ask(_counts, L, begun, shift)
        return {bits: np.sum([answer[bits] for answer in answers], axis=0) for bits in begun}

    return counted_quantiles(count, total, shares) if total else None


def _counts(group: work.Group, L: float, begun: set[int], shift: int) -> Counts:
    return counts(lambda: _seen(group, L), begun, shift)


def _positive(group: work.Group, L: float) -> int:
    return sum(int(np.count_nonzero(seen)) for seen in _seen(group, L))


def _seen(group: work.Group, L: float) -> Iterator[Array]:
    """The |entries| of Z_(1), block by block."""
    for block in group.blocks:
        yield from block.problem.first_seen(L)


def _largest(group: work.Group) -> float:
    return max(block.problem.largest for block in group.blocks)


def _squares(group: work.Group, unit: float) -> tuple[list[float], int]:
    found, counts = zip(*(block.problem.squares(unit) for block in group.blocks), strict=True)
    return [square for terms in found for square in terms], sum(counts)
