"""Exact neighbours, by blocks and by tree, against sorting all distances."""

import numpy as np
import pytest

from dsrl_ref.multiview import neighbors
from dsrl_ref.multiview.neighbors import distances, mean_distance, nearest, sampled, standardised

RNG = np.random.default_rng(0)


def by_sorting(some, others, count):
    """Ascending distances, of equal ones the first in order."""
    found = [[(float(np.sqrt(((a - b) ** 2).sum())), j) for j, b in enumerate(others.T)] for a in some.T]
    return [sorted(row)[:count] for row in found]


@pytest.mark.parametrize("entries", [1, 50, 10**6])
def test_nearest_are_those_of_a_full_sort(monkeypatch, entries):
    monkeypatch.setattr(neighbors, "BLOCK_ENTRIES", entries)
    points = RNG.normal(size=(3, 20))
    lengths, columns = nearest(points, points, 5)
    expected = by_sorting(points, points, 5)
    assert columns.tolist() == [[j for _, j in row] for row in expected]
    assert lengths == pytest.approx(np.array([[d for d, _ in row] for row in expected]), abs=1e-7)


def test_of_equal_distances_the_first_stay_in():
    points = np.zeros((2, 6))
    lengths, columns = nearest(points, points, 3)
    assert columns.tolist() == [[0, 1, 2]] * 6
    assert not lengths.any()


def test_the_tree_finds_the_same(monkeypatch):
    points, others = RNG.normal(size=(3, 15)), RNG.normal(size=(3, 40))
    expected = nearest(points, others, 4)
    monkeypatch.setattr(neighbors, "TREE_SAMPLES", 1)
    lengths, columns = nearest(points, others, 4)
    assert columns.tolist() == expected[1].tolist()
    assert lengths == pytest.approx(expected[0], rel=1e-12)


def test_mean_distance_counts_the_diagonal():
    points = np.array([[0.0, 3.0, 0.0]])
    assert mean_distance(points) == pytest.approx(4 * 3 / 9)


def test_mean_distance_of_many_is_that_of_a_fixed_sample(monkeypatch):
    monkeypatch.setattr(neighbors, "SAMPLED", 200)
    points = RNG.normal(size=(5, 1000))
    rows = sampled(1000)
    assert len(set(rows)) == 200
    assert np.array_equal(rows, np.sort(rows))
    assert mean_distance(points) == pytest.approx(distances(points[:, rows], points[:, rows]).mean(), rel=1e-6)
    monkeypatch.setattr(neighbors, "SAMPLED", 1000)
    assert mean_distance(points) == pytest.approx(np.mean(distances(points, points)), rel=0.05)


@pytest.mark.parametrize(("along", "axis"), [("samples", 1), ("features", 0)])
def test_standardised_along_either_axis(along, axis):
    view = RNG.normal(3, 2, size=(30, 4))
    found = standardised(view, along).T
    assert found.mean(axis=axis) == pytest.approx(0, abs=1e-12)
    assert found.std(axis=axis, ddof=1) == pytest.approx(1, rel=1e-7)
