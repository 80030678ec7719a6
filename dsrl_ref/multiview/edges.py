"""The edges of one view: its samples joined to their nearest, with weights by distance; and the mean over views."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.assembly import assembled, blocks, equal_blocks, index_type, rows_of, symmetrised, weighted_sum
from dsrl_ref.multiview.neighbors import mean_distance, nearest, nearest_as_authors, recall
from dsrl_ref.multiview.points import Points

WEIGHTS = "heat", "self-tuning", "adaptive"
FEW_NEW = 10  # one new sample for so many seen ones, or fewer, is few
ROUNDING = 1e-9  # share of a square of a distance that may be rounding: products of matrices lose no more


def found(
    some: Points,
    others: Points,
    count: int,
    weights: str,
    kind: str,
    verbose: bool | None = None,
    rows: slice | None = None,
) -> tuple[Array, NDArray[np.intp]]:
    """Neighbours for these weights; exact ones for the heat kernel are those that the authors' program finds."""
    if weights == "heat" and kind == "exact":
        return nearest_as_authors(some, others, count, rows)
    return nearest(some, others, count, verbose, kind, rows)


def view_graph(points: Points, k: int, weights: str) -> csr_array:
    """The graph of the samples of one view, of fewer neighbours where it has few; as for `similarity_graph`."""
    return view_graph_by(points, k, weights, "exact")[0]


def view_graph_by(
    points: Points, k: int, weights: str, kind: str, verbose: bool | None = None
) -> tuple[csr_array, float | None]:
    """The same with neighbours of some kind, and the recall of approximate ones."""
    if points.are_equal():
        return csr_array((points.count, points.count)), None
    lengths, columns = found(points, points, count_sought(k, points.count, weights), weights, kind, verbose)
    share = recall(points, columns) if kind == "approximate" else None
    scale = mean_distance(points) if weights == "heat" else 0.0
    return symmetrised(directed(lengths, columns, k, weights, scale, radii_of(lengths, k))), share


def count_sought(k: int, n: int, weights: str) -> int:
    """How many neighbours are looked for among n samples, each of which is one of its own."""
    return min(k + 1 + (weights == "adaptive"), n)


def radii_of(lengths: Array, k: int) -> Array:
    """How far each sample is from its k-th neighbour."""
    return lengths[:, : k + 1][:, -1].copy()


def directed(
    lengths: Array, columns: NDArray[np.intp], k: int, weights: str, scale: float, radii: Array, first: int = 0
) -> csr_array:
    """The same before the two directions of an edge are made one: a row for each sample, of its neighbours.

    The rows may be some of them, from the `first` on; `radii` are of all.
    """
    m, n = len(lengths), len(radii)

    def part(block: slice) -> csr_array:
        near, places = lengths[block, : k + 1], columns[block, : k + 1]
        others = places != np.arange(first + block.start, first + block.stop)[:, np.newaxis]
        if weights == "adaptive":
            weight = linear_weights(near, lengths[block, -1], others)
        elif weights == "heat":
            weight = heat_weights(near, scale)
        else:
            weight = self_tuning_weights(near, near[:, -1:] * radii[places])
        starts = np.concatenate([[0], np.cumsum(others.sum(axis=1))])
        made = csr_array((weight[others], places[others], starts), shape=(block.stop - block.start, n))
        made.sort_indices()
        return made

    return assembled((m, n), columns.size, equal_blocks(m, columns.shape[1]), part)


def room(k: int, n: int, weights: str) -> int:
    """How many of k neighbours there can be among n samples, two at least, with a further one that bounds them.

    Of two samples the other is at the bound itself, and its weight is 1.
    """
    return max(1, min(k, n - 1 - (weights == "adaptive")))


