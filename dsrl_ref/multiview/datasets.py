"""Data sets: the embedded digits, and files with views X and labels Y.

The digits are the test part of *Optical Recognition of Handwritten Digits*, E. Alpaydin and C. Kaynak, UCI
Machine Learning Repository, doi 10.24432/C50P49, licensed CC BY 4.0: 1,797 images of 8×8 pixels with values
0..16, taken from scikit-learn's copy and packed, otherwise unchanged.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, as_matrix
from dsrl_ref.files import read_npz


def load_dataset(path_or_name: str | Path) -> tuple[list[Array], NDArray[Any] | None]:
    """Load views and labels.

    Parameters
    ----------
    path_or_name : str or Path
        ``"digits"``, or a file: ``.mat`` with a cell array X of views (samples by features) and labels Y, or
        ``.npz`` with one view X or several X0, X1, ... and labels Y.

    Returns
    -------
    views : list of ndarray (n, d_v)
        float64. Of the digits four *derived* views, all computed from the same image: pixels (64), magnitude
        of its Fourier transform (40), row and column sums (16), horizontal and vertical differences (128).
    labels : ndarray (n,) or None
        None where the file has no Y.

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where it has no views, or their lengths disagree; the message names the key.

    Examples
    --------
    >>> views, labels = load_dataset("digits")
    >>> [view.shape for view in views], labels.shape
    ([(1797, 64), (1797, 40), (1797, 16), (1797, 128)], (1797,))
    """
    if path_or_name == "digits":
        return _digits()
    path = Path(path_or_name)
    readers = {".mat": _read_mat, ".npz": _read_npz}
    if path.suffix not in readers:
        raise ValueError(f"{path_or_name} is neither 'digits' nor a file ending in {' or '.join(readers)}")
    raw_views, raw_labels = readers[path.suffix](path)
    if not raw_views:
        raise ValueError(f"{path} has no views: key X is missing")
    views = [as_matrix(view, f"X[{v}]") for v, view in enumerate(raw_views)]
    labels = None if raw_labels is None else np.ravel(raw_labels)
    for v, view in enumerate(views):
        if len(view) != len(views[0]):
            raise ValueError(f"{path}: X[{v}] has {len(view)} samples, X[0] has {len(views[0])}; they must agree")
    if labels is not None and len(labels) != len(views[0]):
        raise ValueError(f"{path}: Y has {len(labels)} labels for {len(views[0])} samples")
    return views, labels


def _digits() -> tuple[list[Array], NDArray[Any]]:
    with files("dsrl_ref.multiview").joinpath("digits.npz").open("rb") as stream, np.load(stream) as packed:
        images = packed["images"].astype(np.float64)
        labels = packed["labels"].astype(np.int64)
    n = len(images)
    derived = (
        images,
        np.abs(np.fft.rfft2(images)),
        np.stack([images.sum(axis=1), images.sum(axis=2)], axis=1),
        np.stack(np.gradient(images, axis=(1, 2)), axis=1),
    )
    return [np.ascontiguousarray(view.reshape(n, -1)) for view in derived], labels


def _read_mat(path: Path) -> tuple[list[Any], Any]:
    from scipy.io import loadmat

    try:
        content = loadmat(str(path), appendmat=False)
    except (ValueError, NotImplementedError, TypeError, EOFError, KeyError) as error:
        raise ValueError(f"{path} is not a readable .mat file: {error}") from error
    views = content.get("X")
    if views is None:
        return [], None
    views = list(views.ravel()) if views.dtype == object else [views]
    return [view.toarray() if hasattr(view, "toarray") else view for view in views], content.get("Y")


def _read_npz(path: Path) -> tuple[list[Any], Any]:
    content = read_npz(path)
    keys = ["X"] if "X" in content else sorted((k for k in content if k[:1] == "X" and k[1:].isdigit()), key=_number)
    return [content[key] for key in keys], content.get("Y")


def _number(key: str) -> int:
    return int(key[1:])
