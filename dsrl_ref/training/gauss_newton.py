"""Levenberg-Marquardt on w1, w2, b1, b2, L, with (7) and L > 0 held as constraints, from several starts.

Which start is best can be seen on a part of the columns of a large `LeastSquares`, which do not interact. There a
trial, all its steps on the part, is one step of the descent. J itself decides whether the end of a trial is taken and
which trial is gone on from: every loss that is told is of all columns.
"""

from typing import Any

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.errors import DivergenceError
from dsrl_ref.objective import Objective
from dsrl_ref.parameters import Gradient
from dsrl_ref.smooth import LeastSquares, multiplications
from dsrl_ref.status import Status
from dsrl_ref.threads import blas_threads
from dsrl_ref.training.constraints import constrained_minimum, constraints, feasible
from dsrl_ref.training.kinks import MANY, PROBES, TOLERANCE, Polish, is_nothing
from dsrl_ref.training.subset import drawn, subset

TRIAL = 6  # steps from every start; the best then goes on
PART = 10  # one of so many columns is in the part that trials see
MOST = 2**23  # entries of that part, 64 MiB, where data are on disk
QUANTILES = 0.5, 0.75, 0.95  # of |Z_(1)|: the starts have b1 a little below
BELOW = 0.99
DAMPING, LEAST_DAMPING = 1e-2, 1e-12
LEAST_GAIN = 1e-7  # of the loss, by a step, in fact and as the model has it: from there on kinks decide
SMALL_STEP = 1e-12  # of the parameters


# What to tell a person of each way in which the descent, or the epochs, can end.
MESSAGES = {
    Status.CONVERGED: "converged: the loss is 0 but for rounding, so that there is no lower one",
    Status.STATIONARY: (
        f"converged: none of {{points}} points drawn up to {max(PROBES):.0%} away is lower by more than {TOLERANCE:g} "
        "of the loss; there may be lower ones between them and farther away: start elsewhere to look for them"
    ),
    Status.STALLED: "stopped: the loss is so near to 0 that rounding hides whether points nearby are lower",
    Status.MAX_ITER: "not converged after {epochs} epochs: take more, or go on from here with theta and L",
}


class LevenbergMarquardt:
    """One descent, damped by the rule of Nielsen (1999); (7) holds at `values`, where `loss` is J."""

    def __init__(self, J: Objective, values: Array) -> None:
        self.J, self.scale = J, np.zeros(5)
        self.status: Status | None = None
        self.damping: float = DAMPING
        self.growth: float = 2.0
        self.move_to(feasible(values))

    def move_to(self, values: Array) -> None:
        """Evaluate J, its gradient and the Gauss-Newton matrix at a point of (7)."""
        self._take(values, *self.J.gauss_newton(values[:4], values[4]))

    def move_down_to(self, values: Array) -> float | None:
        """The same where the loss is lower there; how much lower, and None where it is not.

        The matrix is asked for with the loss: most steps are taken, and together the two are hardly more than a
        gradient to the engines whose training takes long.
        """
        try:
            found, before = self.J.gauss_newton(values[:4], values[4]), self.loss
        except DivergenceError:
            return None
        if not found[0] < before:
            return None
        self._take(values, *found)
        return before - self.loss

    def _take(self, values: Array, loss: float, gradient: Gradient, matrix: Array) -> None:
        self.values, self.loss, self.gradient, self.matrix = values, loss, np.array(gradient), matrix
        self.scale = np.maximum(self.scale, np.diag(matrix))

    def step(self) -> None:
        """Try one step; take it if the loss falls, else try a shorter one next time."""
        scale = np.where(self.scale > 0, self.scale, self.scale.max() or 1.0)
        rows, slack = constraints(self.values)
        move = constrained_minimum(self.matrix + self.damping * np.diag(scale), self.gradient, rows, slack)
        candidate, here, before = feasible(self.values + move), self.values, self.loss
        expected = float(-(self.gradient @ move + 0.5 * move @ self.matrix @ move))
        gain = self.move_down_to(candidate)
        if gain is not None:
            ratio = min(2.0, gain / expected) if expected > 0 else 2.0
            self.damping = max(LEAST_DAMPING, self.damping * max(1 / 3, 1 - (2 * ratio - 1) ** 3))
            self.growth = 2.0
            if max(expected, gain) <= LEAST_GAIN * before:
                self.status = Status.STATIONARY
        else:
            self.damping *= self.growth
            self.growth *= 2.0
            if np.all(np.abs(candidate - here) <= SMALL_STEP * np.abs(here)):
                self.status = Status.STATIONARY
        if is_nothing(self.J, self.loss):
            self.status = Status.CONVERGED

    @property
    def state(self) -> Array:
        """Where it is, and what it has learned of the scales."""
        return np.concatenate([self.values, self.scale, [self.damping, self.growth]])

    @state.setter
    def state(self, state: Array) -> None:
        self.scale, self.damping, self.growth, self.status = state[5:10], float(state[10]), float(state[11]), None
        self.move_to(state[:5])


