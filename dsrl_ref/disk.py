"""Matrices that stay in their files: mapped into memory, read by blocks where they are used, and never held whole.

A matrix is on disk if it was given as a memory map (``np.memmap``, ``np.load(path, mmap_mode="r")``), as the path of a
``.npy``, or as an iterable of blocks of rows, and takes `LARGE` bytes or more. Smaller ones are read into memory. Maps
of float64 in C order are used where they lie. Of all else a copy in float64 is written to a scratch file: in the folder
`scratch`, by default beside the data, and of blocks in the system's folder for temporary files.

**Nothing is left behind.** A scratch file has no name: it is there as long as something maps it, and the system frees
it then, however the process ends.

**Files that change.** A map shows what its file holds now, and the system ends a process that reads behind the end of
one that was cut short. Whoever reads through a map asks `Watch` before, which knows the size and the time of change
that the file had when it was checked; of a small map nothing is kept but the copy that `in_memory` makes. A file that
another replaces (as ``np.save`` to another name and a rename do) is no change: the map keeps what it had.
"""

import os
from collections.abc import Iterable, Iterator, Set
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dsrl_ref.arrays import (
    Array,
    as_matrix_or_csr,
    as_numbers,
    is_sparse,
    raise_not_finite,
    require_in_memory,
    require_matrix_shape,
)
from dsrl_ref.entries import AT_ONCE, first_not_finite
from dsrl_ref.errors import DataFileError, SizeError

if TYPE_CHECKING:
    from pathlib import Path

LARGE = 2**27  # bytes as float64, 128 MiB, from which a matrix in a file stays there
GB = 1e9
STORED = "data", "indices", "indptr", "row", "col", "offsets"  # arrays of sparse matrices


class Stamp(NamedTuple):
    """A file as it was: which it is, its size, and when its content last changed."""

    path: "Path"
    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, path: "Path") -> "Stamp | None":
        """The file of that name now; None where there is none any more."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return cls(path, found.st_ino, found.st_size, found.st_mtime_ns)

    def require_unchanged(self) -> None:
        """Raise DataFileError if the file has changed since; one that was removed or replaced has not."""
        now = Stamp.of(self.path)
        if now is not None and now != self and now.inode == self.inode:
            what = f"had {self.size} bytes and has {now.size}" if now.size != self.size else "was written to"
            raise DataFileError(
                f"{self.path} has changed since it was read: it {what}; make f and the objective anew, once nobody "
                "writes to it"
            )


class OnDisk(np.ndarray):
    """What a matrix on disk is a view of: it knows the file, and the folder for scratch files.

    Attributes
    ----------
    stamp : Stamp or None
        The file as it was when its entries were checked; None where it has no name, so that nobody can change it.
    folder : Path
        Where files that are made of it go.
    """

    stamp: Stamp | None = None
    folder: Any = os.curdir


def home(array: Any) -> OnDisk | None:
    """The file that a matrix lies in; None of one in memory."""
    if is_sparse(array) or array.nbytes < LARGE:
        return None
    return _base(array, OnDisk)


def _base(array: Any, kind: type) -> Any:
    """The first array of a kind among those that an array is a view of, itself among them; None if there is none."""
    while array is not None and not isinstance(array, kind):
        array = getattr(array, "base", None)
    return array


class Watch:
    """Tells whether the files that matrices lie in are as they were; of those in memory there is nothing to tell."""

    def __init__(self, *matrices: Any) -> None:
        homes = [found for found in map(home, matrices) if found is not None]
        self.stamps = {found.stamp for found in homes if found.stamp is not None}

    def check(self) -> None:
        """Raise DataFileError for a file that has changed."""
        for stamp in self.stamps:
            stamp.require_unchanged()


def as_data(value: Any, name: str, scratch: Any = None) -> Any:
    """Convert as `dsrl_ref.arrays.as_matrix_or_csr` does, and leave on disk what is there.

    Parameters
    ----------
    value : array_like, scipy.sparse container, path-like, or iterable of array_like (rows, m)
        A matrix; the path of a ``.npy``; or blocks of its rows, read once.
    name : str
        What messages call it.
    scratch : path-like, optional
        A folder for files that are made of it.

    Returns
    -------
    ndarray or csr_array
        Of float64. `home` tells whether it is on disk.

    Raises
    ------
    ValueError, TypeError
        For what is no finite, real, non-empty matrix.
    DataFileError
        An OSError. For a file that cannot be read, is cut short or is no ``.npy``; where there is no room for another.
    SizeError
        For a sparse matrix whose entries are on disk.
    """
    folder = None if scratch is None else _as_folder(scratch)
    if isinstance(value, os.PathLike) or (isinstance(value, str) and value.endswith(".npy")):
        from pathlib import Path

        value = opened(Path(value), name)
    if is_sparse(value):
        _require_entries_in_memory(value, name)
    elif _is_blocks(value):
        require_in_memory(value, name)
        return _of_blocks(value, name, folder or temporary_folder())
    source = None if isinstance(value, np.matrix | np.ma.MaskedArray) else _map_of(value)
    if source is None or 8 * value.size < LARGE:
        return as_matrix_or_csr(in_memory(value, name), name)
    _require_whole(source, name)
    require_matrix_shape(value.shape, name)
    return _mapped(value, name, source.filename, folder)


def temporary_folder() -> "Path":
    """The system's folder for temporary files."""
    import tempfile
    from pathlib import Path

    return Path(tempfile.gettempdir())


