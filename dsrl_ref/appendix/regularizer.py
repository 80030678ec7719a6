"""The regularizer g (1), its slope ∇g (4), and the proximity operator of its multiples."""

from typing import Any

import numpy as np

from dsrl_ref.appendix.shrinkage import shrink
from dsrl_ref.appendix.theta import ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_number, as_real


def regularizer(x: Any, theta: ThetaLike) -> Array:
    """Evaluate the regularizer g elementwise.

    Parameters
    ----------
    x : array_like
        Any shape.
    theta : Theta or four numbers
        w1, w2, b1, b2.

    Returns
    -------
    ndarray of float64
        g(x), in the shape of `x`; even in x and zero at 0.

    Raises
    ------
    ValueError
        For NaN, infinity or a Θ that is none.

    Notes
    -----
    Eq. (1). With w1 > 1 it is weakly convex; nonnegative wherever (7) holds, see `Theta.violations`.

    Examples
    --------
    >>> regularizer([-2.0, 0.0, 0.5], (1, 1, 0.5, 0.5))
    array([1.  , 0.  , 0.25])
    """
    w1, w2, b1, b2 = as_theta(theta)
    x = np.abs(as_real(x, "x"))  # g(x) = g(-x) for x < 0
    inner = (1 / (2 * w1) - 1 / 2) * x * x + b1 * x
    outer = (1 / (2 * w2) - 1 / 2) * x * x + (b2 - w1 * (b2 - b1) / w2) * x + w1 * (w1 - w2) / (2 * w2) * (b2 - b1) ** 2
    return np.where(x >= w1 * (b2 - b1), outer, inner)  # (1)


def regularizer_gradient(x: Any, theta: ThetaLike) -> Array:
    """Evaluate the slope of g elementwise; 0 at 0, where g has a kink of height 2*b1.

    Parameters
    ----------
    x : array_like
        Any shape.
    theta : Theta or four numbers
        w1, w2, b1, b2.

    Returns
    -------
    ndarray of float64
        ∇g(x), in the shape of `x`; odd in x.

    Notes
    -----
    Eq. (4) on the outer piece; the inner piece is the derivative of (1) there.

    Examples
    --------
    >>> regularizer_gradient([-2.0, 0.0, 0.5], (1, 0.5, 0.25, 0.75))
    array([-1.75,  0.  ,  0.25])
    """
    w1, w2, b1, b2 = as_theta(theta)
    x = as_real(x, "x")
    inner = (1 / w1 - 1) * np.abs(x) + b1
    outer = (1 / w2 - 1) * np.abs(x) + (b2 - w1 * (b2 - b1) / w2)  # (4)
    return np.sign(x) * np.where(np.abs(x) >= w1 * (b2 - b1), outer, inner)


def prox(z: Any, theta: ThetaLike, step: float) -> Array:
    """Evaluate the proximity operator of ``step * g``, argmin over x of ½(x-z)² + step·g(x).

    Parameters
    ----------
    z : array_like
        Any shape.
    theta : Theta or four numbers
        w1, w2, b1, b2.
    step : float
        Not negative, and inside the range of `Theta.scaled`.

    Returns
    -------
    ndarray of float64
        In the shape of `z`.

    Raises
    ------
    ValueError
        Where `step` is out of range: there the prox jumps, and the message gives the range's end.

    Examples
    --------
    >>> prox([-3.0, 1.0], (1, 1, 0.5, 0.5), step=2)
    array([-2.,  0.])
    """
    theta, step = as_theta(theta), as_number(step, "step")
    try:
        scaled = theta.scaled(step)  # t*g is the g of S(t)Θ, and ξ is the prox of g
    except ValueError as error:
        raise ValueError(f"step is the t of t*g: {error}") from error
    return shrink(z, scaled)
