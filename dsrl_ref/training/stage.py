"""Levenberg-Marquardt on the numbers of a family of networks, every step within bounds and looked at from outside.

A family tells the coordinates u (t, 5) of `training.box` from its numbers x, and their derivatives dx: du = U·dx. With
T the derivatives of w1, w2, b1, b2, L of all layers in u, and g and M the gradient and the Gauss-Newton matrix of J in
these, the step d minimises the damped model

    gᵀTU·d + ½·dᵀ(A + λ·diag A)d,    A = (TU)ᵀM(TU),    within the bounds of x + d.

With RᵀR = A + λ·diag A that is ½‖R·d - y‖² with Rᵀy = -(TU)ᵀg, but for a constant: a problem of least squares with
bounds, which `scipy.optimize.lsq_linear` solves exactly. A step is taken if the loss falls and if what is held out does
not speak against it. λ then falls to a fifth where the loss fell by three quarters of what the model promised, or more,
and stays where it fell by a quarter or more; it grows fivefold where it fell by less, and where the step is not taken.

J and its gradient are those of all columns. M may be an estimate, from some columns: those with the largest errors,
which make up much of the loss, and others that are drawn and stand for the rest. It decides where a step goes, not
whether it is taken.

A step that is refused says how λ should be, and nothing about what is left to gain, as long as the model promises much:
only steps that are taken, and those that promise next to nothing, count among those after which a stage ends.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.errors import DivergenceError
from dsrl_ref.objective import Objective
from dsrl_ref.training.box import Box
from dsrl_ref.training.held_out import NOTHING_HELD, HeldOut, Verdict
from dsrl_ref.training.subset import drawn, errors, has_columns_apart, subset

DAMPING, LEAST_DAMPING, FACTOR = 1e-2, 1e-6, 5.0
LEAST_SCALE = 1e-9  # of the largest: of numbers that have next to no effect
GOOD, FAIR = 0.75, 0.25  # of the gain that the model promises
LEAST_GAIN, WINDOW = 1e-2, 10  # of the loss, by so many steps together, or a stage ends
REFUSED = 6  # steps in a row, after which it ends if the last promised less than one of a window's steps has to gain
RISE = 1.5  # times the least held-out loss: a step to more is unstable
OF_PIECES = "pieces", "disk"  # engines
PATIENCE = 10  # steps taken since the least held-out loss, after which a stage ends

# Why a stage ends.
GAIN = f"{WINDOW} steps that together lowered the loss by less than {LEAST_GAIN:g} of it"
SHORTEST = (
    f"{REFUSED} steps in a row or more, each damped {FACTOR:g} times as much as the one before, of which none lowered "
    f"the loss and was stable on what is held out, and the last promised less than {LEAST_GAIN / WINDOW:g} of the loss"
)
UNHELPFUL = f"{PATIENCE} steps since the least held-out loss"


class Family(Protocol):
    """Networks that are told by fewer, or other, numbers."""

    lower: Array
    upper: Array

    def coordinates(self, numbers: Array) -> Array:
        """(t, 5), within the bounds of `training.box`."""

    def jacobian(self, numbers: Array) -> Array:
        """(t, 5, k): their derivatives in the k numbers."""


class Sample(NamedTuple):
    """From how many columns the matrix is estimated: those of the largest errors, and others."""

    worst: int
    others: int


class Point(NamedTuple):
    """A network, J there, and what is held out says of it; `rows` (t, 5) are the derivatives in w1, w2, b1, b2, L."""

    u: Array
    theta: Array
    L: Array
    loss: float
    rows: Array
    verdict: Verdict


class Judge:
    """Evaluates points: J of the columns to learn from, and what the others say.

    Parameters
    ----------
    J : Objective
        Of one Θ and one L a layer.
    units : Box
        What coordinates are measured in.
    held : HeldOut, optional
        Columns that are not learned from.
    """

    def __init__(self, J: Objective, units: Box, held: HeldOut | None = None) -> None:
        self.J, self.units, self.held = J, units, held

    def at(self, u: Array) -> Point:
        """Evaluate; where the network diverges, the loss is infinite."""
        theta, L = self.units.parameters(u)
        try:
            loss, gradient = self.J(theta, L)
        except DivergenceError:
            return Point(u, theta, L, np.inf, np.full(u.shape, np.nan), NOTHING_HELD)
        verdict = NOTHING_HELD if self.held is None else self.held.verdict(theta, L)
        return Point(u, theta, L, loss, np.array(gradient).T, verdict)


class Stage:
    """One descent on the numbers of one family.

    Attributes
    ----------
    point : Point
        Where it is.
    ended : str
        Why no more steps are worth it; empty before.
    steps, taken, refused, idle : int
        How many were tried, and taken; how many were refused since the last that was taken; how many were taken since
        the held-out loss was last at its least.
    losses : list of float
        Before each of the last steps that count, as many as `WINDOW`.
    """

    def __init__(
        self, judge: Judge, family: Family, numbers: Array, sample: Sample, point: Point | None = None
    ) -> None:
        self.judge, self.family, self.sample = judge, family, sample
        self.numbers = np.clip(numbers, family.lower, family.upper)
        self.point = judge.at(family.coordinates(self.numbers)) if point is None else point
        self.damping, self.least, self.ended = DAMPING, self.point.verdict.loss, ""
        self.steps = self.taken = self.refused = self.idle = 0
        self.losses: list[float] = []
        self._matrix: Array | None = None

    def step(self) -> None:
        """Try a step; DivergenceError where the loss is infinite to begin with."""
        self.steps += 1
        before = self.point
        numbers, promised = self._candidate()
        point = self.judge.at(self.family.coordinates(numbers))
        is_taken = point.loss < before.loss and self._is_stable(point.verdict)
        much = promised >= LEAST_GAIN / WINDOW
        if is_taken or not much:
            self.losses = [*self.losses, before.loss][-WINDOW:]
        if is_taken:
            share = (1 - point.loss / before.loss) / promised if promised > 0 else 1.0
            self._take(numbers, point)
            if share >= GOOD:
                self.damping = max(self.damping / FACTOR, LEAST_DAMPING)
            elif share < FAIR:
                self.damping *= FACTOR
            if self.idle == PATIENCE:
                self.ended = UNHELPFUL
        else:
            self.damping *= FACTOR
            self.refused += 1
            if self.refused >= REFUSED and not much:
                self.ended = SHORTEST
        if not self.ended and len(self.losses) == WINDOW and self.point.loss > self.losses[0] * (1 - LEAST_GAIN):
            self.ended = GAIN

    def _is_stable(self, verdict: Verdict) -> bool:
        """Whether nothing that is held out speaks against a step: no signal more on which the network grows."""
        if self.judge.held is None:
            return True
        return verdict.grown <= self.point.verdict.grown and verdict.loss <= RISE * self.least

    def _take(self, numbers: Array, point: Point) -> None:
        self.numbers, self.point, self._matrix = numbers, point, None
        self.taken, self.refused, self.idle = self.taken + 1, 0, self.idle + 1
        if point.verdict.loss < self.least or point.verdict.loss == 0 or self.judge.held is None:
            self.least, self.idle = point.verdict.loss, 0

    def _candidate(self) -> tuple[Array, float]:
        """The minimum of the damped model within the bounds, and the share of the loss that the model promises."""
        from scipy.linalg import solve_triangular
        from scipy.optimize import lsq_linear

        chain = self._chain()
        if self._matrix is None:
            point = self.point
            self._matrix = chain.T @ products(self.judge.J, point.theta, point.L, self.sample, self.taken) @ chain
        matrix, gradient = self._matrix / self.point.loss, self.point.rows.ravel() @ chain / self.point.loss
        scale = np.diag(matrix)
        scale = np.maximum(scale, LEAST_SCALE * (scale.max() or 1.0))
        R = np.linalg.cholesky(matrix + self.damping * np.diag(scale)).T
        y = solve_triangular(R, -gradient, trans="T")
        lower, upper = self.family.lower, self.family.upper
        move = lsq_linear(R, y, (lower - self.numbers, upper - self.numbers), method="bvls").x
        promised = -float(gradient @ move + 0.5 * move @ matrix @ move)
        return np.clip(self.numbers + move, lower, upper), promised

    def _chain(self) -> Array:
        """TU: the derivatives of the 5t parameters in the numbers of the family."""
        jacobian = self.judge.units.jacobian(self.point.u)
        return np.einsum("ipc,ick->ipk", jacobian, self.family.jacobian(self.numbers)).reshape(-1, self.numbers.size)

    @property
    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        counts = [self.steps, self.taken, self.refused, self.idle]
        return {
            "numbers": self.numbers,
            "u": self.point.u,
            "counts": np.array(counts),
            "figures": np.array([self.damping, self.least]),
            "recent": np.array(self.losses),
            "ended": np.array(self.ended),
        }

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.numbers, self._matrix = state["numbers"], None
        self.point = self.judge.at(state["u"])
        self.steps, self.taken, self.refused, self.idle = map(int, state["counts"])
        self.damping, self.least = map(float, state["figures"])
        self.losses, self.ended = state["recent"].tolist(), str(state["ended"])


def products(J: Objective, theta: Array, L: Array, sample: Sample, seed: int) -> Array:
    """The Gauss-Newton matrix, 5t×5t: of all columns where they are few, or may interact; else estimated from some.

    It is of all as well where an engine has it from sums over pieces, for which the number of columns does not matter.
    """
    m = J.shape[1]
    if not has_columns_apart(J) or m <= sum(sample) or J.method in OF_PIECES:
        return J.gauss_newton(theta, L)[2]
    order = np.argsort(-errors(J, theta, L), kind="stable")
    worst, rest = np.sort(order[: sample.worst]), np.sort(order[sample.worst :])
    others = drawn(rest, sample.others, seed)
    of_worst, of_others = (subset(J, columns).gauss_newton(theta, L)[2] for columns in (worst, others))
    return of_worst + of_others * (len(rest) / len(others))
