"""Problems in files: W, or D and Y, and what else a command needs of them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from dsrl_ref.files import read_npz
from dsrl_ref.smooth import Fidelity, LeastSquares


def whitened(f: Fidelity | LeastSquares) -> LeastSquares:
    """The whitened least squares; ValueError for a `Fidelity`, whose Hessian is the identity."""
    if not isinstance(f, LeastSquares):
        raise ValueError("--whiten is for least squares, with keys D and Y; with W there is nothing to whiten")
    return f.whitened()


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
