"""``dsrl-ref fit``: what `fit` does, and exit codes that tell how it ended."""

import numpy as np
import pytest
from command_data import LEAST_SQUARES, D, W, X, in_json, problem_file
from report_data import caught, without_extras

from dsrl_ref import Fidelity, LeastSquares, Objective, Status, Theta, cli, fit, load
from dsrl_ref.report.page import Code
from dsrl_ref.results import FitResult
from dsrl_ref.training.gauss_newton import GaussNewtonDescent

START = (1.0, 0.9, 0.05, 0.2)


@pytest.fixture
def problem(tmp_path):
    return problem_file(tmp_path, **LEAST_SQUARES)


def objective(**options):
    return Objective(LeastSquares(D, D @ X), **{"target": X, "layers": 4, **options})


def test_fit_is_fit(problem, tmp_path, capsys):
    printed = in_json(capsys, "fit", problem, "-o", tmp_path / "model")
    expected = fit(objective())
    assert printed == {
        "theta": expected.theta._asdict(),
        "L": expected.L,
        "loss": expected.loss,
        "epochs": len(expected.history["loss"]),
        "converged": True,
        "status": "STATIONARY",
        "message": expected.message,
        "violations": [],
    }
    assert load(tmp_path / "model").theta == expected.theta


def test_layers_may_be_infinitely_many(tmp_path, capsys):
    arrays = {**LEAST_SQUARES, "layers": np.inf}
    printed = in_json(capsys, "fit", problem_file(tmp_path, **arrays), "--epochs", "3", code=1)
    learned = {"theta": [*printed["theta"].values()], "L": printed["L"]}
    assert printed["loss"] == objective(layers=np.inf)(learned["theta"], learned["L"])[0]
    again = in_json(capsys, "gradient", problem_file(tmp_path, **arrays, **learned))
    assert again["loss"] == printed["loss"]


def test_a_table_and_not_converged_is_1(problem, capsys):
    assert cli.main(["fit", problem, "--epochs", "3"]) == 1
    expected = fit(objective(), epochs=3)
    assert capsys.readouterr().out.splitlines() == [
        f"theta    {expected.theta}",
        f"L        {expected.L!r}",
        f"loss     {expected.loss!r}",
        "epochs   3",
        f"message  {expected.message}",
    ]


@pytest.mark.parametrize("given", [{"theta": START}, {"L": 3.0}, {"theta": START, "L": 3.0}])
def test_it_starts_where_the_file_says(tmp_path, capsys, given):
    path = problem_file(tmp_path, **LEAST_SQUARES, **given)
    printed = in_json(capsys, "fit", path, "--epochs", "1", code=1)
    assert printed["loss"] == fit(objective(), epochs=1, **given).loss
    assert printed["loss"] != fit(objective(), epochs=1).loss


def test_x0_of_the_file_is_taken(tmp_path, capsys):
    x0 = np.full(X.shape, 0.5)
    printed = in_json(capsys, "fit", problem_file(tmp_path, **LEAST_SQUARES, x0=x0), "--epochs", "2", code=1)
    assert printed["loss"] == fit(objective(x0=x0), epochs=2).loss
    assert printed["loss"] != fit(objective(), epochs=2).loss


def test_the_authors_method_with_its_learning_rate(tmp_path, capsys):
    wide = np.multiply(W, 2.2)
    path = problem_file(tmp_path, W=wide, target=W, layers=11)
    printed = in_json(capsys, "fit", path, "--method", "authors", "--epochs", "3", "--learning-rate", "0.0625")
    J = Objective(Fidelity(wide), W, layers=11)
    expected = fit(J, method="authors", epochs=3, learning_rate=0.0625)
    assert (printed["loss"], printed["L"]) == (expected.loss, expected.L)
    assert printed["message"] == "completed 3 epochs"


