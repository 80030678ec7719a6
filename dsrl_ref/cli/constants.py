"""What was measured of this machine for ``dsrl-ref plan``, in a file for the next question about data of a shape."""

import json
import math
import os
import platform
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref import __version__
from dsrl_ref.multiview.planning import Constants, Shape, measurable
from dsrl_ref.persistence import replace_file

PARTS = [field.name for field in fields(Constants)]


def _known(path: Path) -> dict[str, Any]:
    """What the file has; nothing if it is none of ours."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def recalled(shape: Shape, path: Path | None) -> Constants | None:
    """The constants of a shape that the file has of this machine and this version; None where it has none."""
    found: Any = None if path is None else _known(path).get(_key(shape))
    try:
        constants = Constants(*({name: float(found[part][name]) for name in measurable()} for part in PARTS))
    except (TypeError, KeyError, ValueError):
        return None
    numbers = [number for part in asdict(constants).values() for number in part.values()]
    return constants if all(0 <= number < math.inf for number in numbers) else None


def keep(shape: Shape, constants: Constants, path: Path | None) -> None:
    """Add them to the file.

    Raises
    ------
    OSError
        Where it cannot be written, and where it is not known where.
    """
    if path is None:
        raise OSError("no home folder is known: set XDG_CACHE_HOME")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps({**_known(path), _key(shape): asdict(constants)}, indent=1).encode())


def place() -> Path | None:
    """Where programs keep what they can find again: ``$XDG_CACHE_HOME/dsrl_ref/plan.json``, or below ``~/.cache``.

    None where the system knows no home, as of a user that a container makes up.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return folder / "dsrl_ref" / "plan.json"


def _key(shape: Shape) -> str:
    machine = f"{platform.node()} {platform.machine()} {os.cpu_count()}"
    return f"dsrl_ref {__version__}, NumPy {np.__version__}, {machine}, {shape}"
