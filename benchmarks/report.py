"""Say what was found: a table, JSON, a picture, and the machine it was found on."""

import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import Result
from benchmarks.rows import Row
from dsrl_ref.plotting import as_bytes

PACKAGES = ("dsrl_ref", "numpy", "scipy", "numba", "torch", "jax")


def machine() -> dict[str, Any]:
    """Processor, cores, Python, and versions; None for what is not installed."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def as_text(row: Row) -> str:
    """One row as lines to read."""
    first = row.results[0].seconds
    lines = [f"{row.name}: {row.work}"]
    lines += [_line(result, first) for result in row.results]
    if row.limit is not None:
        lines.append(_line(row.limit, first, "limit: "))
    return "\n".join(lines + [f"  {note}" for note in row.notes])


def _line(result: Result, first: float | None, label: str = "") -> str:
    name = f"  {label}{result.contestant}"
    if result.error is not None:
        return f"{name:<52} {result.error:>12.1e}"
    seconds = "-" if result.seconds is None else f"{result.seconds:.3g} s"
    ratio = f"{result.seconds / first:.3g}×" if first and result.seconds is not None else ""
    peak = "" if result.peak is None else f"{result.peak / 2**20:.1f} MiB"
    return f"{name:<52} {seconds:>12} {ratio:>9} {peak:>13}"


def as_json(rows: list[Row]) -> str:
    """All rows and the machine."""
    return json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=2)


def as_picture(rows: list[Row], kind: str) -> bytes:
    """Draw the times of every row that has some, a panel each, on a scale where equal ratios are equal lengths."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    drawn = [row for row in rows if any(result.seconds for result in row.results)]
    figure = Figure(figsize=(8, 1 + 1.6 * max(1, len(drawn))), layout="constrained")
    panels = figure.subplots(max(1, len(drawn)), 1, squeeze=False)[:, 0]
    for panel, row in zip(panels, drawn, strict=False):
        seconds = {result.contestant: result.seconds for result in row.results if result.seconds}
        panel.plot(list(seconds.values()), list(seconds), "o")
        panel.set(xscale="log", xlabel="seconds", title=f"{row.name}: {row.work}")
        panel.set_xlim(min(seconds.values()) / 4, max(seconds.values()) * 4)
        panel.xaxis.set_minor_formatter(NullFormatter())
        for name, value in seconds.items():
            panel.annotate(f"{value:.3g}", (value, name), (8, -3), textcoords="offset points")
        panel.margins(y=0.2)
        panel.invert_yaxis()
    return as_bytes(figure, kind)
