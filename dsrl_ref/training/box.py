"""Coordinates of Θ and L in which condition (7) is a box, so that a step keeps it by bounds alone.

Of one layer, with a unit K of its knots and a unit S of its step constant, both positive:

    κ = w1·(b2 - b1)/b2    w2    ρ = b1/b2    β = log(b2/K)    σ = log(S/L)

κ is the share that ξ leaves of b2: ξ(b2) = w1·(b2 - b1) = κ·b2. Where w1 > 0 and b2 > 0, the last inequality of (7) is
an upper bound of κ,

    b1 >= (w1 - 1)/w1·b2   <=>   w1·b1 >= w1·b2 - b2   <=>   w1·(b2 - b1) <= b2   <=>   κ <= 1,

so that (7) as a whole, w1 > 0, 1 >= w2 > 0 and b2 >= b1 >= max{0, (w1 - 1)/w1·b2}, is

    0 < κ <= 1,    0 < w2 <= 1,    0 <= ρ < 1,    β and σ any.

Left out are only b2 = b1, where w1 has no effect, and b2 = 0, where ξ is a straight line: `Box.of` finds coordinates of
the same ξ. Back,

    w1 = κ/(1 - ρ)    w2    b1 = ρ·b2    b2 = K·exp(β)    L = S·exp(-σ),

and by the chain rule, with the derivatives of b1 that come through b2 added,

    ∂/∂κ = 1/(1 - ρ)·∂/∂w1                    ∂/∂w2 = ∂/∂w2
    ∂/∂ρ = κ/(1 - ρ)²·∂/∂w1 + b2·∂/∂b1        ∂/∂β = b1·∂/∂b1 + b2·∂/∂b2        ∂/∂σ = -L·∂/∂L.

A step in β or σ changes b2 or L by a share of itself. The units are powers of two, so that data scaled by a power of
two have the same coordinates to the last bit.
"""

import math

import numpy as np

from dsrl_ref.appendix.theta import FLOOR_OF_SLOPES
from dsrl_ref.arrays import Array

LEAST = np.array([FLOOR_OF_SLOPES, FLOOR_OF_SLOPES, 0.0, -30.0, -7.0])  # of κ, w2, ρ, β, σ
MOST = np.array([1.0, 1.0, 0.98, 10.0, 1.5])  # a ρ of 1 is no Θ; σ is bounded by the least L of a `Box` besides
RATIO, FARTHEST = float(MOST[2]), math.exp(MOST[3])


class Box:
    """The coordinates κ, w2, ρ, β, σ, with the units of knots and step constants.

    Parameters
    ----------
    knot : float
        What knots are measured in, positive; rounded down to a power of two.
    L : float
        What step constants are measured in, positive; rounded down to a power of two.
    least_L : float, optional
        The least step constant that a layer may have.

    Attributes
    ----------
    most : ndarray (5,)
        The upper bounds of the coordinates; the lower ones are `LEAST`.
    """

    def __init__(self, knot: float, L: float, least_L: float | None = None) -> None:
        self.knot, self.L = power_of_two(knot), power_of_two(L)
        self.most = MOST.copy()
        if least_L is not None:
            self.most[4] = math.log(self.L / least_L)

    def parameters(self, u: Array) -> tuple[Array, Array]:
        """Θ (t, 4) and L (t,) of coordinates (t, 5) within the bounds; (7) holds."""
        kappa, w2, rho, beta, sigma = u.T
        b2 = self.knot * np.exp(beta)
        return np.stack([kappa / (1 - rho), w2, rho * b2, b2], axis=1), self.L * np.exp(-sigma)

    def jacobian(self, u: Array) -> Array:
        """(t, 5, 5): the derivatives of w1, w2, b1, b2, L, a row each, in κ, w2, ρ, β, σ."""
        theta, L = self.parameters(u)
        kappa, _, rho, _, _ = u.T
        _, _, b1, b2 = theta.T
        derivatives = np.zeros((len(u), 5, 5))
        derivatives[:, 0, 0] = 1 / (1 - rho)
        derivatives[:, 1, 1] = 1.0
        derivatives[:, 0, 2], derivatives[:, 2, 2] = kappa / (1 - rho) ** 2, b2
        derivatives[:, 2, 3], derivatives[:, 3, 3] = b1, b2
        derivatives[:, 4, 4] = -L
        return derivatives

    def of(self, theta: Array, L: Array) -> Array:
        """Coordinates (t, 5) of Θ (t, 4), where (7) holds, and L (t,).

        Where b1 exceeds 0.98·b2, the outer knot moves out to b1/0.98, and w1 is such that ξ is as before from there on;
        where b2 = b1, ξ is as before everywhere. Of b2 = 0, where ξ(z) = w2·z, it is with any other b2 too. An outer
        knot beyond all that the box has moves in, and leaves b1 and w1 as they are.
        """
        return np.array(
            [self._of_layer(row, constant) for row, constant in zip(theta.tolist(), L.tolist(), strict=True)]
        )

    def _of_layer(self, theta: list[float], L: float) -> Array:
        w1, w2, b1, b2 = theta
        if b2 == 0:
            kept, b2 = w2 * self.knot, self.knot
        elif b1 > RATIO * b2:
            outer = b1 / RATIO
            kept, b2 = w1 * (b2 - b1) + w2 * (outer - b2), outer
        else:
            b2 = max(min(b2, self.knot * FARTHEST), b1 / RATIO)
            kept = w1 * (b2 - b1)
        coordinates = kept / b2, w2, b1 / b2, math.log(b2 / self.knot), math.log(self.L / L)
        return np.clip(coordinates, LEAST, self.most)


def power_of_two(value: float) -> float:
    """The largest power of two that is at most a positive number."""
    return math.ldexp(0.5, math.frexp(value)[1])
