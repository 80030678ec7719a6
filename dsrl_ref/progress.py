"""Signs of life on stderr: how far a long run is, where somebody sees it.

A bar with a rate and the time that is left, as tqdm draws it, would have to know how many steps there will be. Most
runs here end when nothing is gained any more, so that a line which says where the run is tells all that is known.
"""

import os
import sys
import threading
import time
from types import TracebackType
from typing import Any

PATIENCE = 2.0  # seconds before the line appears
SECONDS = 0.2  # between two updates
WIDTH = 80  # columns, where the terminal does not tell
WIPE = "\r\x1b[K"


class Progress:
    """A line that each `tell` replaces, wiped at the end; use as a context.

    Parameters
    ----------
    what : str
        What is running, which every line begins with.
    verbose : bool, optional
        True writes each text on a line of its own, to whatever stderr is, and lets it stand. False writes nothing.
        By default there is one line, only on a terminal, and only in a run that takes more than two seconds.

    Examples
    --------
    >>> with Progress("counting") as progress:
    ...     for number in range(3):
    ...         progress.tell(f"{number} of 3")
    """

    def __init__(self, what: str, verbose: bool | None = None) -> None:
        self.what, self.verbose, self.shown = what, verbose, False
        self.due = time.monotonic() + PATIENCE

    def __enter__(self) -> "Progress":
        """Begin."""
        return self

    def tell(self, text: str) -> None:
        """Say where the run is; the line shows it, if it is time."""
        if self.verbose is None:
            self._show(f"{self.what}: {text}")
        elif self.verbose and sys.stderr is not None:
            write(f"{self.what}: {text}\n")

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
