"""Levenberg-Marquardt on w1, w2, b1, b2, L, with (7) and L > 0 held as constraints, from several starts."""

from typing import Any

import numpy as np

from dsrl_ref.appendix.theta import FLOOR_OF_SLOPES, Theta
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.errors import DivergenceError
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import multiplications
from dsrl_ref.threads import blas_threads

FLOOR_OF_L = 1e-4
TRIAL = 6  # steps from every start; the best then goes on
QUANTILES = 0.5, 0.75, 0.95  # of |Z_(1)|: the starts have b1 a little below
BELOW = 0.99
DAMPING, LEAST_DAMPING = 1e-2, 1e-12
LEAST_GAIN = 1e-10  # of the loss, by a step, in fact and as the model has it
SMALL_STEP = 1e-12  # of the parameters
NO_LOSS = 1e-28  # of ½‖X̃‖²


class LevenbergMarquardt:
    """One descent, damped by the rule of Nielsen (1999); (7) holds at `values`, where `loss` is J."""

    def __init__(self, J: Objective, values: Array) -> None:
        self.J, self.scale, self.message = J, np.zeros(5), ""
        self.damping: float = DAMPING
        self.growth: float = 2.0
        self.move_to(feasible(values))

    def move_to(self, values: Array) -> None:
        """Evaluate J, its gradient and the Gauss-Newton matrix at a point of (7)."""
        self.values = values
        self.loss, gradient, self.matrix = self.J.gauss_newton(values[:4], values[4])
        self.gradient = np.array(gradient)
        self.scale = np.maximum(self.scale, np.diag(self.matrix))

    def step(self) -> None:
        """Try one step; take it if the loss falls, else try a shorter one next time."""
        scale = np.where(self.scale > 0, self.scale, self.scale.max() or 1.0)
        rows, slack = constraints(self.values)
        move = constrained_minimum(self.matrix + self.damping * np.diag(scale), self.gradient, rows, slack)
        candidate, before = feasible(self.values + move), self.loss
        loss = _loss_or_infinity(self.J, candidate)
        expected = float(-(self.gradient @ move + 0.5 * move @ self.matrix @ move))
        if loss < before:
            ratio = min(2.0, (before - loss) / expected) if expected > 0 else 2.0
            self.damping = max(LEAST_DAMPING, self.damping * max(1 / 3, 1 - (2 * ratio - 1) ** 3))
            self.growth = 2.0
            self.move_to(candidate)
            if max(expected, before - loss) <= LEAST_GAIN * before:
                self.message = f"converged: a step lowers the loss by less than {LEAST_GAIN:g} of it"
        else:
            self.damping *= self.growth
            self.growth *= 2.0
            if np.all(np.abs(candidate - self.values) <= SMALL_STEP * np.abs(self.values)):
                self.message = "converged: no step within (7) lowers the loss"
        if self.loss <= NO_LOSS * 0.5 * _square_sum(self.J.target):
            self.message = "converged: the loss is 0 but for rounding"

    @property
    def state(self) -> Array:
        """Where it is, and what it has learned of the scales."""
        return np.concatenate([self.values, self.scale, [self.damping, self.growth]])

    @state.setter
    def state(self, state: Array) -> None:
        self.scale, self.damping, self.growth, self.message = state[5:10], float(state[10]), float(state[11]), ""
        self.move_to(state[:5])


