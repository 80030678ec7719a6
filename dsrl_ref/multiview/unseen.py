"""Samples that `fit` did not see: how they are joined to those it did."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.graph import (
    Fusion,
    heat_weights,
    linear_weights,
    mean_graph,
    self_tuning_weights,
    standardised,
)
from dsrl_ref.multiview.neighbors import is_constant, mean_distance, nearest


class Joiner:
    """Joins new samples to the graph of those that were seen, as these are joined to one another.

    A sample that was seen already is no new one: it is joined to itself, with weight 1, and to nothing else, so that
    what is said of it is what `fit` found. It is known by its features, which must be equal in every view.

    Parameters
    ----------
    views : sequence of ndarray (n, d_v)
        What was seen.
    fusion : Fusion
        How its graph was made.
    k : int
        Neighbours in each view.
    weights : str
        As for `similarity_graph`.
    """

    def __init__(self, views: Sequence[Array], fusion: Fusion, k: int, weights: str) -> None:
        self.views = [view.copy() for view in views]  # the caller's may change
        self.fusion, self.k, self.weights = fusion, k, weights

    def __call__(self, new_views: Sequence[Array]) -> csr_array:
        """Weights (n_new, n) of new samples to the seen ones."""
        places = self._places(new_views)
        new = np.flatnonzero(places < 0)
        old = np.flatnonzero(places >= 0)
        links = csr_array((np.ones(old.size), (old, places[old])), shape=(len(places), len(self.views[0])))
        joined = [
            self._joined(view, features[new], along)
            for view, features, along in zip(self.views, new_views, self.fusion.along, strict=True)
        ]
        rows = csr_array((np.ones(new.size), (new, np.arange(new.size))), shape=(len(places), new.size))
        return csr_array(links + rows @ mean_graph(joined, self.fusion.view_weights))

    def _places(self, new_views: Sequence[Array]) -> NDArray[np.intp]:
        """Which of the seen samples equals each new one in all views, the first if several do; -1 where none does."""
        known: dict[bytes, int] = {}
        for place, features in enumerate(_rows(self.views)):
            known.setdefault(features, place)
        return np.array([known.get(features, -1) for features in _rows(new_views)], dtype=np.intp)

    def _joined(self, view: Array, new: Array, along: str) -> csr_array:
        seen, features = standardised(view, along), _like(view, new, along)
        n, k = seen.shape[1], self.k
        if is_constant(seen):
            return csr_array((len(new), n))
        lengths, columns = nearest(features, seen, k + (self.weights == "adaptive"))
        bound, lengths, columns = lengths[:, -1], lengths[:, :k], columns[:, :k]
        if self.weights == "adaptive":
            weight = linear_weights(lengths, bound, np.ones(lengths.shape, dtype=bool))
        elif self.weights == "heat":
            weight = heat_weights(lengths, mean_distance(seen))
        else:
            scales = nearest(seen, seen, k + 1)[0][:, -1]
            weight = self_tuning_weights(lengths, lengths[:, -1:] * scales[columns])
        starts = np.arange(0, columns.size + 1, k)
        return csr_array((weight.ravel(), columns.ravel(), starts), shape=(len(new), n))


def _rows(views: Sequence[Array]) -> Iterator[bytes]:
    """The features of each sample in all views, the same bytes for equal ones: 0 and -0 are."""
    unsigned = [np.ascontiguousarray(view) + 0.0 for view in views]
    return (b"".join(view[i].tobytes() for view in unsigned) for i in range(len(unsigned[0])))


def _like(view: Array, new: Array, along: str) -> Array:
    """Standardise new samples as the seen ones were."""
    if along == "samples":
        return standardised(new, along)
    deviation = view.std(axis=0, ddof=min(1, len(view) - 1))
    constant = (view == view[0]).all(axis=0)  # told no sample from another, and does not begin to
    centred = np.where(constant, 0.0, new - view.mean(axis=0))
    return np.ascontiguousarray((centred / (deviation + 1e-8)).T)
