"""The way forward in NumPy, for any f: Z_(i), ∇f(X_(i-1)) and X_(i), layer by layer, with ξ by its five pieces.

Pieces are numbered by how many of the knots -b2, -b1, b1, b2 are <= z: 0 outer left, 1 middle left, 2 dead, 3 middle
right, 4 outer right. So ties fall as the appendix's half-open rows have it. On its piece an entry is as far from the
knot where the piece begins, seen from 0, as `beyond_knot` says: from there ξ and its derivatives are linear.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.checked import gradient, hessian_product, require_finite
from dsrl_ref.engines.problem import Layers

SIGN = np.array([-1.0, -1.0, 0.0, 1.0, 1.0])  # by number of the piece, 0 where ξ is
OUTER = np.array([-1.0, 0.0, 0.0, 0.0, 1.0])  # the same on the outer pieces alone


class Layer(NamedTuple):
    """What a layer leaves: Z_(i), ∇f(X_(i-1)) and X_(i), n×m each."""

    Z: Array
    g: Array
    X: Array


def forward(f: SmoothTerm, layers: Layers, x0: Array) -> Iterator[Layer]:
    """Run through the layers; DivergenceError, with the layer, for an X not finite."""
    X = x0
    for layer, (theta, L) in enumerate(layers, start=1):
        g = gradient(f, X, layer)
        Z = X - (1.0 / L) * g
        X = require_finite(activate(Z, theta), f"X_({layer})", layer, f"L = {L} may be too small")
        yield Layer(Z, g, X)


def ties(f: SmoothTerm, layers: Layers, x0: Array) -> int:
    """Count the entries of all Z that sit on a knot of their layer, one layer in memory at a time."""
    return sum(on_knots(Z, theta) for (Z, _, _), (theta, _) in zip(forward(f, layers, x0), layers, strict=True))


def hessian_along(f: SmoothTerm, V: Array, X: Array, layer: int) -> Array:
    """∇²f(X) applied to V, a derivative on its way through a layer; NaN throughout where V has overflowed.

    That is no fault of f, nor of this layer, to which a guard around f would ascribe it: the caller of the engine says
    that the derivatives overflow, or which X does.
    """
    if not np.isfinite(V).all():
        return np.full(V.shape, np.nan)
    product: Array = hessian_product(f, V, X, layer)
    return product


def on_knots(Z: Array, theta: Theta) -> int:
    """Count the entries of one Z that equal ±b1 or ±b2."""
    size = np.abs(Z)
    return int(np.count_nonzero((size == theta.b1) | (size == theta.b2)))


def piece_of(Z: Array, theta: Theta) -> np.ndarray:
    """The number of the piece of ξ on which each entry lies."""
    _, _, b1, b2 = theta
    piece = (-b2 <= Z).astype(np.intp)
    for knot in (-b1, b1, b2):
        piece += knot <= Z
    return piece


def slopes_of_pieces(theta: Theta) -> Array:
    """By number of the piece."""
    w1, w2, _, _ = theta
    return np.array([w2, w1, 0.0, w1, w2])


def beyond_knot(Z: Array, theta: Theta, piece: np.ndarray) -> Array:
    """How far each entry is from the knot where its piece begins, with its sign; from 0 on the dead piece."""
    _, _, b1, b2 = theta
    return Z - np.array([-b2, -b1, 0.0, b1, b2])[piece]


def activate(Z: Array, theta: Theta) -> Array:
    """ξ, from the piece on which each entry lies."""
    w1, _, b1, b2 = theta
    piece, rise = piece_of(Z, theta), w1 * (b2 - b1)  # infinite, perhaps, where nothing comes near b2
    at_knot = np.array([-rise, 0.0, 0.0, 0.0, rise])
    return slopes_of_pieces(theta)[piece] * beyond_knot(Z, theta, piece) + at_knot[piece]


def derivatives(Z: Array, theta: Theta) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    """The slope of ξ at each entry, and its derivatives in w1, w2, b1, b2."""
    w1, w2, b1, b2 = theta
    piece = piece_of(Z, theta)
    beyond = beyond_knot(Z, theta, piece)
    outer = OUTER[piece]
    middle = np.where(piece % 2, beyond, (b2 - b1) * outer)
    partials = middle, np.abs(outer) * beyond, (-w1 * SIGN)[piece], (w1 - w2) * outer
    return slopes_of_pieces(theta)[piece], partials
