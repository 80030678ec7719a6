"""What cluster and classify share: data from files, tables, records, and files of what was found."""

import argparse
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from command_data import LABELS, VIEWS, views_file
from scipy.sparse import csr_array

from dsrl_ref import Theta
from dsrl_ref.cli import applications
from dsrl_ref.multiview import similarity_graph
from dsrl_ref.multiview.experiments import Outcome

RING = csr_array(np.roll(np.eye(6), 1, axis=1) + np.roll(np.eye(6), -1, axis=1))
CHAIN = csr_array(np.diag(np.arange(1.0, 6.0), 1) + np.diag(np.arange(1.0, 6.0), -1))
MODEL = SimpleNamespace(
    affinity_matrix_=RING, graph_=CHAIN, theta_=Theta(1.25, 0.5, 0.25, 0.75), L_=1.5, scale_=0.125, n_iter_=7
)


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    applications.add_arguments(parser)
    return parser.parse_args([*map(str, arguments)])


@pytest.mark.parametrize("option", ["--repeats", "--neighbors", "--epochs"])
def test_counts_begin_at_one(option, capsys):
    assert vars(parsed("data", option, "1"))[option[2:]] == 1
    with pytest.raises(SystemExit, match="2"):
        parsed("data", option, "0")
    assert "must be at least 1: 0" in capsys.readouterr().err


def test_seeds_are_those_of_a_random_state(capsys):
    for seed in ("0", "4294967295"):
        np.random.RandomState(parsed("data", "--seed", seed).seed)
    for seed in ("-1", "4294967296"):
        with pytest.raises(SystemExit, match="2"):
            parsed("data", "--seed", seed)
        assert f"must be from 0 to 4294967295: {seed}" in capsys.readouterr().err


def test_the_defaults_are_the_authors_protocol():
    arguments = parsed("data")
    assert (arguments.repeats, arguments.seed, arguments.neighbors, arguments.key) == (10, 2021, 10, "W")
    assert applications.training(arguments) == {
        "preset": None,
        "epochs": None,
        "learning_rate": None,
        "view_weights": "auto",
        "standardize": "auto",
        "neighbors": "auto",
    }


def test_training_is_what_the_command_line_says():
    given = "--preset authors --epochs 3 --learning-rate 0.5 --view-weights 1,.5 --standardize features"
    given += " --neighbor-search approximate"
    arguments = parsed("data", *given.split())
    assert applications.training(arguments) == {
        "preset": "authors",
        "epochs": 3,
        "learning_rate": 0.5,
        "view_weights": [1.0, 0.5],
        "standardize": "features",
        "neighbors": "approximate",
    }


def test_weights_of_views_are_numbers_or_one_of_two_words(capsys):
    found = [parsed("data", "--view-weights", text).view_weights for text in ("auto", "equal", "2", "0,1e-1,3")]
    assert found == ["auto", None, [2.0], [0.0, 0.1, 3.0]]
    with pytest.raises(SystemExit, match="2"):
        parsed("data", "--view-weights", "1,two")
    assert "must be auto, equal or numbers between commas: '1,two'" in capsys.readouterr().err


def test_views_come_with_their_graph_and_class_names(tmp_path):
    names = np.array(["d", "c", "b", "a"])[LABELS]
    data, source = applications.read(parsed(views_file(tmp_path, names), "--neighbors", "7"))
    classes = source.classes
    assert all(np.array_equal(*pair) for pair in zip(data.views, VIEWS, strict=True))
    assert list(classes) == ["a", "b", "c", "d"]
    assert np.array_equal(classes[data.codes], names)
    assert data.graph is None
    assert data.n_neighbors == 7
    assert np.array_equal(data.heat.toarray(), similarity_graph(VIEWS, 7).toarray())


def test_without_labels_no_class_is_known(tmp_path):
    data, source = applications.read(parsed(views_file(tmp_path, None)))
    classes = source.classes
    assert classes is None
    assert list(data.codes) == [-1] * 80


