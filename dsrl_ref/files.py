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


POINTER = b"version https://git-lfs"  # how a file begins that Git LFS put in the place of another
OBJECTS = (
    "holds objects of Python, which are never loaded, as that would run what is in them; save names as texts, "
    "np.array(names, dtype=str), with '' where there is none, and numbers with -1"
)


def refuse_pointer(path: Path) -> None:
    """Raise ValueError for a file that Git LFS has not fetched yet, OSError for one that cannot be opened."""
    with path.open("rb") as stream:
        if stream.read(len(POINTER)) == POINTER:
            raise ValueError(f"{path} is a pointer of Git LFS and not the data: git lfs pull fetches it")


def read_npz(path: Path) -> dict[str, Any]:
    """Read every array of an .npz; pickled objects are refused, never run.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where it is no .npz, or damaged.
    """
    refuse_pointer(path)
    with path.open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as archive:
                return {name: _member(archive, name) for name in archive.files}
        except UNREADABLE as error:
            raise ValueError(f"{path} is not a readable .npz file: {error}") from error


def _member(archive: Any, name: str) -> Any:
    """An array of an archive, or ValueError that names it, where it is one of objects."""
    try:
        return archive[name]
    except ValueError as error:
        if is_of_objects(error):
            raise ValueError(f"{name} {OBJECTS}") from error
        raise


def is_of_objects(error: Exception) -> bool:
    """Whether NumPy refused an array because it would have to be unpickled."""
    return "allow_pickle" in str(error)


def require_writable(path: Path) -> None:
    """Raise OSError now, not after the work, where a file cannot be written."""
    existed = path.exists()
    with path.open("ab"):
        pass
    if not existed:
        path.unlink()
