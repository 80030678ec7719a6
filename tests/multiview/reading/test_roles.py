"""Views and labels among the arrays of a file, by name."""

import numpy as np
import pytest

from dsrl_ref.multiview.reading.content import Options
from dsrl_ref.multiview.reading.entries import flatten
from dsrl_ref.multiview.reading.roles import find, role

A, B, Y = np.ones((6, 2)), np.ones((6, 3)), np.array([1, 2, 1, 2, 1, 2])


def found(content, **options):
    content = find(flatten(content), Options(**options), "d.mat", both_ways=True)
    names = lambda entries: [entry.name for entry in entries]  # noqa: E731
    return names(content.views), names(content.labels), names(content.others)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("X",), "views"),
        (("s", "fea"), "views"),
        (("X", "first"), "views"),
        (("data", "gnd"), "labels"),
        (("labels", "X"), "views"),
        (("s", "t"), ""),
    ],
)
def test_the_deepest_known_key_says_what_an_array_is(path, expected):
    assert role(path) == expected


def test_views_labels_and_the_rest():
    content = {"X1": A, "X2": B, "Y": Y, "W": np.eye(6), "c": np.array([[2]])}
    assert found(content) == (["X1", "X2"], ["Y"], ["W", "c"])
    assert found({"X": {"a": A, "b": B}, "gt": Y}) == (["X.a", "X.b"], ["gt"], [])
    assert found({"X": [A, B], "view": np.array([[2]]), "class": np.array([[2]])}) == (
        *(["X{1}", "X{2}"], []),
        ["view", "class"],
    )


def test_matrices_are_preferred_to_vectors_as_views():
    assert found({"X": A, "view": np.arange(3)})[0] == ["X"]
    assert found({"X": np.arange(3)})[0] == ["X"]


def test_labels_by_a_word_only_where_there_are_none_by_name():
    assert found({"X": A, "trainLabel": Y}) == (["X"], ["trainLabel"], [])
    assert found({"X": A, "trainLabel": Y, "gt": Y}) == (["X"], ["gt"], ["trainLabel"])
    assert found({"X": A, "trainLabel": Y, "gt": np.ones((2, 2))}) == (["X"], ["gt", "trainLabel"], [])
    assert found({"X": A, "label_weights": A}) == (["X"], [], ["label_weights"])


def test_the_user_decides():
    content = {"X": A, "data": B, "Y": Y, "y_old": Y}
    assert found(content, views=("data",)) == (["data"], ["Y"], ["X", "y_old"])
    assert found(content, views=("data", "X"), labels="y_old") == (["data", "X"], ["y_old"], ["Y"])
    assert found(content, views=("data",), labels="none") == (["data"], [], ["X", "Y", "y_old"])
    assert found(content, views=("none",)) == ([], ["Y"], ["X", "data", "y_old"])
    assert found({"label": A, "Y": Y}, views=("label",)) == (["label"], ["Y"], [])


def test_labels_alone_have_no_views():
    assert found({"Y": Y, "c": np.array([[2]])}) == ([], ["Y"], ["c"])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ({"X": A, "X1": B}, {}, "d.mat has X and X1: which are the views. Give --views X or --views X1"),
        ({"X1": A, "X2": A, "data": [B, B]}, {}, "has X1 and data: .*--views X1,X2 or --views data"),
        ({"s": {"fea": A, "x": B}}, {}, "has s.fea and s.x: .*--views s.fea or --views s.x"),
        ({"W": A}, {}, "d.mat has no views: key X is missing, and so is every other usual name$"),
        (
            {"a": A, "b": B.T, "c": np.eye(3), "Y": Y},
            {},
            "no views: .*; what has as many samples as labels: --views a,b$",
        ),
        ({"X": A}, {"views": ("Z",)}, "d.mat has no Z for --views"),
        ({"X": A}, {"labels": "Z"}, "d.mat has no Z for --labels"),
    ],
)
def test_what_names_do_not_decide_is_refused_with_the_option(content, options, message):
    with pytest.raises(ValueError, match=message):
        found(content, **options)


@pytest.mark.parametrize(("train", "test"), [("Xtrain", "Xtest"), ("TRAIN_a", "test_A"), ("a.train", "a.test")])
def test_parts_to_train_and_to_test_with_are_called_that(train, test):
    content = {train: np.ones((4, 5)), test: np.ones((2, 5)), "ytrain": Y[:4], "ytest": Y[4:]}
    with pytest.raises(
        ValueError, match=rf"{train} 4×5 and {test} 2×5 may be parts of one view: .*--views {train}, and"
    ):
        found(content)
    with pytest.raises(ValueError, match=r"every other usual name$"):
        found({"trainer": np.ones((4, 5)), "b": np.ones((2, 5))})
