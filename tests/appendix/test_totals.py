"""The literal tensors (10), (11), (15), (16)."""

from itertools import product

import numpy as np
import pytest
from strategies import floats

from dsrl_ref import Fidelity, LeastSquares, Theta
from dsrl_ref.appendix import totals
from dsrl_ref.errors import SizeError

THETA = Theta(0.75, 0.5, 0.25, 0.5)


def test_contracts_over_j_k():
    rng = np.random.default_rng(0)
    partial, tensor, previous = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 3, 2)), rng.normal(size=(3, 2, 4))
    expected = partial.copy()
    for p, q, j, k, c in product(range(3), range(2), range(3), range(2), range(4)):
        expected[p, q, c] += tensor[p, q, j, k] * previous[j, k, c]
    assert totals.total(partial, tensor, previous) == pytest.approx(expected)


def test_contraction_with_the_residual():
    rng = np.random.default_rng(1)
    sensitivity, residual = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2))
    expected = [sum(sensitivity[p, q, c] * residual[p, q] for p in range(3) for q in range(2)) for c in range(4)]
    assert totals.contract(sensitivity, residual) == pytest.approx(expected)


def test_shapes_are_those_of_the_appendix():
    f = LeastSquares(floats([[1, 0, 2]]), floats([[1, 2]]))
    X, dX_dtheta, dX_dL = totals.sensitivities(f, THETA, 2.0, 3, np.ones((3, 2)))
    assert (X.shape, dX_dtheta.shape, dX_dL.shape) == ((3, 2), (3, 2, 4), (3, 2, 1))


def test_the_base_case_is_a_constant():
    _, dX_dtheta, dX_dL = totals.sensitivities(Fidelity([[1.0]]), THETA, 2.0, 0, np.ones((1, 1)))
    assert not dX_dtheta.any()
    assert not dX_dL.any()


def test_refused_before_anything_is_computed():
    class Untouchable(Fidelity):
        def gradient(self, X):
            raise AssertionError

    with pytest.raises(SizeError, match=r"200×158×200×158 tensor of \(14\) would take 7\.44 GiB, more than 1 GiB"):
        totals.loss_and_gradient(Untouchable(np.ones((200, 158))), THETA, 1.0, 1, np.ones((200, 158)), np.ones(1))
