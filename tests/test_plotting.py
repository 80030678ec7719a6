"""Pictures show what was learned, and say what they need."""

import builtins
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import LeastSquares, Objective, Status, Theta, fit, forward, plotting, regularizer, shrink
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.plotting import draw_model
from dsrl_ref.results import FitResult
from dsrl_ref.smooth import Fidelity

PLOT = "the extra plot brings matplotlib"
THETA, L = Theta(1.25, 0.75, 0.25, 0.875), 1.5


def result(losses=(3.0, 2.0, 1.5), theta=THETA, accepted=None, layers=1, kind="Fidelity"):
    count = len(losses)
    history = {
        "loss": np.array(losses, dtype=float),
        "theta": np.arange(4.0) + np.arange(count)[:, np.newaxis] / 8,
        "L": 3.0 + np.arange(count),
        "accepted": np.ones(count, dtype=bool) if accepted is None else np.array(accepted),
    }
    return FitResult(theta, L, 1.0, True, "", history, (np.array([*theta]), L), layers, Status.COMPLETED, kind)


def told(panel):
    return panel.get_title(), panel.get_xlabel(), panel.get_ylabel()


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_four_panels_show_the_model():
    figure = draw_model(result(layers=3))
    xi, g, loss, network = figure.axes
    z, drawn = xi.lines[-1].get_data()
    assert np.array_equal(drawn, shrink(z, THETA))
    x, drawn = g.lines[-1].get_data()
    assert np.array_equal(drawn, regularizer(x, THETA))
    assert loss.lines[0].get_ydata().tolist() == [3.0, 2.0, 1.5]
    w, drawn = network.lines[2].get_data()
    assert drawn == pytest.approx(forward(Fidelity(w.reshape(1, -1)), THETA, L, 3)[-1][0], abs=1e-12)
    assert figure.get_suptitle() == "w1 = 1.25, w2 = 0.75, b1 = 0.25, b2 = 0.875, L = 1.5"
    assert [told(panel) for panel in figure.axes] == [
        ("shrinkage ξ", "z", "ξ(z)"),
        ("regularizer g", "x", "g(x)"),
        ("loss J before each step", "epoch", "J"),
        ("network of 3 layers on an entry of W", "w", "$x_t$"),
    ]


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_the_axes_reach_twice_as_far_as_the_knots():
    xi, g, _, network = draw_model(result()).axes
    for panel in (xi, g, network):
        axis = panel.lines[2].get_xdata()
        assert (axis[0], axis[-1]) == (-1.75, 1.75)
    for panel in draw_model(result(theta=Theta(1, 1, 0, 0))).axes[:2]:  # no knot but 0
        axis = panel.lines[2].get_xdata()
        assert (axis[0], axis[-1]) == (-1, 1)


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_few_pieces_are_marked_and_many_are_not(monkeypatch):
    marked = draw_model(result()).axes[3].lines[3]
    assert sorted(marked.get_xdata()) == pytest.approx([-0.875, -0.25, 0.25, 0.875])
    assert marked.get_ydata() == pytest.approx(shrink(marked.get_xdata(), THETA))
    monkeypatch.setattr(plotting, "MARKED", 4)
    assert len(draw_model(result()).axes[3].lines) == 4
    monkeypatch.setattr(plotting, "MARKED", 3)
    assert len(draw_model(result()).axes[3].lines) == 3


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
@pytest.mark.parametrize(
    ("losses", "scale"), [((), "linear"), ((0, 0, 0), "linear"), ((2, 1, 0), "linear"), ((2, 1), "log")]
)
def test_a_history_is_drawn_by_powers_of_ten_where_it_has_no_zero(losses, scale):
    assert draw_model(result(losses)).axes[2].get_yscale() == scale


LAYERS = np.array([[0.9, 0.8, 0.5, 1.5], [1.25, 0.7, 0.25, 0.75], [1.0, 0.6, 0.125, 0.5]])


