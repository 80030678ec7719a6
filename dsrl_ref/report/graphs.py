"""What learning made of a graph, in three pictures; scores with their controls; and the page of ``demo``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.experiments import Outcome
from dsrl_ref.pictures.graphs import graph_panel
from dsrl_ref.report.origin import Origin
from dsrl_ref.report.page import Facts, Inline, Page, Picture, Pictures, Section, Table, Text
from dsrl_ref.report.pictures import new, picture, theme

POINTS = 400  # of the curve
GRAPH = 5.0, 4.1  # inches, with the names of groups and the scale of colours
CONTROLS = (
    "The first line is the method; those below it are its controls: the graph that it learned from, thresholds on that "
    "graph, and the candidates among which it chose. A gain is what the first line has more than these."
)


def page(
    facts: Mapping[str, Inline], drawn: tuple[Pictures, ...], tasks: Mapping[str, Sequence[Outcome]], origin: Origin
) -> Page:
    """The page of ``demo``: facts in its order, pictures of what was learned, and the scores of each task by title."""
    scored = tuple(
        Section(f"task-{number}", title, (scores(outcomes),)) for number, (title, outcomes) in enumerate(tasks.items())
    )
    sections = (
        Section("facts", "What was done", (Facts(dict(facts)),)),
        Section("pictures", "What was learned", drawn),
        Section("scores", "Scores, with their controls", (Text(CONTROLS),), scored),
    )
    lead = (
        "A sparse regularizer is learned on the similarity graph of handwritten digits; what is left of the graph is "
        "clustered, and a tenth of the labels is spread over it."
    )
    return Page("The main job, on handwritten digits", lead, sections, origin)


def scores(outcomes: Sequence[Outcome]) -> Table:
    """Means and standard deviations over the repeats, a row for each method; of one repeat its scores alone."""
    names = list(outcomes[0].scores)
    propagated = any(outcome.propagation for outcome in outcomes)
    repeats = max(len(each) for outcome in outcomes for each in outcome.scores.values())
    rows = tuple(
        (
            outcome.method,
            *((outcome.propagation or "",) if propagated else ()),
            *(_score(outcome.scores[name]) for name in names),
        )
        for outcome in outcomes
    )
    return Table(
        f"Means and standard deviations over {repeats} repeats" if repeats > 1 else "Scores of one run",
        ("method", *(("propagation",) if propagated else ()), *names),
        rows,
        numbers=True,
    )


def _score(found: Sequence[float]) -> str:
    """The mean of a score; its standard deviation where there is more than one of them."""
    return f"{np.mean(found):.4f}" + (f" ± {np.std(found):.4f}" if len(found) > 1 else "")


def learning(
    before: Any, after: Any, network: Callable[[Array], Array], codes: Any, names: Sequence[Any] | None
) -> tuple[Pictures, Pictures]:
    """What becomes of a weight, and the graph before and after; arguments as of `pictures.draw_learning`."""
    with theme():
        graphs = _graph(before, codes, names, "Graph before"), _graph(after, codes, names, "Graph after", of=before)
        return Pictures((_curve(before, network),)), Pictures(graphs)


def _graph(graph: Any, codes: Any, names: Sequence[Any] | None, title: str, of: Any = None) -> Picture:
    figure, panel = new(GRAPH)
    graph_panel(panel, graph, codes, names, "")
    edges = np.count_nonzero(graph.data) // 2
    whole = 0 if of is None else np.count_nonzero(of.data) // 2
    share = f", {edges / whole:.0%} of those before" if whole else ""
    text = (
        f"{edges:,} edges between {graph.shape[0]:,} samples{share}. Samples are in the order of their groups, so that "
        "edges within a group lie in the squares along the diagonal."
    )
    return picture(figure, title, text, plate=True)


def _curve(before: Any, network: Callable[[Array], Array]) -> Picture:
    figure, panel = new()
    weights = np.linspace(0, before.data.max(initial=0.0), POINTS)
    kept = network(weights)
    panel.plot(weights, weights, linestyle=":", color="0.5", label="as it is")
    panel.plot(weights, kept, label="learned")
    panel.set(xlabel="weight of an edge before", ylabel="its weight after")
    panel.legend()
    return picture(figure, "What the network does to an edge", f"All layers together: {_told(before.data, network)}.")


def _told(weights: Array, network: Callable[[Array], Array]) -> str:
    """What becomes of the edges with these weights."""
    weights = weights[weights != 0]
    gone = weights[network(weights) == 0]
    if not weights.size:
        return "there is no edge"
    if gone.size == weights.size:
        return "no edge is left"
    if not gone.size:
        return "no edge goes, and weights change as the line says"
    return f"edges up to a weight of {gone.max():.2g} go, and the others change as the line says"
