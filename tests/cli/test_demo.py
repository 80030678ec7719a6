"""The main job: its parts on small data, and the whole of it once."""

import contextlib
import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from command_data import LABELS, VIEWS, in_json
from report_data import caught, without_extras
from scipy.sparse import csr_array

from dsrl_ref import Fidelity, Gradient, Objective, Theta, check_gradient, cli, fit, forward
from dsrl_ref.cli import applications, demo
from dsrl_ref.errors import StartWarning
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, load_dataset, similarity_graph

CONTROLS = ["raw graph", "soft threshold", "candidates", "candidates, threshold"]


@pytest.fixture(scope="module")
def small():
    return demo.compute({f"view {v}": view for v, view in enumerate(VIEWS)}, LABELS)


def test_it_learns_as_the_authors_do(small):
    graph = similarity_graph(VIEWS)
    with pytest.warns(StartWarning, match="the gradient is zero at the start"):
        expected = fit(Objective(Fidelity(graph), layers=11), method="authors", epochs=40)
    W = graph.toarray()
    record = demo.as_record(small)
    assert record["views"] == {"view 0": 10, "view 1": 10, "view 2": 10}
    assert (record["samples"], record["epochs"]) == (80, 40)
    assert (record["theta"], record["L"]) == (expected.theta._asdict(), expected.L)
    assert record["loss"] == {"first": expected.history["loss"][0], "last": expected.loss}
    assert small.output.toarray() == pytest.approx(forward(Fidelity(W), expected.theta, expected.L, 11)[-1])


def test_zeros_are_counted_before_and_after_the_network(small):
    after = csr_array(np.diag([1.0] * 60 + [0.0] * 20))
    after.data[0] = 0.0  # stored, and a zero
    record, W = demo.as_record(replace(small, output=after)), small.graph.toarray()
    assert record["nonzeros"] == {"graph": np.count_nonzero(W), "output": 59}
    assert record["zero_fraction"] == pytest.approx({"graph": np.mean(W == 0), "output": 1 - 59 / 6400})


def test_the_gradient_is_checked_where_training_ended(small):
    learned = small.learned
    assert small.checked == check_gradient(
        Objective(Fidelity(similarity_graph(VIEWS)), layers=11), learned.theta, learned.L
    )
    assert demo.as_record(small)["gradient_check"]["gaps"].keys() == set(Gradient._fields)
    assert small.passed


def test_it_clusters_and_classifies_with_the_controls_beside(small):
    record = demo.as_record(small)
    seeds = range(2021, 2024)
    scores = [clustering_scores(LABELS, DSRLClustering(4, random_state=seed).fit_predict(VIEWS)) for seed in seeds]
    assert record["clustering"][0]["accuracy"]["values"] == [score["accuracy"] for score in scores]
    assert [result["method"] for result in record["clustering"]] == ["dsrl", *CONTROLS, "authors' preset"]
    generator, accuracies = np.random.RandomState(2021), []
    for _ in seeds:
        known = generator.permutation(80)[:8]
        y = np.full(80, -1)
        y[known] = LABELS[known]
        accuracies.append(np.mean(np.delete(DSRLClassifier().fit(VIEWS, y).transduction_ == LABELS, known)))
    first, *controls = record["classification"]
    assert (first["method"], first["propagation"]) == ("dsrl", "balanced")
    assert first["accuracy"]["values"] == pytest.approx(accuracies)
    pairs = {(control["method"], control["propagation"]) for control in controls}
    both = {(method, form) for method in [*CONTROLS, "authors' preset"] for form in ("one-hot", "balanced")}
    assert pairs == both | {("dsrl", "one-hot")}


def replayed(found):
    """In place of `demo.compute`: tell what was found before, as that would."""

    def compute(views, codes, told, progress):
        told.begun(found.columns, len(LABELS))
        told.fused(found.graph, found.seconds["graph"])
        told.prepared(found.J)
        told.trained(found.learned, found.seconds["training"])
        told.applied(found.graph, found.output)
        told.verified(found.checked)
        for task, outcomes in found.tasks.items():
            for place, outcome in enumerate(outcomes):
                told.scored(task, found.classes, outcome, place == 0)
        told.ended(found.seconds["all"])
        return found

    return compute


