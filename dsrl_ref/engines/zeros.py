"""The entries that nothing stores: 0 in W, x0 and target, hence 0 after every layer."""

import math

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines import tangent
from dsrl_ref.engines.problem import Problem
from dsrl_ref.errors import DivergenceError
from dsrl_ref.smooth import Fidelity


class Zeros:
    """So many zeros of a sparse `Fidelity`, prepared.

    They add nothing to the loss or its gradient, as their residual is 0. With b1 = 0 every Z of theirs sits on a knot,
    where ∂x/∂b1 is not 0: they count as ties, and add to the Gauss-Newton matrix.
    """

    def __init__(self, problem: Problem) -> None:
        self.count, self.layers = problem.unstored, problem.layers

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """Nothing; refused where a fixed point would sit on a knot."""
        if self.layers == math.inf and theta.b1 == 0:
            raise DivergenceError("layers = inf: b1 = 0, and a Z that is not stored, 0, sits on it; take a positive b1")
        return 0.0, np.zeros(5)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """As many times the matrix of one entry, which is 0 unless b1 is."""
        loss, gradient = self.loss_and_gradient(theta, L)
        if theta.b1 > 0:
            return loss, gradient, np.zeros((5, 5))
        zero = np.zeros((1, 1))
        return loss, gradient, self.count * tangent.gauss_newton(Fidelity(zero), theta, L, int(self.layers), zero)

    def ties(self, theta: Theta, L: float) -> int:
        """All of them in every layer, where b1 = 0."""
        return int(self.layers) * self.count if theta.b1 == 0 and self.layers < math.inf else 0


class LayeredZeros:
    """The same with one Θ and one L a layer: in a layer with b1 = 0 every Z of theirs sits on its knot."""

    def __init__(self, problem: Problem) -> None:
        self.count = problem.unstored

    def loss_and_gradient(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array]:
        """Nothing."""
        return 0.0, np.zeros((len(theta), 5))

    def gauss_newton(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array, Array]:
        """As many times the matrix of one entry, which is 0 unless a b1 is."""
        zero = np.zeros((1, 1))
        one = tangent.products_by_layer(Problem(Fidelity(zero), zero, zero, len(theta)), theta, L.tolist())
        return *self.loss_and_gradient(theta, L), self.count * one

    def ties(self, theta: tuple[Theta, ...], L: Array) -> int:
        """All of them in every layer with b1 = 0."""
        return self.count * sum(own.b1 == 0 for own in theta)
