"""The entries that nothing stores, as a part of a prepared problem."""

import math

import naive
import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, Theta
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.zeros import Zeros
from dsrl_ref.errors import DivergenceError

OFF, ON = Theta(0.75, 0.5, 0.25, 1), Theta(0.75, 0.5, 0, 1)


def zeros(layers=3):
    W = sp.csr_array(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    return Zeros(Problem(Fidelity(W), W, W, layers))


@pytest.mark.parametrize("theta", [OFF, ON])
def test_they_add_nothing_to_the_loss_or_the_gradient(theta):
    loss, gradient = zeros().loss_and_gradient(theta, 2.0)
    assert (loss, gradient.tolist()) == (0.0, [0.0] * 5)
    loss, gradient, _ = zeros().gauss_newton(theta, 2.0)
    assert (loss, gradient.tolist()) == (0.0, [0.0] * 5)


def test_they_are_ties_of_every_layer_where_b1_is_0():
    assert zeros().ties(ON, 2.0) == 15
    assert zeros().ties(OFF, 2.0) == 0
    assert zeros(math.inf).ties(OFF, 2.0) == zeros(math.inf).ties(ON, 2.0) == 0


def test_their_matrix_is_so_many_times_that_of_one():
    one = naive.tensor_gradient(naive.Fidelity([[0.0]]), tuple(ON), 2.0, 3, [[0.0]], [[-1.0]])  # of a residual 1
    assert np.any(one)
    assert np.array_equal(zeros().gauss_newton(ON, 2.0)[2], 5 * np.outer(one, one))
    assert not zeros().gauss_newton(OFF, 2.0)[2].any()


def test_a_fixed_point_on_a_knot_is_refused():
    for evaluate in (zeros(math.inf).loss_and_gradient, zeros(math.inf).gauss_newton):
        with pytest.raises(DivergenceError, match="b1 = 0, and a Z that is not stored, 0, sits on it"):
            evaluate(ON, 2.0)
        assert evaluate(OFF, 2.0)[0] == 0.0


def test_with_a_theta_a_layer_they_count_in_the_layers_where_b1_is_0():
    W = sp.csr_array(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    entries = Zeros(Problem(Fidelity(W), W, W, 3, per_layer=True))
    L = np.array([2.0, 4.0, 2.0])
    assert [entries.ties(thetas, L) for thetas in ((OFF, ON, OFF), (ON, ON, ON), (OFF, OFF, OFF))] == [5, 15, 0]
    for thetas in ((OFF, ON, ON), (ON, ON, ON), (OFF, OFF, OFF)):
        loss, gradient, matrix = entries.gauss_newton(thetas, L)
        assert (loss, gradient.tolist()) == (0.0, [[0.0] * 5] * 3)
        assert entries.loss_and_gradient(thetas, L)[1].tolist() == [[0.0] * 5] * 3
        one = naive.layered_gauss_newton(naive.Fidelity([[0.0]]), [tuple(own) for own in thetas], L.tolist(), [[0.0]])
        assert np.array_equal(matrix, 5 * np.array(one))
