"""``cluster`` and ``classify --report``: what the page is given."""

import numpy as np
import pytest
from command_data import LABELS, views_file
from report_data import caught, flaws, require_extras, without_extras

from dsrl_ref import cli
from dsrl_ref.cli import pages as module
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering
from dsrl_ref.report.page import Code, Plain

NAMES = np.array(["<i>", "a$b$c_{", "w1", "plain"])


@pytest.fixture
def pages(monkeypatch):
    """The title, what was found and the origin of every page."""
    caught(monkeypatch)
    told = []
    monkeypatch.setattr(
        module.found, "page", lambda title, lead, found, origin: told.append((title, lead, found, origin))
    )
    return told


def test_clusters_beside_the_classes(tmp_path, pages, capsys):
    path, place = views_file(tmp_path, NAMES[LABELS]), tmp_path / "page.html"
    asked = ["cluster", path, "--repeats", "2", "--seed", "5", "--neighbors", "7", "--report", str(place)]
    assert cli.main(asked) == 0
    ((title, lead, found, origin),) = pages
    assert (title, "80 samples: the clusters" in lead) == ("Samples and their clusters", True)
    assert origin.command == f"dsrl-ref {' '.join(asked)}"
    assert found.facts == {
        "data": Code(path),
        "samples": 80,
        "views": "X0 (10 features), X1 (10 features), X2 (10 features)",
        "neighbours": 7,
        "seed": 5,
    }
    labels = found.shown.codes
    assert isinstance(found.shown.model, DSRLClustering)
    assert found.groups.rows == tuple((str(c), int(size)) for c, size in enumerate(np.bincount(labels)))
    assert [outcome.method for outcome in found.outcomes] == ["dsrl"]
    assert len(found.outcomes[0].scores["accuracy"]) == 2
    assert found.shown.true_names == sorted(NAMES)
    assert [found.shown.true_names[code] for code in found.shown.true] == NAMES[LABELS].tolist()


def test_clusters_without_classes_have_no_scores(tmp_path, pages):
    path = views_file(tmp_path, None)
    assert cli.main(["cluster", path, "--clusters", "4", "--repeats", "1", "--report", str(tmp_path / "a.html")]) == 0
    ((_, _, found, _),) = pages
    assert (found.outcomes, found.shown.true) == ([], None)


def test_a_graph_in_place_of_views_and_a_preset_are_told(tmp_path, pages):
    graph = tmp_path / "graph.npy"
    np.save(graph, np.kron(np.eye(4), np.ones((20, 20))) - np.eye(80))
    path = views_file(tmp_path, np.arange(80) // 20)
    asked = ["--graph", str(graph), "--preset", "authors", "--epochs", "2", "--repeats", "1"]
    assert cli.main(["cluster", path, *asked, "--report", str(tmp_path / "a.html")]) == 0
    ((_, _, found, _),) = pages
    assert found.facts["graph"] == Code(str(graph))
    assert found.facts["preset"] == "authors"
    assert "views" not in found.facts


def test_classes_by_a_split(tmp_path, pages, capsys):
    path = views_file(tmp_path, NAMES[LABELS])
    assert cli.main(["classify", path, "--repeats", "2", "--compare", "--report", str(tmp_path / "a.html")]) == 0
    ((title, _, found, _),) = pages
    assert title == "Samples and their classes"
    assert isinstance(found.shown.model, DSRLClassifier)
    assert [row[0] for row in found.groups.rows] == [Plain(name) for name in sorted(NAMES)]
    labelled, others = np.array([row[1:] for row in found.groups.rows]).T
    known = NAMES[LABELS][found.shown.labelled]
    assert labelled.tolist() == [np.count_nonzero(known == name) for name in sorted(NAMES)]
    assert labelled.sum() + others.sum() == 80
    assert len(found.outcomes) > 5
    assert all(found.shown.true[place] < 0 for place in found.shown.labelled)


def test_classes_of_what_is_unlabelled(tmp_path, pages):
    labels = np.where(np.arange(80) % 4 == 0, LABELS, -1)
    assert cli.main(["classify", views_file(tmp_path, labels), "--report", str(tmp_path / "a.html")]) == 0
    ((_, _, found, _),) = pages
    assert found.outcomes == []
    assert [row[1] for row in found.groups.rows] == np.bincount(LABELS[::4]).tolist()
    assert sum(row[2] for row in found.groups.rows) == 60
    assert found.shown.labelled.tolist() == [*range(0, 80, 4)]


@pytest.mark.parametrize("command", ["cluster", "classify"])
def test_no_page_is_made_unless_it_is_asked_for_and_then_its_place_is_tried_first(
    tmp_path, monkeypatch, pages, command, capsys
):
    path = views_file(tmp_path)
    assert cli.main([command, path, "--repeats", "1"]) == 0
    assert pages == []
    monkeypatch.setattr("dsrl_ref.cli.applications.read", lambda _: pytest.fail("it has begun"))
    assert cli.main([command, path, "--report", str(tmp_path / "missing" / "a.html")]) == 5
    assert cli.main([command, path, "--report", path]) == 3
    assert cli.main([command, path, "--model", str(tmp_path / "m"), "--report", str(tmp_path / "m")]) == 3
    without_extras(monkeypatch)
    assert cli.main([command, path, "--report", str(tmp_path / "a.html")]) == 3
    assert "--report needs jinja2" in capsys.readouterr().err


@pytest.mark.peer
@pytest.mark.parametrize("command", ["cluster", "classify"])
def test_the_file_is_a_page_without_a_flaw(tmp_path, command):
    require_extras()
    place = tmp_path / "page.html"
    assert cli.main([command, views_file(tmp_path, NAMES[LABELS]), "--repeats", "1", "--report", str(place)]) == 0
    html = place.read_text(encoding="utf-8")
    assert flaws(html) == []
    assert "&lt;i&gt;" in html
