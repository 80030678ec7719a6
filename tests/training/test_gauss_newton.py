"""Gauss-Newton: each part against its definition, and the whole at the minimum within (7) in few evaluations."""

import numpy as np
import pytest
import scipy.sparse as sp
from active_sets import least_by_enumeration
from scipy.optimize import minimize
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, Status, Theta, disk, fit
from dsrl_ref.errors import DivergenceError
from dsrl_ref.training import gauss_newton
from dsrl_ref.training.authors import Adam
from dsrl_ref.training.gauss_newton import GaussNewtonDescent, LevenbergMarquardt


def recovery(n=20, m=12, signals=30, layers=4, seed=0):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(m, n)) / np.sqrt(m)
    X = rng.normal(size=(n, signals)) * (rng.random((n, signals)) < 0.1)
    return Objective(LeastSquares(D, D @ X + 0.01 * rng.normal(size=(m, signals))), X, layers=layers)


@pytest.fixture(scope="module")
def learned():
    return fit(recovery())


def test_it_converges_inside_condition_7(learned):
    assert learned.converged
    assert learned.status is Status.STATIONARY
    assert learned.theta.violations() == ()
    assert learned.loss == recovery()(learned.theta, learned.L)[0] == min([*learned.history["loss"], learned.loss])


def test_no_other_optimiser_goes_lower(learned):
    bounds = [(1e-4, 5), (1e-4, 1), (0, 2), (0, 4), (0.1, 20)]
    rules = {"type": "ineq", "fun": lambda x: [x[3] - x[2], x[2] - (1 - 1 / x[0]) * x[3]]}
    J = recovery()

    def flat(x):
        inside = np.append(Theta.projected(x[:4]), x[4])
        return J.flat(inside)

    start = [*learned.theta, learned.L]
    for nudge in (1, 0.9, 1.1):
        found = minimize(flat, nudge * np.array(start), jac=True, bounds=bounds, constraints=rules, method="SLSQP")
        assert found.fun >= learned.loss * (1 - 1e-4)  # J has a kink wherever an entry crosses a knot


def test_adam_is_not_as_good_with_fifty_times_the_evaluations(learned):
    J, adam, losses = recovery(), Adam(), []
    values = gauss_newton.starts(J)[0]
    for _ in range(50 * len(learned.history["loss"])):
        loss, gradient = J(Theta.projected(values[:4]), values[4])
        losses.append(loss)
        values = gauss_newton.feasible(values - 0.01 * adam.direction(np.array(gradient)))
    assert min(losses) > learned.loss * (1 + 1e-6)


def test_any_smooth_term_will_do():
    f, x0 = FloatQuartic(np.array([[1.0, 0.25], [0.25, 0.5]])), np.array([[0.75, 0.125], [0.25, -0.5]])
    J = Objective(f, np.array([[0.5, 0.0], [0.25, -0.5]]), layers=3, x0=x0)
    found = fit(J, theta=(1, 0.9, 0.05, 0.3), L=4.0)
    assert found.loss < J((1, 0.9, 0.05, 0.3), 4.0)[0]


AT = np.array([0.9, 0.5, 0.5, 1.5, 3.0])  # well inside (7)


class Bowl:
    """As much of an objective as the descent looks at: ½‖A·values - y‖², or losses told beforehand."""

    problem = Objective(Fidelity(np.ones((2, 2))), layers=1).problem

    @property
    def energy(self):
        return 0.5 * float(np.sum(self.target**2))

    def __init__(self, A, minimum, told=()):
        self.A, self.y, self.told, self.begun = A, A @ minimum, list(told), False

    def gauss_newton(self, theta, L):
        """Where the descent begins, the loss is never told."""
        residual = self.A @ [*theta, L] - self.y
        loss = self.told.pop(0) if self.told and self.begun else 0.5 * residual @ residual
        self.begun = True
        if loss is None:
            raise DivergenceError("the network diverges")
        return loss, tuple(self.A.T @ residual), self.A.T @ self.A


A = np.random.default_rng(4).normal(size=(8, 5)) * [1, 2, 3, 4, 5]
NEAR = AT + [0.01, -0.02, 0.01, 0.02, -0.03]  # noqa: RUF005  # a sum