def in_memory(value: Any, name: str) -> Any:
    """A copy in memory of a map, or of a sparse matrix that has one; all else as it is.

    Whoever keeps a matrix and does not ask `Watch` before reading keeps this: where a file is cut short, a map of it
    ends the process.

    Raises
    ------
    DataFileError
        An OSError. For a map whose file is cut short already.
    """
    parts = [getattr(value, each, None) for each in STORED] if is_sparse(value) else [value]
    maps = [found for found in map(_map_of, parts) if found is not None]
    for source in maps:
        _require_whole(source, name)
    if not maps:
        return value
    return value.copy() if is_sparse(value) else np.array(value, subok=isinstance(value, np.ma.MaskedArray))


def _map_of(value: Any) -> Any:
    """The map that an array is, or is a view of; None of what is none."""
    return _base(value, np.memmap) if isinstance(value, np.ndarray) else None


def opened(path: "Path", name: str) -> Any:
    """Map a ``.npy`` to be read."""
    from dsrl_ref.files import UNREADABLE

    if path.suffix != ".npy":
        raise DataFileError(f"{name} = {path}: a matrix on disk is one .npy, as np.save writes it")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.strerror:
            raise failed(f"{name} = {path} cannot be read: {error.strerror}", error) from error
        raise DataFileError(
            f"{name} = {path} is no .npy that can be mapped, or is cut short: {error}; write it anew by np.save"
        ) from error


def failed(text: str, error: OSError) -> DataFileError:
    """The error of this package for one of the system, with its number."""
    found = DataFileError(text)
    found.errno = error.errno
    return found


def _as_folder(scratch: Any) -> "Path":
    from pathlib import Path

    folder = Path(scratch)
    if not folder.is_dir():
        raise DataFileError(f"scratch = {folder} is no folder: give one with room for copies of the data")
    return folder


def _require_entries_in_memory(value: Any, name: str) -> None:
    """Refuse a sparse matrix whose entries are on disk: its indices, which say where they are, would serve nothing."""
    data: Any = getattr(value, "data", None)
    if _map_of(data) is not None and 8 * data.size >= LARGE:
        raise SizeError(
            f"{name} is sparse, and its {data.size:,} entries ({8 * data.size / GB:.3g} GB) are on disk: pass these "
            f"alone, as {name}.data.reshape(1, -1), since entries that are 0 in {name}, x0 and target add nothing"
        )


def _is_blocks(value: Any) -> bool:
    """Whether a value is iterated over, and nothing that NumPy reads as an array, or that has no order."""
    return (
        isinstance(value, Iterable)
        and not hasattr(value, "__getitem__")
        and not hasattr(value, "__array__")
        and not isinstance(value, Set)
    )


def _require_whole(source: Any, name: str) -> None:
    """Raise DataFileError for a map of more than its file has any more: to read there would end the process."""
    import mmap

    while isinstance(source.base, np.memmap):
        source = source.base
    if not isinstance(source.base, mmap.mmap):
        return
    begin = source.offset - source.offset % mmap.ALLOCATIONGRANULARITY
    had, has = begin + len(source.base), source.base.size()
    if has < had:
        raise DataFileError(
            f"{name} is a map of {source.filename}, which had {had} bytes when it was mapped and has {has}: it was cut "
            "short; write it anew, and map it again"
        )


def _mapped(value: Any, name: str, filename: Any, folder: "Path | None") -> Array:
    """A large map as it is if it is of float64 in C order, else a copy in a scratch file."""
    from pathlib import Path

    from dsrl_ref.progress import Progress

    stamp = None if filename is None else Stamp.of(Path(filename))
    if folder is None:
        folder = temporary_folder() if stamp is None else stamp.path.parent
    if value.dtype != np.float64 or not value.dtype.isnative or not value.flags.c_contiguous:
        return _spooled(_watched(value, stamp), name, value.shape[1], folder, value.size)
    array = np.asarray(value)
    with Progress(f"checking {name}") as progress:
        for start, part in _watched(array, stamp):
            _require_finite(part, name, start, array.shape[1])
            progress.tell(f"{start:,} of {array.size:,} entries", start / array.size)
    return _in_file(array, stamp, folder)


def _watched(matrix: Any, stamp: Stamp | None) -> Iterator[tuple[int, Any]]:
    """The portions of a map, each after a look whether its file is as it was: behind its end nothing can be read."""
    for portion in _portions(matrix):
        if stamp is not None:
            stamp.require_unchanged()
        yield portion


def _in_file(array: Array, stamp: Stamp | None, folder: "Path") -> Array:
    found = array.view(OnDisk).view(OnDisk)  # twice, or NumPy would take `array` for the base of what is returned
    found.stamp, found.folder = stamp, folder
    return np.asarray(found)


