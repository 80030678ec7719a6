"""Models in files, and checkpoints: whole or not at all, and nothing in them is ever executed.

The format, version 4: a zip of .npy arrays, which ``numpy.load`` reads, one of them a header in JSON; the comment
at the archive's end is the SHA-256 of every byte before it. Version 1 has no layers, status, kind of f and "accepted",
version 2 none with one Θ and one L a layer, version 3 no names of views and not whether measurements were whitened.

What a model is made of is not known here: each kind registers itself, by the name that the header has under "kind".
"""

import errno
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.errors import ModelFileError

VERSION = 4
HEADER = "header"
DIGITS = 64  # of the SHA-256, in hexadecimal
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}  # of a file system: the last writer wins, whole
END_OF_ARCHIVE = 22  # bytes of the zip record that the comment follows; its last two are the comment's length


@dataclass(frozen=True)
class Kind:
    """How models of one class become a header and arrays, and are made of them again.

    Attributes
    ----------
    model : type
        The class itself; its name is the kind in the header.
    title : str
        What messages call it.
    to_file : callable
        model -> (header, arrays): values of JSON, and arrays without objects of Python. It raises for a model that
        is not to be saved.
    from_file : callable
        (header, arrays) -> model. Whatever the file holds, it returns a model that is valid, or raises KeyError,
        TypeError or ValueError; ``header["version"]`` is that of the format which the file was written in.
    """

    model: type
    title: str
    to_file: Callable[[Any], tuple[dict[str, Any], dict[str, Any]]]
    from_file: Callable[[Mapping[str, Any], Mapping[str, Array]], Any]


# Modules that register kinds when they are imported, which `load` does, in this order, until it knows the one it met.
HOMES = "dsrl_ref.results", "dsrl_ref.multiview.saved"
_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Let `save` and `load` take models of this kind; the module that does so is one of `HOMES`."""
    _KINDS[kind.model.__name__] = kind


def save(path: str | os.PathLike[str], result: Any) -> None:
    """Write a model to a file; a crash at any moment leaves the old file or the new one, whole.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.
    result : FitResult, DSRLClassifier or DSRLClustering
        What `fit` returned, or an estimator that is fitted; it is written with its parameters and with the samples
        that it saw, to which it joins new ones.

    Raises
    ------
    TypeError
        For anything else, a class made of one of these included, and for an estimator with a parameter that is no
        number, text or list, as a generator for ``random_state``.
    NotFittedError
        A ValueError. For an estimator before `fit`.
    OSError
        Where the file cannot be written, or another process is writing it; an old file is intact.

    Examples
    --------
    >>> import os, tempfile
    >>> from dsrl_ref import Fidelity, Objective, fit
    >>> learned = fit(Objective(Fidelity([[1.0, 0.25]]), layers=11), epochs=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.dsrl")
    ...     save(path, learned)
    ...     load(path).theta == learned.theta
    True
    """
    name = type(result).__name__
    kind = _kind(name)
    if kind is None or type(result) is not kind.model:
        titles = ", ".join(known.title for known in _KINDS.values())
        raise TypeError(f"result must be one of what can be saved ({titles}), got {name}")
    header, arrays = kind.to_file(result)
    write(Path(path), {"kind": name, **header}, arrays)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that `save` wrote, equal to the last bit.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    FitResult, DSRLClassifier or DSRLClustering
        As it was saved; estimators predict the same bits. Of a `FitResult`, version 1 of the file knows no `layers`,
        `status` and `kind`: they are None.

    Raises
    ------
    ModelFileError
        For a file that is damaged, foreign, or of a newer version.
    OSError
        Where it cannot be read.
    """
    header, arrays = read(Path(path))
    name = header.get("kind")
    kind = _kind(name)
    if kind is None:
        raise ModelFileError(f"{path} holds no model: it holds a {name}")
    try:
        return kind.from_file(header, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} holds no {kind.title}: {error}") from error


def _kind(name: Any) -> Kind | None:
    """The kind of that name; None where no module that registers kinds has it."""
    if not isinstance(name, str):
        return None
    for home in HOMES:
        if name in _KINDS:
            break
        import_module(home)
    return _KINDS.get(name)


def write(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write header and arrays to one file, atomically."""
    import json  # these are slow to import, and seldom needed

    text = json.dumps({"format": "dsrl_ref", "version": VERSION, **header}, allow_nan=False)
    stream = io.BytesIO()
    members: dict[str, Any] = {HEADER: np.frombuffer(text.encode(), np.uint8), **arrays}
    for name, array in members.items():  # NumPy before 2.1 has no switch that keeps savez from pickling
        if array.dtype.hasobject:
            raise TypeError(f"{name} holds objects of Python, which no file is to hold")
    np.savez(stream, **members)
    body = stream.getvalue()[:-2] + DIGITS.to_bytes(2, "little")
    replace_file(path, body + _digest(body))


def read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `write` wrote, or raise ModelFileError; the digest is checked before anything is parsed."""
    import json
    import zipfile

    content = path.read_bytes()
    body, digest = content[:-DIGITS], content[-DIGITS:]
    if len(body) < END_OF_ARCHIVE or not body.startswith(b"PK"):
        raise ModelFileError(f"{path} is no file that dsrl_ref saved, or only its beginning ({len(content)} bytes)")
    if _digest(body) != digest:
        raise ModelFileError(
            f"{path} is damaged, or not a file that dsrl_ref saved: its contents do not match their checksum"
        )
    try:
        _require_honest_sizes(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive)
        header = json.loads(arrays.pop(HEADER).tobytes())
        version = header["version"] if header["format"] == "dsrl_ref" else None
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ModelFileError(f"{path} is no file that dsrl_ref saved: {error}") from error
    if not isinstance(version, int) or version < 1:
        raise ModelFileError(f"{path} is no file that dsrl_ref saved: its version is {version!r}")
    if version > VERSION:
        raise ModelFileError(f"{path} has version {version}, this dsrl_ref reads up to {VERSION}: upgrade dsrl_ref")
    return header, arrays


def _digest(body: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(body).hexdigest().encode()


def _require_honest_sizes(content: bytes) -> None:
    """Compare what each .npy header declares with what there is, before memory of that size is asked for."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed")
            with archive.open(member) as stream:
                if np.lib.format.read_magic(stream) != (1, 0):
                    raise ValueError(f"{member.filename} is of another .npy version")
                shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
                if stream.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize != member.file_size:
                    raise ValueError(f"{member.filename} declares {shape} entries of {dtype} and has others")


def replace_file(path: Path, content: bytes) -> None:
    """Write beside the file, then rename; after a crash the next writer takes the same temporary file again."""
    temporary = path.with_name(f".{path.name}.part")
    with _locked(temporary, path) as stream:
        try:
            stream.truncate()
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    _sync_folder(path.parent)


@contextmanager
def _locked(temporary: Path, path: Path) -> Iterator[BinaryIO]:
    """Open the temporary file, ours alone; again, if its last owner renamed it between opening and locking."""
    while True:
        with open(os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as stream:
            _lock(stream, path)
            if _is(stream, temporary):
                yield stream
                return


def _is(stream: BinaryIO, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    return False


def _lock(stream: BinaryIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on this system: the last writer wins, whole
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another process is writing this file", str(path)) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some systems do not open folders; the rename stands
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