class Links:
    """Joins new samples to those seen, as these are joined to one another: by weights to their k nearest.

    What depends on the seen samples alone is found once: for "heat" their mean distance, and for "self-tuning" how far
    each is from its k-th neighbour.

    Parameters
    ----------
    seen : Points
    k : int
        Fewer where there are fewer samples.
    weights : str
        As for `similarity_graph`.
    kind : {"exact", "approximate"}
        Of the neighbours. Those of few new samples are exact: cells of those seen would take longer to make.
    """

    def __init__(self, seen: Points, k: int, weights: str, kind: str = "exact") -> None:
        self.seen, self.k, self.weights, self.kind = seen, room(k, seen.count, weights), weights, kind
        self.equal = seen.are_equal()
        self.scale: Any = None
        if weights == "heat":
            self.scale = mean_distance(seen)
        elif weights == "self-tuning" and not self.equal:
            self.scale = nearest(seen, seen, self.k + 1, None, kind)[0][:, -1]

    def __call__(self, new: Points) -> csr_array:
        """Weights (new, seen); no edges where all that were seen are equal."""
        shape, k = (new.count, self.seen.count), self.k
        if self.equal:
            return csr_array(shape)
        adaptive = self.weights == "adaptive"
        sought = self.kind if new.count * FEW_NEW > self.seen.count else "exact"
        lengths, columns = found(new, self.seen, k + adaptive, self.weights, sought)
        bound, lengths, columns = lengths[:, -1], lengths[:, :k], columns[:, :k]
        if adaptive:
            weight = linear_weights(lengths, bound, np.ones(lengths.shape, dtype=bool))
        elif self.weights == "heat":
            weight = heat_weights(lengths, self.scale)
        else:
            weight = self_tuning_weights(lengths, lengths[:, -1:] * self.scale[columns])
        kind, starts = index_type(shape, columns.size), np.arange(0, columns.size + 1, k)
        return csr_array((weight.ravel(), columns.ravel().astype(kind), starts.astype(kind)), shape=shape)


def heat_weights(lengths: Array, scale: float) -> Array:
    """exp(-d²/(2 t²)); 1 where all distances are 0."""
    return np.exp(-(lengths**2) / (2 * scale**2)) if scale > 0 else np.ones(lengths.shape)


def self_tuning_weights(lengths: Array, scales: Array) -> Array:
    """exp(-d²/(s s')); where a scale is 0, 1 for equal samples and 0 for others."""
    safe = np.where(scales > 0, scales, 1.0)
    return np.where(scales > 0, np.exp(-(lengths**2) / safe), (lengths == 0).astype(np.float64))


def linear_weights(lengths: Array, bound: Array, others: NDArray[np.bool_]) -> Array:
    """Linear in d² down to 0 at `bound`, with sum 1 over the `others`; equal where all of them are at `bound`.

    What is nearer than `bound` by no more than rounding is at it.
    """
    squares = bound[:, np.newaxis] ** 2
    slack = np.where(others, squares - lengths**2, 0.0)
    slack[slack < ROUNDING * squares] = 0.0
    total = slack.sum(axis=1, keepdims=True)
    even = others / others.sum(axis=1, keepdims=True)
    return np.where(total > 0, slack / np.where(total > 0, total, 1.0), even)


def mean_graph(
    graphs: Sequence[csr_array],
    weights: Array,
    rows: NDArray[np.bool_] | None = None,
    columns: NDArray[np.bool_] | None = None,
) -> csr_array:
    """Weighted mean of the graphs, in canonical form, over the views that have both samples of a pair.

    The sum over views of weight times edge is divided by the root of the sum s of the weights of those views that have
    both samples. That is the mean over these views, times √s: what few views say of a pair counts for less than what
    many say, but for more than if the others had said that it is no edge.

    Parameters
    ----------
    graphs : sequence of csr_array (m, n)
        One a view, with no edges at samples that the view does not have.
    weights : ndarray (V,)
        Of the views, of sum 1.
    rows, columns : ndarray (m, V) and (n, V), optional
        Which samples are in which views; by default all are in all.
    """
    if rows is None or columns is None or (rows.all() and columns.all()):
        return weighted_sum(graphs, weights)

    def scaled(block: slice, found: csr_array) -> Array:
        return found.data / np.sqrt(_shared(found, weights, rows[block], columns))

    return weighted_sum(graphs, weights, scaled)


def _shared(graph: csr_array, weights: Array, rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> Array:
    """For each stored edge the sum of the weights of the views that have both its samples."""
    row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    shared = np.zeros(graph.nnz)
    for v, weight in enumerate(weights):
        shared += weight * (rows[row, v] & columns[graph.indices, v])
    return shared


def thresholded(W: csr_array, share: float) -> csr_array:
    """Soft threshold at the quantile of the weights: a share of the edges goes."""
    if share == 0 or not W.nnz:
        return W
    bound = np.quantile(W.data, share)

    def part(block: slice) -> csr_array:
        rows = rows_of(W, block)
        found = csr_array((np.maximum(rows.data - bound, 0.0), rows.indices.copy(), rows.indptr), shape=rows.shape)
        found.eliminate_zeros()
        return found

    return assembled(W.shape, W.nnz, blocks(W.indptr), part)
