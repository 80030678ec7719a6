"""``dsrl-ref plan``: measures once, tells every step, and says how much memory is free."""

import json

import pytest

from dsrl_ref.cli import main
from dsrl_ref.multiview import planning
from dsrl_ref.multiview.planning import LIMITS, Constants

ASKED = ["plan", "--samples", "150000", "--views", "2", "--features", "16", "--classes", "20", "--jobs", "1"]
STEPS = [name for name in LIMITS if name not in (planning.APPROXIMATE, "propagation")]  # of 150,000 samples
CONSTANTS = Constants(*(dict.fromkeys(LIMITS, size) for size in (2.0, 8.0, 4e7, 8e7)))


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """How often it was measured, in a cache of its own."""
    times = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Constants, "measured", lambda shape: times.append(shape) or CONSTANTS)
    return times


def test_it_tells_seconds_and_memory_of_every_step_and_of_both_wholes(measured, capsys):
    assert main(ASKED) == 0
    first, second, empty, *lines = capsys.readouterr().out.splitlines()
    assert first == "150,000 samples, 2 views of 16 features, 20 classes, 10 neighbours each"
    assert second.startswith("1 thread, ")
    assert empty == ""
    assert [line.split("  ")[0] for line in lines] == [*STEPS, "cluster", "classify"]
    assert all(" GB" in line for line in lines)


@pytest.mark.parametrize(("free", "advice"), [(5e9, ""), (3e8, f"  {planning.NARROWER}")])
def test_a_line_has_seconds_gigabytes_and_what_to_take_instead(measured, monkeypatch, capsys, free, advice):
    monkeypatch.setattr(planning, "free_memory", lambda: int(free))
    assert main([*ASKED, "--samples", str(planning.TIMED[1])]) == 0
    _, second, _, *lines = capsys.readouterr().out.splitlines()
    assert second == f"1 thread, {free / 1e9:.1f} GB of memory free"
    assert f"graph                       8 s    0.32 GB{advice}" in lines
    assert "cluster                    40 s    0.32 GB" in lines


def test_it_measures_once_and_again_where_that_is_asked(measured, capsys):
    assert [main(ASKED), main(ASKED), main([*ASKED, "--again"])] == [0, 0, 0]
    assert len(measured) == 2
    assert main([*ASKED, "--neighbors", "20"]) == 0
    assert [shape.neighbors for shape in measured] == [10, 10, 20]
    outputs = capsys.readouterr().out
    assert outputs.count("150,000 samples") == 4


def test_json_has_the_same(measured, capsys):
    assert main([*ASKED, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in found["steps"]] == STEPS
    assert found["threads"] == 1
    assert found["totals"][0]["seconds"] == pytest.approx(sum(step["seconds"] for step in found["steps"][:-1]))


def test_a_cache_that_cannot_be_written_costs_a_line(measured, monkeypatch, capsys, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert main(ASKED) == 0
    assert "what was measured is not kept" in capsys.readouterr().err


def test_a_user_without_a_home_is_told_what_to_set(measured, monkeypatch, capsys):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pathlib.Path.home", unknown)
    assert main(ASKED) == 0
    assert "what was measured is not kept: no home folder is known: set XDG_CACHE_HOME" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["samples", "views", "features", "classes", "neighbors"])
def test_numbers_below_1_are_refused(name, measured, capsys):
    assert main([*ASKED, f"--{name}", "0"]) == 2
    assert "must be at least 1" in capsys.readouterr().err
    assert not measured


def test_more_classes_than_samples_are_refused(measured, capsys):
    assert main([*ASKED, "--samples", "19"]) == 3
    assert "--samples 19 are too few for 20 classes and 10 neighbours: give 20 or more" in capsys.readouterr().err
    assert main([*ASKED, "--samples", "20", "--neighbors", "20"]) == 3
    assert "20 neighbours: give 21 or more" in capsys.readouterr().err
    assert not measured
