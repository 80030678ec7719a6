"""Levenberg-Marquardt on the numbers of a family: each step against its definition, and what ends a stage."""

import numpy as np
import pytest
from scipy.optimize import minimize

from dsrl_ref import LeastSquares, Objective
from dsrl_ref.errors import DivergenceError
from dsrl_ref.training import stage as module
from dsrl_ref.training.box import LEAST, MOST, Box
from dsrl_ref.training.held_out import HeldOut, Verdict
from dsrl_ref.training.schedule import Apart, Schedule
from dsrl_ref.training.stage import GAIN, SHORTEST, UNHELPFUL, Judge, Sample, Stage, products

rng = np.random.default_rng(0)
D = rng.normal(size=(6, 10)) / 2.5
X = rng.normal(size=(10, 40)) * (rng.random((10, 40)) < 0.2)
J = Objective(LeastSquares(D, D @ X), X, layers=3, per_layer=True, threads=1)
UNITS = Box(1.0, 4.0)
NUMBERS = np.array([0.95, 0.9, 0.5, -0.5, 0.1, -3.0, 0.2])
ALL = Sample(100, 100)


def stage(family=None, numbers=NUMBERS, held=None, objective=J, sample=ALL):
    return Stage(Judge(objective, UNITS, held), family or Schedule(3), numbers, sample)


def loss_at(family, numbers):
    return J(*UNITS.parameters(family.coordinates(numbers)))[0]


def derivatives(family, numbers, step=1e-6):
    """Of J, by differences."""
    steps = step * np.eye(len(numbers))
    return np.array([(loss_at(family, numbers + h) - loss_at(family, numbers - h)) / (2 * step) for h in steps])


@pytest.mark.parametrize("family", [Schedule(3), Apart(3)])
def test_the_chain_leads_to_the_derivatives_of_J_in_the_numbers(family):
    numbers = NUMBERS if isinstance(family, Schedule) else Schedule(3).coordinates(NUMBERS).ravel()
    descent = stage(family, numbers)
    assert descent.point.loss == loss_at(family, numbers)
    assert descent.point.rows.ravel() @ descent._chain() == pytest.approx(
        derivatives(family, numbers), rel=1e-4, abs=1e-6
    )


@pytest.mark.parametrize("damping", [1e-4, 1e-2, 1.0])
def test_a_step_is_the_minimum_of_the_damped_model_within_the_bounds(damping):
    """By another optimiser, of the model written out."""
    descent = stage(numbers=[1.0, 0.99, 0.01, -0.5, 0.1, -3.0, 1.45])
    family, before = descent.family, descent.numbers
    descent.damping = damping
    chain, matrix = descent._chain(), J.gauss_newton(descent.point.theta, descent.point.L)[2]
    A = chain.T @ matrix @ chain / descent.point.loss
    undamped = A.copy()
    A += damping * np.diag(np.maximum(np.diag(A), 1e-9 * np.diag(A).max()))
    g = derivatives(family, np.clip(before, family.lower + 1e-5, family.upper - 1e-5)) / descent.point.loss
    g = descent.point.rows.ravel() @ chain / descent.point.loss
    bounds = list(zip(family.lower - before, family.upper - before, strict=True))
    expected = minimize(lambda d: (g @ d + 0.5 * d @ A @ d, g + A @ d), np.zeros(7), jac=True, bounds=bounds, tol=1e-15)
    candidate, promised = descent._candidate()
    move = candidate - before
    assert promised == pytest.approx(-(g @ move + 0.5 * move @ undamped @ move), rel=1e-9)
    assert g @ move + 0.5 * move @ A @ move <= expected.fun * (1 - 1e-6) + 1e-12
    assert move == pytest.approx(expected.x, abs=1e-3 * np.abs(move).max())


def test_every_step_that_is_taken_lowers_the_loss_and_keeps_the_bounds():
    descent, losses = stage(Apart(3), Schedule(3).coordinates(NUMBERS).ravel()), []
    while not descent.ended and len(losses) < 200:
        losses.append(descent.point.loss)
        descent.step()
        assert (descent.point.u >= LEAST).all()
        assert (descent.point.u <= MOST).all()
    assert descent.ended
    assert losses == sorted(losses, reverse=True)
    assert descent.point.loss < 0.75 * losses[0]
    assert descent.taken >= 3


