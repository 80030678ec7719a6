"""Data sets: the embedded digits, files with views X and labels Y, generated views, and views with samples taken out.

The digits are the test part of *Optical Recognition of Handwritten Digits*, E. Alpaydin and C. Kaynak, UCI
Machine Learning Repository, doi 10.24432/C50P49, licensed CC BY 4.0: 1,797 images of 8×8 pixels with values
0..16, taken from scikit-learn's copy and packed, otherwise unchanged.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, as_count, as_number, is_sparse
from dsrl_ref.multiview.absent import is_absent
from dsrl_ref.multiview.naming import Naming, ViewList
from dsrl_ref.multiview.reading import Options, Reading, options_of, read
from dsrl_ref.multiview.reading.files import ARRAYS, TABLES, ending, stem_of
from dsrl_ref.multiview.views import as_views

DERIVED = "pixels", "fourier", "sums", "differences"
FEATURES, SPREAD = 10, 1.5  # of each generated view


def load_dataset(
    path_or_name: str | Path,
    *,
    views: Sequence[str] | str | None = None,
    labels: str | None = None,
    transpose: bool | None = None,
    index: str | int | None = None,
    verbose: bool = False,
) -> tuple[list[Any], NDArray[Any] | None]:
    """Load views and labels.

    Parameters
    ----------
    path_or_name : str or Path
        ``"digits"``; a file of arrays, ``.mat`` (of version 7.3, and ``.h5``, with the extra ``io``), ``.npz``,
        ``.npy``, ``.mtx``; a table, ``.csv``, ``.tsv``, ``.txt``, these packed by gzip, or with the extra ``io``
        ``.parquet`` and ``.feather``; or a folder of tables and single arrays, a view each, in the order of their
        names. Views are found under the usual names (``X``, ``data``, ``fea``, ``X1 X2 ..``, ``msr1 ..``), as cells,
        fields of structs or numbered, and so are labels (``Y``, ``y``, ``gt``, ``truth``, ``truelabel``,
        ``labels.csv``, a column ``class``), as rows, columns, copies, names or one-hot. A file of nothing but labels
        has no views.
    views : sequence of str, or str with commas, optional
        Names of what the views are, where names alone do not decide: keys, cells as ``X{2}``, files of a folder;
        "none" reads the labels alone.
    labels : str, optional
        The name of the labels, a column's too, or "none".
    transpose : bool, optional
        True where samples are the columns of the views, False where they are the rows. By default the number of labels
        decides, and in tables names: a heading that has the samples of the labels, or of the other tables, says that
        they are columns, and they are aligned by it. Without either samples are rows, unless all views are of one shape
        and nothing speaks for that.
    index : str or int, optional
        The column of every table that names the samples, by name or by number from 1; views and labels are aligned by
        it. "none": there is none. By default the index that pandas writes, an ``id`` and the like; a first column of
        another name that counts the samples is refused, as it may be a feature as well.
    verbose : bool
        Say on stderr, in one line, what was read and what was left out.

    Returns
    -------
    views : list of ndarray or csr_array (n, d_v)
        float64; sparse where the file is. A row of NaN is a sample that the view does not have. The list knows what the
        file calls them: ``views.names``, and ``views.samples`` where tables have an index, else None; an estimator
        that is fitted on it keeps the names, of columns too. Of the digits four
        *derived* views, all computed from the same image: pixels (64), magnitude of its Fourier transform (40), row
        and column sums (16), horizontal and vertical differences (128).
    labels : ndarray (n,) or None
        As they are in the file, of one-hot ones the numbers of the classes from 0; None where there are none. Integers
        of any size are int64, but for unsigned ones with the largest of their type, which -1 may have become.

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where it has no views, their lengths disagree, or it can be read in several ways; the message lists what there
        is and names the option that decides.
    MissingExtraError
        Where the optional package that opens it is not installed.

    Examples
    --------
    >>> views, labels = load_dataset("digits")
    >>> [view.shape for view in views], labels.shape
    ([(1797, 64), (1797, 40), (1797, 16), (1797, 128)], (1797,))
    >>> views.names
    ('pixels', 'fourier', 'sums', 'differences')
    """
    reading = read_dataset(path_or_name, options_of(views, labels, transpose, index), verbose)
    return ViewList(reading.views, reading.naming, reading.names), reading.labels


def read_dataset(path_or_name: str | Path, options: Options, verbose: bool = False) -> Reading:
    """Load views and labels as `load_dataset` does, with what the samples are called, where tables say so."""
    _require_options_that_apply(path_or_name, options)
    if path_or_name == "digits":
        views, labels = _digits()
        shapes = ", ".join(f"{name} {len(v)}×{v.shape[1]}" for name, v in zip(DERIVED, views, strict=True))
        naming = Naming(DERIVED, (None,) * len(DERIVED))
        reading = Reading(list(views), labels, f"{shapes}, labels 10 classes", naming)
    else:
        reading = read(Path(path_or_name), options)
        reading = replace(reading, labels=_as_int64(reading.labels))
    if verbose and sys.stderr is not None:
        print(f"{path_or_name}: {reading.summary}", file=sys.stderr)
    return reading


def _require_options_that_apply(path_or_name: str | Path, options: Options) -> None:
    """Refuse a view that is named twice, and options that would not be looked at."""
    views, path = options.views or (), Path(path_or_name)
    twice = [name for place, name in enumerate(views) if name in views[:place]]
    if twice:
        raise ValueError(f"--views names {twice[0]} twice, and a view counts once: name it once")
    kind, chosen = ending(path), bool(views) and views[0] not in ("none", path.name, stem_of(path))
    if path_or_name == "digits":
        given = {"views": chosen, "labels": options.labels is not None, "transpose": options.transpose is not None}
        for option in (option for option, is_given in given.items() if is_given):
            raise ValueError(f"--{option} is for files, and digits are known as they are: leave it out")
    if path.is_dir():
        return
    if kind in TABLES and chosen:
        raise ValueError(f"--views chooses among several, and {path_or_name} is one table, a view: leave it out")
    if options.index not in (None, "none") and (path_or_name == "digits" or kind in ARRAYS):
        raise ValueError(f"--index is a column of tables, and {path_or_name} has none: leave it out")


def _as_int64(labels: NDArray[Any] | None) -> NDArray[Any] | None:
    """Integers of a narrow type as int64, in which -1 and differences are what they seem."""
    if labels is None or labels.dtype.kind not in "iu":
        return labels
    ambiguous = labels.dtype.kind == "u" and labels.size and labels.max() == np.iinfo(labels.dtype).max
    return labels if ambiguous or labels.max(initial=0) > np.iinfo(np.int64).max else labels.astype(np.int64)


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
    kind = ending(path)
    if kind not in ARRAYS:
        raise ValueError(f"{path} is not a file ending in {' or '.join(ARRAYS)}")
    content = ARRAYS[kind](path)
    if list(content) == [stem_of(path)]:
        return content[stem_of(path)]  # a file of one matrix without a name
    if key not in content:
        raise ValueError(f"{path} has no key {key}; it has {', '.join(content)}")
    return content[key]


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


def incomplete_views(views: Sequence[Any], missing: float = 0.3, *, random_state: Any = None) -> list[Any]:
    """Take samples out of views at random, as if they had not been seen in them; each stays in one view at least.

    Parameters
    ----------
    views : sequence of array_like (n, d_v)
        The same n samples in different features; all of them in every view.
    missing : float
        Share of the samples that each view loses, exactly but for rounding to whole samples; from 0 to 1 - 1/V for V
        views, at which every sample stays in one view alone.
    random_state : None, int, SeedSequence or Generator
        Decides which. Each view loses samples of its own; one that all views would lose goes back into one of them, in
        the place of a sample that has more than this view.

    Returns
    -------
    list of ndarray or csr_array (n, d_v)
        Copies, in which a sample that is not seen is a row of NaN, stored where the view is sparse.

    Raises
    ------
    ValueError, TypeError
        For views that are none, or lack samples already, and for a share out of range.

    Examples
    --------
    >>> import numpy as np
    >>> views, labels = complementary_views(random_state=0)
    >>> incomplete = incomplete_views(views, 0.5, random_state=0)
    >>> [int(np.isnan(view[:, 0]).sum()) for view in incomplete]
    [150, 150, 150]
    """
    checked = as_views(views)
    count, n, share = len(checked), checked[0].shape[0], as_number(missing, "missing")
    lost = round(share * n)
    if not 0 <= share <= 1 or lost * count > n * (count - 1):
        most = f"every sample stays in one of {count} views, which leaves at most {1 - 1 / count:.3g} to be missing"
        raise ValueError(f"missing must be a share of the samples, got {missing}: {most}")
    for v, view in enumerate(checked):
        if is_absent(view).any():
            raise ValueError(f"views[{v}] lacks sample {int(np.argmax(is_absent(view)))} already")
    seen = _seen(n, count, lost, np.random.default_rng(random_state))
    return [_without(view, ~column) for view, column in zip(checked, seen.T, strict=True)]


def _seen(n: int, count: int, lost: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of n samples stay in which of the views (n, count), each of which loses so many; no row without one."""
    seen = np.stack([rng.permutation(n) >= lost for _ in range(count)], axis=1)
    for sample in np.flatnonzero(~seen.any(axis=1)):
        spare = np.argwhere(seen & (seen.sum(axis=1, keepdims=True) > 1))
        other, view = spare[rng.integers(len(spare))]
        seen[other, view], seen[sample, view] = False, True
    return seen


def _without(view: Any, absent: NDArray[np.bool_]) -> Any:
    """A copy of a view with rows of NaN."""
    if not is_sparse(view):
        return np.where(absent[:, np.newaxis], np.nan, view)
    from scipy.sparse import csr_array, vstack

    gaps = csr_array(np.full((1, view.shape[1]), np.nan))
    return csr_array(vstack([view, gaps], format="csr")[np.where(absent, view.shape[0], np.arange(view.shape[0]))])


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
