"""Checks of ξ, of the regions that (12)-(14) and (17) share, and of the count of ties."""

from fractions import Fraction

import numpy as np

import dsrl_ref
from dsrl_ref.appendix import partials, shrinkage
from dsrl_ref.arrays import Array
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity
from dsrl_ref.verify import exact
from dsrl_ref.verify.cases import Cases, as_floats, as_row
from dsrl_ref.verify.findings import Check, demonstrated, none_differ
from dsrl_ref.verify.networks import exactly, laid_out, ways_of


def shrink_is_exact(cases: Cases) -> Check:
    """ξ, of dense and of sparse input."""
    from scipy.sparse import csr_array, issparse

    wrong, tried = 0, 0
    for number, (theta, zs, Z) in enumerate(cases.matrices):
        alone = number % 16
        numbers, right = as_floats(theta), [exact.xi(z, theta) for z in zs]
        sparse = dsrl_ref.shrink(csr_array(np.where(np.eye(*Z.shape), 0.0, Z)), numbers)
        kept = [exact.ZERO if diagonal else x for diagonal, x in zip(np.eye(*Z.shape).ravel(), right, strict=True)]
        wrong += not issparse(sparse) or not laid_out(sparse.toarray(), Z.shape, kept)
        for shape in (Z.shape, (16,), (2, 2, 4)):
            wrong += not laid_out(dsrl_ref.shrink(Z.reshape(shape), numbers), shape, right)
        wrong += not laid_out(dsrl_ref.shrink(Z.flat[alone], numbers), (), right[alone : alone + 1])
        tried += 5
    return none_differ("shrink, dense and sparse, equals the rationals, bit for bit", wrong, tried, "arrays")


def region_is_exact(cases: Cases) -> Check:
    """The rows of (12)-(14)."""
    wrong, tried = 0, 0
    for number, (theta, zs, Z) in enumerate(cases.matrices):
        rows = [exact.row(z, theta) for z in zs]
        for shape in (Z.shape, (16,), (2, 2, 4)):
            got = dsrl_ref.region(Z.reshape(shape), as_floats(theta))
            wrong += got.shape != shape or got.ravel().tolist() != rows
        wrong += dsrl_ref.region(Z.flat[number % 16], as_floats(theta)).tolist() != rows[number % 16]
        tried += 4
    return none_differ("region gives the rows, on all four knots", wrong, tried, "arrays")


def table_determines_xi(cases: Cases) -> Check:
    """(12): ξ is linear in (w1, w2), so that its derivatives give it back; what they give is what `shrink` is."""
    unlike = 0
    for theta, zs in cases.layers:
        Z, numbers = as_row(zs), as_floats(theta)
        rebuilt = theta[0] * _rationals(partials.dw1(Z, numbers)) + theta[1] * _rationals(partials.dw2(Z, numbers))
        unlike += not exactly(dsrl_ref.shrink(Z, numbers), rebuilt.tolist())
    return demonstrated(
        "ξ is written nowhere; this table determines it: ξ = w1·∂w1 + w2·∂w2",
        unlike == 0,
        f"{unlike} differ of {len(cases.layers)} Θ",
    )


def _rationals(values: Array) -> np.ndarray:
    return np.array([Fraction(v) for v in values.ravel().tolist()], dtype=object)


def ties_are_counted(cases: Cases) -> list[Check]:
    """Where derivatives are one-sided: `Objective.ties` by every method, and `count_ties`."""
    wrong, tried, ties = 0, 0, 0
    for problem in cases.networks.grid_problems:
        knots = problem.theta[2:]
        right = sum(abs(z) in knots for Z in problem.run().preactivations for z in Z)
        arguments = problem.arguments()
        for way in ways_of(arguments):
            wrong += way.ties(arguments) != right
            tried += 1
        ties += right
    knots_only = sum(
        shrinkage.count_ties(as_row(zs), as_floats(t)) != sum(abs(z) in t[2:] for z in zs) for t, zs in cases.layers
    )
    limits = cases.engines.fixed_points
    at_limit = sum(found.ties != 0 for found in limits)
    zeros = Objective(Fidelity(np.zeros((3, 2))), layers=4).ties((0.5, 0.5, 0.0, 1.0), 2.0)
    return [
        none_differ("ties counts what the rationals find, by every method", wrong, tried, f"counts, {ties} ties"),
        none_differ("count_ties, on all four knots", knots_only, len(cases.layers), "Θ"),
        none_differ("ties of a fixed point off the knots", at_limit, len(limits), "fixed points"),
        Check("ties of zeros with b1 = 0", zeros == 24, f"{zeros} of 24"),
    ]
