"""The style sheet: every ink can be read on its ground, on light pages and dark ones, and nothing is fetched."""

import re

import pytest

from dsrl_ref.report.pictures import SERIES
from dsrl_ref.report.render import TEMPLATES

CSS = (TEMPLATES / "style.css").read_text(encoding="utf-8")
LEAST = 4.5  # WCAG AA of text
TEXTS = [
    *(("--ink", ground) for ground in ("--paper", "--ground")),
    *(("--muted", ground) for ground in ("--paper", "--ground")),
    *(("--accent", ground) for ground in ("--paper", "--ground")),
    *((f"--{kind}-ink", f"--{kind}-ground") for kind in ("good", "remark", "erratum", "bad")),
    ("--plate-ink", "--plate"),
]


def palettes():
    """The colours of light pages, and those of dark ones."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)
    light, dark = (dict(re.findall(r"(--[\w-]+): (#\w{6});", block)) for block in blocks)
    return {"light": light, "dark": light | dark}


def luminance(colour):
    shares = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_every_text_can_be_read(scheme, ink, ground):
    colours = palettes()[scheme]
    assert contrast(colours[ink], colours[ground]) >= LEAST


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_line_of_a_picture_can_be_seen(scheme):
    colours = palettes()[scheme]
    assert min(contrast(colours[f"--series-{n}"], colours["--paper"]) for n in range(1, len(SERIES) + 1)) >= LEAST


def test_lines_are_drawn_in_the_colours_that_light_pages_have():
    light = palettes()["light"]
    assert [light[f"--series-{n}"] for n in range(1, len(SERIES) + 1)] == [*SERIES]


def test_every_colour_that_is_used_is_named_in_both_schemes():
    light, dark = palettes().values()
    used = set(re.findall(r"var\((--[\w-]+)\)", CSS))
    assert used <= set(light)
    assert light.keys() == dark.keys()
    body = CSS[CSS.index("* { box-sizing") :]
    assert re.findall("#[0-9a-f]{3,6}", body) == []


def test_dark_pages_are_printed_as_light_ones_and_nothing_is_fetched():
    assert "@media screen and (prefers-color-scheme: dark)" in CSS
    assert CSS.count("prefers-color-scheme") == 1
    assert "@media print" in CSS
    assert "url(" not in CSS
    assert "@import" not in CSS
    assert "<" not in CSS  # a page is XML too
