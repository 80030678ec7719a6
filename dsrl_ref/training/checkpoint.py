"""Checkpoints of a run of `fit`: the state of the descent and the history so far."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.errors import ModelFileError
from dsrl_ref.objective import Objective
from dsrl_ref.persistence import read, write

SECONDS = 1.0  # between two: what a kill can lose


@dataclass
class Trail:
    """Loss and stored parameters before each step."""

    losses: list[float]
    values: list[Array]

    def __len__(self) -> int:
        return len(self.losses)

    def append(self, loss: float, values: Array) -> None:
        """Add an epoch."""
        self.losses.append(loss)
        self.values.append(values)


class Checkpoint:
    """The file that a run writes now and then, and that another goes on from.

    Parameters
    ----------
    path : Path or None
        None for a run without.
    run : dict
        What tells one run from another: a file of another run is refused.
    """

    def __init__(self, path: Path | None, run: dict[str, Any]) -> None:
        self.path, self.run = path, run
        self.written = time.monotonic()

    def save(self, descent: Any, trail: Trail, now: bool = False) -> None:
        """Write, if it is time."""
        if self.path is None or not (now or time.monotonic() - self.written >= SECONDS):
            return
        history = {"losses": np.array(trail.losses), "values": np.array(trail.values).reshape(-1, 5)}
        state = {f"state_{name}": array for name, array in descent.state.items()}
        write(self.path, {"kind": "checkpoint", **self.run}, {**state, **history})
        self.written = time.monotonic()

    def restore(self, descent: Any) -> Trail:
        """Put the descent where the file has it; an empty trail where there is no file yet."""
        if self.path is None or not self.path.exists():
            return Trail([], [])
        header, arrays = read(self.path)
        for name, value in {"kind": "checkpoint", **self.run}.items():
            if header.get(name) != value:
                raise ModelFileError(
                    f"{self.path} is of another run: its {name} is {header.get(name)!r}, here it is {value!r}; "
                    "take another file, or resume=False to begin anew"
                )
        try:
            history = Trail(arrays.pop("losses").tolist(), list(arrays.pop("values")))
            descent.state = {name.removeprefix("state_"): array for name, array in arrays.items()}
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise ModelFileError(f"{self.path} is no checkpoint that this version knows: {error!r}") from error
        return history


def fingerprint(J: Objective) -> str:
    """Digest of all that J is made of, its engine included.

    Of f these are its type and those values of ``vars(f)`` that are arrays, sparse matrices, numbers or texts.
    """
    import hashlib

    digest = hashlib.sha256(f"{type(J.f).__name__} {J.shape} {J.layers} {J.method}".encode())
    for name, value in [("x0", J.x0), ("target", J.target), *getattr(J.f, "__dict__", {}).items()]:
        for part in _parts(value):
            if isinstance(part, np.ndarray) and part.dtype.kind in "fiubc":
                digest.update(f"{name} {part.dtype} {part.shape}".encode())
                digest.update(np.ascontiguousarray(part).data)
            elif isinstance(part, bool | int | float | complex | str | np.generic):
                digest.update(f"{name} {part!r}".encode())
    return digest.hexdigest()


def _parts(value: Any) -> list[Any]:
    if not is_sparse(value):
        return [value]
    csr = value.tocsr()
    return [csr.data, csr.indices, csr.indptr, np.array(csr.shape)]
