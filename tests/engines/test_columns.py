"""LeastSquares by blocks of columns: the same numbers for any width, and memory that does not grow with m."""

import os
import tracemalloc
from fractions import Fraction

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from strategies import exact, examples, floats, problems

from dsrl_ref import LeastSquares, Objective, Theta
from dsrl_ref.engines import adjoint, columns, tangent

THETA, LAYERS = Theta(1.1, 0.6, 0.02, 0.1), 6
JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"


@pytest.fixture(autouse=True)
def small_data_count_as_large(monkeypatch):
    monkeypatch.setattr(columns, "WORTH_COMPILING", 1)


def problem(k=8, n=12, m=30, seed=0):
    rng = np.random.default_rng(seed)
    f = LeastSquares(rng.normal(size=(k, n)), rng.normal(size=(k, m)))
    return f, f.lipschitz(), rng.normal(size=(n, m))


@pytest.mark.parametrize("width", [1, 2, 10**6])
@examples(150 if JIT else 20)
@given(drawn=problems(kinds=("least squares",)))
def test_equals_the_rationals_at_any_width(width, drawn):
    f, x0, target = drawn.term, floats(drawn.x0), floats(drawn.target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "TAPE_ENTRIES", max(1, drawn.layers) * len(x0) * width)
        J, gradient = Objective(f, target, layers=drawn.layers, x0=x0, method="adjoint")(drawn.float_theta, 4.0)
    assert naive.loss(drawn.target, naive.forward(*drawn.arguments[:5])[0][-1]) == J
    assert naive.tensor_gradient(*drawn.arguments) == list(gradient)


@pytest.mark.parametrize("shape", [(4, 12), (6, 12), (20, 12)])
@pytest.mark.parametrize("tape", [1, 1000, 2**21])
def test_agrees_with_the_unblocked_pass(monkeypatch, shape, tape):
    monkeypatch.setattr(columns, "TAPE_ENTRIES", tape)
    f, L, target = problem(*shape)
    for x0 in (np.zeros(target.shape), 0.5 * target):
        ours = columns.loss_and_gradient(f, THETA, L, LAYERS, x0, target)
        theirs = adjoint.loss_and_gradient(f, THETA, L, LAYERS, x0, target)
        assert ours[0] == pytest.approx(theirs[0], rel=1e-13)
        assert ours[1] == pytest.approx(theirs[1], rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 5, 4)])
@pytest.mark.parametrize("lengthened", [0.6, 1.0, 30.0, 1e3, 1e9])
def test_loses_no_digits_of_any_derivative_however_short_the_step(shape, lengthened):
    f, L, target = problem(*shape)
    L = 1 / (1 / (lengthened * L))
    _, gradient = columns.loss_and_gradient(f, THETA, L, 3, 0.5 * target, target)
    rational = (naive.LeastSquares(exact(f.D), exact(f.Y)), [*map(Fraction, THETA)], 1 / Fraction(1 / L), 3)
    rational = (*rational, exact(0.5 * target), exact(target))
    expected = naive.tensor_gradient(*rational)
    for ours, theirs, S in zip(gradient, expected, naive.tensor_gradient(*rational, absolute=True), strict=True):
        assert abs(Fraction(ours) - theirs) <= 1e-12 * S


@pytest.mark.parametrize("entries", [1, 100, 10**6])
def test_the_gauss_newton_matrix_is_that_of_the_unblocked_pass(monkeypatch, entries):
    monkeypatch.setattr(columns, "TANGENT_ENTRIES", entries)
    f, L, target = problem()
    J = Objective(f, target, layers=LAYERS, x0=0.5 * target)
    expected = tangent.gauss_newton(f, THETA, L, LAYERS, 0.5 * target)
    assert J.gauss_newton(THETA, L)[2] == pytest.approx(expected, rel=1e-12)


def test_more_columns_need_no_more_memory(monkeypatch):
    monkeypatch.setattr(columns, "TAPE_ENTRIES", 20_000)
    peaks = []
    for m in (400, 6400):
        f, L, target = problem(m=m)
        x0 = f.start()
        columns.loss_and_gradient(f, THETA, L, LAYERS, x0, target)
        tracemalloc.start()
        columns.loss_and_gradient(f, THETA, L, LAYERS, x0, target)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 1.2 * peaks[0]


def test_inputs_are_left_alone():
    f, L, target = problem()
    x0 = target.copy(order="F")
    kept = [array.tobytes() for array in (f.D, f.Y, target, x0)]
    Objective(f, target, layers=LAYERS, x0=x0)(THETA, L)
    assert [array.tobytes() for array in (f.D, f.Y, target, x0)] == kept


def test_is_chosen_for_large_dense_least_squares_only(monkeypatch):
    f, _, target = problem()
    used = []
    monkeypatch.setattr(columns, "loss_and_gradient", lambda *_, **__: used.append(True) or (0.0, np.zeros(5)))

    def takes_columns(f, method="auto"):
        used.clear()
        Objective(f, target, layers=1, method=method)((1, 1, 0, 0), 1e9)
        return bool(used)

    monkeypatch.setattr(columns, "WORTH_COMPILING", target.size)
    assert takes_columns(f)
    assert not takes_columns(f, "tangent")
    assert not takes_columns(LeastSquares(sp.csr_array(f.D), f.Y))
    monkeypatch.setattr(columns, "WORTH_COMPILING", target.size + 1)
    assert not takes_columns(f)


def test_divergence_names_the_layer():
    f = LeastSquares([[1e100]], [[1.0]])
    with pytest.raises(ValueError, match=r"not finite in layer \d"):
        Objective(f, [[0.0]], layers=9, x0=[[1e10]])((1, 1, 0, 0), 1e-100)
