"""Learning one Θ and one L a layer: schedules on some columns, the best of them on all, then all 5t numbers together.

The stages, each by `training.stage`:

1. Several schedules, seven numbers for all layers (`training.schedule`), a few steps each, on some of the columns.
2. The best of them on all columns.
3. All 5t numbers, from there.

A schedule is right about the whole, that knots fall with the errors that are left, and has next to nothing to overfit
with; what single layers gain is little, and is learned from there.

The other way is one layer more at a time: the new layer begins as the one before it, and a few steps of all follow.
``python -m benchmarks --only stages`` measures both. Of 500 unknowns, 250 measurements at 40 dB, 1,000 signals and 16
layers both end with -42.9 dB on unseen signals, after 6.5 and 9.6 seconds of processors. Schedules are taken because
all layers are there, and nearly right, from the first seconds on: a run that is stopped early has something to show.
Where layers are few, one more at a time may be faster: of 100 unknowns and 8 layers (``--quick``) it takes six tenths
of the time, to -25.7 dB where the schedules come to -26.1.

Matrices of the last stage are estimated from 232 of many columns: a step costs mostly the gradient of all of them, and
one from a quarter as many is worse.
"""

from typing import Any

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, as_real, as_step_constants
from dsrl_ref.errors import ModelFileError
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares, multiplications
from dsrl_ref.status import Status
from dsrl_ref.threads import blas_threads
from dsrl_ref.training.box import Box
from dsrl_ref.training.denser import with_denser
from dsrl_ref.training.held_out import split
from dsrl_ref.training.kinks import is_nothing
from dsrl_ref.training.schedule import Apart, Schedule
from dsrl_ref.training.stage import Judge, Sample, Stage
from dsrl_ref.training.subset import has_columns_apart, subset

TRIAL = 6  # steps from every start
PART = 200  # columns that trials see
MOST = 2**23  # entries of these, 64 MiB
FLOORS = -4.3, -7.3  # log of the floor of the knots beside where they begin: with noise, and with next to none
AHEAD = 0.5  # log of the first steps beside 1/‖H‖; 2/‖H‖ is the longest that is safe
BELOW = 0.99
LEAST_RATIO, MOST_RATIO = 1e-152, 1e150  # of the size of the target and ‖H‖: how far derivatives in L may be from 1
WITHOUT_GROWTH, LONGEST = 2.0, 4.5  # steps, in units of 1/‖H‖
OF_SCHEDULE, OF_ALL = Sample(8, 16), Sample(32, 200)  # columns that matrices are estimated from