def test_the_report_says_what_was_computed(small, monkeypatch, capsys):
    seconds = {"graph": 1.0, "training": 2.0, "applications": 4.0, "all": 8.0}
    monkeypatch.setattr(demo, "compute", replayed(replace(small, seconds=seconds, output=csr_array(np.eye(80)))))
    assert cli.main(["demo"]) == 0
    report, *tables, end = capsys.readouterr().out.split("\n\n")
    lines = {line[:19].rstrip(): line[20:] for line in report.splitlines()}
    theta, record = small.learned.theta, demo.as_record(small)
    assert lines["data"] == "UCI handwritten digits, 80 images 8×8 (CC BY 4.0)"
    assert lines["derived views"] == "view 0 (10), view 1 (10), view 2 (10)"
    assert lines["fused graph"] == f"80×80, {record['nonzeros']['graph']} nonzeros, 1.0 s"
    assert lines["network"].startswith("f = ½‖X - W‖², 11 layers, explicit gradients (")
    assert lines["training"] == "the authors' optimiser, 40 epochs, 2.0 s"
    assert lines["learned Θ"] == ", ".join(f"{name} = {value:.6f}" for name, value in theta._asdict().items())
    assert lines["learned L"] == f"{small.learned.L:.6f}"
    assert lines["condition (7)"] == "holds"
    assert lines["loss"] == f"{record['loss']['first']:.4f} -> {record['loss']['last']:.4f}"
    assert lines["sparsity"] == f"{np.mean(small.graph.toarray() == 0):.2%} -> 98.75% zeros, 80 nonzeros left"
    assert re.fullmatch(
        r"agrees with differences of the loss: 0\.0e\+00 apart beyond rounding, which hides at most \d\.\de-\d\d "
        r"\(0 ties\)",
        lines["gradient there"],
    )
    assert end == "all                 8.0 s\n"
    assert [table.splitlines()[0] for table in tables] == [
        "clustering into 4, 3 seeds",
        "classification, 10 % labelled, 3 splits",
    ]
    for table, outcomes in zip(tables, small.tasks.values(), strict=True):
        list(applications.print_table(outcomes))
        assert table.rstrip("\n").endswith(capsys.readouterr().out.rstrip("\n"))


