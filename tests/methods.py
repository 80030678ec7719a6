"""The methods that evaluate J, as the table of engines has them, and how the tests ask all of them alike."""

from fractions import Fraction

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from strategies import FloatQuartic, floats, identity, times

from dsrl_ref import Fidelity, LeastSquares, loss_and_gradient
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.table import ENGINES


def taking(f, x0=((1.0,),)):
    """The names of the engines that take f, started at x0, with finitely many layers."""
    x0 = np.array(x0)
    return [name for name, engine in ENGINES.items() if engine.refuses(Problem(f, x0, x0, 1)) is None]


GENERAL = taking(FloatQuartic(np.ones((1, 1))))
FIDELITY_ONLY = [name for name in taking(Fidelity([[1.0]])) if name not in GENERAL]
LEAST_SQUARES_ONLY = [name for name in taking(LeastSquares([[1.0]], [[1.0]])) if name not in GENERAL]
OF_PIECES = ["pieces", "disk"]  # whose x0 is W or zeros
METHODS = [*GENERAL, *LEAST_SQUARES_ONLY, *FIDELITY_ONLY]
PER_LAYER = [name for name, engine in ENGINES.items() if engine.prepare_layers is not None]
each_per_layer = pytest.mark.parametrize("method", PER_LAYER)
each_method = pytest.mark.parametrize("method", METHODS)
each_for_least_squares = pytest.mark.parametrize("method", [*GENERAL, *LEAST_SQUARES_ONLY])
each_for_fidelity = pytest.mark.parametrize("method", [*GENERAL, *FIDELITY_ONLY])


def methods_for(f):
    """All methods that take f, x0 apart."""
    if isinstance(f, naive.Fidelity | Fidelity):
        return [*GENERAL, *FIDELITY_ONLY]
    return [*GENERAL, *LEAST_SQUARES_ONLY] if isinstance(f, naive.LeastSquares | LeastSquares) else GENERAL


def suited(problem, method):
    """The problem itself where the method takes it, else one like it: with another f, or another x0."""
    if method in LEAST_SQUARES_ONLY and isinstance(problem.f, naive.Fidelity):
        return problem.but(f=naive.LeastSquares(identity(len(problem.x0)), problem.f.W))
    if method in FIDELITY_ONLY and not isinstance(problem.f, naive.Fidelity):
        problem = problem.but(f=naive.Fidelity(naive.minus(problem.x0, problem.target)))
    if method in OF_PIECES:
        kept = problem.f.W[0][0] > 0
        return problem.but(x0=problem.f.W if kept else times(problem.f.W, 0))
    return problem


def package_evaluates(f, theta, L, layers, x0, target, method):
    J, gradient = loss_and_gradient(f, theta, L, layers, target, x0, method)
    return J, list(gradient)


def evaluate(problem, method, sparse=False):
    """Loss and gradient by the package, as rationals."""
    wrap = sp.csr_array if sparse else np.asarray
    f = Fidelity(wrap(floats(problem.f.W))) if sparse else problem.term
    x0, target = wrap(floats(problem.x0)), wrap(floats(problem.target))
    J, gradient = package_evaluates(f, problem.float_theta, float(problem.L), problem.layers, x0, target, method)
    return Fraction(J), [Fraction(value) for value in gradient]
