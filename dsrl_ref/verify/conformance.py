"""Judge somebody else's loss and gradient by the conformance vectors, and say which equation it breaks."""

import math
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from dsrl_ref.verify import exact, misreadings
from dsrl_ref.verify.ladder import Rung, ladder
from dsrl_ref.verify.problems import Problem
from dsrl_ref.verify.vectors import float_term, shown

TOLERANCE = 1e-12
NEARLY = 1e-6
SINGLE = "right to within 1e-6·S: is all of it in float64? JAX and PyTorch start with float32"
QUANTITIES = ("loss", "w1", "w2", "b1", "b2", "L")
EXPECTED_FORM = (
    "function(f, theta, L, layers, x0, target) must return (loss, gradient): a number, and five numbers, "
    "dJ/dw1, dJ/dw2, dJ/db1, dJ/db2 and dJ/dL in this order"
)

Implementation = Callable[[dict[str, Any], Any, float, int, Any, Any], Any]
Status = Literal["agrees", "disagrees", "failed"]


@dataclass(frozen=True)
class Outcome:
    """How an implementation did on one problem.

    Attributes
    ----------
    name : str
        Of the problem.
    failure : str
        Empty where everything agrees. Else what does not, with both numbers; or what the function raised, or gave
        instead of a loss and five derivatives.
    equation : int
        The equation that a disagreement points at; 0 without one, also where the function failed.
    status : {"agrees", "disagrees", "failed"}
        "failed" is the function's own: it raised, or its answer has another form.
    hint : str
        What the wrong numbers look like, where they look like something; else empty.
    ties : int
        How many entries of Z sit on a knot of ξ, where other rules for derivatives exist.
    traceback : str
        Of what the function raised; else empty.
    """

    name: str
    failure: str = ""
    equation: int = 0
    status: Status = "agrees"
    hint: str = ""
    ties: int = 0
    traceback: str = ""


@dataclass(frozen=True)
class Answer:
    """One quantity: what was got, what is right, and the size S of what rounding is measured by."""

    quantity: str
    got: float
    expected: Fraction
    scale: Fraction

    @property
    def agrees(self) -> bool:
        """Whether the error is within 1e-12·S."""
        return math.isfinite(self.got) and abs(Fraction(self.got) - self.expected) <= Fraction(TOLERANCE) * self.scale

    @property
    def nearly_agrees(self) -> bool:
        """Whether the error is what float32 would leave."""
        return math.isfinite(self.got) and abs(Fraction(self.got) - self.expected) <= Fraction(NEARLY) * self.scale

    @property
    def label(self) -> str:
        """How the quantity is called in a message."""
        return "loss" if self.quantity == "loss" else f"dJ/d{self.quantity}"


def check(
    function: Implementation, rungs: Iterable[Rung] | None = None, *, ignore_ties: bool = False
) -> Iterator[Outcome]:
    """Call ``function(f, theta, L, layers, x0, target)`` on every problem of the ladder.

    Parameters
    ----------
    function : callable
        Gets f as a dict of float64 arrays, theta as an array of 4, L, layers, x0 and target, all its own to
        keep; returns the loss and the five derivatives in w1, w2, b1, b2, L.
    rungs : iterable of Rung, optional
        Other problems, such as `dsrl_ref.verify.vectors.read` returns.
    ignore_ties : bool
        Judge the loss alone where an entry of Z sits on a knot.

    Yields
    ------
    Outcome
        Agreement is within 1e-12·S; `exact.rounding_scale` says what S is.
    """
    for rung in ladder() if rungs is None else rungs:
        yield judge(function, rung, ignore_ties)


def judge(function: Implementation, rung: Rung, ignore_ties: bool = False) -> Outcome:
    """Judge one problem."""
    ties = rung.ties
    try:
        got = call(function, rung.problem)
    except (Exception, SystemExit) as error:
        failure, lines = f"raised {type(error).__name__}: {error}", _their_traceback(error)
        if isinstance(error, AnswerError):
            failure, lines = str(error), ""
        return Outcome(rung.name, failure, status="failed", ties=ties, traceback=lines)
    answers = compare(rung.problem, got)
    judged = answers[:1] if (ignore_ties and ties) or set(rung.points_at) == {"loss"} else answers
    wrong = [answer for answer in judged if not answer.agrees]
    if not wrong:
        return Outcome(rung.name, ties=ties)
    first = wrong[0]
    failure = f"{first.label} is {first.got!r}, should be {float(first.expected)!r} ({shown(first.expected)})"
    equation, hint = suspect(rung, answers, {answer.quantity for answer in wrong})
    return Outcome(rung.name, failure, equation, "disagrees", hint, ties)


class AnswerError(ValueError):
    """What the function returned is not a loss and five derivatives."""


def call(function: Implementation, problem: Problem) -> list[float]:
    """Call the function with arrays of its own; return the loss and the five derivatives as floats."""
    theta = np.array(problem.float_theta())
    x0, target = problem.matrix(problem.x0), problem.matrix(problem.target)
    return numbers_of(function(float_term(problem), theta, float(problem.L), problem.layers, x0, target))


