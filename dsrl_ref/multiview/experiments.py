"""The authors' protocol of experiments, and the controls beside every result."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.absent import is_absent
from dsrl_ref.multiview.classification import DSRLClassifier
from dsrl_ref.multiview.clustering import DSRLClustering
from dsrl_ref.multiview.edges import thresholded
from dsrl_ref.multiview.graph import similarity_graph
from dsrl_ref.multiview.learning import mixed
from dsrl_ref.multiview.naming import Named, Naming
from dsrl_ref.multiview.propagation import ALPHA, propagate
from dsrl_ref.multiview.scores import SCORES, clustering_scores
from dsrl_ref.multiview.spectral import embed, k_means

RAW = "raw graph", "soft threshold", "soft threshold, oracle"
CANDIDATES = "candidates", "candidates, threshold", "candidates, oracle"
FORMS = {"one-hot": None, "balanced": ALPHA}  # the authors' propagation, and the default, with their alphas
DECILES = tuple(round(0.1 * tenth, 1) for tenth in range(10))  # of the weights: the thresholds tried in hindsight

Scores: TypeAlias = dict[str, list[float]]


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
    n_neighbors : int
        As for the estimators.
    naming : Naming or None
        What the views and their columns are called, for estimators to keep.
    """

    views: list[Array]
    graph: csr_array | None
    codes: NDArray[np.intp]
    n_neighbors: int = 10
    naming: Naming | None = None

    @classmethod
    def of_views(cls, views: list[Array], codes: NDArray[np.intp], n_neighbors: int = 10) -> Self:
        """Data without a graph."""
        return cls(views, None, codes, n_neighbors)

    @cached_property
    def heat(self) -> csr_array:
        """What the controls work on: `graph`, else the authors' fused heat-kernel graph, built when first asked for."""
        return similarity_graph(self.views, self.n_neighbors) if self.graph is None else self.graph

    @property
    def source(self) -> dict[str, Any]:
        """What an estimator needs to know of it."""
        return {"affinity": "views" if self.graph is None else "precomputed", "n_neighbors": self.n_neighbors}

    @property
    def given(self) -> Any:
        """What an estimator is given."""
        if self.graph is not None:
            return self.graph
        return self.views if self.naming is None else Named(self.views, self.naming)

    def single_views(self) -> Iterator[tuple[str, Self, NDArray[np.intp]]]:
        """Each view alone, with what it is called and the places of its samples; none where the graph was given.

        It is asked for the samples that it has; where these are not all, its name tells how many.
        """
        for v, view in enumerate(self.views if self.graph is None else []):
            places = np.flatnonzero(~is_absent(view))
            called = None if self.naming is None else self.naming.views
            name, own = f"dsrl, {f'view {v}' if called is None else called[v]}", view
            if len(places) < len(self.codes):
                name, own = f"{name}, its {len(places)}", view[places]
            else:
                name = f"{name} alone"
            yield name, type(self).of_views([own], self.codes[places], self.n_neighbors), places


@dataclass
class Outcome:
    """Scores of one method over all repeats; `found` is what it said first, where that is worth keeping."""

    method: str
    scores: Scores = field(default_factory=dict)
    propagation: str | None = None
    found: Any = None

    def add(self, **scores: float) -> None:
        """Add those of one repeat."""
        for name, value in scores.items():
            self.scores.setdefault(name, []).append(float(value))


