"""Pictures of what an estimator has found, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, require_known
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.multiview.clustering import DSRLClustering
from dsrl_ref.multiview.labels import Labels, as_labels
from dsrl_ref.multiview.spectral import eigengap, embed
from dsrl_ref.pictures.bars import draw_eigengap, draw_view_weights, eigengap_panel, weights_panel
from dsrl_ref.pictures.confusion import confusion_panel, draw_confusion
from dsrl_ref.pictures.embedding import TITLE, draw_embedding, embedding_panel
from dsrl_ref.pictures.graphs import draw_graphs, graph_panels
from dsrl_ref.pictures.learning import draw_learning
from dsrl_ref.plotting import new_figure, shrinkage_panel

COUNTS_UP_TO, SHARES_UP_TO = 12, 5  # classes in the small table of the overview


@dataclass(frozen=True)
class Shown:
    """What there is to draw of a fitted estimator.

    Attributes
    ----------
    model : DSRLClustering or DSRLClassifier
        Fitted.
    codes : ndarray (n,)
        What it found of each sample: a cluster, or the place of the class in `names`; -1 where no label reaches.
    names : list or None
        What the classes are called that are found; None of clusters.
    true : ndarray (n,) or None
        Places in `true_names` of what is known of the samples; -1 where nothing is.
    true_names : list or None
        What the true classes are called; the same as `names` of classes that were found.
    labelled : array_like of int or None
        Places of the samples of which the model knew the class.
    view_names : sequence or None
        What the views are called.
    """

    model: Any
    codes: NDArray[np.intp]
    names: list[Any] | None
    true: NDArray[np.intp] | None
    true_names: list[Any] | None
    labelled: Any
    view_names: Sequence[Any] | None

    @property
    def is_comparable(self) -> bool:
        """Whether any sample has both a known class and a found one."""
        return self.true is not None and bool(((self.true >= 0) & (self.codes >= 0)).any())

    @property
    def called(self) -> list[Any]:
        """What is found is called."""
        return [f"cluster {code}" for code in range(self.model.n_clusters_)] if self.names is None else self.names

    @property
    def found_names(self) -> list[Any] | None:
        """What clusters are called beside classes; None of classes, which are called what they are."""
        return [str(code) for code in range(self.model.n_clusters_)] if self.names is None else None

    @property
    def points(self) -> Array:
        """The embedding that clusters come from; of classes, that of the learned graph in as many dimensions."""
        points: Array | None = getattr(self.model, "embedding_", None)
        return embed(self.model.graph_, max(3, len(self.names or ()))) if points is None else points

    @property
    def view_weights(self) -> Array | None:
        """Of the mean of the graphs; None where the graph was given."""
        weights: Array | None = getattr(self.model, "view_weights_", None)
        joiner = self.model._fitted.seen.joiner
        return joiner.fusion.view_weights if weights is None and joiner is not None else weights

    def network(self, weights: Array) -> Array:
        """What the network makes of the weight of each edge."""
        model = self.model
        learned = ScalarMap(model.theta_, model.L_, model.layers)
        return model.scale_ * np.maximum(learned(weights / model.scale_), 0.0)

    @property
    def gap(self) -> tuple[Array, int, bool]:
        """Eigenvalues of the learned graph, the number of clusters, and whether that was asked for."""
        found: Array | None = getattr(self.model, "eigenvalues_", None)
        values = eigengap(self.model.graph_)[1] if found is None else found
        return values, int(self.model.n_clusters_), found is None


def _embedding(shown: Shown) -> Any:
    return draw_embedding(shown.points, shown.codes, shown.called, labelled=shown.labelled, nobody="no label reaches")


def _graphs(shown: Shown) -> Any:
    return draw_graphs(shown.model.affinity_matrix_, shown.model.graph_, shown.codes, shown.called)


def _learning(shown: Shown) -> Any:
    model = shown.model
    return draw_learning(model.affinity_matrix_, model.graph_, shown.network, shown.codes, shown.called)


def _confusion(shown: Shown) -> Any:
    if not shown.is_comparable:
        raise ValueError("a confusion matrix is of known classes beside found ones, and there is no sample with both")
    return draw_confusion(shown.true, shown.codes, shown.true_names, shown.found_names)


def _weights(shown: Shown) -> Any:
    weights = shown.view_weights
    if weights is None:
        raise ValueError("weights are of views, and the graph was given: there are none")
    return draw_view_weights(weights, shown.view_names)


def _eigengap(shown: Shown) -> Any:
    if not isinstance(shown.model, DSRLClustering):
        raise ValueError("the eigengap is of clusters, and these are classes")
    values, clusters, asked = shown.gap
    return draw_eigengap(values, clusters, asked=asked)


def _overview(shown: Shown) -> Any:
    """Embedding and graphs above; below what else there is: the table, the eigenvalues, the weights, ξ."""
    figure = new_figure((15.0, 8.0))
    above, below = figure.subfigures(2, 1)
    left, right = above.subfigures(1, 2, width_ratios=(1, 2))
    names = shown.called
    panel = left.subplots()
    embedding_panel(panel, shown.points, shown.codes, names, shown.labelled, "no label reaches")
    panel.set_title(TITLE)
    before, after = right.subplots(1, 2)
    graph_panels(before, after, shown.model.affinity_matrix_, shown.model.graph_, shown.codes, names)
    draw: list[Callable[[Any], None]] = [lambda panel: shrinkage_panel(panel, shown.model.theta_)]
    weights = shown.view_weights
    if weights is not None and len(weights) > 1:
        draw.insert(0, lambda panel: weights_panel(panel, weights, shown.view_names))
    if isinstance(shown.model, DSRLClustering):
        draw.insert(0, lambda panel: eigengap_panel(panel, *shown.gap))
    if shown.is_comparable:
        draw.insert(0, lambda panel: _small_table(panel, shown))
    for part, each in zip(below.subfigures(1, 3), draw, strict=False):
        each(part.subplots())
    return figure


def _small_table(panel: Any, shown: Shown) -> None:
    confusion_panel(
        panel,
        shown.true,
        shown.codes,
        shown.true_names,
        shown.found_names,
        counts_up_to=COUNTS_UP_TO,
        shares_up_to=SHARES_UP_TO,
    )


PICTURES: Mapping[str, Callable[[Shown], Any]] = {
    "overview": _overview,
    "embedding": _embedding,
    "graphs": _graphs,
    "learning": _learning,
    "confusion": _confusion,
    "weights": _weights,
    "eigengap": _eigengap,
}


def draw_estimator(
    model: Any,
    picture: str = "overview",
    *,
    true: Any = None,
    names: Sequence[Any] | None = None,
    labelled: Any = None,
    view_names: Sequence[Any] | None = None,
) -> Any:
    """Draw what a fitted `DSRLClustering` or `DSRLClassifier` has found.

    Parameters
    ----------
    model : DSRLClustering or DSRLClassifier
        Fitted.
    picture : str
        One of `PICTURES`: "overview" has the embedding, both graphs, and three of the others on a page; "embedding",
        "graphs", "confusion", "weights" and "eigengap" are one each; "learning" has both graphs and, between them, the
        function of a weight that was learned.
    true : array_like (n,), optional
        The classes of the samples that `fit` saw, as for `DSRLClassifier.fit`: -1 (None among strings) where it is not
        known, or not to be counted. Without it there is no confusion matrix.
    names : sequence, optional
        What the classes are called, where they are codes from 0.
    labelled : array_like of int, optional
        Places of the samples of which a classifier knew the class; by default those that `fit` was given.
    view_names : sequence, optional
        What the views are called; by default as `fit` was given them.

    Returns
    -------
    matplotlib.figure.Figure
        ``savefig`` writes it.

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    ValueError
        For another picture, or one that there is nothing for.

    Examples
    --------
    >>> from dsrl_ref.multiview import DSRLClustering, complementary_views
    >>> from dsrl_ref.pictures import draw_estimator
    >>> views, labels = complementary_views(random_state=0)
    >>> model = DSRLClustering(4, random_state=0).fit(views)
    >>> draw_estimator(model, "confusion", true=labels).axes[0].get_xlabel()
    'cluster'
    """
    require_known(picture, tuple(PICTURES), "picture")
    return PICTURES[picture](shown_of(model, true=true, names=names, labelled=labelled, view_names=view_names))


def shown_of(
    model: Any,
    *,
    true: Any = None,
    names: Sequence[Any] | None = None,
    labelled: Any = None,
    view_names: Sequence[Any] | None = None,
) -> Shown:
    """What there is to draw of a fitted estimator; arguments as of `draw_estimator`."""
    labels = None if true is None else as_labels(true, model.graph_.shape[0])
    view_names = getattr(model, "view_names_", None) if view_names is None else view_names
    if isinstance(model, DSRLClustering):
        known, classes = (None, None) if labels is None else (labels.codes, _called(labels.classes, names))
        return Shown(model, model.labels_, None, known, classes, None, view_names)
    return _of_classes(model, labels, names, labelled, view_names)


def _of_classes(
    model: Any, labels: Labels | None, names: Sequence[Any] | None, labelled: Any, view_names: Sequence[Any] | None
) -> Shown:
    """Found and true classes by their places among all that there are."""
    classes = model.classes_ if labels is None else _united(model.classes_, labels.classes)
    places = np.searchsorted(classes, model.classes_)[np.argmax(model.label_distributions_, axis=1)]
    known = None
    if labels is not None:
        known = np.where(labels.codes >= 0, np.searchsorted(classes, labels.classes)[labels.codes], -1)
    called, known_to_fit = _called(classes, names), model._fitted.labelled
    if labelled is None and known_to_fit is not None:
        labelled = np.flatnonzero(known_to_fit)
    return Shown(model, np.where(model.reached_, places, -1), called, known, called, labelled, view_names)


def _called(classes: NDArray[Any], names: Sequence[Any] | None) -> list[Any]:
    return [each if names is None else names[each] for each in classes.tolist()]


def _united(some: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """All classes in ascending order.

    Raises
    ------
    TypeError
        Where some are names and the others numbers.
    """
    one, other = some.tolist()[0], others.tolist()[0]
    if isinstance(one, str) != isinstance(other, str):
        raise TypeError(f"true has labels like {other!r}, but fit saw {one!r}")
    return np.unique(np.concatenate([some, others]))
