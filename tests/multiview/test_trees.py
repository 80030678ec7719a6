"""The k-d tree, whose own distances and whose choice among equal ones decide nothing."""

import numpy as np
import pytest
from views import nearest_exactly, tied_samples

from dsrl_ref.multiview import trees
from dsrl_ref.multiview.kernels import neighbors as kernels
from dsrl_ref.multiview.lists import Lists, Samples
from dsrl_ref.multiview.points import Dense
from dsrl_ref.multiview.trees import Tree


def samples(rows):
    return Samples.of(Dense(np.ascontiguousarray(np.asarray(rows).T)), 0)


def found(rows, count, block=slice(None)):
    """Places that the tree finds for a block of the samples themselves, and whether it asked tiles."""
    tree = Tree(samples(rows), samples(rows), count)
    lists = Lists.empty(np.arange(len(rows))[block], count)
    for _ in tree.fill(block, np.arange(len(rows))[block], lists):
        pass
    kernels.order(*lists)
    return lists.places.tolist(), tree.tiles is not None


@pytest.mark.parametrize("few", [0, 3, 50])  # lists for all, for some, and hardly any
@pytest.mark.parametrize("listed", [20, 2**20])
def test_of_equal_distances_the_first_stay_in(monkeypatch, few, listed):
    monkeypatch.setattr(trees, "FEW", few)
    monkeypatch.setattr(trees, "LISTED", listed)
    rng, asked = np.random.default_rng(0), []
    for count in (1, 4, 9, 39, 40):
        rows = tied_samples(rng, 40, 2) * 2.0**-10
        rows /= np.abs(rows).max()
        places, by_tiles = found(rows, count)
        asked.append(by_tiles)
        assert places == [[j for _, j in row] for row in nearest_exactly(rows, rows, count, True)]
    assert any(asked) == (few > 0)


@pytest.mark.parametrize("few", [0, 3, 50])
def test_new_samples_have_the_first_of_those_that_are_as_far(monkeypatch, few):
    monkeypatch.setattr(trees, "FEW", few)
    rng = np.random.default_rng(1)
    rows = tied_samples(rng, 70, 2) * 2.0**-10
    some, others = np.split(rows / np.abs(rows).max(), [30])
    tree, lists = Tree(samples(some), samples(others), 4), Lists.empty(np.full(30, -1), 4)
    for _ in tree.fill(slice(0, 30), np.full(30, -1), lists):
        pass
    kernels.order(*lists)
    assert lists.places.tolist() == [[j for _, j in row] for row in nearest_exactly(some, others, 4)]


def test_tiles_are_made_once_for_all_blocks(monkeypatch):
    made, of = [], trees.DenseTiles
    monkeypatch.setattr(trees, "DenseTiles", lambda *given: made.append(given) or of(*given))
    equal = samples(np.zeros((40, 2)))
    tree = Tree(equal, equal, 3)
    for block in (slice(0, 20), slice(20, 40)):
        own = np.arange(40)[block]
        for _ in tree.fill(block, own, Lists.empty(own, 3)):
            pass
    assert len(made) == 1


def test_lists_are_of_few_at_a_time_and_work_may_be_left_after_each(monkeypatch):
    """Each of forty samples has a twin as near as its last neighbour, itself: lists of 80, by 20 at a time at most."""
    monkeypatch.setattr(trees, "LISTED", 20)
    monkeypatch.setattr(trees, "FEW", 0)
    listed, offer = [], Tree._offer
    monkeypatch.setattr(
        Tree,
        "_offer",
        lambda self, rows, own, found, *rest: listed.append(len(found)) or offer(self, rows, own, found, *rest),
    )
    twins = samples(np.repeat(np.arange(20.0), 2)[:, np.newaxis] / 20)
    steps = Tree(twins, twins, 1).fill(slice(0, 40), np.arange(40), Lists.empty(np.arange(40), 1))
    assert len(list(steps)) == 7  # the tree was asked, sizes were counted, and five times lists were offered
    assert listed == [80, 16, 16, 16, 16, 16]


def test_a_block_is_of_the_samples_that_it_says():
    rows = np.random.default_rng(0).normal(size=(50, 3))
    expected = [[j for _, j in row] for row in nearest_exactly(rows, rows, 4, True)]
    assert found(rows, 4, slice(20, 31))[0] == expected[20:31]
    assert not found(rows, 4)[1]


def test_of_samples_that_are_equal_but_for_rounding_the_first_stay_in():
    rows = 0.75 * (1 + 1e-12 * np.arange(4.0)[:, np.newaxis])
    assert found(rows, 2)[0] == [[0, 1], [1, 0], [2, 0], [3, 0]]


def test_lists_are_asked_for_only_where_more_are_as_near_as_the_last(monkeypatch):
    asked = []
    settle = Tree._settle
    monkeypatch.setattr(Tree, "_settle", lambda self, place, *given: asked.append(place) or settle(self, place, *given))
    rows = np.array([[0.0], [0.25], [0.75], [1.0], [-1.0], [-0.8]])
    assert found(rows, 2)[0] == [[0, 1], [1, 0], [2, 3], [3, 2], [4, 5], [5, 4]]
    assert asked == []
    assert found(rows, 3)[0][0] == [0, 1, 2]
    equal = np.array([[0.0], [0.5], [-0.5], [1.0]])
    assert found(equal, 2)[0] == [[0, 1], [1, 0], [2, 0], [3, 1]]
    assert [place.tolist() for place in asked] == [[0, 1]]
