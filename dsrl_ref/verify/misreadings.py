"""Mistaken readings of (11) and (16) in exact arithmetic: what is got by them, to recognise it or to rule it out."""

from fractions import Fraction

from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import ExactTerm, Flat, Run, ThetaQ


def misread_gradient(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run, target: Flat) -> list[Fraction]:
    """(11), (16) contracted over the other pair, (I - H/L) D for D (I - H/L): the reading that is rejected."""
    size = len(target)
    total = [[exact.ZERO] * size for _ in range(5)]
    for X, Z in zip(path.iterates, path.preactivations, strict=False):
        own = exact.own_terms(f, theta, L, X, Z)
        sloped = [[exact.partials(z, theta)[4] * v for z, v in zip(Z, V, strict=True)] for V in total]
        pushed = [f.hessian_product(V, X) for V in sloped]
        total = [[own[i][c] + sloped[c][i] - pushed[c][i] / L for i in range(size)] for c in range(5)]
    return [sum(((x - y) * v for x, y, v in zip(path.iterates[-1], target, V, strict=True)), exact.ZERO) for V in total]


def unchained_gradient(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run, target: Flat) -> list[Fraction]:
    """(11), (16) with the last layer's own terms alone: what is got where the recursion is forgotten."""
    own = exact.own_terms(f, theta, L, path.iterates[-2], path.preactivations[-1])
    return exact.contracted([list(line) for line in own], path.iterates[-1], target)


def summed_gradient(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run, target: Flat) -> list[Fraction]:
    """(11), (16) with dX_(i-1) added as it is, not contracted with the tensor (14)."""
    total = [[exact.ZERO] * 5 for _ in target]
    for X, Z in zip(path.iterates, path.preactivations, strict=False):
        own = exact.own_terms(f, theta, L, X, Z)
        total = [[a + b for a, b in zip(line, more, strict=True)] for line, more in zip(total, own, strict=True)]
    return exact.contracted(total, path.iterates[-1], target)
