"""``dsrl-ref classify DATA``: semi-supervised classification by the authors' protocol.

In each repeat the first floor(0.1·N) samples of a permutation are labelled; the others are to be classified.
"""

import argparse

import numpy as np

from dsrl_ref.cli import applications
from dsrl_ref.cli.output import print_json
from dsrl_ref.multiview.experiments import classification_controls, classify, classify_single_views, splits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``classify``."""
    applications.add_arguments(parser)
    parser.add_argument("--labelled", type=share, default=0.1, metavar="SHARE", help="of the samples (0.1)")


def share(text: str) -> float:
    """Parse a number between 0 and 1, for argparse."""
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1: {text}")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Classify, and print accuracies."""
    applications.prepare(arguments)
    data, names = applications.read(arguments)
    if names is None:
        raise ValueError(f"{arguments.data} has no labels: key Y is missing")
    n = len(data.codes)
    if int(arguments.labelled * n) < 1:
        raise ValueError(f"--labelled {arguments.labelled} of {n} samples is none")
    labelled = list(splits(n, arguments.labelled, arguments.repeats, arguments.seed))
    training = applications.training(arguments)
    first = classify(data, labelled, training)
    outcomes = [first]
    if arguments.compare:
        outcomes += classification_controls(data, labelled, first, training)
        outcomes += classify_single_views(data, labelled, training)
    model = first.found
    if arguments.output:
        applications.write(arguments.output, model, labels=names[model.transduction_], labelled=labelled[0])
    if arguments.plot:
        applications.draw(arguments.plot, model, np.argsort(data.codes, kind="stable"))
    if arguments.json:
        print_json({"results": [applications.record(outcome) for outcome in outcomes]})
        return 0
    print(f"{n} samples, {len(names)} classes, {len(labelled[0])} labelled; {len(labelled)} splits")
    applications.print_table(outcomes)
    print(applications.describe(model))
    return 0
