"""``python -m benchmarks``: every row checked, then timed."""

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks import (
    applications,
    busy,
    distributed,
    incomplete,
    layers,
    learning,
    ondisk,
    pages,
    real,
    recovery,
    report,
    rows,
    scale,
    small,
    solving,
    sparse,
    starting,
    views,
    whole,
)
from benchmarks.rows import Disagreement, Row
from dsrl_ref.cli.output import show
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.files import require_writable
from dsrl_ref.plotting import kind_of, require_kind
from dsrl_ref.progress import Progress
from dsrl_ref.report import render

ROWS = {
    **rows.ROWS,
    **starting.ROWS,
    **small.ROWS,
    **sparse.ROWS,
    **layers.ROWS,
    **learning.ROWS,
    **recovery.ROWS,
    **solving.ROWS,
    **applications.ROWS,
    **incomplete.ROWS,
    **busy.ROWS,
    **distributed.ROWS,
    **ondisk.ROWS,
    **whole.ROWS,
}
ALL = {
    **ROWS,
    **views.BY_NAME,
    **recovery.BY_NAME,
    **real.BY_NAME,
    **scale.BY_NAME,
    **whole.BY_NAME,
}  # minutes, or hours of training: only where they are asked for


def main(argv: list[str] | None = None) -> int:
    """Run the rows asked for; 1 where contestants disagree, 2 for wrong usage, 5 where a file cannot be written."""
    arguments = _parser().parse_args(argv)
    if arguments.list:
        for name, row in ALL.items():
            print(f"{name:<22}{(row.__doc__ or '').splitlines()[0]}")
        return 0
    try:
        if arguments.report:
            render.require()
        _require_destinations([arguments.json, arguments.markdown, arguments.report], arguments.plot)
    except (OSError, MissingExtraError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 5 if isinstance(error, OSError) else 2
    machine = report.machine()
    show("machine: " + ", ".join(f"{key} {value or '-'}" for key, value in machine.items()))
    if None in machine.values():
        show("a peer that is not installed has a dash for its figures; pip install '.[bench]' brings all, 6 GB")
    found: list[Row] = []
    agreed = True
    names = arguments.only or list(ROWS)
    try:
        with Progress("benchmarks") as progress:
            for place, name in enumerate(names, start=1):
                progress.tell(f"{name}, row {place} of {len(names)}")
                agreed &= _run(name, arguments.size, found)
                if arguments.json:
                    _write(arguments.json, report.as_json(found).encode())
                if arguments.markdown:
                    _write(arguments.markdown, report.as_markdown(found, _command(argv)).encode())
                if arguments.report:
                    _write(arguments.report, render.html(pages.page(found, _command(argv))).encode())
    finally:  # what there is after Ctrl-C too
        if arguments.plot and found:
            _write(arguments.plot, report.as_picture(found, kind_of(arguments.plot)))
    return 0 if agreed else 1


def _command(argv: list[str] | None) -> str:
    """What was typed."""
    return shlex.join(["python", "-m", "benchmarks", *(sys.argv[1:] if argv is None else argv)])


def _require_destinations(texts: list[Path | None], picture: Path | None) -> None:
    """Refuse now, not after the work, what cannot be written."""
    if picture:
        require_kind(kind_of(picture))
    for path in filter(None, (*texts, picture)):
        require_writable(path)


def _run(name: str, size: str, found: list[Row]) -> bool:
    """Run a row, print and keep what it found; False where contestants disagree."""
    try:
        found.append(ALL[name](size))
    except Disagreement as error:
        show(f"\n{name}: not timed: {error}")
        return False
    show("\n" + report.as_text(found[-1]))
    return True


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        raise SystemExit(5) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.set_defaults(size="full")
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", help="smaller sizes: some minutes")
    parser.add_argument("--smallest", dest="size", action="store_const", const="smallest", help="to see that all runs")
    parser.add_argument("--only", action="append", choices=list(ALL), metavar="NAME", help="this row; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write them as a document to FILE")
    parser.add_argument("--report", type=Path, metavar="FILE", help="also as a page of HTML; needs the extra report")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the times; needs matplotlib")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
