"""Signs of life on stderr: only on a terminal, only in a long run, now and then, wiped at the end; or all of it."""

import io
import os
import sys
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import children
import pytest

from dsrl_ref import Fidelity, Objective, fit, progress

WIPED = "\r\x1b[K"
BEAT = progress.Progress._beat


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


@pytest.fixture(autouse=True)
def unseen(monkeypatch):
    """A terminal's line that no thread draws: tests do, by `LINE.draw`. Nothing else that runs has part in it."""
    monkeypatch.setattr(progress, "LINE", progress.Line())
    monkeypatch.setattr(progress.Progress, "_beat", lambda self: None)


@pytest.fixture
def stderr(monkeypatch):
    return seen_as(Terminal(), monkeypatch)


def seen_as(stderr, monkeypatch):
    """Let progress.py alone take this for stderr; pytest takes what a fixture puts into `sys` back for itself."""
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stderr))
    monkeypatch.setenv("TERM", "xterm")
    return stderr


def drawn(stderr):
    """What drawing the line adds to a terminal."""
    before = stderr.getvalue()
    progress.LINE.draw()
    return stderr.getvalue()[len(before) :]


def test_the_line_is_there_from_two_seconds_on_though_nothing_was_told_since(clock, stderr):
    with progress.Progress("run") as line:
        line.tell("step 0")
        clock.now += 1.875
        assert drawn(stderr) == ""
        clock.now += 0.125
        assert drawn(stderr) == "\rrun: step 0, 2 s\x1b[K"
    assert stderr.getvalue() == f"\rrun: step 0, 2 s\x1b[K{WIPED}"


def test_two_seconds_are_counted_from_where_the_run_begins(clock, stderr):
    line = progress.Progress("run")
    clock.now += 5.0
    with line:
        clock.now += 1.0
        assert drawn(stderr) == ""
        clock.now += 1.0
        assert drawn(stderr) == "\rrun: 2 s\x1b[K"


def test_seconds_go_on_in_a_long_step_and_what_has_not_changed_is_not_drawn_again(clock, stderr):
    with progress.Progress("run") as line:
        line.tell("step 0")
        clock.now += 2.0
        assert drawn(stderr) == "\rrun: step 0, 2 s\x1b[K"
        clock.now += 0.25
        assert drawn(stderr) == ""
        line.tell("step 1")
        assert drawn(stderr) == "\rrun: step 1, 2 s\x1b[K"
        clock.now += 1.0
        assert drawn(stderr) == "\rrun: step 1, 3 s\x1b[K"


def test_a_run_inside_of_another_has_the_line_once_it_has_taken_long_itself(clock, stderr):
    with progress.Progress("outer"):
        clock.now += 2.0
        with progress.Progress("inner"):
            assert drawn(stderr) == "\router: 2 s\x1b[K"
            clock.now += 2.0
            assert drawn(stderr) == "\rinner: 2 s\x1b[K"
        clock.now += 0.25
        assert drawn(stderr) == "\router: 4 s\x1b[K"
    clock.now += 9.0
    assert drawn(stderr) == ""


def test_a_short_run_is_silent(clock, stderr):
    with progress.Progress("run") as line:
        line.tell("step 0")
        clock.now += 1.0
        progress.LINE.draw()
    assert stderr.getvalue() == ""


@pytest.mark.parametrize("kind", ["file", "dumb terminal", "closed"])
def test_what_is_no_terminal_or_cannot_wipe_a_line_gets_nothing(clock, monkeypatch, kind):
    stderr = seen_as(io.StringIO() if kind == "file" else Terminal(), monkeypatch)
    if kind == "dumb terminal":
        monkeypatch.setenv("TERM", "dumb")
    if kind == "closed":
        monkeypatch.setattr(stderr, "isatty", io.StringIO().isatty)
        stderr.isatty.__self__.close()
    with progress.Progress("run"):
        clock.now += 10.0
        progress.LINE.draw()
        progress.remark("compiling")
    assert progress.LINE.runs == []
    assert stderr.getvalue() == ""


