"""A matrix in blocks of rows answers as the whole one does, to the last bit."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array
from views import same_graph

from dsrl_ref.distributed import cluster
from dsrl_ref.errors import ClusterError, SizeError
from dsrl_ref.multiview.spread.blocks import ENTRIES, Blocks, States, asked, ranges, settled
from dsrl_ref.progress import reported

pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")

HERE = cluster.Here(2)
ROWS = [slice(0, 1), slice(1, 1), slice(1, 8), slice(8, 30)]


@pytest.fixture(name="W")
def _whole():
    return csr_array(random_array((30, 20), density=0.3, rng=np.random.default_rng(0)))


def blocks(W):
    return Blocks(HERE, [csr_array(W[block]) for block in ROWS], ROWS, W.shape[1])


def test_rows_are_divided_for_all_who_work_and_into_blocks_that_fit():
    def heights(*given):
        return [block.stop - block.start for block in ranges(*given)]

    assert heights(3, 1, 2) == [1, 1, 1]
    assert heights(32, 1, 2) == [2] * 16
    assert len(heights(10**6, 1, 40)) == 64
    assert len(heights(10**6, 1, 100)) == 100
    assert len(heights(ENTRIES, 90, 1)) == 90
    assert sum(heights(1001, 1, 3)) == 1001


def test_answers_are_those_of_the_whole(W):
    of, X = blocks(W), np.random.default_rng(1).normal(size=(20, 3))
    assert of.shape == W.shape
    assert of.nnz == W.nnz
    assert np.array_equal(of @ X, W @ X)
    assert np.array_equal(of.sum(axis=1), W.sum(axis=1))
    assert np.array_equal(of.diagonal()[:20], W.diagonal())
    assert same_graph(of.gathered("it brings", "leave it"), W)
    assert same_graph(of.as_array().compute(), W)
    assert of.as_array().chunks == ((1, 7, 22), (20,))  # dask leaves out what is empty


def test_a_function_of_blocks_gets_their_rows_and_what_belongs_to_them(W):
    of = blocks(W)
    other, each = of.mapped(_negated), States(range(4))
    found = Blocks.of(HERE, ROWS, 20, _combined, of, other, each, 10.0)
    expected = csr_array(W * 10.0)
    for place, block in enumerate(ROWS):
        expected.data[W.indptr[block.start] : W.indptr[block.stop]] += place + block.start
    assert same_graph(found.gathered("", ""), expected)


def test_what_recipes_bring_of_arrays_is_told(W, monkeypatch):
    """Dask warns of what the caller brings, which matrices that are on workers, and these arrays, are not."""
    told = []
    monkeypatch.setattr(HERE, "prepare", lambda recipes, own: told.append(own) or [None] * len(recipes), raising=False)
    blocks(W).mapped(_combined, blocks(W), np.zeros((7, 3)), np.zeros(2), 1.0)
    assert told == [8 * (21 + 2)]


def _negated(block, rows):
    return csr_array(-rows)


def _combined(block, rows, other, place, factor):
    assert (rows + other).nnz == 0 or abs(rows + other).max() == 0
    found = rows * factor
    found.data += place + block.start
    return found


def test_what_the_caller_has_no_room_for_is_refused_before_it_comes(W, monkeypatch):
    monkeypatch.setattr("dsrl_ref.memory.free_memory", lambda: 12 * W.nnz)
    of = blocks(W)
    assert of.gathered("it brings", "leave it").nnz == W.nnz
    message = rf"it brings the graph in the memory of the caller, {W.nnz} entries of 30 samples: .* GiB .*; leave it"
    with pytest.raises(SizeError, match=message):
        of.gathered("it brings", "leave it", 1.01)


def test_a_matrix_on_workers_is_not_pickled(W):
    with pytest.raises(TypeError, match=r"neither pickled nor copied: dsrl_ref.save writes it"):
        pickle.dumps(blocks(W))


class Forgetful:
    """A cluster whose scheduler knows nothing any more, after it told how far it was."""

    def ask(self, states, question, *arguments, tell=None):
        if tell is not None:
            tell(1)
        raise cluster.LostError


def test_what_is_forgotten_is_named_and_how_many_blocks_are_made_is_told():
    heard = []
    with pytest.raises(
        ClusterError, match=r"forgotten what was made of the views, .* call fit, or similarity_graph, once"
    ):
        asked(Forgetful(), [], len)
    with (
        reported(None, lambda text, share, _: heard.append((text, share))),
        pytest.raises(ClusterError, match="forgotten"),
    ):
        settled(Forgetful(), [1, 2], "neighbours")
    assert heard == [("neighbours: 1 of 2 blocks", 0.5)]