class GaussNewtonDescent:
    """A few steps from every start, then on from the best; `loss` and `values` are where it is at the moment."""

    def __init__(self, J: Objective, starts: list[Array]) -> None:
        self.starts = starts
        self.tried: list[tuple[float, Array]] = []  # loss and state after each trial
        self.steps_of_trial = 0
        self.current = LevenbergMarquardt(J, starts[0])

    @property
    def values(self) -> Array:
        """w1, w2, b1, b2, L; (7) holds."""
        return self.current.values

    @property
    def message(self) -> str:
        """How it ended; empty before, as a trial that has ended gives way to the next at once."""
        return self.current.message

    def evaluate(self) -> float:
        """J where the descent is."""
        return self.current.loss

    def step(self) -> None:
        """Take a step; after the last of a trial, go to the next start or to the best of all."""
        self.current.step()
        self.steps_of_trial += 1
        if len(self.tried) < len(self.starts) and (self.current.message or self.steps_of_trial == TRIAL):
            self.tried.append((self.current.loss, self.current.state))
            self.steps_of_trial = 0
            if len(self.tried) < len(self.starts):
                self.current = LevenbergMarquardt(self.current.J, self.starts[len(self.tried)])
            elif len(self.starts) > 1:
                self.current.state = min(self.tried, key=lambda trial: trial[0])[1]

    @property
    def state(self) -> dict[str, Any]:
        """All that the next step depends on, and whether there is one."""
        return {
            "current": self.current.state,
            "message": np.array(self.current.message),
            "steps_of_trial": np.array(self.steps_of_trial),
            "losses": np.array([loss for loss, _ in self.tried]),
            "states": np.array([state for _, state in self.tried]).reshape(-1, 12),
        }

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.tried = list(zip(state["losses"].tolist(), state["states"], strict=True))
        self.steps_of_trial, self.current.state = int(state["steps_of_trial"]), state["current"]
        self.current.message = str(state["message"])  # one that had ended takes no further step


def starts(J: Objective) -> list[Array]:
    """Points from which the gradient reaches the data: b1 amid the values that the first layer sees."""
    L = float(J.f.lipschitz())
    if not 0 < L < np.inf:
        raise ValueError(f"f.lipschitz() is {L}, no step constant to start from: give fit both theta and L")
    with blas_threads(J.threads, multiplications(J.f, J.shape)):
        seen = np.abs(_stored(J.x0 - J.f.gradient(J.x0) / L))
    seen = seen[seen > 0]
    knots = BELOW * np.quantile(seen, QUANTILES) if seen.size else np.ones(1)
    return [np.array([1.0, 0.9, knot, 2 * knot, L]) for knot in knots]


def feasible(values: Array) -> Array:
    """The nearest point of (7) with L > 0."""
    return np.append(Theta.projected(values[:4]), max(values[4], FLOOR_OF_L))


def constraints(values: Array) -> tuple[Array, Array]:
    """(7) and the floors as rows @ step + slack >= 0; the bound on b1, curved in w1, by its tangent, which is above."""
    w1, w2, b1, b2, L = values
    at = max(w1, 1.0)  # of the tangent: below 1 there is no bound but 0
    bound = 1 - 1 / at + (w1 - at) / at**2
    rows = np.array(
        [
            [1, 0, 0, 0, 0],
            [0, 1, 0, 0, 0],
            [0, -1, 0, 0, 0],
            [0, 0, 1, 0, 0],
            [0, 0, -1, 1, 0],
            [-b2 / at**2, 0, 1, -bound, 0],
            [0, 0, 0, 0, 1],
        ]
    )
    slack = np.array([w1 - FLOOR_OF_SLOPES, w2 - FLOOR_OF_SLOPES, 1 - w2, b1, b2 - b1, b1 - bound * b2, L - FLOOR_OF_L])
    return rows, np.maximum(slack, 0.0)


def constrained_minimum(matrix: Array, gradient: Array, rows: Array, slack: Array) -> Array:
    """Minimise ½dᵀ·matrix·d + gradient·d over d with rows @ d + slack >= 0; the matrix is positive definite.

    As a problem of least distance, by nonnegative least squares (Lawson & Hanson 1974, chapter 23).
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    R = np.linalg.cholesky(matrix).T  # y = R d + offset: ½‖y‖² is to be least
    offset = solve_triangular(R, gradient, trans="T")
    turned = solve_triangular(R, rows.T, trans="T").T
    multipliers, _ = nnls(np.vstack([turned.T, turned @ offset - slack]), np.append(np.zeros(5), 1.0))
    residual = np.vstack([turned.T, turned @ offset - slack]) @ multipliers - np.append(np.zeros(5), 1.0)
    return solve_triangular(R, -residual[:5] / residual[5] - offset)


def _loss_or_infinity(J: Objective, values: Array) -> float:
    try:
        return J(values[:4], values[4])[0]
    except DivergenceError:
        return np.inf


def _stored(X: Any) -> Array:
    entries: Array = X.data if is_sparse(X) else X
    return entries


def _square_sum(X: Any) -> float:
    return float(np.sum(_stored(X) ** 2))
