"""``dsrl-ref check module:function``: judge an implementation by the conformance vectors."""

import argparse
import importlib
import inspect
import math
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dsrl_ref.cli.help import filled
from dsrl_ref.cli.output import add_json, print_json
from dsrl_ref.verify.answers import EXPECTED_FORM, EXPECTED_OF_LAYERS
from dsrl_ref.verify.conformance import Implementation, Outcome, call, check, compare, judge
from dsrl_ref.verify.ladder import Rung, ladder
from dsrl_ref.verify.layered_ladder import layered_ladder
from dsrl_ref.verify.records import record
from dsrl_ref.verify.vectors import read, read_layers

TIES = """\
Only problems with entries on a knot of ξ disagree, and nothing but their derivatives: off the knots yours are right.
On a knot ξ has a left and a right derivative. The appendix's half-open rows, b2 <= z, b1 <= z < b2, -b1 <= z < b1, ...,
take the right one in z; automatic differentiation has rules of its own there (0 for relu at 0, halves for maximum).
Branch by these rows where you need the appendix's numbers; --ignore-ties judges everything else."""

OFTEN = "--per-layer", "--problem", "--ignore-ties", "--json"
EXAMPLE = "dsrl-ref check mine:loss_and_gradient"
SKIPPED = "skipped, as no function for it was named; name yours with --per-layer module:function"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``check``."""
    parser.add_argument(
        "implementation",
        metavar="module:function",
        help="yours: of (f, theta, L, layers, x0, target), it returns (loss, five derivatives); --help-all has more",
    )
    parser.add_argument(
        "--per-layer",
        metavar="module:function",
        help="yours for one Θ and one L a layer; without it these problems are skipped",
    )
    parser.add_argument("--problem", metavar="NAME", help="this one, with inputs, iterates, dX_(i), expected and got")
    parser.add_argument("--ignore-ties", action="store_true", help="judge the loss alone where an entry is on a knot")
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="problems from a file of vectors, version 1 to 3")
    add_json(parser)


def more() -> str:
    """How functions are called."""
    return filled(
        [
            'f is {"kind": "fidelity", "W": array} or {"kind": "least_squares", "D": array, "Y": array}; arrays are of '
            "float64, theta has 4 numbers: w1, w2, b1, b2, in whose order the first four derivatives are; the fifth is "
            "in L.",
            "The function of --per-layer gets theta (layers, 4) and L (layers,), and returns (loss, (layers, 5) "
            "derivatives), the first layer's first.",
        ]
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the ladders; exit 1 at a disagreement, naming the equation of the first, or where a function failed."""
    rungs, of_layers = _problems(arguments.vectors)
    chosen = None if arguments.problem is None else _named([*rungs, *of_layers], arguments.problem)
    function = _load(arguments.implementation)
    per_layer = None if arguments.per_layer is None else _load(arguments.per_layer)
    if chosen is not None:
        return _show_problem(function if chosen in rungs else per_layer, chosen, arguments)
    outcomes = list(check(function, rungs, ignore_ties=arguments.ignore_ties))
    layered = list(check(per_layer, of_layers, ignore_ties=arguments.ignore_ties)) if per_layer else []
    wrong = [outcome for outcome in (*outcomes, *layered) if outcome.status != "agrees"]
    if arguments.json:
        section = [vars(outcome) for outcome in layered] if per_layer else None
        print_json({"passed": not wrong, "problems": [vars(outcome) for outcome in outcomes], "per_layer": section})
        return 1 if wrong else 0
    for outcome in outcomes:
        print(_line(outcome))
    print(_summary(outcomes, arguments.ignore_ties))
    none = "the file has no problems of it: it is of version 1 or 2"
    told = SKIPPED if per_layer is None else f"{len(of_layers)} problems" if of_layers else none
    print(f"\none Θ and one L a layer: {told}")
    if layered:
        for outcome in layered:
            print(_line(outcome))
        print(_summary(layered, arguments.ignore_ties, EXPECTED_OF_LAYERS))
    return 1 if wrong else 0


def _problems(file: Path | None) -> tuple[list[Rung], list[Rung]]:
    """Those with one Θ for all layers, and those with one a layer."""
    if file is None:
        return list(ladder()), list(layered_ladder())
    return read(file), read_layers(file)


def _line(outcome: Outcome) -> str:
    mark = {"agrees": "ok", "disagrees": "WRONG", "failed": "FAILED"}[outcome.status]
    return f"{mark:<7} {outcome.name}{outcome.failure and ': ' + outcome.failure}"


def _summary(outcomes: list[Outcome], ignore_ties: bool, expected: str = EXPECTED_FORM) -> str:
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    wrong = [outcome for outcome in outcomes if outcome.status == "disagrees"]
    if failed:
        first = failed[0]
        what = f"your function failed on {len(failed)} of {len(outcomes)} problems, first on {first.name!r}:"
        form = "" if expected in first.failure else expected
        also = f"beside, {len(wrong)} disagree, first with equation ({wrong[0].equation})" if wrong else ""
        return "\n".join(part for part in (what, first.traceback.rstrip() or first.failure, form, also) if part)
    if wrong:
        first = wrong[0]
        only_ties = all(outcome.ties and not outcome.failure.startswith("loss") for outcome in wrong)
        lines = [TIES if only_ties else f"{len(wrong)} of {len(outcomes)} problems disagree"]
        lines += [f"first disagreement: equation ({first.equation}), problem {first.name!r}", first.hint]
        lines.append(f"see it with --problem {first.name!r}")
        return "\n".join(line for line in lines if line)
    left = sum(outcome.ties > 0 for outcome in outcomes) if ignore_ties else 0
    noted = f"; of {left} with entries on a knot only the loss was judged" if left else ""
    return f"agrees on all {len(outcomes)} problems within 1e-12·S{noted}"


