"""``dsrl-ref plan``: what clustering or classifying so many samples would take, before it is begun."""

import argparse
from dataclasses import asdict

from dsrl_ref.cli.applications import add_jobs, positive
from dsrl_ref.cli.output import add_json, note, print_json
from dsrl_ref.multiview import planning
from dsrl_ref.progress import duration
from dsrl_ref.threads import limited, processors

OFTEN = "--samples", "--views", "--features", "--classes", "--neighbors", "--jobs", "--again", "--json"
EXAMPLE = "dsrl-ref plan --samples 100000 --views 3 --features 32 --classes 20"
GB = 1e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``plan``."""
    parser.add_argument("--samples", type=positive, required=True, metavar="N")
    parser.add_argument("--views", type=positive, default=1, metavar="V", help="(1)")
    parser.add_argument("--features", type=positive, required=True, metavar="D", help="of each view, dense")
    parser.add_argument("--classes", type=positive, required=True, metavar="C", help="or clusters")
    parser.add_argument("--neighbors", type=positive, default=10, metavar="K", help="neighbours of each sample (10)")
    parser.add_argument("--again", action="store_true", help="measure again what is known of this machine")
    add_jobs(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a line a step, with what to take instead where it is too much."""
    shape = planning.Shape(arguments.views, arguments.features, arguments.classes, arguments.neighbors)
    if not planning.is_known(shape) or arguments.again:
        note("measuring this machine on data of this shape, once: about a minute")
    with limited(arguments.jobs):
        found = planning.plan(shape, arguments.samples, again=arguments.again)
        threads = processors()
    if arguments.json:
        print_json(asdict(found))
        return 0
    print(f"{arguments.samples:,} samples of {shape.views} × {shape.features} features, {shape.classes} classes, "
          f"{shape.neighbors} neighbours each; threads: {threads}, memory: {found.memory / GB:.0f} GB")
    for step in found.steps:
        print(f"{step.name:<24}{duration(step.seconds):>10}{step.peak / GB:>8.2g} GB  {step.advice}".rstrip())
    for name, total in found.totals.items():
        print(f"{name:<24}{duration(total.seconds):>10}{total.peak / GB:>8.2g} GB")
    return 0
