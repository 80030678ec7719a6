"""``dsrl-ref cluster``: the clusterer on files, its scores or sizes, its controls."""

import authors_data
import numpy as np
import pytest
from command_data import LABELS, VIEWS, in_json, named_tables, views_file
from scipy.io import mmwrite, savemat
from scipy.sparse import csr_array, save_npz

from dsrl_ref import Fidelity, Objective, Theta, cli, load
from dsrl_ref.cli import applications, cluster
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview import DSRLClustering, clustering_scores, similarity_graph

GRAPH = similarity_graph(VIEWS, 8)
ALONE = [f"dsrl, X{v} alone" for v in range(3)]


@pytest.fixture
def data(tmp_path):
    return views_file(tmp_path)


def scored(clusters=4, given=VIEWS, seeds=(2021,), **parameters):
    """Scores of the clusterer itself, a list over the seeds for each."""
    found = [DSRLClustering(clusters, random_state=seed, **parameters).fit_predict(given) for seed in seeds]
    each = [clustering_scores(LABELS, labels) for labels in found]
    return {name: [scores[name] for scores in each] for name in each[0]}


def values(result):
    return {name: score["values"] for name, score in result.items() if name != "method"}


def test_it_is_the_clusterer_with_these_seeds(data, capsys):
    arguments = ["--clusters", "3", "--repeats", "2", "--seed", "7", "--neighbors", "6", "--learning-rate", "0.25"]
    printed = in_json(capsys, "cluster", data, *arguments)
    (result,) = printed["results"]
    assert result["method"] == "dsrl"
    expected = scored(3, seeds=(7, 8), n_neighbors=6, learning_rate=0.25)
    assert values(result) == {name: pytest.approx(values) for name, values in expected.items()}
    labels = DSRLClustering(3, random_state=7, n_neighbors=6, learning_rate=0.25).fit_predict(VIEWS)
    assert printed["sizes"] == np.bincount(labels).tolist()


def test_there_are_as_many_clusters_as_classes(data, capsys):
    printed = in_json(capsys, "cluster", data, "--repeats", "1")
    assert values(printed["results"][0]) == {name: pytest.approx(values) for name, values in scored().items()}
    assert printed["sizes"] == [20, 20, 20, 20]


def test_a_table_says_how_large_the_clusters_are(data, capsys):
    assert cli.main(["cluster", data, "--repeats", "1", "--clusters", "3"]) == 0
    sizes = np.bincount(DSRLClustering(3, random_state=2021).fit_predict(VIEWS))
    first, header, row, learned = capsys.readouterr().out.splitlines()
    assert sizes.min() < sizes.max()
    assert first == f"80 samples, 3 clusters of {sizes.min()} to {sizes.max()}"
    assert header.split() == ["method", "accuracy", "nmi", "ari", "purity", "f"]
    assert row.startswith("dsrl ")
    assert learned.startswith("learned w1 = ")


@pytest.mark.filterwarnings("ignore::dsrl_ref.errors.GraphWarning")
def test_clusters_that_stay_empty_have_the_size_0(tmp_path, capsys):
    """Two pairs and eight samples without an edge: there are three places for five clusters."""
    W = np.zeros((12, 12))
    W[0, 1] = W[1, 0] = W[2, 3] = W[3, 2] = 1.0
    np.savez(tmp_path / "views.npz", X0=VIEWS[0][:12])
    np.save(tmp_path / "graph.npy", W)
    arguments = [tmp_path / "views.npz", "--graph", tmp_path / "graph.npy", "--clusters", "5", "--repeats", "1"]
    sizes = in_json(capsys, "cluster", *arguments)["sizes"]
    assert sorted(sizes) == [0, 0, 2, 2, 8]


def test_the_controls_are_shown_after_it(data, capsys):
    results = in_json(capsys, "cluster", data, "--repeats", "2", "--compare")["results"]
    assert [result["method"] for result in results] == [
        *("dsrl", "raw graph", "soft threshold", "soft threshold, oracle"),
        *("candidates", "candidates, threshold", "candidates, oracle", "authors' preset", *ALONE),
    ]
    mean = {result["method"]: result["accuracy"]["mean"] for result in results}
    assert mean["soft threshold, oracle"] >= max(mean["raw graph"], mean["soft threshold"])
    assert mean["candidates, oracle"] >= max(mean["candidates"], mean["candidates, threshold"])
    assert values(results[-1]) == {
        name: pytest.approx(values) for name, values in scored(given=VIEWS[2:], seeds=(2021, 2022)).items()
    }


