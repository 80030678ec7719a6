"""Signs of life on stderr: how far a long run is, where somebody sees it.

Where a step of the work knows how far it is, the line tells that as a percentage, and the time that is left as if it
went on as before. Some runs end when nothing is gained any more: of these the line says where they are, which is all
that is known.

Who calls a function of the package may hear the same: within `reported`, every line goes to a callback as well.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeAlias

PATIENCE = 2.0  # seconds before the line appears
SECONDS = 0.2  # between two updates
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
    """A line that each `tell` replaces, wiped at the end; use as a context.

    Parameters
    ----------
    what : str
        What is running, which every line begins with.
    verbose : bool, optional
        True writes each text on a line of its own, to whatever stderr is, and lets it stand. False writes nothing.
        By default there is one line, only on a terminal, and only in a run that takes more than two seconds; within
        `reported`, what that says.

    Examples
    --------
    >>> with Progress("counting") as progress:
    ...     for number in range(3):
    ...         progress.tell(f"{number} of 3")
    """

    def __init__(self, what: str, verbose: bool | None = None) -> None:
        default, self.callback = _reported.get()
        self.what, self.verbose, self.shown = what, default if verbose is None else verbose, False
        self.begun = time.monotonic()
        self.due = self.begun + PATIENCE

    def __enter__(self) -> "Progress":
        """Begin."""
        return self

    def tell(self, text: str, share: float | None = None) -> None:
        """Say where the run is; the line shows it, if it is time.

        Parameters
        ----------
        text : str
            What is done at the moment.
        share : float, optional
            Of the whole, what is done already, from 0 to 1: then the line tells the time that is left, too.
        """
        line, left = f"{self.what}: {text}", self._left(share)
        if self.callback is not None:
            self.callback(line, share, left)
        if self.verbose is None:
            self._show(line if share is None else f"{line}, {share:.0%}{_told(left)}")
        elif self.verbose and sys.stderr is not None:
            write(f"{line}\n")

    def _left(self, share: float | None) -> float | None:
        """Seconds until the end, if what is left goes as fast as what is done; None where nothing is done yet."""
        return (time.monotonic() - self.begun) * (1 - share) / share if share else None

    def _show(self, line: str) -> None:
        """Replace the line; only the main thread has it, as several would write over one another."""
        if (
            time.monotonic() < self.due
            or not on_terminal()
            or threading.current_thread() is not threading.main_thread()
        ):
            return
        write(f"\r{line[: columns(sys.stderr) - 1]}\x1b[K")
        self.shown, self.due = True, time.monotonic() + SECONDS

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe the line."""
        if self.shown:
            write(WIPE)


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


def _told(left: float | None) -> str:
    return "" if left is None else f", {duration(left)} left"


def on_terminal() -> bool:
    """Whether somebody sees stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def give_way() -> None:
    """Wipe what a `Progress` shows, if stderr is a terminal, so that something else can be printed in its place."""
    if on_terminal():
        write(WIPE)


def remark(text: str) -> None:
    """Say a line on stderr that stays, if it is a terminal; a line of `Progress` gives way to it."""
    if on_terminal():
        write(f"{WIPE}{text}\n")


def write(text: str) -> None:
    """Write to stderr, at once."""
    sys.stderr.write(text)
    sys.stderr.flush()


def columns(stream: Any) -> int:
    """How many characters a line of a terminal has: a longer one would break, and only its last part be wiped."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except (AttributeError, OSError, ValueError):  # io.UnsupportedOperation is of the latter two
        return WIDTH
