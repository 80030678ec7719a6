"""Choosing parameters where some labels are missing: a splitter, a scorer, and scores of what `fit` itself classifies.

`LabelledKFold` and `LabelledScorer` are what scikit-learn's searches take for ``cv`` and ``scoring``; without them they
split and score what is unlabelled as a class of its own. Neither needs scikit-learn. Searches index X: give them one
array, and the classifier ``view_sizes``, or a precomputed graph. `transductive_scores` takes a list of views as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import as_count
from dsrl_ref.multiview.classification import DSRLClassifier
from dsrl_ref.multiview.conventions import as_generator
from dsrl_ref.multiview.labels import Labels, as_labels


def accuracy(true: NDArray[Any], found: NDArray[Any]) -> float:
    """Share of the samples that have their own class."""
    return float(np.mean(true == found))


class LabelledKFold:
    """Folds of the labelled samples alone, each class spread evenly; scikit-learn's ``cv``.

    Unlabelled samples are always among the training samples, where labels spread over them, and never in a test. So is
    the labelled sample of a class that has no other: a test would ask for a class that the training does not know.

    Parameters
    ----------
    n_splits : int
        Folds, at least 2.
    random_state : None, int, SeedSequence, Generator or RandomState
        None takes the samples of a class in their order; else they are shuffled.

    Examples
    --------
    >>> from dsrl_ref.multiview import LabelledKFold
    >>> y = ["cat", "dog", None, "cat", "dog", None, "bee"]
    >>> [test.tolist() for train, test in LabelledKFold(2).split(None, y)]
    [[0, 1], [3, 4]]
    """

    def __init__(self, n_splits: int = 5, *, random_state: Any = None) -> None:
        self.n_splits, self.random_state = as_count(n_splits, "n_splits", least=2), random_state

    def __repr__(self) -> str:
        return f"LabelledKFold(n_splits={self.n_splits}, random_state={self.random_state!r})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """How many folds there are, whatever the data."""
        return self.n_splits

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Indices of training and test samples, ascending.

        Parameters
        ----------
        X, groups
            Not looked at.
        y : array_like (n,)
            As for `DSRLClassifier.fit`.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            Where there are fewer samples to test than folds.
        """
        folds = self._folds(as_labels(y, len(y)))
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)

    def _folds(self, labels: Labels) -> NDArray[np.intp]:
        """The fold that each sample is tested in, -1 for none: those of a class go round, where the last one ended."""
        rng = None if self.random_state is None else as_generator(self.random_state)
        folds, begun = np.full(len(labels.codes), -1, dtype=np.intp), 0
        for code in range(len(labels.classes)):
            members = np.flatnonzero(labels.codes == code)
            if len(members) < 2:
                continue
            order = members if rng is None else rng.permutation(members)
            folds[order] = (begun + np.arange(len(order))) % self.n_splits
            begun += len(order)
        if begun < self.n_splits:
            raise ValueError(
                f"n_splits = {self.n_splits} is more than the {begun} labelled samples that can be tested, of classes "
                "with two of them at least: take fewer folds, or label more"
            )
        return folds


@dataclass(frozen=True)
class LabelledScorer:
    """What a fitted estimator predicts, scored on the labelled samples alone; scikit-learn's ``scoring``.

    Parameters
    ----------
    metric : callable
        Of true and predicted labels, larger is better; by default the share that is right. Of clusters, write
        ``lambda true, found: clustering_scores(true, found)["nmi"]``.

    Examples
    --------
    >>> import numpy as np
    >>> from dsrl_ref.multiview import DSRLClassifier, LabelledScorer, complementary_views
    >>> views, labels = complementary_views(random_state=0)
    >>> some = np.where(np.arange(len(labels)) % 5 == 0, labels, -1)
    >>> model = DSRLClassifier().fit([view[:200] for view in views], some[:200])
    >>> LabelledScorer()(model, [view[200:] for view in views], some[200:]) > 0.9
    True
    """

    metric: Callable[[NDArray[Any], NDArray[Any]], float] = accuracy

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score the predictions for X, where y tells the class.

        Raises
        ------
        ValueError
            Where y tells none.
        """
        found = np.asarray(estimator.predict(X))
        labels = as_labels(y, len(found))
        known = labels.codes >= 0
        return float(self.metric(labels.classes[labels.codes[known]], found[known]))


def transductive_scores(
    estimator: DSRLClassifier,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    metric: Callable[[NDArray[Any], NDArray[Any]], float] = accuracy,
) -> NDArray[np.float64]:
    """Scores of a classifier on labels that are hidden from it, while their samples stay in its graph.

    That is its use: all samples are there when it is fitted, and those without a label get one. In a search of
    scikit-learn the samples of the test are new ones instead, which the graph of the others does not know.

    Parameters
    ----------
    estimator : DSRLClassifier
        Left as it is; copies of it are fitted.
    X, y
        As for `DSRLClassifier.fit`; a list of views too.
    cv : splitter, optional
        Whose tests are hidden, one after the other; ``LabelledKFold(5)`` by default.
    metric : callable
        As of `LabelledScorer`.

    Returns
    -------
    ndarray (folds,)

    Examples
    --------
    >>> import numpy as np
    >>> from dsrl_ref.multiview import DSRLClassifier, complementary_views, transductive_scores
    >>> views, labels = complementary_views(random_state=0)
    >>> known = np.where(np.arange(len(labels)) < 60, labels, -1)
    >>> mean = {k: transductive_scores(DSRLClassifier(n_neighbors=k), views, known).mean() for k in (5, 10)}
    >>> bool(min(mean.values()) > 0.9)
    True
    """
    labels = as_labels(y, len(y))
    names = [labels.classes[code] if code >= 0 else None for code in labels.codes]
    scores = []
    for _, test in (LabelledKFold() if cv is None else cv).split(X, y):
        hidden = set(test.tolist())
        given = [None if place in hidden else name for place, name in enumerate(names)]
        model = type(estimator)(**estimator.get_params()).fit(X, given)
        asked = test[labels.codes[test] >= 0]
        scores.append(metric(labels.classes[labels.codes[asked]], model.transduction_[asked]))
    return np.array(scores, dtype=np.float64)
