"""The units of a problem: powers of two, exact both ways, and the same for dense and sparse D."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import LeastSquares
from dsrl_ref.solver.scaling import Scaled, norms, units

RNG = np.random.default_rng(0)
D, Y = RNG.normal(size=(6, 4)) * [1e-6, 1, 1e3, 1e6], RNG.normal(size=(6, 3)) * [1e-9, 1, 1e6]
KINDS = [np.asarray, sp.csr_array]


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_columns_are_between_a_half_and_1_and_the_rest_is_a_power_of_two(kind):
    scaled = Scaled(LeastSquares(kind(D), Y))
    dense = scaled.D.toarray() if sp.issparse(scaled.D) else scaled.D
    for largest in (np.abs(dense).max(axis=0), np.abs(scaled.Y).max(axis=1)):
        assert np.all((largest >= 0.5) & (largest < 1))
    assert np.array_equal(dense * scaled.of_d, D)
    assert np.array_equal(scaled.Y.T * scaled.of_y, Y)
    assert scaled.d_norms == pytest.approx(np.linalg.norm(dense, axis=0), rel=1e-14)
    assert scaled.y_norms == pytest.approx(np.linalg.norm(scaled.Y, axis=1), rel=1e-14)
    assert scaled.gram([2, 0]) == pytest.approx((dense.T @ dense)[np.ix_([2, 0], [2, 0])], rel=1e-14)
    assert scaled.gram() == pytest.approx(dense.T @ dense, rel=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_residuals_and_products_are_those_of_the_caller_in_other_units(kind):
    f = LeastSquares(kind(D), Y)
    scaled, X = Scaled(f), RNG.normal(size=(4, 3))
    rows = scaled.points(X)
    assert np.array_equal(scaled.original(rows), X)
    U = scaled.residuals(rows, slice(None))
    assert pytest.approx(Y - D @ X, rel=1e-12) == (U * scaled.of_y[:, None]).T
    V = scaled.products(U)
    assert pytest.approx(-f.gradient(X), rel=1e-9) == (V * scaled.of_d * scaled.of_y[:, None]).T
    assert scaled.residuals(rows[1:2], slice(1, 2)) == pytest.approx(U[1:2], rel=1e-14)
    term = scaled.term(slice(1, 2))
    assert pytest.approx(V[1:2], rel=1e-12) == -term.gradient(rows[1:2].T).T


@examples(100)
@given(st.integers(-300, 300), st.integers(-300, 300))
def test_a_multiple_by_powers_of_two_becomes_the_same_numbers(d, y):
    one, other = Scaled(LeastSquares(D, Y)), Scaled(LeastSquares(D * 2.0**d, Y * 2.0**y))
    assert np.array_equal(one.D, other.D)
    assert np.array_equal(one.Y, other.Y)
    assert np.array_equal(other.of_d, one.of_d * 2.0**d)
    assert np.array_equal(other.of_y, one.of_y * 2.0**y)


def test_units_of_nothing_and_of_extremes_have_reciprocals():
    assert units(np.array([0.0, 1.0, 0.75, 5e-324, 1.7e308])).tolist() == [1.0, 2.0, 1.0, 2.0**-1000, 2.0**1000]


def test_norms_are_of_rows():
    assert norms(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [5.0, 0.0]


def test_no_zero_is_negative():
    scaled = Scaled(LeastSquares(D, Y))
    assert not np.signbit(scaled.original(np.full((3, 4), -0.0))).any()
