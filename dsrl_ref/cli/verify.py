"""``dsrl-ref verify``: a table of the equations, and what stands behind each."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from dsrl_ref.appendix.statements import LAYERS
from dsrl_ref.cli.output import add_json, add_report, non_negative, print_json, require_places, require_report, show
from dsrl_ref.progress import Progress
from dsrl_ref.report import appendix, render
from dsrl_ref.report.origin import origin
from dsrl_ref.verify import Finding, each_finding
from dsrl_ref.verify.table import EQUATIONS

OFTEN, EXAMPLE = ("--equation", "--quick", "--seed", "--report", "--json"), "dsrl-ref verify --equation 6"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``verify``."""
    parser.add_argument(
        "--equation",
        type=lambda text: int(text) if text.isdecimal() else text,
        choices=(*range(1, 18), LAYERS),
        metavar="N",
        help=f"only this one, with all its checks: 1 to 17, or {LAYERS} for one Θ and one L a layer",
    )
    parser.add_argument("--quick", action="store_true", help="about a tenth of the cases")
    parser.add_argument("--seed", type=non_negative, default=0, help="decides every draw (default 0)")
    add_report(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print the equations as a table of Markdown")
    add_json(form)


def run(arguments: argparse.Namespace) -> int:
    """Verify; exit 1 if anything fails."""
    require_report(arguments.report)
    require_places([arguments.report], [])
    start = time.perf_counter()
    with Progress("verify") as progress:
        everything = list(_told(arguments, progress.tell))
    if arguments.json:
        passed = all(finding.passed for finding in everything)
        print_json({"passed": passed, "equations": [_record(finding) for finding in everything]})
    elif not arguments.markdown:
        _print_rest(everything, arguments)
        checks = [check.passed for finding in everything for check in finding.checks]
        seconds = f"{time.perf_counter() - start:.1f} s"
        print(f"{len(checks)} checks, {checks.count(False)} failed, {seconds}, seed {arguments.seed}")
    return 0 if all(finding.passed for finding in everything) else 1


def _told(arguments: argparse.Namespace, tell: Callable[[str], None]) -> Iterable[Finding]:
    """Each finding as soon as it is there; printed then, where it has a line of its own."""
    equations = None if arguments.equation is None else [arguments.equation]
    found = each_finding(equations, quick=arguments.quick, seed=arguments.seed, tell=tell)
    if arguments.report:
        found = _reported(found, arguments)
    if arguments.json:
        return found
    if arguments.markdown:
        return _rows(found)
    return found if equations else _shown(found)


def _print_rest(everything: Sequence[Finding], arguments: argparse.Namespace) -> None:
    """Print remarks and figures, and the checks of what failed; of a single equation all its checks."""
    if arguments.equation is None:
        _print_remarks(everything)
    for finding in everything:
        if arguments.equation is not None or not finding.passed:
            _print_checks(finding)


def _reported(found: Iterable[Finding], arguments: argparse.Namespace) -> Iterator[Finding]:
    """Each finding as it comes, and when all are there the page of them."""
    start, everything = time.perf_counter(), []
    for finding in found:
        everything.append(finding)
        yield finding
    seconds = time.perf_counter() - start
    render.write(arguments.report, appendix.page(everything, arguments.seed, seconds, origin(arguments.command)))


def _shown(found: Iterable[Finding]) -> Iterator[Finding]:
    """Print one line an equation, as soon as it is judged."""
    for finding in found:
        good = sum(check.passed for check in finding.checks)
        line = finding.label.rjust(6) + f" {finding.statement:<49} {finding.verdict:<25}"
        show(f"{line} {good}/{len(finding.checks)}")
        yield finding


def _rows(found: Iterable[Finding]) -> Iterator[Finding]:
    """Print a table of Markdown, each line of it as soon as its equation is judged."""
    show("| | states | function | checks | verdict |\n|---|---|---|---|---|")
    for finding in found:
        functions = ", ".join(f"`{name}`" for name in _leading(EQUATIONS[finding.equation].functions))
        cells = finding.label, finding.statement, functions, str(len(finding.checks)), finding.verdict
        show("| " + " | ".join(cells) + " |")
        yield finding


def _leading(functions: Sequence[str]) -> list[str]:
    """One or two of the functions, to begin to read with: the first, and one more of the same file."""
    first, *others = functions
    room = first.rpartition(".")[0]
    return [first, *[name for name in others if room and name.rpartition(".")[0] == room][:1]]


def _record(finding: Finding) -> dict[str, object]:
    return {
        "equation": finding.equation,
        "statement": finding.statement,
        "verdict": finding.verdict,
        "checks": [{"name": c.name, "passed": c.passed, "figure": c.figure} for c in finding.checks],
    }


def _print_remarks(everything: Sequence[Finding]) -> None:
    """A line for every remark and erratum, then the figures that benchmarks/README.md quotes."""
    print()
    for finding in everything:
        for check in finding.checks:
            if check.kind != "claim":
                print(finding.label.rjust(6) + f" {check.kind}: {check.name}")
    print()
    for title, number, beginning in FIGURES:
        print(f"  {title:<34} {_worst_figure(everything[number - 1], beginning)}")


FIGURES = (
    ("exact schedules, rational networks", 10, "verify's own rationals: tensor, forward"),
    ("exact differences", 10, "verify's own rationals: they agree with exact"),
    ("float64 = rationals, by each engine", 10, "dJ/dΘ by"),
    ("worst rounding of dJ/dΘ", 10, "rounding"),
    ("worst rounding of dJ/dL", 15, "rounding"),
    ("central differences, dJ/dΘ", 10, "dJ/dΘ by every way"),
    ("central differences, dJ/dL", 15, "dJ/dL by every way"),
    ("draws redone", 10, "draws"),
)


def _worst_figure(finding: Finding, beginning: str) -> str:
    """The figure of the checks with this beginning whose leading number is the largest."""
    figures = [check.figure for check in finding.checks if check.name.startswith(beginning)]
    return max(figures, key=_leading_number)


def _leading_number(figure: str) -> float:
    try:
        return float(figure.split()[0])
    except ValueError:
        return 0.0


def _print_checks(finding: Finding) -> None:
    print(f"{finding.label}  {finding.statement}: {finding.verdict}")
    for check in finding.checks:
        mark = {"claim": "ok", "remark": "remark", "erratum": "erratum"}[check.kind] if check.passed else "FAILED"
        print(f"  {mark:<8} {check.name}\n           {check.figure}")
