"""Names of views and of columns: kept by `fit`, and what new samples are put in order by, or refused with."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples
from views import KNOWN, VIEWS, Table

from dsrl_ref import load, save
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, similarity_graph
from dsrl_ref.multiview.naming import (
    Expected,
    Named,
    Naming,
    ViewList,
    counted,
    in_order,
    is_views,
    naming_of,
    require_same,
    tables_of,
)

NAMED = dict(zip(("image", "text", "audio"), VIEWS, strict=True))
COLUMNS = [[f"{name}{j}" for j in range(10)] for name in NAMED]
FRAMES = {name: Table(view, columns) for (name, view), columns in zip(NAMED.items(), COLUMNS, strict=True)}


@pytest.fixture(scope="module")
def model():
    return DSRLClassifier(n_neighbors=4).fit(FRAMES, KNOWN)


@pytest.mark.parametrize(
    ("X", "names"),
    [
        (Table(np.ones((2, 2)), ["a", "b"]), ["a", "b"]),
        ([Table(np.ones((2, 1)), ["a"]), Table(np.ones((2, 1)), ["a"])], ["a", "a"]),
        ({"v": Table(np.ones((2, 1)), ["a"])}, ["a"]),
        (Table(np.ones((2, 2)), ["c", 1]), None),
        ([Table(np.ones((2, 1)), ["a"]), np.ones((2, 2))], None),
        (np.ones((2, 2)), None),
    ],
)
def test_names_of_features_are_those_of_all_views_or_none(X, names):
    features = naming_of(X).features
    assert features == (None if names is None else tuple(names))


def test_views_have_names_where_they_come_in_a_dictionary_and_are_views_then():
    assert naming_of(NAMED).views == ("image", "text", "audio")
    assert naming_of(list(NAMED.values())).views is None
    assert is_views(NAMED)
    assert tables_of(NAMED) == list(NAMED.values())
    assert tables_of(VIEWS[0])[0] is VIEWS[0]
    with pytest.raises(TypeError, match="keys are their names, got the key 3"):
        naming_of({3: VIEWS[0]})


def test_columns_of_pyarrow_have_the_names_of_its_table():
    class Arrow:
        column_names, columns = ["a", "b"], [np.ones(2), np.ones(2)]

    assert naming_of(Arrow()).columns == (("a", "b"),)


def test_what_a_reader_gives_has_the_names_that_it_says():
    naming = Naming(("a",), (("x",),), ("labels",), ((3,),))
    named = Named([np.ones((2, 1))], naming)
    assert naming_of(named) is naming
    assert is_views(named)
    assert Expected(naming, (1,)).left_out(0) == (3,)
    assert Expected(Naming(None, (None,)), (1,)).left_out(0) == ()


@pytest.mark.parametrize("kind", [DSRLClassifier, DSRLClustering])
def test_a_dictionary_of_views_is_fitted_as_the_list_of_its_values(kind):
    options = {} if kind is DSRLClassifier else {"n_clusters": 4, "random_state": 0}
    named, bare = (kind(n_neighbors=4, **options).fit(X, KNOWN) for X in (NAMED, VIEWS))
    assert (named.graph_ != bare.graph_).nnz == 0
    assert named.view_names_.tolist() == list(NAMED)
    assert not hasattr(bare, "view_names_")
    assert (similarity_graph(NAMED) != similarity_graph(VIEWS)).nnz == 0


@examples(10)
@given(st.permutations(list(FRAMES)))
def test_views_are_met_by_their_names_in_any_order(model, order):
    new = {name: Table(np.asarray(FRAMES[name])[:30] + 0.01, FRAMES[name].columns) for name in order}
    expected = model.predict_proba([view[:30] + 0.01 for view in VIEWS])
    assert np.array_equal(model.predict_proba(new), expected)


def test_a_view_that_is_missing_or_not_known_is_named(model):
    wrong = {"image": VIEWS[0], "text": VIEWS[1], "sound": VIEWS[2]}
    with pytest.raises(ValueError, match=r"the views that fit saw: 'audio' is missing; 'sound' is not known"):
        model.predict(wrong)
    with pytest.raises(ValueError, match="'text', 'audio' are missing"):
        model.predict({"image": VIEWS[0]})
    with pytest.raises(ValueError, match="'more' is not known"):
        model.predict({**NAMED, "more": VIEWS[0]})


def test_columns_in_another_order_or_of_other_names_are_refused_with_the_view_and_the_names(model):
    text = FRAMES["text"]
    turned = {**FRAMES, "text": Table(np.asarray(text)[:, ::-1], text.columns[::-1])}
    with pytest.raises(ValueError, match=r"of view text: column 0 is 'text9', where fit saw 'text0'; bring"):
        model.predict(turned)
    other = {**FRAMES, "text": Table(text, [*text.columns[1:], "new"])}
    with pytest.raises(ValueError, match=r"of view text: 'text0' is missing; 'new' is not known"):
        model.predict(other)
    twice = {**FRAMES, "text": Table(text, [*text.columns[:9], "text0"])}
    with pytest.raises(ValueError, match="'text9' is missing; 'text0' is there twice"):
        model.predict(twice)


def test_where_either_side_has_no_names_the_order_counts(model):
    expected = model.predict(FRAMES)
    assert np.array_equal(model.predict(VIEWS), expected)
    assert np.array_equal(model.predict(list(FRAMES.values())), expected)
    bare = DSRLClassifier(n_neighbors=4).fit(VIEWS, KNOWN)
    assert np.array_equal(bare.predict(FRAMES), expected)
    other = DSRLClassifier(n_neighbors=4).fit(list(FRAMES.values()), KNOWN)
    with pytest.raises(ValueError, match=r"of X\[1\]: "):
        other.predict([FRAMES[name] for name in ("image", "audio", "text")])


def test_names_that_come_twice_on_both_sides_are_compared_as_they_stand():
    X = Table(np.ones((2, 3)), ["a", "a", "b"])
    assert in_order(X, naming_of(X)) is X
    with pytest.raises(ValueError, match="column 1 is 'b', where fit saw 'a'"):
        in_order(Table(np.ones((2, 3)), ["a", "b", "a"]), naming_of(X))


def test_many_names_are_shown_in_part():
    with pytest.raises(ValueError, match=r"wrong: '0', '1', '2', '3', '4' and 3 more are not known; do$"):
        require_same([str(i) for i in range(8)], [], "wrong", "; do")
    with pytest.raises(ValueError, match="2 names for 3"):
        require_same(["a", "b"], ["a", "b", "b"], "wrong")


def test_a_view_in_a_dictionary_is_called_by_its_name():
    with pytest.raises(ValueError, match=r"views\['text'\] has 119 samples, but views\['image'\] has 120"):
        DSRLClustering(2).fit({**NAMED, "text": VIEWS[1][1:]})
    with pytest.raises(ValueError, match=r"views\['audio'\] contains infinity"):
        DSRLClustering(2).fit({**NAMED, "audio": VIEWS[2] + np.inf})


def test_names_are_kept_in_files(tmp_path, model):
    save(tmp_path / "model", model)
    loaded = load(tmp_path / "model")
    assert loaded.view_names_.tolist() == list(NAMED)
    assert loaded.feature_names_in_.tolist() == [name for names in COLUMNS for name in names]
    assert loaded.expected == model.expected
    assert loaded.expected.sizes == (10, 10, 10)
    with pytest.raises(ValueError, match="'audio' is missing"):
        loaded.predict(dict.fromkeys(("image", "text"), VIEWS[0]))


def changed(change):
    views = ViewList([np.eye(3), np.ones((3, 2))], Naming(("p", "q"), (None, ("u", "v"))), ["a", "b", "c"])
    other = change(views)
    return other if isinstance(other, list) else views


@pytest.mark.parametrize(
    "change", [lambda views: None, lambda views: pickle.loads(pickle.dumps(views)), copy.deepcopy, copy.copy]
)
def test_a_list_of_views_knows_their_names(change):
    views = changed(change)
    assert isinstance(views, list)
    assert (views.names, views.samples) == (("p", "q"), ["a", "b", "c"])
    assert naming_of(views) == Naming(("p", "q"), (None, ("u", "v")))
    assert is_views(views)
    assert all(table is view for table, view in zip(tables_of(views), views, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda views: views.reverse(),
        lambda views: views.pop(),
        lambda views: views.append(np.eye(3)),
        lambda views: views.__setitem__(0, np.eye(3)),
        lambda views: views.clear(),
    ],
)
def test_names_are_not_given_to_other_views(change):
    views = changed(change)
    assert views.names is None
    assert naming_of(views) == Naming(None, (None,) * len(views))
    assert naming_of(changed(lambda views: views[:1])) == Naming(None, (None,))  # a list as any other


@pytest.mark.parametrize(
    ("count", "what", "told"), [(1, "class", "1 class"), (2, "class", "2 classes"), (0, "sample", "0 samples")]
)
def test_things_are_counted_in_words(count, what, told):
    assert counted(count, what) == told
