"""Samples as points: sparse ones, moved against a direction, are what the same dense ones are."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dsrl_ref import threads
from dsrl_ref.multiview import points
from dsrl_ref.multiview.points import Dense, Sparse


def sparse_points(n=9, d=6, seed=0, moved=True):
    rng = np.random.default_rng(seed)
    rows = csr_array(rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.5))
    return Sparse(rows, rng.normal(size=n), rng.normal(size=d)) if moved else Sparse.unmoved(rows)


def dense_rows(points):
    """What the points are, entry by entry."""
    rows = points.rows.toarray()
    return np.array(
        [
            [x - s * w for x, w in zip(row, points.direction, strict=True)]
            for row, s in zip(rows, points.shift, strict=True)
        ]
    )


@pytest.mark.parametrize("moved", [True, False])
def test_sparse_points_multiply_and_measure_as_dense_ones(moved):
    some, others = sparse_points(moved=moved), sparse_points(5, seed=1, moved=moved)
    others = Sparse(others.rows, others.shift, some.direction)
    first, second = dense_rows(some), dense_rows(others)
    for block in (slice(0, 9), slice(2, 5), slice(8, 9)):
        expected = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in second] for x in first[block]]
        assert some.products(others)(block) == pytest.approx(np.array(expected), rel=1e-12, abs=1e-13)
    assert some.squares() == pytest.approx([sum(a * a for a in x) for x in first], rel=1e-12)
    assert (some.count, some.features, others.count) == (9, 6, 5)
    assert dense_rows(some.take(slice(2, 5))).tolist() == first[2:5].tolist()
    assert dense_rows(some.take(np.array([7, 0]))).tolist() == first[[7, 0]].tolist()


def test_what_is_at_the_origin_has_no_negative_square():
    for seed in range(40):
        row = np.random.default_rng(seed).normal(size=(1, 3))
        points = Sparse(csr_array(np.repeat(row, 2, axis=0)), np.ones(2), row[0])  # all cancel but for rounding
        assert (points.squares() >= 0).all()
        assert points.squares() == pytest.approx(0, abs=1e-14)


def test_dense_points_multiply_and_measure():
    rows = dense_rows(sparse_points())
    points = Dense(np.ascontiguousarray(rows.T))
    assert points.products(points.take(slice(1, 4)))(slice(2, 9)) == pytest.approx(rows[2:] @ rows[1:4].T)
    assert points.squares() == pytest.approx((rows**2).sum(axis=1))
    assert (points.count, points.features) == rows.shape
    assert points.take(np.array([3, 1])).columns.flags.c_contiguous


@pytest.mark.parametrize(
    ("rows", "shift", "equal"),
    [
        ([[0, 1, 2], [0, 1, 2]], [3, 3], True),
        ([[0, 0, 0], [0, 0, 0]], [0, 0], True),
        ([[0, 1, 2], [0, 1, 2]], [3, 4], False),
        ([[0, 1, 2], [0, 1, 5]], [3, 3], False),
        ([[0, 1, 2], [0, 1, 0]], [3, 3], False),
        ([[0, 1, 2], [1, 0, 2]], [3, 3], False),
        ([[0, 1, 2], [0, 1, 0], [2, 1, 1]], [3, 3, 3], False),
    ],
)
def test_points_are_equal_where_all_that_is_stored_is(rows, shift, equal):
    rows = np.array(rows, dtype=float)
    assert Sparse(csr_array(rows), np.array(shift, dtype=float), np.ones(3)).are_equal() is equal
    if len(set(shift)) == 1:
        assert Dense(np.ascontiguousarray(rows.T)).are_equal() is equal


def test_the_largest_coordinate_counts_whatever_its_sign():
    assert Dense(np.array([[1.0, -3.0], [2.0, 0.0]])).largest() == 3
    assert Dense(np.array([[-1.0, 3.0], [2.0, 0.0]])).largest() == 3
    assert Dense(np.empty((0, 2))).largest() == 0


def test_blas_is_told_how_large_a_product_is(monkeypatch):
    told = []
    limit = threads.blas_threads
    monkeypatch.setattr(points, "blas_threads", lambda *given: told.append(given) or limit(*given))
    some = Dense(np.ones((3, 20)))
    with threads.limited(3):
        some.products(some)(slice(2, 7))
    assert told == [(3, 5 * 3 * 20)]


def test_which_points_are_at_the_origin():
    rows = csr_array(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    shift, direction = np.array([0.0, 0.0, 2.0]), np.array([1.0, 0.0])
    assert Sparse(rows, shift, direction).at_origin().tolist() == [True, False, False]
    assert Sparse(rows, shift, 0 * direction).at_origin().tolist() == [True, False, True]
    assert Dense(rows.toarray().T.copy()).at_origin().tolist() == [True, False, True]