def test_it_goes_on_from_a_checkpoint(problem, tmp_path, monkeypatch, capsys):
    steps, whole = [], GaussNewtonDescent.step
    monkeypatch.setattr(GaussNewtonDescent, "step", lambda self: (steps.append(1), whole(self))[1])
    expected = fit(objective())
    needed = len(steps)
    arguments = ["fit", problem, "--checkpoint", tmp_path / "run"]
    in_json(capsys, *arguments, "--epochs", "5", code=1)
    steps.clear()
    assert in_json(capsys, *arguments, "--resume")["loss"] == expected.loss
    assert len(steps) == needed - 5
    steps.clear()
    assert in_json(capsys, *arguments)["loss"] == expected.loss
    assert len(steps) == needed


def test_a_damaged_checkpoint_is_4(problem, tmp_path, capsys):
    (tmp_path / "run").write_bytes(b"PK" + bytes(200))
    assert cli.main(["fit", problem, "--checkpoint", str(tmp_path / "run"), "--resume"]) == 4
    assert "damaged" in capsys.readouterr().err


def test_an_interrupted_fit_keeps_the_best_and_is_130(problem, tmp_path, monkeypatch, capsys):
    whole, steps = GaussNewtonDescent.step, []

    def step(self):
        steps.append(1)
        if len(steps) == 8:
            raise KeyboardInterrupt
        whole(self)

    monkeypatch.setattr(GaussNewtonDescent, "step", step)
    printed = in_json(capsys, "fit", problem, "-o", tmp_path / "model", code=130)
    assert printed["converged"] is False
    assert load(tmp_path / "model").message == "interrupted in epoch 8; this is the best so far"
    assert load(tmp_path / "model").status is Status.INTERRUPTED


def test_a_loss_that_is_no_number_is_null(problem, monkeypatch, capsys):
    theta, history = Theta(1, 2, 0, 0), {"loss": np.zeros(7), "theta": np.zeros((7, 4)), "L": np.ones(7)}
    diverged = FitResult(theta, 1.0, np.nan, False, "stopped in epoch 7", history, (np.ones(4), 1.0))
    monkeypatch.setattr("dsrl_ref.cli.fit.fit", lambda *_, **__: diverged)
    printed = in_json(capsys, "fit", problem, code=1)
    assert (printed["loss"], printed["epochs"]) == (None, 7)
    assert printed["violations"] == list(theta.violations())
    assert len(printed["violations"]) == 1


@pytest.mark.parametrize("option", ["-o", "--checkpoint"])
def test_what_cannot_be_written_is_found_before_the_work(problem, tmp_path, monkeypatch, capsys, option):
    monkeypatch.setattr("dsrl_ref.cli.fit.fit", lambda *_, **__: pytest.fail("it has worked already"))
    (tmp_path / "file").write_text("")
    assert cli.main(["fit", problem, option, str(tmp_path / "file" / "out")]) == 5
    assert "Not a directory" in capsys.readouterr().err
    before = (tmp_path / "problem.npz").read_bytes()
    assert cli.main(["fit", problem, option, problem]) == 3
    assert "give it another name" in capsys.readouterr().err
    assert (tmp_path / "problem.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": None}, "has no key layers; it needs W, or D and Y, layers"),
        ({"Y": None}, "has no key Y"),
        ({"extra": 1}, "has the unknown key extra; known are W, or D and Y, layers, target, x0, theta, L"),
        ({"target": None}, "target is required"),
    ],
)
def test_bad_files_are_3(tmp_path, changes, message, capsys):
    assert cli.main(["fit", problem_file(tmp_path, **{**LEAST_SQUARES, **changes})]) == 3
    assert message in capsys.readouterr().err


MANY = {"D": D, "Y": np.hstack([D @ X] * 3), "target": np.hstack([X] * 3), "layers": 3}


def layered(white=True, **options):
    f = LeastSquares(MANY["D"], MANY["Y"])
    return fit(Objective(f.whitened() if white else f, MANY["target"], layers=3, per_layer=True), **options)


