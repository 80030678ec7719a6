"""``dsrl-ref verify``: a table of the equations, and what stands behind each."""

import argparse
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

from dsrl_ref.cli.output import add_json, non_negative, print_json
from dsrl_ref.engines.blocks import processors
from dsrl_ref.verify import Finding, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``verify``."""
    parser.add_argument(
        "--equation", type=int, choices=range(1, 18), metavar="N", help="only this one, 1 to 17, with all its checks"
    )
    parser.add_argument("--quick", action="store_true", help="about a tenth of the cases")
    parser.add_argument("--seed", type=non_negative, default=0, help="decides every draw (default 0)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify; exit 1 if anything fails."""
    start = time.perf_counter()
    equations = None if arguments.equation is None else [arguments.equation]
    if equations or arguments.quick or processors() == 1:
        findings = verify(equations, quick=arguments.quick, seed=arguments.seed)
    else:
        findings = verify_in_two_processes(arguments.seed)
    passed = all(finding.passed for finding in findings)
    if arguments.json:
        print_json({"passed": passed, "equations": [_record(finding) for finding in findings]})
        return 0 if passed else 1
    if equations is None:
        _print_table(findings)
    for finding in findings if equations else [f for f in findings if not f.passed]:
        _print_checks(finding)
    checks = [check for finding in findings for check in finding.checks]
    failed = sum(not check.passed for check in checks)
    print(f"{len(checks)} checks, {failed} failed, {time.perf_counter() - start:.1f} s, seed {arguments.seed}")
    return 0 if passed else 1


def verify_in_two_processes(seed: int) -> list[Finding]:
    """Check (1)-(7) beside (8)-(17): rational arithmetic holds the GIL."""
    spawn = get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_send_conditions, args=(sender, seed), daemon=True)
    child.start()
    sender.close()
    try:
        recursion = verify(range(8, 18), seed=seed)
        return [*receiver.recv(), *recursion]
    finally:
        child.terminate()
        child.join()


def _send_conditions(sender: Connection, seed: int) -> None:
    sender.send(verify(range(1, 8), seed=seed))


def _record(finding: Finding) -> dict[str, object]:
    return {
        "equation": finding.equation,
        "statement": finding.statement,
        "verdict": finding.verdict,
        "checks": [{"name": c.name, "passed": c.passed, "figure": c.figure} for c in finding.checks],
    }


def _print_table(findings: list[Finding]) -> None:
    """One line an equation; a remark or an erratum gets a second one that says what it is."""
    for finding in findings:
        good = sum(check.passed for check in finding.checks)
        line = f"({finding.equation})".rjust(4) + f"  {finding.statement:<48} {finding.verdict:<25}"
        print(f"{line} {good}/{len(finding.checks)}")
    print()
    for finding in findings:
        for check in finding.checks:
            if check.kind != "claim":
                print(f"({finding.equation})".rjust(4) + f"  {check.kind}: {check.name}")
    print()
    for title, number, name in FIGURES:
        print(f"  {title:<34} {_figure(findings[number - 1], name)}")


FIGURES = (
    ("exact schedules, rational networks", 10, "tensor, forward"),
    ("exact differences", 10, "and with exact"),
    ("float64 = rationals, bit for bit", 10, "method"),
    ("worst rounding of dJ/dΘ", 10, "rounding"),
    ("worst rounding of dJ/dL", 15, "rounding"),
    ("central differences, dJ/dΘ", 10, "every method"),
    ("central differences, dJ/dL", 15, "every method"),
    ("draws redone", 10, "draws"),
)


def _figure(finding: Finding, name: str) -> str:
    return next(check.figure for check in finding.checks if check.name.startswith(name))


def _print_checks(finding: Finding) -> None:
    print(f"({finding.equation})  {finding.statement}: {finding.verdict}")
    for check in finding.checks:
        mark = {"claim": "ok", "remark": "remark", "erratum": "erratum"}[check.kind] if check.passed else "FAILED"
        print(f"  {mark:<8} {check.name}\n           {check.figure}")
