"""The rows on worker processes: objectives, one process beside two, and exact neighbours, one worker beside two."""

import os
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.measure import Result
from benchmarks.rows import LAYERS, THETA, Disagreement, L, Row
from dsrl_ref import Fidelity, Objective

BLOCKS = 4, 16, 64, 256
WORKERS = 2
LEFT_OUT = "left out: the extra distributed brings dask"


def _is_installed() -> bool:
    """Whether workers can be started; a folder of that name is not the package."""
    package = find_spec("distributed")
    return package is not None and package.origin is not None


def scale_dask(size: str) -> Row:
    """Wall-clock of an evaluation of a Fidelity on two worker processes of one thread, after preparation.

    At the smallest size the workers are threads, which are there at once.
    """
    rows, rounds, blocks = {
        "full": (1_000_000, 40, BLOCKS),
        "quick": (20_000, 20, BLOCKS[:2]),
        "smallest": (400, 2, BLOCKS[:1]),
    }[size]
    work = f"{rows * 100:,} values, {LAYERS} layers, {WORKERS} workers of one thread: seconds of an evaluation"
    if not _is_installed():
        return Row("scale-dask", work, [Result(f"{WORKERS} workers")], notes=[LEFT_OUT])
    from distributed import Client, LocalCluster

    results, notes = [], []
    options = {"processes": size != "smallest", "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with LocalCluster(n_workers=WORKERS, **options) as cluster, Client(cluster) as client:
        for count in blocks:
            J, whole = _spread(rows, count), _in_process(rows, count)
            _require_bits(J, whole)
            median, processor = _timed(partial(J, THETA, L), rounds)
            alone, _ = _timed(partial(whole, THETA, L), rounds)
            results += [Result(f"{count} blocks, {WORKERS} workers", median), Result(f"{count} blocks, here", alone)]
            notes.append(f"{count} blocks: {processor * 1e3:.1f} ms of this process's processor, scheduler included")
        bare, processor = _timed(lambda: client.gather(client.map(_nothing, range(WORKERS), pure=False)), rounds)
        results.append(Result(f"{WORKERS} tasks that do nothing", bare))
        notes.append(f"{WORKERS} tasks that do nothing: {processor * 1e3:.1f} ms of this process's processor")
    notes.append(f"wall-clock, medians of {rounds}; load of the machine {os.getloadavg()[0]:.1f}")
    return Row("scale-dask", work, results, notes=notes)


def _array(rows: int) -> Any:
    """Values that are computed where they are needed."""
    from dask.array import random

    return random.default_rng(0).normal(size=(rows, 100), chunks=(max(1, rows // 16), 100))


def _spread(rows: int, blocks: int) -> Objective:
    with patch("dsrl_ref.distributed.problem.BLOCK", -(-rows // blocks) * 100):
        return Objective(Fidelity(_array(rows)), layers=LAYERS, method="pieces")


def _in_process(rows: int, blocks: int) -> Objective:
    """The same blocks in this process: what there is to compute, without a cluster."""
    with patch("dsrl_ref.distributed.problem.place_of", _here):
        return _spread(rows, blocks)


def _here(client: Any, threads: Any, timeout: float, everywhere: int) -> Any:
    from dsrl_ref.distributed.cluster import Here

    return Here(1)


def _require_bits(J: Objective, whole: Objective) -> None:
    found, expected = J(THETA, L), whole(THETA, L)
    if found[0] != expected[0] or not np.array_equal(found[1], expected[1]):
        raise Disagreement(f"the workers say {found}, one process {expected}")


def _timed(call: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """The median of wall-clock seconds, and the mean of processor seconds of this process."""
    call()
    taken, began = [], time.process_time()
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)), (time.process_time() - began) / rounds


def _nothing(number: int) -> int:
    return number


def scale_dask_neighbours(size: str) -> Row:
    """Exact neighbours of samples in blocks of rows, by one worker process of one thread and by two, in turn.

    Where the machine is busy, two processes get the time of two; the longest time of processors of a worker is what
    does not depend on that.
    """
    n, rounds = {"full": (200_000, 1), "quick": (20_000, 2), "smallest": (300, 1)}[size]
    work = f"{n:,} samples of 16 features, 10 exact neighbours: seconds"
    if not _is_installed():
        return Row("scale-dask-neighbours", work, [Result(f"{WORKERS} workers")], notes=[LEFT_OUT])
    found: dict[int, list[tuple[float, float, Any]]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, runs in found.items():
            runs.append(_neighbours(n, workers, size != "smallest"))
    graphs = [graph for runs in found.values() for *_, graph in runs]
    if any((graph != graphs[0]).nnz for graph in graphs):
        raise Disagreement("the graphs of one worker and of two differ")
    passed = {workers: min(run[0] for run in runs) for workers, runs in found.items()}
    used = {workers: min(run[1] for run in runs) for workers, runs in found.items()}
    results = [Result(f"{workers} worker{'s' * (workers > 1)}", passed[workers]) for workers in found]
    results += [Result(f"the busiest of {workers}, of its processor", used[workers]) for workers in found]
    notes = [
        f"two workers take {passed[2] / passed[1]:.2f} of the time of one, the busier of them {used[2] / used[1]:.2f} "
        f"of its processor's; the same graph; the least of {rounds}; load of the machine {os.getloadavg()[0]:.1f}"
    ]
    return Row("scale-dask-neighbours", work, results, notes=notes)


def _neighbours(n: int, workers: int, processes: bool) -> tuple[float, float, Any]:
    """Seconds that pass, most seconds of a worker's processor, and the graph; workers have compiled before."""
    from dask.array import random
    from distributed import Client, LocalCluster

    from dsrl_ref.multiview import similarity_graph

    def graph_of(samples: int) -> Any:
        view = random.default_rng(0).normal(size=(samples, 16), chunks=(-(-samples // 4), 16))
        return similarity_graph([view], 10, weights="adaptive", standardize="features", neighbors="exact")

    options = {"processes": processes, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:
        client.wait_for_workers(workers)
        for _ in range(2):
            graph_of(200)
        before, began = client.run(time.process_time), time.perf_counter()
        graph = graph_of(n)
        passed, after = time.perf_counter() - began, client.run(time.process_time)
        return passed, max(after[worker] - before[worker] for worker in before), graph.compute()


ROWS = {"scale-dask": scale_dask, "scale-dask-neighbours": scale_dask_neighbours}
