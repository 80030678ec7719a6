"""``dsrl-ref demo``: the main job, on real data that comes with the package."""

import argparse
import math
import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import forward, preactivations
from dsrl_ref.appendix.shrinkage import rows
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.cli import experiment
from dsrl_ref.cli.output import add_json, print_json
from dsrl_ref.errors import StartWarning
from dsrl_ref.multiview import load_dataset, similarity_graph
from dsrl_ref.multiview.experiments import (
    Data,
    Outcome,
    classification_controls,
    classify_on,
    cluster,
    clustering_controls,
    splits,
)
from dsrl_ref.objective import Gradient, Objective
from dsrl_ref.results import FitResult
from dsrl_ref.smooth import Fidelity
from dsrl_ref.training import fit
from dsrl_ref.training.authors import LAYERS

VIEWS = ("pixels", "Fourier magnitudes", "row and column sums", "differences")
EPOCHS = 40
REPEATS, SEED = 3, 2021
LARGEST_GAP = 1e-7
TITLES = {
    "clustering": f"clustering into 10, {REPEATS} seeds",
    "classification": f"classification, 10 % labelled, {REPEATS} splits",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``demo``."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn on the digits, cluster and classify them; exit 1 if the gradient there is not that of differences."""
    start = time.perf_counter()
    views, labels = load_dataset("digits")
    graph = similarity_graph(views)
    built = time.perf_counter()
    J = Objective(Fidelity(graph), layers=LAYERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StartWarning)  # as the authors have it: decay alone moves their start
        learned = fit(J, method="authors", epochs=EPOCHS)
    trained = time.perf_counter()
    output = forward(J.f, learned.theta, learned.L, LAYERS)[-1]
    checked = check_gradient(graph.data, learned.theta, learned.L, LAYERS)
    passed = checked.gap <= LARGEST_GAP and not learned.theta.violations()
    verified = time.perf_counter()
    tasks = apply_both(Data(views, None, np.asarray(labels), graph))
    report = {
        "views": {name: view.shape[1] for name, view in zip(VIEWS, views, strict=True)},
        "samples": graph.shape[0],
        "nonzeros": {"graph": int(graph.nnz), "output": int(np.count_nonzero(output.data))},
        "epochs": EPOCHS,
        "theta": learned.theta._asdict(),
        "L": learned.L,
        "violations": list(learned.theta.violations()),
        "loss": {"first": float(learned.history["loss"][0]), "last": learned.loss},
        "zero_fraction": {"graph": _zero_fraction(graph), "output": _zero_fraction(output)},
        "gradient_check": asdict(checked),
        "passed": passed,
        **{name: [experiment.record(outcome) for outcome in outcomes] for name, outcomes in tasks.items()},
        "seconds": {
            "graph": built - start,
            "training": trained - built,
            "applications": time.perf_counter() - verified,
            "all": time.perf_counter() - start,
        },
    }
    if arguments.json:
        print_json(report)
    else:
        _print_report(report, learned, J)
        for name, outcomes in tasks.items():
            print(f"\n{TITLES[name]}")
            experiment.print_table(outcomes)
    return 0 if passed else 1


def apply_both(data: Data) -> dict[str, list[Outcome]]:
    """Cluster and classify, with the controls beside."""
    classes, seeds = int(data.codes.max()) + 1, range(SEED, SEED + REPEATS)
    labelled = list(splits(len(data.codes), 0.1, REPEATS, SEED))
    clustered = cluster(data, classes, seeds, {})
    classified = classify_on(clustered.found, data, labelled)
    return {
        "clustering": [clustered, *clustering_controls(data, classes, seeds, clustered, {}, hindsight=())],
        "classification": [classified, *classification_controls(data, labelled, classified, {}, hindsight=())],
    }


@dataclass(frozen=True)
class GradientCheck:
    """How far the explicit gradient is from central differences on the same data."""

    gap: float
    gaps: dict[str, float]
    step: float
    ties: int


def check_gradient(W: Array, theta: Theta, L: float, layers: int) -> GradientCheck:
    """Compare the gradient with central differences, relative to it.

    The step is halved until no entry of any layer changes region within it; the loss differences of the entries
    are added without rounding, so that a step that small still leaves enough digits.
    """
    f = Fidelity(W.reshape(1, -1))
    J = Objective(f, layers=layers)
    _, gradient = J(theta, L)
    at = np.array([*theta, L])
    gaps, steps = {}, []
    for number, name in enumerate(Gradient._fields):
        estimate, step = _difference(f, at, number, layers)
        gaps[name] = abs(gradient[number] - estimate) / max(1.0, abs(gradient[number]))
        steps.append(step)
    return GradientCheck(max(gaps.values()), gaps, min(steps), J.ties(theta, L))


def _difference(f: Fidelity, at: Array, number: int, layers: int) -> tuple[float, float]:
    """Central difference of the loss in one parameter, and the step it took."""
    home = _regions(f, at, layers)
    for power in range(20, 34):
        step = 2.0**-power
        sides = [at + sign * step * (np.arange(5) == number) for sign in (1, -1)]
        if all(_regions(f, side, layers) == home for side in sides):
            plus, minus = (_losses(f, side, layers) for side in sides)
            return math.fsum(plus - minus) / (2 * step), step
    raise ValueError(f"an entry sits on a knot: no step in {Gradient._fields[number]} leaves every region as it is")


def _regions(f: Fidelity, x: Array, layers: int) -> list[bytes]:
    theta = Theta(*x[:4])
    return [rows(Z, theta).tobytes() for Z in preactivations(f, theta, float(x[4]), layers, f.W)]


def _losses(f: Fidelity, x: Array, layers: int) -> Array:
    """What each entry contributes to J."""
    return 0.5 * (forward(f, x[:4], float(x[4]), layers)[-1] - f.W).ravel() ** 2


def _zero_fraction(matrix: Any) -> float:
    return 1.0 - np.count_nonzero(matrix.data) / (matrix.shape[0] * matrix.shape[1])


def _print_report(report: dict[str, Any], learned: FitResult, J: Objective) -> None:
    theta, check, seconds = learned.theta, report["gradient_check"], report["seconds"]
    held = "holds" if not report["violations"] else "; ".join(report["violations"])
    n, zeros, nonzeros = report["samples"], report["zero_fraction"], report["nonzeros"]
    views = ", ".join(f"{name} ({size})" for name, size in report["views"].items())
    lines = {
        "data": f"UCI handwritten digits, {report['samples']} images 8×8 (CC BY 4.0)",
        "derived views": views,
        "fused graph": f"{n}×{n}, {report['nonzeros']['graph']} nonzeros, {seconds['graph']:.1f} s",
        "network": f"f = ½‖X - W‖², {J.layers} layers, explicit gradients ({J.method})",
        "training": f"the authors' optimiser, {report['epochs']} epochs, {seconds['training']:.1f} s",
        "learned Θ": f"w1 = {theta.w1:.6f}, w2 = {theta.w2:.6f}, b1 = {theta.b1:.6f}, b2 = {theta.b2:.6f}",
        "learned L": f"{learned.L:.6f}",
        "condition (7)": held,
        "loss": f"{report['loss']['first']:.4f} -> {report['loss']['last']:.4f}",
        "sparsity": f"{zeros['graph']:.2%} -> {zeros['output']:.2%} zeros, {nonzeros['output']} nonzeros left",
        "gradient there": f"worst gap to central differences {check['gap']:.1e} (step {check['step']:.0e}, "
        f"{check['ties']} ties): {'agrees' if report['passed'] else 'DISAGREES'}",
        "all": f"{seconds['all']:.1f} s",
    }
    for label, text in lines.items():
        print(f"{label:<19} {text}")
