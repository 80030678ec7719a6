"""Pictures of what estimators have found: all on a page, or one by its name."""

import numpy as np
import pytest
from views import GRAPH, KNOWN, LABELS, VIEWS

from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering
from dsrl_ref.multiview.spectral import eigengap, embed
from dsrl_ref.pictures import PICTURES, draw_estimator, estimator

NAMES = ["ape", "bee", "cat", "dog"]
CLUSTERS = DSRLClustering(4, random_state=0).fit(VIEWS)
CLASSES = DSRLClassifier().fit(VIEWS, KNOWN)
pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("matplotlib")]


@pytest.fixture
def asked(monkeypatch):
    """What each single picture was given; nothing is drawn."""
    given = {}
    for name in ("embedding", "graphs", "confusion", "view_weights", "eigengap"):
        monkeypatch.setattr(
            estimator, f"draw_{name}", lambda *a, name=name, **b: given.setdefault(name, (a, b)) and None
        )
    return given


def test_clusters_are_drawn_by_their_numbers(asked):
    draw_estimator(CLUSTERS, "embedding")
    (points, codes, names), options = asked["embedding"]
    assert points is CLUSTERS.embedding_
    assert codes is CLUSTERS.labels_
    assert names == ["cluster 0", "cluster 1", "cluster 2", "cluster 3"]
    assert options == {"labelled": None, "nobody": "no label reaches"}
    draw_estimator(CLUSTERS, "confusion", true=[NAMES[label] for label in LABELS])
    (true, found, names, clusters), _ = asked["confusion"]
    assert (true.tolist(), found.tolist(), names) == (LABELS.tolist(), CLUSTERS.labels_.tolist(), NAMES)
    assert clusters == ["0", "1", "2", "3"]


def test_classes_are_drawn_by_their_names(asked):
    model = DSRLClassifier().fit(VIEWS, [NAMES[code] if code > 0 else None for code in KNOWN])  # no ape is known
    true = [NAMES[code] if i >= 24 else None for i, code in enumerate(LABELS)]
    draw_estimator(model, "confusion", true=true, labelled=np.arange(24))
    (shown, found, names, clusters), _ = asked["confusion"]
    assert names == NAMES
    assert clusters is None
    assert shown.tolist() == [-1] * 24 + LABELS[24:].tolist()
    assert [names[code] for code in found] == model.transduction_.tolist()
    draw_estimator(model, "embedding", labelled=np.arange(24))
    (points, codes, names), options = asked["embedding"]
    assert np.array_equal(points, embed(model.graph_, 3))
    assert names == NAMES[1:]
    assert [names[code] for code in codes] == model.transduction_.tolist()
    assert options["labelled"].tolist() == list(range(24))
    asked.clear()
    some = [NAMES[code] if code in (1, 3) else None for code in LABELS]
    draw_estimator(model, "confusion", true=some)
    (shown, _, names, _), _ = asked["confusion"]
    assert [names[code] if code >= 0 else None for code in shown] == some
    draw_estimator(CLASSES, "embedding")
    assert np.array_equal(asked["embedding"][0][0], embed(CLASSES.graph_, 4))


def test_codes_have_the_names_that_are_given(asked):
    model = DSRLClassifier().fit(VIEWS, np.where(KNOWN == 2, -1, KNOWN))
    draw_estimator(model, "graphs", true=LABELS, names=NAMES)
    (before, after, codes, names), _ = asked["graphs"]
    assert (before.toarray() == model.affinity_matrix_.toarray()).all()
    assert (after.toarray() == model.graph_.toarray()).all()
    assert names == NAMES
    assert np.array_equal(codes, model.transduction_)
    draw_estimator(CLUSTERS, "confusion", true=LABELS, names=NAMES)
    assert asked["confusion"][0][2] == NAMES


def test_samples_that_no_label_reaches_have_no_class(asked):
    graph = GRAPH.toarray()
    graph[50], graph[:, 50] = 0, 0
    with pytest.warns(GraphWarning, match="no label reaches 1 of 120"):
        model = DSRLClassifier(affinity="precomputed").fit(graph, KNOWN)
    draw_estimator(model, "embedding")
    codes = asked["embedding"][0][1]
    assert np.flatnonzero(codes < 0).tolist() == [50]


def test_weights_are_those_of_the_model(asked, monkeypatch):
    model = DSRLClustering(4, random_state=0, view_weights=[1, 2, 5]).fit(VIEWS)
    draw_estimator(model, "weights", view_names=["a", "b", "c"])
    (weights, names), _ = asked["view_weights"]
    assert (list(weights), names) == ([0.125, 0.25, 0.625], ["a", "b", "c"])
    asked.clear()
    monkeypatch.setattr(DSRLClustering, "view_weights_", np.array([0.5, 0.25, 0.25]), raising=False)
    draw_estimator(model, "weights")
    assert list(asked["view_weights"][0][0]) == [0.5, 0.25, 0.25]


def test_the_eigengap_is_that_of_the_learned_graph(asked):
    draw_estimator(CLUSTERS, "eigengap")
    (values, clusters), options = asked["eigengap"]
    assert np.array_equal(values, eigengap(CLUSTERS.graph_)[1])
    assert (clusters, options) == (4, {"asked": True})
    asked.clear()
    model = DSRLClustering(random_state=0).fit(VIEWS)
    draw_estimator(model, "eigengap")
    (values, clusters), options = asked["eigengap"]
    assert values is model.eigenvalues_
    assert (clusters, options) == (model.n_clusters_, {"asked": False})


