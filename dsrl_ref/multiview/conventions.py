"""Conventions of estimators, kept without scikit-learn: its errors and warnings where it is at work, and seeds."""

import sys
import warnings
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.arrays import as_count
from dsrl_ref.loaded import loaded


def as_jobs(n_jobs: Any) -> int | None:
    """A number of threads, from 1 on; None, and -1 as scikit-learn has it, is all processors."""
    if n_jobs is None or n_jobs == -1:
        return None
    jobs = as_count(n_jobs, "n_jobs", least=-sys.maxsize)
    if jobs < 1:
        raise ValueError(f"n_jobs must be -1, for all processors, or at least 1, got {jobs}")
    return jobs


def not_fitted(estimator: Any) -> Exception:
    """The error that says `fit` comes first: scikit-learn's, where that is at work."""
    message = f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' first."
    kind: type[Exception] = loaded("sklearn.exceptions", "NotFittedError") or NotFittedError
    return kind(message)


class NotFittedError(ValueError, AttributeError):
    """Asked for a prediction before `fit`."""


def warn_of_column(name: str) -> None:
    """Warn that a column was given where a sequence is meant."""
    kind = loaded("sklearn.exceptions", "DataConversionWarning") or UserWarning
    warnings.warn(f"A column-vector {name} was passed when a 1d array was expected; it is read as one.", kind, 4)


def as_generator(random_state: Any) -> np.random.Generator:
    """A generator from None, an integer, a SeedSequence, a Generator or a RandomState."""
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    if isinstance(random_state, bool | float):
        raise TypeError(f"random_state must be None, an integer or a generator, got {random_state!r}")
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(f"random_state = {random_state!r}: {error}") from error


def narrow(graph: csr_array) -> csr_array:
    """Give a graph indices of 32 bits, where they fit, and return it: scikit-learn takes no others."""
    if max(graph.nnz, *graph.shape) <= np.iinfo(np.int32).max:
        graph.indices = graph.indices.astype(np.int32, copy=False)
        graph.indptr = graph.indptr.astype(np.int32, copy=False)
    return graph
