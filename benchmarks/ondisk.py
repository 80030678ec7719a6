"""The row on data larger than memory: sorted into a file, and streamed."""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Result, fetch
from benchmarks.rows import Disagreement, Row
from dsrl_ref import Fidelity, Objective, disk
from dsrl_ref.engines import sorting

THETA, L, LAYERS, EVALUATIONS = (1.1, 0.5, 0.2, 0.6), 0.8, 11, 50
ENTRIES = {"full": 400_000_000, "quick": 40_000_000, "smallest": 20_000}
COMPARED = 40_000_000  # entries, up to which the answer in memory is asked for too
COPIES = 2  # of the data, while they are sorted
PART = 2**20


def scale_disk(size: str) -> Row:
    """4·10⁸ entries on disk: "disk" prepared and evaluated 50 times, "fused" once, np.sort; processor time.

    Sorting takes twice the size of the data in memory, for the system's copies of its files too: it is fetched before.
    """
    entries = ENTRIES[size]
    with tempfile.TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < 4 * 8 * entries:
            missing = Result(f"not run: it takes {4 * 8 * entries / 1e9:.3g} GB in {folder}")
            return Row("scale-disk", f"{entries:,} entries in a file, {LAYERS} layers", [missing])
        path = Path(folder, "w.npy")
        _write(path, entries)
        smallest, run = disk.LARGE, sorting.RUN
        if size == "smallest":
            disk.LARGE, sorting.RUN = 2**10, 2**12
        try:
            results, answer = _results(path)
        finally:
            disk.LARGE, sorting.RUN = smallest, run
        W = np.load(path)
        fetch(W.nbytes)
        sort = _timed(results, "np.sort, in memory", lambda: np.sort(W, axis=None))
        del sort
        if entries <= COMPARED and Objective(Fidelity(W), layers=LAYERS, method="pieces")(THETA, L) != answer:
            raise Disagreement("the engines disk and pieces have other bits")
    whole = sum(result.seconds or 0 for result in results[:3]) / (results[-1].seconds or np.nan)
    note = f"checked, sorted and evaluated {EVALUATIONS} times: {whole:.2f} times np.sort"
    return Row(
        "scale-disk", f"{entries:,} entries in a file, {LAYERS} layers; seconds of processors", results, notes=[note]
    )


def _results(path: Path) -> tuple[list[Result], Any]:
    """Time each step, after a small one has loaded the code; the answer is that of the sorted file."""
    small = np.ones((1, 99_999))
    for method in ("disk", "fused"):
        Objective(Fidelity(small), layers=LAYERS, method=method)(THETA, L)
    results: list[Result] = []
    f = _timed(results, "Fidelity(path): all entries are finite", lambda: Fidelity(path))
    fetch(COPIES * 8 * f.W.size)
    J = _timed(results, "disk: sorted into a file", lambda: Objective(f, layers=LAYERS, method="disk"))
    answer = _timed(results, f"disk: {EVALUATIONS} evaluations", lambda: _last(J))
    streamed = Objective(f, layers=LAYERS, method="fused")
    loss, _ = _timed(results, "fused: one evaluation", lambda: streamed(THETA, L))
    if abs(loss - answer[0]) > 1e-9 * loss:
        raise Disagreement(f"fused has {loss!r}, and disk {answer[0]!r}")
    return results, answer


def _last(J: Objective) -> Any:
    """The answer of the last of many evaluations."""
    answer = None
    for _ in range(EVALUATIONS):
        answer = J(THETA, L)
    return answer


def _timed(results: list[Result], what: str, call: Callable[[], Any]) -> Any:
    began = time.process_time()
    answer = call()
    results.append(Result(what, time.process_time() - began))
    return answer


def _write(path: Path, entries: int) -> None:
    """Normal entries, a part at a time."""
    rng, data = np.random.default_rng(0), np.lib.format.open_memmap(path, "w+", np.float64, (1, entries))
    for start in range(0, entries, PART):
        data[0, start : start + PART] = rng.normal(size=min(PART, entries - start))
    data.flush()


ROWS: dict[str, Callable[[str], Row]] = {"scale-disk": scale_disk}
