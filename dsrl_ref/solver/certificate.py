"""How far a point is from the minimum, column by column: what `solve` stops by, whatever led to the point.

Nothing here knows how a point was found. Points are given by rows: row k of X is one column of the problem, row k of U
the residual u = y - Dx that belongs to it, row k of V its products v = Dᵀu with the columns of D.

**Convex h, weight > 0: the duality gap relative to the objective** (`relative_gap`). Any vector is a dual point, and so
is s·u with u as it was computed, rounding and all: see `dsrl_ref.solver.penalty` for the sum of terms that the gap
is. s is 1 where h* is finite at v, or else the largest that makes it finite; where both are possible the lower gap
counts.

**Rounding.** Let ε be 2^-53. A sum of k products is off by at most 8√k·ε times the product of the two norms, but
for a probability that is negligible (Higham & Mary 2019, "A new approach to probabilistic rounding error analysis").
So v_j is off by δ_j = 8√k·ε·‖d_j‖·‖u‖, and u itself by E = 8√n·ε·(‖y‖ + Σ‖d_j‖·|x_j|). Both are counted against the
point: s keeps the room δ_j, |x_j|·δ_j is added for every coordinate, and E to (1-s)·‖u‖. What is reported is thus a
bound on the true gap of the x that is returned, and it does not fall below about 8√k·ε·‖u‖·Σ‖d_j‖·|x_j| relative to
the objective. A tol below that is not attainable in float64 and ends as `Status.STALLED`.

An objective of a convex problem is never negative, and no gap is small beside one that vanishes. This can happen
where g is flat at 0 up to the joint (b1 = 0, w1 = 1). There a point up to the joint with Dx = y but for rounding, ‖u‖
+ E being at most a hundred times what y alone would make of E, is a minimum, and the gap is called 0.

**Otherwise: the violation of the conditions of first order** (`relative_violation`), the largest of a column. It is how
far v_j is from the slopes of h at x_j, as a part of s0 = weight·b1, the slope of h at 0; where that is 0, of what the
gradient of coordinate j is made of: the larger of Σ|d_ij|·|y_i|, Σ|d_ij|·|(Dx)_i| and |h'(x_j)|. Norms would not do in
place of these sums: with rows of unlike weights ‖d_j‖·‖y‖ is made by other rows than v_j, and 0 would always pass.
Here too rounding counts against the point: v_j may be off by δ_j + ‖d_j‖·E, and h' by a few of its own. For few
products, where k + 2 is less than 8√k, the bound that needs no luck takes the place of the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.solver.penalty import Penalty
from dsrl_ref.solver.scaling import Scaled, norms

ZERO = 100.0  # roundings of y that a residual may have which is called 0
EPSILON = 2.0**-53
SAFETY = 8 * EPSILON  # of a rounding, times the root of how many there are
FEW = 4 * EPSILON  # roundings of a number that is formed in a few steps


@dataclass(frozen=True)
class Point:
    """Points by rows, with what their certificates need; entries of Y, X, U, V and norms as in the module's docstring.

    Attributes
    ----------
    X, V : ndarray (m, n)
        x and v = Dᵀ(y - Dx).
    u_norms, y_norms : ndarray (m,)
        ‖y - Dx‖ and ‖y‖.
    d_norms : ndarray (n,)
        ‖d_j‖.
    rows : int
        k, of D.
    terms : ndarray (m, n), optional
        The larger of Σ|d_ij|·|y_i| and Σ|d_ij|·|(Dx)_i|; needed where the slope of h at 0 is 0.
    """

    X: Array
    V: Array
    u_norms: Array
    y_norms: Array
    d_norms: Array
    rows: int
    terms: Array | None = None


def point_of(scaled: Scaled, X: Array, rows: slice, terms: bool) -> Point:
    """The points X of some rows of a problem; `terms` are formed where they are asked for."""
    U = scaled.residuals(X, rows)
    Y, y_norms, k = scaled.Y[rows], scaled.y_norms[rows], scaled.D.shape[0]
    sums = np.maximum(scaled.magnitudes(Y), scaled.magnitudes(Y - U)) if terms else None
    return Point(X, scaled.products(U), norms(U), y_norms, scaled.d_norms, k, sums)


def relative_gap(point: Point, h: Penalty) -> Array:
    """A bound on (objective - minimum)/objective for every row; 0 where the objective is."""
    X = point.X
    lengths = _weighted(X, point.d_norms)
    off_v = SAFETY * np.sqrt(point.rows) * point.u_norms
    off_u = SAFETY * np.sqrt(X.shape[1]) * (point.y_norms + lengths)
    limit = _largest_finite(point, h, off_v)
    gaps = _gap(point, h, limit, off_u)
    if np.any(h.p2 > 0):
        gaps = np.minimum(gaps, _gap(point, h, np.ones_like(limit), off_u))
    relative = _ratio(gaps + off_v * lengths, objective(point, h))
    return np.where(_nothing_is_left(point, h, off_u), 0.0, relative)


def objective(point: Point, h: Penalty) -> Array:
    """½‖u‖² + Σ h(x_j) of every row."""
    X = point.X
    return 0.5 * point.u_norms**2 + _row_sums(X != 0, X.shape[0], lambda at: h.at(at).value(X[at]))


def relative_violation(point: Point, h: Penalty, off: Array | None = None) -> Array:
    """The largest violation of a row that rounding allows for, every coordinate's relative to its own unit.

    `off` bounds the rounding of V; by default it is that of sums, as the module says.
    """
    X, V, size = point.X, point.V, np.abs(point.V)
    slopes = h.slope(X)
    off = (off_products(point) if off is None else off) + FEW * (size + np.where(X == 0, 0.0, np.abs(slopes)))
    found = np.where(X == 0, np.maximum(size + off - h.s0, 0.0), np.abs(V - slopes) + off)
    return np.asarray(_ratio(found, units(point, h)).max(axis=1))


def off_products(point: Point) -> Array:
    """By how much rounding may put v_j off, that of u included."""
    sums = point.y_norms + _weighted(point.X, point.d_norms)
    off = roundings(point.rows) * point.u_norms + roundings(point.X.shape[1]) * sums
    return np.asarray(off[:, None] * point.d_norms)


def roundings(count: int) -> float:
    """By how much a sum of so many products and one more term may be off, relative to the sum of their magnitudes."""
    return min((count + 2) * EPSILON, SAFETY * float(np.sqrt(count)))


def units(point: Point, h: Penalty) -> Array:
    """The unit of every coordinate's violation, see the docstring of this module."""
    if np.all(h.s0 > 0):
        return np.asarray(h.s0)
    assert point.terms is not None, "without a slope at 0 a point needs its terms"
    slopes = np.where(point.X == 0, 0.0, np.abs(h.slope(point.X)))
    return np.where(h.s0 > 0, h.s0, np.maximum(point.terms, slopes))


