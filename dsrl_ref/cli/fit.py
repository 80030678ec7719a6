"""``dsrl-ref fit PROBLEM.npz``: learn Θ and L for a problem in a file.

Keys of the file: W, or D and Y; layers; target, which W makes optional; optional x0, theta, L to start from.
"""

import argparse
import math
from pathlib import Path

from dsrl_ref.arrays import as_number
from dsrl_ref.cli.output import add_json, print_json, require_places
from dsrl_ref.cli.problem import read_problem
from dsrl_ref.objective import Objective
from dsrl_ref.persistence import save
from dsrl_ref.status import Status
from dsrl_ref.training.fit import METHODS, fit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``fit``."""
    parser.add_argument(
        "problem",
        type=Path,
        metavar="PROBLEM.npz",
        help="keys W, or D and Y; layers; target, optional with W; optional x0, theta, L",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL", help="save what was learned to this file")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0])
    parser.add_argument("--epochs", type=int, default=100, help="steps; at most so many for gauss-newton (100)")
    parser.add_argument("--learning-rate", type=float, default=0.02, help="for authors (0.02)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="write the state of the run here")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, where there is one")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn, save, and print; 1 if it did not converge, 130 after Ctrl-C."""
    require_places([arguments.output, arguments.checkpoint], [arguments.problem])
    f, data = read_problem(arguments.problem, ("layers",), ("target", "x0", "theta", "L"))
    J = Objective(f, data.get("target"), layers=data["layers"], x0=data.get("x0"))
    learned = fit(
        J,
        theta=data.get("theta"),
        L=as_number(data["L"], "L") if "L" in data else None,
        method=arguments.method,
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        checkpoint=arguments.checkpoint,
        resume=arguments.resume,
    )
    if arguments.output:
        save(arguments.output, learned)
    report = {
        "theta": learned.theta._asdict(),
        "L": learned.L,
        "loss": learned.loss if math.isfinite(learned.loss) else None,
        "epochs": len(learned.history["loss"]),
        "converged": learned.converged,
        "status": learned.status and learned.status.name,
        "message": learned.message,
        "violations": list(learned.theta.violations()),
    }
    if arguments.json:
        print_json(report)
    else:
        print(f"theta    {learned.theta}\nL        {learned.L!r}\nloss     {learned.loss!r}")
        print(f"epochs   {report['epochs']}\nmessage  {learned.message}")
    if learned.status is Status.INTERRUPTED:
        return 130
    return 0 if learned.converged else 1
