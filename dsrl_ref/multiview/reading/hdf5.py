"""HDF5, as MATLAB 7.3 writes it and as Python does.

MATLAB stores its arrays with the axes reversed, a cell array as references, a struct and a sparse matrix as groups,
texts as numbers of characters; its attribute ``MATLAB_class`` tells. An array without it is as NumPy wrote it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.errors import MissingExtraError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HIDDEN = "#"  # at the beginning of MATLAB's own groups: #refs#, #subsystem#
NUMERIC = "double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


def read_hdf5(path: Path) -> dict[str, Any]:
    """Every array of an HDF5 file: dictionaries for groups and structs, lists for cells.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where it is none, or damaged.
    MissingExtraError
        Where h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(f"{path} is HDF5, as MATLAB 7.3 writes it: pip install 'dsrl_ref[io]'") from error
    with path.open("rb") as stream:
        try:
            with h5py.File(stream, "r") as file:
                return _members(file, file)
        except Exception as error:  # a damaged file breaks h5py's reader in as many ways as HDF5 has parts
            raise ValueError(f"{path} is not a readable HDF5 file: {error}") from error


def _members(file: Any, group: Any) -> dict[str, Any]:
    return {key: convert(file, group[key]) for key in group if not key.startswith(HIDDEN)}


def convert(file: Any, item: Any) -> Any:
    """One item of an HDF5 file as arrays, dictionaries and lists."""
    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if hasattr(item, "keys"):
        rows = item.attrs.get("MATLAB_sparse")
        return _members(file, item) if rows is None else _sparse(item, int(rows))
    if item.attrs.get("MATLAB_empty"):
        return [] if kind == "cell" else np.empty((0, 0))
    value = np.asarray(item[()])
    if value.dtype.kind == "O" and value.size and _is_reference(value.flat[0]):
        return _references(file, value)
    if not kind:
        return _texts(value) if value.dtype.kind in "OS" else value
    if kind == "char":
        return _characters(value.T)
    return value.T if kind in NUMERIC else object()


def _is_reference(value: Any) -> bool:
    return type(value).__name__ == "Reference"


def _references(file: Any, value: Any) -> list[Any]:
    """What references lead to, in the order in which MATLAB counts cells: value has its axes reversed."""
    return [convert(file, file[reference]) for reference in value.ravel(order="C")]


def _sparse(group: Any, rows: int) -> Any:
    """A sparse matrix: values, rows of the nonzeros and where each column begins; without nonzeros only the last."""
    from scipy.sparse import csc_array

    starts = np.asarray(group["jc"][()])
    places = np.asarray(group["ir"][()]) if "ir" in group else np.empty(0, dtype=np.int64)
    values = np.asarray(group["data"][()]) if "data" in group else np.empty(0)
    return csc_array((values, places.astype(np.int64), starts.astype(np.int64)), shape=(rows, len(starts) - 1))


def _characters(codes: Any) -> Any:
    """A char array, one text a row."""
    return np.array(["".join(map(chr, row)).rstrip() for row in np.atleast_2d(codes)])


def _texts(value: Any) -> Any:
    """Texts that h5py gives as bytes; all else is left as it is."""
    flat = [text.decode() if isinstance(text, bytes) else text for text in value.ravel()]
    return np.array(flat).reshape(value.shape) if all(isinstance(text, str) for text in flat) else value