def test_a_graph_takes_the_place_of_the_views(tmp_path):
    np.savez(tmp_path / "graphs.npz", W=RING.toarray(), A=CHAIN.toarray())
    np.savez(tmp_path / "labels.npz", Y=[0, 0, 0, 5, 5, 5])
    arguments = [tmp_path / "labels.npz", "--graph", tmp_path / "graphs.npz"]
    data, source = applications.read(parsed(*arguments, "--key", "A"))
    classes = source.classes
    assert data.views == []
    assert list(classes) == [0, 5]
    assert list(data.codes) == [0, 0, 0, 1, 1, 1]
    for graph in (data.graph, data.heat):
        assert np.array_equal(graph.toarray(), CHAIN.toarray())
    assert np.array_equal(applications.read(parsed(*arguments))[0].heat.toarray(), RING.toarray())


def test_a_graph_that_is_none_is_refused_with_its_file(tmp_path):
    for content, message in ((np.eye(80, 4), "square"), (np.full((80, 80), np.nan), "NaN")):
        np.save(tmp_path / "bad.npy", content)
        with pytest.raises(ValueError, match=rf"bad\.npy.*{message}"):
            applications.read(parsed(views_file(tmp_path), "--graph", tmp_path / "bad.npy"))


@pytest.mark.parametrize("n", [5, 81])
def test_a_graph_of_other_samples_than_the_labels_is_refused(tmp_path, n):
    np.save(tmp_path / "graph.npy", np.ones((n, n)))
    with pytest.raises(ValueError, match=rf"views\.npz has 80 labels, but \S*graph\.npy has {n} samples"):
        applications.read(parsed(views_file(tmp_path), "--graph", tmp_path / "graph.npy"))


def test_labels_alone_are_no_data(tmp_path):
    np.savez(tmp_path / "labels.npz", Y=LABELS)
    with pytest.raises(ValueError, match=r"labels\.npz has labels only: views X are missing, or --graph"):
        applications.read(parsed(tmp_path / "labels.npz"))


@pytest.mark.parametrize(
    ("kind", "missing"), [(float, -1.0), (float, np.nan), (object, None), (object, -1), (int, -1)], ids=str
)
def test_missing_labels_are_no_class(kind, missing):
    labels = LABELS.astype(kind)
    labels[3] = missing
    classes, codes = applications.classes_of(labels, "data")
    assert classes.tolist() == [0, 1, 2, 3]
    assert codes[3] == -1
    assert np.array_equal(np.delete(codes, 3), np.delete(LABELS, 3))
    labels[:] = missing
    assert applications.classes_of(labels, "data")[0] is None
    assert applications.classes_of(labels, "data")[1].tolist() == [-1] * 80


def test_labels_that_are_no_classes_are_refused_with_their_file():
    with pytest.raises(ValueError, match=r"data, labels Y: .*continuous"):
        applications.classes_of(LABELS + 0.5, "data")
    with pytest.raises(ValueError, match="data, labels Y: y mixes strings and numbers"):
        applications.classes_of(np.array(["a", 1, None], dtype=object), "data")


def test_samples_may_have_no_label_each(tmp_path):
    data, source = applications.read(parsed(views_file(tmp_path, np.where(np.arange(80) < 9, LABELS, -1))))
    classes = source.classes
    assert classes.tolist() == sorted(set(LABELS[:9].tolist()))
    assert data.codes[9:].tolist() == [-1] * 71


def test_places_are_tried_before_any_work(tmp_path, monkeypatch):
    kinds = []
    monkeypatch.setattr(applications, "require_kind", kinds.append)
    path = views_file(tmp_path)
    graph = tmp_path / "graph.npz"
    for option, suffix in (("-o", "csv"), ("--plot", "svg"), ("--model", "dsrl")):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            applications.prepare(parsed(path, option, tmp_path / "nowhere" / f"out.{suffix}"))
        for taken in (path, graph):
            with pytest.raises(ValueError, match="which is needed"):
                applications.prepare(parsed(path, "--graph", graph, option, taken))
    with pytest.raises(ValueError, match=r"out\.txt ends in neither \.csv nor \.npz"):
        applications.prepare(parsed(path, "-o", tmp_path / "out.txt"))
    with pytest.raises(ValueError, match="which is needed"):
        applications.prepare(parsed(path, "-o", tmp_path / "out.csv", "--model", tmp_path / "out.csv"))
    assert kinds == []
    applications.prepare(parsed(path, "-o", tmp_path / "out.npz", "--plot", tmp_path / "out.svg"))
    assert kinds == ["svg"]


def test_digits_are_no_file_to_keep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    applications.prepare(parsed("digits", "--model", "digits"))
    assert list(tmp_path.iterdir()) == []


