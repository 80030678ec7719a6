"""The line on stderr: only on a terminal, only in a long run, wiped at the end."""

import io
import sys

import pytest

from dsrl_ref import Fidelity, Objective, fit
from dsrl_ref.training import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stderr):
    monkeypatch.setattr(sys, "stderr", stderr)
    fit(Objective(Fidelity([[1.0, 0.25]]), [[0.5, 0.0]], layers=2), epochs=4)
    return stderr.getvalue()


def test_a_long_run_tells_a_terminal_and_wipes_the_line(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    told = shown(monkeypatch, Terminal())
    assert "\rfit: epoch 0 of 4, loss 0." in told
    assert "\rfit: epoch 3 of 4, loss " in told
    assert told.endswith("\r\x1b[K")


def test_a_short_run_is_silent(monkeypatch):
    assert shown(monkeypatch, Terminal()) == ""


def test_what_is_no_terminal_gets_nothing(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    assert shown(monkeypatch, io.StringIO()) == ""


def test_the_line_is_wiped_when_the_run_is_stopped(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)

    def fail(epoch, *_):
        if epoch == 2:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fit(Objective(Fidelity([[1.0, 0.25]]), [[0.5, 0.0]], layers=2), callback=fail)
    assert stderr.getvalue().endswith("\r\x1b[K")
