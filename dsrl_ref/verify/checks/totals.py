"""Checks of (10), (11), (15) and (16) as the appendix writes them: the contractions, the recursions, their remarks."""

import random
from fractions import Fraction

import numpy as np

from dsrl_ref.appendix import totals
from dsrl_ref.arrays import Array
from dsrl_ref.engines import tangent
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity
from dsrl_ref.verify import exact, misreadings
from dsrl_ref.verify.cases import Cases, as_floats
from dsrl_ref.verify.checks.partials import SOFT
from dsrl_ref.verify.findings import OWN, Check, demonstrated, none_differ, of_rationals
from dsrl_ref.verify.networks import TINY, exact_differences, exactly
from dsrl_ref.verify.problems import SHAPES, Problem

SMALL_GAP = Fraction(1, 2**350)
COUPLED = Problem(
    exact.LeastSquares([[Fraction(1), Fraction(1)]], [Fraction(3)]),
    (Fraction(1, 2), Fraction(1), Fraction(1, 4), Fraction(1)),
    L=Fraction(2),
    layers=2,
    shape=(2, 1),
    x0=[Fraction(2), Fraction(0)],
    target=[Fraction(0), Fraction(0)],
)  # two entries on different pieces of ξ: its slopes do not commute with the Hessian


def contract_is_exact(cases: Cases) -> Check:
    """(10), (15): `contract`, of four derivatives and of one."""
    rng, wrong = cases.rng("contract"), 0
    for number in range(cases.many):
        n, m, c = rng.randint(1, 3), rng.randint(1, 4), (4, 1)[number % 2]
        dX, residual = integers(rng, n, m, c), integers(rng, n, m)
        right = [
            sum((Fraction(dX[p, q, k]) * Fraction(residual[p, q]) for p in range(n) for q in range(m)), Fraction(0))
            for k in range(c)
        ]
        wrong += not exactly(totals.contract(dX, residual), right)
    return none_differ("contract sums dX·dJ/dX over p and q, bit for bit", wrong, cases.many, "tensors")


def total_is_exact(cases: Cases) -> Check:
    """(11), (16): `total`, the pair (j,k) contracted, with tensors of no symmetry."""
    rng, wrong = cases.rng("total"), 0
    for number in range(cases.many):
        n, m, c = (*rng.choice(SHAPES), (4, 1)[number % 2])
        partial, tensor, before = integers(rng, n, m, c), integers(rng, n, m, n, m), integers(rng, n, m, c)
        flat = [[Fraction(v) for v in array.ravel().tolist()] for array in (partial, tensor, before)]
        size = n * m
        right = [
            flat[0][pq * c + k] + sum((flat[1][pq * size + jk] * flat[2][jk * c + k] for jk in range(size)), exact.ZERO)
            for pq in range(size)
            for k in range(c)
        ]
        wrong += not exactly(totals.total(partial, tensor, before), right)
    return none_differ("total contracts (j,k) and keeps (p,q), bit for bit", wrong, cases.many, "tensors")


def integers(rng: random.Random, *shape: int) -> Array:
    """Draw an array of small integers."""
    return np.array([float(rng.randint(-9, 9)) for _ in range(int(np.prod(shape)))]).reshape(shape)


def theta_sensitivities_are_exact(cases: Cases) -> Check:
    """(11): dX_(t)/dΘ."""
    return _sensitivities(cases, slice(0, 4), "dX_(t)/dΘ")


def L_sensitivities_are_exact(cases: Cases) -> Check:
    """(16): dX_(t)/dL."""
    return _sensitivities(cases, slice(4, 5), "dX_(t)/dL")


def _sensitivities(cases: Cases, part: slice, name: str) -> Check:
    """Carried with the tensors of the appendix, and matrix-free."""
    wrong, tried = 0, 0
    for number in range(0, len(cases.networks.grid_problems), 2 if cases.quick else 4):
        problem, right = cases.networks.grid_problems[number], cases.networks.exact_total(number)
        expected = [value for line in right for value in line[part]]
        f, theta, L, layers, x0, _ = problem.arguments()
        _, dtheta, dL = totals.sensitivities(f, theta, L, layers, x0)
        _, carried = tangent.sensitivities(f, theta, L, layers, x0)
        for dX in (np.concatenate([dtheta, dL], axis=2), np.moveaxis(carried, 0, 2)):
            wrong += not exactly(np.ascontiguousarray(dX[:, :, part]), expected)
            tried += 1
    return none_differ(f"{name}, with (14) and matrix-free, equals the rationals, bit for bit", wrong, tried, "tensors")