def test_a_record_has_mean_deviation_and_every_value():
    outcome = Outcome("dsrl", {"accuracy": [0.5, 1.0, 0.25, 0.25]})
    scores = {"mean": 0.5, "std": 0.09375**0.5, "values": [0.5, 1.0, 0.25, 0.25]}
    assert applications.record(outcome) == {"method": "dsrl", "accuracy": scores}
    outcome.propagation = "balanced"
    assert applications.record(outcome) == {"method": "dsrl", "propagation": "balanced", "accuracy": scores}


def test_a_table_has_a_line_for_each_method(capsys):
    list(applications.print_table([Outcome("dsrl", {"accuracy": [0.5, 1.0], "nmi": [0.25, 0.25]})]))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["method", "accuracy", "nmi"],
        ["dsrl", "0.7500", "±0.2500", "0.2500", "±0.0000"],
    ]


def test_a_table_has_deviations_of_several_runs_alone_below_their_heads(capsys):
    scores = [{"accuracy": [0.5], "nmi": [0.25]}, {"accuracy": [0.5, 1.0], "nmi": [0.25, 0.25]}]
    list(applications.print_table([Outcome("dsrl", each) for each in scores]))
    head, once, twice = capsys.readouterr().out.splitlines()
    assert "±" not in once
    assert twice.count("±") == 2
    assert len(head) == len(once) == len(twice)


def test_a_table_names_the_propagation_where_its_methods_have_one(capsys):
    outcomes = [Outcome("dsrl", {"accuracy": [1.0]}, "balanced"), Outcome("raw", {"accuracy": [0.5]}, "one-hot")]
    list(applications.print_table(outcomes))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["method", "propagation", "accuracy"],
        ["dsrl", "balanced", "1.0000"],
        ["raw", "one-hot", "0.5000"],
    ]
    assert len({len(line) for line in lines}) == 1


def test_a_line_of_a_table_is_printed_before_the_next_is_asked_for(capsys):
    def outcomes():
        yield Outcome("first", {"accuracy": [1.0]})
        printed.append(capsys.readouterr().out.split())
        yield Outcome("second", {"accuracy": [0.5]})

    printed = []
    found = applications.scored(SimpleNamespace(json=False), outcomes())
    assert printed == [["method", "accuracy", "first", "1.0000"]]
    assert capsys.readouterr().out.split() == ["second", "0.5000"]
    assert [outcome.method for outcome in found] == ["first", "second"]
    assert applications.scored(SimpleNamespace(json=True), iter(found)) == found
    assert capsys.readouterr().out == ""


def test_what_was_learned_is_one_line():
    assert applications.describe(MODEL) == (
        "learned w1 = 1.2500, w2 = 0.5000, b1 = 0.2500, b2 = 0.7500, L = 1.5000 in 7 epochs; 10 nonzeros left"
    )


