"""Problems in files: what is missing, unknown or no file at all is refused by name."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from command_data import FIDELITY, LEAST_SQUARES, D, W, problem_file

from dsrl_ref import Fidelity, LeastSquares
from dsrl_ref.cli import problem
from dsrl_ref.cli.problem import read_problem, whitened


def test_a_file_with_w_is_a_fidelity(tmp_path):
    f, data = read_problem(Path(problem_file(tmp_path, **FIDELITY)), ("theta", "L", "layers"))
    assert isinstance(f, Fidelity)
    assert np.array_equal(f.W, W)
    assert set(data) == set(FIDELITY)
    assert (data["L"], data["layers"]) == (1.0, 3)


def test_a_file_with_d_and_y_is_least_squares(tmp_path):
    f, data = read_problem(Path(problem_file(tmp_path, **LEAST_SQUARES)), ("layers",), ("target", "x0"))
    assert isinstance(f, LeastSquares)
    assert np.array_equal(f.D, D)
    assert np.array_equal(f.Y, LEAST_SQUARES["Y"])
    assert "x0" not in data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"theta": None}, "has no key theta; it needs W, or D and Y, theta, layers$"),
        ({"theta": None, "layers": None}, "has no key theta, layers; it needs"),
        ({"W": None}, "has no key D, Y; it needs"),
        ({"W": None, "D": np.eye(2)}, "has no key Y; it needs"),
        ({"extra": 1}, "has the unknown key extra; known are W, or D and Y, theta, layers, L$"),
        (dict.fromkeys("hgfedcba", 1), "has the unknown key a, b, c, d, e, f, g, h; known are"),
        ({"Y": W, "D": np.eye(2)}, "has the unknown key D, Y; known are"),
        ({"W": [[np.nan]]}, r"W\[0, 0\] = nan"),
    ],
)
def test_bad_keys_are_named(tmp_path, changes, message):
    path = Path(problem_file(tmp_path, **{**FIDELITY, **changes}))
    with pytest.raises(ValueError, match=message):
        read_problem(path, ("theta", "layers"), ("L",))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"p\.npz is not a readable \.npz file"):
        read_problem(tmp_path / "p.npz")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    np.savez(tmp_path / "p.npz", W=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"p\.npz is not a readable \.npz file"):
        read_problem(tmp_path / "p.npz")


def options(whiten=True, rcond=None):
    return argparse.Namespace(whiten=whiten, rcond=rcond)


def test_whitening_is_of_least_squares_and_takes_rcond():
    f = LeastSquares(np.diag([1.0, 1e-3]), np.ones((2, 1)))
    assert whitened(f, options(whiten=False)) is f
    assert whitened(f, options()).is_whitened
    assert np.linalg.matrix_rank(whitened(f, options(rcond=0.1)).D) == 1
    assert np.linalg.matrix_rank(whitened(f, options(rcond=0.0)).D) == 2
    with pytest.raises(ValueError, match="--whiten is for least squares"):
        whitened(Fidelity(W), options())
    with pytest.raises(ValueError, match="--rcond is of whitening: give --whiten too"):
        whitened(f, options(whiten=False, rcond=0.1))


def test_what_whitening_wants_is_said_as_an_option():
    with pytest.raises(ValueError, match=r"Pass --rcond=.* to drop"):
        whitened(LeastSquares(np.diag([1.0, 1e-9]), np.ones((2, 1))), options())


def test_a_key_may_name_an_array_beside_the_file_that_is_sorted_in_the_scratch_folder(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(problem, "Fidelity", lambda W, scratch=None: made.append((W, scratch)))
    np.save(tmp_path / "W.npy", W)
    file = problem_file(tmp_path, **{**FIDELITY, "W": np.array("W.npy")})
    read_problem(Path(file), ("theta", "L", "layers"), scratch=tmp_path / "scratch")
    assert made == [(tmp_path / "W.npy", tmp_path / "scratch")]
