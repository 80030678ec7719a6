"""The ladder of conformance problems: each rung adds one equation to what the rungs below have settled.

An implementation is judged rung by rung, and the first rung that it fails names the equation: what it rests on beside
that one was right below. The order is

1.  the loss (8) alone, then the base case of (9), (11) and (16), without a layer;
2.  one layer, one entry: (9), then the tables (12), (13) and (17), every row, then every knot, with ∇f = 0 for (13) and
    with ∇f ≠ 0 for (17); at a knot both rows of (12) give the same value, so that no rule for ties can break it;
3.  one layer, several entries: the contractions (10) and (15);
4.  two layers, one entry: (11) and (16) where the second layer adds nothing of its own, then (14) in every row and on
    every knot;
5.  more layers, several entries; then a least-squares f, which couples them: the pair of indices that (11) contracts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import ThetaQ
from dsrl_ref.verify.layered import LayeredProblem
from dsrl_ref.verify.problems import Problem

PARTS = ("loss", "w", "b", "theta", "L", "all")


@dataclass(frozen=True)
class Rung:
    """A problem of the ladder.

    Attributes
    ----------
    name : str
        What it aims at.
    equations : list of int
        The equations that its answer rests on.
    problem : Problem or LayeredProblem
        Its inputs: one Θ and one L for all layers, or one of each a layer.
    points_at : dict of str to int
        The equation that is new here, by what disagrees: "loss"; "w" (dJ/dw1 or dJ/dw2 alone), "b" (dJ/db1 or dJ/db2
        alone), "theta" (some of both); "L" (dJ/dL alone); "all" (dJ/dL and some of the others). With "loss" as
        its only key, no derivative is judged.
    """

    name: str
    equations: list[int]
    problem: Problem | LayeredProblem
    points_at: dict[str, int]

    @property
    def ties(self) -> int:
        """How many entries of Z_(1), ..., Z_(t) sit on a knot."""
        return self.problem.ties

    @property
    def network(self) -> Problem:
        """f, X_(0), X̃ and the number of layers, without the Θ and L of each."""
        return self.problem if isinstance(self.problem, Problem) else self.problem.network


def points_at(loss: int, w: int, b: int, theta: int, L: int, both: int) -> dict[str, int]:
    """Name the equations of `Rung.points_at` in one line."""
    return dict(zip(PARTS, (loss, w, b, theta, L, both), strict=True))


TABLES = points_at(9, 12, 13, 12, 17, 12)
KNOTS = points_at(9, 12, 13, 13, 17, 13)
SUMS = points_at(9, 10, 10, 10, 15, 10)
CHAIN = points_at(9, 11, 11, 11, 16, 14)
SLOPES = points_at(9, 14, 14, 14, 16, 14)
DEEPER = points_at(9, 11, 11, 11, 16, 11)

ONE_LAYER, ALL = [8, 9, 10, 12, 13, 15, 17], list(range(8, 18))
THETA: ThetaQ = (Fraction(3, 4), Fraction(1, 2), Fraction(1, 4), Fraction(1))
ZERO_KNOT: ThetaQ = (Fraction(3, 4), Fraction(1, 2), Fraction(0), Fraction(1))
ENTRIES = [2, 0.5, 0.125, -0.5, -2, 1.5]
PIECES = {"middle": 0.5, "dead": 0.125, "middle left": -0.5, "outer left": -2}
AT_KNOT = {"b2": 1, "b1": 0.25, "-b1": -0.25, "-b2": -1}


def ladder() -> Iterator[Rung]:
    """Yield the rungs, the lowest first."""
    yield from _without_layers()
    yield from _one_layer()
    yield from _two_layers()
    yield from _networks()


def _without_layers() -> Iterator[Rung]:
    """Yield the loss of what any number of layers leaves as it is (W = X_(0), ξ(z) = z), then the base case."""
    identity, entries = _q(1, 1, 0, 0), [*_q(*ENTRIES)]
    f = exact.Fidelity(entries)
    target = [Fraction(1, 4) - w / 2 for w in entries]
    alone = Problem(f, identity, Fraction(1), 0, (2, 3), entries, target)
    yield Rung("the loss alone", [8], alone, {"loss": 8})
    yield _fidelity("no layer", [8, 9, 11, 16], DEEPER, THETA, 2, 0)


def _one_layer() -> Iterator[Rung]:
    yield _entry("one layer, outer piece", ONE_LAYER, TABLES, THETA, 4, 1, w=0.25, x0=3)
    for name, z in PIECES.items():
        yield _entry(f"one layer, {name} piece", ONE_LAYER, TABLES, THETA, 1, 1, w=z)
    for name, z in AT_KNOT.items():
        yield _entry(f"one layer, on the knot {name}", ONE_LAYER, KNOTS, THETA, 1, 1, w=z)
    yield _entry("one layer, b1 = 0 and z = 0", ONE_LAYER, KNOTS, ZERO_KNOT, 1, 1, w=0)
    yield _entry("one layer, b1 = b2", ONE_LAYER, TABLES, _q(1, 1, 0.5, 0.5), 1, 1, w=2)
    for name, z in (("b1 = b2", 0.5), ("-b1 = -b2", -0.5)):
        yield _entry(f"one layer, on the knot {name}", ONE_LAYER, KNOTS, _q(0.75, 0.5, 0.5, 0.5), 1, 1, w=z)
    for name, x0 in (("middle", 1), ("outer left", -3), ("middle left", -1.125)):
        yield _entry(f"one layer, L = 4, {name} piece", ONE_LAYER, TABLES, THETA, 4, 1, w=0.25, x0=x0)
    yield _entry("one layer, L = 3, outer piece", ONE_LAYER, TABLES, THETA, 3, 1, w=1, x0=4)
    for name, z in AT_KNOT.items():
        yield _entry(f"one layer, ∇f ≠ 0, on the knot {name}", ONE_LAYER, KNOTS, THETA, 2, 1, w=3, x0=2 * z - 3)
    yield _entry("one layer, ∇f ≠ 0, b1 = 0 and z = 0", ONE_LAYER, KNOTS, ZERO_KNOT, 2, 1, w=3, x0=-3)
    yield _fidelity("one layer, several entries", ONE_LAYER, SUMS, THETA, 2, 1)


def _two_layers() -> Iterator[Rung]:
    """Yield one entry each, the first layer on the outer piece; L = 2, so that Z_(2) = (X_(1) + W)/2.

    In the first of them f = ½(x/2 - 3/4)² and X_(1) = 3/2: there ∇f = 0 and dw2 = db2 = 0 in layer 2, and all of
    dX_(2)/dw2, dX_(2)/db2 and dX_(2)/dL comes down the chain. Its Hessian is neither 0 nor 1, nor is it L.
    """
    f = exact.LeastSquares([[*_q(0.5)]], [*_q(0.75)])
    chain = Problem(f, _q(0.75, 0.5, 0.25, 2), Fraction(2), 2, (1, 1), [*_q(2.5)], [*_q(3.5)])
    yield Rung("two layers, nothing but the chain", ALL, chain, CHAIN)
    aims = {"outer": 2, **PIECES}
    for name, z in aims.items():
        yield _entry(f"two layers, {name} piece after outer", ALL, SLOPES, THETA, 2, 2, *_second_at(z))
    for name, z in AT_KNOT.items():
        yield _entry(f"two layers, the second on the knot {name}", ALL, SLOPES, THETA, 2, 2, *_second_at(z))
    yield _entry("two layers, b1 = 0 and Z_(2) = 0", ALL, SLOPES, ZERO_KNOT, 2, 2, w=-1.25, x0=5.25)


def _second_at(z: float) -> tuple[float, float]:
    """W and X_(0) that put X_(1) at 5/4, by the outer piece of THETA, and Z_(2) at z."""
    w = 2 * z - 1.25
    return w, 4.75 - w


def _networks() -> Iterator[Rung]:
    for layers in (2, 3):
        yield _fidelity(f"{layers} layers", ALL, DEEPER, THETA, 2, layers)
    yield _fidelity("3 layers, overshooting, L = 3/4", ALL, DEEPER, THETA, 0.75, 3)
    yield _fidelity("5 layers, w1 > 1", ALL, DEEPER, _q(1.25, 0.5, 0.25, 1), 1.25, 5)
    yield _least_squares("least squares, 1 layer", ONE_LAYER, points_at(9, 10, 10, 10, 17, 10), 1)
    yield _least_squares("least squares, 2 layers", ALL, CHAIN, 2)
    yield _least_squares("least squares, 4 layers", ALL, DEEPER, 4)


def _entry(
    name: str,
    equations: list[int],
    points: dict[str, int],
    theta: ThetaQ,
    L: float,
    layers: int,
    w: float,
    x0: float | None = None,
) -> Rung:
    """Yield a 1×1 problem; X_(0) is W unless it is given, and X̃ is X_(0) + 1."""
    (start,) = _q(w if x0 is None else x0)
    f = exact.Fidelity([*_q(w)])
    return Rung(name, equations, Problem(f, theta, Fraction(L), layers, (1, 1), [start], [start + 1]), points)


def _fidelity(name: str, equations: list[int], points: dict[str, int], theta: ThetaQ, L: float, layers: int) -> Rung:
    W = [*_q(*ENTRIES)]
    x0 = [w / 2 + Fraction(1, 8) for w in W]
    target = [Fraction(1, 4) - w for w in W]
    problem = Problem(exact.Fidelity(W), theta, Fraction(L), layers, (2, 3), x0, target)
    return Rung(name, equations, problem, points)


def _least_squares(name: str, equations: list[int], points: dict[str, int], layers: int) -> Rung:
    D, Y = [[*_q(1, 0.5, 0)], [*_q(-0.5, 1, 0.25)]], [*_q(1, -2, 0.5, 3)]
    x0 = [Fraction(4 * k - 7, 16) for k in range(6)]
    target = [Fraction((-1) ** k, 2) for k in range(6)]
    problem = Problem(exact.LeastSquares(D, Y), THETA, Fraction(2), layers, (3, 2), x0, target)
    return Rung(name, equations, problem, points)


def _q(*numbers: float) -> Any:
    return tuple(Fraction(number) for number in numbers)
