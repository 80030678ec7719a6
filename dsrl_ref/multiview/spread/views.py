"""Views that are dask arrays: each is put together, validated and prepared on a worker, and told about in few words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.distributed import work
from dsrl_ref.distributed.cluster import Cluster, Here, place_of
from dsrl_ref.memory import require_room
from dsrl_ref.multiview.absent import is_absent, require_somewhere
from dsrl_ref.multiview.blank import what_is_blank
from dsrl_ref.multiview.edges import count_sought
from dsrl_ref.multiview.neighbors import kind_for, mean_distance
from dsrl_ref.multiview.points import Sparse
from dsrl_ref.multiview.spread.blocks import asked, settled
from dsrl_ref.multiview.views import (
    PreparedView,
    View,
    as_view,
    as_views,
    called,
    prepare,
    require_as_many,
)
from dsrl_ref.spread import TIMEOUT, as_spread, is_spread
from dsrl_ref.threads import limited, processors


class SpreadView(NamedTuple):
    """A view on a worker, as `as_views` makes it of one in memory.

    Attributes
    ----------
    shape : pair of int
        n samples, d features.
    absent : ndarray (n,) of bool
        Which samples it does not have.
    place, state
        Where it is, and the future of it, or on this machine the view itself.
    """

    shape: tuple[int, int]
    absent: NDArray[np.bool_]
    place: Cluster | Here
    state: Any


def views_of(
    views: Sequence[Any] | Mapping[str, Any], samples: Sequence[Any] | None = None
) -> list[View] | list[SpreadView]:
    """`as_views` of arrays in memory, and the same of dask arrays, whose entries are read where they are.

    Raises
    ------
    ValueError, TypeError
        As `as_views` has it; also where some are dask arrays, and others are not.
    MissingExtraError
        For dask arrays without the extra ``distributed``.
    ClusterError
        Where a cluster does not answer.
    """
    given = list(views.values()) if isinstance(views, Mapping) else views
    if not isinstance(given, list | tuple) or not any(map(is_spread, given)):
        return as_views(views, samples)
    names = called(views)
    for view, name in zip(given, names, strict=True):
        if not is_spread(view):
            raise TypeError(
                f"{name} is in memory, and others are dask arrays: pass it as one too, "
                "dask.array.from_array(view), or all in memory"
            )
        as_spread(view, name)
    require_as_many(given, names)
    return _read(given, names)


def _read(arrays: Sequence[Any], names: Sequence[str]) -> list[SpreadView]:
    from dask import delayed

    place = place_of(None, None, TIMEOUT, processors())
    whole = [array.rechunk((-1, -1), method="tasks").to_delayed().ravel()[0] for array in arrays]
    read = delayed(as_view, pure=False)
    states = place.prepare([read(chunk, name) for chunk, name in zip(whole, names, strict=True)])
    shapes, absent = zip(*asked(place, settled(place, states, "reading views"), _about), strict=True)
    for shape, array, name in zip(shapes, arrays, names, strict=True):
        if shape != array.shape:
            raise ValueError(
                f"{name} has shape {shape}, but its dask array says {array.shape}: chunks have other sizes"
            )
    require_somewhere(absent)
    return [
        SpreadView(array.shape, gone, place, state) for array, gone, state in zip(arrays, absent, states, strict=True)
    ]


def _about(view: View) -> tuple[tuple[int, ...], NDArray[np.bool_]]:
    return view.shape, is_absent(view)


class Told(NamedTuple):
    """What the caller needs to know of a view that is prepared.

    Attributes
    ----------
    blank : str
        What `what_is_blank` says.
    equal : bool
        Whether all its samples are one.
    kind : {"exact", "approximate"}
        Of the neighbours.
    k, sought : int
        How many neighbours a sample has, and how many are looked for.
    scale : float
        The mean distance, for weights "heat".
    bytes : int
        Of the view and its points.
    """

    blank: str
    equal: bool
    kind: str
    k: int
    sought: int
    scale: float
    bytes: int


@dataclass(frozen=True)
class SpreadPrepared:
    """A prepared view on a worker: the future of a `PreparedView`, and what was told of it."""

    view: SpreadView
    state: Any
    told: Told

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which of all n samples the view has."""
        return ~self.view.absent

    def gathered(self) -> PreparedView:
        """The view in the memory of the caller."""
        found: PreparedView = asked(self.view.place, [self.state], work.itself)[0]
        return found


def prepared(
    views: Sequence[SpreadView], ways: Sequence[str], k: int, weights: str, neighbors: str
) -> list[SpreadPrepared]:
    """Prepare each view in its way, as `prepare` does, and hear of it what a graph of k neighbours needs."""
    from dask import delayed

    place, ready = views[0].place, delayed(prepare, pure=False)
    states = place.prepare([ready(view.state, way) for view, way in zip(views, ways, strict=True)])
    told = asked(place, settled(place, states, "preparing views"), _told, k, weights, neighbors)
    return [SpreadPrepared(*each) for each in zip(views, states, told, strict=True)]


def _told(view: PreparedView, k: int, weights: str, neighbors: str) -> Told:
    own = view.neighbours(k)
    with limited(1):
        scale = mean_distance(view.points) if weights == "heat" else 0.0
    count = count_sought(own, view.points.count, weights)
    equal, kind = view.points.are_equal(), kind_for(view.points, neighbors)
    points = view.points.rows if isinstance(view.points, Sparse) else view.points.columns
    return Told(what_is_blank(view), equal, kind, own, count, scale, _bytes(view.given) + _bytes(points))


def _bytes(matrix: View) -> int:
    parts = (matrix.data, matrix.indices, matrix.indptr) if isinstance(matrix, csr_array) else (matrix,)
    return sum(int(part.nbytes) for part in parts)


def in_memory(views: Sequence[SpreadPrepared]) -> list[PreparedView]:
    """The prepared views in the memory of the caller, for new samples to be joined to.

    Raises
    ------
    SizeError
        Where there is no room for them.
    """
    size = sum(view.told.bytes for view in views)
    n = views[0].view.shape[0]
    what = f"predict of new samples, and save, bring the views of {n} samples into the memory of the caller"
    require_room(size, what, "take transduction_ of samples that fit saw, or fit a sample of the data in memory")
    return [view.gathered() for view in views]
