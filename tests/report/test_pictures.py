"""Pictures follow the page, keep their text as text, and call nothing that is not theirs."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from report_data import EXTRAS, NASTY

from dsrl_ref.report.pictures import OWN, SERIES, inline, new, panels, picture, theme

# As matplotlib writes it, shortened.
SVG = b"""<?xml version="1.0"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="300pt" height="150pt"
 viewBox="0 0 300 150" version="1.1">
 <metadata><creator>https://matplotlib.org</creator></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="figure_1">
  <path id="m1" d="M 0 0" style="fill: #2166ac; stroke: #808080; stroke-width: 2"/>
  <use xlink:href="#m1" x="1" style="fill: #8080ff" clip-path="url(#p1)"/>
  <image xlink:href="data:image/png;base64,AA#p2" id="image1"/>
  <text style="font: 10px 'DejaVu Sans', sans-serif; text-anchor: middle">&lt;b&gt; &amp; c</text>
  <text style="font: italic 9.5px 'DejaVu Sans'; fill: #000000">x</text>
  <text style="font: oblique 700 8px serif; fill: url(#p1)">y</text>
 </g>
 <defs><clipPath id="p1"><rect x="0"/></clipPath></defs>
</svg>"""


def inlined(*, follows=True):
    return ElementTree.fromstring(inline(SVG, NASTY, follows=follows))


def test_the_element_says_what_it_is_and_how_large():
    root = inlined()
    assert root.tag == "svg"
    assert root.attrib == {
        "role": "img",
        "aria-label": NASTY,
        "viewBox": "0 0 300 150",
        "width": "400",
        "height": "200",
    }


def test_ids_are_kept_where_they_are_called_and_are_its_own():
    root = inlined()
    assert [each.get("id") for each in root.iter() if "id" in each.attrib] == [f"{OWN}m1", f"{OWN}p1"]
    assert [each.get("href") for each in root.iter() if "href" in each.attrib] == [
        f"#{OWN}m1",
        "data:image/png;base64,AA#p2",
    ]
    assert root.find(".//use").get("clip-path") == f"url(#{OWN}p1)"
    assert f"url(#{OWN}p1)" in root.findall(".//text")[2].get("style")


def test_what_is_for_other_programs_is_left_out():
    text = inline(SVG, "t", follows=True)
    assert not re.search("metadata|<style|xlink|xmlns|http|DOCTYPE", text)
    assert "\n" not in text


def test_texts_stay_texts_in_the_letters_of_the_page():
    first, second, third = inlined().findall(".//text")
    assert (first.text, first.get("style")) == ("<b> & c", "font-size: 10px; text-anchor: middle")
    assert second.get("style").startswith("font-size: 9.5px; font-style: italic; fill: ")
    assert third.get("style").startswith("font-size: 8px; font-style: italic; fill: ")


def test_what_follows_has_the_colours_of_the_page():
    root = inlined()
    drawn, used = root.find(".//path").get("style"), root.find(".//use").get("style")
    assert drawn == "fill: var(--series-1); stroke: currentColor; stroke-opacity: 0.5; stroke-width: 2"
    assert used == "fill: #8080ff"
    assert "fill: currentColor; fill-opacity: 1" in root.findall(".//text")[1].get("style")


def test_what_stands_on_a_plate_keeps_its_own():
    drawn = inlined(follows=False).find(".//path").get("style")
    assert drawn == "fill: #2166ac; stroke: #808080; stroke-width: 2"


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib", reason=EXTRAS)


@pytest.mark.peer
def test_a_line_drawing_of_matplotlib_follows_the_page_and_is_the_same_every_time(matplotlib):
    def drawn():
        with theme():
            figure, panel = new()
            for number in range(len(SERIES)):
                panel.plot([0, 1], [number, 1], "o-")
            panel.set(title="left out", xlabel=NASTY)
            return picture(figure, "t", "what can be seen")

    found = drawn()
    assert not re.search("#[0-9a-f]{6}", found.svg)
    assert all(f"var(--series-{number})" in found.svg for number in range(1, len(SERIES) + 1))
    assert "left out" not in found.svg
    assert any(each.text == NASTY for each in ElementTree.fromstring(found.svg).iter("text"))
    assert (found.title, found.text, found.plate) == ("t", "what can be seen", False)
    assert drawn() == found


@pytest.mark.peer
def test_the_theme_ends_with_its_block(matplotlib):
    before = dict(matplotlib.rcParams)
    with theme():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
    assert dict(matplotlib.rcParams) == before


@pytest.mark.peer
def test_a_picture_on_a_plate_keeps_its_image(matplotlib):
    with theme():
        figure, panel = new()
        panel.imshow(np.eye(3))
        found = picture(figure, "t", "s", plate=True)
    assert found.plate
    assert "data:image/png;base64," in found.svg
    assert "#000000" in found.svg


@pytest.mark.peer
def test_panels_come_one_by_one_with_their_titles(matplotlib):
    from matplotlib.figure import Figure

    seen = []
    with theme():
        figure = Figure(figsize=(9, 3), layout="constrained")
        figure.suptitle("of all")
        for number, panel in enumerate(figure.subplots(1, 3)):
            panel.plot([0, 1], [0, 1])
            panel.set(title=f"title {number}", xlabel=f"axis {number}")
        told = [(title, panel, picture(alone, "called", "").svg) for title, panel, alone in panels(figure)]
    for title, panel, svg in told:
        seen.append(title)
        assert [f"axis {n}" in svg for n in range(3)] == [title == f"title {n}" for n in range(3)]
        assert "title" not in svg
        assert "of all" not in svg
        assert panel.get_position().width == pytest.approx(0.8)
    assert seen == ["title 0", "title 1", "title 2"]