def test_a_thread_draws_the_line_from_two_seconds_on_five_times_a_second_until_the_run_ends(monkeypatch, stderr):
    """In the middle of a step, of which nothing is told."""
    monkeypatch.setattr(progress.Progress, "_beat", BEAT)
    threads, started, waits, looks = [], [], [], []
    begun = SimpleNamespace(start=lambda: started.append(True))
    monkeypatch.setattr(progress.threading, "Thread", lambda **given: threads.append(given) or begun)
    monkeypatch.setattr(progress.LINE, "draw", lambda: looks.append(len(waits)))
    with progress.Progress("run") as line:
        assert started == [True]
        ((given,), ended) = threads, line.ended
        line.ended = SimpleNamespace(wait=lambda seconds: waits.append(seconds) or len(waits) == 4)
        given["target"]()
        line.ended = ended
    assert given["daemon"]
    assert (waits, looks) == ([2.0, 0.2, 0.2, 0.2], [1, 2, 3])
    assert ended.is_set()


FORKED = """
import os, threading
from dsrl_ref.progress import LINE, Progress
LINE.runs.append(Progress("run"))
taken, done = threading.Event(), threading.Event()
def hold():
    with LINE.lock:
        taken.set()
        done.wait()
threading.Thread(target=hold).start()
taken.wait()
child = os.fork()
if child == 0:
    os._exit(0 if LINE.lock.acquire(blocking=False) and not LINE.runs else 1)
done.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(LINE.runs))
"""


@pytest.mark.children
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_forked_child_has_no_line_and_waits_for_none_of_the_threads_it_lacks():
    assert children.output("-W", "ignore", "-c", FORKED).split() == ["0", "1"]


def test_a_terminal_that_is_gone_ends_no_run(clock, monkeypatch):
    class Gone(Terminal):
        def write(self, text):
            raise OSError(5, "Input/output error")

    seen_as(Gone(), monkeypatch)
    with progress.Progress("run") as line:
        clock.now += 2.0
        progress.LINE.draw()
        assert line.seconds == 2.0
    with progress.Progress("run", verbose=True) as line:
        line.tell("step 0")
    assert line.text == "step 0"


@pytest.mark.parametrize("verbose", [None, False, True])
def test_a_process_without_stderr_is_served_too(clock, monkeypatch, verbose):
    """As Python starts under a service, or where the shell has closed it."""
    seen_as(None, monkeypatch)
    with progress.Progress("run", verbose) as line:
        clock.now += 2.0
        line.tell("step 0")
        progress.LINE.draw()
    progress.remark("nobody hears it")
    progress.give_way()
    assert progress.LINE.shown == ""


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_verbose_tells_every_step_on_a_line_of_its_own_at_once_and_wherever(clock, monkeypatch, stream):
    stderr = seen_as(stream(), monkeypatch)
    with progress.Progress("run", verbose=True) as line:
        for step in range(3):
            line.tell(f"step {step}")
            assert stderr.getvalue().endswith(f"run: step {step}\n")
        clock.now += 9.0
        assert drawn(stderr) == ""
    assert stderr.getvalue() == "run: step 0\nrun: step 1\nrun: step 2\n"


def test_what_is_not_to_be_verbose_is_silent_however_long_it_takes(clock, stderr):
    with progress.Progress("run", verbose=False) as line:
        clock.now += 9.0
        line.tell("step 0")
        assert drawn(stderr) == ""
    assert stderr.getvalue() == ""


class Buffered(Terminal):
    flushed = ""

    def flush(self):
        self.flushed = self.getvalue()


@pytest.mark.parametrize(("verbose", "shown"), [(None, "\rrun: step 0, 2 s\x1b[K"), (True, "run: step 0\n")])
def test_what_is_shown_is_there_at_once(clock, monkeypatch, verbose, shown):
    stderr = seen_as(Buffered(), monkeypatch)
    with progress.Progress("run", verbose) as line:
        line.tell("step 0")
        clock.now += 2.0
        progress.LINE.draw()
        assert stderr.flushed == shown
    assert stderr.flushed == shown + ("" if verbose else WIPED)


@pytest.mark.parametrize("way", ["give way", "aside", "remark", "verbose"])
def test_the_line_gives_way_to_what_is_printed_and_comes_back_a_little_later(clock, stderr, way):
    with progress.Progress("run"):
        clock.now += 2.0
        progress.LINE.draw()
        shown = stderr.getvalue()
        if way == "give way":
            progress.give_way()
        elif way == "aside":
            with progress.aside():
                assert stderr.getvalue() == shown + WIPED
        elif way == "remark":
            progress.remark("a remark")
        else:
            progress.Progress("inner", verbose=True).tell("step 0")
        said = {"remark": "a remark\n", "verbose": "inner: step 0\n"}
        assert stderr.getvalue() == shown + WIPED + said.get(way, "")
        clock.now += 0.125
        assert drawn(stderr) == ""
        clock.now += 0.125
        assert drawn(stderr) == shown


