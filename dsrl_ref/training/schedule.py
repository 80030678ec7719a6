"""Seven numbers for all layers: the knots fall in a geometric progression to a floor, all else is the same in each.

In the coordinates of `training.box`, with i = 0, ..., t - 1 for the layers,

    κ_i = κ    w2_i = w2    ρ_i = ρ    σ_i = σ    β_i = log(A·rⁱ + c),    A = exp(a), c = exp(γ), r = exp(-exp(δ)).

The numbers are κ, w2, ρ, a, δ, γ, σ. The knots of a layer should fit the errors that are left before it; these fall
by about the same share in each layer until only noise is left, which is the floor. A network that shares one Θ and one
L is one of the family, with A next to 0. Derivatives, with e_i = A·rⁱ and b_i = e_i + c:

    ∂β_i/∂a = e_i/b_i        ∂β_i/∂δ = -i·exp(δ)·e_i/b_i        ∂β_i/∂γ = c/b_i.
"""

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.training import box

LEAST = np.array([*box.LEAST[:3], -20.0, -6.0, -20.0, box.LEAST[4]])
KNOTS = 7.0, 1.0, 7.0  # the most of a, δ, γ


class Schedule:
    """The family for t layers: from seven numbers to coordinates (t, 5), of which `most` (5,) are the upper bounds.

    Numbers within their bounds `lower` and `upper` have coordinates within those of `training.box`.
    """

    def __init__(self, layers: int, most: Array = box.MOST) -> None:
        self.layers, self.lower, self.upper = layers, LEAST, np.array([*most[:3], *KNOTS, most[4]])

    def coordinates(self, numbers: Array) -> Array:
        """(t, 5) of seven numbers within their bounds."""
        kappa, w2, rho, _, _, _, sigma = numbers
        u = np.empty((self.layers, 5))
        u[:, :3], u[:, 4] = (kappa, w2, rho), sigma
        falling, floor = self._knots(numbers)
        u[:, 3] = np.log(falling + floor)
        return u

    def jacobian(self, numbers: Array) -> Array:
        """(t, 5, 7): the derivatives of the coordinates in the numbers."""
        falling, floor = self._knots(numbers)
        whole = falling + floor
        derivatives = np.zeros((self.layers, 5, 7))
        derivatives[:, [0, 1, 2, 4], [0, 1, 2, 6]] = 1.0
        derivatives[:, 3, 3] = falling / whole
        derivatives[:, 3, 4] = -np.arange(self.layers) * np.exp(numbers[4]) * falling / whole
        derivatives[:, 3, 5] = floor / whole
        return derivatives

    def _knots(self, numbers: Array) -> tuple[Array, float]:
        """A·rⁱ of every layer, and c."""
        a, delta, gamma = numbers[3:6]
        return np.exp(a - np.exp(delta) * np.arange(self.layers)), float(np.exp(gamma))


class Apart:
    """The family of all: every layer has its own five coordinates, a layer after the other; `most` as of `Schedule`."""

    def __init__(self, layers: int, most: Array = box.MOST) -> None:
        self.layers = layers
        self.lower, self.upper = np.tile(box.LEAST, layers), np.tile(most, layers)

    def coordinates(self, numbers: Array) -> Array:
        """(t, 5) of 5t numbers."""
        return numbers.reshape(self.layers, 5)

    def jacobian(self, numbers: Array) -> Array:
        """(t, 5, 5t): ones."""
        return np.eye(numbers.size).reshape(self.layers, 5, -1)
