"""The appendix itself, literally, as one of the engines: `appendix.totals` with its n×m×n×m tensors."""

import numpy as np

from dsrl_ref.appendix import layers as by_layer
from dsrl_ref.appendix import totals
from dsrl_ref.appendix.network import forward, loss, preactivation, preactivations
from dsrl_ref.appendix.partials import require_tensor_fits
from dsrl_ref.appendix.shrinkage import count_ties
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.engine import Engine, unless_finite
from dsrl_ref.engines.problem import Problem


class Tensor:
    """A problem whose tensor (14) fits into 1 GiB, prepared; SizeError for any other."""

    def __init__(self, problem: Problem) -> None:
        require_tensor_fits(problem.shape)
        self.problem, self.layers = problem, int(problem.layers)

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """By (8), (10) and (15)."""
        f, x0, target = self.problem.f, self.problem.x0, self.problem.target
        return totals.loss_and_gradient(f, theta, L, self.layers, x0, target)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """Of the sensitivities that (11) and (16) end in."""
        X, dtheta, dL = totals.sensitivities(self.problem.f, theta, L, self.layers, self.problem.x0)
        return _from_sensitivities(X, np.concatenate([dtheta, dL], axis=2), self.problem.target)

    def ties(self, theta: Theta, L: float) -> int:
        """Of the Z of (9)."""
        iterates = preactivations(self.problem.f, theta, L, self.layers, self.problem.x0)
        return sum(count_ties(Z, theta) for Z in iterates)


class LayeredTensor:
    """The same with one Θ and one L a layer, by `appendix.layers`."""

    def __init__(self, problem: Problem) -> None:
        require_tensor_fits(problem.shape)
        self.problem = problem

    def loss_and_gradient(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array]:
        """By the terms of (10) and (15)."""
        return by_layer.loss_and_gradient(self.problem.f, theta, L, self.problem.x0, self.problem.target)

    def gauss_newton(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array, Array]:
        """Of the sensitivities, layer by layer."""
        X, dX = by_layer.sensitivities(self.problem.f, theta, L, self.problem.x0)
        loss, gradient, matrix = _from_sensitivities(X, dX.reshape(*X.shape, 5 * len(theta)), self.problem.target)
        return loss, gradient.reshape(-1, 5), matrix

    def ties(self, theta: tuple[Theta, ...], L: Array) -> int:
        """Of the Z of (9), on the knots of their layers."""
        f, constants = self.problem.f, L.tolist()
        *iterates, _ = forward(f, theta, L, len(theta), self.problem.x0)
        layers = zip(iterates, theta, constants, strict=True)
        return sum(count_ties(preactivation(f, X, L_i, i), own) for i, (X, own, L_i) in enumerate(layers, start=1))


def _from_sensitivities(X: Array, dX: Array, target: Array) -> tuple[float, Array, Array]:
    """(8), (10) and (15), and the products of dX_(t), n×m×(parameters)."""
    rows = dX.reshape(X.size, dX.shape[2])
    return loss(target, X), totals.contract(dX, X - target), rows.T @ rows


ENGINE = Engine(
    "tensor",
    "any f; the appendix, literally, with n×m×n×m tensors: to see what the equations say. Refused above 1 GiB",
    unless_finite,
    Tensor,
    LayeredTensor,
)
