"""The classifier: what it says of samples that it saw and of new ones, against dense solves and the formula."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peaks import with_peak
from scipy.sparse import csr_array
from strategies import examples
from views import GRAPH, KNOWN, LABELS, VIEWS, beside

from dsrl_ref import Fidelity, Objective, forward, memory
from dsrl_ref.errors import GraphWarning, SizeError, StartWarning
from dsrl_ref.multiview import DSRLClassifier, load_dataset, similarity_graph
from dsrl_ref.multiview.classification import PAIR, join_labelled_pairs
from dsrl_ref.multiview.propagation import propagate
from dsrl_ref.training import fit

SEEN, NEW = [view[:90] for view in VIEWS], [view[90:] for view in VIEWS]


@pytest.fixture(scope="module")
def model():
    """Fitted once for those who only look."""
    return DSRLClassifier().fit(VIEWS, KNOWN)


@pytest.fixture(scope="module")
def of_graph():
    return DSRLClassifier(affinity="precomputed").fit(GRAPH, KNOWN)


def spread(graph, codes, classes, alpha, balanced=True, unit=None):
    """(I + α(D - W)/d) F = sources, all dense; rows of sum 1."""
    W = graph.toarray()
    degrees = W.sum(axis=1)
    sources = np.array([[float(code == c) for c in range(classes)] for code in codes])
    if balanced:
        sources /= sources.sum(axis=0)
    laplacian = (np.diag(degrees) - W) / (degrees.mean() if unit is None else unit)
    F = np.linalg.solve(np.eye(len(W)) + alpha * laplacian, sources)
    return F / F.sum(axis=1, keepdims=True)


def test_classifies_what_no_view_separates(model):
    assert (model.transduction_ == LABELS)[24:].mean() > 0.9
    assert (model.transduction_ == LABELS)[:24].all()
    assert model.label_distributions_.sum(axis=1) == pytest.approx(1)
    assert model.classes_.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("parameters", "balanced", "alpha"),
    [({}, True, 10), ({"alpha": 3}, True, 3), ({"propagation": "one-hot"}, False, 10), ({"alpha": 0}, True, 0)],
)
def test_labels_spread_over_the_learned_graph_and_the_candidates(parameters, balanced, alpha, recwarn):
    uneven = np.where((KNOWN == 0) & (np.arange(120) % 2 == 0), -1, KNOWN)
    model = DSRLClassifier(**parameters).fit(VIEWS, uneven)
    warned = [str(each.message) for each in recwarn.list]
    if alpha:
        assert not warned
        assert model.reached_.all()
        expected = spread(beside(model.affinity_matrix_, model.graph_), uneven, 4, alpha, balanced)
        assert model.label_distributions_[uneven < 0] == pytest.approx(expected[uneven < 0], abs=1e-9)
    else:
        assert model.label_distributions_[uneven < 0].tolist() == [[0.25] * 4] * np.count_nonzero(uneven < 0)
        assert [text.split(" of ")[0] for text in warned] == [f"no label reaches {np.count_nonzero(uneven < 0)}"]
        assert np.array_equal(model.reached_, uneven >= 0)
    assert model.label_distributions_[uneven >= 0].tolist() == np.eye(4)[uneven[uneven >= 0]].tolist()


def test_the_normalised_propagation_classifies():
    model = DSRLClassifier(propagation="normalized").fit(VIEWS, KNOWN)
    assert (model.transduction_ == LABELS)[24:].mean() > 0.8


def test_poisson_learning_classifies_by_its_largest_share():
    model = DSRLClassifier(propagation="poisson", alpha=0).fit(VIEWS, KNOWN)
    (F,) = propagate(beside(model.affinity_matrix_, model.graph_), [KNOWN], 4, "poisson", None)
    assert (model.transduction_ == LABELS)[24:].mean() > 0.8
    assert np.array_equal(model.transduction_[24:], F[24:].argmax(axis=1))
    assert model.label_distributions_[24:] == pytest.approx(F[24:])
    assert model.label_distributions_.sum(axis=1) == pytest.approx(1)
    assert model.reached_.all()


def test_the_preset_is_the_authors_program():
    model = DSRLClassifier(preset="authors", alpha=7, propagation="balanced", n_neighbors=6).fit(VIEWS, KNOWN)
    W = similarity_graph(VIEWS, 6).toarray()
    for i in range(24):
        W[i, :24] = np.where(KNOWN[:24] == KNOWN[i], 1.0, W[i, :24])
    assert np.array_equal(model.affinity_matrix_.toarray(), W)
    with pytest.warns(StartWarning):
        learned = fit(Objective(Fidelity(W), layers=11), method="authors", epochs=10, learning_rate=0.05)
    X = forward(Fidelity(W), learned.theta, learned.L, 11)[-1]
    expected = spread(csr_array(X), KNOWN, 4, 1.0, balanced=False, unit=1.0)
    assert model.n_iter_ == 10
    assert model.graph_.toarray() == pytest.approx(X, abs=1e-12)
    assert model.label_distributions_ == pytest.approx(expected, abs=1e-9)
    assert model.label_distributions_[:24].max() < 1


def test_the_preset_predicts():
    model = DSRLClassifier(preset="authors", epochs=30).fit(SEEN, LABELS[:90])
    assert (model.predict(NEW) == LABELS[90:]).mean() > 0.7


def test_labelled_pairs_are_joined_with_weight_1():
    codes = np.array([0, 1, 0, -1, 1, -1])
    given = csr_array(np.full((6, 6), 0.5) - 0.5 * np.eye(6))
    joined = join_labelled_pairs(given, codes)
    for i in range(6):
        for j in range(6):
            same = codes[i] == codes[j] >= 0
            assert joined[[i], [j]] == (1 if same else 0 if i == j else 0.5)
    assert joined.nnz == np.count_nonzero(joined.toarray())
    assert joined.has_sorted_indices
    assert given.max() == 0.5


def test_labelled_samples_keep_their_class_with_certainty():
    wrong = np.where(np.arange(120) == 5, (LABELS + 1) % 4, KNOWN)
    model = DSRLClassifier().fit(VIEWS, wrong)
    assert model.label_distributions_[:24].tolist() == np.eye(4)[wrong[:24]].tolist()
    assert model.transduction_[5] == wrong[5]


def test_samples_that_no_label_reaches_are_counted_and_marked_and_get_a_uniform_row():
    graph = GRAPH.toarray()
    graph[[50, 70]], graph[:, [50, 70]] = 0, 0
    message = "no label reaches 2 of 120 samples, the first of them sample 50: .* label more samples"
    with pytest.warns(GraphWarning, match=message) as warned:
        model = DSRLClassifier(affinity="precomputed").fit(graph, KNOWN)
    assert [Path(each.filename).name for each in warned] == [Path(__file__).name]
    assert model.label_distributions_[[50, 70]].tolist() == [[0.25] * 4] * 2
    assert np.flatnonzero(~model.reached_).tolist() == [50, 70]
    assert model.transduction_[50] == 0


@examples(40)
@given(
    edges=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0.01, 1)), max_size=20),
    labelled=st.dictionaries(st.integers(0, 11), st.sampled_from([0, 2, 3]), min_size=1, max_size=4),
    propagation=st.sampled_from(["balanced", "one-hot", "normalized", "poisson"]),
)
def test_labels_reach_what_edges_join_to_a_labelled_sample(edges, labelled, propagation):
    """Of the candidates, walked edge by edge: what the network takes away is still among what labels spread over."""
    graph = np.zeros((12, 12))
    for i, j, weight in edges:
        graph[i, j] = graph[j, i] = weight
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GraphWarning)
        y = [labelled.get(i, -1) for i in range(12)]
        model = DSRLClassifier(affinity="precomputed", propagation=propagation).fit(graph, y)
    reached = set(labelled)
    for _ in range(12):
        reached |= {j for i in reached for j in range(12) if i != j and graph[i, j] > 0}
    assert np.flatnonzero(model.reached_).tolist() == sorted(reached)
    uniform = (model.label_distributions_ == 1 / len(model.classes_)).all(axis=1)
    assert uniform[~model.reached_].all()


def test_new_samples_are_reached_through_neighbours_that_are():
    graph = GRAPH.toarray()
    graph[50], graph[:, 50] = 0, 0
    with pytest.warns(GraphWarning, match="no label reaches 1 of 120"):
        model = DSRLClassifier(affinity="precomputed").fit(graph, KNOWN)
    rows = np.zeros((4, 120))
    rows[0, 7], rows[1, 50], rows[2, [7, 50]] = 0.5, 0.5, 0.5
    with pytest.warns(GraphWarning, match="no label reaches 2 of 4 samples, the first of them sample 1: .* fit with"):
        proba, reached = model.predict_reached(rows)
    assert reached.tolist() == [True, False, True, False]
    assert proba[[1, 3]].tolist() == [[0.25] * 4] * 2
    with pytest.warns(GraphWarning, match="no label reaches 2 of 4") as warned:
        assert np.array_equal(model.predict_proba(rows), proba)
    assert [Path(each.filename).name for each in warned] == [Path(__file__).name]


@pytest.mark.parametrize("parameters", [{}, {"preset": "authors"}, {"weights": "heat", "n_neighbors": 4}], ids=str)
def test_views_that_fit_saw_get_what_it_found(parameters):
    """Also among new ones, in any order, alone, and whatever the class of their neighbours."""
    wrong = np.where(np.arange(90) == 5, (LABELS[:90] + 1) % 4, KNOWN[:90])
    model = DSRLClassifier(**parameters).fit(SEEN, wrong)
    order = np.random.default_rng(0).permutation(120)
    mixed = [view[order] for view in VIEWS]
    seen = order < 90
    assert np.array_equal(model.predict(mixed)[seen], model.transduction_[order[seen]])
    assert model.predict_proba(mixed)[seen] == pytest.approx(model.label_distributions_[order[seen]], abs=1e-15)
    assert model.predict([view[[5]] for view in VIEWS]).tolist() == [model.transduction_[5]]


@pytest.mark.parametrize("names", [np.array(["d", "a", "c", "b"], dtype=object), np.array([7, -3, 100, 5])])
def test_classes_may_have_any_names(names, model):
    unlabelled = None if names.dtype == object else -1
    y = np.array([names[label] if label >= 0 else unlabelled for label in KNOWN])
    found = DSRLClassifier().fit(VIEWS, y)
    assert found.classes_.tolist() == sorted(names.tolist())
    assert np.array_equal(found.transduction_, names[model.transduction_])
    assert np.array_equal(found.predict(VIEWS), names[model.predict(VIEWS)])


def test_the_unlabelled_among_strings_are_never_a_class(model):
    found = DSRLClassifier().fit(VIEWS, [str(label) if label >= 0 else -1 for label in KNOWN])
    assert found.classes_.tolist() == ["0", "1", "2", "3"]
    assert np.array_equal(found.transduction_.astype(int), model.transduction_)


def test_one_class_is_everywhere():
    model = DSRLClassifier().fit(VIEWS, np.where(KNOWN == 2, 2, -1))
    assert set(model.transduction_) == {2}


@pytest.mark.parametrize("weights", ["heat", "self-tuning", "adaptive"])
@pytest.mark.parametrize("standardize", ["samples", "features"])
def test_new_samples_are_classified_like_those_that_were_seen(weights, standardize):
    model = DSRLClassifier(weights=weights, standardize=standardize).fit(SEEN, LABELS[:90])
    assert model.score(NEW, LABELS[90:]) == (model.predict(NEW) == LABELS[90:]).mean() > 0.8
    assert model.predict_proba(NEW).sum(axis=1) == pytest.approx(1)


def test_new_samples_have_the_mean_of_their_neighbours_by_what_the_network_keeps():
    model = DSRLClassifier(n_neighbors=2, weights="heat").fit(SEEN, LABELS[:90])
    links = model._fitted.seen.joiner(NEW).toarray()
    kept = model.scale_ * forward(Fidelity(links / model.scale_), model.theta_, model.L_, 11)[-1]
    lost = ~kept.any(axis=1)
    kept[lost] = links[lost]
    assert np.count_nonzero(kept) < np.count_nonzero(links)
    expected = kept @ model.label_distributions_
    assert model.predict_proba(NEW) == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-9)
    assert model.predict(NEW).tolist() == expected.argmax(axis=1).tolist()


def test_new_samples_by_their_similarities(of_graph):
    rows = GRAPH.toarray()[40:50]
    proba = of_graph.predict_proba(rows)
    assert (of_graph.predict(rows) == of_graph.transduction_[40:50]).mean() >= 0.9
    assert np.array_equal(of_graph.predict_proba(csr_array(rows)), proba)


def test_a_new_sample_that_would_lose_all_links_keeps_them_as_they_are(of_graph):
    weak = np.zeros((2, 120))
    weak[0, 40] = 1e-9
    weak[1, [40, 41, 42]] = 1e-9, 3e-9, 1.0
    expected = of_graph.label_distributions_[[40, 42]]
    assert of_graph.predict_proba(weak) == pytest.approx(expected)


def test_scores_are_of_the_labelled_and_weighted(model):
    judged = np.where(np.arange(120) % 5 == 0, (LABELS + 1) % 4, LABELS)
    right = model.predict(VIEWS) == judged
    some = np.where(np.arange(120) % 3 == 0, judged, -1)
    weights = 1 + np.arange(120.0)
    assert model.score(VIEWS, judged) == right.mean() < 1
    assert model.score(VIEWS, some) == right[::3].mean()
    assert model.score(VIEWS, judged, sample_weight=weights) == pytest.approx(np.average(right, weights=weights))
    expected = np.average(right[::3], weights=weights[::3])
    assert model.score(VIEWS, some, sample_weight=weights.tolist()) == pytest.approx(expected)
    with pytest.raises(TypeError, match="y has labels like '0', but fit saw 0"):
        model.score(VIEWS, [str(label) for label in LABELS])


def test_a_class_that_fit_did_not_see_is_scored_as_wrong():
    model = DSRLClassifier().fit(VIEWS, np.where(KNOWN == 3, -1, KNOWN))
    assert model.score(VIEWS, LABELS) == (model.predict(VIEWS) == LABELS).mean() < 0.8


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="This DSRLClassifier requires y to be passed, but the target y is None"):
        DSRLClassifier().fit(VIEWS, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples: X has 120, y has 3"):
        DSRLClassifier().fit(VIEWS, KNOWN[:3])
    with pytest.raises(ValueError, match="alpha must not be negative, got -1"):
        DSRLClassifier(alpha=-1).fit(VIEWS, KNOWN)
    with pytest.raises(ValueError, match=r"propagation must be one of .balanced., .one-hot., .normalized., .poisson."):
        DSRLClassifier(propagation="none").fit(VIEWS, KNOWN)
    with pytest.raises(ValueError, match="keep must be a share of the edges"):
        DSRLClassifier(keep=2).fit(VIEWS, KNOWN)
    with pytest.raises(ValueError, match=r"learning_rate = 5.0 is too large: training came to L = -"):
        DSRLClassifier(learning_rate=5).fit(VIEWS, KNOWN)
    with pytest.raises((ValueError, AttributeError), match=r"DSRLClassifier instance is not fitted yet\. Call 'fit'"):
        DSRLClassifier().predict(VIEWS)


@pytest.mark.parametrize("samples", [400, pytest.param(1797, marks=pytest.mark.nightly)])
def test_the_digits_are_classified(samples):
    views, labels = load_dataset("digits")
    known = np.where(np.random.default_rng(0).random(samples) < 0.1, labels[:samples], -1)
    model = DSRLClassifier().fit([view[:samples] for view in views], known)
    assert (model.transduction_ == labels[:samples])[known < 0].mean() > 0.9 + 0.07 * (samples > 400)


@pytest.mark.usefixtures("uncounted")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_more_threads_are_taken_than_asked_for(n_jobs):
    model = DSRLClassifier(n_jobs=n_jobs).fit(VIEWS, KNOWN)
    assert len(model.predict([view[:7] + 1 for view in VIEWS])) == 7


def test_a_bad_number_of_threads_is_refused_before_the_work():
    with pytest.raises(ValueError, match="n_jobs must be -1, for all processors, or at least 1, got 0"):
        DSRLClassifier(n_jobs=0).fit([], KNOWN)


def test_pairs_of_labelled_samples_that_do_not_fit_are_refused_by_name(monkeypatch):
    codes = np.repeat([0, 1, -1], [30, 40, 50])
    room = PAIR * (30**2 + 40**2)
    monkeypatch.setattr(memory, "free_memory", lambda: room)
    assert join_labelled_pairs(csr_array((120, 120)), codes).nnz == 30**2 + 40**2
    monkeypatch.setattr(memory, "free_memory", lambda: room - 1)
    message = r"preset='authors' joins the 2500 pairs of labelled samples of one class: .* GiB are free; label fewer"
    with pytest.raises(SizeError, match=message):
        join_labelled_pairs(csr_array((120, 120)), codes)


def test_a_fit_that_holds_pairs_takes_no_more_memory_than_was_said():
    codes = np.repeat([0, 1], 400)
    _, most = with_peak(lambda: join_labelled_pairs(csr_array((800, 800)), codes))
    assert PAIR * 2 * 400**2 / 3 < most < PAIR * 2 * 400**2
