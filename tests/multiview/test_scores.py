"""Scores of clusters: by hand, by their definitions on all small partitions, and beside scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ref import memory
from dsrl_ref.errors import SizeError
from dsrl_ref.multiview import clustering_scores

NAMES = "accuracy", "nmi", "ari", "purity", "f"
LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=60)
PROFILE = settings.default.max_examples
DRAWS = settings(max_examples=PROFILE if PROFILE > 1000 else 100)  # all that the nightly profile has


def accuracy(true, predicted):
    """The largest share that agrees, of all ways to give clusters different classes."""
    clusters, classes = sorted(set(predicted)), sorted(set(true))
    padded = classes + [None] * max(0, len(clusters) - len(classes))
    return max(
        sum(dict(zip(clusters, names, strict=True)).get(p) == t for t, p in zip(true, predicted, strict=True))
        for names in itertools.permutations(padded, len(clusters))
    ) / len(true)


def purity(true, predicted):
    members = [[t for t, p in zip(true, predicted, strict=True) if p == cluster] for cluster in set(predicted)]
    return sum(max(map(inside.count, inside)) for inside in members) / len(true)


def together(*labellings):
    """How many pairs of samples all labellings put together."""
    samples = zip(*labellings, strict=True)
    return sum(all(a == b for a, b in zip(s, t, strict=True)) for s, t in itertools.combinations(samples, 2))


def f(true, predicted):
    if not together(true) and not together(predicted):
        return 1.0
    precision = together(true, predicted) / together(predicted) if together(predicted) else 0.0
    recall = together(true, predicted) / together(true) if together(true) else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def ari(true, predicted):
    """Pairs put together by both, above their mean over all orders of the predicted, as a share of the most."""
    orders = list(itertools.permutations(predicted))
    chance = sum(together(true, order) for order in orders) / len(orders)
    most = (together(true) + together(predicted)) / 2
    return (together(true, predicted) - chance) / (most - chance) if abs(most - chance) > 1e-9 else 1.0


def entropy(labels):
    counts = [labels.count(label) for label in set(labels)]
    return sum(count / len(labels) * math.log2(len(labels) / count) for count in counts)


def nmi(true, predicted):
    mean = (entropy(true) + entropy(predicted)) / 2
    both = entropy(list(zip(true, predicted, strict=True)))
    return (2 * mean - both) / mean if mean else 1.0


def partitions(n):
    """All partitions of n samples, each cluster named by the order in which it comes up."""
    if n == 0:
        return [()]
    return [(*rest, name) for rest in partitions(n - 1) for name in range(max(rest, default=-1) + 2)]


@pytest.mark.parametrize("n", [1, 2, 3, 4, pytest.param(5, marks=pytest.mark.nightly)])
def test_all_pairs_of_small_partitions_have_the_scores_of_the_definitions(n):
    for true, predicted in itertools.product(partitions(n), repeat=2):
        scores = clustering_scores(true, predicted)
        assert tuple(scores) == NAMES
        expected = {score.__name__: score(true, predicted) for score in (accuracy, nmi, ari, purity, f)}
        assert scores == pytest.approx(expected, abs=1e-12), (true, predicted)


def test_names_of_clusters_do_not_matter():
    scores = clustering_scores(["a", "a", "b", "c"], [2, 2, 0, 1])
    assert scores == dict.fromkeys(NAMES, 1.0)


def test_by_hand():
    scores = clustering_scores([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1])
    assert scores["accuracy"] == scores["purity"] == pytest.approx(5 / 6)
    assert scores["f"] == pytest.approx(2 * 4 / (6 + 7))
    assert scores["ari"] == pytest.approx((4 - 6 * 7 / 15) / (6.5 - 6 * 7 / 15))
    assert scores["nmi"] == pytest.approx(2 * (1 + entropy([0, 0, 1, 1, 1, 1]) - 1.4591479) / (1 + 0.9182958), rel=1e-6)


def test_one_cluster_is_pure_only_where_there_is_one_class():
    assert clustering_scores([0, 0], [1, 1]) == dict.fromkeys(NAMES, 1.0)
    scores = clustering_scores([0, 1, 0, 1], [0, 0, 0, 0])
    assert (scores["purity"], scores["nmi"], scores["ari"]) == (0.5, 0.0, 0.0)


def test_partitions_that_know_nothing_of_one_another_have_no_negative_information():
    for classes, clusters, copies in itertools.product(range(2, 7), range(2, 7), (1, 3)):
        pairs = copies * list(itertools.product(range(classes), range(clusters)))
        assert 0 <= clustering_scores(*zip(*pairs, strict=True))["nmi"] < 1e-12


def test_no_score_of_a_partition_with_itself_rounds_above_1():
    for n, seed in itertools.product(range(2, 12), range(30)):
        labels = np.random.default_rng(seed).integers(0, n, 20 * n)
        scores = clustering_scores(labels, -labels)
        assert scores == pytest.approx(dict.fromkeys(NAMES, 1.0), abs=1e-12)
        assert max(scores.values()) <= 1


@DRAWS
@given(LABELS)
def test_larger_partitions_have_the_accuracy_of_the_best_permutation(pairs):
    true, predicted = zip(*pairs, strict=True)
    assert clustering_scores(true, predicted)["accuracy"] == pytest.approx(accuracy(true, predicted))


@DRAWS
@given(LABELS)
def test_larger_partitions_have_the_scores_of_the_definitions(pairs):
    true, predicted = zip(*pairs, strict=True)
    scores = clustering_scores(true, predicted)
    for score in (purity, f, nmi):
        assert scores[score.__name__] == pytest.approx(score(true, predicted), abs=1e-12)


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([0, 1], [0], "true has 2 labels, predicted has 1; they must agree"),
        ([0], [0, 1], "true has 1 labels, predicted has 2; they must agree"),
        ([], [], r"true must be a sequence of labels, not empty, got shape \(0,\)"),
        ([0], [], r"predicted must be a sequence of labels, not empty, got shape \(0,\)"),
        ([[0]], [[0]], r"true must be a sequence of labels, not empty, got shape \(1, 1\)"),
        ([0.0, np.nan], [0, 1], r"true contains NaN: true\[1\]"),
        ([0, 1], ["a", float("nan")], r"predicted contains NaN: predicted\[1\]"),
        (np.array([0, np.nan, 1], dtype=object), [0, 1, 1], r"true contains NaN: true\[1\]"),
        ([0, 1], np.ma.masked_array([0, 1], mask=[0, 1]), "predicted has masked entries; every sample needs a label"),
    ],
)
def test_bad_labels_are_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        clustering_scores(true, predicted)


@pytest.mark.parametrize("mixed", [["a", None], ["a", 1], np.array(["a", 1], dtype=object)])
def test_labels_without_an_order_are_refused(mixed):
    with pytest.raises(TypeError, match="predicted mixes labels that have no order: '<' not supported between"):
        clustering_scores([0, 1], mixed)


@pytest.mark.peer
@DRAWS
@given(LABELS)
def test_equal_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: pip install '.[dev]'")
    true, predicted = zip(*pairs, strict=True)
    scores = clustering_scores(true, predicted)
    assert scores["nmi"] == pytest.approx(metrics.normalized_mutual_info_score(true, predicted), abs=1e-12)
    assert scores["ari"] == pytest.approx(metrics.adjusted_rand_score(true, predicted), abs=1e-12)


def test_a_table_of_classes_that_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 24 * 50 * 40)
    assert clustering_scores(range(50), [*range(40), *[0] * 10])["purity"] == 0.8
    with pytest.raises(SizeError, match=r"true has 50 classes, predicted 41: .* GiB are free; are they labels\?"):
        clustering_scores(range(50), [*range(41), *[0] * 9])
