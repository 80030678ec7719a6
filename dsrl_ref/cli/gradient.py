"""``dsrl-ref gradient PROBLEM.npz``: loss, gradient and ties of one problem.

Keys of the file: W, or D and Y; theta (4,), L, layers; optional x0, target.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from dsrl_ref.arrays import as_number
from dsrl_ref.cli.help import filled
from dsrl_ref.cli.output import add_json, print_json
from dsrl_ref.cli.problem import add_scratch, read_problem, told
from dsrl_ref.differences import check_gradient
from dsrl_ref.engines import table
from dsrl_ref.objective import Objective

LARGEST_GAP = 1e-6
REQUIRED, OPTIONAL = ("theta", "L", "layers"), ("x0", "target")
OFTEN, EXAMPLE = ("--method", "--check", "--json"), "dsrl-ref gradient problem.npz --check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``gradient``."""
    parser.add_argument("problem", type=Path, metavar="PROBLEM.npz", help=f"keys {told(REQUIRED, OPTIONAL)}")
    parser.add_argument(
        "--method",
        choices=["auto", *table.ENGINES],
        default="auto",
        metavar="ENGINE",
        help=f"{', '.join(table.ENGINES)}; by default auto, which chooses one; --help-all describes them",
    )
    parser.add_argument("--check", action="store_true", help="compare with differences of the loss; 1 if they disagree")
    add_scratch(parser)
    add_json(parser)


def more() -> str:
    """Which engine is best for what."""
    return "engines:\n" + filled(table.description().splitlines(), indent="  ")


def run(arguments: argparse.Namespace) -> int:
    """Print loss, gradient and ties, and how far differences are; 1 where they are farther than rounding explains.

    A derivative may be 0, and a share of it says nothing then: gaps are shares of what a difference adds up, beyond
    rounding; what rounding hides is absolute, and stands beside the scale of the gradient.
    """
    f, data = read_problem(arguments.problem, REQUIRED, OPTIONAL, arguments.scratch)
    J = Objective(f, data.get("target"), layers=data["layers"], x0=data.get("x0"), method=arguments.method)
    theta, L = data["theta"], as_number(data["L"], "L")
    loss, gradient = J(theta, L)
    ties = J.ties(theta, L)
    checked = check_gradient(J, theta, L) if arguments.check else None
    if arguments.json:
        figures = {"check": asdict(checked)} if checked else {}
        print_json({"loss": loss, "gradient": gradient._asdict(), "method": J.method, "ties": ties, **figures})
    else:
        print(f"loss   {loss!r}")
        for name, value in gradient._asdict().items():
            print(f"dJ/d{name:<2} {value!r}")
        print(f"method {J.method}\nties   {ties}")
    if checked is None:
        return 0
    if not arguments.json:
        print(f"check  gaps to differences {_listed(checked.gaps)}; step {checked.step:.0e}")
        print(
            f"hidden by rounding, in the units of the derivatives: {_listed(checked.roundings)}; "
            f"at most {checked.rounding:.1e} of the scale S of the gradient"
        )
    return 0 if checked.gap <= LARGEST_GAP else 1


def _listed(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {figure:.1e}" for name, figure in figures.items())
