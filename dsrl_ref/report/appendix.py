"""The page of ``verify``: the appendix, equation by equation."""

from collections.abc import Sequence

from dsrl_ref.appendix.statements import LAYERS, STATED
from dsrl_ref.report.appendix_pictures import chain_rows, pictures_of
from dsrl_ref.report.origin import Origin
from dsrl_ref.report.page import Block, Facts, Formulas, Link, Listing, Mark, Page, Pictures, Section, Table, Text
from dsrl_ref.verify.findings import Check, Finding
from dsrl_ref.verify.table import EQUATIONS

KINDS = {"confirmed": "good", "confirmed with a remark": "remark", "erratum": "erratum", "failed": "bad"}
PARTS = {
    "A. Conditions for g": range(1, 8),
    "B. Gradients of what is learned": range(8, 18),
    "One Θ and one L a layer": (LAYERS,),
}
LEAD = (
    "Every equation of the appendix to “Learning Deep Sparse Regularizers with Applications to Multi-View Clustering "
    "and Semi-Supervised Classification” (Wang, Chen, Du, Lin), what stands behind it, and what was found."
)
WHOLE = (
    "A claim passes where no counterexample was found; a remark or an erratum where it was demonstrated. Checks "
    "that are called “verify's own rationals” judge the appendix in exact arithmetic, and touch no code of the package."
)


def page(findings: Sequence[Finding], seed: int, seconds: float, origin: Origin) -> Page:
    """The page of what `verify` found with this seed, in so many seconds."""
    sections = [_summary(findings, seed, seconds)]
    for title, equations in PARTS.items():
        inner = tuple(_equation(finding) for finding in findings if finding.equation in equations)
        if inner:
            sections.append(Section(f"part-{title[:1].lower()}", title, sections=inner))
    return Page("The appendix, equation by equation", LEAD, tuple(sections), origin)


def _summary(findings: Sequence[Finding], seed: int, seconds: float) -> Section:
    """How many verdicts there are of each kind, and a line for each equation."""
    checks = [check for finding in findings for check in finding.checks]
    verdicts = [finding.verdict for finding in findings]
    facts = {verdict: verdicts.count(verdict) for verdict in KINDS if verdict in verdicts}
    failed = sum(not check.passed for check in checks)
    rows = tuple(
        (
            Link(finding.label, anchor(finding)),
            finding.statement,
            Mark(finding.verdict, KINDS[finding.verdict]),
            f"{sum(check.passed for check in finding.checks)} of {len(finding.checks)}",
        )
        for finding in findings
    )
    return Section(
        "summary",
        "Summary",
        (
            Facts({**facts, "checks": len(checks), "failed checks": failed, "seed": seed, "seconds": f"{seconds:.0f}"}),
            Table("Verdicts", ("equation", "what it states", "verdict", "passed"), rows),
            Text(WHOLE),
        ),
    )


def anchor(finding: Finding) -> str:
    """The id of an equation's section."""
    return f"equation-{finding.equation}"


def _equation(finding: Finding) -> Section:
    """One equation: statement, functions, evidence, and what speaks against it or besides."""
    stated, own = STATED[finding.equation], anchor(finding)
    parts = [
        _part(own, "Functions of dsrl_ref that are judged", Listing(EQUATIONS[finding.equation].functions)),
        _part(own, "Evidence", _evidence(finding)),
        *_counterexamples(finding),
        *_remarks(finding),
    ]
    blocks: list[Block] = [Formulas(stated.formulas, stated.where)]
    drawn = pictures_of(finding.equation)
    if drawn:
        blocks.append(Pictures(drawn))
    mark = Mark(finding.verdict, KINDS[finding.verdict])
    title = f"{finding.label} {finding.statement}" if finding.equation != LAYERS else finding.statement
    return Section(own, title, tuple(blocks), tuple(parts), mark, finding.label)


def _part(own: str, title: str, *blocks: Block) -> Section:
    return Section(f"{own}-{title.split()[0].lower()}", title, blocks)


def _evidence(finding: Finding) -> Table:
    rows = tuple((check.name, check.figure, _mark(check)) for check in finding.checks)
    return Table(f"Checks of {finding.label}", ("what is claimed", "what was measured", "result"), rows)


def _mark(check: Check) -> Mark:
    if not check.passed:
        return Mark("failed", "bad")
    return Mark("passed", "good") if check.kind == "claim" else Mark(check.kind, check.kind)


def _counterexamples(finding: Finding) -> list[Section]:
    """What shows that an equation is false: of errata, and of claims that failed."""
    told = [check for check in finding.checks if check.kind == "erratum" or not check.passed]
    if not told:
        return []
    blocks = [_told(check) for check in told]
    if finding.equation == 6:
        blocks.append(Text("Both sides for b2 = 1: (w1-1)/w1·b2 on the left, (w1-1)/(w1+1)·b2 on the right."))
        heads = "w1", "left", "right", "left > right"
        blocks.append(Table("Both sides of (6) for b2 = 1", heads, chain_rows(), numbers=True))
    return [_part(anchor(finding), "Counterexample", *blocks)]


def _remarks(finding: Finding) -> list[Section]:
    told = [check for check in finding.checks if check.kind == "remark"]
    return [_part(anchor(finding), "Remarks", *map(_told, told))] if told else []


def _told(check: Check) -> Block:
    """A check as a sentence, and what shows it."""
    first = check.name.split()[0]
    begins = check.name[0].upper() if first.isascii() and first.isalpha() and first.islower() else check.name[0]
    return Text(f"{begins}{check.name[1:]}. Shown by: {check.figure}.")
