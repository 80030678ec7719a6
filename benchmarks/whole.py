"""The rows on what users wait for: whole fits of many samples, their neighbours, and the training on a large graph."""

import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.measure import Result, cpu_in_turn, most_allocated
from benchmarks.rows import Disagreement, Row
from benchmarks.scale import SHAPE, once
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, planning
from dsrl_ref.multiview.estimator import KEEP
from dsrl_ref.multiview.learning import learn_graph
from dsrl_ref.multiview.neighbors import nearest
from dsrl_ref.multiview.points import Dense
from dsrl_ref.threads import limited

EXACT = 10**5  # samples, up to which clusters are looked for too
LEAST = 100  # labels


def fits(size: str) -> Row:
    """Views to labels, of which 1 % are known, and to clusters: time of processors, the peak, how many are right."""
    sizes = {"full": [10**4, 10**5, 10**6], "quick": [10**4], "smallest": [500]}[size]
    results, notes = [], []
    _classified(*planning.samples(SHAPE, 50 * SHAPE.classes))  # compiles
    for n in sizes:
        for what, fit in {"classified": _classified, "clustered": _clustered}.items():
            if what == "clustered" and n > EXACT:
                continue
            given, fitted = planning.samples(SHAPE, n, max(planning.LABELLED, LEAST / n)), list[tuple[Any, float]]()
            cost = once(partial(_keep, fitted, fit, given))
            (model, right), *_ = fitted
            results.append(Result(f"{n:,} samples, {what}", cost.used, cost.peak))
            kinds = ", ".join(
                taken.kind + (f" {taken.recall:.2f}" if taken.recall else "") for taken in model.neighbors_
            )
            notes.append(f"{n:,} samples, {what}: {right:.3f} right, in {cost.passed:.3g} s; neighbours {kinds}")
    work = f"{SHAPE.views} views of {SHAPE.features} features, {SHAPE.classes} classes; seconds of processors"
    return Row("scale-fit", work, results, notes=notes)


def _keep(fitted: list[tuple[Any, float]], fit: Callable[..., tuple[Any, float]], given: Any) -> None:
    """Fit, and keep what comes of it: of a call that is measured nothing else stays."""
    fitted.append(fit(*given))


def _classified(views: list[np.ndarray], y: np.ndarray, known: np.ndarray) -> tuple[Any, float]:
    model = DSRLClassifier(n_neighbors=SHAPE.neighbors).fit(views, known)
    return model, float(np.mean(model.transduction_[known < 0] == y[known < 0]))


def _clustered(views: list[np.ndarray], y: np.ndarray, known: np.ndarray) -> tuple[Any, float]:
    model = DSRLClustering(SHAPE.classes, n_neighbors=SHAPE.neighbors, random_state=0).fit(views)
    return model, clustering_scores(y, model.labels_)["accuracy"]


def neighbours(size: str) -> Row:
    """The 30 exact nearest of each of 20,000 samples of 32 features, beside scikit-learn's brute force, one thread."""
    n, d, k = {"full": (20_000, 32, 30), "quick": (5_000, 32, 30), "smallest": (300, 5, 4)}[size]
    X = np.random.default_rng(0).normal(size=(n, d))
    points = Dense(np.ascontiguousarray(X.T))
    with limited(1):
        found = nearest(points, points, k + 1, None, "exact")[1]
        ours = {"dsrl_ref": lambda: nearest(points, points, k + 1, None, "exact")}
        theirs = _brute(X, k + 1)
        if theirs is not None and any(set(a) != set(b) for a, b in zip(found, theirs(), strict=True)):
            raise Disagreement("neighbours differ from those of scikit-learn")
        results = cpu_in_turn({**ours, "scikit-learn, brute force": theirs})
    return Row("scale-neighbours", f"{n:,} samples of {d} features, {k} neighbours; seconds of a processor", results)


def _brute(X: np.ndarray, k: int) -> Callable[[], np.ndarray] | None:
    if find_spec("sklearn") is None:
        return None
    from sklearn.neighbors import NearestNeighbors

    return lambda: NearestNeighbors(n_neighbors=k, algorithm="brute", n_jobs=1).fit(X).kneighbors(X)[1]


def training(size: str) -> Row:
    """50 epochs on a graph of 10⁶ samples and 1.5·10⁷ entries: time of processors, and memory on top of the graph's."""
    n = {"full": 10**6, "quick": 10**5, "smallest": 300}[size]
    rng = np.random.default_rng(0)
    edges = 15 * n // 2
    W = csr_array((rng.random(edges), (rng.integers(0, n, edges), rng.integers(0, n, edges))), shape=(n, n))
    W = csr_array(W + W.T)
    held = W.data.nbytes + W.indices.nbytes + W.indptr.nbytes

    def learn() -> Any:
        return learn_graph(W, keep=KEEP, layers=11, epochs=50, learning_rate=0.02)

    with limited(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", GraphWarning)  # of edges that 50 epochs leave, where a fit has 200
        peak = most_allocated(learn)
        results = cpu_in_turn({"dsrl_ref": learn})
    notes = [f"{peak / held:.2f} times the graph on top of it"]
    return Row(
        "scale-train", f"{n:,} samples, {W.nnz:,} entries, 50 epochs; seconds of a processor", results, notes=notes
    )


ROWS: dict[str, Callable[[str], Row]] = {"scale-neighbours": neighbours, "scale-train": training}
BY_NAME: dict[str, Callable[[str], Row]] = {"scale-fit": fits}
