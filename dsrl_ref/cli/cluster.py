"""``dsrl-ref cluster DATA``: multi-view clustering, scored where the data has labels."""

import argparse

import numpy as np

from dsrl_ref.cli import applications, tables
from dsrl_ref.cli.output import print_json
from dsrl_ref.multiview.experiments import cluster, cluster_single_views, clustering_controls
from dsrl_ref.persistence import save
from dsrl_ref.threads import limited

AUTO = "auto"
GAPS = 5  # that are shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cluster``."""
    applications.add_arguments(parser)
    parser.add_argument(
        "--clusters",
        type=number,
        metavar="N",
        help="as many as classes, if there are labels; else, and for 'auto', by the eigenvalues of the learned graph",
    )


def number(text: str) -> int | str:
    """Parse how many clusters, or that the graph is to say so, for argparse."""
    return text if text == AUTO else applications.positive(text)


def print_gaps(eigenvalues: np.ndarray) -> None:
    """Print what speaks for how many clusters: the largest gaps between eigenvalues of the learned graph."""
    gaps = eigenvalues[1:-1] - eigenvalues[2:]
    best = np.argsort(-gaps, kind="stable")[:GAPS]
    print("gaps of eigenvalues: " + ", ".join(f"{gaps[place]:.4f} for {place + 2}" for place in best))


def run(arguments: argparse.Namespace) -> int:
    """Cluster, and print scores, or sizes where there are no labels."""
    applications.prepare(arguments)
    with limited(arguments.jobs):
        return _cluster(arguments)


def _cluster(arguments: argparse.Namespace) -> int:
    data, names = applications.read(arguments)
    if names is None and arguments.compare:
        raise ValueError(f"{arguments.data} has no labels: there is nothing to compare by")
    if names is None:
        applications.refuse_confusion(arguments)
    given = arguments.clusters or (AUTO if names is None else len(names))
    seeds = range(arguments.seed, arguments.seed + arguments.repeats)
    training = applications.training(arguments)
    first = cluster(data, None if given == AUTO else int(given), seeds, training)
    model = first.found
    clusters = model.n_clusters_
    outcomes = [first]
    if arguments.compare:
        outcomes += clustering_controls(data, clusters, seeds, first, training)
        outcomes += cluster_single_views(data, clusters, seeds, training)
    if arguments.output:
        found = {**applications.learned(model), "labels": model.labels_}
        tables.write(arguments.output, tables.of_clusters(model.labels_), found)
    if arguments.model:
        save(arguments.model, model)
    true = None if names is None else applications.known_but(data.codes)
    applications.draw(arguments, data, model, true=true, names=None if names is None else names.tolist())
    sizes = np.bincount(model.labels_, minlength=clusters).tolist()
    if arguments.json:
        scored = [] if names is None else [applications.record(outcome) for outcome in outcomes]
        chosen = {} if model.n_clusters is not None else {"eigenvalues": model.eigenvalues_.tolist()}
        print_json({"results": scored, "sizes": sizes, **chosen})
        return 0
    print(f"{len(data.codes)} samples, {clusters} clusters of {min(sizes)} to {max(sizes)}")
    if model.n_clusters is None:
        print_gaps(model.eigenvalues_)
    if names is not None:
        applications.print_table(outcomes)
    print(applications.describe(model))
    return 0
