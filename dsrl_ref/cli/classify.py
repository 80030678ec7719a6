"""``dsrl-ref classify DATA``: semi-supervised classification.

Where some samples have no label, those get one, by all that are known. Where all have one, it is scored by the authors'
protocol: in each repeat the first floor(0.1·N) samples of a permutation are labelled; the others are to be classified.
"""

import argparse
from collections.abc import Iterable
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from dsrl_ref.cli import applications, pages, tables
from dsrl_ref.cli.output import print_json, show
from dsrl_ref.multiview.classification import DSRLClassifier
from dsrl_ref.multiview.experiments import (
    Data,
    Outcome,
    classification_controls,
    classify,
    classify_single_views,
    splits,
)
from dsrl_ref.multiview.propagation import PROPAGATION
from dsrl_ref.persistence import save
from dsrl_ref.pictures import PICTURES
from dsrl_ref.threads import limited

OFTEN = "--propagation", "--views", "--labels", "--compare", "--output", "--model", "--plot", "--report", "--json"
EXAMPLE = "dsrl-ref classify digits --compare"
WRITES = *applications.LEARNED, "labels", "probability", "reached", "labelled", tables.NAMES
Samples: TypeAlias = list[Any] | None  # what they are called
SHARE = 0.1  # of the samples that are labelled in the protocol


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``classify``."""
    applications.add_arguments(parser, [picture for picture in PICTURES if picture != "eigengap"])
    parser.add_argument(
        "--labelled",
        type=share,
        metavar="SHARE",
        help=f"of the samples, where all labels are known and are to be scored ({SHARE})",
    )
    parser.add_argument(
        "--propagation",
        choices=PROPAGATION,
        metavar="FORM",
        help=f"how labels spread: {', '.join(PROPAGATION)} (balanced); poisson is for text above all",
    )


def share(text: str) -> float:
    """Parse a number between 0 and 1, for argparse."""
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, both excluded: {text}")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Label what is unlabelled, or print accuracies where nothing is."""
    applications.prepare(arguments)
    if arguments.propagation and arguments.preset:
        raise ValueError(f"--preset {arguments.preset} has a propagation of its own: leave --propagation out")
    with limited(arguments.jobs):
        data, source = applications.read(arguments)
        names, samples = source.classes, source.samples
        if names is None:
            raise ValueError(f"{arguments.data} has no labels: key Y is missing")
        return (_label if (data.codes < 0).any() else _score)(arguments, data, names, samples)


def _parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Parameters of the classifier that the command line gave."""
    propagation = {} if arguments.propagation is None else {"propagation": arguments.propagation}
    return {**applications.training(arguments), **propagation}


def _label(arguments: argparse.Namespace, data: Data, names: np.ndarray, samples: Samples) -> int:
    """Label the unlabelled samples; nothing is scored, as nothing is known of them."""
    unknown = int(np.count_nonzero(data.codes < 0))
    for option, given in (("--compare", arguments.compare), ("--labelled", arguments.labelled)):
        if given:
            raise ValueError(
                f"{option} is for data of which every label is known; {arguments.data} has {unknown} unlabelled samples"
            )
    applications.refuse_confusion(arguments)
    model, known = _fitted(arguments, data, names), np.flatnonzero(data.codes >= 0)
    columns = _write(arguments, model, model.classes_, known, samples)
    if arguments.model:
        save(arguments.model, model)
    applications.draw(arguments, data, model, labelled=known)
    counts = [int(np.count_nonzero(data.codes == code)) for code in range(len(names))]
    found = [columns["class"].count(name) - labelled for name, labelled in zip(names.tolist(), counts, strict=True)]
    pages.write(arguments, data, model, pages.classes(names.tolist(), counts, found), [], labelled=known)
    if arguments.json:
        print_json({"results": [], "found": columns})
        return 0
    print(
        f"{len(data.codes)} samples, {len(names)} classes, {len(data.codes) - unknown} labelled; {unknown} classified"
    )
    print(f"{'class':<24}{'labelled':>9}{'found':>9}")
    for name, labelled, others in zip(names.tolist(), counts, found, strict=True):
        print(f"{name!s:<24}{labelled:>9}{others:>9}")
    print(applications.describe(model))
    return 0


def _score(arguments: argparse.Namespace, data: Data, names: np.ndarray, samples: Samples) -> int:
    """Print accuracies by the authors' protocol; what is written is of its first split, what is kept of all labels."""
    n, labelled_share = len(data.codes), SHARE if arguments.labelled is None else arguments.labelled
    if int(labelled_share * n) < 1:
        raise ValueError(f"--labelled {labelled_share} of {n} samples is none")
    labelled = list(splits(n, labelled_share, arguments.repeats, arguments.seed))
    training = _parameters(arguments)
    first = classify(data, labelled, training)
    outcomes: Iterable[Outcome] = [first]
    if arguments.compare:  # each is computed when its line is to be printed
        controls = classification_controls(data, labelled, first, training)
        outcomes = chain(outcomes, controls, classify_single_views(data, labelled, training))
    model = first.found
    columns = _write(arguments, model, names[model.classes_], labelled[0], samples, split=1)
    if arguments.model:
        save(arguments.model, _fitted(arguments, data, names))
    true = applications.known_but(data.codes, labelled[0])
    shown = {"true": true, "names": names.tolist(), "labelled": labelled[0]}
    applications.draw(arguments, data, model, **shown)
    counts = np.bincount(data.codes[labelled[0]], minlength=len(names)).tolist()
    found = [columns["class"].count(name) - count for name, count in zip(names.tolist(), counts, strict=True)]
    if not arguments.json:
        kept = f"; {arguments.output} is of the first split" if arguments.output else ""
        kept += f"; {arguments.model} is of all labels" if arguments.model else ""
        show(f"{n} samples, {len(names)} classes, {len(labelled[0])} labelled; {len(labelled)} splits{kept}")
    scored = applications.scored(arguments, outcomes)
    pages.write(arguments, data, model, pages.classes(names.tolist(), counts, found), scored, **shown)
    if arguments.json:
        print_json({"results": [applications.record(outcome) for outcome in scored]})
    else:
        print(applications.describe(model))
    return 0


def _fitted(arguments: argparse.Namespace, data: Data, names: np.ndarray) -> DSRLClassifier:
    """The classifier with every label that is known."""
    labels = [names[code] if code >= 0 else None for code in data.codes]
    return DSRLClassifier(**data.source, **_parameters(arguments)).fit(data.given, labels)


def _write(
    arguments: argparse.Namespace,
    model: Any,
    classes: np.ndarray,
    labelled: np.ndarray,
    samples: Samples,
    split: int | None = None,
) -> tables.Columns:
    """Write what a model found of the samples that it saw, if that is asked for, and return it as columns.

    Where the model knew the labels of one split alone, the first column says of which, counted from 1.
    """
    spread = model.label_distributions_
    columns = tables.of_classes(classes, spread, model.reached_, samples)
    if split is not None:
        columns = {"split": [split] * len(spread), **columns}
    if arguments.output:
        found = {
            "labels": classes[np.argmax(spread, axis=1)],
            "probability": spread.max(axis=1),
            "reached": model.reached_,
            "labelled": labelled,
            **tables.named(samples),
        }
        tables.write(arguments.output, columns, {**applications.learned(model), **found})
    return columns
