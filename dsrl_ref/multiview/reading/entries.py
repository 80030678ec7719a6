"""What a file holds, one entry an array, whatever cells and structs it was wrapped in.

An entry keeps the name by which the user can ask for it: ``X``, ``X{2}`` for a cell, ``s.fea`` for a field of a struct,
``s(3).fea`` for one of a struct array, ``a.csv`` for a file of a folder and ``a.csv:label`` for a column of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsrl_ref.arrays import is_sparse
from dsrl_ref.multiview.reading.names import family, number

DEEPEST = 20  # cells within cells
LISTED = 40  # entries in a message


@dataclass(frozen=True, eq=False)
class Entry:
    """One array of a file.

    Attributes
    ----------
    name : str
        By which it is asked for and spoken of.
    path : tuple of str
        The keys that lead to it, numbers of cells left out.
    value : ndarray or sparse container, or what `labels.Lines` holds
    columns : tuple of str or None
        What the columns of a table are called, where it says so.
    """

    name: str
    path: tuple[str, ...]
    value: Any
    columns: tuple[str, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array; () where it has none."""
        return tuple(getattr(self.value, "shape", ()))

    @property
    def size(self) -> int:
        """How many entries the array has, those that a sparse one does not store among them."""
        return int(np.prod(self.shape, dtype=np.int64)) if self.shape else 1

    @property
    def is_numeric(self) -> bool:
        """Whether it holds real numbers."""
        return getattr(self.value, "dtype", np.dtype(object)).kind in "fiub" and not is_opaque(self.value)

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return getattr(self.value, "dtype", np.dtype(object)).kind in "US"

    def __str__(self) -> str:
        """Name and shape, as in ``X{1} 210×24``."""
        if is_opaque(self.value):
            return f"{self.name} (an object of MATLAB or Python)"
        return f"{self.name} {times(self.shape)}" if self.shape else self.name


def times(shape: tuple[int, ...]) -> str:
    """A shape as text: 210×24; of a vector its length."""
    return "×".join(map(str, shape))


def is_opaque(value: Any) -> bool:
    """Whether this is an object whose content scipy and NumPy do not open: a MATLAB table, string or categorical."""
    return type(value).__name__ in ("MatlabOpaque", "MatlabFunction") or not hasattr(value, "dtype")


def listed(entries: list[Entry]) -> str:
    """Names and shapes in a line, and of many how many more there are."""
    more = f" and {len(entries) - LISTED} more" if len(entries) > LISTED else ""
    return (", ".join(map(str, entries[:LISTED])) or "nothing") + more


def flatten(content: dict[str, Any]) -> list[Entry]:
    """One entry for every array of a file, numbered keys in the order of their numbers."""
    families = list(dict.fromkeys(map(family, content)))
    order = sorted(content, key=lambda key: (families.index(family(key)), number(key)))
    return [entry for key in order for entry in _leaves(key, (key,), content[key])]


def _leaves(name: str, path: tuple[str, ...], value: Any, depth: int = 0) -> Iterator[Entry]:
    """Walk through dictionaries, structs, lists and cells down to arrays."""
    if depth > DEEPEST:
        raise ValueError(f"{name[:80]} lies in more than {DEEPEST} cells within cells")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}", (*path, key), inner, depth + 1)
    elif is_sparse(value) or (is_opaque(value) and not isinstance(value, list)):
        yield Entry(name, path, value)
    elif not isinstance(value, list) and value.dtype.names and _is_table(value):
        yield Entry(name, path, np.column_stack([value[key] for key in value.dtype.names]), tuple(value.dtype.names))
    elif not isinstance(value, list) and value.dtype.names:
        for place, record in enumerate(value.ravel(order="F"), 1):
            own = name if value.size == 1 else f"{name}({place})"
            for key in value.dtype.names:
                yield from _leaves(f"{own}.{key}", (*path, key), record[key], depth + 1)
    elif isinstance(value, list) or value.dtype == object:
        yield from _cells(name, path, value if isinstance(value, list) else list(value.ravel(order="F")), depth)
    else:
        yield Entry(name, path, value)


def _is_table(value: Any) -> bool:
    """Whether records are the rows of a table: several of them, with a number in every field."""
    fields = [value.dtype[key] for key in value.dtype.names]
    return value.ndim == 1 and len(value) > 1 and all(field.kind in "fiub" and not field.shape for field in fields)


def _cells(name: str, path: tuple[str, ...], cells: list[Any], depth: int) -> Iterator[Entry]:
    """The cells of an array one by one; those that hold a text or a number each are one vector together."""
    vector = _vector(cells)
    if vector is not None:
        yield Entry(name, path, vector)
        return
    if not cells:
        yield Entry(name, path, np.empty((0, 0)))
    for place, cell in enumerate(cells, 1):
        yield from _leaves(f"{name}{{{place}}}", path, cell, depth + 1)


def _vector(cells: list[Any]) -> Any:
    """The content of at least two cells of one text or number each, an empty text among texts; None for all others."""
    if len(cells) < 2 or not all(isinstance(cell, np.ndarray) for cell in cells):
        return None
    kinds, sizes = {cell.dtype.kind for cell in cells if cell.size}, {cell.size for cell in cells}
    if kinds and kinds <= set("US") and sizes <= {0, 1}:
        return np.array([str(cell.ravel()[0]).strip() if cell.size else "" for cell in cells])
    if sizes == {1} and kinds <= set("fiub"):
        return np.array([cell.ravel()[0] for cell in cells])
    return None
