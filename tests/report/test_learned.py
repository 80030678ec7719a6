"""The page of a fit tells what was learned, of which data, and how it ended."""

from dataclasses import replace

import numpy as np
import pytest
from report_data import NASTY, ORIGIN, flaws, read, require_extras

from dsrl_ref import Fidelity, LeastSquares, Objective, Status, Theta, fit
from dsrl_ref.report import learned as pages
from dsrl_ref.report import render
from dsrl_ref.report.page import Code, Mark, Text
from dsrl_ref.results import FitResult

COUNT = 30
HISTORY = {
    "loss": np.arange(COUNT, 0.0, -1.0),
    "theta": np.ones((COUNT, 4)),
    "L": np.ones(COUNT),
    "accepted": np.arange(COUNT) >= 4,
}
RESULT = FitResult(
    Theta(1.25, 0.5, 0.25, 0.75),
    1.5,
    0.125,
    True,
    "completed 30 epochs",
    HISTORY,
    (np.array([1.25, 0.5, 0.25, 0.75]), 1.5),
    11,
    Status.COMPLETED,
    "Fidelity",
)
LAYERS = replace(
    RESULT,
    theta=np.array([[1, 1, 0.1, 0.2], [3, 1, 0.1, 0.9]]),
    L=np.array([1.0, 2.0]),
    validation=0.25,
    history={"loss": np.array([2.0, 1.0]), "validation": np.array([4.0, 3.0])},
    converged=False,
    status=Status.MAX_ITER,
    layers=2,
)


@pytest.fixture
def blocks(monkeypatch):
    """What each section shows, by its id, with no picture drawn."""
    monkeypatch.setattr(pages, "_pictures", lambda learned, pictured: [])

    def of(result, data=None):
        page = pages.page(result, data or {}, {}, ORIGIN)
        return page, {section.anchor: section.blocks for section in page.sections}

    return of


def test_it_says_how_it_ended(blocks):
    page, told = blocks(RESULT)
    facts, text = told["result"]
    assert facts.facts == {
        "status": Mark("COMPLETED", "good"),
        "loss J": "0.125",
        "epochs": "30, of which 26 led to it",
        "loss at its start": "26",
    }
    assert text == Text("Completed 30 epochs.")
    assert blocks(LAYERS)[1]["result"][0].facts["epochs"] == 2
    assert page.lead == "Θ and L of the network that fit learned; f is Fidelity, 11 layers."
    assert "∞ layers" in blocks(replace(RESULT, layers=np.inf))[0].lead
    assert blocks(replace(RESULT, layers=None, kind=None))[0].lead.endswith("f is not known.")


def test_what_did_not_converge_and_what_was_held_out_is_told(blocks):
    facts = blocks(LAYERS)[1]["result"][0].facts
    assert facts["status"] == Mark("MAX_ITER", "remark")
    assert facts["loss of what was held out"] == "0.25"
    assert (
        facts["loss of what was learned from, denser columns included"] == "2 → 1"
    )  # which is not comparable with J, of all columns
    assert "loss at its start" not in facts
    met = blocks(replace(LAYERS, validation=0.0))[1]["result"][0].facts
    assert met["loss of what was held out"] == "0"
    assert blocks(replace(RESULT, status=None))[1]["result"][0].facts["status"].text == "unknown"


def test_parameters_of_one_or_of_every_layer(blocks):
    table, text = blocks(RESULT)[1]["parameters"]
    assert table.heads == ("layer", "w1", "w2", "b1", "b2", "L")
    assert table.rows == (("all", "1.25", "0.5", "0.25", "0.75", "1.5"),)
    assert text == Text("Condition (7) holds.")
    table, text = blocks(LAYERS)[1]["parameters"]
    assert table.rows == (("1", "1", "1", "0.1", "0.2", "1"), ("2", "3", "1", "0.1", "0.9", "2"))
    assert text.text.startswith("Condition (7) does not hold. layer 2: b1 = ")


