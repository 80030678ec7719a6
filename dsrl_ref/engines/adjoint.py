"""Reverse mode: the contraction of (10), (11), (15), (16) taken from the left, in one backward pass.

The tape is Z_(1), ..., Z_(t): X and every region follow from Z exactly, ties included, whereas X alone
cannot tell z = b1 from the dead zone. Works for every f whose Hessian is symmetric.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.checked import gradient, hessian_product, require_finite
from dsrl_ref.engines import tangent
from dsrl_ref.engines.engine import Engine, unless_finite
from dsrl_ref.engines.problem import Problem

# Of the pieces of ξ, numbered by how many of the knots -b2, -b1, b1, b2 are <= z: outer left, middle left, dead, ...
SIGN = np.array([-1.0, -1.0, 0.0, 1.0, 1.0])


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L, which all layers share."""
    loss, rows = by_layer(f, (theta,) * layers, [L] * layers, x0, target)
    return loss, added(rows)


def by_layer(
    f: SmoothTerm, thetas: Sequence[Theta], constants: Sequence[float], x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in the w1, w2, b1, b2, L of every layer, a row each."""
    tape = list(preactivations(f, thetas, constants, x0))
    residual = (activate(tape[-1], thetas[-1]) if tape else x0) - target
    return 0.5 * float(np.sum(residual * residual)), backward(f, thetas, constants, x0, tape, residual)


def added(rows: Array) -> Array:
    """The derivatives in parameters that all layers share: the rows of all layers, from the last to the first."""
    total = np.zeros(5)
    for row in rows[::-1]:
        total += row
    return total


def preactivations(f: SmoothTerm, thetas: Sequence[Theta], constants: Sequence[float], x0: Array) -> Iterator[Array]:
    """Run forward: Z_(1), ..., Z_(t), one after the other; DivergenceError, with the layer, for an X not finite."""
    X = x0
    for layer, (theta, L) in enumerate(zip(thetas, constants, strict=True), start=1):
        Z = X - (1.0 / L) * gradient(f, X, layer)
        X = require_finite(activate(Z, theta), f"X_({layer})", layer, f"L = {L} may be too small")
        yield Z


def ties(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> int:
    """Count the entries of all Z that sit on a knot, one layer in memory at a time."""
    return ties_by_layer(f, (theta,) * layers, [L] * layers, x0)


def ties_by_layer(f: SmoothTerm, thetas: Sequence[Theta], constants: Sequence[float], x0: Array) -> int:
    """The same, on the knots of each layer."""
    return sum(map(on_knots, preactivations(f, thetas, constants, x0), thetas))


def on_knots(Z: Array, theta: Theta) -> int:
    """Count the entries of one Z that equal ±b1 or ±b2."""
    size = np.abs(Z)
    return int(np.count_nonzero((size == theta.b1) | (size == theta.b2)))


def backward(
    f: SmoothTerm, thetas: Sequence[Theta], constants: Sequence[float], x0: Array, tape: list[Array], dX: Array
) -> Array:
    """Derivatives of dX·X_(t) in the w1, w2, b1, b2, L of every layer, (t, 5), dX held."""
    rows = np.zeros((len(tape), 5))
    for layer in range(len(tape), 0, -1):
        Z, theta, step = tape[layer - 1], thetas[layer - 1], 1.0 / constants[layer - 1]
        X = activate(tape[layer - 2], thetas[layer - 2]) if layer > 1 else x0
        w1, w2, b1, b2 = theta
        knots = np.array([-b2, -b1, 0.0, b1, b2])
        piece = piece_of(Z, theta)
        signed = SIGN[piece] * dX
        inside = np.where((piece == 1) | (piece == 3), dX * (Z - knots[piece]), 0.0)
        beyond = (piece == 0) | (piece == 4)

        dw1 = np.sum(inside) + (b2 - b1) * np.sum(signed, where=beyond)
        dw2 = np.sum(dX * (Z - knots[piece]), where=beyond)
        db1 = -w1 * np.sum(signed)
        db2 = (w1 - w2) * np.sum(signed, where=beyond)

        dZ = slopes_of_pieces(theta)[piece] * dX
        dL = step * step * np.sum(dZ * gradient(f, X, layer))
        rows[layer - 1] = dw1, dw2, db1, db2, dL
        dX = dZ - step * hessian_product(f, dZ, X, layer)
    return rows


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


def activate(Z: Array, theta: Theta) -> Array:
    """ξ, from the piece on which each entry lies."""
    w1, _, b1, b2 = theta
    rise = w1 * (b2 - b1)
    start = np.array([-b2, -b1, 0.0, b1, b2])
    height = np.array([-rise, 0.0, 0.0, 0.0, rise])
    slopes = slopes_of_pieces(theta)
    piece = piece_of(Z, theta)
    return slopes[piece] * (Z - start[piece]) + height[piece]


class Adjoint:
    """A problem, prepared: nothing is kept between evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.layers = problem, int(problem.layers)

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """Forward and back."""
        f, x0, target = self.problem.f, self.problem.x0, self.problem.target
        return loss_and_gradient(f, theta, L, self.layers, x0, target)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """The same, and the sensitivities carried forward, which no backward pass gives."""
        matrix = tangent.gauss_newton(self.problem.f, theta, L, self.layers, self.problem.x0)
        return *self.loss_and_gradient(theta, L), matrix

    def ties(self, theta: Theta, L: float) -> int:
        """Of the Z on the tape."""
        return ties(self.problem.f, theta, L, self.layers, self.problem.x0)


class LayeredAdjoint:
    """The same with one Θ and one L a layer."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def loss_and_gradient(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array]:
        """Forward and back, the terms of the layers left apart."""
        return by_layer(self.problem.f, theta, L.tolist(), self.problem.x0, self.problem.target)

    def gauss_newton(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array, Array]:
        """The same, and the sensitivities carried forward."""
        return *self.loss_and_gradient(theta, L), tangent.products_by_layer(self.problem, theta, L.tolist())

    def ties(self, theta: tuple[Theta, ...], L: Array) -> int:
        """Of the Z on the tape."""
        return ties_by_layer(self.problem.f, theta, L.tolist(), self.problem.x0)


ENGINE = Engine(
    "adjoint",
    "any f; one pass forward and one back in NumPy, over a tape of t n×m matrices. Needs no compiled code: best for "
    "small data, and for an f of your own",
    unless_finite,
    Adjoint,
    LayeredAdjoint,
)
