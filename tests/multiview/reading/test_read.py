"""A data set in every form is read back as it was, or refused with what is there; nothing is lost without a word."""

import re
from dataclasses import replace

import authors_data
import data_forms as forms
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csc_array, issparse
from strategies import examples

from dsrl_ref.multiview.naming import Expected
from dsrl_ref.multiview.reading import files, options_of, read
from dsrl_ref.multiview.reading.roles import role

KINDS = "float", "uint8", "bool", "sparse", "sparse uint8", "int32"
OPTION = r"--(views|labels|transpose|index)"


def view_of(rng, n, d, kind):
    if kind == "float":
        return rng.normal(size=(n, d))
    if kind == "int32":
        return rng.integers(-1000, 1000, size=(n, d)).astype(np.int32)
    counts = rng.integers(1, 9, size=(n, d)) * (rng.random((n, d)) < 0.4)
    if kind == "bool":
        return counts > 0
    counts = counts.astype(np.uint8)
    return counts if kind == "uint8" else csc_array(counts.astype(float) if kind == "sparse" else counts)


@st.composite
def sets(draw):
    """Views of 12 to 30 samples, of equal or of different numbers of features, and labels from 0 or 1 or -3."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, count = draw(st.integers(12, 30)), draw(st.integers(2, 4))
    alike = draw(st.booleans())
    sizes = [draw(st.integers(2, 40))] * count if alike else draw(st.lists(st.integers(2, 40), min_size=2, max_size=4))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=len(sizes), max_size=len(sizes)))
    views = [view_of(rng, n, d, kind) for d, kind in zip(sizes, kinds, strict=True)]
    classes = draw(st.integers(2, 5))
    labels = rng.permutation(np.arange(n) % classes) + draw(st.sampled_from([0, 1, 7]))
    return views, labels


def dense(view):
    return view.toarray() if issparse(view) else np.asarray(view)


def renamed(labels):
    """Classes numbered as they come."""
    order = list(dict.fromkeys(np.ravel(labels).tolist()))
    return [order.index(label) for label in np.ravel(labels).tolist()]


def assert_read(reading, views, labels):
    assert len(reading.views) == len(views)
    for found, view in zip(reading.views, views, strict=True):
        assert np.array_equal(dense(found), dense(view).astype(float))
        assert found.dtype == np.float64
    assert renamed(reading.labels) == renamed(labels)
    assert f"labels {len(set(labels.tolist()))} classes from " in reading.summary


def fails_with_advice(path, options=None):
    """Whether reading is refused; then the message has the file and an option."""
    try:
        read(path, options or options_of())
    except ValueError as error:
        return str(path) in str(error) and bool(re.search(OPTION, str(error)))
    return False


RNG = np.random.default_rng(1)
N = 30
Y = RNG.permutation(np.arange(N) % 3) + 1
COLUMN = Y.reshape(-1, 1)
VIEWS = [RNG.normal(size=(N, d)) for d in (5, 8, 6)]
TURNED = [view.T for view in VIEWS]
EQUAL = [RNG.normal(size=(N, 5)) for _ in range(3)]
COUNTS = [csc_array((view > 0.5).astype(float)) for view in VIEWS]
numbered = forms.VIEW_FORMS["numbered"]

# Forms of public files that are read rightly: (what is in the file, the views, whether they are stored transposed).
PUBLIC = {
    "3sources": (
        {"data": forms.cell([c.T.astype(np.uint8) for c in COUNTS]), "truelabel": forms.cell([Y] * 3)},
        COUNTS,
    ),
    "BBCSport": ({"data": forms.cell([c.T for c in COUNTS]), "truelabel": forms.cell([Y] * 3)}, COUNTS),
    "100leaves": ({"data": forms.cell([v.T for v in EQUAL]), "truelabel": forms.cell([COLUMN] * 3)}, EQUAL),
    "webkb": ({"X": forms.cell(VIEWS, column=True), "y": COLUMN}, VIEWS),
    "MSRC-v1": ({"X": forms.cell(VIEWS), "Y": COLUMN.astype(np.uint8)}, VIEWS),
    "MSRCv1": (numbered("msr", VIEWS) | {"truth": COLUMN}, VIEWS),
    "Caltech101-7": (
        {
            "X": forms.cell(VIEWS),
            "Y": COLUMN,
            "categories": forms.cell(list("abc")),
            "lenSmp": np.array([[10, 10, 10]]),
        },
        VIEWS,
    ),
    "ORL_mtv": ({"X": forms.cell(TURNED), "gt": COLUMN.astype(float)}, VIEWS),
    "COIL20": ({"fea": VIEWS[0], "gnd": COLUMN}, VIEWS[:1]),
    "NGs": ({"data": forms.cell(TURNED), "truelabel": forms.cell([Y.reshape(1, -1)] * 3)}, VIEWS),
    "BDGP": (numbered("X", VIEWS) | {"Y": Y.reshape(1, -1)}, VIEWS),
    "NUS-WIDE": ({"X": forms.cell(VIEWS), "Y": forms.one_hot(Y)}, VIEWS),
    "Cora": ({"fea": forms.cell(COUNTS), "gt": COLUMN, "W": np.eye(N)}, COUNTS),
    "LandUse": ({"X": forms.cell(COUNTS, column=True), "Y": COLUMN}, COUNTS),
    "a struct": ({"dataset": {"X": forms.cell(VIEWS), "y0": COLUMN, "name": "text"}}, VIEWS),
    "logical": ({"X": forms.cell([view > 0 for view in VIEWS]), "label": COLUMN}, [view > 0 for view in VIEWS]),
    "trainLabel": (numbered("X", VIEWS) | {"trainLabel": COLUMN}, VIEWS),
    "copies of labels": ({"X": forms.cell(VIEWS), "Y": COLUMN, "y0": COLUMN - 1}, VIEWS),
    "sizes beside": ({"X": forms.cell(VIEWS), "gnd": COLUMN, "view": np.array([[3]]), "class": np.array([[3]])}, VIEWS),
}
# Forms that leave something open, and the message that says which option decides.
OPEN = {
    "Prokaryotic": (
        {"gene": VIEWS[0], "text": VIEWS[1], "truth": COLUMN},
        "no views: .*: --views gene,text. It has gene 30×5, text 30×8, truth 30×1",
    ),
    "NoisyMNIST": (
        numbered("X", VIEWS[:2]) | numbered("XV", VIEWS[:2]) | {"trainLabel": COLUMN},
        "has X1 and XV1: which are the views. Give --views X1,X2 or --views XV1,XV2",
    ),
    "views and their union": (
        {"X": np.hstack(VIEWS), "data": forms.cell(VIEWS), "gt": COLUMN},
        "has X and data: which are the views. Give --views X or --views data",
    ),
    "several classes a sample": (
        {"X": forms.cell(VIEWS), "Y": np.ones((N, 3))},
        "Y 30×3 can be read neither as one label a sample nor as one-hot",
    ),
    "some samples without a class": (
        {"X": forms.cell(VIEWS), "Y": forms.one_hot(Y) * (np.arange(N) < 20).reshape(-1, 1)},
        "Y 30×3 is one-hot, but 10 samples have no 1, the first of them sample 20: .*Give one label a sample .*argmax",
    ),
    "one-hot labels without the first class": (
        {"X": forms.cell(VIEWS), "Y": forms.one_hot(Y)[:, 1:].T},
        "Y 2×30 is one-hot, but 10 samples have no 1.* the class whose column was left out",
    ),
    "one-hot labels without a class, among the views": (
        {"data": forms.cell([*VIEWS, forms.one_hot(Y)[:, 1:]])},
        r"data\{4\} 30×2 may be the labels; give --labels data\{4\}, or --labels none",
    ),
    "labels among the views": (
        {"data": forms.cell([*VIEWS, COLUMN])},
        r"data\{4\} 30×1 may be the labels; give --labels data\{4\}, or --labels none",
    ),
    "signs of another name": (
        {"X": forms.cell(VIEWS), "t": np.where(COLUMN > 1, 1, -1)},
        "t 30×1 may be the labels",
    ),
    "labels of another name": ({"X": forms.cell(VIEWS), "species": COLUMN}, "species 30×1 may be the labels"),
    "names of another name": (
        {"X": forms.cell(VIEWS), "kinds": forms.cell([f"k{y}" for y in Y])},
        "kinds 30 may be the labels; give --labels kinds",
    ),
    "labels that differ": (
        {"X": forms.cell(VIEWS), "Y": COLUMN, "gt": np.roll(COLUMN, 1)},
        "has labels twice, and they differ: Y and gt; give --labels Y or --labels gt",
    ),
    "equal sizes, no labels": ({"X": forms.cell([v.T for v in EQUAL])}, "may lie either way, and there are no labels"),
    "equal sizes, tall": ({"X": forms.cell(EQUAL)}, "may lie either way, and there are no labels"),
    "an empty cell": ({"X": forms.cell([VIEWS[0], np.empty((0, 0))]), "Y": COLUMN}, r"X\{2\} 0×0 is empty; a view is"),
    "a cube": ({"X": np.ones((N, 4, 4)), "Y": COLUMN}, "X 30×4×4 is no matrix but an array of 3 dimensions"),
    "complex": ({"X": VIEWS[0] * 1j, "Y": COLUMN}, "X 30×5 is no matrix of real numbers"),
    "too few labels": ({"X": VIEWS[0], "Y": COLUMN[:-1]}, "Y has 29 labels for 30 samples"),
    "continuous": ({"X": VIEWS[0], "Y": COLUMN + 0.5}, r"Y\[0\] = \d\.5 is no class"),
    "NaN": ({"X": np.where(VIEWS[0] > 2, np.nan, VIEWS[0]), "Y": COLUMN}, r"X contains NaN: .*X\[\d+, \d\]"),
    "nothing": ({"W": np.eye(N), "note": "text"}, "no views: key X is missing.* It has W 30×30, note 1"),
}


@pytest.mark.parametrize("writer", [forms.mat, forms.mat73])
@pytest.mark.parametrize("form", PUBLIC)
def test_public_forms_are_read(tmp_path, form, writer):
    content, views = PUBLIC[form]
    assert_read(read(writer(tmp_path, content), options_of()), views, Y)


@pytest.mark.parametrize("form", OPEN)
def test_open_forms_are_refused_with_what_is_there_and_the_option(tmp_path, form):
    content, message = OPEN[form]
    with pytest.raises(ValueError, match=rf"set\.mat:? ?.*{message}.*; --views NAME,NAME, --labels NAME"):
        read(forms.mat(tmp_path, content), options_of())


def summary(tmp_path, content, **options):
    return read(forms.mat(tmp_path, content), options_of(**options)).summary


def test_what_was_read_and_what_was_left_out_is_one_line(tmp_path):
    content = {"data": forms.cell([TURNED[0], COUNTS[1].T]), "truelabel": forms.cell([Y] * 2), "W": np.eye(N)}
    assert summary(tmp_path, content) == (
        "data{1} 30×5 (transposed), data{2} 30×8 (transposed, sparse), labels 3 classes from truelabel{1}; "
        "left out: W 30×30, truelabel{2} (the same labels)"
    )
    assert summary(tmp_path, {"X": VIEWS[0]}) == "X 30×5, no labels"
    assert summary(tmp_path, {"X": VIEWS[0], "order": np.arange(N)}) == "X 30×5, no labels; left out: order 1×30"
    beside = {"X": VIEWS[0], "Y": COLUMN, "label2": np.arange(5)}
    assert summary(tmp_path, beside) == "X 30×5, labels 3 classes from Y; left out: label2 1×5"
    path = forms.npz(tmp_path, forms.VIEW_FORMS["numbered"]("X", EQUAL))  # where rows are samples by convention
    assert read(path, options_of()).summary == "X1 30×5, X2 30×5, X3 30×5, no labels"
    unknown = np.where(Y == 2, -1, Y)
    assert summary(tmp_path, {"X": VIEWS[0], "Y": unknown}) == "X 30×5, labels 2 classes (10 unlabelled) from Y"


def holed(view, *rows):
    return np.where(np.isin(np.arange(len(view)), rows)[:, np.newaxis], np.nan, view)


def test_rows_of_nan_are_samples_not_seen(tmp_path):
    view = holed(VIEWS[0], 3, 7)
    reading = read(forms.mat(tmp_path, {"X": forms.cell([view, VIEWS[1]]), "Y": COLUMN}), options_of())
    assert np.array_equal(reading.views[0], view, equal_nan=True)
    assert reading.summary == "X{1} 30×5 (2 samples not seen), X{2} 30×8, labels 3 classes from Y"
    none = read(forms.mat(tmp_path, {"X": forms.cell([view * np.nan, VIEWS[1]]), "Y": COLUMN}), options_of())
    assert none.summary.startswith("X{1} 30×5 (30 samples not seen), X{2}")  # new samples, for predict
    turned = read(forms.mat(tmp_path, {"X": forms.cell([view.T, TURNED[1]]), "Y": COLUMN}), options_of())
    assert turned.summary.startswith("X{1} 30×5 (transposed, 2 samples not seen), X{2}")


def test_rows_of_nan_in_a_sparse_view_are_samples_not_seen(tmp_path):
    counts = COUNTS[1].toarray()
    sparse = csc_array(holed(counts, 0, 9))
    reading = read(forms.mat(tmp_path, {"X": forms.cell([VIEWS[0], sparse]), "Y": COLUMN}), options_of())
    assert issparse(reading.views[1])
    assert np.array_equal(reading.views[1].toarray(), sparse.toarray(), equal_nan=True)
    assert reading.summary.startswith("X{1} 30×5, X{2} 30×8 (sparse, 2 samples not seen), labels")


def test_rows_that_are_nan_in_part_are_refused_by_their_own_number(tmp_path):
    view = holed(VIEWS[0], 3)
    view[7, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"set\.mat: X contains NaN: .*X\[7, 2\] = nan, and 1 rows are NaN in part: fill"
    ):
        read(forms.mat(tmp_path, {"X": view, "Y": COLUMN}), options_of())


def test_a_sample_that_no_view_has_is_refused_by_number_or_name(tmp_path):
    with pytest.raises(ValueError, match=r"set\.mat: sample 3 is in no view, a row of NaN in each"):
        read(forms.mat(tmp_path, {"X": holed(VIEWS[0], 3), "Y": COLUMN}), options_of())
    views = [holed(VIEWS[0], 3, 5, 8), holed(VIEWS[1], 5, 8, 9)]
    with pytest.raises(ValueError, match=r"set\.mat: samples 5, 8 are in no view, a row of NaN in each"):
        read(forms.mat(tmp_path, {"X": forms.cell(views), "Y": COLUMN}), options_of())
    (tmp_path / "tables").mkdir()
    forms.table(tmp_path / "tables" / "a.csv", [["p", 1, 2], ["q", "", ""], ["r", 3, 4]], header=["id", "x", "y1"])
    forms.table(tmp_path / "tables" / "b.csv", [["q", "NA"], ["p", 7]], header=["id", "z"])
    with pytest.raises(ValueError, match="tables: sample 'q' is in no view, a row of NaN in each"):
        read(tmp_path / "tables", options_of())


def test_the_labels_are_known_again_among_the_samples_that_a_view_has(tmp_path):
    leaking = holed(np.column_stack([VIEWS[0], Y]), 0, 1, 2)
    views = [leaking, holed(COLUMN.astype(float), 4), holed(forms.one_hot(Y), 5), VIEWS[1]]
    reading = read(forms.mat(tmp_path, {"X": forms.cell(views), "Y": COLUMN}), options_of())
    assert [view.shape for view in reading.views] == [(30, 5), (30, 8)]
    assert reading.summary.endswith(
        "left out: column 6 of X{1} (the labels), X{2} 30×1 (the labels), X{3} 30×3 (the labels)"
    )


def test_labels_are_never_a_view(tmp_path):
    content = {"X": forms.cell([np.column_stack([VIEWS[0], Y]), COLUMN, forms.one_hot(Y)]), "Y": COLUMN}
    reading = read(forms.mat(tmp_path, content), options_of())
    assert_read(reading, [VIEWS[0]], Y)
    assert reading.summary.endswith(
        "left out: column 6 of X{1} (the labels), X{2} 30×1 (the labels), X{3} 30×3 (the labels)"
    )
    with pytest.raises(ValueError, match=r"has no views: X 30×1 are the labels Y 30×1 again"):
        read(forms.mat(tmp_path, {"X": COLUMN, "Y": COLUMN}), options_of())


def test_hidden_labels_take_no_feature_away(tmp_path):
    few = np.full(N, np.nan)
    few[[0, 10, 20]] = [1, 2, 3]
    nothing = np.full(N, np.nan)
    for labels in (few, nothing, np.arange(N), np.where(np.arange(N) % 2, -1, Y)):
        reading = read(forms.npz(tmp_path, {"X0": VIEWS[0], "X1": VIEWS[1], "Y": labels}), options_of())
        assert [view.shape for view in reading.views] == [(N, 5), (N, 8)]
    few = np.where(np.arange(N) % 2, np.nan, Y)
    reading = read(forms.npz(tmp_path, {"X0": VIEWS[0], "X1": COLUMN, "Y": few}), options_of())
    assert reading.summary == ("X0 30×5, labels 3 classes (15 unlabelled) from Y; left out: X1 30×1 (the labels)")


def test_a_view_of_nothing_but_labels_is_refused_by_name(tmp_path):
    content = {"X0": VIEWS[0], "X1": np.column_stack([Y, 5 - Y]), "Y": Y}
    with pytest.raises(ValueError, match="every column of X1 30×2 is the labels Y 30 again, and no feature is left"):
        read(forms.npz(tmp_path, content), options_of())


def test_the_options_decide(tmp_path):
    content = {"X": np.hstack(VIEWS), "data": forms.cell(TURNED), "gt": COLUMN, "old": np.roll(COLUMN, 1)}
    path = forms.mat(tmp_path, content)
    assert_read(read(path, options_of(views="data")), VIEWS, Y)
    assert_read(read(path, options_of(views="data{2}, data{1}", labels="old")), VIEWS[1::-1], np.roll(Y, 1))
    told = read(path, options_of(views=["data"], labels="none", transpose=True))
    assert told.labels is None
    assert [view.shape for view in told.views] == [view.shape for view in VIEWS]
    with pytest.raises(ValueError, match="gt has 30 labels for 19 samples"):
        read(path, options_of(views="X", transpose=True))
    alone = read(path, options_of(views="none"))
    assert (alone.views, alone.labels.tolist()) == ([], Y.tolist())
    assert read(path, options_of(views="none", labels="none")).labels is None


def test_labels_alone_are_read_and_a_heading_among_names_is_told(tmp_path):
    reading = read(forms.mat(tmp_path, {"Y": COLUMN}), options_of())
    assert (reading.views, reading.labels.tolist(), reading.summary) == ([], Y.tolist(), "labels 3 classes from Y")
    path = forms.csv_plain(tmp_path, VIEWS[:1], Y)
    (path / "labels.csv").write_text("label\n" + "".join(f"k{y}\n" for y in Y))
    assert "; the first line of labels.csv, 'label', is a heading" in read(path, options_of()).summary
    (path / "labels.csv").write_text("label\n" + "".join(f"{y}\n" for y in Y))
    assert "heading" not in read(path, options_of()).summary


def test_a_file_of_one_array_needs_no_name(tmp_path):
    np.save(tmp_path / "table.npy", VIEWS[0])
    assert read(tmp_path / "table.npy", options_of()).summary == "table.npy"[:5] + " 30×5, no labels"
    np.save(tmp_path / "gt.npy", Y)
    assert read(tmp_path / "gt.npy", options_of()).labels.tolist() == Y.tolist()


def test_the_names_of_samples_are_kept_of_data_to_learn_from_and_of_data_for_a_model(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("cell,a,b\n" + "".join(f"c{i},{i}.5,{i * i}.25\n" for i in range(6)))
    learned = read(path, options_of())
    expected = Expected(learned.naming, (2,))
    met = read(path, replace(options_of(), expected=expected))
    assert learned.names == met.names == [f"c{i}" for i in range(6)]


def test_tables_may_be_left_out_for_their_labels(tmp_path):
    path = forms.csv_plain(tmp_path, VIEWS, Y)
    reading = read(path, options_of(views="none"))
    assert (reading.views, reading.labels.tolist()) == ([], Y.tolist())
    assert reading.summary.endswith("; left out: view1.csv 30×5, view2.csv 30×8, view3.csv 30×6")
    lone = read(path / "view1.csv", options_of())
    assert lone.summary == "view1.csv 30×5, no labels"


def test_hidden_objects_of_matlab_may_be_the_labels(tmp_path, monkeypatch):
    monkeypatch.setitem(files.ARRAYS, ".mat", lambda path: {"X": VIEWS[0], "None": object()})
    with pytest.raises(ValueError, match=r"None \(an object of MATLAB or Python\) may be the labels"):
        read(tmp_path / "d.mat", options_of())
    assert read(tmp_path / "d.mat", options_of(labels="none")).summary.endswith(
        "left out: None (an object of MATLAB or Python)"
    )


def test_an_unknown_ending_lists_those_that_are_read(tmp_path):
    with pytest.raises(
        ValueError, match=r"d\.pdf is neither 'digits' nor a folder nor a file ending in \.mat or .* or \.csv"
    ):
        read(tmp_path / "d.pdf", options_of())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": ["X", 1]}, r"views must be names, got \['X', 1\]"),
        ({"labels": 4}, "labels must be a name, or 'none', got 4"),
        ({"transpose": "yes"}, "transpose must be True, False or None, got 'yes'"),
        ({"index": True}, "index must be a column's name or number, or 'none', got True"),
        ({"index": 1.5}, "index must be a column's name or number, or 'none', got 1.5"),
    ],
)
def test_options_of_other_types_are_refused(options, message):
    with pytest.raises(TypeError, match=message):
        options_of(**options)


def test_options_are_texts_or_lists():
    assert options_of(views="a, b", index=1) == options_of(views=["a", "b"], index="1")


@pytest.mark.parametrize(
    ("name", "shapes", "first"),
    [
        ("gmc-3sources", [(169, 3560), (169, 3631), (169, 3068)], 13),
        ("gmc-BBCSport", [(544, 3183), (544, 3203)], 1),
        ("gmc-HW", [(2000, 216), (2000, 76), (2000, 64), (2000, 6), (2000, 240), (2000, 47)], 98),
        ("gmc-100leaves", [(1600, 64)] * 3, 0.003906),
        ("webkb", [(1051, 1840), (1051, 3000)], 0),
    ],
)
def test_the_public_files_themselves(name, shapes, first):
    reading = read(authors_data.path_of(f"{name}.mat"), options_of())
    assert [view.shape for view in reading.views] == shapes
    assert len(reading.labels) == shapes[0][0]
    assert reading.views[0][0, 0] == pytest.approx(first) or name == "gmc-BBCSport"
    assert issparse(reading.views[0]) == (name == "gmc-BBCSport")


ARRAY_WRITERS = {"mat": forms.mat, "mat 7.3": forms.mat73, "npz": forms.npz}
NPZ_VIEWS = "numbered", "numbered from 0", "numbered_"
NPZ_LABELS = "column", "row", "double", "uint8", "one-hot", "one-hot, classes by samples", "one-hot, -1", "chars"


@pytest.mark.parametrize("writer", ARRAY_WRITERS)
@given(data=st.data())
@examples(40)
def test_a_set_in_any_form_of_arrays_is_read_back(writer, tmp_path_factory, data):
    views, labels = data.draw(sets())
    is_npz = writer == "npz"
    view_form = data.draw(st.sampled_from(NPZ_VIEWS if is_npz else sorted(forms.VIEW_FORMS)))
    label_form = data.draw(st.sampled_from(NPZ_LABELS if is_npz else sorted(forms.LABEL_FORMS)))
    names = [name for name in forms.VIEW_NAMES if view_form.startswith("numbered") or name not in forms.NUMBERED_ONLY]
    view_name, label_name = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(forms.LABEL_NAMES))
    transposed = data.draw(st.sampled_from(["no", "yes", "some"]))
    turned = [transposed == "yes" or (transposed == "some" and v == 1) for v in range(len(views))]
    n = len(labels)
    assume(transposed == "no" or all(n != view.shape[1] for view in views))
    stored = [view.T if turn else view for view, turn in zip(views, turned, strict=True)]
    stored = [dense(view) for view in stored] if is_npz else stored
    content = forms.VIEW_FORMS[view_form](view_name, stored) | {label_name: forms.LABEL_FORMS[label_form](labels)}
    if data.draw(st.booleans()) and not is_npz:
        content = forms.wrapped(content)
    path = ARRAY_WRITERS[writer](tmp_path_factory.mktemp("set"), content)
    squares = all(view.shape == (n, n) for view in views)
    if squares and not is_npz:
        assert fails_with_advice(path)
        return
    reading = read(path, options_of())
    assert_read(reading, views, labels)
    assert reading.summary.count("transposed") == sum(turned)
    assert [issparse(found) for found in reading.views] == [issparse(view) for view in stored]


@pytest.mark.parametrize("form", forms.FOLDERS)
@given(data=st.data())
@examples(8)
def test_a_set_in_any_form_of_folder_is_read_back(form, tmp_path_factory, data):
    views, labels = data.draw(sets())
    path = forms.FOLDERS[form](tmp_path_factory.mktemp("set"), views, labels)
    assert_read(read(path, options_of()), views, labels)


KEYS = "X", "X1", "X2", "X3", "data", "fea", "Y", "y", "gt", "label2", "trainLabel", "W", "names", "ind", "fold"


@st.composite
def contents(draw):
    """Arrays under usual and unusual names, of which many fit 12 samples and some do not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes = rng.permutation(np.arange(12) % 3) + 1
    makers = {
        "view": lambda: rng.normal(size=(12, int(rng.integers(2, 6)))),
        "turned": lambda: rng.normal(size=(int(rng.integers(2, 6)), 12)),
        "other": lambda: rng.normal(size=(int(rng.integers(2, 15)), 4)),
        "labels": lambda: classes.reshape(-1, 1),
        "other labels": lambda: rng.integers(1, 4, size=(12, 1)),
        "one-hot": lambda: forms.one_hot(classes),
        "scalar": lambda: np.array([[3.0]]),
        "few": lambda: np.arange(5.0).reshape(1, -1),
        "cell": lambda: forms.cell([rng.normal(size=(12, 3)), rng.normal(size=(12, 2))]),
        "texts": lambda: forms.cell(["height", "width", "depth"]),
        "empty": lambda: np.empty((0, 0)),
        "cube": lambda: rng.normal(size=(12, 2, 3)),
    }
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=6, unique=True))
    likely = {"views": ["view"] * 6 + ["cell", "turned"], "labels": ["labels"] * 6 + ["one-hot", "scalar"], "": []}
    kinds = {key: sorted(makers) + 3 * likely[role((key,))] for key in keys}
    return {key: makers[draw(st.sampled_from(kinds[key]))]() for key in keys}


