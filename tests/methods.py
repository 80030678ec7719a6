"""The methods that evaluate J, each engine under a name of its own, and how the tests ask all of them alike.

"columns" is no method of `Objective`, which takes it for "adjoint" where data are large: here it runs on any.
"""

from fractions import Fraction

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from strategies import floats, identity, times

from dsrl_ref import Fidelity, LeastSquares, Theta, loss_and_gradient
from dsrl_ref.engines import columns
from dsrl_ref.objective import FIDELITY_ONLY

GENERAL = ["tensor", "tangent", "adjoint"]
METHODS = [*GENERAL, "columns", "fused", "pieces"]
each_method = pytest.mark.parametrize("method", METHODS)
each_for_least_squares = pytest.mark.parametrize("method", [*GENERAL, "columns"])
each_for_fidelity = pytest.mark.parametrize("method", [*GENERAL, *FIDELITY_ONLY])


def methods_for(f):
    """All methods that take f, x0 apart."""
    if isinstance(f, naive.Fidelity | Fidelity):
        return [*GENERAL, "fused", "pieces"]
    return [*GENERAL, "columns"] if isinstance(f, naive.LeastSquares | LeastSquares) else GENERAL


def suited(problem, method):
    """The problem itself where the method takes it, else one like it: with another f, or another x0."""
    if method == "columns" and isinstance(problem.f, naive.Fidelity):
        return problem.but(f=naive.LeastSquares(identity(len(problem.x0)), problem.f.W))
    if method in FIDELITY_ONLY and not isinstance(problem.f, naive.Fidelity):
        problem = problem.but(f=naive.Fidelity(naive.minus(problem.x0, problem.target)))
    if method == "pieces":
        kept = problem.f.W[0][0] > 0
        return problem.but(x0=problem.f.W if kept else times(problem.f.W, 0))
    return problem


def package_evaluates(f, theta, L, layers, x0, target, method):
    if method == "columns":
        J, gradient = columns.loss_and_gradient(f, Theta(*theta), L, layers, x0, target)
    else:
        J, gradient = loss_and_gradient(f, theta, L, layers, target, x0, method)
    return J, list(gradient)


def evaluate(problem, method, sparse=False):
    """Loss and gradient by the package, as rationals."""
    wrap = sp.csr_array if sparse else np.asarray
    f = Fidelity(wrap(floats(problem.f.W))) if sparse else problem.term
    x0, target = wrap(floats(problem.x0)), wrap(floats(problem.target))
    J, gradient = package_evaluates(f, problem.float_theta, float(problem.L), problem.layers, x0, target, method)
    return Fraction(J), [Fraction(value) for value in gradient]