def test_of_many_epochs_some_are_told_the_first_and_the_last_of_the_accepted_run_among_them(blocks):
    (table,) = blocks(RESULT)[1]["epochs"]
    assert table.caption == "Losses before the steps of 12 of the 26 epochs that led to the result"
    assert (table.rows[0], table.rows[-1]) == (("1", "26"), ("26", "1"))
    assert [int(row[0]) for row in table.rows] == sorted({int(row[0]) for row in table.rows})
    (table,) = blocks(LAYERS)[1]["epochs"]
    assert table.rows == (("1", "2", "4"), ("2", "1", "3"))
    assert table.heads[1:] == ("learned from", "held out")
    assert blocks(RESULT)[1]["epochs"][0].heads == ("epoch", "loss J")


def test_no_epoch_is_told_too(blocks):
    none = {"loss": np.zeros(0), "theta": np.zeros((0, 4)), "L": np.zeros(0)}
    told = blocks(replace(RESULT, history=none))[1]
    assert told["epochs"] == (Text("No epoch was run."),)
    assert "loss at its start" not in told["result"][0].facts


def test_the_problem_is_described_by_the_sizes_of_its_arrays():
    arrays = {"W": np.ones((3, 4)), "layers": np.array(11), "L": np.array(1.5)}
    assert pages.described(NASTY, arrays, {"method": "authors", "left out": None}) == {
        "file": Code(NASTY),
        "W": "3 × 4 array",
        "layers": "11",
        "L": "1.5",
        "method": "authors",
    }


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["Fidelity", "LeastSquares", "per layer", "per layer with data"])
def test_the_page_of_a_fit_has_no_flaw(kind):
    require_extras()
    rng = np.random.default_rng(0)
    D, X = np.eye(4) + rng.normal(size=(4, 4)) / 8, rng.normal(size=(4, 12)) * (rng.random((4, 12)) < 0.5)
    f = Fidelity(X + rng.normal(size=X.shape) / 8) if kind == "Fidelity" else LeastSquares(D, D @ X)
    J = Objective(f, X, layers=2, per_layer=kind.startswith("per layer"))
    found = fit(J, epochs=3)
    pictured = {"f": f, "target": X} if kind.endswith("data") else {}
    page = pages.page(found, pages.described(NASTY, {"Y": X}, {}), pictured, ORIGIN)
    html = render.html(page)
    assert flaws(html) == []
    elements, text = read(html)
    pictures = {"per layer": 5, "per layer with data": 6}.get(kind, 4)
    assert [tag for tag, _ in elements].count("figure") == pictures
    assert NASTY in text
    assert len({attributes["aria-label"] for tag, attributes in elements if tag == "svg"}) == pictures


@pytest.mark.peer
def test_epochs_and_layers_are_counted_in_whole_numbers():
    require_extras()
    named = {found.title: found.svg for found in pages._pictures(LAYERS, {})}
    assert "0.5" not in named["Slopes by layer"].split("</text>")[0]
    assert [*named] == [
        "Thresholds by layer",
        "Slopes by layer",
        "Steps by layer",
        "Shrinkage ξ of every layer",
        "Loss by epoch",
    ]


@pytest.mark.peer
def test_a_panel_that_is_not_known_says_what_it_shows_itself(monkeypatch):
    require_extras()
    monkeypatch.setattr(pages, "TEXTS", {})
    (first, *_) = pages._pictures(RESULT, {})
    assert (first.title, first.text) == ("shrinkage ξ", "ξ(z) by z.")


@pytest.mark.peer
@pytest.mark.parametrize(
    "result", [RESULT, replace(RESULT, kind="LeastSquares"), LAYERS], ids=["map", "path", "layers"]
)
def test_every_panel_that_is_drawn_is_known(result):
    require_extras()
    known = {called for called, _ in pages.TEXTS.values()}
    assert {found.title for found in pages._pictures(result, {})} <= known
