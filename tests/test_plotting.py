"""Pictures show what was learned, and say what they need."""

import builtins

import numpy as np
import pytest

from dsrl_ref import Fidelity, Objective, Theta, fit, shrink
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


def test_without_matplotlib_it_names_the_extra(learned, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"plot needs matplotlib: pip install 'dsrl_ref\[plot\]'"):
        draw_model(learned)
