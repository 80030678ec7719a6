"""``dsrl-ref plot MODEL``: draw what was learned; needs the extra ``plot``."""

import argparse
from dataclasses import replace
from pathlib import Path

from dsrl_ref.cli.output import non_negative, require_places
from dsrl_ref.cli.problem import read_problem, whitened
from dsrl_ref.errors import ModelFileError
from dsrl_ref.persistence import load, replace_file
from dsrl_ref.plotting import as_bytes, draw_model, kind_of, require_kind
from dsrl_ref.results import FitResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``plot``."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file that fit saved")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a picture, .png, .pdf or .svg; MODEL.png by default"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PROBLEM.npz",
        help="draw errors by layer on these data, keys W, or D and Y, and target; for a MODEL with one Θ and L a layer",
    )
    parser.add_argument("--whiten", action="store_true", help="whiten the least squares of the data, as fit --whiten")
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
    if not isinstance(learned, FitResult):
        kind = type(learned).__name__
        raise ModelFileError(f"{arguments.model} holds a {kind}, and plot draws what fit learned; see cluster --plot")
    require_places([output], [arguments.model, *([arguments.data] if arguments.data else [])])
    if arguments.whiten and arguments.data is None:
        raise ValueError("--whiten is of the data: give --data too")
    if arguments.layers is not None:
        learned = _with_layers(learned, arguments.layers)
    if arguments.data is None:
        figure = draw_model(learned)
    else:
        f, data = read_problem(arguments.data, ("target",), ("layers", "x0", "theta", "L"))
        figure = draw_model(learned, f=whitened(f) if arguments.whiten else f, target=data["target"])
    replace_file(output, as_bytes(figure, kind_of(output)))
    print(output)
    return 0


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