def numbers_of(answer: Any) -> list[float]:
    """Take (loss, five derivatives) of plain numbers, arrays, or tensors that keep a graph for derivatives."""
    if isinstance(answer, Mapping | str | bytes):
        raise AnswerError(f"returned a {type(answer).__name__}; {EXPECTED_FORM}")
    try:
        loss, gradient = answer
    except TypeError:
        raise AnswerError(f"returned a {type(answer).__name__}, no pair; {EXPECTED_FORM}") from None
    except ValueError:
        count = f"{len(answer)} values" if hasattr(answer, "__len__") else f"a {type(answer).__name__} that is no pair"
        raise AnswerError(f"returned {count} where a pair is expected; {EXPECTED_FORM}") from None
    return [*_floats(loss, "loss", 1), *_floats(gradient, "gradient", 5)]


def _floats(value: Any, name: str, count: int) -> list[float]:
    if isinstance(value, Mapping | str | bytes | None):
        raise AnswerError(f"returned a {type(value).__name__} as the {name}; {EXPECTED_FORM}")
    value = _detached(value)
    parts = [_detached(part) for part in value] if isinstance(value, list | tuple) else value
    try:
        if np.iscomplexobj(parts):
            raise TypeError("they are complex")
        array = np.asarray(parts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AnswerError(f"returned a {name} that is not of real numbers ({error}); {EXPECTED_FORM}") from error
    if array.size != count:
        raise AnswerError(f"returned a {name} of {array.size} numbers, not {count}; {EXPECTED_FORM}")
    return [float(part) for part in array.ravel()]


def _detached(value: Any) -> Any:
    """Without the graph that a tensor of PyTorch keeps for derivatives; other libraries have no ``detach``."""
    return value.detach() if callable(getattr(value, "detach", None)) else value


def _their_traceback(error: BaseException) -> str:
    """The traceback from the first frame of the function on, without those of this file."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def compare(problem: Problem, got: list[float]) -> list[Answer]:
    """Put what was got beside the loss and the five derivatives in rationals, each with the scale of its rounding."""
    path = problem.run()
    arguments = (problem.f, problem.theta, problem.L, path, problem.target)
    expected = [exact.loss(path.iterates[-1], problem.target), *exact.tensor_gradient(*arguments)]
    scales = exact.rounding_scale(*arguments)
    return [Answer(*line) for line in zip(QUANTITIES, got, expected, scales, strict=True)]


def suspect(rung: Rung, answers: list[Answer], wrong: set[str]) -> tuple[int, str]:
    """Name the equation that a disagreement points at, and what the wrong numbers look like."""
    points_at = rung.points_at
    hint = SINGLE if all(answer.nearly_agrees for answer in answers) else ""
    if "loss" in wrong:
        return points_at["loss"], hint
    return _reading(rung, answers, wrong) or (points_at[_part(wrong)], hint)


def _part(wrong: set[str]) -> str:
    """The key of `Rung.points_at` for the derivatives that are wrong."""
    theta = {name[0] for name in wrong - {"L"}}
    if "L" in wrong:
        return "all" if theta else "L"
    return "theta" if theta == {"w", "b"} else theta.pop()


def _reading(rung: Rung, answers: list[Answer], wrong: set[str]) -> tuple[int, str] | None:
    """Recognise a mistake that leaves its mark on several derivatives at once; None where there is none."""
    derivatives, points_at = answers[1:], rung.points_at
    got, expected = [a.got for a in derivatives], [float(a.expected) for a in derivatives]
    if not np.isfinite(got).all():
        return None
    if len(set(expected)) == 5 and np.allclose(sorted(got), sorted(expected), rtol=1e-9, atol=0):
        part = _part(wrong)
        equation = 10 if part in ("theta", "all") else points_at[part]
        return equation, "the right derivatives in another order: w1, w2, b1, b2, L is asked for"
    if rung.problem.layers <= 1:
        theta = [(a.quantity, a.got / float(a.expected)) for a in derivatives[:4] if a.expected]
        ratios = [ratio for _, ratio in theta]
        if len(theta) >= 3 and {name for name, _ in theta} <= wrong and np.ptp(ratios) <= 1e-9:
            return 10, f"{ratios[0]:.6g} times the right ones: look at how dJ/dX_(t) = X_(t) - X̃ is contracted"
        return None
    if points_at["theta"] != 11:
        return None  # the chain was settled below
    chain = 11 if wrong - {"L"} else 16
    problem = rung.problem
    arguments = (problem.f, problem.theta, problem.L, problem.run(), problem.target)
    for reading, hint in READINGS.items():
        other = dict(zip(QUANTITIES[1:], reading(*arguments), strict=True))
        if all(_close(a.got, other[a.quantity], a.scale) for a in derivatives if a.quantity in wrong):
            return chain, hint
    return None


def _close(got: float, other: Fraction, scale: Fraction) -> bool:
    return abs(Fraction(got) - other) <= Fraction(TOLERANCE) * (scale + abs(other))


def _nothing(f: exact.ExactTerm, theta: exact.ThetaQ, L: Fraction, path: exact.Run, target: exact.Flat) -> exact.Flat:
    return [exact.ZERO] * 5


READINGS = {
    _nothing: "all derivatives are 0",
    misreadings.unchained_gradient: "as if dX_(i-1) were 0: the terms of the last layer alone",
    misreadings.summed_gradient: "as if dX_(i-1) were added as it is, without (14)",
    misreadings.misread_gradient: "as if the pair (p,q) of (14) were contracted, and not (j,k)",
}
