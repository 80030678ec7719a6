"""The penalty h = weight·g as `solve` sees it: by its slope. Where it is convex, its conjugate, and the gap of a point.

**The slope.** Differentiate (1) for x > 0. With the joint J = w1·(b2 - b1),

    h'(x) = s0 + p1·x          0 < x < J       s0 = weight·b1,                           p1 = weight·(1/w1 - 1)
    h'(x) = s1 + p2·(x - J)    J <= x          s1 = weight·(b1 + (1 - w1)·(b2 - b1)),    p2 = weight·(1/w2 - 1)

and s1 = s0 + p1·J: the slope is continuous away from 0, where it jumps from -s0 to s0. In this form nothing cancels
for w1 <= 1, whatever the weight; h itself is its integral, piece by piece.

**When h is convex.** Exactly when h' never falls. It does not fall at 0, since s0 >= 0; on the outer piece it does not
fall when p2 >= 0, that is w2 <= 1; on the inner piece it does not fall when p1 >= 0, that is w1 <= 1, or when there is
no inner piece, that is b1 = b2. So g is convex if and only if w2 <= 1 and (w1 <= 1 or b1 = b2). `solve` refuses
w2 > 1, with which h has no lower bound.

**The conjugate.** h*(v) = max over x of v·x - h(x) is even. For v >= 0 the maximum is at the x >= 0 where the slope
passes v:

    x = 0                     v <= s0
    x = (v - s0)/p1           s0 < v <= s1
    x = J + (v - s1)/p2       s1 < v

and h*(v) is the integral of these x over [0, v]. With p2 = 0 (w2 = 1, the lasso among others) the slope never exceeds
s1, and h*(v) is infinite beyond.

**The dual problem** of min ½‖Dx - y‖² + Σ h(x_j) is max over u of uᵀy - ½‖u‖² - Σ h*(d_jᵀu), d_j the columns of D, and
any u bounds the minimum from below. Take a multiple u = s·r of the residual r = y - Dx, with 0 <= s <= 1. The gap,
primal minus dual value, is then

    ½(1 - s)²‖r‖² + Σ_j [h(x_j) + h*(s·v_j) - s·v_j·x_j],        v_j = d_jᵀr,

a sum of terms that are never negative: none of the two large values that a gap is usually the difference of is formed,
so nothing cancels. The bracket is the area between the graph of h' and the level s·v_j, from x_j to the place where
the slope passes that level; `Penalty.area` adds it up from trapezoids, one in either piece, that share a sign.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array


def is_convex(theta: Theta) -> bool:
    """Whether g is convex, see the docstring of this module."""
    return theta.w2 <= 1 and (theta.w1 <= 1 or theta.b1 == theta.b2)


@dataclass(frozen=True)
class Penalty:
    """h = weight·g by the two pieces of its slope; arrays in place of numbers give every entry an h of its own.

    Attributes
    ----------
    s0, s1 : float or ndarray
        The slope just right of 0, and at the joint.
    p1, p2 : float or ndarray
        How fast the slope grows on the inner and the outer piece.
    joint : float or ndarray
        Where the inner piece ends, J.
    """

    s0: Any
    s1: Any
    p1: Any
    p2: Any
    joint: Any

    @classmethod
    def of(cls, theta: Theta, weight: float) -> "Penalty":
        """Weight·g."""
        w1, w2, b1, b2 = theta
        rise = b2 - b1
        at_joint = b1 + (1 - w1) * rise
        if at_joint < 0 and not theta.violations():  # firm thresholding ends flat, but for rounding
            at_joint = 0.0
        return cls(weight * b1, weight * at_joint, weight * ((1 - w1) / w1), weight * ((1 - w2) / w2), w1 * rise)

    def tangent(self) -> "Penalty":
        """s0·|x|, which has the same slope at 0: a lasso."""
        return Penalty(self.s0, self.s0, 0.0, 0.0, 0.0)

    def vanishes(self) -> bool:
        """Whether h is 0 everywhere."""
        return bool(self.s0 == 0 and self.s1 == 0 and self.p2 == 0 and (self.p1 == 0 or self.joint == 0))

    def in_units(self, of_d: Any, of_y: Any) -> "Penalty":
        """The same penalty for D/of_d, y/of_y and so x·of_d/of_y, objectives being divided by of_y².

        Where both are powers of two nothing is rounded: a problem and its multiple by one become the same numbers.
        """
        return Penalty(
            self.s0 / of_d / of_y,
            self.s1 / of_d / of_y,
            self.p1 / of_d / of_d,
            self.p2 / of_d / of_d,
            self.joint * of_d / of_y,
        )

    def spread(self, shape: tuple[int, ...]) -> "Penalty":
        """The same with every attribute of this shape; nothing is copied."""
        return Penalty(*(np.broadcast_to(each, shape) for each in (self.s0, self.s1, self.p1, self.p2, self.joint)))

    def transposed(self) -> "Penalty":
        """The same for rows in place of columns."""
        return Penalty(self.s0.T, self.s1.T, self.p1.T, self.p2.T, self.joint.T)

    def at(self, index: Any) -> "Penalty":
        """The penalties of some entries; every attribute is an array."""
        return Penalty(self.s0[index], self.s1[index], self.p1[index], self.p2[index], self.joint[index])

    def value(self, x: Array) -> Array:
        """h(x), entry by entry."""
        size = np.abs(x)
        inner, beyond = np.minimum(size, self.joint), np.maximum(size - self.joint, 0.0)
        return inner * (self.s0 + 0.5 * self.p1 * inner) + beyond * (self.s1 + 0.5 * self.p2 * beyond)

    def slope(self, x: Array) -> Array:
        """h'(x) for x > 0, s0 for x = 0, and odd."""
        return np.where(x < 0, -1.0, 1.0) * self._slope_of_size(np.abs(x))

    def _slope_of_size(self, size: Array) -> Array:
        return np.where(size < self.joint, self.s0 + self.p1 * size, self.s1 + self.p2 * (size - self.joint))

    def violation(self, x: Array, v: Array) -> Array:
        """How far v is from the slopes of h at x: from one of them, or at 0 from all between -s0 and s0."""
        return np.where(x == 0, np.maximum(np.abs(v) - self.s0, 0.0), np.abs(v - self.slope(x)))

    def area(self, x: Array, v: Array) -> Array:
        """h(x) + h*(v) - x·v of a convex h, never negative: the area between h' and the level v, from x on."""
        size, level = np.abs(x), np.abs(v)
        end = np.where(
            level <= self.s0,
            0.0,
            np.where(level <= self.s1, (level - self.s0) / self.p1, self.joint + (level - self.s1) / self.p2),
        )
        finite = np.isfinite(end)  # else the slope never reaches the level
        end = np.where(finite, end, size)
        inner, inner_end = np.minimum(size, self.joint), np.minimum(end, self.joint)
        outer, outer_end = np.maximum(size, self.joint), np.maximum(end, self.joint)
        below = self.s0 + self.p1 * inner, self.s0 + self.p1 * inner_end
        above = self.s1 + self.p2 * (outer - self.joint), self.s1 + self.p2 * (outer_end - self.joint)
        opposite = np.where((x < 0) != (v < 0), 2 * size * level, 0.0)
        area = opposite + _trapezoid(inner, inner_end, below, level) + _trapezoid(outer, outer_end, above, level)
        return np.where(finite, area, np.inf)

    def minimiser(self, q: Array, curvature: Any) -> Array:
        """The x with the least ½·curvature·x² - q·x + h(x), over all x, entry by entry; 0 where two are equal."""
        size = np.abs(q)
        inner = np.maximum(size - self.s0, 0.0) / (curvature + self.p1)
        past = size - self.s1 - curvature * self.joint
        outer = self.joint + past / (curvature + self.p2)
        gain = past * past / (curvature + self.p2) / 2  # from the joint on
        to_joint = self.joint * (0.5 * (curvature + self.p1) * self.joint + self.s0 - size)
        jumps = np.where(gain > to_joint, outer, 0.0)  # the inner piece is a hill: one side of it or the other
        bends = np.where(past > 0, outer, np.minimum(inner, self.joint))
        found = np.where(curvature + self.p1 > 0, bends, np.where(past > 0, jumps, 0.0))
        return np.where(q < 0, -found, found)


def _trapezoid(begin: Array, end: Array, slopes: tuple[Array, Array], level: Array) -> Array:
    """The area between a line and a level; it does not change sides between the two ends, but by rounding."""
    width = end - begin
    mean = level - 0.5 * (slopes[0] + slopes[1])
    return np.where(width == 0, 0.0, np.maximum(width * mean, 0.0))
