"""The authors' protocol of experiments, and the controls beside every result."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.classification import DSRLClassifier, join_labelled_pairs
from dsrl_ref.multiview.clustering import DSRLClustering
from dsrl_ref.multiview.estimator import KEEP
from dsrl_ref.multiview.graph import similarity_graph
from dsrl_ref.multiview.learning import learn_as_authors
from dsrl_ref.multiview.propagation import ALPHA, propagate
from dsrl_ref.multiview.scores import SCORES, clustering_scores
from dsrl_ref.multiview.spectral import embed, k_means

GONE = 1 - KEEP  # of the edges, where the threshold is chosen as DSRL's is
DECILES = tuple(round(0.1 * tenth, 1) for tenth in range(10))  # of the weights: the thresholds tried in hindsight


@dataclass(frozen=True)
class Data:
    """Views of n samples, or their graph, and what classes they have.

    Attributes
    ----------
    views : list of ndarray (n, d_v)
        Not looked at where `graph` is given.
    graph : csr_array (n, n) or None
        Precomputed.
    codes : ndarray (n,)
        Classes, from 0; -1 where they are not known.
    heat : csr_array (n, n)
        What the controls work on: `graph`, else the authors' fused heat-kernel graph.
    n_neighbors : int
        As for the estimators.
    """

    views: list[Array]
    graph: csr_array | None
    codes: NDArray[np.intp]
    heat: csr_array
    n_neighbors: int = 10

    @classmethod
    def of_views(cls, views: list[Array], codes: NDArray[np.intp], n_neighbors: int = 10) -> Self:
        """Build the controls' graph from the views."""
        return cls(views, None, codes, similarity_graph(views, n_neighbors), n_neighbors)

    @property
    def source(self) -> dict[str, Any]:
        """What an estimator needs to know of it."""
        return {"affinity": "views" if self.graph is None else "precomputed", "n_neighbors": self.n_neighbors}

    @property
    def given(self) -> Any:
        """What an estimator is given."""
        return self.views if self.graph is None else self.graph


@dataclass
class Outcome:
    """Scores of one method over all repeats; `found` is what it said first, where that is worth keeping."""

    method: str
    scores: dict[str, list[float]] = field(default_factory=dict)
    propagation: str | None = None
    found: Any = None

    def add(self, **scores: float) -> None:
        """Add those of one repeat."""
        for name, value in scores.items():
            self.scores.setdefault(name, []).append(float(value))

    def mean(self, name: str) -> float:
        """Over the repeats."""
        return float(np.mean(self.scores[name]))