@given(content=contents())
@examples(150)
def test_every_array_of_a_file_is_read_or_named_or_refused_with_an_option(tmp_path_factory, content):
    path = forms.mat(tmp_path_factory.mktemp("set"), content)
    try:
        reading = read(path, options_of())
    except ValueError as error:
        message = str(error)
    else:
        named = re.findall(r"(?:^|[\s,])([A-Za-z]\w*)(?:\{\d+\})*(?=[ ,;]|$)", reading.summary)
        assert set(content) <= set(named), reading.summary
        return
    assert str(path) in message
    assert re.search(OPTION, message), message
    assert all(key in message for key in content), message


def test_a_column_of_an_array_that_looks_like_labels_is_told(tmp_path):
    path = forms.npz(tmp_path, {"X0": np.column_stack([VIEWS[0], Y]), "X1": VIEWS[1]})
    assert read(path, options_of()).summary.endswith("no labels; the last column of X0 looks like labels")
    assert "looks like" not in read(path, options_of(labels="none")).summary
    path = forms.mat(tmp_path, {"X": np.column_stack([Y, VIEWS[0]]).T})
    told = read(path, options_of(transpose=True))
    assert told.summary == "X 30×6 (transposed), no labels; the first column of X looks like labels"


def test_what_has_more_dimensions_is_refused_with_what_to_make_of_it(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((6, 4, 5)), Y=np.arange(6) % 2)
    message = r"X 6×4×5 is no matrix but an array of 3 dimensions \(if the first .* samples, reshape it to 6×20"
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.npz", options_of())


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("turned", [False, True])
def test_a_column_of_arrays_that_numbers_the_samples_is_told_of(tmp_path, start, turned):
    view = np.column_stack([np.arange(start, start + 12.0), np.random.default_rng(0).normal(size=(12, 3))])
    labels = np.arange(12) // 3
    for first, told in ((view[:, 0], True), (view[::-1, 0], False), (view[:, 0] + 2, False), (view[:, 0] * 2, False)):
        given = np.column_stack([first, view[:, 1:]])
        forms.mat(tmp_path, {"X": given.T if turned else given, "Y": labels})
        summary = read(tmp_path / "set.mat", options_of()).summary
        assert ("the first column of X numbers the samples" in summary) == told
    forms.mat(tmp_path, {"X": forms.cell([view[:, :1], csc_array(view)]), "Y": labels})
    assert "numbers" not in read(tmp_path / "set.mat", options_of()).summary


def test_what_is_read_is_counted_in_words(tmp_path):
    view = np.random.default_rng(0).normal(size=(12, 3))
    view[4] = np.nan
    np.savez(tmp_path / "a.npz", X1=view, X2=np.ones((12, 2)), Y=np.ones(12, dtype=int))
    told = "X1 12×3 (1 sample not seen), X2 12×2, labels 1 class from Y"
    assert read(tmp_path / "a.npz", options_of()).summary == told
