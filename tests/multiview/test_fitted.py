"""A `fit` that does not come to its end leaves everything as it was, whatever stopped it and wherever."""

import inspect
import pickle
import sys
import warnings
from copy import deepcopy
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import scipy.sparse as sp
from views import GRAPH, KNOWN, LABELS, VIEWS, Table

from dsrl_ref import Theta
from dsrl_ref.errors import DSRLError
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering
from dsrl_ref.multiview.fitted import FromFit

FEW = [view[:40] for view in VIEWS]
SOME = np.where(np.arange(40) < 12, LABELS[:40], -1)
NAMED = Table(np.hstack(FEW), [f"f{j}" for j in range(30)])
MODELS = {
    "clusters": lambda: DSRLClustering(3, n_neighbors=4, epochs=15, random_state=0),
    "rows": lambda: DSRLClustering(3, n_neighbors=4, epochs=15, embedding="rows", random_state=0),
    "authors' clusters": lambda: DSRLClustering(3, n_neighbors=4, preset="authors", epochs=12, random_state=0),
    "classes": lambda: DSRLClassifier(n_neighbors=4, epochs=15),
    "authors' classes": lambda: DSRLClassifier(n_neighbors=4, preset="authors", epochs=6),
}
each_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
OTHER = [view[::-1] for view in FEW]  # the same samples in another order
pytestmark = pytest.mark.filterwarnings("ignore::dsrl_ref.errors.GraphWarning")


def plain(value):
    """Any value as something that `==` compares bit for bit."""
    if sp.issparse(value):
        return [plain(part) for part in (value.data, value.indices, value.indptr)]
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tolist() if value.dtype == object else value.tobytes()
    return value


def public(model):
    """All that a model shows, beside its parameters: every public name, or the kind of error that it gives."""
    shown = {}
    for name in sorted({*dir(type(model)), *vars(model)}):
        if not name.startswith("_") and name not in ("share", *model.get_params()):
            try:
                value = getattr(model, name)
            except Exception as error:
                value = type(error)
            shown[name] = None if callable(value) and not isinstance(value, type) else plain(value)
    for name in ("predict_proba", "predict"):
        if hasattr(model, name):
            try:
                shown[name] = plain(getattr(model, name)(FEW))
            except Exception as error:
                shown[name] = type(error)
    return shown


def fitted(make):
    return make().fit(FEW, SOME)


BAD = {
    "keep": ({"keep": 2}, OTHER, SOME, "keep must be a share"),
    "affinity": ({"affinity": "rbf"}, OTHER, SOME, "affinity must be one of"),
    "sizes": ({"view_sizes": [3]}, OTHER, SOME, "view_sizes is for one array"),
    "sizes of one array": ({"view_sizes": [3]}, np.hstack(OTHER), SOME, "view_sizes = .3. has sum 3, but X has 30"),
    "rate": ({"learning_rate": -1.0}, OTHER, SOME, "learning_rate must be positive"),
    "diverging": ({"learning_rate": 5.0, "epochs": 100}, OTHER, SOME, "learning_rate = 5.0 is too large"),
    "NaN": ({}, [*OTHER[:2], np.full((40, 2), np.nan)], SOME, "all of it is NaN"),
    "none": ({}, [], SOME, "at least one view"),
    "two samples": ({}, [view[:2] for view in FEW], SOME[:2], "minimum of 3|requires y|labelled"),
    "an infinite graph": ({"affinity": "precomputed"}, np.full((40, 40), np.inf), SOME, "infinity"),
    "no square": ({"affinity": "precomputed"}, np.ones((40, 3)), SOME, "must be a square matrix"),
}


@each_model
@pytest.mark.parametrize(("parameters", "X", "y", "message"), BAD.values(), ids=BAD)
def test_what_is_refused_changes_nothing(make, parameters, X, y, message):
    for model in (fitted(make), make()):
        before = public(model)
        model.set_params(**parameters)
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
        assert public(model) == before
        assert hasattr(model, "_fitted") == hasattr(model, "theta_") == (before["theta_"] is not AttributeError)


