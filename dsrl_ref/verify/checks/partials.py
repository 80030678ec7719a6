"""Checks of (12), (13), (14) and (17): derivatives of one layer while X_(i-1) is held, ξ, its regions and its ties."""

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from dsrl_ref.appendix import partials
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.verify import exact
from dsrl_ref.verify.cases import Cases, as_floats, as_row
from dsrl_ref.verify.exact import Flat, ThetaQ
from dsrl_ref.verify.findings import OWN, Check, demonstrated, none_differ, of_rationals
from dsrl_ref.verify.networks import TINY, exactly, laid_out
from dsrl_ref.verify.problems import Problem, grid_problem, rational_problem

SOFT: ThetaQ = (Fraction(1), Fraction(1), Fraction(1, 2), Fraction(1, 2))
FEW_UNITS = Fraction(1, 2**48)


def dw1_is_exact(cases: Cases) -> Check:
    """(12)."""
    return _table(cases, "dw1", 0, partials.dw1)


def dw2_is_exact(cases: Cases) -> Check:
    """(12)."""
    return _table(cases, "dw2", 1, partials.dw2)


def db1_is_exact(cases: Cases) -> Check:
    """(13)."""
    return _table(cases, "db1", 2, partials.db1)


def db2_is_exact(cases: Cases) -> Check:
    """(13)."""
    return _table(cases, "db2", 3, partials.db2)


def dZ_is_exact(cases: Cases) -> Check:
    """(14), its factor."""
    return _table(cases, "dZ", 4, partials.dZ)


def _table(cases: Cases, name: str, number: int, function: Callable[[Array, Theta], Array]) -> Check:
    wrong = sum(
        not laid_out(function(Z, as_floats(theta)), Z.shape, [exact.partials(z, theta)[number] for z in zs])
        for theta, zs, Z in cases.matrices
    )
    return none_differ(f"{name} equals the rationals, bit for bit, on all four knots", wrong, len(cases.layers), "Θ")


def dtheta_has_w(cases: Cases) -> Check:
    """(12) side by side, in the order of Θ."""
    return _side_by_side(cases, slice(0, 2), "∂w1 and ∂w2")


def dtheta_has_b(cases: Cases) -> Check:
    """(13) side by side, in the order of Θ."""
    return _side_by_side(cases, slice(2, 4), "∂b1 and ∂b2")


def _side_by_side(cases: Cases, part: slice, name: str) -> Check:
    wrong = sum(
        not laid_out(
            partials.dtheta(Z, as_floats(theta))[:, :, part],
            (*Z.shape, 2),
            [p for z in zs for p in list(exact.partials(z, theta))[part]],
        )
        for theta, zs, Z in cases.matrices
    )
    return none_differ(f"dtheta has {name} in the order of Θ", wrong, len(cases.layers), "Θ")


def w_are_derivatives(cases: Cases) -> list[Check]:
    """(12)."""
    return [
        _derivative(cases, 0, "∂w1 is the derivative of ξ, ties included"),
        _derivative(cases, 1, "∂w2 is the derivative of ξ, ties included"),
    ]


def b_are_derivatives(cases: Cases) -> list[Check]:
    """(13)."""
    return [
        _derivative(cases, 2, "∂b1 is the derivative of ξ off ties"),
        _derivative(cases, 3, "∂b2 is the derivative of ξ off ties"),
    ]


def _derivative(cases: Cases, number: int, name: str) -> Check:
    """Difference ξ in one parameter within a piece, where it is linear: exact."""
    wrong, tried = 0, 0
    for theta, z in cases.aimed:
        h = -TINY if number == 2 and theta[2] > 0 else TINY  # b1 may only fall where b1 = b2, b2 only rise
        if number >= 2 and (abs(z) in theta[2:] or theta[3] == 0):
            continue  # one-sided in the knots: see the remark
        difference = (exact.xi(z, _moved(theta, number, h)) - exact.xi(z, theta)) / h
        wrong += difference != exact.partials(z, theta)[number]
        tried += 1
    return of_rationals(name, wrong, tried, "values")


