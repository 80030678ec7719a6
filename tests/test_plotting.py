"""Pictures show what was learned, and say what they need."""

import builtins

import numpy as np
import pytest

from dsrl_ref import Fidelity, Objective, Theta, fit, load, save, shrink
from dsrl_ref.cli import main
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.plotting import draw_model
from dsrl_ref.results import FitResult

PLOT = "the extra plot brings matplotlib"


@pytest.fixture(scope="module")
def learned():
    W = np.random.default_rng(0).normal(size=(10, 12))
    return fit(Objective(Fidelity(W), shrink(W, (1.2, 0.7, 0.3, 0.8)), layers=1), epochs=10)


@pytest.mark.peer
def test_four_panels_show_the_model(learned):
    pytest.importorskip("matplotlib", reason=PLOT)
    xi, g, loss, network = draw_model(learned, layers=1).axes
    z, drawn = xi.lines[-1].get_data()
    assert np.array_equal(drawn, shrink(z, learned.theta))
    assert g.lines[-1].get_ydata().min() >= 0
    assert np.array_equal(loss.lines[0].get_ydata(), learned.history["loss"])
    w, x = network.lines[2].get_data()
    assert x == pytest.approx(shrink(w, learned.theta), abs=1e-12)
    assert sorted(network.lines[3].get_xdata()) == pytest.approx(
        sorted([*learned.theta[2:], *(-k for k in learned.theta[2:])])
    )


@pytest.mark.peer
def test_a_history_without_losses_or_of_zeros_is_drawn():
    pytest.importorskip("matplotlib", reason=PLOT)
    for losses in (np.zeros(0), np.zeros(3)):
        result = FitResult(Theta(1, 1, 0, 0), 1.0, 0.0, True, "", {"loss": losses}, (np.ones(4), 1.0))
        assert draw_model(result).axes[2].get_yscale() == "linear"


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_command_writes_a_picture(learned, tmp_path, capsys, kind):
    pytest.importorskip("matplotlib", reason=PLOT)
    save(tmp_path / "model.dsrl", learned)
    output = tmp_path / f"picture.{kind}"
    assert main(["plot", str(tmp_path / "model.dsrl"), "-o", str(output)]) == 0
    assert capsys.readouterr().out == f"{output}\n"
    assert output.read_bytes()[:4] in (b"\x89PNG", b"%PDF", b"<?xm")
    assert main(["plot", str(tmp_path / "model.dsrl")]) == 0
    assert (tmp_path / "model.dsrl.png").stat().st_size > 10_000
    assert load(tmp_path / "model.dsrl").theta == learned.theta


@pytest.mark.peer
def test_the_command_says_what_is_wrong(learned, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason=PLOT)
    model = tmp_path / "model.dsrl"
    save(model, learned)
    assert main(["plot", str(tmp_path / "none")]) == 5
    assert main(["plot", str(model), "-o", str(tmp_path / "picture.xyz")]) == 3
    assert not (tmp_path / "picture.xyz").exists()
    assert main(["plot", str(model), "-o", str(tmp_path / "no" / "folder.png")]) == 5
    assert main(["plot", str(model), "--layers", "-1"]) == 2
    model.write_bytes(b"no model")
    assert main(["plot", str(model)]) == 4
    assert "none" in capsys.readouterr().err


def test_without_matplotlib_it_names_the_extra(learned, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"plot needs matplotlib: pip install 'dsrl_ref\[plot\]'"):
        draw_model(learned)
