"""Views as a caller gives them, and each as it is prepared for neighbours.

A view is prepared in one of three ways. "samples" and "features" bring each sample over its features, or each feature
over the samples, to mean 0 and deviation 1. "tf-idf" is for counts of words: log(1 + count) times the logarithm of how
rare the word is, each sample scaled to length 1, so that the square of a distance is 2 - 2 times a cosine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from dsrl_ref.arrays import Array, is_sparse, require_in_memory
from dsrl_ref.disk import in_memory
from dsrl_ref.memory import require_room
from dsrl_ref.multiview.absent import as_rows, is_absent, names_of, require_everyone
from dsrl_ref.multiview.points import Dense, Points, Sparse

LARGEST = 1e140  # size of a feature
QUARTER = 4  # of the samples of a view, which are neighbours at most
TINY = 1e-8  # added to deviations
WORDS, SHARE = 100, 0.1  # counts of words are of so many features at least, and less than this share is not 0
FEW = 16  # features: a sample with so many alike says nothing

View: TypeAlias = Array | csr_array  # (n, d), samples in rows; a sparse one is canonical and without explicit zeros


def as_views(views: Sequence[Any] | Mapping[str, Any], samples: Sequence[Any] | None = None) -> list[View]:
    """Convert every view to a matrix, dense or sparse as it is; all must have as many samples as the first.

    A row of NaN is a sample that the view does not have; some view must have it. `samples` are the names of all, which
    tables among the views tell otherwise. Of a dictionary the values are the views, and messages have its keys.
    """
    require_in_memory(views, "views")
    if not isinstance(views, Sequence | np.ndarray | Mapping):
        raise TypeError(f"views must be a list of matrices, samples by features, got {type(views).__name__}")
    if len(views) == 0:
        raise ValueError("views is empty; at least one matrix of samples by features is needed")
    names = called(views)
    given = list(views.values()) if isinstance(views, Mapping) else views
    samples = names_of(given) if samples is None else samples
    checked = [as_view(view, name) for view, name in zip(given, names, strict=True)]
    require_as_many(checked, names)
    require_everyone(checked, samples)
    return checked


def called(views: Sequence[Any] | Mapping[str, Any]) -> list[str]:
    """What messages call the views: by their keys, or by their places."""
    return [f"views[{key!r}]" for key in (views if isinstance(views, Mapping) else range(len(views)))]


def require_as_many(views: Sequence[Any], names: Sequence[str]) -> None:
    """Refuse the first of the views that has not as many samples as the one before all."""
    n = views[0].shape[0]
    for view, name in zip(views, names, strict=True):
        if view.shape[0] != n:
            raise ValueError(f"{name} has {view.shape[0]} samples, but {names[0]} has {n}; they must agree")


def as_view(view: Any, name: str) -> View:
    """Convert one view to a matrix in memory, dense or sparse as it is; messages call it by its name."""
    matrix: View = as_rows(in_memory(view, name), name)
    if is_sparse(matrix):
        matrix = csr_array(matrix, copy=True)
        matrix.eliminate_zeros()
    largest = np.nanmax(np.abs(matrix.data if is_sparse(matrix) else matrix), initial=0.0)
    if largest > LARGEST or 0 < largest < 1 / LARGEST:
        raise ValueError(f"{name} has {largest:.3g} for largest size: its squares leave float64; scale it")
    return matrix


def is_counts(view: View) -> bool:
    """Whether a view is counts of words: nonnegative integers, most of them 0, of 100 features at least."""
    view = view[~is_absent(view)]
    n, d = view.shape
    values = view.data if isinstance(view, csr_array) else view
    if d < WORDS or np.count_nonzero(values) >= SHARE * n * d:
        return False
    return bool((values >= 0).all() and (values == np.round(values)).all())


def as_dense(view: View) -> Array:
    """A dense copy of a view; SizeError where that does not fit."""
    n, d = view.shape
    require_room(8 * n * d, f"a sparse view of {n} samples and {d} features, made dense,", "leave preset out")
    return view.toarray() if isinstance(view, csr_array) else view.copy()


class Preparation(Protocol):
    """How the samples of a view are made ready for neighbours: learned of those that `fit` saw."""

    @classmethod
    def of(cls, view: View) -> Self:
        """Learn it of samples."""

    def __call__(self, view: View) -> Points:
        """Prepare samples, the same or new ones."""


@dataclass(frozen=True)
class AlongSamples:
    """Each sample has mean 0 and deviation 1 over its features; 0 where all are equal. Nothing is learned."""

    @classmethod
    def of(cls, view: View) -> Self:
        """Learn nothing."""
        return cls()

    def __call__(self, view: View) -> Points:
        """Standardise every sample by itself."""
        if isinstance(view, csr_array):
            mean, deviation, constant = _moments(csr_array(view.T))
            inverse = np.where(constant, 0.0, 1 / (deviation + TINY))
            rows = csr_array(diags_array(inverse) @ view)
            rows.eliminate_zeros()
            return Sparse(rows, mean * inverse, np.ones(view.shape[1]))
        columns = np.ascontiguousarray(view.T)
        deviation = columns.std(axis=0, ddof=min(1, len(columns) - 1))
        constant = (columns == columns[:1]).all(axis=0)  # a mean of equals may round
        return Dense(np.where(constant, 0.0, columns - columns.mean(axis=0)) / (deviation + TINY))


@dataclass(frozen=True)
class AlongFeatures:
    """Each feature has mean 0 and deviation 1 over the samples that `fit` saw.

    One that was constant is 0: it told no sample from another, and does not begin to.
    """

    mean: Array
    deviation: Array
    constant: NDArray[np.bool_]

    @classmethod
    def of(cls, view: View) -> Self:
        """Learn means and deviations of the features."""
        if isinstance(view, csr_array):
            return cls(*_moments(view))
        columns = np.ascontiguousarray(view.T)
        deviation = columns.std(axis=1, ddof=min(1, columns.shape[1] - 1))
        return cls(columns.mean(axis=1), deviation, (columns == columns[:, :1]).all(axis=1))

    def __call__(self, view: View) -> Points:
        """Standardise samples as the seen ones are."""
        if isinstance(view, csr_array):
            inverse = np.where(self.constant, 0.0, 1 / (self.deviation + TINY))
            rows = csr_array(view @ diags_array(inverse))
            rows.eliminate_zeros()
            return Sparse(rows, np.ones(view.shape[0]), self.mean * inverse)
        centred = np.ascontiguousarray(view.T) - self.mean[:, np.newaxis]
        centred = np.where(self.constant[:, np.newaxis], 0.0, centred)
        return Dense(centred / (self.deviation[:, np.newaxis] + TINY))


@dataclass(frozen=True)
class TermWeights:
    """log(1 + count)·idf, each sample of length 1; sparse in any case.

    Parameters
    ----------
    idf : ndarray (d,)
        log(n/m) of a word that m of the n samples have which `fit` saw; 0 of one that none has, which cannot be shared.
    """

    idf: Array

    @classmethod
    def of(cls, view: View) -> Self:
        """Learn how rare the words are."""
        rows = csr_array(view)
        having = np.bincount(rows.indices, minlength=rows.shape[1])
        return cls(np.where(having > 0, np.log(rows.shape[0] / np.maximum(having, 1)), 0.0))

    def __call__(self, view: View) -> Points:
        """Weigh the words of samples; a sample without any that counts is 0."""
        rows = csr_array(view, copy=True)
        if rows.nnz and rows.data.min() < 0:
            place = int(np.argmin(rows.data))
            sample = int(np.searchsorted(rows.indptr, place, side="right")) - 1
            count, word = rows.data[place], rows.indices[place]
            raise ValueError(f"tf-idf takes counts of words: sample {sample} has {count:g} of word {word}")
        rows.data = np.log1p(rows.data) * self.idf[rows.indices]
        rows.eliminate_zeros()
        lengths = np.sqrt(rows.multiply(rows).sum(axis=1))
        rows.data /= np.repeat(lengths, np.diff(rows.indptr))
        return Sparse.unmoved(rows)


PREPARATIONS: dict[str, type[Preparation]] = {
    "samples": AlongSamples,
    "features": AlongFeatures,
    "tf-idf": TermWeights,
}


@dataclass(frozen=True)
class PreparedView:
    """One view as `fit` prepared it, and how to prepare more samples alike.

    Attributes
    ----------
    given : ndarray or csr_array (n, d)
        All n samples as the caller gave them; sparse for "tf-idf".
    how : {"samples", "features", "tf-idf"}
        What was done.
    present : ndarray (m,) or None
        Ascending places of the samples that the view has; None where it has all n.
    preparation : Preparation
        What was learned for it, of those alone.
    points : Points
        These m samples, ready for neighbours.
    """

    given: View
    how: str
    present: NDArray[np.intp] | None
    preparation: Preparation
    points: Points

    def like(self, new: View) -> Points:
        """Prepare new samples as the seen ones were."""
        return self.preparation(self.as_given(new))

    def as_given(self, new: View) -> View:
        """New samples as a matrix of the same kind."""
        if isinstance(self.given, csr_array):
            return csr_array(new)
        return as_dense(new) if isinstance(new, csr_array) else new

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which of all n samples the view has."""
        seen = np.ones(self.given.shape[0], dtype=bool)
        if self.present is not None:
            seen[:] = False
            seen[self.present] = True
        return seen

    def neighbours(self, k: int) -> int:
        """How many neighbours a sample has in this view, where it would have k if the view had all n samples.

        As many, unless that is more than a quarter of the m samples that the view has: then so many, or, if k is more
        than a quarter of n, the same share of them. A neighbourhood of most of a view says nothing.
        """
        m, n = self.points.count, self.given.shape[0]
        return max(1, min(k, max(round(k * m / n), m // QUARTER)))

    def scattered(self, graph: csr_array) -> csr_array:
        """A graph (m, m) of the samples that the view has as one (n, n) of all."""
        return scattered(graph, self.seen, self.seen)

    def blank(self) -> NDArray[np.intp]:
        """Places, among those that the view has, of samples of which it says nothing: constant, or without a word.

        Standardised along features, such a sample is a point like any other, but that of most features 0 says nothing.
        """
        rows = self.given if self.present is None else self.given[self.present]
        if self.how != "features":
            return np.flatnonzero(self.points.at_origin())
        told = np.diff(rows.indptr) > 0 if isinstance(rows, csr_array) else rows.any(axis=1)
        return np.flatnonzero(~told & (rows.shape[1] >= FEW))


def prepare(given: View, how: str) -> PreparedView:
    """Prepare a view in one of the ways that `PREPARATIONS` names, by the samples that it has, one at least."""
    given = csr_array(given) if how == "tf-idf" else given
    absent = is_absent(given)
    present = np.flatnonzero(~absent) if absent.any() else None
    rows = given if present is None else given[present]
    preparation = PREPARATIONS[how].of(rows)
    return PreparedView(given, how, present, preparation, preparation(rows))


def scattered(links: csr_array, rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> csr_array:
    """Links between the samples that are marked in rows and in columns, as ones between all; the same if all are."""
    if rows.all() and columns.all():
        return links
    edges, places = links.tocoo(), (np.flatnonzero(rows), np.flatnonzero(columns))
    return csr_array((edges.data, (places[0][edges.row], places[1][edges.col])), shape=(len(rows), len(columns)))


def _moments(rows: csr_array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Mean and deviation of every column of a sparse matrix, and which are constant; zeros count too."""
    n = rows.shape[0]
    stored = np.bincount(rows.indices, minlength=rows.shape[1])
    mean = np.asarray(rows.sum(axis=0)) / n
    centred = csr_array(((rows.data - mean[rows.indices]) ** 2, rows.indices, rows.indptr), shape=rows.shape)
    squares = np.asarray(centred.sum(axis=0)) + (n - stored) * mean**2
    constant = rows.max(axis=0).toarray() == rows.min(axis=0).toarray()
    return mean, np.sqrt(squares / max(1, n - 1)), constant.ravel()
