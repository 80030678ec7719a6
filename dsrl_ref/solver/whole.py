"""Any smooth term: accelerated proximal gradient descent on the whole of X, with backtracking."""

import math

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.solver.prox import Prox, residual

LARGEST_L = 1e150


def descend(
    f: SmoothTerm, theta: Theta, weight: float, X: Array, enough: float, max_iter: int
) -> tuple[Array, Prox, int]:
    """X at the end, the prox used last, and the number of iterations; L is doubled where f exceeds its model."""
    known = f.lipschitz()
    prox = Prox(theta, weight, known if 0 < known < LARGEST_L else 1.0)
    Y, momentum, iteration = X, 1.0, 0
    while iteration < max_iter:
        iteration += 1
        gradient, value = f.gradient(Y), f.value(Y)
        new, prox = _backtracked(f, Y, gradient, value, prox, theta, weight)
        if residual(f, new, prox) <= enough:
            X = new
            break
        back, ahead, larger = Y - new, new - X, (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        uphill = np.vdot(back, ahead) > 0
        Y = new if uphill else new + (momentum - 1) / larger * ahead
        X, momentum = new, 1.0 if uphill else larger
    return X, prox, iteration


def _backtracked(
    f: SmoothTerm, Y: Array, gradient: Array, value: float, prox: Prox, theta: Theta, weight: float
) -> tuple[Array, Prox]:
    """A step from Y, and the L with which f stays below its quadratic model."""
    while True:
        new = prox(Y - gradient / prox.L)
        move = new - Y
        model = value + np.vdot(gradient, move) + 0.5 * prox.L * np.vdot(move, move)
        if f.value(new) <= model + 1e-12 * abs(model):
            return new, prox
        if prox.L >= LARGEST_L:
            raise ValueError(
                f"f is not below its quadratic model for any L up to {prox.L:g}: are its value and gradient of one f?"
            )
        prox = Prox(theta, weight, 2 * prox.L)
