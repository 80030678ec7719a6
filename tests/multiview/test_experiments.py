"""The protocol of experiments, and the controls beside every result: what each is scored on."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from views import beside, hard_views, holed, naive_graph, standard

from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, experiments
from dsrl_ref.multiview.experiments import (
    CANDIDATES,
    RAW,
    Data,
    Outcome,
    classification_controls,
    classify,
    classify_on,
    classify_single_views,
    cluster,
    cluster_single_views,
    clustering_controls,
    splits,
    thresholded,
)
from dsrl_ref.multiview.naming import Naming
from dsrl_ref.multiview.spectral import embed, k_means

# A control's graph may leave a sample alone, as one here does: it is scored with the class that is taken for it.
pytestmark = pytest.mark.filterwarnings("ignore:no label reaches:dsrl_ref.errors.GraphWarning")

VIEWS, CODES = hard_views(60, seed=3, spread=0.9)
HEAT = csr_array(np.mean([naive_graph(standard(view), 5, "heat") for view in VIEWS], axis=0))
SPLITS = [np.arange(12), np.arange(20, 36)]
AUTHORS = {"preset": "authors", "epochs": 30, "learning_rate": 0.05}
SEEDS = [4, 5]


@pytest.fixture(scope="module")
def data():
    return Data.of_views(VIEWS, CODES, 5)


@pytest.fixture(scope="module")
def given():
    return Data([], HEAT, CODES, 5)


def hidden(known):
    return np.where(np.isin(np.arange(60), known), CODES, -1)


def accuracies(graph, form, codes=CODES):
    """Of labels that spread over a dense graph, on what is not labelled; unseen classes are not guessed."""
    W, found = graph.toarray(), []
    laplacian = np.diag(W.sum(axis=1)) - W
    for known in SPLITS:
        sources = np.array([[float(i in known and codes[i] == c) for c in range(4)] for i in range(60)])
        if form == "balanced":
            sources = sources / np.maximum(sources.sum(axis=0), 1)
            system = np.eye(60) + 10 * laplacian / W.sum(axis=1).mean()
        else:
            system = np.eye(60) + laplacian
        F = np.linalg.solve(system, sources)
        F[:, [c for c in range(4) if c not in codes[known]]] = -1
        found.append(np.mean(np.delete(F.argmax(axis=1) == codes, known)))
    return found


def softened(W, share):
    """A soft threshold at the quantile of the stored weights, entry by entry."""
    at = np.quantile(W.data, share)
    return csr_array(np.where(W.toarray() > at, W.toarray() - at, 0.0))


def as_dict(outcomes):
    outcomes = list(outcomes)
    named = {(outcome.method, outcome.propagation): outcome.scores for outcome in outcomes}
    assert len(named) == len(outcomes)
    return named


def test_splits_are_the_first_of_permutations_by_one_generator():
    found = list(splits(10, 0.39, 3, seed=7))
    generator = np.random.RandomState(7)
    assert [known.tolist() for known in found] == [generator.permutation(10)[:3].tolist() for _ in range(3)]


def test_a_threshold_lets_a_share_of_the_edges_go():
    W = csr_array(np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 4.0], [2.0, 4.0, 0.0]]))
    found = thresholded(W, 0.5)
    assert found.toarray().tolist() == [[0, 0, 0], [0, 0, 2], [0, 2, 0]]
    assert (found.nnz, W.nnz) == (2, 6)
    assert thresholded(W, 0) is W
    assert thresholded(csr_array((3, 3)), 0.5).nnz == 0
    assert thresholded(HEAT, 0.3).toarray() == pytest.approx(softened(HEAT, 0.3).toarray())


def test_the_graph_of_the_controls_is_built_once_and_only_when_it_is_asked_for(monkeypatch):
    built = []
    monkeypatch.setattr(experiments, "similarity_graph", lambda *given: built.append(given) or HEAT)
    lacking = Data.of_views(VIEWS, CODES, 5)
    classify(lacking, SPLITS, {})
    cluster(lacking, 4, [0], {})
    list(lacking.single_views())
    assert built == []
    assert lacking.heat is lacking.heat is HEAT
    assert built == [(VIEWS, 5)]


def test_data_are_views_or_a_graph(data, given):
    assert data.heat.toarray() == pytest.approx(HEAT.toarray(), rel=1e-9)
    assert (data.source, data.given) == ({"affinity": "views", "n_neighbors": 5}, VIEWS)
    assert (given.source["affinity"], given.given) == ("precomputed", HEAT)
    singles = list(data.single_views())
    assert [name for name, *_ in singles] == [f"dsrl, view {v} alone" for v in range(3)]
    assert singles[1][1].views == [VIEWS[1]]
    assert singles[1][1].n_neighbors == 5
    assert singles[1][1].heat.toarray() == pytest.approx(naive_graph(standard(VIEWS[1]), 5, "heat"), rel=1e-9)
    assert all(places.tolist() == list(range(len(CODES))) for _, _, places in singles)
    assert list(Data(VIEWS, HEAT, CODES).single_views()) == []
    named = replace(data, naming=Naming(("p", "q", "r"), (None,) * 3))
    assert [name for name, *_ in named.single_views()] == [f"dsrl, {name} alone" for name in "pqr"]
    lacking = [np.where(np.arange(len(CODES))[:, np.newaxis] < 2, np.nan, VIEWS[0]), *VIEWS[1:]]
    assert next(iter(replace(named, views=lacking).single_views()))[0] == f"dsrl, p, its {len(CODES) - 2}"


def test_outcomes_collect_the_scores_of_repeats():
    outcome = Outcome("dsrl")
    outcome.add(accuracy=np.float64(0.5), nmi=1)
    outcome.add(accuracy=0.25)
    assert outcome.scores == {"accuracy": [0.5, 0.25], "nmi": [1.0]}


def test_classify_is_the_classifier_on_every_split(data):
    outcome = classify(data, SPLITS, {"epochs": 150})
    models = [DSRLClassifier(n_neighbors=5, epochs=150).fit(VIEWS, hidden(known)) for known in SPLITS]
    expected = [
        np.mean(np.delete(model.transduction_ == CODES, known)) for model, known in zip(models, SPLITS, strict=True)
    ]
    assert (outcome.method, outcome.propagation) == ("dsrl", "balanced")
    assert outcome.scores == {"accuracy": pytest.approx(expected)}
    assert outcome.found.transduction_.tolist() == models[0].transduction_.tolist()


def test_splits_that_show_fewer_classes_have_a_graph_of_as_many(data):
    lacking = [np.arange(12), np.flatnonzero(CODES > 0)[:9], np.arange(20, 36), np.flatnonzero(CODES != 2)[5:14]]
    assert [len(np.unique(CODES[known])) for known in lacking] == [4, 3, 4, 3]
    found = classify(data, lacking, {})
    models = [DSRLClassifier(n_neighbors=5).fit(VIEWS, hidden(known)) for known in lacking]
    assert models[0].view_weights_.tolist() != models[1].view_weights_.tolist()
    expected = [np.mean(np.delete(m.transduction_ == CODES, known)) for m, known in zip(models, lacking, strict=True)]
    assert found.scores == {"accuracy": pytest.approx(expected)}
    assert found.found.view_weights_.tolist() == models[0].view_weights_.tolist()


def test_classify_by_the_preset_learns_a_graph_for_every_split(data):
    outcome = classify(data, SPLITS, AUTHORS)
    models = [DSRLClassifier(n_neighbors=5, **AUTHORS).fit(VIEWS, hidden(known)) for known in SPLITS]
    expected = [
        np.mean(np.delete(model.transduction_ == CODES, known)) for model, known in zip(models, SPLITS, strict=True)
    ]
    assert (outcome.propagation, outcome.scores) == ("one-hot", {"accuracy": pytest.approx(expected)})
    assert outcome.found.transduction_.tolist() == models[0].transduction_.tolist()


def test_a_class_without_a_label_is_not_guessed(given):
    lacking = [np.flatnonzero(CODES > 0)[:9], np.arange(12)]
    found = classify(Data([], HEAT, CODES, 5), lacking, {})
    model = DSRLClassifier(affinity="precomputed").fit(HEAT, hidden(lacking[0]))
    assert model.classes_.tolist() == [1, 2, 3]
    assert found.scores["accuracy"][0] == np.mean(np.delete(model.transduction_ == CODES, lacking[0]))


def test_a_class_without_a_label_is_not_guessed_where_no_label_reaches():
    codes, cliques = np.repeat(np.arange(4), 5), csr_array(np.kron(np.eye(4), 1 - np.eye(5)))
    found = classify(Data([], cliques, codes, 5), [np.array([5, 10])], {})
    assert found.scores == {"accuracy": [8 / 18]}


@pytest.mark.parametrize("form", ["balanced", "one-hot"])
def test_controls_of_classification_are_scored_on_their_graphs(data, form):
    dsrl = classify(data, SPLITS, {})
    found = as_dict(classification_controls(data, SPLITS, dsrl, {}, hindsight=[0.0, 0.4]))
    model = dsrl.found
    spread = beside(model.affinity_matrix_, model.graph_)
    expected = {("dsrl", "one-hot"): accuracies(spread, "one-hot")}
    for names, W in ((RAW, HEAT), (CANDIDATES, model.affinity_matrix_)):
        graphs = [softened(W, share) for share in (0.75, 0.4)]
        if names is CANDIDATES:
            graphs = [beside(W, graph) for graph in graphs]
        tried = [accuracies(graph, form) for graph in graphs]
        expected[names[0], form] = accuracies(W, form)
        expected[names[1], form] = tried[0]
        expected[names[2], form] = max([tried[0], expected[names[0], form], tried[1]], key=np.mean)
    preset = []
    for known in SPLITS:
        theirs = DSRLClassifier(affinity="precomputed", preset="authors").fit(HEAT, hidden(known))
        preset.append(accuracies(theirs.graph_, form)[len(preset)])
    expected["authors' preset", form] = preset
    judged = {name: scores for name, scores in found.items() if name[1] == form or name[0] == "dsrl"}
    assert judged == {name: {"accuracy": pytest.approx(scores)} for name, scores in expected.items()}
    assert len(found) == 15


def test_controls_of_the_preset_have_no_candidates_and_no_oracle_without_hindsight(data):
    dsrl = classify(data, SPLITS, AUTHORS)
    found = as_dict(classification_controls(data, SPLITS, dsrl, AUTHORS, hindsight=[]))
    assert {name for name, _ in found} == {"raw graph", "soft threshold", "authors' preset"}
    assert found["authors' preset", "one-hot"] == dsrl.scores


def test_a_graph_that_is_given_has_no_candidates(given):
    dsrl = classify(given, SPLITS, {})
    found = as_dict(classification_controls(given, SPLITS, dsrl, {}, hindsight=[]))
    assert {name for name, _ in found} == {"dsrl", "raw graph", "soft threshold", "authors' preset"}
    assert found["soft threshold", "balanced"]["accuracy"] == pytest.approx(
        accuracies(softened(HEAT, 0.75), "balanced")
    )
    assert [*classify_single_views(given, SPLITS, {}), *cluster_single_views(given, 4, SEEDS, {})] == []


@pytest.mark.parametrize("training", [{}, AUTHORS], ids=["default", "preset"])
def test_single_views_are_classified_alone(data, training):
    found = as_dict(classify_single_views(data, SPLITS, training))
    assert len(found) == 6
    first = "one-hot" if training else "balanced"
    for v, view in enumerate(VIEWS):
        expected = classify(Data.of_views([view], CODES, 5), SPLITS, training).scores
        assert found[f"dsrl, view {v} alone", first] == expected
        if not training:
            model = DSRLClassifier(n_neighbors=5).fit([view], hidden(SPLITS[0]))
            spread = accuracies(beside(model.affinity_matrix_, model.graph_), "one-hot")
            assert found[f"dsrl, view {v} alone", "one-hot"]["accuracy"] == pytest.approx(spread)
    assert found["dsrl, view 0 alone", "one-hot"] != found["dsrl, view 0 alone", "balanced"]


@pytest.mark.parametrize("training", [{}, {**AUTHORS, "learning_rate": 0.03}], ids=["default", "preset"])
def test_cluster_is_the_clusterer_with_every_seed(data, training):
    outcome = cluster(data, 4, SEEDS, training)
    labels = [DSRLClustering(4, n_neighbors=5, random_state=s, **training).fit_predict(VIEWS) for s in SEEDS]
    expected = [clustering_scores(CODES, found) for found in labels]
    assert outcome.scores == {name: [scores[name] for scores in expected] for name in expected[0]}
    assert outcome.found.labels_.tolist() == labels[0].tolist()
    unknown = Data(data.views, None, np.where(np.arange(60) == 7, -1, CODES), 5)
    partly = [clustering_scores(np.delete(CODES, 7), np.delete(found, 7)) for found in labels]
    assert cluster(unknown, 4, SEEDS, training).scores == {name: [each[name] for each in partly] for name in partly[0]}
    assert cluster(replace(data, codes=np.full(60, -1)), 4, SEEDS, training).scores == {}


def test_controls_of_clustering_are_scored_on_their_embeddings(data):
    dsrl = cluster(data, 4, SEEDS, {})
    found = as_dict(clustering_controls(data, 4, SEEDS, dsrl, {}, hindsight=[0.0, 0.4]))
    model = dsrl.found

    def scored(*graphs):
        points = np.hstack([embed(graph, 4) for graph in graphs])
        labels = [k_means(points, 4, 10, np.random.default_rng(seed)) for seed in SEEDS]
        return [clustering_scores(CODES, labels)["accuracy"] for labels in labels]

    expected = {}
    for names, W, before in ((RAW, HEAT, []), (CANDIDATES, model.affinity_matrix_, [model.affinity_matrix_])):
        tried = [scored(*before, thresholded(W, share)) for share in (0.75, 0.0, 0.4)]
        expected[names[0]], expected[names[1]], expected[names[2]] = tried[1], tried[0], max(tried, key=np.mean)
    theirs = [DSRLClustering(4, affinity="precomputed", preset="authors", random_state=s) for s in SEEDS]
    preset = [clustering_scores(CODES, one.fit_predict(HEAT))["accuracy"] for one in theirs]
    expected["authors' preset"] = preset
    assert {name: scores["accuracy"] for (name, _), scores in found.items()} == expected
    assert len({tuple(scores) for scores in expected.values()}) >= 4


def test_the_preset_is_compared_with_itself_without_candidates(data):
    training = {**AUTHORS, "learning_rate": 0.03}
    dsrl = cluster(data, 4, SEEDS, training)
    found = as_dict(clustering_controls(data, 4, SEEDS, dsrl, training, hindsight=[]))
    assert {name for name, _ in found} == {"raw graph", "soft threshold", "authors' preset"}
    assert found["authors' preset", None] == dsrl.scores


def test_single_views_are_clustered_alone(data):
    found = as_dict(cluster_single_views(data, 4, SEEDS, {}))
    assert [name for name, _ in found] == [f"dsrl, view {v} alone" for v in range(3)]
    for v, view in enumerate(VIEWS):
        labels = DSRLClustering(4, n_neighbors=5, random_state=SEEDS[1]).fit_predict([view])
        assert found[f"dsrl, view {v} alone", None]["nmi"][1] == clustering_scores(CODES, labels)["nmi"]


@pytest.mark.parametrize("parameters", [{"propagation": "poisson"}, {"propagation": "one-hot", "alpha": 3}])
def test_labels_spread_as_the_classifier_is_told(data, parameters):
    outcome = classify(data, SPLITS, parameters)
    assert outcome.propagation == parameters["propagation"]
    for accuracy, known in zip(outcome.scores["accuracy"], SPLITS, strict=True):
        model = DSRLClassifier(n_neighbors=5, **parameters).fit(VIEWS, hidden(known))
        assert accuracy == np.delete(model.transduction_ == CODES, known).mean()


def test_a_view_alone_is_asked_for_the_samples_that_it_has():
    views, seen = holed(VIEWS, 0.4)
    data = Data.of_views(views, CODES, 5)
    names = [f"dsrl, view {v}, its {count}" for v, count in enumerate(seen.sum(axis=0))]
    places = np.flatnonzero(seen[:, 1])
    found = as_dict(classify_single_views(data, SPLITS, {}))
    assert {name for name, _ in found} == set(names)
    alone = Data.of_views([VIEWS[1][places]], CODES[places], 5)
    own = [np.flatnonzero(np.isin(places, known)) for known in SPLITS]
    first = classify(alone, own, {})
    assert found[names[1], "balanced"] == first.scores
    theirs, ours = (classify_on(first.found, alone, own, "one-hot", alpha).scores for alpha in (None, 10.0))
    assert found[names[1], "one-hot"] == theirs != ours
    assert as_dict(cluster_single_views(data, 4, SEEDS, {}))[names[1], None] == cluster(alone, 4, SEEDS, {}).scores
    few = [np.flatnonzero(~seen[:, 1])[:3], SPLITS[0]]  # the first labels no sample of this view
    assert as_dict(classify_single_views(data, few, {}))[names[1], "balanced"] == classify(alone, own[:1], {}).scores
    none = {name for name, _ in as_dict(classify_single_views(data, few[:1], {}))}
    assert names[1] not in none
