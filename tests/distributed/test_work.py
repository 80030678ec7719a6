"""What runs on a worker: blocks hold their entries once, know their place, and say what diverges."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Theta
from dsrl_ref.distributed import work
from dsrl_ref.engines import adjoint, fused, pieces, support, table
from dsrl_ref.errors import DivergenceError
from dsrl_ref.threads import processors

THETA = Theta(1.0, 0.875, 0.25, 0.75)
PLACE = (2, 5), (4, 8)
W = np.random.default_rng(0).normal(size=(3, 4))


def plan(engine=pieces.ENGINE, layers=2, per_layer=False, threads=None):
    prepare = table.prepare_layers if per_layer else table.prepare
    return work.Plan(engine, prepare, layers, per_layer, 8, threads)


def test_a_block_of_pieces_holds_its_entries_once_and_sorted():
    W = np.array([[3.0, 0.0, -1.0, 2.0]])
    block = work.block(plan(), ((0, 1), (0, 4)), None, W, None, None)
    assert block.problem.f.W is block.problem.x0 is block.problem.target
    assert np.shares_memory(block.problem.f.W, block.prepared.w)
    assert block.problem.f.W.tolist() == [[-1.0, 2.0, 3.0]]
    target = work.block(plan(), ((0, 1), (0, 4)), None, W, np.zeros((1, 4)), 2 * W).problem
    assert target.target.tolist() == [[-2.0, 0.0, 4.0, 6.0]]
    assert not target.x0.any()
    assert target.x0.shape == (1, 4)
    stored = work.block(plan(), ((0, 1), (0, 4)), None, sp.csr_array(W), None, None)
    assert stored.problem.f.W.tolist() == [[-1.0, 2.0, 3.0]]
    assert stored.problem.unstored == 1


@pytest.mark.parametrize(("engine", "per_layer"), [(pieces.ENGINE, True), (fused.ENGINE, False)])
def test_other_blocks_keep_the_entries_as_they_were_given(engine, per_layer):
    block = work.block(plan(engine, per_layer=per_layer), PLACE, None, W, None, None)
    assert block.problem.f.W is W
    assert (block.rows, block.columns) == PLACE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, np.full((3, 4), np.nan), None, None), r"^W\[2:5, 4:8\] contains NaN: W\[2:5, 4:8\]\[0, 0\] = nan"),
        ((None, W, np.full((3, 4), np.inf), None), r"^x0\[2:5, 4:8\] contains infinity"),
        ((None, W, None, np.full((3, 4), np.nan)), r"^target\[2:5, 4:8\] contains NaN"),
        ((np.eye(3), np.full((3, 4), np.nan), None, W), r"^Y\[:, 4:8\] contains NaN"),
        ((None, W, W[:2], None), r"^x0\[2:5, 4:8\] has shape \(2, 4\), but f\[2:5, 4:8\] has shape \(3, 4\)"),
        ((None, W, None, W[:2]), r"^target\[2:5, 4:8\] has shape"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(arguments, message):
    with pytest.raises(ValueError, match=message):
        work.block(plan(fused.ENGINE), PLACE, *arguments)


def test_a_block_knows_the_columns_of_the_whole():
    block = work.block(plan(support.ENGINE), PLACE, np.eye(3), W, None, W)
    assert block.problem.whole_columns == 8
    assert not block.problem.x0.any()


def test_threads_are_those_of_the_worker_and_no_more_than_are_asked_for(monkeypatch):
    assert [work.at_most(threads) for threads in (None, 3)] == [1, 3]  # no worker
    monkeypatch.setattr(work, "_of_worker", lambda: 4)
    assert [work.at_most(threads) for threads in (None, 3, 8)] == [4, 3, 4]
    group = work.group(work.block(plan(threads=3), PLACE, None, W, None, None))
    assert work.answered(group, lambda _: processors())[1] == 3


@pytest.mark.parametrize("engine", [fused.ENGINE, pieces.ENGINE, adjoint.ENGINE])
def test_a_group_weighs_what_it_holds_and_is_as_large_when_it_has_been_moved(engine):
    """D, and entries that several arrays of a block share, are counted, sent and held once."""
    rng, D = np.random.default_rng(0), None
    data, targets, held = rng.normal(size=(60, 400)), [None, None], 0
    if engine is adjoint.ENGINE:
        D, targets = rng.normal(size=(60, 50)), [rng.normal(size=(50, 400)) for _ in range(2)]
        held = D.nbytes + 4 * targets[0].nbytes  # x0 among them, zeros
    held += 2 * data.nbytes
    given = [work.block(plan(engine), ((0, 60), (0, 400)), D, data * (k + 1), None, targets[k]) for k in range(2)]
    group = work.group(*given)
    assert held <= group.__sizeof__() <= 1.05 * held + 5000
    assert held <= 2 * given[0].__sizeof__() <= 1.2 * held + 5000
    moved = pickle.loads(pickle.dumps(group))
    assert len(pickle.dumps(group)) == pytest.approx(group.__sizeof__(), abs=1000)
    assert moved.__sizeof__() == pytest.approx(group.__sizeof__(), abs=100)
    assert moved.made == group.made
    steep = 1.5 if D is None else 1000.0
    found, expected = (work.answered(each, work.sums_with_matrix, THETA, steep)[1] for each in (moved, group))
    assert np.array_equal(found, expected)


def test_every_making_has_a_name():
    block = work.block(plan(fused.ENGINE), PLACE, None, W, None, None)
    one, other = work.group(block, block), work.group(block, block)
    assert one.made != other.made
    assert work.answered(one, len_of, 1) == (one.made, 3)
    assert work.answered("no group", work.itself) == ("", "no group")
    assert work.present(one) is None


def len_of(group, more):
    return len(group.blocks) + more


def test_sums_are_condensed_and_what_diverges_is_an_answer():
    blocks = [work.block(plan(fused.ENGINE, layers=3), PLACE, None, W * 3.0**k, None, W) for k in range(9)]
    group = work.group(*blocks)
    found = work.sums(group, THETA, 1.5)
    assert found.shape[1] == 6
    assert len(found) <= 3
    assert found[0, 0] == pytest.approx(sum(block.prepared.loss_and_gradient(THETA, 1.5)[0] for block in blocks))
    assert work.sums_with_matrix(group, THETA, 1.5).shape[1] == 21
    assert work.ties(group, THETA, 1.5) == 0
    assert work.divergence(group, THETA, 1.5) is None
    signals = work.group(work.block(plan(support.ENGINE, layers=400), PLACE, 1e3 * np.eye(3), W, None, W))
    steep = Theta(1.0, 1.0, 0.0, 0.0)
    for question in (work.sums, work.sums_with_matrix, work.ties, work.divergence):
        _, answer = work.answered(signals, question, steep, 1e-3)
        assert isinstance(answer, DivergenceError)
        assert "not finite in layer" in str(answer)


def test_what_overflows_warns_of_nothing():
    group = work.group(work.block(plan(fused.ENGINE, layers=3), PLACE, None, 1e200 * W, None, W))
    assert not np.isfinite(work.answered(group, work.sums, THETA, 1.5)[1]).all()
    assert work.answered(group, work.ties, THETA, 1.5)[1] == 0
