"""Writing results: JSON without NaN, and arguments that several commands share."""

import argparse
import json
from typing import Any


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def print_json(document: Any) -> None:
    """Print strict JSON in ASCII, which every stdout can encode: NaN and infinity are errors, not text."""
    print(json.dumps(document, allow_nan=False, indent=1))


def non_negative(text: str) -> int:
    """Parse an integer that is not negative, for argparse."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must not be negative: {text}")
    return number
