"""The page of ``fit``: what was learned, of which data, and how it ended."""

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.plotting import draw_model
from dsrl_ref.report.origin import Origin
from dsrl_ref.report.page import Block, Code, Facts, Inline, Mark, Page, Picture, Pictures, Section, Table, Text
from dsrl_ref.report.pictures import panels, picture, theme
from dsrl_ref.results import FitResult

SHOWN_EPOCHS = 12  # rows of the table of epochs: the first, the last, and some between
# By the beginning of the title of a panel of `draw_model`: what it is called here, and what can be seen in it.
TEXTS = {
    "shrinkage ξ of every": (
        "Shrinkage ξ of every layer",
        "A line for each layer, stronger from layer to layer: 0 up to b1, with the slope w1 up to b2, and w2 beyond.",
    ),
    "shrinkage ξ": (
        "Shrinkage ξ",
        "What one layer makes of an entry: 0 up to b1, with the slope w1 up to b2, and w2 beyond.",
    ),
    "regularizer g": (
        "Regularizer g",
        "ξ is its proximity operator; its least value is 0, at 0.",
    ),
    "losses": (
        "Loss by epoch",
        "Of what was learned from, denser columns that are made of it included, and of what was held out, before each "
        "step. They do not add up to J, which is of the columns as they are.",
    ),
    "loss": ("Loss by epoch", "Of the run that was accepted, before each step."),
    "network of": (
        "The network on an entry of W",
        "All layers together, as they act on one entry; dots are where two pieces meet.",
    ),
    "Θ and L": (
        "Θ and L by epoch",
        "The five parameters before each step; L as a multiple of what it ended at.",
    ),
    "thresholds": (
        "Thresholds by layer",
        "Below b1 a layer makes entries 0; from b2 on it has its outer slope.",
    ),
    "slopes": (
        "Slopes by layer",
        "The inner slope w1 and the outer slope w2; where both are 1, a layer takes the same from every entry.",
    ),
    "steps": ("Steps by layer", "How far each layer steps along the gradient of f: 1/L."),
    "error": (
        "Error by layer",
        "How far the output of each layer is from what it should be: ‖X_(i) - X̃‖²/‖X̃‖², in decibels.",
    ),
}


def page(learned: FitResult, data: dict[str, Inline], pictured: Mapping[str, Any], origin: Origin) -> Page:
    """The page of what `fit` learned.

    Parameters
    ----------
    learned : FitResult
        What it returned.
    data : dict
        What the problem is, as of `described`.
    pictured : dict
        ``f`` and ``target`` of the errors by layer, for `draw_model`; empty where they are not drawn.
    origin : Origin
        What made it.
    """
    sections = (
        Section("result", "How it ended", (Facts(_ending(learned)), Text(_sentence(learned.message)))),
        Section("data", "The problem", (Facts(data),)),
        Section("parameters", "What was learned", tuple(_parameters(learned))),
        Section("pictures", "Pictures", (Pictures(tuple(_pictures(learned, pictured))),)),
        Section("epochs", "Loss by epoch", (_epochs(learned),)),
    )
    layers = "" if learned.layers is None else f", {_count(learned.layers)} layers"
    lead = f"Θ and L of the network that fit learned; f is {learned.kind or 'not known'}{layers}."
    return Page("What fit learned", lead, sections, origin)


def _count(layers: float) -> str:
    return "∞" if layers == math.inf else str(int(layers))


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:] + ("" if message.endswith(".") else ".")


