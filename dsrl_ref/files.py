"""Reading files that a caller names: a missing one is an OSError, bad content a ValueError."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

# What NumPy and zipfile raise on damaged content, as every bit flip of plain and compressed archives shows: OSError for
# a seek before the file's beginning, RuntimeError for an archive that calls itself encrypted or unknown to zipfile.
UNREADABLE = (
    ValueError,
    EOFError,
    TypeError,
    OSError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> dict[str, Any]:
    """Read every array of an .npz; pickled objects are refused, never run.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where it is no .npz, or damaged.
    """
    with path.open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as archive:
                return dict(archive)
        except UNREADABLE as error:
            raise ValueError(f"{path} is not a readable .npz file: {error}") from error


def require_writable(path: Path) -> None:
    """Raise OSError now, not after the work, where a file cannot be written."""
    existed = path.exists()
    with path.open("ab"):
        pass
    if not existed:
        path.unlink()