def _moved(theta: ThetaQ, number: int, h: Fraction) -> ThetaQ:
    w1, w2, b1, b2 = (value + h * (i == number) for i, value in enumerate(theta))
    return w1, w2, b1, b2


def one_sided_at_every_tie(cases: Cases) -> Check:
    """(13): at each of the four knots ξ has two derivatives in that knot, and the row is one of them."""
    wrong, tried = 0, 0
    for theta, _ in cases.layers:
        if not 0 < theta[2] < theta[3]:
            continue
        for number in (2, 3):
            for sign in (1, -1):
                z = sign * theta[number]
                falls, rises = ((exact.xi(z, _moved(theta, number, h)) - exact.xi(z, theta)) / h for h in (-TINY, TINY))
                row = (partials.db1, partials.db2)[number - 2](as_row([z]), as_floats(theta))
                (printed,) = row.ravel().tolist()
                wrong += Fraction(printed) != (falls if sign > 0 else rises)
                wrong += falls == rises and theta[0] != theta[1]
                tried += 1
    return demonstrated(
        "at a tie the row is one-sided: for b decreasing where z > 0, b increasing where z < 0",
        wrong == 0 and tried > 0,
        f"{wrong} differ of {tried} ties: with z moving right, as in (14)",
    )


def no_derivative_at_zero_knot(cases: Cases) -> Check:
    """(13): where the knot cannot fall, the row is the derivative of neither side."""
    theta, h = (Fraction(3, 4), Fraction(1, 2), Fraction(0), Fraction(1)), Fraction(1, 8)
    zero = Fraction(0)
    one_sided = (exact.xi(zero, _moved(theta, 2, h)) - exact.xi(zero, theta)) / h
    (printed,) = partials.db1(as_row([zero]), as_floats(theta)).ravel().tolist()
    return demonstrated(
        "where b1 = 0 and z = 0, b1 can only increase and ξ stays 0, yet the row says -w1",
        one_sided == 0 and Fraction(printed) == -theta[0],
        f"one-sided {one_sided}, printed {printed}",
    )


def slope_is_right_derivative(cases: Cases) -> Check:
    """(14)."""
    wrong = sum((exact.xi(z + TINY, t) - exact.xi(z, t)) / TINY != exact.partials(z, t)[4] for t, z in cases.aimed)
    ties = sum(abs(z) in t[2:] for t, z in cases.aimed)
    return of_rationals(
        "it is the right derivative of ξ in z, at ties too", wrong, len(cases.aimed), f"values, {ties} ties"
    )


