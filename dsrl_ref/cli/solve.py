"""``dsrl-ref solve PROBLEM.npz``: minimise f + weight·g for a problem in a file.

Keys of the file: W, or D and Y; theta; optional weight, x0.
"""

import argparse
import io
from pathlib import Path

import numpy as np

from dsrl_ref.arrays import as_number
from dsrl_ref.cli.output import add_json, print_json, require_places
from dsrl_ref.cli.problem import read_problem, told
from dsrl_ref.persistence import replace_file
from dsrl_ref.solver import solve

REQUIRED, OPTIONAL, WRITES = ("theta",), ("weight", "x0"), ("x",)
OFTEN, EXAMPLE = ("--output", "--weight", "--tol", "--json"), "dsrl-ref solve problem.npz -o solution.npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``solve``."""
    parser.add_argument("problem", type=Path, metavar="PROBLEM.npz", help=f"keys {told(REQUIRED, OPTIONAL)}")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.npz", help="write the solution here, as key x")
    parser.add_argument("--weight", type=float, help="of g, instead of the file's (1); 0 is f alone")
    parser.add_argument(
        "--tol",
        type=float,
        default=1e-8,
        help="largest residual of a column: its duality gap relative to its objective, or what violates a condition "
        "of first order relative to weight·b1 (1e-8)",
    )
    parser.add_argument("--max-iter", type=int, default=10_000, help="most iterations of a column (10000)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Solve, write, and print; 1 if it did not converge."""
    f, data = read_problem(arguments.problem, REQUIRED, OPTIONAL)
    weight = as_number(data.get("weight", 1.0), "weight") if arguments.weight is None else arguments.weight
    require_places([arguments.output], [arguments.problem])
    found = solve(f, data["theta"], weight, x0=data.get("x0"), tol=arguments.tol, max_iter=arguments.max_iter)
    if arguments.output:
        stream = io.BytesIO()
        np.savez(stream, **dict(zip(WRITES, [found.x], strict=True)))
        replace_file(arguments.output, stream.getvalue())
    report = {
        "objective": found.objective,
        "residual": found.residual,
        "iterations": found.iterations,
        "nonzeros": int(np.count_nonzero(found.x)),
        "entries": int(found.x.size),
        "converged": found.converged,
        "status": found.status.name,
        "columns": {status.name: int(sum(found.column_status == status)) for status in set(found.column_status)},
        "message": found.message,
    }
    if arguments.json:
        print_json(report)
    else:
        for name in ("objective", "residual", "iterations", "message"):
            print(f"{name:<11}{report[name]}")
        print(f"nonzeros   {report['nonzeros']} of {report['entries']}")
    return 0 if found.converged else 1