def _ending(learned: FitResult) -> dict[str, Inline]:
    """Loss, epochs, status; of what was held out where something was.

    Where every layer has its own, the losses of epochs are of what was learned from, and J is of all columns: they are
    told apart.
    """
    status = "unknown" if learned.status is None else learned.status.name
    epochs, led = len(learned.history["loss"]), int(np.count_nonzero(_accepted(learned)))
    facts: dict[str, Inline] = {
        "status": Mark(status, "good" if learned.converged else "remark"),
        "loss J": f"{learned.loss:.6g}",
        "epochs": epochs if led == epochs else f"{epochs}, of which {led} led to it",
    }
    losses = learned.history["loss"][_accepted(learned)]
    if len(losses) and learned.per_layer:
        facts["loss of what was learned from, denser columns included"] = f"{losses[0]:.6g} → {losses[-1]:.6g}"
    elif len(losses):
        facts["loss at its start"] = f"{losses[0]:.6g}"
    if learned.validation is not None:
        facts["loss of what was held out"] = f"{learned.validation:.6g}"
    return facts


def _accepted(learned: FitResult) -> Any:
    """Which epochs led to what is returned, of several starts; a file of version 1 does not tell: all."""
    return learned.history.get("accepted", np.ones(len(learned.history["loss"]), dtype=np.bool_))


def _parameters(learned: FitResult) -> Iterator[Block]:
    """A row for each layer, or one for all, and whether (7) holds."""
    thetas = [Theta(*row) for row in np.atleast_2d(np.asarray(learned.theta))]
    constants = np.atleast_1d(np.asarray(learned.L)).tolist()
    names = [str(i) for i in range(1, len(thetas) + 1)] if learned.per_layer else ["all"]
    rows = tuple(
        (name, *(f"{number:.6g}" for number in (*theta, L)))
        for name, theta, L in zip(names, thetas, constants, strict=True)
    )
    yield Table("Θ and L", ("layer", *Theta._fields, "L"), rows, numbers=True)
    broken = [f"layer {name}: {said}" for name, theta in zip(names, thetas, strict=True) for said in theta.violations()]
    yield Text("Condition (7) does not hold. " + "; ".join(broken) + "." if broken else "Condition (7) holds.")


def _pictures(learned: FitResult, pictured: Mapping[str, Any]) -> Iterator[Picture]:
    with theme():
        for title, panel, figure in panels(draw_model(learned, **pictured)):
            axes = f"{panel.get_ylabel()} by {panel.get_xlabel()}."
            said = (told for beginning, told in TEXTS.items() if title.startswith(beginning))
            called, text = next(said, (title, axes))  # of a panel that is not known here, what it says of itself
            if called.endswith(("by layer", "by epoch")):
                panel.xaxis.get_major_locator().set_params(integer=True)
            yield picture(figure, called, text)


def _epochs(learned: FitResult) -> Block:
    """Losses of some epochs, the first and the last among them; of those that led to what is returned."""
    history, places = learned.history, np.flatnonzero(_accepted(learned))
    if not places.size:
        return Text("No epoch was run.")
    chosen = np.unique(np.linspace(0, len(places) - 1, SHOWN_EPOCHS).round().astype(np.intp))
    held_out = "validation" in history
    rows = tuple(
        (
            str(epoch + 1),
            f"{history['loss'][place]:.6g}",
            *((f"{history['validation'][place]:.6g}",) if held_out else ()),
        )
        for epoch, place in zip(chosen.tolist(), places[chosen].tolist(), strict=True)
    )
    heads = ("epoch", "learned from" if learned.per_layer else "loss J", *(("held out",) if held_out else ()))
    caption = f"Losses before the steps of {len(chosen)} of the {len(places)} epochs that led to the result"
    return Table(caption, heads, rows, numbers=True)


def described(name: str, arrays: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Inline]:
    """What the problem is: its file, the size of each array or the number that it has there, and what was asked."""
    facts: dict[str, Inline] = {"file": Code(name)}
    for key, array in arrays.items():
        size = " × ".join(map(str, np.shape(array)))
        told = str(array) if isinstance(array, os.PathLike) else f"{size} array" if size else f"{float(array):g}"
        facts[key] = told
    return {**facts, **{option: str(value) for option, value in options.items() if value is not None}}
