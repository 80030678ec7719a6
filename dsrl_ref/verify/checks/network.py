"""Checks of (8) and (9): the loss, the recursion, and the smooth terms that it steps along."""

import math
from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array, diags_array, issparse

import dsrl_ref
from dsrl_ref.appendix import network
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.verify import exact
from dsrl_ref.verify.cases import Cases, as_floats, as_row
from dsrl_ref.verify.checks.partials import SOFT, as_dense, dense_and_sparse
from dsrl_ref.verify.findings import Check, none_differ, of_rationals
from dsrl_ref.verify.networks import exactly, laid_out
from dsrl_ref.verify.problems import grid_problem, in_unit, unit

CLOSE = 1e-13  # relative, of eigenvalues


def loss_is_exact(cases: Cases) -> Check:
    """(8): `appendix.loss`, of matrices of any size."""
    rng, wrong = cases.rng("loss"), 0
    for number in range(cases.many):
        n, m = rng.randint(1, 4), rng.randint(1, 4)
        X, target = ([unit(number) * Fraction(rng.randint(-64, 64), 8) for _ in range(n * m)] for _ in range(2))
        got = network.loss(as_row(target).reshape(n, m), as_row(X).reshape(n, m))
        wrong += Fraction(got) != exact.loss(X, target)
    return none_differ("appendix.loss equals the rationals, bit for bit", wrong, cases.many, "losses")


def loss_has_its_gradient(cases: Cases) -> Check:
    """(8): dJ/dX_(t), which (10) and (15) contract with."""
    wrong, tried = 0, 0
    for problem in cases.networks.rational_problems[:40]:
        X = problem.x0
        for i, (x, y) in enumerate(zip(X, problem.target, strict=True)):
            moved = [exact.loss([*X[:i], x + h, *X[i + 1 :]], problem.target) for h in (1, -1)]
            wrong += (moved[0] - moved[1]) / 2 != x - y
            tried += 1
    return of_rationals("dJ/dX = X - X̃", wrong, tried, "entries")


def target_defaults_to_W(cases: Cases) -> Check:
    """(8): X̃ where the caller gives none."""
    W = np.array([[2.0, -0.25, 1.5]])
    J = Objective(Fidelity(W), layers=1, x0=np.zeros((1, 3)))
    loss, _ = J((1.0, 1.0, 0.5, 0.5), 2.0)
    once, _ = dsrl_ref.loss_and_gradient(Fidelity(W), (1.0, 1.0, 0.5, 0.5), 2.0, 1, x0=np.zeros((1, 3)))
    right = 0.5 * (1.5**2 + 0.25**2 + 1.25**2)
    return Check("X̃ is W where none is given", loss == right == once, f"{loss} and {once}, right is {right}")


def iterates_are_exact(cases: Cases) -> Check:
    """(9): `forward`, and what it steps along; sparse in, sparse out."""
    wrong, tried, problems = 0, 0, cases.networks.grid_problems
    for problem in problems:
        path = problem.run()
        f, theta, L, layers, x0, _ = problem.arguments()
        runs = [dsrl_ref.forward(f, theta, L, layers, x0)]
        if np.array_equal(x0, f.start()):
            runs.append(dsrl_ref.forward(f, theta, L, layers))
        if isinstance(f, Fidelity) and tried < 2 * cases.many // 3:
            sparse = dsrl_ref.forward(Fidelity(csr_array(f.W)), theta, L, layers, csr_array(x0))
            wrong += not all(map(issparse, sparse))
            runs.append([X.toarray() for X in sparse])
        for iterates in runs:
            wrong += len(iterates) != layers + 1 or not all(map(exactly, iterates, path.iterates))
            tried += 1
    return none_differ("forward, dense and sparse, equals the rationals, bit for bit", wrong, tried, "networks")


def rounding_of_iterates(cases: Cases) -> list[Check]:
    """(9) on 53-bit data and any L."""
    found = cases.networks.rounding
    moved = found.other_regions
    return [
        Check("rounding of X_(t)", found.worst_iterate <= 1000, f"{found.worst_iterate:.3g} units of 2^-53·max|X|"),
        Check(
            "float64 finds the exact regions", moved <= found.cases // 100, f"{moved} of {found.cases} networks differ"
        ),
    ]


