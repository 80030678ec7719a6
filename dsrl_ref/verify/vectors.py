"""Conformance vectors: small problems with exact answers, for people who implement the appendix elsewhere.

The document is ``{"format": "dsrl-vectors", "version": 1, "problems": [...]}``. Numbers are strings "p/q"
(layers and regions are plain integers), matrices nested lists by rows. A problem has

=================  ==========================================================================================
key                value
=================  ==========================================================================================
name               what it aims at
equations          the numbers it rests on
f                  {"kind": "fidelity", "W"} or {"kind": "least_squares", "D", "Y"}
theta, L, layers   [w1, w2, b1, b2], the step constant, t
x0, target         X_(0) and X̃
iterates           X_(0), ..., X_(t)
preactivations     Z_(1), ..., Z_(t)
regions            the rows of (12)-(14), -2..2, of every Z
loss, gradient     J, and its derivatives in w1, w2, b1, b2, L
=================  ==========================================================================================

All inputs are exact in float64. The problems are laddered: no layer, then one layer on one piece, on the
knots, in several pieces, then more layers, then f that couples entries, so that the first failure names the
equation.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import Flat, ThetaQ
from dsrl_ref.verify.problems import Problem

FORMAT, VERSION = "dsrl-vectors", 1
TABLES = [8, 9, 12, 13]


@dataclass(frozen=True)
class Vector:
    """A problem of the ladder and the equations it rests on."""

    name: str
    equations: list[int]
    problem: Problem


def ladder() -> Iterator[Vector]:
    """Yield the problems, the simplest first."""
    theta = _q(3 / 4, 1 / 2, 1 / 4, 1)
    yield _entry("no layer", [8], theta, 1, 0, w=2)
    for name, w in (("outer", 2), ("middle", 0.5), ("dead", 0.125), ("middle left", -0.5), ("outer left", -2)):
        yield _entry(f"one layer, {name} piece", TABLES, theta, 1, 1, w)
    for name, w in (("b2", 1), ("b1", 0.25), ("-b1", -0.25), ("-b2", -1)):
        yield _entry(f"one layer, on the knot {name}", TABLES, theta, 1, 1, w)
    yield _entry("one layer, b1 = 0 and z = 0", TABLES, _q(3 / 4, 1 / 2, 0, 1), 1, 1, w=0)
    yield _entry("one layer, b1 = b2", TABLES, _q(1, 1, 1 / 2, 1 / 2), 1, 1, w=2)
    for name, x0 in (("outer", 3), ("middle", 1), ("outer left", -3), ("middle left", -1.125)):
        yield _entry(f"one layer, L = 4, {name} piece", [*TABLES, 17], theta, 4, 1, w=0.25, x0=x0)
    entries = [2, 0.5, 0.125, -0.5, -2, 1]
    yield _fidelity("one layer, all pieces", [*TABLES, 10, 15, 17], theta, 2, 1, entries)
    for layers in (2, 3):
        yield _fidelity(f"{layers} layers", [*range(8, 18)], theta, 2, layers, entries)
    yield _fidelity("3 layers, overshooting, L = 3/4", [*range(8, 18)], theta, 0.75, 3, entries)
    yield _fidelity("5 layers, w1 > 1", [*range(8, 18)], _q(5 / 4, 1 / 2, 1 / 4, 1), 1.25, 5, entries)
    D: list[list[float]] = [[1, 0.5, 0], [-0.5, 1, 0.25]]
    Y: list[list[float]] = [[1, -2], [0.5, 3]]
    for layers in (1, 2, 4):
        equations = [*range(8, 18)] if layers > 1 else [*TABLES, 10, 15, 17]
        yield _least_squares(f"least squares, {layers} layers", equations, theta, 2, layers, D, Y)


def document() -> dict[str, Any]:
    """Build the whole document."""
    return {"format": FORMAT, "version": VERSION, "problems": [_solved(vector) for vector in ladder()]}


def float_term(problem: Problem) -> dict[str, Any]:
    """Build the dict of float64 arrays that stands for f: "kind", and "W" or "D" and "Y"."""
    term: Any = problem.smooth_term()
    if isinstance(problem.f, exact.Fidelity):
        return {"kind": "fidelity", "W": term.W}
    return {"kind": "least_squares", "D": term.D, "Y": term.Y}


def _solved(vector: Vector) -> dict[str, Any]:
    problem = vector.problem
    path = problem.run()
    gradient = exact.reverse_gradient(problem.f, problem.theta, problem.L, path, problem.target)
    return {
        "name": vector.name,
        "equations": vector.equations,
        "f": _term(problem),
        "theta": _strings(problem.theta),
        "L": _string(problem.L),
        "layers": problem.layers,
        "x0": _rows(problem, problem.x0),
        "target": _rows(problem, problem.target),
        "iterates": [_rows(problem, X) for X in path.iterates],
        "preactivations": [_rows(problem, Z) for Z in path.preactivations],
        "regions": [_nested([exact.row(z, problem.theta) for z in Z], problem.shape[1]) for Z in path.preactivations],
        "loss": _string(exact.loss(path.iterates[-1], problem.target)),
        "gradient": dict(zip(("w1", "w2", "b1", "b2", "L"), _strings(gradient), strict=True)),
    }


def _term(problem: Problem) -> dict[str, Any]:
    if isinstance(problem.f, exact.Fidelity):
        return {"kind": "fidelity", "W": _rows(problem, problem.f.W)}
    assert isinstance(problem.f, exact.LeastSquares)
    D, Y = problem.f.D, problem.f.Y
    return {
        "kind": "least_squares",
        "D": [_strings(line) for line in D],
        "Y": _nested(_strings(Y), problem.shape[1]),
    }


def _entry(
    name: str, equations: list[int], theta: ThetaQ, L: float, layers: int, w: float, x0: float | None = None
) -> Vector:
    start = _q(w if x0 is None else x0)
    f = exact.Fidelity([*_q(w)])
    return Vector(name, equations, Problem(f, theta, Fraction(L), layers, (1, 1), [*start], [start[0] + 1]))


def _fidelity(name: str, equations: list[int], theta: ThetaQ, L: float, layers: int, entries: list[float]) -> Vector:
    W = [*_q(*entries)]
    x0 = [w / 2 + Fraction(1, 8) for w in W]
    target = [Fraction(1, 4) - w for w in W]
    return Vector(name, equations, Problem(exact.Fidelity(W), theta, Fraction(L), layers, (2, 3), x0, target))


def _least_squares(
    name: str, equations: list[int], theta: ThetaQ, L: float, layers: int, D: list[list[float]], Y: list[list[float]]
) -> Vector:
    f = exact.LeastSquares([[*_q(*line)] for line in D], [*_q(*(y for line in Y for y in line))])
    shape = (len(D[0]), len(Y[0]))
    size = shape[0] * shape[1]
    x0 = [Fraction(k - 2, 4) for k in range(size)]
    target = [Fraction((-1) ** k, 2) for k in range(size)]
    return Vector(name, equations, Problem(f, theta, Fraction(L), layers, shape, x0, target))


def _q(*numbers: float) -> Any:
    return tuple(Fraction(number) for number in numbers)


def _rows(problem: Problem, flat: Flat) -> list[list[str]]:
    return _nested(_strings(flat), problem.shape[1])


def _strings(numbers: Iterable[Fraction]) -> list[str]:
    return [_string(number) for number in numbers]


def _string(number: Fraction) -> str:
    return f"{number.numerator}/{number.denominator}"


def _nested(flat: list[Any], width: int) -> list[list[Any]]:
    return [flat[i : i + width] for i in range(0, len(flat), width)]
