"""What was found of each sample, in a file by its suffix: .csv, a line a sample, or .npz, arrays for programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.persistence import replace_file

SUFFIXES = ".csv", ".npz"
NAMES = "sample"  # what samples are called, where the data says it

Columns = dict[str, list[Any]]


def require_suffix(path: Path | None) -> None:
    """Raise ValueError, before any work, for a file of which the suffix does not say how to write it."""
    if path is not None and path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path} ends in neither {' nor '.join(SUFFIXES)}, which says how to write what was found")


def of_classes(
    classes: NDArray[Any], distributions: Array, reached: NDArray[np.bool_], samples: Sequence[Any] | None = None
) -> Columns:
    """The likeliest class of every sample and its probability; no class where no label reaches the sample.

    `samples` is what the samples are called; their numbers from 0 by default.
    """
    names = classes[np.argmax(distributions, axis=1)].tolist()
    return {
        "sample": _called(samples, len(names)),
        "class": [name if known else None for name, known in zip(names, reached.tolist(), strict=True)],
        "probability": distributions.max(axis=1).tolist(),
        "reached": reached.tolist(),
    }


def of_clusters(labels: NDArray[np.intp], samples: Sequence[Any] | None = None) -> Columns:
    """The cluster of every sample; `samples` is what they are called."""
    return {"sample": _called(samples, len(labels)), "cluster": labels.tolist()}


def _called(samples: Sequence[Any] | None, n: int) -> list[Any]:
    """Numbers from 0, or names as JSON has them: numbers that are whole, and texts."""
    return list(range(n)) if samples is None else [name if isinstance(name, int) else str(name) for name in samples]


def named(samples: Sequence[Any] | None) -> dict[str, Any]:
    """What the samples are called, as an array for an .npz; nothing where they have no names."""
    return {} if samples is None else {NAMES: np.array(_called(samples, len(samples)))}


def write(path: Path, columns: Columns, arrays: Mapping[str, Any]) -> None:
    """Write the columns as .csv, or the arrays as .npz without pickles: names that are objects of Python as texts."""
    if path.suffix.lower() == ".csv":
        replace_file(path, as_text(columns).encode())
        return
    plain = {name: array.astype(str) if array.dtype == object else array for name, array in arrays.items()}
    stream = io.BytesIO()
    np.savez(stream, **plain)
    replace_file(path, stream.getvalue())


def as_text(columns: Columns) -> str:
    """A line of names, and a line for each sample; what is not known is empty, truth is true or false."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
    return stream.getvalue()
