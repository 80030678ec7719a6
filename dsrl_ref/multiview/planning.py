"""What a fit will take, step by step: seconds of processors and bytes, measured small here and carried to any size.

The steps of both estimators are run on generated data of the same shape (views, features, classes, neighbours), each at
two sizes. Time goes to n samples by the power of n that leads from the one to the other, `TIMED`, as far as that is
within the step's `LIMITS`: a step of a tenth of a second may be measured at twice its time on a busy machine, and
thirty times as many samples would carry that to six times. Memory goes by the line through the peaks at `TRACED`.

What is done in another way for many samples is a step of its own, measured in that way at both sizes: neighbours are
approximate there, and labels are spread class by class, as few columns of many samples stay in a processor's cache.
Neighbours in views of few features are found by a tree, here as there.
"""

import math
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array
from dsrl_ref.memory import free_memory
from dsrl_ref.multiview.approximate import is_installed
from dsrl_ref.multiview.conjugate import abreast
from dsrl_ref.multiview.estimator import CANDIDATES, KEEP
from dsrl_ref.multiview.graph import fuse
from dsrl_ref.multiview.learning import learn_graph, mixed
from dsrl_ref.multiview.neighbors import MANY, TREE_FEATURES, nearest
from dsrl_ref.multiview.propagation import ALPHA, propagate
from dsrl_ref.multiview.spectral import embed, k_means
from dsrl_ref.multiview.views import prepare
from dsrl_ref.threads import limited, processors

TIMED = 8_000, 32_000  # samples of the two runs that are timed
TRACED = 4_000, 8_000  # of the two whose memory is looked at: numpy's, of which Python is told
RESTARTS = 10  # of k-means, as by default
LABELLED = 0.01  # share of the samples
TINY = 1e-3  # seconds: what took less may have taken none, as the clock has it
LONG = 600.0  # seconds of a step, from which on there is advice
NEIGHBOURS = "neighbours"
APPROXIMATE = "approximate neighbours"  # of many samples, where faiss is there
APART = "propagation, class by class"  # of many samples
LIMITS = {  # of the power: the least and the most
    NEIGHBOURS: (1.9, 2.0),  # of all pairs; who is kept of them costs much of few samples, and little of many
    APPROXIMATE: (1.1, 1.2),  # each is compared with so many, and with all cells, of which many samples have more
    "graph": (1.1, 1.2),  # of the eigenvectors of the mean; how to standardise, which is tried on few, hides it
    "network": (1.0, 1.1),  # weights are sorted
    "embedding": (1.0, 1.15),  # entries of a vector are looked up in any order, and leave one cache after the other
    "k-means": (1.0, 1.1),
    "propagation": (1.0, 1.3),
    APART: (1.0, 1.05),  # the same, but that a column of the larger run is in no first cache any more
}
OF_A_TREE = 1.0, 1.3  # of neighbours that it finds
FEWER = "more memory than is free: fit a sample of the data, and predict the rest"
NARROWER = "more memory than is free: take fewer neighbours, or fit a sample of the data and predict the rest"
INSTEAD = {
    NEIGHBOURS: "pip install 'dsrl_ref[ann]' brings approximate ones; or fit a sample, and predict the rest",
    APPROXIMATE: "fit a sample of the data, and predict the rest",
    "graph": "take fewer neighbours",
    "network": "take fewer neighbours",
    "embedding": "take fewer clusters, or fit a sample of the data and predict the rest",
    "k-means": "take fewer restarts, n_init",
    "propagation": "take a smaller alpha",
    APART: "take a smaller alpha",
}
OF_CLUSTERS = NEIGHBOURS, APPROXIMATE, "graph", "network", "embedding", "k-means"
OF_CLASSES = NEIGHBOURS, APPROXIMATE, "graph", "network", "propagation", APART


@dataclass(frozen=True)
class Shape:
    """What data are like, whatever their number of samples."""

    views: int
    features: int  # of each view
    classes: int
    neighbors: int


@dataclass(frozen=True)
class Cost:
    """Of a step: seconds of one processor, and bytes at its peak, all that was made before included."""

    seconds: float
    peak: float


