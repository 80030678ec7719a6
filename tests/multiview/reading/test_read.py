"""A data set in every form is read back as it was, or refused with what is there; nothing is lost without a word."""

import re

import data_forms as forms
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csc_array, issparse
from strategies import examples

from dsrl_ref.multiview.reading import options_of, read

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


ARRAY_WRITERS = {"mat": forms.mat, "mat 7.3": forms.mat73, "npz": forms.npz}
NPZ_VIEWS = "numbered", "numbered from 0", "numbered_"
NPZ_LABELS = "column", "row", "double", "uint8", "one-hot", "one-hot, classes by samples", "one-hot, -1", "chars"


@pytest.mark.parametrize("writer", ARRAY_WRITERS)
@given(data=st.data())
@examples(60)
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
@examples(12)
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
    return {key: makers[draw(st.sampled_from(sorted(makers)))]() for key in keys}


@given(content=contents())
@examples(300)
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
