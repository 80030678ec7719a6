"""Fitted estimators in files: the same bits come out, predict the same, and what is damaged or forged is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples
from views import GRAPH, KNOWN, LABELS, VIEWS, Table, holed

from dsrl_ref import load, persistence, save
from dsrl_ref.errors import GraphWarning, ModelFileError
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, saved
from dsrl_ref.multiview.naming import Naming

SEEN, NEW = [view[:100] for view in VIEWS], [view[100:] for view in VIEWS]
(HOLED, _), (NEW_HOLED, _) = holed(SEEN, 0.4), holed(NEW, 0.4)
ROWS = GRAPH.toarray()[100:, :100]
SQUARE = csr_array(GRAPH.toarray()[:100, :100])
NAMES = [None if label < 0 else "δcab"[label] for label in KNOWN[:100]]
TABLE = Table(np.hstack(SEEN), [f"feature {i}" for i in range(30)])
# How each was fitted: the estimator, what fit is given, and what predict is.
FITTED = {
    "classifier": (DSRLClassifier(), (SEEN, KNOWN[:100]), NEW),
    "names": (DSRLClassifier(propagation="one-hot", alpha=np.float64(3)), (SEEN, NAMES), NEW),
    "huge names": (DSRLClassifier(), (SEEN, [2**70 if label == 1 else int(label) for label in KNOWN[:100]]), NEW),
    "fixed texts": (DSRLClassifier(), (SEEN, np.array(["ab", "c", "d", "e"])[LABELS[:100]]), NEW),
    "authors": (DSRLClassifier(preset="authors", n_neighbors=6), (SEEN, KNOWN[:100]), NEW),
    "graph": (DSRLClassifier(affinity="precomputed"), (SQUARE, KNOWN[:100]), ROWS),
    "one table": (DSRLClassifier(view_sizes=(np.int64(10), 10, np.int32(10))), (TABLE, KNOWN[:100]), np.hstack(NEW)),
    "weights": (
        DSRLClassifier(view_weights=np.array([1, 2, 0.5]), weights="heat", standardize="features"),
        ([np.asfortranarray(view) for view in SEEN], KNOWN[:100]),
        NEW,
    ),
    "samples not seen": (DSRLClassifier(), (HOLED, KNOWN[:100]), NEW_HOLED),
    "rows of NaN": (
        DSRLClassifier(view_sizes=(10, 10, 10)),
        (np.hstack(HOLED), KNOWN[:100]),
        np.hstack(NEW_HOLED),
    ),
    "sparse rows of NaN": (
        DSRLClustering(4, random_state=0),
        ([csr_array(view) for view in HOLED],),
        [csr_array(view) for view in NEW_HOLED],
    ),
    "clusters": (DSRLClustering(4, random_state=np.int64(1), weights="self-tuning"), (SEEN,), NEW),
    "as many as there are": (DSRLClustering(random_state=0, n_neighbors=6), (SEEN,), NEW),
    "clusters of a graph": (DSRLClustering(4, affinity="precomputed", random_state=0), (SQUARE,), ROWS),
    "clusters of authors": (DSRLClustering(4, preset="authors", random_state=0), (SEEN,), NEW),
}
QUICK = DSRLClassifier(n_neighbors=4).fit(SEEN, KNOWN[:100])


@pytest.fixture(scope="module", params=FITTED, ids=FITTED)
def fitted(request):
    estimator, known, new = FITTED[request.param]
    return estimator.fit(*known), known[0], new


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model"


def bits(value):
    """All that a value is made of, to the last bit, with its types; of objects, what their attributes are."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return "objects", [bits(each) for each in value.tolist()]
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, csr_array):
        return value.shape, [bits(part) for part in (value.data, value.indices, value.indptr)]
    if isinstance(value, list | tuple):
        return [bits(each) for each in value]
    if hasattr(value, "__dict__"):
        return type(value), {name: bits(each) for name, each in vars(value).items()}
    return type(value), value


