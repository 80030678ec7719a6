"""The README's Python runs, and its equation table tells what `verify` finds."""

import os
import re
from pathlib import Path

import pytest

import dsrl_ref
from dsrl_ref import appendix, verify  # noqa: F401
from dsrl_ref.appendix import partials, theta, totals  # noqa: F401

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\(\d+\)|layers) \|(.*)\|$", README, flags=re.MULTILINE)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="kernels in plain Python would take minutes")
@pytest.mark.filterwarnings("ignore:the gradient is zero at the start:dsrl_ref.errors.StartWarning")
def test_python_snippets_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for snippet in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        exec(compile(snippet, "README.md", "exec"), namespace)
    printed = capsys.readouterr().out.splitlines()
    assert printed[1] == "True True"
    assert printed[2].startswith("Theta(")
    assert printed[3] == "True"
    assert float(printed[4].split()[1]) < -10
    assert printed[5].startswith("converged: the minimum")
    assert printed[6].endswith("}")
    assert printed[7].startswith("Theta(")
    assert float(re.search("'accuracy': ([0-9.]+)", printed[-3])[1]) > 0.89
    assert float(printed[-2]) > 0.97
    assert float(printed[-1]) > 0.9


def test_shell_snippets_name_commands_that_exist():
    from dsrl_ref.cli import COMMANDS

    assert set(re.findall(r"dsrl-ref ([a-z]+)", README)) <= set(COMMANDS)


def test_ci_runs_the_two_commands_of_the_readme():
    first, second = re.findall(r"^```sh\n(pip install .*)\n```$", README, flags=re.MULTILINE)[:2]
    script = (Path(__file__).parents[1] / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    script = [line.strip() for line in script]
    assert script.index(f"{first} || exit 1") < script.index(f"{second} || exit 1")


def test_the_table_has_every_equation_and_its_verdict():
    assert [number for number, _ in ROWS] == [*(f"({n})" for n in range(1, 18)), "layers"]
    for finding, (_, row) in zip(dsrl_ref.verify.verify(quick=True), ROWS, strict=True):
        told = "erratum" if "erratum" in row else "confirmed with a remark" if "remark" in row else "confirmed"
        assert finding.verdict == told


@pytest.mark.parametrize(("number", "row"), ROWS)
def test_the_functions_of_the_table_exist(number, row):
    functions = re.findall(r"`([\w.]+)`", row.split(" | ")[1])
    assert functions
    for function in functions:
        home = appendix.partials if function.startswith("d") and "." not in function else dsrl_ref
        for part in function.split("."):
            home = getattr(home, part)
