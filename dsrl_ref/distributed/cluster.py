"""Where groups of blocks live: on the workers of a Dask cluster, or here, where there is none.

Both have ``prepare(recipes)``, which makes states of delayed groups, and ``ask(states, question, *arguments)``, which
gives the answers of all groups, in their order, with the name of the making that each comes from.
"""

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Sequence
from typing import Any

from dsrl_ref.distributed import quick, work
from dsrl_ref.errors import ClusterError
from dsrl_ref.threads import LOOK

TIMEOUT = 60.0  # seconds without a sign of life, after which waiting ends
BETWEEN_SIGNS = 1.0  # seconds between two questions about these

Answer = tuple[str, Any]
Tell = Callable[[int], None]  # how many states are made


class LostError(Exception):
    """The scheduler no longer knows what was prepared."""


class Here:
    """No cluster: groups are made by dask's scheduler for one machine, and live and answer in this process.

    Parameters
    ----------
    threads : int
        How many a group may use; it stands for the workers of a cluster.
    """

    groups = 1

    def __init__(self, threads: int) -> None:
        self.threads: int | None = threads

    @property
    def slots(self) -> int:
        """How many tasks are done at a time."""
        return self.threads or 1

    def prepare(self, recipes: Sequence[Any], own: int = 0) -> list[Any]:
        """The groups themselves."""
        import dask

        return list(dask.compute(*recipes, scheduler="threads", num_workers=self.slots))

    def ask_quickly(self, states: Sequence[Any], question: Callable[..., Any], *arguments: Any) -> list[Answer] | None:
        """The same as `ask`: nobody is far away."""
        return self.ask(states, question, *arguments)

    def ask(
        self, states: Sequence[Any], question: Callable[..., Any], *arguments: Any, tell: Tell | None = None
    ) -> list[Answer]:
        """One group after the other; all are made already."""
        return [work.answered(state, question, *arguments) for state in states]


class Cluster:
    """The workers of a client.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    threads : int or None
        The most that a task may use; None leaves it to the worker.
    timeout : float
        Seconds without a sign of life.
    """

    def __init__(self, client: Any, threads: int | None, timeout: float) -> None:
        self.client, self.threads, self.timeout = client, threads, timeout

    @property
    def groups(self) -> int:
        """How many groups the workers want at least: one each."""
        return max(1, len(self._threads()))

    @property
    def slots(self) -> int:
        """How many tasks are done at a time: as many as the workers have threads."""
        return max(1, sum(self._threads()))

    def _threads(self) -> list[int]:
        """How many threads each worker has."""
        self._require_open()
        found: list[int] = self._waited(lambda: self.client.run_on_scheduler(_threads_of, asynchronous=True), keys=())
        return found

    def prepare(self, recipes: Sequence[Any], own: int = 0) -> list[Any]:
        """Futures of the groups, all asked for at once, so that the scheduler spreads them over its workers.

        No worker is named: a task that may run on workers that are gone waits for these for ever, as the scheduler
        does not look again whether others would do. So many bytes of the recipes are our `own`, of D: dask warns of
        what the caller's arrays bring beyond its limit.
        """
        import dask

        self._require_open()
        most = "distributed.admin.large-graph-warning-threshold"
        with dask.config.set({most: own + dask.utils.parse_bytes(dask.config.get(most))}):
            return list(self.client.compute(list(recipes)))

    def ask(
        self, states: Sequence[Any], question: Callable[..., Any], *arguments: Any, tell: Tell | None = None
    ) -> list[Answer]:
        """One task a group, where the group is; `tell` hears meanwhile how many groups are made."""
        self._require_open()
        each = [[argument] * len(states) for argument in (question, *arguments)]
        futures = self.client.map(work.answered, states, *each, pure=False, priority=10)
        watch = None if tell is None else lambda: tell(sum(state.done() for state in states))
        keys = [future.key for future in futures]
        return list(self._waited(lambda: self.client.gather(futures, asynchronous=True), keys, watch))

    def ask_quickly(self, states: Sequence[Any], question: Callable[..., Any], *arguments: Any) -> list[Answer] | None:
        """The same of an answer that takes milliseconds, without a task; None where it cannot be had so."""
        self._require_open()
        keys = [state.key for state in states]
        found: list[Answer] | None = self._waited(lambda: quick.answers(self.client, keys, question, arguments), keys)
        return found

    def _require_open(self) -> None:
        if self.client.status not in ("running", "connecting"):
            raise ClusterError(
                f"the Dask client is {self.client.status}: make a new one, and a new Objective; what the workers had "
                "prepared is gone"
            )

    def _waited(self, begin: Callable[[], Any], keys: Sequence[Any], watch: Callable[[], None] | None = None) -> Any:
        """The result of a coroutine on the client's loop, unless nothing lives any more; `watch` is called meanwhile.

        Raises
        ------
        LostError
            Where the scheduler has forgotten what was asked for.
        ClusterError
            Where nothing answers or works, where a task took its workers down, and where the client is closed.
        """
        from distributed import CancelledError, KilledWorker

        job = self._begun(begin)
        signs = Signs(self, keys)
        while not job.done():
            concurrent.futures.wait([job], timeout=LOOK)
            if job.done():
                break
            try:
                self._require_open()
                signs.look()
                if watch is not None:
                    watch()
            except BaseException:  # Ctrl-C among them
                job.cancel()
                raise
        try:
            return job.result()
        except KilledWorker as error:
            raise ClusterError(
                f"a worker died {getattr(error, 'allowed_failures', 3) + 1} times while it worked on the same blocks: "
                f"give workers more memory, or take more workers ({error})"
            ) from error
        except (CancelledError, concurrent.futures.CancelledError, asyncio.CancelledError) as error:
            self._require_open()
            raise LostError from error
        except ImportError as error:
            raise ClusterError(
                f"the Dask scheduler or a worker cannot import what it needs ({error}): install dsrl_ref, with the "
                "extra distributed, in the same version everywhere"
            ) from error
        except OSError as error:  # also where a connection has ended
            raise ClusterError(f"the connection to the Dask scheduler failed: {error}") from error

    def _begun(self, begin: Callable[[], Any]) -> "concurrent.futures.Future[Any]":
        async def run() -> Any:
            return await begin()

        try:
            return asyncio.run_coroutine_threadsafe(run(), self.client.loop.asyncio_loop)
        except RuntimeError as error:  # the loop ended between two looks at the client
            raise ClusterError(f"the Dask client is closed: {error}") from error


