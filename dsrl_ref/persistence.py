"""Results in files, and checkpoints: whole or not at all, and nothing in them is ever executed.

The format, version 3: a zip of .npy arrays, which ``numpy.load`` reads, one of them a header in JSON; the comment
at the archive's end is the SHA-256 of every byte before it. Version 1 has no layers, status, kind of f and "accepted",
version 2 none with one Θ and one L a layer.
"""

import errno
import io
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, as_count
from dsrl_ref.errors import ModelFileError
from dsrl_ref.results import FitResult
from dsrl_ref.status import Status

VERSION = 3
HEADER = "header"
DIGITS = 64  # of the SHA-256, in hexadecimal
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}  # of a file system: the last writer wins, whole
END_OF_ARCHIVE = 22  # bytes of the zip record that the comment follows; its last two are the comment's length


def save(path: str | os.PathLike[str], result: FitResult) -> None:
    """Write a result to a file; a crash at any moment leaves the old file or the new one, whole.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.
    result : FitResult
        What `fit` returned.

    Raises
    ------
    TypeError
        For anything else than a result.
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
    if not isinstance(result, FitResult):
        raise TypeError(f"result must be what fit returned, got {type(result).__name__}")
    header = {
        "kind": "FitResult",
        "theta": np.asarray(result.theta).tolist(),  # (4,), or (t, 4)
        "L": np.asarray(result.L).tolist(),
        "loss": None if np.isnan(result.loss) else result.loss,
        "converged": result.converged,
        "message": result.message,
        "raw_L": np.asarray(result.raw[1]).tolist(),
        "layers": "inf" if result.layers == math.inf else result.layers,
        "status": None if result.status is None else result.status.name,
        "smooth_term": result.kind,
        "validation": "inf" if result.validation == math.inf else result.validation,
    }
    write(Path(path), header, {"raw_theta": result.raw[0], **{f"history_{k}": v for k, v in result.history.items()}})


def load(path: str | os.PathLike[str]) -> FitResult:
    """Read a result that `save` wrote, equal to the last bit.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    FitResult
        As it was saved. Version 1 of the file knows no `layers`, `status` and `kind`: they are None.

    Raises
    ------
    ModelFileError
        For a file that is damaged, foreign, or of a newer version.
    OSError
        Where it cannot be read.
    """
    header, arrays = read(Path(path))
    try:
        if header["kind"] != "FitResult":
            raise ValueError(f"it holds a {header['kind']}")
        theta, own = header["theta"], isinstance(header["L"], list)  # one Θ and one L a layer
        if own and len(theta) != len(header["L"]):
            raise ValueError(f"it holds {len(theta)} Θ and {len(header['L'])} L")
        return FitResult(
            np.array([Theta(*row) for row in theta]) if own else Theta(*theta),
            np.array(header["L"], dtype=np.float64) if own else header["L"],
            np.nan if header["loss"] is None else header["loss"],
            header["converged"],
            header["message"],
            _history(arrays),
            (arrays["raw_theta"], np.array(header["raw_L"], dtype=np.float64) if own else header["raw_L"]),
            **({} if header["version"] == 1 else _since_version_2(header)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} holds no result of fit: {error}") from error


def _history(arrays: Mapping[str, Array]) -> dict[str, Array]:
    told = [name for name in ("accepted", "validation") if f"history_{name}" in arrays]  # not every file has these
    return {name: arrays[f"history_{name}"] for name in ("loss", "theta", "L", *told)}


def _since_version_2(header: Mapping[str, Any]) -> dict[str, Any]:
    layers, status = header["layers"], header["status"]
    return {
        "layers": math.inf if layers == "inf" else None if layers is None else as_count(layers, "layers"),
        "status": None if status is None else Status[status],
        "kind": header["smooth_term"],
        "validation": math.inf if header.get("validation") == "inf" else header.get("validation"),
    }


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
