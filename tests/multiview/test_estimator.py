"""What both estimators share: what they read and refuse, and what they remember."""

import re
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from views import GRAPH, KNOWN, LABELS, VIEWS, Table, hard_views, holed

from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, similarity_graph
from dsrl_ref.multiview.estimator import split_views
from dsrl_ref.multiview.graph import fuse
from dsrl_ref.multiview.views import as_views

ESTIMATORS = [DSRLClustering(4, random_state=0), DSRLClassifier()]
both = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
FEW = [view[:30] for view in VIEWS]


def graph_of(model):
    return model.affinity_matrix_.toarray()


def test_the_candidates_are_three_times_as_many_neighbours_by_adaptive_weights():
    model = DSRLClassifier(n_neighbors=4).fit(VIEWS, KNOWN)
    expected = fuse(VIEWS, 12, "adaptive", "auto", "auto", 4).graph
    assert np.array_equal(graph_of(model), expected.toarray())
    given = DSRLClassifier(affinity="precomputed", keep=0.25, epochs=200, learning_rate=0.02).fit(expected, KNOWN)
    assert (given.graph_ != model.graph_).nnz == 0
    assert model.graph_.nnz >= 0.25 * expected.nnz
    assert (given.theta_, given.L_, given.scale_) == (model.theta_, model.L_, model.scale_)
    assert model.scale_ == expected.max() < 1
    assert (model.n_features_in_, given.n_features_in_) == (30, 120)


def test_graphs_are_made_as_the_parameters_say():
    options = {"weights": "self-tuning", "view_weights": [1, 2, 3], "standardize": "features"}
    model = DSRLClassifier(n_neighbors=3, **options).fit(VIEWS, KNOWN)
    assert np.array_equal(graph_of(model), similarity_graph(VIEWS, 9, **options).toarray())
    preset = DSRLClustering(4, n_neighbors=9, preset="authors", epochs=40, **options).fit(VIEWS)
    assert np.array_equal(graph_of(preset), similarity_graph(VIEWS, 9).toarray())


@pytest.mark.parametrize(("preset", "most"), [(None, 10), ("authors", 11)])
def test_more_neighbours_than_samples_are_as_many_as_there_are(preset, most):
    few = [view[:12] for view in VIEWS]
    model = DSRLClustering(2, n_neighbors=12, preset=preset, epochs=100, random_state=0)
    with pytest.warns(GraphWarning, match="n_neighbors = 12, but each of 12 samples has only 11 neighbours; fewer"):
        model.fit(few)
    weights, standardize = ("heat", "samples") if preset else ("adaptive", "auto")
    expected = fuse(few, most, weights, None if preset else "auto", standardize, 2).graph
    assert np.array_equal(graph_of(model), expected.toarray())
    fewer = DSRLClustering(2, n_neighbors=11, preset=preset, epochs=100, random_state=0).fit(few)
    assert np.array_equal(graph_of(model), graph_of(fewer))


@both
def test_a_precomputed_graph_may_be_of_any_kind(estimator):
    model = type(estimator)(**{**estimator.get_params(), "affinity": "precomputed"})
    graphs = [graph_of(model.fit(graph, KNOWN)) for graph in (GRAPH, GRAPH.toarray(), GRAPH.tocoo())]
    assert all(np.array_equal(graph, GRAPH.toarray()) for graph in graphs)


def test_a_graph_without_edges_is_told():
    no_edges = pytest.warns(GraphWarning, match="no edges: none of its entries off the diagonal is positive")
    with no_edges, pytest.warns(GraphWarning, match="only 1 of 2 clusters came out"):
        model = DSRLClustering(2, affinity="precomputed", random_state=0).fit(-np.ones((5, 5)))
    assert set(model.labels_) == {0}


def test_one_array_is_one_view_or_cut_by_columns():
    stacked = np.arange(12.0).reshape(2, 6)
    assert [view.tolist() for view in split_views(stacked, None)] == [stacked.tolist()]
    cut = split_views(stacked, [1, 3, 2])
    assert [view.tolist() for view in cut] == [stacked[:, part].tolist() for part in np.s_[:1, 1:4, 4:]]
    assert [view.tolist() for view in split_views([stacked, stacked[:, :1]], None)][1] == [[0], [6]]
    assert len(split_views([[1.0, 2.0], [3.0, 4.0]], None)) == 1  # a list of rows is one view
    model = DSRLClassifier(view_sizes=[10, 10, 10]).fit(np.hstack(VIEWS), KNOWN)
    assert np.array_equal(graph_of(model), graph_of(DSRLClassifier().fit(VIEWS, KNOWN)))
    assert model.n_features_in_ == 30
    assert model.predict(np.hstack(VIEWS)).tolist() == DSRLClassifier().fit(VIEWS, KNOWN).predict(VIEWS).tolist()


