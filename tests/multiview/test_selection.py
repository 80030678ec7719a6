"""Unlabelled samples are trained on and never tested or scored, with scikit-learn's searches and without them."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples
from views import GRAPH, KNOWN, LABELS, VIEWS

from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import (
    DSRLClassifier,
    DSRLClustering,
    LabelledKFold,
    LabelledScorer,
    clustering_scores,
    transductive_scores,
)

SKLEARN = "scikit-learn is missing: pip install '.[dev]'"
NAMES = np.array(["ape", "bee", "cat", "dog"], dtype=object)


@examples(200)
@given(
    y=st.lists(st.sampled_from([-1, 0, 3, 7, 8]), min_size=1, max_size=40),
    n_splits=st.integers(2, 6),
    seed=st.none() | st.integers(0, 3),
)
def test_folds_are_of_the_labelled_samples_and_every_class_is_trained_on(y, n_splits, seed):
    counts = {label: y.count(label) for label in set(y) - {-1}}
    testable = [i for i, label in enumerate(y) if counts.get(label, 0) > 1]
    cv = LabelledKFold(n_splits, random_state=seed)
    if not counts or len(testable) < n_splits:
        with pytest.raises(ValueError, match=r"n_splits = \d is more than the \d|all samples are unlabelled"):
            list(cv.split(None, y))
        return
    folds = list(cv.split(None, y))
    assert len(folds) == cv.get_n_splits(None, y) == n_splits
    assert sorted(i for _, test in folds for i in test) == testable
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(y)))
        assert {y[i] for i in train} >= set(counts)
        for part in (train, test):
            assert (np.diff(part) > 0).all()
    sizes = [len(test) for _, test in folds]
    assert max(sizes) - min(sizes) <= 1
    for label in counts:
        shares = [sum(y[i] == label for i in test) for _, test in folds]
        assert max(shares) - min(shares) <= 1


def test_folds_are_drawn_by_the_seed_or_in_the_order_of_samples():
    y = np.repeat([0, 1], 20)

    def folds_of(cv):
        return [test.tolist() for _, test in cv.split(None, y)]

    assert folds_of(LabelledKFold(4))[0] == [*range(0, 20, 4), *range(20, 40, 4)]
    assert folds_of(LabelledKFold(4, random_state=1)) == folds_of(LabelledKFold(4, random_state=1))
    assert folds_of(LabelledKFold(4, random_state=1)) != folds_of(LabelledKFold(4, random_state=2))
    generator = np.random.default_rng(0)
    assert folds_of(LabelledKFold(4, random_state=generator)) != folds_of(LabelledKFold(4, random_state=generator))


def test_bad_folds_are_refused():
    with pytest.raises(ValueError, match="n_splits must be at least 2, got 1"):
        LabelledKFold(1)
    message = (
        "n_splits = 5 is more than the 4 labelled samples that can be tested, of classes with two of them at least"
    )
    with pytest.raises(ValueError, match=message):
        next(LabelledKFold().split(None, [0, 0, 1, 1, 2, -1]))
    assert repr(LabelledKFold(3)) == "LabelledKFold(n_splits=3, random_state=None)"


def test_what_is_unlabelled_is_not_scored():
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    some = np.where(np.arange(120) % 3 == 0, LABELS, -1)
    assert LabelledScorer()(model, VIEWS, some) == (model.predict(VIEWS) == LABELS)[::3].mean()
    seen = []
    scorer = LabelledScorer(lambda true, found: seen.append((true, found)) or 0.5)
    assert scorer(model, VIEWS, some) == 0.5
    ((true, found),) = seen
    assert np.array_equal(true, LABELS[::3])
    assert np.array_equal(found, model.predict(VIEWS)[::3])
    with pytest.raises(ValueError, match="all samples are unlabelled"):
        scorer(model, VIEWS, np.full(120, -1))
    with pytest.raises(ValueError, match="X has 120, y has 121"):
        scorer(model, VIEWS, [*some, 0])


def test_scorers_go_to_other_processes_and_score_clusters():
    model = DSRLClustering(4, random_state=0).fit(VIEWS)
    nmi = LabelledScorer(lambda true, found: clustering_scores(true, found)["nmi"])
    expected = clustering_scores(LABELS[:24], model.labels_[:24])["nmi"]
    assert nmi(model, VIEWS, KNOWN) == pytest.approx(expected)
    assert pickle.loads(pickle.dumps(LabelledScorer())) == LabelledScorer()


@pytest.mark.parametrize("names", [np.arange(4), NAMES])
def test_transductive_scores_hide_the_labels_of_the_test_alone(names):
    wrong = np.where((KNOWN >= 0) & (np.arange(120) % 4 == 0), (KNOWN + 1) % 4, KNOWN)  # seen, they would be right
    y = [names[label] if label >= 0 else None for label in wrong]
    scores = transductive_scores(DSRLClassifier(n_neighbors=6), VIEWS, y, cv=LabelledKFold(3))
    for score, (_, test) in zip(scores, LabelledKFold(3).split(VIEWS, y), strict=True):
        hidden = [None if i in test else label for i, label in enumerate(y)]
        found = DSRLClassifier(n_neighbors=6).fit(VIEWS, hidden).transduction_
        assert score == np.mean([found[i] == y[i] for i in test]) < 1


def test_transductive_scores_are_of_five_folds_by_any_metric_and_leave_the_classifier_alone():
    model = DSRLClassifier(affinity="precomputed")
    counts = transductive_scores(model, GRAPH, KNOWN, metric=lambda true, found: len(true))
    assert counts.tolist() == [5, 5, 5, 5, 4]
    assert not hasattr(model, "classes_")


def test_a_splitter_that_tests_unlabelled_samples_is_asked_for_the_others():
    asked = []

    class Halves:
        def split(self, X, y):
            asked.append((X, y))
            yield np.arange(60, 120), np.arange(60)

    given = np.where(LABELS == 2, -1, LABELS)
    (count,) = transductive_scores(DSRLClassifier(), VIEWS, given, cv=Halves(), metric=lambda t, f: len(t))
    assert count == np.count_nonzero(LABELS[:60] != 2)
    ((X, y),) = asked
    assert X is VIEWS
    assert y is given


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:no label reaches:dsrl_ref.errors.GraphWarning")
@pytest.mark.parametrize("scoring", [None, LabelledScorer()])
def test_a_grid_search_trains_on_what_is_unlabelled(scoring):
    selection = pytest.importorskip("sklearn.model_selection", reason=SKLEARN)
    seen = []

    class Recorded(DSRLClassifier):
        def fit(self, X, y):
            seen.append((len(X), np.count_nonzero(y == -1)))
            return super().fit(X, y)

        __init__ = DSRLClassifier.__init__

    model = Recorded(view_sizes=[10, 10, 10])
    grid = {"propagation": ["balanced", "poisson"], "n_neighbors": [5, 10]}
    search = selection.GridSearchCV(model, grid, cv=LabelledKFold(3), scoring=scoring, refit=False)
    search.fit(np.hstack(VIEWS), KNOWN)
    assert seen == [(112, 96)] * 12
    assert search.cv_results_["mean_test_score"].max() > 0.7


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:no label reaches:dsrl_ref.errors.GraphWarning")
@pytest.mark.filterwarnings("ignore:.* have no neighbour:dsrl_ref.errors.GraphWarning")
def test_a_grid_search_takes_names_a_precomputed_graph_and_clusters():
    selection = pytest.importorskip("sklearn.model_selection", reason=SKLEARN)
    named = np.array([NAMES[label] if label >= 0 else None for label in KNOWN], dtype=object)
    model = DSRLClassifier(affinity="precomputed")
    search = selection.GridSearchCV(model, {"alpha": [1.0, 10.0]}, cv=LabelledKFold(3), scoring=LabelledScorer())
    search.fit(GRAPH.toarray(), named)
    assert search.best_score_ > 0.7
    assert set(search.best_estimator_.transduction_) <= set(NAMES)
    nmi = LabelledScorer(lambda true, found: clustering_scores(true, found)["nmi"])
    clusters = DSRLClustering(4, view_sizes=[10, 10, 10], random_state=0)
    search = selection.GridSearchCV(clusters, {"n_neighbors": [5, 10]}, cv=LabelledKFold(2), scoring=nmi)
    assert search.fit(np.hstack(VIEWS), KNOWN).best_score_ > 0.5


@pytest.mark.peer
def test_samples_that_no_label_reaches_are_told_in_a_search_too():
    selection = pytest.importorskip("sklearn.model_selection", reason=SKLEARN)
    graph = np.kron(np.eye(2), np.ones((6, 6)))
    y = np.array([0, 1, 0, 1, -1, -1, -1, -1, -1, -1, -1, -1])
    search = selection.GridSearchCV(DSRLClassifier(affinity="precomputed"), {}, cv=LabelledKFold(2), refit=False)
    with pytest.warns(GraphWarning, match="no label reaches 6 of 10 samples"):
        search.fit(graph, y)
    assert len(search.cv_results_["mean_test_score"]) == 1
