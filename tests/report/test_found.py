"""The pages of clusters and classes: the samples, what was found of them, and what was learned."""

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from command_data import LABELS, VIEWS
from report_data import NASTY, ORIGIN, flaws, read, require_extras

from dsrl_ref import Theta
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering
from dsrl_ref.multiview.experiments import Outcome
from dsrl_ref.pictures.estimator import shown_of
from dsrl_ref.report import found as pages
from dsrl_ref.report import render
from dsrl_ref.report.found import Found
from dsrl_ref.report.page import Pictures, Plain, Table, Text

NAMES = [NASTY, "a$b$c_{", "w1", "plain"]
GROUPS = Table("Groups", ("group", "samples"), (("0", 80),), numbers=True)
OUTCOMES = [Outcome("dsrl", {"accuracy": [1.0]}), Outcome("raw graph", {"accuracy": [0.5]})]
pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def clusters():
    require_extras()
    return DSRLClustering(4, random_state=0).fit(VIEWS)


@pytest.fixture(scope="module")
def classes():
    require_extras()
    known = [NAMES[code] if place % 3 == 0 else None for place, code in enumerate(LABELS)]
    return DSRLClassifier().fit(VIEWS, known)


def page_of(model, outcomes=OUTCOMES, **shown):
    return pages.page("title", "lead", Found({"data": "d"}, GROUPS, outcomes, shown_of(model, **shown)), ORIGIN)


def section(page, anchor):
    (found,) = [section for section in page.sections if section.anchor == anchor]
    return found


def drawn(page, anchor):
    blocks = [block for block in section(page, anchor).blocks if isinstance(block, Pictures)]
    return [picture.title for block in blocks for picture in block.pictures]


def test_parameters_are_told_in_six_digits():
    model = SimpleNamespace(theta_=Theta(1.25, 0.5, 0.25, 0.75), L_=1.5, scale_=1 / 3, n_iter_=7)
    assert pages._parameters(model) == {
        "w1": "1.25",
        "w2": "0.5",
        "b1": "0.25",
        "b2": "0.75",
        "L": "1.5",
        "scale of the weights": "0.333333",
        "epochs": 7,
    }


def test_clusters_beside_classes(clusters):
    page = page_of(clusters, true=LABELS, names=NAMES, view_names=["x", "y", "z"])
    assert [part.anchor for part in page.sections] == ["facts", "scores", "samples", "learned"]
    assert drawn(page, "samples") == [
        "Embedding of the samples",
        "What was found, beside what is true",
        "Weights of the views",
        "Eigenvalues of the learned graph",
    ]
    assert drawn(page, "learned") == ["What the network does to an edge", "Graph before", "Graph after"]
    *_, text, table = section(page, "samples").blocks
    counts = np.array([row[1:] for row in table.rows])
    assert counts.sum() == len(LABELS)
    assert [row[0] for row in table.rows] == [Plain(name) for name in NAMES]
    assert counts.sum(axis=1).tolist() == np.bincount(LABELS).tolist()
    assert text == Text(f"{np.trace(counts) / 80:.1%} of 80 samples lie where the class and what was found match best.")
    order = [int(head.text.removeprefix("cluster ")) for head in table.heads[1:]]
    assert counts[0].tolist() == [int(np.sum(clusters.labels_[LABELS == 0] == code)) for code in order]
    assert flaws(render.html(page)) == []


@pytest.mark.parametrize("turn", range(4))
def test_clusters_stand_in_the_order_in_which_they_fit_the_classes_best(clusters, turn):
    _, table = pages._counts(shown_of(clusters, true=(LABELS + turn) % 4))
    counts = np.array([row[1:] for row in table.rows])
    assert np.trace(counts) == max(counts[range(4), order].sum() for order in permutations(range(4)))


def test_clusters_of_samples_without_classes(clusters):
    page = page_of(clusters, outcomes=[])
    assert [part.anchor for part in page.sections] == ["facts", "samples", "learned"]
    assert "What was found, beside what is true" not in drawn(page, "samples")
    assert len(section(page, "samples").blocks) == 1
    assert section(page, "facts").blocks[1] == GROUPS
    assert flaws(render.html(page)) == []


def test_classes_of_samples_of_which_some_are_known(classes):
    page = page_of(classes, outcomes=OUTCOMES[:1], labelled=np.flatnonzero(np.arange(80) % 3 == 0))
    html = render.html(page)
    assert flaws(html) == []
    _, text = read(html)
    assert "Eigenvalues" not in text
    assert len(section(page, "scores").blocks) == 1  # no controls to explain
    assert "label known" in html


def test_names_of_classes_are_shown_as_they_are(classes):
    true = [NAMES[code] for code in LABELS]
    html = render.html(page_of(classes, true=true, names=None))
    elements, text = read(html)
    assert "script" not in [tag for tag, _ in elements]
    assert NASTY in text
    assert "a$b$c_{" in text
    assert '<th scope="row">w1</th>' in html
    assert texts_of_pictures(html).count("a$b$c_{") >= 2  # beside the samples and beside the graphs


def texts_of_pictures(html):
    """The texts in the pictures."""
    return "".join(part.partition("</svg>")[0] for part in html.split("<svg")[1:])


def test_of_many_classes_the_table_is_left_out(clusters, monkeypatch):
    monkeypatch.setattr(pages, "COUNTS_UP_TO", 3)
    blocks = section(page_of(clusters, true=LABELS), "samples").blocks
    assert [type(block) for block in blocks] == [Pictures, Text]


def test_one_view_has_no_weight_to_show():
    require_extras()
    model = DSRLClustering(2, n_neighbors=4, random_state=0).fit(VIEWS[:1])
    assert "Weights of the views" not in drawn(page_of(model, view_names=["only"]), "samples")
