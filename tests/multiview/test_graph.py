"""The similarity graph, against scalar loops and against the authors' own."""

import authors_data
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples
from views import holed, naive_graph, naive_incomplete, random_views, standard

from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import graph, load_dataset, neighbors, similarity_graph
from dsrl_ref.multiview.edges import WEIGHTS


@pytest.mark.parametrize("k", [1, 3, 23])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_equals_the_recipe_in_scalar_loops(kind, k):
    views = random_views()
    for along, samples in (("samples", map(standard, views)), ("features", (standard(view.T).T for view in views))):
        expected = np.mean([naive_graph(one, k, kind) for one in samples], axis=0)
        found = similarity_graph(views, k, weights=kind, standardize=along).toarray()
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_all_others_may_be_neighbours_but_for_adaptive_weights():
    views = random_views()
    expected = np.mean([naive_graph(standard(view), 24, "heat") for view in views], axis=0)
    assert similarity_graph(views, 24).toarray() == pytest.approx(expected, rel=1e-9, abs=1e-14)
    assert similarity_graph(views, 24, weights="self-tuning").nnz == 25 * 24


@pytest.mark.parametrize("kind", WEIGHTS)
def test_equal_samples_give_finite_weights(kind):
    view = np.repeat(random_views(4)[0], 5, axis=0)
    W = similarity_graph([view], 3, weights=kind)
    assert np.isfinite(W.data).all()
    assert 0 < W.data.min() <= W.data.max() <= 1


def test_views_are_weighted():
    views = random_views()
    singles = [similarity_graph([view], 4).toarray() for view in views]
    found = similarity_graph(views, 4, view_weights=[3, 0, 1]).toarray()
    assert found == pytest.approx(0.75 * singles[0] + 0.25 * singles[2], rel=1e-12)


def test_features_are_standardised_over_the_samples():
    (view,) = random_views(sizes=(5,))
    units = view * [1.0, 1e3, 1e-3, 5.0, 1.0] + [0.0, 7.0, 0.0, -3.0, 1.0]
    expected = similarity_graph([view], 4, standardize="features").toarray()
    assert similarity_graph([units], 4, standardize="features").toarray() == pytest.approx(expected, rel=1e-4)


def test_symmetric_without_loops_and_weights_up_to_one():
    W = similarity_graph(random_views(), 4)
    assert W.format == "csr"
    assert (abs(W - W.T)).nnz == 0
    assert not W.diagonal().any()
    assert W.data.min() > 0
    assert W.data.max() <= 1
    assert W.has_sorted_indices


@pytest.mark.parametrize("entries", [1, 60, 10**6])
def test_block_size_does_not_matter(monkeypatch, entries):
    expected = similarity_graph(random_views(), 5).toarray()
    monkeypatch.setattr(neighbors, "BLOCK_ENTRIES", entries)
    assert similarity_graph(random_views(), 5).toarray() == pytest.approx(expected, rel=1e-12)


def test_memory_layout_does_not_matter():
    views = random_views()
    other = similarity_graph([np.asfortranarray(view) for view in views], 5)
    assert np.array_equal(other.toarray(), similarity_graph(views, 5).toarray())


def test_the_mean_counts_every_view():
    views = random_views()
    single = sum(similarity_graph([view], 4).toarray() for view in views) / 3
    assert similarity_graph(views, 4).toarray() == pytest.approx(single, rel=1e-14)


def test_equal_samples_have_weight_one_and_ties_go_to_the_first():
    view = [[0.0, 1.0, 5.0]] * 4 + [[5.0, 1.0, 0.0]]
    W = similarity_graph([view], 2).toarray()
    assert W[0, 1] == W[0, 2] == W[1, 2] == 1
    assert (W[3] == [1, 1, 1, 0, 0]).all()  # its three nearest are 0, 1, 2, before itself


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize(
    ("constant", "along"),
    [
        (np.zeros((9, 3)), "samples"),
        (np.arange(9.0).reshape(9, 1), "samples"),
        (np.repeat(np.arange(9.0).reshape(9, 1) / 7, 3, axis=1), "samples"),
        (np.tile([0.1, 5.0, 1e9], (9, 1)), "features"),
    ],
)
def test_a_view_without_differences_is_named_and_has_no_edges(kind, constant, along):
    (view,) = random_views(9, sizes=(5,))
    with pytest.warns(GraphWarning, match=rf"views\[1\] is constant: standardised along {along}"):
        found = similarity_graph([view, constant], 3, weights=kind, standardize=along)
    alone = similarity_graph([view], 3, weights=kind, standardize=along)
    assert np.array_equal(found.toarray(), 0.5 * alone.toarray())


