"""Where groups of blocks live: on the workers of a Dask cluster, or here, where there is none.

Both have ``prepare(recipes)``, which makes states of delayed groups, and ``ask(states, question, *arguments)``, which
gives the answers of all groups, in their order, with the name of the making that each comes from.
"""

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from dsrl_ref.distributed import quick, work
from dsrl_ref.errors import ClusterError
from dsrl_ref.threads import LOOK

BETWEEN_SIGNS = 1.0  # seconds between two questions about these
PAUSED = "; some are paused, as dask does with one whose memory is full: give workers more, or take more workers"
PERSISTED = (
    "what was persisted or scattered before, and lost with its workers or by a restart, or lies on another cluster, "
    "cannot be made again: persist it anew, with this client"
)

CONFIGURING = threading.Lock()  # of dask's configuration, which is the process's: who changes it changes it back

Answer = tuple[str, Any]
Tell = Callable[[int], None]  # how many states are made
Job: TypeAlias = "concurrent.futures.Future[Any]"  # of a coroutine on the loop of the client


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
        does not look again whether others would do. So many bytes of the recipes are our `own`: dask warns of what the
        caller's arrays bring beyond its limit.
        """
        import dask

        self._require_open()
        most = "distributed.admin.large-graph-warning-threshold"
        with CONFIGURING, dask.config.set({most: own + dask.utils.parse_bytes(dask.config.get(most))}):
            return list(self.client.compute(list(recipes)))

    def ask(
        self, states: Sequence[Any], question: Callable[..., Any], *arguments: Any, tell: Tell | None = None
    ) -> list[Answer]:
        """One task a group, where the group is; `tell` hears meanwhile how many groups are made.

        Where one of the states could not be made, workers forget all of them. An error refers by its traceback to
        states and to futures of answers, and is kept by these, or by a notebook: nothing here waits for its end.
        """
        self._require_open()
        each = [[argument] * len(states) for argument in (question, *arguments)]
        futures = self.client.map(work.answered, states, *each, pure=False, priority=10)
        watch = None if tell is None else lambda: tell(sum(state.done() for state in states))
        keys = [future.key for future in futures]
        try:
            return list(self._waited(lambda: _to_its_end(self.client.gather(futures, asynchronous=True)), keys, watch))
        except Exception:
            if any(state.status == "error" for state in states):  # nobody needs the others, or can ask for any more
                _release(states)
            raise
        finally:
            _release(futures)

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
        """The result of a coroutine on the client's loop, unless nothing lives any more.

        Parameters
        ----------
        begin : callable
            Gives the coroutine.
        keys : sequence
            Of what is asked for, of which signs of life are looked for.
        watch : callable, optional
            Called meanwhile.

        Raises
        ------
        LostError
            Where the scheduler has forgotten what was asked for.
        ClusterError
            Where nothing answers or works, where a task took its workers down, and where the client is closed.
        Exception
            What a task has raised, as it is: of a file that a chunk is read from, say.
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
            if any(key in self.client.futures and self.client.futures[key].status == "error" for key in keys):
                raise  # a task's own
            raise ClusterError(f"the connection to the Dask scheduler failed: {error}") from error

    def _begun(self, begin: Callable[[], Any]) -> Job:
        async def run() -> Any:
            return await begin()

        running = run()
        try:
            return asyncio.run_coroutine_threadsafe(running, self.client.loop.asyncio_loop)
        except RuntimeError as error:  # the loop ended between two looks at the client
            running.close()
            raise ClusterError(f"the Dask client is closed: {error}") from error


class Signs:
    """Signs of life while something is waited for.

    A sign is a scheduler that answers and says of each key that a worker which was heard of lately is at work on it, or
    on what it needs, or holds it; or, where its turn has not come, that such a worker is at work on anything. A worker
    that waits for the data of one which is not heard of gives no sign, nor does one that is paused and has not begun.
    """

    def __init__(self, cluster: Cluster, keys: Sequence[Any]) -> None:
        self.cluster, self.keys = cluster, list(keys)
        self.last = self.asked = time.monotonic()
        self.answer: Job | None = None
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

    def _listen(self, answer: Job, now: float) -> None:
        if answer.cancelled() or answer.exception() is not None:
            self.what = "the scheduler cannot be reached"
            return
        silence, self.what = answer.result()
        if silence is not None:
            self.last = max(self.last, now - silence)


async def _to_its_end(answers: Awaitable[Any]) -> Any:
    """What the client gathers; where nobody waits for it any more it ends in silence, once its futures are released.

    Were it cancelled, asyncio would print the errors of its parts, which nobody asks for then.
    """
    gathering = asyncio.ensure_future(answers)
    gathering.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(gathering)


def _release(futures: Sequence[Any]) -> None:
    """Let the workers forget futures, whoever refers to them here."""
    for future in futures:
        future.release()


def _threads_of(dask_scheduler: Any) -> list[int]:
    return [worker.nthreads for worker in dask_scheduler.workers.values() if worker.status.name == "running"]


def _silence(keys: Sequence[Any], dask_scheduler: Any) -> tuple[float | None, str]:
    """For how long who works on `keys` was not heard of, and what is wrong, if that is long.

    Runs on the scheduler. The key that has the longest silence counts; None where nobody works on one.
    """
    workers = list(dask_scheduler.workers.values())
    if not workers:
        return None, "it has no workers"
    longest = 0.0
    for key in keys:
        needed, todo, silent = set(), [dask_scheduler.tasks.get(key)], list[float]()
        while todo:
            task = todo.pop()
            if task is None or task in needed:
                continue
            needed.add(task)
            if task.state == "memory":
                silent += [_unheard(task.who_has)] if task.key == key else []
                continue
            todo.extend(task.dependencies)
            if task.processing_on is not None and _takes_up(task.processing_on, {task}):
                holders = [needed.who_has for needed in task.dependencies if needed.who_has]
                silent.append(max(map(_unheard, [[task.processing_on], *holders])))
        silent = silent or [_unheard([worker]) for worker in workers if _takes_up(worker, worker.processing)]
        if not silent:
            paused = any(worker.status.name == "paused" for worker in workers)
            return None, f"no worker takes the work up{PAUSED if paused else ''}"
        longest = max(longest, min(silent))
    return longest, "a worker that is at work on it, or holds what it needs, is not heard of"


def _unheard(workers: Iterable[Any]) -> float:
    """For how long none of some workers was heard of."""
    return float(time.time() - max(worker.last_seen for worker in workers))


def _takes_up(worker: Any, tasks: Iterable[Any]) -> bool:
    """Whether a worker does one of the tasks that are its own: one that is paused only ends what it has begun."""
    begun = tasks if worker.status.name != "paused" else [task for task in tasks if task in worker.executing]
    return any(True for _ in begun)


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