def layered(kind="LeastSquares", **history):
    steps = {"loss": np.array([3.0, 2.0]), "theta": np.tile(LAYERS, (2, 1, 1)), "L": np.ones((2, 3)), **history}
    L = np.array([1.0, 2.0, 4.0])
    return FitResult(LAYERS, L, 1.0, True, "", steps, (LAYERS, L), 3, Status.COMPLETED, kind, 0.5)


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_layers_of_their_own_are_drawn_by_layer():
    figure = draw_model(layered(validation=np.array([0.75, 0.5])))
    knots, slopes, steps, xi, loss = figure.axes
    lines = {line.get_label(): line.get_ydata().tolist() for panel in (knots, slopes, steps) for line in panel.lines}
    columns = dict(zip(("w1", "w2", "b1", "b2"), LAYERS.T.tolist(), strict=True))
    assert lines == {**columns, "1/L": [1.0, 0.5, 0.25]}
    assert knots.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert knots.get_yscale() == "log"
    assert len(xi.lines) == 3
    for line, row in zip(xi.lines, LAYERS, strict=True):
        z, drawn = line.get_data()
        assert z[-1] == 3.0  # twice the outermost knot
        assert np.array_equal(drawn, shrink(z, row))
    assert [line.get_ydata().tolist() for line in loss.lines] == [[3.0, 2.0], [0.75, 0.5]]
    assert loss.lines[0].get_xdata().tolist() == [1, 2]
    assert told(loss) == ("losses before each step", "epoch", "J")
    assert told(knots) == ("thresholds: the knots, by layer", "layer", "b")
    assert figure.get_suptitle() == "one Θ and one L in each of 3 layers, f = LeastSquares"


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_with_data_the_error_of_every_layer_is_drawn(kind):
    rng = np.random.default_rng(0)
    f, target = LeastSquares(rng.normal(size=(3, 4)) / 4, rng.normal(size=(3, 5))), rng.normal(size=(4, 5))
    figure = draw_model(layered(), f=f, target=kind(target))
    assert len(figure.axes) == 6
    assert [line.get_ydata().tolist() for line in figure.axes[4].lines] == [[3.0, 2.0]]
    iterates = forward(f, LAYERS, [1.0, 2.0, 4.0], 3)[1:]
    expected = [10 * np.log10(np.sum((X - target) ** 2) / np.sum(target**2)) for X in iterates]
    assert figure.axes[5].lines[0].get_ydata() == pytest.approx(expected, rel=1e-12)
    assert told(figure.axes[5]) == ("error of X_(i), by layer", "layer", "NMSE in dB")


