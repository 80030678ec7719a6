"""The entries that nothing stores: 0 in W, x0 and target, hence 0 after every layer."""

import math
from typing import Generic

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.engines.engine import Constants, Thetas
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.tangent import Tangent
from dsrl_ref.errors import DivergenceError
from dsrl_ref.smooth import Fidelity


class Zeros(Generic[Thetas, Constants]):
    """So many zeros of a sparse `Fidelity`, prepared.

    They add nothing to the loss or its gradient, as their residual is 0. In a layer with b1 = 0 every Z of theirs sits
    on a knot, where ∂x/∂b1 is not 0: they count as ties, and add to the Gauss-Newton matrix.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Nothing; refused where a fixed point would sit on a knot."""
        if self.problem.layers == math.inf:
            if theta.b1 == 0:  # type: ignore[attr-defined]
                raise DivergenceError(
                    "layers = inf: b1 = 0, and a Z that is not stored, 0, sits on it; take a positive b1"
                )
            return 0.0, np.zeros(5)
        return 0.0, self.problem.added(np.zeros((int(self.problem.layers), 5)))

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """As many times the matrix of one entry, which is 0 unless a b1 is."""
        loss, gradient = self.loss_and_gradient(theta, L)
        if not self.ties(theta, L):
            return loss, gradient, np.zeros((gradient.size, gradient.size))
        zero = np.zeros((1, 1))
        one = Problem(Fidelity(zero), zero, zero, self.problem.layers, per_layer=self.problem.per_layer)
        _, _, matrix = Tangent[Thetas, Constants](one).gauss_newton(theta, L)
        return loss, gradient, self.problem.unstored * matrix

    def ties(self, theta: Thetas, L: Constants) -> int:
        """All of them in every layer with b1 = 0; none at a fixed point, where that is refused."""
        if self.problem.layers == math.inf:
            return 0
        return self.problem.unstored * sum(own.b1 == 0 for own, _ in self.problem.of_layers(theta, L))
