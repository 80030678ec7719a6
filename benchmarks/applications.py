"""The rows on the applications: a whole run of clustering, and one too large for an n×n array."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks import trainers
from benchmarks.measure import time_in_turn
from benchmarks.rows import Call, Disagreement, Row
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, load_dataset, similarity_graph

Array = np.ndarray
SEED = 2021


def clustering(size: str) -> Row:
    """Graph, training and clusters of digits, beside a transcription of the authors' program."""
    samples, epochs = {"full": (1079, 55), "quick": (210, 35), "smallest": (60, 3)}[size]
    views, labels = load_dataset("digits")
    views, labels = [view[:samples] for view in views], np.asarray(labels)[:samples]
    preset = DSRLClustering(10, preset="authors", epochs=epochs, random_state=SEED)
    contestants: dict[str, Call | None] = {
        "dsrl_ref DSRLClustering": lambda: DSRLClustering(10, random_state=SEED).fit_predict(views),
        "dsrl_ref DSRLClustering(preset='authors')": lambda: preset.fit_predict(views),
        "authors' program, transcribed (PyTorch)": authors_clustering(views, 10, 10, epochs, 0.02),
    }
    gap = np.abs(similarity_graph(views).toarray() - authors_graph(views, 10)).max()
    if not gap <= 1e-10:
        raise Disagreement(f"graphs differ by {gap:.2g}")
    found = {name: call() for name, call in contestants.items() if call}
    notes = [
        f"{name}: accuracy {clustering_scores(labels, clusters)['accuracy']:.4f}" for name, clusters in found.items()
    ]
    return Row("clustering", f"{samples} digits, 4 views, 10 clusters", time_in_turn(contestants), notes=notes)


def large(size: str) -> Row:
    """Views of many samples, clustered and classified: no n×n array."""
    samples = {"full": 20_000, "quick": 4_000, "smallest": 200}[size]
    rng = np.random.default_rng(0)
    labels, views = rng.integers(0, 10, samples), []
    for v in range(3):
        means = 0.6 * rng.normal(size=(10, 50))
        means[v + 1] = means[v]
        views.append(means[labels] + rng.normal(size=(samples, 50)))
    known = np.where(rng.random(samples) < 0.1, labels, -1)
    found: dict[str, Any] = {}

    def cluster() -> None:
        found["clusters"] = DSRLClustering(10, random_state=0).fit_predict(views)

    def classify() -> None:
        found["classes"] = DSRLClassifier().fit(views, known).transduction_

    results = time_in_turn({"DSRLClustering": cluster, "DSRLClassifier": classify}, rounds=1)
    notes = [
        f"clusters: accuracy {clustering_scores(labels, found['clusters'])['accuracy']:.4f}",
        f"classes of the unlabelled: accuracy {np.mean((found['classes'] == labels)[known < 0]):.4f}",
    ]
    return Row("large", f"{samples} samples, 3 views of 50 features", results, notes=notes)


def authors_graph(views: list[Array], k: int) -> Array:
    """Transcribe the authors' recipe, with dense distances."""
    fused: Any = 0.0
    for view in views:
        samples = (view - view.mean(1, keepdims=True)) / (view.std(1, ddof=1, keepdims=True) + 1e-8)
        squared = (samples**2).sum(1)
        d = np.sqrt(np.maximum(squared[:, None] + squared - 2 * samples @ samples.T, 0))
        np.fill_diagonal(d, 0)
        nearest = np.argsort(d, axis=1, kind="stable")[:, : k + 1]
        weights = np.zeros_like(d)
        np.put_along_axis(weights, nearest, 1.0, axis=1)
        weights *= np.exp(-(d**2) / (2 * d.mean() ** 2))
        np.fill_diagonal(weights, 0)
        fused = fused + np.maximum(weights, weights.T) / len(views)
    return np.asarray(fused)


def authors_clustering(
    views: list[Array], clusters: int, k: int, epochs: int, rate: float
) -> Callable[[], Array] | None:
    """Transcribe graph, training, the affinity of rows, all eigenvectors, and one k-means, by scikit-learn."""
    if find_spec("torch") is None or find_spec("sklearn") is None:
        return None
    from sklearn.cluster import KMeans

    def call() -> Array:
        W = authors_graph(views, k)
        X = trainers.torch_authors_output(W, epochs, rate)
        squared = (X**2).sum(1)
        affinity = np.exp(-np.maximum(squared[:, None] + squared - 2 * X @ X.T, 0) / len(X))
        np.fill_diagonal(affinity, 0)
        roots = affinity.sum(1) ** 0.5  # their program divides by D^(-½)
        values, vectors = np.linalg.eig(roots[:, None] * affinity * roots)
        top = np.real(vectors[:, np.argsort(-np.real(values))[:clusters]])
        top /= np.linalg.norm(top, axis=1, keepdims=True)
        return np.asarray(KMeans(clusters, n_init=1, max_iter=500, random_state=SEED).fit_predict(top))

    return call


ROWS = {"clustering": clustering, "large": large}
