"""``dsrl-ref predict``: what was fitted in one command says the same of new samples in another."""

import csv

import numpy as np
import pytest
from command_data import LABELS, VIEWS, in_json, named_tables
from scipy.io import mmwrite
from scipy.sparse import csr_array

from dsrl_ref import Fidelity, Objective, cli, fit, load, save
from dsrl_ref.cli import predict
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, similarity_graph

NAMES = np.array(["dog", "cat", "ape", "bee"])[LABELS]
KNOWN = np.where(np.arange(60) < 20, LABELS[:60], -1)
GRAPH = similarity_graph(VIEWS, 8).toarray()


def file_of(folder, name, part, labels=None, views=VIEWS):
    named = {f"X{v}": view[part] for v, view in enumerate(views)}
    np.savez(folder / name, **named, **({} if labels is None else {"Y": labels}))
    return str(folder / name)


@pytest.fixture
def seen(tmp_path):
    """Sixty samples of which a third is labelled."""
    return file_of(tmp_path, "seen.npz", slice(60), KNOWN)


@pytest.fixture
def new(tmp_path):
    """Twenty more."""
    return file_of(tmp_path, "new.npz", slice(60, 80))


@pytest.fixture
def model(tmp_path):
    """A classifier of named classes in a file."""
    names = [str(name) if i < 20 else None for i, name in enumerate(NAMES[:60])]
    save(tmp_path / "model", DSRLClassifier(n_neighbors=6).fit([view[:60] for view in VIEWS], names))
    return str(tmp_path / "model")


