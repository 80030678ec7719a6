"""``dsrl-ref files``: the keys of the files that the commands read and write.

What a command reads and writes stands in its own module, where it is used: ``REQUIRED`` and ``OPTIONAL`` beside the
data of f, and ``WRITES``. This command only collects them.
"""

import argparse
from importlib import import_module
from typing import Any

from dsrl_ref.cli import applications
from dsrl_ref.cli.help import filled
from dsrl_ref.cli.output import add_json, print_json
from dsrl_ref.cli.problem import told

OFTEN, EXAMPLE = ("--json",), "dsrl-ref files"
OF_PROBLEMS, OF_SAMPLES = ("gradient", "fit", "solve", "plot"), ("cluster", "classify", "predict")
MEANING = {
    "W": (
        "(n, m), dense: f(X) = ½‖X - W‖²; also a graph (n, n), as --graph takes it. For gradient and fit it may be the "
        "name of a .npy, as may Y, x0 and target, which stays on disk"
    ),
    "D": "(k, n), with Y: f(X) = ½‖DX - Y‖²",
    "Y": "(k, m), with D; of samples (n,): their labels, of which -1 and what is missing are none",
    "X": "X, or X1, X2, ..: views (n, d) of the same n samples; dsrl_ref.multiview.load_dataset knows other names",
    "theta": "(4,): w1, w2, b1, b2; for fit --per-layer also (layers, 4)",
    "L": "step constant; for fit --per-layer also (layers,)",
    "layers": "t, how often ξ is applied; inf for the fixed point",
    "target": "(n, m): what X_(t) should become; W where it is left out, and required with D and Y",
    "x0": "(n, m): X_(0), where to start; W or zeros where it is left out",
    "weight": "of g in f + weight·g; 1 where it is left out",
    "x": "(n, m): the solution",
    "scale": "what the graph was divided by before the network saw it",
    "graph_shape": "the learned graph, in compressed rows as scipy.sparse.csr_array has them:",
    "graph_data": "its weights,",
    "graph_indices": "their columns,",
    "graph_indptr": "and where each row begins",
    "labels": "(n,): a cluster, or the likeliest class, for each sample",
    "probability": "(n,): that of this class",
    "reached": "(n,): whether a label reaches the sample",
    "labelled": "places of the samples whose labels were used",
    "sample": "(n,): what the samples are called, where tables have an index",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``files``."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what each command reads and writes, then what each key means."""
    if arguments.json:
        print_json({"commands": collected(), "keys": MEANING})
        return 0
    for name in OF_PROBLEMS:
        print(f"{name:<9} reads  {told(*_of_problem(name))}")
        _print_written(name)
    for name in OF_SAMPLES:
        print(f"{name:<9} reads  {', '.join(applications.READS)}; or tables; --graph FILE: W, or --key")
        _print_written(name)
    print("vectors, check: JSON; dsrl-ref vectors --help-all documents it")
    print("MODEL, which fit -o and cluster, classify --model write: dsrl_ref.load reads it\n")
    print(filled([f"{key:<14} {text}" for key, text in MEANING.items()], indent=" " * 15), end="")
    return 0


def collected() -> dict[str, Any]:
    """For each command: keys that are required beside the data of f, those that are optional, and those written."""
    found: dict[str, Any] = {}
    for name in OF_PROBLEMS:
        required, optional = _of_problem(name)
        found[name] = {"data": [["W"], ["D", "Y"]], "required": [*required], "optional": [*optional]}
    for name in OF_SAMPLES:
        found[name] = {"data": [[*applications.READS], ["W"]], "required": [], "optional": []}
    return {name: {**keys, "writes": [*_written(name)]} for name, keys in found.items()}


def _of_problem(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    module = import_module(f"dsrl_ref.cli.{name}")
    return module.REQUIRED, module.OPTIONAL


def _written(name: str) -> tuple[str, ...]:
    return getattr(import_module(f"dsrl_ref.cli.{name}"), "WRITES", ())


def _print_written(name: str) -> None:
    if written := _written(name):
        print(filled([f"          writes {', '.join(written)}"], indent=" " * 17), end="")