def damped_step(values, damping, scale):
    gradient = A.T @ (A @ (values - NEAR))
    return np.linalg.solve(A.T @ A + damping * np.diag(scale), -gradient)


def test_a_step_minimises_the_damped_model():
    descent = LevenbergMarquardt(Bowl(A, NEAR), AT)
    scale, damping, values = np.diag(A.T @ A), 1e-2, AT
    for _ in range(4):
        values = values + damped_step(values, damping, scale)
        descent.step()
        assert descent.values == pytest.approx(values, rel=1e-12)
        damping /= 3  # all of the gain that the model promises: Nielsen's factor is least
        assert descent.damping == pytest.approx(damping, rel=1e-6)


@pytest.mark.parametrize(
    ("share", "factor"), [(0.1, 1 + 0.8**3), (0.5, 1.0), (0.75, 0.875), (1.0, 1 / 3), (9.0, 1 / 3)]
)
def test_the_damping_follows_the_share_of_the_promised_gain(share, factor):
    """Nielsen (1999): max(1/3, 1 - (2·share - 1)³)."""
    descent = LevenbergMarquardt(Bowl(A, NEAR), AT)
    step = damped_step(AT, 1e-2, np.diag(A.T @ A))
    promised = 0.5 * np.sum((A @ (AT - NEAR)) ** 2) - 0.5 * np.sum((A @ (AT + step - NEAR)) ** 2)
    descent.J.told.append(descent.loss - share * promised)
    descent.step()
    assert descent.damping == pytest.approx(1e-2 * factor, rel=1e-9)


def test_the_damping_has_a_floor():
    descent = LevenbergMarquardt(Bowl(A, NEAR), AT)
    descent.damping = 2e-12
    descent.step()
    assert descent.damping == 1e-12


@pytest.mark.parametrize("worse", [1e9, None], ids=["higher", "diverged"])
def test_a_step_that_does_not_lower_the_loss_is_not_taken_and_the_next_is_shorter(worse):
    descent = LevenbergMarquardt(Bowl(A, NEAR, [worse] * 3), AT)
    dampings = []
    for _ in range(3):
        descent.step()
        assert descent.values.tolist() == AT.tolist()
        dampings.append(descent.damping)
    assert dampings == pytest.approx([2e-2, 8e-2, 64e-2])  # doubled, times four, times eight
    descent.step()
    assert descent.values == pytest.approx(AT + damped_step(AT, 64e-2, np.diag(A.T @ A)), rel=1e-12)
    descent.J.told.append(1e9)
    before = descent.damping
    descent.step()
    assert descent.damping == 2 * before  # the growth begins anew


def test_a_loss_that_stays_is_not_taken():
    descent = LevenbergMarquardt(Bowl(A, NEAR), AT)
    descent.J.told.append(descent.loss)
    descent.step()
    assert descent.values.tolist() == AT.tolist()
    assert descent.status is None


def test_the_scale_is_the_largest_curvature_met_and_parameters_without_one_take_the_largest_of_all():
    flat = A * [1, 0, 1, 1, 1]
    descent = LevenbergMarquardt(Bowl(flat, NEAR), AT)
    curvature = np.diag(flat.T @ flat)
    assert descent.scale.tolist() == curvature.tolist()
    gradient = flat.T @ flat @ (AT - NEAR)
    scale = np.where(curvature > 0, curvature, curvature.max())
    expected = np.linalg.solve(flat.T @ flat + 1e-2 * np.diag(scale), -gradient)
    descent.step()
    assert descent.values == pytest.approx(AT + expected, rel=1e-12)
    assert expected[1] == 0
    descent.J.A = A / 2
    descent.move_to(AT)
    assert descent.scale.tolist() == np.maximum(curvature, np.diag(A.T @ A) / 4).tolist()


def test_where_nothing_curves_it_still_steps():
    descent = LevenbergMarquardt(Bowl(0 * A, NEAR), AT)
    descent.step()
    assert descent.values.tolist() == AT.tolist()


