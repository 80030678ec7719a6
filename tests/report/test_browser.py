"""Pages in a real browser: nothing runs over the edge of a phone or a desk, nothing complains, nothing is fetched."""

import numpy as np
import pytest
from browser import FOUND, MISSING, browser
from report_data import NASTY, ORIGIN, PAGE, require_extras
from scipy.sparse import csr_array

from dsrl_ref import Fidelity, Objective, fit
from dsrl_ref.multiview.experiments import Outcome
from dsrl_ref.report import appendix, graphs, learned, render
from dsrl_ref.verify import Check, Finding
from dsrl_ref.verify.findings import STATEMENTS

pytestmark = [
    pytest.mark.peer,
    pytest.mark.children,
    pytest.mark.skipif(FOUND is None, reason=MISSING),
]
WIDTHS = 360, 1280
# Elements that begin or end beyond the window, but for what a box that scrolls holds, or that only readers aloud see.
BEYOND = """[...document.querySelectorAll('body *')].filter(e => {
    const box = e.getBoundingClientRect();
    const beyond = box.left < -1 || box.right > document.documentElement.clientWidth + 1;
    return box.width > 1 && beyond && !e.closest('.scroll, pre.lines');
}).map(e => e.tagName + ' ' + e.className)"""


def appendix_page():
    claims = tuple(Check(f"claim {n}, {NASTY}", True, "1.5 units of 2^-53 of " + "x" * 80) for n in range(3))
    return appendix.page([Finding(equation, claims) for equation in STATEMENTS], 0, 1.0, ORIGIN)


def learned_page():
    X = np.random.default_rng(0).normal(size=(6, 5))
    found = fit(Objective(Fidelity(X), 0.5 * X, layers=3), epochs=5)
    return learned.page(found, learned.described("data/" * 30, {"W": X}, {}), {}, ORIGIN)


def graphs_page():
    graph = csr_array(np.ones((8, 8)) - np.eye(8))
    drawn = graphs.learning(graph, graph, lambda w: w / 2, np.arange(8) // 4, ["one", NASTY])
    scores = {name: [0.5, 1.0] for name in ("accuracy", "nmi", "ari", "purity", "f")}
    outcomes = [Outcome("a method with a long name", scores, "balanced")] * 3
    return graphs.page({"data": "digits " * 20, "n": "8"}, drawn, {"task": outcomes}, ORIGIN)


MADE = {"blocks": lambda: PAGE, "appendix": appendix_page, "learned": learned_page, "graphs": graphs_page}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    require_extras()
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module", params=MADE)
def page(request, tmp_path_factory):
    require_extras()
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    render.write(path, MADE[request.param]())
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows_complains_or_is_fetched(opened, page, width, dark):
    opened.open(page, width, dark=dark)
    assert opened.evaluate("innerWidth") == width
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    assert opened.evaluate(BEYOND) == []
    assert opened.complaints() == []
    assert opened.requested() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_dark_screen_has_a_dark_page_and_pictures_follow(opened, page, dark):
    opened.open(page, 1280, dark=dark)
    style = "getComputedStyle(document.body)"
    paper, ink = (
        opened.evaluate(f"{style}.{name}.match(/\\d+/g).map(Number)") for name in ("backgroundColor", "color")
    )
    assert (sum(paper) < sum(ink)) == dark
    lines = "[...document.querySelectorAll('figure:not(.plate) svg')].map(e => getComputedStyle(e).fill)"
    assert set(opened.evaluate(lines)) <= {opened.evaluate(f"{style}.color")}


def test_formulas_are_shown_as_formulas(opened, page):
    opened.open(page, 1280)
    heights = opened.evaluate("[...document.querySelectorAll('mfrac')].map(e => e.getBoundingClientRect().height)")
    assert all(height > 20 for height in heights)  # one above the other
    assert opened.evaluate("[...document.querySelectorAll('annotation')].every(e => !e.getClientRects().length)")


def test_every_link_leads_somewhere(opened, page):
    opened.open(page, 360)
    lost = "[...document.links].filter(e => !document.querySelector(e.hash)).map(e => e.href)"
    assert opened.evaluate(lost) == []


def test_a_page_that_overflows_complains_and_fetches_is_seen(opened, tmp_path):
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(
        '<!DOCTYPE html><meta name="viewport" content="width=device-width"><body><p style="width: 900px">wide</p>'
        '<img src="missing.png"><script>console.error("no"); undefined.x</script>',
        encoding="utf-8",
    )
    opened.open(spoiled, 360)
    assert opened.evaluate("document.documentElement.scrollWidth") > 360
    assert opened.evaluate(BEYOND) == ["P "]
    assert {event["method"] for event in opened.complaints()} >= {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
    assert opened.requested() == [(tmp_path / "missing.png").as_uri()]
