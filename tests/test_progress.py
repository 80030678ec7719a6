"""Signs of life on stderr: only on a terminal, only in a long run, now and then, wiped at the end; or all of it."""

import io
import os
import threading
import time
from types import SimpleNamespace

import pytest

from dsrl_ref import Fidelity, Objective, fit, progress

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


def told(clock, stderr, seconds, steps=50, **options):
    """Steps that the line tells, where a step takes so many seconds."""
    shown = []
    with progress.Progress("run", **options) as line:
        for step in range(steps):
            clock.now += seconds
            before = stderr.getvalue()
            line.tell(f"step {step}")
            if stderr.getvalue() != before:
                shown.append(step)
    return shown


def test_after_two_seconds_the_line_is_there_and_then_at_every_step_of_a_slow_run(clock, stderr):
    assert told(clock, stderr, seconds=0.5, steps=7) == [3, 4, 5, 6]


def test_a_fast_run_tells_five_steps_a_second(clock, stderr):
    """Sixteenths of a second are exact: the first from 2 s on, the others when 0.2 s have passed."""
    assert told(clock, stderr, seconds=1 / 16) == [31, 35, 39, 43, 47]


def test_the_line_says_what_runs_and_where_it_is_and_is_wiped(clock, stderr):
    told(clock, stderr, seconds=2.0, steps=2)
    assert stderr.getvalue() == "".join(["\rrun: step 0\x1b[K", "\rrun: step 1\x1b[K", WIPED])


def test_a_short_run_is_silent(clock, stderr):
    assert told(clock, stderr, seconds=1 / 32) == []
    assert stderr.getvalue() == ""


def test_what_is_no_terminal_gets_nothing(clock, monkeypatch):
    stderr = seen_as(io.StringIO(), monkeypatch)
    assert told(clock, stderr, seconds=10.0) == []
    assert stderr.getvalue() == ""


@pytest.mark.parametrize("verbose", [None, False, True])
def test_a_process_without_stderr_is_served_too(clock, monkeypatch, verbose):
    """As Python starts under a service, or where the shell has closed it."""
    seen_as(None, monkeypatch)
    with progress.Progress("run", verbose) as line:
        clock.now += 2.0
        line.tell("step 0")
    progress.remark("nobody hears it")
    progress.give_way()
    assert not line.shown


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_verbose_tells_every_step_on_a_line_of_its_own_at_once_and_wherever(clock, monkeypatch, stream):
    stderr = seen_as(stream(), monkeypatch)
    assert told(clock, stderr, seconds=0.0, steps=3, verbose=True) == [0, 1, 2]
    assert stderr.getvalue() == "run: step 0\nrun: step 1\nrun: step 2\n"


def test_what_is_not_to_be_verbose_is_silent_however_long_it_takes(clock, stderr):
    assert told(clock, stderr, seconds=10.0, verbose=False) == []
    assert stderr.getvalue() == ""


class Buffered(Terminal):
    flushed = ""

    def flush(self):
        self.flushed = self.getvalue()


@pytest.mark.parametrize(("verbose", "shown"), [(None, "\rrun: step 0\x1b[K"), (True, "run: step 0\n")])
def test_what_is_shown_is_there_at_once(clock, monkeypatch, verbose, shown):
    stderr = seen_as(Buffered(), monkeypatch)
    with progress.Progress("run", verbose) as line:
        clock.now += 2.0
        line.tell("step 0")
        assert stderr.flushed == shown
    assert stderr.flushed == shown + ("" if verbose else WIPED)


def test_the_line_gives_way_to_what_is_printed_and_comes_back(clock, stderr):
    with progress.Progress("run") as line:
        clock.now += 2.0
        line.tell("a")
        progress.give_way()
        assert stderr.getvalue() == f"\rrun: a\x1b[K{WIPED}"
        clock.now += 2.0
        line.tell("b")
    assert stderr.getvalue() == f"\rrun: a\x1b[K{WIPED}\rrun: b\x1b[K{WIPED}"


def test_where_there_is_no_terminal_there_is_nothing_to_wipe(monkeypatch):
    stderr = seen_as(io.StringIO(), monkeypatch)
    progress.give_way()
    assert stderr.getvalue() == ""


