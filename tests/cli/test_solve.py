"""``dsrl-ref solve``: what the library does, and exit codes that tell how it ended."""

import json

import numpy as np
import pytest

from dsrl_ref import LeastSquares, Theta, solve
from dsrl_ref.cli import main

RNG = np.random.default_rng(0)
D, X = RNG.normal(size=(8, 12)) / 3, RNG.normal(size=(12, 20)) * (RNG.random((12, 20)) < 0.2)
LASSO = {"D": D, "Y": D @ X, "theta": [1, 1, 0.1, 0.1], "weight": 0.5}


@pytest.fixture
def file(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "problem.npz", **arrays)
        return str(tmp_path / "problem.npz")

    return write


def test_an_unwritable_output_is_found_before_the_work(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("dsrl_ref.cli.solve.solve", lambda *_, **__: pytest.fail("it has worked already"))
    (tmp_path / "file").write_text("")
    assert main(["solve", file(**LASSO), "-o", str(tmp_path / "file" / "out")]) == 5
    assert "Not a directory" in capsys.readouterr().err


def test_the_problem_is_not_replaced_by_its_solution(file, capsys):
    problem = file(**LASSO)
    assert main(["solve", problem, "-o", problem]) == 3
    assert f"writing {problem} would replace {problem}, which is needed" in capsys.readouterr().err
    with np.load(problem) as archive:
        assert set(archive) == set(LASSO)


def test_solve_is_solve(file, tmp_path, capsys):
    assert main(["solve", file(**LASSO), "-o", str(tmp_path / "x.npz"), "--json"]) == 0
    expected = solve(LeastSquares(D, D @ X), Theta.soft(0.1), 0.5)
    printed = json.loads(capsys.readouterr().out)
    assert printed["objective"] == expected.objective
    assert (printed["nonzeros"], printed["entries"]) == (np.count_nonzero(expected.x), expected.x.size)
    with np.load(tmp_path / "x.npz") as archive:
        assert np.array_equal(archive["x"], expected.x)


def test_solve_as_a_table_and_not_converged(file, capsys):
    assert main(["solve", file(**LASSO), "--max-iter", "2", "--weight", "0.1"]) == 1
    out = capsys.readouterr().out
    assert "iterations 2" in out
    assert "raise max_iter or tol" in out


def test_it_starts_where_the_file_says(file, capsys):
    f, theta, x0 = LeastSquares(D, D @ X), Theta.soft(0.1), X + 1.0
    expected = solve(f, theta, 0.5, x0=x0, max_iter=2)
    main(["solve", file(**LASSO, x0=x0), "--max-iter", "2", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["objective"] == expected.objective != solve(f, theta, 0.5, max_iter=2).objective


def test_a_weight_of_0_is_a_weight(file, capsys):
    assert main(["solve", file(**LASSO), "--weight", "0", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["objective"] == pytest.approx(0.0, abs=1e-20)  # not the file's 0.5
    assert printed["objective"] == solve(LeastSquares(D, D @ X), Theta.soft(0.1), 0.0).objective


def test_tol_and_max_iter_are_those_of_solve(file, capsys):
    f, theta = LeastSquares(D, D @ X), Theta.soft(0.1)
    for options, given in ((["--tol", "1e-3"], {"tol": 1e-3}), (["--max-iter", "3"], {"max_iter": 3})):
        expected = solve(f, theta, 0.5, **given)
        assert main(["solve", file(**LASSO), *options, "--json"]) == (0 if expected.converged else 1)
        printed = json.loads(capsys.readouterr().out)
        assert (printed["residual"], printed["iterations"]) == (expected.residual, expected.iterations)
        assert printed["status"] == expected.status.name
        assert sum(printed["columns"].values()) == 20
    assert main(["solve", file(**LASSO), "--tol", "0"]) == 3
    assert "tol must be positive" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"W": D}, "has no key theta"),
        ({"W": D, "theta": [1, 2, 1, 1]}, "w2 = 2.0 exceeds 1"),
        ({**LASSO, "extra": 1}, "has the unknown key extra; known are W, or D and Y, theta, weight, x0"),
    ],
)
def test_bad_files_are_3(arrays, message, file, capsys):
    assert main(["solve", file(**arrays)]) == 3
    assert message in capsys.readouterr().err
