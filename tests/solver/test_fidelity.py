"""`Fidelity`: the least of every entry, dense and sparse, certified in any unit."""

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, Status, Theta, regularizer, solve
from dsrl_ref.solver import fidelity

CONVEX = Theta(0.8, 0.6, 0.2, 0.7)
THETAS = [Theta.soft(0.5), CONVEX, Theta(1.5, 0.5, 0.5, 1), Theta.firm(0.5, 0.6)]


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("weight", [0.5, 2.0, 4.0])
def test_nothing_is_below_in_any_entry(theta, weight):
    W, x = np.linspace(-4, 4, 41).reshape(1, -1), np.linspace(-5, 5, 10_001)
    found = solve(Fidelity(W), theta, weight)
    assert found.converged
    for w, ours in zip(W[0], found.x[0], strict=True):
        costs = 0.5 * (x - w) ** 2 + weight * regularizer(x, theta)
        assert 0.5 * (ours - w) ** 2 + weight * regularizer(ours, theta) <= costs.min() + 1e-12


@pytest.mark.parametrize("theta", THETAS)
def test_sparse_and_dense_are_one(theta, monkeypatch):
    W = sp.csr_array(sp.random(30, 20, 0.2, format="csr", random_state=0) * 3.0)
    W.data[W.indices == 4] = 0.0  # a column of stored zeros
    monkeypatch.setattr(fidelity, "ENTRIES", 40)  # several blocks of short rows
    sparse, dense = (solve(Fidelity(kind), theta, 1.5) for kind in (W, W.toarray()))
    assert sp.issparse(sparse.x)
    assert np.array_equal(sparse.x.toarray(), dense.x)
    assert sparse.objective == pytest.approx(dense.objective)
    assert sparse.residuals == pytest.approx(dense.residuals, abs=1e-13)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e9, 1e150])
def test_in_any_unit_it_is_certified(scale):
    W = np.random.default_rng(0).normal(size=(6, 5)) * scale
    found = solve(Fidelity(W), Theta(0.8, 0.6, 0.2 * scale, 0.7 * scale))
    assert found.status is Status.CONVERGED
    unscaled = solve(Fidelity(W / scale), CONVEX)
    assert found.x / scale == pytest.approx(unscaled.x, rel=1e-12, abs=1e-14)
    assert np.count_nonzero(found.x) == np.count_nonzero(unscaled.x)


def test_without_a_penalty_it_is_w():
    W = np.array([[1.5, 0.0], [-2.0, 1e-3]])
    for theta, weight in ((CONVEX, 0.0), (Theta.soft(0.0), 2.0)):
        found = solve(Fidelity(W), theta, weight)
        assert np.array_equal(found.x, W)
        assert found.residual == 0


def test_a_wrong_point_is_not_certified(monkeypatch):
    from dsrl_ref.solver.penalty import Penalty

    right = Penalty.minimiser
    monkeypatch.setattr(Penalty, "minimiser", lambda self, q, c: right(self, q, c) * (1 + 1e-3))
    found = solve(Fidelity(np.array([[3.0, 0.1]])), CONVEX)
    assert not found.converged
    assert [status.converged for status in found.column_status] == [False, True]  # 0 stays 0
