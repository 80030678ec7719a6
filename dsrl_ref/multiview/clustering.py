"""Multi-view clustering: the spectral clusters of the learned graph."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array, as_count, require_known
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview.assembly import components
from dsrl_ref.multiview.conventions import as_generator, as_jobs, not_fitted
from dsrl_ref.multiview.estimator import Estimator, count_samples
from dsrl_ref.multiview.fitted import Fitted, FromFit, Input
from dsrl_ref.multiview.spectral import (
    eigengap,
    embed,
    embed_as_authors,
    faint_gap,
    k_means,
    require_row_affinity,
    row_affinity,
)
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.fusion import COPIES
from dsrl_ref.progress import Callback, reported
from dsrl_ref.threads import limited

EMBEDDINGS = "graph", "rows"
KEEP_OF_GRAPH = 0.5  # of a precomputed graph, which is no list of candidates


@dataclass(frozen=True)
class FittedClusters(Fitted):
    """The same, with the clusters."""

    embedding: Array
    labels: NDArray[np.intp]
    n_clusters: int
    eigenvalues: Array | None  # None where the number was given

    @property
    def attributes(self) -> dict[str, Any]:
        """The same, with the clusters."""
        found = {"n_clusters": self.n_clusters, "eigenvalues": self.eigenvalues}
        return {**super().attributes, **found, "embedding": self.embedding, "labels": self.labels}


def _brought(seen: Input) -> Input:
    """The same with its graph in memory, where the eigenvectors are; SizeError where that does not fit."""
    if not isinstance(seen.graph, Blocks):
        return seen
    what = "DSRLClustering brings", "fit a sample of the data, and predict the rest, or take DSRLClassifier"
    return replace(seen, graph=seen.graph.gathered(*what, COPIES))


class DSRLClustering(Estimator):
    """Cluster samples that are seen in several views; scikit-learn's conventions, without scikit-learn.

    >>> from dsrl_ref.multiview import complementary_views
    >>> clusters = DSRLClustering(4, random_state=0).fit_predict(complementary_views(random_state=0)[0])

    The graph of three times `n_neighbors` candidates is fused over the views; the network is trained on it until it
    keeps a quarter of the edges; the spectral embeddings of the candidates and of what is left, side by side, go to
    k-means. No label is asked.

    What was learned stays as it is: the arrays among the attributes are read-only, those of sparse ones too. Write to a
    copy, as of ``labels_.copy()``.

    Parameters
    ----------
    n_clusters : int, optional
        Number of clusters; by default the number from 2 to 20 at which the eigenvalues of the learned graph have their
        largest gap, `n_clusters_`; of a graph in more than 20 parts, each of at least n/40 samples, as many as it has
        parts. That is a guess which deserves a look at `eigenvalues_`: where several gaps are nearly as large, as many
        numbers are nearly as good, and a GraphWarning says where none is large enough to tell a number.
    affinity : {"views", "precomputed"}
        What X is: views, or a graph (n, n), dense or sparse, of which what is not positive is no edge.
    embedding : {"graph", "rows"}
        "graph": the eigenvectors of the graph before and after the network. "rows": those of the dense affinity
        exp(-‖x_i - x_j‖²/n) between the rows of the learned graph, as the authors have it.
    n_neighbors : int
        Neighbours of each sample; the network chooses from three times as many.
    weights, view_weights, standardize
        As for `similarity_graph`, where "adaptive", "auto" and "auto" are explained: views count by what they agree in.
    neighbors : {"auto", "exact", "approximate"}
        As for `similarity_graph`: exact ones below 200,000 samples. `neighbors_` says which were taken.
    keep : float, optional
        Share of the edges at which training stops, in (0, 1]; a quarter of the candidates, half of those of a
        precomputed graph.
    layers : int
        Of the network; the authors' has 11.
    epochs : int, optional
        Of training, at most; 200, with the preset exactly 45 (the authors took 25 to 55, by data set).
    learning_rate : float, optional
        0.02.
    preset : {None, "authors"}
        "authors" reproduces their program instead: heat-kernel graph of `n_neighbors`, a fixed number of epochs, rows
        (scaled by D^(+½), not D^(-½)), and one run of k-means; `embedding`, `weights`, `view_weights`, `standardize`,
        `neighbors`, `keep` and `n_init` are then not looked at.
    view_sizes : sequence of int, optional
        Cuts one array X by columns into views.
    n_init : int
        Restarts of k-means.
    random_state : None, int, SeedSequence, Generator or RandomState
        Seeds of k-means; all else is deterministic.
    n_jobs : int, optional
        How many threads `fit` and `predict` take; all processors that the process may use by default (and for -1), one
        for 1. What they find does not depend on it.
    verbose : bool, optional
        True writes a line to stderr for every step of `fit` and epoch of training, False nothing. By default a step of
        more than two seconds has one line that tells how far it is and, where that is known, the time left, and only
        on a terminal.

    Attributes
    ----------
    labels_ : ndarray (n,)
        0 to n_clusters_ - 1.
    n_clusters_ : int
        As asked, or as the eigenvalues say; fewer have samples where a GraphWarning says so.
    eigenvalues_ : ndarray (21,)
        Only where `n_clusters` is None: the largest of D^(-½) W D^(-½) of the learned graph, in descending order; one a
        sample where there are fewer. The gap behind place k speaks for k clusters.
    affinity_matrix_ : csr_array (n, n)
        The graph that the network was trained on.
    graph_ : csr_array (n, n)
        What the network made of it.
    view_weights_ : ndarray (V,)
        What each view counts in the mean of their graphs; their sum is 1. Not of a precomputed graph.
    neighbors_ : tuple
        For each view the `kind` of its neighbours, "exact" or "approximate", and `recall`: of approximate ones, the
        share of the true neighbours of 256 samples that is among them. Not of a precomputed graph.
    embedding_ : ndarray (n, 2 n_clusters_), or (n, n_clusters_) for "rows"
        What k-means saw.
    theta_, L_ : Theta and float
        What the network learned, for a graph divided by `scale_`.
    scale_ : float
        Largest weight of `affinity_matrix_`; 1 with the preset.
    n_iter_ : int
        Epochs of training.
    n_features_in_ : int
        Of all views.
    view_names_ : ndarray (V,) of str
        Where views came in a dictionary, or from files in a shell. New samples in one may have them in any order.
    feature_names_in_ : ndarray (n_features_in_,) of str
        Where all views are tables whose columns have names; those of new samples must be the same, in this order.

    Examples
    --------
    >>> from dsrl_ref.multiview import DSRLClustering, clustering_scores, complementary_views
    >>> views, labels = complementary_views(random_state=0)
    >>> found = DSRLClustering(4, random_state=0).fit_predict(views)
    >>> clustering_scores(labels, found)["accuracy"] > 0.95
    True
    """

    embedding_ = FromFit()
    labels_ = FromFit()
    n_clusters_ = FromFit()
    eigenvalues_ = FromFit()
    _fitted: FittedClusters

    _kind = "clusterer"
    _authors_training = 45, 0.02

    def __init__(
        self,
        n_clusters: int | None = None,
        *,
        affinity: str = "views",
        embedding: str = "graph",
        n_neighbors: int = 10,
        weights: str = "adaptive",
        view_weights: Any = "auto",
        standardize: str = "auto",
        neighbors: str = "auto",
        keep: float | None = None,
        layers: int = 11,
        epochs: int | None = None,
        learning_rate: float | None = None,
        preset: str | None = None,
        view_sizes: Sequence[int] | None = None,
        n_init: int = 10,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: bool | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.affinity = affinity
        self.embedding = embedding
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.view_weights = view_weights
        self.standardize = standardize
        self.neighbors = neighbors
        self.keep = keep
        self.layers = layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.preset = preset
        self.view_sizes = view_sizes
        self.n_init = n_init
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, callback: Callback | None = None) -> Self:
        """Learn the graph and cluster it.

        Parameters
        ----------
        X : list of array_like (n, d_v), array_like (n, d), or (n, n) if precomputed
            A list of 2-D arrays or tables is views, and so is a dictionary of them, whose keys are their names;
            anything else is one view. Each may be sparse. A row of NaN is a sample that the view does not have, in one
            array with `view_sizes` too; new samples may lack others. All may be dask arrays, as for `similarity_graph`:
            what is learned has the same bits. The workers make the graph; the rest, from training to k-means, is done
            by the caller in memory.
        y : ignored
            Here by convention.
        callback : callable, optional
            Told how far the work is, as ``callback(text, share, seconds_left)``; the latter two are None where that is
            not known. What it raises ends `fit`.

        Raises
        ------
        ValueError, TypeError
            For bad data or parameters, before any work.
        SizeError
            Where ``embedding="rows"`` or ``preset="authors"``, which hold n² numbers, would not fit; where the graph
            of dask arrays would not fit into the memory of the caller.
        ClusterError
            Where a Dask cluster does not answer, or has forgotten what it made.

        Warns
        -----
        GraphWarning
            Where fewer clusters come out than are asked for. Else, where the graph falls into more parts than there are
            clusters, with the number of samples that have no place of their own: they share a cluster. Also where
            `n_clusters` is None and the eigenvalues tell no number.
        """
        self._check_parameters()
        data = self._read(X)
        if self.n_clusters is not None and self.n_clusters > count_samples(data):
            raise ValueError(
                f"n_clusters = {self.n_clusters} is more than the {count_samples(data)} samples (n_samples)"
            )
        self._require_room(count_samples(data))
        rng = as_generator(self.random_state)
        with limited(as_jobs(self.n_jobs)), reported(self.verbose, callback):
            seen = _brought(self._seen(data, X, self.n_clusters))
            learned = self._train(seen.graph)
            clusters, eigenvalues = eigengap(learned.graph) if self.n_clusters is None else (self.n_clusters, None)
            embedding = self._embedded(seen.graph, learned.graph, clusters)
            labels = k_means(embedding, clusters, 1 if self.preset == "authors" else self.n_init, rng)
        _warn_of_faint_gap(clusters, eigenvalues)
        found = len(np.unique(labels))
        if found < clusters:
            message = f"only {found} of {clusters} clusters came out: the graph tells no more places apart; "
            warnings.warn(message + "raise n_neighbors, or take fewer clusters", GraphWarning, 2)
        else:
            _warn_of_parts(embedding, learned.graph, clusters)
        self._fitted = FittedClusters(seen, seen.graph, learned, embedding, labels, clusters, eigenvalues)
        return self

    def _require_room(self, n: int) -> None:
        """Refuse, before any work, what would hold n² numbers, where these do not fit."""
        if self.preset == "authors":
            require_row_affinity(n, "preset='authors'", "leave preset out")
        elif self.embedding == "rows":
            require_row_affinity(n, "embedding='rows'", "take embedding='graph'")

    def _embedded(self, W: csr_array, graph: csr_array, clusters: int) -> Array:
        """What k-means is to see, of the graph before and after the network."""
        if self.preset == "authors":
            return embed_as_authors(row_affinity(graph), clusters)
        if self.embedding == "rows":
            return embed(row_affinity(graph), clusters)
        return np.hstack([embed(each, clusters) for each in (W, graph)])

    def _check_parameters(self) -> None:
        super()._check_parameters()
        as_jobs(self.n_jobs)
        if self.n_clusters is not None:
            as_count(self.n_clusters, "n_clusters", least=1)
        require_known(self.embedding, EMBEDDINGS, "embedding")
        as_count(self.n_init, "n_init", least=1)

    @property
    def share(self) -> float:
        """Share of the edges at which training stops: `keep`, or its default."""
        return KEEP_OF_GRAPH if self.keep is None and self.affinity == "precomputed" else super().share

    def fit_predict(self, X: Any, y: Any = None, *, callback: Callback | None = None) -> NDArray[np.intp]:
        """Fit, and return the clusters, in an array of the caller's own."""
        labels: NDArray[np.intp] = self.fit(X, callback=callback).labels_.copy()
        return labels

    def predict(self, X: Any) -> NDArray[np.intp]:
        """Clusters of new samples: that of their neighbours, each counted by the weight that the network leaves it.

        Parameters
        ----------
        X : as for `fit`
            If precomputed, the similarities (n_new, n) of new samples to those that `fit` saw.

        Returns
        -------
        ndarray (n_new,)
            Numbers as in `labels_`, of equal counts the least; -1 where a sample has no neighbour. Views that `fit`
            saw get theirs of `labels_`; of equal samples that of the first.

        Warns
        -----
        GraphWarning
            With the number of samples that have no neighbour.

        Examples
        --------
        >>> from dsrl_ref.multiview import DSRLClustering, complementary_views
        >>> views, _ = complementary_views(random_state=0)
        >>> model = DSRLClustering(4, random_state=0).fit([view[:250] for view in views])
        >>> model.predict([view[250:] for view in views]).shape
        (50,)
        """
        if not hasattr(self, "_fitted"):
            raise not_fitted(self)
        fitted = self._fitted
        with limited(as_jobs(self.n_jobs)):
            links = self._links(X, fitted)
        own = np.ones(len(fitted.labels)), fitted.labels, np.arange(len(fitted.labels) + 1)
        counts = (links @ csr_array(own, shape=(len(fitted.labels), fitted.n_clusters))).toarray()
        alone = ~(counts > 0).any(axis=1)
        if alone.any():
            place = int(np.argmax(alone))
            message = f"{np.count_nonzero(alone)} of {len(alone)} samples have no neighbour among those that fit saw, "
            warnings.warn(f"{message}the first of them sample {place}: their cluster is -1", GraphWarning, 2)
        return np.where(alone, -1, counts.argmax(axis=1))


def _warn_of_faint_gap(clusters: int, eigenvalues: Array | None) -> None:
    gap = None if eigenvalues is None else faint_gap(clusters, eigenvalues)
    if gap is not None:
        message = f"the eigenvalues tell no number: the largest gap is {gap:.4f}, behind {clusters}; "
        warnings.warn(message + "give n_clusters, of what is known of the data", GraphWarning, 3)


def _warn_of_parts(embedding: Array, graph: csr_array, clusters: int) -> None:
    """Warn of samples that are at 0 in all of the embedding, which are those of parts that got no axis."""
    nowhere = np.flatnonzero(~embedding.any(axis=1))
    if nowhere.size:
        parts = components(graph).max() + 1
        message = (
            f"the graph falls into {parts} parts, more than {clusters} clusters: {nowhere.size} of {len(embedding)} "
        )
        message += f"samples, the first of them sample {nowhere[0]}, are told apart no more; "
        warnings.warn(message + "take more clusters, or raise n_neighbors", GraphWarning, 3)