@pytest.mark.parametrize(("name", "k"), [("MSRC-v1", 10)])
def test_rebuilds_the_authors_graph(name, k):
    views, labels = load_dataset(authors_data.path_of(f"{name}.mat"))
    theirs = authors_data.graph(name)
    ours = similarity_graph(views, k).toarray()
    assert len(labels) == len(ours)
    assert np.array_equal(ours != 0, theirs != 0)
    assert np.linalg.norm(ours - theirs) <= 1e-10 * np.linalg.norm(theirs)


def test_rebuilds_the_authors_graph_outside_tied_rows():
    """ALOI's last view is one huge feature: its distances are rounding, and tie by the hundred."""
    views, _ = load_dataset(authors_data.path_of("ALOI.mat"))
    theirs, ours = authors_data.graph("ALOI"), similarity_graph(views, 20).toarray()
    differing = (np.abs(ours - theirs) > 1e-10).any(axis=1)
    assert differing.mean() < 0.05
    assert np.mean((ours != 0) != (theirs != 0)) < 1e-4


@pytest.mark.parametrize(
    ("views", "k", "error", "message"),
    [
        ([], 1, ValueError, "views is empty"),
        (None, 1, TypeError, "views must be a list of matrices, samples by features, got NoneType"),
        (5, 1, TypeError, "views must be a list of matrices, samples by features, got int"),
        ([1e160 * np.eye(4)], 1, ValueError, r"views\[0\] has 1e\+160 for largest size: its squares leave float64"),
        ([np.eye(4), 1e-200 * np.eye(4)], 1, ValueError, r"views\[1\] has 1e-200 for largest size"),
        ([np.ones((3, 2)), np.ones((4, 2))], 1, ValueError, r"views\[1\] has 4 samples, but views\[0\] has 3"),
        (
            [np.ones((3, 2)), np.full((3, 2), np.nan)],
            1,
            ValueError,
            r"views\[1\] has none of the 3 samples: all of it is",
        ),
        (
            [np.ones((3, 2)), [[1, 2], [1, np.nan], [3, 4]]],
            1,
            ValueError,
            r"views\[1\] contains NaN: views\[1\]\[1, 1\]",
        ),
        ([np.ones(3)], 1, ValueError, r"views\[0\]: Expected 2D array"),
        ([np.ones((3, 2))], 3, ValueError, "n_neighbors = 3 is too large: 3 samples have at most 2 neighbours"),
        ([np.ones((3, 2))], 0, ValueError, "n_neighbors must be at least 1, got 0"),
        ([np.ones((3, 2))], 1.5, TypeError, "n_neighbors must be an integer, got 1.5"),
    ],
)
def test_bad_arguments_are_refused(views, k, error, message):
    with pytest.raises(error, match=message):
        similarity_graph(views, k)


@pytest.mark.peer
def test_neighbours_are_scikit_learns():
    neighbors = pytest.importorskip("sklearn.neighbors", reason="scikit-learn is not installed: pip install '.[dev]'")
    views, _ = load_dataset("digits")
    sample = views[0][:300]
    standard = (sample - sample.mean(axis=1, keepdims=True)) / (sample.std(axis=1, ddof=1, keepdims=True) + 1e-8)
    theirs = neighbors.kneighbors_graph(standard, 7).toarray()
    assert np.array_equal(similarity_graph([sample], 7).toarray() != 0, (theirs + theirs.T) != 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "cosine"}, "weights must be one of 'heat', 'self-tuning', 'adaptive', got 'cosine'"),
        ({"standardize": 3}, "standardize must be one of 'samples', 'features', 'tf-idf', 'auto', got 3"),
        ({"n_neighbors": 24, "weights": "adaptive"}, "too large for weights='adaptive': 25 samples leave no"),
        ({"view_weights": [1, 2]}, r"view_weights has shape \(2,\); one number for each of 3 views"),
        ({"view_weights": [1, -1, 1]}, r"nonnegative and not all 0, got \[1.0, -1.0, 1.0\]"),
        ({"view_weights": [0, 0, 0]}, "nonnegative and not all 0"),
        ({"view_weights": "equal"}, "view_weights must be 'auto', got 'equal'"),
        ({"standardize": "tf-idf"}, "tf-idf takes counts of words: sample . has -"),
    ],
)
def test_bad_options_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        similarity_graph(random_views(), **{"n_neighbors": 4, **arguments})


def test_sparse_views_make_the_graph_of_the_same_dense_ones():
    views = [np.where(view > 0.5, view, 0.0) for view in random_views()]
    for view in views:
        view[:, 0] += 0.1  # no sample is constant
    mixed = [csr_array(views[0]), views[1], csr_array(views[2]).tocsc()]
    assert similarity_graph(mixed, 5).toarray() == pytest.approx(similarity_graph(views, 5).toarray(), rel=1e-9)
    with pytest.raises(ValueError, match=r"views\[1\] has none of the 25 samples"):
        similarity_graph([views[0], csr_array(views[1] * np.nan)], 5)
    with pytest.raises(
        ValueError, match=r"views\[1\] has 2.0*1e\+200 for largest size|views\[1\] has \S+ for largest size"
    ):
        similarity_graph([views[0], csr_array(views[1] * 1e200)], 5)


