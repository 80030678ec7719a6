"""The second part of the conformance problems: one Θ and one L a layer, for implementations that have them.

dJ/dΘ_i and dJ/dL_i are the terms that (10), (11), (15) and (16) add up, of each layer one. What the ladder of one Θ has
settled is right here; each problem aims at what can only go wrong where layers differ, or where terms are not added:

1.  one layer, which is the network of one Θ: the form of what is returned;
2.  two layers alike: the terms apart, in the order of the layers;
3.  layers that differ in Θ alone, then in L alone: whose Θ, whose L;
4.  entries on a knot of their own layer, and on what would be a knot of another layer;
5.  a layer that is dead, so that nothing comes down to those before it;
6.  more layers and several entries; then a least-squares f, which couples them.
"""

from collections.abc import Iterator
from fractions import Fraction

from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import ThetaQ
from dsrl_ref.verify.exact_layers import Layers
from dsrl_ref.verify.ladder import ENTRIES, THETA, Rung, points_at
from dsrl_ref.verify.layered import LayeredProblem
from dsrl_ref.verify.problems import Problem

EQUATIONS = list(range(8, 18))
TERMS = points_at(9, 11, 11, 11, 16, 11)
FORM = points_at(9, 10, 10, 10, 15, 10)
OTHER: ThetaQ = (Fraction(5, 4), Fraction(3, 4), Fraction(1, 8), Fraction(3, 4))
THIRD: ThetaQ = (Fraction(1, 2), Fraction(7, 8), Fraction(3, 8), Fraction(1, 2))


def layered_ladder() -> Iterator[Rung]:
    """Yield the problems, the simplest first."""
    yield _entry("one layer of its own", FORM, [THETA], [4], w=0.25, x0=3)
    yield _entry("two layers alike", TERMS, [THETA, THETA], [2, 2], w=1, x0=3)
    yield _entry("two layers, each its Θ", TERMS, [THETA, OTHER], [2, 2], w=1, x0=3)
    yield _entry("two layers, each its L", TERMS, [THETA, THETA], [4, 2], w=1, x0=3)
    for name, z in {"b2": 1, "b1": 0.25, "-b1": -0.25, "-b2": -1}.items():
        w, x0 = _second_at(z)
        yield _entry(f"two layers, the second on its knot {name}", TERMS, [OTHER, THETA], [2, 2], w, x0)
    for name, z in {"b2": 0.75, "-b1": -0.125}.items():
        w, x0 = _second_at(z)
        yield _entry(f"two layers, the second where {name} of the first is", TERMS, [OTHER, THETA], [2, 2], w, x0)
    yield _entry("three layers, the second dead", TERMS, [THETA, THIRD, OTHER], [2, 4, 2], w=-2.5, x0=5.25)
    yield _fidelity("three layers, several entries", [THETA, OTHER, THIRD], [2, 4, 1.5])
    yield _fidelity("four layers, some overshooting", [OTHER, THETA, THIRD, THETA], [0.75, 2, 0.5, 4])
    yield _least_squares("least squares, two layers of their own", [THETA, OTHER], [2, 4])
    yield _least_squares("least squares, three layers of their own", [OTHER, THIRD, THETA], [4, 2, 8])


def _second_at(z: float) -> tuple[float, float]:
    """W and X_(0) that put Z_(1) at 15/8, X_(1) at 13/8 by the outer piece of OTHER, and Z_(2) at z; L is 2."""
    w = 2 * z - 1.625
    return w, 3.75 - w


def _rung(name: str, points: dict[str, int], network: Problem, layers: Layers) -> Rung:
    return Rung(name, EQUATIONS, LayeredProblem(network, layers), points)


def _layers(thetas: list[ThetaQ], constants: list[float]) -> Layers:
    return Layers(thetas, [Fraction(L) for L in constants])


def _entry(
    name: str, points: dict[str, int], thetas: list[ThetaQ], constants: list[float], w: float, x0: float
) -> Rung:
    """Yield a 1×1 problem; X̃ is X_(0) + 1."""
    layers, start = _layers(thetas, constants), Fraction(x0)
    f = exact.Fidelity([Fraction(w)])
    network = Problem(f, thetas[0], layers.constants[0], len(thetas), (1, 1), [start], [start + 1])
    return _rung(name, points, network, layers)


def _fidelity(name: str, thetas: list[ThetaQ], constants: list[float]) -> Rung:
    W, layers = [Fraction(w) for w in ENTRIES], _layers(thetas, constants)
    x0 = [w / 2 + Fraction(3, 16) for w in W]
    target = [Fraction(1, 4) - w for w in W]
    network = Problem(exact.Fidelity(W), thetas[0], layers.constants[0], len(thetas), (2, 3), x0, target)
    return _rung(name, TERMS, network, layers)


def _least_squares(name: str, thetas: list[ThetaQ], constants: list[float]) -> Rung:
    D = [[Fraction(1), Fraction(1, 2), Fraction(0)], [Fraction(-1, 2), Fraction(1), Fraction(1, 4)]]
    Y = [Fraction(1), Fraction(-2), Fraction(1, 2), Fraction(3)]
    x0 = [Fraction(4 * k - 7, 16) for k in range(6)]
    target = [Fraction((-1) ** k, 2) for k in range(6)]
    layers = _layers(thetas, constants)
    network = Problem(exact.LeastSquares(D, Y), thetas[0], layers.constants[0], len(thetas), (3, 2), x0, target)
    return _rung(name, TERMS, network, layers)