def tensor_is_exact(cases: Cases) -> Check:
    """(14): `dX`, with Z on knots and L any power of two; X and Z need not belong together."""
    rng, wrong = cases.rng("tensor"), 0
    for number in range(cases.many // 2):
        problem, zs = _with_any_z(rng, grid_problem(rng, number))
        if number % 9 == 0:
            problem = replace(problem, L=Fraction(2**12))
        Z, X = problem.matrix(zs), problem.matrix(problem.x0)
        f, theta, L, *_ = problem.arguments()
        right = exact.layer_tensor(problem.f, problem.theta, problem.L, problem.x0, zs)
        wrong += not exactly(
            partials.dX(f, Z, X, theta, L, 1 + number % 9), [value for line in right for value in line]
        )
    return none_differ("dX equals the rationals, bit for bit, ties and L included", wrong, cases.many // 2, "tensors")


def tensor_rounds_little(cases: Cases) -> Check:
    """(14): `dX` for 53-bit L, and for f whose Hessian depends on X."""
    rng, worst = cases.rng("tensor of 53 bits"), Fraction(0)
    for number in range(cases.many // 3):
        problem, zs = _with_any_z(rng, rational_problem(rng, number))
        f, theta, L, *_ = problem.arguments()
        got = partials.dX(f, problem.matrix(zs), problem.matrix(problem.x0), theta, L, layer=1).ravel().tolist()
        right = exact.layer_tensor(problem.f, problem.theta, problem.L, problem.x0, zs)
        scale = 2 + max(abs(value) for line in right for value in line)
        worst = max(worst, *(abs(Fraction(a) - b) / scale for a, b in zip(got, _joined(right), strict=True)))
    units = float(worst) * 2**53
    return Check("dX for any L", worst <= FEW_UNITS, f"{units:.2g} units of 2^-53 of the largest entry")


def _with_any_z(rng: random.Random, problem: Problem) -> tuple[Problem, Flat]:
    """A problem with entries of Z on its knots and anywhere."""
    knots = [*problem.theta[2:], *(-knot for knot in problem.theta[2:])]
    return problem, [rng.choice([*knots, Fraction(rng.randint(-32, 32), 8)]) for _ in problem.x0]


def _joined(lines: list[Flat]) -> Flat:
    return [value for line in lines for value in line]


def hessian_products_are_exact(cases: Cases) -> Check:
    """(14): ∇²f of `Fidelity` and `LeastSquares`, dense and sparse, against exact differences of ∇f."""
    rng, wrong, tried = cases.rng("hessian"), 0, 0
    for number in range(cases.many // 3):
        problem = grid_problem(rng, number)
        X, V = problem.x0, [Fraction(rng.randint(-3, 3)) for _ in problem.x0]
        moved = [problem.f.gradient([x + h * v for x, v in zip(X, V, strict=True)]) for h in (1, -1)]
        right = [(a - b) / 2 for a, b in zip(*moved, strict=True)]  # f is quadratic
        for f in dense_and_sparse(problem):
            for direction in (problem.matrix(V), csr_array(problem.matrix(V))):
                product = as_dense(f.hessian_product(direction, problem.matrix(X)))
                wrong += not laid_out(product, problem.shape, right)
                tried += 1
    return none_differ(
        "hessian_product is the difference of ∇f, bit for bit, dense and sparse", wrong, tried, "products"
    )


def dense_and_sparse(problem: Problem) -> tuple[Fidelity | LeastSquares, Fidelity | LeastSquares]:
    """The smooth term with its matrices stored in both ways."""
    f = problem.smooth_term()
    if isinstance(f, Fidelity):
        return f, Fidelity(csr_array(f.W))
    assert isinstance(f, LeastSquares)
    return LeastSquares(as_dense(f.D), f.Y), LeastSquares(csr_array(f.D), csr_array(f.Y))


def as_dense(matrix: Any) -> Array:
    """A matrix that may be stored sparse."""
    return np.asarray(matrix.toarray() if issparse(matrix) else matrix)


def rows_are_not_odd(cases: Cases) -> Check:
    """(14): a remark."""
    at = Theta(1.0, 0.5, 1.0, 2.0)
    slopes = partials.dZ(np.array([[1.0, -1.0]]), at).ravel().tolist()
    return demonstrated(
        "half-open rows are not odd at ties: the slope at z = b1 is not that at -b1",
        slopes[0] != slopes[1],
        f"slope {slopes[0]} at b1, {slopes[1]} at -b1",
    )


def hessian_is_needed(cases: Cases) -> Check:
    """∂Z/∂X is left open: it is I - H/L."""
    f = exact.Quartic([Fraction(1, 2), Fraction(1, 4)])
    X, L, wrong = [Fraction(1, 2), Fraction(3, 4)], Fraction(2), 0
    for jk in range(2):
        moved = [f.gradient([x + h * (i == jk) for i, x in enumerate(X)]) for h in (TINY, -TINY)]
        for pq in range(2):
            difference = int(pq == jk) - (moved[0][pq] - moved[1][pq]) / (2 * TINY) / L
            column = f.hessian_product([Fraction(int(i == jk)) for i in range(2)], X)[pq]
            wrong += abs(difference - (int(pq == jk) - column / L)) > Fraction(1, 2**350)
    return demonstrated(
        "∂Z_pq/∂X_jk is left open; it is δ - (∂²f/∂X_pq∂X_jk)/L", wrong == 0, "gap < 2^-350, f not quadratic"
    )


def dL_is_exact(cases: Cases) -> Check:
    """(17), L any power of two."""
    rng, wrong = cases.rng("dL"), 0
    for theta, zs, Z in cases.matrices:
        L = Fraction(2) ** rng.choice([-2, -1, 0, 1, 2, 3, 9])
        g = [Fraction(rng.choice([-3, -2, -1, 1, 2, 5])) for _ in zs]
        right = [exact.partials(z, theta)[4] * y / L**2 for z, y in zip(zs, g, strict=True)]
        got = partials.dL(Z, as_row(g).reshape(Z.shape), as_floats(theta), float(L))
        wrong += not laid_out(got, Z.shape, right)
    return none_differ(
        "dL equals the rationals, bit for bit, on all four knots", wrong, len(cases.layers), "Θ, L in 1/4..512"
    )


def dL_rounds_little(cases: Cases) -> Check:
    """(17), L anything, of a size too whose square leaves float64."""
    rng, worst, largest = cases.rng("dL of 53 bits"), Fraction(0), Fraction(0)
    for number, (theta, zs) in enumerate(cases.layers):
        of_L, of_g = ((1.0, 1.0), (1e200, 1e250), (1e-200, 1e-250))[number % 3]
        L, g = Fraction(of_L * rng.uniform(0.3, 9)), [Fraction(of_g * rng.uniform(-2, 2)) for _ in zs]
        got = partials.dL(as_row(zs), as_row(g), as_floats(theta), float(L)).ravel().tolist()
        for z, y, value in zip(zs, g, got, strict=True):
            right = exact.partials(z, theta)[4] * y / L**2
            size = max(theta[:2]) * abs(y) / L**2
            worst, largest = max(worst, _apart(value, right, size)), max(largest, abs(right))
    units = float(worst) * 2**53
    return Check("dL for any L", worst <= FEW_UNITS and largest > 0, f"{units:.2g} units of 2^-53·w|∇f|/L²")


def _apart(value: float, right: Fraction, size: Fraction) -> Fraction:
    """How far a float is from what is right, in units of `size`; a float that is none is far off."""
    return abs(Fraction(value) - right) / size if np.isfinite(value) else Fraction(1)


def derivative_in_L(cases: Cases) -> Check:
    """(17)."""
    rng, worst, tried = cases.rng("derivative in L"), Fraction(0), 0
    for theta, z in cases.aimed[::4]:
        L, g = Fraction(rng.randint(3, 40), 8), 1 + z * z
        x = z + g / L
        if abs(z) in theta[2:]:
            continue
        moved = [exact.xi(x - g / (L + h), theta) for h in (TINY, -TINY)]
        worst = max(worst, abs((moved[0] - moved[1]) / (2 * TINY) - exact.partials(z, theta)[4] * g / L**2))
        tried += 1
    return Check(
        OWN + "∂L is the derivative in L", tried > 0 and worst < Fraction(1, 2**350), f"gap < 2^-350 at {tried} values"
    )


def index_is_needed(cases: Cases) -> Check:
    """(17): a remark."""
    L, X, W = Fraction(2), [Fraction(2), Fraction(3)], [Fraction(0), Fraction(-1)]
    f = exact.Fidelity(W)
    path = exact.run(f, SOFT, L, 1, X)
    g = Fidelity(as_row(W)).gradient(as_row(X))
    own = [Fraction(v) for v in partials.dL(as_row(path.preactivations[0]), g, as_floats(SOFT), 2.0).ravel().tolist()]
    moved = [exact.run(f, SOFT, L + h, 1, X).iterates[-1] for h in (TINY, -TINY)]
    differences = [(a - b) / (2 * TINY) for a, b in zip(*moved, strict=True)]
    close = max(abs(a - b) for a, b in zip(own, differences, strict=True)) < Fraction(1, 2**350)
    return demonstrated(
        "the right side lacks the index pq of ∇f: entries differ", close and own[0] != own[1], f"{own[0]} and {own[1]}"
    )