def titles(figure):
    return [panel.get_title().split("\n")[0] for panel in figure.axes if panel.get_title()]


def test_the_overview_has_what_there_is_on_a_page():
    above = ["embedding of the samples", "graph before", "graph after"]
    cluster = titles(draw_estimator(CLUSTERS, true=LABELS))
    assert [title.split(":")[0] for title in cluster[:3]] == above
    assert "of 120 samples on the diagonal" in cluster[3]
    assert cluster[4:] == ["eigenvalues of the learned graph", "weights of the views"]
    alone = DSRLClustering(4, random_state=0).fit(VIEWS[0])  # of one view there are no weights to show
    assert titles(draw_estimator(alone))[3:] == ["eigenvalues of the learned graph", "shrinkage ξ"]
    assert titles(draw_estimator(CLUSTERS, view_names="abc"))[3:] == [
        "eigenvalues of the learned graph",
        "weights of the views",
        "shrinkage ξ",
    ]
    assert titles(draw_estimator(CLASSES, view_names="abc"))[3:] == ["weights of the views", "shrinkage ξ"]
    given = DSRLClassifier(affinity="precomputed").fit(GRAPH, KNOWN)
    assert titles(draw_estimator(given))[3:] == ["shrinkage ξ"]
    graph = GRAPH.toarray()
    graph[50], graph[:, 50] = 0, 0
    with pytest.warns(GraphWarning, match="no label reaches 1 of 120"):
        given.fit(graph, KNOWN)
    only = [0 if i == 50 else None for i in range(120)]  # what is known is of a sample of which nothing was found
    assert titles(draw_estimator(given, true=only))[3:] == ["shrinkage ξ"]


@pytest.mark.parametrize(
    ("picture", "kind"), [*((name, "png") for name in PICTURES), ("graphs", "pdf"), ("graphs", "svg")]
)
def test_every_picture_is_written_in_every_kind_without_a_warning(picture, kind, tmp_path):
    figure = draw_estimator(CLUSTERS, picture, true=LABELS, names=NAMES, view_names=["a", "b", "c"])
    figure.savefig(tmp_path / "picture", format=kind)
    assert (tmp_path / "picture").stat().st_size > 1000


@pytest.mark.parametrize("model", [CLUSTERS, CLASSES], ids=["clusters", "classes"])
def test_no_text_leaves_the_page(model):
    figure = draw_estimator(model, true=LABELS, names=NAMES, view_names=[f"view {v} (1000 features)" for v in range(3)])
    figure.draw_without_rendering()
    for panel in figure.axes:
        box = panel.get_tightbbox()
        assert -2 <= box.x0 <= box.x1 <= figure.bbox.x1 + 2
        assert -2 <= box.y0 <= box.y1 <= figure.bbox.y1 + 2


def test_what_there_is_nothing_for_is_refused():
    with pytest.raises(ValueError, match=r"picture must be one of 'overview', 'embedding', .*, got 'pie'"):
        draw_estimator(CLUSTERS, "pie")
    with pytest.raises(ValueError, match="a confusion matrix is of known classes beside found ones"):
        draw_estimator(CLUSTERS, "confusion")
    with pytest.raises(ValueError, match="the eigengap is of clusters, and these are classes"):
        draw_estimator(CLASSES, "eigengap")
    given = DSRLClassifier(affinity="precomputed").fit(GRAPH, KNOWN)
    with pytest.raises(ValueError, match="weights are of views, and the graph was given"):
        draw_estimator(given, "weights")
    with pytest.raises(TypeError, match="true has labels like 'ape', but fit saw 0"):
        draw_estimator(CLASSES, "confusion", true=["ape"] * 120)


@pytest.mark.parametrize("model", [CLUSTERS, CLASSES], ids=["clusters", "classes"])
def test_the_curve_of_learning_gives_the_weights_that_the_learned_graph_has(model):
    """The curve, read at weights of edges before, is the weight of the same edge after."""
    curve = draw_estimator(model, "learning").axes[1].lines[1]
    before, after = model.affinity_matrix_.toarray(), model.graph_.toarray()
    read = np.interp(before[after > 0], curve.get_xdata(), curve.get_ydata())
    largest = before.max()
    assert np.quantile(np.abs(read - after[after > 0]), 0.99) < largest / 200
    assert curve.get_xdata()[-1] == largest


def test_a_model_knows_what_its_views_are_called_and_whose_class_it_was_given(asked):
    model = DSRLClassifier(n_neighbors=4).fit(dict(zip("abc", VIEWS, strict=True)), KNOWN)
    draw_estimator(model, "weights")
    assert list(asked["view_weights"][0][1]) == ["a", "b", "c"]
    draw_estimator(model, "embedding")
    assert asked["embedding"][1]["labelled"].tolist() == np.flatnonzero(KNOWN >= 0).tolist()
    asked.clear()
    draw_estimator(model, "embedding", labelled=[3])
    draw_estimator(model, "weights", view_names="xyz")
    assert asked["embedding"][1]["labelled"] == [3]
    assert asked["view_weights"][0][1] == "xyz"
