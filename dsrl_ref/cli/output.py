"""Writing results: JSON without NaN, places to write to, and arguments that several commands share."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dsrl_ref.files import require_writable
from dsrl_ref.progress import aside
from dsrl_ref.report import render


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add ``--json`` to a parser, or to a group of options that exclude one another."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add ``--report``."""
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="also write a page to read; needs the extra report",
    )


def require_report(path: Path | None) -> None:
    """Raise MissingExtraError now, not after the work, where a page was asked for that cannot be made."""
    if path is not None:
        render.require()


def print_json(document: Any) -> None:
    """Print strict JSON in ASCII, which every stdout can encode: NaN and infinity are errors, not text."""
    print(json.dumps(document, allow_nan=False, indent=1))


def show(text: str = "") -> None:
    """Print a line at once, so that it is seen while more is computed; a line of `Progress` gives way to it."""
    with aside():
        print(text, flush=True)


def note(text: str) -> None:
    """Print a line on stderr, if that is open."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def require_places(places: Iterable[Path | None], read: Iterable[Path | None]) -> None:
    """Raise now, not after the work, where a result has no place of its own; None is a file that was not asked for.

    Raises
    ------
    OSError
        Where a file of `places` cannot be written.
    ValueError
        Where it would replace one of the files that are `read`, or another of `places`.
    """
    taken = list(filter(None, read))
    for place in filter(None, places):
        for other in taken:
            if place.resolve() == other.resolve():
                raise ValueError(f"writing {place} would replace {other}, which is needed: give it another name")
        require_writable(place)
        taken.append(place)


def non_negative(text: str) -> int:
    """Parse an integer that is not negative, for argparse."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must not be negative: {text}")
    return number