Steps = Iterator[tuple[str, Callable[[], Any]]]


def steps(shape: Shape, n: int) -> Steps:
    """The steps of both estimators on n generated samples: a name, and what to call; each uses what came before.

    Of many samples there are no exact neighbours, if approximate ones can be found, and labels go class by class alone.
    """
    views, _, known = samples(shape, n)
    candidates = CANDIDATES * shape.neighbors
    kind = "approximate" if n >= MANY and is_installed() else "exact"
    made: dict[str, Any] = {}

    def neighbours(kind: str) -> None:
        for view in views:
            points = prepare(view, "features").points
            nearest(points, points, candidates + 2, None, kind)

    def graph() -> None:
        made["W"] = fuse(views, candidates, "adaptive", "auto", "auto", shape.classes, kind).graph

    def network() -> None:
        made["learned"] = learn_graph(made["W"], keep=KEEP, layers=11, epochs=200, learning_rate=0.02).graph

    def embedding() -> None:
        made["embedding"] = np.hstack([embed(made[name], shape.classes) for name in ("W", "learned")])

    def propagation() -> None:
        propagate(mixed(made["W"], made["learned"]), [known], shape.classes, "balanced", ALPHA)

    def class_by_class() -> None:
        graph = mixed(made["W"], made["learned"])
        for code in range(shape.classes):
            propagate(graph, [np.where(known == code, 0, -1)], 1, "balanced", ALPHA)

    if kind == "exact":
        yield NEIGHBOURS, lambda: neighbours("exact")
    if is_installed():
        yield APPROXIMATE, lambda: neighbours("approximate")
    yield "graph", graph
    yield "network", network
    if abreast(n) > 1:
        yield "propagation", propagation
    yield APART, class_by_class
    yield "embedding", embedding
    yield "k-means", lambda: k_means(made["embedding"], shape.classes, RESTARTS, np.random.default_rng(0))


