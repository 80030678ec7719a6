"""What is prepared from data on disk, asked only while the files are as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic

from dsrl_ref.arrays import Array
from dsrl_ref.disk import Watch
from dsrl_ref.engines import parts
from dsrl_ref.engines.engine import Constants, Evaluations, Thetas


class Watched(Generic[Thetas, Constants]):
    """A prepared problem, and the files of its data, which are looked at before and after each evaluation.

    Before, since a map of a file that was cut short ends the process where it is read; after, since what was read
    meanwhile may be of two states of the file.
    """

    def __init__(self, prepared: Evaluations[Thetas, Constants], watch: Watch) -> None:
        self.prepared, self.watch = prepared, watch

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Evaluate; DataFileError if a file has changed."""
        with self._unchanged():
            return self.prepared.loss_and_gradient(theta, L)

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """The same with the matrix."""
        with self._unchanged():
            return self.prepared.gauss_newton(theta, L)

    def terms(self, theta: Thetas, L: Constants) -> Array:
        """What `parts.terms` has of it; DataFileError if a file has changed."""
        with self._unchanged():
            return parts.terms(self.prepared, theta, L)

    def gauss_newton_terms(self, theta: Thetas, L: Constants) -> Array:
        """The same with the terms of the matrix."""
        with self._unchanged():
            return parts.gauss_newton_terms(self.prepared, theta, L)

    def ties(self, theta: Thetas, L: Constants) -> int:
        """Count; DataFileError if a file has changed."""
        with self._unchanged():
            return self.prepared.ties(theta, L)

    def errors(self, theta: Thetas, L: Constants) -> Array | None:
        """What `parts.errors` has of it; DataFileError if a file has changed."""
        with self._unchanged():
            return parts.errors(self.prepared, theta, L)

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        self.watch.check()
        yield
        self.watch.check()
