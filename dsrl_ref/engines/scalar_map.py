"""Fidelity only: the network as one piecewise-linear function of a number."""

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.theta import Theta, ThetaLike, as_theta
from dsrl_ref.arrays import Array, as_count, as_number, as_real, as_step_constant
from dsrl_ref.engines import recursion

MOST_PIECES = 1024
LOW, HIGH, A, E, C = range(5)  # columns of a table of pieces, as its kernels fill it
DA, DC, COLUMNS = slice(7, 12), slice(12, 17), 17


class ScalarMap:
    """The map w -> x_t of a `Fidelity` network that starts at W or at zeros, with its derivatives.

    With f = ½‖X - W‖² entries do not interact, and each goes through the same piecewise-linear function.

    Parameters
    ----------
    theta : Theta or four numbers
        w1, w2, b1, b2.
    L : float
        Step constant, positive.
    layers : int
        t, finite.
    start : {1.0, 0.0}
        X_(0) = start·W.

    Raises
    ------
    ValueError, TypeError
        For bad arguments; where L < 1 folds the map into more than 1,024 pieces.

    Attributes
    ----------
    intervals : ndarray (pieces, 2)
        Where each piece begins and ends, ascending. Between two is a gap in which rounding decides the region of
        some Z: a few units in the last place wide, unless Z is constant and on a knot, as w1 = 1/(1-L) with
        b2 = b1/L makes it. But for such gaps the first piece begins at -inf and the last ends at inf.
    breakpoints : ndarray (pieces - 1,)
        The middles of the gaps.
    slopes, intercepts : ndarray (pieces,)
        x_t = slope·w + intercept.
    slope_derivatives, intercept_derivatives : ndarray (pieces, 5)
        Of slope and intercept, in w1, w2, b1, b2, L.

    Notes
    -----
    The map is monotone where L ≥ 1. A smaller L overshoots, and may fold it.

    Examples
    --------
    >>> from dsrl_ref import ScalarMap
    >>> soft = ScalarMap((1, 1, 0.5, 0.5), L=1, layers=1)
    >>> soft.slopes, soft.intercepts
    (array([1., 0., 1.]), array([ 0.5,  0. , -0.5]))
    >>> soft([-2.0, 0.25, 3.0])
    array([-1.5,  0. ,  2.5])
    """

    def __init__(self, theta: ThetaLike, L: float, layers: int, *, start: float = 1.0) -> None:
        theta, L, layers = as_theta(theta), as_step_constant(L), as_count(layers, "layers")
        start = as_number(start, "start")
        if start not in (0.0, 1.0):
            raise ValueError(f"start must be 1, for X_(0) = W, or 0, for X_(0) = 0; got {start}")
        table = pieces_of_map(start, theta, L, layers)
        if table is None:
            raise ValueError(
                f"the map has more than {MOST_PIECES} pieces: L = {L} overshoots and folds it; take L >= 1"
            )
        self._network = start, theta, L, layers
        if not len(table):  # Z is constant, and on a knot: one gap, but for a point in it
            table = constant_rows(np.zeros(1), *self._network)
        self._pieces = (
            table  # before equal neighbours become one: an entry in the gap between them has its own derivatives
        )
        first = np.append(True, (table[1:, A:] != table[:-1, A:]).any(axis=1))
        last = np.append(first[1:], True)
        self.intervals = np.column_stack([table[first, LOW], table[last, HIGH]])
        table = table[first]
        self.breakpoints = (self.intervals[:-1, 1] + self.intervals[1:, 0]) / 2
        self.slopes, self.intercepts = table[:, A].copy(), table[:, C].copy()
        self.slope_derivatives, self.intercept_derivatives = table[:, DA].copy(), table[:, DC].copy()

    def __call__(self, w: object) -> Array:
        """Apply the network to new entries, in a number of steps that grows with the logarithm of the pieces.

        Parameters
        ----------
        w : array_like
            Of any shape.

        Returns
        -------
        ndarray
            x_t, of the shape of `w`; in a gap, the network's own float64 recursion.
        """
        values, flat, piece, between = self._located(w)
        x = self.slopes[piece] * flat + self.intercepts[piece]
        if between.any():
            x[between] = self._recursion(flat[between])[0]
        return x.reshape(values.shape)

    def derivatives(self, w: object) -> Array:
        """Differentiate x_t in w1, w2, b1, b2, L.

        Parameters
        ----------
        w : array_like
            Of any shape.

        Returns
        -------
        ndarray (..., 5)
            One row for each entry of `w`.
        """
        values = as_real(w, "w")
        flat = np.ascontiguousarray(values).ravel()
        piece = np.maximum(self._pieces[:, LOW].searchsorted(flat, side="right") - 1, 0)
        between = (flat < self._pieces[piece, LOW]) | (flat > self._pieces[piece, HIGH])
        dx = self._pieces[piece, DA] * flat[:, None] + self._pieces[piece, DC]
        if between.any():
            dx[between] = self._recursion(flat[between])[1].T
        return dx.reshape(*values.shape, 5)

    def _located(self, w: object) -> tuple[Array, Array, NDArray[np.intp], NDArray[np.bool_]]:
        """The entries, as given and flat, the piece that each is on, and whether it is in a gap beside it."""
        values = as_real(w, "w")
        flat = np.ascontiguousarray(values).ravel()
        piece = self.breakpoints.searchsorted(flat, side="right")
        low, high = self.intervals.T
        return values, flat, piece, (flat < low[piece]) | (flat > high[piece])

    def _recursion(self, flat: Array) -> tuple[Array, Array]:
        start, theta, L, layers = self._network
        return recursion.sensitivities(flat, start * flat, theta, L, layers)