def splits(n: int, labelled: float, repeats: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Samples that are labelled in each repeat: the first floor(labelled·n) of a permutation, one generator for all."""
    generator = np.random.RandomState(seed)
    for _ in range(repeats):
        yield generator.permutation(n)[: int(np.floor(labelled * n))]


def classify(data: Data, labelled: Sequence[NDArray[np.intp]], training: dict[str, Any]) -> Outcome:
    """Accuracy of `DSRLClassifier` on the unlabelled samples of every split; `training` are more of its parameters."""
    if not training.get("preset"):
        return _classify_by_few_graphs(data, labelled, training)
    outcome = Outcome("dsrl", propagation="one-hot")
    for known in labelled:
        model = DSRLClassifier(**data.source, **training).fit(data.given, _labels(data.codes, known))
        outcome.found = outcome.found or model
        outcome.add(accuracy=_accuracy(model.transduction_, data.codes, known))
    return outcome


def _classify_by_few_graphs(data: Data, labelled: Sequence[NDArray[np.intp]], training: dict[str, Any]) -> Outcome:
    """The same with a graph for all splits, as it asks no labels; for weights "auto" one for each number of classes."""
    asked = data.graph is None and isinstance(training.get("view_weights", "auto"), str)
    counts = [len(np.unique(data.codes[known])) if asked else 0 for known in labelled]
    accuracies, outcomes = np.empty(len(labelled)), []
    for count in dict.fromkeys(counts):
        places = np.flatnonzero(np.array(counts) == count).tolist()
        model = DSRLClassifier(**data.source, **training).fit(data.given, _labels(data.codes, labelled[places[0]]))
        those = [labelled[place] for place in places]
        outcomes.append(classify_on(model, data, those, model.propagation, float(model.alpha)))
        accuracies[places] = outcomes[-1].scores["accuracy"]
    return replace(outcomes[0], scores={"accuracy": accuracies.tolist()})


def classify_on(
    model: Any,
    data: Data,
    labelled: Sequence[NDArray[np.intp]],
    form: str = "balanced",
    alpha: float | None = ALPHA,
) -> Outcome:
    """Spread the labels of every split over the graph that an estimator has learned, as `propagate` does."""
    return Outcome("dsrl", _scores(_spread_over(model), data, labelled, form, alpha), form, model)


def _spread_over(model: Any) -> csr_array:
    return model.graph_ if model.preset == "authors" else mixed(model.affinity_matrix_, model.graph_)


def classification_controls(
    data: Data,
    labelled: Sequence[NDArray[np.intp]],
    dsrl: Outcome,
    training: dict[str, Any],
    hindsight: Sequence[float] = DECILES,
) -> Iterator[Outcome]:
    """The same splits without DSRL, or with less of it, each under the authors' and the balanced propagation.

    Each is yielded as soon as it is scored. The oracle is the best of the thresholds `hindsight`, shares of the edges
    that go; none if that is empty. Labels spread over thresholded candidates with a quarter of the candidates beside
    them, as over what DSRL learned.
    """
    model = dsrl.found
    starts = {RAW: data.heat}
    if data.graph is None and model.preset is None:
        starts[CANDIDATES] = model.affinity_matrix_
    for form, alpha in FORMS.items():
        if form != dsrl.propagation and model.preset is None:
            yield Outcome("dsrl", _scores(_spread_over(model), data, labelled, form, alpha), form)
        score = partial(_scores, data=data, labelled=labelled, form=form, alpha=alpha)
        for names, W in starts.items():
            of_graph = score if names == RAW else partial(_score_mixed, W, score)
            for outcome in _with_thresholds(names, W, model.share, hindsight, of_graph):
                yield replace(outcome, propagation=form)
    yield from _authors(data, labelled, training if model.preset else {})


def _score_mixed(candidates: csr_array, score: Callable[[csr_array], Scores], graph: csr_array) -> Scores:
    return score(graph if graph is candidates else mixed(candidates, graph))


def classify_single_views(
    data: Data, labelled: Sequence[NDArray[np.intp]], training: dict[str, Any]
) -> Iterator[Outcome]:
    """The same with each view alone, under both propagations; none where the graph was given."""
    training = {**training, "view_weights": None}
    for name, alone, places in data.single_views():
        own = [np.flatnonzero(np.isin(places, known)) for known in labelled]
        own = [known for known in own if known.size]  # a split may have no labelled sample in this view
        if not own:
            continue
        if training.get("preset"):
            found = _authors(alone, own, training)
        else:
            first = classify(alone, own, training)
            one_hot = _scores(_spread_over(first.found), alone, own, "one-hot", FORMS["one-hot"])
            found = [first, Outcome("", one_hot, "one-hot")]
        yield from (Outcome(name, outcome.scores, outcome.propagation) for outcome in found)


def _authors(data: Data, labelled: Sequence[Any], training: dict[str, Any]) -> list[Outcome]:
    """Their graphs, one a split as labelled pairs are joined in it, under both propagations."""
    outcomes = {form: Outcome("authors' preset", propagation=form) for form in FORMS}
    model = DSRLClassifier(**{**training, "affinity": "precomputed", "preset": "authors"})
    for known in labelled:
        graph = model.fit(data.heat, _labels(data.codes, known)).graph_
        for form, outcome in outcomes.items():
            outcome.add(accuracy=_scores(graph, data, [known], form, FORMS[form])["accuracy"][0])
    return list(outcomes.values())


def cluster(data: Data, clusters: int | None, seeds: Sequence[int], training: dict[str, Any]) -> Outcome:
    """Scores of `DSRLClustering` for every seed of k-means, by the samples whose classes are known; none if none is."""
    model = DSRLClustering(clusters, **data.source, **training, random_state=seeds[0]).fit(data.given)
    restarts = 1 if training.get("preset") else model.n_init
    known = bool((data.codes >= 0).any())
    scores = _cluster_scores(model.embedding_, data, model.n_clusters_, restarts, seeds) if known else {}
    return Outcome("dsrl", scores, found=model)


def clustering_controls(
    data: Data,
    clusters: int,
    seeds: Sequence[int],
    dsrl: Outcome,
    training: dict[str, Any],
    hindsight: Sequence[float] = DECILES,
) -> Iterator[Outcome]:
    """The same seeds without DSRL, or with less of it; `hindsight` as for `classification_controls`.

    The candidates' rows have two embeddings side by side, as `DSRLClustering` has, the others one.
    """
    model, restarts = dsrl.found, DSRLClustering().n_init

    def raw(graph: csr_array) -> Scores:
        return _cluster_scores(embed(graph, clusters), data, clusters, restarts, seeds)

    yield from _with_thresholds(RAW, data.heat, model.share, hindsight, raw)
    if model.preset is None:
        before = embed(model.affinity_matrix_, clusters)

        def candidates(graph: csr_array) -> Scores:
            return _cluster_scores(np.hstack([before, embed(graph, clusters)]), data, clusters, restarts, seeds)

        yield from _with_thresholds(CANDIDATES, model.affinity_matrix_, model.share, hindsight, candidates)
    preset = {**(training if model.preset else {}), "preset": "authors"}
    theirs = cluster(replace(data, graph=data.heat), clusters, seeds, preset)
    yield Outcome("authors' preset", theirs.scores)


def cluster_single_views(
    data: Data, clusters: int, seeds: Sequence[int], training: dict[str, Any]
) -> Iterator[Outcome]:
    """The same with each view alone; none where the graph was given."""
    training = {**training, "view_weights": None}
    for name, alone, _ in data.single_views():
        yield Outcome(name, cluster(alone, clusters, seeds, training).scores)


def _with_thresholds(
    names: Sequence[str],
    W: csr_array,
    keep: float,
    hindsight: Sequence[float],
    score: Callable[[csr_array], Scores],
) -> Iterator[Outcome]:
    """Score a graph as it is, with a threshold that keeps what DSRL does, and with the best in hindsight."""
    yield Outcome(names[0], score(W))
    chosen = score(thresholded(W, 1 - keep))
    yield Outcome(names[1], chosen)
    tried = [score(thresholded(W, share)) for share in hindsight]
    if tried:
        best = max([chosen, *tried], key=lambda scores: float(np.mean(scores["accuracy"])))
        yield Outcome(names[2], best)


def _hidden(codes: NDArray[np.intp], known: NDArray[np.intp]) -> NDArray[np.intp]:
    hidden = np.full(len(codes), -1, dtype=np.intp)
    hidden[known] = codes[known]
    return hidden


def _labels(codes: NDArray[np.intp], known: NDArray[np.intp]) -> list[int | None]:
    """The same as an estimator is given it: None cannot be taken for a class, whatever the others are."""
    return [None if code < 0 else code for code in _hidden(codes, known).tolist()]


def _accuracy(predicted: NDArray[Any], codes: NDArray[np.intp], known: NDArray[np.intp]) -> float:
    unknown = np.ones(len(codes), dtype=bool)
    unknown[known] = False
    return float(np.mean(predicted[unknown] == codes[unknown]))


def _scores(graph: csr_array, data: Data, labelled: Sequence[Any], form: str, alpha: float | None) -> Scores:
    codes, classes = data.codes, int(data.codes.max()) + 1
    found = propagate(graph, [_hidden(codes, known) for known in labelled], classes, form, alpha)
    accuracies = []
    for F, known in zip(found, labelled, strict=True):
        seen = np.unique(codes[known])  # a class without a label is not known to be there
        accuracies.append(_accuracy(seen[F[:, seen].argmax(axis=1)], codes, known))
    return {"accuracy": accuracies}


def _cluster_scores(embedding: Array, data: Data, clusters: int, restarts: int, seeds: Sequence[int]) -> Scores:
    scored, known = [], data.codes >= 0
    for seed in seeds:
        labels = k_means(embedding, clusters, restarts, np.random.default_rng(seed))
        scored.append(clustering_scores(data.codes[known], labels[known]))
    return {name: [float(scores[name]) for scores in scored] for name in SCORES}
