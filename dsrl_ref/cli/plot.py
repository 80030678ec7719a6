"""``dsrl-ref plot MODEL``: draw what was learned; needs the extra ``plot``."""

import argparse
from dataclasses import replace
from pathlib import Path

from dsrl_ref.cli.output import non_negative, require_places
from dsrl_ref.persistence import load, replace_file
from dsrl_ref.plotting import as_bytes, draw_model, kind_of, require_kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``plot``."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file that fit saved")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a picture, .png, .pdf or .svg; MODEL.png by default"
    )
    parser.add_argument(
        "--layers",
        type=non_negative,
        help="of the network that is drawn; for a MODEL that an older version saved, which does not know them",
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw ξ, g, the loss and the network to a file, and print its name."""
    output = arguments.output or arguments.model.with_name(f"{arguments.model.name}.png")
    require_kind(kind_of(output))
    learned = load(arguments.model)
    require_places([output], [arguments.model])
    if arguments.layers is not None:
        learned = replace(learned, layers=arguments.layers, kind=learned.kind or "Fidelity")
    figure = draw_model(learned)
    replace_file(output, as_bytes(figure, kind_of(output)))
    print(output)
    return 0