def test_every_line_is_printed_when_it_is_known(monkeypatch, capsys):
    """Each function of the package is called only after all lines on what came before it have been printed."""
    printed = ""

    def seen(name, function):
        def call(*arguments, **options):
            nonlocal printed
            printed += capsys.readouterr().out
            before[name] = printed.splitlines()
            return function(*arguments, **options)

        return call

    before = {}
    graph_of = seen("similarity_graph", similarity_graph)
    monkeypatch.setattr("dsrl_ref.multiview.experiments.similarity_graph", graph_of)
    for name in ("Objective", "fit", "check_gradient", "cluster", "classify_on"):
        monkeypatch.setattr(demo, name, seen(name, getattr(demo, name)))
    monkeypatch.setattr(demo, "clustering_controls", lambda *_, **__: iter(()))
    monkeypatch.setattr(demo, "classification_controls", lambda *_, **__: iter(()))
    clock = iter([10, 11, 13, 17, 25])
    monkeypatch.setattr(demo, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    told = demo.Told(printed=True)
    found = demo.compute({f"view {v}": view for v, view in enumerate(VIEWS)}, LABELS, told)
    last = {name: lines[-1].split("  ")[0] for name, lines in before.items()}
    assert last == {
        "similarity_graph": "derived views",
        "Objective": "fused graph",
        "fit": "network",
        "check_gradient": "sparsity",
        "cluster": "gradient there",
        "classify_on": "dsrl",
    }
    assert found.seconds == {"graph": 1, "training": 2, "applications": 8, "all": 15}
    assert [told.lines[label].split(", ")[-1] for label in ("fused graph", "training", "all")] == [
        "1.0 s",
        "2.0 s",
        "15.0 s",
    ]


def test_a_run_that_prints_json_prints_nothing_else(small, capsys):
    told = demo.Told(printed=False)
    replayed(small)(None, None, told, None)
    assert capsys.readouterr() == ("", "")
    assert told.lines["all"] == f"{small.seconds['all']:.1f} s"


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("figure", ["gap", "rounding"])
def test_a_gradient_that_is_wrong_or_hidden_by_rounding_is_1(small, monkeypatch, capsys, options, figure):
    wrong = replace(small, checked=replace(small.checked, **{figure: 2e-7}))
    monkeypatch.setattr(demo, "compute", replayed(wrong))
    assert cli.main(["demo", *options]) == 1
    out = capsys.readouterr().out
    assert '"passed": false' in out if options else "DISAGREES with differences of the loss: " in out


def test_a_condition_that_does_not_hold_is_1_and_named(small, monkeypatch, capsys):
    broken = replace(small, learned=replace(small.learned, theta=Theta(1, 2, 0.25, 1)))
    monkeypatch.setattr(demo, "compute", replayed(broken))
    (violation,) = broken.learned.theta.violations()
    assert cli.main(["demo"]) == 1
    out = capsys.readouterr().out
    assert f"condition (7)       {violation}\n" in out
    assert "agrees with differences of the loss: " in out
    assert in_json(capsys, "demo", code=1)["violations"] == [violation]


@pytest.fixture(scope="module")
def whole():
    """The digits, computed once: what the command computed, and what it printed as a table and as JSON."""
    compute, kept, printed = demo.compute, [], []

    def once(views, codes, told, progress):
        if not kept:
            kept.append((views, codes, compute(views, codes, told, progress)))
        return kept[0][2]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(demo, "compute", once)
        for options in ([], ["--json"]):
            stream = io.StringIO()
            with contextlib.redirect_stdout(stream):
                assert cli.main(["demo", *options]) == 0
            printed.append(stream.getvalue())
    return *kept[0], printed[0], json.loads(printed[1])


def test_the_whole_is_of_the_digits(whole):
    views, codes, found, text, record = whole
    expected, labels = load_dataset("digits")
    assert [*views] == ["pixels", "Fourier magnitudes", "row and column sums", "differences"]
    assert all(np.array_equal(*pair) for pair in zip(views.values(), expected, strict=True))
    assert np.array_equal(codes, labels)
    assert record == demo.as_record(found)
    assert "\nfused graph         1797×1797, " in text
    assert "\nclustering into 10, 3 seeds\n" in text


def test_the_whole_learns_a_sparse_graph_under_the_conditions(whole):
    *_, record = whole
    assert record["passed"] is True
    assert record["violations"] == []
    assert not Theta(**record["theta"]).violations()
    assert record["loss"]["last"] < record["loss"]["first"] / 5
    assert record["nonzeros"]["output"] < record["nonzeros"]["graph"]
    assert record["gradient_check"]["gap"] <= 1e-7


@pytest.mark.parametrize("task", ["clustering", "classification"])
def test_the_whole_is_better_than_the_controls_or_as_good(whole, task):
    """In classifying the digits the authors' preset, with balanced sources, is as good to the last sample."""
    *_, record = whole
    first, *controls = record[task]
    own = {"candidates", "candidates, threshold"}  # the graph that DSRL chose from: no less is expected of it
    others = [control for control in controls if control["method"] not in own]
    assert {control["method"] for control in others} >= {"raw graph", "soft threshold", "authors' preset"}
    for control in others:
        better = first["accuracy"]["mean"] - control["accuracy"]["mean"]
        assert better > (-1e-12 if task == "classification" else 0), control["method"]


def test_a_page_has_the_lines_of_the_report_and_the_scores(small, monkeypatch, tmp_path, capsys):
    pages, drawn = caught(monkeypatch), []
    monkeypatch.setattr(demo, "compute", replayed(small))
    monkeypatch.setattr(demo.graphs, "learning", lambda *given: drawn.append(given) or ())
    assert cli.main(["demo", "--report", str(tmp_path / "page.html")]) == 0
    report, *tables, end = capsys.readouterr().out.split("\n\n")
    ((path, page),), ((before, after, network, codes, names),) = pages, drawn
    assert path == tmp_path / "page.html"
    assert page.origin.command == f"dsrl-ref demo --report {path}"
    lines = {line[:19].rstrip(): line[20:] for line in [*report.splitlines(), end.strip()]}
    assert page.sections[0].blocks[0].facts == lines
    assert [section.title for section in page.sections[2].sections] == [table.splitlines()[0] for table in tables]
    assert (before, after, names) == (small.graph, small.output, None)
    assert np.array_equal(codes, load_dataset("digits")[1])
    assert network(small.graph.data) == pytest.approx(
        forward(Fidelity(small.graph.data[None]), small.learned.theta, small.learned.L, 11)[-1][0]
    )


@pytest.mark.parametrize("what", ["folder", "extra"])
def test_what_a_page_lacks_is_found_before_any_work(monkeypatch, tmp_path, capsys, what):
    monkeypatch.setattr(demo, "compute", lambda *_: pytest.fail("it has begun"))
    without_extras(monkeypatch) if what == "extra" else caught(monkeypatch)
    place = tmp_path / "missing" / "page.html" if what == "folder" else tmp_path / "page.html"
    assert cli.main(["demo", "--report", str(place)]) == (5 if what == "folder" else 3)
    assert ("missing" if what == "folder" else "--report needs") in capsys.readouterr().err
