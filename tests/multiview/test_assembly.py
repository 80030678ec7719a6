"""Graphs that are put together by blocks of rows: those that SciPy makes at once, to the last bit, in less memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peaks import with_peak
from scipy.sparse import csr_array
from strategies import examples

from dsrl_ref.multiview import assembly
from dsrl_ref.multiview.assembly import (
    assembled,
    blocks,
    components,
    equal_blocks,
    index_type,
    rows_of,
    symmetrised,
    weighted_sum,
)


def graph(n, m, density, seed):
    """A sparse matrix of numbers that round when they are added, with rows that are empty and rows that are full."""
    rng = np.random.default_rng(seed)
    dense = rng.random((n, m)) * (rng.random((n, m)) < density) * (rng.random((n, 1)) < 0.8)
    dense[rng.integers(n)] = rng.random(m)
    return csr_array(dense)


def told(graph):
    """All that there is to a graph: its shape, its rows, the bits of its weights, its kinds of indices, its form."""
    rows = graph.indptr.tolist(), graph.indices.tolist(), graph.data.tobytes()
    canonical = csr_array((graph.data, graph.indices, graph.indptr), shape=graph.shape).has_canonical_format
    return graph.shape, rows, (graph.indices.dtype, graph.indptr.dtype), canonical


def as_expected(graph):
    """The same of what SciPy has made, in canonical form, with indices of 32 bits."""
    whole = csr_array(graph)
    whole.sort_indices()
    indices, starts = whole.indices.astype(np.int32), whole.indptr.astype(np.int32)
    return told(csr_array((whole.data, indices, starts), shape=whole.shape))


sizes = st.integers(1, 12)


@examples(100)
@given(sizes, sizes, st.sampled_from([0.0, 0.2, 0.9]), st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4))
def test_a_weighted_sum_is_the_sum_of_the_graphs(n, m, density, seed, block, count):
    graphs = [graph(n, m, density, seed + v) for v in range(count)]
    weights = np.random.default_rng(seed).random(count) * (np.arange(count) != 1)
    expected = csr_array((n, m))
    for each, weight in zip(graphs, weights, strict=True):
        expected = expected + weight * each
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "BLOCK", block)
        assert told(weighted_sum(graphs, weights)) == as_expected(expected)


def test_places_of_a_row_may_come_in_any_order_and_come_out_sorted():
    turned, other = (
        csr_array((np.array([1.0, 2.0]), np.array(places), np.array([0, 2]))) for places in ([2, 0], [1, 0])
    )
    other.resize(1, 3)
    for found, expected in (
        (weighted_sum([turned, other], [0.5, 0.25]), [1.5, 0.25, 0.5]),
        (assembly.larger(turned, other), [2.0, 1.0, 1.0]),
    ):
        assert found.indices.tolist() == [0, 1, 2]
        assert found.data.tolist() == expected


def test_what_a_sum_is_scaled_by_is_asked_for_every_block_of_its_rows(monkeypatch):
    monkeypatch.setattr(assembly, "BLOCK", 5)
    graphs, factors = [graph(9, 7, 0.5, seed) for seed in range(2)], np.arange(1.0, 10.0)

    def scaled(block, rows):
        return rows.data * np.repeat(factors[block], np.diff(rows.indptr))

    expected = factors[:, np.newaxis] * weighted_sum(graphs, [0.5, 0.25]).toarray()
    assert np.array_equal(weighted_sum(graphs, [0.5, 0.25], scaled).toarray(), expected)


@examples(100)
@given(sizes, st.sampled_from([0.0, 0.2, 0.9]), st.integers(0, 10**6), st.integers(1, 40))
def test_of_both_directions_the_larger_weight_counts(n, density, seed, block):
    directed = graph(n, n, density, seed)
    directed.data[::3] = 0.0  # is stored, and no edge
    expected = csr_array(np.maximum(directed.toarray(), directed.toarray().T))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "BLOCK", block)
        assert told(symmetrised(directed)) == as_expected(expected)


def test_what_is_symmetric_already_is_not_made_again():
    directed = graph(9, 9, 0.3, 0)
    symmetric = symmetrised(directed)
    assert symmetrised(symmetric) is symmetric
    other = symmetric.copy()
    other.data[0] += 1.0
    assert symmetrised(other).toarray().tolist() == np.maximum(other.toarray(), other.toarray().T).tolist()
    symmetric.data[:] = 0.0
    assert symmetrised(symmetric).nnz == 0


@pytest.mark.parametrize("block", [1, 2, 5, 1000])
def test_blocks_are_all_rows_in_their_order_and_none_is_longer_than_it_must_be(monkeypatch, block):
    monkeypatch.setattr(assembly, "BLOCK", block)
    lengths = np.random.default_rng(0).integers(0, 4, 60)
    lengths[7], lengths[50:] = 30, 0
    indptr = np.append(0, np.cumsum(lengths))
    ranges = blocks(indptr)
    assert [row for each in ranges for row in range(each.start, each.stop)] == list(range(60))
    for each in ranges:
        rows = [size for size in lengths[each].tolist() if size]
        assert sum(rows) < 2 * block or len(rows) == 1 or sum(sorted(rows)[:-1]) <= block
    assert len(ranges) <= 2 + indptr[-1] / block
    assert [row for each in equal_blocks(60, 4) for row in range(60)[each]] == list(range(60))
    assert equal_blocks(60, 4)[0] == slice(0, min(60, max(1, block // 4)))


def test_rows_are_the_same_entries_and_not_copies():
    whole = graph(9, 7, 0.5, 0)
    rows = rows_of(whole, slice(2, 6))
    assert np.array_equal(rows.toarray(), whole.toarray()[2:6])
    assert np.shares_memory(rows.data, whole.data)
    assert np.shares_memory(rows.indices, whole.indices)


def test_indices_have_32_bits_where_they_fit():
    last = 2**31 - 1
    assert index_type((last, 5), last) is np.int32
    assert index_type((last + 1, 5), 3) is np.int64
    assert index_type((3, last + 1), 3) is np.int64
    assert index_type((3, 5), last + 1) is np.int64


def test_room_for_entries_that_do_not_come_is_given_back():
    whole = assembled((4, 4), 1000, [slice(0, 4)], lambda block: csr_array(np.eye(4)))
    assert whole.data.size == whole.indices.size == whole.nnz == 4
    assert np.array_equal(whole.toarray(), np.eye(4))


def test_a_sum_takes_little_more_memory_than_it_has_itself(monkeypatch):
    monkeypatch.setattr(assembly, "BLOCK", 2**12)
    graphs = [graph(500, 500, 0.4, seed) for seed in range(3)]
    whole, most = with_peak(lambda: weighted_sum(graphs, [0.5, 0.3, 0.2]))
    room = sum(each.nnz for each in graphs) * 12
    assert whole.nnz * 12 < most < 1.2 * room


@examples(100)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 10**6))
def test_components_are_those_that_edges_join_in_the_order_of_their_first_samples(n, edges, seed):
    rng = np.random.default_rng(seed)
    ends = rng.integers(n, size=(edges, 2))
    dense = np.zeros((n, n))
    dense[ends[:, 0], ends[:, 1]] = dense[ends[:, 1], ends[:, 0]] = 1.0
    expected, count = np.full(n, -1), 0
    for first in range(n):
        waiting = [first] if expected[first] < 0 else []
        count += len(waiting)
        while waiting:
            here = waiting.pop()
            expected[here] = count - 1
            waiting += [other for other in np.flatnonzero(dense[here]) if expected[other] < 0]
    assert components(csr_array(dense)).tolist() == expected.tolist()


def test_components_are_found_without_another_graph():
    ring = np.arange(5_000)
    near = (ring[:, np.newaxis] + [-8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8]) % len(ring)
    W = csr_array((np.ones(near.size), near.ravel(), np.arange(0, near.size + 1, 16)), shape=(5_000, 5_000))
    W.indices, W.indptr = W.indices.astype(np.int32), W.indptr.astype(np.int32)
    components(W)  # which imports what it needs
    found, most = with_peak(lambda: components(W))
    assert not found.any()
    assert most < 0.6 * 12 * W.nnz
