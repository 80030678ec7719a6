"""Samples that `fit` did not see: how they are joined to those it did."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.absent import is_absent
from dsrl_ref.multiview.edges import Links, mean_graph
from dsrl_ref.multiview.graph import Fusion
from dsrl_ref.multiview.spread.fusion import SpreadFusion
from dsrl_ref.multiview.views import View, scattered


class Joiner:
    """Joins new samples to the graph of those that were seen, as these are joined to one another.

    A sample that was seen already is no new one: it is joined to itself, with weight 1, and to nothing else, so that
    what is said of it is what `fit` found. It is known by its features, which must be equal in every view.

    Parameters
    ----------
    fusion : Fusion or SpreadFusion
        What was seen, and how its graph was made.
    k : int
        Neighbours in each view.
    weights : str
        As for `similarity_graph`.
    """

    def __init__(self, fusion: Fusion | SpreadFusion, k: int, weights: str) -> None:
        self.fusion, self.k, self.weights = fusion, k, weights
        self._links: dict[int, Links] = {}  # of each view that was asked

    def __getstate__(self) -> dict[str, Any]:
        """What is found out of the seen samples when first asked is found out again from a pickle."""
        return {"fusion": self.fusion, "k": self.k, "weights": self.weights, "_links": {}}

    def __call__(self, new_views: Sequence[View]) -> csr_array:
        """Weights (n_new, n) of new samples to the seen ones."""
        views = self.fusion.views
        given = [view.as_given(new) for view, new in zip(views, new_views, strict=True)]
        places = self._places(given)
        new, old = np.flatnonzero(places < 0), np.flatnonzero(places >= 0)
        shape = len(places), self.fusion.graph.shape[0]
        itself = csr_array((np.ones(old.size), (old, places[old])), shape=shape)
        present = ~np.stack([is_absent(rows[new]) for rows in given], axis=1)
        joined = [self._joined(v, rows[new], here) for v, (rows, here) in enumerate(zip(given, present.T, strict=True))]
        among = csr_array((np.ones(new.size), (new, np.arange(new.size))), shape=(len(places), new.size))
        seen = np.stack([view.seen for view in views], axis=1)
        return csr_array(itself + among @ mean_graph(joined, self.fusion.view_weights, present, seen))

    def _joined(self, v: int, new: View, present: NDArray[np.bool_]) -> csr_array:
        """Weights of new samples to the seen ones by one view, of those that it has."""
        view = self.fusion.views[v]
        if v not in self._links:
            self._links[v] = Links(view.points, view.neighbours(self.k), self.weights, self.fusion.neighbors[v].kind)
        return scattered(self._links[v](view.like(new[present])), present, view.seen)

    @cached_property
    def _known(self) -> dict[bytes, int]:
        """The place of every seen sample, of equal ones the first, by a digest of its features."""
        known: dict[bytes, int] = {}
        for place, features in enumerate(_rows([view.given for view in self.fusion.views])):
            known.setdefault(_digest(features), place)
        return known

    def _places(self, new_views: Sequence[View]) -> NDArray[np.intp]:
        """Which of the seen samples equals each new one in all views, the first if several do; -1 where none does."""
        return np.array([self._known.get(_digest(features), -1) for features in _rows(new_views)], dtype=np.intp)


def _digest(features: bytes) -> bytes:
    """128 bits to know features by, which take more room: those of two samples are equal with a chance of 2**-128."""
    return blake2b(features, digest_size=16).digest()


def _rows(views: Sequence[View]) -> Iterator[bytes]:
    """The features of each sample in all views, the same bytes for equal ones: 0 and -0 are."""
    return (b"".join(parts) for parts in zip(*map(_rows_of, views), strict=True))


def _rows_of(view: View) -> Iterator[bytes]:
    if isinstance(view, csr_array):
        indices, starts = view.indices.astype(np.int64), view.indptr
        ranges = pairwise(starts)
        data = _same_bytes(view.data)
        return (int(j - i).to_bytes(8) + indices[i:j].tobytes() + data[i:j].tobytes() for i, j in ranges)
    return (row.tobytes() for row in _same_bytes(view))


def _same_bytes(values: Array) -> Array:
    """Numbers of which equal ones have the same bytes: 0 and -0, and NaN of any kind."""
    return np.where(np.isnan(values), np.nan, values + 0.0)
