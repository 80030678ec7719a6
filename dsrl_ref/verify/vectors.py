"""Conformance vectors: small problems with exact answers, for people who implement the appendix elsewhere.

The document is ``{"format": "dsrl-vectors", "version": 2, "about": [...], "problems": [...]}``. Numbers are strings
"p/q" (layers and regions are plain integers), matrices nested lists by rows. `ABOUT` says what is computed; it is in
every file. A problem has

=================  ==========================================================================================
key                value
=================  ==========================================================================================
name               what it aims at
equations          the numbers it rests on
points_at          the equation that is new at this rung, by what disagrees: "loss", "w", "b", "theta", "L", "all"
f                  {"kind": "fidelity", "W"} or {"kind": "least_squares", "D", "Y"}
theta, L, layers   [w1, w2, b1, b2], the step constant, t
x0, target         X_(0) and X̃
iterates           X_(0), ..., X_(t)
preactivations     Z_(1), ..., Z_(t)
regions            the rows of (12)-(14), -2..2, of every Z
ties               how many entries of Z_(1), ..., Z_(t) sit on a knot
sensitivities      dX_(0), ..., dX_(t): of each the matrices of derivatives in w1, w2, b1, b2 (11) and L (16)
loss, gradient     J, and its derivatives in w1, w2, b1, b2, L
=================  ==========================================================================================

Version 1 has no ``about``, ``points_at``, ``ties`` and ``sensitivities``; `read` takes both. All inputs are exact in
float64. `dsrl_ref.verify.ladder` says in which order the problems come, and why.
"""

import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.ladder import PARTS, Rung, ladder, points_at
from dsrl_ref.verify.problems import Problem

FORMAT, VERSION = "dsrl-vectors", 2
MOST_SHOWN = 60  # characters of a number in a message
ANSWERS = {  # by key, how a message calls them
    "iterates": "X_({})",
    "preactivations": "Z_({})",
    "regions": "the region of Z_({})",
    "ties": "ties",
    "sensitivities": "dX_({})",
    "loss": "loss",
    "gradient": "dJ",
}
PARAMETERS = ("w1", "w2", "b1", "b2", "L")
ABOUT = [
    "Numbers are strings p/q; matrices are nested lists by rows; all inputs are exact in float64.",
    "f of kind fidelity: f(X) = 1/2 ||X - W||^2 (Frobenius), gradient X - W, Hessian applied to V: V.",
    "f of kind least_squares: f(X) = 1/2 ||D X - Y||^2, gradient D'(D X - Y), Hessian applied to V: D'D V.",
    "Recursion (9): Z_(i) = X_(i-1) - gradient f(X_(i-1)) / L, X_(i) = xi(Z_(i)) for i = 1..layers, X_(0) = x0.",
    "xi(z) is w2 (z - b2) + w1 (b2 - b1) where b2 <= z; w1 (z - b1) where b1 <= z < b2; 0 where -b1 <= z < b1; "
    "w1 (z + b1) where -b2 <= z < -b1; w2 (z + b2) - w1 (b2 - b1) where z < -b2. "
    "Regions number these rows 2, 1, 0, -1, -2; derivatives follow them, also on a knot.",
    "Loss (8): J = 1/2 ||target - X_(layers)||^2, a sum over all entries. X_(0) is a constant: its derivatives are 0.",
    "sensitivities[i] holds dX_(i), total derivatives in w1, w2, b1, b2 (11) and in L (16), in the shape of X.",
    "gradient holds dJ/dw1, dJ/dw2, dJ/db1, dJ/db2 (10) and dJ/dL (15).",
]


def document() -> dict[str, Any]:
    """Build the whole document."""
    return {"format": FORMAT, "version": VERSION, "about": ABOUT, "problems": [record(rung) for rung in ladder()]}


