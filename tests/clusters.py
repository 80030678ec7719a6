"""Clusters of real worker processes, for tests, and what can happen to them.

A cluster lives in a child process with its scheduler, so that the process of the tests starts no workers: those that
die there are started again there. It ends when its stdin does, and takes its files along.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import children
import numpy as np

LIMIT = 120.0  # seconds that a cluster may take to end
OF_ALL_TESTS: set[int] = set()  # process numbers of clusters that do not end with the test that asked for them
PATIENT = {  # on a busy machine a worker takes long to begin; the first of these gives it up for good after 15 seconds
    "distributed.deploy.lost-worker-timeout": "600s",
    "distributed.comm.timeouts.connect": "300s",
    "distributed.comm.timeouts.tcp": "300s",
}


def serve(workers, folder):
    """Run a cluster until stdin ends; print its address, with ports that the system chooses."""
    import dask
    from distributed import LocalCluster

    dask.config.set(PATIENT)
    options = {"processes": True, "threads_per_worker": 1, "dashboard_address": ":0", "local_directory": folder}
    with LocalCluster(n_workers=int(workers), host="127.0.0.1", scheduler_port=0, memory_limit=0, **options) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def cluster(workers, folder):
    """A child that serves so many workers, and the address of its scheduler."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    paths = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(Path(__file__).parent)]))  # of this file
    with children.started(__file__, workers, folder, env=children.environment(PYTHONPATH=paths), **options) as child:
        yield child, child.stdout.readline().strip()
        child.stdin.close()
        child.wait(LIMIT)


@contextlib.contextmanager
def kept(workers, folder):
    """A function that gives one cluster again and again, and another where workers that were killed stay away.

    Dask starts a killed worker again, but not always: one may die before that has seen it start, for example.
    """
    with contextlib.ExitStack() as ended:
        found = []

        def current():
            if not found or not is_whole(found[-1][1], workers):
                found.append(ended.enter_context(cluster(workers, folder)))
                OF_ALL_TESTS.add(found[-1][0].pid)
                assert is_whole(found[-1][1], workers)
            return found[-1]

        yield current


def is_whole(address, workers):
    """Whether so many workers are there, or come soon, and who starts them again."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        try:
            client.wait_for_workers(workers, timeout=LIMIT)
        except TimeoutError:
            return False
        while not (found := set(client.run(status, nanny=True).values())) <= {"running"}:
            if not found <= {"running", "starting", "init"}:
                return False
            time.sleep(0.05)
        return True


def status(dask_worker):
    """That of a worker, or of who starts it again."""
    return dask_worker.status.name


def processes(client):
    """The process numbers of the workers that are there now."""
    return list(client.run(os.getpid).values())


def killed(client, count=1, of=None):
    """Kill so many workers, of these if they are given, as a machine that loses power does."""
    for process in list(client.run(os.getpid, workers=of).values())[:count]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def killed_and_missed(client, count=1):
    """The same, and wait until the scheduler has noticed, so that nobody looks for data where they were."""
    dead = list(client.run(os.getpid))[:count]
    killed(client, of=dead, count=count)
    while set(dead) & set(client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.workers))):
        time.sleep(0.05)


def forgotten(client, states):
    """Let the scheduler forget what it knows by these futures, and wait until it has."""
    keys = [state.key for state in states]
    client.cancel(states, force=True)
    while client.run_on_scheduler(lambda dask_scheduler: [key for key in keys if key in dask_scheduler.tasks]):
        time.sleep(0.05)


def left(client, keys=None):
    """Which of these, or of all that it knows, the scheduler still knows when it has had time to forget them."""
    end = time.monotonic() + LIMIT
    while True:
        known = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
        known = known if keys is None else [key for key in keys if key in known]
        if not known or time.monotonic() > end:
            return known
        time.sleep(0.05)


@contextlib.contextmanager
def paused(client):
    """Let the workers be paused within the block, as they are where their memory is full."""
    client.run(set_status, "paused")
    try:
        yield
    finally:
        client.run(set_status, "running")


def set_status(name, dask_worker):
    """What a worker tells the scheduler of itself."""
    from distributed.core import Status

    dask_worker.status = Status[name]


@contextlib.contextmanager
def stopped(*processes, seconds=None):
    """Let processes stand still within the block, or for so many seconds of it."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    going_on = threading.Timer(seconds or 0, lambda: [os.kill(process, signal.SIGCONT) for process in processes])
    if seconds is not None:
        going_on.start()
    try:
        yield
    finally:
        going_on.cancel()
        for process in processes:
            os.kill(process, signal.SIGCONT)


# What tests ask of groups and of workers, who know this file.


def threads(group):
    """How many threads its blocks have."""
    return [block.problem.threads for block in group.blocks]


def slow(group):
    """An answer that takes a while."""
    time.sleep(4)
    return "done"


def missing(group):
    """What a worker answers that lacks a package."""
    raise ModuleNotFoundError("No module named 'dsrl_ref'")


def fails(group):
    """What is wrong with a question."""
    return 1 / 0


def within(seceded):
    """The loss of an objective that a task evaluates itself; the error where it may not."""
    import dask.array as da
    import distributed

    from dsrl_ref import Fidelity, Objective
    from dsrl_ref.errors import ClusterError

    if seceded:
        distributed.secede()
    try:
        return Objective(Fidelity(da.from_array(np.eye(4), chunks=(2, 2))), layers=1)((1, 1, 0.5, 0.5), 1.0)[0]
    except ClusterError as error:
        return str(error)


if __name__ == "__main__":
    serve(*sys.argv[1:])