def splits(n: int, labelled: float, repeats: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Samples that are labelled in each repeat: the first floor(labelled·n) of a permutation, one generator for all."""
    generator = np.random.RandomState(seed)
    for _ in range(repeats):
        yield generator.permutation(n)[: int(np.floor(labelled * n))]


def classify(data: Data, labelled: Sequence[NDArray[np.intp]], training: dict[str, Any]) -> Outcome:
    """Accuracy of `DSRLClassifier` on the unlabelled samples of every split; `training` are more of its parameters."""
    if not training.get("preset"):
        model = DSRLClassifier(**data.source, **training).fit(data.given, _hidden(data.codes, labelled[0]))
        return classify_on(model, data, labelled)  # its graph asks no labels, and is that of every split
    outcome = Outcome("dsrl", propagation="one-hot")
    for known in labelled:
        model = DSRLClassifier(**data.source, **training).fit(data.given, _hidden(data.codes, known))
        outcome.found = outcome.found or model
        outcome.add(accuracy=_accuracy(model.transduction_, data.codes, known))
    return outcome


def classify_on(model: Any, data: Data, labelled: Sequence[NDArray[np.intp]]) -> Outcome:
    """Spread the labels of every split over the graph that an estimator has learned."""
    accuracies = _accuracies(model.graph_, data.codes, labelled, "balanced", ALPHA)
    return Outcome("dsrl", {"accuracy": accuracies}, "balanced", model)


def classification_controls(
    data: Data, labelled: Sequence[NDArray[np.intp]], dsrl: Outcome, hindsight: Sequence[float] = DECILES
) -> list[Outcome]:
    """The same splits without DSRL, or with less of it, each under the authors' and the balanced propagation.

    The oracle is the best of the thresholds `hindsight`, shares of the edges that go; none if that is empty.
    """
    heat, dsrl_graph = data.heat, dsrl.found.graph_
    outcomes = []
    forms = {"one-hot": None, "balanced": ALPHA}
    for form, alpha in forms.items():
        graphs = {"raw graph": heat, "soft threshold": thresholded(heat, GONE)}
        if dsrl.propagation != form and dsrl.propagation == "balanced":
            graphs = {"dsrl": dsrl_graph, **graphs}
        for name, graph in graphs.items():
            outcomes.append(_outcome(name, form, _accuracies(graph, data.codes, labelled, form, alpha)))
        tried = [_accuracies(thresholded(heat, share), data.codes, labelled, form, alpha) for share in hindsight]
        if tried:
            outcomes.append(_outcome("soft threshold, oracle", form, max(tried, key=np.mean)))
    return outcomes + _authors(data, labelled, heat, forms)


def single_views(data: Data, run: Callable[[Data], Outcome]) -> list[Outcome]:
    """The same with each view alone; none where the graph was given."""
    outcomes = []
    for v, view in enumerate(data.views if data.graph is None else []):
        alone = run(replace(data, views=[view]))
        outcomes.append(Outcome(f"dsrl, view {v} alone", alone.scores, alone.propagation))
    return outcomes


def _authors(data: Data, labelled: Sequence[Any], heat: csr_array, forms: dict[str, float | None]) -> list[Outcome]:
    outcomes = {form: Outcome("authors' preset", propagation=form) for form in forms}
    for known in labelled:
        joined = join_labelled_pairs(heat, _hidden(data.codes, known))
        graph = learn_as_authors(joined, layers=11, epochs=10, learning_rate=0.05).graph
        for form, alpha in forms.items():
            outcomes[form].add(accuracy=_accuracies(graph, data.codes, [known], form, alpha)[0])
    return list(outcomes.values())


def cluster(data: Data, clusters: int, seeds: Sequence[int], training: dict[str, Any]) -> Outcome:
    """Scores of `DSRLClustering` for every seed of k-means; none where the classes are not known."""
    model = DSRLClustering(clusters, **data.source, **training, random_state=seeds[0]).fit(data.given)
    outcome = Outcome("dsrl", found=model)
    restarts = 1 if training.get("preset") else model.n_init
    if (data.codes >= 0).all():
        _add_scores(outcome, data.codes, model.embedding_, clusters, restarts, seeds)
    return outcome


def clustering_controls(
    data: Data, clusters: int, seeds: Sequence[int], hindsight: Sequence[float] = DECILES
) -> list[Outcome]:
    """The same seeds without DSRL, or with less of it; `hindsight` as for `classification_controls`."""
    heat = data.heat
    restarts = DSRLClustering().n_init
    graphs = {"raw graph": heat, "soft threshold": thresholded(heat, GONE)}
    outcomes = [_clustered(name, graph, data.codes, clusters, restarts, seeds) for name, graph in graphs.items()]
    tried = [
        _clustered("soft threshold, oracle", thresholded(heat, share), data.codes, clusters, restarts, seeds)
        for share in hindsight
    ]
    if tried:
        outcomes.append(max(tried, key=lambda outcome: outcome.mean("accuracy")))
    preset = cluster(replace(data, graph=heat), clusters, seeds, {"preset": "authors"})
    return [*outcomes, Outcome("authors' preset", preset.scores)]


def thresholded(W: csr_array, share: float) -> csr_array:
    """Soft threshold at the quantile of the weights: a share of the edges goes."""
    if share == 0 or not W.nnz:
        return W
    data = np.maximum(W.data - np.quantile(W.data, share), 0.0)
    graph = csr_array((data, W.indices.copy(), W.indptr.copy()), shape=W.shape)
    graph.eliminate_zeros()
    return graph


def _hidden(codes: NDArray[np.intp], known: NDArray[np.intp]) -> NDArray[np.intp]:
    hidden = np.full(len(codes), -1, dtype=np.intp)
    hidden[known] = codes[known]
    return hidden


def _accuracy(predicted: NDArray[Any], codes: NDArray[np.intp], known: NDArray[np.intp]) -> float:
    unknown = np.ones(len(codes), dtype=bool)
    unknown[known] = False
    return float(np.mean(predicted[unknown] == codes[unknown]))


def _accuracies(graph: csr_array, codes: Any, labelled: Sequence[Any], form: str, alpha: float | None) -> list[float]:
    found = propagate(graph, [_hidden(codes, known) for known in labelled], int(codes.max()) + 1, form, alpha)
    return [_accuracy(F.argmax(axis=1), codes, known) for F, known in zip(found, labelled, strict=True)]


def _outcome(method: str, propagation: str, accuracies: Sequence[float]) -> Outcome:
    return Outcome(method, {"accuracy": list(accuracies)}, propagation)


def _clustered(name: str, graph: csr_array, codes: Any, clusters: int, restarts: int, seeds: Sequence[int]) -> Outcome:
    outcome = Outcome(name)
    _add_scores(outcome, codes, embed(graph, clusters), clusters, restarts, seeds)
    return outcome


def _add_scores(
    outcome: Outcome, codes: Any, embedding: Array, clusters: int, restarts: int, seeds: Sequence[int]
) -> None:
    for seed in seeds:
        labels = k_means(embedding, clusters, restarts, np.random.default_rng(seed))
        scores = clustering_scores(codes, labels)
        outcome.add(**{name: scores[name] for name in SCORES})
