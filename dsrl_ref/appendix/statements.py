r"""What each equation of the appendix states, in TeX, as the appendix prints it.

``\X`` and ``\Z`` stand for [X_(i)]_pq and [Z_(i)]_pq, ``\G`` for ∇f(X_(i-1)) and ``\d`` for the derivative of
[Z_(i)]_pq in [X_(i-1)]_jk: `written` writes them out. A long formula says by ``\allowbreak`` where a narrow page may
break it. The tests evaluate every row that is a number at random Θ, and compare it with an oracle that shares no code
with this package.
"""

import re
from dataclasses import dataclass

LAYERS = "layers"  # one Θ and one L a layer, which has no number in the appendix
MACROS = {
    r"\X": r"\left[\mathbf{X}_{(i)}\right]_{pq}",
    r"\Z": r"\left[\mathbf{Z}_{(i)}\right]_{pq}",
    r"\G": r"\nabla f(\mathbf{X}_{(i-1)})",
    r"\d": r"\frac{\partial [\mathbf{Z}_{(i)}]_{pq}}{\partial [\mathbf{X}_{(i-1)}]_{jk}}",
}


@dataclass(frozen=True)
class Formula:
    """A formula: what it begins with, its sign included, and its rows.

    Attributes
    ----------
    begins : str
        All that is the same in every row, as ``g(x) =``; empty where there is nothing of the kind.
    rows : tuple of (str, str)
        What follows, and for which arguments; a formula without cases has one row, and no condition.
    """

    begins: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Statement:
    """The formulas of one equation, and a sentence that says of what they speak."""

    formulas: tuple[Formula, ...]
    where: str = ""


def written(tex: str) -> str:
    """The same TeX without macros."""
    return re.sub(r"\\[XZGd](?![A-Za-z])", lambda found: MACROS[found[0]], tex)


def _one(begins: str, rest: str) -> Formula:
    return Formula(begins, ((rest, ""),))


def _five(begins: str, *values: str) -> Formula:
    """The five half-open rows of (12)-(14) and (17), the largest z first."""
    outer, inner, middle, below, least = values
    return Formula(
        begins,
        (
            (outer, r"b_2 \le \Z"),
            (inner, r"b_1 \le \Z < b_2"),
            (middle, r"-b_1 \le \Z < b_1"),
            (below, r"-b_2 \le \Z < {-b_1}"),
            (least, r"\Z < {-b_2}"),
        ),
    )


def _three(begins: str, knot: str, *values: str) -> Formula:
    """The three half-open rows of (12) and (13) for what changes at one knot only."""
    above, between, below = values
    return Formula(
        begins,
        (
            (above, rf"{knot} \le \Z"),
            (between, rf"-{knot} \le \Z < {knot}"),
            (below, rf"\Z < {{-{knot}}}"),
        ),
    )


def _partial(parameter: str) -> str:
    return rf"\frac{{\partial \X}}{{\partial {parameter}}} ="


_INNER = r"(\frac{1}{2 w_1} - \frac{1}{2})"
_OUTER = r"(\frac{1}{2 w_2} - \frac{1}{2})"
_JOINT = r"w_1 (b_2 - b_1)"
_SLOPE = r"(b_2 - \frac{w_1 (b_2 - b_1)}{w_2})"

