"""Figures of matplotlib as pictures of a page.

A line drawing follows the page: its greys are shares of the colour of the text, and the colours of its lines those
of the style sheet, dark or light. What has colours of its own, as a map of colours, stands on a light plate.

Its text stays text, in the letters of the page; ids are left where something refers to them, and begin with `OWN`.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from dsrl_ref.report.page import Picture

OWN = "\ue000"  # a private letter, which no text has
SERIES = "#2166ac", "#b2182b", "#1b7837", "#7b3294", "#8c510a"  # the colours that the style sheet calls series
SIZE = 4.6, 3.1  # inches: a phone's width with letters that can be read
PLACE = 0.16, 0.16, 0.8, 0.78  # of a panel that is alone: left, lower end, width and height, as shares
POINTS_PER_PIXEL = 0.75
LINK = "{http://www.w3.org/1999/xlink}href"


@contextmanager
def theme() -> Iterator[None]:
    """Draw in the style of the page: of figures that are made within, not of others."""
    from matplotlib import rc_context
    from matplotlib.rcsetup import cycler

    with rc_context(
        {
            "axes.facecolor": "none",
            "axes.prop_cycle": cycler(color=SERIES),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.facecolor": "none",
            "font.size": 10,
            "legend.frameon": False,
            "path.simplify_threshold": 0.02,
            "savefig.facecolor": "none",
            "svg.fonttype": "none",
            "svg.hashsalt": "dsrl_ref",
        }
    ):
        yield


def new(size: tuple[float, float] = SIZE) -> tuple[Any, Any]:
    """A figure with one panel: both."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def picture(figure: Any, title: str, text: str, *, plate: bool = False) -> Picture:
    """The whole figure as one picture; the title of a single panel is left out, as the page shows `title`."""
    if len(figure.axes) == 1:
        figure.axes[0].set_title("")
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return Picture(inline(stream.getvalue(), title, follows=not plate), title, text, plate)


def panels(figure: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each panel of a figure alone in it, one after the other: its title, itself, and the figure as it is now.

    On a phone a row of panels would be too small to be read; one panel is not.
    """
    figure.set_size_inches(SIZE)
    figure.set_layout_engine("none")
    figure.suptitle("")
    for panel in figure.axes:
        for other in figure.axes:
            other.set_visible(other is panel)
        title = panel.get_title()
        panel.set_title("")
        panel.set_position(PLACE)
        yield title, panel, figure


def inline(svg: bytes, title: str, *, follows: bool) -> str:
    """The SVG of matplotlib as an element of a page."""
    root = ElementTree.fromstring(svg)
    used = set(re.findall(rb"#([\w-]+)", svg))
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style", "}title")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = dict(_attributes(element.attrib, used, follows))
        element.tail = None
        element.text = element.text if (element.text or "").strip() else None
    width, height = (float(side) for side in root.attrib["viewBox"].split()[2:])
    root.attrib = {
        "role": "img",
        "aria-label": title,
        "viewBox": root.attrib["viewBox"],
        "width": f"{width / POINTS_PER_PIXEL:.0f}",
        "height": f"{height / POINTS_PER_PIXEL:.0f}",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _attributes(given: dict[str, str], used: set[bytes], follows: bool) -> Iterator[tuple[str, str]]:
    """What is left of an element's attributes."""
    for name, value in given.items():
        if name == "id":
            if value.encode() in used:
                yield name, OWN + value
        elif name in (LINK, "href"):
            yield "href", value.replace("#", f"#{OWN}", 1) if value.startswith("#") else value
        elif name == "style":
            yield name, _style(value, follows)
        elif name == "clip-path":
            yield name, value.replace("url(#", f"url(#{OWN}")
        elif not name.startswith("{"):
            yield name, value


def _style(style: str, follows: bool) -> str:
    """The style of an element in the letters of the page, and, if it `follows`, in its colours."""
    style = re.sub(r"font: ((?:\w+ )*)([\d.]+px)[^;]*", _letters, style).replace("url(#", f"url(#{OWN}")
    return re.sub(r"(fill|stroke): (#[0-9a-f]{6})", _colour, style) if follows else style


def _letters(found: re.Match[str]) -> str:
    slant = "; font-style: italic" if "italic" in found[1] or "oblique" in found[1] else ""
    return f"font-size: {found[2]}{slant}"


def _colour(found: re.Match[str]) -> str:
    name, colour = found.groups()
    if colour in SERIES:
        return f"{name}: var(--series-{SERIES.index(colour) + 1})"
    if colour[1:3] == colour[3:5] == colour[5:7]:
        return f"{name}: currentColor; {name}-opacity: {1 - int(colour[1:3], 16) / 255:.2g}"
    return found[0]
