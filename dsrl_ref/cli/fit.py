"""``dsrl-ref fit PROBLEM.npz``: learn Θ and L for a problem in a file.

Keys of the file: W, or D and Y; layers; target, which W makes optional; optional x0, theta, L to start from, with
``--per-layer`` one for all layers or one a layer.
"""

import argparse
import math
from pathlib import Path
from typing import Any

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.cli.output import add_json, add_report, print_json, require_places, require_report
from dsrl_ref.cli.problem import add_scratch, add_whiten, read_problem, told, whitened
from dsrl_ref.objective import Objective
from dsrl_ref.persistence import save
from dsrl_ref.report import learned as pages
from dsrl_ref.report import render
from dsrl_ref.report.origin import origin
from dsrl_ref.report.page import Page
from dsrl_ref.results import FitResult
from dsrl_ref.status import Status
from dsrl_ref.training.fit import METHODS, fit

REQUIRED, OPTIONAL = ("layers",), ("target", "x0", "theta", "L")
OFTEN = "--output", "--method", "--per-layer", "--whiten", "--report", "--json"
EXAMPLE = "dsrl-ref fit problem.npz -o model.dsrl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``fit``."""
    parser.add_argument(
        "problem",
        type=Path,
        metavar="PROBLEM.npz",
        help=f"keys {told(REQUIRED, OPTIONAL)}; target is required with D and Y",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL", help="save what was learned to this file")
    parser.add_argument(
        "--method", choices=METHODS, default=METHODS[0], help=f"how ({METHODS[0]}); the other is the authors' training"
    )
    parser.add_argument("--per-layer", action="store_true", help="one Θ and one L a layer, by gauss-newton")
    add_whiten(parser, "take (DDᵀ)^-½ times D and times Y: layers learn faster")
    parser.add_argument(
        "--validation",
        type=number,
        metavar="SHARE",
        help="with --per-layer: what to hold out, a share or a number of the columns; 0 for none (a fifth)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=100,
        help="steps, with --per-layer of a stage; at most so many for gauss-newton (100)",
    )
    parser.add_argument("--learning-rate", type=float, default=0.02, help="for authors (0.02)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="write the state of the run here")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, where there is one")
    add_scratch(parser)
    add_report(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn, save, and print; 1 if it did not converge, 130 after Ctrl-C."""
    require_report(arguments.report)
    require_places([arguments.output, arguments.checkpoint, arguments.report], [arguments.problem])
    f, data = read_problem(arguments.problem, REQUIRED, OPTIONAL, arguments.scratch)
    J = Objective(
        whitened(f, arguments),
        data.get("target"),
        layers=data["layers"],
        x0=data.get("x0"),
        per_layer=arguments.per_layer,
    )
    learned = fit(
        J,
        theta=data.get("theta"),
        L=data.get("L"),
        method=arguments.method,
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        validation=arguments.validation,
        checkpoint=arguments.checkpoint,
        resume=arguments.resume,
    )
    if arguments.output:
        save(arguments.output, learned)
    if arguments.report:
        render.write(arguments.report, _page(arguments, J, data, learned))
    report = {
        **_parameters(learned),
        "loss": learned.loss if math.isfinite(learned.loss) else None,
        "epochs": len(learned.history["loss"]),
        "converged": learned.converged,
        "status": learned.status and learned.status.name,
        "message": learned.message,
    }
    if arguments.json:
        print_json(report)
    else:
        layers = zip(learned.theta, learned.L, strict=True) if learned.per_layer else [(learned.theta, learned.L)]
        for theta, L in layers:
            print(f"theta    {Theta(*theta)}\nL        {float(L)!r}")
        print(f"loss     {learned.loss!r}")
        if learned.validation is not None:
            print(f"held out {learned.validation!r}")
        print(f"epochs   {report['epochs']}\nmessage  {learned.message}")
    if learned.status is Status.INTERRUPTED:
        return 130
    return 0 if learned.converged else 1


def _page(arguments: argparse.Namespace, J: Objective, data: dict[str, Any], learned: FitResult) -> Page:
    """What was learned, for people; of one Θ a layer with the errors of layers, where they start as the data does."""
    asked = {
        "method": arguments.method,
        "whitened": "yes" if arguments.whiten else None,
        "epochs asked for, in each stage" if learned.per_layer else "epochs asked for": arguments.epochs,
        "learning rate": arguments.learning_rate if arguments.method == "authors" else None,
        "held out": arguments.validation,
    }
    drawn = learned.per_layer and "target" in data and "x0" not in data
    pictured = {"f": J.f, "target": data["target"]} if drawn else {}
    described = pages.described(str(arguments.problem), data, asked)
    return pages.page(learned, described, pictured, origin(arguments.command))


def _parameters(learned: FitResult) -> dict[str, Any]:
    """What was learned, for JSON: one Θ and L, or a list of each, the first layer first."""
    if not learned.per_layer:
        return {"theta": learned.theta._asdict(), "L": learned.L, "violations": list(learned.theta.violations())}
    thetas = [Theta(*row) for row in learned.theta]
    said = [f"layer {i}: {each}" for i, theta in enumerate(thetas, start=1) for each in theta.violations()]
    told = {"theta": [theta._asdict() for theta in thetas], "L": learned.L.tolist(), "violations": said}
    return {**told, "validation": learned.validation}


def number(text: str) -> float:
    """An int where it is one, else a float; ValueError, which argparse tells, for what is neither."""
    try:
        return int(text)
    except ValueError:
        return float(text)
