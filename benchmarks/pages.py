"""What was found as a page of HTML: a section for each row, with its table, its times as a picture, its images."""

from collections.abc import Iterator
from typing import Any

from benchmarks import report
from benchmarks.measure import Result
from benchmarks.rows import Row
from dsrl_ref.report.origin import origin
from dsrl_ref.report.page import Block, Facts, Lines, Link, Page, Picture, Pictures, Plain, Section, Table, Text
from dsrl_ref.report.pictures import new, picture, theme

HEADS = "contestant", "seconds", "times the first", "peak memory, MiB", "error"
NAMES = 34  # letters of a contestant's name beside a picture
LEAD = (
    "Every row is checked first: contestants that give different numbers are not timed. Times are medians over rounds "
    "in which all take turns; of rows that are about time of processors, the least. A contestant without figures is "
    "not installed on this machine."
)


def page(rows: list[Row], command: str) -> Page:
    """The page of what these rows found."""
    machine = {key: str(value) for key, value in report.machine().items() if value is not None}
    summary = Table("Rows", ("row", "what was done"), tuple((Link(row.name, _anchor(row)), row.work) for row in rows))
    first = Section("summary", "Summary", (Facts(dict(machine)), summary))
    return Page("What the benchmarks measured", LEAD, (first, *map(_section, rows)), origin(command))


def _anchor(row: Row) -> str:
    return f"row-{row.name}"


def _section(row: Row) -> Section:
    return Section(_anchor(row), row.name, tuple(_blocks(row)))


def _blocks(row: Row) -> Iterator[Block]:
    yield Text(f"{row.work}.")
    results = [(result, result.contestant) for result in row.results]
    limit = [] if row.limit is None else [(row.limit, f"limit: {row.limit.contestant}")]
    if results:
        first = row.results[0]
        cells = [_cells(each, name, first) for each, name in results + limit]
        told = [place for place in range(len(HEADS)) if any(line[place] for line in cells)]
        lines = tuple(tuple(line[place] for place in told) for line in cells)
        yield Table("Ours first", tuple(HEADS[place] for place in told), lines, numbers=True)
    if row.notes:
        yield Lines(tuple(row.notes), f"Notes of {row.name}")
    with theme():
        if any(result.seconds for result in row.results):
            yield Pictures((_times(row),))
        if row.images:
            yield Pictures(tuple(_image(text, image) for text, image in row.images.items()))


def _cells(result: Result, name: str, first: Result) -> tuple[str | Plain, ...]:
    """A line of the table of one row; what is not known is empty."""
    seconds = "" if result.seconds is None else f"{result.seconds:.3g}"
    ratio = f"{result.seconds / first.seconds:.3g}" if first.seconds and result.seconds is not None else ""
    peak = "" if result.peak is None else f"{result.peak / 2**20:.1f}"
    return Plain(name), seconds, ratio, peak, "" if result.error is None else f"{result.error:.1e}"


def _times(row: Row) -> Picture:
    """The times on a scale where equal ratios are equal lengths."""
    if row.curves:
        figure, panel = new((6.4, 3.6))
        report.draw_curves(panel, row)
        return picture(figure, "Growth", f"Seconds of {row.name} against size, both on logarithmic scales.")
    timed = [result for result in row.results if result.seconds]
    figure, panel = new((5.6, 1.1 + 0.32 * len(timed)))
    places = range(len(timed))
    panel.plot([result.seconds for result in timed], places, "o")
    names = [_short(result.contestant) for result in timed]
    panel.set(xscale="log", xlabel="seconds", ylim=(len(timed) - 0.5, -0.5))
    panel.set_yticks(places, names)
    panel.grid(axis="y", color="0.85", linewidth=0.8)
    panel.margins(x=0.2)
    return picture(figure, "Times", f"Seconds of {row.name}, on a logarithmic scale; to the left is faster.")


def _short(name: str) -> str:
    text = name.replace("$", r"\$")
    return text if len(text) <= NAMES else text[: NAMES - 1] + "…"


def _image(text: str, image: Any) -> Picture:
    figure, panel = new((3.4, 3.4))
    panel.imshow(image, cmap="gray", vmin=0, vmax=1)
    panel.set_axis_off()
    return picture(figure, text, "Values from 0, black, to 1, white.", plate=True)