@pytest.mark.parametrize("white", [True, False])
def test_one_theta_and_one_L_a_layer(tmp_path, capsys, white):
    arguments = ["fit", problem_file(tmp_path, **MANY), "--per-layer", "--epochs", "3", "-o", tmp_path / "model"]
    expected = layered(white, epochs=3)
    printed = in_json(capsys, *arguments, *(["--whiten"] if white else []), code=int(not expected.converged))
    assert printed["theta"] == [Theta(*row)._asdict() for row in expected.theta]
    assert printed["L"] == expected.L.tolist()
    assert (printed["loss"], printed["validation"]) == (expected.loss, expected.validation)
    assert printed["violations"] == []
    assert load(tmp_path / "model").theta.tobytes() == expected.theta.tobytes()


def test_a_table_of_layers(tmp_path, capsys):
    arguments = ["fit", problem_file(tmp_path, **MANY), "--per-layer", "--whiten", "--epochs", "2"]
    expected = layered(epochs=2)
    assert cli.main(arguments) == int(not expected.converged)
    lines = [f"{n}{v}" for row, L in zip(expected.theta, expected.L.tolist(), strict=True)
             for n, v in (("theta    ", Theta(*row)), ("L        ", repr(L)))]  # fmt: skip
    assert capsys.readouterr().out.splitlines() == [
        *lines,
        f"loss     {expected.loss!r}",
        f"held out {expected.validation!r}",
        f"epochs   {len(expected.history['loss'])}",
        f"message  {expected.message}",
    ]


@pytest.mark.parametrize(("text", "validation"), [("0", 0), ("3", 3), ("0.25", 0.25)])
def test_what_is_held_out_is_a_share_or_a_number(tmp_path, capsys, text, validation):
    arguments = ["fit", problem_file(tmp_path, **MANY), "--per-layer", "--epochs", "2", "--validation", text]
    expected = layered(False, epochs=2, validation=validation)
    printed = in_json(capsys, *arguments, code=int(not expected.converged))
    assert (printed["loss"], printed["validation"]) == (expected.loss, expected.validation)


def test_a_start_of_every_layer_is_taken(tmp_path, capsys):
    theta, L = np.array([START] * 3) * [[1], [0.9], [0.8]], np.array([3.0, 4.0, 5.0])
    path = problem_file(tmp_path, **MANY, theta=theta, L=L)
    printed = in_json(capsys, "fit", path, "--per-layer", "--epochs", "1", code=1)
    assert printed["loss"] == layered(False, epochs=1, theta=theta, L=L).loss


def test_violations_are_told_with_their_layer(tmp_path, capsys, monkeypatch):
    theta = np.array([[1.0, 1.0, 0.1, 0.2], [1.0, 1.5, 0.1, 0.2]])
    found = FitResult(theta, np.ones(2), 1.0, True, "", {"loss": np.ones(1)}, (theta, np.ones(2)), 2, Status.COMPLETED)
    monkeypatch.setattr("dsrl_ref.cli.fit.fit", lambda *_, **__: found)
    printed = in_json(capsys, "fit", problem_file(tmp_path, **MANY), "--per-layer")
    assert printed["violations"] == ["layer 2: w2 = 1.5 exceeds 1"]


@pytest.mark.parametrize(
    ("arrays", "options", "code", "message"),
    [
        ({"W": W, "layers": 2}, ["--whiten"], 3, "--whiten is for least squares, with keys D and Y"),
        (MANY, ["--rcond", "1e-6"], 3, "--rcond is of whitening: give --whiten too"),
        (MANY, ["--whiten", "--rcond", "2"], 3, "rcond must be at least 0 and less than 1, got 2.0"),
        (MANY, ["--validation", "0.2"], 3, "validation is for an objective with per_layer=True"),
        (MANY, ["--per-layer", "--method", "authors"], 3, "method 'authors' has one Θ and one L for all layers"),
        (MANY, ["--per-layer", "--validation", "some"], 2, "argument --validation: invalid number value: 'some'"),
    ],
)
def test_what_is_for_layers_of_their_own_alone_is_refused(tmp_path, capsys, arrays, options, code, message):
    assert cli.main(["fit", problem_file(tmp_path, **arrays), *options]) == code
    assert message in capsys.readouterr().err