@pytest.mark.parametrize(
    ("y", "message"), [(SOME[:7], "inconsistent numbers"), (np.full(40, -1), "labelled"), (None, "requires y")]
)
def test_labels_that_are_refused_change_nothing(y, message):
    model = fitted(MODELS["classes"])
    before = public(model)
    with pytest.raises(ValueError, match=message):
        model.fit(OTHER, y)
    assert public(model) == before


def test_clusters_that_are_too_many_change_nothing():
    model = fitted(MODELS["clusters"])
    before = public(model)
    for parameters, error in (({"n_clusters": 41}, ValueError), ({"random_state": "x"}, TypeError)):
        with pytest.raises(error, match=r"n_clusters = 41 is more than|random_state = 'x'"):
            model.set_params(**{"n_clusters": 3, "random_state": 0, **parameters}).fit(OTHER)
        assert public(model) == before


class Calls:
    """Counts the calls of functions of the package in `fit`, and raises in the one that it is told.

    Those of threads.py, which looks for libraries again after an import, are not the same in every run; kernels are
    compiled, and where they are plain Python their first error is taken for that of a damaged cache.
    """

    def __init__(self, at=None, error=None):
        self.at, self.error, self.count = at, error, 0

    def __call__(self, frame, event, argument):
        file = frame.f_code.co_filename.replace("\\", "/")
        if event == "call" and f"{'dsrl_ref'}/" in file and "/kernels/" not in file and "/threads.py" not in file:
            self.count += 1
            if self.count == self.at:
                sys.setprofile(None)
                raise self.error

    def of(self, model):
        sys.setprofile(self)
        try:
            model.fit(OTHER, SOME)
        finally:
            sys.setprofile(None)


def steps(make, many):
    """Calls at which to stop: the first and the last ones, and some between."""
    calls = Calls()
    calls.of(make())
    return sorted({1, 2, 3, *np.linspace(1, calls.count, many).astype(int).tolist(), calls.count - 1, calls.count})


@each_model
def test_an_error_or_ctrl_c_half_way_at_any_called_function_changes_nothing(make, repeats):
    """Ctrl-C is not swallowed either: a half-trained network is none that was asked for."""
    model, unfitted = fitted(make), make()
    before, nothing = public(model), public(unfitted)
    places = steps(make, repeats(5, 400))
    for at in places:
        for kinds, error in (((MemoryError, DSRLError), MemoryError("no")), (KeyboardInterrupt, KeyboardInterrupt())):
            for each, expected in ((model, before), (unfitted, nothing)):
                with pytest.raises(kinds, match=r"no|^$"):  # DSRLError tells of the error of a smooth term
                    Calls(at, error).of(each)
                assert public(each) == expected
    assert len(places) > 6
    assert public(model.fit(OTHER, SOME)) != before


@pytest.mark.parametrize("name", ["k_means", "embed"])
def test_a_graph_that_cannot_be_embedded_changes_nothing(name, monkeypatch):
    model = fitted(MODELS["clusters"])
    before = public(model)

    def fail(*_):
        raise ValueError("no eigenvectors were found")

    monkeypatch.setattr(f"dsrl_ref.multiview.clustering.{name}", fail)
    with pytest.raises(ValueError, match="no eigenvectors were found"):
        model.fit(OTHER)
    assert public(model) == before


def test_a_warning_that_is_an_error_changes_nothing():
    model = DSRLClustering(2, affinity="precomputed", epochs=200, random_state=0).fit(GRAPH)
    before = public(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Warning, match="after 1 epochs only"):
            model.set_params(epochs=1).fit(GRAPH[::-1, ::-1])
    assert public(model) == before


def test_parameters_set_after_fit_do_not_change_what_was_learned():
    model = DSRLClassifier(n_neighbors=4, epochs=15, view_sizes=[10, 10, 10]).fit(np.hstack(FEW), SOME)
    before = plain(model.predict_proba(np.hstack(FEW)))
    model.set_params(view_sizes=[30], affinity="precomputed", layers=3)
    assert plain(model.predict_proba(np.hstack(FEW))) == before


