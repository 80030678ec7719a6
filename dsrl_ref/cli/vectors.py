"""``dsrl-ref vectors -o FILE``: conformance vectors; `dsrl_ref.verify.vectors` documents the format."""

import argparse
import json
from pathlib import Path

from dsrl_ref.cli.output import print_json
from dsrl_ref.verify.vectors import document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vectors``."""
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="JSON file to write; stdout by default")


def run(arguments: argparse.Namespace) -> int:
    """Write the vectors."""
    if arguments.output is None:
        print_json(document())
    else:
        arguments.output.write_text(json.dumps(document(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0
