"""What tests of pages share: a page with every kind of block and texts that would break it, and how it is read."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from dsrl_ref.appendix.statements import STATED
from dsrl_ref.report.origin import Origin
from dsrl_ref.report.page import (
    Code,
    Facts,
    Formulas,
    Lines,
    Link,
    Listing,
    Mark,
    Page,
    Picture,
    Pictures,
    Plain,
    Section,
    Table,
    Text,
)
from dsrl_ref.report.pictures import OWN

NASTY = "<script>alert('&quot;')</script> & \"w1\" <b>"
EXTRAS = "the extra report brings it"
ORIGIN = Origin(f"dsrl-ref fit '{NASTY}'", "2020-02-02 02:02 UTC", {"dsrl_ref": "0.1", "Python": "3"})
SVG = (
    f'<svg role="img" aria-label="drawn"><defs><path id="{OWN}m" d="M0 0" /></defs>'
    f'<use href="#{OWN}m" clip-path="url(#{OWN}m)" /></svg>'
)
DRAWN = Picture(SVG, f"Drawn {NASTY}", f"Text {NASTY}")
BLOCKS = (
    Text(NASTY),
    Listing((NASTY, "shrink")),
    Lines((NASTY, "a  b"), NASTY),
    Facts({"short": 1, NASTY: Code("not long <b>")}),
    Facts({"long": NASTY, "mark": Mark(NASTY, "good")}),
    Table(NASTY, (NASTY, "n"), ((Plain(NASTY), 1), (Link(NASTY, "inner"), Code(NASTY))), numbers=True),
    Pictures((DRAWN, DRAWN)),
    Pictures((Picture(SVG, "On a plate", "White.", plate=True),)),
    Formulas(STATED[1].formulas, NASTY),
    Formulas(STATED[8].formulas),
)
INNER = Section("inner", NASTY, (Text("within"),), (Section("innermost", "last", (Text("end"),)),), Mark("bad", "bad"))
PAGE = Page(NASTY, NASTY, (Section("outer", NASTY, BLOCKS, (INNER,), short="out"), Section("empty", "empty")), ORIGIN)


def require_extras():
    """Skip where a page cannot be made."""
    for name in ("jinja2", "latex2mathml", "matplotlib"):
        pytest.importorskip(name, reason=EXTRAS)


class _Reader(HTMLParser):
    """Elements in their order, as (tag, attributes), and all text."""

    def __init__(self):
        super().__init__()
        self.elements, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def read(html):
    """The elements and the text of a page, which is well-formed XML too."""
    ElementTree.fromstring(html.partition("\n")[2])
    reader = _Reader()
    reader.feed(html)
    return reader.elements, re.sub(r"<style>.*</style>", "", reader.text, flags=re.DOTALL)


def flaws(html):
    """What a page must not have: a list of sentences, which is empty of a good one."""
    elements, _ = read(html)
    found = []
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    found += [f"the id {each} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1})]
    levels = [int(tag[1]) for tag, _ in elements if re.fullmatch("h[1-6]", tag)]
    if levels[:1] != [1] or levels.count(1) != 1:
        found.append("the first heading, and no other, is the title")
    found += [f"h{after} follows h{before}" for before, after in pairwise(levels) if after > before + 1]
    for tag, attributes in elements:
        if tag in ("script", "iframe", "object", "embed", "base"):
            found.append(f"a {tag}")
        found += [f"a handler {name}" for name in attributes if name.startswith("on")]
        for name in ("href", "src", "xlink:href"):
            value = attributes.get(name) or "#"
            if not value.startswith(("#", "data:")):
                found.append(f"{value} is elsewhere")
            if value.startswith("#") and value != "#" and value[1:] not in ids:
                found.append(f"{value} leads nowhere")
        if tag in ("svg", "img") and not (attributes.get("aria-label") or attributes.get("alt")):
            found.append(f"a {tag} without a text")
        if tag == "th" and attributes.get("scope") not in ("col", "row"):
            found.append("a head without a scope")
        for name in ("aria-labelledby", "aria-describedby"):
            if name in attributes and attributes[name] not in ids:
                found.append(f"{attributes[name]} names nothing")
    pictures = [tag for tag, _ in elements].count("figure")
    if pictures != [tag for tag, _ in elements].count("figcaption"):
        found.append("a picture without a text beside it")
    if re.search(r"url\((?!#)", html) or "@import" in html:
        found.append("a style from elsewhere")
    found += [f"{each} is called and not there" for each in re.findall(r"url\(#([^)]*)\)", html) if each not in ids]
    return found


def caught(monkeypatch):
    """Every page that a command writes from now on, as (path, page): no file is made, and no extra is needed."""
    from dsrl_ref.report import render

    pages = []
    monkeypatch.setattr(render, "require", lambda: None)
    monkeypatch.setattr(render, "write", lambda path, page: pages.append((path, page)))
    return pages


def without_extras(monkeypatch):
    """As where the extra is not installed."""
    from dsrl_ref.errors import MissingExtraError
    from dsrl_ref.report import render

    def missing():
        raise MissingExtraError("--report needs jinja2")

    monkeypatch.setattr(render, "require", missing)
