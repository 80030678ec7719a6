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

from dsrl_ref.arrays import Array, as_count, as_matrix, is_sparse
from dsrl_ref.files import read_npz

LABELS = "y.csv"  # in letters of any size
FEATURES, SPREAD = 10, 1.5  # of each generated view


def load_dataset(path_or_name: str | Path) -> tuple[list[Array], NDArray[Any] | None]:
    """Load views and labels.

    Parameters
    ----------
    path_or_name : str or Path
        ``"digits"``; a file: ``.mat`` with a cell array X of views (samples by features) and labels Y, or ``.npz``
        with one view X or several X0, X1, ... and labels Y; or a folder of ``.csv`` files, a view each, in the order
        of their names, one line a sample, and the labels in ``Y.csv``, a line each; a first line of names is left out
        (among labels, where these are numbers). A file of nothing but labels Y has no views.

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
    raw_views, raw_labels = (_read_folder if path.is_dir() else _reader(path, READERS))(path)
    if not raw_views and raw_labels is None:
        raise ValueError(f"{path} has no views: key X is missing")
    views = [as_matrix(view, f"X[{v}]") for v, view in enumerate(raw_views)]
    labels = None if raw_labels is None else np.ravel(raw_labels)
    for v, view in enumerate(views):
        if len(view) != len(views[0]):
            raise ValueError(f"{path}: X[{v}] has {len(view)} samples, X[0] has {len(views[0])}; they must agree")
    if views and labels is not None and len(labels) != len(views[0]):
        raise ValueError(f"{path}: Y has {len(labels)} labels for {len(views[0])} samples")
    return views, labels


def load_graph(path: str | Path, key: str = "W") -> Any:
    """Load a precomputed graph.

    Parameters
    ----------
    path : str or Path
        ``.mat`` or ``.npz`` with the matrix as `key` (or an ``.npz`` that ``scipy.sparse.save_npz`` wrote), ``.npy``,
        or ``.mtx``.
    key : str
        Its name in the file.

    Returns
    -------
    ndarray or sparse container (n, n)
        As it was in the file.

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where it is none, or has no such key.
    """
    path = Path(path)
    return _reader(path, GRAPH_READERS)(path, key)


def complementary_views(
    n_samples: int = 300, n_classes: int = 4, n_views: int = 3, *, random_state: Any = None
) -> tuple[list[Array], NDArray[Any]]:
    """Generate views none of which separates the classes, though all together do.

    Parameters
    ----------
    n_samples, n_classes, n_views : int
        At least one sample a class, three classes and two views.
    random_state : None, int, SeedSequence or Generator
        Decides every draw.

    Returns
    -------
    views : list of ndarray (n_samples, 10)
        Gaussian classes of deviation 1 around means of deviation 1.5; in view v, classes v and v + 1 (counted round)
        have the same mean.
    labels : ndarray (n_samples,)
        Classes of equal size but for one, in random order.

    Examples
    --------
    >>> views, labels = complementary_views(random_state=0)
    >>> [view.shape for view in views], labels.shape
    ([(300, 10), (300, 10), (300, 10)], (300,))
    """
    classes, count = as_count(n_classes, "n_classes", least=3), as_count(n_views, "n_views", least=2)
    n = as_count(n_samples, "n_samples", least=classes)
    rng = np.random.default_rng(random_state)
    labels = rng.permutation(np.arange(n) % classes)
    views = []
    for v in range(count):
        means = SPREAD * rng.normal(size=(classes, FEATURES))
        means[(v + 1) % classes] = means[v % classes]
        views.append(means[labels] + rng.normal(size=(n, FEATURES)))
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


def _reader(path: Path, readers: dict[str, Any]) -> Any:
    if path.suffix not in readers:
        raise ValueError(f"{path} is neither 'digits' nor a file ending in {' or '.join(readers)}")
    return readers[path.suffix]


def _mat(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    with path.open("rb") as stream:
        try:
            content: dict[str, Any] = loadmat(stream)
        except Exception as error:  # a damaged file breaks scipy's reader in as many ways as it has branches
            raise ValueError(f"{path} is not a readable .mat file: {error}") from error
    return content


def _read_mat(path: Path) -> tuple[list[Any], Any]:
    content = _mat(path)
    views = content.get("X")
    if views is None:
        return [], content.get("Y")
    if views.dtype.names:
        raise ValueError(f"{path}: X is a struct with fields {', '.join(views.dtype.names)}; a cell array is needed")
    views = list(views.ravel()) if views.dtype == object else [views]
    return [view.toarray() if is_sparse(view) else view for view in views], _mat_labels(content.get("Y"))


def _mat_labels(labels: Any) -> Any:
    """Labels as they are, those of a cell array of strings taken out of their cells."""
    if is_sparse(labels):
        return labels.toarray()
    if labels is None or labels.dtype != object:
        return labels
    cells = [np.ravel(cell) for cell in labels.ravel()]
    for place, cell in enumerate(cells):
        if cell.size != 1:
            raise ValueError(f"Y[{place}] has {cell.size} entries; one label is needed")
    return np.array([cell[0] for cell in cells])


def _read_npz(path: Path) -> tuple[list[Any], Any]:
    content = read_npz(path)
    keys = sorted((key for key in content if key[:1] == "X" and key[1:].isdigit()), key=_number)
    if "X" in content and keys:
        raise ValueError(f"{path} has X and {keys[0]}: one view is X, several are X0, X1, ...")
    keys = ["X"] if "X" in content else keys
    return [content[key] for key in keys], content.get("Y")


def _number(key: str) -> int:
    return int(key[1:])


def _read_folder(path: Path) -> tuple[list[Any], Any]:
    tables = sorted(path.glob("*.csv"))
    labels = [table for table in tables if table.name.lower() == LABELS]
    if len(labels) > 1:
        raise ValueError(f"{path} has labels twice: {labels[0].name} and {labels[1].name}")
    views = [_read_csv(table) for table in tables if table not in labels]
    return views, _read_labels(labels[0]) if labels else None


def _lines(path: Path) -> list[tuple[int, str]]:
    """Number and text of every line that is not empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _read_csv(path: Path) -> Array:
    """Numbers between commas; a first line of names is left out."""
    rows: list[list[float]] = []
    for number, line in _lines(path):
        cells = line.split(",")
        if number == 1 and not any(_is_number(cell) for cell in cells):
            continue
        for column, cell in enumerate(cells, 1):
            if not _is_number(cell):
                raise ValueError(f"{path}: line {number}, column {column}: {cell!r} is no number")
        if rows and len(cells) != len(rows[0]):
            raise ValueError(f"{path}: line {number} has {len(cells)} cells, the first has {len(rows[0])}")
        rows.append([float(cell) for cell in cells])
    if not rows:
        raise ValueError(f"{path} has no samples")
    return np.array(rows, dtype=np.float64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_labels(path: Path) -> NDArray[Any]:
    cells = _lines(path)
    for number, cell in cells:
        if "," in cell:
            raise ValueError(f"{path}: line {number} has several cells, {cell!r}; one label a line is needed")
    if len(cells) > 1 and not _is_number(cells[0][1]) and all(_is_number(cell) for _, cell in cells[1:]):
        cells = cells[1:]  # a name
    if not all(_is_number(cell) for _, cell in cells):
        return np.array([cell for _, cell in cells])
    for number, cell in cells:
        if not float(cell).is_integer():
            raise ValueError(f"{path}: line {number}: {cell!r} is no class; whole numbers or names are")
    return np.array([int(float(cell)) for _, cell in cells])


def _mat_graph(path: Path, key: str) -> Any:
    return _of(path, _mat(path), key)


def _npz_graph(path: Path, key: str) -> Any:
    content = read_npz(path)
    if "indptr" in content and "format" in content:
        from scipy.sparse import load_npz

        try:
            return load_npz(path)
        except (ValueError, KeyError, AttributeError, NotImplementedError) as error:
            raise ValueError(f"{path} is not a readable sparse .npz file: {error}") from error
    return _of(path, content, key)


def _npy_graph(path: Path, key: str) -> Any:
    with path.open("rb") as stream:
        try:
            return np.lib.format.read_array(stream, allow_pickle=False)
        except (ValueError, EOFError, SyntaxError, OverflowError, MemoryError) as error:
            raise ValueError(f"{path} is not a readable .npy file: {error}") from error


def _mtx_graph(path: Path, key: str) -> Any:
    from scipy.io import mmread

    with path.open("rb") as stream:
        try:
            return mmread(stream)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path} is not a readable .mtx file: {error}") from error


def _of(path: Path, content: dict[str, Any], key: str) -> Any:
    if key not in content:
        names = ", ".join(name for name in content if not name.startswith("__"))
        raise ValueError(f"{path} has no key {key}; it has {names}")
    return content[key]


READERS = {".mat": _read_mat, ".npz": _read_npz}
GRAPH_READERS = {".mat": _mat_graph, ".npz": _npz_graph, ".npy": _npy_graph, ".mtx": _mtx_graph}