def record(rung: Rung) -> dict[str, Any]:
    """Solve one rung, for the document."""
    problem = rung.problem
    path = problem.run()
    totals = exact.sensitivities(problem.f, problem.theta, problem.L, path)
    gradient = exact.reverse_gradient(problem.f, problem.theta, problem.L, path, problem.target)
    return {
        "name": rung.name,
        "equations": rung.equations,
        "points_at": rung.points_at,
        "f": _term(problem),
        "theta": _strings(problem.theta),
        "L": _string(problem.L),
        "layers": problem.layers,
        "x0": _rows(problem, problem.x0),
        "target": _rows(problem, problem.target),
        "iterates": [_rows(problem, X) for X in path.iterates],
        "preactivations": [_rows(problem, Z) for Z in path.preactivations],
        "regions": [_nested([exact.row(z, problem.theta) for z in Z], problem.shape[1]) for Z in path.preactivations],
        "ties": rung.ties,
        "sensitivities": [
            {name: _rows(problem, [line[c] for line in total]) for c, name in enumerate(PARAMETERS)} for total in totals
        ],
        "loss": _string(exact.loss(path.iterates[-1], problem.target)),
        "gradient": dict(zip(PARAMETERS, _strings(gradient), strict=True)),
    }


def float_term(problem: Problem) -> dict[str, Any]:
    """Build the dict of float64 arrays that stands for f: "kind", and "W" or "D" and "Y"."""
    term: Any = problem.smooth_term()
    if isinstance(problem.f, exact.Fidelity):
        return {"kind": "fidelity", "W": term.W}
    return {"kind": "least_squares", "D": term.D, "Y": term.Y}


def read(path: str | Path) -> list[Rung]:
    """Read the problems of a file of conformance vectors, version 1 or 2.

    Parameters
    ----------
    path : str or path-like
        JSON, as ``dsrl-ref vectors`` writes it.

    Returns
    -------
    list of Rung
        In the order of the file. Answers are computed from the inputs, in rationals.

    Raises
    ------
    ValueError
        Unless it is such a file, of a known version, with inputs that are exact in float64 and with the very answers
        that the rationals find for them: all that it stores, from the iterates to the gradient, is compared. The
        message names the problem and the key.
    OSError
        If the file cannot be read.
    """
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise ValueError(f'{path} is not a file of conformance vectors: it lacks "format": "{FORMAT}"')
    if given.get("version") not in (1, 2):
        raise ValueError(f"{path} has version {given.get('version')!r} of the vectors; this package reads 1 and 2")
    problems = given.get("problems")
    if not isinstance(problems, list) or not problems:
        raise ValueError(f'{path} has no "problems": they must be a list with an entry or more')
    return [_read_problem(problem, f"{path}, problem {number}") for number, problem in enumerate(problems, start=1)]


def _read_problem(given: Any, where: str) -> Rung:
    try:
        where = f"{where} ({given['name']!r})"
        layers = given["layers"]
        problem = _parsed(given)
        stored = {key: given[key] for key in ANSWERS if key in given or key in ("loss", "gradient")}
        equations = [int(number) for number in given["equations"]]
        aims = {str(key): int(number) for key, number in given.get("points_at", _aims(layers)).items()}
    except KeyError as error:
        raise ValueError(f"{where} has no key {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{where} cannot be read: {error}") from error
    if set(aims) not in ({"loss"}, set(PARTS)):
        raise ValueError(f"{where}: points_at must have the keys {', '.join(PARTS)}, or loss alone; got {sorted(aims)}")
    rung = Rung(str(given["name"]), equations, problem, aims)
    solved = record(rung)
    for key, answer in stored.items():
        found = _difference(answer, solved[key], ANSWERS[key])
        if found:
            raise ValueError(f"{where}: {found}; write the file anew")
    return rung


