"""HDF5: what MATLAB 7.3 writes with axes reversed and what Python writes as it is. Most of it on stand-ins for h5py."""

import sys

import numpy as np
import pytest
from data_forms import cell, mat73
from scipy.sparse import csc_array, issparse

from dsrl_ref.errors import MissingExtraError
from dsrl_ref.multiview.reading.hdf5 import convert, read_hdf5

A = np.arange(6.0).reshape(3, 2)


class Item:
    """A data set as h5py has it."""

    def __init__(self, value, **attrs):
        self.value, self.attrs = np.asarray(value), attrs

    def __getitem__(self, key):
        assert key == ()
        return self.value


class Group(dict):
    """A group as h5py has it."""

    def __init__(self, content, **attrs):
        super().__init__(content)
        self.attrs = attrs


class Reference:
    def __init__(self, name):
        self.name = name

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return self.name == other.name


def references(*names):
    box = np.empty((len(names), 1), dtype=object)
    box[:, 0] = [Reference(name) for name in names]
    return box


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        MissingExtraError, match=r"d\.mat is HDF5, as MATLAB 7\.3 writes it: pip install 'dsrl_ref\[io\]'"
    ):
        read_hdf5(tmp_path / "d.mat")


def test_arrays_of_matlab_have_their_axes_put_back_and_those_of_python_not():
    assert convert(None, Item(A.T, MATLAB_class=b"double")).tolist() == A.tolist()
    assert convert(None, Item(A.T.astype(np.uint8), MATLAB_class="logical")).tolist() == A.astype(np.uint8).tolist()
    assert convert(None, Item(A)).tolist() == A.tolist()


def test_structs_are_dictionaries_without_what_matlab_hides():
    group = Group({"fea": Item(A.T, MATLAB_class=b"double"), "#refs#": Item(A)}, MATLAB_class=b"struct")
    assert {key: value.tolist() for key, value in convert(None, group).items()} == {"fea": A.tolist()}


def test_cells_are_lists_in_the_order_of_matlab():
    file = {Reference("a"): Item(A.T, MATLAB_class=b"double"), Reference("b"): Item([[1.0]], MATLAB_class=b"double")}
    found = convert(file, Item(references("b", "a"), MATLAB_class=b"cell"))
    assert [value.tolist() for value in found] == [[[1.0]], A.tolist()]


def test_sparse_matrices_stay_sparse():
    stored = csc_array(np.array([[0, 2.0], [1, 0], [3, 0]]))
    parts = {"data": Item(stored.data), "ir": Item(stored.indices), "jc": Item(stored.indptr)}
    found = convert(None, Group(parts, MATLAB_class=b"double", MATLAB_sparse=3))
    assert issparse(found)
    assert found.toarray().tolist() == stored.toarray().tolist()
    empty = convert(None, Group({"jc": Item([0, 0, 0])}, MATLAB_class=b"double", MATLAB_sparse=4))
    assert (empty.shape, empty.nnz) == ((4, 2), 0)


def test_texts_are_read_row_by_row():
    codes = np.array([[ord(c) for c in row] for row in ("cat", "ox ")], dtype=np.uint16)
    assert convert(None, Item(codes.T, MATLAB_class=b"char")).tolist() == ["cat", "ox"]
    assert convert(None, Item(np.array([b"cat", b"ox"], dtype=object))).tolist() == ["cat", "ox"]
    assert convert(None, Item(np.array([b"cat", b"ox"]))).tolist() == ["cat", "ox"]


def test_what_is_empty_or_unknown_is_kept_as_such():
    assert convert(None, Item([0, 0], MATLAB_class=b"double", MATLAB_empty=1)).shape == (0, 0)
    assert convert(None, Item([0, 0], MATLAB_class=b"cell", MATLAB_empty=1)) == []
    assert not hasattr(convert(None, Item([1, 2], MATLAB_class=b"table")), "dtype")


def test_a_file_is_read_whole(tmp_path):
    path = mat73(tmp_path, {"X": cell([A, csc_array(A)]), "Y": np.array([[1, 2, 1]]), "s": {"note": "hello"}})
    content = read_hdf5(path)
    assert list(content) == ["X", "Y", "s"]
    assert content["X"][0].tolist() == content["X"][1].toarray().tolist() == A.tolist()
    assert (content["Y"].tolist(), content["s"]["note"].tolist()) == ([[1, 2, 1]], ["hello"])


def test_damage_is_bad_data_and_absence_an_os_error(tmp_path):
    pytest.importorskip("h5py", reason="h5py is not installed: pip install '.[io]'")
    path = mat73(tmp_path, {"X": A})
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError, match=r"set73\.mat is not a readable HDF5 file"):
        read_hdf5(path)
    with pytest.raises(OSError, match="No such file"):
        read_hdf5(tmp_path / "none.h5")
