"""The graph of one view on workers: each finds the neighbours of its rows among all points, and joins both directions.

An edge that a row has must be in the row of its other end too, which lies in another block. So each block of rows is
cut into parts by the blocks of the other ends, and every block collects its parts, turned round: B² parts of B
blocks.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from dsrl_ref.arrays import Array
from dsrl_ref.distributed import work
from dsrl_ref.multiview.assembly import larger
from dsrl_ref.multiview.edges import directed, found, radii_of
from dsrl_ref.multiview.neighbors import Taken, recall
from dsrl_ref.multiview.spread.blocks import Blocks, States, asked, settled, shared
from dsrl_ref.multiview.spread.views import SpreadPrepared
from dsrl_ref.multiview.views import PreparedView, scattered
from dsrl_ref.threads import limited


class Near(NamedTuple):
    """Distances of some samples from their nearest, and who these are, as `nearest` has them."""

    lengths: Array
    columns: NDArray[np.intp]


def graph_of(view: SpreadPrepared, name: str, rows: Sequence[slice], weights: str) -> tuple[Blocks, Taken]:
    """The graph (n, n) of one view, in these blocks of rows, and what neighbours were taken for it."""
    place, seen, told = view.view.place, view.seen, view.told
    if told.equal:
        empty = Blocks.of(place, list(rows), len(seen), _empty, len(seen))
        return empty, Taken(told.kind, None)
    ends = np.concatenate([[0], np.cumsum(seen)])[[0, *(block.stop for block in rows)]].tolist()
    own = [slice(a, b) for a, b in pairwise(ends)]  # the same blocks, counted among the samples that the view has
    near, share = _nearest(view, name, own, weights)
    radii = shared(np.concatenate(asked(place, near, _radii, told.k)))
    both = _both_directions(view, near, radii, own, weights)
    return Blocks.of(place, list(rows), len(seen), _among_all, States(both), seen), Taken(told.kind, share)


def _nearest(view: SpreadPrepared, name: str, own: list[slice], weights: str) -> tuple[list[Any], float | None]:
    """Blocks of `Near`, and the recall of approximate neighbours, whose cells one worker makes of all samples."""
    from dask import delayed

    place, told, near = view.view.place, view.told, delayed(_near, pure=False)
    what = f"neighbours in {name}"
    if told.kind == "exact":
        recipes = [near(view.state, block, told.sought, weights, told.kind) for block in own]
        return settled(place, place.prepare(recipes), what), None
    whole = place.prepare([near(view.state, slice(0, own[-1].stop), told.sought, weights, told.kind)])
    settled(place, whole, what)
    cut = delayed(_cut, pure=False)
    share = asked(place, place.prepare([delayed(_recall, pure=False)(view.state, whole[0])]), work.itself)[0]
    return settled(place, place.prepare([cut(whole[0], block) for block in own]), what), share


def _both_directions(view: SpreadPrepared, near: list[Any], radii: Any, own: list[slice], weights: str) -> list[Any]:
    """The graph among the samples that the view has, in its blocks of rows."""
    from dask import delayed

    place, told = view.view.place, view.told
    joined, parted = delayed(_joined, pure=False), delayed(_parted, pure=False, nout=len(own))
    one_way = delayed(_one_way, pure=False)
    given = told.k, weights, told.scale, radii
    rows = settled(
        place,
        place.prepare([one_way(*pair, *given) for pair in zip(near, own, strict=True)], 8 * own[-1].stop),
        "edges",
    )
    parts = settled(place, place.prepare([parted(each, own) for each in rows]), "edges")
    pick = delayed(_pick, pure=False)
    recipes = [joined(each, *(pick(part, to) for part in parts)) for to, each in enumerate(rows)]
    return settled(place, place.prepare(recipes), "joining edges")


def _near(view: PreparedView, rows: slice, count: int, weights: str, kind: str) -> Near:
    """On one thread: a worker does as many such tasks at a time as it has threads."""
    with limited(1):
        return Near(*found(view.points, view.points, count, weights, kind, False, rows))


def _cut(near: Near, rows: slice) -> Near:
    return Near(near.lengths[rows], near.columns[rows])


def _recall(view: PreparedView, near: Near) -> float:
    with limited(1):
        return recall(view.points, near.columns)


def _radii(near: Near, k: int) -> Array:
    return radii_of(near.lengths, k)


def _one_way(near: Near, rows: slice, k: int, weights: str, scale: float, radii: Array) -> csr_array:
    return directed(*near, k, weights, scale, radii, rows.start)


def _parted(rows: csr_array, own: list[slice]) -> list[csr_array]:
    """For each block the edges that end there, turned round: (its samples, these rows)."""
    turned = csr_array(rows.T)
    return [turned[block] for block in own]


def _pick(parts: list[csr_array], to: int) -> csr_array:
    return parts[to]


def _joined(rows: csr_array, *turned: csr_array) -> csr_array:
    return larger(rows, csr_array(hstack(turned, format="csr")))


def _among_all(block: slice, rows: csr_array, seen: NDArray[np.bool_]) -> csr_array:
    return scattered(rows, seen[block], seen)


def _empty(block: slice, width: int) -> csr_array:
    return csr_array((block.stop - block.start, width))
