"""One Θ and one L a layer: the terms that (10), (11), (15) and (16) add up."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import given
from strategies import FloatQuartic, exact, examples, floats, layered_problems, problems

from dsrl_ref import Fidelity, Theta, forward
from dsrl_ref.appendix import as_thetas, layers, totals
from dsrl_ref.arrays import as_step_constants
from dsrl_ref.errors import SizeError


def in_floats(thetas, constants):
    """What the functions of the module take, from rationals."""
    return tuple(Theta(*map(float, theta)) for theta in thetas), np.array([float(L) for L in constants])


def rationals(array):
    return [Fraction(x) for x in np.asarray(array).ravel().tolist()]


@examples(150)
@given(layered_problems())
def test_loss_and_gradient_of_every_layer_equal_the_rationals(drawn):
    problem, thetas, constants = drawn
    x0, target = floats(problem.x0), floats(problem.target)
    loss, gradient = layers.loss_and_gradient(problem.term, *in_floats(thetas, constants), x0, target)
    last = naive.layered_forward(problem.f, thetas, constants, problem.x0)[0][-1]
    assert Fraction(loss) == naive.loss(problem.target, last)
    assert gradient.shape == (problem.layers, 5)
    expected = naive.layered_gradient(problem.f, thetas, constants, problem.x0, problem.target)
    assert rationals(gradient) == [value for row in expected for value in row]


@examples(100)
@given(layered_problems())
def test_forward_takes_a_theta_and_an_L_a_layer(drawn):
    problem, thetas, constants = drawn
    expected, _ = naive.layered_forward(problem.f, thetas, constants, problem.x0)
    rows, L = in_floats(thetas, constants)
    for theta in (rows, list(map(list, rows)), np.array(rows).reshape(-1, 4)):
        iterates = forward(problem.term, theta, L, problem.layers, floats(problem.x0))
        assert [exact(X) for X in iterates] == expected


@examples(100)
@given(layered_problems())
def test_sensitivities_and_their_products_equal_the_rationals(drawn):
    problem, thetas, constants = drawn
    arguments = problem.term, *in_floats(thetas, constants), floats(problem.x0)
    X, dX = layers.sensitivities(*arguments)
    assert exact(X) == naive.layered_forward(problem.f, thetas, constants, problem.x0)[0][-1]
    assert dX.shape == (*X.shape, problem.layers, 5)
    expected = naive.layered_sensitivities(problem.f, thetas, constants, problem.x0)
    got = dX.reshape(*X.shape, -1).transpose(2, 0, 1)
    assert [exact(V) for V in got] == expected
    products = naive.layered_gauss_newton(problem.f, thetas, constants, problem.x0)
    matrix = layers.gauss_newton(*arguments)
    assert matrix.shape == (5 * problem.layers, 5 * problem.layers)
    assert rationals(matrix) == [value for row in products for value in row]


@examples(150)
@given(problems())
def test_the_sum_over_layers_is_the_shared_gradient(problem):
    """All Θ_i and L_i equal: the network is the shared one, and the terms add up to its gradient, bit for bit."""
    f, theta, L, t, x0, target = problem.arguments
    own = in_floats([theta] * t, [L] * t)
    loss, gradient = layers.loss_and_gradient(problem.term, *own, floats(x0), floats(target))
    shared = totals.loss_and_gradient(
        problem.term, Theta(*problem.float_theta), float(L), t, floats(x0), floats(target)
    )
    assert loss == shared[0]
    assert np.array_equal(gradient.sum(axis=0), shared[1])
    assert rationals(shared[1]) == naive.reverse_gradient(f, theta, L, t, x0, target)
    X, dX = layers.sensitivities(problem.term, *own, floats(x0))
    X_shared, dX_dtheta, dX_dL = totals.sensitivities(
        problem.term, Theta(*problem.float_theta), float(L), t, floats(x0)
    )
    assert np.array_equal(X, X_shared)
    assert np.array_equal(dX.sum(axis=2), np.concatenate([dX_dtheta, dX_dL], axis=2))


def test_the_gradient_of_every_layer_is_a_central_difference():
    """On ¼‖XXᵀ - S‖², whose Hessian depends on X: each layer's tensor is taken at its own X."""
    rng = np.random.default_rng(0)
    S = rng.normal(size=(3, 3))
    f, x0, target = FloatQuartic(S + S.T), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    at = np.array([[1.1, 0.6, 0.1, 0.5, 9.0], [0.8, 0.9, 0.2, 0.4, 14.0], [1.3, 0.7, 0.05, 0.7, 11.0]])

    def loss(x):
        thetas, constants = [tuple(row[:4]) for row in x.tolist()], x[:, 4].tolist()
        iterates, _ = naive.layered_forward(naive.Quartic(f.S.tolist()), thetas, constants, x0.tolist())
        return naive.loss(target.tolist(), iterates[-1])

    value, gradient = layers.loss_and_gradient(f, as_thetas(at[:, :4], 3), at[:, 4], x0, target)
    assert value == pytest.approx(loss(at), rel=1e-12)
    for i, c in np.ndindex(at.shape):
        h = np.zeros(at.shape)
        h[i, c] = 2.0**-18
        assert gradient[i, c] == pytest.approx((loss(at + h) - loss(at - h)) / 2**-17, rel=1e-6, abs=1e-7), (i, c)
    assert np.abs(gradient).min(axis=1).max() > 0


