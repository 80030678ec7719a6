"""Views as they are prepared, against scalar loops; sparse ones as the same dense ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, issparse
from strategies import examples
from views import columns_of, random_views, standard

from dsrl_ref.multiview.points import Dense, Sparse
from dsrl_ref.multiview.views import PREPARATIONS, as_views, is_counts, prepare, scattered


def counts(n=12, d=120, seed=0, share=0.08):
    """Counts of words, most of them 0; no sample without any."""
    rng = np.random.default_rng(seed)
    found = rng.poisson(2.0, size=(n, d)) * (rng.random((n, d)) < share)
    found[np.arange(n), rng.integers(0, d, n)] += 1
    return found.astype(float)


def rows_of(view, how, new=None):
    """Prepared samples in rows."""
    prepared = prepare(view, how)
    return np.asarray(columns_of(prepared.points if new is None else prepared.like(new))).T


def naive_tf_idf(seen, new):
    """log(1 + count)·log(n/m), of length 1, word by word; words that `fit` did not see have no weight."""
    idf = []
    for word in seen.T:
        having = sum(count > 0 for count in word)
        idf.append(math.log(len(seen) / having) if having else 0.0)
    found = []
    for row in new:
        weights = [math.log(1 + count) * weight for count, weight in zip(row, idf, strict=True)]
        length = math.sqrt(sum(weight**2 for weight in weights))
        found.append([weight / length if length else 0.0 for weight in weights])
    return np.array(found)


def test_counts_are_weighed_by_how_rare_their_words_are():
    seen, new = counts(), counts(5, seed=1)
    seen[:, 7] = 1 + np.arange(12)  # everybody has it: it tells nothing
    seen[:, 8], new[:, 8] = 0, 3  # nobody had it
    assert rows_of(seen, "tf-idf") == pytest.approx(naive_tf_idf(seen, seen), rel=1e-12, abs=1e-15)
    assert rows_of(seen, "tf-idf", new) == pytest.approx(naive_tf_idf(seen, new), rel=1e-12, abs=1e-15)
    assert np.linalg.norm(rows_of(seen, "tf-idf"), axis=1) == pytest.approx(1, rel=1e-12)


def test_a_sample_without_a_word_that_counts_is_0():
    seen = counts()
    seen[:, 7], seen[3] = 1, 0
    new = counts(3, seed=1)
    new[1] = 0
    seen[4], new[2] = 0, 0
    seen[4, 7] = new[2, 7] = 5
    prepared = prepare(seen, "tf-idf")
    assert prepared.blank().tolist() == [3]  # sample 3 alone lacks word 7, which so counts a little
    assert np.flatnonzero(prepared.like(new).at_origin()).tolist() == [1]
    assert np.isfinite(columns_of(prepared.points)).all()


@pytest.mark.parametrize("how", PREPARATIONS)
def test_sparse_views_are_prepared_as_the_same_dense_ones(how):
    seen, new = counts(), counts(5, seed=1)
    seen[:, 3], seen[:, 9] = 0, 4  # constant features
    seen[5] = 2  # a constant sample
    new[:, 3] = 7
    dense, sparse = rows_of(seen, how), rows_of(csr_array(seen), how)
    assert sparse == pytest.approx(dense, rel=1e-9, abs=1e-12)
    assert rows_of(csr_array(seen), how, csr_array(new)) == pytest.approx(rows_of(seen, how, new), rel=1e-9, abs=1e-12)
    assert rows_of(csr_array(seen), how, new) == pytest.approx(rows_of(seen, how, csr_array(new)), rel=1e-9, abs=1e-12)
    assert isinstance(prepare(csr_array(seen), how).like(new), Sparse)
    assert isinstance(prepare(seen, how).like(csr_array(new)), Sparse if how == "tf-idf" else Dense)
    assert isinstance(prepare(csr_array(seen), how).points, Sparse)
    assert isinstance(prepare(seen, how).points, Sparse if how == "tf-idf" else Dense)


def test_of_counts_sparse_and_dense_ones_give_the_same_bits():
    seen = counts()
    first, second = prepare(seen, "tf-idf"), prepare(csr_array(seen), "tf-idf")
    assert first.points.rows.data.tolist() == second.points.rows.data.tolist()
    assert (first.given != second.given).nnz == 0


@pytest.mark.parametrize("shape", [(30, 4), (5, 1), (1, 5)])
def test_a_view_is_standardised_along_either_axis(shape):
    view = np.random.default_rng(0).normal(3, 2, size=shape)
    assert rows_of(view, "samples") == pytest.approx(standard(view), rel=1e-12)
    assert rows_of(view, "features") == pytest.approx(standard(view.T).T, rel=1e-12)
    assert rows_of(np.asfortranarray(view), "samples").tolist() == rows_of(view, "samples").tolist()
    assert rows_of(np.asfortranarray(view), "features").tolist() == rows_of(view, "features").tolist()


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_what_is_constant_becomes_0_although_its_mean_rounds(kind):
    values = np.random.default_rng(0).normal(size=40)  # seven times such a value, summed and divided by 7, is another
    rows = np.tile(values[:, np.newaxis], (1, 7))
    assert (rows.mean(axis=1) != values).any()
    for view, how in ((rows, "samples"), (rows.T, "features")):
        prepared = prepare(kind(view), how)
        assert prepared.points.are_equal()
        assert not prepared.points.squares().any()


@given(st.integers(0, 10**6), st.sampled_from(list(PREPARATIONS)))
@examples(30)
def test_the_seen_samples_are_prepared_alike_when_they_come_again(seed, how):
    view = counts(8, 100, seed)
    prepared = prepare(view, how)
    assert np.array_equal(columns_of(prepared.like(view)), columns_of(prepared.points))


@pytest.mark.parametrize("how", PREPARATIONS)
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_only_the_samples_that_are_there_are_asked(how, kind):
    view, present = counts(), np.array([0, 3, 4, 9, 11])
    lacking = np.full((12, 120), np.nan)
    lacking[present] = view[present]
    few = prepare(kind(lacking), how)
    whole = prepare(kind(view[present]), how)
    assert np.array_equal(columns_of(few.points), columns_of(whole.points))
    assert few.given.shape == (12, 120)
    graph = csr_array(np.arange(25.0).reshape(5, 5))
    found = few.scattered(graph).toarray()
    assert found[np.ix_(present, present)].tolist() == graph.toarray().tolist()
    assert found.sum() == graph.sum()
    assert found.shape == (12, 12)
    assert whole.scattered(graph) is graph
    assert few.present.tolist() == np.flatnonzero(few.seen).tolist() == present.tolist()
    assert whole.present is None
    assert whole.seen.tolist() == [True] * 5


def test_a_view_that_has_few_samples_has_fewer_neighbours():
    """A quarter of them at most, or the same share as of all."""
    view = random_views(100, (4,))[0]
    view[40:] = np.nan
    prepared = prepare(view, "samples")
    assert [prepared.neighbours(k) for k in (1, 9, 10, 11, 24, 25, 26, 27, 50, 99)] == [
        1,
        9,
        10,
        10,
        10,
        10,
        10,
        11,
        20,
        40,
    ]
    view[3:] = np.nan
    assert [prepare(view, "samples").neighbours(k) for k in (1, 10, 40, 99)] == [1, 1, 1, 3]
    whole = prepare(random_views(100, (4,))[0], "samples")
    assert [whole.neighbours(k) for k in range(1, 100)] == list(range(1, 100))


def test_links_between_those_that_are_there_are_links_between_all():
    links = csr_array([[1.0, 2.0], [0.0, 3.0], [4.0, 0.0]])
    rows, columns = np.array([True, False, True, True]), np.array([False, True, True])
    found = scattered(links, rows, columns).toarray()
    assert found.tolist() == [[0, 1, 2], [0, 0, 0], [0, 0, 3], [0, 4, 0]]
    assert scattered(links, np.ones(3, dtype=bool), np.ones(2, dtype=bool)) is links
    assert scattered(links, np.ones(3, dtype=bool), columns).toarray().tolist() == [[0, 1, 2], [0, 0, 3], [0, 4, 0]]


def test_views_lack_samples_but_not_all_the_same():
    view = counts()
    view[4] = np.nan
    assert is_counts(view)
    assert is_counts(csr_array(view))
    found = as_views([view, csr_array(view[::-1])])
    assert [np.flatnonzero(~prepare(each, "features").seen).tolist() for each in found] == [[4], [7]]
    with pytest.raises(ValueError, match=r"^sample 4 is in no view"):
        as_views([view])
    with pytest.raises(ValueError, match=r"^sample 'e' is in no view"):
        as_views([view], "abcdefghijkl")
    view[5, 1] = 1e200
    with pytest.raises(ValueError, match=r"views\[0\] has 1e\+200 for largest size"):
        as_views([view, counts()])
    none = np.full((12, 3), np.nan)
    assert np.isnan(as_views([counts(), none])[1]).all()  # new samples, that is


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_samples_of_which_a_view_says_nothing(kind):
    view = counts()
    view[2], view[7] = 3, 0
    assert prepare(kind(view), "samples").blank().tolist() == [2, 7]
    assert prepare(kind(view), "features").blank().tolist() == [7]
    assert prepare(kind(view[:, :16] * 0), "features").blank().size == 12
    assert prepare(kind(view[:, :15] * 0), "features").blank().size == 0


@pytest.mark.parametrize(
    ("change", "are"),
    [
        (lambda view: None, True),
        (lambda view: view.__setitem__((0, 0), -1), False),
        (lambda view: view.__setitem__((0, 0), 0.5), False),
        (lambda view: view.__setitem__(slice(0, 2), 1), False),  # more than a tenth
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_counts_of_words_are_nonnegative_integers_most_of_them_0(change, are, kind):
    view = counts(10, 100, share=0.05)
    change(view)
    assert is_counts(kind(view)) is are


def test_counts_of_words_are_of_a_hundred_words_at_least_and_less_than_a_tenth_of_them():
    row = np.zeros((1, 100))
    row[0, :9] = 2
    assert is_counts(row)
    assert not is_counts(row[:, :99])
    row[0, 9] = 1
    assert not is_counts(row)


def test_negative_counts_are_refused_and_the_message_says_where():
    assert prepare(np.zeros((3, 120)), "tf-idf").points.are_equal()
    view = counts()
    view[4, :17], view[4, 17] = 0, -2  # the first that is stored of its sample
    with pytest.raises(ValueError, match="tf-idf takes counts of words: sample 4 has -2 of word 17"):
        prepare(view, "tf-idf")
    with pytest.raises(ValueError, match="tf-idf takes counts of words: sample 4 has -2 of word 17"):
        prepare(counts(), "tf-idf").like(view)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize(
    ("views", "message"),
    [
        ([np.ones((3, 2)), np.ones((4, 2))], r"views\[1\] has 4 samples, but views\[0\] has 3; they must agree"),
        ([np.ones((3, 2)), np.ones((2, 2))], r"views\[1\] has 2 samples, but views\[0\] has 3; they must agree"),
        ([1e160 * np.eye(4)], r"views\[0\] has 1e\+160 for largest size: its squares leave float64"),
        ([np.eye(4), 1e-200 * np.eye(4)], r"views\[1\] has 1e-200 for largest size"),
    ],
)
def test_views_that_cannot_be_are_refused_by_name(views, message, kind):
    with pytest.raises(ValueError, match=message):
        as_views([kind(view) for view in views])


def test_sparse_views_stay_sparse_and_are_the_callers_no_more():
    given_ = csr_array((np.array([1.0, 0.0, 2.0]), np.array([0, 1, 1]), np.array([0, 2, 3])), shape=(2, 2))
    (view,) = as_views([given_])
    assert issparse(view)
    assert view.nnz == 2
    given_.data[:] = 5
    assert view.toarray().tolist() == [[1, 0], [0, 2]]


def test_what_is_kept_of_a_map_of_a_file_is_a_copy(tmp_path):
    """Which reads no file any more: one that is cut short ends the process."""
    np.save(tmp_path / "view.npy", np.eye(5))
    given = np.load(tmp_path / "view.npy", mmap_mode="r")
    (view,) = as_views([given])
    assert np.array_equal(view, given)
    assert not np.shares_memory(view, given)
