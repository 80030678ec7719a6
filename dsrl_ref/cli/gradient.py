"""``dsrl-ref gradient PROBLEM.npz``: loss, gradient and ties of one problem.

Keys of the file: W, or D and Y; theta (4,), L, layers; optional x0, target.
"""

import argparse
from pathlib import Path
from typing import Any

from dsrl_ref.arrays import as_count, as_number
from dsrl_ref.cli.output import add_json, print_json
from dsrl_ref.files import read_npz
from dsrl_ref.objective import ENGINES, FIDELITY_ONLY, Objective
from dsrl_ref.smooth import Fidelity, LeastSquares

REQUIRED, OPTIONAL = ("theta", "L", "layers"), ("x0", "target")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``gradient``."""
    parser.add_argument(
        "problem", type=Path, metavar="PROBLEM.npz", help="keys W, or D and Y; theta, L, layers; optional x0, target"
    )
    parser.add_argument("--method", choices=["auto", *ENGINES, *FIDELITY_ONLY], default="auto")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print loss, gradient and ties."""
    data = read_npz(arguments.problem)
    f = _smooth_term(data, arguments.problem)
    layers = as_count(data["layers"], "layers")
    J = Objective(f, data.get("target"), layers=layers, x0=data.get("x0"), method=arguments.method)
    theta, L = data["theta"], as_number(data["L"], "L")
    loss, gradient = J(theta, L)
    ties = J.ties(theta, L)
    if arguments.json:
        print_json({"loss": loss, "gradient": gradient._asdict(), "method": J.method, "ties": ties})
        return 0
    print(f"loss   {loss!r}")
    for name, value in gradient._asdict().items():
        print(f"dJ/d{name:<2} {value!r}")
    print(f"method {J.method}\nties   {ties}")
    return 0


def _smooth_term(data: dict[str, Any], path: Path) -> Fidelity | LeastSquares:
    kind = ("W",) if "W" in data else ("D", "Y")
    missing = [key for key in (*kind, *REQUIRED) if key not in data]
    if missing:
        raise ValueError(f"{path} has no key {', '.join(missing)}; it needs W, or D and Y, and theta, L, layers")
    unknown = sorted(set(data) - {*kind, *REQUIRED, *OPTIONAL})
    if unknown:
        raise ValueError(
            f"{path} has the unknown key {', '.join(unknown)}; known are W, or D and Y, theta, L, layers, x0, target"
        )
    return Fidelity(data["W"]) if "W" in data else LeastSquares(data["D"], data["Y"])