def _named(rungs: list[Rung], name: str) -> Rung:
    for rung in rungs:
        if rung.name == name:
            return rung
    near = ", ".join(map(repr, get_close_matches(name, [rung.name for rung in rungs], n=3, cutoff=0.0)))
    raise ValueError(
        f"--problem {name!r} is none of the {len(rungs)} problems; nearest in spelling are {near}; "
        "without --problem all are judged, a line each with its name"
    )


def _show_problem(function: Implementation | None, rung: Rung, arguments: argparse.Namespace) -> int:
    """Print all that is known of one problem, and what the function makes of it; without one, the problem alone."""
    solved = record(rung)
    if function is None:
        if arguments.json:
            print_json({"passed": None, **solved, "got": {}, "outcome": None})
        else:
            _print_problem(solved)
            print(f"\none Θ and one L a layer: {SKIPPED}")
        return 0
    outcome = judge(function, rung, arguments.ignore_ties)
    try:
        answers = compare(rung, call(function, rung))
    except (Exception, SystemExit):  # `outcome` tells
        answers = []
    if arguments.json:
        got = {a.quantity: a.got if math.isfinite(a.got) else repr(a.got) for a in answers}  # JSON has no NaN
        print_json({"passed": outcome.status == "agrees", **solved, "got": got, "outcome": vars(outcome)})
    else:
        _print_problem(solved)
        print()
        width = max((len(answer.label) for answer in answers), default=0)
        for answer in answers:
            mark = "ok" if answer.agrees else "WRONG"
            print(f"{mark:<7} {answer.label:<{width}} expected {float(answer.expected)!r:<24} got {answer.got!r}")
        if not answers:
            print(_summary([outcome], ignore_ties=False))
        elif outcome.equation:
            print(f"points at equation ({outcome.equation}), if all problems before this one agree")
            if outcome.hint:
                print(outcome.hint)
    return 0 if outcome.status == "agrees" else 1


def _print_problem(solved: dict[str, Any]) -> None:
    """One line a matrix, rows between semicolons, in exact fractions."""
    print(f"{solved['name']}: rests on ({'), ('.join(map(str, solved['equations']))}), {solved['ties']} ties")
    for key, value in solved["f"].items():
        print(f"  {'f' if key == 'kind' else key:<9} {value if key == 'kind' else _matrix(value)}")
    shared = isinstance(solved["L"], str)
    print(f"  theta     {', '.join(map(_short, solved['theta'])) if shared else _matrix(solved['theta'])}")
    print(f"  L         {_short(solved['L']) if shared else ', '.join(map(_short, solved['L']))}")
    print(f"  layers    {solved['layers']}\n  target    {_matrix(solved['target'])}")
    for i, X in enumerate(solved["iterates"]):
        if i:
            print(f"  Z_({i})     {_matrix(solved['preactivations'][i - 1])}")
            print(f"  region    {_matrix(solved['regions'][i - 1])}")
        print(f"  X_({i})     {_matrix(X)}")
        if shared:
            _print_derivatives(f"dX_({i})", solved["sensitivities"][i])
        else:
            _print_derivatives(f"∂X_({i})", solved["partials"][i - 1] if i else {})
            print(f"  dJ/dX_({i}) {_matrix(solved['cotangents'][i])}")


def _print_derivatives(of: str, matrices: dict[str, list[list[str]]]) -> None:
    for name, derivative in matrices.items():
        print(f"  {of}/{of[0]}{name} {_matrix(derivative)}")


def _matrix(rows: list[list[Any]]) -> str:
    return "; ".join(" ".join(_short(value) for value in row) for row in rows)


def _short(number: Any) -> str:
    return str(number).removesuffix("/1")


def _load(name: str) -> Any:
    module, separator, function = name.partition(":")
    if not (module and separator and function):
        raise ValueError(f"{name!r} is not of the form module:function")
    if module.endswith(".py") or "/" in module or "\\" in module:
        path = Path(module.replace("\\", "/"))
        where = "" if len(path.parts) == 1 else f", in the folder {path.parent}"
        raise ValueError(
            f"{name!r} names a file; a module is named without folder and suffix: {path.stem}:{function}{where}"
        )
    sys.path.insert(0, "")
    try:
        loaded = getattr(importlib.import_module(module), function)
    except (Exception, SystemExit) as error:  # a module that exits must not decide our exit code
        advice = _advice(module, error)
        raise ValueError(f"cannot import {name}: {type(error).__name__}: {error}{advice}") from error
    finally:
        sys.path.remove("")
    if not callable(loaded):
        raise ValueError(f"{name} is not callable")
    return loaded


def _advice(module: str, error: BaseException) -> str:
    """What to do about a module that is not found, or that has no such function."""
    if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
        return f"; run this in the folder where {error.name} is, here {Path.cwd()}, or install it"
    if isinstance(error, AttributeError) and module in sys.modules:
        own = [key for key, value in vars(sys.modules[module]).items() if inspect.isfunction(value)]
        return f"; it has {', '.join(own)}" if own else "; it has no functions"
    return ""
