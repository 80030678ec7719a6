"""Pictures of what was learned; needs the extra `plot`."""

import io
import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import forward
from dsrl_ref.appendix.regularizer import regularizer
from dsrl_ref.appendix.shrinkage import shrink
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import as_count, as_matrix_or_csr, is_sparse, require_shape
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.results import FitResult, require_as_learned
from dsrl_ref.smooth import Fidelity

POINTS = 2001
DPI = 200  # of pictures of pixels
BEYOND = 2.0  # times the farthest knot: how far the axes reach
MARKED = 50  # pieces, epochs or layers: more would hide the line
LEAST_ERROR = 1e-300  # what is 0 has no decibels


def draw_model(result: FitResult, layers: float | None = None, *, f: Any = None, target: Any = None) -> Any:
    """Draw ξ, g, the loss of the run that was accepted, and the network that was learned.

    The last panel is the scalar map of the network with its pieces where f is `Fidelity`, as it acts on each entry of
    W, with x0 = W; for any other f there is no such map, and it shows Θ and L before each step.

    Where every layer has its own Θ and L, there are by layer: the knots b1 and b2, the slopes w1 and w2, the steps 1/L,
    and all ξ; then the loss, with that of what was held out; and the errors by layer, if there are data.

    Parameters
    ----------
    result : FitResult
        From `fit` or `load`. One from a file of version 1, which does not know its layers and f, is drawn without the
        map; ``dataclasses.replace(result, layers=11, kind="Fidelity")`` tells it.
    layers : int, optional
        Deprecated: a result knows its layers.
    f : SmoothTerm, optional
        Data to run the network on, where every layer has its own Θ and L.
    target : array_like (n, m), optional
        What X_(t) should be there, with `f`. The error of a layer is its NMSE, ‖X_(i) - X̃‖²/‖X̃‖² in decibels.

    Returns
    -------
    matplotlib.figure.Figure
        Of four panels, or of six; ``savefig`` writes it.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    ValueError
        Where L < 1 folds the map into more pieces than can be followed; for data without a target, with a result that
        shares its Θ among the layers, or as `FitResult.apply` refuses them.

    Warns
    -----
    DeprecationWarning
        Where `layers` is given.
    """
    if layers is not None:
        warnings.warn(
            "draw_model(result, layers=...) is deprecated, as a result knows its layers; of a file of version 1 write "
            f'draw_model(dataclasses.replace(result, layers={layers}, kind="Fidelity"))',
            DeprecationWarning,
            stacklevel=2,
        )
        result = replace(result, layers=as_count(layers, "layers"), kind=result.kind or "Fidelity")
    if (f is None) is not (target is None):
        raise ValueError("f and target are data together: the errors of layers need both")
    if f is not None:
        require_as_learned(result, f)
    if result.per_layer:
        return _draw_layers(result, f, target)
    if f is not None:
        raise ValueError("f and target are for a result with one Θ and one L a layer; this one shares them")
    figure = new_figure((10, 7))
    (top_left, top_right), (bottom_left, bottom_right) = figure.subplots(2, 2)
    shrinkage_panel(top_left, result.theta)
    z = _axis(*result.theta[2:])
    _curve(top_right, z, regularizer(z, result.theta), "regularizer g", "x", "g(x)")
    accepted = result.history.get("accepted", np.ones(len(result.history["loss"]), dtype=np.bool_))
    _history(bottom_left, {"loss J": result.history["loss"][accepted]})
    if result.kind == Fidelity.__name__ and result.layers is not None:
        _network(bottom_right, result)
    else:
        _parameters(bottom_right, result, accepted)
    w1, w2, b1, b2 = result.theta
    figure.suptitle(f"w1 = {w1:.4g}, w2 = {w2:.4g}, b1 = {b1:.4g}, b2 = {b2:.4g}, L = {result.L:.4g}")
    return figure