def test_a_weak_direction_is_dropped_or_kept_as_the_message_says(tmp_path, capsys):
    """The message names the option, as one types it."""
    weak = {"D": [[1.0, 0.0], [0.0, 1e-8]], "Y": np.eye(2), "target": np.eye(2), "layers": 1}
    path = problem_file(tmp_path, **weak)
    asked = ["fit", path, "--whiten", "--epochs", "1"]
    assert cli.main(asked) == 3
    assert "Pass --rcond=1e-06 to drop these directions, or --rcond=0 to keep them" in capsys.readouterr().err
    model = tmp_path / "model"
    assert cli.main([*asked, "--rcond=1e-06", "-o", str(model)]) in (0, 1)
    assert load(model).whitened
    dropped = capsys.readouterr().out
    assert cli.main([*asked, "--rcond=0"]) in (0, 1)
    assert capsys.readouterr().out != dropped


@pytest.fixture
def pages(monkeypatch):
    """Every page that is written, and with which data the errors of layers are drawn."""
    found, drawn = caught(monkeypatch), []
    monkeypatch.setattr("dsrl_ref.report.learned._pictures", lambda _, pictured: drawn.append(pictured) or [])
    return found, drawn


def test_a_page_has_the_problem_what_was_asked_and_what_was_learned(tmp_path, pages, capsys):
    path, place = problem_file(tmp_path, **MANY), tmp_path / "page.html"
    asked = ["fit", path, "--epochs", "2", "--report", str(place)]
    printed = in_json(capsys, *asked, code=1)
    ((written, page),), (pictured,) = pages
    assert (written, pictured) == (place, {})
    assert page.origin.command == f"dsrl-ref {' '.join(asked)} --json"
    told = {section.anchor: section.blocks for section in page.sections}
    assert told["result"][0].facts["loss J"] == f"{printed['loss']:.6g}"
    assert told["data"][0].facts == {
        "file": Code(path),
        **{key: f"{' × '.join(map(str, np.shape(MANY[key])))} array" for key in ("D", "Y", "target")},
        "layers": str(MANY["layers"]),
        "method": "gauss-newton",
        "epochs asked for": "2",
    }


@pytest.mark.parametrize("x0", [None, 0.0])
def test_errors_of_layers_are_drawn_where_the_network_starts_as_it_did(tmp_path, pages, x0):
    arrays = MANY if x0 is None else {**MANY, "x0": x0 * MANY["target"]}
    asked = ["--per-layer", "--whiten", "--epochs", "1", "--validation", "0", "--report", str(tmp_path / "page.html")]
    assert cli.main(["fit", problem_file(tmp_path, **arrays), *asked]) == 1
    ((_, page),), (pictured,) = pages
    if x0 is None:
        assert np.array_equal(pictured["target"], MANY["target"])
        assert pytest.approx(LeastSquares(MANY["D"], MANY["Y"]).whitened().D) == pictured["f"].D
    else:
        assert pictured == {}
    facts = page.sections[1].blocks[0].facts
    assert (facts["held out"], facts["whitened"]) == ("0", "yes")


def test_errors_of_layers_are_of_results_with_layers_of_their_own(tmp_path, pages):
    cli.main(["fit", problem_file(tmp_path, **MANY), "--epochs", "1", "--report", str(tmp_path / "page.html")])
    assert pages[1] == [{}]


def test_a_page_needs_its_extra_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("dsrl_ref.cli.fit.fit", lambda *_, **__: pytest.fail("it has begun"))
    without_extras(monkeypatch)
    assert cli.main(["fit", problem_file(tmp_path, **MANY), "--report", str(tmp_path / "page.html")]) == 3
    assert "--report needs jinja2" in capsys.readouterr().err


def test_a_page_does_not_replace_the_problem_or_the_model(tmp_path, pages, capsys):
    path = problem_file(tmp_path, **MANY)
    assert cli.main(["fit", path, "--report", path]) == 3
    assert cli.main(["fit", path, "-o", path + ".model", "--report", path + ".model"]) == 3
    assert cli.main(["fit", path, "--report", str(tmp_path / "missing" / "page.html")]) == 5
    assert pages == ([], [])
    assert capsys.readouterr().err.count("give it another name") == 2
