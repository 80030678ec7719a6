"""``dsrl-ref vectors -o FILE``: conformance vectors; `dsrl_ref.verify.vectors` documents the format."""

import argparse
import json
from pathlib import Path

from dsrl_ref.cli.help import filled
from dsrl_ref.cli.output import print_json
from dsrl_ref.verify import vectors

OFTEN, EXAMPLE = ("--output",), "dsrl-ref vectors -o vectors.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vectors``."""
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="JSON file to write; stdout by default")


def more() -> str:
    """The format."""
    told = filled([f"The format, version {vectors.VERSION}:", *vectors.ABOUT])
    table = vectors.__doc__ or ""
    keys = table[table.index("=====") : table.rindex("=====") + 5]  # as the module documents them
    return f"{told}\nOf a problem:\n\n{keys}\n"


def run(arguments: argparse.Namespace) -> int:
    """Write the vectors."""
    document = vectors.document()
    if arguments.output is None:
        print_json(document)
    else:
        arguments.output.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0