def test_a_line_is_cut_where_the_terminal_ends(clock, stderr):
    """It would break otherwise, and only its last part be wiped."""
    with progress.Progress("run") as line:
        clock.now += 2.0
        line.tell("x" * 200)
    assert stderr.getvalue() == f"\r{'run: ' + 'x' * 74}\x1b[K{WIPED}"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_a_line_is_cut_to_the_width_of_the_terminal(clock, monkeypatch):
    fcntl, struct, termios = (pytest.importorskip(name) for name in ("fcntl", "struct", "termios"))
    reading, writing = os.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb", buffering=0) as seen:
        seen_as(stream, monkeypatch)
        with progress.Progress("run") as line:
            clock.now += 2.0
            line.tell("x" * 200)
            assert seen.read(1000) == b"\rrun: xxxxxxxxxxxxxx\x1b[K"
        assert seen.read(1000) == WIPED.encode()


def test_a_terminal_that_does_not_know_its_width_has_80_columns(monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    assert progress.columns(SimpleNamespace(fileno=lambda: 2)) == 80
    monkeypatch.undo()
    assert progress.columns(SimpleNamespace()) == 80


def test_other_threads_do_not_write_over_the_line(clock, stderr):
    with progress.Progress("run") as line:
        clock.now += 2.0
        thread = threading.Thread(target=line.tell, args=("of a thread",))
        thread.start()
        thread.join()
        assert stderr.getvalue() == ""
        line.tell("of all")
    assert stderr.getvalue().startswith("\rrun: of all")


def test_a_remark_stays_and_is_for_a_terminal_alone(monkeypatch):
    stderr = seen_as(Buffered(), monkeypatch)
    progress.remark("first time")
    assert stderr.flushed == f"{WIPED}first time\n"
    stderr = seen_as(io.StringIO(), monkeypatch)
    progress.remark("first time")
    assert stderr.getvalue() == ""


def test_the_line_is_wiped_when_the_run_is_stopped(clock, stderr):
    def fail(epoch, *_):
        clock.now += 2.0
        if epoch == 2:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fit(Objective(Fidelity([[1.0, 0.25]]), [[0.5, 0.0]], layers=2), callback=fail)
    assert stderr.getvalue().startswith("\rfit: epoch 0 of 100, loss ")
    assert stderr.getvalue().endswith(WIPED)


def test_the_line_tells_how_far_it_is_and_the_time_left(clock, stderr):
    with progress.Progress("run") as line:
        clock.now += 3.0
        line.tell("a", 0.0)
        clock.now += 3.0
        line.tell("b", 0.25)
        clock.now += 0.2
        line.tell("c", 1.0)
        clock.now += 0.2
        line.tell("d")
    shown = [part.removesuffix("\x1b[K") for part in stderr.getvalue().split("\r")]
    assert shown == ["", "run: a, 0%", "run: b, 25%, 18 s left", "run: c, 100%, 0 s left", "run: d", ""]


def test_lines_of_verbose_work_say_what_is_done_alone(clock, monkeypatch):
    stderr = seen_as(io.StringIO(), monkeypatch)
    with progress.Progress("run", True) as line:
        clock.now += 3.0
        line.tell("a", 0.5)
    assert stderr.getvalue() == "run: a\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89.0, "89 s"), (90.0, "2 min"), (5399.0, "90 min"), (5400.0, "1.5 h"), (36000.0, "10.0 h")],
)
def test_durations_are_small_numbers(seconds, text):
    assert progress.duration(seconds) == text


def test_a_callback_hears_whatever_stderr_is_and_only_where_it_was_given(clock, stderr):
    told = []
    with progress.reported(None, lambda *said: told.append(said)), progress.Progress("run") as line:
        clock.now += 1.0
        line.tell("a", 0.25)
        line.tell("b")
    assert told == [("run: a", 0.25, 3.0), ("run: b", None, None)]
    with progress.Progress("run") as line:
        line.tell("c")
    assert len(told) == 2
    assert stderr.getvalue() == ""


def test_what_is_verbose_makes_all_in_it_so_but_what_says_otherwise(clock, stderr):
    with progress.reported(True, None):
        for verbose in (None, False):
            with progress.Progress("run", verbose) as line:
                line.tell(f"{verbose}")
    with pytest.raises(ZeroDivisionError, match="zero"), progress.reported(True, None):
        1 / 0  # noqa: B018
    with progress.Progress("run") as line:
        line.tell("after")
    assert stderr.getvalue() == "run: None\n"


def test_a_callback_that_cannot_be_called_is_refused():
    message = "callback must be a function of text, share and seconds left, or None, got 3"
    with pytest.raises(TypeError, match=message), progress.reported(None, 3):
        pass
