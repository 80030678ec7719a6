"""f: values, gradients and Hessians by differences, dense and sparse alike."""

import numpy as np
import pytest
import scipy.sparse as sp
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares

rng = np.random.default_rng(0)
W, D, Y = rng.normal(size=(3, 5)), rng.normal(size=(7, 3)), rng.normal(size=(7, 5))
X, V = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
SYMMETRIC = D.T @ D
TERMS = [
    Fidelity(W),
    Fidelity(sp.csr_array(W)),
    LeastSquares(D, Y),
    LeastSquares(sp.csr_array(D), sp.csr_array(Y)),
    FloatQuartic(SYMMETRIC),
]


@pytest.mark.parametrize("f", TERMS[:4], ids=repr)
def test_value_is_half_the_sum_of_squares(f):
    residual = X - W if isinstance(f, Fidelity) else D @ X - Y
    assert f.value(X) == pytest.approx(0.5 * np.sum(residual**2), rel=1e-14)


@pytest.mark.parametrize("f", TERMS, ids=repr)
def test_gradient_is_the_derivative_of_the_value(f):
    h = 2.0**-16
    difference = (f.value(X + h * V) - f.value(X - h * V)) / (2 * h)
    assert np.sum(f.gradient(X) * V) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize("f", TERMS, ids=repr)
def test_hessian_product_is_the_derivative_of_the_gradient(f):
    h = 2.0**-16
    difference = (f.gradient(X + h * V) - f.gradient(X - h * V)) / (2 * h)
    assert np.asarray(f.hessian_product(V, X)) == pytest.approx(np.asarray(difference), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("f", TERMS[:4], ids=repr)
def test_lipschitz_is_the_largest_curvature(f):
    size = X.size
    hessian = np.column_stack([np.asarray(f.hessian_product(e.reshape(X.shape), X)).ravel() for e in np.eye(size)])
    assert f.lipschitz() == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-12)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40)])
def test_lipschitz_of_a_large_sparse_dictionary(shape):
    rng = np.random.default_rng(1)
    dictionary = sp.csr_array(rng.normal(size=shape) * (rng.random(shape) < 0.1))
    largest = np.linalg.norm(dictionary.toarray(), 2) ** 2
    assert LeastSquares(dictionary, np.ones((shape[0], 1))).lipschitz() == pytest.approx(largest, rel=1e-10)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_a_curvature_that_overflows_is_infinite_and_none_is_0(kind):
    assert LeastSquares(kind([[1e200, -1e200], [1e200, 1.0]]), np.ones((2, 1))).lipschitz() == np.inf
    for shape in ((2, 3), (30, 40)):
        assert LeastSquares(kind(np.zeros(shape)), np.ones((shape[0], 1))).lipschitz() == 0


def test_lipschitz_of_a_dictionary_whose_rows_sum_to_0():
    differences = sp.csr_array(np.eye(64) - np.roll(np.eye(64), 1, axis=1))
    assert LeastSquares(differences, np.ones((64, 1))).lipschitz() == pytest.approx(4, rel=1e-12)


def test_starts():
    assert Fidelity(W).start() is W
    assert not LeastSquares(D, Y).start().any()
    assert LeastSquares(D, Y).start().shape == (3, 5)


def test_sparse_value_of_a_sparse_point():
    f = Fidelity(sp.csr_array(W))
    assert f.value(sp.csr_array(X)) == pytest.approx(0.5 * np.sum((X - W) ** 2))
    assert sp.issparse(f.gradient(sp.csr_array(X)))


def test_repr_says_what_it_is():
    assert [repr(f) for f in TERMS[:4]] == [
        "Fidelity(W 3×5)",
        "Fidelity(W 3×5, sparse)",
        "LeastSquares(D 7×3, Y 7×5)",
        "LeastSquares(D 7×3, sparse, Y 7×5)",
    ]
