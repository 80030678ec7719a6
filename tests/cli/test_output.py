"""JSON that every reader takes, and places that lose nothing."""

import argparse
import io
import json
import math
from contextlib import nullcontext
from pathlib import Path

import pytest
from report_data import without_extras

from dsrl_ref.cli import output
from dsrl_ref.cli.output import (
    add_json,
    add_report,
    non_negative,
    note,
    print_json,
    require_places,
    require_report,
    show,
)
from dsrl_ref.errors import MissingExtraError


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_know_is_an_error(number, capsys):
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"loss": number})
    assert capsys.readouterr().out == ""


def test_json_is_ascii_and_says_the_same(capsys):
    print_json({"Θ": ["±", 0.1]})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"Θ": ["±", 0.1]}


def test_json_is_printed_only_if_it_is_asked_for():
    parser = argparse.ArgumentParser()
    add_json(parser)
    assert parser.parse_args([]).json is False
    assert parser.parse_args(["--json"]).json is True


def test_zero_is_not_negative():
    assert (non_negative("0"), non_negative("7")) == (0, 7)
    with pytest.raises(argparse.ArgumentTypeError, match="must not be negative: -1"):
        non_negative("-1")


def test_a_result_does_not_replace_what_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data.npz"
    data.write_bytes(b"precious")
    (tmp_path / "link.npz").symlink_to(data)
    for name in ("data.npz", "link.npz", "./data.npz"):
        with pytest.raises(ValueError, match=r"data\.npz, which is needed: give it another name"):
            require_places([None, tmp_path / name], [None, data.relative_to(tmp_path)])
    assert data.read_bytes() == b"precious"


def test_two_results_do_not_share_a_place(tmp_path):
    with pytest.raises(ValueError, match=r"writing \S*out would replace \S*out"):
        require_places([tmp_path / "out", tmp_path / "out"], [])


def test_places_are_tried_and_left_as_they_were(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    require_places([tmp_path / "new", tmp_path / "old", None], [])
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        require_places([tmp_path / "new", tmp_path / "nowhere" / "new"], [])


def test_a_line_is_shown_at_once_and_what_tells_the_progress_gives_way(monkeypatch):
    stream = Unflushed()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr(output, "aside", lambda: nullcontext(stream.write("<wiped>")))
    show("one")
    assert stream.flushed == "<wiped>one\n"


class Unflushed(io.StringIO):
    flushed = ""

    def flush(self):
        self.flushed = self.getvalue()


def test_a_note_goes_to_stderr_if_there_is_one(capsys, monkeypatch):
    note("read a 3×4")
    assert capsys.readouterr() == ("", "read a 3×4\n")
    monkeypatch.setattr("sys.stderr", None)
    note("nobody hears it")
    assert capsys.readouterr() == ("", "")


def test_a_page_is_asked_for_and_its_extra_needed_only_then(monkeypatch):
    parser = argparse.ArgumentParser()
    add_report(parser)
    assert parser.parse_args([]).report is None
    assert parser.parse_args(["--report", "a.html"]).report == Path("a.html")
    without_extras(monkeypatch)
    require_report(None)
    with pytest.raises(MissingExtraError, match="--report needs jinja2"):
        require_report(Path("a.html"))