def test_a_list_of_sizes_that_changes_afterwards_is_not_followed():
    sizes = [10, 10, 10]
    model = DSRLClassifier(n_neighbors=4, epochs=15, view_sizes=sizes).fit(np.hstack(FEW), SOME)
    before = plain(model.predict_proba(np.hstack(FEW)))
    sizes[:] = [30]
    assert plain(model.predict_proba(np.hstack(FEW))) == before


def test_a_generator_of_the_callers_is_drawn_from_only_once_the_data_are_read():
    legacy = np.random.RandomState(0)
    expected = legacy.get_state()[1].tolist()
    with pytest.raises(ValueError, match="in no view, a row of NaN"):
        DSRLClustering(3, random_state=legacy).fit(np.full((5, 2), np.nan))
    assert legacy.get_state()[1].tolist() == expected
    assert legacy.get_state()[2] == np.random.RandomState(0).get_state()[2]


@each_model
def test_what_was_learned_is_one_object_that_cannot_be_changed(make):
    model = fitted(make)
    assert {name for name in vars(model) if name not in model.get_params()} == {"_fitted"}
    for name in vars(model._fitted):
        with pytest.raises(FrozenInstanceError, match=name):
            setattr(model._fitted, name, None)
    for name, attribute in inspect.getmembers(type(model)):
        if isinstance(attribute, FromFit):
            with pytest.raises(AttributeError, match=f"{name} is what fit learned, and cannot be set"):
                setattr(model, name, None)


def arrays_of(value, seen):
    """Every NumPy array that can be reached from a value by attributes, items and entries."""
    if id(value) in seen or isinstance(value, str | bytes | type):
        return []
    seen[id(value)] = value
    if isinstance(value, np.ndarray):
        inside = value.tolist() if value.dtype == object else []
        return [value, *(array for each in inside for array in arrays_of(each, seen))]
    inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    return [array for each in [*inside, *getattr(value, "__dict__", {}).values()] for array in arrays_of(each, seen)]


GIVEN = {
    "views": lambda: ({}, [view.copy() for view in FEW]),
    "a table with names": lambda: ({"view_sizes": np.array([10, 10, 10])}, NAMED),
    "weighted views": lambda: ({"view_weights": np.array([1.0, 0.0, 0.0])}, [view.copy() for view in FEW]),
    "a dense graph": lambda: ({"affinity": "precomputed"}, GRAPH.copy()),
    "a sparse graph": lambda: ({"affinity": "precomputed"}, sp.csr_array(GRAPH)),
}
AGAIN = {"fit": lambda model: model, "copy": deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model))}
each_given = pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)