def test_the_preset_is_compared_with_itself(data, capsys):
    training = ["--preset", "authors", "--epochs", "30", "--learning-rate", "0.05"]
    arguments = ["cluster", data, *training, "--clusters", "5", "--repeats", "2", "--compare"]
    first, *controls = in_json(capsys, *arguments)["results"]
    assert [control["method"] for control in controls] == [
        *("raw graph", "soft threshold", "soft threshold, oracle", "authors' preset", *ALONE)
    ]
    assert values(controls[3]) == values(first)
    assert values(first)["nmi"] != pytest.approx(scored(5, seeds=(2021, 2022), preset="authors")["nmi"])
    alone = scored(5, [VIEWS[1]], seeds=(2021, 2022), preset="authors", epochs=30, learning_rate=0.05)
    assert values(controls[5]) == {name: pytest.approx(values) for name, values in alone.items()}


@pytest.mark.parametrize("kind", [".npz", "sparse.npz", ".npy", ".mtx", ".mat"])
def test_graphs_come_from_files_of_every_kind(data, tmp_path, capsys, kind):
    path = tmp_path / f"graph{kind}"
    writers = {
        ".npz": lambda: np.savez(path, A=GRAPH.toarray()),
        "sparse.npz": lambda: save_npz(path, GRAPH),
        ".npy": lambda: np.save(path, GRAPH.toarray()),
        ".mtx": lambda: mmwrite(path, GRAPH),
        ".mat": lambda: savemat(path, {"A": GRAPH.tocsc()}),
    }
    writers[kind]()
    printed = in_json(capsys, "cluster", data, "--graph", path, "--key", "A", "--repeats", "1", "--clusters", "3")
    expected = scored(3, GRAPH, affinity="precomputed")
    assert values(printed["results"][0]) == {name: pytest.approx(values) for name, values in expected.items()}


def test_without_labels_there_are_sizes_and_no_scores(tmp_path, capsys):
    path = views_file(tmp_path, None)
    arguments = ["cluster", path, "--clusters", "3", "--repeats", "1"]
    labels = DSRLClustering(3, random_state=2021).fit_predict(VIEWS)
    assert in_json(capsys, *arguments) == {"results": [], "sizes": np.bincount(labels).tolist()}
    assert cli.main([*arguments, "-o", str(tmp_path / "found.npz")]) == 0
    first, learned = capsys.readouterr().out.splitlines()
    assert first.startswith("80 samples, 3 clusters of ")
    assert learned.startswith("learned ")
    with np.load(tmp_path / "found.npz") as found:
        assert np.array_equal(found["labels"], labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--compare"], "there is nothing to compare by"), (["--clusters", "3", "--compare"], "nothing to compare by")],
)
def test_what_needs_labels_is_3_without_them(tmp_path, capsys, options, message):
    assert cli.main(["cluster", views_file(tmp_path, None), *options]) == 3
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("labelled", [True, False])
def test_the_graph_says_how_many_clusters_there_are_where_nobody_does(labelled, tmp_path, capsys):
    path = views_file(tmp_path, LABELS if labelled else None)
    options = ["--repeats", "1", "--neighbors", "6", *(["--clusters", "auto"] if labelled else [])]
    model = DSRLClustering(random_state=2021, n_neighbors=6).fit(VIEWS)
    printed = in_json(capsys, "cluster", path, *options, "-o", tmp_path / "x.csv", "--model", tmp_path / "model")
    assert printed["eigenvalues"] == model.eigenvalues_.tolist()
    assert printed["sizes"] == np.bincount(model.labels_).tolist()
    assert (tmp_path / "x.csv").read_text().splitlines()[1:] == [f"{i},{c}" for i, c in enumerate(model.labels_)]
    assert load(tmp_path / "model").n_clusters_ == model.n_clusters_
    assert len(printed["results"]) == labelled
    if labelled:
        expected = scored(model.n_clusters_, n_neighbors=6)
        assert values(printed["results"][0]) == {name: pytest.approx(score) for name, score in expected.items()}
    assert cli.main(["cluster", path, *options]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"80 samples, {model.n_clusters_} clusters of ")
    gaps = model.eigenvalues_[1:-1] - model.eigenvalues_[2:]
    best = sorted(range(2, 21), key=lambda clusters: -gaps[clusters - 2])[:5]
    assert best[0] == model.n_clusters_
    assert second == "gaps of eigenvalues: " + ", ".join(f"{gaps[k - 2]:.4f} for {k}" for k in best)