def new_figure(size: tuple[float, float]) -> Any:
    """A figure of so many inches, which needs no display and is kept nowhere.

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plot needs matplotlib: pip install 'dsrl_ref[plot]'") from error
    return Figure(figsize=size, layout="constrained")


def shrinkage_panel(panel: Any, theta: Theta) -> None:
    """Draw ξ twice as far as its knots."""
    z = _axis(*theta[2:])
    _curve(panel, z, shrink(z, theta), "shrinkage ξ", "z", "ξ(z)")


def kind_of(path: Path) -> str:
    """What a picture is by the ending of its name; "png" without one."""
    return path.suffix.removeprefix(".").lower() or "png"


def require_kind(kind: str) -> None:
    """Raise now, not after the work, where no picture of this kind can be drawn.

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed.
    ValueError
        For a kind that it does not know.
    """
    known = new_figure((1, 1)).canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(f"a picture is one of {', '.join(sorted(known))}, not {kind!r}")


def as_bytes(figure: Any, kind: str) -> bytes:
    """The picture as the contents of a file of this kind: "png", "pdf", "svg", ...; ValueError for one unknown."""
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=DPI)
    return stream.getvalue()


def _axis(*knots: float) -> Any:
    reach = BEYOND * max(abs(knot) for knot in knots) or 1.0
    return np.linspace(-reach, reach, POINTS)


def _curve(panel: Any, x: Any, y: Any, title: str, across: str, up: str) -> None:
    panel.axhline(0, color="0.8", linewidth=0.8)
    panel.axvline(0, color="0.8", linewidth=0.8)
    panel.plot(x, y)
    panel.set(title=title, xlabel=across, ylabel=up)


def _network(panel: Any, result: FitResult) -> None:
    """What the network makes of an entry of W; of infinitely many layers their limit, which is a shrinkage again."""
    if result.layers == math.inf:
        limit = result.theta.scaled(result.L)
        w = _axis(*limit[2:])
        _curve(panel, w, shrink(w, limit), "network of ∞ layers on an entry of W", "w", "$x_t$")
        return
    network = ScalarMap(result.theta, result.L, int(result.layers or 0))
    w = _axis(*result.theta[2:], *network.breakpoints)
    _curve(panel, w, network(w), f"network of {result.layers} layers on an entry of W", "w", "$x_t$")
    if len(network.breakpoints) <= MARKED:
        panel.plot(network.breakpoints, network(network.breakpoints), "o", markersize=4)


def _parameters(panel: Any, result: FitResult, accepted: Any) -> None:
    """Θ and L before each step of the run that was accepted, L in units of where it ended."""
    for name, values in zip(Theta._fields, result.history["theta"][accepted].T, strict=True):
        panel.plot(_epochs(values), values, label=name)
    L = result.history["L"][accepted] / result.L
    panel.plot(_epochs(L), L, label="L / L at the end")
    network = "" if result.layers is None else f" of {'∞' if result.layers == math.inf else result.layers} layers"
    title = f"Θ and L{network}, f = {result.kind}" if result.kind else "Θ and L before each step"
    panel.set(title=title, xlabel="epoch", ylabel="Θ")
    panel.legend()


def _epochs(values: Any) -> Any:
    """The numbers of the epochs of these values, from 1."""
    return np.arange(1, len(values) + 1)


def _history(panel: Any, losses: dict[str, Any]) -> None:
    """Losses by epoch, each with its name."""
    for name, values in losses.items():
        panel.plot(_epochs(values), values, label=name, marker="." if len(values) <= MARKED else "")
    title = "losses before each step" if len(losses) > 1 else f"{next(iter(losses))} before each step"
    panel.set(title=title, xlabel="epoch", ylabel="J")
    _logarithmic(panel, *losses.values())
    if len(losses) > 1:
        panel.legend()


def _logarithmic(panel: Any, *values: Any) -> None:
    """A logarithmic scale, where all values are positive."""
    if all(len(each) and np.min(each) > 0 for each in values):
        panel.set_yscale("log")


def _draw_layers(result: FitResult, f: Any, target: Any) -> Any:
    """Draw what every layer has of its own."""
    figure = new_figure((13, 7))
    panels = figure.subplots(2, 3)
    w1, w2, b1, b2 = result.theta.T
    layers = np.arange(1, len(b2) + 1)
    steps = 1 / result.L
    _by_layer(panels[0, 0], layers, {"b1": b1, "b2": b2}, "thresholds: the knots", "b")
    _logarithmic(panels[0, 0], b1, b2)
    _by_layer(panels[0, 1], layers, {"w1": w1, "w2": w2}, "slopes", "w")
    _by_layer(panels[0, 2], layers, {"1/L": steps}, "steps", "1/L")
    z = _axis(float(b2.max()))
    for i, row in zip(layers, result.theta, strict=True):
        panels[1, 0].plot(z, shrink(z, row), color=str(0.8 * (1 - i / len(layers))))
    panels[1, 0].set(title="shrinkage ξ of every layer, the last darkest", xlabel="z", ylabel="ξ(z)")
    accepted = result.history.get("accepted", np.ones(len(result.history["loss"]), dtype=np.bool_))
    losses = {"loss of what was learned from": result.history["loss"][accepted]}
    if "validation" in result.history:
        losses["loss of what was held out"] = result.history["validation"][accepted]
    _history(panels[1, 1], losses)
    if f is None:
        panels[1, 2].remove()
    else:
        _by_layer(panels[1, 2], layers, {"NMSE": _errors(result, f, target)}, "error of X_(i)", "NMSE in dB")
    figure.suptitle(f"one Θ and one L in each of {len(layers)} layers, f = {result.kind}")
    return figure


def _errors(result: FitResult, f: Any, target: Any) -> Any:
    """NMSE of X_(1), ..., X_(t) in decibels."""
    expected = as_matrix_or_csr(target, "target")
    expected = expected.toarray() if is_sparse(expected) else expected
    iterates = forward(f, result.theta, result.L, len(result.L))[1:]
    require_shape(expected, iterates[-1].shape, "target", "X of f")
    squares = [float(np.sum(np.square(X - expected))) for X in iterates]
    return 10 * np.log10(np.maximum(squares, LEAST_ERROR) / max(float(np.sum(expected**2)), LEAST_ERROR))


def _by_layer(panel: Any, layers: Any, values: dict[str, Any], title: str, up: str) -> None:
    for name, each in values.items():
        panel.plot(layers, each, label=name, marker="." if len(layers) <= MARKED else "")
    panel.set(title=f"{title}, by layer", xlabel="layer", ylabel=up)
    if len(values) > 1:
        panel.legend()
