"""Pictures of a graph before and after, and scores beside their controls."""

import numpy as np
import pytest
from report_data import DRAWN, ORIGIN, flaws, require_extras
from scipy.sparse import csr_array

from dsrl_ref.multiview.experiments import Outcome
from dsrl_ref.report import graphs, render
from dsrl_ref.report.page import Pictures

CLUSTERED = [
    Outcome("dsrl", {"accuracy": [0.5, 1.0], "nmi": [0.25, 0.25]}),
    Outcome("raw graph", {"accuracy": [0.5, 0.5], "nmi": [0.0, 1.0]}),
]
CLASSIFIED = [Outcome("dsrl", {"accuracy": [1.0]}, "balanced"), Outcome("raw graph", {"accuracy": [0.5]})]


def test_scores_are_means_and_deviations():
    table = graphs.scores(CLUSTERED)
    assert table.heads == ("method", "accuracy", "nmi")
    assert table.rows == (
        ("dsrl", "0.7500 ± 0.2500", "0.2500 ± 0.0000"),
        ("raw graph", "0.5000 ± 0.0000", "0.5000 ± 0.5000"),
    )


def test_one_run_has_no_deviation():
    """Of one number it would be 0, as if all repeats agreed."""
    assert graphs.scores(CLUSTERED).caption == "Means and standard deviations over 2 repeats"
    table = graphs.scores(CLASSIFIED)
    assert table.caption == "Scores of one run"
    assert [row[2] for row in table.rows] == ["1.0000", "0.5000"]


def test_how_labels_spread_is_told_where_any_do():
    table = graphs.scores(CLASSIFIED)
    assert table.heads == ("method", "propagation", "accuracy")
    assert [row[1] for row in table.rows] == ["balanced", ""]


def test_the_page_has_facts_pictures_and_the_scores_of_each_task():
    page = graphs.page({"data": "digits"}, (Pictures((DRAWN,)),), {"one": CLUSTERED, "two": CLASSIFIED}, ORIGIN)
    facts, pictures, scores = page.sections
    assert facts.blocks[0].facts == {"data": "digits"}
    assert pictures.blocks == (Pictures((DRAWN,)),)
    assert [(section.title, section.blocks) for section in scores.sections] == [
        ("one", (graphs.scores(CLUSTERED),)),
        ("two", (graphs.scores(CLASSIFIED),)),
    ]


BEFORE = csr_array(np.array([[0, 4, 2, 0], [4, 0, 0, 1], [2, 0, 0, 3], [0, 1, 3, 0]], dtype=float))
AFTER = csr_array(np.array([[0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], dtype=float))


@pytest.mark.peer
def test_the_graph_before_and_after_and_what_lies_between():
    require_extras()
    middle, sides = graphs.learning(BEFORE, AFTER, lambda w: np.maximum(w - 2, 0), np.array([0, 0, 1, 1]), ["a", "b"])
    (curve,) = middle.pictures
    before, after = sides.pictures
    assert before.text.startswith("4 edges between 4 samples. ")
    assert after.text.startswith("2 edges between 4 samples, 50% of those before. ")
    assert "edges up to a weight of 2 go" in curve.text
    assert (before.plate, curve.plate, after.plate) == (True, False, True)
    assert ">a</text>" in before.svg
    assert ">b</text>" in after.svg
    page = graphs.page({"a": 1}, (middle, sides), {"t": CLUSTERED}, ORIGIN)
    assert flaws(render.html(page)) == []


@pytest.mark.peer
def test_the_curve_goes_from_weights_before_to_weights_after(monkeypatch):
    require_extras()
    from matplotlib.axes import Axes

    lines, plot = [], Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, **how: lines.append((x, y)) or plot(self, x, y, **how))
    graphs.learning(BEFORE, AFTER, lambda w: w / 2, np.zeros(4, dtype=int), None)
    (weights, same), (again, kept) = lines
    assert (weights[0], weights[-1]) == (0.0, 4.0)
    assert same.tolist() == again.tolist() == weights.tolist()
    assert kept.tolist() == (weights / 2).tolist()


@pytest.mark.peer
@pytest.mark.parametrize(
    ("network", "told"),
    [
        (lambda w: 0 * w, "no edge is left"),
        (lambda w: w + 1, "no edge goes, and weights change as the line says"),
        (lambda w: np.maximum(0, w - 0.6), "edges up to a weight of 0.5 go, and the others change as the line says"),
    ],
)
def test_what_becomes_of_edges_is_told_of_those_that_there_are(network, told):
    """Not of those between the points of the line: a weight that is small beside the largest goes unseen there."""
    require_extras()
    before = csr_array(np.array([[0.0, 0.5, 1e4], [0.5, 0.0, 0.75], [1e4, 0.75, 0.0]]))
    middle, _ = graphs.learning(before, before, network, np.zeros(3, dtype=int), None)
    assert middle.pictures[0].text == f"All layers together: {told}."


@pytest.mark.peer
def test_stored_zeros_are_no_edges_of_which_there_are_shares():
    require_extras()
    zeros = csr_array((np.zeros(2), ([0, 1], [1, 0])), shape=(2, 2))
    middle, sides = graphs.learning(zeros, zeros, lambda w: w, np.zeros(2, dtype=int), None)
    assert middle.pictures[0].text == "All layers together: there is no edge."
    assert [picture.text[:26] for picture in sides.pictures] == ["0 edges between 2 samples."] * 2


@pytest.mark.peer
def test_a_graph_without_edges_is_drawn_too():
    require_extras()
    empty = csr_array((4, 4))
    _, sides = graphs.learning(empty, empty, lambda w: w, np.zeros(4, dtype=int), None)
    assert [picture.text[:7] for picture in sides.pictures] == ["0 edges", "0 edges"]
