"""``dsrl-ref demo``: the main job, on real data that comes with the package."""

import argparse
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.appendix.network import forward
from dsrl_ref.arrays import Array
from dsrl_ref.cli import applications
from dsrl_ref.cli.output import add_json, add_report, print_json, require_places, require_report, show
from dsrl_ref.differences import GradientCheck, check_gradient
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.errors import StartWarning
from dsrl_ref.multiview import load_dataset
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
from dsrl_ref.progress import Progress
from dsrl_ref.report import graphs, render
from dsrl_ref.report.origin import Origin, origin
from dsrl_ref.report.page import Page
from dsrl_ref.results import FitResult
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status
from dsrl_ref.training import fit
from dsrl_ref.training.authors import LAYERS

OFTEN, EXAMPLE = ("--report", "--json"), "dsrl-ref demo"
VIEWS = ("pixels", "Fourier magnitudes", "row and column sums", "differences")
EPOCHS = 40
REPEATS, SEED = 3, 2021
LARGEST_GAP = 1e-7
TITLES = {
    "clustering": f"clustering into {{}}, {REPEATS} seeds",
    "classification": f"classification, 10 % labelled, {REPEATS} splits",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``demo``."""
    add_report(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn on the digits, cluster and classify them; exit 1 if the gradient there is not that of differences."""
    require_report(arguments.report)
    require_places([arguments.report], [])
    views, labels = load_dataset("digits")
    told = Told(printed=not arguments.json)
    with Progress("demo") as progress:
        found = compute(dict(zip(VIEWS, views, strict=True)), np.asarray(labels), told, progress)
    if arguments.report:
        render.write(arguments.report, _page(found, told, np.asarray(labels), origin(arguments.command)))
    if arguments.json:
        print_json(as_record(found))
    return 0 if found.passed else 1


@dataclass(frozen=True)
class Demo:
    """What the demo found, all of it.

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
    def passed(self) -> bool:
        """Whether the gradient is right where training ended, and condition (7) holds there."""
        return agrees(self.checked) and not self.learned.theta.violations()


class Told:
    """Hears of each thing as soon as it is found, and makes a line of it, or of the outcomes of a task a table.

    Attributes
    ----------
    printed : bool
        Whether each line is printed at once.
    lines : dict of str to str
        Those so far, by their labels; tables have none.
    """

    def __init__(self, printed: bool) -> None:
        self.printed, self.lines = printed, dict[str, str]()

    def line(self, label: str, text: str) -> None:
        """Keep a line."""
        self.lines[label] = text
        self._print(f"{label:<19} {text}")

    def _print(self, text: str = "") -> None:
        if self.printed:
            show(text)

    def begun(self, columns: dict[str, int], n: int) -> None:
        """Tell which data it is: n samples, and how many columns each view has."""
        self.line("data", f"UCI handwritten digits, {n} images 8×8 (CC BY 4.0)")
        self.line("derived views", ", ".join(f"{name} ({size})" for name, size in columns.items()))

    def fused(self, graph: csr_array, seconds: float) -> None:
        """Tell the size of the graph."""
        n = graph.shape[0]
        self.line("fused graph", f"{n}×{n}, {_nonzeros(graph)} nonzeros, {seconds:.1f} s")

    def prepared(self, J: Objective) -> None:
        """Tell which network is to learn."""
        self.line("network", f"f = ½‖X - W‖², {J.layers} layers, explicit gradients ({J.method})")

    def trained(self, learned: FitResult, seconds: float) -> None:
        """Tell what it learned."""
        theta, losses = learned.theta, learned.history["loss"]
        self.line("training", f"the authors' optimiser, {len(losses)} epochs, {seconds:.1f} s")
        self.line("learned Θ", f"w1 = {theta.w1:.6f}, w2 = {theta.w2:.6f}, b1 = {theta.b1:.6f}, b2 = {theta.b2:.6f}")
        self.line("learned L", f"{learned.L:.6f}")
        self.line("condition (7)", "; ".join(theta.violations()) or "holds")
        self.line("loss", f"{losses[0]:.4f} -> {learned.loss:.4f}")

    def applied(self, graph: csr_array, output: csr_array) -> None:
        """Tell how sparse the graph was, and what the network leaves of it."""
        shares = f"{_zero_fraction(graph):.2%} -> {_zero_fraction(output):.2%} zeros"
        self.line("sparsity", f"{shares}, {_nonzeros(output)} nonzeros left")

    def verified(self, checked: GradientCheck) -> None:
        """Tell whether the gradient where training ended is that of differences."""
        self.line(
            "gradient there",
            f"{'agrees' if agrees(checked) else 'DISAGREES'} with differences of the loss: {checked.gap:.1e} apart "
            f"beyond rounding, which hides at most {checked.rounding:.1e} ({checked.ties} ties)",
        )

    def scored(self, task: str, classes: int, outcome: Outcome, first: bool) -> None:
        """Tell the scores of a method, and before the first of a task what stands above them."""
        if first:
            self._print()
            self._print(TITLES[task].format(classes))
            self._print(applications.head_of_table(outcome))
        self._print(applications.row_of_table(outcome))

    def ended(self, seconds: float) -> None:
        """Tell how long all took."""
        self._print()
        self.line("all", f"{seconds:.1f} s")


def compute(
    views: dict[str, Array], codes: NDArray[np.intp], told: Told | None = None, progress: Progress | None = None
) -> Demo:
    """Fuse the views (n, d_v) into a graph, train on it, check the gradient, and apply what was learned.

    `codes` (n,) are the classes, from 0.
    """
    told, progress = told or Told(printed=False), progress or Progress("demo", verbose=False)
    start = time.perf_counter()
    columns = {name: view.shape[1] for name, view in views.items()}
    told.begun(columns, len(codes))
    data = Data.of_views(list(views.values()), codes)
    graph = data.heat
    built = time.perf_counter()
    told.fused(graph, built - start)
    progress.tell("training")
    J = Objective(Fidelity(graph), layers=LAYERS)
    told.prepared(J)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StartWarning)  # as the authors have it: decay alone moves their start
        learned = fit(J, method="authors", epochs=EPOCHS)
    if learned.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    trained = time.perf_counter()
    told.trained(learned, trained - built)
    output = forward(J.f, learned.theta, learned.L, LAYERS)[-1]
    told.applied(graph, output)
    progress.tell("differences of the loss")
    checked = check_gradient(J, learned.theta, learned.L)
    told.verified(checked)
    verified = time.perf_counter()
    tasks: dict[str, list[Outcome]] = {}
    progress.tell("clustering and classification")
    classes = int(codes.max()) + 1
    for task, outcome in each_outcome(data):
        told.scored(task, classes, outcome, first=task not in tasks)
        tasks.setdefault(task, []).append(outcome)
        progress.tell(f"{task}: {len(tasks[task])} methods are scored, the next is at work")
    end = time.perf_counter()
    told.ended(end - start)
    seconds = {"graph": built - start, "training": trained - built, "applications": end - verified, "all": end - start}
    return Demo(columns, graph, J, learned, output, checked, classes, tasks, seconds)


def each_outcome(data: Data) -> Iterator[tuple[str, Outcome]]:
    """Cluster and classify, with the controls beside; each is yielded as soon as it is scored."""
    classes, seeds = int(data.codes.max()) + 1, range(SEED, SEED + REPEATS)
    clustered = cluster(data, classes, seeds, {})
    yield "clustering", clustered
    for control in clustering_controls(data, classes, seeds, clustered, {}, hindsight=()):
        yield "clustering", control
    labelled = list(splits(len(data.codes), 0.1, REPEATS, SEED))
    classified = classify_on(clustered.found, data, labelled)
    yield "classification", classified
    for control in classification_controls(data, labelled, classified, {}, hindsight=()):
        yield "classification", control


def agrees(checked: GradientCheck) -> bool:
    """Whether the gradient where training ended is that of differences, and rounding hides next to nothing."""
    return max(checked.gap, checked.rounding) <= LARGEST_GAP


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


def _page(found: Demo, told: "Told", codes: NDArray[np.intp], made_by: Origin) -> Page:
    """The same for people, with the graph before and after, and what lies between."""
    network = ScalarMap(found.learned.theta, found.learned.L, LAYERS)
    drawn = graphs.learning(found.graph, found.output, network, codes, None)
    tasks = {TITLES[task].format(found.classes): outcomes for task, outcomes in found.tasks.items()}
    return graphs.page(told.lines, drawn, tasks, made_by)


def _nonzeros(matrix: csr_array) -> int:
    return int(np.count_nonzero(matrix.data))


def _zero_fraction(matrix: csr_array) -> float:
    return 1.0 - _nonzeros(matrix) / (matrix.shape[0] * matrix.shape[1])
