"""Who is drawn how: up to ten groups of samples in colours and markers of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Paul Tol's "muted" colours, which colour-blind readers tell apart, and an orange; the markers are for print in grey.
COLOURS = (
    "#332288",
    "#CC6677",
    "#117733",
    "#DDCC77",
    "#88CCEE",
    "#882255",
    "#44AA99",
    "#999933",
    "#AA4499",
    "#EE7733",
)
MARKERS = "o", "s", "^", "D", "v", "P", "X", "<", ">", "p"
OTHER = "#BBBBBB"  # what has no group, or none of its own
LONGEST = 24  # letters of a name


@dataclass(frozen=True)
class Group:
    """Samples that are drawn alike, and what they are called."""

    name: str
    members: NDArray[np.intp]
    colour: str
    marker: str


def groups_of(codes: Any, names: Sequence[Any] | None = None, nobody: str = "no class") -> list[Group]:
    """The groups of samples in the order of their codes.

    Of more than ten groups the nine largest have a colour, and the others one together, which comes last. What has no
    code (-1) comes before all, so that it is drawn below them.

    Parameters
    ----------
    codes : array_like (n,) of int
        The group of each sample, from 0; negative for none.
    names : sequence, optional
        What the groups are called; by default their codes.
    nobody : str
        What samples without a group are called.

    Raises
    ------
    ValueError
        Where a code has no name.
    """
    codes = np.asarray(codes)
    found, sizes = np.unique(codes[codes >= 0], return_counts=True)
    if names is not None and found.size and found[-1] >= len(names):
        raise ValueError(f"codes go up to {found[-1]}, but there are {len(names)} names")
    shown = found
    if len(found) > len(COLOURS):
        shown = np.sort(found[np.argsort(-sizes, kind="stable")[: len(COLOURS) - 1]])
    groups = [
        Group(short(code if names is None else names[code]), np.flatnonzero(codes == code), colour, marker)
        for code, colour, marker in zip(shown.tolist(), COLOURS, MARKERS, strict=False)
    ]
    rest = np.setdiff1d(found, shown)
    if rest.size:
        groups.append(Group(f"{len(rest)} others", np.flatnonzero(np.isin(codes, rest)), OTHER, "."))
    if (codes < 0).any():
        groups.insert(0, Group(nobody, np.flatnonzero(codes < 0), OTHER, "x"))
    return groups


def short(name: Any) -> str:
    """A name that fits beside a picture; a dollar in it begins no formula."""
    text = str(name)
    return (text if len(text) <= LONGEST else text[: LONGEST - 1] + "…").replace("$", r"\$")
