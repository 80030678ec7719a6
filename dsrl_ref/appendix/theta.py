"""Θ = [w1, w2, b1, b2] and the conditions (2), (3), (5)-(7) on it."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np

from dsrl_ref.arrays import Array, as_number, require_in_memory
from dsrl_ref.errors import InfeasibleThetaError

FLOOR_OF_SLOPES = 1e-4  # the authors' projection: the set (7) is open at w = 0 and has no nearest point there


class _Fields(NamedTuple):
    w1: float
    w2: float
    b1: float
    b2: float


class Theta(_Fields):
    """The four learned parameters of the shrinkage ξ and of its regularizer g.

    Immutable; unpacks to four floats. Insists on what makes ξ the proximity operator of g; whether g is
    also nondecreasing, condition (7), is asked by name with `violations`.

    Parameters
    ----------
    w1, w2 : float
        Slopes of ξ on ``b1 <= |z| < b2`` and on ``b2 <= |z|``; positive.
    b1, b2 : float
        Knots of ξ; ``0 <= b1 <= b2``.

    Raises
    ------
    InfeasibleThetaError
        A ValueError; names the parameter, its value and the rule.

    Examples
    --------
    >>> w1, w2, b1, b2 = Theta(1.0, 0.5, 0.25, 0.75)
    >>> Theta.soft(0.5)
    Theta(w1=1.0, w2=1.0, b1=0.5, b2=0.5)
    """

    __slots__ = ()

    def __new__(cls, w1: float, w2: float, b1: float, b2: float) -> Self:
        """Validate and convert to floats; every other way to make a Theta comes through here."""
        w1, w2, b1, b2 = _numbers((w1, w2, b1, b2))
        for name, slope in (("w1", w1), ("w2", w2)):
            if slope <= 0:
                raise InfeasibleThetaError(f"{name} must be positive, got {slope}: g divides by it")
        if b1 < 0:
            raise InfeasibleThetaError(f"b1 must not be negative, got {b1}")
        if b2 < b1:
            raise InfeasibleThetaError(f"b2 must be at least b1, got b1 = {b1}, b2 = {b2}: (1) needs w1*(b2-b1) >= 0")
        return super().__new__(cls, w1, w2, b1, b2)

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]  # typing sees no NamedTuple classmethod
        return cls(*iterable)

    @classmethod
    def soft(cls, b: float) -> Self:
        """Soft thresholding at b, the shrinkage of the lasso: g(x) = b·|x|."""
        return cls(1.0, 1.0, b, b)

    @classmethod
    def firm(cls, b: float, c: float) -> Self:
        """Firm thresholding with knots b < c, the shrinkage of the minimax concave penalty (MCP)."""
        b, c = as_number(b, "b"), as_number(c, "c")
        if c <= b:
            raise InfeasibleThetaError(f"c must be greater than b, got b = {b}, c = {c}")
        return cls(c / (c - b), 1.0, b, c)

    def violations(self) -> tuple[str, ...]:
        """Say which inequalities of (7) do not hold: one sentence each, none where (7) holds.

        (7) holds exactly where g is nondecreasing on [0, ∞), which is where |ξ(z)| <= |z| for all z.
        Rounding is forgiven up to 4 units in the last place of b2, here and in `projected`.

        Examples
        --------
        >>> Theta(1.5, 0.5, 0.5, 1.0).violations()
        ()
        >>> Theta(2.0, 1.5, 0.25, 1.0).violations()
        ('w2 = 1.5 exceeds 1', 'b1 = 0.25 is below (w1-1)/w1*b2 = 0.5')
        """
        w1, w2, b1, b2 = self
        found = []
        if w2 > 1:
            found.append(f"w2 = {w2} exceeds 1")
        if below_cone(w1, b1, b2):
            found.append(f"b1 = {b1} is below (w1-1)/w1*b2 = {least_b1(w1, b2)}")
        return tuple(found)

    def project(self) -> Self:
        """Project onto (7); see `projected`."""
        return self.projected(self)

    @classmethod
    def projected(cls, values: Iterable[float]) -> Self:
        """Project any four finite numbers onto (7) as the authors' program does.

        First ``w <- max(w, 1e-4)`` and ``w2 <- min(w2, 1)``; then (b1, b2) moves to the nearest point of
        the cone ``b2 >= b1 >= max(0, (w1-1)/w1*b2)`` of that w1. A point of (7) stays where it is.

        Parameters
        ----------
        values : iterable of four finite floats
            w1, w2, b1, b2.

        Examples
        --------
        >>> Theta.projected([2.0, 1.5, 0.0, 1.0])
        Theta(w1=2.0, w2=1.0, b1=0.4, b2=0.8)
        """
        w1, w2, b1, b2 = _numbers(values)
        w1 = max(w1, FLOOR_OF_SLOPES)
        w2 = min(max(w2, FLOOR_OF_SLOPES), 1.0)
        if b1 > b2:
            b2 = nearest_on_ray(1.0, b1, b2)
            b1 = b2
        elif below_cone(w1, b1, b2):
            b2 = nearest_on_ray(lower_ray(w1), b1, b2)
            b1 = least_b1(w1, b2)
        return cls(w1, w2, b1, b2)

    def scaled(self, t: float) -> Self:
        """S(t)Θ, the parameters of t·g: ``t*g(Θ) == g(S(t)Θ)``, so that prox of t·g is ξ of S(t)Θ.

        Parameters
        ----------
        t : float
            Not negative, with ``w + t*(1-w) > 0`` for both slopes; beyond, the prox jumps.

        Raises
        ------
        ValueError
            Outside that range; the message gives its end.

        Examples
        --------
        >>> Theta.soft(0.5).scaled(3)
        Theta(w1=1.0, w2=1.0, b1=1.5, b2=1.5)
        """
        w1, w2, b1, b2 = self
        t = as_number(t, "t")
        if t < 0:
            raise ValueError(f"t must not be negative, got {t}")
        scale1, scale2 = scale_of_slope(w1, t), scale_of_slope(w2, t)
        for name, w, scale in (("w1", w1, scale1), ("w2", w2, scale2)):
            if scale <= 0:
                limit = w / (w - 1) if w < 2**20 else f"1 + {1 / (w - 1)}"  # which float64 does not tell from 1
                raise ValueError(f"t = {t} is too large for {name} = {w}: t*g has a prox only for t < {limit}")
        rise = b2 - b1
        knot = t * b2 + (1 - t) * rise * w1 if t <= 1 else t * b1 + scale1 * rise  # terms that are not negative
        scaled = w1 / scale1, w2 / scale2, t * b1, knot
        if math.isinf(knot) or 0.0 in scaled[:2]:
            what = f"t = {t} is" if t > 1 else f"with t = {t}, w1*(b2-b1) is"
            raise ValueError(f"{what} too large for {self}: the parameters {scaled} of t*g do not fit float64")
        return type(self)(*scaled)


ThetaLike: TypeAlias = Theta | Iterable[float]
ThetasLike: TypeAlias = ThetaLike | Iterable[ThetaLike]  # one for all layers, or one a layer


def as_theta(theta: ThetaLike) -> Theta:
    """Take a Theta, or any sequence of four valid numbers."""
    return theta if isinstance(theta, Theta) else Theta(*_numbers(theta))


def as_thetas(theta: ThetasLike, layers: int) -> tuple[Theta, ...]:
    """Take one Θ for all layers, or one a layer.

    Parameters
    ----------
    theta : Theta, four numbers, or `layers` of either
        ``(layers, 4)`` if it is an array; the first row is the first layer's.
    layers : int
        t.

    Returns
    -------
    tuple of `layers` Theta

    Raises
    ------
    InfeasibleThetaError, TypeError
        Where a row is no Θ: the message names its layer, counted from 1, the parameter and the value.
    ValueError
        Where there are more rows than layers, or fewer.

    Examples
    --------
    >>> as_thetas([(1, 1, 0.5, 0.5), (1, 0.5, 0.25, 1)], layers=2)
    (Theta(w1=1.0, w2=1.0, b1=0.5, b2=0.5), Theta(w1=1.0, w2=0.5, b1=0.25, b2=1.0))
    >>> as_thetas((1, 0.5, 0.25, 1), layers=2)[1]
    Theta(w1=1.0, w2=0.5, b1=0.25, b2=1.0)
    """
    if isinstance(theta, Theta):
        return (theta,) * layers
    if not isinstance(theta, Iterable) or isinstance(theta, str | bytes | dict | set | frozenset):
        return (as_theta(theta),) * layers  # which says what it is instead
    require_in_memory(theta, "theta")
    given: tuple[Any, ...] = tuple(theta)
    if not all(map(_is_row, given)):
        return (as_theta(given),) * layers
    if len(given) != layers:
        raise ValueError(f"theta holds {len(given)} rows, but there are {layers} layers; pass one Θ a layer, or one Θ")
    return tuple(_of_layer(i, row) for i, row in enumerate(given, start=1))


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple) or getattr(value, "ndim", 0) > 0


def _of_layer(i: int, row: Any) -> Theta:
    """Θ_i; what is wrong with it is said with its layer."""
    try:
        return as_theta(row)
    except (InfeasibleThetaError, TypeError) as error:
        raise type(error)(f"layer {i}: {error}") from error


def nonnegative_at_joint(theta: Theta) -> float:
    """(2): g at the joint w1*(b2-b1), approached on its inner piece; asked to be >= 0 where w1 > 1."""
    w1, _, b1, b2 = theta
    joint = w1 * (b2 - b1)
    return joint * ((1 / (2 * w1) - 1 / 2) * joint + b1)  # (2)


def simplified_condition(theta: Theta) -> float:
    """(3): (2) with the positive factor w1*(b2-b1)/2 taken out; asked to be <= 0."""
    w1, _, b1, b2 = theta
    return (w1 - 1) * b2 - (w1 + 1) * b1  # (3)


def slope_at_joint(theta: Theta) -> float:
    """(5): the slope (4) of g at the joint w1*(b2-b1); asked to be >= 0."""
    w1, _, b1, b2 = theta
    return -w1 * (b2 - b1) + b2  # (5)


def claimed_chain(theta: Theta) -> tuple[float, float]:
    """(6): the two bounds on b1, printed as first > second; false unless w1 > 1 and b2 > 0."""
    w1, _, _, b2 = theta
    return (w1 - 1) / w1 * b2, (w1 - 1) / (w1 + 1) * b2  # (6)


def scale_of_slope(w: float, t: float) -> float:
    """W + t*(1-w), by which t divides the slope w: to a few units in the last place, and exactly 1 at t = 1.

    Every float form of it cancels for some w and t; here none is taken where it does.
    """
    if t <= 1:
        return (1 - t) * w + t  # the terms are not negative
    if w <= 1:
        return w + t * (1 - w)  # nor are these
    from fractions import Fraction  # seldom needed, and slow to import

    steeper, beyond = Fraction(w - 1), Fraction(t - 1)  # the floats are exact where the result is positive
    return float(max(Fraction(0), 1 - beyond * steeper))


def least_b1(w1: float, b2: float) -> float:
    """(7): the least b1 it allows, max{0, (w1-1)/w1*b2}."""
    return max(0.0, lower_ray(w1) * b2)  # (7)


def below_cone(w1: float, b1: float, b2: float) -> bool:
    """Whether (b1, b2), b1 <= b2, lies below the cone of (7) by more than rounding."""
    return b2 < 0 or b1 < 0 or b1 < least_b1(w1, b2) - 4 * math.ulp(b2)


def lower_ray(w1: float) -> float:
    """The b1/b2 of the lower edge of (7), in [0, 1]."""
    return max(0.0, (w1 - 1) / w1)


def nearest_on_ray(ratio: float, b1: float, b2: float) -> float:
    """b2 of the point of the ray {(ratio*s, s): s >= 0} that is nearest to (b1, b2)."""
    norm = ratio * ratio + 1
    return max(0.0, ratio / norm * b1 + b2 / norm)


def projection_jacobian(values: Iterable[float]) -> Array:
    """Derivative of `Theta.projected`, with that of the feasible side on a boundary.

    At w1 = 1, where the lower edge of the cone begins to turn with w1, it is that of w1 < 1: no turning.

    Parameters
    ----------
    values : iterable of four finite floats
        w1, w2, b1, b2, not yet projected.

    Returns
    -------
    ndarray (4, 4)
        Row by row the derivatives of the projected w1, w2, b1, b2; the lower edge of the cone turns with w1.

    Examples
    --------
    >>> projection_jacobian([2.0, 1.5, 0.0, 1.0]).round(3)
    array([[ 1.  ,  0.  ,  0.  ,  0.  ],
           [ 0.  ,  0.  ,  0.  ,  0.  ],
           [ 0.12,  0.  ,  0.2 ,  0.4 ],
           [-0.16,  0.  ,  0.4 ,  0.8 ]])
    """
    w1, w2, b1, b2 = _numbers(values)
    jacobian = np.eye(4)
    jacobian[0, 0] = w1 >= FLOOR_OF_SLOPES
    jacobian[1, 1] = FLOOR_OF_SLOPES <= w2 <= 1
    w1 = max(w1, FLOOR_OF_SLOPES)
    if b1 > b2:
        jacobian[2:] = _ray_jacobian(1.0, 0.0, b1, b2)
    elif below_cone(w1, b1, b2):
        turning = 1 / w1 / w1 if w1 > 1 else 0.0
        jacobian[2:] = _ray_jacobian(lower_ray(w1), turning, b1, b2)
    return jacobian


def _ray_jacobian(ratio: float, turning: float, b1: float, b2: float) -> Array:
    """Rows of b1 and b2 for a point (ratio*s, s) of a ray; `turning` is d(ratio)/dw1."""
    s = nearest_on_ray(ratio, b1, b2)
    if s == 0:
        return np.zeros((2, 4))
    norm = ratio * ratio + 1
    ds = np.array([(b1 - 2 * ratio * s) / norm * turning, 0.0, ratio / norm, 1 / norm])
    return np.stack([ratio * ds + s * np.array([turning, 0.0, 0.0, 0.0]), ds])


def _numbers(values: Any) -> tuple[float, float, float, float]:
    if isinstance(values, str | bytes | dict | set | frozenset):
        raise TypeError(f"theta must be four numbers w1, w2, b1, b2 in this order, got a {type(values).__name__}")
    require_in_memory(values, "theta")
    try:
        given = tuple(values)
    except TypeError:
        raise TypeError(f"theta must be four numbers w1, w2, b1, b2, got {values!r}") from None
    if len(given) != 4:
        raise InfeasibleThetaError(f"theta must be four numbers w1, w2, b1, b2, got {len(given)}: {given!r}")
    try:
        w1, w2, b1, b2 = (as_number(value, name) for value, name in zip(given, _Fields._fields, strict=True))
    except ValueError as error:
        raise InfeasibleThetaError(str(error)) from error
    return w1, w2, b1, b2
