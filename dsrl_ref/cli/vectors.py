"""``dsrl-ref vectors -o FILE``: conformance vectors; `dsrl_ref.verify.vectors` documents the format."""

import argparse
import json
import textwrap
from pathlib import Path

from dsrl_ref.cli.output import print_json
from dsrl_ref.verify import vectors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vectors``."""
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="JSON file to write; stdout by default")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    told = [f"The format, version {vectors.VERSION}:", *vectors.ABOUT]
    table = vectors.__doc__ or ""
    keys = table[table.index("=====") : table.rindex("=====") + 5]  # as the module documents them
    parser.epilog = "\n\n".join(textwrap.fill(line, 100) for line in told) + "\n\nOf a problem:\n\n" + keys


def run(arguments: argparse.Namespace) -> int:
    """Write the vectors."""
    document = vectors.document()
    if arguments.output is None:
        print_json(document)
    else:
        arguments.output.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0