def words(n=40, d=150, seed=0):
    """Counts of words, of four samples none."""
    rng = np.random.default_rng(seed)
    view = (rng.poisson(1.0, size=(n, d)) * (rng.random((n, d)) < 0.07)).astype(float)
    view[:, 0] += 1
    view[[5, 9, 20, 31]] = 0
    return view


def test_counts_make_the_graph_of_their_tf_idf_whether_sparse_or_dense():
    view = words()
    with pytest.warns(
        GraphWarning, match=r"views\[0\]: 4 of 40 samples have no words, the first of them sample 5: what"
    ):
        found = similarity_graph([view], 5, weights="adaptive", standardize="auto")
    having = np.count_nonzero(view, axis=0)
    weights = np.log1p(view) * np.log(40 / np.maximum(having, 1)) * (having > 0)
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    told = np.flatnonzero(lengths > 0)
    expected = naive_graph(weights / np.where(lengths > 0, lengths, 1), 5, "adaptive")
    judged = np.ix_(told, told)  # who is near to what has no words, rounding decides in the oracle
    assert np.mean(np.abs(found.toarray() - expected)[judged] < 1e-9) > 0.98
    with pytest.warns(GraphWarning, match="4 of 40 samples have no words"):
        sparse = similarity_graph([csr_array(view)], 5, weights="adaptive", standardize="auto")
    assert np.array_equal(sparse.toarray(), found.toarray())
    with pytest.warns(GraphWarning, match="4 of 40 samples have no words"):
        asked = similarity_graph([view], 5, weights="adaptive", standardize="tf-idf")
    assert np.array_equal(asked.toarray(), found.toarray())


@pytest.mark.parametrize("constant", [[3], [3, 8]])
@pytest.mark.parametrize("along", ["samples", "features"])
def test_samples_that_are_constant_in_a_view_are_counted(along, constant):
    view = np.random.default_rng(0).normal(size=(30, 20))
    view[constant] = 0
    counted = f"{len(constant)} of 30 samples have nothing but equal features, the first of them sample 3"
    with pytest.warns(GraphWarning, match=rf"views\[1\]: {counted}: what they are near to") as warned:
        similarity_graph([view[:, :3] + np.arange(3), view], 4, standardize=along)
    assert len(warned) == 1


def test_views_count_by_agreement_where_that_is_asked():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 30)
    views = [4 * rng.normal(size=(3, 5))[labels] + rng.normal(size=(90, 5)) for _ in range(2)]
    views.append(rng.normal(size=(90, 5)))
    found = graph.fuse(views, 8, "adaptive", "auto", "auto")
    assert found.view_weights[2] == 0
    given = similarity_graph(views, 8, weights="adaptive", standardize="auto", view_weights=found.view_weights)
    asked = similarity_graph(views, 8, weights="adaptive", standardize="auto", view_weights="auto")
    assert np.array_equal(asked.toarray(), given.toarray())
    known = graph.fuse(views, 8, "adaptive", "auto", "auto", 3)
    assert known.view_weights == pytest.approx(found.view_weights)  # three by the eigengap too
    assert graph.fuse(views, 8, "adaptive", "auto", "auto", 20).view_weights.tolist() != known.view_weights.tolist()


@pytest.mark.usefixtures("uncounted")
def test_the_graph_does_not_depend_on_the_number_of_threads():
    views = random_views(1_600)  # whose neighbours are sought in several blocks
    one, *others = (similarity_graph(views, 5, weights="adaptive", n_jobs=n_jobs) for n_jobs in (1, 2, 3))
    assert (one.indices.dtype, one.indptr.dtype) == (np.int32, np.int32)
    for other in others:
        assert one.data.tobytes() == other.data.tobytes()
        assert one.indices.tobytes() == other.indices.tobytes()
    with pytest.raises(pytest.fail.Exception, match="processors were counted"):
        similarity_graph(views, 5)
    with pytest.raises(ValueError, match="n_jobs must be -1, for all processors, or at least 1, got 0"):
        similarity_graph(views, 5, n_jobs=0)


