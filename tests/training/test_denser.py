"""Denser copies of signals: what they are of, and that their measurements belong to them."""

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, LeastSquares, Objective
from dsrl_ref.training.denser import with_denser

numbers = np.random.default_rng(0)
D = numbers.normal(size=(5, 40))
X = numbers.normal(size=(40, 200)) * (numbers.random((40, 200)) < 0.2)
NOISE = 0.1 * numbers.normal(size=(5, 200))


def objective(kind=np.asarray, **options):
    return Objective(LeastSquares(D, D @ X + NOISE), kind(X), layers=2, per_layer=True, **options)


def test_all_columns_are_there_and_a_quarter_of_them_again():
    J = with_denser(objective())
    assert J.shape == (40, 250)
    columns = {column.tobytes() for column in J.target.T}
    assert 240 < len(columns) <= 250  # of a column with few nonzeros none may be drawn
    assert {column.tobytes() for column in X.T} <= columns


def test_what_is_added_is_measured_without_noise():
    J = with_denser(objective())
    noise = J.f.Y - D @ J.target
    known = {tuple(column.round(9)): j for j, column in enumerate(NOISE.T)}
    origin = [known[tuple(column.round(9))] for column in noise.T]  # KeyError where the noise is another
    counts = np.bincount(origin, minlength=200)
    assert sorted(counts.tolist()) == [1] * 150 + [2] * 50
    assert np.flatnonzero(counts == 2)[-1] > 150  # of all columns, not of the first
    added = J.target - X[:, origin]
    assert 40 < np.count_nonzero(added.any(axis=0)) <= 50  # of a column with few nonzeros none may be drawn
    share = np.count_nonzero(added) / (50 * np.mean(np.count_nonzero(X, axis=0)))
    assert share == pytest.approx(0.3, abs=0.06)
    sizes = set(np.abs(X[X != 0]).round(9).tolist())
    assert set(np.abs(added[added != 0]).round(9).tolist()) <= sizes


def test_denser_is_denser_and_the_order_is_drawn():
    J = with_denser(objective())
    first = J.target[:, :200]
    assert not np.array_equal(first, X)
    density = np.count_nonzero(J.target, axis=0)
    assert density.mean() > np.count_nonzero(X, axis=0).mean()
    known = {column.tobytes() for column in X.T}
    copies = [j for j, column in enumerate(J.target.T) if column.tobytes() not in known]
    assert min(copies) < 25  # among all others
    assert max(copies) > 225


def test_the_same_is_drawn_each_time_and_the_given_is_left_alone():
    before = X.copy()
    one, other = with_denser(objective()), with_denser(objective())
    assert one.target.tobytes() == other.target.tobytes()
    assert one.f.Y.tobytes() == other.f.Y.tobytes()
    assert X.tobytes() == before.tobytes()


def test_the_start_goes_with_its_column():
    x0 = np.arange(200.0) * np.ones((40, 1))
    J = with_denser(objective(x0=x0))
    noise = {tuple(column.round(9)): j for j, column in enumerate(NOISE.T)}
    origin = [noise[tuple(column.round(9))] for column in (J.f.Y - D @ J.target).T]
    assert J.x0[0].tolist() == [float(j) for j in origin]


def test_sparse_targets_and_starts_are_as_dense_ones():
    dense = with_denser(objective(x0=X))
    sparse = with_denser(objective(sp.csr_array, x0=sp.csr_array(X)))
    assert np.array_equal(sparse.target, dense.target)  # but for the sign of 0
    assert np.array_equal(sparse.x0, dense.x0)


def test_it_is_evaluated_as_before():
    J = with_denser(objective(method="adjoint", threads=1))
    assert (J.method, J.threads, J.layers, J.per_layer) == ("adjoint", 1, 2, True)


def test_what_has_no_dictionary_or_too_few_columns_is_left_as_it_is():
    fidelity = Objective(Fidelity(X), layers=2, per_layer=True)
    few = Objective(LeastSquares(D, D @ X[:, :3]), X[:, :3], layers=2, per_layer=True)
    assert with_denser(fidelity) is fidelity
    assert with_denser(few) is few


def test_of_a_dask_array_the_same_is_drawn():
    da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
    J = with_denser(objective())
    for chunks in ((40, 200), (7, 33)):
        spread = Objective(
            LeastSquares(D, da.from_array(D @ X + NOISE, chunks=(5, 60))),
            da.from_array(X, chunks=chunks),
            layers=2,
            per_layer=True,
        )
        found = with_denser(spread)
        assert np.array_equal(found.target.compute(), J.target)
        assert found.f.Y.compute() == pytest.approx(J.f.Y, rel=1e-12)
        assert not found.x0.compute().any()
