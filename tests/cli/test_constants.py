"""What was measured for plans: kept for its shape, this machine and this version, and a spoiled file is as none."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_ref.cli import constants
from dsrl_ref.multiview.planning import Constants, Shape, measurable

SHAPE = Shape(views=2, features=5, classes=3, neighbors=4)
SECONDS = {name: float(place) for place, name in enumerate(measurable(), start=1)}
MEASURED = Constants(SECONDS, *({name: size * seconds for name, seconds in SECONDS.items()} for size in (4, 1e6, 3e6)))


def test_what_is_kept_is_recalled_for_its_shape_alone(tmp_path):
    path = tmp_path / "new" / "plan.json"
    assert constants.recalled(SHAPE, path) is None
    constants.keep(SHAPE, MEASURED, path)
    other = replace(SHAPE, classes=9)
    assert constants.recalled(SHAPE, path) == MEASURED
    assert constants.recalled(other, path) is None
    constants.keep(other, replace(MEASURED, bytes=SECONDS), path)
    assert constants.recalled(SHAPE, path) == MEASURED


@pytest.mark.parametrize("what", ["__version__", "NumPy", "machine"])
def test_another_version_and_another_machine_are_measured_anew(what, tmp_path, monkeypatch):
    constants.keep(SHAPE, MEASURED, tmp_path / "plan.json")
    if what == "machine":
        monkeypatch.setattr(constants.os, "cpu_count", lambda: 4711)
    else:
        monkeypatch.setattr(constants if what == "__version__" else np, "__version__", "0.0.0")
    assert constants.recalled(SHAPE, tmp_path / "plan.json") is None


@pytest.mark.parametrize("spoil", ["text", "list", "part", "number", "nan", "nan of bytes", "negative"])
def test_a_file_that_was_spoiled_is_as_none(spoil, tmp_path):
    path = tmp_path / "plan.json"
    constants.keep(SHAPE, MEASURED, path)
    content = json.loads(path.read_text())
    (parts,) = content.values()
    if spoil == "part":
        del parts["bytes"]
    elif spoil == "number":
        parts["seconds"]["graph"] = "much"
    elif spoil == "nan":
        parts["seconds"]["graph"] = float("nan")
    elif spoil == "negative":
        parts["seconds_of_more"]["graph"] = -1.0
    elif spoil == "nan of bytes":
        parts["bytes_of_more"]["graph"] = float("nan")
    path.write_text({"text": "{", "list": "[]"}.get(spoil, json.dumps(content)))
    assert constants.recalled(SHAPE, path) is None
    constants.keep(SHAPE, MEASURED, path)
    assert constants.recalled(SHAPE, path) == MEASURED


def test_what_was_measured_without_faiss_is_not_known_with_it(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    constants.keep(SHAPE, MEASURED, path)
    monkeypatch.setattr(constants, "measurable", lambda: [*SECONDS, "another step"])
    assert constants.recalled(SHAPE, path) is None
    monkeypatch.setattr(constants, "measurable", lambda: list(SECONDS)[1:])
    assert list(constants.recalled(SHAPE, path).seconds) == list(SECONDS)[1:]


def test_nothing_is_kept_where_no_place_is_known():
    assert constants.recalled(SHAPE, None) is None
    with pytest.raises(OSError, match="no home folder is known: set XDG_CACHE_HOME"):
        constants.keep(SHAPE, MEASURED, None)


def test_where_no_home_is_known_there_is_no_place(monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", unknown)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert constants.place() == Path("/somewhere/dsrl_ref/plan.json")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert constants.place() is None


def test_a_file_that_cannot_be_written_anew_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    constants.keep(SHAPE, MEASURED, path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        constants.keep(replace(SHAPE, classes=9), MEASURED, path)
    assert constants.recalled(SHAPE, path) == MEASURED


@pytest.mark.parametrize(("given", "below"), [("/somewhere", "/somewhere"), ("here", "~/.cache"), ("", "~/.cache")])
def test_it_is_kept_where_caches_are(given, below, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert constants.place() == Path(below).expanduser() / "dsrl_ref" / "plan.json"
