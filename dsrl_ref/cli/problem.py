"""Problems in files: W, or D and Y, and what else a command needs of them.

W, Y, x0 and the target may be names of a .npy instead of matrices: it is read where it lies, beside the file.
"""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

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


def add_scratch(parser: argparse.ArgumentParser) -> None:
    """Add ``--scratch``."""
    parser.add_argument(
        "--scratch",
        type=Path,
        metavar="FOLDER",
        help="where data on disk, a key that is the name of a .npy, are sorted (the folder of the .npy)",
    )


def read_problem(
    path: Path, required: Collection[str] = (), optional: Collection[str] = (), scratch: Path | None = None
) -> tuple[Fidelity | LeastSquares, dict[str, Any]]:
    """Read f and the other arrays; a missing or unknown key is refused by name."""
    data = {key: _named(value, path) for key, value in read_npz(path).items()}
    kind = ("W",) if "W" in data else ("D", "Y")
    needs = ", ".join(["W, or D and Y", *required])
    if missing := [key for key in (*kind, *required) if key not in data]:
        raise ValueError(f"{path} has no key {', '.join(missing)}; it needs {needs}")
    if unknown := sorted(set(data) - {*kind, *required, *optional}):
        known = ", ".join([needs, *optional])
        raise ValueError(f"{path} has the unknown key {', '.join(unknown)}; known are {known}")
    if "W" in data:
        return Fidelity(data["W"], scratch=scratch), data
    return LeastSquares(data["D"], data["Y"], scratch=scratch), data


def _named(value: Any, path: Path) -> Any:
    """A matrix, or the file that a text names, beside the one that has the text."""
    is_name = isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind == "U"
    return path.parent / str(value) if is_name else value