def _portions(matrix: Any) -> Iterator[tuple[int, Any]]:
    """Some entries of a matrix after the other, in C order, about `AT_ONCE`, with how many were before."""
    n, m = matrix.shape
    rows, columns = max(1, AT_ONCE // m), min(m, AT_ONCE)
    for i in range(0, n, rows):
        for j in range(0, m, columns):
            yield i * m + j, matrix[i : i + rows, j : j + columns]


def _require_finite(part: Array, name: str, start: int, m: int) -> None:
    """Name the first entry that is not finite by its place in a matrix of m columns."""
    place = first_not_finite(part)
    if place is not None:
        raise_not_finite(part.reshape(-1)[place].item(), name, divmod(start + place, m))


def _of_blocks(blocks: Iterable[Any], name: str, folder: "Path") -> Array:
    """Write blocks of rows to a scratch file, one after the other; into memory, if they are small."""

    def portions() -> Iterator[tuple[int, Any]]:
        start, m = 0, 0
        for number, block in enumerate(blocks):
            part = as_numbers(block, f"block {number} of {name}")
            require_matrix_shape(part.shape, f"block {number} of {name}")
            if number and part.shape[1] != m:
                raise ValueError(
                    f"block {number} of {name} has {part.shape[1]} columns, but those before have {m}; blocks are of "
                    "whole rows"
                )
            m = part.shape[1]
            yield start, part
            start += part.size

    first = next(found := portions(), None)
    if first is None:
        raise ValueError(f"{name} has no blocks: an iterable is read once, and this one is empty or was read before")
    array = _spooled(chain([first], found), name, first[1].shape[1], folder, 0)
    return array if home(array) is not None else np.array(array)


def _spooled(portions: Iterable[tuple[int, Any]], name: str, m: int, folder: "Path", entries: int) -> Array:
    """Write portions, each with how many entries were before, to a scratch file, as float64; `entries` 0 if unknown."""
    from dsrl_ref.progress import Progress

    end = 0
    with Scratch(folder, entries, name) as file, Progress(f"copying {name}") as progress:
        for start, portion in portions:
            part = as_numbers(portion, name)
            _require_finite(part, name, start, m)
            file.write(part, start)
            end = start + part.size
            progress.tell(f"{end:,} entries", end / entries if entries else None)
        return file.mapped((end // m, m))


class Scratch:
    """A file of float64 without a name, which is gone with its last map, however the process ends; use as a context.

    Parameters
    ----------
    folder : Path
        Where there is to be room.
    entries : int
        How many there will be: room for them is taken at once, where the system can.
    name : str
        Of the data, for messages.

    Raises
    ------
    DataFileError
        Where the folder cannot be written to, or there is no room; also of `write`.
    """

    def __init__(self, folder: "Path", entries: int, name: str) -> None:
        import errno
        import tempfile
        import threading

        self.folder, self.entries, self.name = folder, entries, name
        self.lock = threading.Lock()
        try:
            self.file = tempfile.TemporaryFile(dir=folder, prefix="dsrl_ref-", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._failed(error) from error
        if entries and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self.file.fileno(), 0, 8 * entries)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # it cannot be known before
                    self.file.close()
                    raise self._failed(error) from error

    def __enter__(self) -> "Scratch":
        """Write, and then map it, within the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it: what was mapped stays."""
        self.file.close()

    def write(self, part: Array, start: int) -> None:
        """Write some entries, from entry `start` on; from any thread."""
        left = np.ascontiguousarray(part).reshape(-1).data.cast("B")
        try:
            with self.lock:
                self.file.seek(8 * start)
                while left:
                    left = left[self.file.write(left) or 0 :]
        except OSError as error:
            raise self._failed(error) from error

    def mapped(self, shape: tuple[int, ...]) -> Array:
        """The file as an array of this shape, to be read."""
        if 0 in shape:
            return np.zeros(shape)
        return _in_file(np.asarray(np.memmap(self.file, np.float64, "r", shape=shape)), None, self.folder)

    def _failed(self, error: OSError) -> DataFileError:
        room = f" for {8 * self.entries / GB:.3g} GB" if self.entries else ""
        return failed(
            f"no room in {self.folder}{room}, for a copy of {self.name}: {error.strerror}; give scratch=, another "
            "folder",
            error,
        )


def arrays_of(f: Any) -> list[Any]:
    """The arrays that an object holds, such as W of `Fidelity`."""
    return [value for value in getattr(f, "__dict__", {}).values() if isinstance(value, np.ndarray)]


def refuse_if_on_disk(what: str, matrices: Iterable[Any], advice: str, times: int = 1) -> None:
    """Raise SizeError where one of the matrices is on disk and something would hold it in memory, so many `times`."""
    sizes = [matrix.nbytes for matrix in matrices if isinstance(matrix, np.ndarray) and home(matrix) is not None]
    if sizes:
        raise SizeError(f"{what} would take {times * max(sizes) / GB:.3g} GB in memory, for data on disk: {advice}")
