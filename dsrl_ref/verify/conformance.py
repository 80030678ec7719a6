"""Judge somebody else's loss and gradient by the conformance vectors."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from dsrl_ref.verify import exact
from dsrl_ref.verify.problems import Problem
from dsrl_ref.verify.vectors import float_term, ladder

TOLERANCE = 1e-12
QUANTITIES = ("loss", "w1", "w2", "b1", "b2", "L")

Implementation = Callable[[dict[str, Any], Any, float, int, Any, Any], tuple[float, Any]]


@dataclass(frozen=True)
class Outcome:
    """How an implementation did on one problem.

    Attributes
    ----------
    name : str
        Of the problem.
    failure : str
        Empty where everything agrees, else what does not, with both numbers.
    equation : int
        The equation that a failure points at; 0 without one.
    """

    name: str
    failure: str = ""
    equation: int = 0


def check(function: Implementation) -> Iterator[Outcome]:
    """Call ``function(f, theta, L, layers, x0, target)`` on every problem of the ladder.

    Parameters
    ----------
    function : callable
        Gets f as a dict of float64 arrays, theta as an array of 4, L, layers, x0 and target, all its own to
        keep; returns the loss and the five derivatives in w1, w2, b1, b2, L.

    Yields
    ------
    Outcome
        Agreement is within 1e-12·S, S what (11) adds up with both sides of every difference taken positive.
    """
    for vector in ladder():
        failure, equation = _judge(function, vector.problem)
        yield Outcome(vector.name, failure, equation)


def _judge(function: Implementation, problem: Problem) -> tuple[str, int]:
    theta = np.array(problem.float_theta())
    x0, target = problem.matrix(problem.x0), problem.matrix(problem.target)
    try:
        loss, gradient = function(float_term(problem), theta, float(problem.L), problem.layers, x0, target)
        got = [float(loss), *map(float, np.asarray(gradient, dtype=np.float64).reshape(5))]
    except (Exception, SystemExit) as error:
        return f"raised {type(error).__name__}: {error}", _suspect("loss", problem)
    for quantity, value, (expected, scale) in zip(QUANTITIES, got, _answers(problem), strict=True):
        if not math.isfinite(value) or abs(Fraction(value) - expected) > Fraction(TOLERANCE) * scale:
            label = "loss" if quantity == "loss" else f"dJ/d{quantity}"
            return f"{label} is {value!r}, should be {float(expected)!r} ({expected})", _suspect(quantity, problem)
    return "", 0


def _answers(problem: Problem) -> list[tuple[Fraction, Fraction]]:
    """The loss and the five derivatives, each with the scale of its rounding."""
    path = problem.run()
    last = path.iterates[-1]
    loss_scale = sum(((abs(x) + abs(y)) ** 2 for x, y in zip(last, problem.target, strict=True)), Fraction(0)) / 2
    arguments = (problem.f, problem.theta, problem.L, path, problem.target)
    derivatives = zip(exact.tensor_gradient(*arguments), exact.rounding_scale(*arguments), strict=True)
    return [(exact.loss(last, problem.target), loss_scale), *derivatives]


def _suspect(quantity: str, problem: Problem) -> int:
    """The equation that is new at this step of the ladder."""
    if quantity == "loss":
        return 9 if problem.layers else 8
    if problem.layers <= 1:
        return {"w": 12, "b": 13, "L": 17}[quantity[0]]
    return 16 if quantity == "L" else 11
