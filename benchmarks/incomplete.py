"""The row on samples that are missing in some views: how far accuracies fall, and what else could be done.

Every view loses the same share of the samples, drawn anew for each mask; every sample stays in one view at least. The
same masks go to all methods. Clustering is scored over seeds of k-means, classification over splits with a tenth of the
samples labelled, both by their mean over all masks. Beside it stand two controls: rows that are missing filled with the
means of the view's features, and each view alone, asked for no samples but those that it has.

MSRC-v1 and ALOI are looked for in the folder that the variable DSRL_DATA names; the generated set needs no file.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import time_in_turn
from benchmarks.rows import Call, Row
from dsrl_ref.arrays import is_sparse
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, complementary_views, incomplete_views, load_dataset
from dsrl_ref.multiview.absent import is_absent
from dsrl_ref.multiview.experiments import Data, classify, cluster, splits

Views = list[Any]  # dense or sparse
Codes = NDArray[np.intp]
LABELLED, SEED = 0.1, 2021
FILES = {"MSRC-v1": "MSRC-v1.mat", "ALOI": "ALOI.mat"}
OURS, FILLED = "dsrl_ref", "filled with means"


@dataclass(frozen=True)
class Size:
    """Shares that are missing, masks for each, seeds and splits for each mask, and generated samples."""

    shares: tuple[float, ...]
    masks: int
    seeds: int
    splits: int
    generated: int


SIZES = {
    "full": Size((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), 10, 5, 10, 300),
    "quick": Size((0.0, 0.25, 0.5), 2, 2, 3, 300),
    "smallest": Size((0.0, 0.5), 1, 1, 1, 60),
}


def incomplete(size: str) -> Row:
    """Accuracies as samples go missing from the views, beside filling with means and each view alone."""
    notes, chosen = ["clustering/classification accuracy, means over masks"], SIZES[size]
    views, labels = complementary_views(chosen.generated, 5, 4, random_state=0)
    notes += curves("generated", views, labels, chosen)
    for name, file in FILES.items() if size != "smallest" else ():
        path = Path(os.environ.get("DSRL_DATA", "")) / file
        if "DSRL_DATA" not in os.environ or not path.exists():
            notes.append(f"{name}: skipped, as there is no {file} in the folder that the variable DSRL_DATA names")
            continue
        found, classes = load_dataset(path)
        notes += curves(name, found, np.asarray(classes), chosen)
    holed = incomplete_views(views, 0.5, random_state=0)
    known = np.where(np.arange(len(labels)) < LABELLED * len(labels), labels, -1)
    contestants: dict[str, Call | None] = {
        "dsrl_ref, a fit of each kind, all there": partial(fits, views, known),
        "dsrl_ref, a fit of each kind, half missing": partial(fits, holed, known),
    }
    fits(holed, known)  # compiles what compiles
    work = f"{chosen.masks} masks, {chosen.seeds} seeds of k-means, {chosen.splits} splits; times of the generated set"
    return Row("incomplete", work, time_in_turn(contestants), notes=notes)


def fits(views: Views, known: Codes) -> None:
    """What is timed."""
    DSRLClustering(5, random_state=0).fit(views)
    DSRLClassifier().fit(views, known)


def curves(name: str, views: Views, labels: NDArray[np.generic], size: Size) -> list[str]:
    """A line of the shares, and one of accuracies for every method."""
    codes = np.unique(labels, return_inverse=True)[1].astype(np.intp)
    found: dict[str, list[str]] = {}
    for share in size.shares:
        for method, score in mean_scores(views, codes, share, size).items():
            found.setdefault(method, []).append(score)
    shares = "".join(f"{f'{share:.0%} missing':>14}" for share in size.shares)
    lines = [f"{f'{name}, {len(codes)} samples, {len(views)} views':<32}{shares}"]
    return lines + [f"{method:<32}" + "".join(f"{score:>14}" for score in scores) for method, scores in found.items()]


def mean_scores(views: Views, codes: Codes, share: float, size: Size) -> dict[str, str]:
    """Of each method, the means over masks; one mask is all there are where nothing is missing."""
    scores: dict[str, list[tuple[float, float]]] = {}
    for mask in range(size.masks if share else 1):
        for method, (data, classes) in contestants_of(incomplete_views(views, share, random_state=mask), codes).items():
            scores.setdefault(method, []).append(accuracies(data, classes, size))
    return {method: "{:.3f}/{:.3f}".format(*np.mean(found, axis=0)) for method, found in scores.items()}


def contestants_of(holed: Views, codes: Codes) -> dict[str, tuple[Views, Codes]]:
    """What each method is given."""
    given = {OURS: (holed, codes), FILLED: ([filled(view) for view in holed], codes)}
    for v, view in enumerate(holed):
        seen = ~is_absent(view)
        given[f"view {v} alone, of its samples"] = ([view[seen]], codes[seen])
    return given


def filled(view: Any) -> Any:
    """The means of the features in the rows that are missing."""
    view = view.toarray() if is_sparse(view) else view
    return np.where(np.isnan(view), np.nanmean(view, axis=0), view)


def accuracies(views: Views, codes: Codes, size: Size) -> tuple[float, float]:
    """Of clusters, the mean over seeds; of classes, over splits."""
    data = Data.of_views(views, codes)
    clusters = cluster(data, int(codes.max()) + 1, range(SEED, SEED + size.seeds), {})
    classes = classify(data, list(splits(len(codes), LABELLED, size.splits, SEED)), {})
    return float(np.mean(clusters.scores["accuracy"])), float(np.mean(classes.scores["accuracy"]))


ROWS: dict[str, Callable[[str], Row]] = {"incomplete": incomplete}
