"""The row on multi-view data as people have it: what the defaults bring, each beside what it replaces.

Clustering accuracy and normalised mutual information, and accuracy of classification with a tenth of the samples
labelled, as means over seeds; and the same with one more view, of nothing but noise. The files are those of the folder
that the variable DSRL_DATA names: each with views and labels is a data set. Labels score, and decide nothing; how many
classes there are is told.
"""

import os
import warnings
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Result, time_in_turn
from benchmarks.rows import Row
from dsrl_ref.errors import GraphWarning, MissingExtraError
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, load_dataset
from dsrl_ref.multiview.experiments import splits
from dsrl_ref.multiview.spectral import k_means

Array = np.ndarray
SEED, LABELLED, NOISY = 2021, 0.1, 50
DRAWS = {"full": 5, "quick": 2, "smallest": 1}
SAMPLES = {"full": None, "quick": 400, "smallest": 60}
CONTROLS: dict[str, dict[str, Any]] = {
    "dsrl_ref, the default": {},
    "equal weights of views": {"view_weights": None},
    "no tf-idf, along samples": {"standardize": "samples"},
    "authors' preset": {"preset": "authors"},
}


def views(size: str) -> Row:
    """Clusters and classes of the digits, of wine, and of the files of DSRL_DATA, with controls and with noise."""
    results: list[Result] = []
    notes = [f"{'':<42}{'accuracy':>9}{'NMI':>9}{'10 % labelled':>15}{'noise: acc.':>13}{'labelled':>10}"]
    work = []
    for name, data in _data_sets(size):
        if isinstance(data, str):
            notes.append(f"{name} is skipped: {data}")
            continue
        given, codes = data
        work.append(name)
        results += time_in_turn({f"{name}: a fit": partial(_clustering, given, codes, {})}, 1)
        notes += [_line(f"{name}, {control}", given, codes, options, size) for control, options in CONTROLS.items()]
    return Row("views", f"{', '.join(work)}; {DRAWS[size]} seeds", results, notes=notes)


def _data_sets(size: str) -> Iterator[tuple[str, tuple[list[Any], Array] | str]]:
    """Name and views with classes from 0 of every data set, or why there are none."""
    yield "digits", _coded(*load_dataset("digits"), SAMPLES[size])
    if find_spec("sklearn") is None:
        yield "wine", "scikit-learn is not installed: pip install '.[dev]'"
    else:
        from sklearn.datasets import load_wine

        table, classes = load_wine(return_X_y=True)
        yield "wine", _coded([table], classes, SAMPLES[size])
    folder = os.environ.get("DSRL_DATA", "")
    files = sorted(Path(folder).glob("*.mat")) if folder and size != "smallest" else []
    if not files and size != "smallest":
        yield "the rest", "there are no .mat files; the variable DSRL_DATA names their folder"
    for path in files:
        try:
            found, labels = load_dataset(path)
        except (OSError, ValueError, MissingExtraError) as error:
            yield path.stem, str(error)
            continue
        yield (
            path.stem,
            _coded(found, labels, SAMPLES[size]) if labels is not None and found else "no views, or no labels",
        )


def _coded(given: list[Any], labels: Any, samples: int | None) -> tuple[list[Any], Array]:
    """Some of the samples, drawn, or all; and the number of the class of each."""
    n = given[0].shape[0]
    places = np.arange(n) if samples is None or samples >= n else np.random.default_rng(0).permutation(n)[:samples]
    return [view[places] for view in given], np.unique(np.asarray(labels)[places], return_inverse=True)[1].ravel()


def _line(name: str, given: list[Any], codes: Array, options: dict[str, Any], size: str) -> str:
    noise = np.random.default_rng(SEED).normal(size=(len(codes), NOISY))
    accuracy, information = _clustering(given, codes, options, DRAWS[size])
    with_noise, _ = _clustering([*given, noise], codes, options, DRAWS[size])
    labelled, labelled_with_noise = (
        _classified(each, codes, options, DRAWS[size]) for each in (given, [*given, noise])
    )
    return (
        f"{name:<42}{accuracy:>9.3f}{information:>9.3f}{labelled:>15.3f}{with_noise:>13.3f}{labelled_with_noise:>10.3f}"
    )


def _clustering(given: list[Any], codes: Array, options: dict[str, Any], draws: int = 1) -> tuple[float, float]:
    """Means over seeds of k-means, of accuracy and of normalised mutual information."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GraphWarning)  # of samples without words
        model = DSRLClustering(int(codes.max()) + 1, random_state=0, **options).fit(given)
    restarts = 1 if options.get("preset") else model.n_init
    found = [k_means(model.embedding_, model.n_clusters_, restarts, np.random.default_rng(s)) for s in range(draws)]
    scores = [clustering_scores(codes, clusters) for clusters in found]
    return float(np.mean([each["accuracy"] for each in scores])), float(np.mean([each["nmi"] for each in scores]))


def _classified(given: list[Any], codes: Array, options: dict[str, Any], draws: int) -> float:
    """Mean accuracy on the unlabelled samples."""
    right = []
    for known in splits(len(codes), LABELLED, draws, SEED):
        labels = np.full(len(codes), -1)
        labels[known] = codes[known]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GraphWarning)
            model = DSRLClassifier(**options).fit(given, labels)
        right.append(np.mean(model.transduction_[labels < 0] == codes[labels < 0]))
    return float(np.mean(right))


BY_NAME = {"views": views}
