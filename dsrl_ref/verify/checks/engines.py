"""Checks of (8), (10), (11), (15) and (16) on every engine, method and option of `Objective`.

Each check judges one quantity: the loss in (8), dJ/dΘ in (10), dJ/dL in (15), the part of the Gauss-Newton matrix that
dX/dΘ makes in (11), and its row of L in (16). So an engine that is wrong in one of them fails the row of that equation.

The promise about errors is `rounding`: one check for each way, against the rationals, in units of 2^-53·S.
"""

from collections.abc import Callable, Iterator

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.findings import Check, none_differ
from dsrl_ref.verify.networks import MOST_HIDDEN, QUANTITIES
from dsrl_ref.verify.ways import NAMES_OF_WAYS

MOST_UNITS = 1000.0  # of 2^-53·S, the errors of X_(t) that grow from layer to layer included
GAP = 1e-8  # of what a difference adds up with absolute values
MOST_REDRAWN = 0.3  # twice the most of 20 seeds
CLOSE = 1e-12  # of S, for many copies of a small problem
AT_FIXED_POINT = 1e-10  # relative, of what linear equations give
IN_MATRIX = 2.0**-40  # of the diagonal, what a product of two derivatives may round off

Makes = Callable[[Cases], Iterator[Check]]
PARTS = {"loss": ("loss",), "dJ/dΘ": ("w1", "w2", "b1", "b2"), "dJ/dL": ("L",)}


def on_grid(part: str) -> Makes:
    """Every way equals the rationals bit for bit, where float64 is exact."""

    def check(cases: Cases) -> Iterator[Check]:
        found = cases.networks.grid
        for way in NAMES_OF_WAYS:
            wrong = max(found.differing[way, name] for name in PARTS[part])
            what = f"networks, {found.ties[way]} ties"
            yield none_differ(f'{part} by "{way}" equals the rationals, bit for bit', wrong, found.cases[way], what)

    return check


def rounding(part: str) -> Makes:
    """Every way is within some units of 2^-53·S, on 53-bit data and any L."""

    def check(cases: Cases) -> Iterator[Check]:
        found = cases.networks.rounding
        for way in NAMES_OF_WAYS:
            units = max(found.worst.get((way, name), np.inf) for name in PARTS[part])
            figure = f"{units:.3g} units of 2^-53·S, {found.taken[way]} networks"
            yield Check(f'rounding of {part} by "{way}"', units <= MOST_UNITS, figure)

    return check


def differences(part: str) -> Makes:
    """Every way against central differences of the loss in float64, deeper networks, f not quadratic."""

    def check(cases: Cases) -> Iterator[Check]:
        found = cases.networks.differences
        gaps = np.concatenate([found.gaps[name] for name in PARTS[part]])
        every = all(found.taken[way] for way in NAMES_OF_WAYS)
        yield Check(
            f"{part} by every way against central differences",
            bool(every and gaps.max() <= GAP),
            f"worst gap {gaps.max(initial=0):.2g} beyond rounding, which hides at most {MOST_HIDDEN:.0e}",
        )
        yield Check(
            "draws redone: entries on knots, or rounding",
            found.redrawn <= MOST_REDRAWN,
            f"{found.redrawn:.1%} of {found.draws + found.redraws}",
        )

    return check


def by_name(part: str) -> Makes:
    """What `Objective` returns is in the right order: by name, flat, with the matrix, and from `loss_and_gradient`."""

    def check(cases: Cases) -> Iterator[Check]:
        calls = cases.engines.calls
        wrong = sum(any(got[name] != right[name] for name in PARTS[part]) for got, right in calls)
        name = f"{part}: Gradient, flat, gauss_newton and loss_and_gradient in order"
        yield none_differ(name, wrong, len(calls), "calls")

    return check


def large(part: str) -> Makes:
    """Many copies of a small problem: copies times its answer, and the same bits for any number of threads."""
    kept = [k for k, name in enumerate(QUANTITIES) if name in PARTS[part]]

    def check(cases: Cases) -> Iterator[Check]:
        for found in cases.engines.large:
            pairs = ((found.by_one[k], float(found.right[k]), float(found.scales[k])) for k in kept)
            gap = max(abs(got - right) / (S or 1.0) for got, right, S in pairs)
            same = all(found.by_one[k] == found.by_three[k] for k in kept)
            yield Check(
                f"{part} of {found.name}, with 1 and 3 threads",
                gap <= CLOSE and same,
                f"{found.entries} entries: gap {gap:.2g}·S, {'the same' if same else 'other'} bits",
            )

    return check


def at_fixed_point(part: str) -> Makes:
    """At layers = ∞: the fixed point by rational linear equations, its derivatives by exact differences of these."""
    kept = [k for k, name in enumerate(QUANTITIES) if name in PARTS[part]]

    def check(cases: Cases) -> Iterator[Check]:
        worst, points = 0.0, cases.engines.fixed_points
        for found in points:
            right = np.array([float(value) for value in found.right])
            gaps = np.abs(np.array(found.got) - right) / (1 + np.abs(right).max())
            worst = max(worst, float(gaps[kept].max()))
        name = f'{part} by "implicit", layers = ∞, against linear equations in rationals'
        yield Check(name, worst <= AT_FIXED_POINT, f"worst gap {worst:.2g} of {len(points)} fixed points")

    return check


def gauss_newton(part: str) -> Makes:
    """Every way's Σ (∂x/∂θ)(∂x/∂θ)ᵀ; `part` is "Θ" for its 4×4 block, "L" for the last row and column."""

    def check(cases: Cases) -> Iterator[Check]:
        for way in NAMES_OF_WAYS:
            mine = [found for found in cases.engines.matrices if found.way == way]
            wrong = sum(not _agrees(found.got, found.right, part, IN_MATRIX) for found in mine)
            yield none_differ(f'Gauss-Newton matrix by "{way}", {part}', wrong, len(mine), "matrices")
        points = cases.engines.fixed_points
        wrong = sum(not _agrees(found.matrix, found.right_matrix, part, AT_FIXED_POINT) for found in points)
        yield none_differ(f'Gauss-Newton matrix by "implicit", {part}', wrong, len(points), "fixed points")

    return check


def _agrees(got: Array, right: Array, part: str, tolerance: float) -> bool:
    if got.shape != (5, 5):
        return False
    of_theta = np.zeros((5, 5), bool)
    of_theta[:4, :4] = True
    mine = of_theta if part == "Θ" else ~of_theta
    size = np.sqrt(np.outer(np.diag(right), np.diag(right)))
    return bool((np.abs(got - right) <= tolerance * size)[mine].all())
