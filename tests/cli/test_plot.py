"""``dsrl-ref plot``: which picture, of what, and where; what it shows is in test_plotting.py."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dsrl_ref import Status, Theta, load, save
from dsrl_ref.cli import main, plot
from dsrl_ref.multiview import DSRLClustering
from dsrl_ref.results import FitResult

RESULT = FitResult(
    Theta(1.25, 0.5, 0.25, 0.75),
    1.5,
    0.5,
    True,
    "completed 2 epochs",
    {"loss": np.array([1.0, 0.75]), "theta": np.ones((2, 4)), "L": np.ones(2)},
    (np.array([1.25, 0.5, 0.25, 0.75]), 1.5),
    16,
    Status.COMPLETED,
    "LeastSquares",
)
NO_MATPLOTLIB = "the extra plot brings matplotlib"


@pytest.fixture
def model(tmp_path):
    save(tmp_path / "model.dsrl", RESULT)
    return tmp_path / "model.dsrl"


@pytest.fixture
def drawn(monkeypatch):
    """Θ, layers and f of every figure that was asked for; the drawing itself is left out, with matplotlib."""
    figures = []

    def draw(result):
        figures.append((result.theta, result.layers, result.kind))
        return figures[-1]

    monkeypatch.setattr(plot, "draw_model", draw)
    monkeypatch.setattr(plot, "require_kind", lambda kind: None)
    monkeypatch.setattr(plot, "as_bytes", lambda figure, kind: f"{figure} as {kind}".encode())
    return figures


def test_the_picture_lies_beside_the_model_unless_told_otherwise(model, drawn, capsys):
    assert main(["plot", str(model)]) == 0
    assert capsys.readouterr().out == f"{model}.png\n"
    assert model.with_name("model.dsrl.png").read_text() == f"{(RESULT.theta, 16, 'LeastSquares')} as png"
    assert main(["plot", str(model), "-o", str(model.with_name("other.SVG")), "--layers", "16"]) == 0
    assert capsys.readouterr().out == f"{model.with_name('other.SVG')}\n"
    assert model.with_name("other.SVG").read_text() == f"{(RESULT.theta, 16, 'LeastSquares')} as svg"
    assert load(model).theta == RESULT.theta


def test_a_model_that_does_not_know_its_layers_is_told_them(model, drawn):
    save(model, replace(RESULT, layers=None, status=None, kind=None))
    assert main(["plot", str(model)]) == 0
    assert main(["plot", str(model), "--layers", "11"]) == 0
    assert main(["plot", str(model), "--layers", "0"]) == 0
    assert drawn == [(RESULT.theta, None, None), (RESULT.theta, 11, "Fidelity"), (RESULT.theta, 0, "Fidelity")]
    save(model, replace(RESULT, layers=None, status=None))
    assert main(["plot", str(model), "--layers", "11"]) == 0
    assert drawn[-1] == (RESULT.theta, 11, "LeastSquares")


@pytest.mark.parametrize("own", [0, 1, 16, math.inf])
@pytest.mark.parametrize("told", [0, 1, 15, 16, 17])
def test_a_model_that_knows_its_layers_is_drawn_with_no_others(model, drawn, capsys, own, told):
    save(model, replace(RESULT, layers=own))
    before = model.read_bytes()
    assert main(["plot", str(model), "--layers", str(told)]) == (0 if own == told else 3)
    said = (
        f"--layers is {told}, but the model was learned with {own} layers, and is drawn with them: leave --layers out"
    )
    assert (said in capsys.readouterr().err) == (own != told)
    assert drawn == ([(RESULT.theta, own, "LeastSquares")] if own == told else [])
    assert model.with_name("model.dsrl.png").exists() == (own == told)
    assert model.read_bytes() == before


def test_a_model_is_not_replaced_by_its_picture(model, drawn, capsys):
    assert main(["plot", str(model), "-o", str(model)]) == 3
    assert "give it another name" in capsys.readouterr().err
    assert load(model).theta == RESULT.theta
    assert drawn == []


def test_an_unwritable_place_is_found_before_the_drawing(model, drawn, capsys):
    assert main(["plot", str(model), "-o", str(model.with_name("no") / "folder.png")]) == 5
    assert "folder.png" in capsys.readouterr().err
    assert drawn == []


def test_a_bad_model_is_4_and_a_missing_one_5(model, drawn, capsys):
    model.write_bytes(b"no model")
    assert main(["plot", str(model)]) == 4
    assert main(["plot", str(model.with_name("none"))]) == 5
    assert "none" in capsys.readouterr().err
    assert drawn == []
    assert [path.name for path in model.parent.iterdir()] == ["model.dsrl"]


def test_layers_are_not_negative(model, capsys):
    assert main(["plot", str(model), "--layers", "-1"]) == 2
    assert "must not be negative: -1" in capsys.readouterr().err


@pytest.mark.peer
def test_a_picture_of_no_known_kind_is_refused_before_the_drawing(model, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason=NO_MATPLOTLIB)
    monkeypatch.setattr(plot, "draw_model", lambda *_: pytest.fail("it has drawn already"))
    assert main(["plot", str(model), "-o", str(model.with_name("picture.xyz"))]) == 3
    assert "a picture is one of" in capsys.readouterr().err
    assert not model.with_name("picture.xyz").exists()


@pytest.mark.peer
@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xm")])
def test_the_picture_is_of_the_kind_that_its_name_says(model, capsys, kind, magic):
    pytest.importorskip("matplotlib", reason=NO_MATPLOTLIB)
    output = model.with_name(f"picture.{kind}")
    assert main(["plot", str(model), "-o", str(output)]) == 0
    assert output.read_bytes()[:4] == magic
    assert capsys.readouterr().out == f"{output}\n"


@pytest.mark.parametrize("white", [True, False])
def test_errors_by_layer_are_drawn_on_data(tmp_path, monkeypatch, white):
    """D is twice a rotation: whitened, it is the rotation."""
    seen = []
    monkeypatch.setattr(plot, "draw_model", lambda result, **data: seen.append(data))
    monkeypatch.setattr(plot, "require_kind", lambda kind: None)
    monkeypatch.setattr(plot, "as_bytes", lambda figure, kind: b"")
    theta = np.array([[1.0, 1.0, 0.1, 0.2]] * 2)
    save(tmp_path / "model", replace(RESULT, theta=theta, L=np.ones(2), raw=(theta, np.ones(2)), layers=2))
    np.savez(tmp_path / "data.npz", D=2 * np.eye(2)[::-1], Y=np.ones((2, 3)), target=np.full((2, 3), 0.5), layers=2)
    arguments = ["plot", str(tmp_path / "model"), "--data", str(tmp_path / "data.npz")]
    assert main([*arguments, *(["--whiten"] if white else [])]) == 0
    (data,) = seen
    assert np.abs(data["f"].D).max() == pytest.approx(1 if white else 2)
    assert data["target"].tolist() == [[0.5] * 3] * 2


def test_whitening_is_of_data_and_they_are_not_written_over(tmp_path, model, drawn, capsys):
    assert main(["plot", str(model), "--whiten"]) == 3
    assert "--whiten is of the data: give --data too" in capsys.readouterr().err
    assert main(["plot", str(model), "--rcond", "0"]) == 3
    assert "--rcond is of the data: give --data too" in capsys.readouterr().err
    path = tmp_path / "data.png"
    np.savez(path.with_suffix(".npz"), W=np.ones((1, 1)), target=np.ones((1, 1)))
    path.with_suffix(".npz").rename(path)
    before = path.read_bytes()
    assert main(["plot", str(model), "--data", str(path), "-o", str(path)]) == 3
    assert f"writing {path} would replace {path}, which is needed" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.fixture
def clusters(tmp_path):
    """A clustering in a file."""
    views = [np.random.default_rng(0).normal(size=(12, 3))]
    save(tmp_path / "clusters", DSRLClustering(2, n_neighbors=3, random_state=0).fit(views))
    return tmp_path / "clusters"


def test_a_fitted_estimator_is_drawn_as_it_is(clusters, drawn, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(plot, "draw_estimator", lambda model, picture: seen.append((model, picture)) or picture)
    assert main(["plot", str(clusters)]) == 0
    assert main(["plot", str(clusters), "--picture", "graphs", "-o", str(clusters.with_name("x.pdf"))]) == 0
    assert capsys.readouterr().out == f"{clusters}.png\n{clusters.with_name('x.pdf')}\n"
    assert [picture for _, picture in seen] == ["overview", "graphs"]
    assert np.array_equal(seen[0][0].labels_, load(clusters).labels_)
    assert clusters.with_name("x.pdf").read_text() == "graphs as pdf"


def test_options_of_other_models_are_refused(clusters, model, drawn, capsys):
    for options in (["--layers", "0"], ["--whiten"], ["--rcond", "0"], ["--data", str(model)]):
        assert main(["plot", str(clusters), *options]) == 3
        assert f"{options[0]} is for what fit learned; {clusters} holds a DSRLClustering" in capsys.readouterr().err
    assert main(["plot", str(model), "--picture", "graphs"]) == 3
    assert f"--picture is for clusters and classes, and {model} holds what fit learned" in capsys.readouterr().err
    assert main(["plot", str(clusters), "--picture", "confusion"]) == 2
    assert drawn == []


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_a_fitted_estimator_is_really_drawn(clusters, capsys):
    assert main(["plot", str(clusters), "-o", str(clusters.with_name("x.svg"))]) == 0
    assert clusters.with_name("x.svg").read_bytes().startswith(b"<?xml")
