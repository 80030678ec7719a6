"""Signs of life on stderr: how far a long run is, where somebody sees it.

Where a step of the work knows how far it is, the line tells that as a percentage, and the time that is left as if it
went on as before. Some runs end when nothing is gained any more: of these the line says where they are, and for how
long they have been running, which is all that is known.

There is one line, however many runs are inside of one another: it is of the innermost run that has taken two seconds.
A thread draws it, so that it is there, and its seconds go on, in the middle of a step that takes long. Who prints
something of his own makes the line give way, by `aside` or `give_way`.

Who calls a function of the package may hear the same: within `reported`, every text goes to a callback as well.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeAlias

PATIENCE = 2.0  # seconds before the line appears
SECONDS = 0.2  # between two looks at what there is to draw
WIDTH = 80  # columns, where the terminal does not tell
WIPE = "\r\x1b[K"
MINUTES, HOURS = 90.0, 5400.0  # seconds from which on the time that is left is told in these

Callback: TypeAlias = Callable[[str, float | None, float | None], object]
_reported: ContextVar[tuple[bool | None, Callback | None]] = ContextVar("reported", default=(None, None))


@contextmanager
def reported(verbose: bool | None, callback: Callback | None) -> Iterator[None]:
    """Within a ``with`` statement, let every `Progress` be as verbose as this, and tell a callback too.

    Parameters
    ----------
    verbose : bool or None
        As for `Progress`, of which it is the default.
    callback : callable or None
        Called with three arguments, whatever stderr is: a text, what is done and where it is; the share that is done,
        from 0 to 1, or None where that is not known; the seconds that are left, or None. What it returns is not
        looked at. What it raises ends the work.

    Raises
    ------
    TypeError
        For a callback that cannot be called.

    Examples
    --------
    >>> with reported(None, lambda text, share, left: print(text, share)), Progress("counting") as progress:
    ...     progress.tell("1 of 4", 0.25)
    counting: 1 of 4 0.25
    """
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of text, share and seconds left, or None, got {callback!r}")
    token = _reported.set((verbose, callback))
    try:
        yield
    finally:
        _reported.reset(token)


class Progress:
    """A line that says where a run is, wiped at its end; use as a context.

    Parameters
    ----------
    what : str
        What is running, which every line begins with.
    verbose : bool, optional
        True writes each text on a line of its own, to whatever stderr is, and lets it stand. False writes nothing.
        By default there is one line, only on a terminal, and only in a run that takes more than two seconds; within
        `reported`, what that says. A run that is not of the main thread has none: there may be many.

    Examples
    --------
    >>> with Progress("counting") as progress:
    ...     for number in range(3):
    ...         progress.tell(f"{number} of 3")
    """

    def __init__(self, what: str, verbose: bool | None = None) -> None:
        default, self.callback = _reported.get()
        self.what, self.verbose = what, default if verbose is None else verbose
        self.text = ""
        self.share: float | None = None
        self.left: float | None = None
        self.begun, self.ended = time.monotonic(), threading.Event()

    def __enter__(self) -> "Progress":
        """Begin."""
        self.begun = time.monotonic()
        if self.verbose is None and on_terminal() and threading.current_thread() is threading.main_thread():
            LINE.runs.append(self)
            threading.Thread(target=self._beat, name="progress", daemon=True).start()
        return self

    def tell(self, text: str, share: float | None = None) -> None:
        """Say where the run is; the line shows it when it is drawn next.

        Parameters
        ----------
        text : str
            What is done at the moment.
        share : float, optional
            Of the whole, what is done already, from 0 to 1: then the line tells the time that is left, too.
        """
        left = self.seconds * (1 - share) / share if share else None  # if what is left goes as fast as what is done
        self.text, self.share, self.left = text, share, left
        if self.callback is not None:
            give_way()  # to what it may print
            self.callback(f"{self.what}: {text}", share, left)
        if self.verbose:
            with aside():
                write(f"{self.what}: {text}\n")

    @property
    def far(self) -> str:
        """How far it is, where it has told a share of the whole; else for how long it has been running."""
        if self.share is None:
            return f"{self.seconds:.0f} s"
        return f"{self.share:.0%}" if self.left is None else f"{self.share:.0%}, {duration(self.left)} left"

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.begun

    def _beat(self) -> None:
        waiting = PATIENCE
        while not self.ended.wait(waiting):
            LINE.draw()
            waiting = SECONDS

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe the line."""
        self.ended.set()
        if self in LINE.runs:
            with aside():
                LINE.runs.remove(self)


class Line:
    """The line of the terminal; there is one for all that runs.

    Attributes
    ----------
    runs : list of Progress
        Those that may have it, the innermost last.
    lock : RLock
        Of stderr: whoever prints has it, so that nothing is drawn into what is printed.
    shown : str
        What stands there; empty where nothing does.
    free : float
        The time from which on it may be drawn: behind what has given way to something, that comes first.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked child: it has none of the threads, one of which may have had the lock."""
        self.runs: list[Progress] = []
        self.lock, self.shown, self.free = threading.RLock(), "", 0.0

    def draw(self) -> None:
        """Show the innermost run that has taken long enough, if what there is to show has changed."""
        with self.lock:
            run = next((run for run in reversed(self.runs) if run.seconds >= PATIENCE), None)
            if run is None or time.monotonic() < self.free:
                return
            told = f"{run.what}: {run.text}, " if run.text else f"{run.what}: "
            line = fitting(told, run.far, columns(sys.stderr) - 1)
            if line != self.shown:
                write(f"\r{line}\x1b[K")
                self.shown = line

    def wipe(self) -> None:
        """Let it be empty, for as long as something needs to be printed in its place."""
        with self.lock:
            if self.shown:
                write(WIPE)
            self.shown, self.free = "", time.monotonic() + SECONDS


LINE = Line()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LINE.forget)


def fitting(text: str, end: str, width: int) -> str:
    """A text and its end, which is left in where the whole does not fit."""
    room = width - len(end)
    return f"{text if len(text) <= room else f'{text[: max(0, room - 3)]}.. '}{end}"[: max(0, width)]


def duration(seconds: float) -> str:
    """Seconds in the unit in which they are a small number.

    Examples
    --------
    >>> duration(7.4), duration(100.0), duration(9000.0)
    ('7 s', '2 min', '2.5 h')
    """
    if seconds >= HOURS:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= MINUTES else f"{seconds:.0f} s"


@contextmanager
def aside() -> Iterator[None]:
    """Something else is printed meanwhile: the line is wiped, and not drawn before that is done."""
    with LINE.lock:
        LINE.wipe()
        yield


def give_way() -> None:
    """Wipe what a `Progress` shows, so that something else can be printed in its place, at once."""
    LINE.wipe()


def remark(text: str) -> None:
    """Say a line on stderr that stays, if it is a terminal; a line of `Progress` gives way to it."""
    if on_terminal():
        with aside():
            write(f"{text}\n")


def on_terminal() -> bool:
    """Whether somebody sees stderr, on what can wipe a line."""
    try:
        return bool(sys.stderr.isatty()) and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # none, as under a service; one that is closed
        return False


def write(text: str) -> None:
    """Write to stderr, at once; what nobody can read any more ends no run."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def columns(stream: Any) -> int:
    """How many characters a line of a terminal has: a longer one would break, and only its last part be wiped."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except (AttributeError, OSError, ValueError):  # io.UnsupportedOperation is of the latter two
        return WIDTH
