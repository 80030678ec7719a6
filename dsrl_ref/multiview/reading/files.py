"""Every kind of file by its ending: what reads it, and whether it is an array, a table or several arrays."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dsrl_ref.files import OBJECTS, UNREADABLE, is_of_objects, read_npz, refuse_pointer
from dsrl_ref.multiview.reading.frames import read_frame
from dsrl_ref.multiview.reading.hdf5 import read_hdf5
from dsrl_ref.multiview.reading.matlab import read_mat
from dsrl_ref.multiview.reading.names import FRAMES, TEXTS
from dsrl_ref.multiview.reading.packed import opened, unpacked
from dsrl_ref.multiview.reading.tables import Table
from dsrl_ref.multiview.reading.texts import read_text

Read = TypeVar("Read")


def read_arrays(path: Path) -> dict[str, Any]:
    """Every array of an .npz, or its only matrix, under the name of the file, where scipy's save_npz wrote it.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where it is no .npz, or damaged.
    """
    content = read_npz(path)
    if "indptr" not in content or "format" not in content:
        return content
    from scipy.sparse import load_npz

    try:
        return {path.stem: load_npz(path)}
    except (ValueError, KeyError, AttributeError, NotImplementedError) as error:
        raise ValueError(f"{path} is not a readable sparse .npz file: {error}") from error


def read_npy(path: Path) -> dict[str, Any]:
    """The array of an .npy under the name of the file; errors as of `read_arrays`."""
    with path.open("rb") as stream:
        try:
            return {path.stem: np.lib.format.read_array(stream, allow_pickle=False)}
        except ValueError as error:
            told = f"it {OBJECTS}" if is_of_objects(error) else error
            raise ValueError(f"{path} is not a readable .npy file: {told}") from error
        except (*UNREADABLE, SyntaxError, OverflowError, MemoryError) as error:
            raise ValueError(f"{path} is not a readable .npy file: {error}") from error


def read_mtx(path: Path) -> dict[str, Any]:
    """The matrix of an .mtx under the name of the file; errors as of `read_arrays`."""
    from scipy.io import mmread

    with opened(path) as stream:
        try:
            return {stem_of(path): mmread(stream)}
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path} is not a readable .mtx file: {error}") from error


def _fetched(reader: Callable[[Path], Read]) -> Callable[[Path], Read]:
    """The same reader, but that a file which Git LFS has not fetched is called that."""

    def read(path: Path) -> Read:
        refuse_pointer(path)
        return reader(path)

    return read


ARRAYS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".mat": _fetched(read_mat),
    ".npz": read_arrays,
    ".npy": _fetched(read_npy),
    ".mtx": _fetched(read_mtx),
    ".h5": _fetched(read_hdf5),
    ".hdf5": _fetched(read_hdf5),
}
TABLES: dict[str, Callable[[Path], Table]] = {
    **dict.fromkeys(TEXTS, read_text),
    **dict.fromkeys(FRAMES, _fetched(read_frame)),
}


UNPACKS = *TEXTS, ".mtx"  # what is read from files that gzip has packed


def ending(path: Path) -> str:
    """The ending of a file in small letters, of a table that gzip has packed that of the table."""
    inner = unpacked(path).suffix.lower()
    return inner if inner in UNPACKS else path.suffix.lower()


def stem_of(path: Path) -> str:
    """The name of a file without its ending."""
    return unpacked(path).stem if ending(path) in UNPACKS else path.stem


def in_order(folder: Path) -> list[Path]:
    """What a folder holds, view2 before view10."""
    return sorted(folder.iterdir(), key=lambda path: [_key(part) for part in re.split(r"(\d+)", path.name)])


def _key(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdigit() else (True, 0, part)
