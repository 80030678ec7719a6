"""Θ and L from five real numbers of any size and back, for optimisers that know no bounds.

    w1 = exp(u1)    w2 = exp(u2)    b1 = exp(u3)    b2 = b1 + exp(u4)    L = exp(u5)

Every Θ with 0 < b1 < b2, and every L, comes from exactly one u. A step in u changes a parameter by a share of
itself, so that the unit of the data does not matter. Beyond ±700, where exp is about to leave float64, a parameter
stays as it is at the end, and its derivative is 0; a Θ or an L from beyond the ends is refused.
"""

import math
from typing import Any

import numpy as np

from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_real, as_step_constant

FARTHEST = 700.0  # exp(709.8) overflows


def from_free(u: Any) -> tuple[Theta, float]:
    """Θ and L of five real numbers.

    Parameters
    ----------
    u : array_like (5,)
        Any finite numbers.

    Returns
    -------
    theta : Theta
        With b1 > 0; b2 > b1 but where they differ by less than a unit in the last place.
    L : float
        Positive.
    """
    w1, w2, b1, rise, L = _exponentials(u)
    return Theta(w1, w2, b1, b1 + rise), float(L)


def to_free(theta: ThetaLike, L: float) -> Array:
    """The five real numbers that Θ and L come from.

    Parameters
    ----------
    theta : Theta or four numbers
        With 0 < b1 < b2.
    L : float
        Positive.

    Returns
    -------
    ndarray (5,)
        ``from_free`` of it is Θ and L again, to rounding: each number of them to a share of 2^-52·(2 + the largest of
        ``abs(u)``), as exp turns the rounding of u into a share of its result.

    Raises
    ------
    ValueError
        Where b1 = 0 or b2 = b1, which lie at u = -∞, and where a number lies beyond exp(±700). The message says what to
        start from instead.
    """
    theta, L = as_theta(theta), as_step_constant(L)
    w1, w2, b1, b2 = theta
    if b1 == 0:
        raise ValueError(
            f"b1 = 0 in {theta} comes from no real u; start from a small positive b1, a thousandth of |Z| say"
        )
    if b2 == b1:
        raise ValueError(
            f"b2 = b1 in {theta} comes from no real u; start from a b2 a little larger, {1.01 * b1:.6g} say"
        )
    numbers = {"w1": w1, "w2": w2, "b1": b1, "b2 - b1": b2 - b1, "L": L}
    u = [math.log(value) for value in numbers.values()]
    for place, (name, value) in zip(u, numbers.items(), strict=True):
        if abs(place) > FARTHEST:
            end, side = math.exp(math.copysign(FARTHEST, place)), "above" if place > 0 else "below"
            raise ValueError(
                f"{name} = {value} lies {side} every {name} of a real u: start from {end:.6g} or nearer to 1"
            )
    return np.array(u)


def pulled(gradient: Array, u: Any) -> Array:
    """The derivatives in u, from those in w1, w2, b1, b2, L; b1 moves b2 along."""
    dw1, dw2, db1, db2, dL = gradient
    free = np.abs(as_real(u, "u")) <= FARTHEST
    return np.where(free, _exponentials(u) * [dw1, dw2, db1 + db2, db2, dL], 0.0)


def _exponentials(u: Any) -> Array:
    u = as_real(u, "u")
    if u.shape != (5,):
        raise ValueError(f"u must be five numbers, for w1, w2, b1, b2 - b1 and L, got shape {u.shape}")
    return np.exp(np.clip(u, -FARTHEST, FARTHEST))
