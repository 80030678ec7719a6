"""The fused similarity graph of several views of the same samples."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array, as_count, as_real, require_known
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview.absent import is_absent
from dsrl_ref.multiview.agreement import chosen, weights_by_agreement
from dsrl_ref.multiview.approximate import require_faiss
from dsrl_ref.multiview.blank import what_is_blank
from dsrl_ref.multiview.conventions import as_jobs
from dsrl_ref.multiview.edges import WEIGHTS, mean_graph, view_graph_by
from dsrl_ref.multiview.neighbors import NEIGHBORS, Taken, kind_for
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.fusion import SpreadFusion, fused, ways_for
from dsrl_ref.multiview.spread.views import SpreadView, prepared, views_of
from dsrl_ref.multiview.views import PREPARATIONS, PreparedView, View, prepare
from dsrl_ref.progress import Callback, Progress, reported
from dsrl_ref.threads import limited

STANDARDIZE = *PREPARATIONS, "auto"


@dataclass(frozen=True)
class Fusion:
    """The fused graph, the views that it was made of, the weight of each in the mean, and how neighbours were found."""

    graph: csr_array
    views: list[PreparedView]
    view_weights: Array
    neighbors: list[Taken]


def similarity_graph(
    views: Sequence[Any],
    n_neighbors: int = 10,
    *,
    weights: str = "heat",
    view_weights: Any = None,
    standardize: str = "samples",
    neighbors: str = "auto",
    n_jobs: int | None = None,
    callback: Callback | None = None,
) -> csr_array:
    """Build the mean over views of their k-nearest-neighbour graphs.

    Parameters
    ----------
    views : sequence of array_like or sparse (n, d_v), or dictionary of such
        The same n samples in the same order, seen in different features. A sparse view is never made dense. A row
        of NaN, all of whose entries a sparse view stores, is a sample that the view does not have; see Notes. Or all
        are dask arrays, dense or with sparse chunks, chunked in any way (the extra ``distributed``): then the graph is
        made by the workers of the Dask client in charge, or by dask's scheduler for one machine where there is none.
    n_neighbors : int
        k, not counting the sample itself; from 1 to n - 1 (n - 2 for "adaptive").
    weights : {"heat", "self-tuning", "adaptive"}
        Of a neighbour at distance d: "heat", exp(-d²/(2 t²)), with t the mean of all n² distances of the view, the
        zero diagonal included (above 3,000 samples: of the distances among 3,000 of them). "self-tuning",
        exp(-d²/(s s')), s and s' being the distances of the two samples from their k-th neighbours. "adaptive",
        linear in d²: 0 at the distance of neighbour k + 1, and of sum 1 over the k neighbours.
    view_weights : None, sequence of float or "auto"
        Of the mean over views; nonnegative, their sum is made 1. None: equal, as the authors have it. "auto": by what
        the views agree in. The mean with equal weights is clustered once, and w_v is proportional to m_v^¾; m_v is the
        modularity of these clusters in the graph of view v by the largest that their sizes allow, and counts as 0
        where it is below a tenth of the largest. No label is asked. How many clusters there are is said by the largest
        gap of the eigenvalues of the mean's strongest edges, a quarter of them; estimators that know a number take it:
        `DSRLClustering` its `n_clusters`, `DSRLClassifier` the number of classes in y.
    standardize : {"samples", "features", "tf-idf", "auto"}
        What is done to the features first. What is brought to mean 0 and deviation 1: "samples", each sample over its
        features, as the authors do; "features", each feature over the samples, which suits few features, and those
        of different units. "tf-idf", for counts of words: log(1 + count)·log(n/m) of a word that m of n samples have,
        each sample of length 1. "auto" takes "tf-idf" for nonnegative integers of 100 features at least of which less
        than a tenth is not 0; "features" for fewer than 16 of them, as along samples two degrees of freedom go, and
        for a single view; else what makes the view agree more with the others: the share of its edges that they
        have too (both ways, and among at most 3,000 samples).
    neighbors : {"auto", "exact", "approximate"}
        "approximate" ones come from faiss (the extra ``ann``): cells of k-means with a fixed seed, of which those next
        to a sample are looked at. Some of the true ones are missing then, with others instead, whose distances are
        exact. "auto" takes them from 200,000 samples of more than four features on, if faiss is there. Sparse views
        have exact ones.
    n_jobs : int, optional
        How many threads it takes; all processors that the process may use by default, and for -1. The graph does not
        depend on it.
    callback : callable, optional
        Told how far the work is, as ``callback(text, share, seconds_left)``; the latter two are None where that is not
        known. What it raises ends the work.

    Returns
    -------
    csr_array (n, n)
        Symmetric, float64, weights in [0, 1], zero diagonal; two samples are joined if either is a neighbour of the
        other, by the larger of the two weights. Of dask arrays a dask array, whose chunks are rows of the same graph,
        to the last bit, held by the workers; `dsrl_ref.multiview.spread` says who holds what.

    Raises
    ------
    ValueError
        For views of different length (the message names the view), no view, k out of range, or negative counts; for a
        row that is NaN in part, a sample that no view has, and a view that has none. Of data frames with an index,
        where the indices differ: the message says what joins them.
    TypeError
        For what is no matrix of real numbers; where some views are dask arrays, and others are not.
    MissingExtraError
        For approximate neighbours without faiss, and for dask arrays without the extra ``distributed``.
    SizeError
        For dask arrays and ``view_weights="auto"``, where the graph does not fit into the memory of the caller.
    ClusterError
        Where a Dask cluster does not answer, or has forgotten what it made.

    Warns
    -----
    GraphWarning
        For a view in which all samples are equal, once standardised: it has no edges. For a view of which some samples
        have no words, or features that are all equal, with their number: they are near to all, or to one another,
        which means nothing. For a view that has one sample alone, and for samples that only views of weight 0 have:
        these are without edges.

    Notes
    -----
    Deviations have divisor d - 1 and 1e-8 added; what is constant becomes 0. Of equal distances the first in order
    counts. Distances are exact, as float64 adds up squares of differences, and squares are compared rounded to thirty
    bits, so that the order of the features decides no edge. For "heat" they come from a matrix product, as the authors
    have it, so that those below 1e-8 of a sample's norm are rounding, but for few features of many samples; the sample
    itself is then one among those that equal it. No n×n array is held. "self-tuning" is of Zelnik-Manor and Perona
    (2004), "adaptive" of Nie, Wang and Huang (2014).

    A view that lacks samples is standardised, and has its neighbours and its distances, among the m that it has; with k
    neighbours or m/4, if that is less, or, if it is k·m/n that is more than m/4, so many (rounded). An edge is then the
    sum over views of weight times edge, divided by √s, where s is the sum of the weights of the views that have both
    samples: the mean over these views, times √s, as what few views say of a pair is known less well. Where all views
    have all samples, nothing is divided. For ``view_weights="auto"``, a view that would count nothing, but alone has
    some sample, counts as the least of the others.

    Examples
    --------
    >>> graph = similarity_graph([[[0.0, 1.0, 3.0], [0.0, 1.0, 4.0], [3.0, 1.0, 0.0], [4.0, 1.0, 0.0]]], n_neighbors=1)
    >>> graph.nnz, graph.toarray()[0].round(3)
    (4, array([0.   , 0.996, 0.   , 0.   ]))
    """
    with limited(as_jobs(n_jobs)), reported(None, callback):
        graph = fuse(views_of(views), n_neighbors, weights, view_weights, standardize, None, neighbors).graph
    return graph.as_array() if isinstance(graph, Blocks) else graph


def fuse(
    views: Sequence[View] | Sequence[SpreadView],
    n_neighbors: Any,
    weights: str,
    view_weights: Any,
    standardize: str,
    clusters: int | None = None,
    neighbors: str = "auto",
    verbose: bool | None = None,
) -> Fusion | SpreadFusion:
    """Build the graph and say how, so that new samples can be joined to it; the parameters are `similarity_graph`'s.

    `clusters` is the number of them, where it is known, for ``view_weights="auto"``; `verbose` is as for `Progress`.
    """
    require_known(weights, WEIGHTS, "weights")
    require_known(standardize, STANDARDIZE, "standardize")
    require_known(neighbors, NEIGHBORS, "neighbors")
    if neighbors == "approximate":
        require_faiss()
    for v, view in enumerate(views):
        if (view.absent if isinstance(view, SpreadView) else is_absent(view)).all():
            raise ValueError(f"views[{v}] has none of the {view.shape[0]} samples: all of it is NaN; leave it out")
    k = require_neighbours(n_neighbors, views[0].shape[0], weights)
    given = _given_weights(view_weights, len(views))
    spread = [view for view in views if isinstance(view, SpreadView)]
    if spread:
        on_workers = prepared(spread, ways_for(spread, standardize, k, weights), k, weights, neighbors)
        _warn_of_blanks([view.told.blank for view in on_workers])
        fusion = fused(on_workers, weights, given, clusters)
        _warn_of_those_without_weight(fusion.seen[:, fusion.view_weights > 0])
        return fusion
    ways = chosen(views, k, weights) if standardize == "auto" else [standardize] * len(views)
    ready = [prepare(view, way) for view, way in zip(views, ways, strict=True)]
    _warn_of_blanks([what_is_blank(view) for view in ready])
    graphs, taken = _graphs(ready, k, weights, neighbors, verbose)
    seen = np.stack([view.seen for view in ready], axis=1)
    shares = weights_by_agreement(graphs, clusters, seen) if given is None else given
    _warn_of_those_without_weight(seen[:, shares > 0])
    return Fusion(mean_graph(graphs, shares, seen, seen), ready, shares, taken)


def _tell(v: int, taken: Taken, verbose: bool | None) -> None:
    """Say on request that neighbours are approximate, and how many of the true ones they are."""
    if taken.recall is not None:
        with Progress(f"views[{v}]", verbose) as progress:
            progress.tell(f"approximate neighbours, {taken.recall:.1%} of the true ones")


def _graphs(
    views: Sequence[PreparedView], k: int, weights: str, neighbors: str, verbose: bool | None
) -> tuple[list[csr_array], list[Taken]]:
    """The graph of each view, of all samples, and what neighbours were taken for it."""
    graphs, kinds = [], []
    with Progress("joining neighbours") as progress:
        for v, view in enumerate(views):
            progress.tell(f"view {v + 1} of {len(views)}", v / len(views))
            kind = kind_for(view.points, neighbors)
            graph, share = view_graph_by(view.points, view.neighbours(k), weights, kind, verbose)
            graphs.append(view.scattered(graph))
            kinds.append(Taken(kind, share))
            _tell(v, kinds[v], verbose)
    return graphs, kinds


def _warn_of_blanks(told: Sequence[str]) -> None:
    """Warn of what `what_is_blank` says of each view."""
    for v, what in enumerate(told):
        if what:
            warnings.warn(f"views[{v}]{what}", GraphWarning, stacklevel=4)


def _warn_of_those_without_weight(seen: NDArray[np.bool_]) -> None:
    """Warn of samples that only views have which count for nothing; `seen` is of those that count."""
    alone = np.flatnonzero(~seen.any(axis=1))
    if alone.size:
        message = f"{alone.size} of {len(seen)} samples are in no view but such of weight 0, the first of them sample "
        warnings.warn(f"{message}{alone[0]}: they have no edges; give their views a weight", GraphWarning, stacklevel=3)


def require_neighbours(n_neighbors: Any, n: int, weights: str) -> int:
    """Convert k; it must leave room among n samples."""
    k = as_count(n_neighbors, "n_neighbors", least=1)
    if k >= n:
        raise ValueError(f"n_neighbors = {k} is too large: {n} samples have at most {n - 1} neighbours each")
    if weights == "adaptive" and k == n - 1:
        raise ValueError(f"n_neighbors = {k} is too large for weights='adaptive': {n} samples leave no neighbour k + 1")
    return k


def _given_weights(view_weights: Any, count: int) -> Array | None:
    """The weights, of sum 1; None for "auto"."""
    if view_weights is None:
        return np.full(count, 1 / count)
    if isinstance(view_weights, str):
        require_known(view_weights, ("auto",), "view_weights")
        return None
    weights = as_real(view_weights, "view_weights")
    if weights.shape != (count,):
        raise ValueError(f"view_weights has shape {weights.shape}; one number for each of {count} views is needed")
    if (weights < 0).any() or not weights.any():
        raise ValueError(f"view_weights must be nonnegative and not all 0, got {weights.tolist()}")
    return weights / weights.sum()
