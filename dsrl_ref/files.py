"""Reading files that a caller names: a missing one is an OSError, bad content a ValueError."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np


def read_npz(path: Path) -> dict[str, Any]:
    """Read every array of an .npz; pickled objects are refused, never run.

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where it is no .npz, or damaged.
    """
    with path.open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as archive:
                return dict(archive)
        except (ValueError, EOFError, KeyError, zipfile.BadZipFile, AttributeError, TypeError) as error:
            raise ValueError(f"{path} is not a readable .npz file: {error}") from error


def require_writable(path: Path) -> None:
    """Raise OSError now, not after the work, where a file cannot be written."""
    existed = path.exists()
    with path.open("ab"):
        pass
    if not existed:
        path.unlink()
