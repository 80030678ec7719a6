"""Errors and warnings are scikit-learn's where that is at work, and a random state is of any kind that it takes."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from views import VIEWS

from dsrl_ref.multiview import DSRLClassifier
from dsrl_ref.multiview.conventions import NotFittedError, as_generator, as_jobs, narrow, warn_of_column


def test_errors_and_warnings_are_scikit_learns_where_that_is_at_work(monkeypatch):
    message = r"This DSRLClassifier instance is not fitted yet\. Call 'fit' first\."
    theirs = SimpleNamespace(
        NotFittedError=type("E", (Exception,), {}), DataConversionWarning=type("W", (Warning,), {})
    )
    monkeypatch.setitem(sys.modules, "sklearn.exceptions", theirs)
    with pytest.raises(theirs.NotFittedError, match=message):
        DSRLClassifier().predict(VIEWS)
    with pytest.warns(theirs.DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"):
        warn_of_column("y")
    monkeypatch.delitem(sys.modules, "sklearn.exceptions")
    with pytest.raises(NotFittedError, match=message):
        DSRLClassifier().predict(VIEWS)
    with pytest.warns(UserWarning, match="A column-vector y was passed when a 1d array was expected"):
        warn_of_column("y")


def test_random_states_of_every_kind():
    draw = np.random.default_rng(5).random()
    assert as_generator(5).random() == as_generator(np.random.SeedSequence(5)).random() == draw
    generator = np.random.default_rng(5)
    assert as_generator(generator) is generator
    first, second = (as_generator(np.random.RandomState(seed)).random() for seed in (0, 1))
    assert first == as_generator(np.random.RandomState(0)).random() != second
    legacy = np.random.RandomState(0)
    assert as_generator(legacy).random() != as_generator(legacy).random()


@pytest.mark.parametrize(
    ("random_state", "error", "message"),
    [
        (0.5, TypeError, r"random_state must be None, an integer or a generator, got 0\.5"),
        (True, TypeError, "random_state must be None, an integer or a generator, got True"),
        (-1, ValueError, "random_state = -1: "),
        ("a", TypeError, "random_state = 'a': "),
    ],
)
def test_bad_random_states_are_named(random_state, error, message):
    with pytest.raises(error, match=message):
        as_generator(random_state)


def test_all_processors_are_none_or_minus_one_and_no_other_number_is_below_one():
    assert [as_jobs(n_jobs) for n_jobs in (None, -1, 1, np.int64(3))] == [None, None, 1, 3]
    for n_jobs in (0, -2):
        with pytest.raises(ValueError, match=f"n_jobs must be -1, for all processors, or at least 1, got {n_jobs}"):
            as_jobs(n_jobs)
    with pytest.raises(TypeError, match=r"n_jobs must be an integer, got 1\.5"):
        as_jobs(1.5)


def test_indices_that_do_not_fit_stay_as_they_are():
    class Huge:
        nnz, shape = 2**31, (5, 5)
        indices = indptr = np.zeros(1, dtype=np.int64)

    assert narrow(Huge) is Huge
    assert Huge.indices.dtype == Huge.indptr.dtype == np.int64
    Huge.nnz = 2**31 - 1
    narrow(Huge)
    assert Huge.indices.dtype == Huge.indptr.dtype == np.int32
