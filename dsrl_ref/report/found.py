"""The pages of ``cluster`` and ``classify``: what was found of the samples, scores, and what the network learned."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsrl_ref.multiview.clustering import DSRLClustering
from dsrl_ref.pictures.bars import eigengap_panel, weights_panel
from dsrl_ref.pictures.confusion import COUNTS_UP_TO, confusion_panel, matched, table
from dsrl_ref.pictures.embedding import embedding_panel
from dsrl_ref.pictures.estimator import Shown
from dsrl_ref.report.graphs import CONTROLS, learning, scores
from dsrl_ref.report.origin import Origin
from dsrl_ref.report.page import Block, Facts, Inline, Page, Picture, Pictures, Plain, Section, Table, Text
from dsrl_ref.report.pictures import new, picture, theme

WIDE = 5.6, 3.6  # inches: with a legend at the right


@dataclass(frozen=True)
class Found:
    """What a page shows.

    Attributes
    ----------
    facts : mapping
        What the data is, and what was asked.
    groups : Table
        How many samples there are of each cluster, or class.
    outcomes : list of Outcome
        The scores of the method, and of its controls; none where labels are not known.
    shown : Shown
        The estimator, and what is known of its samples.
    """

    facts: Mapping[str, Inline]
    groups: Table
    outcomes: list[Any]
    shown: Shown


def page(title: str, lead: str, found: Found, origin: Origin) -> Page:
    """The page of what an estimator has found."""
    shown, model = found.shown, found.shown.model
    drawn = learning(model.affinity_matrix_, model.graph_, shown.network, shown.codes, shown.called)
    sections = [Section("facts", "What was done", (Facts(dict(found.facts)), found.groups))]
    if found.outcomes:
        said = (Text(CONTROLS),) if len(found.outcomes) > 1 else ()
        sections.append(Section("scores", "Scores", (*said, scores(found.outcomes))))
    sections.append(Section("samples", "The samples", tuple(_samples(shown))))
    sections.append(Section("learned", "What was learned", (Facts(_parameters(model)), *drawn)))
    return Page(title, lead, tuple(sections), origin)


def _parameters(model: Any) -> dict[str, Inline]:
    numbers = {**model.theta_._asdict(), "L": model.L_, "scale of the weights": model.scale_}
    return {**{name: f"{value:.6g}" for name, value in numbers.items()}, "epochs": int(model.n_iter_)}


def _samples(shown: Shown) -> Iterator[Block]:
    """Pictures of the samples, and where classes are known the table of what was found of them."""
    with theme():
        yield Pictures(tuple(_pictures(shown)))
    if shown.is_comparable:
        yield from _counts(shown)


def _pictures(shown: Shown) -> Iterator[Picture]:
    yield _panel(
        lambda panel: embedding_panel(
            panel, shown.points, shown.codes, shown.called, shown.labelled, "no label reaches"
        ),
        "Embedding of the samples",
        "Each sample is a point, with the colour and the marker of what was found of it.",
    )
    if shown.is_comparable:
        yield _panel(
            lambda panel: confusion_panel(
                panel, shown.true, shown.codes, shown.true_names, shown.found_names, counts_up_to=0
            ),
            "What was found, beside what is true",
            "A row is a class; a cell is the darker, the larger a share of the class it holds.",
        )
    weights = shown.view_weights
    if weights is not None and len(weights) > 1:
        yield _panel(
            lambda panel: weights_panel(panel, weights, shown.view_names),
            "Weights of the views",
            "How much each view counts in the mean of the graphs; the dashed line is that of equal weights.",
        )
    if isinstance(shown.model, DSRLClustering):
        yield _panel(
            lambda panel: eigengap_panel(panel, *shown.gap),
            "Eigenvalues of the learned graph",
            "A wide gap behind as many eigenvalues as there are clusters speaks for that number.",
        )


def _panel(draw: Callable[[Any], None], title: str, text: str) -> Picture:
    figure, panel = new(WIDE)
    draw(panel)
    panel.set_title("")
    return picture(figure, title, text, plate=True)


def _counts(shown: Shown) -> Iterator[Block]:
    """How many samples of each class were found to be what; of many classes the table would be too wide."""
    counts = table(shown.true, shown.codes, len(shown.true_names or ()), len(shown.called))
    columns = np.arange(counts.shape[1]) if shown.found_names is None else matched(counts)
    right = np.trace(counts[:, columns]) / counts.sum()
    yield Text(f"{right:.1%} of {counts.sum():,} samples lie where the class and what was found match best.")
    if max(counts.shape) > COUNTS_UP_TO:
        return
    names = shown.true_names or [str(code) for code in range(len(counts))]
    what = "found class" if shown.found_names is None else "cluster"
    called = shown.called if shown.found_names is None else shown.found_names
    heads: tuple[Inline, ...] = ("class", *(Plain(str(called[code])) for code in columns))
    rows = tuple((Plain(str(name)), *counts[code, columns].tolist()) for code, name in enumerate(names[: len(counts)]))
    yield Table(f"Samples of each class (row) in each {what} (column)", heads, rows, numbers=True)
