"""The page of ``cluster`` and ``classify``, where ``--report`` asks for it."""

import argparse
from collections.abc import Sequence
from typing import Any

from dsrl_ref.cli.applications import view_names
from dsrl_ref.multiview.clustering import DSRLClustering
from dsrl_ref.multiview.experiments import Data, Outcome
from dsrl_ref.pictures.estimator import shown_of
from dsrl_ref.report import found, render
from dsrl_ref.report.origin import origin
from dsrl_ref.report.page import Code, Inline, Plain, Table


def clusters(sizes: Sequence[int]) -> Table:
    """How many samples each cluster has."""
    rows = tuple((str(cluster), size) for cluster, size in enumerate(sizes))
    return Table("Clusters", ("cluster", "samples"), rows, numbers=True)


def classes(names: Sequence[Any], labelled: Sequence[int], others: Sequence[int]) -> Table:
    """How many samples of each class were labelled, and how many others were found to be of it."""
    counts = zip(names, labelled, others, strict=True)
    rows = tuple((Plain(str(name)), known, more) for name, known, more in counts)
    return Table("Classes", ("class", "labelled", "found"), rows, numbers=True)


def write(
    arguments: argparse.Namespace, data: Data, model: Any, groups: Table, outcomes: Sequence[Outcome], **shown: Any
) -> None:
    """Write the page of what was found, if that is asked for; `shown` is more for `shown_of`."""
    if arguments.report is None:
        return
    views = view_names(data)
    facts: dict[str, Inline] = {
        "data": Code(str(arguments.data)),
        "samples": len(data.codes),
        **({"graph": Code(str(arguments.graph))} if views is None else {"views": ", ".join(views)}),
        "neighbours": data.n_neighbors,
        "seed": arguments.seed,
        **({"preset": arguments.preset} if arguments.preset else {}),
    }
    what = "clusters" if isinstance(model, DSRLClustering) else "classes"
    lead = f"What dsrl-ref found of {len(data.codes):,} samples: the {what}, and the graph behind them."
    told = found.Found(facts, groups, list(outcomes), shown_of(model, view_names=views, **shown))
    render.write(arguments.report, found.page(f"Samples and their {what}", lead, told, origin(arguments.command)))
