"""Multi-view data in the forms that public files have: a table of writers, for all formats.

Nothing here imports the package. Every writer takes a folder, views (n, d_v) and labels (n,), and returns the path.
"""

import csv
import itertools

import numpy as np
import pytest
from scipy.io import mmwrite, savemat
from scipy.sparse import csc_array, issparse, save_npz


def cell(items, column=False):
    """A cell array of MATLAB: one row, or one column."""
    box = np.empty((len(items), 1) if column else (1, len(items)), dtype=object)
    for place, item in enumerate(items):
        box[np.unravel_index(place, box.shape)] = item
    return box


def one_hot(labels, low=0):
    classes = sorted(set(labels.tolist()))
    return np.array([[1.0 if label == c else float(low) for c in classes] for label in labels])


# How views come into the variables of a file: (views as matrices in the file's orientation) -> {key: value}
VIEW_FORMS = {
    "cell row": lambda name, views: {name: cell(views)},
    "cell column": lambda name, views: {name: cell(views, column=True)},
    "cells in cells": lambda name, views: {name: cell([cell([view]) for view in views])},
    "cells in one cell": lambda name, views: {name: cell([cell(views)])},
    "numbered": lambda name, views: {f"{name}{v}": view for v, view in enumerate(views, 1)},
    "numbered from 0": lambda name, views: {f"{name}{v}": view for v, view in enumerate(views)},
    "numbered_": lambda name, views: {f"{name}_{v}": view for v, view in enumerate(views, 1)},
    "struct": lambda name, views: {name: {f"view{v}": view for v, view in enumerate(views, 1)}},
}
VIEW_NAMES = "X", "data", "fea", "x", "views", "feature", "msr"
LABEL_FORMS = {
    "column": lambda labels: labels.reshape(-1, 1),
    "row": lambda labels: labels.reshape(1, -1),
    "double": lambda labels: labels.reshape(-1, 1).astype(float),
    "uint8": lambda labels: labels.reshape(1, -1).astype(np.uint8),
    "one-hot": one_hot,
    "one-hot, classes by samples": lambda labels: one_hot(labels).T,
    "one-hot, -1": lambda labels: one_hot(labels, -1),
    "sparse one-hot": lambda labels: csc_array(one_hot(labels)),
    "sparse": lambda labels: csc_array(labels.reshape(-1, 1).astype(float)),
    "copies": lambda labels: cell([labels.reshape(-1, 1)] * 3),
    "copies in a column": lambda labels: cell([labels.reshape(1, -1)] * 2, column=True),
    "a cell": lambda labels: cell([labels.reshape(-1, 1)]),
    "a cell each": lambda labels: cell([np.array([[label]]) for label in labels], column=True),
    "names": lambda labels: cell([f"class {label}" for label in labels], column=True),
    "chars": lambda labels: np.array([f"c{label}" for label in labels]),
}
LABEL_NAMES = "Y", "y", "y0", "gt", "gnd", "truth", "truelabel", "label", "labels", "Label", "target", "true_labels"
NUMBERED_ONLY = ("msr",)  # a name that comes with numbers


def wrapped(content):
    return {"dataset": content}


def mat(folder, content):
    savemat(folder / "set.mat", content)
    return folder / "set.mat"


def npz(folder, content):
    np.savez(folder / "set.npz", **content)
    return folder / "set.npz"


def mat73(folder, content):
    """As MATLAB writes version 7.3: axes reversed, cells as references, structs and sparse matrices as groups."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install '.[io]'")
    path = folder / "set73.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        refs, numbers = file.create_group("#refs#"), itertools.count()
        for key, value in content.items():
            _put(h5py, refs, numbers, file, key, value)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def _put(h5py, refs, numbers, group, key, value):
    if isinstance(value, dict):
        made = group.create_group(key)
        made.attrs["MATLAB_class"] = np.bytes_("struct")
        for inner, item in value.items():
            _put(h5py, refs, numbers, made, inner, item)
    elif issparse(value):
        value = csc_array(value)
        made = group.create_group(key)
        made.attrs["MATLAB_class"], made.attrs["MATLAB_sparse"] = np.bytes_("double"), np.uint64(value.shape[0])
        made["jc"] = value.indptr.astype(np.uint64)
        if value.nnz:
            made["data"], made["ir"] = value.data.astype(float), value.indices.astype(np.uint64)
    elif isinstance(value, str) or value.dtype.kind == "U":
        rows = [value] if isinstance(value, str) else list(value)
        width = max(map(len, rows))
        made = group.create_dataset(key, data=np.array([[ord(c) for c in row.ljust(width)] for row in rows], "u2").T)
        made.attrs["MATLAB_class"] = np.bytes_("char")
    elif value.dtype == object:
        names = [f"r{next(numbers)}" for _ in range(value.size)]
        for name, item in zip(names, value.ravel(order="F"), strict=True):
            _put(h5py, refs, numbers, refs, name, item)
        stored = np.array([refs[name].ref for name in names], dtype=h5py.ref_dtype).reshape(value.shape[::-1])
        made = group.create_dataset(key, data=stored, dtype=h5py.ref_dtype)
        made.attrs["MATLAB_class"] = np.bytes_("cell")
    elif value.size == 0:
        made = group.create_dataset(key, data=np.array(value.shape, dtype=np.uint64))
        made.attrs["MATLAB_class"], made.attrs["MATLAB_empty"] = np.bytes_("double"), np.uint8(1)
    else:
        matrix = np.atleast_2d(value)
        logical = matrix.dtype == bool
        made = group.create_dataset(key, data=(matrix.astype(np.uint8) if logical else matrix).T)
        kind = {"float64": "double", "float32": "single", "bool": "logical"}.get(str(matrix.dtype), str(matrix.dtype))
        made.attrs["MATLAB_class"] = np.bytes_(kind)


def table(path, rows, separator=",", header=None):
    """Write lines of a table, numbers to their last digit."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        if header is not None:
            writer.writerow(header)
        writer.writerows([[repr(float(x)) if isinstance(x, float) else x for x in row] for row in rows])
    return path


