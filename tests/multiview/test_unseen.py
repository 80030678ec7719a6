"""New samples are joined to the graph of those that were seen, against scalar loops."""

import copy
import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array
from views import euclidean, fewer, holed, naive_weights, nearest_first, random_views, standard

from dsrl_ref.multiview import edges, unseen
from dsrl_ref.multiview.edges import WEIGHTS
from dsrl_ref.multiview.graph import fuse
from dsrl_ref.multiview.points import Dense
from dsrl_ref.multiview.unseen import Joiner
from dsrl_ref.multiview.views import AlongFeatures, as_views, prepare

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


@pytest.mark.filterwarnings("ignore:views.0.:dsrl_ref.errors.GraphWarning")
@pytest.mark.parametrize("how", ["samples", "features", "tf-idf"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_sparse_samples_are_joined_as_the_same_dense_ones(weights, how):
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, size=(50, 60)) * (rng.random((50, 60)) < 0.2) + 0.0
    counts[7], counts[30] = 0, 0
    seen, new = counts[:40], np.vstack([counts[40:], counts[[3, 7, 30]]])
    expected = joined([seen], [new], 5, weights, how)
    assert expected[[10, 11, 12]].tolist() == np.eye(40)[[3, 7, 7]].tolist()
    for first, second in ((csr_array(seen), csr_array(new)), (csr_array(seen), new), (seen, csr_array(new))):
        found = joined([first], as_views([second]), 5, weights, how)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)
        assert found[[10, 11, 12]].tolist() == expected[[10, 11, 12]].tolist()


def test_sparse_samples_are_told_apart_by_the_view_that_has_their_words():
    words, none = [1.0, 0.0, 2.0], [0.0, 0.0, 0.0]
    seen = [csr_array(np.array([words, none, [3.0, 1, 1], [1.0, 5, 1], [0.0, 2, 2]])) for _ in range(2)]
    joiner = Joiner(fuse(seen, 2, "heat", None, "features"), 2, "heat")
    here, there = csr_array(np.array([words])), csr_array(np.array([none]))
    assert joiner([here, here]).toarray().tolist() == [[1, 0, 0, 0, 0]]
    assert joiner._places([here, there]).tolist() == joiner._places([there, here]).tolist() == [-1]
    apart = [
        csr_array(np.array([words, [1.0, 1, 1], [2.0, 3, 1]])),
        csr_array(np.array([none, [1.0, 1, 2], [2.0, 0, 1]])),
    ]
    joiner = Joiner(fuse(apart, 1, "heat", None, "features"), 1, "heat")
    assert joiner._places([here, there]).tolist() == [0]
    assert joiner._places([there, here]).tolist() == [-1]


def test_sparse_samples_are_told_apart_by_places_and_values():
    seen = csr_array(np.array([[1.0, 0, 0, 2], [0, 1, 0, 2], [1, 0, 0, 3], [0, 0, 0, 0], [1, 0, 5, 2], [2, 0, 0, 1]]))
    joiner = Joiner(fuse([seen], 2, "heat", None, "features"), 2, "heat")
    wide = csr_array((seen.data, seen.indices.astype(np.int64), seen.indptr.astype(np.int64)), shape=seen.shape)
    for new in (seen, wide, seen.toarray()):
        assert joiner([new]).toarray().tolist() == np.eye(6).tolist()
    other = joiner([csr_array(np.array([[1.0, 0, 2, 0], [0, 0, 2, 1], [1, 0, 0, 2.5]]))]).toarray()
    assert np.count_nonzero(other, axis=1).tolist() == [2, 2, 2]


def naive_joined(seen, new, k, kind, along, shares):
    """Of views with rows of NaN: each view joins those that it has, and a pair counts by the views that have both."""
    total, weight = np.zeros((len(new[0]), len(seen[0]))), np.zeros((len(new[0]), len(seen[0])))
    for old, added, share in zip(seen, new, shares, strict=True):
        columns, rows = (np.flatnonzero(~np.isnan(view[:, 0])) for view in (old, added))
        near = fewer(k, len(columns), len(old), kind)
        total[np.ix_(rows, columns)] += share * naive_links(old[columns], added[rows], near, kind, along)
        weight[np.ix_(rows, columns)] += share
    return np.where(weight > 0, total / np.sqrt(np.where(weight > 0, weight, 1.0)), 0.0)


