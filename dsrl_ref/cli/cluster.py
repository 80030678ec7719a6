"""``dsrl-ref cluster DATA``: multi-view clustering, scored where the data has labels."""

import argparse

import numpy as np

from dsrl_ref.cli import applications, tables
from dsrl_ref.cli.output import print_json
from dsrl_ref.multiview.experiments import cluster, cluster_single_views, clustering_controls
from dsrl_ref.persistence import save


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cluster``."""
    applications.add_arguments(parser)
    parser.add_argument("--clusters", type=applications.positive, metavar="N", help="as many as classes, if Y is there")


def run(arguments: argparse.Namespace) -> int:
    """Cluster, and print scores, or sizes where there are no labels."""
    applications.prepare(arguments)
    data, names = applications.read(arguments)
    if names is None and arguments.clusters is None:
        raise ValueError(f"{arguments.data} has no labels: give --clusters")
    if names is None and arguments.compare:
        raise ValueError(f"{arguments.data} has no labels: there is nothing to compare by")
    clusters = arguments.clusters or len(names if names is not None else ())
    seeds = range(arguments.seed, arguments.seed + arguments.repeats)
    training = applications.training(arguments)
    first = cluster(data, clusters, seeds, training)
    outcomes = [first]
    if arguments.compare:
        outcomes += clustering_controls(data, clusters, seeds, first, training)
        outcomes += cluster_single_views(data, clusters, seeds, training)
    model = first.found
    if arguments.output:
        found = {**applications.learned(model), "labels": model.labels_}
        tables.write(arguments.output, tables.of_clusters(model.labels_), found)
    if arguments.model:
        save(arguments.model, model)
    if arguments.plot:
        applications.draw(arguments.plot, model, np.argsort(model.labels_, kind="stable"))
    sizes = np.bincount(model.labels_, minlength=clusters).tolist()
    if arguments.json:
        scored = [] if names is None else [applications.record(outcome) for outcome in outcomes]
        print_json({"results": scored, "sizes": sizes})
        return 0
    print(f"{len(data.codes)} samples, {clusters} clusters of {min(sizes)} to {max(sizes)}")
    if names is not None:
        applications.print_table(outcomes)
    print(applications.describe(model))
    return 0
