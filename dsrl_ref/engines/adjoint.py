"""Reverse mode: the contraction of (10), (11), (15), (16) taken from the left, in one backward pass.

The tape is Z_(1), ..., Z_(t): X and every region follow from Z exactly, ties included, whereas X alone
cannot tell z = b1 from the dead zone. Works for every f whose Hessian is symmetric. The way back meets the terms of
the layers one by one: where all layers share Θ and L, they are added up.
"""

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.arrays import Array
from dsrl_ref.checked import gradient
from dsrl_ref.engines.engine import Constants, Engine, Thetas, unless_finite
from dsrl_ref.engines.forward import activate, derivatives, forward, hessian_along
from dsrl_ref.engines.problem import Layers
from dsrl_ref.engines.tangent import Tangent


def backward(f: SmoothTerm, layers: Layers, x0: Array, tape: list[Array], dX: Array) -> Array:
    """Derivatives of dX·X_(t) in the w1, w2, b1, b2, L of every layer, (t, 5), dX held.

    Of the two factors 1/L of (17) one belongs to ∇f: their product has the unit of X, whatever that of D is, so that
    no unit makes the sum overflow, or vanish, whose terms are ordinary numbers.
    """
    rows = np.zeros((len(tape), 5))
    for i in range(len(tape) - 1, -1, -1):
        (theta, L), Z = layers[i], tape[i]
        X, step = activate(tape[i - 1], layers[i - 1][0]) if i else x0, 1.0 / L
        slope, partials = derivatives(Z, theta)
        dZ = slope * dX
        dL = np.sum(dZ * (step * gradient(f, X, i + 1))) * step  # (15), by (17)
        rows[i] = *(np.sum(dX * partial) for partial in partials), dL  # (10), by (12) and (13)
        dX = dZ - step * hessian_along(f, dZ, X, i + 1)
    return rows


class Adjoint(Tangent[Thetas, Constants]):
    """A problem, prepared: nothing is kept between evaluations.

    The gradient alone goes back. The Gauss-Newton matrix needs the sensitivities, which no backward pass gives: with
    them `Tangent` has loss and gradient as well.
    """

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Forward and back."""
        problem, layers = self.problem, self.problem.of_layers(theta, L)
        X, tape = problem.x0, list[Array]()
        for Z, _, X in forward(problem.f, layers, problem.x0):  # noqa: B007
            tape.append(Z)
        residual = X - problem.target
        rows = backward(problem.f, layers, problem.x0, tape, residual)
        return 0.5 * float(np.sum(residual * residual)), problem.added(rows)


ENGINE = Engine(
    "adjoint",
    "any f; one pass forward and one back in NumPy, over a tape of t n×m matrices. Needs no compiled code: best for "
    "small data, and for an f of your own",
    unless_finite,
    Adjoint,
    Adjoint,
)
