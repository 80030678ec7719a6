"""Every kind of file by its ending."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import mmwrite
from scipy.sparse import csc_array, issparse, save_npz

from dsrl_ref.multiview.reading import Options, read
from dsrl_ref.multiview.reading.files import ARRAYS, TABLES, ending, in_order, read_arrays, read_mtx, read_npy

A = np.array([[0.0, 2], [1, 0], [0, 3]])


def test_every_ending_is_of_arrays_or_of_tables():
    assert list(ARRAYS) == [".mat", ".npz", ".npy", ".mtx", ".h5", ".hdf5"]
    assert list(TABLES) == [".csv", ".tsv", ".txt", ".dat", ".data", ".parquet", ".pq", ".feather", ".arrow"]
    assert ending(Path("A.MAT")) == ".mat"


def test_arrays_have_their_keys_or_the_name_of_their_file(tmp_path):
    np.savez(tmp_path / "many.npz", X=A, format=[1])
    save_npz(tmp_path / "one.npz", csc_array(A))
    np.save(tmp_path / "v.npy", A)
    mmwrite(tmp_path / "m.mtx", csc_array(A))
    assert {key: value.tolist() for key, value in read_arrays(tmp_path / "many.npz").items()} == {
        **{"X": A.tolist()},
        **{"format": [1]},
    }
    assert read_npy(tmp_path / "v.npy")["v"].tolist() == A.tolist()
    for found in (read_arrays(tmp_path / "one.npz")["one"], read_mtx(tmp_path / "m.mtx")["m"]):
        assert issparse(found)
        assert found.toarray().tolist() == A.tolist()


@pytest.mark.parametrize(
    ("name", "message"),
    [("d.npz", r"not a readable \.npz"), ("d.npy", r"not a readable \.npy"), ("d.mtx", r"not a readable \.mtx")],
)
def test_damage_is_bad_data_and_absence_an_os_error(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=message):
        ARRAYS[ending(Path(name))](tmp_path / name)
    with pytest.raises(OSError, match="No such file"):
        ARRAYS[ending(Path(name))](tmp_path / f"none{name}")


def test_a_sparse_npz_that_lacks_parts_is_bad_data(tmp_path):
    np.savez(tmp_path / "d.npz", indptr=[0, 1], format="csr")
    with pytest.raises(ValueError, match=r"not a readable sparse \.npz file"):
        read_arrays(tmp_path / "d.npz")


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "d.npy", np.array([A, "x"], dtype=object))
    with pytest.raises(ValueError, match=r"not a readable \.npy file"):
        read_npy(tmp_path / "d.npy")


def test_files_come_by_their_numbers(tmp_path):
    for name in ("view10.csv", "view2.csv", "b.csv", "a10x1.csv", "a2.csv", "1.csv"):
        (tmp_path / name).touch()
    assert [path.name for path in in_order(tmp_path)] == [
        "1.csv",
        "a2.csv",
        "a10x1.csv",
        "b.csv",
        "view2.csv",
        "view10.csv",
    ]


@pytest.mark.parametrize("kind", [*ARRAYS, *TABLES])
def test_a_pointer_of_git_lfs_is_called_that_whatever_its_ending(tmp_path, kind):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"
    for name in (f"x{kind}", f"labels{kind}"):
        (tmp_path / name).write_text(pointer)
        with pytest.raises(ValueError, match=rf"{name} is a pointer of Git LFS and not the data: git lfs pull"):
            read(tmp_path / name, Options())
    if kind not in (".mat", ".npz", ".h5", ".hdf5"):
        with pytest.raises(ValueError, match=rf"labels{kind} is a pointer of Git LFS|x{kind} is a pointer"):
            read(tmp_path, Options())


def test_arrays_of_objects_are_named_with_what_to_save_in_their_place(tmp_path):
    names = np.array(["a", None], dtype=object)
    np.savez(tmp_path / "x.npz", X=np.ones((2, 2)), names=names)
    np.save(tmp_path / "y.npy", names)
    with pytest.raises(ValueError, match=r"x\.npz is not a readable \.npz file: names holds objects.*dtype=str\)"):
        read(tmp_path / "x.npz", Options())
    with pytest.raises(ValueError, match=r"y\.npy is not a readable \.npy file: it holds objects.*dtype=str\)"):
        read(tmp_path / "y.npy", Options())
    (tmp_path / "y.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"y\.npy is not a readable \.npy file: .*magic"):
        read(tmp_path / "y.npy", Options())