class GaussNewtonDescent:
    """A few steps from every start, on from the best, and at last over the kinks; `values` are where it is now.

    Parameters
    ----------
    J : Objective
        What is to become small.
    starts : list of ndarray (5,)
        Points to try.
    part : Objective, optional
        Some columns of J's problem, on which several starts are tried; by default they are tried on J.
    """

    def __init__(self, J: Objective, starts: list[Array], part: Objective | None = None) -> None:
        self.starts, self.part = starts, part if len(starts) > 1 else None
        self.tried: list[tuple[float, Array]] = []  # loss and state after each trial
        self.steps_of_trial = 0
        self.current = LevenbergMarquardt(J, starts[0])
        self.polish: Polish | None = None  # follows where the smooth model has no more to say

    validation = np.nan  # nothing is held out

    @property
    def J(self) -> Objective:
        """What goes down."""
        return self.current.J

    @property
    def values(self) -> Array:
        """w1, w2, b1, b2, L; (7) holds."""
        return (self.polish or self.current).values

    @property
    def status(self) -> Status | None:
        """How it ended; None before."""
        if self.polish:
            return self.polish.status
        over = len(self.tried) == len(self.starts) and self.current.status is Status.CONVERGED
        return Status.CONVERGED if over else None

    @property
    def start(self) -> int:
        """Which of the starts the point at hand came from."""
        if len(self.tried) < len(self.starts):
            return len(self.tried)
        return min(range(len(self.tried)), key=lambda k: self.tried[k][0])

    @property
    def points(self) -> int:
        """How many were drawn around the end; 0 before."""
        return self.polish.points if self.polish else 0

    def most(self, epochs: int) -> int:
        """As many."""
        return epochs

    def message(self, status: Status, epochs: int) -> str:
        """How it ended, and what was seen."""
        return MESSAGES[status].format(epochs=epochs, points=self.points)

    def evaluate(self) -> float:
        """J where the descent is."""
        return (self.polish or self.current).loss

    def step(self) -> None:
        """Take a step; after the last of a trial, go to the next start or to the best of all."""
        if self.polish:
            self.polish.step()
            return
        if self.part and len(self.tried) < len(self.starts):
            self._try_on_part(self.part)
            return
        self.current.step()
        self.steps_of_trial += 1
        if len(self.tried) < len(self.starts) and (self.current.status or self.steps_of_trial == TRIAL):
            self._end_trial()
        if len(self.tried) == len(self.starts) and self.current.status is Status.STATIONARY:
            self.polish = Polish(self.current.J, self.current.values)

    def _try_on_part(self, part: Objective) -> None:
        """All steps of a trial on the part; their end is taken where J is lower there than at the start."""
        trial = LevenbergMarquardt(part, self.current.values)
        for _ in range(TRIAL):
            if not trial.status:
                trial.step()
        self.current.move_down_to(trial.values)
        self._end_trial()

    def _end_trial(self) -> None:
        self.tried.append((self.current.loss, self.current.state))
        self.steps_of_trial = 0
        if len(self.tried) < len(self.starts):
            self.current = LevenbergMarquardt(self.current.J, self.starts[len(self.tried)])
        elif len(self.starts) > 1:
            self.current.state = self.tried[self.start][1]
            if is_nothing(self.current.J, self.current.loss):
                self.current.status = Status.CONVERGED

    @property
    def state(self) -> dict[str, Any]:
        """All that the next step depends on, and whether there is one."""
        polish = self.polish
        return {
            "current": self.current.state,
            "status": np.array(name_of(self.current.status)),
            "steps_of_trial": np.array(self.steps_of_trial),
            "losses": np.array([loss for loss, _ in self.tried]),
            "states": np.array([state for _, state in self.tried]).reshape(-1, 12),
            "polish": polish.state if polish else np.zeros(0),
            "polish_status": np.array(name_of(polish.status if polish else None)),
        }

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.tried = list(zip(state["losses"].tolist(), state["states"], strict=True))
        self.steps_of_trial, self.current.state = int(state["steps_of_trial"]), state["current"]
        self.current.status = status_of(state["status"])
        self.polish = None
        if state["polish"].size:
            self.polish = Polish(self.current.J, state["polish"][:5])
            self.polish.state = state["polish"]
            self.polish.status = status_of(state["polish_status"])


def name_of(status: Status | None) -> str:
    """A state, or none yet, as a text for a file."""
    return status.name if status else ""


def status_of(name: Any) -> Status | None:
    """The other way round; KeyError for a name that is none."""
    return Status[str(name)] if str(name) else None


def starts(J: Objective) -> list[Array]:
    """Points from which the gradient reaches the data: b1 amid the values that the first layer sees."""
    L = float(J.f.lipschitz())
    if not 0 < L < np.inf:
        raise ValueError(f"f.lipschitz() is {L}, no step constant to start from: give fit both theta and L")
    with blas_threads(J.threads, multiplications(J.f, J.shape)):
        seen = J.problem.first_layer(L, QUANTILES)
    knots = np.ones(1) if seen is None else BELOW * seen
    return [np.array([1.0, 0.9, knot, 2 * knot, L]) for knot in knots]


def part_of(J: Objective) -> Objective | None:
    """A tenth of the columns of a `LeastSquares`, drawn, always the same; None where they have too few entries.

    Of data on disk they are no more than `MOST` entries, as they are in memory.
    """
    n, m = J.shape
    if type(J.f) is not LeastSquares or n * (m // PART) < MANY:
        return None
    count = min(m // PART, max(1, MOST // n)) if J.problem.on_disk else m // PART
    return subset(J, drawn(m, count, seed=0))