def test_samples_that_a_view_lacks_are_rows_of_nan_of_lists_and_of_tables_that_are_cut():
    views, _ = holed(VIEWS, 0.4)
    expected = fuse(as_views(views), 30, "adaptive", "auto", "auto", 4).graph.toarray()
    model = DSRLClassifier().fit(views, KNOWN)
    assert np.array_equal(graph_of(model), expected)
    assert np.mean(model.transduction_[24:] == LABELS[24:]) > 0.8
    cut = DSRLClassifier(view_sizes=[10, 10, 10]).fit(np.hstack(views), KNOWN)
    assert np.array_equal(graph_of(cut), expected)
    assert cut.predict(np.hstack(views)).tolist() == model.predict(views).tolist() == model.transduction_.tolist()
    assert not np.array_equal(graph_of(DSRLClassifier(preset="authors").fit(views, KNOWN)), expected)


@both
def test_new_samples_may_lack_views_too(estimator):
    views, _ = holed(VIEWS, 0.3)
    estimator.fit([view[:100] for view in views], *([KNOWN[:100]] if isinstance(estimator, DSRLClassifier) else []))
    lacking = [views[0][100:], views[1][100:], np.full((20, 10), np.nan)]
    lacking[0][:] = VIEWS[0][100:]
    found = estimator.predict(lacking)
    links = estimator._links(lacking, estimator._fitted)
    assert links.shape == (20, 100)
    assert (np.asarray(links.sum(axis=1)) > 0).all()
    assert len(np.unique(found)) == 4
    for view in lacking[:2]:
        view[4] = np.nan
    with pytest.raises(ValueError, match="sample 4 is in no view, a row of NaN in each"):
        estimator.predict(lacking)


@both
@pytest.mark.parametrize(
    ("X", "sizes", "message"),
    [
        (
            np.where(np.arange(120)[:, None] == 7, np.nan, VIEWS[0]),
            None,
            "^sample 7 is in no view, a row of NaN in each",
        ),
        (
            np.hstack([np.where(np.arange(120)[:, None] == 7, np.nan, view) for view in VIEWS]),
            [10, 20],
            "^sample 7 is in no view",
        ),
        (
            np.where((np.arange(120)[:, None] == 7) & (np.arange(10) > 4), np.nan, VIEWS[0]),
            None,
            r"^X contains NaN: X\[7, 5\] = nan, and 1 rows are NaN in part: fill",
        ),
        (
            np.where((np.arange(120)[:, None] == 7) & (np.arange(10) > 4), np.nan, VIEWS[0]),
            [6, 4],
            r"^X\[:, 0:6\] contains NaN: X\[:, 0:6\]\[7, 5\] = nan",
        ),
        (np.where(np.arange(120)[:, None] == 7, np.inf, VIEWS[0]), None, r"^X contains infinity: X\[7, 0\] = inf"),
        (VIEWS[0].ravel(), [6, 4], "^X: Expected 2D array, got 1D array"),
    ],
)
def test_what_is_missing_in_a_table_is_refused_by_place(estimator, X, sizes, message):
    model = type(estimator)(view_sizes=sizes)
    with pytest.raises(ValueError, match=message):
        model.fit(X, KNOWN)


def test_samples_without_a_view_are_refused_by_the_names_of_a_table():
    class Frame(np.ndarray):
        columns, index = tuple("abcdefghij"), Named(f"s{i}" for i in range(120))

    X = np.where(np.arange(120)[:, None] == 7, np.nan, VIEWS[0]).view(Frame)
    for given in (X, [X, X]):
        with pytest.raises(ValueError, match=r"^sample 's7' is in no view"):
            DSRLClassifier().fit(given, KNOWN)
    with pytest.raises(ValueError, match=r"^sample 's7' is in no view"):
        DSRLClassifier(view_sizes=[4, 6]).fit(X, KNOWN)
    other = X.view(Frame)
    other.index = Named(reversed(Frame.index))
    with pytest.raises(ValueError, match=r"the index of views\[1\] is not that of views\[0\]"):
        DSRLClassifier().fit([X, other], KNOWN)


