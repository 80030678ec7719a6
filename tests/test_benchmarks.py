"""The benchmarks run, agree before they time, and leave out what is not installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PEERS = {"JAX": "jax", "PyTorch": "torch", "scikit-learn": "sklearn", "skglm": "skglm"}
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="no checkout: benchmarks/ is not installed")


def child(*arguments):
    compiling = {**os.environ, "NUMBA_DISABLE_JIT": "0"}  # in plain Python they would take minutes, and mean nothing
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=compiling, capture_output=True, text=True, check=False
    )


def run(*arguments):
    done = child(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_row_runs_at_its_smallest_size(tmp_path):
    run("-m", "benchmarks", "--smallest", "--json", str(tmp_path / "figures.json"))
    figures = json.loads((tmp_path / "figures.json").read_text())
    listed = [line.split()[0] for line in run("-m", "benchmarks", "--list").splitlines()]
    assert [row["name"] for row in figures["rows"]] == listed
    assert figures["machine"]["cores"] >= 1
    for row in figures["rows"]:
        for result in row["results"]:
            peer = next((peer for name, peer in PEERS.items() if name in result["contestant"]), None)
            if peer and not find_spec(peer):
                assert result["seconds"] is None
            elif row["name"] in ("accuracy", "implicit"):
                assert 0 <= result["error"] < (1e-6 if "near" in result["contestant"] else 1e-12)
            elif row["name"] != "least-squares-memory":
                assert result["seconds"] > 0


def test_contestants_that_differ_are_not_timed():
    code = """
from benchmarks.rows import Disagreement, require_agreement
require_agreement({"a": lambda: (1.0, [1, 2]), "b": None, "c": lambda: (1.0, [1, 2])})
for wrong in ((1.001, [1, 2]), (1.0, [1, 2.001]), (float("nan"), [1, 2])):
    try:
        require_agreement({"a": lambda: (1.0, [1, 2]), "b": lambda: wrong})
    except Disagreement as error:
        print(error)
"""
    assert run("-c", code).count("b and a differ by") == 3


def test_wrong_usage_and_files_that_cannot_be_written(tmp_path):
    unknown = child("-m", "benchmarks", "--only", "nothing")
    assert unknown.returncode == 2
    assert "nothing" in unknown.stderr
    place = str(tmp_path / "no" / "folder")
    unwritable = child("-m", "benchmarks", "--smallest", "--only", "accuracy", "--json", place)
    assert unwritable.returncode == 5
    assert place in unwritable.stderr
    assert not unwritable.stdout  # before any work


def test_what_was_found_before_a_failure_is_kept(tmp_path):
    code = f"""
from benchmarks import __main__ as benchmarks
def breaks(size): raise RuntimeError("broken")
benchmarks.ROWS["breaks"] = breaks
benchmarks.main(["--smallest", "--only", "accuracy", "--only", "breaks", "--json", {str(tmp_path / "a.json")!r}])
"""
    assert "broken" in child("-c", code).stderr
    assert [row["name"] for row in json.loads((tmp_path / "a.json").read_text())["rows"]] == ["accuracy"]


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_picture_is_drawn_of_a_kind_that_is_known(tmp_path):
    picture = tmp_path / "a.png"
    run("-m", "benchmarks", "--smallest", "--only", "fused-dense", "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    unknown = child("-m", "benchmarks", "--smallest", "--only", "fused-dense", "--plot", str(tmp_path / "a.xyz"))
    assert unknown.returncode == 2
    assert "not 'xyz'" in unknown.stderr
    assert not unknown.stdout


@pytest.mark.skipif(find_spec("matplotlib") is not None, reason="matplotlib is installed")
def test_a_picture_needs_matplotlib(tmp_path):
    picture = tmp_path / "a.png"
    refused = child("-m", "benchmarks", "--smallest", "--only", "fused-dense", "--plot", str(picture))
    assert refused.returncode == 2
    assert "matplotlib" in refused.stderr
    assert not picture.exists()
