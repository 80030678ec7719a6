"""What views agree in: what to standardise in each, and how much each counts. No label is asked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.absent import is_absent
from dsrl_ref.multiview.assembly import blocks, rows_of
from dsrl_ref.multiview.edges import mean_graph, thresholded, view_graph
from dsrl_ref.multiview.neighbors import sampled
from dsrl_ref.multiview.spectral import eigengap, embed, k_means
from dsrl_ref.multiview.views import FEW, View, is_counts, prepare

WEAKEST = 0.75  # share of the edges without which clusters show
RESTARTS = 3  # of k-means, whose seeds are fixed
LEAST = 0.1  # of the best view's agreement: what is below it is chance
POWER = 0.75  # of the agreement: poor views count less, those that agree a little less than others hardly so


def chosen(views: Sequence[View], k: int, weights: str) -> list[str]:
    """What to do to each view: tf-idf of counts, else what makes it share more of its edges with the others."""
    ways = [ways_of(view, single=len(views) == 1) for view in views]
    if max(map(len, ways)) == 1:
        return [own[0] for own in ways]
    rows = sampled(views[0].shape[0])
    return choice([view[rows] for view in views], ways, k, weights)


def choice(views: Sequence[View], ways: Sequence[Sequence[str]], k: int, weights: str) -> list[str]:
    """Of the ways that there are for each view the one by which it shares more of its edges with the others."""
    k = min(k, max(1, views[0].shape[0] - 2))
    tried = [{way: _graph(view, way, k, weights) for way in own} for view, own in zip(views, ways, strict=True)]
    found = []
    for v, own in enumerate(tried):
        others = [other for u, graphs in enumerate(tried) if u != v for other in graphs.values()]
        found.append(max(own, key=lambda way: mean_overlap(own[way], others)))
    return found


def _graph(view: View, way: str, k: int, weights: str) -> csr_array:
    """The graph of a view that is prepared in some way; one without edges where none of the samples is in the view."""
    if is_absent(view).all():
        return csr_array((view.shape[0], view.shape[0]))
    prepared = prepare(view, way)
    return prepared.scattered(view_graph(prepared.points, prepared.neighbours(k), weights))


def ways_of(view: View, single: bool) -> list[str]:
    """In which ways a view may be prepared, where there are others beside it or not."""
    if is_counts(view):
        return ["tf-idf"]
    return ["features"] if single or view.shape[1] < FEW else ["samples", "features"]


def mean_overlap(graph: csr_array, others: Sequence[csr_array]) -> float:
    """Share of the graph's edges that another has too, averaged over the others."""
    shared = [graph.multiply(other != 0).nnz for other in others]
    return float(np.mean(shared)) / max(1, graph.nnz)


def weights_by_agreement(
    graphs: Sequence[csr_array], clusters: int | None, seen: NDArray[np.bool_] | None = None
) -> Array:
    """Weights of views, of sum 1: how well the clusters of their mean with equal weights are clusters of each.

    The mean is clustered once, as `consensus` does, and a view counts by the power ¾ of what its graph makes of that
    partition, see `separation`. One that makes less than a tenth of it of what another does counts nothing: so little
    chance gives too. Where none makes anything of it, all are equal. One that would count nothing, but alone has some
    sample, counts as the least of the others.

    Parameters
    ----------
    graphs : sequence of csr_array (n, n)
        One a view; a sample that the view does not have is without edges, and counts for nothing there.
    clusters : int or None
        How many there are; None where that is not known.
    seen : ndarray (n, V), optional
        Which samples are in which views; by default all are in all.
    """
    equal = np.full(len(graphs), 1 / len(graphs))
    if len(graphs) == 1:
        return equal
    partition = consensus(mean_graph(graphs, equal, seen, seen), clusters)
    return weights_by_separation([separation(graph, partition) for graph in graphs], seen)


def weights_by_separation(separations: Sequence[float], seen: NDArray[np.bool_] | None = None) -> Array:
    """The same of what the graph of each view makes of the clusters of the mean."""
    agreed = np.maximum(separations, 0.0)
    if not agreed.any():
        return np.full(len(agreed), 1 / len(agreed))
    agreed = np.where(agreed < LEAST * agreed.max(), 0.0, agreed**POWER)
    agreed = agreed if seen is None else _with_everyone(agreed, seen)
    return agreed / agreed.sum()


def _with_everyone(agreed: Array, seen: NDArray[np.bool_]) -> Array:
    """The same, but that no sample is left without a view that counts: such views count as the least of the others."""
    cut_off = ~seen[:, agreed > 0].any(axis=1)
    return np.where(seen[cut_off].any(axis=0), agreed[agreed > 0].min(), agreed)


def consensus(W: csr_array, clusters: int | None) -> NDArray[np.intp]:
    """The spectral clusters of a graph and of its strongest edges, as `DSRLClustering` has them, but without a network.

    Where it is not known how many there are, the eigengap of the strongest edges says it. The seeds of k-means are
    drawn by place, so that samples in another order may have another consensus, and views weights that differ a little.
    Drawing them from the samples in the order of their degrees ends that; it was measured on eight public sets, and
    cost .005 of the clustering accuracy of 100leaves and .001 of that of MSRC-v1, which is why it is not done.
    """
    strongest = thresholded(W, WEAKEST)
    count = eigengap(strongest)[0] if clusters is None else clusters
    of_all = embed(W, count)
    del W  # the largest of the graphs is held no longer
    embedding = np.hstack([of_all, embed(strongest, count)])
    return k_means(embedding, count, RESTARTS, np.random.default_rng(0))


def separation(graph: csr_array, partition: NDArray[np.intp]) -> float:
    """How well a partition separates a graph: 1 where no edge leaves a cluster, 0 of a partition at random.

    That is the modularity of the partition (Newman and Girvan 2004), divided by the largest that its sizes allow.
    """
    degrees, count, within = graph.sum(axis=1), int(partition.max()) + 1, 0.0
    for block in blocks(graph.indptr):
        rows = rows_of(graph, block)
        own = np.repeat(partition[block], np.diff(rows.indptr))
        within += float(rows.data[own == partition[rows.indices]].sum())
    volumes = np.bincount(partition, degrees, count)
    if np.count_nonzero(volumes) < 2:
        return 0.0
    total = float(volumes.sum())
    expected = float(volumes @ volumes) / total**2
    return (within / total - expected) / (1 - expected)
