"""Conformance vectors: small problems with exact answers, for people who implement the appendix elsewhere.

The document is ``{"format": "dsrl-vectors", "version": 3, "about": [...], "problems": [...], "per_layer": [...]}``.
Numbers are strings "p/q" (layers and regions are plain integers), matrices nested lists by rows. `ABOUT` says what is
computed; it is in every file. A problem has

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

The problems of ``per_layer`` have one Θ and one L a layer. They have the same keys, with these differences:

=============  ==============================================================================================
key            value
=============  ==============================================================================================
theta, L       t rows [w1, w2, b1, b2], and t step constants: the first layer's first
sensitivities  none; instead
partials       ∂X_(1), ..., ∂X_(t): of each the matrices of (12), (13) and (17) in the parameters of its own layer
cotangents     C_(0), ..., C_(t), C_(i) = dJ/dX_(i): what ∂X_(i) is contracted with
gradient       t times the derivatives in w1, w2, b1, b2, L of a layer: the terms of (10), (11), (15), (16)
=============  ==============================================================================================

Version 2 has no ``per_layer``; version 1 besides no ``about``, ``points_at``, ``ties`` and ``sensitivities``. `read`
and `read_layers` take all three. All inputs are exact in float64. `dsrl_ref.verify.ladder` and
`dsrl_ref.verify.layered_ladder` say in which order the problems come, and why.
"""

import json
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import Flat, ThetaQ
from dsrl_ref.verify.exact_layers import Layers
from dsrl_ref.verify.ladder import PARTS, Rung, ladder, points_at
from dsrl_ref.verify.layered import LayeredProblem
from dsrl_ref.verify.layered_ladder import layered_ladder
from dsrl_ref.verify.problems import Problem
from dsrl_ref.verify.records import record, shown

FORMAT, VERSION = "dsrl-vectors", 3
ANSWERS = {  # by key, how a message calls them
    "iterates": "X_({})",
    "preactivations": "Z_({})",
    "regions": "the region of Z_({})",
    "ties": "ties",
    "sensitivities": "dX_({})",
    "partials": "∂X_({})",
    "cotangents": "C_({})",
    "loss": "loss",
    "gradient": "dJ",
}
FROM_LAYER_1 = {ANSWERS[key] for key in ("preactivations", "regions", "partials")}  # others have X_(0), too
Parsed: TypeAlias = Callable[[Any], Problem | LayeredProblem]
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
    "per_layer holds problems with one theta and one L a layer, lists that begin with the first layer's: layer i "
    "takes its own in (9), in xi and in the rows. Its entry of gradient holds the derivatives in its own theta and L: "
    "the terms that (10) and (15) add up where all layers share them. It is its entry of partials, the derivatives of "
    "X_(i) while X_(i-1) is held, contracted with dJ/dX_(i). cotangents holds dJ/dX_(0), dJ/dX_(1), ...",
]


def document() -> dict[str, Any]:
    """Build the whole document."""
    problems, per_layer = ([record(rung) for rung in rungs] for rungs in (ladder(), layered_ladder()))
    return {"format": FORMAT, "version": VERSION, "about": ABOUT, "problems": problems, "per_layer": per_layer}


def read(path: str | Path) -> list[Rung]:
    """Read the problems of a file of conformance vectors, version 1, 2 or 3: those with one Θ for all layers.

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
    return _read(path, "problems", _parsed)


def read_layers(path: str | Path) -> list[Rung]:
    """Read the problems with one Θ and one L a layer, as `read` does; there are none in versions 1 and 2."""
    return _read(path, "per_layer", _parsed_layers)


def _read(path: str | Path, key: str, parsed: Parsed) -> list[Rung]:
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise ValueError(f'{path} is not a file of conformance vectors: it lacks "format": "{FORMAT}"')
    version = given.get("version")
    if version not in (1, 2, 3):
        raise ValueError(f"{path} has version {version!r} of the vectors; this package reads 1, 2 and 3")
    if key == "per_layer" and version < 3:
        return []
    problems = given.get(key)
    if not isinstance(problems, list) or not problems:
        raise ValueError(f'{path} has no "{key}": they must be a list with an entry or more')
    place = f"{path}, {'' if key == 'problems' else key + ', '}problem"
    return [_read_problem(problem, f"{place} {number}", parsed) for number, problem in enumerate(problems, start=1)]


def _read_problem(given: Any, where: str, parsed: Parsed) -> Rung:
    try:
        where = f"{where} ({given['name']!r})"
        layers = given["layers"]
        problem = parsed(given)
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
    for key, answer in ((key, answer) for key, answer in stored.items() if key in solved):
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
        first = 1 if what in FROM_LAYER_1 else 0
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


def _parsed(given: Any) -> Problem:
    """Take the inputs of a problem; TypeError, ValueError or KeyError where they are none."""
    return _network(given, _theta(given["theta"]), _constant(given["L"]))


def _parsed_layers(given: Any) -> LayeredProblem:
    """The same with one Θ and one L a layer."""
    thetas, constants = [*map(_theta, given["theta"])], [*map(_constant, given["L"])]
    if not len(thetas) == len(constants) == given["layers"] > 0:
        raise ValueError(
            f"theta and L must have a row and a number for each of {given['layers']!r} layers, which are 1 or more; "
            f"got {len(thetas)} and {len(constants)}"
        )
    return LayeredProblem(_network(given, thetas[0], constants[0]), Layers(thetas, constants))


def _theta(values: Any) -> ThetaQ:
    w1, w2, b1, b2 = map(_input, values)
    Theta(float(w1), float(w2), float(b1), float(b2))  # refuses what is no Θ
    return w1, w2, b1, b2


def _constant(value: Any) -> Fraction:
    L = _input(value)
    if L <= 0:
        raise ValueError(f"L must be positive, got {shown(L)}")
    return L


def _network(given: Any, theta: ThetaQ, L: Fraction) -> Problem:
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
    layers = given["layers"]
    if not isinstance(layers, int) or layers < 0:
        raise ValueError(f"layers must be an integer from 0 on, got {layers!r}")
    return Problem(term, theta, L, layers, shape, _flat(x0), _flat(target))  # type: ignore[arg-type]


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