def fit_on(make, given):
    parameters, X = given()
    n = X[0].shape[0] if isinstance(X, list) else X.shape[0]
    model = make().set_params(**parameters)
    if n < 40:
        model.set_params(n_neighbors=2)
    return model.fit(X, np.where(np.arange(n) < max(3, 12 * n // 40), np.arange(n) % 3, -1)), X


@each_model
@each_given
@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_no_array_of_what_was_learned_can_be_written_to(make, given, again):
    model = again(fit_on(make, given)[0])
    held = arrays_of(model._fitted, {})
    assert len(held) >= 8
    assert [array for array in held if array.flags.writeable] == []
    before, written = public(model), 0
    for name, attribute in inspect.getmembers(type(model)):
        if isinstance(attribute, FromFit) and hasattr(model, name):
            for array in arrays_of(getattr(model, name), {}):
                written += 1
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = array[::-1].copy()
    assert written >= 8
    assert public(model) == before


@each_model
@pytest.mark.parametrize("name", ["graph_", "affinity_matrix_"])
def test_another_array_in_a_sparse_attribute_is_not_one_in_the_model(make, name):
    model = fitted(make)
    before = public(model)
    shown = getattr(model, name)
    shown.data = np.zeros_like(shown.data)
    shown.indices, shown.indptr = np.zeros_like(shown.indices), np.zeros_like(shown.indptr)
    assert public(model) == before
    other = getattr(model, name)
    stored = tuple(int(index[0]) for index in other.nonzero())
    with pytest.raises(ValueError, match="read-only"):
        other[stored] = 7.0


@each_model
@each_given
def test_what_is_the_callers_is_not_the_models(make, given):
    """It shares no memory with what was learned, can be written to afterwards, and changes nothing."""
    model, X = fit_on(make, given)
    own = [array for array in arrays_of([X, model.get_params()], {}) if array.dtype != object]
    held = arrays_of(model._fitted, {})
    assert own
    assert all(array.flags.writeable for array in own)
    assert not any(np.shares_memory(mine, learned) for mine in own for learned in held)


@each_model
def test_what_is_returned_can_be_written_to(make):
    model = make()
    answers = [model.fit_predict(FEW)] if hasattr(model, "fit_predict") else []
    if not answers:
        model.fit(FEW, SOME)
        answers = [model.predict(FEW), model.predict_proba(FEW)]
    before = public(model)
    for answer in answers:
        answer[...] = answer[::-1].copy()
    assert public(model) == before


@each_model
def test_copies_and_pickles_show_the_same(make):
    model = fitted(make)
    assert public(pickle.loads(pickle.dumps(model))) == public(deepcopy(model)) == public(model)


@each_model
def test_before_fit_there_is_nothing_and_the_error_says_so(make):
    model = make()
    names = [name for name, value in inspect.getmembers(type(model)) if isinstance(value, FromFit)]
    assert len(names) == 11 + 4
    for name in names:
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=f"{type(model).__name__} has no {name}: fit gives it"):
            getattr(model, name)
    assert model.__sklearn_is_fitted__() is False
    assert fitted(make).__sklearn_is_fitted__() is True


def test_names_of_features_are_there_where_there_are_names():
    model = MODELS["classes"]().fit(NAMED, SOME)
    assert model.feature_names_in_.tolist() == NAMED.columns
    assert not hasattr(model.fit(np.hstack(FEW), SOME), "feature_names_in_")
    assert model.n_features_in_ == 30


@pytest.mark.peer
def test_scikit_learn_sees_what_is_fitted():
    validation = pytest.importorskip("sklearn.utils.validation", reason="scikit-learn is missing: pip install '.[dev]'")
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError

    model = DSRLClassifier().fit(VIEWS, KNOWN)
    assert validation.check_is_fitted(model) is None
    assert validation.check_is_fitted(model, "classes_") is None
    for other in (DSRLClassifier(), clone(model)):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            validation.check_is_fitted(other)


@each_model
@pytest.mark.parametrize("copied", [lambda model: model, lambda model: pickle.loads(pickle.dumps(model)), deepcopy])
def test_learned_graphs_have_indices_of_32_bits(make, copied):
    model = copied(make().fit(FEW, SOME))
    for graph in (model.graph_, model.affinity_matrix_):
        assert (graph.indices.dtype, graph.indptr.dtype) == (np.int32, np.int32)
    given = sp.csr_array((GRAPH.data, GRAPH.indices.astype(np.int64), GRAPH.indptr.astype(np.int64)), GRAPH.shape)
    model = DSRLClassifier(affinity="precomputed", epochs=100).fit(given, KNOWN)
    assert model.affinity_matrix_.indices.dtype == np.int32
    assert given.indices.dtype == np.int64, "the caller's graph is left as it is"


@pytest.mark.peer
def test_scikit_learn_clusters_the_learned_graph():
    cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is missing: pip install '.[dev]'")
    model = DSRLClustering(4, random_state=0).fit(VIEWS)
    theirs = cluster.SpectralClustering(4, affinity="precomputed", random_state=0)
    assert len(set(theirs.fit(model.affinity_matrix_).labels_)) == 4


@each_model
def test_what_is_shown_is_what_was_learned(make):
    model = make().fit(FEW, SOME)
    seen, learned = model._fitted.seen, model._fitted.learned
    assert model.n_iter_ == len(learned.losses)
    assert type(model.theta_) is Theta
    assert (model.theta_, model.L_, model.scale_) == (learned.theta, learned.L, learned.scale)
    assert plain(model.graph_) == plain(learned.graph) != plain(seen.graph)
    with pytest.raises(FrozenInstanceError, match="graph"):
        seen.graph = learned.graph