def samples(shape: Shape, n: int, labelled: float = LABELLED) -> tuple[list[Array], NDArray[np.intp], NDArray[np.intp]]:
    """The views of n generated samples, their classes (n,), and these again with -1 for all but a labelled share."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, shape.classes, n)
    views = [generated(codes, shape, rng) for _ in range(shape.views)]
    return views, codes, np.where(rng.random(n) < labelled, codes, -1)


def generated(codes: NDArray[np.integer[Any]], shape: Shape, rng: np.random.Generator) -> Array:
    """A view (n, features): clouds of deviation 1 around means of deviation 1, up to 2 of fewer than four features."""
    means = 2.0 * rng.normal(size=(shape.classes, shape.features)) / math.sqrt(min(shape.features, 4))
    return means[codes] + rng.normal(size=(len(codes), shape.features))


def timed(shape: Shape, n: int, threads: int = 1, clock: Callable[[], float] = time.process_time) -> dict[str, float]:
    """Seconds of each step at n samples, by default of processors, on one thread, after a small run that compiles."""
    for _, call in steps(shape, 50 * shape.classes):
        call()
    found = {}
    with limited(threads):
        for name, call in steps(shape, n):
            began = clock()
            call()
            found[name] = clock() - began
    again = found[NEIGHBOURS] if NEIGHBOURS in found else found[APPROXIMATE]  # which it found once more
    found["graph"] = max(0.0, found["graph"] - again)
    return found


def traced(shape: Shape, n: int) -> dict[str, float]:
    """Bytes at the peak of each step at n samples, what was made before it included."""
    found = {}
    tracemalloc.start()
    try:
        with limited(1):
            for name, call in steps(shape, n):
                tracemalloc.reset_peak()
                call()
                found[name] = float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    return found


@dataclass(frozen=True)
class Constants:
    """What was measured on a machine, for one shape: seconds at both of `TIMED` samples, bytes at both of `TRACED`."""

    seconds: dict[str, float]
    seconds_of_more: dict[str, float]
    bytes: dict[str, float]
    bytes_of_more: dict[str, float]

    @classmethod
    def measured(cls, shape: Shape) -> "Constants":
        """Measure, which takes a minute or so."""
        return cls(*(timed(shape, n) for n in TIMED), *(traced(shape, n) for n in TRACED))

    def costs(self, n: int, limits: Mapping[str, tuple[float, float]] = LIMITS) -> dict[str, Cost]:
        """Every step at n samples, by powers within `limits`."""
        held = {APART: "propagation"}  # all classes are, whichever are solved for together
        return {
            name: Cost(self._seconds(name, n, *limits[name]), self._bytes(held.get(name, name), n))
            for name in self.seconds
        }

    def _seconds(self, name: str, n: int, least: float, most: float) -> float:
        """By the power that was measured, within its limits, from the larger of the two runs on."""
        few, more = TIMED
        ratio = max(self.seconds_of_more[name], TINY) / max(self.seconds[name], TINY)
        power = min(max(math.log(ratio) / math.log(more / few), least), most)
        return self.seconds_of_more[name] * (n / more) ** power

    def _bytes(self, name: str, n: int) -> float:
        few, more = TRACED
        slope = max(0.0, self.bytes_of_more[name] - self.bytes[name]) / (more - few)
        return max(0.0, self.bytes[name] + slope * (n - few))


@dataclass(frozen=True)
class Step:
    """A line of a plan: seconds that pass and bytes at the peak, and what to take instead where that is too much."""

    name: str
    seconds: float
    peak: float
    advice: str = ""


@dataclass(frozen=True)
class Plan:
    """What `plan` tells: every step, both estimators as a whole, and the bytes that this machine has free."""

    steps: list[Step]
    totals: list[Step]
    memory: int


def measurable() -> list[str]:
    """The steps that can be measured here: approximate neighbours are found by faiss, if it is there."""
    return [name for name in LIMITS if name != APPROXIMATE or is_installed()]


def limits_of(shape: Shape) -> dict[str, tuple[float, float]]:
    """The `LIMITS` of powers for a shape: in few features a tree finds neighbours."""
    return {**LIMITS, NEIGHBOURS: OF_A_TREE} if shape.features <= TREE_FEATURES else LIMITS


def taken(shape: Shape, n: int, measured: Iterable[str]) -> list[str]:
    """The steps that a fit of n samples takes, of those that were measured: some are of few samples, some of many."""
    approximate = n >= MANY and shape.features > TREE_FEATURES and APPROXIMATE in measured
    left_out = NEIGHBOURS if approximate else APPROXIMATE, APART if abreast(n) > 1 else "propagation"
    return [name for name in measured if name not in left_out]


def plan(shape: Shape, n: int, constants: Constants) -> Plan:
    """Tell what n samples take, on as many threads as `processors` says, by what was measured at fewer of them.

    Neighbours are looked for by all threads, the rest has one. From 200,000 samples on they are approximate, if they
    were measured, and no tree finds them.

    Examples
    --------
    >>> same = dict.fromkeys(LIMITS, 1.0)
    >>> found = plan(Shape(2, 16, 20, 10), 10_000, Constants(same, same, same, same))
    >>> [step.name for step in found.totals]
    ['cluster', 'classify']
    """
    free, found, costs = free_memory(), {}, constants.costs(n, limits_of(shape))
    for name in taken(shape, n, constants.seconds):
        cost = costs[name]
        seconds = cost.seconds / processors() if name in (NEIGHBOURS, APPROXIMATE) else cost.seconds
        found[name] = Step(name, seconds, cost.peak, _advice(name, seconds, cost.peak, free))
    wholes = {"cluster": OF_CLUSTERS, "classify": OF_CLASSES}
    totals = [
        Step(whole, sum(step.seconds for step in steps), max(step.peak for step in steps))
        for whole, steps in (
            (whole, [found[name] for name in names if name in found]) for whole, names in wholes.items()
        )
    ]
    return Plan(list(found.values()), totals, free)


def _advice(name: str, seconds: float, peak: float, free: int) -> str:
    """What to take instead, where a step takes more than there is, or than a user would wait for."""
    if peak > free:
        return FEWER if name in (NEIGHBOURS, APPROXIMATE) else NARROWER
    return INSTEAD[name] if seconds > LONG else ""
