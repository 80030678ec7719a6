"""Checks of (8), (10) and (15) on other calls: at five free numbers, an engine by itself, and one of middle size."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.appendix import totals
from dsrl_ref.arrays import Array
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.verify import exact
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.checks.engines import CLOSE, PARTS, Makes
from dsrl_ref.verify.engines import answers
from dsrl_ref.verify.findings import Check, none_differ
from dsrl_ref.verify.networks import QUANTITIES
from dsrl_ref.verify.problems import Problem
from dsrl_ref.verify.ways import objective

CLOSE_AT_FREE = Fraction(1e-11)  # of S: exp and log give Θ back to a few units, and the products are as many
COPIES = 400  # of six entries: more than a thousand, and fewer than what is worth compiling


def free(part: str) -> Makes:
    """`Objective.free` at the five numbers of Θ and L: the chain rule, with derivatives in rationals."""
    kept = [k for k, name in enumerate(QUANTITIES) if name in PARTS[part]]

    def check(cases: Cases) -> Iterator[Check]:
        wrong, tried = 0, 0
        for problem in cases.networks.rational_problems[:: 2 if cases.quick else 6]:
            if not 0 < problem.theta[2] < problem.theta[3]:
                continue
            theta, L = problem.float_theta(), float(problem.L)
            J = objective(problem.arguments(), "auto")
            loss, gradient = J.free(J.to_free(theta, L))
            right, scales = _in_free_numbers(problem)
            for k in kept:
                got = Fraction([loss, *gradient.tolist()][k])
                wrong += abs(got - right[k]) > CLOSE_AT_FREE * scales[k]
                tried += 1
        yield none_differ(f"{part} at free numbers, by the chain rule", wrong, tried, "numbers")

    return check


def _in_free_numbers(problem: Problem) -> tuple[list[Fraction], list[Fraction]]:
    """The loss and its derivatives in log w1, log w2, log b1, log(b2 - b1), log L, and what they add up."""
    path = problem.run()
    of_parameters = answers(problem)
    sizes = exact.rounding_scale(problem.f, problem.theta, problem.L, path, problem.target)
    w1, w2, b1, b2 = problem.theta
    found = []
    for J, dw1, dw2, db1, db2, dL in (of_parameters, sizes):
        found.append([J, w1 * dw1, w2 * dw2, b1 * db1 + b1 * db2, (b2 - b1) * db2, problem.L * dL])
    return found[0], found[1]


def itself(part: str) -> Makes:
    """The appendix, called as it is with a W that is stored sparse."""
    kept = [k for k, name in enumerate(QUANTITIES) if name in PARTS[part]]

    def check(cases: Cases) -> Iterator[Check]:
        wrong, tried = 0, 0
        for problem in cases.networks.grid_problems[:: 1 if cases.quick else 4]:
            if not isinstance(problem.f, exact.Fidelity):
                continue
            f, theta, L, layers, x0, target = problem.arguments()
            W, right = Fidelity(csr_array(f.start())), answers(problem)
            loss, gradient = totals.loss_and_gradient(W, theta, L, layers, x0, target)
            wrong += any(Fraction(value) != right[k] for k, value in _kept(kept, loss, gradient))
            tried += 1
        yield none_differ(f"{part} of a sparse W by itself equals the rationals, bit for bit", wrong, tried, "calls")

    return check


def of_middle_size(part: str) -> Makes:
    """Copies of a small problem by "tangent" and "adjoint": copies times its answer."""
    kept = [k for k, name in enumerate(QUANTITIES) if name in PARTS[part]]

    def check(cases: Cases) -> Iterator[Check]:
        problem = next(
            problem
            for problem in cases.networks.grid_problems
            if isinstance(problem.f, exact.LeastSquares) and len(problem.x0) == 6 and problem.layers > 1
        )
        right = [COPIES * value for value in answers(problem)]
        path = problem.run()
        scales = exact.rounding_scale(problem.f, problem.theta, problem.L, path, problem.target)
        f, theta, L, layers, x0, target = problem.arguments()
        assert isinstance(f, LeastSquares)
        wide, start, goal = (np.tile(matrix, (1, COPIES)) for matrix in (f.Y, x0, target))
        worst = Fraction(0)
        for method in ("tangent", "adjoint"):
            J = Objective(LeastSquares(f.D, wide), goal, layers=layers, x0=start, method=method)
            loss, gradient = J(theta, L)
            for k, value in _kept(kept, loss, np.array(gradient)):
                worst = max(worst, abs(Fraction(value) - right[k]) / (COPIES * scales[k] or 1))
        figure = f"{start.size} entries: gap {float(worst):.2g}·S"
        yield Check(f'{part} of many columns by "tangent" and "adjoint"', worst <= Fraction(CLOSE), figure)

    return check


def _kept(kept: list[int], loss: float, gradient: Array) -> list[tuple[int, float]]:
    values = [loss, *gradient.tolist()]
    return [(k, values[k]) for k in kept]
