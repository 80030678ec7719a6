"""Tables that gzip has packed, v.csv.gz: read as what is in them. Other archives are to be unpacked first."""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO

PACKED = ".gz"
ARCHIVES = frozenset((PACKED, ".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst"))


def is_packed(path: Path) -> bool:
    """Whether gzip has packed a file, by its name."""
    return path.suffix.lower() == PACKED


def unpacked(path: Path) -> Path:
    """The name of what is in a file: v.csv for v.csv.gz."""
    return path.with_suffix("") if is_packed(path) else path


def opened(path: Path) -> IO[bytes]:
    """A stream of what is in a file, packed or not.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where it is damaged.
    """
    if not is_packed(path):
        return path.open("rb")
    with path.open("rb") as stream:
        try:
            return io.BytesIO(gzip.decompress(stream.read()))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is not a readable {PACKED} file: {error}") from error
