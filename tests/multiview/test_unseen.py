"""New samples are joined to the graph of those that were seen, against scalar loops."""

import numpy as np
import pytest
from views import euclidean, naive_weights, nearest_first, random_views, standard

from dsrl_ref.multiview.edges import WEIGHTS
from dsrl_ref.multiview.graph import fuse
from dsrl_ref.multiview.unseen import Joiner
from dsrl_ref.multiview.views import as_views, prepare

SEEN, NEW = [[view[part] for view in random_views(32, (4, 6), seed=2)] for part in (slice(25), slice(25, 32))]


def joined(seen, new, k, weights, along, view_weights=None):
    return Joiner(fuse(as_views(seen), k, weights, view_weights, along), k, weights)(new).toarray()


def naive_links(seen, new, k, kind, along):
    """Weights of new samples to their k nearest of those seen, loop by loop; scales are those of the seen."""
    if along == "features":
        seen, new = standard(seen.T).T, standard(new.T, like=seen.T).T
    else:
        seen, new = standard(seen), standard(new)
    among = euclidean(seen, seen)
    mean = sum(map(sum, among)) / len(seen) ** 2
    scales = [row[nearest_first(row, i)[k - 1]] for i, row in enumerate(among)]
    links = np.zeros((len(new), len(seen)))
    for i, lengths in enumerate(euclidean(new, seen)):
        for j, weight in naive_weights(lengths, k, kind, mean, scales).items():
            links[i, j] = weight
    return links


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("along", ["samples", "features"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_equal_their_formula(weights, along, k):
    found = joined(SEEN[:1], NEW[:1], k, weights, along)
    assert found == pytest.approx(naive_links(SEEN[0], NEW[0], k, weights, along), rel=1e-9, abs=1e-14)
    assert np.count_nonzero(found) == 7 * k


@pytest.mark.parametrize("weights", WEIGHTS)
def test_views_count_by_their_weights_and_each_as_it_was_standardised(weights):
    fusion = fuse(SEEN, 4, weights, [1, 3], "auto")
    fusion.views[:] = [prepare(SEEN[0], "features"), prepare(SEEN[1], "samples")]
    found = Joiner(fusion, 4, weights)(NEW)
    expected = 0.25 * naive_links(SEEN[0], NEW[0], 4, weights, "features")
    expected += 0.75 * naive_links(SEEN[1], NEW[1], 4, weights, "samples")
    assert found.toarray() == pytest.approx(expected, rel=1e-9, abs=1e-14)
    assert found.has_sorted_indices


@pytest.mark.parametrize("along", ["samples", "features"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_sample_that_was_seen_is_joined_to_itself_alone(weights, along):
    mixed = [np.vstack([new[:2], seen[[20, 0]], new[2:3]]) for seen, new in zip(SEEN, NEW, strict=True)]
    found = joined(SEEN, mixed, 4, weights, along)
    assert found[[2, 3]].tolist() == np.eye(25)[[20, 0]].tolist()
    new = joined(SEEN, [view[:3] for view in NEW], 4, weights, along)
    assert found[[0, 1, 4]] == pytest.approx(new, rel=1e-12)
    assert joined(SEEN, SEEN, 4, weights, along).tolist() == np.eye(25).tolist()


@pytest.mark.parametrize("along", ["samples", "features"])
@pytest.mark.parametrize("weights", ["heat", "adaptive"])
def test_a_sample_that_was_seen_in_one_view_alone_is_new_and_near_to_it_there(weights, along):
    half = [SEEN[0][[3, 20]], NEW[1][:2]]
    found = Joiner(fuse(SEEN, 4, weights, None, along), 4, weights)(half).toarray()
    expected = sum(naive_links(seen, new, 4, weights, along) for seen, new in zip(SEEN, half, strict=True)) / 2
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)  # a distance of 0 is one of rounding here
    assert np.count_nonzero(found, axis=1).min() > 1


def test_a_sample_was_seen_if_all_its_views_were_and_of_equal_ones_the_first():
    seen = [np.vstack([view[:20], view[:5] * 0.0, view[2:3]]) for view in SEEN]
    mixed = [view[[2, 2, 22, 22]].copy() for view in seen]
    mixed[1][1] = seen[1][3]  # seen in each view, but never together
    mixed[0][3] = -0.0
    found = joined(seen, mixed, 4, "heat", "features")
    assert [np.flatnonzero(row).tolist() for row in found[[0, 2, 3]]] == [[2], [20], [20]]
    assert np.count_nonzero(found[1]) > 1


def test_links_of_seen_and_new_samples_are_in_canonical_form():
    mixed = [np.vstack([new, seen]) for seen, new in zip(SEEN, NEW, strict=True)]
    found = Joiner(fuse(SEEN, 4, "heat", None, "samples"), 4, "heat")(mixed)
    assert found.has_canonical_format
    assert found.has_sorted_indices
    assert found.shape == (32, 25)


@pytest.mark.parametrize("along", ["samples", "features"])
def test_new_samples_do_not_change_one_another(along):
    together = joined(SEEN, NEW, 4, "heat", along)
    apart = np.vstack([joined(SEEN, [view[[i]] for view in NEW], 4, "heat", along) for i in range(7)])
    assert apart == pytest.approx(together, rel=1e-12)
    assert together.any(axis=1).all()


@pytest.mark.filterwarnings("ignore:views.1. is constant:dsrl_ref.errors.GraphWarning")
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_view_that_told_nothing_joins_nothing(weights):
    constant = np.full((25, 3), 0.1)
    new = np.random.default_rng(0).normal(size=(7, 3))
    found = joined([SEEN[0], constant], [NEW[0], new], 4, weights, "features")
    assert found == pytest.approx(0.5 * naive_links(SEEN[0], NEW[0], 4, weights, "features"), rel=1e-9, abs=1e-14)


def test_a_feature_that_was_constant_stays_without_meaning():
    seen = np.column_stack([SEEN[0], np.full(25, 0.1)])
    new = np.column_stack([NEW[0], np.linspace(-1e3, 1e3, 7)])
    found = joined([seen], [new], 4, "adaptive", "features")
    assert found == pytest.approx(naive_links(SEEN[0], NEW[0], 4, "adaptive", "features"), rel=1e-9, abs=1e-14)


def test_a_feature_that_is_constant_among_the_new_keeps_its_meaning():
    new = NEW[0].copy()
    new[:, 2] = 1.5
    found = joined(SEEN[:1], [new], 4, "heat", "features")
    assert found == pytest.approx(naive_links(SEEN[0], new, 4, "heat", "features"), rel=1e-9, abs=1e-14)
