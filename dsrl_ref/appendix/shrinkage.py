"""The shrinkage ξ, its five regions and the rule for ties.

The appendix never writes ξ out; the rows of (12)-(14) determine it with ξ(0) = 0:

    ξ(z) = w2*(z-b2) + w1*(b2-b1)    b2 <= z
           w1*(z-b1)                 b1 <= z <  b2
           0                        -b1 <= z <  b1
           w1*(z+b1)                -b2 <= z < -b1
           w2*(z+b2) - w1*(b2-b1)         z < -b2

In this anchored form the float result is monotone and odd to the last bit; expanded into w2*z + ... it is not.
The half-open rows are the tie rule: derivatives taken by region are the right derivatives in z at every knot.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_csr, as_real, is_sparse


def region(z: Any, theta: ThetaLike) -> NDArray[np.int8]:
    """Tell in which of the five rows of (12)-(14) each entry lies.

    Parameters
    ----------
    z : array_like
        Any shape.
    theta : Theta or four numbers
        w1, w2, b1, b2.

    Returns
    -------
    ndarray of int8
        2 for ``b2 <= z``, 1 for ``b1 <= z < b2``, 0 for ``-b1 <= z < b1``, -1 and -2 below.

    Raises
    ------
    ValueError
        For NaN and infinity: they belong to no row.

    Examples
    --------
    >>> region([-2.0, -1.0, -0.5, 0.5, 1.0], (1, 1, 0.5, 1))
    array([-2, -1,  0,  1,  2], dtype=int8)
    """
    return rows(as_real(z, "z"), as_theta(theta))


def shrink(z: Any, theta: ThetaLike) -> Any:
    """Evaluate the shrinkage ξ elementwise.

    Parameters
    ----------
    z : array_like or scipy.sparse container
        Any shape.
    theta : Theta or four numbers
        w1, w2, b1, b2.

    Returns
    -------
    ndarray of float64 or csr_array
        ξ(z), in the shape of `z`; sparse for sparse, since ξ(0) = 0.

    Raises
    ------
    ValueError
        For NaN and infinity.

    Examples
    --------
    >>> shrink([-1.5, 0.25, 0.75, 2.0], (1, 0.5, 0.5, 1))
    array([-0.75,  0.  ,  0.25,  1.  ])
    """
    if is_sparse(z):
        z = as_csr(z, "z").copy()
        z.data = shrink(z.data, theta)
        return z
    return xi(as_real(z, "z"), as_theta(theta))


def count_ties(z: Array, theta: Theta) -> int:
    """Count the entries that sit exactly on a knot, where the derivatives in (12)-(14) are one-sided."""
    return int(np.count_nonzero((np.abs(z) == theta.b1) | (np.abs(z) == theta.b2)))


def rows(z: Array, theta: Theta) -> NDArray[np.int8]:
    """`region` for arrays that are known to be finite."""
    _, _, b1, b2 = theta
    return np.select(
        [b2 <= z, (b1 <= z) & (z < b2), (-b1 <= z) & (z < b1), (-b2 <= z) & (z < -b1), z < -b2],
        [np.int8(2), np.int8(1), np.int8(0), np.int8(-1), np.int8(-2)],
    )


# Rows that are not chosen may overflow; what is chosen is checked by the caller.
@np.errstate(over="ignore", invalid="ignore")
def xi(z: Array, theta: Theta) -> Array:
    """`shrink` for arrays that are known to be finite."""
    w1, w2, b1, b2 = theta
    return by_row(
        rows(z, theta),
        w2 * (z - b2) + w1 * (b2 - b1),
        w1 * (z - b1),
        0.0,
        w1 * (z + b1),
        w2 * (z + b2) - w1 * (b2 - b1),
    )


def by_row(row: NDArray[np.int8], *values: Array | float) -> Array:
    """Choose for every entry the value of its row; `values` come in the appendix's order, b2 <= z first."""
    return np.choose(2 - row, list(values))