def test_a_number_that_is_given_needs_no_eigenvalues(data, capsys):
    assert "eigenvalues" not in in_json(capsys, "cluster", data, "--repeats", "1")
    assert cli.main(["cluster", data, "--repeats", "1"]) == 0
    assert "gaps" not in capsys.readouterr().out


def test_scores_are_of_the_samples_that_have_a_label(tmp_path, capsys):
    known = np.arange(80) % 3 > 0
    (result,) = in_json(capsys, "cluster", views_file(tmp_path, np.where(known, LABELS, -1)), "--repeats", "1")[
        "results"
    ]
    labels = DSRLClustering(4, random_state=2021).fit_predict(VIEWS)
    expected = clustering_scores(LABELS[known], labels[known])
    assert values(result) == {name: [pytest.approx(score)] for name, score in expected.items()}


def test_what_was_fitted_is_kept_and_a_table_written(data, tmp_path, capsys):
    assert (
        cli.main(["cluster", data, "--repeats", "2", "-o", str(tmp_path / "x.csv"), "--model", str(tmp_path / "m")])
        == 0
    )
    labels = DSRLClustering(4, random_state=2021).fit_predict(VIEWS)
    assert (tmp_path / "x.csv").read_text() == "sample,cluster\n" + "".join(f"{i},{c}\n" for i, c in enumerate(labels))
    assert np.array_equal(load(tmp_path / "m").labels_, labels)


def test_bad_files_and_places_are_refused(data, tmp_path, capsys):
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    (tmp_path / "bad.mtx").write_text("nothing")
    for arguments, code, message in (
        (["--graph", str(tmp_path / "bad.npy")], 3, "not a readable .npy"),
        (["--graph", str(tmp_path / "bad.mtx")], 3, "not a readable .mtx"),
        (["--graph", data], 3, "has no key W; it has X0, X1, X2, Y"),
        (["--graph", str(tmp_path / "none.npy")], 5, "none.npy"),
        (["--clusters", "0"], 2, "must be at least 1"),
        (["--clusters", "many"], 2, "invalid number value: 'many'"),
        (["-o", str(tmp_path / "no" / "folder.npz")], 5, "folder.npz"),
        (["-o", data], 3, "give it another name"),
    ):
        assert cli.main(["cluster", data, *arguments]) == code
        assert message in capsys.readouterr().err


def test_what_is_written_makes_the_graph_again(data, tmp_path, capsys):
    path = tmp_path / "found.npz"
    assert cli.main(["cluster", data, "--repeats", "1", "-o", str(path)]) == 0
    model = DSRLClustering(4, random_state=2021).fit(VIEWS)
    with np.load(path) as found:
        graph = csr_array((found["graph_data"], found["graph_indices"], found["graph_indptr"]), found["graph_shape"])
        network = Objective(Fidelity([[0.0]]), layers=11).scalar_map(Theta(*found["theta"]), float(found["L"]))
        made = found["scale"] * np.maximum(network(model.affinity_matrix_.toarray() / found["scale"]), 0)
        assert np.array_equal(found["labels"], model.labels_)
    assert np.array_equal(graph.toarray(), model.graph_.toarray())
    assert graph.toarray()[graph.toarray() > 0] == pytest.approx(made[graph.toarray() > 0])


