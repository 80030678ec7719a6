"""Labels spread over a graph in blocks as over the same graph in memory, to the last bit."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from views import hard_views, same_graph

from dsrl_ref.distributed.cluster import Here
from dsrl_ref.multiview import propagation, similarity_graph
from dsrl_ref.multiview.conjugate import System
from dsrl_ref.multiview.propagation import propagate
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.system import SpreadSystem

pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")

N = 90


def blocks(W, ends=(7, 50)):
    rows = [slice(a, b) for a, b in zip((0, *ends), (*ends, W.shape[0]), strict=True)]
    return Blocks(Here(2), [csr_array(W[block]) for block in rows], rows, W.shape[0])


@pytest.fixture(name="W")
def _graph():
    W = similarity_graph(hard_views(N)[0], 6, weights="adaptive").tolil()
    W[5, 5] = 0.5
    return csr_array(W)


def test_products_and_parts_are_those_of_the_system_in_memory(W):
    diagonal, X = 1.0 + W.sum(axis=1), np.random.default_rng(0).normal(size=(N, 3))
    here, there = System(W, diagonal, 0.75), SpreadSystem(blocks(W), diagonal, 0.75)
    kept = np.arange(N) % 3 > 0
    kept[10:55] = False  # a block keeps nothing
    for one, other, Y in ((here, there, X), (here.among(kept), there.among(kept), X[kept])):
        assert np.array_equal(other @ Y, one @ Y)
        assert np.array_equal(other.sizes(Y), one.sizes(Y))
        assert np.array_equal(other.own, one.own)
        assert np.array_equal(other.toarray(), one.toarray())
    assert same_graph(there.among(kept).W.gathered("", ""), here.among(kept).W)
    assert np.array_equal(there.across(kept, X[~kept]), here.across(kept, X[~kept]))


@pytest.mark.parametrize("form", propagation.PROPAGATION)
@pytest.mark.parametrize("few", [True, False])
def test_labels_spread_to_the_same_bits(monkeypatch, W, form, few):
    monkeypatch.setattr(propagation, "DENSE", N if few else 0)
    monkeypatch.setattr(propagation, "SHELL", 1e-2)  # so that some are far
    codes = np.where(np.arange(N) < 9, np.arange(N) % 3, -1)
    expected, found = (propagate(graph, [codes], 3, form, 10.0)[0] for graph in (W, blocks(W)))
    assert np.array_equal(found, expected)