STATED: dict[int | str, Statement] = {
    1: Statement(
        (
            Formula(
                "g(x) =",
                (
                    (
                        rf"{_OUTER} x^2 \allowbreak + {_SLOPE} x "
                        rf"\allowbreak + \frac{{w_1 (w_1 - w_2)}}{{2 w_2}} (b_2 - b_1)^2",
                        rf"x \ge {_JOINT}",
                    ),
                    (rf"{_INNER} x^2 + b_1 x", rf"0 \le x < {_JOINT}"),
                    ("g({-x})", "x < 0"),
                ),
            ),
        ),
        "The regularizer that is learned, with the parameters Θ = [w1, w2, b1, b2].",
    ),
    2: Statement(
        (_one("", rf"{_INNER} ({_JOINT})^2 \allowbreak + b_1 ({_JOINT}) \ge 0"),),
        "For w1 > 1 this is to say that g(x) >= 0 where 0 <= x < w1(b2 - b1).",
    ),
    3: Statement((_one("", r"(w_1 - 1) b_2 - (w_1 + 1) b_1 \le 0"),), "That is (2), simplified."),
    4: Statement(
        (_one(r"\nabla g(x) =", rf"(\frac{{1}}{{w_2}} - 1) x + {_SLOPE}"),),
        "The slope of g where x >= w1(b2 - b1).",
    ),
    5: Statement(
        (_one("", rf"(\frac{{1}}{{w_2}} - 1) {_JOINT} + {_SLOPE} \allowbreak = -{_JOINT} + b_2 \ge 0"),),
        "The slope (4) where that piece begins; for w2 in (0, 1] it is not negative beyond, either.",
    ),
    6: Statement(
        (_one("", r"b_1 \ge \frac{w_1 - 1}{w_1} b_2 > \frac{w_1 - 1}{w_1 + 1} b_2"),),
        "Printed without a condition on w1; it is to guarantee that (3) holds.",
    ),
    7: Statement(
        (
            _one("", r"w_1 > 0, 1 \ge w_2 > 0"),
            _one("", r"b_2 \ge b_1 \ge \max\{0, \frac{w_1 - 1}{w_1} b_2\}"),
        ),
        "The conditions that make g nonnegative.",
    ),
    8: Statement(
        (
            _one(
                r"\mathcal{J}(\tilde{\mathbf{X}}, \mathbf{X}_{(t)}) =",
                r"\frac{1}{2} \|\tilde{\mathbf{X}} - \mathbf{X}_{(t)}\|_F^2",
            ),
        ),
        "The loss, of what the network of t layers should make, and of what it makes.",
    ),
    9: Statement(
        (
            _one(
                r"\mathbf{X}_{(i)}(\mathbf{X}_{(i-1)}, \Theta) =",
                r"\xi_{\Theta}(\mathbf{X}_{(i-1)} - \frac{1}{L} \nabla f(\mathbf{X}_{(i-1)}))",
            ),
            _one(
                r"\mathbf{X}_{(t)} =",
                r"\mathbf{X}_{(t)}(\mathbf{X}_{(t-1)}(\cdots "
                r"\allowbreak \mathbf{X}_{(1)}(\mathbf{X}_{(0)}, \Theta), \Theta), \Theta)",
            ),
        ),
        "The layers, one inside the other. ξ is not written out; (12) to (14) determine it.",
    ),
    10: Statement(
        (
            _one(
                r"\frac{d\mathcal{J}}{d\Theta} =",
                r"\frac{d\mathbf{X}_{(t)}}{d\Theta} \frac{d\mathcal{J}}{d\mathbf{X}_{(t)}}",
            ),
            _one(r"\frac{d\mathcal{J}}{d\mathbf{X}_{(t)}} =", r"\mathbf{X}_{(t)} - \tilde{\mathbf{X}}"),
        ),
        "A tensor of n×m×4, contracted with a matrix of n×m.",
    ),
    11: Statement(
        (
            _one(
                r"\frac{d\mathbf{X}_{(t)}}{d\Theta} =",
                r"\frac{\partial \mathbf{X}_{(t)}}{\partial \Theta} "
                r"\allowbreak + \frac{d\mathbf{X}_{(t-1)}}{d\Theta} "
                r"\frac{\partial \mathbf{X}_{(t)}}{\partial \mathbf{X}_{(t-1)}}",
            ),
        ),
        "The product of a tensor of n×m×4 and one of n×m×n×m is a contraction, too.",
    ),
    12: Statement(
        (
            _five(_partial("w_1"), "b_2 - b_1", r"\Z - b_1", "0", r"\Z + b_1", "b_1 - b_2"),
            _three(_partial("w_2"), "b_2", r"\Z - b_2", "0", r"\Z + b_2"),
        ),
        "Z_(i) = X_(i-1) - ∇f(X_(i-1))/L is what layer i shrinks.",
    ),
    13: Statement(
        (
            _three(_partial("b_1"), "b_1", "-w_1", "0", "w_1"),
            _three(_partial("b_2"), "b_2", "w_1 - w_2", "0", "w_2 - w_1"),
        ),
        "Z_(i) as in (12).",
    ),
    14: Statement(
        (
            _five(
                r"\left[\frac{\partial \mathbf{X}_{(i)}}{\partial \mathbf{X}_{(i-1)}}\right]_{pqjk} =",
                *(r"w_2 \d", r"w_1 \d", "0", r"w_1 \d", r"w_2 \d"),
            ),
        ),
        "An n×m×n×m tensor; Z_(i) as in (12).",
    ),
    15: Statement(
        (_one(r"\frac{d\mathcal{J}}{dL} =", r"\frac{d\mathbf{X}_{(t)}}{dL} \frac{d\mathcal{J}}{d\mathbf{X}_{(t)}}"),),
        "The first factor is a tensor of n×m×1, for simplicity.",
    ),
    16: Statement(
        (
            _one(
                r"\frac{d\mathbf{X}_{(t)}}{dL} =",
                r"\frac{\partial \mathbf{X}_{(t)}}{\partial L} \allowbreak + \frac{d\mathbf{X}_{(t-1)}}{dL} "
                r"\frac{\partial \mathbf{X}_{(t)}}{\partial \mathbf{X}_{(t-1)}}",
            ),
        ),
        "As (11), of L.",
    ),
    17: Statement(
        (_five(_partial("L"), r"w_2 \G / L^2", r"w_1 \G / L^2", "0", r"w_1 \G / L^2", r"w_2 \G / L^2"),),
        "While X_(i-1) is kept; Z_(i) as in (12).",
    ),
    LAYERS: Statement(
        (
            _one(
                r"\frac{d\mathcal{J}}{d\Theta_i} =",
                r"\frac{\partial \mathbf{X}_{(i)}}{\partial \Theta_i} "
                r"\frac{\partial \mathbf{X}_{(i+1)}}{\partial \mathbf{X}_{(i)}} \cdots \allowbreak "
                r"\frac{\partial \mathbf{X}_{(t)}}{\partial \mathbf{X}_{(t-1)}} "
                r"\frac{d\mathcal{J}}{d\mathbf{X}_{(t)}}",
            ),
        ),
        "Not an equation of the appendix: where every layer has a Θ and an L of its own, the gradient of layer i is "
        "the i-th term of (10) and (11), and of (15) and (16) for L. Products are contracted from left to right.",
    ),
}
