"""``dsrl-ref classify``: the classifier on the splits of the authors' protocol, and its controls."""

import argparse

import authors_data
import numpy as np
import pytest
from command_data import LABELS, VIEWS, in_json, views_file

from dsrl_ref import cli
from dsrl_ref.cli import applications
from dsrl_ref.cli.classify import share
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClassifier

BLOCKS = np.kron(np.eye(6), np.ones((10, 10)))
FORMS = ["one-hot", "balanced"]
ALONE = [f"dsrl, view {v} alone" for v in range(3)]
HEAT = ["raw graph", "soft threshold", "soft threshold, oracle"]
CANDIDATES = ["candidates", "candidates, threshold", "candidates, oracle"]


@pytest.fixture
def data(tmp_path):
    return views_file(tmp_path)


def fitted(labels=LABELS, given=VIEWS, count=8, repeats=1, seed=2021, **parameters):
    """The labelled samples of every split of the protocol, and the classifier itself fitted with them."""
    generator = np.random.RandomState(seed)
    for _ in range(repeats):
        known = generator.permutation(len(labels))[:count]
        y = np.full(len(labels), -1)
        y[known] = labels[known]
        yield known, DSRLClassifier(**parameters).fit(given, y)


def accuracies(labels=LABELS, **options):
    """Of the classifier itself on the unlabelled samples of every split."""
    found = [np.delete(model.transduction_ == labels, known) for known, model in fitted(labels, **options)]
    return pytest.approx([np.mean(right) for right in found])


def test_it_is_the_classifier_on_these_splits(data, capsys):
    arguments = ["--repeats", "2", "--labelled", "0.2", "--seed", "5", "--neighbors", "6", "--learning-rate", "0.25"]
    (result,) = in_json(capsys, "classify", data, *arguments)["results"]
    expected = accuracies(count=16, repeats=2, seed=5, n_neighbors=6, learning_rate=0.25)
    assert (result["method"], result["propagation"]) == ("dsrl", "balanced")
    assert result["accuracy"]["values"] == expected
    assert result["accuracy"]["mean"] == pytest.approx(np.mean(result["accuracy"]["values"]))


def test_a_tenth_is_labelled_unless_told_otherwise(data, capsys):
    assert cli.main(["classify", data, "--repeats", "2"]) == 0
    first, header, row, learned = capsys.readouterr().out.splitlines()
    assert first == "80 samples, 4 classes, 8 labelled; 2 splits"
    assert header.split() == ["method", "propagation", "accuracy"]
    assert row.split()[:2] == ["dsrl", "balanced"]
    assert learned.startswith("learned w1 = ")


def test_one_labelled_sample_is_enough_and_none_is_refused(data, capsys):
    (result,) = in_json(capsys, "classify", data, "--labelled", "0.0125", "--repeats", "1")["results"]
    assert result["accuracy"]["values"] == accuracies(count=1)
    assert cli.main(["classify", data, "--labelled", "0.0124"]) == 3
    assert "--labelled 0.0124 of 80 samples is none" in capsys.readouterr().err


def test_a_share_lies_between_none_and_all():
    assert share("0.25") == 0.25
    for text in ("0", "1", "1.5", "-0.1", "nan"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"must be between 0 and 1: {text}"):
            share(text)


def test_a_class_that_has_no_label_is_not_guessed(tmp_path, capsys):
    names = np.repeat(np.arange(6), 10)
    np.savez(tmp_path / "d.npz", Y=names)
    np.save(tmp_path / "g.npy", BLOCKS)
    arguments = ["--graph", tmp_path / "g.npy", "--labelled", "0.08", "--repeats", "3"]
    (found,) = in_json(capsys, "classify", tmp_path / "d.npz", *arguments)["results"]
    expected = accuracies(names, given=BLOCKS, count=4, repeats=3, affinity="precomputed")
    assert found["accuracy"]["values"] == expected


def test_the_controls_are_shown_after_it(data, capsys):
    results = in_json(capsys, "classify", data, "--repeats", "2", "--compare")["results"]
    pairs = [(result["method"], result["propagation"]) for result in results]
    assert pairs[0] == ("dsrl", "balanced")
    methods = ["dsrl", *HEAT, *CANDIDATES, "authors' preset", *ALONE]
    assert sorted(pairs) == sorted((method, form) for method in methods for form in FORMS)
    assert pairs[-1][0] == ALONE[-1]
    accuracy = {pair: result["accuracy"]["values"] for pair, result in zip(pairs, results, strict=True)}
    assert accuracy[ALONE[2], "balanced"] == accuracies(given=VIEWS[2:], repeats=2)
    assert accuracy["authors' preset", "one-hot"] == accuracies(repeats=2, preset="authors")


