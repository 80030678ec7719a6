"""What training asks of a target and of Z_(1) as a whole, asked of the workers: largest entries, squares, quantiles.

Each is the same for any number of workers, and quantiles are those of NumPy on all entries at once: they are order
statistics, which are found to the last bit, 12 bits a round.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.distributed import work
from dsrl_ref.engines.parts import add_exactly

WIDTH = 12  # bits of a number that a round tells
ROUNDS = (52, 40, 28, 16, 4, -8)  # how far the bits of each round are shifted: from the sign to the last one

Ask = Callable[..., list[Any]]


def largest(ask: Ask) -> float:
    """The largest |entry| of the target."""
    return max(ask(_largest))


def sum_of_squares(ask: Ask, unit: float) -> tuple[float, int]:
    """Σ(x̃/unit)² over all entries, and how many are not 0."""
    answers = ask(_squares, unit)
    (total,) = add_exactly(np.array([[square] for squares, _ in answers for square in squares]))
    return total, sum(count for _, count in answers)


def quantiles(ask: Ask, L: float, shares: Sequence[float]) -> Array | None:
    """Those of the |entries| of Z_(1) with the step 1/L that are not 0, as ``np.quantile`` has them; None without any.

    A quantile lies between two entries, whose ranks it tells.
    """
    count = sum(ask(_positive, L))
    if not count:
        return None
    at = [share * (count - 1) for share in shares]
    ranks = sorted({rank for place in at for rank in (int(place), min(int(place) + 1, count - 1))})
    values = dict(zip(ranks, _of_ranks(ask, L, ranks), strict=True))
    pairs = [(place - int(place), int(place), min(int(place) + 1, count - 1)) for place in at]
    return np.array([np.quantile([values[low], values[high]], share) for share, low, high in pairs])


def _of_ranks(ask: Ask, L: float, ranks: list[int]) -> Array:
    """The entries of these ranks, from 0, in ascending order: bit by bit, as bits of positive floats order them."""
    found, left = np.zeros(len(ranks), np.uint64), np.array(ranks, dtype=np.int64)
    for shift in ROUNDS:
        prefixes = np.unique(found)
        counts = np.sum(ask(_histogram, L, prefixes, shift), axis=0)
        for place, prefix in enumerate(found):
            below = np.cumsum(counts[prefixes.searchsorted(prefix)])
            digit = int(below.searchsorted(left[place], side="right"))
            left[place] -= below[digit - 1] if digit else 0
            found[place] = prefix | np.uint64(_placed(digit, shift))
    return found.view(np.float64)


def _placed(digit: int, shift: int) -> int:
    return digit << shift if shift >= 0 else digit >> -shift


def _histogram(group: work.Group, L: float, prefixes: np.ndarray, shift: int) -> np.ndarray:
    """How many entries of the group begin with the bits of each prefix and go on with each of 2^WIDTH others."""
    counts, above = np.zeros((len(prefixes), 1 << WIDTH), np.int64), shift + WIDTH
    for seen in _seen(group, L):
        bits = seen.view(np.uint64)
        for place, prefix in enumerate(prefixes):
            own = bits if above >= 64 else bits[bits >> np.uint64(above) == prefix >> np.uint64(above)]
            digits = own >> np.uint64(shift) if shift >= 0 else own << np.uint64(-shift)
            counts[place] += np.bincount((digits & np.uint64((1 << WIDTH) - 1)).astype(np.int64), minlength=1 << WIDTH)
    return counts


def _positive(group: work.Group, L: float) -> int:
    return sum(seen.size for seen in _seen(group, L))


def _seen(group: work.Group, L: float) -> Iterator[Array]:
    """The |entries| of Z_(1) that are not 0, block by block."""
    for block in work.each(group):
        problem = block.problem
        seen = np.abs(problem.x0 - problem.f.gradient(problem.x0) / L)
        yield seen[seen > 0]


def _largest(group: work.Group) -> float:
    return max(block.problem.largest for block in group.blocks)


def _squares(group: work.Group, unit: float) -> tuple[list[float], int]:
    """Σ(x̃/unit)² of each block, and how many entries of the target are not 0."""
    targets = [block.problem.target for block in group.blocks]
    return [float(np.sum((target / unit) ** 2)) for target in targets], sum(map(np.count_nonzero, targets))
