"""Many random lassos and MCPs in all units: no end is called converged that is not, and few are not reached.

What judges is `solver_oracles`, in extended precision.
"""

from collections import Counter

import numpy as np
import pytest
from solver_oracles import lasso_gap, violation

from dsrl_ref import LeastSquares, Theta, solve

TOL = 1e-8


def draw(rng):
    """D scaled by 1e-6..1e6, by column or as a whole, Y by 1e-9..1e6, weight .001 to .5 of the largest |DᵀY|."""
    k, n, m = int(rng.integers(5, 60)), int(rng.integers(2, 100)), int(rng.integers(1, 4))
    D = rng.normal(size=(k, n))
    if rng.random() < 0.3:
        D += 3 * rng.normal()  # columns that have much in common
    D *= 10.0 ** rng.uniform(-6, 6, size=n if rng.random() < 0.5 else 1)
    X = rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.3) / np.linalg.norm(D, axis=0)[:, None]
    Y = D @ X + 0.1 * rng.normal(size=(k, m))
    Y *= 10.0 ** rng.uniform(-9, 6) / np.abs(Y).max()
    slope = np.abs(D.T @ Y).max() * 10 ** rng.uniform(-3, np.log10(0.5))
    if rng.random() < 0.5:
        return D, Y, Theta.soft(1.0), slope
    end = 10 ** rng.uniform(-1, 1.7) * np.abs(Y).max() / np.linalg.norm(D, axis=0).max()
    theta = Theta.firm(end * rng.uniform(0.05, 0.8), end)
    return D, Y, theta, slope / theta.b1


@pytest.mark.parametrize("seed", range(10))
def test_no_end_is_called_converged_that_is_not_and_few_are_not_reached(seed, repeats):
    rng, ends, problems = np.random.default_rng(seed), Counter(), repeats(20, 200)
    for _ in range(problems):
        D, Y, theta, weight = draw(rng)
        found = solve(LeastSquares(D, Y), theta, weight, tol=TOL)
        ends[found.converged] += 1
        for k in np.flatnonzero([status.converged for status in found.column_status]):
            y, x = Y[:, k], found.x[:, k]
            soft = theta.w1 == 1
            left = lasso_gap(D, y, weight, x) if soft else violation(D, y, theta, weight, x)
            assert left <= 10 * TOL
    assert ends[False] <= 0.01 * problems
