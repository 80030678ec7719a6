"""The fused similarity graph of several views of the same samples."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array, as_count, as_matrix_or_csr, as_real, is_sparse, require_in_memory, require_known
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview.conventions import as_jobs, narrow
from dsrl_ref.multiview.neighbors import is_constant, mean_distance, nearest, sampled
from dsrl_ref.threads import limited

WEIGHTS = "heat", "self-tuning", "adaptive"
STANDARDIZE = "samples", "features", "auto"
LARGEST = 1e140  # size of a feature
FEW = 16  # features: a view with fewer is standardised along them by "auto"


@dataclass(frozen=True)
class Fusion:
    """The fused graph, and for each view what was standardised and its weight in the mean."""

    graph: csr_array
    along: list[str]
    view_weights: Array


def similarity_graph(
    views: Sequence[Any],
    n_neighbors: int = 10,
    *,
    weights: str = "heat",
    view_weights: Any = None,
    standardize: str = "samples",
    n_jobs: int | None = None,
) -> csr_array:
    """Build the mean over views of their k-nearest-neighbour graphs.

    Parameters
    ----------
    views : sequence of array_like (n, d_v)
        The same n samples in the same order, seen in different features.
    n_neighbors : int
        k, not counting the sample itself; from 1 to n - 1 (n - 2 for "adaptive").
    weights : {"heat", "self-tuning", "adaptive"}
        Of a neighbour at distance d: "heat", exp(-d²/(2 t²)), with t the mean of all n² distances of the view, the
        zero diagonal included (above 3,000 samples: of the distances among 3,000 of them). "self-tuning",
        exp(-d²/(s s')), s and s' being the distances of the two samples from their k-th neighbours. "adaptive",
        linear in d²: 0 at the distance of neighbour k + 1, and of sum 1 over the k neighbours.
    view_weights : sequence of float, optional
        Of the mean over views; nonnegative, their sum is made 1. Equal by default.
    standardize : {"samples", "features", "auto"}
        What is brought to mean 0 and deviation 1: each sample over its features, as the authors do, or each feature
        over the samples, which suits few features, and those of different units. "auto" takes features where there
        are fewer than 16 of them, as along samples two degrees of freedom go; else what makes the view agree more
        with the others: the share of its edges that they have too (both ways, and among at most 3,000 samples). A
        single view of 16 features or more is standardised along samples.
    n_jobs : int, optional
        How many threads it takes; all processors that the process may use by default, and for -1. The graph does not
        depend on it.

    Returns
    -------
    csr_array (n, n)
        Symmetric, float64, weights in [0, 1], zero diagonal; two samples are joined if either is a neighbour of the
        other, by the larger of the two weights.

    Raises
    ------
    ValueError
        For views of different length (the message names the view), no view, or k out of range.

    Warns
    -----
    GraphWarning
        For a view in which all samples are equal, once standardised: it has no edges.

    Notes
    -----
    Deviations have divisor d - 1 and 1e-8 added; what is constant becomes 0. Of equal distances the first in order
    counts, the sample itself among them. Distances come from a matrix product, so that those below 1e-8 of a sample's
    norm are rounding; with up to 8 features and from 5,000 samples on they come from a tree, which is exact but
    takes any of equal distances. No n×n array is held. "self-tuning" is of Zelnik-Manor and Perona (2004),
    "adaptive" of Nie, Wang and Huang (2014).

    Examples
    --------
    >>> graph = similarity_graph([[[0.0, 1.0, 3.0], [0.0, 1.0, 4.0], [3.0, 1.0, 0.0], [4.0, 1.0, 0.0]]], n_neighbors=1)
    >>> graph.nnz, graph.toarray()[0].round(3)
    (4, array([0.   , 0.996, 0.   , 0.   ]))
    """
    with limited(as_jobs(n_jobs)):
        return narrow(fuse(as_views(views), n_neighbors, weights, view_weights, standardize).graph)


def fuse(views: Sequence[Array], n_neighbors: Any, weights: str, view_weights: Any, standardize: str) -> Fusion:
    """Build the graph and say how, so that new samples can be joined to it; the parameters are `similarity_graph`'s."""
    require_known(weights, WEIGHTS, "weights")
    require_known(standardize, STANDARDIZE, "standardize")
    k = require_neighbours(n_neighbors, views[0].shape[0], weights)
    shares = _shares(view_weights, len(views))
    axes = _chosen(views, k, weights) if standardize == "auto" else [standardize] * len(views)
    features = [standardised(view, axis) for view, axis in zip(views, axes, strict=True)]
    for v, axis in enumerate(axes):
        if is_constant(features[v]):
            message = f"views[{v}] is constant: standardised along {axis}, all its samples are equal; leave it out"
            warnings.warn(message, GraphWarning, stacklevel=3)
    graphs = [view_graph(view, k, weights) for view in features]
    return Fusion(mean_graph(graphs, shares), axes, shares)


def _chosen(views: Sequence[Array], k: int, weights: str) -> list[str]:
    """What to standardise in each view; every view with more than a few features is tried both ways."""
    axes = [_axes_of(view) for view in views]
    if len(views) == 1 or max(map(len, axes)) == 1:
        return [own[0] for own in axes]
    rows = sampled(len(views[0]))
    k = min(k, max(1, len(rows) - 2))
    tried = [
        {axis: view_graph(standardised(view[rows], axis), k, weights) for axis in own}
        for view, own in zip(views, axes, strict=True)
    ]
    chosen = []
    for v, own in enumerate(tried):
        others = [other for u, graphs in enumerate(tried) if u != v for other in graphs.values()]
        chosen.append(max(own, key=lambda axis: mean_overlap(own[axis], others)))
    return chosen


def _axes_of(view: Array) -> list[str]:
    return ["features"] if view.shape[1] < FEW else ["samples", "features"]


def mean_overlap(graph: csr_array, others: Sequence[csr_array]) -> float:
    """Share of the graph's edges that another has too, averaged over the others."""
    shared = [graph.multiply(other != 0).nnz for other in others]
    return float(np.mean(shared)) / max(1, graph.nnz)


def as_views(views: Sequence[Any]) -> list[Array]:
    """Convert every view to a matrix; all must have as many samples as the first."""
    require_in_memory(views, "views")
    if not isinstance(views, Sequence | np.ndarray):
        raise TypeError(f"views must be a list of matrices, samples by features, got {type(views).__name__}")
    if len(views) == 0:
        raise ValueError("views is empty; at least one matrix of samples by features is needed")
    checked = [_as_dense(view, f"views[{v}]") for v, view in enumerate(views)]
    for v, view in enumerate(checked):
        largest = np.abs(view).max()
        if largest > LARGEST or 0 < largest < 1 / LARGEST:
            raise ValueError(f"views[{v}] has {largest:.3g} for largest size: its squares leave float64; scale it")
        if len(view) != len(checked[0]):
            raise ValueError(f"views[{v}] has {len(view)} samples, but views[0] has {len(checked[0])}; they must agree")
    return checked


def _as_dense(view: Any, name: str) -> Array:
    """Convert a view to a dense matrix; a sparse one becomes dense here and only here."""
    matrix = as_matrix_or_csr(view, name)
    return matrix.toarray() if is_sparse(matrix) else matrix


def require_neighbours(n_neighbors: Any, n: int, weights: str) -> int:
    """Convert k; it must leave room among n samples."""
    k = as_count(n_neighbors, "n_neighbors", least=1)
    if k >= n:
        raise ValueError(f"n_neighbors = {k} is too large: {n} samples have at most {n - 1} neighbours each")
    if weights == "adaptive" and k == n - 1:
        raise ValueError(f"n_neighbors = {k} is too large for weights='adaptive': {n} samples leave no neighbour k + 1")
    return k


def standardised(view: Array, along: str) -> Array:
    """Features as rows, samples as columns; each sample (or each feature) with mean 0 and deviation 1.

    Sums over features run in their order, whatever the memory layout of the view.
    """
    features = np.ascontiguousarray(view.T)
    axis = 0 if along == "samples" else 1
    deviation = features.std(axis=axis, ddof=min(1, features.shape[axis] - 1), keepdims=True)
    constant = (features == features.take([0], axis=axis)).all(axis=axis, keepdims=True)  # a mean of equals may round
    return np.where(constant, 0.0, features - features.mean(axis=axis, keepdims=True)) / (deviation + 1e-8)


def view_graph(features: Array, k: int, weights: str) -> csr_array:
    """The graph of one view, features by samples."""
    n = features.shape[1]
    if is_constant(features):
        return csr_array((n, n))
    adaptive = weights == "adaptive"
    lengths, columns = nearest(features, features, k + 1 + adaptive)  # the sample itself is one of them
    bound, lengths, columns = lengths[:, -1], lengths[:, : k + 1], columns[:, : k + 1]
    others = columns != np.arange(n)[:, np.newaxis]
    if adaptive:
        weight = linear_weights(lengths, bound, others)
    elif weights == "heat":
        weight = heat_weights(lengths, mean_distance(features))
    else:
        weight = self_tuning_weights(lengths, lengths[:, -1:] * lengths[columns, -1])
    rows = np.repeat(np.arange(n), others.sum(axis=1))
    directed = csr_array((weight[others], (rows, columns[others])), shape=(n, n))
    undirected = csr_array(directed.maximum(directed.T))
    undirected.eliminate_zeros()
    return undirected


def heat_weights(lengths: Array, scale: float) -> Array:
    """exp(-d²/(2 t²)); 1 where all distances are 0."""
    return np.exp(-(lengths**2) / (2 * scale**2)) if scale > 0 else np.ones(lengths.shape)


def self_tuning_weights(lengths: Array, scales: Array) -> Array:
    """exp(-d²/(s s')); where a scale is 0, 1 for equal samples and 0 for others."""
    safe = np.where(scales > 0, scales, 1.0)
    return np.where(scales > 0, np.exp(-(lengths**2) / safe), (lengths == 0).astype(np.float64))


def linear_weights(lengths: Array, bound: Array, others: NDArray[np.bool_]) -> Array:
    """Linear in d² down to 0 at `bound`, with sum 1 over the `others`; equal where all of them are at `bound`."""
    slack = np.where(others, np.maximum(bound[:, np.newaxis] ** 2 - lengths**2, 0.0), 0.0)
    total = slack.sum(axis=1, keepdims=True)
    even = others / others.sum(axis=1, keepdims=True)
    return np.where(total > 0, slack / np.where(total > 0, total, 1.0), even)


def _shares(view_weights: Any, count: int) -> Array:
    if view_weights is None:
        return np.full(count, 1 / count)
    weights = as_real(view_weights, "view_weights")
    if weights.shape != (count,):
        raise ValueError(f"view_weights has shape {weights.shape}; one number for each of {count} views is needed")
    if (weights < 0).any() or not weights.any():
        raise ValueError(f"view_weights must be nonnegative and not all 0, got {weights.tolist()}")
    return weights / weights.sum()


def mean_graph(graphs: Sequence[csr_array], weights: Array) -> csr_array:
    """Weighted mean of the graphs, in canonical form."""
    fused = csr_array(graphs[0].shape)
    for graph, weight in zip(graphs, weights, strict=True):
        fused = fused + weight * graph
    fused = csr_array(fused)
    fused.sort_indices()
    return fused
