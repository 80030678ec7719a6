"""Semi-supervised classification: labels spread over the learned graph."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array, as_number, as_real, require_in_memory, require_known
from dsrl_ref.errors import GraphWarning
from dsrl_ref.memory import require_room
from dsrl_ref.multiview.absent import require_order
from dsrl_ref.multiview.conventions import as_jobs, not_fitted
from dsrl_ref.multiview.estimator import Estimator, count_samples
from dsrl_ref.multiview.fitted import Fitted, FromFit
from dsrl_ref.multiview.labels import Labels, as_labels
from dsrl_ref.multiview.learning import mixed
from dsrl_ref.multiview.naming import tables_of
from dsrl_ref.multiview.propagation import ALPHA, PROPAGATION, distributions, propagate
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.learning import mixed_spread
from dsrl_ref.progress import Callback, reported
from dsrl_ref.threads import limited

PAIR = 96  # bytes of two labelled samples that are joined, while that is done


@dataclass(frozen=True)
class FittedClasses(Fitted):
    """The same, with the classes."""

    classes: NDArray[Any]
    transduction: NDArray[Any]
    label_distributions: Array
    reached: NDArray[np.bool_]
    labelled: NDArray[np.bool_] | None  # whose class `fit` was given; None of a file that does not tell

    @property
    def attributes(self) -> dict[str, Any]:
        """The same, with the classes."""
        found = {"classes": self.classes, "transduction": self.transduction, "reached": self.reached}
        return {**super().attributes, **found, "label_distributions": self.label_distributions}


class DSRLClassifier(Estimator):
    """Classify samples of which some are labelled; scikit-learn's conventions, without scikit-learn.

    >>> from dsrl_ref.multiview import complementary_views
    >>> views, labels = complementary_views(random_state=0)
    >>> classes = DSRLClassifier().fit(views, [*labels[:30], *[-1] * (len(labels) - 30)]).transduction_

    The graph of three times `n_neighbors` candidates is fused over the views; the network is trained on it until it
    keeps a quarter of the edges; over what is left, with a quarter of the candidates beside it, the labels spread. Of
    the labels nothing is asked before that but how many classes there are, for ``view_weights="auto"``.

    What was learned stays as it is: the arrays among the attributes are read-only, those of sparse ones too. Write to a
    copy, as of ``classes_.copy()``.

    Parameters
    ----------
    affinity : {"views", "precomputed"}
        What X is: views, or a graph (n, n), dense or sparse, of which what is not positive is no edge.
    propagation : {"balanced", "one-hot", "normalized", "poisson"}
        "balanced": every class is one source, shared by its labelled samples, so that a class with more of them
        does not flood the others. "one-hot": every labelled sample is one, as the authors have it. "normalized":
        the same with the normalised Laplacian, whose mean degree is 1 (Zhou et al. 2004). "poisson":
        balanced sources less their mean, (D - W) u_k = Σ_{j in k} δ_j / m_k - Σ_j δ_j / m, solved in each component of
        the graph, where m_k, and m in all, samples are labelled: Poisson learning for classes of equal size (Calder et
        al. 2020). Best where few labels are known, and on text.
    alpha : float
        How far labels spread: F solves (I + α(D - W)/d) F = sources, d being the mean degree. The authors' α has no
        such d. "poisson" has no α, and this one is not looked at.
    n_neighbors : int
        Neighbours of each sample; the network chooses from three times as many (fewer than the samples).
    weights, view_weights, standardize
        As for `similarity_graph`, where "adaptive", "auto" and "auto" are explained: views count by what they agree in.
    neighbors : {"auto", "exact", "approximate"}
        As for `similarity_graph`: exact ones below 200,000 samples. `neighbors_` says which were taken.
    keep : float, optional
        Share of the edges at which training stops, in (0, 1]; a quarter by default.
    layers : int
        Of the network; the authors' has 11.
    epochs : int, optional
        Of training, at most; 200, with the preset exactly 10 (the authors took 5 to 15, by data set).
    learning_rate : float, optional
        0.02, with the preset 0.05.
    preset : {None, "authors"}
        "authors" reproduces their program instead: heat-kernel graph of `n_neighbors`, in which labelled pairs of a
        class are joined by weight 1 before a fixed number of epochs; one-hot sources, their α = 1. `propagation`,
        `alpha`, `weights`, `view_weights`, `standardize`, `neighbors` and `keep` are then not looked at.
    view_sizes : sequence of int, optional
        Cuts one array X by columns into views.
    n_jobs : int, optional
        How many threads `fit` and `predict` take; all processors that the process may use by default (and for -1), one
        for 1. What they find does not depend on it.
    verbose : bool, optional
        True writes a line to stderr for every step of `fit` and epoch of training, False nothing. By default a step of
        more than two seconds has one line that tells how far it is and, where that is known, the time left, and only
        on a terminal.

    Attributes
    ----------
    classes_ : ndarray (c,)
        In ascending order.
    transduction_ : ndarray (n,)
        A class for every sample that `fit` saw; the labelled ones keep theirs. The first class where `reached_` is
        false: nothing is known of such a sample.
    label_distributions_ : ndarray (n, c)
        Rows of sum 1; uniform, 1/c for every class, where `reached_` is false. F divided by the sums of its rows; for
        "poisson" exp(u/s) divided by those, over the classes with a label in the same component of the graph, s being
        how much u usually differs there: they grow with u, and are no frequencies.
    reached_ : ndarray (n,) of bool
        Whether any label comes to the sample over the candidates, with the preset over the learned graph: false of
        those whose part of it has no labelled sample, and of all unlabelled ones for ``alpha=0``, but for "poisson".
    affinity_matrix_, graph_, view_weights_, neighbors_, theta_, L_, scale_, n_iter_, n_features_in_, view_names_,
    feature_names_in_
        As of `DSRLClustering`.

    Examples
    --------
    >>> import numpy as np
    >>> from dsrl_ref.multiview import DSRLClassifier, complementary_views
    >>> views, labels = complementary_views(random_state=0)
    >>> known = np.where(np.arange(len(labels)) < 30, labels, -1)
    >>> found = DSRLClassifier().fit(views, known).transduction_
    >>> (found == labels)[30:].mean() > 0.9
    np.True_
    """

    classes_ = FromFit()
    transduction_ = FromFit()
    label_distributions_ = FromFit()
    reached_ = FromFit()
    _fitted: FittedClasses

    _kind = "classifier"
    _authors_training = 10, 0.05

    def __init__(
        self,
        *,
        affinity: str = "views",
        propagation: str = "balanced",
        alpha: float = ALPHA,
        n_neighbors: int = 10,
        weights: str = "adaptive",
        view_weights: Any = "auto",
        standardize: str = "auto",
        neighbors: str = "auto",
        keep: float | None = None,
        layers: int = 11,
        epochs: int | None = None,
        learning_rate: float | None = None,
        preset: str | None = None,
        view_sizes: Sequence[int] | None = None,
        n_jobs: int | None = None,
        verbose: bool | None = None,
    ) -> None:
        self.affinity = affinity
        self.propagation = propagation
        self.alpha = alpha
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.view_weights = view_weights
        self.standardize = standardize
        self.neighbors = neighbors
        self.keep = keep
        self.layers = layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.preset = preset
        self.view_sizes = view_sizes
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any, *, callback: Callback | None = None) -> Self:
        """Learn the graph and spread the labels over it.

        Parameters
        ----------
        X : list of array_like (n, d_v), array_like (n, d), or (n, n) if precomputed
            A list of 2-D arrays or tables is views, and so is a dictionary of them, whose keys are their names;
            anything else is one view. Each may be sparse. A row of NaN is a sample that the view does not have, in one
            array with `view_sizes` too; new samples may lack others. All may be dask arrays, as for `similarity_graph`:
            what is learned has the same bits, `affinity_matrix_` and `graph_` are dask arrays, `predict` and `save`
            bring the views to the caller, and there is no preset.
        y : array_like (n,)
            Class codes or names; -1 (None among strings) is unlabelled.
        callback : callable, optional
            Told how far the work is, as ``callback(text, share, seconds_left)``; the latter two are None where that is
            not known. What it raises ends `fit`.

        Raises
        ------
        ValueError, TypeError
            For bad data or parameters, and where no sample is labelled.
        SizeError
            For more classes than fit; with ``preset="authors"`` for more pairs of labelled samples of one class. For
            dask arrays, where what the caller has to hold does not fit: `dsrl_ref.multiview.spread` says what that is.
        ClusterError
            Where a Dask cluster does not answer, or has forgotten what it made.

        Warns
        -----
        GraphWarning
            With the number of samples that no label reaches.
        """
        self._check_parameters()
        if y is None:
            raise ValueError("This DSRLClassifier requires y to be passed, but the target y is None.")
        data = self._read(X)
        labels = as_labels(y, count_samples(data))
        require_order(y, tables_of(X))
        with limited(as_jobs(self.n_jobs)), reported(self.verbose, callback):
            seen = self._seen(data, X, len(labels.classes))
            W = join_labelled_pairs(seen.graph, labels.codes) if self.preset == "authors" else seen.graph
            learned = self._train(W)
            mix = mixed_spread if isinstance(W, Blocks) else mixed
            F = self._propagated(learned.graph if self.preset == "authors" else mix(W, learned.graph), labels)
        spread, reached = distributions(F), F.max(axis=1) > 0
        _warn_of_unreached(reached, "label more samples, one in every part of the graph, or raise n_neighbors", 3)
        if self.preset != "authors":
            known = labels.codes >= 0
            spread[known] = 0.0
            spread[known, labels.codes[known]] = 1.0
        transduction = labels.classes[np.argmax(spread, axis=1)]
        known = labels.codes >= 0
        self._fitted = FittedClasses(seen, W, learned, labels.classes, transduction, spread, reached, known)
        return self

    def _check_parameters(self) -> None:
        super()._check_parameters()
        as_jobs(self.n_jobs)
        require_known(self.propagation, PROPAGATION, "propagation")
        if as_number(self.alpha, "alpha") < 0:
            raise ValueError(f"alpha must not be negative, got {self.alpha}")

    def _propagated(self, graph: csr_array | Blocks, labels: Labels) -> Array:
        classes = len(labels.classes)
        if self.preset == "authors":
            return propagate(graph, [labels.codes], classes, "one-hot", None)[0]
        return propagate(graph, [labels.codes], classes, self.propagation, float(self.alpha))[0]

    def predict_proba(self, X: Any) -> Array:
        """Class distributions of new samples: the mean of their neighbours', weighted by what the network keeps.

        Parameters
        ----------
        X : as for `fit`
            If precomputed, the similarities (n_new, n) of new samples to those that `fit` saw.

        Returns
        -------
        ndarray (n_new, c)
            Uniform where no label reaches a sample: it has no neighbour, or none that a label reaches. Views that
            `fit` saw get their row of `label_distributions_`.

        Warns
        -----
        GraphWarning
            With the number of samples that no label reaches.
        """
        return self.predict_reached(X)[0]

    def predict_reached(self, X: Any) -> tuple[Array, NDArray[np.bool_]]:
        """Class distributions of new samples, and which of them a label reaches.

        Parameters
        ----------
        X : as for `predict_proba`

        Returns
        -------
        proba : ndarray (n_new, c)
            As of `predict_proba`.
        reached : ndarray (n_new,) of bool
            Whether a sample has a neighbour with `reached_`.
        """
        if not hasattr(self, "_fitted"):
            raise not_fitted(self)
        fitted = self._fitted
        with limited(as_jobs(self.n_jobs)):
            links = self._links(X, fitted)
        reached = np.asarray(links @ fitted.reached.astype(np.float64)) > 0
        _warn_of_unreached(reached, "fit with more labels, or with samples that are like them", 4)
        return distributions(links @ fitted.label_distributions), reached

    def predict(self, X: Any) -> NDArray[Any]:
        """Classes of new samples.

        Parameters
        ----------
        X : as for `fit`
            If precomputed, the similarities (n_new, n) of new samples to those that `fit` saw.
        """
        proba = self.predict_proba(X)
        return self._fitted.classes[np.argmax(proba, axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of `predict` on the labelled samples of y, each with its weight.

        Raises
        ------
        TypeError
            For names where `fit` saw numbers, or the other way round.
        """
        require_in_memory(y, "y")
        require_in_memory(sample_weight, "sample_weight")
        predicted = self.predict(X)
        labels = as_labels(y, len(predicted))
        one, other = labels.classes.tolist()[0], self.classes_.tolist()[0]
        if isinstance(one, str) != isinstance(other, str):
            raise TypeError(f"y has labels like {one!r}, but fit saw {other!r}")
        require_order(y, tables_of(X))
        known = labels.codes >= 0
        right = predicted[known] == labels.classes[labels.codes[known]]
        weights = None if sample_weight is None else as_real(sample_weight, "sample_weight")[known]
        return float(np.average(right, weights=weights))


def _warn_of_unreached(reached: NDArray[np.bool_], advice: str, level: int) -> None:
    if not reached.all():
        count, first = np.count_nonzero(~reached), int(np.argmin(reached))
        message = f"no label reaches {count} of {len(reached)} samples, the first of them sample {first}: "
        warnings.warn(f"{message}all classes are as likely, and the first is taken; {advice}", GraphWarning, level)


def join_labelled_pairs(W: csr_array, codes: NDArray[np.intp]) -> csr_array:
    """Weight 1 between labelled samples of the same class, each with itself included, as the authors have it."""
    classes = [np.flatnonzero(codes == code) for code in np.unique(codes[codes >= 0])]
    pairs = sum(len(members) ** 2 for members in classes)
    what = f"preset='authors' joins the {pairs} pairs of labelled samples of one class"
    require_room(PAIR * pairs, what, "label fewer of them, or leave preset out")
    row = np.concatenate([np.repeat(members, len(members)) for members in classes])
    column = np.concatenate([np.tile(members, len(members)) for members in classes])
    ones = csr_array((np.ones(row.size), (row, column)), shape=W.shape)
    joined = csr_array(W - W * (ones != 0) + ones)
    joined.eliminate_zeros()
    joined.sort_indices()
    return joined
