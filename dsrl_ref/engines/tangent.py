"""Forward mode: the n×m×5 sensitivities carried along the recursion, matrix-free.

(11) and (16) need the tensor (14) only applied to the five sensitivities of X_(i-1), which is
``slope * (dX - H dX / L)`` with one Hessian product each. Works for every f.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.checked import gradient, hessian_product, require_finite
from dsrl_ref.engines.engine import Engine, unless_finite
from dsrl_ref.engines.problem import Problem

AT_ONCE = 2**21  # numbers of the sensitivities of some columns, 16 MiB


class Layer(NamedTuple):
    """What a layer leaves: Z_(i) and X_(i), n×m, and dX_(i) in w1, w2, b1, b2, L, five n×m matrices stacked first."""

    Z: Array
    X: Array
    dX: Array


def sensitivities(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> tuple[Array, Array]:
    """X_(t), n×m, and its derivatives in w1, w2, b1, b2, L: five n×m matrices, stacked first."""
    X, dX = x0, np.zeros((5, *x0.shape))
    for _, X, dX in run(f, theta, L, layers, x0):  # noqa: B007
        pass
    return X, dX


def run(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> Iterator[Layer]:
    """Carry X and its sensitivities through the layers; DivergenceError, with the layer, for an X not finite."""
    step = 1.0 / L
    X, dX = x0, np.zeros((5, *x0.shape))
    for layer in range(1, layers + 1):
        g = gradient(f, X, layer)
        Z = X - step * g
        dZ = np.stack([V - step * hessian_product(f, V, X, layer) for V in dX])
        dZ[4] += step * step * g
        value, slope, partials = activated(Z, theta)
        dX = slope * dZ
        for V, partial in zip(dX, partials, strict=False):
            V += partial
        X = require_finite(value, f"X_({layer})", layer, f"L = {L} may be too small")
        yield Layer(Z, X, dX)


def activated(Z: Array, theta: Theta) -> tuple[Array, Array, tuple[Array, Array, Array, Array]]:
    """ξ(Z), its slope, and its derivatives in w1, w2, b1, b2, entry by entry."""
    w1, w2, b1, b2 = theta
    sign = np.where(Z >= 0, 1.0, -1.0)
    size = np.abs(Z)
    past1 = np.where(Z >= 0, size >= b1, size > b1)  # ties: the right side in z
    past2 = np.where(Z >= 0, size >= b2, size > b2)
    outer = np.where(past2, size - b2, 0.0)
    middle = np.where(past2, b2 - b1, np.where(past1, size - b1, 0.0))
    slope = np.where(past2, w2, np.where(past1, w1, 0.0))
    partials = sign * middle, sign * outer, -sign * w1 * past1, sign * (w1 - w2) * past2
    return sign * (w2 * outer + w1 * middle), slope, partials


def sensitivities_by_layer(
    f: SmoothTerm, thetas: Sequence[Theta], constants: Sequence[float], x0: Array
) -> tuple[Array, Array]:
    """X_(t), n×m, and its derivatives in the w1, w2, b1, b2, L of every layer: 5t n×m matrices, stacked first.

    Those of a layer begin in it, and are pushed through the layers that follow.
    """
    X, dX = x0, np.zeros((5 * len(thetas), *x0.shape))
    for layer, (theta, L) in enumerate(zip(thetas, constants, strict=True), start=1):
        g, step, begin = gradient(f, X, layer), 1.0 / L, 5 * (layer - 1)
        value, slope, partials = activated(X - step * g, theta)
        for V in dX[:begin]:
            V[:] = slope * (V - step * hessian_product(f, V, X, layer))
        dX[begin : begin + 5] = *partials, slope * (step * step * g)
        X = require_finite(value, f"X_({layer})", layer, f"L = {L} may be too small")
    return X, dX


def products_by_layer(problem: Problem, thetas: Sequence[Theta], constants: Sequence[float]) -> Array:
    """Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5t×5t.

    Of some columns at a time, `AT_ONCE` numbers, where columns do not interact; of an f of your own, of all at once.
    """
    (n, m), count = problem.x0.shape, 5 * len(thetas)
    width = max(1, AT_ONCE // max(1, count * n)) if problem.has_columns_apart else m
    matrix = np.zeros((count, count))
    for part in problem.split(width) if width < m else [problem]:
        rows = sensitivities_by_layer(part.f, thetas, constants, part.x0)[1].reshape(count, part.x0.size)
        matrix += rows @ rows.T
    return matrix


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L."""
    X, dX = sensitivities(f, theta, L, layers, x0)
    residual = X - target
    return 0.5 * float(np.sum(residual * residual)), np.array([np.sum(V * residual) for V in dX])


def gauss_newton(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> Array:
    """Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5×5."""
    _, dX = sensitivities(f, theta, L, layers, x0)
    return np.einsum("anm,bnm->ab", dX, dX)


def ties(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> int:
    """Count the entries of Z_(1), ..., Z_(t) that equal ±b1 or ±b2."""
    sizes = (np.abs(layer.Z) for layer in run(f, theta, L, layers, x0))
    return sum(int(np.count_nonzero((size == theta.b1) | (size == theta.b2))) for size in sizes)


class Tangent:
    """A problem, prepared: nothing is kept between evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.layers = problem, int(problem.layers)

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """Forward once."""
        f, x0, target = self.problem.f, self.problem.x0, self.problem.target
        return loss_and_gradient(f, theta, L, self.layers, x0, target)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """Forward again, for the products of the sensitivities."""
        matrix = gauss_newton(self.problem.f, theta, L, self.layers, self.problem.x0)
        return *self.loss_and_gradient(theta, L), matrix

    def ties(self, theta: Theta, L: float) -> int:
        """Of the Z on the way."""
        return ties(self.problem.f, theta, L, self.layers, self.problem.x0)


class LayeredTangent:
    """The same with one Θ and one L a layer: 5t sensitivities."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def loss_and_gradient(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array]:
        """Forward once."""
        X, dX = sensitivities_by_layer(self.problem.f, theta, L.tolist(), self.problem.x0)
        residual = X - self.problem.target
        rows = np.array([np.sum(V * residual) for V in dX]).reshape(-1, 5)
        return 0.5 * float(np.sum(residual * residual)), rows

    def gauss_newton(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array, Array]:
        """Forward again, for the products of the sensitivities."""
        return *self.loss_and_gradient(theta, L), products_by_layer(self.problem, theta, L.tolist())

    def ties(self, theta: tuple[Theta, ...], L: Array) -> int:
        """Of the Z on the way."""
        X, on_knots = self.problem.x0, 0
        for layer, (own, step) in enumerate(zip(theta, (1.0 / L).tolist(), strict=True), start=1):
            Z = X - step * gradient(self.problem.f, X, layer)
            size = np.abs(Z)
            on_knots += int(np.count_nonzero((size == own.b1) | (size == own.b2)))
            X = require_finite(activated(Z, own)[0], f"X_({layer})", layer, f"L = {L[layer - 1]} may be too small")
        return on_knots


ENGINE = Engine(
    "tangent",
    "any f; carries n×m×5 sensitivities forward in NumPy: to check the other engines",
    unless_finite,
    Tangent,
    LayeredTangent,
)