def test_it_has_converged_when_a_step_gains_less_than_a_ten_millionth_in_fact_and_by_the_model():
    """A loss far above 0, as where the network cannot meet its target."""

    class Raised(Bowl):
        def gauss_newton(self, theta, L):
            loss, gradient, matrix = super().gauss_newton(theta, L)
            return loss + self.height, gradient, matrix

    gain = LevenbergMarquardt(Bowl(A, NEAR), AT).loss  # nearly all of it, by the first step
    for height, status in (
        (2e7 * gain, Status.STATIONARY),
        (5e6 * gain, None),
    ):
        J = Raised(A, NEAR)
        J.height = height
        descent = LevenbergMarquardt(J, AT)
        descent.step()
        assert descent.values.tolist() != AT.tolist()
        assert descent.status is status


def test_a_small_gain_where_the_model_promised_a_large_one_is_no_convergence():
    descent = LevenbergMarquardt(Bowl(A, NEAR), AT)
    descent.J.told.append(descent.loss * (1 - 1e-12))
    descent.step()
    assert descent.status is None
    assert descent.values.tolist() != AT.tolist()


def test_a_large_gain_where_the_model_promised_next_to_none_is_no_convergence():
    descent = LevenbergMarquardt(Bowl(A, NEAR), AT)
    descent.damping = 1e15
    descent.J.told.append(descent.loss / 2)
    descent.step()
    assert descent.status is None
    assert descent.damping == pytest.approx(1e15 / 3)


def test_it_has_converged_when_even_the_shortest_step_does_not_lower_the_loss():
    descent, steps = LevenbergMarquardt(Bowl(A, NEAR, [1e9] * 60), AT), 0
    while not descent.status and steps < 20:
        moved = damped_step(AT, descent.damping, np.diag(A.T @ A))
        descent.step()
        steps += 1
        assert bool(descent.status) == bool((np.abs(moved) <= 1e-12 * AT).all())
    assert descent.status is Status.STATIONARY
    assert 5 < steps < 20


def test_it_has_converged_when_the_loss_is_nothing_but_rounding():
    """½‖X̃‖² is 2 here: 2e-28 is its rounding."""
    for told, status in ((1.9e-28, Status.CONVERGED), (2.1e-28, None)):
        descent = LevenbergMarquardt(Bowl(A, NEAR), AT)
        descent.J.gauss_newton = lambda theta, L, told=told: (told, (1.0,) * 5, np.eye(5))
        descent.J.told.append(told)
        descent.step()
        assert descent.status is status


def test_a_step_stays_within_7():
    """The minimum of the model is at w2 = 2 and L = -1."""
    descent = LevenbergMarquardt(Bowl(np.eye(5), np.array([0.9, 2.0, 0.5, 1.5, -1.0])), AT)
    for _ in range(40):
        descent.step()
        assert Theta(*descent.values[:4]).violations() == ()
    assert descent.values[:4] == pytest.approx([0.9, 1.0, 0.5, 1.5], rel=1e-6)
    assert 0 < descent.values[4] < 1e-12  # L, which has no floor, falls to a thousandth at most by a step
    assert descent.status


def test_a_start_outside_7_is_projected():
    descent = LevenbergMarquardt(Bowl(A, NEAR), np.array([0.9, 1.5, 0.5, 1.5, 2.0]))
    assert descent.values.tolist() == [0.9, 1.0, 0.5, 1.5, 2.0]


def states_of(descent, steps):
    told = []
    for _ in range(steps):
        descent.step()
        told.append((descent.values.tobytes(), descent.evaluate(), descent.status))
    return told


@pytest.mark.parametrize("trials", [1, 3])
@pytest.mark.parametrize("steps", [0, 1, 5, 6, 7, 11, 12, 13, 17, 18, 19, 20, 25, 40])
def test_the_state_is_all_that_the_next_steps_depend_on(steps, trials):
    J = recovery(4, 3, 5, 2)
    begin = gauss_newton.starts(J)[:trials]
    whole, restored = GaussNewtonDescent(J, begin), GaussNewtonDescent(J, begin)
    states_of(whole, steps)
    restored.state = {name: np.array(array) for name, array in whole.state.items()}
    assert (restored.values.tobytes(), restored.evaluate(), restored.status) == (
        whole.values.tobytes(),
        whole.evaluate(),
        whole.status,
    )
    assert states_of(restored, 10) == states_of(whole, 10)