def _largest_finite(point: Point, h: Penalty, off_v: Array) -> Array:
    """The largest s in [0, 1] of every row with s·(|v_j| + δ_j) <= s1 for all its coordinates j."""
    needed = np.abs(point.V) + off_v[:, None] * point.d_norms
    return np.asarray(np.where(needed > h.s1, h.s1 / needed, 1.0).min(axis=1))


def _nothing_is_left(point: Point, h: Penalty, off_u: Array) -> NDArray[np.bool_]:
    """Whether Dx = y but for rounding, and x is where h is flat at 0, but for what moves Dx by no more than that."""
    if np.any(h.s0 > 0) or np.any(h.p1 > 0):
        return np.zeros(point.X.shape[0], np.bool_)
    beyond = _weighted(np.maximum(np.abs(point.X) - h.joint, 0.0), point.d_norms)
    allowed = ZERO * SAFETY * np.sqrt(point.X.shape[1]) * point.y_norms
    return np.asarray(point.u_norms + off_u + beyond <= allowed)


def _gap(point: Point, h: Penalty, s: Array, off_u: Array) -> Array:
    """The gap to the dual point s·u; entries that are 0, as they should be, add nothing and are left out."""
    X, V = point.X, s[:, None] * point.V
    areas = _row_sums((X != 0) | (np.abs(V) > h.s0), X.shape[0], lambda at: h.at(at).area(X[at], V[at]))
    return 0.5 * ((1 - s) * point.u_norms + off_u) ** 2 + areas


def _weighted(X: Array, weights: Array) -> Array:
    """The weighted sums of magnitudes of every row; unlike those of BLAS, whatever the number of rows."""
    return np.einsum("ij,j->i", np.abs(X), weights)


def _row_sums(chosen: NDArray[np.bool_], rows: int, terms: Callable[[Any], Array]) -> Array:
    """The sums, row by row, of the terms of the chosen entries."""
    at = np.nonzero(chosen)
    return np.asarray(np.bincount(at[0], terms(at), rows), np.float64)


def _ratio(part: Array, whole: Array) -> Array:
    """part/whole, 0 where part is; infinite where either overflows, since then nothing is known."""
    known = np.isfinite(part) & np.isfinite(whole)
    return np.where(known, np.where(part == 0, 0.0, part / whole), np.inf)
