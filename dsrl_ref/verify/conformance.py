"""Judge somebody else's loss and gradient by the conformance vectors, and say which equation it breaks."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from dsrl_ref.verify.answers import EXPECTED_FORM, EXPECTED_OF_LAYERS, Answer, AnswerError, numbers_of
from dsrl_ref.verify.ladder import Rung, ladder
from dsrl_ref.verify.layered import LayeredProblem
from dsrl_ref.verify.records import float_term, shown
from dsrl_ref.verify.suspects import suspect

Implementation = Callable[[dict[str, Any], Any, Any, int, Any, Any], Any]
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


def check(
    function: Implementation, rungs: Iterable[Rung] | None = None, *, ignore_ties: bool = False
) -> Iterator[Outcome]:
    """Call ``function(f, theta, L, layers, x0, target)`` on every problem of the ladder.

    Parameters
    ----------
    function : callable
        Gets f as a dict of float64 arrays, theta as an array of 4, L, layers, x0 and target, all its own to
        keep; returns the loss and the five derivatives in w1, w2, b1, b2, L. Of problems with one Θ and one L a layer
        it gets theta (layers, 4) and L (layers,), and returns the loss and derivatives (layers, 5).
    rungs : iterable of Rung, optional
        Other problems, such as `dsrl_ref.verify.vectors.read` or `layered_ladder` returns.
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
        got = call(function, rung)
    except (Exception, SystemExit) as error:
        failure, lines = f"raised {type(error).__name__}: {error}", _their_traceback(error)
        if isinstance(error, AnswerError):
            failure, lines = str(error), ""
        return Outcome(rung.name, failure, status="failed", ties=ties, traceback=lines)
    answers = compare(rung, got)
    judged = answers[:1] if (ignore_ties and ties) or set(rung.points_at) == {"loss"} else answers
    wrong = [answer for answer in judged if not answer.agrees]
    if not wrong:
        return Outcome(rung.name, ties=ties)
    first = wrong[0]
    failure = f"{first.label} is {first.got!r}, should be {float(first.expected)!r} ({shown(first.expected)})"
    equation, hint = suspect(rung, answers, wrong)
    return Outcome(rung.name, failure, equation, "disagrees", hint, ties)


def call(function: Implementation, rung: Rung) -> list[float]:
    """Call the function with arrays of its own; return the loss and the derivatives, a layer after the other."""
    problem, network = rung.problem, rung.network
    theta, L = problem.parameters
    x0, target = network.matrix(network.x0), network.matrix(network.target)
    answer = function(float_term(network), theta, L, network.layers, x0, target)
    if isinstance(problem, LayeredProblem):
        return numbers_of(answer, (network.layers, 5), EXPECTED_OF_LAYERS)
    return numbers_of(answer, (5,), EXPECTED_FORM)


def _their_traceback(error: BaseException) -> str:
    """The traceback from the first frame of the function on, without those of this file."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def compare(rung: Rung, got: list[float]) -> list[Answer]:
    """Put what was got beside the loss and the derivatives in rationals, each with the scale of its rounding."""
    names, expected, scales = rung.problem.solved()
    return [Answer(*line) for line in zip(names, got, expected, scales, strict=True)]
