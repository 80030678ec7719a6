"""The appendix itself, literally, as one of the engines: `appendix.totals` with its n×m×n×m tensors."""

import numpy as np

from dsrl_ref.appendix import totals
from dsrl_ref.appendix.network import preactivations
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
        _, dtheta, dL = totals.sensitivities(self.problem.f, theta, L, self.layers, self.problem.x0)
        columns = np.concatenate([dtheta, dL], axis=2).reshape(-1, 5)
        return *self.loss_and_gradient(theta, L), columns.T @ columns

    def ties(self, theta: Theta, L: float) -> int:
        """Of the Z of (9)."""
        iterates = preactivations(self.problem.f, theta, L, self.layers, self.problem.x0)
        return sum(count_ties(Z, theta) for Z in iterates)


ENGINE = Engine(
    "tensor",
    "any f; the appendix, literally, with n×m×n×m tensors: to see what the equations say. Refused above 1 GiB",
    unless_finite,
    Tensor,
)
