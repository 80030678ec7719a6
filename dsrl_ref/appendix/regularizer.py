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
        For NaN, infinity or a Θ that is none, and where g(x) overflows float64.

    Notes
    -----
    Eq. (1), its outer piece anchored at the joint x = w1*(b2-b1) as ξ is at its knots: the printed sum of three terms
    loses its digits there where w2 is small, and 1/(2*w) - 1/2 where w is near 1. The error is within a few units in
    the last place of x·(b1 + abs(1-w1)*(b2-b1) + abs(1/w2-1)*(x-joint)) beyond the joint, of
    x·(b1 + abs(1/w1-1)*x) before it. With w1 > 1, g is weakly convex; it is nonnegative wherever (7) holds, see
    `Theta.violations`.

    Examples
    --------
    >>> regularizer([-2.0, 0.0, 0.5], (1, 1, 0.5, 0.5))
    array([1.  , 0.  , 0.25])
    """
    w1, w2, b1, b2 = as_theta(theta)
    x = np.abs(as_real(x, "x"))  # g(x) = g(-x) for x < 0
    rise, joint = b2 - b1, w1 * (b2 - b1)
    bend = (1 - w1) * rise  # of the slope on the inner piece: it is b1 at 0 and b2 - joint, (5), at the joint
    at_joint, beyond = joint * (b1 + bend / 2), x - joint  # (2)
    with np.errstate(over="ignore", invalid="ignore"):  # on the piece that is not chosen; what is chosen is checked
        inner = x * (b1 + bent(x, w1) / 2)
        outer = at_joint + beyond * (b1 + bend + bent(beyond, w2) / 2)
        g = np.where(x >= joint, outer, inner)  # (1)
    return require_no_overflow(g, x, "g")


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

    Raises
    ------
    ValueError
        For NaN, infinity or a Θ that is none, and where ∇g(x) overflows float64.

    Notes
    -----
    Eq. (4) on the outer piece, anchored at the joint w1*(b2-b1) as g is; the inner piece is the derivative of (1)
    there. The error is within a few units in the last place of b1 + abs(1-w1)*(b2-b1) + abs(1/w2-1)*x beyond the
    joint, of b1 + abs(1/w1-1)*x before it.

    Examples
    --------
    >>> regularizer_gradient([-2.0, 0.0, 0.5], (1, 0.5, 0.25, 0.75))
    array([-1.75,  0.  ,  0.25])
    """
    w1, w2, b1, b2 = as_theta(theta)
    x = as_real(x, "x")
    size, rise, joint = np.abs(x), b2 - b1, w1 * (b2 - b1)
    with np.errstate(over="ignore", invalid="ignore"):  # as in g
        inner = b1 + bent(size, w1)
        outer = b1 + (1 - w1) * rise + bent(size - joint, w2)  # (4)
        slope = np.sign(x) * np.where(size >= joint, outer, inner)
    return require_no_overflow(slope, x, "∇g")


def bent(x: Array, w: float) -> Array:
    """(1/w - 1)*x for x >= 0: x/w - x without its cancellation where w is near 1, and finite where the result is."""
    return x * (1 - w) / w if w <= 1 else x * ((1 - w) / w)


def require_no_overflow(values: Array, x: Array, name: str) -> Array:
    """Refuse values of g or ∇g that are not finite; the message names the first x of them."""
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(f"{name}({x[~finite][0]}) overflows float64: scale x, b1 and b2 down")
    return values


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
