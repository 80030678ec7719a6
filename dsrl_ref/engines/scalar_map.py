"""Fidelity only: the network as one piecewise-linear function of a number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.theta import Theta, ThetasLike, as_theta, as_thetas
from dsrl_ref.arrays import Array, as_count, as_number, as_real, as_step_constant, as_step_constants
from dsrl_ref.engines import recursion

MOST_PIECES = 1024
PRODUCTS_A_LAYER = 20  # entries of a square matrix of products, half of which are formed in the time of a layer
LOW, HIGH, A, E, C = range(5)  # columns of a table of pieces, as its kernels fill it
DERIVATIVES = 7  # from here on: of A, then of C, in as many parameters as there are
COLUMNS = DERIVATIVES + 2 * 5  # where all layers share Θ and L


class ScalarMap:
    """The map w -> x_t of a `Fidelity` network that starts at W or at zeros, with its derivatives.

    With f = ½‖X - W‖² entries do not interact, and each goes through the same piecewise-linear function.

    Parameters
    ----------
    theta : Theta or four numbers; with `per_layer` also one a layer
        w1, w2, b1, b2.
    L : float; with `per_layer` also array_like (t,)
        Step constant, positive.
    layers : int
        t, finite.
    start : {1.0, 0.0}
        X_(0) = start·W.
    per_layer : bool
        Whether every layer has a Θ and an L of its own, as in `Objective`; derivatives are then left apart by layers.

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
    slope_derivatives, intercept_derivatives : ndarray (pieces, 5); with `per_layer` (pieces, t, 5)
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

    def __init__(self, theta: ThetasLike, L: Any, layers: int, *, start: float = 1.0, per_layer: bool = False) -> None:
        layers = as_count(layers, "layers")
        network = _network(theta, L, layers, per_layer)
        start = as_number(start, "start")
        if start not in (0.0, 1.0):
            raise ValueError(f"start must be 1, for X_(0) = W, or 0, for X_(0) = 0; got {start}")
        table = network.pieces(start)
        if table is None:
            raise ValueError(
                f"the map has more than {MOST_PIECES} pieces: L = {network.numbers[:, 4].min()} overshoots and folds "
                "it; take L >= 1"
            )
        self._start, self._network = start, network
        if not len(table):  # Z is constant, and on a knot: one gap, but for a point in it
            table = constant_rows(np.zeros(1), *self._recursion(np.zeros(1)))
        self._pieces = (
            table  # before equal neighbours become one: an entry in the gap between them has its own derivatives
        )
        first = np.append(True, (table[1:, A:] != table[:-1, A:]).any(axis=1))
        last = np.append(first[1:], True)
        self.intervals = np.column_stack([table[first, LOW], table[last, HIGH]])
        table = table[first]
        self.breakpoints = (self.intervals[:-1, 1] + self.intervals[1:, 0]) / 2
        self.slopes, self.intercepts = table[:, A].copy(), table[:, C].copy()
        derivatives = table[:, DERIVATIVES:].reshape(len(table), 2, *network.shape)
        self.slope_derivatives, self.intercept_derivatives = derivatives[:, 0].copy(), derivatives[:, 1].copy()

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
        ndarray (..., 5); with `per_layer` (..., t, 5)
            One row, or one a layer, for each entry of `w`.
        """
        values = as_real(w, "w")
        flat = np.ascontiguousarray(values).ravel()
        piece = np.maximum(self._pieces[:, LOW].searchsorted(flat, side="right") - 1, 0)
        between = (flat < self._pieces[piece, LOW]) | (flat > self._pieces[piece, HIGH])
        slopes, intercepts = np.split(self._pieces[:, DERIVATIVES:], 2, axis=1)
        dx = slopes[piece] * flat[:, None] + intercepts[piece]
        if between.any():
            dx[between] = self._recursion(flat[between])[1].T
        return dx.reshape(*values.shape, *self._network.shape)

    def _located(self, w: object) -> tuple[Array, Array, NDArray[np.intp], NDArray[np.bool_]]:
        """The entries, as given and flat, the piece that each is on, and whether it is in a gap beside it."""
        values = as_real(w, "w")
        flat = np.ascontiguousarray(values).ravel()
        piece = self.breakpoints.searchsorted(flat, side="right")
        low, high = self.intervals.T
        return values, flat, piece, (flat < low[piece]) | (flat > high[piece])

    def _recursion(self, flat: Array) -> tuple[Array, Array]:
        return self._network.sensitivities(flat, self._start * flat)


class Sharing:
    """A network with one Θ and one L for all layers: its pieces, and what the recursion tells of single entries.

    Attributes
    ----------
    numbers : ndarray (t, 5)
        w1, w2, b1, b2 and L of each layer.
    shape : (5,)
        Of the derivatives, `parameters` of them.
    """

    shape: tuple[int, ...] = (5,)
    parameters = 5

    def __init__(self, theta: Theta, L: float, layers: int) -> None:
        self.theta, self.L, self.layers, self.numbers = theta, L, layers, repeated(theta, L, layers)
        self.effort = layers

    def pieces(self, start: float) -> Array | None:
        """The table of the map's pieces, see `pieces_of_map`."""
        return _pieces(start, self.numbers, np.zeros(self.layers, np.int64), 5)

    def sensitivities(self, w: Array, x0: Array) -> tuple[Array, Array]:
        """X_(t) and its derivatives, a row each, entry by entry."""
        return recursion.sensitivities(w, x0, self.theta, self.L, self.layers)

    def fill(self, w: Array, x0: Array, target: Array, sums: Array) -> None:
        """Write the sums of each block, layer by layer: see `recursion.Network`."""
        from dsrl_ref.engines.kernels import recursion as kernels

        kernels.loss_and_gradient(w, x0, target, recursion.BLOCK, self.layers, *self.theta, self.L, sums)

    def fill_and_multiply(self, w: Array, x0: Array, target: Array, sums: Array, products: Array) -> None:
        """Write them, and add the products of the derivatives."""
        from dsrl_ref.engines.kernels import recursion as kernels

        numbers = *self.theta, self.L
        kernels.gauss_newton(w, x0, target, recursion.BLOCK, self.layers, *numbers, sums, products)

    def ties(self, w: Array, x0: Array) -> int:
        """Count the Z of the entries of w that are on a knot."""
        return recursion.ties(w, x0, [(self.theta, self.L)] * self.layers)


