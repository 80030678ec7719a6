"""The benchmarks run, agree before they time, and leave out what is not installed."""

import json
import os
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import children
import numpy as np
import pytest
from report_data import flaws, read, require_extras, without_extras

from dsrl_ref.engines.table import ENGINES

ROOT = Path(__file__).parents[1]
PEERS = {"2 workers": "dask", "JAX": "jax", "PyTorch": "torch", "scikit-learn": "sklearn", "skglm": "skglm"}
pytestmark = [
    pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="no checkout: benchmarks/ is not installed"),
    pytest.mark.skipif(
        os.environ.get("NUMBA_DISABLE_JIT") == "1",
        reason="kernels in plain Python would take minutes, and mean nothing",
    ),
]


@pytest.fixture
def benchmarks(monkeypatch):
    """The program, with each contestant called once and no pause: these tests read no time."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import __main__ as program
    from benchmarks import measure

    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measure, "SETTLE", 0.0)
    return program


ONE_ROUND = """
import sys
from benchmarks import __main__ as program, measure
measure.ROUNDS, measure.SETTLE = 1, 0.0
sys.exit(program.main(sys.argv[1:]))
"""


def is_about(engine, row, contestant):
    """Whether a row has the engine in its name, or a contestant that is called by it: columns may be those of X."""
    return re.search(rf"\b{engine}\b", row) is not None or re.search(rf"\bdsrl_ref {engine}\b", contestant) is not None


def test_a_word_in_passing_is_no_row_about_an_engine():
    assert not is_about("columns", "least-squares-memory", "16,384 columns")
    assert is_about("columns", "least-squares", "dsrl_ref columns, shared")
    assert is_about("disk", "scale-disk", "sorted into a file")


def test_every_row_runs_at_its_smallest_size(benchmarks, tmp_path):
    """In a child, since peers leave workers behind."""
    children.output("-c", ONE_ROUND, "--smallest", "--json", tmp_path / "figures.json", cwd=ROOT)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [row["name"] for row in figures["rows"]] == list(benchmarks.ROWS)
    assert figures["machine"]["cores"] >= 1
    told = [(row["name"], result["contestant"]) for row in figures["rows"] for result in row["results"]]
    for engine in ENGINES:
        assert any(is_about(engine, *each) for each in told), f"no row is about {engine}"
    for row in figures["rows"]:
        for result in row["results"]:
            peer = next((peer for name, peer in PEERS.items() if name in result["contestant"]), None)
            if peer and not find_spec(peer):
                assert result["seconds"] is None
            elif row["name"] in ("accuracy", "implicit"):
                assert 0 <= result["error"] < (1e-6 if "near" in result["contestant"] else 1e-12)
            elif row["name"] != "least-squares-memory":
                assert result["seconds"] > 0


@pytest.mark.parametrize("row", ["scale-pieces", "scale-views"])
def test_rows_on_growth_run_tell_powers_and_have_curves(benchmarks, row):
    found = benchmarks.ALL[row]("smallest")
    assert all(result.seconds >= 0 for result in found.results)
    drawn = [result for result in found.results if row == "scale-pieces" or "2 threads" not in result.contestant]
    assert sum(map(len, found.curves.values())) == len(drawn) > len(found.results) / 3
    assert row == "scale-views" or all(": power " in note for note in found.notes)


def test_whole_fits_tell_what_they_took_and_how_many_are_right(benchmarks):
    found = benchmarks.ALL["scale-fit"]("smallest")
    assert [result.contestant for result in found.results] == ["500 samples, classified", "500 samples, clustered"]
    assert all(result.seconds > 0 for result in found.results)
    assert all(0.2 < float(note.split(": ")[1].split()[0]) <= 1 for note in found.notes)  # 1 of 20 by chance


@pytest.mark.parametrize("true", [0.0, 1.0, 1.3, 2.0])
def test_the_power_is_that_of_the_last_two_decades(benchmarks, true):
    from benchmarks.scale import power

    sizes = [10.0, 1e3, 1e4, 1e5]
    assert power(sizes, [1e9, *(3.0 * n**true for n in sizes[1:])]) == pytest.approx(true, abs=1e-9)


def test_python_m_benchmarks_lists_the_rows_with_a_line_each(benchmarks):
    listed = children.output("-m", "benchmarks", "--list", cwd=ROOT).splitlines()
    assert [line.split()[0] for line in listed] == list(benchmarks.ALL)
    assert all(len(line.split()) > 3 for line in listed)


@pytest.mark.parametrize(
    "wrong", [(1.001, [1, 2]), (1.0, [1, 2.001]), (float("nan"), [1, 2]), (1.0, [1, float("nan")])]
)
def test_contestants_that_differ_are_not_timed(benchmarks, wrong):
    from benchmarks.rows import Disagreement, require_agreement

    require_agreement({"a": lambda: (1.0, [1, 2]), "b": None, "c": lambda: (1.0, [1, 2])})
    with pytest.raises(Disagreement, match="b and a differ by"):
        require_agreement({"a": lambda: (1.0, [1, 2]), "b": lambda: wrong})


def test_a_disagreement_exits_1_and_the_other_rows_go_on(benchmarks, monkeypatch, capsys):
    from benchmarks.rows import Disagreement

    def differs(size):
        raise Disagreement("b and a differ by 1")

    rows = {"differs": differs, "accuracy": benchmarks.ROWS["accuracy"]}
    monkeypatch.setattr(benchmarks, "ROWS", rows)
    monkeypatch.setattr(benchmarks, "ALL", rows)
    assert benchmarks.main(["--smallest"]) == 1
    printed = capsys.readouterr().out
    assert "differs: not timed: b and a differ by 1" in printed
    assert "\naccuracy: " in printed


def test_whose_turn_it_is_is_told_before_it_is_timed(benchmarks, monkeypatch):
    from benchmarks import measure

    class Told:
        def __init__(self, what):
            self.what = what

        def __enter__(self):
            return self

        def __exit__(self, *_):
            events.append("end")

        def tell(self, text):
            events.append(text)

    events = []
    monkeypatch.setattr(measure, "Progress", Told)
    calls = {
        "ours": lambda: events.append("ours runs"),
        "missing": None,
        "theirs": lambda: events.append("theirs runs"),
    }
    for time in (measure.time_in_turn, measure.cpu_in_turn):
        events.clear()
        results = time(calls, rounds=2)
        assert [(result.contestant, result.seconds is None) for result in results] == [
            ("ours", False),
            ("missing", True),
            ("theirs", False),
        ]
        assert events == [
            event
            for turn in ("round 1 of 2", "round 2 of 2")
            for name in ("ours", "theirs")
            for event in (f"{name}, {turn}", f"{name} runs")
        ] + ["end"]


def test_an_unknown_row_is_wrong_usage(benchmarks, capsys):
    with pytest.raises(SystemExit, match="2"):
        benchmarks.main(["--only", "nothing"])
    assert "nothing" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_before_any_work(benchmarks, tmp_path, capsys):
    place = str(tmp_path / "no" / "folder")
    assert benchmarks.main(["--smallest", "--only", "accuracy", "--json", place]) == 5
    printed = capsys.readouterr()
    assert place in printed.err
    assert not printed.out


def test_what_was_found_before_a_failure_is_kept(benchmarks, monkeypatch, tmp_path):
    def breaks(size):
        raise RuntimeError("broken")

    rows = {"accuracy": benchmarks.ROWS["accuracy"], "breaks": breaks}
    monkeypatch.setattr(benchmarks, "ROWS", rows)
    monkeypatch.setattr(benchmarks, "ALL", rows)
    with pytest.raises(RuntimeError, match="broken"):
        benchmarks.main(["--smallest", "--json", str(tmp_path / "a.json")])
    assert [row["name"] for row in json.loads((tmp_path / "a.json").read_text())["rows"]] == ["accuracy"]


def test_markdown_is_a_document_with_the_command_and_every_figure(benchmarks, tmp_path):
    """Written after every row, so that an interrupted run leaves what there is."""
    place, figures = tmp_path / "it's.md", tmp_path / "a.json"
    asked = ["--smallest", "--only", "accuracy", "--only", "fused-dense"]
    assert benchmarks.main([*asked, "--markdown", str(place), "--json", str(figures)]) == 0
    text = place.read_text(encoding="utf-8")
    assert f"python -m benchmarks {' '.join(asked)} --markdown '{tmp_path}/it'\"'\"'s.md' --json" in text
    rows = json.loads(figures.read_text(encoding="utf-8"))["rows"]
    assert re.findall("^## (.*)$", text, flags=re.MULTILINE) == ["accuracy", "fused-dense"]
    told = [result for row in rows for result in [*row["results"], *filter(None, [row["limit"]])]]
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| contestant")]
    assert len(lines) == len(told)
    for line, result in zip(lines, told, strict=True):
        name, seconds, _, _, error, _ = (cell.strip() for cell in re.split(r"(?<!\\)\|", line[2:]))
        assert name.removeprefix("limit: ").replace(r"\|", "|") == result["contestant"]
        assert seconds == ("" if result["seconds"] is None else f"{result['seconds']:.3g}")
        assert error == ("" if result["error"] is None else f"{result['error']:.1e}")
    assert all(note in text for row in rows for note in row["notes"])


@pytest.mark.peer
def test_a_page_has_a_section_for_each_row_with_its_table_and_its_pictures(benchmarks, tmp_path, monkeypatch):
    require_extras()
    place = tmp_path / "page.html"
    shown = {"as $it$ <b>was": np.eye(8)}
    row = lambda size: replace(benchmarks.ROWS["accuracy"](size), name="with-images", images=shown)  # noqa: E731
    monkeypatch.setattr(benchmarks, "ALL", {**benchmarks.ALL, "fused-csr": row})
    asked = ["--smallest", "--only", "accuracy", "--only", "fused-dense", "--only", "fused-csr"]
    assert benchmarks.main([*asked, "--report", str(place), "--json", str(tmp_path / "a.json")]) == 0
    html = place.read_text(encoding="utf-8")
    assert flaws(html) == []
    elements, text = read(html)
    rows = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["rows"]
    assert {attributes["id"] for tag, attributes in elements if tag == "section"} >= {
        f"row-{row['name']}" for row in rows
    }
    for row in rows:
        assert row["work"] in text
        assert all(result["contestant"] in text for result in row["results"])
        assert all(note in text for note in row["notes"])
        seconds = [result["seconds"] for result in row["results"] if result["seconds"]]
        assert all(f"{each:.3g}" in text for each in seconds)
    timed = sum(any(result["seconds"] for result in row["results"]) for row in rows)
    assert [tag for tag, _ in elements].count("figure") == timed + 1
    assert "as $it$ <b>was" in text
    assert " ".join(["python -m benchmarks", *asked, "--report"]) in text


def test_a_page_needs_its_extra_before_any_work(benchmarks, tmp_path, monkeypatch, capsys):
    without_extras(monkeypatch)
    assert benchmarks.main(["--smallest", "--only", "accuracy", "--report", str(tmp_path / "page.html")]) == 2
    printed = capsys.readouterr()
    assert "--report needs jinja2" in printed.err
    assert not printed.out
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_picture_is_drawn_of_a_kind_that_is_known(benchmarks, tmp_path, capsys):
    picture = tmp_path / "a.png"
    assert benchmarks.main(["--smallest", "--only", "fused-dense", "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert benchmarks.main(["--smallest", "--only", "fused-dense", "--plot", str(tmp_path / "a.xyz")]) == 2
    printed = capsys.readouterr()
    assert "not 'xyz'" in printed.err
    assert not printed.out


@pytest.mark.skipif(find_spec("matplotlib") is not None, reason="matplotlib is installed")
def test_a_picture_needs_matplotlib(benchmarks, tmp_path, capsys):
    picture = tmp_path / "a.png"
    assert benchmarks.main(["--smallest", "--only", "fused-dense", "--plot", str(picture)]) == 2
    assert "matplotlib" in capsys.readouterr().err
    assert not picture.exists()


def test_what_takes_hours_runs_only_by_name(benchmarks, monkeypatch):
    from benchmarks import real, recovery, scale, views, whole

    by_name = [file.BY_NAME for file in (views, recovery, real, scale, whole)]
    assert {name for names in by_name for name in names} == set(benchmarks.ALL) - set(benchmarks.ROWS)
    asked = []
    monkeypatch.setattr(benchmarks, "_run", lambda name, size, found: asked.append(name) or True)
    benchmarks.main(["--smallest"])
    assert asked == list(benchmarks.ROWS)


def test_recovery_draws_what_it_says(benchmarks):
    """Density, noise and size of the signals; the same of the same seed, and others for who draws on."""
    from benchmarks.recovery import Setting, decibels, drawn

    setting = Setting(n=60, k=30, density=0.2, decibels=20.0)
    problem, again = drawn(setting, 400, 300, seed=3), drawn(setting, 400, 300, seed=3)
    assert (problem.X.shape, problem.expected.shape, problem.unseen.Y.shape) == ((60, 400), (60, 300), (30, 300))
    for X, f in ((problem.X, problem.f), (problem.expected, problem.unseen)):
        assert np.mean(X != 0) == pytest.approx(0.2, abs=0.01)
        assert decibels(f.Y, problem.D @ X) == pytest.approx(-20, abs=1e-9)
        assert np.mean((f.Y - problem.D @ X) ** 2) == pytest.approx(setting.prior().noise, rel=0.2)
    assert np.array_equal(problem.unseen.Y, again.unseen.Y)
    draw = problem.new_signals()
    assert not set(draw(5)[0].ravel()) & set(draw(5)[0].ravel()) - {0.0}
    clean = drawn(Setting(n=60, k=30, decibels=np.inf), 5, 5)
    assert np.array_equal(clean.f.Y, clean.D @ clean.X)


def test_the_true_support_is_least_squares_on_it(benchmarks):
    from benchmarks.recovery import Setting, drawn, true_support

    problem = drawn(Setting(n=40, k=20, decibels=np.inf), 5, 30)
    (found,) = true_support(problem).layers(problem.unseen).values()
    assert found == pytest.approx(problem.expected, abs=1e-9)


needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")


@pytest.fixture
def networks(benchmarks):
    """The peers' networks, and D and a prior for them."""
    import torch

    from benchmarks import unrolled

    torch.set_num_threads(1)
    D = np.random.default_rng(0).normal(size=(10, 20)) / 10**0.5
    return unrolled, torch, D


