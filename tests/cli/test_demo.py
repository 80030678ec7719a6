"""The main job, whole."""

import json

import numpy as np
import pytest

from dsrl_ref import Theta, cli
from dsrl_ref.cli import demo


@pytest.fixture(scope="module")
def printed():
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        assert cli.main(["demo"]) == 0
    return stream.getvalue()


def test_prints_what_was_learned(printed):
    for label in ("derived views", "fused graph", "learned Θ", "learned L", "condition (7)", "loss", "sparsity"):
        assert f"\n{label}" in printed
    assert "1797×1797" in printed
    assert "agrees" in printed
    assert "\nclustering into 10, 3 seeds\n" in printed
    assert "\nclassification, 10 % labelled, 3 splits\n" in printed


def test_json_has_the_figures(capsys):
    assert cli.main(["demo", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is True
    assert report["samples"] == 1797
    assert report["violations"] == []
    assert not Theta(**report["theta"]).violations()
    assert report["loss"]["last"] < report["loss"]["first"] / 5
    assert report["nonzeros"]["output"] < report["nonzeros"]["graph"]
    assert report["gradient_check"]["gap"] <= 1e-7
    for task in ("clustering", "classification"):
        first, *controls = report[task]
        assert first["method"] == "dsrl"
        others = {"raw graph", "soft threshold", "authors' preset"}
        own = {"candidates", "candidates, threshold"}  # the graph that DSRL chose from: no less is expected of it
        assert others | own <= {control["method"] for control in controls}
        for control in controls:
            assert control["method"] in own or first["accuracy"]["mean"] > control["accuracy"]["mean"]


def test_a_wrong_gradient_exits_1(monkeypatch, capsys):
    right = demo.Objective.__call__

    def wrong(self, theta, L):
        loss, gradient = right(self, theta, L)
        return loss, gradient._replace(w1=1.001 * gradient.w1)

    monkeypatch.setattr(demo.Objective, "__call__", wrong)
    assert cli.main(["demo"]) == 1
    assert "DISAGREES" in capsys.readouterr().out


def test_the_check_halves_its_step_near_a_knot():
    theta = Theta(1.0, 0.5, 0.25, 0.75)
    far = demo.check_gradient(np.array([0.1, 0.5, 2.0]), theta, 1.0, 1)
    near = demo.check_gradient(np.array([0.1, 0.25 + 2.0**-22, 2.0]), theta, 1.0, 1)
    assert far.step == 2.0**-20
    assert near.step == 2.0**-22
    assert max(far.gap, near.gap) < 1e-8


def test_the_check_cannot_difference_across_a_tie():
    with pytest.raises(ValueError, match="an entry sits on a knot: no step in b1"):
        demo.check_gradient(np.array([0.25]), Theta(1.0, 0.5, 0.25, 0.75), 1.0, 1)
