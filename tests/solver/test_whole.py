"""A smooth term of one's own: accelerated gradients to a stationary point, in any unit."""

from itertools import count

import numpy as np
import pytest
from strategies import FloatQuartic

from dsrl_ref import LeastSquares, Status, Theta, regularizer, solve
from dsrl_ref.solver import whole
from dsrl_ref.solver.penalty import Penalty

CONVEX = Theta(0.8, 0.6, 0.2, 0.7)


class Own:
    """A `LeastSquares` that does not say so, in a unit of its own; L is not known unless given."""

    def __init__(self, f, L=np.inf):
        self.shape, self.value, self.gradient, self.start, self.L = f.shape, f.value, f.gradient, f.start, L

    def lipschitz(self):
        return self.L


def least_squares(scale=1.0):
    rng = np.random.default_rng(0)
    D = rng.normal(size=(20, 30)) / np.sqrt(20)
    return LeastSquares(D, scale * (D @ (2 * rng.normal(size=(30, 4)) * (rng.random((30, 4)) < 0.15))))


def test_the_start_of_the_quartic_goes_down_to_a_stationary_point():
    f, theta = FloatQuartic(np.array([[2.0, 0.5], [0.5, 1.0]])), Theta.soft(0.1)
    start = np.array([[0.75, 0.125], [0.25, -0.5]])
    found = solve(f, theta, x0=start, tol=1e-10)
    assert found.status is Status.STATIONARY
    assert found.message == "converged: a stationary point; it is the minimum if f is convex"
    gradient = f.gradient(found.x)
    off = np.abs(gradient + 0.1 * np.sign(found.x))
    assert np.where(found.x == 0, np.maximum(0, np.abs(gradient) - 0.1), off).max() <= 1e-10 * 0.1 * (1 + 1e-6)
    assert found.objective < f.value(start) + regularizer(start, theta).sum()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_it_finds_what_least_squares_finds_in_any_unit(scale):
    f, theta = least_squares(scale), Theta(0.8, 0.6, 0.2 * scale, 0.7 * scale)
    expected = solve(f, theta, tol=1e-12).x
    for own in (Own(f), Own(f, f.lipschitz())):
        found = solve(own, theta, tol=1e-10)
        assert found.converged
        assert found.x / scale == pytest.approx(expected / scale, abs=1e-8)


def test_an_unknown_constant_is_found_in_any_unit_of_f():
    """f·1e-12: with a first L of 1 a step would be 1e-12 of what it should be."""
    f = least_squares()

    class Small(Own):
        def __init__(self):
            super().__init__(f)
            self.value, self.gradient = lambda X: 1e-12 * f.value(X), lambda X: 1e-12 * f.gradient(X)

    found = solve(Small(), CONVEX, 1e-12, tol=1e-8, max_iter=2000)
    assert found.converged
    assert found.x == pytest.approx(solve(f, CONVEX).x, abs=1e-6)


def test_the_violation_has_h_s_slope_at_0_as_its_unit_or_the_largest_term():
    f = least_squares()
    X = np.random.default_rng(1).normal(size=f.shape)
    at_zero = np.abs(f.gradient(np.zeros(f.shape)))
    h = Penalty.of(Theta.soft(0.5), 0.4)
    off = np.abs(f.gradient(X) + 0.2 * np.sign(X))
    assert whole.violations(f, h, X, at_zero, 3.0) == pytest.approx(off.max(axis=0) / 0.2, rel=1e-12)
    none = Penalty.of(Theta.soft(0.5), 0.0)
    unit = np.maximum(at_zero, 3.0 * np.abs(X).max(axis=0))
    expected = (np.abs(f.gradient(X)) / unit).max(axis=0)
    assert whole.violations(f, none, X, at_zero, 3.0) == pytest.approx(expected, rel=1e-12)


def test_it_returns_the_best_it_saw_and_says_that_iterations_ran_out():
    f = least_squares()
    found = solve(Own(f), CONVEX, max_iter=3)
    assert found.status is Status.MAX_ITER
    assert found.iterations == 3
    assert found.objective < f.value(np.zeros(f.shape))
    assert not solve(FloatQuartic(np.eye(2)), CONVEX, x0=np.ones((2, 2)), max_iter=1).converged


def test_a_value_that_rises_whenever_it_is_asked_for_ends_the_search_for_a_step():
    own, calls = Own(least_squares()), count()
    own.value = lambda X: float(next(calls))
    with pytest.raises(ValueError, match=r"f is not below its quadratic model for any L up to .*e\+150: are its value"):
        solve(own, CONVEX)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_no_start(number):
    own = Own(least_squares())
    own.value = lambda X: number
    with pytest.raises(ValueError, match=rf"f.value\(X\) is {number} at x0: give an x0 where f is finite"):
        solve(own, CONVEX)


class Barrier:
    """Σ x - log(x + 1), which is infinite up to -1, and has its least value at 0; beside it, x is anything."""

    shape = (2, 1)

    def value(self, X):
        return float(np.sum(X - np.log(X + 1))) if (X > -1).all() else np.inf

    def gradient(self, X):
        assert (X > -1).all()
        return 1 - 1 / (X + 1)

    def lipschitz(self):
        return np.inf

    def start(self):
        return np.full((2, 1), 1e3)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_start_without_a_finite_value_is_refused_whatever_constant_is_known(number):
    own = Own(least_squares(), L=1e3)
    own.value = lambda X: number
    with pytest.raises(ValueError, match=r"f.value\(X\) is .* at x0"):
        whole.minimise(own, Penalty.of(CONVEX, 1.0), np.zeros(own.shape), 1e-9, 0)


class Pit(Barrier):
    """The same, but f falls to -∞ up to -1, where no step may end."""

    def value(self, X):
        return super().value(X) if (X > -1).all() else -np.inf


@pytest.mark.parametrize("term", [Barrier, Pit])
def test_no_step_ends_where_f_is_not_finite(term):
    found = solve(term(), Theta.soft(0.1))
    assert found.status is Status.STATIONARY
    assert found.x == pytest.approx(np.zeros((2, 1)), abs=1e-12)


def test_momentum_is_worth_its_while():
    """Without it, or with a restart whenever it helps, these would be the steps of plain proximal gradient descent."""
    rng = np.random.default_rng(0)
    D = rng.normal(size=(20, 20)) @ np.diag(np.geomspace(1, 0.3, 20))
    f, theta = LeastSquares(D, D @ rng.normal(size=(20, 1))), Theta.soft(1e-3)
    h, L, X, plain = Penalty.of(theta, 1.0), f.lipschitz(), np.zeros(f.shape), 0
    at_zero = np.abs(f.gradient(X))
    while whole.violations(f, h, X, at_zero, L).max() > 1e-2:
        X = h.minimiser(L * X - f.gradient(X), L)
        plain += 1
    _, least, taken = whole.minimise(f, h, np.zeros(f.shape), 1e-2, plain)
    assert least.max() <= 1e-2
    assert taken < plain / 5
