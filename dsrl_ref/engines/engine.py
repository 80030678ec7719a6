"""What an engine is, and what it makes of a problem."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.problem import Problem

Thetas = TypeVar("Thetas", contravariant=True)
Constants = TypeVar("Constants", contravariant=True)


class Evaluations(Protocol[Thetas, Constants]):
    """One problem made ready by one engine: each method may be called any number of times, from any thread.

    Θ and L arrive validated. The five derivatives are those in w1, w2, b1, b2 and L, in this order, everywhere; where
    every layer has its own, they are a row of five for each layer, the first layer first. What overflows becomes
    infinity or NaN, which the caller refuses; an iterate that is not finite may also be refused here, with a
    DivergenceError that names its layer.
    """

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Evaluate J, eq. (8), and its derivatives, an array of shape (5,), or (t, 5)."""

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """Evaluate the same two and Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5×5 or 5t×5t.

        The loss has the same bits; the derivatives may be rounded otherwise, where they are sums over the tangents.
        """

    def ties(self, theta: Thetas, L: Constants) -> int:
        """Count the entries of Z_(1), ..., Z_(t) on a knot, in the very arithmetic that decides their regions.

        Two engines may form Z by operations in another order, which round otherwise: an entry can be on a knot for one
        and beside it for the other. So each counts its own.
        """


Prepared: TypeAlias = Evaluations[Theta, float]  # all layers share one Θ and one L
PreparedLayers: TypeAlias = Evaluations[tuple[Theta, ...], Array]  # Θ_1, ..., Θ_t, and L_1, ..., L_t in an array (t,)


def as_they_are(problem: Problem, sums: Sequence[float], theta: Any, L: Any) -> tuple[float, Array]:
    """The sums of an engine's terms where they are the loss and the derivatives themselves."""
    loss, *gradient = sums
    return loss, np.reshape(gradient, (-1, 5) if problem.per_layer else 5)


class Engine(NamedTuple):
    """One way to J, its derivatives and the Gauss-Newton matrix: a line of the table of engines.

    Attributes
    ----------
    name : str
        What a caller passes as ``method=``, and what `Objective.method` says where this engine runs.
    summary : str
        What it takes, what it does and what that costs, for a user who has to choose.
    refuses : callable
        Tells why the engine cannot take a `Problem`, None where it can: a text that goes on after "method 'NAME' ",
        and says what to take instead. It decides by what the problem is, not by its size, and does no work beyond
        one look at W and x0.
    prepare : callable
        Makes a `Prepared` of a `Problem` that is not refused; work that all evaluations share is done here. Raises
        SizeError, before anything is allocated, where memory would not suffice.
    prepare_layers : callable, optional
        The same for one Θ and one L a layer; None of an engine that has one for all.
    cut : callable, optional
        ``cut(problem)`` tells into how many columns, or a multiple, a `LeastSquares` may be cut without a trace in its
        exact sums; None of an engine in whose sums every cut shows.
    complete : callable
        ``complete(problem, sums, theta, L)`` makes the loss and the derivatives of the sums of what `parts.terms` has
        of all parts of a problem, the loss first: what is to be rounded once, after they are added.
    reads_disk : bool
        Whether it takes matrices on disk, of which it holds none in memory.
    """

    name: str
    summary: str
    refuses: Callable[[Problem], str | None]
    prepare: Callable[[Problem], Prepared]
    prepare_layers: Callable[[Problem], PreparedLayers] | None = None
    cut: Callable[[Problem], int] | None = None
    complete: Callable[[Problem, Sequence[float], Any, Any], tuple[float, Array]] = as_they_are
    reads_disk: bool = False


def unless_finite(problem: Problem) -> str | None:
    """Refuse layers = inf, which has no last layer to arrive at."""
    return "needs finitely many layers, got inf; take 'implicit'" if problem.layers == math.inf else None


def unless_fidelity(problem: Problem) -> str | None:
    """Refuse all but `Fidelity` with finitely many layers."""
    if not problem.is_fidelity:
        return f"is for Fidelity alone, got {type(problem.f).__name__}; take 'auto'"
    return unless_finite(problem)


def unless_least_squares(problem: Problem) -> str | None:
    """Refuse all but `LeastSquares` with finitely many layers."""
    if not problem.is_least_squares:
        return f"is for LeastSquares alone, got {type(problem.f).__name__}; take 'auto'"
    return unless_finite(problem)
