"""``dsrl-ref cluster`` and ``dsrl-ref classify``: tables, JSON, files, controls, bad input."""

import json

import authors_data
import numpy as np
import pytest
from scipy.io import mmwrite, savemat
from scipy.sparse import csr_array, save_npz

from dsrl_ref import Fidelity, Objective, Theta
from dsrl_ref.cli import main
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, complementary_views, similarity_graph

VIEWS, LABELS = complementary_views(80, random_state=1)
GRAPH = similarity_graph(VIEWS, 8)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, **{f"X{v}": view for v, view in enumerate(VIEWS)}, Y=LABELS + 1)
    return str(path)


def run(capsys, *arguments, code=0):
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_classify_is_the_classifier_on_these_splits(data, capsys):
    results = run(capsys, "classify", data, "--repeats", "3", "--labelled", "0.2", "--seed", "5")["results"]
    generator, expected = np.random.RandomState(5), []
    for _ in range(3):
        known = generator.permutation(80)[:16]
        y = np.full(80, -1)
        y[known] = LABELS[known]
        predicted = DSRLClassifier().fit(VIEWS, y).transduction_
        expected.append(np.mean(np.delete(predicted == LABELS, known)))
    assert [result["method"] for result in results] == ["dsrl"]
    assert results[0]["accuracy"]["values"] == pytest.approx(expected)
    assert results[0]["accuracy"]["mean"] == pytest.approx(np.mean(expected))
    assert results[0]["accuracy"]["std"] == pytest.approx(np.std(expected))


def test_a_class_that_has_no_label_is_not_guessed(tmp_path, capsys):
    names = np.repeat(np.arange(6), 10)
    np.savez(tmp_path / "d.npz", Y=names)
    np.save(tmp_path / "g.npy", np.kron(np.eye(6), np.ones((10, 10))))
    arguments = [str(tmp_path / "d.npz"), "--graph", str(tmp_path / "g.npy"), "--labelled", "0.08", "--repeats", "3"]
    (found,) = run(capsys, "classify", *arguments)["results"]
    generator, expected = np.random.RandomState(2021), []
    for _ in range(3):
        known = generator.permutation(60)[:4]
        y = np.full(60, -1)
        y[known] = names[known]
        model = DSRLClassifier(affinity="precomputed").fit(np.kron(np.eye(6), np.ones((10, 10))), y)
        expected.append(np.mean(np.delete(model.transduction_ == names, known)))
    assert found["accuracy"]["values"] == pytest.approx(expected)


def test_cluster_is_the_clusterer_with_these_seeds(data, capsys):
    printed = run(capsys, "cluster", data, "--repeats", "2", "--seed", "7")
    scores = [clustering_scores(LABELS, DSRLClustering(4, random_state=seed).fit_predict(VIEWS)) for seed in (7, 8)]
    for name in ("accuracy", "nmi", "ari", "purity", "f"):
        assert printed["results"][0][name]["values"] == pytest.approx([score[name] for score in scores])
    assert sum(printed["sizes"]) == 80


def test_controls_are_shown_beside(data, capsys):
    classified = run(capsys, "classify", data, "--repeats", "2", "--compare")["results"]
    pairs = [(result["method"], result["propagation"]) for result in classified]
    assert pairs[0] == ("dsrl", "balanced")
    candidates = {"candidates", "candidates, threshold", "candidates, oracle"}
    heat = {"raw graph", "soft threshold", "soft threshold, oracle", "authors' preset"}
    alone = {f"dsrl, view {v} alone" for v in range(3)}
    for method in {"dsrl", *heat, *candidates, *alone}:
        assert sorted(form for name, form in pairs if name == method) == ["balanced", "one-hot"]
    clustered = run(capsys, "cluster", data, "--repeats", "2", "--compare")["results"]
    methods = [result["method"] for result in clustered]
    assert methods[0] == "dsrl"
    assert sorted(methods) == sorted({"dsrl", *heat, *candidates, *alone})
    assert methods[-1] == "dsrl, view 2 alone"
    best = {result["method"]: result["accuracy"]["mean"] for result in clustered}
    assert best["soft threshold, oracle"] >= best["raw graph"]
    assert best["soft threshold, oracle"] >= best["soft threshold"]
    assert best["candidates, oracle"] >= best["candidates, threshold"]
    assert best["candidates, oracle"] >= best["candidates"]