def test_the_preset_is_compared_with_itself(data, capsys):
    training = ["--preset", "authors", "--epochs", "30", "--learning-rate", "0.05"]
    first, *controls = in_json(capsys, "classify", data, *training, "--repeats", "2", "--compare")["results"]
    assert first["propagation"] == "one-hot"
    accuracy = {(control["method"], control["propagation"]): control["accuracy"] for control in controls}
    assert len(accuracy) == len(controls)
    assert sorted(accuracy) == sorted((method, form) for method in [*HEAT, "authors' preset", *ALONE] for form in FORMS)
    assert accuracy["authors' preset", "one-hot"] == first["accuracy"]
    options = {"preset": "authors", "epochs": 30, "learning_rate": 0.05}
    assert accuracy[ALONE[1], "one-hot"]["values"] == accuracies(given=[VIEWS[1]], repeats=2, **options)


def test_names_from_a_folder_of_csv_files_are_written(tmp_path, capsys):
    folder, output = tmp_path / "data", tmp_path / "found.npz"
    folder.mkdir()
    for v, view in enumerate(VIEWS):
        np.savetxt(folder / f"view{v}.csv", view, delimiter=",", header="a,b,c,d,e,f,g,h,i,j", comments="")
    (folder / "Y.csv").write_text("".join(f"{'dbca'[label]}\n" for label in LABELS))
    assert cli.main(["classify", str(folder), "--repeats", "2", "-o", str(output)]) == 0
    ((known, model),) = fitted()
    with np.load(output) as found:
        assert list(found["labels"]) == ["dbca"[label] for label in model.transduction_]
        assert list(found["labelled"]) == list(known)
        assert list(found["theta"]) == list(model.theta_)


def test_without_labels_it_is_3(tmp_path, capsys):
    assert cli.main(["classify", views_file(tmp_path, None)]) == 3
    assert "has no labels: key Y is missing" in capsys.readouterr().err


def test_places_are_tried_before_the_data_is_read(data, tmp_path, capsys):
    for option in ("-o", "--plot"):
        assert cli.main(["classify", str(tmp_path / "none.npz"), option, str(tmp_path / "no" / "folder.png")]) == 5
        assert "folder.png" in capsys.readouterr().err


def test_the_picture_shows_the_samples_by_class(data, tmp_path, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(applications, "require_kind", lambda kind: None)
    monkeypatch.setattr(applications, "draw", lambda *shown: drawn.append(shown))
    assert cli.main(["classify", data, "--repeats", "1", "--plot", str(tmp_path / "picture.png")]) == 0
    ((path, model, order),) = drawn
    ((_, expected),) = fitted()
    assert path == tmp_path / "picture.png"
    assert np.array_equal(model.transduction_, expected.transduction_)
    assert order.tolist() == sorted(range(80), key=lambda sample: LABELS[sample])


@pytest.mark.peer
def test_a_picture_of_a_graph_without_edges(data, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    np.save(tmp_path / "none.npy", np.zeros((80, 80)))
    arguments = ["--graph", str(tmp_path / "none.npy"), "--repeats", "1", "--plot", str(tmp_path / "picture.svg")]
    with pytest.warns(GraphWarning, match="the graph has no edges: none of its entries off the diagonal"):
        assert cli.main(["classify", data, *arguments]) == 0
    assert (tmp_path / "picture.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(("name", "mean", "deviation"), [("MSRC-v1", 0.7614, 0.0663), ("ALOI", 0.9159, 0.0074)])
def test_the_authors_protocol_to_four_decimals(name, mean, deviation, capsys):
    data, graph = (authors_data.path_of(f"{name}{kind}.mat") for kind in ("", "W"))
    (result,) = in_json(capsys, "classify", data, "--graph", graph, "--preset", "authors")["results"]
    assert round(result["accuracy"]["mean"], 4) == mean
    assert round(result["accuracy"]["std"], 4) == deviation


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "least"), [("MSRC-v1", 0.81), ("ALOI", 0.93)])
def test_the_defaults_beat_the_controls_on_the_authors_views(name, least, capsys):
    first, *controls = in_json(capsys, "classify", authors_data.path_of(f"{name}.mat"), "--compare")["results"]
    assert first["accuracy"]["mean"] >= least
    for control in controls:
        error = np.std(np.subtract(first["accuracy"]["values"], control["accuracy"]["values"]), ddof=1) / 10**0.5
        gain = first["accuracy"]["mean"] - control["accuracy"]["mean"]
        assert gain > (error if control["propagation"] == "one-hot" else -0.01), control["method"]
