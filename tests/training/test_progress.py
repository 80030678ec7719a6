"""The line on stderr: only on a terminal, only in a long run, now and then, wiped at the end."""

import io
import time
from types import SimpleNamespace

import pytest

from dsrl_ref import Fidelity, Objective, fit
from dsrl_ref.training import progress

WIPED = "\r\x1b[K"


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Stands still until it is told to go on."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture
def stderr(monkeypatch):
    return seen_as(Terminal(), monkeypatch)


def seen_as(stderr, monkeypatch):
    """Let progress.py alone take this for stderr; pytest takes what a fixture puts into `sys` back for itself."""
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stderr))
    return stderr


def told(clock, stderr, seconds, epochs=50):
    """Epochs that the line tells, where an epoch takes so many seconds."""
    shown = []
    with progress.Progress(epochs) as line:
        for epoch in range(epochs):
            clock.now += seconds
            before = stderr.getvalue()
            line.tell(epoch, 0.5)
            if stderr.getvalue() != before:
                shown.append(epoch)
    return shown


def test_after_two_seconds_the_line_is_there_and_then_at_every_epoch_of_a_slow_run(clock, stderr):
    assert told(clock, stderr, seconds=0.5, epochs=7) == [3, 4, 5, 6]


def test_a_fast_run_tells_five_epochs_a_second(clock, stderr):
    """Sixteenths of a second are exact: the first from 2 s on, the others when 0.2 s have passed."""
    assert told(clock, stderr, seconds=1 / 16) == [31, 35, 39, 43, 47]


def test_the_line_says_the_epoch_of_how_many_and_the_loss_and_is_wiped(clock, stderr):
    told(clock, stderr, seconds=2.0, epochs=2)
    lines = ["\rfit: epoch 0 of 2, loss 0.5\x1b[K", "\rfit: epoch 1 of 2, loss 0.5\x1b[K"]
    assert stderr.getvalue() == "".join([*lines, WIPED])


def test_a_short_run_is_silent(clock, stderr):
    assert told(clock, stderr, seconds=1 / 32) == []
    assert stderr.getvalue() == ""


def test_what_is_no_terminal_gets_nothing(clock, monkeypatch):
    stderr = seen_as(io.StringIO(), monkeypatch)
    assert told(clock, stderr, seconds=10.0) == []
    assert stderr.getvalue() == ""


def test_a_process_without_stderr_is_served_too(clock, monkeypatch):
    """As Python starts under a service, or where the shell has closed it."""
    seen_as(None, monkeypatch)
    with progress.Progress(1) as line:
        clock.now += 2.0
        line.tell(0, 0.5)
    assert not line.shown


def test_what_is_shown_is_there_at_once(clock, monkeypatch):
    class Buffered(Terminal):
        flushed = ""

        def flush(self):
            self.flushed = self.getvalue()

    stderr = seen_as(Buffered(), monkeypatch)
    with progress.Progress(1) as line:
        clock.now += 2.0
        line.tell(0, 0.5)
        assert stderr.flushed == "\rfit: epoch 0 of 1, loss 0.5\x1b[K"
    assert stderr.flushed.endswith(WIPED)


def test_the_line_is_wiped_when_the_run_is_stopped(clock, stderr):
    def fail(epoch, *_):
        clock.now += 2.0
        if epoch == 2:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fit(Objective(Fidelity([[1.0, 0.25]]), [[0.5, 0.0]], layers=2), callback=fail)
    assert stderr.getvalue().startswith("\rfit: epoch 0 of 100, loss ")
    assert stderr.getvalue().endswith(WIPED)
