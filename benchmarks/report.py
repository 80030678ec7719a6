"""Say what was found: a table, JSON, Markdown, a picture, and the machine it was found on."""

import json
import os
import platform
import textwrap
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import Result
from benchmarks.rows import Row
from dsrl_ref.plotting import as_bytes

IMAGES_ABREAST = 4
WIDTH, TITLE = 12.0, 95  # of a picture, in inches; of its titles, in letters
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
    """All rows and the machine; no images."""
    told = [asdict(replace(row, images={})) for row in rows]
    for row in told:
        del row["images"]
    return json.dumps({"machine": machine(), "rows": told}, indent=2)


def as_markdown(rows: list[Row], command: str) -> str:
    """All rows as a document: the command and the machine, and for every row its work, a table and its notes."""
    found = ", ".join(f"{key} {value}" for key, value in machine().items() if value is not None)
    parts = ["# What the benchmarks measured", f"```sh\n{command}\n```", f"On this machine: {found}."]
    for row in rows:
        parts += [f"## {row.name}", f"{row.work}."]
        if row.results:
            results = [(result, result.contestant) for result in row.results]
            limit = [] if row.limit is None else [(row.limit, f"limit: {row.limit.contestant}")]
            lines = ["| contestant | seconds | times the first | peak memory, MiB | error |", "|---|---|---|---|---|"]
            parts.append("\n".join(lines + [_cells(each, name, row.results[0]) for each, name in results + limit]))
        if row.notes:
            parts.append("\n".join(["```", *row.notes, "```"]))
    return "\n\n".join(parts) + "\n"


def _cells(result: Result, name: str, first: Result) -> str:
    """A line of the table of one row; what is not known is empty."""
    seconds = "" if result.seconds is None else f"{result.seconds:.3g}"
    ratio = f"{result.seconds / first.seconds:.3g}" if first.seconds and result.seconds is not None else ""
    peak = "" if result.peak is None else f"{result.peak / 2**20:.1f}"
    error = "" if result.error is None else f"{result.error:.1e}"
    name = name.replace("|", r"\|")  # of absolute values, where a cell would end
    return f"| {name} | {seconds} | {ratio} | {peak} | {error} |"


def as_picture(rows: list[Row], kind: str) -> bytes:
    """The file, of that kind, of `figure_of` rows."""
    return as_bytes(figure_of(rows), kind)


def figure_of(rows: list[Row]) -> Any:
    """Draw the times of every row that has some, a panel each, and below it the row's images."""
    from matplotlib.figure import Figure

    drawn = [row for row in rows if any(result.seconds for result in row.results)]
    heights = [(_height_of_times(row), _height_of_images(row.images)) for row in drawn]
    figure = Figure(figsize=(WIDTH, sum(map(sum, heights)) or 1), layout="constrained")
    parts = figure.subfigures(
        max(len(heights), 1), 1, height_ratios=[sum(pair) for pair in heights] or [1], squeeze=False
    )
    for part, row, pair in zip(parts[:, 0], drawn, heights, strict=False):
        if not row.images:
            _draw_times(part.subplots(), row)
            continue
        above, below = part.subfigures(2, 1, height_ratios=pair)
        _draw_times(above.subplots(), row)
        _draw_images(below, row.images)
    return figure


def _height_of_times(row: Row) -> float:
    """Inches: a line of text for each contestant, so that none lies on another."""
    return 4.0 if row.curves else 1.4 + 0.25 * sum(result.seconds is not None for result in row.results)


def _height_of_images(images: dict[str, Any]) -> float:
    """Inches of all rows of images and their texts, as the highest image asks for."""
    highest = max((len(image) / len(image[0]) for image in images.values()), default=0.0)
    return -(-len(images) // IMAGES_ABREAST) * (WIDTH / IMAGES_ABREAST * highest + 0.4)


def _draw_times(panel: Any, row: Row) -> None:
    """The times of a row, where equal ratios are equal lengths; against the size where that is the subject."""
    panel.figure.suptitle(textwrap.fill(f"{row.name}: {row.work}", TITLE))
    if row.curves:
        draw_curves(panel, row)
        return
    from matplotlib.ticker import NullFormatter

    seconds = {result.contestant: result.seconds for result in row.results if result.seconds}
    panel.plot(list(seconds.values()), list(seconds), "o")
    panel.set(xscale="log", xlabel="seconds")
    panel.set_xlim(min(seconds.values()) / 4, max(seconds.values()) * 4)
    panel.xaxis.set_minor_formatter(NullFormatter())
    for name, value in seconds.items():
        panel.annotate(f"{value:.3g}", (value, name), (8, -3), textcoords="offset points")
    panel.set_ylim(len(seconds) - 0.4, -0.6)


def draw_curves(panel: Any, row: Row) -> None:
    """Seconds against size, on scales where a power of the size is a straight line."""
    for name, points in row.curves.items():
        panel.plot(*zip(*points, strict=True), "o-", label=name)
    panel.set(xscale="log", yscale="log", xlabel="size", ylabel="seconds")
    panel.grid(color="0.85", linewidth=0.8)
    panel.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small")


def _draw_images(figure: Any, images: dict[str, Any]) -> None:
    """The images of a row side by side, all in shades of grey from 0 to 1, each under its text."""
    down = -(-len(images) // IMAGES_ABREAST)
    panels = figure.subplots(down, IMAGES_ABREAST, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, (text, image) in zip(panels, images.items(), strict=False):
        panel.imshow(image, cmap="gray", vmin=0, vmax=1)
        panel.set_title(text, fontsize="small")
