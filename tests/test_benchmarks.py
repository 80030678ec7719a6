"""The benchmarks run, agree before they time, and leave out what is not installed."""

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path

import children
import pytest

from dsrl_ref.engines.table import ENGINES

ROOT = Path(__file__).parents[1]
PEERS = {"JAX": "jax", "PyTorch": "torch", "scikit-learn": "sklearn", "skglm": "skglm"}
pytestmark = [
    pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="no checkout: benchmarks/ is not installed"),
    pytest.mark.skipif(
        os.environ.get("NUMBA_DISABLE_JIT") == "1",
        reason="kernels in plain Python would take minutes, and mean nothing",
    ),
]


@pytest.fixture
def benchmarks(monkeypatch):
    """The program, with each contestant called once and no pause: these tests read no time."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import __main__ as program
    from benchmarks import measure

    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measure, "SETTLE", 0.0)
    return program


ONE_ROUND = """
import sys
from benchmarks import __main__ as program, measure
measure.ROUNDS, measure.SETTLE = 1, 0.0
sys.exit(program.main(sys.argv[1:]))
"""


def test_every_row_runs_at_its_smallest_size(benchmarks, tmp_path):
    """In a child, since peers leave workers behind."""
    children.output("-c", ONE_ROUND, "--smallest", "--json", tmp_path / "figures.json", cwd=ROOT)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [row["name"] for row in figures["rows"]] == list(benchmarks.ROWS)
    assert figures["machine"]["cores"] >= 1
    told = [row["name"] for row in figures["rows"]]
    told += [result["contestant"] for row in figures["rows"] for result in row["results"]]
    for engine in ENGINES:
        assert any(re.search(rf"\b{engine}\b", name) for name in told), f"no row is about {engine}"
    for row in figures["rows"]:
        for result in row["results"]:
            peer = next((peer for name, peer in PEERS.items() if name in result["contestant"]), None)
            if peer and not find_spec(peer):
                assert result["seconds"] is None
            elif row["name"] in ("accuracy", "implicit"):
                assert 0 <= result["error"] < (1e-6 if "near" in result["contestant"] else 1e-12)
            elif row["name"] != "least-squares-memory":
                assert result["seconds"] > 0


def test_python_m_benchmarks_lists_the_rows_with_a_line_each(benchmarks):
    listed = children.output("-m", "benchmarks", "--list", cwd=ROOT).splitlines()
    assert [line.split()[0] for line in listed] == list(benchmarks.ROWS)
    assert all(len(line.split()) > 3 for line in listed)


@pytest.mark.parametrize(
    "wrong", [(1.001, [1, 2]), (1.0, [1, 2.001]), (float("nan"), [1, 2]), (1.0, [1, float("nan")])]
)
def test_contestants_that_differ_are_not_timed(benchmarks, wrong):
    from benchmarks.rows import Disagreement, require_agreement

    require_agreement({"a": lambda: (1.0, [1, 2]), "b": None, "c": lambda: (1.0, [1, 2])})
    with pytest.raises(Disagreement, match="b and a differ by"):
        require_agreement({"a": lambda: (1.0, [1, 2]), "b": lambda: wrong})


def test_a_disagreement_exits_1_and_the_other_rows_go_on(benchmarks, monkeypatch, capsys):
    from benchmarks.rows import Disagreement

    def differs(size):
        raise Disagreement("b and a differ by 1")

    monkeypatch.setattr(benchmarks, "ROWS", {"differs": differs, "accuracy": benchmarks.ROWS["accuracy"]})
    assert benchmarks.main(["--smallest"]) == 1
    printed = capsys.readouterr().out
    assert "differs: not timed: b and a differ by 1" in printed
    assert "\naccuracy: " in printed


def test_an_unknown_row_is_wrong_usage(benchmarks, capsys):
    with pytest.raises(SystemExit, match="2"):
        benchmarks.main(["--only", "nothing"])
    assert "nothing" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_before_any_work(benchmarks, tmp_path, capsys):
    place = str(tmp_path / "no" / "folder")
    assert benchmarks.main(["--smallest", "--only", "accuracy", "--json", place]) == 5
    printed = capsys.readouterr()
    assert place in printed.err
    assert not printed.out


def test_what_was_found_before_a_failure_is_kept(benchmarks, monkeypatch, tmp_path):
    def breaks(size):
        raise RuntimeError("broken")

    monkeypatch.setattr(benchmarks, "ROWS", {"accuracy": benchmarks.ROWS["accuracy"], "breaks": breaks})
    with pytest.raises(RuntimeError, match="broken"):
        benchmarks.main(["--smallest", "--json", str(tmp_path / "a.json")])
    assert [row["name"] for row in json.loads((tmp_path / "a.json").read_text())["rows"]] == ["accuracy"]


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_picture_is_drawn_of_a_kind_that_is_known(benchmarks, tmp_path, capsys):
    picture = tmp_path / "a.png"
    assert benchmarks.main(["--smallest", "--only", "fused-dense", "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert benchmarks.main(["--smallest", "--only", "fused-dense", "--plot", str(tmp_path / "a.xyz")]) == 2
    printed = capsys.readouterr()
    assert "not 'xyz'" in printed.err
    assert not printed.out


@pytest.mark.skipif(find_spec("matplotlib") is not None, reason="matplotlib is installed")
def test_a_picture_needs_matplotlib(benchmarks, tmp_path, capsys):
    picture = tmp_path / "a.png"
    assert benchmarks.main(["--smallest", "--only", "fused-dense", "--plot", str(picture)]) == 2
    assert "matplotlib" in capsys.readouterr().err
    assert not picture.exists()
