"""Some columns of an objective, and what each column's error is."""

import numpy as np
import pytest
import scipy.sparse as sp
from methods import PER_LAYER
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, forward
from dsrl_ref.engines.table import ENGINES, refusal
from dsrl_ref.training import subset as module
from dsrl_ref.training.subset import drawn, energies, errors, has_columns_apart, subset

numbers = np.random.default_rng(0)
D, X = numbers.normal(size=(3, 4)), numbers.normal(size=(4, 9)) * (numbers.random((4, 9)) < 0.6)
W, X0 = numbers.normal(size=(4, 9)), numbers.normal(size=(4, 9))
THETA = np.array([[0.9, 0.8, 0.1, 0.5], [1.0, 0.7, 0.2, 0.4]])
L = np.array([8.0, 9.0])
KINDS = {
    "least squares": lambda **options: Objective(LeastSquares(D, D @ X), X, layers=2, **options),
    "x0": lambda **options: Objective(LeastSquares(D, D @ X), X, layers=2, x0=X0, **options),
    "fidelity": lambda **options: Objective(Fidelity(W), X, layers=2, **options),
    "sparse": lambda **options: Objective(Fidelity(sp.csr_array(X)), sp.csr_array(0.5 * X), layers=2, **options),
    "target W": lambda **options: Objective(Fidelity(W), layers=2, **options),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
def test_J_and_its_derivatives_are_the_sums_of_those_of_the_parts(kind):
    J = kind(per_layer=True)
    parts = [subset(J, np.array(columns)) for columns in ([0, 3, 8], [1, 2, 4, 5, 6, 7])]
    losses, gradients, matrices = zip(*(part.gauss_newton(THETA, L) for part in parts), strict=True)
    loss, gradient, matrix = J.gauss_newton(THETA, L)
    assert sum(losses) == pytest.approx(loss, rel=1e-13)
    assert np.sum(gradients, axis=0) == pytest.approx(np.array(gradient), rel=1e-12, abs=1e-13)
    assert sum(matrices) == pytest.approx(matrix, rel=1e-12, abs=1e-13)
    assert [part.shape for part in parts] == [(4, 3), (4, 6)]


@each_kind
def test_a_part_is_evaluated_as_the_whole(kind):
    for each in (False, True):
        J = kind(per_layer=each, method="tangent", threads=1)
        part = subset(J, np.array([1, 2]))
        assert (part.per_layer, part.method, part.threads, part.layers) == (each, "tangent", 1, 2)


def test_what_is_one_matrix_stays_one():
    part = subset(KINDS["target W"](), np.array([1, 2]))
    assert part.target is part.f.W is part.x0


@each_kind
@pytest.mark.parametrize("at_once", [1, 8, 2**18])
def test_errors_are_those_of_each_column(kind, at_once, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    J = kind(per_layer=True)
    dense = [m.toarray() if sp.issparse(m) else m for m in (forward(J.f, THETA, L, 2, J.x0)[-1], J.target)]
    expected = [np.sum((dense[0][:, j] - dense[1][:, j]) ** 2) for j in range(9)]
    assert errors(J, THETA, L) == pytest.approx(expected, rel=1e-12)
    assert 0.5 * errors(J, THETA, L).sum() == pytest.approx(J(THETA, L)[0], rel=1e-12)
    assert energies(J) == pytest.approx(np.sum(dense[1] ** 2, axis=0), rel=1e-14)


@each_kind
def test_errors_are_those_of_the_recursion_whichever_engine_runs(kind):
    by_recursion = errors(kind(per_layer=True, method="adjoint"), THETA, L)
    taking = [name for name in PER_LAYER if refusal(ENGINES[name], kind(per_layer=True).problem) is None]
    assert len(taking) >= 4
    for method in taking:
        assert errors(kind(per_layer=True, method=method), THETA, L) == pytest.approx(by_recursion, rel=1e-11)


def test_the_engine_that_evaluates_is_asked(monkeypatch):
    J = KINDS["least squares"](per_layer=True, method="support")
    expected = errors(J, THETA, L)
    monkeypatch.setattr(module, "forward", None)
    assert errors(J, THETA, L).tobytes() == expected.tobytes() == J.errors(THETA, L).tobytes()


def test_columns_of_ones_own_f_stay_together(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 1)
    f = FloatQuartic(np.eye(4))
    J = Objective(f, 0.5 * X, x0=0.3 * X0, layers=2, per_layer=True)
    assert not has_columns_apart(J)
    assert errors(J, THETA, 10 * L).sum() == pytest.approx(2 * J(THETA, 10 * L)[0], rel=1e-12)


def test_only_the_two_known_terms_have_columns_apart():
    class Mine(LeastSquares):
        pass

    known = [
        has_columns_apart(Objective(f, X, layers=1)) for f in (Fidelity(W), LeastSquares(D, D @ X), Mine(D, D @ X))
    ]
    assert known == [True, True, False]


def test_draws_are_sorted_without_repetition_and_follow_from_the_seed():
    assert drawn(10, 4, 3).tolist() == drawn(10, 4, 3).tolist() != drawn(10, 4, 4).tolist()
    found = drawn(np.array([5, 7, 11, 13]), 3, 0)
    assert found.tolist() == sorted(set(found.tolist()))
    assert len(found) == 3
    assert set(found.tolist()) <= {5, 7, 11, 13}