def test_the_picture_that_is_asked_for_shows_what_was_found(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(applications, "draw_estimator", lambda *a, **b: drawn.append((a, b)) or "a figure")
    monkeypatch.setattr(applications, "as_bytes", lambda figure, kind: f"{figure} as {kind}".encode())
    monkeypatch.setattr(applications, "require_kind", lambda kind: None)
    arguments = parsed(views_file(tmp_path), "--plot", tmp_path / "picture.svg")
    data, _ = applications.read(arguments)
    applications.draw(arguments, data, MODEL, labelled=[3])
    assert (tmp_path / "picture.svg").read_text() == "a figure as svg"
    names = [f"X{v} (10 features)" for v in range(3)]
    assert drawn.pop() == ((MODEL, "overview"), {"view_names": names, "labelled": [3]})
    arguments = parsed("digits", "--plot", tmp_path / "picture.svg", "--picture", "graphs")
    applications.draw(arguments, replace(data, views=[]), MODEL)
    assert drawn.pop() == ((MODEL, "graphs"), {"view_names": None})
    applications.draw(parsed("digits"), data, MODEL)
    assert drawn == []


def test_a_picture_that_cannot_be_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(applications, "require_kind", lambda kind: None)
    with pytest.raises(ValueError, match="--picture graphs says what is drawn: give --plot FILE too"):
        applications.prepare(parsed("digits", "--picture", "graphs"))
    plot = ("--plot", tmp_path / "x.png", "--picture")
    with pytest.raises(ValueError, match="--picture weights is of views, and --graph is given in their place"):
        applications.prepare(parsed("digits", "--graph", "g.npy", *plot, "weights"))
    applications.prepare(parsed("digits", *plot, "weights"))
    with pytest.raises(ValueError, match="--picture confusion is of known classes beside found ones; digits has no"):
        applications.refuse_confusion(parsed("digits", *plot, "confusion"))
    assert applications.refuse_confusion(parsed("digits", *plot, "graphs")) is None


def test_what_is_known_is_codes_and_none():
    assert applications.known_but(np.array([2, -1, 0, 1]), [3]) == [2, None, 0, None]


def test_what_was_learned_is_arrays_that_make_the_graph_again():
    found = applications.learned(MODEL)
    graph = csr_array((found["graph_data"], found["graph_indices"], found["graph_indptr"]), found["graph_shape"])
    assert list(found["theta"]) == list(MODEL.theta_)
    assert (found["L"], found["scale"]) == (1.5, 0.125)
    assert np.array_equal(graph.toarray(), CHAIN.toarray())


def test_what_was_read_is_the_first_line_on_stderr(tmp_path, capsys):
    applications.read(parsed(views_file(tmp_path)))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[0].endswith("views.npz: X0 80×10, X1 80×10, X2 80×10, labels 4 classes from Y")
    np.save(tmp_path / "graph.npy", np.ones((80, 80)))
    applications.read(parsed(views_file(tmp_path), "--graph", tmp_path / "graph.npy"))
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("labels 4 classes from Y; left out: X0 80×10, X1 80×10, X2 80×10")
    assert second.endswith("graph.npy: graph 80×80")


def test_options_of_the_command_line_decide_how_data_is_read(tmp_path):
    content = {"A": VIEWS[0].T, "B": VIEWS[1].T, "C": VIEWS[2], "Y": LABELS, "other": LABELS[::-1]}
    np.savez(tmp_path / "d.npz", **content)
    data, _ = applications.read(parsed(tmp_path / "d.npz", "--views", "B, A", "--labels", "other"))
    assert [np.array_equal(*pair) for pair in zip(data.views, [VIEWS[1], VIEWS[0]], strict=True)] == [True, True]
    assert np.array_equal(data.codes, LABELS[::-1])
    options = ("--views", "A,B", "--labels", "none", "--transpose")
    data, source = applications.read(parsed(tmp_path / "d.npz", *options, "yes"))
    classes = source.classes
    assert ([view.shape for view in data.views], classes) == ([(80, 10)] * 2, None)
    data, _ = applications.read(parsed(tmp_path / "d.npz", *options, "no", "--neighbors", "3"))
    assert [view.shape for view in data.views] == [(10, 80)] * 2


def test_tables_are_aligned_by_the_index_that_is_asked_for(tmp_path):
    for name, order in (("a", range(12)), ("b", range(11, -1, -1))):
        rows = "".join(f"{VIEWS[0][i, 0]!r},{VIEWS[0][i, 1]!r},{i}\n" for i in order)
        (tmp_path / f"{name}.csv").write_text(f"p,q,sample\n{rows}".replace("np.float64(", "").replace(")", ""))
    data, _ = applications.read(parsed(tmp_path, "--index", "sample", "--neighbors", "3"))
    assert np.array_equal(data.views[0], VIEWS[0][:12, :2])
    assert np.array_equal(data.views[1], VIEWS[0][:12, :2])


def test_names_of_views_lie_between_commas(tmp_path, capsys):
    assert parsed("data", "--views", "a, b").views == ["a", "b"]
    with pytest.raises(SystemExit, match="2"):
        parsed("data", "--views", "a,,b")
    assert "must be names between commas: 'a,,b'" in capsys.readouterr().err


def test_samples_are_called_what_the_index_of_tables_says(tmp_path):
    for name in ("a", "b"):
        rows = "".join(f"s{i},{i * i + 9},{i % 7}\n" for i in range(12))
        (tmp_path / f"{name}.csv").write_text(f"id,p,q\n{rows}")
    _, source = applications.read(parsed(tmp_path, "--neighbors", "3"))
    assert source.samples == [f"s{i}" for i in range(12)]
    assert applications.read(parsed(views_file(tmp_path)))[1].samples is None
