"""Checkpoints of a run of `fit`: the state of the descent and the history so far."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.errors import ModelFileError
from dsrl_ref.persistence import VERSION, read, write

SECONDS = 1.0  # between two: what a kill can lose
ADVICE = {
    "objective": (
        "it is known by data, layers, engine and, of an f of your own, by what f computes, to the last bit: with "
        "another number of BLAS threads (OPENBLAS_NUM_THREADS, MKL_NUM_THREADS), another NumPy or another processor "
        "the same f computes other bits. Go on where, and with as many threads as, the file was written, or "
    )
}


class Epoch(NamedTuple):
    """What there is before a step.

    Attributes
    ----------
    loss : float
        Of what is learned from.
    values : ndarray
        The parameters as stored.
    start : int
        From which of the starts they came.
    validation : float
        The loss of what is held out; NaN where nothing is.
    """

    loss: float
    values: Array
    start: int = 0
    validation: float = np.nan


@dataclass
class Trail:
    """The epochs so far."""

    losses: list[float] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.losses)

    def append(self, loss: float, values: Array, start: int = 0, validation: float = np.nan) -> None:
        """Add an epoch."""
        self.losses.append(loss)
        self.values.append(values)
        self.starts.append(start)
        self.validation.append(validation)

    def with_end(self, end: Epoch) -> "Trail":
        """The same and, after its last step, where that led to."""
        whole = Trail([*self.losses], [*self.values], [*self.starts], [*self.validation])
        whole.append(*end)
        return whole

    def best(self, most: float = np.inf) -> Epoch:
        """The epoch of the least loss: of what is held out, if anything is; of equals there, of the least other.

        Epochs whose other loss is above `most` come after all that are not: what is held out may be so little that a
        network looks best there which is of no use for what is learned from.
        """
        losses, validation = np.array(self.losses), np.array(self.validation)
        epoch = int(np.lexsort((losses, validation, losses > most))[0])  # NaN, of what does not exist, is last
        return Epoch(self.losses[epoch], self.values[epoch], self.starts[epoch], self.validation[epoch])


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
        history = {
            "losses": np.array(trail.losses),
            "values": np.array(trail.values),  # a row an epoch
            "starts": np.array(trail.starts, dtype=np.int64),
            "validation": np.array(trail.validation),
        }
        state = {f"state_{name}": array for name, array in descent.state.items()}
        write(self.path, {"kind": "checkpoint", **self.run}, {**state, **history})
        self.written = time.monotonic()

    def restore(self, descent: Any) -> Trail:
        """Put the descent where the file has it; an empty trail where there is no file yet."""
        if self.path is None or not self.path.exists():
            return Trail()
        header, arrays = read(self.path)
        if header.get("kind") == "checkpoint" and header["version"] < VERSION:
            raise ModelFileError(
                f"{self.path} is a checkpoint of an older dsrl_ref (version {header['version']}), which alone goes on "
                "from it; resume=False begins anew"
            )
        for name, value in {"kind": "checkpoint", **self.run}.items():
            if header.get(name) != value:
                raise ModelFileError(
                    f"{self.path} is of another run: its {name} is {header.get(name)!r}, here it is {value!r}; "
                    f"{ADVICE.get(name, '')}take another file, or resume=False to begin anew"
                )
        try:
            losses, values, starts, validation = (
                arrays.pop(name) for name in ("losses", "values", "starts", "validation")
            )
            history = Trail(losses.tolist(), list(values), starts.tolist(), validation.tolist())
            descent.state = {name.removeprefix("state_"): array for name, array in arrays.items()}
        except ModelFileError as error:  # of the descent, which knows this state and does not go on from it
            raise ModelFileError(f"{self.path} is of another run: {error}") from error
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise ModelFileError(f"{self.path} is no checkpoint that this version knows: {error!r}") from error
        return history
