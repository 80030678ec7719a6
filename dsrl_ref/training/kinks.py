"""The end of a descent: J has kinks, where a smooth model stalls; what is called stationary is probed.

J is continuous, and differentiable but where an entry of some Z sits on a knot: it is folded there, and next to a fold
the gradient at one point says little. Gradients are therefore drawn from a box around the point (gradient sampling:
Burke, Lewis & Overton 2005), and the step is the best for the worst of their models. The box shrinks where no such step
is left. At the end, points of many distances are drawn: a lower one is gone on from.

The kinks of many entries add up to something smooth. Where entries are many, a share of those points is therefore drawn
first, and that is all where the smooth model holds on each of them.
"""

from collections.abc import Iterator

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.errors import DivergenceError
from dsrl_ref.objective import Objective
from dsrl_ref.status import Status
from dsrl_ref.training.constraints import constrained_minimum, constraints, feasible

SAMPLES = 8  # gradients in the box: more than there are parameters
BOX, LEAST_BOX = 1e-2, 1e-7  # half its sides, in units of the parameters
SHORTER = 1 / 3, 6  # of a step that is not low enough, and how often
ENOUGH = 0.05  # of the gain that the models promise
DAMPING, LEAST_DAMPING = 1e-3, 1e-6
TOLERANCE = 1e-6  # of the loss: a point lower by less is not gone on from at the end
PROBES = {1e-1: 64, 3e-2: 64, 1e-2: 128, 3e-3: 96, 1e-3: 96, 1e-4: 24, 1e-5: 12}  # points at each distance, in units
LEAST_SIZE, MOST_SIZE = 1e-150, 1e150  # of the target's largest entry
MANY = 4096  # entries, of which the kinks may add up to what is smooth, and an evaluation takes its time
SHARE_OF_MANY, SHARE_OF_SMOOTH = 2, 12  # one in so many of the points is drawn
SMOOTH_TO, OFF = 1e-2, 0.5  # points no farther away may be lower than the model says by such a share of its change
SMALL_UNIT = 0.1  # of a slope: one near 0 is not moved in proportion to itself
ROUNDING = 8 * np.finfo(np.float64).eps
REGULAR = 1e-12  # of the trace: keeps rounding from making the matrix indefinite
NO_LOSS = 1e-28  # of ½‖X̃‖²
WEIGHT = 1e-3  # its square stands beside the gain: the models are in units of the loss, so that this changes nothing

Point = tuple[float, Array]  # its loss, and where it is


