"""One conformance problem solved, as it stands in a file: numbers are strings "p/q", matrices nested lists by rows."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from dsrl_ref.verify import exact, exact_layers
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.ladder import Rung
from dsrl_ref.verify.layered import LayeredProblem
from dsrl_ref.verify.problems import PARAMETERS, Problem

MOST_SHOWN = 60  # characters of a number in a message


def record(rung: Rung) -> dict[str, Any]:
    """Solve one rung, for the document."""
    problem, network = rung.problem, rung.network
    inputs = {
        "name": rung.name,
        "equations": rung.equations,
        "points_at": rung.points_at,
        "f": _term(network),
        **_parameters(problem),
        "layers": network.layers,
        "x0": _rows(network, network.x0),
        "target": _rows(network, network.target),
    }
    return {**inputs, **(_of_layers(problem) if isinstance(problem, LayeredProblem) else _shared(problem))}


def _parameters(problem: Problem | LayeredProblem) -> dict[str, Any]:
    """Θ and L, or those of each layer."""
    if isinstance(problem, LayeredProblem):
        return {"theta": [*map(_strings, problem.layers.thetas)], "L": _strings(problem.layers.constants)}
    return {"theta": _strings(problem.theta), "L": _string(problem.L)}


def _shared(problem: Problem) -> dict[str, Any]:
    """The answers with one Θ and one L for all layers."""
    path = problem.run()
    totals = exact.sensitivities(problem.f, problem.theta, problem.L, path)
    gradient = exact.reverse_gradient(problem.f, problem.theta, problem.L, path, problem.target)
    return {
        **_path(problem, path, [problem.theta] * problem.layers),
        "ties": problem.ties,
        "sensitivities": [_by_parameter(problem, total) for total in totals],
        "loss": _string(exact.loss(path.iterates[-1], problem.target)),
        "gradient": _named(gradient),
    }


def _of_layers(problem: LayeredProblem) -> dict[str, Any]:
    """The answers with one Θ and one L a layer."""
    network, path = problem.network, problem.path
    cotangents = exact_layers.cotangents(network.f, problem.layers, path, network.target)
    own = exact_layers.own_terms(network.f, problem.layers, path)
    return {
        **_path(network, path, problem.layers.thetas),
        "ties": problem.ties,
        "partials": [_by_parameter(network, lines) for lines in own],
        "cotangents": [_rows(network, C) for C in cotangents],
        "loss": _string(problem.loss),
        "gradient": [*map(_named, problem.terms)],
    }


def _path(network: Problem, path: exact.Run, thetas: list[exact.ThetaQ]) -> dict[str, Any]:
    """X_(i), Z_(i), and the rows in which the entries of each Z lie."""
    regions = [[exact.row(z, theta) for z in Z] for Z, theta in zip(path.preactivations, thetas, strict=True)]
    return {
        "iterates": [_rows(network, X) for X in path.iterates],
        "preactivations": [_rows(network, Z) for Z in path.preactivations],
        "regions": [_nested(line, network.shape[1]) for line in regions],
    }


def _by_parameter(network: Problem, lines: list[Flat]) -> dict[str, list[list[str]]]:
    """A matrix for each of the five, of five derivatives for each entry."""
    return {name: _rows(network, [line[c] for line in lines]) for c, name in enumerate(PARAMETERS)}


def _named(five: Flat) -> dict[str, str]:
    return dict(zip(PARAMETERS, _strings(five), strict=True))


def float_term(problem: Problem) -> dict[str, Any]:
    """Build the dict of float64 arrays that stands for f: "kind", and "W" or "D" and "Y"."""
    term: Any = problem.smooth_term()
    if isinstance(problem.f, exact.Fidelity):
        return {"kind": "fidelity", "W": term.W}
    return {"kind": "least_squares", "D": term.D, "Y": term.Y}


def shown(given: Any) -> str:
    """What is given, in a message: its middle left out where it is long, and no denominator of 1."""
    text = str(given).removesuffix("/1")
    return text if len(text) <= MOST_SHOWN else f"{text[:20]}...{text[-10:]} ({len(text)} characters)"


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


def _rows(problem: Problem, flat: Flat) -> list[list[str]]:
    return _nested(_strings(flat), problem.shape[1])


def _strings(numbers: Iterable[Fraction]) -> list[str]:
    return [_string(number) for number in numbers]


def _string(number: Fraction) -> str:
    return f"{number.numerator}/{number.denominator}"


def _nested(flat: list[Any], width: int) -> list[list[Any]]:
    return [flat[i : i + width] for i in range(0, len(flat), width)]