class LayeredDescent:
    """The stages, a step an epoch; a trial, all its steps, is one epoch.

    Parameters
    ----------
    judge : Judge
        J of the columns to learn from, and those that are held out.
    schedules : list of ndarray (7,)
        Starts to try; none where `start` is given.
    start : ndarray (t, 5), optional
        Coordinates to begin the last stage with.
    epochs : int
        At most so many steps in each stage but the first.
    """

    def __init__(self, judge: Judge, schedules: list[Array], start: Array | None, epochs: int) -> None:
        self.judge, self.epochs, self.schedules = judge, epochs, schedules
        layers = int(judge.J.layers)
        self.family, self.apart = Schedule(layers, judge.units.most), Apart(layers, judge.units.most)
        self.tried: list[tuple[float, Array]] = []  # loss of all columns, and numbers, after each trial
        self.cut = False  # whether the stage of schedules ended because it had taken all its epochs
        if start is None:
            self.current = Stage(judge, self.family, schedules[0], OF_SCHEDULE)
        else:
            self.current = Stage(judge, self.apart, start.ravel(), OF_ALL)

    @property
    def J(self) -> Objective:
        """Of the columns that are learned from: of it the losses are told."""
        return self.judge.J

    @property
    def values(self) -> Array:
        """w1, w2, b1, b2, L of one layer after the other; (7) holds."""
        point = self.current.point
        return np.hstack([point.theta, point.L[:, np.newaxis]]).ravel()

    @property
    def validation(self) -> float:
        """The loss of what is held out; NaN where nothing is."""
        return self.current.point.verdict.loss

    @property
    def start(self) -> int:
        """Which of the schedules the point at hand came from."""
        if len(self.tried) < len(self.schedules):
            return len(self.tried)
        return min(range(len(self.tried)), key=lambda k: self.tried[k][0], default=0)

    def most(self, epochs: int) -> int:
        """A trial of each schedule, and two stages; of a start that was given, one."""
        return len(self.schedules) + 2 * epochs if self.schedules else epochs

    @property
    def status(self) -> Status | None:
        """How it ended; None before."""
        if len(self.tried) < len(self.schedules):
            return None
        if is_nothing(self.J, self.current.point.loss):
            return Status.CONVERGED
        if self.current.family is not self.apart:
            return None
        if self.current.ended:
            return Status.COMPLETED
        return Status.MAX_ITER if self.current.steps >= self.epochs else None

    def evaluate(self) -> float:
        """J where the descent is."""
        return self.current.point.loss

    def step(self) -> None:
        """Take a step, or try a schedule; after the last step of a stage, begin the next."""
        if len(self.tried) < len(self.schedules):
            self._try()
        else:
            self.current.step()
            stage = self.current
            if stage.family is self.family and (stage.ended or stage.steps >= self.epochs):
                self.cut = not stage.ended
                self.current = Stage(self.judge, self.apart, stage.point.u.ravel(), OF_ALL, stage.point)

    def _try(self) -> None:
        """All steps of a trial, on some of the columns; the end is taken where J is lower there than at the start."""
        loss, numbers = self.current.point.loss, self.current.numbers
        trial = Stage(Judge(part_of(self.J), self.judge.units), self.family, numbers, OF_SCHEDULE)
        while trial.steps < TRIAL and not trial.ended and 0 < trial.point.loss < np.inf:
            trial.step()
        end = self.judge.at(trial.point.u)
        self.tried.append((end.loss, trial.numbers) if end.loss < loss else (loss, numbers))
        done = len(self.tried) == len(self.schedules)
        numbers = self.tried[self.start][1] if done else self.schedules[len(self.tried)]
        self.current = Stage(self.judge, self.family, numbers, OF_SCHEDULE)

    @property
    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "losses": np.array([loss for loss, _ in self.tried]),
            "tried": np.array([numbers for _, numbers in self.tried]).reshape(-1, 7),
            "apart": np.array(self.current.family is self.apart),
            "epochs": np.array(self.epochs),
            "cut": np.array(self.cut),
            **self.current.state,
        }

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.cut = bool(state["cut"])
        self._require_same_way(int(state["epochs"]))
        self.tried = list(zip(state["losses"].tolist(), state["tried"], strict=True))
        family, sample = (self.apart, OF_ALL) if state["apart"] else (self.family, OF_SCHEDULE)
        self.current = Stage(self.judge, family, state["numbers"], sample, self.current.point)
        self.current.state = state

    def _require_same_way(self, before: int) -> None:
        """Refuse a checkpoint of so many epochs a stage from which a run of other epochs goes another way."""
        if self.epochs < before:
            raise ModelFileError(
                f"its epochs were {before} a stage, and {self.epochs} are fewer: give {before} or more, or "
                "resume=False to begin anew"
            )
        if self.epochs > before and self.cut:
            raise ModelFileError(
                f"its stage of schedules ended after all its {before} epochs, and would go on with {self.epochs}: give "
                f"epochs={before}, and let another fit go on with theta and L of what this one returns; or "
                "resume=False to begin anew"
            )

    def message(self, status: Status, epochs: int) -> str:
        """What to tell a person of how it ended: what was seen, and no more."""
        held = self.judge.held
        if held is None:
            told = "nothing was held out: how it does on other data is not known"
        else:
            told = (
                f"of all epochs that are no worse than an answer of 0, if any, the result has the least loss on "
                f"{held.columns} columns that were held out"
            )
        if status is Status.CONVERGED:
            return f"converged: the loss of what was learned from is 0 but for rounding; {told}"
        if status is Status.COMPLETED:
            after = self.current.ended or "the loss of what was learned from came to 0 but for rounding"
            return f"completed, after {after}; {told}; there may be lower points elsewhere"
        return f"not completed after {epochs} epochs a stage: {self._advice()}; {told}"

    def _advice(self) -> str:
        """What to do where epochs were too few: who took all in the stage of schedules cannot add to them."""
        if self.cut:
            return "begin anew with more, or go on from here with theta and L"
        return "take more, by resume=True where there is a checkpoint, or go on from here with theta and L"