def _dense(view):
    return view.toarray() if issparse(view) else np.asarray(view)


def _with_names(names, view):
    return [[name, *row] for name, row in zip(names, _dense(view).astype(float).tolist(), strict=True)]


def _folder(folder):
    made = folder / "set"
    made.mkdir()
    return made


def csv_plain(folder, views, labels, separator=",", ending=".csv"):
    made = _folder(folder)
    for v, view in enumerate(views, 1):
        table(made / f"view{v}{ending}", _dense(view).astype(float).tolist(), separator)
    table(made / f"labels{ending}", [[int(label)] for label in labels])
    return made


def csv_headed(folder, views, labels):
    made = _folder(folder)
    for v, view in enumerate(views, 1):
        header = [f"f{c}" for c in range(view.shape[1])]
        table(made / f"view{v}.csv", _dense(view).astype(float).tolist(), header=header)
    table(made / "y.csv", [[f"kind {label}"] for label in labels], header=["label"])
    return made


def csv_pandas(folder, views, labels):
    """As DataFrame(view).to_csv writes it: an index column without a name, numbers for names."""
    made = _folder(folder)
    for v, view in enumerate(views, 1):
        table(made / f"{v}.csv", _with_names(range(len(labels)), view), header=["", *range(view.shape[1])])
    table(made / "gt.csv", [[place, int(label)] for place, label in enumerate(labels)], header=["", "0"])
    return made


def csv_numbered(folder, views, labels):
    """As DataFrame(view).to_csv(index=False) writes it: numbers for names, which look like a sample."""
    made = _folder(folder)
    for v, view in enumerate(views, 1):
        rows = _dense(view).astype(float).tolist()
        table(made / f"{v}.csv", rows, header=range(view.shape[1]) if view.shape[1] > 3 else None)
    table(made / "y.csv", [[int(label)] for label in labels], header=["0"])
    return made


def csv_shuffled(folder, views, labels):
    """Named samples, in another order in each file but the first."""
    made, rng = _folder(folder), np.random.default_rng(0)
    names = [f"s{place:03d}" for place in range(len(labels))]
    for v, view in enumerate(views, 1):
        rows = _with_names(names, view)
        order = range(len(rows)) if v == 1 else rng.permutation(len(rows))
        table(made / f"v{v}.csv", [rows[i] for i in order], header=["sample", *map(str, range(view.shape[1]))])
    order = rng.permutation(len(names))
    table(made / "truth.csv", [[names[i], f"k{labels[i]}"] for i in order], header=["sample", "class"])
    return made


def npy_folder(folder, views, labels):
    made = _folder(folder)
    for v, view in enumerate(views, 1):
        if issparse(view):
            save_npz(made / f"view{v}.npz", csc_array(view))
        else:
            np.save(made / f"view{v}.npy", view)
    np.save(made / "labels.npy", labels)
    return made


def mtx_folder(folder, views, labels):
    made = _folder(folder)
    for v, view in enumerate(views, 1):
        mmwrite(made / f"view{v}.mtx", csc_array(_dense(view).astype(float)))
    table(made / "labels.txt", [[int(label)] for label in labels])
    return made


def parquet_folder(folder, views, labels):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[io]'")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install '.[io]'")
    made = _folder(folder)
    for v, view in enumerate(views, 1):
        parquet.write_table(
            pa.table({f"f{c}": column for c, column in enumerate(_dense(view).T)}), made / f"v{v}.parquet"
        )
    parquet.write_table(pa.table({"label": labels}), made / "label.parquet")
    return made


FOLDERS = {
    "csv": csv_plain,
    "tsv": lambda *given: csv_plain(*given, separator="\t", ending=".tsv"),
    "semicolons": lambda *given: csv_plain(*given, separator=";"),
    "blanks": lambda *given: csv_plain(*given, separator=" ", ending=".txt"),
    "headed": csv_headed,
    "pandas": csv_pandas,
    "numbered": csv_numbered,
    "shuffled": csv_shuffled,
    "npy": npy_folder,
    "mtx": mtx_folder,
    "parquet": parquet_folder,
}