class Polish:
    """A descent over kinks from `values`, where (7) holds; all draws follow from the number of steps."""

    def __init__(self, J: Objective, values: Array) -> None:
        self.J = J
        self.status: Status | None = None
        self.box, self.damping, self.steps = BOX, DAMPING, 0
        self.points = 0  # how many were drawn around the end
        self.move_to(values)

    def move_to(self, values: Array) -> None:
        """Evaluate J, its gradient and the Gauss-Newton matrix, in units of the parameters and of the loss."""
        self.values = values
        self.loss, gradient, matrix = self.J.gauss_newton(values[:4], values[4])
        self.units = units(self.J, values)
        self.unit_of_loss = self.loss or 1.0
        self.gradient = np.array(gradient) * self.units / self.unit_of_loss
        self.matrix = matrix * np.outer(self.units, self.units) / self.unit_of_loss

    def step(self) -> None:
        """Go down by the gradients of a box, or make the box smaller; at the smallest, probe.

        The first step asks whether there are kinks at all, where entries are many.
        """
        rng = np.random.default_rng(self.steps)
        self.steps += 1
        if self.steps == 1 and self._are_many() and self._is_smooth(rng):
            self._end(SHARE_OF_SMOOTH)
        elif self.box < LEAST_BOX:
            self._probe(rng)
        else:
            self._descend(rng)
        if is_nothing(self.J, self.loss):
            self.status = Status.CONVERGED

    def _descend(self, rng: np.random.Generator) -> None:
        slopes, heights, lowest = self._models(rng)
        move, promised = self._best_move(slopes, heights)
        found, share = lowest, 0.0
        if promised > TOLERANCE / 10:
            candidate, share = self._shortened(move, promised)
            found = min(found, candidate, key=lambda pair: pair[0])
        gain = 1 - found[0] / self.loss
        if gain > 0:
            self.damping = max(LEAST_DAMPING, self.damping / 3) if share == 1 else 2 * self.damping
            self.move_to(found[1])
        if gain < TOLERANCE / 10:
            self.box /= 3 if promised > TOLERANCE / 10 else 10

    def _models(self, rng: np.random.Generator) -> tuple[Array, Array, Point]:
        """Gradients in the box, how far below J each one's model is at the point, and the lowest point met."""
        slopes, heights = [self.gradient], [0.0]
        lowest: Point = self.loss, self.values
        for _ in range(SAMPLES):
            at = feasible(self.values + self.box * self.units * rng.uniform(-1, 1, 5))
            loss, gradient = loss_or_infinity(self.J, at)
            if loss == np.inf:
                continue
            lowest = min(lowest, (loss, at), key=lambda pair: pair[0])
            back = (self.values - at) / self.units
            slope = gradient * self.units / self.unit_of_loss
            model = loss / self.unit_of_loss + slope @ back + 0.5 * back @ self.matrix @ back
            slopes.append(slope)
            heights.append(max(0.0, 1 - float(model)))
        return np.array(slopes), np.array(heights), lowest

    def _best_move(self, slopes: Array, heights: Array) -> tuple[Array, float]:
        """The move within (7) that is best for the worst of the models, in units, and the gain it promises.

        A sixth unknown is the height of the worst model, which lies above each of them.
        """
        rows, slack = constraints(self.values)
        curved = self.matrix + (self.damping + REGULAR * np.trace(self.matrix)) * np.eye(5)
        matrix = np.zeros((6, 6))
        matrix[:5, :5], matrix[5, 5] = curved, WEIGHT**2
        above = np.hstack([-slopes, np.ones((len(slopes), 1))])
        within = np.hstack([rows * self.units, np.zeros((len(rows), 1))])
        towards = np.append(np.zeros(5), 1.0)
        move = constrained_minimum(matrix, towards, np.vstack([above, within]), np.append(heights, slack))
        return move[:5], float(-move[5] - 0.5 * move[:5] @ curved @ move[:5])

    def _shortened(self, move: Array, promised: float) -> tuple[Point, float]:
        """The first of ever shorter moves that is low enough, with what share of the move it is."""
        share = 1.0
        for _ in range(SHORTER[1]):
            at = feasible(self.values + share * self.units * move)
            loss, _ = loss_or_infinity(self.J, at)
            if loss < self.loss * (1 - ENOUGH * share * promised):
                return (loss, at), share
            share *= SHORTER[0]
        return (self.loss, self.values), 0.0

    def _are_many(self) -> bool:
        return self.J.problem.entries >= MANY

    def _is_smooth(self, rng: np.random.Generator) -> bool:
        """Whether no point of a share is lower, and the near ones are where the smooth model says."""
        for distance, loss, at in self._around(rng, SHARE_OF_SMOOTH):
            move = (at - self.values) / self.units
            expected = float(self.gradient @ move + 0.5 * move @ self.matrix @ move)
            least = expected - OFF * abs(expected) - ROUNDING if distance <= SMOOTH_TO else -np.inf
            if loss < self.loss * (1 + max(least, -TOLERANCE)):
                return False
        return True

    def _probe(self, rng: np.random.Generator) -> None:
        """Look for a lower point at every distance, and go on from the lowest."""
        share = SHARE_OF_MANY if self._are_many() else 1
        lowest = min(((loss, at) for _, loss, at in self._around(rng, share)), key=lambda pair: pair[0])
        if lowest[0] < self.loss * (1 - TOLERANCE):
            self.box = BOX
            self.move_to(lowest[1])
        else:
            self._end(share)

    def _around(self, rng: np.random.Generator, share: int) -> Iterator[tuple[float, float, Array]]:
        """Distance, loss and place of the points of PROBES; every other differs in some of the parameters alone."""
        for distance, count in PROBES.items():
            for probe in range(count // share):
                moved = rng.random(5) < 0.4 if probe % 2 else np.ones(5, dtype=np.bool_)
                direction: Array = np.where(moved, rng.uniform(-1, 1, 5), 0.0)
                at: Array = feasible(self.values + distance * self.units * direction)
                yield distance, loss_or_infinity(self.J, at)[0], at

    def _end(self, share: int) -> None:
        """Say that none of so many points is lower, or that rounding would hide one."""
        self.points = sum(count // share for count in PROBES.values())
        hidden = ROUNDING * np.sqrt(self.J.problem.half_square) > TOLERANCE * np.sqrt(self.loss)
        self.status = Status.STALLED if hidden else Status.STATIONARY

    @property
    def state(self) -> Array:
        """All that the next step depends on, but the status."""
        return np.append(self.values, [self.box, self.damping, self.steps, self.points])

    @state.setter
    def state(self, state: Array) -> None:
        self.box, self.damping = float(state[5]), float(state[6])
        self.steps, self.points = int(state[7]), int(state[8])
        self.move_to(state[:5])


def units(J: Objective, values: Array) -> Array:
    """What is a large change of each parameter: of a slope itself, of a knot the outer one, of L itself."""
    w1, w2, _, b2, L = values
    knot = b2 or J.problem.largest or 1.0
    return np.array([max(w1, SMALL_UNIT), max(w2, SMALL_UNIT), knot, knot, L])


def loss_or_infinity(J: Objective, values: Array) -> tuple[float, Array]:
    """J and its gradient; infinity where the network diverges."""
    try:
        loss, gradient = J(values[:4], values[4])
    except DivergenceError:
        return np.inf, np.full(5, np.nan)
    return loss, np.array(gradient)


def require_size(J: Objective, what: str) -> None:
    """Refuse a target, called so, whose squares float64 cannot add up."""
    largest = J.problem.largest
    if largest and not LEAST_SIZE <= largest <= MOST_SIZE:
        raise ValueError(
            f"the largest entry of {what} is {largest:.3g}: fit adds up squares, for which it has to be from "
            f"{LEAST_SIZE:g} to {MOST_SIZE:g}; multiply the target and the data of f by one factor"
        )


def is_nothing(J: Objective, loss: float) -> bool:
    """Whether a loss is 0 but for rounding: then there is no lower one anywhere."""
    return loss <= NO_LOSS * J.problem.half_square