@needs_torch
@pytest.mark.peer
def test_alista_has_the_least_coherent_weights_of_unit_diagonal(networks):
    unrolled, torch, D = networks
    W = unrolled.Alista(torch, D).W.numpy().astype(float)
    assert np.sum(W * D, axis=0) == pytest.approx(np.ones(20), rel=1e-5)
    least, rng = np.sum((W.T @ D) ** 2), np.random.default_rng(1)
    for _ in range(20):
        moved = W + 0.1 * rng.normal(size=W.shape)
        moved /= np.sum(moved * D, axis=0)
        assert np.sum((moved.T @ D) ** 2) > least


@needs_torch
@pytest.mark.peer
def test_tista_has_the_mean_of_the_prior_given_a_noisy_value(networks):
    """Beside the integral over x of x·N(x; 0, 1)·N(r; x, τ²), with the share of zeros in the denominator."""
    unrolled, torch, D = networks
    network = unrolled.Tista(torch, D, unrolled.Prior(0.1, 1e-3))
    x = np.linspace(-9, 9, 40_001)
    normal = lambda at, variance: np.exp(-(at**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)  # noqa: E731
    for tau2 in (0.02, 0.3):
        for r in (-1.5, 0.0, 0.2, 0.7, 3.0):
            weights = 0.1 * normal(x, 1) * normal(r - x, tau2) * (x[1] - x[0])
            right = np.sum(x * weights) / (np.sum(weights) + 0.9 * normal(r, tau2))
            got = network.mean(torch.tensor(r), torch.tensor(tau2))
            assert float(got) == pytest.approx(right, abs=1e-5), (tau2, r)


@needs_torch
@pytest.mark.peer
def test_selected_entries_pass_and_the_others_are_thresholded(networks):
    unrolled, torch, D = networks
    Z = torch.tensor(np.arange(-50.0, 50.0).reshape(100, 1))
    shrunk = unrolled.Alista(torch, D).shrunk(Z, 3.0, 1).numpy().ravel()  # 2.4 % of 100 in the second layer
    expected = np.sign(Z.numpy().ravel()) * np.maximum(np.abs(Z.numpy().ravel()) - 3, 0)
    expected[[0, 1, 99]] = -50, -49, 49  # 49 twice: a tie
    assert np.array_equal(shrunk, expected)
    assert not unrolled.Alista(torch, D).shrunk(Z, 60.0, 20).numpy().any()


@needs_torch
@pytest.mark.peer
@pytest.mark.parametrize(("name", "numbers"), [("LISTA, tied", 601), ("LISTA-CPSS", 603), ("ALISTA", 6), ("TISTA", 3)])
def test_a_peer_learns_layer_by_layer_and_is_better_for_it(networks, name, numbers):
    from dataclasses import replace

    from benchmarks.recovery import Setting, decibels, drawn

    unrolled, _, _ = networks
    problem = drawn(Setting(n=20, k=10), 5, 200)
    own = unrolled.CLASSES[name].schedule

    def network(layers, most):
        """Of the same signals each time."""
        schedule = replace(own, most=most, look=10)
        return unrolled.learn(name, problem.D, layers, problem.new_signals(), problem.prior, schedule)

    start, learned, alone = network(3, 0), network(3, 60), network(1, 60)
    assert learned.numbers() == numbers
    before, after = ([decibels(X, problem.expected) for X in peer(problem.unseen.Y)] for peer in (start, learned))
    assert len(after) == 3
    assert after[-1] < before[-1] - 0.1
    shallow, deep = learned.at_each_depth(problem.unseen.Y), learned(problem.unseen.Y)
    assert np.array_equal(shallow[0], alone(problem.unseen.Y)[0])  # as it was before the second layer came
    assert np.array_equal(shallow[2], deep[2])
    assert len(shallow) == 3


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")
@pytest.mark.parametrize("name", ["photographs", "digits"])
def test_codes_of_what_nobody_made_up_are_drawn_as_it_says(benchmarks, name):
    """Atoms, noise and length of the measurements; codes that are as good as perfect are worth what codes can be."""
    from benchmarks import real
    from benchmarks.recovery import decibels

    size = real.Size(n=96, k=48, known=60, unseen=50, passes=1)
    problem = real.coded(getattr(real, name)(size), size)
    drawn = problem.drawn
    for X, f in ((drawn.X, drawn.f), (drawn.expected, drawn.unseen)):
        assert np.count_nonzero(X, axis=0).max() == real.ATOMS
        lengths = np.linalg.norm(f.Y, axis=0)
        assert lengths[lengths > 0] == pytest.approx(np.full(np.count_nonzero(lengths), lengths.max()))
        assert np.count_nonzero(lengths) > 40
        assert decibels(f.Y, drawn.D @ X) == pytest.approx(-40, abs=0.1)
    assert np.mean(drawn.X[drawn.X != 0] ** 2) == pytest.approx(1)
    assert np.linalg.norm(problem.A, axis=0) == pytest.approx(np.ones(96))
    best = np.linalg.lstsq(problem.A, problem.patches.unseen, rcond=None)[0] / problem.lengths
    assert problem.decibels(best) > problem.decibels(drawn.expected) > problem.decibels(0 * best)
    picked, measured = drawn.new_signals()(7)
    assert {*map(bytes, np.ascontiguousarray(picked.T))} <= {*map(bytes, np.ascontiguousarray(drawn.X.T))}
    assert np.linalg.norm(measured - drawn.D @ picked) < 0.05 * np.linalg.norm(measured)


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")
def test_a_photograph_is_cut_and_joined_again(benchmarks):
    from benchmarks import real

    image = np.random.default_rng(0).random((24, 40))
    assert np.array_equal(real.joined(real.cut(image), rows=3), image)
    assert np.array_equal(real.cut(image)[:, 7], image[8:16, 16:24].ravel())


@pytest.mark.nightly
@pytest.mark.children
@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")
def test_what_takes_hours_runs_at_its_smallest_size_too(benchmarks, tmp_path):
    picture, figures = tmp_path / "a.png", tmp_path / "figures.json"
    hours = [name for name in benchmarks.ALL if name not in benchmarks.ROWS]
    asked = [part for name in hours for part in ("--only", name)]
    children.output("-c", ONE_ROUND, "--smallest", *asked, "--plot", picture, "--json", figures, cwd=ROOT)
    assert [row["name"] for row in json.loads(figures.read_text())["rows"]] == hours
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_images_of_a_row_are_in_the_picture_and_not_in_the_figures(benchmarks):
    from benchmarks.measure import Result
    from benchmarks.report import as_json, as_picture
    from benchmarks.rows import Row

    results = [Result("ours", 1.0), Result("theirs", 2.0)]
    images = {f"image {i}": np.full((4, 6), i / 9) for i in range(9)}
    row, plain = Row("a", "b", results, images=images), Row("a", "b", results)
    assert json.loads(as_json([row])) == json.loads(as_json([plain]))
    svg = as_picture([row], "svg").decode()
    assert svg.count("<image") == 9
    assert "<image" not in as_picture([plain], "svg").decode()


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
@pytest.mark.parametrize("images", [{}, {"wide": np.eye(2, 9), "high": np.eye(9, 2)}])
def test_no_text_of_a_picture_lies_on_another_or_beyond_the_edge(images, benchmarks):
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import SubFigure
    from matplotlib.text import Annotation

    from benchmarks.measure import Result
    from benchmarks.report import figure_of
    from benchmarks.rows import Row

    results = [Result(f"contestant {i} with a long name, 1,234 numbers", 10.0 ** (i % 4)) for i in range(16)]
    row = Row("a row", "many words of what its work is " * 5, [*results, Result("not there")], images=images)
    figure = figure_of([row, row])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    panels, parts = figure.findobj(Axes), figure.findobj(SubFigure)
    names = [label for panel in panels if panel.axison for label in panel.get_yticklabels()]
    titles = [panel.title for panel in panels] + [text for part in parts for text in part.texts]
    texts = [text for text in (*names, *figure.findobj(Annotation), *titles) if text.get_text()]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    assert len(boxes) == 2 * (16 + 16 + 1 + len(images))
    cut = [text for text, box in zip(texts, boxes, strict=True) if box.x0 < figure.bbox.x0 or box.x1 > figure.bbox.x1]
    assert cut == []
    assert [(texts[i], texts[k]) for i in range(len(boxes)) for k in range(i) if boxes[i].overlaps(boxes[k])] == []


def test_data_sets_that_are_not_there_are_skipped_and_the_row_says_so(benchmarks, monkeypatch, tmp_path):
    from scipy.io import savemat

    from benchmarks import views

    monkeypatch.setattr(views, "_line", lambda name, *_: name)
    monkeypatch.setattr(views, "_clustering", lambda *_: None)
    monkeypatch.delenv("DSRL_DATA", raising=False)
    assert (
        views.views("quick")
        .notes[-1]
        .startswith("the rest is skipped: there are no .mat files; the variable DSRL_DATA")
    )
    savemat(tmp_path / "a.mat", {"X1": np.eye(8), "X2": np.ones((8, 3)), "Y": np.arange(8) % 2})
    savemat(tmp_path / "b.mat", {"W": np.eye(8)})
    monkeypatch.setenv("DSRL_DATA", str(tmp_path))
    row = views.views("quick")
    assert [note for note in row.notes if note.startswith("a,")] == [f"a, {control}" for control in views.CONTROLS]
    assert row.notes[-1].startswith("b is skipped: ")
    assert row.results[-1].contestant == "a: a fit"