class Told:
    """A judge that tells losses, and verdicts, of the points that it is asked of, whatever they are."""

    def __init__(self, losses, verdicts=None):
        self.losses, self.verdicts = list(losses), verdicts and list(verdicts)
        self.inner, self.J, self.units, self.held = Judge(J, UNITS), J, UNITS, verdicts

    def at(self, u):
        verdict = Verdict(*self.verdicts.pop(0)) if self.verdicts else Verdict(np.nan, 0)
        return self.inner.at(u)._replace(loss=self.losses.pop(0), verdict=verdict)


START = loss_at(Schedule(3), NUMBERS)


def told(losses, verdicts=None):
    """A stage whose losses are these times that of the start."""
    return Stage(Told([START * loss for loss in losses], verdicts), Schedule(3), NUMBERS, ALL)


@pytest.mark.parametrize(
    ("share", "factor"), [(0.01, 5), (0.24, 5), (0.26, 1), (0.74, 1), (0.76, 1 / 5), (1.0, 1 / 5), (1.5, 1 / 5)]
)
def test_the_damping_follows_the_share_of_the_promised_gain(share, factor):
    descent = told([1.0])
    _, promised = descent._candidate()
    descent.judge.losses.append(START * (1 - share * promised))
    descent.step()
    assert descent.taken == 1
    assert descent.damping == pytest.approx(1e-2 * factor)


def test_the_damping_has_a_floor():
    descent = told([1.0, 0.01])
    descent.damping = 2e-6
    descent.step()
    assert descent.damping == 1e-6


def test_a_refused_step_leaves_everything_where_it_is_but_the_damping():
    descent = told([1.0, 1.1, 1.0, np.inf])
    before = descent.point
    for dampings in (5e-2, 0.25, 1.25):  # higher, as high, and diverged
        descent.step()
        assert descent.point is before
        assert descent.numbers.tolist() == NUMBERS.tolist()
        assert descent.damping == pytest.approx(dampings)
    assert (descent.steps, descent.taken, descent.refused, descent.ended) == (3, 0, 3, "")


def test_it_ends_after_six_refusals_in_a_row():
    descent = told([1.0, *[2.0] * 3, 0.5, *[2.0] * 6])
    for _ in range(9):
        descent.step()
        assert descent.ended == ""
    descent.step()
    assert descent.ended == SHORTEST
    assert descent.refused == 6


@pytest.mark.parametrize(
    ("factors", "ended"),
    [
        ([0.9995] * 10, GAIN),  # together by half a hundredth
        ([0.9985] * 10, ""),  # by more than a hundredth
        ([0.5, *[0.9995] * 9], ""),
        ([0.5, *[0.9995] * 10], GAIN),
    ],
)
def test_it_ends_after_ten_steps_of_little_gain_together(factors, ended):
    losses, at = [1.0], 1.0
    for factor in factors:
        losses.append(at * factor)
        at = min(at, losses[-1])
    descent = told(losses)
    for _ in factors[:-1]:
        descent.step()
        assert descent.ended == ""
    descent.step()
    assert descent.ended == ended


@pytest.mark.parametrize(("damping", "ended"), [(1e6, GAIN), (1e-2, "")])
def test_of_steps_that_are_refused_those_that_promise_little_are_among_the_ten(damping, ended):
    """The others tell of the damping alone, as at a start: what there is to gain is still to come."""
    losses, at = [1.0], 1.0
    for factor in [0.9995, 2, 0.9995, 2, 2, 0.9995, 2, 2, 0.9995, 2]:
        losses.append(at * factor)
        at = min(at, losses[-1])
    descent = told(losses)
    for _ in losses[1:]:
        assert descent.ended == ""
        descent.damping = damping
        assert (descent._candidate()[1] < 1e-3) is (ended == GAIN)
        descent.step()
    assert descent.ended == ended


@pytest.mark.parametrize("damping", [1e-6, 1e-2, 1e6])
def test_refusals_do_not_end_it_before_a_step_promises_next_to_nothing(damping):
    descent = told([1.0] + [2.0] * 30)
    descent.damping, promises = damping, []
    while not descent.ended:
        promises.append(descent._candidate()[1])
        descent.step()
    first = next(i for i, promised in enumerate(promises, start=1) if promised < 1e-3)
    assert descent.ended == SHORTEST
    assert descent.refused == len(promises) == max(first, 6)
    assert (first > 6) is (damping < 1)


