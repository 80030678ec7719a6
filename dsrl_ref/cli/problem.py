"""Problems in files: W, or D and Y, and what else a command needs of them."""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dsrl_ref.files import read_npz
from dsrl_ref.smooth import Fidelity, LeastSquares


def add_whiten(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--whiten`` and what belongs to it."""
    parser.add_argument("--whiten", action="store_true", help=what)
    parser.add_argument(
        "--rcond",
        type=float,
        metavar="SHARE",
        help="with --whiten: drop singular values of D up to this share of the largest; by default those that rounding "
        "explains",
    )


def whitened(f: Fidelity | LeastSquares, arguments: argparse.Namespace) -> Fidelity | LeastSquares:
    """What ``--whiten`` makes of f; ValueError for a `Fidelity`, whose Hessian is the identity."""
    if not arguments.whiten:
        if arguments.rcond is not None:
            raise ValueError("--rcond is of whitening: give --whiten too")
        return f
    if not isinstance(f, LeastSquares):
        raise ValueError("--whiten is for least squares, with keys D and Y; with W there is nothing to whiten")
    try:
        return f.whitened(rcond=arguments.rcond)
    except ValueError as error:
        raise ValueError(str(error).replace("rcond=", "--rcond=")) from error


def told(required: Collection[str] = (), optional: Collection[str] = ()) -> str:
    """The keys of a file, for people."""
    needs = "; ".join(["W, or D and Y", ", ".join(required)] if required else ["W, or D and Y"])
    return f"{needs}; optional {', '.join(optional)}" if optional else needs


def read_problem(
    path: Path, required: Collection[str] = (), optional: Collection[str] = ()
) -> tuple[Fidelity | LeastSquares, dict[str, Any]]:
    """Read f and the other arrays; a missing or unknown key is refused by name."""
    data = read_npz(path)
    kind = ("W",) if "W" in data else ("D", "Y")
    needs = ", ".join(["W, or D and Y", *required])
    if missing := [key for key in (*kind, *required) if key not in data]:
        raise ValueError(f"{path} has no key {', '.join(missing)}; it needs {needs}")
    if unknown := sorted(set(data) - {*kind, *required, *optional}):
        known = ", ".join([needs, *optional])
        raise ValueError(f"{path} has the unknown key {', '.join(unknown)}; known are {known}")
    return Fidelity(data["W"]) if "W" in data else LeastSquares(data["D"], data["Y"]), data
