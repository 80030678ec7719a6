"""Objects that dask weighs, moves and spills, whose arrays share memory: it is counted, sent and held once.

Pickle writes what two arrays share twice, and a number that is seen n times n times; read again, they are apart. A
block has up to five arrays of its entries, all of them one, so that it would come out of a transfer five times as
large.
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Writer(pickle.Pickler):
    """Leaves arrays out of what it writes, and collects their memory: each part of it once, as bytes in a row.

    Attributes
    ----------
    parts : dict
        By address and size: the number of the part, and its bytes.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.parts: dict[tuple[int, int], tuple[int, NDArray[np.uint8]]] = {}

    def persistent_id(self, value: Any) -> Any:
        """What is written for an array, for `_Reader`; None for what is written as ever."""
        if type(value) is not np.ndarray or value.dtype.hasobject:
            return None
        if not any(value.strides):  # one number
            return *self._part(value[(slice(1),) * value.ndim]), value.shape
        if value.flags.c_contiguous:
            return *self._part(value), value.shape
        return None

    def _part(self, value: NDArray[Any]) -> tuple[int, str, tuple[int, ...]]:
        flat = value.reshape(-1).view(np.uint8)
        key = flat.ctypes.data, flat.nbytes
        number, _ = self.parts.setdefault(key, (len(self.parts), flat))
        return number, value.dtype.str, value.shape


class _Reader(pickle.Unpickler):
    """Puts the arrays back."""

    def __init__(self, file: io.BytesIO, parts: list[NDArray[np.uint8]]) -> None:
        super().__init__(file)
        self.parts = parts

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        """The array of what `_Writer` has written for it."""
        number, dtype, shape, whole = pid
        array = self.parts[number].view(dtype).reshape(shape)
        return array if shape == whole else np.broadcast_to(array, whole)


def packed(value: Any) -> tuple[bytes, list[NDArray[np.uint8]]]:
    """A value as what pickle writes of it without its arrays, and the memory of these: what `__reduce__` gives on.

    The memory is not copied.
    """
    file = io.BytesIO()
    writer = _Writer(file)
    writer.dump(value)
    return file.getvalue(), [part for _, part in writer.parts.values()]


def unpacked(written: bytes, parts: list[NDArray[np.uint8]]) -> Any:
    """The value again, its arrays in the memory that is given."""
    return _Reader(io.BytesIO(written), parts).load()


def weight(value: Any) -> int:
    """How many bytes a value takes."""
    written, parts = packed(value)
    return len(written) + sum(part.nbytes for part in parts)
