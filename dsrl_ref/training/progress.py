"""A line on stderr that tells how far a long run is; only where somebody sees it."""

import sys
import time
from types import TracebackType

PATIENCE = 2.0  # seconds before the line appears
SECONDS = 0.2  # between two updates


class Progress:
    """Use as a context; silent unless stderr is a terminal."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.shown = epochs, False
        self.due = time.monotonic() + PATIENCE

    def __enter__(self) -> "Progress":
        """Begin."""
        return self

    def tell(self, epoch: int, loss: float) -> None:
        """Show the epoch, if it is time."""
        if sys.stderr is not None and sys.stderr.isatty() and time.monotonic() >= self.due:
            sys.stderr.write(f"\rfit: epoch {epoch} of {self.epochs}, loss {loss:.6g}\x1b[K")
            sys.stderr.flush()
            self.shown, self.due = True, time.monotonic() + SECONDS

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe the line."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