def map_theta_derivatives_are_exact(cases: Cases) -> Check:
    """(11) with `Fidelity`: the derivatives of `scalar_map` in Θ."""
    return _map_derivatives(cases, slice(0, 4), "Θ")


def map_L_derivatives_are_exact(cases: Cases) -> Check:
    """(16) with `Fidelity`: the derivatives of `scalar_map` in L."""
    return _map_derivatives(cases, slice(4, 5), "L")


def _map_derivatives(cases: Cases, part: slice, name: str) -> Check:
    wrong, tried = 0, 0
    for number, problem in enumerate(cases.networks.grid_problems):
        if not isinstance(problem.f, exact.Fidelity) or (problem.x0 != problem.f.W and any(problem.x0)):
            continue
        right = cases.networks.exact_total(number)
        f, theta, L, layers, x0, target = problem.arguments()
        network, W = Objective(f, target, layers=layers, x0=x0).scalar_map(theta, L), f.start().ravel()
        of_piece = network.breakpoints.searchsorted(W, side="right")
        lines = network.slope_derivatives[of_piece] * W[:, None] + network.intercept_derivatives[of_piece]
        ties = [any(abs(Z[i]) in problem.theta[2:] for Z in problem.run().preactivations) for i in range(W.size)]
        for i, dX in enumerate(right):
            wrong += not exactly(network.derivatives(W[i])[part], dX[part])
            wrong += not ties[i] and not exactly(lines[i, part], dX[part])
            tried += 1
    return none_differ(f"scalar_map's derivatives in {name}, bit for bit", wrong, tried, "entries")


def schedules_agree(cases: Cases) -> list[Check]:
    """(10), (11), (15), (16): three orders of the same sums, and differences of the loss."""
    found = cases.networks.rational
    gap = found.difference_gap
    bits = gap.numerator.bit_length() - gap.denominator.bit_length()
    return [
        of_rationals("tensor, forward and reverse agree", found.schedules_differ, found.cases, "networks"),
        Check(
            OWN + "they agree with exact differences, step 2^-200",
            found.difference_cases > 0 and gap < SMALL_GAP,
            f"worst gap 2^{bits} of {found.difference_cases} networks",
        ),
    ]


def the_pair_is_contracted(cases: Cases) -> Check:
    """(11), (16): a remark; `sensitivities` is what contracts it."""
    found = cases.networks.rational
    arguments = (COUPLED.f, COUPLED.theta, COUPLED.L, COUPLED.run(), COUPLED.target)
    X, *parts = totals.sensitivities(*COUPLED.arguments()[:-1])
    total = [[Fraction(d) for d in line] for line in np.concatenate(parts, axis=2).reshape(-1, 5).tolist()]
    read = exact.contracted(total, [Fraction(x) for x in X.ravel().tolist()], COUPLED.target)
    misread = misreadings.misread_gradient(*arguments)
    right = exact_differences(COUPLED)
    return demonstrated(
        "the pair (j,k) of (14) is contracted; over (p,q) the gradient is another",
        max(abs(a - b) for a, b in zip(read, right, strict=True)) < SMALL_GAP
        and max(abs(a - b) for a, b in zip(misread, right, strict=True)) > Fraction(1, 100),
        f"f = ½(x1+x2-3)², L = 2: dJ/dw1 = {read[0]} as differences have it, not {misread[0]}; "
        f"another in {found.misreading_differs} of {found.misread_cases} networks",
    )


def step_is_weight(cases: Cases) -> Check:
    """(16): a remark. Moving L moves the fixed point 5 - L/2 of this network."""
    f = exact.Fidelity([Fraction(5)])
    fixed = all(
        exact.run(f, SOFT, M, 1, [5 - M / 2]).iterates[-1] == [5 - M / 2]
        for M in (Fraction(4), Fraction(4) + TINY, Fraction(4) - TINY)
    )
    _, _, dL = totals.sensitivities(Fidelity([[5.0]]), as_floats(SOFT), 4.0, 40, np.array([[5.0]]))
    return demonstrated(
        "L is step and weight: dX_(t)/dL tends to -1/2 here, not to 0",
        fixed and abs(dL.item() + 0.5) < 0.01,
        f"dX_(40)/dL = {dL.item():.6f}",
    )