class Signs:
    """Signs of life while something is waited for.

    A sign is a scheduler that answers and says of each key that a worker which was heard of lately is at work on it, or
    on what it needs, or holds it; or, where its turn has not come, that such a worker is at work on anything.
    """

    def __init__(self, cluster: Cluster, keys: Sequence[Any]) -> None:
        self.cluster, self.keys = cluster, list(keys)
        self.last = self.asked = time.monotonic()
        self.answer: concurrent.futures.Future[Any] | None = None
        self.what = "the scheduler does not answer"

    def look(self) -> None:
        """Ask, listen, and raise a ClusterError where no sign came for too long."""
        now = time.monotonic()
        if self.answer is not None and self.answer.done():
            self._listen(self.answer, now)
            self.answer = None
        if self.answer is None and now - self.asked >= BETWEEN_SIGNS:
            self.asked = now
            self.answer = self.cluster._begun(
                lambda: self.cluster.client.run_on_scheduler(_silence, self.keys, asynchronous=True)
            )
        if now - self.last > self.cluster.timeout:
            raise ClusterError(
                f"the Dask cluster has shown no sign of life for {self.cluster.timeout:g} seconds: {self.what}; see "
                "the logs of scheduler and workers, and give Objective a longer timeout= if they are merely slow"
            )

    def _listen(self, answer: "concurrent.futures.Future[Any]", now: float) -> None:
        if answer.cancelled() or answer.exception() is not None:
            self.what = "the scheduler cannot be reached"
            return
        silence, self.what = answer.result()
        if silence is not None:
            self.last = max(self.last, now - silence)


def _threads_of(dask_scheduler: Any) -> list[int]:
    return [worker.nthreads for worker in dask_scheduler.workers.values() if worker.status.name == "running"]


def _silence(keys: Sequence[Any], dask_scheduler: Any) -> tuple[float | None, str]:
    """For how long who works on `keys` was not heard of, and what is wrong, if that is long.

    Runs on the scheduler. The key that has the longest silence counts; None where nobody works on one.
    """
    now, workers = time.time(), list(dask_scheduler.workers.values())
    if not workers:
        return None, "it has no workers"
    longest = 0.0
    for key in keys:
        needed, todo, busy = set(), [dask_scheduler.tasks.get(key)], set()
        while todo:
            task = todo.pop()
            if task is None or task in needed:
                continue
            needed.add(task)
            if task.processing_on is not None:
                busy.add(task.processing_on)
            if task.state == "memory":
                busy.update(task.who_has if task.key == key else ())
            else:
                todo.extend(task.dependencies)
        busy = busy or {worker for worker in workers if worker.processing}
        if not busy:
            return None, "no worker takes the work up"
        longest = max(longest, min(now - worker.last_seen for worker in busy))
    return longest, "a worker that is at work on it, or holds it, is not heard of"


def place_of(client: Any, threads: int | None, timeout: float, everywhere: int) -> Here | Cluster:
    """The cluster of a client, by default the one in charge; here, where there is none.

    Raises
    ------
    TypeError
        For what is no client, and for an asynchronous one.
    ClusterError
        Inside of a task that has not left its worker's threads: who waits there may wait for itself.
    """
    from distributed import Client, get_client

    if client is None:
        try:
            client = get_client()
        except ValueError:
            return Here(everywhere)
    if not isinstance(client, Client):
        raise TypeError(f"client must be a distributed.Client, got {type(client).__name__}")
    if client.asynchronous:
        raise TypeError("client is asynchronous, and Objective waits for answers: pass a Client(asynchronous=False)")
    _require_outside_of_tasks()
    return Cluster(client, threads, timeout)


def _require_outside_of_tasks() -> None:
    from distributed.threadpoolexecutor import thread_state as of_pool
    from distributed.worker import thread_state as of_task

    if hasattr(of_task, "key") and getattr(of_pool, "proceed", False):  # which secede() takes away
        raise ClusterError(
            "an Objective of dask arrays inside of a task waits for other tasks, for which there may be no thread "
            "left: call distributed.secede() before, or work inside of `with distributed.worker_client():`"
        )
