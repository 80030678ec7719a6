"""The notebooks of `benchmarks/examples`: each runs as it stands, tells what it should, and ends in a picture."""

import os
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "benchmarks" / "examples").glob("*.py"))


@pytest.fixture
def run(monkeypatch):
    """Run a notebook where nobody sees its windows; what it has at its end, by name."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        pytest.skip("kernels in plain Python would take minutes")
    matplotlib = pytest.importorskip("matplotlib", reason="a picture needs the extra plot")
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield lambda name: runpy.run_path(str(EXAMPLES[0].with_name(name)))
    pyplot.close("all")
    matplotlib.use(before)


def test_recovery_learns_to_recover_signals_that_it_has_not_seen(run):
    found = run("recovery.py")
    assert found["errors"][-1] < found["ista"][-1] - 10
    assert found["decibels"](found["oracle"]) < found["errors"][-1]
    shown = {line.get_label(): line.get_ydata() for line in found["right"].lines}
    assert np.array_equal(shown["learned, one Θ and L a layer"], found["errors"])
    assert all(axes.get_title() and axes.get_xlabel() and axes.get_ylabel() for axes in found["figure"].axes)


def test_multiview_clusters_and_classifies_the_digits(run, capsys, monkeypatch):
    from dsrl_ref import pictures

    drawn, draw = [], pictures.draw_estimator
    monkeypatch.setattr(pictures, "draw_estimator", lambda *given, **named: drawn.append(draw(*given, **named)))
    found = run("multiview.py")
    assert found["scores"]["accuracy"] > 0.85
    assert re.search(r"0\.9\d+ of the unlabelled digits are classified rightly", capsys.readouterr().out)
    (figure,) = drawn
    edges = found["clustering"].affinity_matrix_.nnz // 2
    assert f"graph before: {edges:,} edges" in [axes.get_title() for axes in figure.axes]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_is_a_notebook_in_percent_form(path):
    """As jupytext has it: a header, then cells of code and of comments; it begins with a title, and ends in code."""
    header, *cells = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert all(line.startswith("#") for line in header.splitlines() if line)
    assert "format_name: percent" in header
    texts = [cell for cell in cells if cell.startswith(" [markdown]")]
    assert all(line.startswith("#") for text in texts for line in text.splitlines()[1:] if line)
    assert cells[0].splitlines()[1].startswith("# # ")
    assert cells[-1] not in texts
