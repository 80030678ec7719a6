"""The learned graph on workers: what `multiview.learning` does to a graph in memory, to one in blocks of rows."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.distributed import work
from dsrl_ref.distributed.cluster import Cluster
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.multiview.assembly import weighted_sum
from dsrl_ref.multiview.learning import (
    LearnedGraph,
    Training,
    count_kept,
    descended,
    linked,
    lonely,
    mapped,
    shares_of,
    trained,
)
from dsrl_ref.multiview.spread.blocks import Blocks, asked, shared
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity

FETCHED = 2**22  # weights, 32 MiB: so many are learned from at the caller, who evaluates them in a fraction of a ms


def learn_spread(W: Blocks, training: Training) -> LearnedGraph:
    """`learn_graph` of a graph in blocks: Θ, L and the graph have the bits that they have of one in memory.

    Weights of more than 32 MiB stay where they are, and `dsrl_ref.distributed` evaluates their J.
    """
    scale = max(asked(W.place, W.states, _largest)) if W.nnz else 1.0
    if W.nnz <= FETCHED:
        weights = np.concatenate(asked(W.place, W.states, _weights, scale))
        theta, L, losses = trained(weights, training)
    else:
        J = Objective(Fidelity(_in_a_row(W, scale)), layers=training.layers, method="pieces", client=_client(W))
        theta, L, losses = descended(J, W.nnz, partial(_count, J), training)
    learned = LearnedGraph(W, theta, L, scale, losses, training.layers)
    graph = W.mapped(_mapped, theta, L, scale, training.layers)
    training.warn_of_share(graph.nnz, W.nnz)
    return LearnedGraph(_with_everyone(graph, W), theta, L, scale, losses, learned.layers)


def mixed_spread(candidates: Blocks, learned: Blocks) -> Blocks:
    """What labels spread over, as `mixed` has it."""
    if not learned.nnz:
        return learned
    return candidates.mapped(_mixed, learned, shares_of(candidates, learned))


def _client(W: Blocks) -> Any:
    return W.place.client if isinstance(W.place, Cluster) else None


def _in_a_row(W: Blocks, scale: float) -> Any:
    """All weights as a dask array (1, entries)."""
    from dask import delayed
    from dask.array import concatenate, from_delayed

    weights, counts = delayed(_weights, pure=False), asked(W.place, W.states, _count_stored)
    chunks = [
        from_delayed(weights(shared(state), scale).reshape(1, -1), (1, count), dtype=np.float64)
        for state, count in zip(W.states, counts, strict=True)
        if count
    ]
    return concatenate(chunks, axis=1)


def _count(J: Objective, network: ScalarMap) -> int:
    """How many weights a network keeps, of entries that are sorted already."""
    return sum(J.problem.ask(_kept, network))


def _kept(group: work.Group, network: ScalarMap) -> int:
    sorted_weights: Any = [block.problem.f for block in group.blocks]
    return sum(count_kept(network, f.W.ravel()) for f in sorted_weights)


def _with_everyone(graph: Blocks, W: Blocks) -> Blocks:
    found = asked(W.place, W.mapped(_lonely, graph).states, work.itself)
    samples, strongest = (np.concatenate(each) for each in zip(*found, strict=True))
    if not samples.size:
        return graph
    least = min(asked(graph.place, graph.states, _least)) if graph.nnz else 1.0
    return graph.mapped(_linked, samples, strongest, least)


def _largest(rows: csr_array) -> float:
    return float(rows.data.max(initial=0.0))


def _least(rows: csr_array) -> float:
    return float(rows.data.min(initial=np.inf))


def _weights(rows: csr_array, scale: float) -> Array:
    weights: Array = rows.data / scale
    return weights


def _count_stored(rows: csr_array) -> int:
    return int(rows.nnz)


def _mapped(block: slice, rows: csr_array, theta: Theta, L: float, scale: float, layers: int) -> csr_array:
    return mapped(rows, LearnedGraph(rows, theta, L, scale, np.empty(0), layers))


def _lonely(block: slice, rows: csr_array, graph: csr_array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    alone, strongest = lonely(graph, rows)
    return alone + block.start, strongest


def _linked(
    block: slice, rows: csr_array, samples: NDArray[np.intp], others: NDArray[np.intp], weight: float
) -> csr_array:
    return linked(rows, samples, others, weight, block.start)


def _mixed(block: slice, candidates: csr_array, learned: csr_array, shares: list[float]) -> csr_array:
    return weighted_sum([candidates, learned], shares)
