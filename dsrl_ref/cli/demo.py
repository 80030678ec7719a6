"""``dsrl-ref demo``: the main job, on real data that comes with the package."""

import argparse
import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.appendix.network import forward
from dsrl_ref.arrays import Array
from dsrl_ref.cli import applications
from dsrl_ref.cli.output import add_json, add_report, print_json, require_places, require_report
from dsrl_ref.differences import GradientCheck, check_gradient
from dsrl_ref.engines.scalar_map import ScalarMap
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
from dsrl_ref.objective import Objective
from dsrl_ref.report import graphs, render
from dsrl_ref.report.origin import Origin, origin
from dsrl_ref.report.page import Page
from dsrl_ref.results import FitResult
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status
from dsrl_ref.training import fit
from dsrl_ref.training.authors import LAYERS

VIEWS = ("pixels", "Fourier magnitudes", "row and column sums", "differences")
EPOCHS = 40
REPEATS, SEED = 3, 2021
LARGEST_GAP = 1e-7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``demo``."""
    add_report(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn on the digits, cluster and classify them; exit 1 if the gradient there is not that of differences."""
    require_report(arguments.report)
    require_places([arguments.report], [])
    views, labels = load_dataset("digits")
    found = compute(dict(zip(VIEWS, views, strict=True)), np.asarray(labels))
    if arguments.report:
        render.write(arguments.report, _page(found, np.asarray(labels), origin(arguments.command)))
    if arguments.json:
        print_json(as_record(found))
    else:
        print_report(found)
    return 0 if found.passed else 1


@dataclass(frozen=True)
class Demo:
    """What the demo found.

    Attributes
    ----------
    columns : dict
        How many each view has, by its name.
    graph : csr_array (n, n)
        The views fused: W.
    J : Objective
        Of the authors' network on the graph.
    learned : FitResult
        Of the authors' training.
    output : csr_array (n, n)
        What the learned network makes of the graph.
    checked : GradientCheck
        At the learned Θ and L.
    classes : int
        Of the labels.
    tasks : dict
        Outcomes of "clustering" and of "classification", that of DSRL first.
    seconds : dict
        How long each part took.
    """

    columns: dict[str, int]
    graph: csr_array
    J: Objective
    learned: FitResult
    output: csr_array
    checked: GradientCheck
    classes: int
    tasks: dict[str, list[Outcome]]
    seconds: dict[str, float]

    @property
    def agrees(self) -> bool:
        """Whether the gradient where training ended is that of differences, and rounding hides next to nothing."""
        return max(self.checked.gap, self.checked.rounding) <= LARGEST_GAP

    @property
    def passed(self) -> bool:
        """Whether the gradient is right where training ended, and condition (7) holds there."""
        return self.agrees and not self.learned.theta.violations()


def compute(views: dict[str, Array], codes: NDArray[np.intp]) -> Demo:
    """Fuse the views (n, d_v) into a graph, train on it, check the gradient, and apply what was learned.

    `codes` (n,) are the classes, from 0.
    """
    start = time.perf_counter()
    graph = similarity_graph(list(views.values()))
    built = time.perf_counter()
    J = Objective(Fidelity(graph), layers=LAYERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StartWarning)  # as the authors have it: decay alone moves their start
        learned = fit(J, method="authors", epochs=EPOCHS)
    if learned.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    trained = time.perf_counter()
    output = forward(J.f, learned.theta, learned.L, LAYERS)[-1]
    checked = check_gradient(J, learned.theta, learned.L)
    verified = time.perf_counter()
    tasks = apply_both(Data(list(views.values()), None, codes, graph))
    end = time.perf_counter()
    return Demo(
        columns={name: view.shape[1] for name, view in views.items()},
        graph=graph,
        J=J,
        learned=learned,
        output=output,
        checked=checked,
        classes=int(codes.max()) + 1,
        tasks=tasks,
        seconds={
            "graph": built - start,
            "training": trained - built,
            "applications": end - verified,
            "all": end - start,
        },
    )


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


