"""Who is drawn how: groups of samples, up to thirty of them in pairs of a colour and a marker of their own."""

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
PAIRS = 30  # of a colour and a marker that are used: up to ten groups share neither
STEP = 3  # markers by which each ten groups are ahead of the ten before


@dataclass(frozen=True)
class Group:
    """Samples that are drawn alike, and what they are called."""

    name: str
    members: NDArray[np.intp]
    colour: str
    marker: str


def groups_of(codes: Any, names: Sequence[Any] | None = None, nobody: str = "no class") -> list[Group]:
    """The groups of samples in the order of their codes.

    Up to ten groups share neither colour nor marker, and up to thirty not both. Of more the 29 largest have a pair of
    their own, and the others are grey together, and come last with their number. What has no code (-1) comes before
    all, so that it is drawn below them.

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
    if len(found) > PAIRS:
        shown = np.sort(found[np.argsort(-sizes, kind="stable")[: PAIRS - 1]])
    groups = [
        Group(short(code if names is None else names[code]), np.flatnonzero(codes == code), *_pair(place))
        for place, code in enumerate(shown.tolist())
    ]
    rest = np.setdiff1d(found, shown)
    if rest.size:
        groups.append(Group(f"{len(rest)} others", np.flatnonzero(np.isin(codes, rest)), OTHER, "."))
    if (codes < 0).any():
        groups.insert(0, Group(nobody, np.flatnonzero(codes < 0), OTHER, "x"))
    return groups


def _pair(place: int) -> tuple[str, str]:
    """Colour and marker of a group by its place among those shown."""
    tens, rest = divmod(place, len(COLOURS))
    return COLOURS[rest], MARKERS[(rest + STEP * tens) % len(MARKERS)]


def short(name: Any, longest: int = LONGEST) -> str:
    """A name that fits beside a picture, without its middle where it is longer; a dollar in it begins no formula."""
    text = str(name)
    if len(text) > longest:
        end = (longest - 1) // 2
        text = f"{text[: longest - 1 - end]}…{text[-end:]}"
    return text.replace("$", r"\$")