def test_what_is_loaded_is_what_was_fitted_to_the_last_bit(fitted, path):
    model, seen, new = fitted
    save(path, model)
    loaded = load(path)
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(type(model)(**{n: saved._plain(n, value) for n, value in model.get_params().items()}))
    assert bits(loaded._fitted) == bits(model._fitted)
    for name in [name for name in dir(type(model)) if name.endswith("_") and not name.startswith("_")]:
        assert bits(getattr(loaded, name, None)) == bits(getattr(model, name, None)), name
    for given_ in (new, seen):
        assert bits(loaded.predict(given_)) == bits(model.predict(given_))


def test_what_is_loaded_is_saved_as_the_same_bytes(fitted, path):
    save(path, fitted[0])
    once = path.read_bytes()
    save(path, load(path))
    assert path.read_bytes() == once


def test_the_graph_of_views_is_there_once(path):
    save(path, QUICK)
    loaded = load(path)._fitted
    assert loaded.affinity_matrix is loaded.seen.graph is loaded.seen.joiner.fusion.graph
    assert "affinity_data" not in persistence.read(path)[1]


def test_any_bit_that_is_flipped_is_found(path, repeats):
    """By default of 200 places all over the file; with --nightly of twenty thousand."""
    save(path, QUICK)
    content = path.read_bytes()
    places = np.random.default_rng(0).choice(8 * len(content), repeats(200, 20_000), replace=False)
    for bit in [0, 8 * len(content) - 1, *places.tolist()]:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(ModelFileError, match=r"damaged|no file that dsrl_ref saved"):
            load(path)


@pytest.mark.parametrize("kind", [DSRLClassifier, DSRLClustering])
def test_before_fit_there_is_nothing_to_save(kind, path):
    with pytest.raises(ValueError, match=f"This {kind.__name__} instance is not fitted yet"):
        save(path, kind())
    assert not path.exists()


def test_a_generator_is_refused_and_the_message_says_what_to_set(path):
    model = DSRLClustering(2, random_state=np.random.default_rng(0), n_neighbors=4).fit(SEEN)
    with pytest.raises(
        TypeError, match=r"random_state = Generator.* cannot be written .* set_params\(random_state=None"
    ):
        save(path, model)
    save(path, model.set_params(random_state=None))
    assert np.array_equal(load(path).labels_, model.labels_)


def changed(path, model, arrays=None, **changes):
    """The model's file with other values in its header or other arrays, and a checksum that is right."""
    save(path, model)
    header, held = persistence.read(path)
    header = {name: value for name, value in header.items() if name not in ("format", "version")}
    if arrays is not None:
        arrays(held)
    persistence.write(path, {**header, **changes}, held)
    return path


def put(name, value):
    """A change of one array, by what it was; None takes it away."""

    def change(held):
        found = value(held[name]) if callable(value) else value
        held.pop(name) if found is None else held.update({name: found})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("classes", lambda a: a[:3]), r"label_distributions must be finite numbers of shape \(100, 3\)"),
        (put("classes", lambda a: a.reshape(-1, 1)), "one name a class"),
        (put("classes", None), "'classes'"),
        (put("reached", lambda a: a[1:]), "one truth a sample"),
        (put("reached", lambda a: a.astype(int)), "one truth a sample"),
        (put("labelled", lambda a: a[1:]), "one truth a sample"),
        (put("labelled", lambda a: a.astype(int)), "one truth a sample"),
        (put("label_distributions", lambda a: a.astype(np.float32)), "label_distributions must be finite"),
        (put("label_distributions", lambda a: np.where(a < 0.5, np.nan, a)), "label_distributions must be finite"),
        (put("losses", lambda a: np.array(["x"])), "losses must be finite"),
        (put("view_0", lambda a: a[1:]), "the views must be one at least, of 100 samples"),
        (put("view_1", None), "'view_1_data'"),
        (put("view_weights", lambda a: a[1:]), "view_weights must be finite"),
        (put("seen_shape", np.array([100, 99])), "seen must be a square graph"),
        (put("seen_indices", lambda a: np.where(a == 3, 10**6, a).astype(a.dtype)), "ind"),
        (put("seen_indptr", lambda a: a[::-1].copy()), "ind"),
        (put("learned_data", lambda a: a * np.inf), "learned contains"),
        (put("learned_shape", np.array([101, 101])), "ind"),
    ],
)
def test_a_forged_file_is_no_classifier(change, message, path):
    with pytest.raises(ModelFileError, match=f"model holds no fitted DSRLClassifier: .*{message}"):
        load(changed(path, QUICK, change))