def test_what_is_held_out_refuses_steps_that_are_unstable():
    """More columns that grow, or more than one and a half times the least loss so far."""
    verdicts = [(4.0, 1), (4.0, 2), (6.1, 1), (5.9, 1), (6.1, 1), (2.0, 0), (1.0, 1), (3.1, 0), (2.9, 0)]
    descent = told([2.0**-k for k in range(len(verdicts))], verdicts)
    taken = []
    for _ in verdicts[1:]:
        before = descent.taken
        descent.step()
        taken.append(descent.taken > before)
    assert taken == [False, False, True, False, True, False, False, True]
    assert descent.least == 2.0


def test_it_ends_after_ten_steps_since_the_least_loss_of_what_is_held_out():
    verdicts = [(4.0, 0), (5.0, 0), (5.0, 0), (3.0, 0), *[(3.5, 0)] * 9, (3.0, 0), (2.0, 0)]
    descent = told([2.0**-k for k in range(len(verdicts))], verdicts)
    for _ in range(12):
        descent.step()
        assert descent.ended == ""
    descent.step()
    assert descent.ended == UNHELPFUL


def test_a_loss_of_0_of_what_is_held_out_is_never_behind():
    """As where it is all zeros: it cannot fall any more, and says nothing against going on."""
    descent = told([2.0**-k for k in range(14)], [(0.0, 0)] * 14)
    for _ in range(13):
        descent.step()
    assert (descent.ended, descent.idle, descent.taken) == ("", 0, 13)


def test_without_anything_held_out_nothing_is_unhelpful():
    descent = told([2.0**-k for k in range(12)])
    for _ in range(11):
        descent.step()
    assert (descent.ended, descent.idle) == ("", 0)


def test_a_start_that_diverges_says_so():
    far = Objective(LeastSquares(1e200 * D, D @ X), X, layers=3, per_layer=True)
    descent = Stage(Judge(far, Box(1.0, 1e-200)), Schedule(3), NUMBERS, ALL)
    assert descent.point.loss == np.inf
    with pytest.raises(DivergenceError, match="layer"):
        descent.step()


def test_a_judge_asks_what_is_held_out():
    held = HeldOut(J)
    point = Judge(J, UNITS, held).at(Schedule(3).coordinates(NUMBERS))
    assert point.verdict == held.verdict(point.theta, point.L)
    assert np.isnan(Judge(J, UNITS).at(point.u).verdict.loss)
    assert np.array_equal(point.rows.T, np.array(J(point.theta, point.L)[1]))


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 9])
def test_the_state_is_all_that_the_next_steps_depend_on(steps):
    held, sample = HeldOut(J), Sample(3, 5)
    whole, restored = (stage(Apart(3), Schedule(3).coordinates(NUMBERS).ravel(), held, sample=sample) for _ in range(2))
    for _ in range(steps):
        whole.step()
    restored.state = {name: np.array(array) for name, array in whole.state.items()}
    for _ in range(4):
        assert restored.point.u.tobytes() == whole.point.u.tobytes()
        assert (restored.point.loss, restored.damping, restored.ended) == (whole.point.loss, whole.damping, whole.ended)
        assert {name: np.asarray(value).tolist() for name, value in restored.state.items()} == {
            name: np.asarray(value).tolist() for name, value in whole.state.items()
        }
        whole.step()
        restored.step()


def test_the_matrix_of_few_columns_is_that_of_all():
    point = stage().point
    expected = J.gauss_newton(point.theta, point.L)[2]
    assert products(J, point.theta, point.L, Sample(20, 20), 0).tobytes() == expected.tobytes()


def test_the_matrix_of_some_columns_has_the_worst_whole_and_of_the_others_the_mean(monkeypatch):
    """Over all draws of the others it is the matrix of all; drawn by the seed."""
    point = stage().point
    alone = [module.subset(J, np.array([j])).gauss_newton(point.theta, point.L)[2] for j in range(40)]
    worst = np.argsort(-module.errors(J, point.theta, point.L))[:3]
    seen = []

    def recorded(rest, count, seed):
        seen.append((rest.tolist(), count, seed))
        return rest[5:9]

    monkeypatch.setattr(module, "drawn", recorded)
    found = products(J, point.theta, point.L, Sample(3, 4), 17)
    ((rest, count, seed),) = seen
    assert (count, seed) == (4, 17)
    assert rest == sorted(set(range(40)) - set(worst.tolist()))
    others = sum(alone[j] for j in rest[5:9])
    assert found == pytest.approx(sum(alone[j] for j in worst) + others * 37 / 4, rel=1e-10, abs=1e-12)
