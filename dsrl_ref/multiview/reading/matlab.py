"""MATLAB's files: up to version 7 by scipy, of version 7.3, which are HDF5, by h5py."""

import warnings
from pathlib import Path
from typing import Any

from dsrl_ref.multiview.reading.hdf5 import SIGNATURE, read_hdf5

PLACES = 0, 512  # of HDF5's signature: a file of MATLAB has 512 bytes of its own before


def read_mat(path: Path) -> dict[str, Any]:
    """Every variable of a .mat file, under its name.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where it is none, or damaged.
    MissingExtraError
        Where it is of version 7.3, and h5py is not installed.
    """
    with path.open("rb") as stream:
        head = stream.read(PLACES[-1] + len(SIGNATURE))
    if any(head[place:].startswith(SIGNATURE) for place in PLACES):
        return read_hdf5(path)
    from scipy.io import loadmat

    with path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variable that scipy cannot open is named by whoever reads
        try:
            content: dict[str, Any] = loadmat(stream)
        except Exception as error:  # a damaged file breaks scipy's reader in as many ways as it has branches
            raise ValueError(f"{path} is not a readable .mat file: {error}") from error
    return {key: value for key, value in content.items() if not key.startswith("__")}
