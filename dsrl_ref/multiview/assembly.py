"""Graphs that are put together block by block of their rows.

SciPy adds sparse matrices into arrays that have room for all entries of both, and copies what is left of them; a sum
of several takes a matrix between each two. Of large graphs that is most of the memory. Here a few rows at a time go
through SciPy, and what comes out is written to its place. The numbers are the same, Ctrl-C is answered between two
blocks, and indices have 32 bits where they fit. What SciPy makes of two matrices in canonical form is in it too, and
without zeros.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array

BLOCK = 2**17  # entries of a block: a few MB, with what is made of them on the way


def blocks(indptr: NDArray[Any]) -> list[slice]:
    """Ranges of rows, in their order, of about `BLOCK` entries each; a row of more is a range of its own."""
    bounds = np.searchsorted(indptr, np.arange(0, int(indptr[-1]) + BLOCK, BLOCK), side="right") - 1
    ends = np.unique(np.append(bounds, 0))
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def rows_of(graph: csr_array, block: slice) -> csr_array:
    """Some rows next to one another, of the same entries: nothing is copied but their starts."""
    a, b = int(graph.indptr[block.start]), int(graph.indptr[block.stop])
    rows = csr_array((block.stop - block.start, graph.shape[1]))
    rows.data, rows.indices = graph.data[a:b], graph.indices[a:b]  # given to `csr_array`, it would copy them
    rows.indptr = graph.indptr[block.start : block.stop + 1] - graph.indptr[block.start]
    return rows


def index_type(shape: Sequence[int], entries: int) -> type[np.signedinteger[Any]]:
    """The smallest type of indices that counts the entries of such a matrix: 32 bits where they fit."""
    return np.int32 if max(*shape, entries) <= np.iinfo(np.int32).max else np.int64


def equal_blocks(rows: int, width: int) -> list[slice]:
    """The same of rows that have `width` entries each."""
    height = max(1, BLOCK // max(1, width))
    return [slice(start, min(start + height, rows)) for start in range(0, rows, height)]


def assembled(
    shape: tuple[int, int], most: int, ranges: Sequence[slice], part: Callable[[slice], csr_array]
) -> csr_array:
    """A graph of `most` entries at most, of which `part` gives the rows of each range, sorted by columns."""
    kind = index_type(shape, most)
    data, indices = np.empty(most), np.empty(most, dtype=kind)
    starts = np.zeros(shape[0] + 1, dtype=kind)
    end = 0
    for block in ranges:
        found = part(block)
        begin, end = end, end + found.nnz
        data[begin:end], indices[begin:end] = found.data, found.indices
        starts[block.start + 1 : block.stop + 1] = found.indptr[1:] + begin
    data.resize(end, refcheck=False)  # what was left over was never touched, and takes no memory
    indices.resize(end, refcheck=False)
    whole = csr_array((data, indices, starts), shape=shape)
    whole.has_canonical_format = True
    return whole


def components(W: csr_array) -> NDArray[np.intp]:
    """The component of every sample, numbered in the order of their first samples.

    Parameters
    ----------
    W : csr_array (n, n)
        With both directions of every edge. So the strong components are those of the graph, and these are found
        without the transpose, which SciPy makes for others, and which takes as much memory as the graph.
    """
    from scipy.sparse.csgraph import connected_components

    labels: NDArray[np.intp] = connected_components(W, connection="strong")[1]
    return labels


def weighted_sum(
    graphs: Sequence[csr_array],
    weights: Sequence[float] | Array,
    scaled: Callable[[slice, csr_array], Array] | None = None,
) -> csr_array:
    """The sum of weight times graph, added in their order; what is 0 is no entry.

    Parameters
    ----------
    graphs : sequence of csr_array (m, n)
        No place twice; those of a row may come in any order.
    weights : sequence of float
        One a graph.
    scaled : callable, optional
        Of rows of the sum, given with their range, the entries that are to stand in their place.
    """
    shape = graphs[0].shape

    def part(block: slice) -> csr_array:
        found = csr_array((block.stop - block.start, shape[1]))
        for graph, weight in zip(graphs, weights, strict=True):
            found = csr_array(found + weight * rows_of(graph, block))
        found.sort_indices()
        if scaled is not None:
            found.data = scaled(block, found)
        return found

    indptr = sum((graph.indptr.astype(np.int64) for graph in graphs[1:]), graphs[0].indptr)
    return assembled(shape, int(indptr[-1]), blocks(indptr), part)


def symmetrised(directed: csr_array) -> csr_array:
    """The larger of the weights of both directions; what is 0 is no entry. What is symmetric is returned as it is.

    Parameters
    ----------
    directed : csr_array (n, n)
        In canonical form, nonnegative.
    """
    transposed = csr_array(directed.T)
    parts = [(getattr(directed, name), getattr(transposed, name)) for name in ("indptr", "indices", "data")]
    if directed.data.all() and all(np.array_equal(one, other) for one, other in parts):
        return directed
    indptr = directed.indptr.astype(np.int64) + transposed.indptr

    def part(block: slice) -> csr_array:
        return larger(rows_of(directed, block), rows_of(transposed, block))

    return assembled(directed.shape, int(indptr[-1]), blocks(indptr), part)


def larger(rows: csr_array, others: csr_array) -> csr_array:
    """The larger of nonnegative weights at the same places, sorted by columns; what is 0 is no entry."""
    found = csr_array(rows.maximum(others))
    found.sort_indices()
    return found
