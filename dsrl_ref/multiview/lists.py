"""Lists of the nearest, a row for each of some points; points as they are prepared for a search, and what is nearer.

A search is an object that fills such lists, a block of points at a time. There is one by tiles of products, one by a
tree, and one that leaves out most of the others by guess. Each offers its candidates to the same kernels, which decide
by one rule who stays: so all that find the right candidates have the same answer, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.points import Dense, Places

SAME = 2.0**-66  # of the square of a point's length: what is as near as that equals it, but for rounding


class Samples(NamedTuple):
    """Dense points in rows, and the squares of distances that are 0 for each."""

    rows: Array
    least: Array

    @classmethod
    def of(cls, points: Dense, exponent: int) -> Samples:
        """The points times 2 to some power, see `exponent_for`."""
        rows = np.ldexp(np.ascontiguousarray(points.columns.T), exponent)
        return cls(rows, SAME * squares_of(rows))


def squares_of(rows: Array) -> Array:
    """Squares of the lengths of rows."""
    squares: Array = np.einsum("ij,ij->i", rows, rows)
    return squares


def exponent_for(*points: Dense) -> int:
    """That of the power of two that brings the largest coordinate to between ½ and 1, so that squares stay in range."""
    return -int(np.frexp(max(each.largest() for each in points))[1])


class Lists(NamedTuple):
    """A row for each point, as the kernels keep it: keys, squares of distances, and places among the others."""

    keys: Array
    squares: Array
    places: NDArray[np.intp]

    @classmethod
    def empty(cls, own: NDArray[np.intp], count: int) -> Lists:
        """Rows without anybody but the point itself, before all others, where `own` is its place and not -1."""
        shape = len(own), count
        lists = cls(np.full(shape, np.inf), np.full(shape, np.inf), np.full(shape, np.iinfo(np.intp).max))
        here = own >= 0
        lists.keys[here, -1], lists.squares[here, -1], lists.places[here, -1] = -1.0, 0.0, own[here]
        return lists

    def take(self, rows: NDArray[np.intp], those: Lists) -> None:
        """Have other lists in these rows."""
        for own, other in zip(self, those, strict=True):
            own[rows] = other


class Search(Protocol):
    """How the lists of some points are filled with the nearest among others."""

    height: int  # how many points at a time
    compared: int  # with so many others a tile would compare a point in the time that this search takes for one
    order: NDArray[np.intp] | None  # in which the points come; None is as they are

    def fill(self, block: Places, own: NDArray[np.intp], lists: Lists) -> Iterator[None]:
        """Offer candidates to the points of a block, whose own places are `own`; yield where it may be left."""