def as_record(found: Demo) -> dict[str, Any]:
    """What was found, for JSON."""
    learned, losses = found.learned, found.learned.history["loss"]
    return {
        "views": found.columns,
        "samples": found.graph.shape[0],
        "nonzeros": {"graph": _nonzeros(found.graph), "output": _nonzeros(found.output)},
        "epochs": len(losses),
        "theta": learned.theta._asdict(),
        "L": learned.L,
        "violations": list(learned.theta.violations()),
        "loss": {"first": float(losses[0]), "last": learned.loss},
        "zero_fraction": {"graph": _zero_fraction(found.graph), "output": _zero_fraction(found.output)},
        "gradient_check": asdict(found.checked),
        "passed": found.passed,
        **{name: [applications.record(outcome) for outcome in outcomes] for name, outcomes in found.tasks.items()},
        "seconds": found.seconds,
    }


def _page(found: Demo, codes: NDArray[np.intp], made_by: Origin) -> Page:
    """The same for people, with the graph before and after, and what lies between."""
    learned = found.learned
    network = ScalarMap(learned.theta, learned.L, LAYERS)
    drawn = graphs.learning(found.graph, found.output, network, codes, None)
    titles = _titles(found)
    return graphs.page(_told(found), drawn, {titles[name]: each for name, each in found.tasks.items()}, made_by)


def print_report(found: Demo) -> None:
    """Print a line for each thing found, then a table for each task."""
    for label, text in _told(found).items():
        print(f"{label:<19} {text}")
    for name, outcomes in found.tasks.items():
        print(f"\n{_titles(found)[name]}")
        applications.print_table(outcomes)


def _titles(found: Demo) -> dict[str, str]:
    return {
        "clustering": f"clustering into {found.classes}, {REPEATS} seeds",
        "classification": f"classification, 10 % labelled, {REPEATS} splits",
    }


def _told(found: Demo) -> dict[str, str]:
    """What was found, by its label."""
    learned, checked, seconds, n = found.learned, found.checked, found.seconds, found.graph.shape[0]
    theta, losses = learned.theta, learned.history["loss"]
    return {
        "data": f"UCI handwritten digits, {n} images 8×8 (CC BY 4.0)",
        "derived views": ", ".join(f"{name} ({size})" for name, size in found.columns.items()),
        "fused graph": f"{n}×{n}, {_nonzeros(found.graph)} nonzeros, {seconds['graph']:.1f} s",
        "network": f"f = ½‖X - W‖², {found.J.layers} layers, explicit gradients ({found.J.method})",
        "training": f"the authors' optimiser, {len(losses)} epochs, {seconds['training']:.1f} s",
        "learned Θ": f"w1 = {theta.w1:.6f}, w2 = {theta.w2:.6f}, b1 = {theta.b1:.6f}, b2 = {theta.b2:.6f}",
        "learned L": f"{learned.L:.6f}",
        "condition (7)": "; ".join(theta.violations()) or "holds",
        "loss": f"{losses[0]:.4f} -> {learned.loss:.4f}",
        "sparsity": f"{_zero_fraction(found.graph):.2%} -> {_zero_fraction(found.output):.2%} zeros, "
        f"{_nonzeros(found.output)} nonzeros left",
        "gradient there": f"{checked.gap:.1e} from differences, beyond rounding, which hides {checked.rounding:.1e} of "
        f"what is added up ({checked.ties} ties): {'agrees' if found.agrees else 'DISAGREES'}",
        "all": f"{seconds['all']:.1f} s",
    }


def _nonzeros(matrix: csr_array) -> int:
    return int(np.count_nonzero(matrix.data))


def _zero_fraction(matrix: csr_array) -> float:
    return 1.0 - _nonzeros(matrix) / (matrix.shape[0] * matrix.shape[1])