def rows(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_whole_job_of_classifying_runs_in_a_shell(seen, new, tmp_path, capsys):
    model, table = str(tmp_path / "model"), tmp_path / "x.csv"
    assert cli.main(["classify", seen, "--neighbors", "6", "-o", str(table), "--model", model]) == 0
    fitted = DSRLClassifier(n_neighbors=6).fit([view[:60] for view in VIEWS], KNOWN)
    assert [int(row["class"]) for row in rows(table)] == fitted.transduction_.tolist()
    assert cli.main(["predict", model, new, "-o", str(tmp_path / "y.csv")]) == 0
    proba = fitted.predict_proba([view[60:] for view in VIEWS])
    assert [int(row["class"]) for row in rows(tmp_path / "y.csv")] == proba.argmax(axis=1).tolist()
    assert [float(row["probability"]) for row in rows(tmp_path / "y.csv")] == proba.max(axis=1).tolist()
    assert {row["reached"] for row in rows(tmp_path / "y.csv")} == {"true"}
    assert cli.main(["predict", model, seen, "-o", str(tmp_path / "again.csv")]) == 0
    assert [row["class"] for row in rows(tmp_path / "again.csv")] == [row["class"] for row in rows(table)]


def test_a_whole_job_of_clustering_runs_in_a_shell(seen, new, tmp_path, capsys):
    model, table = str(tmp_path / "model"), tmp_path / "x.csv"
    options = ["--labels", "none", "--clusters", "4", "--seed", "3", "-o", str(table), "--model", model]
    assert cli.main(["cluster", seen, *options]) == 0
    fitted = DSRLClustering(4, random_state=3).fit([view[:60] for view in VIEWS])
    assert [int(row["cluster"]) for row in rows(table)] == fitted.labels_.tolist()
    capsys.readouterr()
    found = in_json(capsys, "predict", model, new)["found"]
    assert found["cluster"] == fitted.predict([view[60:] for view in VIEWS]).tolist()
    assert found["sample"] == list(range(20))
    assert cli.main(["predict", model, seen, "-o", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_text() == table.read_text()


def test_without_a_file_the_table_is_printed_and_nothing_else(model, new, capsys):
    assert cli.main(["predict", model, new]) == 0
    captured = capsys.readouterr()
    header, *lines = captured.out.splitlines()
    assert header == "sample,class,probability,reached"
    assert len(lines) == 20
    assert lines[7].startswith(f"7,{load(model).predict([view[60:] for view in VIEWS])[7]},")
    assert captured.err.splitlines()[-1] == "20 samples"


def test_with_a_file_nothing_is_printed(model, new, tmp_path, capsys):
    assert cli.main(["predict", model, new, "-o", str(tmp_path / "y.csv")]) == 0
    assert capsys.readouterr().out == ""
    assert len(rows(tmp_path / "y.csv")) == 20


def test_scores_are_of_the_labels_that_are_known(model, tmp_path, capsys):
    predicted = load(model).predict([view[60:] for view in VIEWS])
    labels = NAMES[60:].astype(object)
    labels[:3] = [
        str(predicted[0]),
        "cat" if predicted[1] != "cat" else "dog",
        "cat" if predicted[2] != "cat" else "dog",
    ]
    (tmp_path / "folder").mkdir()
    for v, view in enumerate(VIEWS):
        np.save(tmp_path / "folder" / f"view{v}.npy", view[60:])
    (tmp_path / "folder" / "labels.csv").write_text("\n".join([*labels[:10], *["NA"] * 10]) + "\n")
    printed = in_json(capsys, "predict", model, tmp_path / "folder")
    assert printed["scores"] == {"accuracy": pytest.approx(np.mean(predicted[:10] == labels[:10]))}
    assert printed["found"]["class"] == predicted.tolist()
    assert cli.main(["predict", model, str(tmp_path / "folder")]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == f"20 samples, accuracy {printed['scores']['accuracy']:.4f}"


def test_labels_that_are_numbers_elsewhere_are_the_same_classes(seen, tmp_path, capsys):
    """A column of a table is of texts where one of its cells is no number."""
    assert cli.main(["classify", seen, "--model", str(tmp_path / "model")]) == 0
    capsys.readouterr()
    labels = np.array([*map(str, LABELS[60:79]), "unknown"])
    printed = in_json(capsys, "predict", tmp_path / "model", file_of(tmp_path, "l.npz", slice(60, 80), labels))
    found = np.array(printed["found"]["class"])
    assert printed["scores"]["accuracy"] == pytest.approx(np.sum(found[:19] == LABELS[60:79]) / 20)


@pytest.mark.parametrize("form", ["float", "float with NaN", "text", "text of float"])
def test_a_class_is_the_same_in_every_form_of_its_number(seen, tmp_path, capsys, form):
    assert cli.main(["classify", seen, "--model", str(tmp_path / "model")]) == 0
    capsys.readouterr()
    true = LABELS[60:].astype(float)
    known = np.arange(20) < (15 if form == "float with NaN" else 20)
    texts = {"text": LABELS[60:].astype(str), "text of float": true.astype(str)}
    given = texts.get(form, np.where(known, true, np.nan))
    printed = in_json(capsys, "predict", tmp_path / "model", file_of(tmp_path, "l.npz", slice(60, 80), given))
    right = np.array(printed["found"]["class"]) == LABELS[60:]
    assert right.any()
    assert printed["scores"]["accuracy"] == pytest.approx(right[known].mean())


def test_a_model_of_classes_with_a_point_meets_labels_without(tmp_path, capsys):
    views = [view[:60] for view in VIEWS]
    save(tmp_path / "model", DSRLClassifier(n_neighbors=6).fit(views, KNOWN.astype(float)))
    printed = in_json(capsys, "predict", tmp_path / "model", file_of(tmp_path, "l.npz", slice(60, 80), LABELS[60:]))
    assert printed["scores"]["accuracy"] == np.mean(np.array(printed["found"]["class"]) == LABELS[60:]) > 0
    save(tmp_path / "names", DSRLClassifier(n_neighbors=6).fit(views, np.where(KNOWN < 0, None, KNOWN.astype(str))))
    named = in_json(capsys, "predict", tmp_path / "names", file_of(tmp_path, "l.npz", slice(60, 80), LABELS[60:]))
    assert named["scores"] == printed["scores"]
    padded = np.char.add("0", LABELS[60:].astype(str))  # names are names: 01 is not 1
    other = in_json(capsys, "predict", tmp_path / "names", file_of(tmp_path, "l.npz", slice(60, 80), padded))
    assert other["scores"] is None


def test_clusters_are_scored_by_the_samples_that_have_a_label_and_a_cluster(tmp_path, capsys):
    square, links = GRAPH[:60, :60], GRAPH[60:, :60].copy()
    links[4] = 0
    save(tmp_path / "model", DSRLClustering(4, affinity="precomputed", random_state=0).fit(square))
    np.save(tmp_path / "links.npy", links)
    labels = np.where(np.arange(20) < 15, LABELS[60:], -1)
    np.savez(tmp_path / "labels.npz", Y=labels)
    with pytest.warns(GraphWarning, match="1 of 20 samples have no neighbour among those that fit saw"):
        printed = in_json(
            capsys, "predict", tmp_path / "model", tmp_path / "labels.npz", "--graph", tmp_path / "links.npy"
        )
    found = np.array(printed["found"]["cluster"])
    scored = np.setdiff1d(np.arange(15), 4)
    assert np.flatnonzero(found < 0).tolist() == [4]
    assert printed["scores"] == pytest.approx(clustering_scores(labels[scored], found[scored]))


def test_similarities_that_reach_no_label_have_no_class(tmp_path, capsys):
    square, links = GRAPH[:60, :60], GRAPH[60:, :60].copy()
    links[4] = 0
    save(tmp_path / "model", DSRLClassifier(affinity="precomputed").fit(square, KNOWN))
    np.savez(tmp_path / "links.npz", A=links)
    np.savez(tmp_path / "labels.npz", Y=LABELS[60:])
    options = ["--graph", tmp_path / "links.npz", "--key", "A"]
    with pytest.warns(GraphWarning, match="no label reaches 1 of 20 samples, the first of them sample 4"):
        found = in_json(capsys, "predict", tmp_path / "model", tmp_path / "labels.npz", *options)["found"]
    assert [place for place, name in enumerate(found["class"]) if name is None] == [4]
    assert [place for place, known in enumerate(found["reached"]) if not known] == [4]
    assert found["probability"][4] == 0.25


def test_arrays_are_written_as_npz(model, new, tmp_path, capsys):
    assert cli.main(["predict", model, new, "-o", str(tmp_path / "y.npz")]) == 0
    fitted, views = load(model), [view[60:] for view in VIEWS]
    with np.load(tmp_path / "y.npz") as found:
        assert found["labels"].tolist() == fitted.predict(views).tolist()
        assert np.array_equal(found["probability"], fitted.predict_proba(views).max(axis=1))
        assert found["reached"].tolist() == [True] * 20
    save(tmp_path / "clusters", DSRLClustering(4, random_state=0).fit([view[:60] for view in VIEWS]))
    assert cli.main(["predict", str(tmp_path / "clusters"), new, "-o", str(tmp_path / "z.npz")]) == 0
    with np.load(tmp_path / "z.npz") as found:
        assert np.array_equal(found["labels"], load(tmp_path / "clusters").predict(views))


def test_one_array_is_cut_into_views_by_the_model_that_was_fitted_so(tmp_path, capsys):
    whole = np.hstack(VIEWS)
    save(tmp_path / "model", DSRLClassifier(view_sizes=[10, 10, 10]).fit(whole[:60], KNOWN))
    np.save(tmp_path / "new.npy", whole[60:])
    found = in_json(capsys, "predict", tmp_path / "model", tmp_path / "new.npy")["found"]
    assert found["class"] == load(tmp_path / "model").predict(whole[60:]).tolist()


def test_one_sparse_view_is_a_view_and_not_a_table(tmp_path, capsys):
    counts = np.random.default_rng(0).integers(0, 3, size=(80, 30)) * 1.0
    save(tmp_path / "model", DSRLClassifier(n_neighbors=4).fit([counts[:60]], KNOWN))
    mmwrite(tmp_path / "new.mtx", csr_array(counts[60:]))
    found = in_json(capsys, "predict", tmp_path / "model", tmp_path / "new.mtx")["found"]
    assert found["class"] == load(tmp_path / "model").predict(counts[60:]).tolist()


def test_what_does_not_fit_the_model_is_refused(model, new, seen, tmp_path, capsys):
    np.save(tmp_path / "g.npy", GRAPH)
    save(tmp_path / "graphs", DSRLClassifier(affinity="precomputed").fit(GRAPH[:60, :60], KNOWN))
    save(tmp_path / "result", fit(Objective(Fidelity([[1.0, 0.25]]), layers=2), epochs=2))
    few = file_of(tmp_path, "few.npz", slice(60, 80), views=VIEWS[:2])
    (tmp_path / "damaged").write_bytes(b"PK" + b"0" * 200)
    for arguments, code, message in (
        ([model, new, "--graph", str(tmp_path / "g.npy")], 3, "the model is of a set of views: give it views, and no"),
        (
            [str(tmp_path / "graphs"), new],
            3,
            "the model is of a graph: give it similarities to the samples that it saw",
        ),
        ([model, few], 3, "few.npz has 2 views, and the model is of 3"),
        ([str(tmp_path / "result"), new], 4, "result holds a FitResult, which predicts nothing"),
        ([str(tmp_path / "damaged"), new], 4, "damaged"),
        ([str(tmp_path / "nowhere"), new], 5, "nowhere"),
        ([model, str(tmp_path / "nowhere.npz")], 5, "nowhere.npz"),
        ([model, new, "-o", str(tmp_path / "x.txt")], 3, "x.txt ends in neither"),
        ([model, new, "-o", new], 3, "would replace"),
        ([model, new, "-o", str(tmp_path / "no" / "x.csv")], 5, "x.csv"),
    ):
        assert cli.main(["predict", *arguments]) == code
        assert message in capsys.readouterr().err


def test_neither_the_model_nor_the_graph_is_replaced(model, new, tmp_path, capsys):
    csv_model, graph = tmp_path / "model.csv", tmp_path / "graph.npz"
    csv_model.write_bytes((tmp_path / "model").read_bytes())
    np.savez(graph, W=GRAPH)
    for place, options in ((csv_model, []), (graph, ["--graph", str(graph)])):
        before = place.read_bytes()
        assert cli.main(["predict", str(csv_model), new, *options, "-o", str(place)]) == 3
        assert "give it another name" in capsys.readouterr().err
        assert place.read_bytes() == before


def test_the_digits_are_read_whatever_file_has_their_name(model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").write_text("a file of this name is not read")
    assert cli.main(["predict", model, "digits"]) == 3
    assert "X has 248 features, but DSRLClassifier is expecting 30 features" in capsys.readouterr().err


def tables(folder, order, part, labels=None):
    """A folder of tables with names of columns, a view each, and a table of labels; `order` is of the columns."""
    folder.mkdir()
    for name, view in zip(("image", "sound", "text"), VIEWS, strict=True):
        rows = [[f"{name}{j}" for j in order], *view[part][:, order].tolist()]
        (folder / f"{name}.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    if labels is not None:
        (folder / "labels.csv").write_text("".join(f"{label}\n" for label in labels))
    return folder


@pytest.mark.parametrize("command", ["classify", "cluster"])
def test_what_a_shell_fitted_meets_new_samples_by_the_names_of_views_and_columns(command, tmp_path, capsys):
    """Renamed, a view would be read in another place; the model has the names of the folder that it was fitted on."""
    seen, options = tables(tmp_path / "seen", list(range(10)), slice(60), KNOWN), ["--neighbors", "6"]
    options += ["--clusters", "4"] if command == "cluster" else []
    assert cli.main([command, str(seen), *options, "--model", str(tmp_path / "model")]) == 0
    model = load(tmp_path / "model")
    assert model.view_names_.tolist() == ["image", "sound", "text"]
    assert model.feature_names_in_[:11].tolist() == [*(f"image{j}" for j in range(10)), "sound0"]
    new = tables(tmp_path / "new", [3, 1, 2, 0, 9, 8, 7, 6, 5, 4], slice(60, 80))
    capsys.readouterr()
    assert cli.main(["predict", str(tmp_path / "model"), str(new), "-o", str(tmp_path / "x.csv")]) == 0
    said = capsys.readouterr().err.splitlines()[0]
    assert "columns of image.csv in the model's order" in said
    found = [row["class" if command == "classify" else "cluster"] for row in rows(tmp_path / "x.csv")]
    assert found == [str(each) for each in model.predict([view[60:] for view in VIEWS]).tolist()]
    (new / "text.csv").rename(new / "words.csv")
    assert cli.main(["predict", str(tmp_path / "model"), str(new)]) == 3
    assert "'text' is missing; 'words' is not known" in capsys.readouterr().err


def test_samples_without_names_are_met_by_their_order_and_the_first_line_says_so(tmp_path, new, capsys):
    seen = tables(tmp_path / "seen", list(range(10)), slice(60), KNOWN)
    assert cli.main(["classify", str(seen), "--model", str(tmp_path / "model")]) == 0
    capsys.readouterr()
    assert cli.main(["predict", str(tmp_path / "model"), new]) == 3  # all views are of one width
    assert "or give --views with 3 names, which are then taken for image, sound, text" in capsys.readouterr().err
    assert cli.main(["predict", str(tmp_path / "model"), new, "--views", "X0,X1,X2"]) == 0
    said = capsys.readouterr().err.splitlines()[0]
    assert said.endswith(
        "views by their order: X0, X1, X2 for the model's image, sound, text; columns by their order, without names"
    )


@pytest.mark.usefixtures("uncounted")
def test_no_more_threads_are_taken_than_asked_for(tmp_path, new, capsys):
    given = [view[:60] for view in VIEWS]
    save(
        tmp_path / "clusters",
        DSRLClustering(4, n_neighbors=6, n_jobs=1, random_state=0).fit(given).set_params(n_jobs=None),
    )
    assert cli.main(["predict", str(tmp_path / "clusters"), new, "--jobs", "2"]) == 0
    assert capsys.readouterr().out.startswith("sample,cluster")


@pytest.mark.parametrize("kind", [DSRLClassifier, DSRLClustering])
def test_what_is_written_calls_samples_by_their_names(kind, tmp_path, capsys):
    model = kind() if kind is DSRLClassifier else kind(4, random_state=0)
    save(tmp_path / "model", model.fit([view[:60] for view in VIEWS], KNOWN))
    folder = named_tables(tmp_path / "tables")
    assert cli.main(["predict", str(tmp_path / "model"), folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [f"s{i}" for i in range(80)]
    assert cli.main(["predict", str(tmp_path / "model"), folder, "-o", str(tmp_path / "x.npz")]) == 0
    with np.load(tmp_path / "x.npz") as found:
        assert found["sample"].tolist() == [f"s{i}" for i in range(80)]


def test_labels_of_which_the_model_knows_none_are_not_scored(model, tmp_path, capsys):
    foreign = file_of(tmp_path, "l.npz", slice(60, 80), LABELS[60:])
    assert cli.main(["predict", model, foreign]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[-2] == (
        "the labels, 0, 1, 2, 3, are none of the model's classes, 'ape', 'bee', 'cat', 'dog': nothing is scored"
    )
    assert told[-1] == "20 samples"


@pytest.fixture
def drawn(monkeypatch):
    """What would be drawn, without the package that draws."""
    given = []
    monkeypatch.setattr(predict, "draw_confusion", lambda *arguments: given.append(arguments))
    monkeypatch.setattr(predict, "as_bytes", lambda figure, kind: kind.encode())
    monkeypatch.setattr(predict, "require_kind", lambda kind: None)
    return given


def test_known_classes_are_drawn_beside_those_that_were_found(model, tmp_path, capsys, drawn):
    true = NAMES[60:].astype(object)
    true[:2], true[2] = "yak", ""
    data = file_of(tmp_path, "l.npz", slice(60, 80), true.astype(str))
    assert cli.main(["predict", model, data, "--plot", str(tmp_path / "p.svg")]) == 0
    ((codes, found, names, heads),) = drawn
    assert (names, heads) == (["ape", "bee", "cat", "dog", "yak"], None)
    assert [names[code] if code >= 0 else "" for code in codes] == true.tolist()
    assert [names[code] for code in found] == load(model).predict([view[60:] for view in VIEWS]).tolist()
    assert (tmp_path / "p.svg").read_bytes() == b"svg"


def test_known_classes_are_drawn_beside_clusters(new, tmp_path, capsys, drawn):
    fitted = DSRLClustering(4, random_state=0).fit([view[:60] for view in VIEWS])
    save(tmp_path / "model", fitted)
    data = file_of(tmp_path, "l.npz", slice(60, 80), np.where(np.arange(20) < 5, -1, LABELS[60:]))
    assert cli.main(["predict", str(tmp_path / "model"), data, "--plot", str(tmp_path / "p.png")]) == 0
    ((codes, found, names, heads),) = drawn
    assert codes.tolist() == [-1] * 5 + LABELS[65:].tolist()
    assert found.tolist() == fitted.predict([view[60:] for view in VIEWS]).tolist()
    assert (names, heads) == ([0, 1, 2, 3], ["0", "1", "2", "3"])
    assert cli.main(["predict", str(tmp_path / "model"), new, "--plot", str(tmp_path / "q.png")]) == 3
    assert "--plot is of known classes beside what was found, and" in capsys.readouterr().err
    assert not (tmp_path / "q.png").exists()


def test_a_sample_that_no_label_reaches_is_not_drawn(tmp_path, capsys, drawn):
    square, links = GRAPH[:60, :60], GRAPH[60:, :60].copy()
    links[4] = 0
    save(tmp_path / "model", DSRLClassifier(affinity="precomputed").fit(square, KNOWN))
    np.save(tmp_path / "links.npy", links)
    np.savez(tmp_path / "labels.npz", Y=LABELS[60:])
    places = [str(tmp_path / name) for name in ("model", "labels.npz", "links.npy", "p.pdf")]
    with pytest.warns(GraphWarning, match="no label reaches 1 of 20 samples"):
        assert cli.main(["predict", *places[:2], "--graph", places[2], "--plot", places[3]]) == 0
    assert np.flatnonzero(drawn[0][1] < 0).tolist() == [4]


def test_a_picture_is_a_file_of_its_own(model, new, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    for place in (model, new):
        assert cli.main(["predict", model, new, "--plot", place]) == 3
        assert "would replace" in capsys.readouterr().err
    assert cli.main(["predict", model, new, "--plot", str(tmp_path / "p.txt")]) == 3
    assert "a picture is one of" in capsys.readouterr().err
