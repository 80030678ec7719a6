"""``dsrl-ref predict MODEL DATA``: the classes or the clusters of new samples, by what was fitted before."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.cli import applications, tables
from dsrl_ref.cli.output import add_json, note, print_json, require_places
from dsrl_ref.errors import ModelFileError
from dsrl_ref.multiview.classification import DSRLClassifier
from dsrl_ref.multiview.clustering import DSRLClustering
from dsrl_ref.multiview.naming import Expected, Named
from dsrl_ref.multiview.scores import clustering_scores
from dsrl_ref.persistence import load, replace_file
from dsrl_ref.pictures import draw_confusion
from dsrl_ref.plotting import as_bytes, kind_of, require_kind
from dsrl_ref.threads import limited

OFTEN = "--views", "--labels", "--graph", "--output", "--plot", "--json"
EXAMPLE = "dsrl-ref predict model.dsrl new.npz -o found.csv"
WRITES = "labels", "probability", "reached", tables.NAMES  # of clusters the first and the last


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``predict``."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="what cluster or classify kept with --model")
    applications.add_source(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write what was found here, as .csv or .npz; else print it"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw known classes beside what was found here: .png, .pdf, .svg; needs matplotlib",
    )
    applications.add_jobs(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict, and write or print a line a sample; scores where the data has labels."""
    tables.require_suffix(arguments.output)
    model = load(arguments.model)
    require_places([arguments.output, arguments.plot], [arguments.model, Path(arguments.data), arguments.graph])
    if arguments.plot:
        require_kind(kind_of(arguments.plot))
    if not isinstance(model, DSRLClassifier | DSRLClustering):
        kind = type(model).__name__
        raise ModelFileError(
            f"{arguments.model} holds a {kind}, which predicts nothing; cluster and classify --model do"
        )
    source = applications.load(arguments, _expected(model, arguments))
    if arguments.plot and source.classes is None:
        raise ValueError(f"--plot is of known classes beside what was found, and {arguments.data} has no labels")
    with limited(arguments.jobs):
        columns, arrays, scores = _predicted(model, _given(model, source), source)
    if arguments.plot:
        _draw(arguments.plot, model, columns, source)
    if arguments.output:
        tables.write(arguments.output, columns, arrays)
    if arguments.json:
        print_json({"scores": scores, "found": columns})
        return 0
    if arguments.output is None:
        print(tables.as_text(columns), end="")
    told = "".join(f", {name} {value:.4f}" for name, value in (scores or {}).items())
    note(f"{len(columns['sample'])} samples{told}")
    return 0


def _expected(model: Any, arguments: argparse.Namespace) -> Expected | None:
    """What the views are to be like; None of a model of a graph.

    Raises
    ------
    ValueError
        Where a graph is given to a model of views, or none to one of a graph.
    """
    precomputed = model.affinity == "precomputed"
    if precomputed != (arguments.graph is not None):
        asked = "similarities to the samples that it saw: --graph FILE" if precomputed else "views, and no --graph"
        raise ValueError(f"the model is of a {'graph' if precomputed else 'set of views'}: give it {asked}")
    expected: Expected = model.expected
    return None if precomputed else expected


def _given(model: Any, source: applications.Source) -> Any:
    """What the model is given: views with their names, the one array that it cuts into views, or similarities."""
    if source.graph is not None:
        return source.graph
    alone = model.view_sizes is not None and len(source.views) == 1
    return source.views[0] if alone else Named(source.views, source.naming)


def _predicted(model: Any, given: Any, source: applications.Source) -> tuple[tables.Columns, Any, Any]:
    """Columns for a table, arrays for an .npz, and scores by the labels that are known; None where none is."""
    known = source.codes >= 0
    if isinstance(model, DSRLClustering):
        labels = model.predict(given)
        scored = known & (labels >= 0)
        scores = clustering_scores(source.codes[scored], labels[scored]) if scored.any() else None
        return tables.of_clusters(labels, source.samples), {"labels": labels, **tables.named(source.samples)}, scores
    distributions, reached = model.predict_reached(given)
    columns = tables.of_classes(model.classes_, distributions, reached, source.samples)
    arrays = {
        "labels": model.classes_[np.argmax(distributions, axis=1)],
        "probability": distributions.max(axis=1),
        "reached": reached,
        **tables.named(source.samples),
    }
    if source.classes is None:
        return columns, arrays, None
    if not _places(model.classes_, source.classes)[0].any():
        shown = [", ".join(map(repr, classes.tolist()[:5])) for classes in (source.classes, model.classes_)]
        note(f"the labels, {shown[0]}, are none of the model's classes, {shown[1]}: nothing is scored")
        return columns, arrays, None
    true = source.classes[source.codes[known]]
    found = [name for name, is_known in zip(columns["class"], known, strict=True) if is_known]
    right = [_is_same(name, label) for name, label in zip(found, true.tolist(), strict=True)]
    return columns, arrays, {"accuracy": float(np.mean(right))}


def _draw(path: Path, model: Any, columns: tables.Columns, source: applications.Source) -> None:
    """Draw how many samples of each known class were found to be what; clusters are put in order beside classes."""
    assert source.classes is not None, "run has refused that"
    if isinstance(model, DSRLClustering):
        names, found, true = source.classes.tolist(), columns["cluster"], source.codes
        heads = [str(cluster) for cluster in range(model.n_clusters_)]
    else:
        is_own, places = _places(model.classes_, source.classes)
        names, heads = [*model.classes_.tolist(), *source.classes[~is_own].tolist()], None
        own = {name: place for place, name in enumerate(model.classes_.tolist())}
        found = [own.get(name, -1) for name in columns["class"]]
        true = np.where(source.codes < 0, -1, places[source.codes])
    figure = draw_confusion(true, np.array(found), names, heads)
    replace_file(path, as_bytes(figure, kind_of(path)))


def _places(own: Any, others: Any) -> tuple[Any, Any]:
    """Which of the classes of a file are a model's, and their places among these; the rest follow."""
    found = [next((i for i, name in enumerate(own.tolist()) if _is_same(name, label)), -1) for label in others.tolist()]
    places = np.array(found, dtype=np.intp)
    is_own = places >= 0
    places[~is_own] = len(own) + np.arange(np.count_nonzero(~is_own))
    return is_own, places


def _is_same(found: Any, label: Any) -> bool:
    """Whether a class of the model and one of a file are the same: numbers as numbers, also where one is a text."""
    if isinstance(found, str) == isinstance(label, str):
        return bool(found == label)
    try:
        return str(found) == str(label) or float(found) == float(label)
    except (TypeError, ValueError):  # a name, or no class, where no label reaches the sample
        return False