@pytest.mark.parametrize("along", ["samples", "features"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_views_that_lack_samples_join_those_that_they_have(weights, along):
    for seed in range(4):
        (seen, _), (new, _) = holed(SEEN, 0.3, seed), holed(NEW, 0.4, seed)
        found = joined(seen, new, 6, weights, along, [1, 3])
        assert found == pytest.approx(naive_joined(seen, new, 6, weights, along, [0.25, 0.75]), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_new_sample_without_a_view_is_joined_by_the_others_alone(weights):
    lacking = [NEW[0], np.full_like(NEW[1], np.nan)]
    found = joined(SEEN, lacking, 4, weights, "samples", [1, 3])
    alone = joined(SEEN[:1], NEW[:1], 4, weights, "samples")
    assert found == pytest.approx(0.25 / 0.25**0.5 * alone, rel=1e-12)
    mixed = [NEW[0], np.vstack([NEW[1][:3], lacking[1][3:]])]
    assert joined(SEEN, mixed, 4, weights, "samples", [1, 3])[3:] == pytest.approx(found[3:], rel=1e-12)
    whole = joined(SEEN, [view[:3] for view in NEW], 4, weights, "samples", [1, 3])
    assert joined(SEEN, mixed, 4, weights, "samples", [1, 3])[:3] == pytest.approx(whole, rel=1e-12)


def test_new_samples_that_lack_a_view_may_come_among_seen_ones():
    lacking = [NEW[0], np.vstack([NEW[1][:2], np.full((2, 6), np.nan), NEW[1][4:]])]
    alone = joined(SEEN, lacking, 4, "adaptive", "samples", [1, 3])
    among = [np.vstack([old[:3], new[:3], old[3:4], new[3:]]) for old, new in zip(SEEN, lacking, strict=True)]
    found = joined(SEEN, among, 4, "adaptive", "samples", [1, 3])
    assert found[[3, 4, 5, 7, 8, 9, 10]].tolist() == alone.tolist()
    assert found[[0, 1, 2, 6]].tolist() == np.eye(25)[:4].tolist()


def test_new_samples_have_neighbours_of_the_kind_that_the_seen_ones_have(monkeypatch):
    fusion = fuse(as_views(SEEN), 4, "adaptive", None, "features")
    fusion.neighbors[1] = fusion.neighbors[1]._replace(kind="approximate")
    kinds, links = [], unseen.Links
    monkeypatch.setattr(unseen, "Links", lambda *given: kinds.append(given[3]) or links(*given[:3]))
    Joiner(fusion, 4, "adaptive")(NEW)
    assert kinds == ["exact", "approximate"]


@pytest.mark.parametrize("how", ["samples", "features", "tf-idf"])
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_a_view_that_none_of_the_new_samples_has_joins_nothing(kind, how):
    seen = [SEEN[0], kind(np.random.default_rng(0).poisson(3.0, size=(25, 20)) + 0.0)]
    fusion = fuse(as_views(seen), 4, "adaptive", None, "samples")
    fusion.views[1] = prepare(as_views(seen)[1], how)
    found = Joiner(fusion, 4, "adaptive")(as_views([NEW[0], kind(np.full((7, 20), np.nan))])).toarray()
    assert found == pytest.approx(0.5**0.5 * naive_links(SEEN[0], NEW[0], 4, "adaptive", "samples"), rel=1e-9)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_a_sample_that_was_seen_in_some_views_is_known_again(kind):
    seen, _ = holed(SEEN, 0.4, seed=2)
    given = [kind(seen[0]), seen[1]]
    again = [kind(seen[0][::-1].copy()), -1.0 * -seen[1][::-1]]
    again[1].view(np.uint64)[np.isnan(again[1])] += 5  # another NaN
    assert joined(given, again, 4, "adaptive", "samples").tolist() == np.eye(25)[::-1].tolist()
    place = int(np.flatnonzero(~np.isnan(seen[0][:, 0]) & ~np.isnan(seen[1][:, 0]))[0])
    half = [kind(seen[0][[place]]), np.full((1, 6), np.nan)]  # the same with less to know it by is another
    assert np.count_nonzero(joined(given, half, 4, "adaptive", "samples")) > 1


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_seen_samples_are_looked_through_once_however_often_new_ones_are_joined(monkeypatch, weights):
    joiner = Joiner(fuse(as_views(SEEN), 4, weights, None, "features"), 4, weights)
    first = joiner(NEW)
    looked = []
    for module, name in ((edges, "mean_distance"), (Dense, "are_equal"), (unseen, "Links"), (AlongFeatures, "of")):
        monkeypatch.setattr(module, name, lambda *_, name=name: looked.append(name))
    find, prepared, digest = edges.found, AlongFeatures.__call__, unseen._digest
    monkeypatch.setattr(edges, "found", lambda some, *rest: (looked.append(some.count), find(some, *rest))[1])
    monkeypatch.setattr(
        AlongFeatures, "__call__", lambda self, view: (looked.append(len(view)), prepared(self, view))[1]
    )
    monkeypatch.setattr(unseen, "_digest", lambda features: (looked.append("digest"), digest(features))[1])
    again = joiner(NEW)
    assert (first != again).nnz == 0
    assert looked == 7 * ["digest"] + 2 * [7, 7]  # of the seven new ones: prepared, and their neighbours found


def test_a_pickle_and_a_copy_have_nothing_that_is_found_again():
    joiner = Joiner(fuse(as_views(SEEN), 4, "heat", None, "features"), 4, "heat")
    before = len(pickle.dumps(joiner))
    first = joiner(NEW)
    assert len(pickle.dumps(joiner)) == before
    for other in (pickle.loads(pickle.dumps(joiner)), copy.deepcopy(joiner)):
        assert (other(NEW) != first).nnz == 0
