"""Forward mode: the n×m×5 sensitivities carried along the recursion, matrix-free.

(11) and (16) need the tensor (14) only applied to the five sensitivities of X_(i-1), which is
``slope * (dX - H dX / L)`` with one Hessian product each. Works for every f. With one Θ and one L a layer there are
five more in each layer, which begin in it and are pushed through those that follow.
"""

from collections.abc import Iterable
from typing import Generic

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.engine import Constants, Engine, Thetas, unless_finite
from dsrl_ref.engines.forward import activate, derivatives, forward, hessian_along, ties
from dsrl_ref.engines.problem import Layers, Problem

MOST_NUMBERS = 2**21  # numbers of the sensitivities of some columns, 16 MiB


def sensitivities(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> tuple[Array, Array]:
    """X_(t), n×m, and its derivatives in w1, w2, b1, b2, L: five n×m matrices, stacked first."""
    X, tape, shared = x0, list[tuple[Array, Array]](), [(theta, L)] * layers
    for Z, g, X in forward(f, shared, x0):  # noqa: B007
        tape.append((Z, g))
    return X, carried(f, shared, [0] * layers, tape, x0)


def carried(
    f: SmoothTerm, layers: Layers, places: Iterable[int], tape: Iterable[tuple[Array, Array]], x0: Array
) -> Array:
    """dX_(t) in all parameters, stacked first, from Z_(i) and ∇f(X_(i-1)) of each layer.

    `places` has for each layer the number of the first of its five parameters: 0 where all layers share them.
    """
    places = list(places)
    X, dX, begun = x0, np.zeros((max(places, default=0) + 5, *x0.shape)), 0
    for layer, ((theta, L), place, (Z, g)) in enumerate(zip(layers, places, tape, strict=True), start=1):
        step = 1.0 / L
        slope, partials = derivatives(Z, theta)
        for V in dX[:begun]:
            V[:] = slope * (V - step * hessian_along(f, V, X, layer))
        begun = place + 5
        for V, partial in zip(dX[place:begun], (*partials, slope * (g * step * step)), strict=True):
            V += partial
        X = activate(Z, theta)
    return dX


class Tangent(Generic[Thetas, Constants]):
    """A problem, prepared: nothing is kept between evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Forward, with the sensitivities."""
        loss, gradient, _ = self.gauss_newton(theta, L)
        return loss, gradient

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """Forward, and then with the sensitivities.

        With those of some columns at a time, `MOST_NUMBERS` numbers, where columns do not interact; of an f of your
        own, of all at once.
        """
        problem, layers = self.problem, self.problem.of_layers(theta, L)
        X, tape = problem.x0, list[tuple[Array, Array]]()
        for Z, g, X in forward(problem.f, layers, problem.x0):  # noqa: B007
            tape.append((Z, g))
        residual = X - problem.target
        (n, m), count = X.shape, problem.parameters
        width = max(1, MOST_NUMBERS // max(1, count * n)) if problem.has_columns_apart else m
        gradient, matrix = np.zeros(count), np.zeros((count, count))
        for start in range(0, m, width):
            part = np.s_[:, start : start + width]
            of_part = [(Z[part], g[part]) for Z, g in tape]
            dX = carried(problem.f, layers, problem.places, of_part, problem.x0[part])
            rows = dX[:count].reshape(count, residual[part].size)
            gradient += rows @ residual[part].ravel()  # (10), (15)
            matrix += rows @ rows.T
        return 0.5 * float(np.sum(residual * residual)), problem.added(gradient.reshape(-1, 5)), matrix

    def ties(self, theta: Thetas, L: Constants) -> int:
        """Of the Z on the way."""
        return ties(self.problem.f, self.problem.of_layers(theta, L), self.problem.x0)


ENGINE = Engine(
    "tangent",
    "any f; carries n×m×5 sensitivities forward in NumPy: to check the other engines",
    unless_finite,
    Tangent,
    Tangent,
)
