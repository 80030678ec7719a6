"""``dsrl-ref check module:function``: judge an implementation by the conformance vectors."""

import argparse
import importlib
import sys
from typing import Any

from dsrl_ref.cli.output import add_json, print_json
from dsrl_ref.verify.conformance import check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``check``."""
    parser.add_argument(
        "implementation",
        metavar="module:function",
        help="called as function(f, theta, L, layers, x0, target), returns (loss, five derivatives)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the ladder; exit 1 at a disagreement, naming the equation of the first."""
    outcomes = list(check(_load(arguments.implementation)))
    failed = [outcome for outcome in outcomes if outcome.failure]
    if arguments.json:
        print_json({"passed": not failed, "problems": [vars(outcome) for outcome in outcomes]})
        return 1 if failed else 0
    for outcome in outcomes:
        print(f"{'FAILED' if outcome.failure else 'ok':<7} {outcome.name}{outcome.failure and ': ' + outcome.failure}")
    if failed:
        print(f"first disagreement: equation ({failed[0].equation}), problem {failed[0].name!r}")
        return 1
    print(f"agrees on all {len(outcomes)} problems within 1e-12·S")
    return 0


def _load(name: str) -> Any:
    module, separator, function = name.partition(":")
    if not (module and separator and function):
        raise ValueError(f"{name!r} is not of the form module:function")
    sys.path.insert(0, "")
    try:
        loaded = getattr(importlib.import_module(module), function)
    except (Exception, SystemExit) as error:  # a module that exits must not decide our exit code
        raise ValueError(f"cannot import {name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    if not callable(loaded):
        raise ValueError(f"{name} is not callable")
    return loaded
