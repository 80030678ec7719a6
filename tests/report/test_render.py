"""A page is one file that needs nothing else, escapes what it is given, and can be read without seeing it."""

import builtins
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from report_data import BLOCKS, DRAWN, INNER, NASTY, PAGE, flaws, read, require_extras

from dsrl_ref.appendix.statements import STATED
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.report import render
from dsrl_ref.report.page import Block, Page, Pictures, Section, Text

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("missing", ["jinja2", "latex2mathml", "matplotlib"])
def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch, missing):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == missing:
            raise ImportError(name)
        return None if name in render.NEEDED else real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=rf"--report needs {missing}: pip install 'dsrl_ref\[report\]'"):
        render.require()


def test_sections_that_share_an_id_are_refused():
    page = replace(PAGE, sections=(INNER, Section("outer", "t", (), (INNER,))))
    with pytest.raises(ValueError, match="sections share the id inner, innermost: give each its own"):
        render.html(page)


def test_a_page_that_cannot_be_made_leaves_the_old_file(tmp_path, monkeypatch):
    place = tmp_path / "page.html"
    monkeypatch.setattr(render, "html", lambda page: "Θ")
    render.write(place, PAGE)
    assert place.read_text(encoding="utf-8") == "Θ"
    old = place.stat().st_ino
    render.write(place, PAGE)
    assert place.stat().st_ino != old  # another file, whole, in place of the old one
    monkeypatch.setattr(render, "html", lambda page: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        render.write(place, PAGE)
    assert place.read_text(encoding="utf-8") == "Θ"
    assert [*tmp_path.iterdir()] == [place]


@pytest.fixture(scope="module")
def html():
    require_extras()
    return render.html(PAGE)


def test_the_page_has_no_flaw_and_needs_no_other_file(html):
    assert flaws(html) == []
    assert html.startswith("<!DOCTYPE html>\n")
    assert "\ue000" not in html


@pytest.mark.parametrize(
    ("old", "new", "flaw"),
    [
        ('id="inner"', 'id="outer"', "the id outer is there twice"),
        ("<h3", "<h4", "h4 follows h2"),
        ('href="#inner"', 'href="http://elsewhere"', "http://elsewhere is elsewhere"),
        ('aria-label="drawn"', "", "a svg without a text"),
        ('scope="col"', "", "a head without a scope"),
        ('id="picture1-m"', "", "picture1-m is called and not there"),
        ("<main>", "<main><script></script>", "a script"),
        ("<main>", '<main onclick="x">', "a handler onclick"),
        ("<style>", "<style>@import 'x';", "a style from elsewhere"),
        ("figcaption", "p", "a picture without a text beside it"),
    ],
)
def test_the_judge_of_pages_sees_each_kind_of_flaw(html, old, new, flaw):
    spoiled = html.replace(old, new)
    if old == "<h3":
        spoiled = spoiled.replace("</h3", "</h4")
    assert spoiled != html
    assert flaw in flaws(spoiled)


def test_texts_that_look_like_code_are_shown_as_texts(html):
    elements, text = read(html)
    assert "script" not in [tag for tag, _ in elements]
    assert "b" not in [tag for tag, _ in elements]
    shown = NASTY.replace("w1", "w" + "1")
    assert text.count("<script>alert('&quot;')</script>") >= 20
    assert shown in text
    assert {attributes.get("aria-label") for _, attributes in elements} >= {NASTY}


def test_every_block_is_there(html):
    tags = [tag for tag, _ in read(html)[0]]
    assert (tags.count("table"), tags.count("figure"), tags.count("caption"), tags.count("pre")) == (2, 3, 1, 2)
    assert len({block.template for block in BLOCKS}) == len(Block.__args__) - 1  # Pictures hold Picture
    for name in ("dl", "math", "nav", "main", "header", "footer", "ul"):
        assert name in tags, name


def test_headings_go_down_with_the_sections_and_verdicts_stand_beside_them(html):
    headings = re.findall(r'<h(\d) id="([a-z]*)-title">(.*?)</h\1>', html)
    levels = {name: int(level) for level, name, _ in headings}
    assert levels == {"outer": 2, "inner": 3, "innermost": 4, "empty": 2, "origin": 2}
    assert {name: said for _, name, said in headings}["inner"].endswith('<span class="mark bad">bad</span>')


def test_the_contents_lead_to_every_section_but_the_innermost(html):
    nav = html[html.index("<nav") : html.index("</nav>")]
    assert re.findall('href="#([^"]*)"', nav) == ["outer", "inner", "empty", "origin"]
    assert ">out</a>" in nav


def test_the_command_and_the_versions_are_told(html):
    text = read(html[html.index("<!DOCTYPE") :])[1]
    assert PAGE.origin.command in text
    assert PAGE.origin.made in text
    assert all(name in text and version in text for name, version in PAGE.origin.versions.items())


def test_each_picture_has_ids_of_its_own(html):
    assert re.findall(r'id="(picture\d)-m"', html) == ["picture1", "picture2", "picture3"]
    assert re.findall(r'href="#(picture\d)-m"', html) == ["picture1", "picture2", "picture3"]
    one = Page("t", "l", (Section("s", "s", (Pictures((DRAWN,)),)),), PAGE.origin)
    assert render.html(one).count("picture1-m") == 3


def test_a_plate_is_for_pictures_with_colours_of_their_own(html):
    assert html.count('<figure class="plate">') == 1


def test_long_facts_stand_below_one_another(html):
    assert html.count('<dl class="facts">') == 2  # that of versions is one
    assert html.count('<dl class="facts lines">') == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("w1 <= b2", "w<sub>1</sub> ≤ b<sub>2</sub>"),
        ("X_(i-1) >= 0 -> X̃", "X<sub>(i-1)</sub> ≥ 0 → X̃"),
        ("Θ_i, L_i, 2^-53", "Θ<sub>i</sub>, L<sub>i</sub>, 2<sup>-53</sup>"),
        ("w10 dw1 at_joint a_b x^2 a_(b) w3", "w10 dw1 at_joint a_b x^2 a<sub>(b)</sub> w3"),
        ("<b1>", "&lt;b<sub>1</sub>&gt;"),
    ],
)
def test_prose_has_the_signs_of_the_appendix(text, shown):
    pytest.importorskip("markupsafe")
    assert render.prose(text) == shown


@pytest.mark.parametrize("equation", STATED)
def test_every_statement_is_mathml_with_its_tex(equation):
    pytest.importorskip("latex2mathml")
    for formula in STATED[equation].formulas:
        for tex in (formula.begins, *sum(formula.rows, ())):
            if tex:
                root = ElementTree.fromstring(f"<all>{render.mathml(tex)}</all>")
                assert len(root) == tex.count(r"\allowbreak") + 1
                told = [each.text for each in root.iter("annotation")]
                assert len(told) == len(root)
                assert not any("allowbreak" in each or r"\Z" in each for each in told)
                assert not [each for each in root.iter("mtext") if each.text and "\\" in each.text]


def test_a_sign_that_begins_a_line_joins_it_to_the_line_before():
    pytest.importorskip("latex2mathml")
    _, second = ElementTree.fromstring(f"<all>{render.mathml(r'x' + chr(92) + 'allowbreak + 1')}</all>")
    inner = next(second.iter("semantics"))[0]
    assert inner[0].tag == "mrow"  # and the sign is between it and the number
    assert inner[1].text == "+"


def test_a_page_without_sections_within_sections_is_a_page():
    require_extras()
    html = render.html(Page("t", "l", (Section("s", "s", (Text("x"),)),), PAGE.origin))
    assert flaws(html) == []
    assert html.count("<ul>") == 1
