"""Scores of clusters, by hand and beside scikit-learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_ref.multiview import clustering_scores

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=60)


def brute_force_accuracy(true, predicted):
    clusters, classes = sorted(set(predicted)), sorted(set(true))
    padded = classes + [None] * max(0, len(clusters) - len(classes))
    return max(
        sum(dict(zip(clusters, names, strict=False)).get(p) == t for t, p in zip(true, predicted, strict=True))
        for names in itertools.permutations(padded, len(clusters))
    ) / len(true)


def test_names_of_clusters_do_not_matter():
    scores = clustering_scores(["a", "a", "b", "c"], [2, 2, 0, 1])
    assert scores == dict.fromkeys(("accuracy", "nmi", "ari", "purity", "f"), 1.0)


def test_by_hand():
    scores = clustering_scores([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1])
    assert scores["accuracy"] == scores["purity"] == pytest.approx(5 / 6)
    assert scores["f"] == pytest.approx(2 * 4 / (6 + 7))
    assert scores["ari"] == pytest.approx((4 - 6 * 7 / 15) / (6.5 - 6 * 7 / 15))


def test_one_cluster_is_pure_only_where_there_is_one_class():
    assert clustering_scores([0, 0], [1, 1]) == dict.fromkeys(("accuracy", "nmi", "ari", "purity", "f"), 1.0)
    scores = clustering_scores([0, 1, 0, 1], [0, 0, 0, 0])
    assert (scores["purity"], scores["nmi"], scores["ari"]) == (0.5, 0.0, 0.0)


@given(LABELS)
def test_accuracy_is_that_of_the_best_permutation(pairs):
    true, predicted = zip(*pairs, strict=True)
    assert clustering_scores(true, predicted)["accuracy"] == pytest.approx(brute_force_accuracy(true, predicted))


@given(LABELS)
def test_pairs_are_counted_as_in_loops(pairs):
    same = [(s[0] == t[0], s[1] == t[1]) for s, t in itertools.combinations(pairs, 2)]
    both, in_true, in_predicted = sum(a and b for a, b in same), sum(a for a, _ in same), sum(b for _, b in same)
    expected = 2 * both / (in_true + in_predicted) if in_true + in_predicted else 1.0
    assert clustering_scores(*zip(*pairs, strict=True))["f"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([0, 1], [0], "true has 2 labels, predicted has 1"),
        ([], [], "true must be a sequence of labels, not empty"),
        ([[0]], [[0]], "got shape"),
        ([0.0, np.nan], [0, 1], r"true contains NaN: true\[1\]"),
    ],
)
def test_bad_labels_are_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        clustering_scores(true, predicted)


@pytest.mark.peer
@given(LABELS)
def test_equal_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: pip install '.[dev]'")
    true, predicted = zip(*pairs, strict=True)
    scores = clustering_scores(true, predicted)
    assert scores["nmi"] == pytest.approx(metrics.normalized_mutual_info_score(true, predicted), abs=1e-12)
    assert scores["ari"] == pytest.approx(metrics.adjusted_rand_score(true, predicted), abs=1e-12)
