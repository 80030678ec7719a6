"""The loss, the recursion, and where it diverges."""

from itertools import pairwise

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from strategies import exact, examples, floats, problems

from dsrl_ref import Fidelity, LeastSquares, Theta, forward, loss_and_gradient, regularizer
from dsrl_ref.appendix.network import loss

SOFT = (1, 1, 0.5, 0.5)


@examples(100)
@given(problems())
def test_iterates_and_loss_equal_the_rationals(problem):
    f, theta, L, layers, x0, target = problem.arguments
    expected, _ = naive.forward(f, theta, L, layers, x0)
    iterates = forward(problem.term, problem.float_theta, float(L), layers, floats(x0))
    assert [exact(X) for X in iterates] == expected
    assert loss(floats(target), iterates[-1]) == naive.loss(target, expected[-1])


@examples(100)
@given(problems(kinds=("fidelity",)))
def test_sparse_equals_dense(problem):
    W, x0 = floats(problem.f.W), floats(problem.x0)
    arguments = (problem.float_theta, float(problem.L), problem.layers)
    dense = forward(Fidelity(W), *arguments, x0)
    sparse = forward(Fidelity(sp.csr_array(W)), *arguments, sp.csr_array(x0))
    for X, S in zip(dense, sparse, strict=True):
        assert S.format == "csr"
        assert np.array_equal(S.toarray(), X)


@examples(100)
@given(problems())
def test_layers_compose(problem):
    """Three layers are two after one, bit for bit."""
    f, theta, L = problem.term, problem.float_theta, float(problem.L)
    whole = forward(f, theta, L, 3, floats(problem.x0))
    first = forward(f, theta, L, 1, floats(problem.x0))
    assert all(np.array_equal(a, b) for a, b in zip(whole[1:], forward(f, theta, L, 2, first[-1]), strict=True))


def test_no_layer_returns_the_start():
    (only,) = forward(Fidelity([[1.0]]), SOFT, 1, 0)
    assert only == [[1.0]]


def test_the_objective_f_plus_L_times_g_falls_and_f_plus_g_may_rise():
    """A layer lowers f + L·g by at least (L + L/max(w1, w2) - λ)/2·‖X - Y‖², λ the largest curvature of f."""
    rng = np.random.default_rng(0)
    rises = 0
    for _ in range(60):
        f = LeastSquares(rng.normal(size=(5, 7)), rng.normal(size=(5, 3)))
        theta = Theta(rng.uniform(0.3, 1.6), rng.uniform(0.3, 1), 0.3, 0.9)
        bound = f.lipschitz()
        L = bound * rng.uniform(0.8, 2)
        iterates = forward(f, theta, L, 20, rng.normal(size=(7, 3)))
        total = lambda X, t, f=f, theta=theta: f.value(X) + t * np.sum(regularizer(X, theta))  # noqa: E731
        for X, Y in pairwise(iterates):
            least = (L + L / max(theta[:2]) - bound) / 2 * np.sum((Y - X) ** 2)
            assert total(X, L) - total(Y, L) >= least - 1e-9 * (1 + abs(total(X, L)))
            rises += total(Y, 1) > total(X, 1)
    assert rises > 0


def test_scaled_thetas_share_fixed_points():
    """(Θ, L) and (S(L/L2)Θ, L2) minimise the same f + L·g; another L with the same Θ minimises another."""
    rng = np.random.default_rng(1)
    for _ in range(2):
        f = LeastSquares(rng.normal(size=(9, 6)), 20 * rng.normal(size=(9, 2)))
        theta = Theta(rng.uniform(0.3, 1), rng.uniform(0.3, 1), 0.2, 0.6)
        L = f.lipschitz()
        here = forward(f, theta, L, 4000)[-1]
        other = theta.scaled(1 / 1.5)
        assert forward(f, other, 1.5 * L, 4000)[-1] == pytest.approx(here, abs=1e-12)
        assert np.abs(forward(f, theta, 1.5 * L, 4000)[-1] - here).max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((SOFT, 0, 1), ValueError, "L must be positive, got 0"),
        ((SOFT, -2.0, 1), ValueError, "L must be positive, got -2.0"),
        ((SOFT, np.nan, 1), ValueError, "L contains NaN"),
        ((SOFT, 5e-324, 1), ValueError, "L = 5e-324 is too small: the step 1/L overflows"),
        ((SOFT, "1", 1), TypeError, "L must be numeric"),
        ((SOFT, [1.0, 2.0], 1), TypeError, "L must be one number"),
        ((SOFT, 1, -1), ValueError, "layers must be at least 0, got -1"),
        ((SOFT, 1, 2.5), TypeError, "layers must be an integer, got 2.5"),
        ((SOFT, 1, 2.0), TypeError, "layers must be an integer, got 2.0"),
        ((SOFT, 1, True), TypeError, "layers must be an integer, got True"),
        ((SOFT, 1, "3"), TypeError, "layers must be an integer, got '3'"),
        (((1, 1, 1), 1, 1), ValueError, "theta must be four numbers"),
        ((SOFT, 1, 1, [1.0]), ValueError, "x0: Expected 2D array"),
        ((SOFT, 1, 1, [[1.0, 2.0]]), ValueError, r"x0 has shape \(1, 2\), but f has shape \(1, 1\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        forward(Fidelity([[1.0]]), *arguments)


@pytest.mark.parametrize("L", [np.float32(0.5), np.array(0.5), 1e-3])
def test_any_positive_L_will_do(L):
    f, x0 = Fidelity([[1.0]]), [[4.0]]
    assert forward(f, SOFT, L, 2, x0) == forward(f, SOFT, float(L), 2, x0)


def evaluate(f, method):
    if method is None:
        return forward(f, (1, 1, 0, 0), 1e-100, 9, [[1e10]])
    return loss_and_gradient(f, (1, 1, 0, 0), 1e-100, 9, [[0.0]], [[1e10]], method=method)


@pytest.mark.parametrize("method", [None, "tensor", "tangent", "adjoint"])
def test_divergence_is_refused_with_the_layer_and_never_a_nan(method):
    f = LeastSquares([[1e100]], [[1.0]])
    with pytest.raises(ValueError, match=r"not finite in layer \d|overflows float64"):
        evaluate(f, method)


def test_values_whose_square_overflows_are_refused():
    with pytest.raises(ValueError, match="overflows float64 after 1 layers"):
        loss_and_gradient(Fidelity([[1e200]]), SOFT, 1, 1, target=[[0.0]])


def test_a_slope_that_overflows_is_named():
    with pytest.raises(ValueError, match=r"X_\(1\) is not finite in layer 1"):
        forward(Fidelity([[1e300]]), (1e300, 1e300, 0, 1), 1, 1)
