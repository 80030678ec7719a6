"""``dsrl-ref classify``: the classifier on the splits of the authors' protocol, and its controls."""

import argparse

import authors_data
import numpy as np
import pytest
from command_data import LABELS, VIEWS, in_json, named_tables, views_file

from dsrl_ref import cli, load
from dsrl_ref.cli import applications
from dsrl_ref.cli.classify import share
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClassifier

BLOCKS = np.kron(np.eye(6), np.ones((10, 10)))
FORMS = ["one-hot", "balanced"]
ALONE = [f"dsrl, X{v} alone" for v in range(3)]
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
        with pytest.raises(argparse.ArgumentTypeError, match=f"must be between 0 and 1, both excluded: {text}"):
            share(text)


def test_a_class_that_has_no_label_is_not_guessed(tmp_path, capsys):
    names = np.repeat(np.arange(6), 10)
    np.savez(tmp_path / "d.npz", Y=names)
    np.save(tmp_path / "g.npy", BLOCKS)
    arguments = ["--graph", tmp_path / "g.npy", "--labelled", "0.08", "--repeats", "3"]
    blocks = {place // 10 for place in np.random.RandomState(2021).permutation(60)[:4]}
    with pytest.warns(GraphWarning, match=f"no label reaches {60 - 10 * len(blocks)} of 60 samples"):
        (found,) = in_json(capsys, "classify", tmp_path / "d.npz", *arguments)["results"]
    with pytest.warns(GraphWarning, match="no label reaches"):
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


def test_a_table_is_of_the_first_split_and_says_so(data, tmp_path, capsys):
    kept = str(tmp_path / "model")
    assert cli.main(["classify", data, "--repeats", "2", "-o", str(tmp_path / "x.csv"), "--model", kept]) == 0
    line = f"8 labelled; 2 splits; {tmp_path / 'x.csv'} is of the first split; {kept} is of all labels"
    assert capsys.readouterr().out.splitlines()[0].endswith(line)
    ((_, model),) = fitted()
    header, *lines = (tmp_path / "x.csv").read_text().splitlines()
    assert header == "split,sample,class,probability,reached"
    assert lines == [
        f"1,{place},{label + 1},{float(spread.max())!r},true"
        for place, (label, spread) in enumerate(zip(model.transduction_, model.label_distributions_, strict=True))
    ]


def test_a_class_that_is_not_in_the_first_split_is_not_written_either(tmp_path, capsys):
    known = np.random.RandomState(2021).permutation(80)[:8]
    labels = np.array(["a", "b", "c", "d"])[LABELS]
    labels[np.setdiff1d(np.flatnonzero(labels == "b"), known)[0]] = "aa"
    assert "aa" not in labels[known]
    assert cli.main(["classify", views_file(tmp_path, labels), "--repeats", "1", "-o", str(tmp_path / "x.npz")]) == 0
    ((_, model),) = fitted()
    with np.load(tmp_path / "x.npz") as found:
        assert found["labels"].tolist() == ["abcd"[label] for label in model.transduction_]
        assert np.array_equal(found["probability"], model.label_distributions_.max(axis=1))
        assert found["reached"].all()


def test_the_model_that_is_kept_knows_every_label(data, tmp_path, capsys):
    options = ["--neighbors", "6", "--learning-rate", "0.25", "--model", str(tmp_path / "model")]
    assert cli.main(["classify", data, "--repeats", "1", *options]) == 0
    kept = load(tmp_path / "model")
    assert np.array_equal(kept.transduction_, LABELS + 1)
    assert (kept.n_neighbors, kept.learning_rate) == (6, 0.25)


HALF = np.where(np.arange(80) < 30, LABELS, -1)


def labelled_half(tmp_path, missing):
    """The data with labels of the first 30 samples, the others missing in one of the ways that files have."""
    if missing == "None":
        (tmp_path / "folder").mkdir()
        for v, view in enumerate(VIEWS):
            np.save(tmp_path / "folder" / f"view{v}.npy", view)
        cells = [f"c{label}" if label >= 0 else "" for label in HALF]
        (tmp_path / "folder" / "Y.csv").write_text("class\n" + "".join(f'"{cell}"\n' for cell in cells))
        return str(tmp_path / "folder")
    return views_file(tmp_path, HALF if missing == "-1" else np.where(HALF < 0, np.nan, HALF))


@pytest.mark.parametrize("missing", ["-1", "NaN", "None"])
def test_what_is_unlabelled_is_labelled_by_all_that_is_known(missing, tmp_path, capsys):
    path, table = labelled_half(tmp_path, missing), tmp_path / "x.csv"
    assert cli.main(["classify", path, "--neighbors", "6", "-o", str(table), "--model", str(tmp_path / "model")]) == 0
    model = DSRLClassifier(n_neighbors=6).fit(VIEWS, HALF)
    names = [f"c{label}" if missing == "None" else f"{label}" for label in model.transduction_]
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    assert [row[1].removesuffix(".0") for row in rows] == names
    assert [float(row[2]) for row in rows] == model.label_distributions_.max(axis=1).tolist()
    assert np.array_equal(load(tmp_path / "model").label_distributions_, model.label_distributions_)
    first, header, *counts, learned = capsys.readouterr().out.splitlines()
    assert first == "80 samples, 4 classes, 30 labelled; 50 classified"
    assert header.split() == ["class", "labelled", "found"]
    found = np.bincount(model.transduction_[30:], minlength=4)
    expected = [(np.count_nonzero(np.equal(HALF, code)), found[code]) for code in range(4)]
    assert [tuple(map(int, line.split()[1:])) for line in counts] == expected
    assert learned.startswith("learned w1 = ")


def test_arrays_say_which_samples_were_labelled(tmp_path, capsys):
    path = views_file(tmp_path, HALF)
    assert in_json(capsys, "classify", path, "-o", tmp_path / "x.npz")["results"] == []
    model = DSRLClassifier().fit(VIEWS, HALF)
    with np.load(tmp_path / "x.npz") as found:
        assert found["labelled"].tolist() == list(range(30))
        assert np.array_equal(found["labels"], model.transduction_)
        assert np.array_equal(found["graph_data"], model.graph_.data)


def test_json_has_the_columns_of_the_table(tmp_path, capsys):
    found = in_json(capsys, "classify", views_file(tmp_path, HALF), "--learning-rate", "0.25")["found"]
    model = DSRLClassifier(learning_rate=0.25).fit(VIEWS, HALF)
    assert found["class"] == model.transduction_.tolist()
    assert found["probability"] == model.label_distributions_.max(axis=1).tolist()
    assert (found["sample"], found["reached"]) == (list(range(80)), [True] * 80)


def test_samples_that_no_label_reaches_have_no_class(tmp_path, capsys):
    names = np.where(np.arange(60) < 5, 0, np.where(np.arange(60) < 20, 1, -1))
    np.savez(tmp_path / "d.npz", Y=names)
    np.save(tmp_path / "g.npy", BLOCKS)
    arguments = [tmp_path / "d.npz", "--graph", tmp_path / "g.npy"]
    with pytest.warns(GraphWarning, match="no label reaches 40 of 60 samples, the first of them sample 20: "):
        found = in_json(capsys, "classify", *arguments)["found"]
    assert [name is None for name in found["class"]] == [False] * 20 + [True] * 40
    assert found["reached"] == [True] * 20 + [False] * 40
    assert found["probability"][20:] == [0.5] * 40


@pytest.mark.parametrize("option", [["--compare"], ["--labelled", "0.2"]])
def test_nothing_is_scored_that_is_not_known(option, tmp_path, capsys):
    assert cli.main(["classify", views_file(tmp_path, HALF), *option]) == 3
    assert f"{option[0]} is for data of which every label is known; " in capsys.readouterr().err


def test_the_picture_marks_what_was_labelled(tmp_path, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(applications, "draw", lambda *shown, **more: drawn.append((shown, more)))
    assert cli.main(["classify", views_file(tmp_path, HALF)]) == 0
    ((_, _, model), more) = drawn.pop()
    assert np.array_equal(model.transduction_, DSRLClassifier().fit(VIEWS, HALF).transduction_)
    assert list(more) == ["labelled"]
    assert more["labelled"].tolist() == list(range(30))


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_a_confusion_matrix_of_nothing_is_refused_and_of_something_drawn(data, tmp_path, capsys):
    options = ["--repeats", "1", "--plot", str(tmp_path / "x.svg"), "--picture"]
    assert cli.main(["classify", data, *options, "confusion"]) == 0
    assert (tmp_path / "x.svg").read_bytes().startswith(b"<?xml")
    assert cli.main(["classify", views_file(tmp_path, HALF), *options, "confusion"]) == 3
    assert "--picture confusion is of known classes beside found ones" in capsys.readouterr().err
    assert cli.main(["classify", data, *options, "eigengap"]) == 2
    assert "invalid choice: 'eigengap'" in capsys.readouterr().err


def test_without_labels_it_is_3(tmp_path, capsys):
    for labels in (None, np.full(80, -1)):
        assert cli.main(["classify", views_file(tmp_path, labels)]) == 3
        assert "has no labels: key Y is missing" in capsys.readouterr().err


def test_places_are_tried_before_the_data_is_read(data, tmp_path, capsys):
    for option, suffix in (("-o", "csv"), ("--plot", "png"), ("--model", "dsrl")):
        place = str(tmp_path / "no" / f"folder.{suffix}")
        assert cli.main(["classify", str(tmp_path / "none.npz"), option, place]) == 5
        assert f"folder.{suffix}" in capsys.readouterr().err


def test_the_picture_shows_classes_beside_those_that_were_hidden(data, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(applications, "draw", lambda *shown, **more: drawn.append((shown, more)))
    assert cli.main(["classify", data, "--repeats", "1"]) == 0
    ((_, _, model), more) = drawn.pop()
    ((known, expected),) = fitted()
    assert np.array_equal(model.transduction_, expected.transduction_)
    assert more["labelled"].tolist() == known.tolist()
    assert more["true"] == [None if i in known else label for i, label in enumerate(LABELS.tolist())]
    assert more["names"] == [1, 2, 3, 4]


@pytest.mark.peer
def test_a_picture_of_a_graph_without_edges(data, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    np.save(tmp_path / "none.npy", np.zeros((80, 80)))
    arguments = ["--graph", str(tmp_path / "none.npy"), "--repeats", "1", "--plot", str(tmp_path / "picture.svg")]
    no_edges = pytest.warns(GraphWarning, match="the graph has no edges: none of its entries off the diagonal")
    with no_edges, pytest.warns(GraphWarning, match="no label reaches 72 of 80 samples"):
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


@pytest.mark.usefixtures("uncounted")
def test_no_more_threads_are_taken_than_asked_for(data, capsys):
    assert cli.main(["classify", data, "--repeats", "1", "--jobs", "2"]) == 0
    assert capsys.readouterr().out.startswith("80 samples, 4 classes")


def test_labels_spread_as_asked_for_scored_or_not(data, tmp_path, capsys):
    (result,) = in_json(capsys, "classify", data, "--repeats", "2", "--propagation", "poisson")["results"]
    assert result["propagation"] == "poisson"
    assert result["accuracy"]["values"] == accuracies(repeats=2, propagation="poisson")
    (result,) = in_json(capsys, "classify", data, "--repeats", "2", "--propagation", "one-hot")["results"]
    assert result["accuracy"]["values"] == accuracies(repeats=2, propagation="one-hot")
    arguments = ["--propagation", "poisson", "--model", tmp_path / "model"]
    found = in_json(capsys, "classify", views_file(tmp_path, HALF), *arguments)["found"]
    model = DSRLClassifier(propagation="poisson").fit(VIEWS, HALF)
    assert found["probability"] == model.label_distributions_.max(axis=1).tolist()
    assert load(tmp_path / "model").propagation == "poisson"


def test_the_preset_spreads_as_its_authors_have_it(data, capsys):
    assert cli.main(["classify", data, "--preset", "authors", "--propagation", "balanced"]) == 3
    assert "--preset authors has a propagation of its own: leave --propagation out" in capsys.readouterr().err


@pytest.mark.parametrize("labels", [LABELS, HALF])
def test_what_is_written_calls_samples_by_their_names(labels, tmp_path, capsys):
    folder = named_tables(tmp_path / "tables", ["" if label < 0 else label for label in labels])
    assert cli.main(["classify", folder, "--repeats", "1", "-o", str(tmp_path / "x.csv")]) == 0
    lines = (tmp_path / "x.csv").read_text().splitlines()
    first = ["split"] if labels is LABELS else []
    assert lines[0].split(",") == [*first, "sample", "class", "probability", "reached"]
    assert [line.split(",")[len(first)] for line in lines[1:]] == [f"s{i}" for i in range(80)]
    assert cli.main(["classify", folder, "--repeats", "1", "-o", str(tmp_path / "x.npz")]) == 0
    with np.load(tmp_path / "x.npz") as found:
        assert found["sample"].tolist() == [f"s{i}" for i in range(80)]


def test_a_page_counts_the_labelled_and_the_others_of_each_class(data, monkeypatch):
    """Of a split: what is labelled and what is found is together all that there is."""
    given = []
    monkeypatch.setattr("dsrl_ref.cli.pages.write", lambda *arguments, **shown: given.append((arguments[3], shown)))
    assert cli.main(["classify", data, "--repeats", "1"]) == 0
    ((groups, shown),) = given
    ((known, _),) = fitted()
    assert np.array_equal(shown["labelled"], known)
    labelled, others = np.array([row[1:] for row in groups.rows]).T
    assert labelled.tolist() == np.bincount(LABELS[known], minlength=4).tolist()
    assert labelled.sum() + others.sum() == len(LABELS)