@pytest.mark.usefixtures("matplotlib")
@pytest.mark.peer
def test_data_of_a_picture_are_a_term_and_its_target_for_layers_of_their_own():
    f, target = Fidelity(np.ones((2, 3))), np.ones((2, 3))
    for options in {"f": f}, {"target": target}:
        with pytest.raises(ValueError, match="f and target are data together"):
            draw_model(layered(), **options)
    with pytest.raises(ValueError, match="for a result with one Θ and one L a layer; this one shares them"):
        draw_model(result(), f=f, target=target)
    with pytest.raises(ValueError, match="target"):
        draw_model(layered(), f=f, target=np.ones((2, 2)))


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_a_shrinkage_alone_is_drawn_as_in_the_model():
    panel = plotting.new_figure((2, 2)).subplots()
    plotting.shrinkage_panel(panel, THETA)
    z, drawn = panel.lines[-1].get_data()
    assert np.array_equal(drawn, shrink(z, THETA))
    assert (z[0], z[-1]) == (-1.75, 1.75)
    assert told(panel) == ("shrinkage ξ", "z", "ξ(z)")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "png"), ("a.SVG", "svg"), ("a.b.pdf", "pdf"), ("a", "png"), ("a.b/c", "png")]
)
def test_the_kind_of_a_picture_is_the_ending_of_its_name(name, kind):
    assert plotting.kind_of(Path(name)) == kind


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_kinds_that_can_be_drawn_are_known():
    assert plotting.require_kind("png") is None
    with pytest.raises(ValueError, match=r"a picture is one of .*pdf, .*png, .*svg.*, not 'xyz'"):
        plotting.require_kind("xyz")


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_a_picture_is_of_the_kind_asked_for(kind, magic):
    figure = plotting.new_figure((1, 1))
    figure.subplots()
    assert plotting.as_bytes(figure, kind).startswith(magic)


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_pictures_of_pixels_are_fine_enough_for_print():
    picture = plotting.as_bytes(plotting.new_figure((2, 1)), "png")
    assert (int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")) == (400, 200)


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_a_network_of_no_layers_is_the_identity():
    w, drawn = draw_model(result(layers=0)).axes[3].lines[2].get_data()
    assert np.array_equal(w, drawn)
    assert (w[0], w[-1]) == (-1.75, 1.75)


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_the_loss_is_that_of_the_run_that_was_accepted():
    figure = draw_model(result((9.0, 3.0, 8.0, 2.5, 2.0), accepted=(False, True, False, True, True)))
    assert figure.axes[2].lines[0].get_ydata().tolist() == [3.0, 2.5, 2.0]
    old = result((9.0, 3.0))
    del old.history["accepted"]  # as of a file of version 1
    assert draw_model(old).axes[2].lines[0].get_ydata().tolist() == [9.0, 3.0]


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
@pytest.mark.parametrize(
    ("layers", "kind", "title"),
    [
        (16, "LeastSquares", "Θ and L of 16 layers, f = LeastSquares"),
        (np.inf, "Mine", "Θ and L of ∞ layers, f = Mine"),
        (None, None, "Θ and L before each step"),
        (None, "Fidelity", "Θ and L, f = Fidelity"),
    ],
)
def test_where_no_map_acts_on_entries_the_last_panel_is_the_history_of_the_parameters(layers, kind, title):
    panel = draw_model(result(layers=layers, kind=kind, accepted=(True, False, True))).axes[3]
    assert told(panel) == (title, "epoch", "Θ")
    drawn = {line.get_label(): line.get_ydata().tolist() for line in panel.lines}
    assert drawn == {
        "w1": [0, 0.25],
        "w2": [1, 1.25],
        "b1": [2, 2.25],
        "b2": [3, 3.25],
        "L / L at the end": [2, 5 / 1.5],
    }
    assert len(panel.get_legend().get_texts()) == 5


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_infinitely_many_layers_on_an_entry_are_one_shrinkage():
    panel = draw_model(result(layers=np.inf)).axes[3]
    w, drawn = panel.lines[2].get_data()
    long = forward(Fidelity(w.reshape(1, -1)), THETA, L, 200)[-1][0]
    assert drawn == pytest.approx(long, abs=1e-9)
    assert told(panel)[0] == "network of ∞ layers on an entry of W"


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_what_fit_learned_is_drawn_as_it_is():
    J = Objective(LeastSquares([[1.0, 0.5]], [[1.0, 2.0]]), np.eye(2), layers=3)
    learned = fit(J, epochs=12)
    drawn = draw_model(learned).axes
    assert drawn[2].lines[0].get_ydata().tolist() == learned.history["loss"][learned.history["accepted"]].tolist()
    assert drawn[3].get_title() == "Θ and L of 3 layers, f = LeastSquares"


@pytest.mark.peer
@pytest.mark.usefixtures("matplotlib")
def test_layers_are_still_taken_and_the_warning_says_what_to_write():
    what = r'write draw_model\(dataclasses.replace\(result, layers=3, kind="Fidelity"\)\)'
    with pytest.warns(DeprecationWarning, match=what) as warned:
        figure = draw_model(result(layers=None, kind=None), layers=3)
    assert warned[0].filename == __file__
    assert figure.axes[3].get_title() == "network of 3 layers on an entry of W"


@pytest.mark.filterwarnings("ignore:draw_model:DeprecationWarning")
def test_layers_are_counted(monkeypatch):
    monkeypatch.setattr(plotting, "new_figure", lambda size: None)
    with pytest.raises(TypeError, match=r"layers must be an integer, got 2\.5"):
        draw_model(result(), layers=2.5)
    with pytest.raises(ValueError, match="layers must be at least 0, got -1"):
        draw_model(result(), layers=-1)


def test_without_matplotlib_it_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"plot needs matplotlib: pip install 'dsrl_ref\[plot\]'"):
        draw_model(result())
    with pytest.raises(MissingExtraError, match="plot needs matplotlib"):
        plotting.require_kind("png")