NAMING = {"views": None, "columns": [None] * 3, "views_left_out": [], "columns_left_out": []}
JOINER = {"along": ["samples"] * 3, "k": 12, "weights": "adaptive"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"colour": 1}}, "colour"),
        ({"theta": [1, 1, 0.5]}, "b2"),
        ({"theta": [1, -1, 0.5, 1]}, "w2"),
        ({"L": 0.0}, "L must be positive, got 0"),
        ({"scale": -1.0}, "scale must be positive"),
        ({"layers": 0}, "layers must be"),
        ({"joiner": {**JOINER, "k": 99}}, "k = 99 is more than the neighbours that 100 samples have"),
        ({"joiner": {**JOINER, "k": 0}}, "k must be"),
        ({"joiner": {**JOINER, "weights": "cold"}}, "weights must be one of"),
        ({"joiner": {**JOINER, "along": ["auto"] * 3}}, "along must be one of"),
        ({"joiner": {**JOINER, "neighbors": [["some", None]] * 3}}, "neighbors must be one of"),
        (
            {"joiner": {**JOINER, "neighbors": [["exact", None]]}},
            "neighbors must be one entry for each of 3 views, got 1",
        ),
        ({"joiner": {**JOINER, "along": []}}, "the views must be one at least"),
        ({"trained_on_seen": False}, "'affinity_shape'"),
        ({"classes": ["a", "b"]}, "label_distributions must be finite"),
        ({"view_sizes": [1.5]}, "view_sizes"),
        ({"naming": {**NAMING, "views": ["a", "b"]}}, "views and columns must be names of 3 views"),
        ({"naming": {**NAMING, "columns": [None]}}, "views and columns must be names of 3 views"),
        ({"naming": {**NAMING, "columns": [None, ["a"], None]}}, "1 names for 10 columns"),
        ({"naming": {**NAMING, "views": ["a", "b", 3]}}, "names must be texts, and places integers"),
        ({"naming": {**NAMING, "columns": [[1] * 10, None, None]}}, "names must be texts"),
        ({"naming": {**NAMING, "views_left_out": [None]}}, "names must be texts"),
        ({"naming": {**NAMING, "columns_left_out": [[], [], [1.5]]}}, "places integers"),
        ({"naming": {**NAMING, "columns_left_out": [[]]}}, "columns_left_out must be of 3 views"),
        ({"naming": None}, "NoneType"),
    ],
)
def test_a_forged_header_is_no_classifier(changes, message, path):
    with pytest.raises(ModelFileError, match=f"model holds no fitted DSRLClassifier: .*{message}"):
        load(changed(path, QUICK, **changes))


def test_as_many_neighbours_as_there_can_be_are_no_forgery(path):
    assert load(changed(path, QUICK, joiner={**JOINER, "k": 98})).predict(NEW).shape == (20,)
    assert load(changed(path, QUICK, joiner={**JOINER, "k": 99, "weights": "heat"})).predict(NEW).shape == (20,)


def test_how_neighbours_were_found_is_kept_and_was_exact_in_files_that_do_not_say_it(path):
    found = [["approximate", 0.5], ["exact", None], ["approximate", 1]]
    told = load(changed(path, QUICK, joiner={**JOINER, "neighbors": found}))
    assert [tuple(each) for each in told.neighbors_] == [("approximate", 0.5), ("exact", None), ("approximate", 1.0)]
    save(path, told)
    assert load(path).neighbors_ == told.neighbors_
    assert load(changed(path, QUICK, joiner=JOINER)).neighbors_ == (("exact", None),) * 3


def smaller(name, held):
    """The last sample taken from a graph of the file."""
    graph = csr_array(tuple(held[f"{name}_{part}"] for part in ("data", "indices", "indptr")), shape=(100, 100))
    held.update(saved._sparse_to_file(name, csr_array(graph[:99, :99])))


