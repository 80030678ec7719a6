"""The fused graph on workers: what `multiview.graph` does to views in memory, to those of dask arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.agreement import choice, consensus, separation, ways_of, weights_by_separation
from dsrl_ref.multiview.edges import mean_graph
from dsrl_ref.multiview.neighbors import Taken, sampled
from dsrl_ref.multiview.spread.blocks import Blocks, asked, ranges
from dsrl_ref.multiview.spread.neighbours import graph_of
from dsrl_ref.multiview.spread.views import SpreadPrepared, SpreadView, in_memory
from dsrl_ref.multiview.views import PreparedView, View

COPIES = 3.0  # of the graph, which clustering it holds


@dataclass(frozen=True)
class SpreadFusion:
    """As `multiview.graph.Fusion` has it, on workers: the views come to the caller when they are asked for."""

    graph: Blocks
    prepared: list[SpreadPrepared]
    view_weights: Array
    neighbors: list[Taken]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which samples are in which views, (n, V)."""
        return np.stack([view.seen for view in self.prepared], axis=1)

    @cached_property
    def views(self) -> list[PreparedView]:
        """The views in the memory of the caller; SizeError where there is no room for them."""
        return in_memory(self.prepared)


def ways_for(views: Sequence[SpreadView], standardize: str, k: int, weights: str) -> list[str]:
    """What to do to each view; "auto" as `multiview.agreement.chosen` has it, by a sample of them at the caller."""
    if standardize != "auto":
        return [standardize] * len(views)
    place, states = views[0].place, [view.state for view in views]
    ways = asked(place, states, ways_of, len(views) == 1)
    if max(map(len, ways)) == 1:
        return [own[0] for own in ways]
    return choice(asked(place, states, _taken, sampled(views[0].shape[0])), ways, k, weights)


def fused(views: Sequence[SpreadPrepared], weights: str, given: Array | None, clusters: int | None) -> SpreadFusion:
    """The mean over views, which are `given` weights, or such by what they agree in."""
    place, n = views[0].view.place, views[0].view.shape[0]
    entries = 2 * sum(view.told.k for view in views)
    rows = ranges(n, entries, place.slots)
    graphs, taken = zip(*(graph_of(view, f"views[{v}]", rows, weights) for v, view in enumerate(views)), strict=True)
    seen = np.stack([view.seen for view in views], axis=1)
    shares = _by_agreement(graphs, clusters, seen) if given is None else given
    return SpreadFusion(_mean(graphs, shares, seen), list(views), shares, list(taken))


def _mean(graphs: Sequence[Blocks], shares: Array, seen: NDArray[np.bool_]) -> Blocks:
    first, *others = graphs
    return first.mapped(_mean_rows, *others, shares, seen)


def _by_agreement(graphs: Sequence[Blocks], clusters: int | None, seen: NDArray[np.bool_]) -> Array:
    """As `multiview.agreement.weights_by_agreement` has it, with one graph at a time at the caller."""
    equal = np.full(len(graphs), 1 / len(graphs))
    if len(graphs) == 1:
        return equal
    mean = _mean(graphs, equal, seen)
    given = "view_weights='auto' clusters", "give view_weights=None, or one number a view"
    partition = consensus(mean.gathered(*given, COPIES), clusters)
    return weights_by_separation([separation(graph.gathered(*given), partition) for graph in graphs], seen)


def _mean_rows(block: slice, *given: Any) -> csr_array:
    *graphs, shares, seen = given
    return mean_graph(graphs, shares, seen[block], seen)


def _taken(view: View, rows: NDArray[np.intp]) -> View:
    return view[rows]