def test_the_preset_is_compared_with_itself(data, capsys):
    arguments = ["--preset", "authors", "--epochs", "30", "--learning-rate", "0.05", "--repeats", "2", "--compare"]
    first, *controls = run(capsys, "classify", data, *arguments)["results"]
    assert first["propagation"] == "one-hot"
    twice = [c for c in controls if (c["method"], c["propagation"]) == ("authors' preset", "one-hot")]
    assert [control["accuracy"] for control in twice] == [first["accuracy"]]
    single = [c for c in controls if (c["method"], c["propagation"]) == ("dsrl, view 1 alone", "one-hot")]
    model = DSRLClassifier(preset="authors", epochs=30, learning_rate=0.05)
    known = np.random.RandomState(2021).permutation(80)[:8]
    y = np.full(80, -1)
    y[known] = LABELS[known]
    expected = np.mean(np.delete(model.fit([VIEWS[1]], y).transduction_ == LABELS, known))
    assert single[0]["accuracy"]["values"][0] == pytest.approx(expected)
    first, *controls = run(capsys, "cluster", data, *arguments)["results"]
    twice = [control for control in controls if control["method"] == "authors' preset"]
    assert [control["accuracy"] for control in twice] == [first["accuracy"]]
    assert not any("candidates" in control["method"] for control in controls)


def test_tables(data, capsys):
    assert main(["classify", data, "--repeats", "2", "--compare"]) == 0
    printed = capsys.readouterr().out
    assert "80 samples, 4 classes, 8 labelled; 2 splits" in printed
    assert "authors' preset         one-hot" in printed
    assert "learned w1 = " in printed
    assert main(["cluster", data, "--repeats", "2"]) == 0
    assert "80 samples, 4 clusters of " in capsys.readouterr().out


@pytest.mark.parametrize("kind", [".npz", "sparse.npz", ".npy", ".mtx", ".mat"])
def test_graphs_from_files_of_every_kind(data, tmp_path, capsys, kind):
    path = tmp_path / f"graph{kind}"
    dense = GRAPH.toarray()
    writers = {
        ".npz": lambda: np.savez(path, A=dense),
        "sparse.npz": lambda: save_npz(path, GRAPH),
        ".npy": lambda: np.save(path, dense),
        ".mtx": lambda: mmwrite(path, GRAPH),
        ".mat": lambda: savemat(path, {"A": GRAPH.tocsc()}),
    }
    writers[kind]()
    found = run(capsys, "cluster", data, "--graph", str(path), "--key", "A", "--repeats", "1")
    model = DSRLClustering(4, affinity="precomputed", random_state=2021).fit(GRAPH)
    expected = clustering_scores(LABELS, model.labels_)["accuracy"]
    assert found["results"][0]["accuracy"]["mean"] == pytest.approx(expected)


def test_a_folder_of_csv_files(tmp_path, capsys):
    for v, view in enumerate(VIEWS):
        np.savetxt(tmp_path / f"view{v}.csv", view, delimiter=",", header="a,b,c,d,e,f,g,h,i,j", comments="")
    (tmp_path / "Y.csv").write_text("".join(f"{'abcd'[label]}\n" for label in LABELS))
    output = tmp_path / "found.npz"
    assert main(["classify", str(tmp_path), "--repeats", "1", "-o", str(output)]) == 0
    capsys.readouterr()
    with np.load(output) as found:
        assert set(found["labels"]) <= set("abcd")
        assert len(found["labelled"]) == 8
        assert found["theta"].shape == (4,)


def test_without_labels_the_number_of_clusters_is_asked(tmp_path, capsys):
    path = tmp_path / "views.npz"
    np.savez(path, X0=VIEWS[0], X1=VIEWS[1])
    assert run(capsys, "cluster", str(path), "--clusters", "3", "--repeats", "1")["results"] == []
    assert main(["cluster", str(path), "--clusters", "3", "-o", str(tmp_path / "o.npz")]) == 0
    assert len(np.load(tmp_path / "o.npz")["labels"]) == 80
    capsys.readouterr()
    for arguments, message in (
        (["cluster", str(path)], "has no labels: give --clusters"),
        (["cluster", str(path), "--clusters", "3", "--compare"], "nothing to compare by"),
        (["classify", str(path)], "has no labels: key Y is missing"),
    ):
        assert main(arguments) == 3
        assert message in capsys.readouterr().err


def test_bad_files_are_refused(data, tmp_path, capsys):
    np.save(tmp_path / "small.npy", np.ones((5, 5)))
    np.savez(tmp_path / "labels.npz", Y=LABELS)
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    (tmp_path / "bad.mtx").write_text("nothing")
    for arguments, code, message in (
        (["--graph", str(tmp_path / "small.npy")], 3, "80 labels, but"),
        (["--graph", str(tmp_path / "bad.npy")], 3, "not a readable .npy"),
        (["--graph", str(tmp_path / "bad.mtx")], 3, "not a readable .mtx"),
        (["--graph", data], 3, "has no key W; it has X0, X1, X2, Y"),
        (["--graph", str(tmp_path / "none.npy")], 5, "none.npy"),
        (["--repeats", "0"], 2, "must be at least 1"),
        (["--labelled", "1.5"], 2, "must be between 0 and 1"),
        (["--labelled", "0.001"], 3, "of 80 samples is none"),
        (["-o", str(tmp_path / "no" / "folder.npz")], 5, "folder.npz"),
    ):
        assert main(["classify", data, *arguments]) == code
        assert message in capsys.readouterr().err
    assert main(["cluster", str(tmp_path / "labels.npz")]) == 3
    assert "views X are missing, or --graph" in capsys.readouterr().err