def test_the_picture_shows_the_clusters_beside_the_classes(tmp_path, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(applications, "draw", lambda *shown, **more: drawn.append((shown, more)))
    assert cli.main(["cluster", views_file(tmp_path, np.where(LABELS == 2, -1, LABELS)), "--repeats", "1"]) == 0
    ((arguments, data, model), more) = drawn.pop()
    assert arguments.repeats == 1
    assert [view.shape for view in data.views] == [(80, 10)] * 3
    assert np.array_equal(model.labels_, DSRLClustering(3, random_state=2021).fit_predict(VIEWS))
    assert more["true"] == [None if label == 2 else min(label, 2) for label in LABELS.tolist()]
    assert more["names"] == [0, 1, 3]
    assert cli.main(["cluster", views_file(tmp_path, None), "--repeats", "1", "--clusters", "4"]) == 0
    assert drawn.pop()[1] == {"true": None, "names": None}


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_a_confusion_matrix_of_nothing_is_refused_and_of_something_drawn(tmp_path, capsys):
    options = ["--repeats", "1", "--plot", str(tmp_path / "x.svg"), "--picture", "confusion"]
    assert cli.main(["cluster", views_file(tmp_path, None), *options]) == 3
    assert "--picture confusion is of known classes beside found ones" in capsys.readouterr().err
    assert cli.main(["cluster", views_file(tmp_path), *options]) == 0
    assert (tmp_path / "x.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.peer
def test_pictures_of_graphs_with_and_without_edges(data, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    assert cli.main(["cluster", data, "--repeats", "1", "--plot", str(tmp_path / "picture.png")]) == 0
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    np.save(tmp_path / "none.npy", np.zeros((80, 80)))
    arguments = ["--graph", str(tmp_path / "none.npy"), "--repeats", "1", "--plot", str(tmp_path / "picture.svg")]
    no_edges = pytest.warns(GraphWarning, match="the graph has no edges: none of its entries off the diagonal")
    with no_edges, pytest.warns(GraphWarning, match="only 1 of 4 clusters came out"):
        assert cli.main(["cluster", data, *arguments]) == 0
    assert (tmp_path / "picture.svg").read_bytes().startswith(b"<?xml")
    assert cli.main(["cluster", data, "--plot", str(tmp_path / "picture.txt"), "-o", str(tmp_path / "o.npz")]) == 3
    assert "a picture is one of " in capsys.readouterr().err
    assert not (tmp_path / "o.npz").exists()


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "least"), [("MSRC-v1", 0.84), ("ALOI", 0.85)])
def test_the_defaults_beat_the_controls_on_the_authors_views(name, least, capsys):
    first, *controls = in_json(capsys, "cluster", authors_data.path_of(f"{name}.mat"), "--compare")["results"]
    assert first["accuracy"]["mean"] >= least
    for control in controls:  # a threshold on the candidates, whose graph is DSRL's own, may do as well
        own = control["method"].startswith("candidates, ")
        assert own or first["accuracy"]["mean"] > control["accuracy"]["mean"], control["method"]


@pytest.mark.usefixtures("uncounted")
def test_no_more_threads_are_taken_than_asked_for(tmp_path, capsys):
    assert cli.main(["cluster", views_file(tmp_path), "--repeats", "1", "--jobs", "2"]) == 0
    assert capsys.readouterr().out.startswith("80 samples, 4 clusters")


def test_what_is_written_calls_samples_by_their_names(tmp_path, capsys):
    folder = named_tables(tmp_path / "tables")
    assert cli.main(["cluster", folder, "--clusters", "4", "-o", str(tmp_path / "x.csv")]) == 0
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[0] == "sample,cluster"
    assert [line.split(",")[0] for line in lines[1:]] == [f"s{i}" for i in range(80)]
    assert cli.main(["cluster", folder, "--clusters", "4", "-o", str(tmp_path / "x.npz")]) == 0
    with np.load(tmp_path / "x.npz") as found:
        assert found["sample"].tolist() == [f"s{i}" for i in range(80)]


def test_parts_beyond_the_bound_are_printed_in_place_of_gaps(capsys):
    cluster.print_gaps(40, np.ones(21))
    assert capsys.readouterr().out.startswith("parts of the learned graph: 40, more than the 20 ")
    cluster.print_gaps(20, np.linspace(1, 0.9, 21))
    assert capsys.readouterr().out == ""


def test_no_control_is_built_unless_it_is_asked_for(data, monkeypatch, capsys):
    def building(*_, **__):
        raise AssertionError("a control's graph was built")

    monkeypatch.setattr("dsrl_ref.multiview.experiments.similarity_graph", building)
    arguments = ["cluster", str(data), "--clusters", "4", "--repeats", "1"]
    assert cli.main(arguments) == 0
    with pytest.raises(AssertionError, match="a control's graph was built"):
        cli.main([*arguments, "--compare"])
    assert "dsrl" in capsys.readouterr().out
