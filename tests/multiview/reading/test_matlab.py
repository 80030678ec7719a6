"""Files of MATLAB, up to version 7 and of 7.3."""

import numpy as np
import pytest
from data_forms import cell, mat73
from scipy.io import savemat

from dsrl_ref.multiview.reading import matlab
from dsrl_ref.multiview.reading.matlab import read_mat

A = np.arange(6.0).reshape(3, 2)


def test_every_variable_is_there_but_for_what_scipy_adds(tmp_path):
    savemat(tmp_path / "d.mat", {"X": A})
    content = read_mat(tmp_path / "d.mat")
    assert list(content) == ["X"]
    assert content["X"].tolist() == A.tolist()


@pytest.mark.parametrize("before", [0, 512])
def test_hdf5_is_known_by_its_signature_wherever_it_stands(tmp_path, monkeypatch, before):
    monkeypatch.setattr(matlab, "read_hdf5", lambda path: {"read": path.name})
    (tmp_path / "d.mat").write_bytes(b"M" * before + b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert read_mat(tmp_path / "d.mat") == {"read": "d.mat"}


def test_version_7_3_is_read_as_any_other(tmp_path):
    content = read_mat(mat73(tmp_path, {"X": cell([A, A.T])}))
    assert [view.tolist() for view in content["X"]] == [A.tolist(), A.T.tolist()]


def test_damage_is_bad_data_and_absence_an_os_error(tmp_path):
    (tmp_path / "d.mat").write_bytes(b"nothing of the kind, but long enough to have a header" * 4)
    with pytest.raises(ValueError, match=r"d\.mat is not a readable \.mat file"):
        read_mat(tmp_path / "d.mat")
    with pytest.raises(OSError, match="No such file"):
        read_mat(tmp_path / "none.mat")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_a_cut_file_is_bad_data(tmp_path, share):
    savemat(tmp_path / "whole.mat", {"X": cell([A, A.T])}, do_compression=share > 0.5)
    whole = (tmp_path / "whole.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.mat is not a readable \.mat file"):
        read_mat(tmp_path / "cut.mat")
