"""Where fit says that a point is stationary, no point around it is lower; kinks are searched, not trusted."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import Fidelity, LeastSquares, Objective, Status, Theta, fit
from dsrl_ref.errors import DivergenceError
from dsrl_ref.training import kinks
from dsrl_ref.training.constraints import feasible
from dsrl_ref.training.gauss_newton import LevenbergMarquardt, starts
from dsrl_ref.training.kinks import Polish, is_nothing, units

HOLDS = 1e-4  # of the loss: by how much a point that the probing did not draw may be lower, up to NEARBY away
NEARBY = 1e-2, 1e-3, 1e-4, 1e-5, 1e-6


def drawn(seed):
    """Recovery from few measurements, or denoising of a matrix: small ones, of which J has many kinks."""
    rng = np.random.default_rng(seed)
    layers = int(rng.integers(1, 6))
    if seed % 2:
        n, m, signals = (int(rng.integers(*range_)) for range_ in ((4, 25), (3, 15), (2, 40)))
        D = rng.normal(size=(m, n)) / np.sqrt(m)
        X = rng.normal(size=(n, signals)) * (rng.random((n, signals)) < 0.1 + 0.3 * rng.random())
        X[0, 0] = 1.0
        return Objective(LeastSquares(D, D @ X + 0.01 * rng.normal(size=(m, signals))), X, layers=layers)
    W = rng.normal(size=(int(rng.integers(2, 12)), int(rng.integers(2, 12))))
    target = W * (np.abs(W) > rng.random()) + 0.1 * rng.normal(size=W.shape)
    return Objective(Fidelity(W), target, layers=layers)


def lowest_around(J, theta, L, seed, each=30):
    """The least loss of points of (7) drawn around one, in every direction and at every distance of NEARBY."""
    rng, at, least = np.random.default_rng(seed), np.array([*theta, L]), np.inf
    for distance, _ in itertools.product(NEARBY, range(each)):
        direction = rng.normal(size=5) * (rng.random(5) < rng.choice([0.4, 1.0]))
        values = np.append(Theta.projected(at[:4] + distance * direction[:4] * np.maximum(at[:4], 0.1)), at[4])
        values[4] *= 1 + distance * direction[4]
        try:
            least = min(least, J(values[:4], values[4])[0])
        except DivergenceError:
            continue
    return least


def problem_of(W):
    """A problem with this target."""
    return Objective(Fidelity(W), layers=1).problem


class Folded:
    """As much of an objective as is looked at: 1 + Σ slopes·|values - fold|, a fold across which gradients jump."""

    problem = problem_of(np.ones((2, 2)))

    def __init__(self, fold, slopes, height=1.0):
        self.fold, self.slopes, self.height, self.seen = np.array(fold), np.array(slopes), height, 0

    def __call__(self, theta, L):
        self.seen += 1
        away = np.array([*theta, L]) - self.fold
        return self.height + float(self.slopes @ np.abs(away)), self.slopes * np.sign(away)

    def gauss_newton(self, theta, L):
        return *self(theta, L), 1e-3 * np.eye(5)


FOLD = [0.9, 0.5, 0.5, 1.5, 3.0]
SLOPES = [1.0, 0.5, 2.0, 0.25, 0.125]


def polished(J, values, most=400):
    polish = Polish(J, np.array(values))
    for _ in range(most):
        if polish.status:
            break
        polish.step()
    return polish


def test_a_fold_outside_7_is_approached_along_its_edge():
    polish = polished(Folded([0.9, 1.2, 0.5, 1.5, 3.0], SLOPES), [0.95, 0.9, 0.55, 1.4, 2.9])
    assert polish.status is Status.STATIONARY
    assert polish.values == pytest.approx([0.9, 1.0, 0.5, 1.5, 3.0], abs=1e-3)


def test_a_valley_that_only_the_probes_find_is_gone_on_from():
    """Flat around the point, and a hole a twentieth away in w1 alone."""

    class Hole(Folded):
        def __call__(self, theta, L):
            self.seen += 1
            depth = max(0.0, 0.02 - abs(theta[0] - 0.95))
            return 1.0 - depth, np.array([np.sign(theta[0] - 0.95) * (depth > 0), 0, 0, 0, 0])

    polish = polished(Hole(FOLD, SLOPES), FOLD)
    assert polish.status is Status.STATIONARY
    assert polish.loss == pytest.approx(0.98, abs=1e-4)


def test_from_a_point_that_the_probes_find_the_search_begins_anew():
    class Peak(Folded):
        def __call__(self, theta, L):
            return (1.0 if [*theta, L] == FOLD else 0.9), np.zeros(5)

    polish = Polish(Peak(FOLD, SLOPES), np.array(FOLD))
    polish.box = kinks.LEAST_BOX / 2
    polish.step()
    assert (polish.loss, polish.box, polish.status) == (0.9, kinks.BOX, None)


def test_points_lower_by_less_than_the_tolerance_are_not_gone_on_from():
    """Every point but the first is lower by half a millionth: probing goes on from none."""

    class Less(Folded):
        def __call__(self, theta, L):
            self.seen += 1
            return (1.0 if self.seen == 1 else 1 - 5e-7), np.zeros(5)

    polish = Polish(Less(FOLD, SLOPES), np.array(FOLD))
    polish.box = kinks.LEAST_BOX / 2
    before = polish.J.seen
    polish.step()
    assert polish.status is Status.STATIONARY
    assert polish.values.tolist() == FOLD
    assert polish.J.seen - before == sum(kinks.PROBES.values()) == 484 == polish.points


class Many(Folded):
    """Of as many entries as let a share of the points show that J is smooth."""

    problem = problem_of(np.ones((64, 64)))


class Bowl(Many):
    """1 + share·½Σ(values - fold)²/100, where the share is said of the largest difference; the model has 1."""

    def __init__(self, share=lambda away: 1.0):
        super().__init__(FOLD, np.zeros(5))
        self.share = share

    def __call__(self, theta, L):
        self.seen += 1
        away = np.array([*theta, L]) - self.fold
        return 1 + self.share(np.abs(away).max()) * 0.005 * float(away @ away), 0.01 * away

    def gauss_newton(self, theta, L):
        return *self(theta, L), 0.01 * np.eye(5)


def test_where_many_entries_make_it_smooth_a_share_of_the_points_is_enough():
    J = Bowl()
    polish = Polish(J, np.array(FOLD))
    before = J.seen
    polish.step()
    assert polish.status is Status.STATIONARY
    assert polish.points == J.seen - before == sum(count // 12 for count in kinks.PROBES.values()) == 39
    assert polish.values.tolist() == FOLD


@pytest.mark.parametrize("size", [(63, 65), (64, 64)])  # 4,095 and 4,096 entries
def test_few_entries_are_never_taken_for_smooth(size):
    J = Bowl()
    J.problem = problem_of(np.ones(size))
    polish = Polish(J, np.array(FOLD))
    polish.step()
    assert (polish.status is Status.STATIONARY) == (size == (64, 64))


@pytest.mark.parametrize(
    ("share", "smooth"),
    [
        (lambda away: 0.51, True),
        (lambda away: 0.49, False),  # nearby it rises by less than a half of what it should
        (lambda away: 0.1 if away > 0.031 else 1.0, True),  # beyond a hundredth of the units it need only rise
        (lambda away: -0.1 if away > 0.1 else 1.0, False),  # far away it is lower
        (lambda away: 10.0, True),
    ],
)
def test_it_is_smooth_where_points_rise_as_the_model_says(share, smooth):
    polish = Polish(Bowl(share), np.array(FOLD))
    polish.step()
    assert (polish.status, polish.points) == ((Status.STATIONARY, 39) if smooth else (None, 0))


def test_a_little_that_the_model_expects_to_be_lower_is_no_kink():
    """Up to 2.5e-8 lower, as the model says: the end of the smooth descent is not to the last bit."""

    class Tilted(Bowl):
        def __call__(self, theta, L):
            loss, gradient = super().__call__(theta, L)
            away = np.array([*theta, L]) - self.fold
            losses.append(loss + 1e-5 * float(away.sum()))
            return losses[-1], gradient + 1e-5

    losses = []
    polish = Polish(Tilted(), np.array(FOLD))
    polish.step()
    assert (polish.status, polish.points) == (Status.STATIONARY, 39)
    assert 1 - 2.5e-8 <= min(losses) < 1 - 1e-9


def test_a_fold_of_many_entries_is_come_down_to():
    polish = polished(Many(FOLD, SLOPES), [0.95, 0.55, 0.5, 1.45, 3.05])
    assert polish.status is Status.STATIONARY
    assert polish.points == 242
    assert polish.loss <= 1 + 1e-4


def test_where_rounding_hides_what_is_lower_it_says_so():
    """Of ½‖X̃‖² = 2, a loss of 1e-18: entries are right to 1e-9, of which float64 tells 1e-7."""
    for height, status in ((1e-18, Status.STALLED), (1e-8, Status.STATIONARY), (1e-28, Status.CONVERGED)):
        J = Folded(FOLD, np.zeros(5), height)
        assert polished(J, FOLD).status is status


def test_nothing_is_a_loss_within_rounding_of_zero():
    J = Folded(FOLD, SLOPES)
    assert J.problem.half_square == 2.0
    assert is_nothing(J, 2e-28)
    assert not is_nothing(J, 2.1e-28)


def test_a_network_that_diverges_is_no_lower_point():
    class Cliff(Folded):
        def __call__(self, theta, L):
            if L < 3.0:
                raise DivergenceError("the network diverges")
            return super().__call__(theta, L)

    polish = polished(Cliff(FOLD, SLOPES), [0.95, 0.55, 0.5, 1.45, 3.05])
    assert polish.status is Status.STATIONARY
    assert polish.values == pytest.approx(FOLD, abs=1e-3)


def test_units_are_the_parameters_and_never_0():
    J = Folded(FOLD, SLOPES)
    J.problem = problem_of([[-7.0, 2.0]])
    assert units(J, np.array([2.0, 0.5, 0.25, 4.0, 8.0])).tolist() == [2.0, 0.5, 4.0, 4.0, 8.0]
    assert units(J, np.array([1e-3, 1e-4, 0.0, 0.0, 8.0])).tolist() == [0.1, 0.1, 7.0, 7.0, 8.0]
    J.problem = problem_of([[0.0, 0.0]])
    assert units(J, np.array([1.0, 1.0, 0.0, 0.0, 8.0])).tolist() == [1.0, 1.0, 1.0, 1.0, 8.0]


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_models_are_of_the_gradients_where_they_are_drawn_and_never_above_the_point(share):
    """J has risen by a share of what the gradients there say: at the point, their models are below J or cut off."""

    class Shared(Folded):
        def __call__(self, theta, L):
            drawn.append([*theta, L])
            away = np.array(drawn[-1]) - self.fold
            return 2 + share * float(self.slopes @ np.abs(away)), self.slopes * np.sign(away)

    drawn = []
    polish = Polish(Shared(FOLD, SLOPES), np.array(FOLD))
    slopes, heights, lowest = polish._models(np.random.default_rng(0))
    in_units = np.array([0.9, 0.5, 1.5, 1.5, 3.0])  # of w1, w2, b1, b2, L
    back = (np.array(FOLD) - drawn[1:]) / in_units
    assert np.all((np.abs(back).max(axis=0) > kinks.BOX / 2) & (np.abs(back).max(axis=0) <= kinks.BOX))
    assert slopes[0].tolist() == [0.0] * 5
    assert slopes[1:] == pytest.approx(-np.sign(back) * SLOPES * in_units / 2)  # of the loss, which is 2
    rises = np.abs(drawn[1:] - np.array(FOLD)) @ SLOPES / 2
    below = (1 - share) * rises - 0.5 * 1e-3 / 2 * np.sum((back * in_units) ** 2, axis=1)
    assert heights == pytest.approx(np.append(0.0, np.maximum(below, 0.0)), abs=1e-14)
    assert heights[1:].all() == (share < 1)
    assert lowest == (2.0, polish.values)


def test_a_lower_point_that_the_gradients_were_drawn_at_is_gone_on_from():
    """Every point but the first is lower, though no gradient promises it."""

    class Peak(Folded):
        def __call__(self, theta, L):
            self.seen += 1
            return (1.0 if [*theta, L] == FOLD else 0.9), np.zeros(5)

    polish = Polish(Peak(FOLD, SLOPES), np.array(FOLD))
    polish.step()
    assert (polish.loss, polish.box) == (0.9, kinks.BOX)
    assert polish.values.tolist() != FOLD


def test_a_step_that_finds_nothing_makes_the_box_smaller_and_nothing_else():
    """At the fold all gradients in the box promise nothing; a gradient that is not kept is a promise, and not kept."""
    polish = Polish(Folded(FOLD, SLOPES), np.array(FOLD))
    polish.step()
    assert polish.box == kinks.BOX / 10

    class Broken(Folded):
        def __call__(self, theta, L):
            self.seen += 1
            return 1.0, np.array([0.5, 0, 0, 0, 0])

    broken = Polish(Broken(FOLD, SLOPES), np.array(FOLD))
    before = broken.J.seen
    broken.step()
    assert broken.box == kinks.BOX / 3
    assert broken.J.seen - before == kinks.SAMPLES + kinks.SHORTER[1] == 14
    for each in (polish, broken):
        assert (each.values.tolist(), each.damping) == (FOLD, kinks.DAMPING)


def test_where_it_says_converged_no_point_nearby_is_lower(repeats):
    said, seeds = 0, range(repeats(4, 400))
    for seed in seeds:
        J = drawn(seed)
        learned = fit(J, epochs=300)
        assert learned.status in (Status.STATIONARY, Status.CONVERGED, Status.MAX_ITER)
        said += learned.converged
        if learned.converged:
            assert lowest_around(J, learned.theta, learned.L, seed) >= learned.loss * (1 - HOLDS)
    assert said >= 0.8 * len(seeds)


def test_a_kink_is_where_the_smooth_descent_stalls_above_what_is_found():
    """By more than a half here: so that the search is seen to be one."""
    J = drawn(34)
    descent = LevenbergMarquardt(J, starts(J)[2])
    for _ in range(400):
        if not descent.status:
            descent.step()
    assert descent.status is Status.STATIONARY
    assert polished(J, descent.values).loss < 0.5 * descent.loss


@examples(20)
@given(st.integers(0, 2**32 - 1))
def test_it_comes_down_to_a_fold_from_wherever_it_is(seed):
    rng = np.random.default_rng(seed)
    fold = feasible(np.array(FOLD) * rng.uniform(0.8, 1.2, 5))
    slopes = np.array(SLOPES) * rng.uniform(0.5, 2, 5)
    polish = polished(Folded(fold, slopes), feasible(fold * rng.uniform(0.9, 1.1, 5)))
    assert polish.status is Status.STATIONARY
    assert polish.loss <= 1 + 1e-4
    assert Theta(*polish.values[:4]).violations() == ()


def test_the_end_is_the_same_whenever_it_is_run_and_from_any_step_of_it():
    J = drawn(1)
    at = feasible(starts(J)[0])
    whole = Polish(J, at)
    for _ in range(25):
        whole.step()
    first, restored = Polish(J, at), Polish(J, at)
    for _ in range(9):
        first.step()
    restored.state = first.state.copy()
    for _ in range(16):
        restored.step()
    assert restored.state.tobytes() == whole.state.tobytes()
    assert (restored.loss, restored.status) == (whole.loss, whole.status)


def test_all_that_a_step_depends_on_is_restored():
    J = Many(FOLD, SLOPES)
    ended, restored = polished(J, [0.95, 0.55, 0.5, 1.45, 3.05]), Polish(J, np.array(FOLD))
    assert (ended.points, ended.box) == (242, pytest.approx(0, abs=kinks.LEAST_BOX))
    assert ended.damping != kinks.DAMPING
    restored.state = ended.state.copy()
    assert restored.state.tobytes() == ended.state.tobytes()
