"""Pictures of the appendix's functions, computed by the package as it is: g, ξ, both sides of (6), and the set (7)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dsrl_ref.appendix.regularizer import regularizer
from dsrl_ref.appendix.shrinkage import shrink
from dsrl_ref.appendix.theta import Theta, claimed_chain, least_b1
from dsrl_ref.report.page import Picture
from dsrl_ref.report.pictures import new, picture, theme
from dsrl_ref.verify.findings import Equation

SHOWN = {
    "soft threshold": Theta(1, 1, 1, 1),
    "firm threshold": Theta(2, 1, 1, 2),
    "w2 = 1/2": Theta(1, 0.5, 0.5, 1.5),
}
SLOPES = 0.25, 0.5, 1.0, 1.5, 2.0, 4.0  # w1 of the table beside (6)
POINTS = 401


def pictures_of(equation: Equation) -> tuple[Picture, ...]:
    """The pictures beside an equation; of most there is none."""
    draw = _DRAWN.get(equation)
    if draw is None:
        return ()
    with theme():
        return draw()


def _regularizers() -> tuple[Picture, ...]:
    figure, panel = new()
    x = np.linspace(-4, 4, POINTS)
    for name, theta in SHOWN.items():
        panel.plot(x, regularizer(x, theta), label=name)
    panel.set(xlabel="x", ylabel="g(x)")
    panel.legend()
    text = f"Three regularizers: {_listed()}. Each is even, zero at 0, and rises on both sides, as (7) holds."
    return (picture(figure, "The regularizer g", text),)


def _shrinkages() -> tuple[Picture, ...]:
    figure, panel = new()
    z = np.linspace(-4, 4, POINTS)
    panel.plot(z, z, color="0.7", linewidth=0.8)
    for name, theta in SHOWN.items():
        panel.plot(z, shrink(z, theta), label=name)
    panel.set(xlabel="z", ylabel="ξ(z)")
    panel.legend()
    text = (
        f"The shrinkages of the same three: {_listed()}. Each is 0 up to b1, has the slope w1 up to b2, and w2 beyond; "
        "the thin line is z itself, which none exceeds."
    )
    return (picture(figure, "The shrinkage ξ", text),)


def _listed() -> str:
    return "; ".join(f"{name}, Θ = ({', '.join(f'{number:g}' for number in theta)})" for name, theta in SHOWN.items())


def chain_rows() -> tuple[tuple[str, ...], ...]:
    """Both sides of (6) for b2 = 1 at some w1, and whether the first is larger, as it is printed."""
    rows = []
    for w1 in SLOPES:
        left, right = claimed_chain(Theta(w1, 1, 0, 1))
        rows.append((f"{w1:g}", f"{left:.4f}", f"{right:.4f}", "true" if left > right else "false"))
    return tuple(rows)


def _chain() -> tuple[Picture, ...]:
    figure, panel = new()
    w1 = np.linspace(0.25, 4, POINTS)
    left, right = np.array([claimed_chain(Theta(w, 1, 0, 1)) for w in w1]).T
    panel.plot(w1, left, label="(w1-1)/w1·b2")
    panel.plot(w1, right, label="(w1-1)/(w1+1)·b2")
    panel.axvline(1, color="0.5", linewidth=0.8)
    panel.set(xlabel="w1", ylabel="both sides, for b2 = 1")
    panel.legend(loc="lower right")
    text = (
        "The first is the larger where w1 > 1, right of the thin line. Left of it the order is reversed, "
        "and at w1 = 1 both are 0."
    )
    return (picture(figure, "Both sides of (6)", text),)


def _feasible() -> tuple[Picture, ...]:
    figure, panel = new()
    w1 = np.linspace(0.05, 4, POINTS)
    least: Any = [least_b1(w, 1.0) for w in w1]
    panel.fill_between(w1, least, 1, alpha=0.2, linewidth=0)
    panel.plot(w1, least, label="max{0, (w1-1)/w1}")
    panel.set(xlabel="w1", ylabel="b1/b2", ylim=(-0.05, 1.05))
    text = (
        "Of the knots: b1/b2 may lie anywhere between the line and 1. The larger the slope w1, the nearer b1 must be "
        "to b2; the line bends to the right, so that the set is not convex."
    )
    return (picture(figure, "What (7) allows", text),)


_DRAWN: dict[Equation, Callable[[], tuple[Picture, ...]]] = {
    1: _regularizers,
    6: _chain,
    7: _feasible,
    9: _shrinkages,
}