class Layered:
    """The same of a network with one Θ and one L a layer, whose derivatives are (t, 5)."""

    def __init__(self, thetas: tuple[Theta, ...], L: Array) -> None:
        self.thetas, self.L, self.numbers = thetas, L, recursion.numbers_of(thetas, L)
        self.shape: tuple[int, ...] = self.numbers.shape
        self.layers, self.parameters = len(thetas), self.numbers.size
        self.effort = max(self.layers, self.parameters**2 // PRODUCTS_A_LAYER)

    def pieces(self, start: float) -> Array | None:
        """The table of the map's pieces: the derivatives in the numbers of each layer are left apart."""
        return _pieces(start, self.numbers, np.arange(0, self.parameters, 5), self.parameters)

    def sensitivities(self, w: Array, x0: Array) -> tuple[Array, Array]:
        """X_(t) and its derivatives, a row each, entry by entry."""
        return recursion.sensitivities_by_layer(w, x0, self.thetas, self.L)

    def fill(self, w: Array, x0: Array, target: Array, sums: Array) -> None:
        """Write the sums of each block, layer by layer: see `recursion.Network`."""
        from dsrl_ref.engines.kernels import recursion_layers as kernels

        kernels.loss_and_gradient(w, x0, target, recursion.BLOCK, self.numbers, sums)

    def fill_and_multiply(self, w: Array, x0: Array, target: Array, sums: Array, products: Array) -> None:
        """Write them, and add the products of the derivatives."""
        from dsrl_ref.engines.kernels import recursion_layers as kernels

        kernels.gauss_newton(w, x0, target, recursion.BLOCK, self.numbers, sums, products)

    def ties(self, w: Array, x0: Array) -> int:
        """Count the Z of the entries of w that are on a knot."""
        return recursion.ties(w, x0, list(zip(self.thetas, self.L.tolist(), strict=True)))


def _network(theta: Any, L: Any, layers: int, per_layer: bool) -> Sharing | Layered:
    """The network of what a caller gave; ValueError or TypeError where that is wrong."""
    if per_layer:
        return Layered(as_thetas(theta, layers), as_step_constants(L, layers))
    return Sharing(as_theta(theta), as_step_constant(L), layers)


def repeated(theta: Theta, L: float, layers: int) -> Array:
    """The five numbers of every layer, a row each, where all layers share them."""
    return np.array([[*theta, L]]).repeat(layers, axis=0)


def pieces_of_map(start: float, theta: Theta, L: float, layers: int) -> Array | None:
    """Build the table of the map's pieces, a row each, ascending; None where they are more than `MOST_PIECES`.

    The columns are those of `kernels.scalar_map`, where the file's docstring says what they hold. The map is that of
    X_(0) = start·W.
    """
    return Sharing(theta, L, layers).pieces(start)


def _pieces(start: float, numbers: Array, places: NDArray[np.int64], parameters: int) -> Array | None:
    from dsrl_ref.engines.kernels import scalar_map as kernels

    table, spare = np.empty((2, MOST_PIECES, DERIVATIVES + 2 * parameters))
    table[0] = 0.0
    table[0, LOW], table[0, HIGH], table[0, A], table[0, E] = -np.inf, np.inf, start, start - 1.0
    low, high = np.full((2, kernels.KNOTS + 1), np.inf)
    count = kernels.scalar_map(table, spare, low, high, numbers, places)
    return None if count < 0 else table[:count]


def near_knots(w: Array, table: Array | None) -> NDArray[np.bool_]:
    """Tell for each entry of w whether rounding may put a Z of it on a knot, given the table of the map's pieces.

    True for entries in a gap between two pieces, and for all where the pieces are too many.
    """
    if table is None or not len(table):
        return np.ones(w.shape, np.bool_)
    piece = table[:, LOW].searchsorted(w, side="right") - 1
    near: NDArray[np.bool_] = (piece < 0) | (w > table[piece, HIGH])
    return near


def constant_rows(values: Array, x: Array, dx: Array) -> Array:
    """Build a table of pieces that hold one value each, of X_(t) and its derivatives, a row each.

    Row i has LOW = HIGH = values[i], and x = A·w + C there: A is 1 where x is nearer to w than to 0, so that C is the
    small x - w, and 0 elsewhere, so that C is x. The derivatives are constants, in the columns that follow those of A.
    """
    parameters = len(dx)
    rows = np.zeros((values.size, DERIVATIVES + 2 * parameters))
    rows[:, LOW] = rows[:, HIGH] = values
    rows[:, A] = np.abs(x) > np.abs(values) / 2
    rows[:, E] = rows[:, A] - 1
    rows[:, C] = x - rows[:, A] * values
    rows[:, DERIVATIVES + parameters :] = dx.T
    return rows