def test_every_start_has_six_steps_and_the_best_goes_on():
    J = recovery()
    begin = gauss_newton.starts(J)
    descent, alone = GaussNewtonDescent(J, begin), [LevenbergMarquardt(J, start) for start in begin]
    for trial in alone:
        for step in range(6):
            assert descent.values.tobytes() == trial.values.tobytes()
            assert descent.evaluate() == trial.loss
            assert (descent.status, step) == (None, step)
            descent.step()
            trial.step()
    best = min(alone, key=lambda trial: trial.loss)
    assert best is not alone[-1]  # so that going on from the last would be seen
    for _ in range(3):
        assert descent.values.tobytes() == best.values.tobytes()
        descent.step()
        best.step()


class Counted(Objective):
    """An objective that counts what is asked of it."""

    losses = matrices = 0

    def __call__(self, theta, L):
        self.losses += 1
        return super().__call__(theta, L)

    def gauss_newton(self, theta, L):
        self.matrices += 1
        return super().gauss_newton(theta, L)


def counted(J):
    return Counted(J.f, J.target, layers=J.layers, method=J.method)


def test_trials_on_a_part_have_their_six_steps_there_and_two_matrices_of_the_whole():
    whole, part = counted(recovery(signals=60)), counted(recovery(signals=20))
    begin = gauss_newton.starts(whole)
    descent = GaussNewtonDescent(whole, begin, part)
    whole.losses = whole.matrices = 0
    for k, start in enumerate(begin):
        assert descent.values.tolist() == start.tolist()
        assert descent.evaluate() == whole.gauss_newton(start[:4], start[4])[0]
        part.losses = part.matrices = whole.losses = whole.matrices = 0
        descent.step()
        assert (part.losses, whole.losses, whole.matrices) == (0, 0, 2)  # the next start, or the best, is the other
        assert part.matrices == 7
        assert len(descent.tried) == k + 1
    part.losses = part.matrices = 0
    for _ in range(5):
        descent.step()
    assert (part.losses, part.matrices) == (0, 0)


def test_after_trials_on_a_part_the_one_with_the_least_loss_of_the_whole_goes_on():
    whole, part = recovery(signals=60), recovery(signals=20)
    ends = []
    for start in gauss_newton.starts(whole):
        trial = LevenbergMarquardt(part, start)
        for _ in range(6):
            trial.step()
        ends.append(trial.values)
    best = min(ends, key=lambda end: whole(end[:4], end[4])[0])
    assert best is not ends[-1]
    descent = GaussNewtonDescent(whole, gauss_newton.starts(whole), part)
    for _ in ends:
        descent.step()
    assert descent.values.tolist() == best.tolist()
    assert descent.evaluate() == whole(best[:4], best[4])[0]


@pytest.mark.parametrize("told", [1e9, None], ids=["higher", "diverged"])
def test_a_trial_on_a_part_that_is_no_better_on_the_whole_ends_where_it_began(told):
    descent = GaussNewtonDescent(Bowl(A, NEAR, [told]), [AT, NEAR], Bowl(A, AT + 0.1))
    before = descent.evaluate()
    descent.step()
    assert descent.tried[0][0] == before
    assert descent.tried[0][1][:5].tolist() == AT.tolist()


def test_one_start_is_not_tried_on_a_part():
    descent, alone = GaussNewtonDescent(Bowl(A, NEAR), [AT], Bowl(A, AT)), LevenbergMarquardt(Bowl(A, NEAR), AT)
    descent.step()
    alone.step()
    assert descent.values.tolist() == alone.values.tolist() != AT.tolist()


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 7])
def test_the_state_is_all_that_the_next_steps_depend_on_with_a_part(steps):
    whole, part = recovery(4, 3, 20, 2), recovery(4, 3, 5, 2)
    begin = gauss_newton.starts(whole)
    descent, restored = (GaussNewtonDescent(whole, begin, part) for _ in range(2))
    states_of(descent, steps)
    restored.state = {name: np.array(array) for name, array in descent.state.items()}
    assert states_of(restored, 6) == states_of(descent, 6)