def test_the_two_orders_of_multiplication_agree():
    """The residual contracted with the sensitivities is the gradient; f is not quadratic."""
    rng = np.random.default_rng(1)
    S = rng.normal(size=(3, 3))
    f, x0, target = FloatQuartic(S + S.T), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    thetas, L = as_thetas([(1.1, 0.6, 0.1, 0.5), (0.8, 0.9, 0.2, 0.4)], 2), np.array([9.0, 14.0])
    X, dX = layers.sensitivities(f, thetas, L, x0)
    _, gradient = layers.loss_and_gradient(f, thetas, L, x0, target)
    assert np.einsum("pqic,pq->ic", dX, X - target) == pytest.approx(gradient, rel=1e-12)


def test_no_layer_has_no_parameters():
    f, none = Fidelity([[2.0]]), np.zeros(0)
    loss, gradient = layers.loss_and_gradient(f, (), none, np.ones((1, 1)), np.zeros((1, 1)))
    assert (loss, gradient.shape) == (0.5, (0, 5))
    assert layers.gauss_newton(f, (), none, np.ones((1, 1))).shape == (0, 0)


def test_a_layer_acts_on_those_that_follow_alone():
    """Moving Θ_2 moves the gradients of layers 1 and 2, not X_(1)."""
    f, L = Fidelity([[3.0]]), np.array([2.0, 2.0])
    first, other = [(1, 0.5, 0.25, 0.5), (0.5, 1, 0.25, 0.5)], [(1, 0.5, 0.25, 0.5), (1, 0.75, 0.5, 1)]
    before, after = (forward(f, thetas, L, 2, [[0.0]]) for thetas in (first, other))
    assert before[1] == after[1]
    assert before[2] != after[2]


@pytest.mark.parametrize("function", ["loss_and_gradient", "sensitivities", "gauss_newton"])
def test_a_tensor_that_is_too_large_is_refused_before_anything_is_computed(function):
    class Untouchable(Fidelity):
        def gradient(self, X):
            raise AssertionError

    W = np.ones((200, 158))
    target = (W,) if function == "loss_and_gradient" else ()
    with pytest.raises(SizeError, match=r"200×158×200×158 tensor of \(14\) would take 7\.44 GiB"):
        getattr(layers, function)(Untouchable(W), (Theta.soft(1.0),), np.ones(1), W, *target)


def test_a_step_constant_of_a_layer_is_used_in_that_layer():
    f = Fidelity([[4.0]])
    thetas, L = as_thetas((1, 1, 0, 0), 3), as_step_constants([1.0, 2.0, 4.0], 3)
    iterates = forward(f, thetas, L, 3, [[0.0]])
    assert [X.item() for X in iterates] == [0.0, 4.0, 4.0, 4.0]
    half = forward(f, thetas, L[::-1], 3, [[0.0]])
    assert [X.item() for X in half] == [0.0, 1.0, 2.5, 4.0]
