"""``dsrl-ref fit`` and ``dsrl-ref solve``: what the library does, and exit codes that tell how it ended."""

import json

import numpy as np
import pytest

from dsrl_ref import LeastSquares, Objective, Theta, fit, load, solve
from dsrl_ref.cli import main

RNG = np.random.default_rng(0)
D, X = RNG.normal(size=(8, 12)) / 3, RNG.normal(size=(12, 20)) * (RNG.random((12, 20)) < 0.2)
PROBLEM = {"D": D, "Y": D @ X, "target": X, "layers": 4}
LASSO = {"D": D, "Y": D @ X, "theta": [1, 1, 0.1, 0.1], "weight": 0.5}


@pytest.fixture
def file(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "problem.npz", **arrays)
        return str(tmp_path / "problem.npz")

    return write


def test_fit_is_fit(file, tmp_path, capsys):
    assert main(["fit", file(**PROBLEM), "-o", str(tmp_path / "model"), "--json"]) == 0
    expected = fit(Objective(LeastSquares(D, D @ X), X, layers=4))
    printed = json.loads(capsys.readouterr().out)
    assert list(printed["theta"].values()) == list(expected.theta)
    assert (printed["loss"], printed["L"], printed["converged"]) == (expected.loss, expected.L, True)
    assert load(tmp_path / "model").theta == expected.theta


def test_layers_may_be_infinitely_many(file, capsys):
    problem = file(**{**PROBLEM, "layers": np.inf})
    assert main(["fit", problem, "--json"]) in (0, 1)
    printed, J = json.loads(capsys.readouterr().out), Objective(LeastSquares(D, D @ X), X, layers=np.inf)
    assert printed["loss"] == J(list(printed["theta"].values()), printed["L"])[0]
    arrays = {**PROBLEM, "layers": np.inf, "theta": [*printed["theta"].values()], "L": printed["L"]}
    assert main(["gradient", file(**arrays), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == printed["loss"]


def test_fit_as_a_table_and_not_converged(file, capsys):
    assert main(["fit", file(**PROBLEM), "--epochs", "3"]) == 1
    assert "message  not converged after 3 epochs" in capsys.readouterr().out


def test_fit_goes_on_from_a_checkpoint(file, tmp_path, capsys):
    arguments = ["fit", file(**PROBLEM), "--json", "--checkpoint", str(tmp_path / "run")]
    assert main([*arguments, "--epochs", "5"]) == 1
    capsys.readouterr()
    assert main([*arguments, "--resume"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == fit(Objective(LeastSquares(D, D @ X), X, layers=4)).loss


def test_fit_starts_where_the_file_says(file, capsys):
    start = (1.0, 0.9, 0.05, 0.2)
    main(["fit", file(**PROBLEM, theta=start, L=3.0), "--epochs", "4", "--json"])
    expected = fit(Objective(LeastSquares(D, D @ X), X, layers=4), theta=start, L=3.0, epochs=4)
    assert json.loads(capsys.readouterr().out)["loss"] == expected.loss


def test_an_interrupted_fit_keeps_the_best_and_exits_130(file, tmp_path, monkeypatch, capsys):
    from dsrl_ref.training.gauss_newton import GaussNewtonDescent

    whole, steps = GaussNewtonDescent.step, []

    def step(self):
        steps.append(1)
        if len(steps) == 8:
            raise KeyboardInterrupt
        whole(self)

    monkeypatch.setattr(GaussNewtonDescent, "step", step)
    assert main(["fit", file(**PROBLEM), "-o", str(tmp_path / "model")]) == 130
    assert load(tmp_path / "model").message.startswith("interrupted in epoch 8")


@pytest.mark.parametrize("command", ["fit", "solve"])
def test_an_unwritable_output_is_found_before_the_work(command, file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(f"dsrl_ref.cli.{command}.{command}", lambda *_, **__: pytest.fail("it has worked already"))
    problem = file(**(PROBLEM if command == "fit" else LASSO))
    (tmp_path / "file").write_text("")
    assert main([command, problem, "-o", str(tmp_path / "file" / "out")]) == 5
    assert "Not a directory" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_4(file, tmp_path, capsys):
    (tmp_path / "run").write_bytes(b"PK" + bytes(200))
    assert main(["fit", file(**PROBLEM), "--checkpoint", str(tmp_path / "run"), "--resume"]) == 4
    assert "damaged" in capsys.readouterr().err


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
    ("command", "arrays", "message"),
    [
        ("fit", {"W": D}, "has no key layers; it needs W, or D and Y, layers"),
        ("fit", {"D": D, "layers": 2}, "has no key Y"),
        ("fit", {**PROBLEM, "extra": 1}, "has the unknown key extra; known are W, or D and Y, layers, target, x0"),
        ("fit", {"D": D, "Y": D, "layers": 2}, "target is required"),
        ("solve", {"W": D}, "has no key theta"),
        ("solve", {"W": D, "theta": [1, 2, 1, 1]}, "w2 = 2.0 exceeds 1"),
    ],
)
def test_bad_files_are_3(command, arrays, message, file, capsys):
    assert main([command, file(**arrays)]) == 3
    assert message in capsys.readouterr().err