@pytest.mark.parametrize("kind", [np.array, sp.csr_array])
def test_the_part_is_a_tenth_of_the_columns_with_what_belongs_to_each(kind):
    rng = np.random.default_rng(0)
    D, Y, x0, X = (rng.normal(size=size) for size in ((8, 64), (8, 645), (64, 645), (64, 645)))
    J = Objective(LeastSquares(D, Y), kind(X), layers=3, x0=kind(x0), method="adjoint", threads=1)
    part = gauss_newton.part_of(J)
    assert (part.shape, part.layers, part.method, part.threads) == ((64, 64), 3, "adjoint", 1)
    columns = [Y.T.tolist().index(column) for column in part.f.Y.T.tolist()]
    assert columns == sorted(set(columns))
    assert set(np.diff(columns)) != {10}  # data that repeat are no danger
    dense = [M.toarray() if sp.issparse(M) else M for M in (part.target, part.x0)]
    assert dense[0].tolist() == X[:, columns].tolist()
    assert dense[1].tolist() == x0[:, columns].tolist()
    assert part.f.D.tolist() == D.tolist()
    assert gauss_newton.part_of(J).f.Y.tolist() == part.f.Y.tolist()


def test_there_is_no_part_of_few_entries_nor_of_another_smooth_term():
    few = LeastSquares(np.ones((1, 64)), np.ones((1, 639)))  # 63 columns of 64 rows are 4,032 entries
    assert gauss_newton.part_of(Objective(few, np.ones((64, 639)), layers=1)) is None
    assert gauss_newton.part_of(Objective(Fidelity(np.ones((64, 6400))), layers=1)) is None


@pytest.mark.parametrize(("most", "columns"), [(5, 5), (100, 70), (0, 1)])
def test_of_data_on_disk_the_part_is_no_more_than_is_to_be_in_memory(tmp_path, monkeypatch, most, columns):
    monkeypatch.setattr(disk, "LARGE", 64)
    monkeypatch.setattr(gauss_newton, "MOST", 64 * most)
    Y, target = np.ones((2, 700)), np.ones((64, 700))
    np.save(tmp_path / "Y.npy", Y)
    there = Objective(LeastSquares(np.ones((2, 64)), tmp_path / "Y.npy"), target, layers=1)
    assert there.problem.on_disk
    assert gauss_newton.part_of(there).shape == (64, columns)
    assert gauss_newton.part_of(Objective(LeastSquares(np.ones((2, 64)), Y), target, layers=1)).shape == (64, 70)


def test_fit_tries_its_starts_on_the_part():
    J = recovery(n=50, m=30, signals=820, layers=2)
    begin = gauss_newton.starts(J)
    found = fit(J, epochs=3)
    assert found.history["theta"].tolist() == [start[:4].tolist() for start in begin]
    assert found.history["loss"].tolist() == pytest.approx([J(start[:4], start[4])[0] for start in begin])


def test_a_trial_that_has_converged_gives_its_other_steps_to_the_next_and_none_ends_the_whole():
    J = Bowl(A, NEAR)
    descent = GaussNewtonDescent(J, [NEAR, AT])
    assert descent.evaluate() < 1e-28
    descent.step()
    assert descent.status is None
    assert descent.values.tolist() == AT.tolist()
    for _ in range(6):
        descent.step()
    assert descent.evaluate() < 1e-20


def test_it_has_converged_once_all_are_tried_where_one_of_them_had():
    """Without another step, which would evaluate a point at which nothing is to be gained."""
    descent = GaussNewtonDescent(Bowl(A, NEAR), [NEAR, AT])
    for _ in range(1 + gauss_newton.TRIAL):
        if len(descent.tried) < 2:
            assert descent.status is None
            descent.step()
    assert len(descent.tried) == 2
    assert (descent.status, descent.start, descent.values.tolist()) == (Status.CONVERGED, 0, NEAR.tolist())
    restored = GaussNewtonDescent(Bowl(A, NEAR), [NEAR, AT])
    restored.state = descent.state
    assert (restored.status, restored.start) == (Status.CONVERGED, 0)