class Named(tuple):
    """Names of rows, as pandas has them."""

    __slots__ = ()


class Tabular:
    """A table as polars and pyarrow have it: columns, a shape, and no number of dimensions."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape
        self.columns = [f"f{j}" for j in range(values.shape[1])]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


class Exchanged(Tabular):
    """The same, known by the protocol of exchange alone."""

    def __init__(self, values):
        super().__init__(values)
        del self.columns

    def __dataframe__(self):
        raise AssertionError("not needed")


@pytest.mark.parametrize("as_view", [Tabular, Exchanged, np.ndarray.tolist, list, lambda view: tuple(map(tuple, view))])
def test_views_are_tables_of_any_package_or_lists_of_rows(as_view):
    expected = DSRLClassifier().fit(VIEWS, KNOWN)
    model = DSRLClassifier().fit([as_view(view) for view in VIEWS], KNOWN)
    assert model.view_weights_.tolist() == expected.view_weights_.tolist()
    assert np.array_equal(model.transduction_, expected.transduction_)


def test_a_list_of_rows_is_one_view_whatever_the_rows_are():
    for rows in (VIEWS[0].tolist(), list(VIEWS[0]), tuple(map(tuple, VIEWS[0]))):
        (view,) = split_views(rows, None)
        assert np.array_equal(view, VIEWS[0])


def test_labels_in_another_order_than_the_table_are_refused():
    class Frame(np.ndarray):
        columns, index = tuple("abcdefghij"), Named(range(120))

    class Series(np.ndarray):
        index = Named([1, 0, *range(2, 120)])

    X, y = VIEWS[0].view(Frame), np.asarray(KNOWN).view(Series)
    for given in (X, [VIEWS[1], X]):
        with pytest.raises(ValueError, match=r"the index of y has the samples of X in another order: y\[0\] is of 1"):
            DSRLClassifier().fit(given, y)
    model = DSRLClassifier().fit(X, KNOWN)
    with pytest.raises(ValueError, match="the index of y has the samples of X in another order"):
        model.score(X, y)


def test_that_nan_is_taken_is_said_where_a_table_is_cut():
    pytest.importorskip("sklearn.utils", reason="scikit-learn is not installed: pip install '.[dev]'")
    assert not DSRLClassifier().__sklearn_tags__().input_tags.allow_nan
    assert DSRLClassifier(view_sizes=[10, 20]).__sklearn_tags__().input_tags.allow_nan


@both
def test_inputs_are_left_as_they_are(estimator):
    copies, graph = [view.copy() for view in VIEWS], GRAPH.copy()
    estimator.fit(VIEWS, KNOWN)
    type(estimator)(affinity="precomputed", preset="authors", epochs=40).fit(graph, KNOWN)
    assert all(np.array_equal(a, b) for a, b in zip(copies, VIEWS, strict=True))
    assert (graph != GRAPH).nnz == 0


def test_what_was_seen_is_the_models_own():
    views = [view.copy() for view in VIEWS]
    model = DSRLClassifier().fit(views, KNOWN)
    expected = model.predict_proba(VIEWS)
    for view in views:
        view[:] = view[::-1].copy()
    assert np.array_equal(model.predict_proba(VIEWS), expected)


def test_a_refused_fit_leaves_the_model_as_it_was():
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    expected = model.predict_proba(VIEWS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit([view[:, :4] for view in VIEWS], KNOWN[:3])
    assert np.array_equal(model.predict_proba(VIEWS), expected)


@pytest.mark.filterwarnings("ignore:views.3. is constant:dsrl_ref.errors.GraphWarning")
def test_a_constant_view_changes_no_class():
    constant = np.full((120, 3), 7.0)
    model = DSRLClassifier(standardize="features").fit([*VIEWS, constant], KNOWN)
    expected = DSRLClassifier(standardize="features").fit(VIEWS, KNOWN)
    assert np.array_equal(model.transduction_, expected.transduction_)
    new = [view[:5] for view in [*VIEWS, constant]]
    assert np.array_equal(model.predict(new), expected.predict(new[:3]))


def test_negative_similarities_of_new_samples_are_none():
    model = DSRLClassifier(affinity="precomputed").fit(GRAPH, KNOWN)
    rows = GRAPH.toarray()[30:35]
    rows[4] = 1e-9 * (np.arange(120) == 40)  # the network keeps nothing of it
    spoiled = np.where(rows == 0, -1.0, rows)
    for given in (spoiled, csr_array(spoiled)):
        assert np.array_equal(model.predict_proba(given), model.predict_proba(rows))


def test_new_samples_of_other_features_are_refused():
    model = DSRLClassifier().fit(VIEWS, KNOWN)
    with pytest.raises(ValueError, match="X has 10 features, but DSRLClassifier is expecting 30 features as input"):
        model.predict(VIEWS[0])
    with pytest.raises(ValueError, match=r"X has views of \[30\] features, but fit saw \[10, 10, 10\]"):
        model.predict(np.hstack(VIEWS))
    model = DSRLClassifier(affinity="precomputed").fit(GRAPH, KNOWN)
    with pytest.raises(ValueError, match="X has 119 features, but DSRLClassifier is expecting 120 features"):
        model.predict(GRAPH.toarray()[:, 1:])


def test_names_of_features_are_remembered_compared_and_forgotten():
    names = [f"f{j}" for j in range(10)]
    model = DSRLClassifier().fit(Table(VIEWS[0], names), KNOWN)
    assert model.feature_names_in_.tolist() == names
    assert len(model.predict(Table(VIEWS[0], names))) == len(model.predict(VIEWS[0])) == 120
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit, in the same"):
        model.predict(Table(VIEWS[0], names[::-1]))
    assert not hasattr(model.fit(VIEWS[0], KNOWN), "feature_names_in_")


def test_parameters_are_read_and_set():
    model = DSRLClustering(3, weights="heat")
    assert model.get_params()["weights"] == "heat"
    assert set(model.get_params()) == set(vars(DSRLClustering()))
    assert model.set_params(n_clusters=5) is model
    assert repr(model) == "DSRLClustering(n_clusters=5, weights='heat')"
    assert repr(DSRLClassifier(alpha=2.5)) == "DSRLClassifier(alpha=2.5)"


def test_a_notebook_shows_what_was_changed_and_what_was_learned():
    model = DSRLClassifier(n_neighbors=5)
    assert (
        model._repr_html_() == "<table><caption>DSRLClassifier</caption><tr><th>n_neighbors</th><td>5</td></tr></table>"
    )
    model.fit(VIEWS, KNOWN)
    cells = dict(re.findall("<th>(.*?)</th><td>(.*?)</td>", model._repr_html_()))
    assert list(cells) == ["n_neighbors", "graph_", "theta_", "L_"]
    n, edges, kept = model.graph_.shape[0], model.affinity_matrix_.nnz // 2, model.graph_.nnz // 2
    assert cells["graph_"] == f"{n}×{n}, {kept} of {edges} edges kept"
    assert cells["theta_"].startswith(f"w1 = {model.theta_.w1:.6g}, w2 = ")
    assert cells["L_"] == f"{model.L_:.6g} after {model.n_iter_} epochs"


@pytest.mark.parametrize(
    ("parameters", "what"), [({}, "learning a graph: epoch "), ({"preset": "authors"}, "fit: epoch ")]
)
def test_verbose_tells_every_step_and_every_epoch_of_training_on_stderr(parameters, what, capsys):
    for verbose in (None, False, True):
        model = DSRLClustering(2, random_state=0, verbose=verbose, **parameters).fit(VIEWS)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count(what) == (model.n_iter_ if verbose else 0)
        others = {line.split(":")[0] for line in err.splitlines() if not line.startswith(what)}
        assert others >= ({"joining neighbours", "k-means"} if verbose else set())
        assert verbose or not err
    with pytest.raises(ValueError, match=r"Invalid parameter 'cluster' for estimator .* are: n_clusters, affinity"):
        model.set_params(cluster=3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"affinity": "rbf"}, "affinity must be one of 'views', 'precomputed', got 'rbf'"),
        ({"preset": "paper"}, "preset must be 'authors', got 'paper'"),
        ({"keep": 0}, r"keep must be a share of the edges, in \(0, 1\], got 0.0"),
        ({"learning_rate": -1}, "learning_rate must be positive, got -1.0"),
        ({"learning_rate": 0}, "learning_rate must be positive, got 0.0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"n_neighbors": 0}, "n_neighbors must be at least 1, got 0"),
        ({"view_sizes": [3]}, "view_sizes is for one array"),
        ({"preset": "authors", "layers": 3}, "has 11 layers, got layers = 3"),
        ({"preset": "authors", "keep": 2}, r"keep must be a share of the edges, in \(0, 1\], got 2.0"),
        ({"preset": "authors", "weights": "cosine"}, "weights must be one of"),
        ({"preset": "authors", "standardize": "rows"}, "standardize must be one of"),
        ({"affinity": "precomputed", "view_sizes": [10, 10]}, "view_sizes cuts views"),
        ({"view_sizes": [0, 30]}, r"view_sizes\[0\] must be at least 1, got 0"),
    ],
)
@both
def test_bad_parameters_are_refused(estimator, parameters, message):
    model = type(estimator)(**{**estimator.get_params(), **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(VIEWS, KNOWN)


def test_all_edges_may_be_kept():
    model = DSRLClustering(2, keep=1, n_neighbors=3, random_state=0).fit(FEW)
    assert model.graph_.nnz == model.affinity_matrix_.nnz


def test_training_ends_after_200_epochs_where_no_other_number_is_given():
    dense = 1 - np.eye(40)
    dense[0, 1] = dense[1, 0] = 1e-6  # kept only when the network keeps all
    with pytest.warns(GraphWarning, match=r"after 200 epochs only 99\.9% of the edges are kept, not 100\.0%"):
        model = DSRLClustering(2, affinity="precomputed", keep=1, random_state=0).fit(dense)
    assert model.n_iter_ == 200


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([VIEWS[0], VIEWS[1][:5]], r"views\[1\] has 5 samples, but views\[0\] has 120"),
        ([VIEWS[0], np.where(VIEWS[1] > 2, np.nan, VIEWS[1])], r"views\[1\] contains NaN"),
        (np.ones((2, 3)), r"Found array with 2 sample\(s\) while a minimum of 3 is required: n_samples = 2"),
        (np.ones(4), "Expected 2D array"),
        ([VIEWS[0], VIEWS[1][:, 0]], r"views\[1\]: Expected 2D array, got 1D array"),
        ([], r"X is \[\]: at least one view of the samples is needed"),
        (None, "X is None: at least one view of the samples is needed"),
    ],
)
@both
def test_bad_views_are_refused(estimator, X, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, np.zeros(3 if X is None else len(X)))


@both
@pytest.mark.parametrize("verbose", [1, 0, "yes"])
def test_verbose_is_true_false_or_none(estimator, verbose):
    with pytest.raises(TypeError, match=f"verbose must be True, False or None, got {verbose!r}"):
        type(estimator)(verbose=verbose).fit(VIEWS, KNOWN)


def test_bad_sizes_of_views_are_refused():
    with pytest.raises(ValueError, match=r"view_sizes = \[10, 10\] has sum 20, but X has 30 features"):
        DSRLClassifier(view_sizes=[10, 10]).fit(np.hstack(VIEWS), KNOWN)
    for sizes in (5, "abc"):
        with pytest.raises(TypeError, match=f"view_sizes must be a list of one integer a view, got {sizes!r}"):
            DSRLClassifier(view_sizes=sizes).fit(np.hstack(VIEWS), KNOWN)


CHECKED = [("DSRLClustering", "precomputed"), ("DSRLClassifier", "views")]


@pytest.mark.peer
@pytest.mark.parametrize(
    ("estimator", "affinity"),
    [
        pytest.param(type(e), a, marks=[] if (type(e).__name__, a) in CHECKED else pytest.mark.nightly)
        for e in ESTIMATORS
        for a in ("views", "precomputed")
    ],
)
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit:UserWarning")
def test_scikit_learns_checks_pass(estimator, affinity):
    checks = pytest.importorskip(
        "sklearn.utils.estimator_checks", reason="scikit-learn is missing: pip install '.[dev]'"
    )
    expected = {"check_classifiers_classes": "label -1 means unlabelled here"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", checks.SkipTestWarning)  # not a mark: pytest would import the class for it
        warnings.filterwarnings("ignore", "n_neighbors = 10, but", GraphWarning)  # some check with 10 samples
        warnings.filterwarnings("ignore", ".* have no neighbour", GraphWarning)  # some with graphs that lack edges
        warnings.filterwarnings("ignore", "the graph falls into", GraphWarning)
        done = checks.check_estimator(estimator(affinity=affinity), on_fail=None, expected_failed_checks=expected)
    failed = [(check["check_name"], check["exception"]) for check in done if check["status"] == "failed"]
    assert failed == []
    assert sum(check["status"] == "passed" for check in done) >= 40


@pytest.mark.peer
def test_works_in_pipelines_and_searches():
    selection = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is missing: pip install '.[dev]'")
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    stacked = np.hstack(VIEWS)
    model = make_pipeline(StandardScaler(), DSRLClassifier(view_sizes=[10, 10, 10]))
    search = selection.GridSearchCV(model, {"dsrlclassifier__alpha": [1.0, 10.0]}, cv=2).fit(stacked, LABELS)
    assert search.best_score_ > 0.8
    assert clone(DSRLClustering(5)).n_clusters == 5


@both
def test_sparse_views_are_taken_and_make_what_dense_ones_make(estimator):
    rng = np.random.default_rng(0)
    views = [np.where(rng.random(view.shape) < 0.3, 0.0, view) for view in VIEWS]
    dense = estimator.fit(views, KNOWN)
    expected = dense.predict([view[:5] + 0.1 for view in views]), graph_of(dense)
    sparse = estimator.fit([csr_array(view) for view in views], KNOWN)
    assert graph_of(sparse) == pytest.approx(expected[1], rel=1e-6, abs=1e-9)
    assert np.array_equal(sparse.predict([csr_array(view[:5] + 0.1) for view in views]), expected[0])
    whole = type(estimator)(**{**estimator.get_params(), "view_sizes": [10, 10, 10]})
    assert np.array_equal(graph_of(whole.fit(csr_array(np.hstack(views)), KNOWN)), graph_of(sparse))


@both
def test_the_preset_takes_sparse_views_as_the_dense_ones_that_they_are(estimator):
    model = type(estimator)(**{**estimator.get_params(), "preset": "authors"})
    expected = graph_of(model.fit(VIEWS, KNOWN))
    assert np.array_equal(graph_of(model.fit([csr_array(view) for view in VIEWS], KNOWN)), expected)


@both
def test_a_view_of_noise_counts_nothing(estimator):
    noise = np.random.default_rng(5).normal(size=(120, 20))
    model = estimator.fit([*VIEWS, noise], KNOWN)
    assert model.view_weights_[3] == 0
    assert model.view_weights_.sum() == pytest.approx(1)
    others = estimator.fit(VIEWS, KNOWN).view_weights_
    assert model.view_weights_[:3] == pytest.approx(others, abs=0.05)
    assert others.min() > 0.2


@both
def test_what_was_seen_may_change_afterwards(estimator):
    views = [view.copy() for view in VIEWS]
    model = estimator.fit(views, KNOWN)
    new = [view[:6] + 0.2 for view in VIEWS]
    expected = model.predict(new)
    for view in views:
        view[:] = view[::-1].copy()
    assert np.array_equal(model.predict(new), expected)
    assert np.array_equal(model._fitted.seen.joiner.fusion.views[0].given, VIEWS[0])


@both
def test_all_processors_are_taken_unless_told_otherwise(estimator, uncounted):
    model = type(estimator)(**{**estimator.get_params(), "n_jobs": 1}).fit(VIEWS, KNOWN)
    for n_jobs in (None, -1):
        with pytest.raises(pytest.fail.Exception, match="processors were counted"):
            type(estimator)(**{**estimator.get_params(), "n_jobs": n_jobs}).fit(VIEWS, KNOWN)
        with pytest.raises(pytest.fail.Exception, match="processors were counted"):
            model.set_params(n_jobs=n_jobs).predict([view + 1 for view in VIEWS])


@both
def test_what_is_found_does_not_depend_on_the_number_of_threads(estimator):
    """Of so many samples that neighbours are sought in several blocks, and F is a large factorisation."""
    views, labels = hard_views(1_500)
    known = np.where(np.arange(1_500) % 10 == 0, labels, -1)
    found = []
    for n_jobs in (1, 2, 3):
        model = type(estimator)(**{**estimator.get_params(), "n_jobs": n_jobs}).fit(views, known)
        attributes = {**model._fitted.attributes, "new": model.predict([view[:9] + 0.25 for view in views])}
        attributes |= {"graph": model.graph_.data, "affinity_matrix": model.affinity_matrix_.data}
        found.append({name: np.array(value).tobytes() for name, value in attributes.items() if value is not None})
    assert found[0] == found[1] == found[2]
