"""Name the equation that a disagreement points at, and what the wrong numbers look like."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from dsrl_ref.verify import exact, exact_layers, misreadings
from dsrl_ref.verify.answers import Answer
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.exact_layers import Layers
from dsrl_ref.verify.ladder import Rung
from dsrl_ref.verify.layered import LayeredProblem, joined
from dsrl_ref.verify.problems import Problem

TOLERANCE = Fraction(1e-12)
SINGLE = "right to within 1e-6·S: is all of it in float64? JAX and PyTorch start with float32"


def suspect(rung: Rung, answers: list[Answer], wrong: list[Answer]) -> tuple[int, str]:
    """Name the equation that the wrong ones of the answers point at, and what the numbers look like."""
    hint = SINGLE if all(answer.nearly_agrees for answer in answers) else ""
    if isinstance(rung.problem, LayeredProblem):
        return rung.points_at[_part(wrong)], hint or _reading_of_layers(rung.problem, answers)
    if wrong[0].quantity == "loss":
        return rung.points_at["loss"], hint
    return _reading(rung, rung.problem, answers, wrong) or (rung.points_at[_part(wrong)], hint)


def _part(wrong: list[Answer]) -> str:
    """The key of `Rung.points_at` for the quantities that are wrong."""
    names = {answer.parameter for answer in wrong}
    if "loss" in names:
        return "loss"
    theta = {name[0] for name in names - {"L"}}
    if "L" in names:
        return "all" if theta else "L"
    return "theta" if theta == {"w", "b"} else theta.pop()


def _reading(rung: Rung, problem: Problem, answers: list[Answer], wrong: list[Answer]) -> tuple[int, str] | None:
    """Recognise a mistake that leaves its mark on several derivatives at once; None where there is none."""
    derivatives, points_at = answers[1:], rung.points_at
    names = {answer.quantity for answer in wrong}
    got, expected = [a.got for a in derivatives], [float(a.expected) for a in derivatives]
    if not np.isfinite(got).all():
        return None
    if len(set(expected)) == 5 and np.allclose(sorted(got), sorted(expected), rtol=1e-9, atol=0):
        part = _part(wrong)
        equation = 10 if part in ("theta", "all") else points_at[part]
        return equation, "the right derivatives in another order: w1, w2, b1, b2, L is asked for"
    if problem.layers <= 1:
        theta = [(a.quantity, a.got / float(a.expected)) for a in derivatives[:4] if a.expected]
        ratios = [ratio for _, ratio in theta]
        if len(theta) >= 3 and {name for name, _ in theta} <= names and np.ptp(ratios) <= 1e-9:
            return 10, f"{ratios[0]:.6g} times the right ones: look at how dJ/dX_(t) = X_(t) - X̃ is contracted"
        return None
    if points_at["theta"] != 11:
        return None  # the chain was settled below
    arguments = (problem.f, problem.theta, problem.L, problem.run(), problem.target)
    for reading, hint in READINGS.items():
        if _looks_like(answers[:1] + derivatives, wrong, [answers[0].expected, *reading(*arguments)]):
            return (11 if names - {"L"} else 16), hint
    return None


def _looks_like(answers: list[Answer], wrong: list[Answer], other: Flat) -> bool:
    """Whether all that is wrong is what another way to read the equations gives."""
    parts = [(answer, right) for answer, right in zip(answers, other, strict=True) if answer in wrong]
    return all(_close(answer.got, right, answer.scale) for answer, right in parts)


def _close(got: float, other: Fraction, scale: Fraction) -> bool:
    return bool(np.isfinite(got)) and abs(Fraction(got) - other) <= TOLERANCE * (scale + abs(other))


def _nothing(f: exact.ExactTerm, theta: exact.ThetaQ, L: Fraction, path: exact.Run, target: exact.Flat) -> exact.Flat:
    return [exact.ZERO] * 5


READINGS = {
    _nothing: "all derivatives are 0",
    misreadings.unchained_gradient: "as if dX_(i-1) were 0: the terms of the last layer alone",
    misreadings.summed_gradient: "as if dX_(i-1) were added as it is, without (14)",
    misreadings.misread_gradient: "as if the pair (p,q) of (14) were contracted, and not (j,k)",
}


def _reading_of_layers(problem: LayeredProblem, answers: list[Answer]) -> str:
    """Recognise a mistake about whose Θ, whose L or whose term, by all numbers; "" where it is none of these."""
    for hint, other in _readings_of_layers(problem):
        if _looks_like(answers, answers, other):
            return hint
    return ""


def _readings_of_layers(problem: LayeredProblem) -> Iterator[tuple[str, Flat]]:
    """What mistakes of that kind give: the loss and the terms."""
    f, target = problem.network.f, problem.network.target
    terms, own = problem.terms, exact_layers.own_terms(f, problem.layers, problem.path)
    cotangents = exact_layers.cotangents(f, problem.layers, problem.path, target)

    def contracted(with_: list[Flat]) -> list[Flat]:
        return [
            [sum((c * line[k] for c, line in zip(C, part, strict=True)), exact.ZERO) for k in range(5)]
            for C, part in zip(with_, own, strict=True)
        ]

    of_terms: dict[str, list[Flat]] = {
        "all derivatives are 0": [[exact.ZERO] * 5 for _ in terms],
        "the rows of the layers the other way round: the first layer's is asked for first": terms[::-1],
        "the sums over all layers in every row: each layer's own terms are asked for": [_sum(terms)] * len(terms),
        "running sums from the first layer on, where each layer's own terms are asked for": _running(terms),
        "running sums from the last layer on, where each layer's own terms are asked for": _running(terms[::-1])[::-1],
        "as if dJ/dX_(i) were X_(t) - X̃ in every layer, without (14)": contracted(cotangents[-1:] * len(terms)),
        "as if dJ/dX_(i-1) were contracted with ∂X_(i): one (14) too many": contracted(cotangents[:-1]),
    }
    for hint, rows in of_terms.items():
        yield hint, [problem.loss, *joined(rows)]
    thetas, constants = problem.layers.thetas, problem.layers.constants
    t = len(thetas)
    of_layers = {
        "as if L of the first layer were that of all": Layers(thetas, constants[:1] * t),
        "as if L of the last layer were that of all": Layers(thetas, constants[-1:] * t),
        "as if Θ of the first layer were that of all": Layers(thetas[:1] * t, constants),
        "as if Θ of the last layer were that of all": Layers(thetas[-1:] * t, constants),
        "as if the first layer's Θ and L were the last layer's": Layers(thetas[::-1], constants[::-1]),
    }
    for hint, layers in of_layers.items():
        other = LayeredProblem(problem.network, layers)
        yield hint, [other.loss, *joined(other.terms)]
        if "last layer's" in hint:
            yield hint, [other.loss, *joined(other.terms[::-1])]


def _sum(rows: list[Flat]) -> Flat:
    return [sum(column, exact.ZERO) for column in zip(*rows, strict=True)]


def _running(rows: list[Flat]) -> list[Flat]:
    return [_sum(rows[: i + 1]) for i in range(len(rows))]
