"""The README is short, its Python runs and prints what it says, and its equations are what `verify` prints."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from dsrl_ref import Fidelity, Objective, fit

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippets(dask):
    """The Python of the README that needs dask, or what does not."""
    return [each for each in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL) if ("dask" in each) == dask]


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="kernels in plain Python would take minutes")
def test_python_snippets_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for snippet in snippets(dask=False):
        assert len(snippet.replace("\n\n", "\n").splitlines()) <= 10
        exec(compile(snippet, "README.md", "exec"), {})  # each by itself, as one copies it
    error, accuracies = capsys.readouterr().out.splitlines()
    told = [text.split() for text in re.findall(r"This prints (?:accuracies, )?`([^`]+)`", README)]
    here = [error.replace("%", "").split()[1:], accuracies.split()]  # last digits may differ on other machines
    there = [told[0][1:], told[1]]
    there[0][0] = there[0][0].removesuffix("%")
    for figures, documented, gap in zip(here, there, (0.5, 0.02), strict=True):
        assert [float(figure) for figure in figures] == pytest.approx([float(text) for text in documented], abs=gap)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="kernels in plain Python would take minutes")
def test_six_lines_on_a_cluster_run():
    pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")
    (snippet,) = snippets(dask=True)
    assert len(snippet.split("\n\n")) == 2  # what is imported, and what is done
    assert sum(map(bool, snippet.splitlines())) == 6
    names = {}
    exec(compile(snippet, "README.md", "exec"), names)
    W, learned = names["W"].compute(), names["learned"]
    assert learned.theta == fit(Objective(Fidelity(W), np.where(abs(W) > 1, W, 0.0), layers=11), epochs=10).theta


def test_it_is_short():
    assert len(README.splitlines()) <= 130
    assert len(README) <= 9_000


def test_shell_snippets_name_commands_that_exist():
    from dsrl_ref.cli import COMMANDS

    assert set(re.findall(r"dsrl-ref ([a-z]+)", README)) <= set(COMMANDS)


def test_ci_runs_the_two_commands_of_the_readme():
    first, second = re.findall(r"^```sh\n(pip install .*)\n(pip install .*)\n```$", README, flags=re.MULTILINE)[0]
    script = (Path(__file__).parents[1] / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    script = [line.strip() for line in script]
    assert script.index(f"{first} || exit 1") < script.index(f"{second} || exit 1")


def test_the_table_is_what_verify_prints(capsys):
    from dsrl_ref import cli

    assert cli.main(["verify", "--markdown", "--quick"]) == 0
    assert capsys.readouterr().out in README


@pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="no checkout: benchmarks/ is not installed")
def test_what_it_points_to_is_there():
    for place in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / place).is_file()
    for place in re.findall(r"`([\w./]+\.(?:py|md)|[\w./]+/)`", README):
        assert any((home / place).exists() for home in (ROOT, ROOT / "dsrl_ref")), place


@pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="no checkout: benchmarks/ is not installed")
def test_the_document_of_figures_names_rows_that_there_are(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.__main__ import ALL

    figures = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"--only ([a-z][\w.-]*)", figures)) <= set(ALL)