@pytest.mark.parametrize("k", [3, 15])
@pytest.mark.parametrize("along", ["samples", "features"])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_views_that_lack_samples_equal_the_recipe_in_scalar_loops(kind, along, k):
    """With 15 neighbours one of the views has too few samples for them."""
    views, seen = holed(random_views(), 0.4, seed=3)
    assert seen.sum(axis=0).min() < 16
    shares = [0.5, 0.2, 0.3]
    found = similarity_graph(views, k, weights=kind, standardize=along, view_weights=shares)
    assert found.toarray() == pytest.approx(naive_incomplete(views, k, kind, along, shares), rel=1e-9, abs=1e-14)
    assert abs(found - found.T).nnz == 0
    assert 0 < found.data.min() <= found.data.max() <= 1


@given(st.permutations(range(25)), st.integers(0, 10**6))
@examples(25)
def test_the_graph_follows_a_permutation_of_the_samples(order, seed):
    views, _ = holed(random_views(), 0.4, seed)
    found = similarity_graph(views, 4, weights="adaptive").toarray()
    moved = similarity_graph([view[order] for view in views], 4, weights="adaptive").toarray()
    assert moved == pytest.approx(found[np.ix_(order, order)], rel=1e-9)


def test_a_sample_in_one_view_has_that_views_edges_alone():
    views = random_views()
    for view in views[1:]:
        view[7] = np.nan
    found = similarity_graph(views, 4, view_weights=[0.2, 0.5, 0.3]).toarray()
    alone = similarity_graph(views[:1], 4).toarray()
    assert found[7] == pytest.approx(0.2 / 0.2**0.5 * alone[7], rel=1e-12)
    assert found[7].any()


def test_a_view_of_two_samples_says_nothing_of_the_others():
    views = random_views()
    before = similarity_graph(views, 4, weights="adaptive").toarray()
    pair = np.full((25, 3), np.nan)
    pair[[4, 9]] = [[1, 2, 3], [3, 1, 2]]
    found = similarity_graph([*views, pair], 4, weights="adaptive").toarray()
    others = np.ones((25, 25), dtype=bool)
    others[4, 9] = others[9, 4] = False
    assert found[others] == pytest.approx((3 / 4) ** 0.5 * before[others], rel=1e-12)
    assert found[4, 9] == pytest.approx(3 / 4 * before[4, 9] + 1 / 4, rel=1e-12)


def test_counts_are_weighted_by_the_samples_that_a_view_has():
    rng = np.random.default_rng(0)
    counts = (rng.random((20, 120)) < 0.05) * rng.integers(1, 5, (20, 120)).astype(float)
    counts[:, :20] = np.eye(20)
    (other,) = random_views(20, (4,))
    lacking = np.where(np.isin(np.arange(20), [2, 5, 11])[:, np.newaxis], np.nan, counts)
    kept = ~np.isnan(lacking[:, 0])
    expected = similarity_graph([counts[kept]], 4, standardize="tf-idf").toarray()
    expected += similarity_graph([other], 4, standardize="features").toarray()[np.ix_(kept, kept)]
    for view in (lacking, csr_array(lacking)):
        found = similarity_graph([view, other], 4, standardize="auto").toarray()
        assert found[np.ix_(kept, kept)] == pytest.approx(expected / 2, rel=1e-9)


def test_a_sparse_view_lacks_the_samples_whose_rows_it_stores_as_nan():
    views, _ = holed([np.where(view > 0.5, view, 0.0) for view in random_views()], 0.3, seed=1)
    for view in views:
        view[:, 0] += 0.1  # no sample is constant
    mixed = [csr_array(views[0]), views[1], csr_array(views[2]).tocsc()]
    assert similarity_graph(mixed, 5).toarray() == pytest.approx(similarity_graph(views, 5).toarray(), rel=1e-9)


def test_samples_of_which_nothing_is_known_are_refused_or_warned_of():
    views = random_views()
    for view in views:
        view[[3, 8]] = np.nan
    with pytest.raises(ValueError, match="samples 3, 8 are in no view, a row of NaN in each"):
        similarity_graph(views, 4)
    views[1][[3, 8]] = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0
    message = "2 of 25 samples are in no view but such of weight 0, the first of them sample 3: they have no edges"
    with pytest.warns(GraphWarning, match=message):
        found = similarity_graph(views, 4, view_weights=[1, 0, 1])
    assert not found.toarray()[[3, 8]].any()
    one = np.full((25, 3), np.nan)
    one[5] = 1.0, 2.0, 4.0
    with pytest.warns(
        GraphWarning, match=r"views\[1\] has one sample alone, 5: it joins none to another; leave it out"
    ):
        found = similarity_graph([random_views()[0], one], 4)
    assert found.toarray()[5].any()


def test_a_blank_sample_is_called_by_its_place_among_all():
    view = random_views()[1]
    view[[2, 3]], view[6] = np.nan, 1.0
    with pytest.warns(GraphWarning, match=r"views\[0\]: 1 of 23 samples have nothing but equal .* sample 6:"):
        similarity_graph([view, random_views()[0]], 4)
