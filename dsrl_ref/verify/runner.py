"""Runs the checks of the equations asked for."""

from collections.abc import Iterable

from dsrl_ref.arrays import as_count
from dsrl_ref.verify.conditions import Conditions
from dsrl_ref.verify.evidence import Networks
from dsrl_ref.verify.findings import STATEMENTS, Finding
from dsrl_ref.verify.recursion import Recursion


def verify(equations: Iterable[int] | None = None, *, quick: bool = False, seed: int = 0) -> list[Finding]:
    """Check equations of the appendix.

    Parameters
    ----------
    equations : iterable of int, optional
        Numbers from 1 to 17; by default all.
    quick : bool
        Draw about a tenth of the cases.
    seed : int
        Decides every draw.

    Returns
    -------
    list of Finding
        In the order of the numbers.

    Raises
    ------
    ValueError
        For a number that is no equation.

    Examples
    --------
    >>> (finding,) = verify([6], quick=True)
    >>> finding.verdict, finding.passed
    ('erratum', True)
    """
    numbers = sorted(STATEMENTS if equations is None else set(equations))
    for number in numbers:
        if as_count(number, "equation") not in STATEMENTS:
            raise ValueError(f"equation must be from 1 to 17, got {number}")
    seed = as_count(seed, "seed")
    many = 30 if quick else 300
    conditions = Conditions(seed, cases=many)
    recursion = Recursion(Networks(seed, 60, 40, 16) if quick else Networks(seed, 600, 500, 120), cases=many)
    return [
        Finding(number, tuple(getattr(conditions if number < 8 else recursion, f"equation_{number}")()))
        for number in numbers
    ]