def _difference(stored: Any, found: Any, what: str) -> str:
    """Say where stored answers first differ from those that the inputs give; empty where they do not.

    `what` names them: "{}" in it stands for the number of the layer; further numbers are places.
    """
    parts: Iterable[tuple[Any, Any, str]]
    if isinstance(found, dict):
        if not isinstance(stored, dict) or set(stored) != set(found):
            return f"{what} must be stored for each of {', '.join(found)}"
        parts = [(stored[name], found[name], f"{what}/d{name}") for name in found]
    elif isinstance(found, list):
        if not isinstance(stored, list) or len(stored) != len(found):
            return f"{what.format('i')} must be a list of {len(found)}"
        first = 1 if what in (ANSWERS["preactivations"], ANSWERS["regions"]) else 0
        names = [what.format(first + i) if "{}" in what else f"{what}[{i}]" for i in range(len(found))]
        parts = zip(stored, found, names, strict=True)
    else:
        same = stored == found if isinstance(found, int) else _is(stored, found)
        return "" if same else f"{what} is stored as {shown(stored)}, but its inputs give {shown(found)}"
    return next(filter(None, (_difference(*part) for part in parts)), "")


def _is(text: Any, number: str) -> bool:
    try:
        return _fraction(text) == Fraction(number)
    except (TypeError, ValueError):
        return False


def shown(given: Any) -> str:
    """What is given, in a message: its middle left out where it is long, and no denominator of 1."""
    text = str(given).removesuffix("/1")
    return text if len(text) <= MOST_SHOWN else f"{text[:20]}...{text[-10:]} ({len(text)} characters)"


def _parsed(given: Any) -> Problem:
    """Take the inputs of a problem; TypeError, ValueError or KeyError where they are none."""
    x0, target = _matrix(given["x0"], "x0"), _matrix(given["target"], "target")
    shape = (len(x0), len(x0[0]))
    f, term = given["f"], None
    if f["kind"] == "fidelity":
        W = _matrix(f["W"], "W")
        term, fits = exact.Fidelity(_flat(W)), (len(W), len(W[0])) == shape
    elif f["kind"] == "least_squares":
        D, Y = _matrix(f["D"], "D"), _matrix(f["Y"], "Y")
        fits = len(D) == len(Y) and (len(D[0]), len(Y[0])) == shape
        term = exact.LeastSquares(D, _flat(Y))  # type: ignore[assignment]
    else:
        raise ValueError(f'f must have the kind "fidelity" or "least_squares", got {f["kind"]!r}')
    if not fits or (len(target), len(target[0])) != shape:
        raise ValueError(f"f and target must fit x0, which is {shape[0]}×{shape[1]}")
    w1, w2, b1, b2 = (_input(value) for value in given["theta"])
    L, layers = _input(given["L"]), given["layers"]
    if not isinstance(layers, int) or layers < 0 or L <= 0:
        raise ValueError(f"layers must be an integer from 0 on and L positive, got {layers!r} and {shown(L)}")
    problem = Problem(term, (w1, w2, b1, b2), L, layers, shape, _flat(x0), _flat(target))  # type: ignore[arg-type]
    problem.float_theta()  # refuses what is no Θ
    return problem


def _aims(layers: int) -> dict[str, int]:
    """Tell what a problem of version 1 points at, which does not say: by its layers alone."""
    if layers == 0:
        return points_at(8, 11, 11, 11, 16, 11)
    return points_at(9, 12, 13, 12, 17, 12) if layers == 1 else points_at(9, 11, 11, 11, 16, 14)


def _matrix(rows: Any, name: str) -> list[Flat]:
    matrix = [[_input(value) for value in row] for row in rows]
    if not matrix or not matrix[0] or any(len(row) != len(matrix[0]) for row in matrix):
        raise ValueError(f"{name} must have rows of one length, of an entry or more")
    return matrix


def _fraction(text: Any) -> Fraction:
    if not isinstance(text, str):
        raise TypeError(f'numbers must be strings "p/q", got {text!r}')
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"{shown(text)} divides by 0") from None
    except ValueError:
        raise ValueError(f'{shown(text)!r} is no number "p/q"') from None


def _input(text: Any) -> Fraction:
    """A number that float64 has; others are refused, for an implementation would be judged on another problem."""
    number = _fraction(text)
    try:
        exact_in_floats = Fraction(float(number)) == number
    except OverflowError:
        exact_in_floats = False
    if not exact_in_floats:
        raise ValueError(f"{shown(text)} is not exact in float64, as every input must be")
    return number


def _flat(matrix: list[Flat]) -> Flat:
    return [value for row in matrix for value in row]


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
