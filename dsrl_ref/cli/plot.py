"""``dsrl-ref plot MODEL``: draw what was learned, or found; needs the extra ``plot``."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsrl_ref.cli.output import non_negative, require_places
from dsrl_ref.cli.problem import add_whiten, read_problem, whitened
from dsrl_ref.persistence import load, replace_file
from dsrl_ref.pictures import PICTURES, draw_estimator
from dsrl_ref.plotting import as_bytes, draw_model, kind_of, require_kind
from dsrl_ref.results import FitResult

REQUIRED, OPTIONAL = ("target",), ("layers", "x0", "theta", "L")
OFTEN, EXAMPLE = ("--output", "--data", "--whiten", "--picture"), "dsrl-ref plot model.dsrl -o model.svg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``plot``."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a file that fit saved, or cluster or classify --model"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a picture, .png, .pdf or .svg; MODEL.png by default"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PROBLEM.npz",
        help="draw errors by layer on these data, keys W, or D and Y, and target; for a MODEL with one Θ and L a layer",
    )
    parser.add_argument(
        "--picture",
        choices=[picture for picture in PICTURES if picture != "confusion"],
        help="what is drawn of clusters or classes: all on a page (overview), or one that goes into a paper",
    )
    add_whiten(parser, "whiten the least squares of the data, as fit --whiten")
    parser.add_argument(
        "--layers",
        type=non_negative,
        help="of the network that is drawn; for a MODEL that an older version saved, which does not know them; of "
        "any other it must be what the MODEL says",
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw ξ, g, the loss and the network to a file, and print its name."""
    output = arguments.output or arguments.model.with_name(f"{arguments.model.name}.png")
    require_kind(kind_of(output))
    learned = load(arguments.model)
    require_places([output], [arguments.model, *([arguments.data] if arguments.data else [])])
    figure = (_of_fit if isinstance(learned, FitResult) else _of_estimator)(arguments, learned)
    replace_file(output, as_bytes(figure, kind_of(output)))
    print(output)
    return 0


def _of_estimator(arguments: argparse.Namespace, model: Any) -> Any:
    """Draw clusters or classes; ValueError for options of other models."""
    given = {
        "--data": arguments.data,
        "--whiten": arguments.whiten or None,
        "--rcond": arguments.rcond,
        "--layers": arguments.layers,
    }
    for option, value in given.items():
        if value is not None:
            raise ValueError(f"{option} is for what fit learned; {arguments.model} holds a {type(model).__name__}")
    return draw_estimator(model, arguments.picture or "overview")


def _of_fit(arguments: argparse.Namespace, learned: FitResult) -> Any:
    """Draw what fit learned, with data if they are given."""
    if arguments.picture is not None:
        raise ValueError(f"--picture is for clusters and classes, and {arguments.model} holds what fit learned")
    if (arguments.whiten or arguments.rcond is not None) and arguments.data is None:
        raise ValueError(f"{'--whiten' if arguments.whiten else '--rcond'} is of the data: give --data too")
    if arguments.layers is not None:
        learned = _with_layers(learned, arguments.layers)
    if arguments.data is None:
        return draw_model(learned)
    f, data = read_problem(arguments.data, REQUIRED, OPTIONAL)
    return draw_model(learned, f=whitened(f, arguments), target=data["target"])


def _with_layers(learned: FitResult, layers: int) -> FitResult:
    """Tell a model of version 1 its layers; ValueError for a model that knows that it has others."""
    if learned.layers is None:
        return replace(learned, layers=layers, kind=learned.kind or "Fidelity")
    if learned.layers != layers:
        raise ValueError(
            f"--layers is {layers}, but the model was learned with {learned.layers} layers, and is drawn with them: "
            "leave --layers out"
        )
    return learned
