"""A problem that is prepared on workers, as `Objective` evaluates it: it sends Θ and L, and adds what comes back."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.distributed import work
from dsrl_ref.distributed.cluster import PERSISTED, Answer, Cluster, Here, LostError
from dsrl_ref.engines import pieces
from dsrl_ref.engines.engine import Engine, as_they_are
from dsrl_ref.engines.parts import add_exactly, whole_matrix
from dsrl_ref.engines.problem import Problem
from dsrl_ref.errors import ClusterError, ClusterWarning, DivergenceError
from dsrl_ref.progress import Progress

TRIES = 3  # makings of all groups for one evaluation, before it is given up


class Prepared:
    """Groups of blocks, and how to make them again.

    Parameters
    ----------
    problem : Problem
        The whole, of which an engine's `complete` asks the layers.
    engine : Engine
        What evaluates each block.
    recipes : callable
        Gives a `dask.delayed.Delayed` for each group, under keys that no earlier ones had.
    place : Cluster or Here
        Where they are made.
    own : int
        Bytes of all recipes that no array of the caller's has: of D, and of places of columns that were drawn.
    """

    def __init__(
        self,
        problem: Problem,
        engine: Engine,
        recipes: Callable[[], Sequence[Any]],
        place: Cluster | Here,
        own: int = 0,
    ) -> None:
        self.problem, self.engine, self.recipes, self.place = problem, engine, recipes, place
        self.own = own
        self.states: list[Any] | None = None
        self.made: list[str] = []
        self.lock = Lock()
        with Progress("preparing on the workers") as progress:
            self._asked(lambda states: self.place.ask(states, work.present, tell=partial(_tell, progress, len(states))))

    def ask(self, question: Callable[..., Any], *arguments: Any) -> list[Any]:
        """The answers of all groups, in their order; groups that the cluster has lost are made again.

        Raises
        ------
        ClusterError
            Where it cannot be done; the next question makes all groups anew.
        Exception
            What a chunk, or the question, raises; where a group could not be made, the next question tries again.
        """
        return self._asked(lambda states: self.place.ask(states, question, *arguments))

    def ask_quickly(self, question: Callable[..., Any], *arguments: Any) -> list[Any]:
        """The same of answers that take milliseconds: by tasks only where it cannot be done without."""
        return self._asked(
            lambda states: (
                self.place.ask_quickly(states, question, *arguments) or self.place.ask(states, question, *arguments)
            )
        )

    def _asked(self, ask: Callable[[list[Any]], list[Answer]]) -> list[Any]:
        for _ in range(TRIES):
            states = self._present()
            try:
                answers = ask(states)
            except LostError:
                self._forget(states)
                continue
            except ClusterError:
                self._forget(states)
                raise
            self._note([made for made, _ in answers])
            return [answer for _, answer in answers]
        raise ClusterError(
            f"the Dask scheduler has forgotten what was prepared {TRIES} times during one evaluation: if it is being "
            f"restarted, evaluate again when it is there; {PERSISTED}"
        )

    def _present(self) -> list[Any]:
        with self.lock:
            if self.states is None:
                self.states = self.place.prepare(self.recipes(), self.own)
            return self.states

    def _forget(self, states: list[Any]) -> None:
        with self.lock:
            if self.states is states:
                self.states = None

    def _note(self, made: list[str]) -> None:
        """Say once which groups have been made again."""
        with self.lock:
            again = sum(now != before for now, before in zip(made, self.made, strict=False))
            self.made = made
        if again:
            warnings.warn(
                f"the Dask cluster lost {again} of {len(made)} shares of what was prepared, as happens where a worker "
                "ends, and they were prepared again: the numbers are the same",
                ClusterWarning,
                stacklevel=7,
            )

    def loss_and_gradient(self, theta: Any, L: Any) -> tuple[float, Array]:
        """Add the terms of all groups exactly."""
        return self.engine.complete(self.problem, self._added(work.sums, theta, L), theta, L)

    def gauss_newton(self, theta: Any, L: Any) -> tuple[float, Array, Array]:
        """The same, with the matrix."""
        sums, count = self._added(work.sums_with_matrix, theta, L), self.problem.parameters
        return *as_they_are(self.problem, sums[: 1 + count], theta, L), whole_matrix(sums[1 + count :], count)

    def ties(self, theta: Any, L: Any) -> int:
        """Add the counts."""
        return sum(unless_error(self.ask(work.ties, theta, L)))

    def _added(self, question: Callable[..., Any], theta: Any, L: Any) -> list[float]:
        ask = self.ask_quickly if self.engine.name == pieces.ENGINE.name else self.ask  # it looks up its tables
        return add_exactly(np.concatenate(unless_error(ask(question, theta, L))))


def _tell(progress: Progress, count: int, made: int) -> None:
    progress.tell(f"{made} of {count} shares", made / count)


def unless_error(answers: list[Any]) -> list[Any]:
    """The answers; the first error, in the order of the entries, if there is one."""
    for answer in answers:
        if isinstance(answer, DivergenceError):
            raise answer
    return answers
