"""``dsrl-ref gradient`` prints what `Objective` says."""

import re
from dataclasses import asdict

import numpy as np
import pytest
from command_data import FIDELITY, W, in_json, problem_file

from dsrl_ref import Fidelity, LeastSquares, Objective, check_gradient, cli, disk, forward, loss_and_gradient

THETA, L = FIDELITY["theta"], FIDELITY["L"]
START, TARGET = np.full((2, 3), 0.375), np.eye(2, 3)


def test_json_has_loss_gradient_method_and_ties(tmp_path, capsys):
    loss, gradient = loss_and_gradient(Fidelity(W), THETA, L, 3)
    expected = {"loss": loss, "gradient": gradient._asdict(), "method": "adjoint", "ties": 6}
    assert in_json(capsys, "gradient", problem_file(tmp_path, **FIDELITY)) == expected


@pytest.mark.parametrize("given", [{"x0": START}, {"target": TARGET}, {"x0": START, "target": TARGET}])
def test_start_and_target_of_the_file_are_taken(tmp_path, capsys, given):
    printed = in_json(capsys, "gradient", problem_file(tmp_path, **{**FIDELITY, "L": 2.0}, **given))
    loss, gradient = loss_and_gradient(Fidelity(W), THETA, 2.0, 3, given.get("target"), given.get("x0"))
    assert (printed["loss"], printed["gradient"]) == (loss, gradient._asdict())
    assert loss != loss_and_gradient(Fidelity(W), THETA, 2.0, 3)[0]


def test_a_table_of_least_squares_by_another_method(tmp_path, capsys):
    arrays = {"D": np.eye(2), "Y": W, "target": TARGET, "x0": START, "theta": THETA, "L": 2.0, "layers": 2}
    assert cli.main(["gradient", problem_file(tmp_path, **arrays), "--method", "tensor"]) == 0
    J = Objective(LeastSquares(np.eye(2), W), TARGET, layers=2, x0=START, method="tensor")
    loss, gradient = J(THETA, 2.0)
    lines = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    derivatives = {f"dJ/d{name}": repr(value) for name, value in gradient._asdict().items()}
    assert lines == {"loss": repr(loss), **derivatives, "method": "tensor", "ties": str(J.ties(THETA, 2.0))}


OFF_KNOTS = {**FIDELITY, "theta": [1.1, 0.6, 0.21, 0.64], "L": 1.5}
X_OF_THREE = forward(Fidelity(W), OFF_KNOTS["theta"], OFF_KNOTS["L"], 3)[-1]


def test_the_check_prints_how_far_differences_are(tmp_path, capsys):
    path = problem_file(tmp_path, **OFF_KNOTS)
    expected = check_gradient(Objective(Fidelity(W), layers=3), OFF_KNOTS["theta"], OFF_KNOTS["L"])
    assert in_json(capsys, "gradient", path, "--check")["check"] == asdict(expected)
    assert cli.main(["gradient", path, "--check"]) == 0
    gaps, hidden = capsys.readouterr().out.splitlines()[-2:]
    assert gaps.startswith("check  gaps to differences w1 ")
    assert f", b2 {expected.gaps['b2']:.1e}, " in gaps
    assert hidden.startswith("hidden by rounding, in the units of the derivatives: w1 ")
    assert f", b2 {expected.roundings['b2']:.1e}, " in hidden
    assert hidden.endswith(f"; at most {expected.rounding:.1e} of the scale S of the gradient")


@pytest.mark.parametrize("target", [X_OF_THREE, X_OF_THREE + 1e-16, X_OF_THREE * (1 + 1e-12), None])
def test_where_the_derivatives_are_0_what_rounding_hides_is_no_share_of_them(tmp_path, capsys, target):
    """Where X_(t) meets the target, and where no entry lies beyond b2, so that w2 and b2 do nothing."""
    theta = [1.1, 0.6, 0.21, 9.0] if target is None else OFF_KNOTS["theta"]
    more = {} if target is None else {"target": target}
    path = problem_file(tmp_path, **{**OFF_KNOTS, "theta": theta}, **more)
    assert cli.main(["gradient", path, "--check"]) == 0
    *_, gaps, hidden = capsys.readouterr().out.splitlines()
    figures = [float(figure) for figure in re.findall(r"\d\.\de[+-]\d+", gaps + hidden)]
    assert len(figures) == 11
    assert max(figures) < 1e-6


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_gradient_that_differences_contradict_is_1(tmp_path, capsys, monkeypatch, options):
    right = Objective.__call__

    def wrong(self, theta, L):
        loss, gradient = right(self, theta, L)
        return loss, gradient._replace(b1=1.001 * gradient.b1)

    monkeypatch.setattr(Objective, "__call__", wrong)
    path = problem_file(tmp_path, **OFF_KNOTS)
    assert cli.main(["gradient", path, "--check", *options]) == 1
    assert "check" in capsys.readouterr().out
    assert cli.main(["gradient", path, *options]) == 0
    assert "check" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"theta": None, "L": None}, "has no key theta, L"),
        ({"extra": 1}, "known are W, or D and Y, theta, L, layers, x0, target"),
        ({"layers": 2.5}, "layers must be an integer"),
        ({"layers": [2, 3]}, "layers must be an integer, got array([2, 3])"),
        ({"L": -1}, "L must be positive, got -1"),
        ({"L": [1.0, 2.0]}, "L must be one number"),
        ({"theta": [1, 1, 2, 1]}, "b2 must be at least b1"),
    ],
)
def test_bad_problems_are_3_and_say_why(tmp_path, capsys, changes, message):
    assert cli.main(["gradient", problem_file(tmp_path, **{**FIDELITY, **changes})]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_a_key_may_be_the_name_of_a_npy_beside_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 8)
    (tmp_path / "scratch").mkdir()
    np.save(tmp_path / "w.npy", W)
    np.save(tmp_path / "t.npy", TARGET)
    whole = problem_file(tmp_path, **FIDELITY, target=TARGET)
    expected = in_json(capsys, "gradient", whole, "--method", "pieces")
    named = problem_file(tmp_path, **{**FIDELITY, "W": "w.npy"}, target="t.npy")
    printed = in_json(capsys, "gradient", named, "--scratch", str(tmp_path / "scratch"))
    assert printed == {**expected, "method": "disk"}
    assert cli.main(["gradient", named, "--scratch", str(tmp_path / "none")]) == 5
    assert "none is no folder: give one with room" in capsys.readouterr().err
    (tmp_path / "w.npy").unlink()
    assert cli.main(["gradient", named]) == 5
    assert "w.npy cannot be read: No such file or directory" in capsys.readouterr().err