@pytest.mark.parametrize("name", ["learned", "affinity"])
def test_graphs_of_other_samples_are_no_classifier(name, path):
    model = DSRLClassifier(preset="authors", n_neighbors=4).fit(SEEN, KNOWN[:100])
    with pytest.raises(ModelFileError, match=r"the graphs are of .*99.*samples"):
        load(changed(path, model, lambda held: smaller(name, held)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("labels", lambda a: a[1:]), "labels and embedding must be of 100 samples"),
        (put("labels", lambda a: a - 1), "labels must be from 0 to 3"),
        (put("labels", lambda a: a + 1), "labels must be from 0 to 3"),
        (put("labels", lambda a: a.astype(float)), "labels and embedding must be"),
        (put("embedding", lambda a: a[1:]), "labels and embedding must be"),
        (put("embedding", lambda a: a * np.nan), "embedding contains NaN"),
    ],
)
def test_a_forged_file_is_no_clustering(change, message, path):
    model = DSRLClustering(4, n_neighbors=4, random_state=0).fit(SEEN)
    with pytest.raises(ModelFileError, match=f"model holds no fitted DSRLClustering: .*{message}"):
        load(changed(path, model, change))


@pytest.mark.filterwarnings("ignore::dsrl_ref.errors.GraphWarning")
@examples(15)
@given(n=st.integers(3, 12), classes=st.integers(1, 3), seed=st.integers(0, 99))
def test_small_models_are_kept_too(n, classes, seed, tmp_path_factory):
    """Three samples, one class, samples that nothing reaches: whatever can be fitted can be kept."""
    path = tmp_path_factory.mktemp("models") / "model"
    rng = np.random.default_rng(seed)
    views = [rng.integers(0, 3, size=(n, 2)).astype(float), rng.normal(size=(n, 20))]
    labels = np.where(np.arange(n) < classes, np.arange(n), -1)
    for model in (DSRLClassifier().fit(views, labels), DSRLClustering(2, random_state=0).fit(views)):
        save(path, model)
        assert bits(load(path)._fitted) == bits(model._fitted)
        assert json.dumps(persistence.read(path)[0], allow_nan=False)


def test_a_file_says_what_it_holds(path):
    save(path, QUICK)
    header, arrays = persistence.read(path)
    assert (header["kind"], header["version"]) == ("DSRLClassifier", persistence.VERSION)
    assert [array.dtype.hasobject for array in arrays.values()] == [False] * len(arrays)


def test_names_of_all_kinds_are_kept(path):
    named = {**NAMING, "views": ["a", "b", "c"], "views_left_out": ["y"], "columns_left_out": [["id", 3], [], []]}
    naming = load(changed(path, QUICK, naming=named)).expected.naming
    assert naming == Naming(("a", "b", "c"), (None, None, None), ("y",), (("id", 3), (), ()))


@pytest.mark.parametrize("sizes", [None, (10, 10, 10)])
def test_a_file_of_version_3_is_read_with_the_names_of_columns_that_it_has(path, sizes):
    """It had all of them in one list, whatever view they were of, and none of views."""
    tables = [Table(view, [f"{v}{j}" for j in range(10)]) for v, view in enumerate(SEEN)]
    given_ = tables if sizes is None else TABLE
    model = DSRLClassifier(n_neighbors=4, view_sizes=sizes).fit(given_, KNOWN[:100])
    save(path, model)
    header, arrays = persistence.read(path)
    del header["naming"], arrays["labelled"]
    old = {**header, "version": 3, "feature_names_in": model.feature_names_in_.tolist()}
    persistence.write(path, old, arrays)
    assert load(path)._fitted.labelled is None
    assert bits(load(path)._fitted) == bits(replace(model._fitted, labelled=None))
    assert saved.classifier_to_file(load(path))[1].keys() == arrays.keys()
    persistence.write(path, {**old, "feature_names_in": None}, arrays)
    assert not hasattr(load(path), "feature_names_in_")
    assert np.array_equal(load(path).predict(given_), model.predict(given_))


def test_no_label_reaches_a_sample_of_a_loaded_model_either(path):
    graph = GRAPH.toarray()
    graph[50], graph[:, 50] = 0, 0
    with pytest.warns(GraphWarning, match="no label reaches 1 of 120 samples"):
        model = DSRLClassifier(affinity="precomputed").fit(graph, KNOWN)
    save(path, model)
    assert np.flatnonzero(~load(path).reached_).tolist() == [50]
