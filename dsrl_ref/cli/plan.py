"""``dsrl-ref plan``: what clustering or classifying so many samples would take, before it is begun."""

import argparse
from dataclasses import asdict

from dsrl_ref.cli import constants as kept
from dsrl_ref.cli.applications import add_jobs, positive
from dsrl_ref.cli.output import add_json, note, print_json
from dsrl_ref.multiview import planning
from dsrl_ref.progress import duration, remark
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
    least = max(shape.classes, shape.neighbors + 1)
    if arguments.samples < least:
        raise ValueError(
            f"--samples {arguments.samples} are too few for {shape.classes} classes and {shape.neighbors} neighbours: "
            f"give {least} or more"
        )
    constants = constants_of(shape, arguments.again)
    with limited(arguments.jobs):
        found, threads = planning.plan(shape, arguments.samples, constants), processors()
    if arguments.json:
        print_json({**asdict(found), "threads": threads})
        return 0
    views = f"{shape.views} view{'s' * (shape.views > 1)} of {shape.features} features"
    print(f"{arguments.samples:,} samples, {views}, {shape.classes} classes, {shape.neighbors} neighbours each")
    print(f"{threads} thread{'s' * (threads > 1)}, {found.memory / GB:.1f} GB of memory free\n")
    for step in [*found.steps, *found.totals]:
        print(f"{step.name:<23}{duration(step.seconds):>8}{step.peak / GB:>8.2f} GB  {step.advice}".rstrip())
    return 0


def constants_of(shape: planning.Shape, again: bool) -> planning.Constants:
    """What is known of this machine, or is measured now and kept for the next time."""
    path = kept.place()
    constants = None if again else kept.recalled(shape, path)
    if constants is None:
        remark("measuring this machine on data of this shape, which the next time need not be done")
        constants = planning.Constants.measured(shape)
        try:
            kept.keep(shape, constants, path)
        except OSError as error:
            note(f"dsrl-ref: what was measured is not kept: {error}")
    return constants
