"""Runs the checks of the equations asked for."""

from collections.abc import Callable, Iterable, Iterator

from dsrl_ref.appendix.statements import LAYERS
from dsrl_ref.arrays import as_count
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.findings import Check, Equation, Finding
from dsrl_ref.verify.table import EQUATIONS, CheckFunction


def verify(equations: Iterable[Equation] | None = None, *, quick: bool = False, seed: int = 0) -> list[Finding]:
    """Check equations of the appendix.

    Parameters
    ----------
    equations : iterable of int or "layers", optional
        Numbers from 1 to 17; "layers" for one Θ and one L a layer, which has no number in the appendix. By default all.
    quick : bool
        Draw about a tenth of the cases.
    seed : int
        Decides every draw.

    Returns
    -------
    list of Finding
        In the order of the numbers; "layers" is the last.

    Raises
    ------
    ValueError
        For what is no equation.

    Examples
    --------
    >>> (finding,) = verify([6], quick=True)
    >>> finding.verdict, finding.passed
    ('erratum', True)
    """
    return list(each_finding(equations, quick=quick, seed=seed))


def each_finding(
    equations: Iterable[Equation] | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Finding]:
    """Check equations of the appendix as `verify` does, and yield each finding as soon as it is there.

    Before each check, `tell` is called with the equation and the place of the check among those of the equation.
    """
    asked = set(EQUATIONS if equations is None else equations)
    for number in asked:
        if number != LAYERS and as_count(number, "equation") not in EQUATIONS:
            raise ValueError(f'equation must be from 1 to 17, or "{LAYERS}", got {number}')
    cases = Cases(as_count(seed, "seed"), quick)
    return (Finding(number, tuple(run_checks(_told(number, tell), cases))) for number in EQUATIONS if number in asked)


def _told(number: Equation, tell: Callable[[str], None] | None) -> Iterator[CheckFunction]:
    """Yield the checks of an equation, and tell of each that it begins."""
    checks = EQUATIONS[number].checks
    for place, check in enumerate(checks, start=1):
        if tell is not None:
            tell(f"equation {number}, check {place} of {len(checks)}")
        yield check


def run_checks(checks: Iterable[CheckFunction], cases: Cases) -> Iterator[Check]:
    """What the checks find; one that raises has failed, as the package that it called has."""
    for check in checks:
        try:
            found = check(cases)
            yield from [found] if isinstance(found, Check) else found
        except Exception as error:
            told = (check.__doc__ or "").strip().splitlines()
            yield Check(told[0] if told else check.__qualname__, False, f"raised {type(error).__name__}: {error}")
