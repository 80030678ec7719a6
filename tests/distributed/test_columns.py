"""Columns of what is shared out: their errors, and some of them, are those of the whole."""

import numpy as np
import pytest
from wide import plain_python_warns

from dsrl_ref import Fidelity, LeastSquares, Objective
from dsrl_ref.distributed import columns as module
from dsrl_ref.distributed import problem
from dsrl_ref.distributed.cluster import Here
from dsrl_ref.errors import DivergenceError
from dsrl_ref.training.subset import errors, subset

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
sp = pytest.importorskip("scipy.sparse")

rng = np.random.default_rng(0)
W, D, X = rng.normal(size=(9, 13)), rng.normal(size=(5, 9)), rng.normal(size=(9, 13))
THETA, L = [(1.0, 0.875, 0.25, 0.75)] * 2, [40.0] * 2
KINDS = {
    "fidelity": lambda wrap: Objective(Fidelity(wrap(W)), wrap(X), layers=2, per_layer=True),
    "x0": lambda wrap: Objective(LeastSquares(D, wrap(D @ X)), wrap(X), x0=wrap(X / 2), layers=2, per_layer=True),
    "signals": lambda wrap: Objective(
        LeastSquares(D, wrap(D @ X)), wrap(X), layers=2, per_layer=True, method="adjoint"
    ),
    "by blocks": lambda wrap: Objective(
        LeastSquares(D, wrap(D @ X)), wrap(X), layers=2, per_layer=True, method="columns"
    ),
    "in one pass": lambda wrap: Objective(Fidelity(wrap(W)), wrap(X), layers=2, per_layer=True, method="fused"),
}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(problem, "BLOCK", 26)
    monkeypatch.setattr(Here, "groups", 2)


def spread(array):
    return da.from_array(array, chunks=(4, 5))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("at_once", [2**18, 20])
def test_errors_and_energies_are_those_of_each_column(monkeypatch, kind, at_once):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    J, whole = kind(spread), kind(np.array)
    assert errors(J, THETA, L) == pytest.approx(errors(whole, THETA, L), rel=1e-12)
    assert J.problem.energies() == pytest.approx(np.sum(X**2, axis=0), rel=1e-14)


@plain_python_warns
@pytest.mark.parametrize("kind", ["signals", "by blocks"])
def test_an_error_that_is_not_finite_names_the_layer(kind):
    J = KINDS[kind](spread)
    with pytest.raises(DivergenceError, match="not finite in layer 2"):
        errors(J, [(1e200, 1e200, 0, 0)] * 2, [1.0, 1.0])
    group = J.problem.prepared.states[0]
    at = J.parameters.read([(1e200, 1e200, 0, 0)] * 2, [1.0, 1.0])
    assert isinstance(module._errors(group, *at), DivergenceError)  # no log of it


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("fetched", [2**20, 0])
def test_some_columns_are_an_objective_of_their_own(monkeypatch, kind, fetched):
    monkeypatch.setattr(module, "FETCHED", fetched)
    chosen = np.array([0, 4, 5, 12])
    part, expected = subset(kind(spread), chosen), subset(kind(np.array), chosen)
    assert part.shape == (9, 4)
    assert isinstance(part.target, np.ndarray) == bool(fetched)
    assert np.array_equal(np.asarray(part.target), X[:, chosen])
    assert part.method == kind(np.array).method
    assert part(THETA, L)[0] == pytest.approx(expected(THETA, L)[0], rel=1e-13)


def test_columns_of_sparse_chunks_are_refused_by_name():
    J = Objective(Fidelity(spread(np.eye(6)).map_blocks(sp.csr_array)), layers=2, per_layer=True)
    with pytest.raises(TypeError, match=r"fit one Θ a layer to dense chunks, such as W.map_blocks"):
        errors(J, THETA, L)
