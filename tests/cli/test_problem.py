"""Problems in files: what is missing, unknown or no file at all is refused by name."""

from pathlib import Path

import numpy as np
import pytest
from command_data import FIDELITY, LEAST_SQUARES, D, W, problem_file

from dsrl_ref import Fidelity, LeastSquares
from dsrl_ref.cli.problem import read_problem


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