def test_nothing_is_drawn_into_what_is_printed(clock, stderr):
    """Another thread would have to wait, however long that takes."""
    with progress.Progress("run"):
        clock.now += 2.0
        with progress.aside():
            clock.now += 2.0
            free = []

            def other():
                free.append(progress.LINE.lock.acquire(blocking=False))
                if free[0]:
                    progress.LINE.lock.release()

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert free == [False]
        assert stderr.getvalue() == ""


def test_where_nothing_is_shown_there_is_nothing_to_wipe(clock, stderr):
    with progress.Progress("run"):
        progress.give_way()
    assert stderr.getvalue() == ""


def test_a_text_that_is_too_long_is_cut_and_its_seconds_are_kept(clock, stderr):
    """It would break where the terminal ends, and only its last part be wiped."""
    with progress.Progress("run") as line:
        line.tell("x" * 70)
        clock.now += 2.0
        assert drawn(stderr) == f"\r{'run: ' + 'x' * 68}.. 2 s\x1b[K"
        line.tell("x" * 69)
        assert drawn(stderr) == f"\r{'run: ' + 'x' * 69}, 2 s\x1b[K"


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
            progress.LINE.draw()
            assert seen.read(1000) == b"\rrun: xxxxxxxx.. 2 s\x1b[K"
        assert seen.read(1000) == WIPED.encode()


@pytest.mark.parametrize("width", range(12))
def test_a_terminal_of_few_columns_gets_no_more_than_it_has(width):
    assert len(progress.fitting("run: step 0, ", "12 s", width)) == width


def test_a_terminal_that_does_not_know_its_width_has_80_columns(monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    assert progress.columns(SimpleNamespace(fileno=lambda: 2)) == 80
    monkeypatch.undo()
    assert progress.columns(SimpleNamespace()) == 80


def test_runs_of_other_threads_have_no_line(clock, stderr):
    entered = []
    thread = threading.Thread(target=lambda: entered.append(progress.Progress("run").__enter__()))
    thread.start()
    thread.join()
    clock.now += 2.0
    assert len(entered) == 1
    assert drawn(stderr) == ""


def test_a_remark_stays_and_is_for_a_terminal_alone(monkeypatch):
    stderr = seen_as(Buffered(), monkeypatch)
    progress.remark("first time")
    assert stderr.flushed == "first time\n"
    stderr = seen_as(io.StringIO(), monkeypatch)
    progress.remark("first time")
    assert stderr.getvalue() == ""


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_line_is_wiped_when_the_run_is_stopped(clock, stderr, monkeypatch, error):
    def fail(epoch, *_):
        assert progress.LINE.shown == ""  # what a callback prints is not behind the line
        if epoch == 2:
            raise error("stop")
        clock.now += 2.0

    class Clocked(progress.Progress):
        def tell(self, *said):
            super().tell(*said)
            clock.now += 1.0
            progress.LINE.draw()

    monkeypatch.setattr(sys.modules[fit.__module__], "Progress", Clocked)
    with suppress(RuntimeError):
        fit(Objective(Fidelity([[1.0, 0.25]]), [[0.5, 0.0]], layers=2), callback=fail)
    assert stderr.getvalue().startswith("\rfit: epoch 0 of at most 100, loss ")
    assert stderr.getvalue().endswith(WIPED)
    assert progress.LINE.runs == []


def test_the_line_tells_how_far_it_is_and_the_time_left(clock, stderr):
    shown = []
    with progress.Progress("run") as line:
        for passed, text, share in ((3.0, "a", 0.0), (3.0, "b", 0.25), (0.2, "c", 1.0), (0.2, "d", None)):
            clock.now += passed
            line.tell(text, share)
            shown.append(drawn(stderr).strip("\r").removesuffix("\x1b[K"))
    assert shown == ["run: a, 0%", "run: b, 25%, 18 s left", "run: c, 100%, 0 s left", "run: d, 6 s"]


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

    def hear(*said):
        assert progress.LINE.shown == ""  # what a callback prints is not behind the line
        told.append(said)

    with progress.reported(None, hear), progress.Progress("run") as line:
        clock.now += 1.0
        line.tell("a", 0.25)
        clock.now += 1.0
        drawn(stderr)
        line.tell("b")
    assert told == [("run: a", 0.25, 3.0), ("run: b", None, None)]
    with progress.Progress("run") as line:
        line.tell("c")
    assert len(told) == 2
    assert stderr.getvalue() == f"\rrun: a, 25%, 3 s left\x1b[K{WIPED}"


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
