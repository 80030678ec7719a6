"""What verification finds: checks with their figures, and the verdict that follows from them."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from dsrl_ref.appendix.statements import LAYERS

Equation: TypeAlias = int | str  # a number of the appendix, or "layers", which has none there
STATEMENTS: dict[Equation, str] = {
    1: "g, the regularizer to be learned",
    2: "g >= 0 at the end of its inner piece, for w1 > 1",
    3: "(2) simplified: (w1-1)b2 - (w1+1)b1 <= 0",
    4: "∇g on the outer piece",
    5: "∇g >= 0 at the joint w1(b2-b1)",
    6: "the bound of (5) exceeds that of (3)",
    7: "the conditions that make g nonnegative",
    8: "the loss J = ½‖X̃ - X_(t)‖²",
    9: "the recursion X_(i) = ξ(X_(i-1) - ∇f/L)",
    10: "dJ/dΘ: dX_(t)/dΘ contracted with dJ/dX_(t)",
    11: "dX_(t)/dΘ, recursively",
    12: "∂X_(i)/∂w1 and ∂X_(i)/∂w2",
    13: "∂X_(i)/∂b1 and ∂X_(i)/∂b2",
    14: "∂X_(i)/∂X_(i-1), four-order tensor",
    15: "dJ/dL: dX_(t)/dL contracted with dJ/dX_(t)",
    16: "dX_(t)/dL, recursively",
    17: "∂X_(i)/∂L",
    LAYERS: "dJ/dΘ_i, dJ/dL_i: terms of (10), (11), (15), (16)",
}


@dataclass(frozen=True)
class Check:
    """One check of one equation and the figure that it came to.

    Attributes
    ----------
    name : str
        What is claimed, in words.
    passed : bool
        A claim passes where no counterexample was found; a remark or an erratum where it was demonstrated.
    figure : str
        What was measured.
    kind : {"claim", "remark", "erratum"}
        What passing says of the equation: that it stands, that it needs a remark, that it is false as printed.
    """

    name: str
    passed: bool
    figure: str
    kind: Literal["claim", "remark", "erratum"] = "claim"

    def __post_init__(self) -> None:
        """Keep a plain bool, which JSON can write: comparisons of NumPy's numbers give their own."""
        object.__setattr__(self, "passed", bool(self.passed))


@dataclass(frozen=True)
class Finding:
    """One equation with the checks behind it; `equation` is its number, or "layers" for one Θ and one L a layer."""

    equation: Equation
    checks: tuple[Check, ...]

    @property
    def label(self) -> str:
        """How the equation is called: its number in brackets, as in the appendix."""
        return f"({self.equation})" if isinstance(self.equation, int) else self.equation

    @property
    def statement(self) -> str:
        """What the equation states, in a line."""
        return STATEMENTS[self.equation]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """What the checks found: "confirmed", "confirmed with a remark", "erratum", or "failed"."""
        if not self.passed:
            return "failed"
        kinds = {check.kind for check in self.checks}
        if "erratum" in kinds:
            return "erratum"
        return "confirmed with a remark" if "remark" in kinds else "confirmed"


OWN = "verify's own rationals: "


def none_differ(name: str, differing: int, cases: int, what: str = "cases") -> Check:
    """Claim that holds without exception over a number of cases; none at all is a failure."""
    return Check(name, differing == 0 and cases > 0, f"{differing} differ of {cases} {what}")


def of_rationals(name: str, differing: int, cases: int, what: str = "cases") -> Check:
    """`none_differ` of a check that touches no code of the package: it judges the appendix as verify transcribes it."""
    return none_differ(OWN + name, differing, cases, what)


def demonstrated(name: str, shown: bool, figure: str) -> Check:
    """Remark that a counterexample demonstrates."""
    return Check(name, shown, figure, "remark")
