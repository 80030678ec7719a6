"""``dsrl-ref vectors -o FILE``: conformance vectors; `dsrl_ref.verify.vectors` documents the format."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from dsrl_ref.cli.help import filled
from dsrl_ref.cli.output import print_json
from dsrl_ref.verify import vectors

OFTEN, EXAMPLE = ("--output",), "dsrl-ref vectors -o vectors.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vectors``."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="JSON file to write; without it, stdout, if that is no terminal",
    )


def more() -> str:
    """The format."""
    told = filled([f"The format, version {vectors.VERSION}:", *vectors.ABOUT])
    table = vectors.__doc__ or ""
    keys = table[table.index("=====") : table.rindex("=====") + 5]  # as the module documents them
    return f"{told}\nOf a problem:\n\n{keys}\n"


def run(arguments: argparse.Namespace) -> int:
    """Write the vectors to a file or a pipe; of some ten thousand lines a terminal shows what they are."""
    document = vectors.document()
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    elif sys.stdout.isatty():
        print(summary(document))
    else:
        print_json(document)
    return 0


def summary(document: dict[str, Any]) -> str:
    """A line for each problem, with the equations that it rests on, and how to get the numbers."""
    shared, apart = document["problems"], document["per_layer"]
    width = max(len(problem["name"]) for problem in (*shared, *apart))
    lines = []
    for title, problems in (("one Θ for all layers", shared), ("one Θ and one L a layer", apart)):
        lines += [f"{len(problems)} problems, {title}:"]
        for problem in problems:
            lines.append(f"  {problem['name']:<{width}}  ({'), ('.join(map(str, problem['equations']))})")
    return "\n".join([*lines, "", f"For all numbers, as JSON of version {document['version']}: {EXAMPLE}"])
