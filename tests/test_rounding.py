"""What is said of the rounding of X_(t) holds beside exact arithmetic, and is not said far too large."""

import math

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import FloatQuartic, exact, examples, floats

from dsrl_ref import Fidelity, LeastSquares, forward, rounding
from dsrl_ref.engines import implicit

UNIT = 2.0**-53
seeds = st.integers(0, 2**32 - 1)


def drawn(seed):
    """A network, its twin in rationals, and data of any unit, that cancel in f as well as in one layer."""
    rng = np.random.default_rng(seed)
    n, m, kind, unit = int(rng.integers(1, 5)), int(rng.integers(1, 4)), seed % 3, 10.0 ** rng.integers(-6, 7)
    b1 = rng.uniform(0.0, 0.3) * unit
    theta = np.array([rng.uniform(0.3, 1.4), rng.uniform(0.1, 1.2), b1, b1 + rng.uniform(0, 0.5) * unit])
    if kind == 0:
        W = unit * rng.normal(size=(n, m))
        return Fidelity(W), naive.Fidelity(exact(W)), theta, rng.uniform(0.7, 2), W, int(rng.integers(0, 6))
    if kind == 1:
        D = rng.normal(size=(n + 2, n))
        off = np.linalg.qr(D, "complete")[0][:, n:] @ rng.normal(size=(2, m))  # what no X explains, large at times
        Y = unit * (D @ rng.normal(size=(n, m)) + 10.0 ** rng.integers(-1, 5) * off)
        f = LeastSquares(D, Y)
        L, x0 = f.lipschitz() * rng.uniform(0.8, 2), unit * rng.normal(size=(n, m))
        return f, naive.LeastSquares(exact(D), exact(Y)), theta, L, x0, int(rng.integers(0, 6))
    S = rng.normal(size=(n, n))
    theta[2:] /= unit
    x0 = rng.normal(size=(n, m))
    return FloatQuartic(S + S.T), naive.Quartic(exact(S + S.T)), theta, 25.0, x0, int(rng.integers(0, 3))


@examples(150)
@given(seeds)
def test_rounding_is_within_what_is_said_and_that_is_near_to_its_scale(seed):
    f, twin, theta, L, x0, layers = drawn(seed)
    X, bound = rounding.output(f, theta, L, layers, x0)
    assert X.tobytes() == forward(f, theta, L, layers, x0)[-1].tobytes()
    at, constant = tuple(exact([theta])[0]), exact([[L]])[0][0]
    iterates, preactivations = naive.forward(twin, at, constant, layers, exact(x0))
    error = np.abs(floats(naive.minus(exact(X), iterates[-1])))
    assert np.all(error <= bound)
    (*_, sizes), _ = naive.sizes(twin, at, constant, exact(x0), naive.regions(preactivations, at))
    assert np.all(bound <= 40 * (layers + 1) * UNIT * floats(sizes).max(initial=0))


@examples(40)
@given(seeds)
def test_the_limit_of_the_layers_is_known_to_what_is_said(seed):
    """Fifty layers more, from there, move no entry farther."""
    f, _, theta, L, x0, _ = drawn(3 * (seed // 3) + seed % 2)
    theta[:2] = np.minimum(theta[:2], 0.9)
    try:
        X, bound = rounding.output(f, theta, 1.5 * L, math.inf, x0)
    except ValueError:
        assume(False)  # on a knot
    later = forward(f, theta, 1.5 * L, 50, X)[-1]
    assert np.all(np.abs(later - X) <= bound)
    assert bound.max() <= 1e-7 * max(np.abs(rounding.gradient_terms(f, X, 1)).max(), np.abs(X).max())


def test_what_one_more_layer_moves_a_limit_is_added_up_over_all_that_follow(monkeypatch):
    """A thousandth of the largest |Z| = 4, then a half of that, and so on."""
    f, W = Fidelity([[0.125, 4.0]]), np.array([[0.125, 4.0]])
    found = implicit.FixedPoint(W / 2, W, 1e-3, None, 0.5)
    monkeypatch.setattr(implicit, "fixed_point", lambda *_: found)
    X, bound = rounding.output(f, (1.0, 1.0, 0.5, 0.5), 1.0, math.inf, W)
    assert X is found.X
    assert bound == pytest.approx(np.full((1, 2), 8e-3), rel=1e-9)
    assert np.all(bound > 8e-3)


@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array])
def test_terms_are_what_a_gradient_adds_up(wrap):
    X, D, Y = np.array([[1.0, -2.0]]), np.array([[3.0], [-1.0]]), np.array([[-1.0, 5.0], [7.0, -0.5]])
    assert rounding.gradient_terms(Fidelity(Y[:1]), X, 1).tolist() == [[2.0, 7.0]]
    assert rounding.gradient_terms(LeastSquares(wrap(D), Y), X, 1).tolist() == [[3 * 4 + 8.0, 3 * 11 + 2.5]]


def test_of_an_own_f_the_hessian_tells_what_cancels():
    class Own(LeastSquares):
        pass

    f = Own([[2.0]], [[6.0]])
    assert rounding.gradient_terms(f, np.array([[3.0]]), 1).tolist() == [[12.0]]
    assert rounding.gradient_terms(f, np.array([[0.0]]), 1).tolist() == [[12.0]]


def test_what_is_0_for_sure_is_said_to_be():
    _, bound = rounding.output(Fidelity([[0.125, 4.0]]), (1.0, 1.0, 0.5, 0.5), 1.0, 3, np.array([[0.125, 4.0]]))
    assert bound[0, 0] == 0 < bound[0, 1]


def test_the_same_is_said_every_time():
    f, _, theta, L, x0, _ = drawn(7)
    first, again = (rounding.output(f, theta, L, 4, x0)[1] for _ in range(2))
    assert first.tobytes() == again.tobytes()