@pytest.mark.parametrize("missing", [-1.0, np.nan])
def test_missing_labels_are_no_class(tmp_path, capsys, missing):
    labels = LABELS.astype(float)
    labels[3] = missing
    np.savez(tmp_path / "d.npz", X=VIEWS[0], Y=labels)
    for command in ("cluster", "classify"):
        assert main([command, str(tmp_path / "d.npz")]) == 3
        assert ("Y[3] = -1.0 is unlabelled" if missing == -1 else "contains NaN: y[3]") in capsys.readouterr().err


def test_what_is_written_makes_the_graph_again(data, tmp_path, capsys):
    path = tmp_path / "found.npz"
    assert main(["cluster", data, "--repeats", "1", "-o", str(path)]) == 0
    capsys.readouterr()
    model = DSRLClustering(4, random_state=2021).fit(VIEWS)
    with np.load(path) as found:
        graph = csr_array((found["graph_data"], found["graph_indices"], found["graph_indptr"]), found["graph_shape"])
        network = Objective(Fidelity([[0.0]]), layers=11).scalar_map(Theta(*found["theta"]), float(found["L"]))
        made = found["scale"] * np.maximum(network(model.affinity_matrix_.toarray() / found["scale"]), 0)
    assert np.array_equal(graph.toarray(), model.graph_.toarray())
    assert graph.toarray()[graph.toarray() > 0] == pytest.approx(made[graph.toarray() > 0])


def test_pictures(data, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    for command in ("cluster", "classify"):
        picture = tmp_path / f"{command}.png"
        assert main([command, data, "--repeats", "1", "--plot", str(picture)]) == 0
        assert picture.read_bytes().startswith(b"\x89PNG")
    np.save(tmp_path / "none.npy", np.zeros((80, 80)))
    for command in ("cluster", "classify"):
        picture = tmp_path / f"{command}.svg"
        arguments = [data, "--graph", str(tmp_path / "none.npy"), "--repeats", "1", "--plot", str(picture)]
        with pytest.warns(GraphWarning, match="the graph has no edges: none of its entries off the diagonal"):
            assert main([command, *arguments]) == 0
        assert picture.stat().st_size > 1000
    capsys.readouterr()
    assert main(["cluster", data, "--plot", str(tmp_path / "picture.txt"), "-o", str(tmp_path / "o.npz")]) == 3
    assert "a picture is one of " in capsys.readouterr().err
    assert not (tmp_path / "o.npz").exists()


@pytest.mark.parametrize(("name", "mean", "deviation"), [("MSRC-v1", 0.7614, 0.0663), ("ALOI", 0.9159, 0.0074)])
def test_the_authors_protocol_to_four_decimals(name, mean, deviation, capsys):
    arguments = [str(authors_data.path_of(f"{name}.mat")), "--graph", str(authors_data.path_of(f"{name}W.mat"))]
    (result,) = run(capsys, "classify", *arguments, "--preset", "authors")["results"]
    assert round(result["accuracy"]["mean"], 4) == mean
    assert round(result["accuracy"]["std"], 4) == deviation


@pytest.mark.parametrize(("name", "classified", "clustered"), [("MSRC-v1", 0.81, 0.84), ("ALOI", 0.93, 0.85)])
def test_the_defaults_beat_the_controls_on_the_authors_views(name, classified, clustered, capsys):
    path = str(authors_data.path_of(f"{name}.mat"))
    first, *controls = run(capsys, "classify", path, "--compare")["results"]
    assert first["accuracy"]["mean"] >= classified
    for control in controls:
        error = np.std(np.subtract(first["accuracy"]["values"], control["accuracy"]["values"]), ddof=1) / 10**0.5
        gain = first["accuracy"]["mean"] - control["accuracy"]["mean"]
        assert gain > (error if control["propagation"] == "one-hot" else -0.01), control["method"]
    first, *controls = run(capsys, "cluster", path, "--compare")["results"]
    assert first["accuracy"]["mean"] >= clustered
    for control in controls:  # a threshold on the candidates, whose graph is DSRL's own, may do as well
        own = control["method"].startswith("candidates, ")
        assert own or first["accuracy"]["mean"] > control["accuracy"]["mean"], control["method"]