def pieces_of_map(start: float, theta: Theta, L: float, layers: int) -> Array | None:
    """Build the table of the map's pieces, a row each, ascending; None where they are more than `MOST_PIECES`.

    The columns are those of `kernels.scalar_map`, where the file's docstring says what they hold. The map is that of
    X_(0) = start·W.
    """
    from dsrl_ref.engines.kernels import scalar_map as kernels

    table, spare = np.empty((2, MOST_PIECES, COLUMNS))
    table[0] = 0.0
    table[0, LOW], table[0, HIGH], table[0, A], table[0, E] = -np.inf, np.inf, start, start - 1.0
    low, high = np.full((2, kernels.KNOTS + 1), np.inf)
    count = kernels.scalar_map(table, spare, low, high, layers, *theta, L)
    return None if count < 0 else table[:count]


def near_knots(w: Array, start: float, theta: Theta, L: float, layers: int) -> NDArray[np.bool_]:
    """Tell for each entry of w whether rounding may put a Z of it on a knot.

    True for entries in a gap between two pieces, and for all where the pieces are too many.
    """
    table = pieces_of_map(start, theta, L, layers)
    if table is None or not len(table):
        return np.ones(w.shape, np.bool_)
    piece = table[:, LOW].searchsorted(w, side="right") - 1
    near: NDArray[np.bool_] = (piece < 0) | (w > table[piece, HIGH])
    return near


def constant_rows(values: Array, start: float, theta: Theta, L: float, layers: int) -> Array:
    """Build a table of pieces that hold one value each, by the recursion.

    Row i has LOW = HIGH = values[i], and x = A·w + C there: A is 1 where x is nearer to w than to 0, so that C is the
    small x - w, and 0 elsewhere, so that C is x. The derivatives are constants, in the columns DC.
    """
    x, dx = recursion.sensitivities(values, start * values, theta, L, layers)
    rows = np.zeros((values.size, COLUMNS))
    rows[:, LOW] = rows[:, HIGH] = values
    rows[:, A] = np.abs(x) > np.abs(values) / 2
    rows[:, E] = rows[:, A] - 1
    rows[:, C] = x - rows[:, A] * values
    rows[:, DC] = dx.T
    return rows


def empty_table() -> Array:
    """Build a table without pieces."""
    return np.empty((0, COLUMNS))
