"""Both estimators: what they learn, scikit-learn's conventions, bad input."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array

from dsrl_ref import forward
from dsrl_ref.errors import GraphWarning, StartWarning
from dsrl_ref.multiview import (
    DSRLClassifier,
    DSRLClustering,
    clustering_scores,
    complementary_views,
    load_dataset,
    neighbors,
    similarity_graph,
)
from dsrl_ref.multiview.classification import join_labelled_pairs
from dsrl_ref.multiview.estimator import NotFittedError
from dsrl_ref.multiview.learning import learn_graph
from dsrl_ref.multiview.spectral import k_means
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity
from dsrl_ref.training import fit

VIEWS, LABELS = complementary_views(120, random_state=0)
KNOWN = np.where(np.arange(120) < 24, LABELS, -1)
GRAPH = similarity_graph(VIEWS, 8)
ESTIMATORS = [DSRLClustering(4, random_state=0), DSRLClassifier()]


def test_clusters_what_no_view_separates():
    together = DSRLClustering(4, random_state=0).fit_predict(VIEWS)
    alone = [DSRLClustering(4, random_state=0).fit_predict(view) for view in VIEWS]
    assert clustering_scores(LABELS, together)["accuracy"] > 0.9
    assert max(clustering_scores(LABELS, found)["accuracy"] for found in alone) < 0.9


def test_classifies_what_no_view_separates():
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    assert (model.transduction_ == LABELS)[24:].mean() > 0.9
    assert (model.transduction_ == LABELS)[:24].all()
    assert model.label_distributions_.sum(axis=1) == pytest.approx(1)
    assert model.n_features_in_ == 30


@pytest.mark.parametrize("keep", [0.1, 0.5, 1.0])
def test_learning_stops_where_the_share_of_edges_is_kept(keep):
    learned = learn_graph(GRAPH, keep=keep, layers=11, epochs=500, learning_rate=0.02)
    assert keep <= learned.graph.nnz / GRAPH.nnz <= keep + 0.2
    with pytest.warns(GraphWarning, match=r"only .*% of the edges are kept, not 100.0%; raise epochs"):
        earlier = learn_graph(GRAPH, keep=1.0, layers=11, epochs=len(learned.losses) - 1, learning_rate=0.02)
    assert np.count_nonzero(earlier.apply(GRAPH.data)) < keep * GRAPH.nnz


def test_one_outstanding_weight_does_not_stop_the_training():
    dense = 0.03 * GRAPH.toarray()
    dense[0, 1] = dense[1, 0] = 1.0
    learned = learn_graph(csr_array(dense), keep=0.25, layers=11, epochs=200, learning_rate=0.02)
    assert learned.graph.nnz >= 0.25 * GRAPH.nnz
    assert len(learned.losses) < 100


def test_the_learned_graph_is_the_networks_output():
    learned = learn_graph(GRAPH, keep=0.5, layers=5, epochs=500, learning_rate=0.02)
    scaled = GRAPH / GRAPH.data.max()
    output = forward(Fidelity(scaled), learned.theta, learned.L, 5)[-1]
    kept = learned.graph.toarray() != 0
    assert learned.graph.toarray()[kept] == pytest.approx(
        GRAPH.data.max() * output.toarray()[kept], rel=1e-12, abs=1e-15
    )
    assert learned.losses[-1] == pytest.approx(Objective(Fidelity(scaled), layers=5)(learned.theta, learned.L)[0])


def test_no_sample_loses_its_last_edge():
    dense = np.zeros((6, 6))
    dense[:4, :4] = 1 - np.eye(4)
    dense[4, 5] = dense[5, 4] = 0.01
    learned = learn_graph(csr_array(dense), keep=0.5, layers=11, epochs=200, learning_rate=0.02)
    assert np.diff(learned.graph.indptr).min() == 1
    assert (learned.graph != learned.graph.T).nnz == 0
    assert learned.graph[[4], [5]] == learned.graph.data.min()


def test_precomputed_is_the_same_graph():
    candidates = DSRLClassifier().fit(VIEWS, KNOWN).affinity_matrix_
    expected = DSRLClassifier().fit(VIEWS, KNOWN).label_distributions_
    for graph in (candidates, candidates.toarray(), candidates.tocoo()):
        found = DSRLClassifier(affinity="precomputed").fit(graph, KNOWN)
        assert found.label_distributions_ == pytest.approx(expected, abs=1e-12)


def test_a_precomputed_graph_is_symmetrised_and_cleaned():
    dense = GRAPH.toarray()
    spoiled = np.where(dense > 0, dense, -0.1) + 5 * np.eye(120)
    spoiled = np.where(np.tri(120, dtype=bool, k=-1) & (dense > 0), 0.5 * dense, spoiled)
    found = DSRLClustering(4, affinity="precomputed").fit(spoiled).affinity_matrix_
    assert np.array_equal(found.toarray(), dense)


def test_one_array_is_cut_into_views():
    stacked = np.hstack(VIEWS)
    cut = DSRLClustering(4, view_sizes=[10, 10, 10], random_state=0).fit(stacked)
    assert np.array_equal(cut.labels_, DSRLClustering(4, random_state=0).fit_predict(VIEWS))
    assert cut.n_features_in_ == 30


@pytest.mark.parametrize("weights", ["heat", "self-tuning", "adaptive"])
@pytest.mark.parametrize("standardize", ["samples", "features", "auto"])
def test_new_samples_are_classified_like_those_that_were_seen(weights, standardize):
    seen, new = [view[:90] for view in VIEWS], [view[90:] for view in VIEWS]
    model = DSRLClassifier(weights=weights, standardize=standardize).fit(seen, LABELS[:90])
    assert (model.predict(new) == LABELS[90:]).mean() > 0.8
    assert model.predict_proba(new).sum(axis=1) == pytest.approx(1)
    assert model.score(new, LABELS[90:]) == (model.predict(new) == LABELS[90:]).mean()


def test_new_samples_by_their_similarities():
    model = DSRLClassifier(affinity="precomputed").fit(GRAPH, KNOWN)
    rows = np.vstack([GRAPH.toarray()[40:50], np.zeros((1, 120))])
    proba = model.predict_proba(rows)
    assert (model.predict(rows)[:10] == model.transduction_[40:50]).mean() >= 0.9
    assert proba[10].tolist() == [0.25] * 4
    assert np.array_equal(model.predict_proba(csr_array(rows)), proba)


def test_isolated_samples_get_a_uniform_row():
    graph = GRAPH.toarray()
    graph[50], graph[:, 50] = 0, 0
    model = DSRLClassifier(affinity="precomputed").fit(graph, KNOWN)
    assert model.label_distributions_[50].tolist() == [0.25] * 4


@pytest.mark.parametrize("propagation", ["balanced", "one-hot", "normalized"])
def test_every_propagation_classifies(propagation):
    model = DSRLClassifier(propagation=propagation).fit(VIEWS, KNOWN)
    assert (model.transduction_ == LABELS)[24:].mean() > 0.8


@pytest.mark.parametrize("names", [np.array(["a", "b", "c", "d"], dtype=object), np.array([7, -3, 100, 5])])
def test_classes_may_have_any_names(names):
    unlabelled = None if names.dtype == object else -1
    y = np.array([names[label] if label >= 0 else unlabelled for label in KNOWN])
    model = DSRLClassifier().fit(VIEWS, y)
    expected = DSRLClassifier().fit(VIEWS, KNOWN).transduction_
    assert model.classes_.tolist() == sorted(names.tolist())
    assert np.array_equal(model.transduction_, names[expected])


@pytest.mark.parametrize(
    "given",
    [
        [str(label) if label >= 0 else -1 for label in KNOWN],
        [str(label) if label >= 0 else None for label in KNOWN],
        np.array([label if label >= 0 else np.int64(-1) for label in KNOWN], dtype=object),
        np.array([float(label) for label in KNOWN], dtype=object),
        [None if label < 0 else int(label) for label in KNOWN],
        KNOWN.tolist(),
    ],
    ids=["strings and -1", "strings and None", "NumPy's -1", "-1.0", "numbers and None", "list"],
)
def test_the_unlabelled_are_never_a_class(given):
    model = DSRLClassifier().fit(VIEWS, given)
    assert [int(label) for label in model.classes_] == [0, 1, 2, 3]
    assert np.array_equal(model.transduction_.astype(int), DSRLClassifier().fit(VIEWS, KNOWN).transduction_)


def test_one_class_is_everywhere():
    model = DSRLClassifier().fit(VIEWS, np.where(KNOWN == 2, 2, -1))
    assert set(model.transduction_) == {2}


def test_the_result_does_not_depend_on_the_run():
    first, second = (DSRLClustering(4, random_state=3).fit(VIEWS) for _ in range(2))
    assert np.array_equal(first.labels_, second.labels_)
    assert np.array_equal(first.embedding_, second.embedding_)


@pytest.mark.parametrize(
    "random_state", [np.random.default_rng(0), np.random.SeedSequence(0), np.random.RandomState(0)]
)
def test_random_states_of_every_kind(random_state):
    assert len(DSRLClustering(4, random_state=random_state).fit_predict(VIEWS)) == 120


def test_inputs_are_left_as_they_are():
    copies = [view.copy() for view in VIEWS]
    graph = GRAPH.copy()
    DSRLClustering(4, random_state=0).fit(VIEWS)
    DSRLClassifier(affinity="precomputed", preset="authors").fit(graph, KNOWN)
    assert all(np.array_equal(a, b) for a, b in zip(copies, VIEWS, strict=True))
    assert (graph != GRAPH).nnz == 0


def test_labelled_pairs_are_joined_with_weight_1():
    codes = np.array([0, 1, 0, -1, 1])
    joined = join_labelled_pairs(csr_array(np.full((5, 5), 0.5) - 0.5 * np.eye(5)), codes).toarray()
    for i in range(5):
        for j in range(5):
            same = codes[i] == codes[j] >= 0
            assert joined[i, j] == (1 if same else 0 if i == j else 0.5)


def test_the_preset_needs_no_other_parameter():
    model = DSRLClassifier(preset="authors").fit(VIEWS, KNOWN)
    assert model.n_iter_ == 10
    assert (model.transduction_ == LABELS)[24:].mean() > 0.5
    assert DSRLClustering(4, preset="authors", epochs=30, random_state=0).fit(VIEWS).n_iter_ == 30
    rows = DSRLClustering(4, embedding="rows", random_state=0).fit(VIEWS)
    assert rows.embedding_.shape == (120, 4)


def test_parameters_are_read_and_set():
    model = DSRLClustering(3, weights="heat")
    assert model.get_params()["weights"] == "heat"
    assert model.set_params(n_clusters=5) is model
    assert repr(model) == "DSRLClustering(n_clusters=5, weights='heat')"
    with pytest.raises(ValueError, match="Invalid parameter 'cluster' for estimator"):
        model.set_params(cluster=3)


def test_prediction_before_fit_is_refused():
    with pytest.raises((NotFittedError, ValueError), match="DSRLClassifier instance is not fitted yet"):
        DSRLClassifier().predict(VIEWS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"affinity": "rbf"}, "affinity must be one of 'views', 'precomputed', got 'rbf'"),
        ({"preset": "paper"}, "preset must be one of 'authors', got 'paper'"),
        ({"keep": 0}, r"keep must be a share of the edges, in \(0, 1\], got 0.0"),
        ({"learning_rate": -1}, "learning_rate must be positive, got -1.0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"n_neighbors": 0}, "n_neighbors must be at least 1, got 0"),
        ({"view_sizes": [3]}, "view_sizes is for one array"),
        ({"preset": "authors", "layers": 3}, "has 11 layers"),
        ({"preset": "authors", "keep": 2}, r"keep must be a share of the edges, in \(0, 1\], got 2.0"),
        ({"preset": "authors", "weights": "cosine"}, "weights must be one of"),
        ({"standardize": "rows"}, "standardize must be one of"),
        ({"affinity": "precomputed", "view_sizes": [10, 10]}, "view_sizes cuts views"),
    ],
)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_bad_parameters_are_refused(estimator, parameters, message):
    model = type(estimator)(**{**estimator.get_params(), **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(VIEWS, KNOWN)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([VIEWS[0], VIEWS[1][:5]], r"views\[1\] has 5 samples, but views\[0\] has 120"),
        ([VIEWS[0], np.full((120, 2), np.nan)], r"views\[1\] contains NaN"),
        (np.ones((2, 3)), "minimum of 3 is required"),
        (np.ones(4), "Expected 2D array"),
        ([VIEWS[0], VIEWS[1][:, 0]], r"views\[1\]: Expected 2D array, got 1D array"),
        ([], r"X is \[\]: at least one view"),
    ],
)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_bad_views_are_refused(estimator, X, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, np.zeros(len(X)))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (np.full(120, -1), "all samples are unlabelled"),
        (np.full(120, None), "all samples are unlabelled"),
        (np.zeros(3), "inconsistent numbers of samples: X has 120, y has 3"),
        (np.full(120, 0.5), r"Unknown label type: continuous. y\[0\] = 0.5"),
        (np.append(np.nan, np.zeros(119)), r"Input y contains NaN: y\[0\]"),
        (np.append(np.inf, np.zeros(119)), r"Input y contains infinity: y\[0\]"),
        (np.array([np.nan] + ["a"] * 119, dtype=object), r"Input y contains NaN: y\[0\]"),
        (np.zeros((120, 2)), "should be a 1d array"),
        (np.ma.masked_array(LABELS, mask=KNOWN < 0), r"y has masked entries, the first at y\[24\]"),
        (np.array(["a"] * 119 + ["-1"], dtype=object), r"y\[119\] = '-1' is a string"),
        (np.array(["a"] * 119 + ["-1"]), r"y\[119\] = '-1' is a string"),
        ([{"a"}] * 120, r"Unknown label type: y\[0\] = \{'a'\} is neither a number nor a string"),
        (np.zeros(120, dtype=complex), "Unknown label type: y has dtype complex128"),
    ],
)
def test_bad_labels_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        DSRLClassifier().fit(VIEWS, y)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="n_clusters = 200 is more than the 120 samples"):
        DSRLClustering(200).fit(VIEWS)
    with pytest.raises(ValueError, match="embedding must be one of 'graph', 'rows'"):
        DSRLClustering(3, embedding="umap").fit(VIEWS)
    with pytest.raises(TypeError, match=r"random_state must be None, an integer or a generator, got 0\.5"):
        DSRLClustering(3, random_state=0.5).fit(VIEWS)
    with pytest.raises(ValueError, match="alpha must not be negative"):
        DSRLClassifier(alpha=-1).fit(VIEWS, KNOWN)
    with pytest.raises(ValueError, match=r"propagation must be one of .balanced., .one-hot., .normalized."):
        DSRLClassifier(propagation="none").fit(VIEWS, KNOWN)
    with pytest.raises(ValueError, match=r"view_sizes = .* has sum 20, but X has 30 features"):
        DSRLClassifier(view_sizes=[10, 10]).fit(np.hstack(VIEWS), KNOWN)
    with pytest.raises(ValueError, match="must be a square matrix"):
        DSRLClustering(3, affinity="precomputed").fit(VIEWS[0])
    with pytest.raises(TypeError, match="view_sizes must be a list of one integer a view, got 5"):
        DSRLClassifier(view_sizes=5).fit(np.hstack(VIEWS), KNOWN)
    with pytest.raises(TypeError, match=r"y mixes strings and numbers: y\[0\] = 'a', y\[1\] = 0"):
        DSRLClassifier().fit(VIEWS, ["a"] + [0] * 119)
    with pytest.raises(ValueError, match="X is None: at least one view"):
        DSRLClassifier().fit(None, KNOWN)
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    with pytest.raises(ValueError, match="X has 10 features, but DSRLClassifier is expecting 30 features"):
        model.predict(VIEWS[0])
    with pytest.raises(ValueError, match=r"X has views of \[30\] features, but fit saw \[10, 10, 10\]"):
        model.predict(np.hstack(VIEWS))


def test_a_column_of_labels_is_read_with_a_warning():
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        found = DSRLClassifier().fit(VIEWS, KNOWN[:, np.newaxis])
    assert np.array_equal(found.transduction_, DSRLClassifier().fit(VIEWS, KNOWN).transduction_)


def test_k_clusters_of_k_samples_and_one_of_all():
    few = [view[:6] for view in VIEWS]
    assert len(set(DSRLClustering(6, n_neighbors=4, random_state=0).fit_predict(few))) >= 5
    assert set(DSRLClustering(1, n_neighbors=4).fit_predict(few)) == {0}


@pytest.mark.parametrize("preset", [None, "authors"])
def test_more_neighbours_than_samples_are_as_many_as_there_are(preset):
    few = [view[:12] for view in VIEWS]
    with pytest.warns(GraphWarning, match="n_neighbors = 12, but each of 12 samples has only 11 neighbours"):
        found = DSRLClustering(2, n_neighbors=12, preset=preset, epochs=100, random_state=0).fit(few)
    assert np.array_equal(
        found.labels_, DSRLClustering(2, n_neighbors=11, preset=preset, epochs=100, random_state=0).fit(few).labels_
    )


def test_many_neighbours_of_more_samples_than_are_looked_at(monkeypatch):
    monkeypatch.setattr(neighbors, "SAMPLED", 30)
    assert len(set(DSRLClustering(4, n_neighbors=20, random_state=0).fit_predict(VIEWS))) == 4


def test_few_epochs_are_told():
    with pytest.warns(GraphWarning, match="after 2 epochs only .*% of the edges are kept, not 25.0%"):
        DSRLClustering(4, epochs=2).fit(VIEWS)


def test_a_constant_view_changes_nothing_but_is_named():
    constant = np.full((120, 3), 7.0)
    with pytest.warns(GraphWarning, match=r"views\[3\] is constant"):
        model = DSRLClassifier(standardize="features").fit([*VIEWS, constant], KNOWN)
    expected = DSRLClassifier(standardize="features").fit(VIEWS, KNOWN)
    assert np.array_equal(model.transduction_, expected.transduction_)
    new = [view[:5] for view in [*VIEWS, constant]]
    assert np.array_equal(model.predict(new), expected.predict(new[:3]))


class Table(np.ndarray):
    """An array with names of columns, as a data frame has."""

    def __new__(cls, values, columns):
        table = np.asarray(values).view(cls)
        table.columns = columns
        return table


def test_names_of_features_of_views_are_compared():
    tables = [Table(view, [f"{v}.{j}" for j in range(10)]) for v, view in enumerate(VIEWS)]
    turned = [Table(np.asarray(table)[:, ::-1], table.columns[::-1]) for table in tables]
    model = DSRLClassifier().fit(tables, KNOWN)
    assert len(model.feature_names_in_) == 30
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
        model.predict(turned)


def test_a_refused_fit_leaves_the_model_as_it_was():
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    expected = model.predict(VIEWS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit([view[:, :4] for view in VIEWS], KNOWN[:3])
    assert np.array_equal(model.predict(VIEWS), expected)


def test_what_was_seen_is_the_models_own():
    views = [view.copy() for view in VIEWS]
    model = DSRLClassifier().fit(views, KNOWN)
    expected = model.predict(VIEWS)
    for view in views:
        view[:] = view[::-1].copy()
    assert np.array_equal(model.predict(VIEWS), expected)


def test_a_feature_that_was_constant_stays_without_meaning():
    seen = [np.column_stack([view[:90], np.full(90, 3.0)]) for view in VIEWS]
    new = [np.column_stack([view[90:], np.full(30, 1000.0)]) for view in VIEWS]
    model = DSRLClassifier().fit(seen, LABELS[:90])
    expected = DSRLClassifier().fit([view[:90] for view in VIEWS], LABELS[:90])
    assert np.array_equal(model.predict(new), expected.predict([view[90:] for view in VIEWS]))


def test_scores_are_of_the_labelled_and_weighted():
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    judged = np.where(np.arange(120) % 5 == 0, (LABELS + 1) % 4, LABELS)
    right = model.predict(VIEWS) == judged
    some = np.where(np.arange(120) % 3 == 0, judged, -1)
    assert model.score(VIEWS, some) == right[::3].mean()
    weights = np.arange(120.0)
    assert model.score(VIEWS, judged, sample_weight=weights) == pytest.approx(np.average(right, weights=weights))
    with pytest.raises(TypeError, match="y has labels like '0', but fit saw 0"):
        model.score(VIEWS, [str(label) for label in LABELS])


def test_labelled_samples_keep_their_class_with_certainty():
    wrong = np.where(np.arange(120) == 5, (LABELS + 1) % 4, KNOWN)
    model = DSRLClassifier().fit(VIEWS, wrong)
    assert model.label_distributions_[:24].tolist() == np.eye(4)[wrong[:24]].tolist()


def test_a_learning_rate_that_is_too_large_is_named():
    with pytest.raises(ValueError, match=r"learning_rate = 5.0 is too large: training came to L = -"):
        DSRLClassifier(learning_rate=5).fit(VIEWS, KNOWN)
    with pytest.warns(GraphWarning, match="the network kept no edge: take other epochs"):
        DSRLClustering(4, preset="authors", epochs=1).fit(VIEWS)


@pytest.mark.parametrize("random_state", [-1, "a"])
def test_bad_random_states_are_named(random_state):
    with pytest.raises((TypeError, ValueError), match="random_state = "):
        DSRLClustering(4, random_state=random_state).fit(VIEWS)


def test_documented_defaults():
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    candidates = similarity_graph(VIEWS, 30, weights="adaptive", standardize="auto")
    assert (model.affinity_matrix_ != candidates).nnz == 0
    by_hand = DSRLClassifier(n_neighbors=10, keep=0.25, alpha=10.0).fit(VIEWS, KNOWN)
    assert np.array_equal(model.label_distributions_, by_hand.label_distributions_)
    graphs = [DSRLClustering(4, affinity="precomputed", keep=keep).fit(GRAPH).graph_ for keep in (None, 0.5)]
    assert (graphs[0] != graphs[1]).nnz == 0


def naive_links(view, new, k):
    """Heat weights of new samples to their k nearest of those seen, loop by loop, both standardised along samples."""

    def ready(matrix):
        return [(row - row.mean()) / (row.std(ddof=1) + 1e-8) for row in matrix]

    seen, t = ready(view), 0.0
    for a in seen:
        t += sum(np.linalg.norm(a - b) for b in seen)
    t /= len(seen) ** 2
    links = np.zeros((len(new), len(view)))
    for i, a in enumerate(ready(new)):
        d = [np.linalg.norm(a - b) for b in seen]
        for j in np.argsort(d)[:k]:
            links[i, j] = np.exp(-(d[j] ** 2) / (2 * t**2))
    return links


def test_new_samples_are_joined_by_the_formula():
    seen, new = [view[:40] for view in VIEWS], [view[40:60] for view in VIEWS]
    shares = [0.5, 0.2, 0.3]
    options = {"weights": "heat", "standardize": "samples", "view_weights": [5, 2, 3]}
    model = DSRLClassifier(n_neighbors=2, **options).fit(seen, LABELS[:40])
    links = sum(s * naive_links(a, b, 6) for s, a, b in zip(shares, seen, new, strict=True))
    scale = model.scale_
    network = Objective(Fidelity(np.zeros((1, 1))), layers=11).scalar_map(model.theta_, model.L_)
    kept = scale * np.maximum(network(links / scale), 0)
    kept = np.where(kept.any(axis=1, keepdims=True), kept, links)
    expected = kept @ model.label_distributions_
    expected /= expected.sum(axis=1, keepdims=True)
    assert not (kept == links).all()
    assert model.predict_proba(new) == pytest.approx(expected, abs=1e-9)


def test_a_new_sample_that_would_lose_all_links_keeps_them_as_they_are():
    model = DSRLClassifier(affinity="precomputed").fit(GRAPH, KNOWN)
    weak = np.zeros((1, 120))
    weak[0, 40] = 1e-9
    assert model.predict_proba(weak) == pytest.approx(model.label_distributions_[[40]])


def test_the_clustering_preset_is_the_authors_program():
    model = DSRLClustering(4, preset="authors", n_neighbors=6, epochs=30, random_state=3).fit(VIEWS)
    W = similarity_graph(VIEWS, 6).toarray()
    with pytest.warns(StartWarning):
        learned = fit(Objective(Fidelity(W), layers=11), method="authors", epochs=30)
    X = forward(Fidelity(W), learned.theta, learned.L, 11)[-1]
    affinity = np.exp(-(((X[:, np.newaxis] - X) ** 2).sum(axis=2)) / len(X))
    np.fill_diagonal(affinity, 0)
    roots = np.diag(affinity.sum(axis=1) ** 0.5)
    top = np.linalg.eigh(roots @ affinity @ roots)[1][:, ::-1][:, :4]
    top /= np.linalg.norm(top, axis=1, keepdims=True)
    assert model.embedding_ @ model.embedding_.T == pytest.approx(top @ top.T, abs=1e-8)
    assert np.array_equal(model.labels_, k_means(model.embedding_, 4, 1, np.random.default_rng(3)))


def test_the_preset_runs_k_means_once():
    runs = [DSRLClustering(4, preset="authors", epochs=30, n_init=n, random_state=3).fit(VIEWS) for n in (1, 50)]
    assert np.array_equal(runs[0].labels_, runs[1].labels_)


def test_the_preset_predicts():
    model = DSRLClassifier(preset="authors", epochs=30).fit([view[:90] for view in VIEWS], LABELS[:90])
    assert (model.predict([view[90:] for view in VIEWS]) == LABELS[90:]).mean() > 0.7


def test_names_of_features_are_remembered_compared_and_forgotten():
    names = [f"f{j}" for j in range(10)]
    model = DSRLClassifier().fit(Table(VIEWS[0], names), KNOWN)
    assert model.feature_names_in_.tolist() == names
    assert len(model.predict(Table(VIEWS[0], names))) == 120
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
        model.predict(Table(VIEWS[0], names[::-1]))
    assert not hasattr(model.fit(VIEWS[0], KNOWN), "feature_names_in_")


@pytest.mark.peer
@pytest.mark.parametrize("affinity", ["views", "precomputed"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit:UserWarning")
def test_scikit_learns_checks_pass(estimator, affinity):
    checks = pytest.importorskip(
        "sklearn.utils.estimator_checks", reason="scikit-learn is missing: pip install '.[dev]'"
    )
    expected = {"check_classifiers_classes": "label -1 means unlabelled here"}
    model = type(estimator)(affinity=affinity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", checks.SkipTestWarning)  # not a mark: pytest would import the class for it
        warnings.filterwarnings("ignore", "n_neighbors = 10, but", GraphWarning)  # some check with 10 samples
        done = checks.check_estimator(model, on_fail=None, expected_failed_checks=expected)
    failed = [(check["check_name"], check["exception"]) for check in done if check["status"] == "failed"]
    assert failed == []
    assert sum(check["status"] == "passed" for check in done) >= 40


@pytest.mark.peer
def test_works_in_pipelines_and_searches():
    selection = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is missing: pip install '.[dev]'")
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    stacked = np.hstack(VIEWS)
    model = make_pipeline(StandardScaler(), DSRLClassifier(view_sizes=[10, 10, 10]))
    search = selection.GridSearchCV(model, {"dsrlclassifier__alpha": [1.0, 10.0]}, cv=3).fit(stacked, LABELS)
    assert search.best_score_ > 0.8
    assert clone(DSRLClustering(5)).n_clusters == 5


def test_the_digits_are_clustered_and_classified():
    views, labels = load_dataset("digits")
    found = DSRLClustering(10, random_state=0).fit(views)
    assert clustering_scores(labels, found.labels_)["accuracy"] > 0.85
    known = np.where(np.random.default_rng(0).random(len(labels)) < 0.1, labels, -1)
    model = DSRLClassifier().fit(views, known)
    assert (model.transduction_ == labels)[known < 0].mean() > 0.97