def terms_are_exact(cases: Cases) -> Check:
    """f: its value is what its gradient differences, X_(0) is where it says; all of it dense and sparse."""
    rng, wrong, tried = cases.rng("terms"), 0, 0
    for number in range(max(35, cases.many // 3)):
        problem = in_unit(grid_problem(rng, number), unit(number))
        X, V, gradient = problem.x0, [Fraction(rng.randint(-2, 2)) for _ in problem.x0], problem.f.gradient(problem.x0)
        if isinstance(problem.f, exact.LeastSquares):
            start, value = np.zeros(problem.shape), exact.loss(problem.f.applied(X), problem.f.Y)
        else:
            assert isinstance(problem.f, exact.Fidelity)
            start, value = problem.matrix(problem.f.W), exact.loss(X, problem.f.W)
        along = sum((g * v for g, v in zip(gradient, V, strict=True)), Fraction(0))
        sides = [problem.matrix([x + h * v for x, v in zip(X, V, strict=True)]) for h in (1, -1)]
        for term in dense_and_sparse(problem):
            for stored in (np.array, csr_array):
                there = [term.value(stored(side)) for side in sides]
                wrong += (Fraction(there[0]) - Fraction(there[1])) / 2 != along
                wrong += Fraction(term.value(stored(problem.matrix(X)))) != value
                wrong += not laid_out(as_dense(term.gradient(stored(problem.matrix(X)))), problem.shape, gradient)
                tried += 3
            wrong += not np.array_equal(as_dense(term.start()), start)
            tried += 1
    return none_differ("value, gradient and start of f, dense and sparse, are the rationals'", wrong, tried, "answers")


def lipschitz_is_largest_eigenvalue(cases: Cases) -> Check:
    """f: of two rows or columns in closed form; of differences along a line, dense and sparse, by their sines."""
    rng, worst = np.random.default_rng(cases.seed), 0.0
    for number in range(20):
        D = rng.normal(size=(2, 5) if number % 2 else (4, 2))
        gram = D @ D.T if number % 2 else D.T @ D
        half, gap = (gram[0, 0] + gram[1, 1]) / 2, (gram[0, 0] - gram[1, 1]) / 2
        right = half + math.hypot(gap, gram[0, 1])
        worst = max(worst, float(abs(LeastSquares(D, np.zeros((len(D), 1))).lipschitz() / right - 1)))
    n = 80
    differences = diags_array([np.ones(n), -np.ones(n)], offsets=[0, 1], shape=(n, n + 1))
    right = 2 + 2 * math.cos(math.pi / (n + 1))
    for D in (differences.toarray(), csr_array(differences)):
        worst = max(worst, abs(LeastSquares(D, np.zeros((n, 1))).lipschitz() / right - 1))
    of_W = [Fidelity(stored(W)).lipschitz() for stored in (np.array, csr_array) for W in ([[3.0]], [[0.0, 2.0]])]
    right_of_W = set(of_W) == {1.0}
    return Check(
        "lipschitz is the largest eigenvalue of the Hessian", worst <= 100 * CLOSE and right_of_W, f"gap {worst:.2g}"
    )


def scalar_map_is_the_network(cases: Cases) -> Check:
    """(9) with `Fidelity`: `scalar_map` applied to W, and to other entries, is X_(t)."""
    wrong, tried = 0, 0
    for problem in cases.networks.grid_problems:
        if not isinstance(problem.f, exact.Fidelity) or (problem.x0 != problem.f.W and any(problem.x0)):
            continue
        f, theta, L, layers, x0, target = problem.arguments()
        network, W = Objective(f, target, layers=layers, x0=x0).scalar_map(theta, L), f.start().ravel()
        of_piece = network.breakpoints.searchsorted(W, side="right")
        lines = network.slopes[of_piece] * W + network.intercepts[of_piece]
        low, high = network.intervals[of_piece].T
        last = problem.run().iterates[-1]
        for shape in (problem.shape, (W.size,), (1, 1, W.size)):
            wrong += not laid_out(network(W.reshape(shape)), shape, last)
        for i, right in enumerate(last):
            wrong += Fraction(float(network(W[i]))) != right
            wrong += bool(low[i] <= W[i] <= high[i]) and Fraction(float(lines[i])) != right
            tried += 1
    return none_differ("scalar_map gives X_(t), bit for bit", wrong, tried, "entries")


def fixed_point_weighs_by_L(cases: Cases) -> Check:
    """(9): what the layers end at."""
    L, grid = Fraction(4), [Fraction(k, 2) for k in range(-20, 21)]
    f = Fidelity([[5.0]])
    still = [x for x in grid if dsrl_ref.forward(f, as_floats(SOFT), 4.0, 1, [[float(x)]])[-1][0, 0] == float(x)]
    least = {t: min(grid, key=lambda x: (x - 5) ** 2 / 2 + t * exact.regularizer(x, SOFT)) for t in (1, L)}
    return Check(
        "a fixed point is stationary for f + L·g",
        still == [least[L]] and least[L] != least[1],
        f"f = ½(x-5)², L = 4: fixed at {', '.join(map(str, still))} = argmin f+4g; argmin f+g = {least[1]}",
    )
