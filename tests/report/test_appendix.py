"""The page of verification: of each equation its statement, functions, evidence, verdict and counterexample."""

import pytest
from report_data import NASTY, ORIGIN, flaws, read, require_extras

from dsrl_ref.appendix.statements import STATED
from dsrl_ref.report import appendix, render
from dsrl_ref.report.page import Facts, Formulas, Link, Listing, Mark, Table, Text
from dsrl_ref.verify import Check, Finding, verify
from dsrl_ref.verify.table import EQUATIONS

GOOD, REMARK = Check("it holds", True, "0 differ"), Check("needs b1 >= 0", True, "b1 = -1", "remark")
ERRATUM, FAILED = Check("false as printed", True, "-1 > 1", "erratum"), Check(f"dw1 {NASTY}", False, "3 differ")
FINDINGS = [Finding(3, (GOOD,)), Finding(6, (GOOD, ERRATUM)), Finding(12, (GOOD, FAILED)), Finding("layers", (REMARK,))]


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(appendix, "pictures_of", lambda equation: ())
    return appendix.page(FINDINGS, 7, 12.3, ORIGIN)


def test_the_summary_counts_verdicts_and_checks(page):
    facts, table, text = page.sections[0].blocks
    assert facts == Facts(
        {
            "confirmed": 1,
            "confirmed with a remark": 1,
            "erratum": 1,
            "failed": 1,
            "checks": 6,
            "failed checks": 1,
            "seed": 7,
            "seconds": "12",
        }
    )
    assert table.rows[2] == (Link("(12)", "equation-12"), FINDINGS[2].statement, Mark("failed", "bad"), "1 of 2")
    assert table.rows[3][0] == Link("layers", "equation-layers")
    assert "verify's own rationals" in text.text


def test_equations_stand_in_the_parts_of_the_appendix_and_parts_without_any_are_left_out(page, monkeypatch):
    told = {section.title: [inner.anchor for inner in section.sections] for section in page.sections[1:]}
    assert told == {
        "A. Conditions for g": ["equation-3", "equation-6"],
        "B. Gradients of what is learned": ["equation-12"],
        "One Θ and one L a layer": ["equation-layers"],
    }
    one = appendix.page(FINDINGS[2:3], 0, 1, ORIGIN)
    assert [section.title for section in one.sections] == ["Summary", "B. Gradients of what is learned"]
    assert [*one.sections[0].blocks[0].facts] == ["failed", "checks", "failed checks", "seed", "seconds"]


def test_every_equation_has_a_part():
    assert {equation for part in appendix.PARTS.values() for equation in part} == set(EQUATIONS)


def test_each_equation_has_its_statement_its_functions_and_its_evidence(page):
    section = page.sections[2].sections[0]
    assert (section.title, section.mark, section.called) == (
        "(12) ∂X_(i)/∂w1 and ∂X_(i)/∂w2",
        Mark("failed", "bad"),
        "(12)",
    )
    assert section.blocks == (Formulas(STATED[12].formulas, STATED[12].where),)
    functions, evidence, counterexample = section.sections
    assert functions.blocks == (Listing(EQUATIONS[12].functions),)
    (table,) = evidence.blocks
    assert table.rows == (
        ("it holds", "0 differ", Mark("passed", "good")),
        (FAILED.name, "3 differ", Mark("failed", "bad")),
    )
    assert counterexample.blocks == (Text(f"{FAILED.name}. Shown by: 3 differ."),)


def test_an_erratum_has_its_counterexample_with_numbers(page):
    section = page.sections[1].sections[1]
    assert section.mark == Mark("erratum", "erratum")
    assert [inner.title for inner in section.sections][1:] == ["Evidence", "Counterexample"]
    assert section.sections[1].blocks[0].rows[1] == ("false as printed", "-1 > 1", Mark("erratum", "erratum"))
    told, sides, table = section.sections[2].blocks
    assert "for b2 = 1" in sides.text
    assert told == Text("False as printed. Shown by: -1 > 1.")
    assert isinstance(table, Table)
    assert ("0.5", "-1.0000", "-0.3333", "false") in table.rows


def test_remarks_are_told_apart_from_counterexamples(page):
    (section,) = page.sections[3].sections
    assert section.title == FINDINGS[3].statement
    assert [inner.title for inner in section.sections][2:] == ["Remarks"]
    assert section.sections[2].blocks == (Text("Needs b1 >= 0. Shown by: b1 = -1."),)
    confirmed = page.sections[1].sections[0]
    assert len(confirmed.sections) == 2


@pytest.mark.parametrize(
    ("name", "begins"), [("ξ is", "ξ is"), ("w1 is", "w1 is"), ("dZ is", "dZ is"), ("it is", "It is")]
)
def test_sentences_begin_with_a_capital_but_symbols_stay_what_they_are(monkeypatch, name, begins):
    monkeypatch.setattr(appendix, "pictures_of", lambda equation: ())
    page = appendix.page([Finding(3, (Check(name, True, "f", "remark"),))], 0, 1, ORIGIN)
    assert page.sections[1].sections[0].sections[2].blocks == (Text(f"{begins}. Shown by: f."),)


@pytest.mark.peer
def test_the_page_of_what_verify_finds_has_no_flaw():
    require_extras()
    found = verify([2, 6, 7, 9], quick=True)
    html = render.html(appendix.page(found, 0, 1.0, ORIGIN))
    assert flaws(html) == []
    elements, text = read(html)
    assert [tag for tag, _ in elements].count("figure") == 3
    for finding in found:
        for check in finding.checks:
            assert check.figure.replace(">=", "≥").replace("<=", "≤").replace("2^", "2") in text