def begin(J: Objective, theta: Any, L: Any, validation: Any, epochs: int) -> LayeredDescent:
    """The descent of `fit`, which tells what may be given."""
    layers = int(J.layers)
    if layers == 0:
        raise ValueError("layers = 0: X_(0) is a constant, and there is nothing to learn")
    constants = None if L is None else as_step_constants(L, layers)
    thetas = None if theta is None else _projected(theta, layers)
    bound = float(J.f.lipschitz())
    unit, knot = step_constant(bound, thetas, constants), size(J)
    _require_derivatives(knot, unit)
    learned_from, held = split(J, validation)
    judge = Judge(with_denser(learned_from), Box(knot, unit, unit / longest_step(J.f, bound)), held)
    if thetas is None:
        return LayeredDescent(judge, starts(judge, unit if constants is None else float(constants[0])), None, epochs)
    start = judge.units.of(thetas, np.full(layers, unit) if constants is None else constants)
    descent = LayeredDescent(judge, [], start, epochs)
    if descent.evaluate() == np.inf:
        judge.J(*judge.units.parameters(start))  # a start that cannot be evaluated is refused here, with the reason
    return descent


def _require_derivatives(knot: float, unit: float) -> None:
    """Refuse a ‖H‖ and a size of the target for which squares of the derivatives in L leave float64."""
    if not LEAST_RATIO <= knot / unit <= MOST_RATIO:
        raise ValueError(
            f"f.lipschitz() is {unit:.3g}, which L is measured in, and entries of the target are about {knot:.3g}: "
            "squares of the derivatives in L leave float64. Divide D and Y by one number, so that their network is the "
            "same and L smaller by its square, or scale the target and the data of f"
        )


def _projected(theta: Any, layers: int) -> Array:
    """Θ (t, 4) of one Θ or one a layer, projected onto (7)."""
    given = as_real(list(theta), "theta")
    if given.shape not in ((4,), (layers, 4)):
        raise ValueError(
            f"theta must be four numbers, or four for each of {layers} layers, ({layers}, 4), got shape {given.shape}"
        )
    return np.array([Theta.projected(row) for row in np.broadcast_to(given, (layers, 4))])


def step_constant(bound: float, thetas: Array | None, constants: Array | None) -> float:
    """What step constants are measured in: ‖H‖; where there is no such bound, those of the start."""
    if 0 < bound < np.inf:
        if thetas is None and constants is not None and np.ptp(constants) > 0:
            raise ValueError("L of every layer is a start together with theta alone: give theta too, or one L")
        return bound
    if thetas is None or constants is None:
        raise ValueError(f"f.lipschitz() is {bound}, no step constant to start from: give fit both theta and L")
    return float(np.median(constants))


def longest_step(f: Any, bound: float) -> float:
    """The most that a step 1/L may be, times ‖H‖; `bound` is ‖H‖, or no positive number where nobody knows it.

    Up to 2 no step lengthens X: ‖(I - H/L)X‖ <= ‖X‖, and under (7) neither does ξ, so that ‖X_(t)‖ of a quadratic f is
    at most ‖X_(0)‖ + Σ‖∇f(0)‖/L_i, of whatever signals. A longer step grows what lies in the directions of H's largest
    eigenvalues. Few signals have much there, and what is held out may have none that has; so longer steps are for an H
    whose eigenvalues are 1 and 0 alone, that of `Fidelity` and of what is whitened: there every signal meets them.
    """
    alike = isinstance(f, Fidelity) or (isinstance(f, LeastSquares) and f.is_whitened)
    return LONGEST if alike or not 0 < bound < np.inf else WITHOUT_GROWTH


def size(J: Objective) -> float:
    """The root of the mean square of the target's entries that are not 0; 1 where all are."""
    return J.problem.root_mean_square


def starts(judge: Judge, L: float) -> list[Array]:
    """Schedules to try: knots that fall from the size of the target's entries, to much or to little; and that stay.

    Those that stay are of a network that shares its Θ, amid the values that the first layer sees.
    """
    J, units = judge.J, judge.units
    layers, least = int(J.layers), float(np.log(units.L / L))
    begin, slow = np.log(1.35 * size(J) / units.knot), np.log(4 / layers)
    found = [np.array([1.0, 1.0, 0.5, begin, slow, begin + floor, least + AHEAD]) for floor in FLOORS]
    with blas_threads(J.threads, multiplications(J.f, J.shape)):
        seen = J.problem.first_layer(L, [0.75])
    knot = size(J) if seen is None else BELOW * float(seen[0])
    stay = np.log(2 * knot / units.knot)
    return [*found, np.array([0.5, 0.9, 0.5, stay - 7.0, -np.log(layers), stay, least])]


def part_of(J: Objective) -> Objective:
    """The first of many columns; all where they are not many, or very long, or may interact."""
    n, m = J.shape
    return subset(J, np.arange(PART)) if has_columns_apart(J) and m >= 2 * PART and n * PART <= MOST else J
