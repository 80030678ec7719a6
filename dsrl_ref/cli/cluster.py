"""``dsrl-ref cluster DATA``: multi-view clustering, scored where the data has labels."""

import argparse
from collections.abc import Iterable
from itertools import chain

import numpy as np

from dsrl_ref.cli import applications, pages, tables
from dsrl_ref.cli.output import print_json, show
from dsrl_ref.multiview.experiments import Outcome, cluster, cluster_single_views, clustering_controls
from dsrl_ref.multiview.spectral import MOST, faint_gap
from dsrl_ref.persistence import save
from dsrl_ref.threads import limited

OFTEN = "--clusters", "--views", "--labels", "--compare", "--output", "--model", "--plot", "--report", "--json"
EXAMPLE = "dsrl-ref cluster digits --compare"
WRITES = *applications.LEARNED, "labels", tables.NAMES
AUTO = "auto"
GAPS = 5  # that are shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cluster``."""
    applications.add_arguments(parser)
    parser.add_argument(
        "--clusters",
        type=number,
        metavar="N",
        help="by default as many as classes; without labels, and for 'auto', by the eigenvalues of the learned graph",
    )


def number(text: str) -> int | str:
    """Parse how many clusters, or that the graph is to say so, for argparse."""
    return text if text == AUTO else applications.positive(text)


def print_gaps(clusters: int, eigenvalues: np.ndarray) -> None:
    """Print what speaks for how many clusters: the largest gaps between eigenvalues of the learned graph, or its parts.

    Nothing is printed where they tell no number, as a warning has said.
    """
    if clusters > MOST:
        print(f"parts of the learned graph: {clusters}, more than the {MOST} that eigenvalues are looked at for")
        return
    if faint_gap(clusters, eigenvalues) is not None:
        return
    gaps = eigenvalues[1:-1] - eigenvalues[2:]
    best = np.argsort(-gaps, kind="stable")[:GAPS]
    print("gaps of eigenvalues: " + ", ".join(f"{gaps[place]:.4f} for {place + 2}" for place in best))


def run(arguments: argparse.Namespace) -> int:
    """Cluster, and print scores, or sizes where there are no labels."""
    applications.prepare(arguments)
    with limited(arguments.jobs):
        return _cluster(arguments)


def _cluster(arguments: argparse.Namespace) -> int:
    data, source = applications.read(arguments)
    names = source.classes
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
    outcomes: Iterable[Outcome] = [first]
    if arguments.compare:  # each is computed when its line is to be printed
        controls = clustering_controls(data, clusters, seeds, first, training)
        outcomes = chain(outcomes, controls, cluster_single_views(data, clusters, seeds, training))
    if arguments.output:
        found = {**applications.learned(model), "labels": model.labels_, **tables.named(source.samples)}
        tables.write(arguments.output, tables.of_clusters(model.labels_, source.samples), found)
    if arguments.model:
        save(arguments.model, model)
    true = None if names is None else applications.known_but(data.codes)
    shown = {"true": true, "names": None if names is None else names.tolist()}
    applications.draw(arguments, data, model, **shown)
    sizes = np.bincount(model.labels_, minlength=clusters).tolist()
    if not arguments.json:
        show(f"{len(data.codes)} samples, {clusters} clusters of {min(sizes)} to {max(sizes)}")
        if model.n_clusters is None:
            print_gaps(model.n_clusters_, model.eigenvalues_)
    scored = [] if names is None else applications.scored(arguments, outcomes)
    pages.write(arguments, data, model, pages.clusters(sizes), scored, **shown)
    if arguments.json:
        chosen = {} if model.n_clusters is not None else {"eigenvalues": model.eigenvalues_.tolist()}
        print_json({"results": [applications.record(outcome) for outcome in scored], "sizes": sizes, **chosen})
    else:
        print(applications.describe(model))
    return 0