def test_the_search_over_kinks_begins_where_the_smooth_descent_of_one_start_ends():
    """At the step that does, though it is among those of a trial; the message says how many points were drawn."""
    descent = GaussNewtonDescent(Bowl(A, NEAR, [1e9]), [AT])
    descent.current.damping = 1e15
    descent.step()
    assert descent.polish.values.tolist() == AT.tolist()
    descent.polish.points = 39
    assert "none of 39 points drawn" in descent.message(Status.STATIONARY, 100)


def test_one_start_ends_when_it_has_converged():
    descent, alone, steps = GaussNewtonDescent(Bowl(A, NEAR), [AT]), LevenbergMarquardt(Bowl(A, NEAR), AT), 0
    while not alone.status and steps <= gauss_newton.TRIAL:
        assert descent.status is None
        descent.step()
        alone.step()
        steps += 1
    assert steps <= gauss_newton.TRIAL
    assert descent.status == alone.status
    assert descent.values == pytest.approx(NEAR, rel=1e-9)
    assert descent.evaluate() == descent.current.loss


def test_starts_have_b1_a_little_below_quantiles_of_what_the_first_layer_sees():
    W = np.array([[0.0, -1.0, 2.0], [-3.0, 4.0, 0.0], [0.0, 5.0, 0.0]])
    expected = [[1, 0.9, 0.99 * q, 1.98 * q, 1] for q in (3, 4, 4.8)]  # of 1, 2, 3, 4, 5: zeros do not count
    assert np.array(gauss_newton.starts(Objective(Fidelity(W), layers=2))) == pytest.approx(np.array(expected))
    J = Objective(LeastSquares([[2.0]], [[1.0, 2.0, 3.0, 4.0, 5.0]]), np.ones((1, 5)), layers=2)
    expected = [[1, 0.9, 0.99 * q / 2, 0.99 * q, 4] for q in (3, 4, 4.8)]  # DᵀY/L = Y/2
    assert np.array(gauss_newton.starts(J)) == pytest.approx(np.array(expected))


def test_a_sparse_network_has_the_starts_of_the_dense_one():
    W = np.array([[0.0, -1.0, 2.0], [-3.0, 4.0, 0.0], [0.0, 5.0, 0.0]])
    dense, sparse = (gauss_newton.starts(Objective(Fidelity(kind(W)), layers=2)) for kind in (np.array, sp.csr_array))
    assert np.array(sparse).tolist() == np.array(dense).tolist()


def test_where_the_first_layer_sees_nothing_there_is_one_start():
    J = Objective(Fidelity(np.zeros((2, 2))), layers=2)
    assert [start.tolist() for start in gauss_newton.starts(J)] == [[1, 0.9, 1, 2, 1]]


@pytest.mark.parametrize(
    ("J", "constant"),
    [
        (Objective(FloatQuartic(np.eye(2)), np.ones((2, 2)), layers=1), "inf"),
        (Objective(LeastSquares([[0.0]], [[1.0]]), [[1.0]], layers=1), "0"),
    ],
)
def test_a_smooth_term_without_a_constant_needs_a_start(J, constant):
    with pytest.raises(ValueError, match=rf"f.lipschitz\(\) is {constant}.*, no step constant to start from: give fit"):
        fit(J)


def test_a_parameter_that_nothing_curves_moves_to_make_room_for_the_others():
    """b1 is drawn below the edge of (7), which w1 lowers: by how much, the largest scale of all decides."""
    flat, at = A * [0, 1, 1, 1, 1], np.array([1.5, 0.5, 0.6, 1.5, 3.0])
    descent = LevenbergMarquardt(Bowl(flat, at - [0, 0, 0.3, 0, 0]), at)
    matrix, gradient = flat.T @ flat, descent.gradient
    curvature = np.diag(matrix)
    damped = matrix + 1e-2 * np.diag(np.where(curvature > 0, curvature, curvature.max()))
    expected = least_by_enumeration(damped, gradient, *gauss_newton.constraints(at))
    assert expected[0] < -0.01
    descent.step()
    assert descent.values == pytest.approx(at + expected, rel=1e-9)
