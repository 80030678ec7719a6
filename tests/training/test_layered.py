"""One Θ and one L a layer, learned: under (7), downhill, judged by what is held out, resumed to the bit."""

import os
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, Status, Theta, fit, forward, load, save
from dsrl_ref.errors import ModelFileError, StartWarning
from dsrl_ref.training import checkpoint, layered
from dsrl_ref.training.held_out import split
from dsrl_ref.training.schedule import Schedule
from dsrl_ref.training.stage import Stage

compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="kernels in plain Python would take minutes"
)


def signals(D, count, seed, noise=0.01):
    """Sparse signals, and what is measured of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(D.shape[1], count)) * (rng.random((D.shape[1], count)) < 0.1)
    Y = D @ X
    return X, Y + noise * np.sqrt(np.mean(Y**2)) * rng.normal(size=Y.shape)


D = np.random.default_rng(0).normal(size=(8, 16)) / np.sqrt(8)
X, Y = signals(D, 60, 1)
WHITE = LeastSquares(D, Y).whitened()


def objective(layers=3, **options):
    return Objective(WHITE, X, **{"layers": layers, "per_layer": True, "threads": 1, **options})


run = partial(fit, objective(), epochs=12)


@pytest.fixture(scope="module")
def learned():
    return run()


def test_its_shapes_are_those_of_the_layers(learned):
    epochs = len(learned.history["loss"])
    assert (learned.theta.shape, learned.L.shape) == ((3, 4), (3,))
    assert learned.history["theta"].shape == (epochs, 3, 4)
    assert learned.history["L"].shape == (epochs, 3)
    assert [learned.history[name].shape for name in ("validation", "accepted")] == [(epochs,), (epochs,)]
    assert (learned.layers, learned.kind, learned.per_layer) == (3, "LeastSquares", True)
    assert [array.tolist() for array in learned.raw] == [learned.theta.tolist(), learned.L.tolist()]


def test_condition_7_holds_in_every_layer_of_every_epoch(learned):
    for theta in (*learned.history["theta"], learned.theta):
        assert [Theta(*row).violations() for row in theta] == [()] * 3
    assert (learned.history["L"] > 0).all()


def test_the_loss_never_rises_along_the_epochs_that_were_accepted(learned):
    losses = learned.history["loss"][learned.history["accepted"]]
    assert len(losses) > 5
    assert losses.tolist() == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_the_result_has_the_least_loss_on_what_was_held_out(learned):
    learned_from, held = split(objective(), None)
    assert learned.validation == held.verdict(learned.theta, learned.L).loss
    assert learned.validation <= learned.history["validation"].min()
    for theta, L, told in zip(*(learned.history[name] for name in ("theta", "L", "validation")), strict=True):
        assert held.verdict(theta, L).loss == told
    assert learned.loss == objective()(learned.theta, learned.L)[0]
    assert held.columns == 12
    assert learned_from.shape == (16, 48)


def test_the_losses_are_of_what_is_learned_from(learned):
    """48 columns, and 12 denser copies."""
    J = layered.with_denser(split(objective(), None)[0])
    assert J.shape == (16, 60)
    for theta, L, loss in zip(*(learned.history[name] for name in ("theta", "L", "loss")), strict=True):
        assert J(theta, L)[0] == loss


def test_how_it_ended_is_told_and_no_more(learned):
    whole = fit(objective())
    assert whole.status is Status.COMPLETED
    assert whole.converged
    assert whole.message.startswith("completed, after ")
    assert whole.message.endswith(
        "; of all epochs that are no worse than an answer of 0, if any, the result has the least loss on 12 columns "
        "that were held out; there may be lower points elsewhere"
    )
    short = run(epochs=1)
    assert short.status is Status.MAX_ITER
    assert short.message.startswith(
        "not completed after 1 epochs a stage: begin anew with more, or go on from here with theta and L; "
    )
    alone = run(validation=0)
    assert "; nothing was held out: how it does on other data is not known" in alone.message
    assert alone.validation is None
    assert "validation" not in alone.history


def test_the_epochs_are_those_of_each_stage():
    """Three schedules are tried, an epoch each; then one goes on, and then all numbers do."""
    assert [len(run(epochs=epochs).history["loss"]) for epochs in (1, 2)] == [5, 7]
    assert len(run(epochs=2, theta=(1, 1, 0.1, 0.2), L=1.1).history["loss"]) == 2
    accepted = run(epochs=2).history["accepted"]
    assert accepted[:3].sum() == 1
    assert accepted[3:].all()


def test_a_stage_is_over_after_its_epochs():
    tried, given = (
        layered.begin(objective(), None, None, None, 2),
        layered.begin(objective(), (1, 1, 0.1, 0.2), 1.1, None, 2),
    )
    assert (tried.most(2), given.most(2)) == (3 + 2 * 2, 2)
    for _ in range(2):
        assert given.status is None
        given.step()
    assert given.status is Status.MAX_ITER


def test_schedules_are_tried_and_the_best_goes_on():
    history, J = run(epochs=3).history, layered.with_denser(split(objective(), None)[0])
    begun = np.flatnonzero(history["accepted"][:3])[0]
    u = [np.hstack([theta, L[:, np.newaxis]]) for theta, L in zip(history["theta"], history["L"], strict=True)]
    judge = layered.Judge(J, layered.Box(layered.size(J), 1.0))
    ends = []
    for numbers in layered.starts(
        layered.Judge(J, layered.Box(layered.size(objective()), WHITE.lipschitz())), WHITE.lipschitz()
    ):
        stage = layered.Stage(judge, layered.Schedule(3), numbers, layered.OF_SCHEDULE)
        assert np.ptp(judge.units.parameters(stage.point.u)[1]) == 0  # one L for all layers
        ends.append(stage.point.loss)
    assert len(ends) == 3
    assert history["loss"][3] <= history["loss"][begun]
    assert np.allclose(u[3][:, [1, 4]], u[3][0, [1, 4]])  # still a schedule: one w2 and one L


def test_it_is_far_better_than_one_theta_for_all_layers():
    """n = 60, 30 measurements, 6 layers: by 3 dB on signals that neither has seen, of which none grows."""
    D = np.random.default_rng(3).normal(size=(30, 60)) / np.sqrt(30)
    (X, Y), (unseen, measured) = signals(D, 300, 4), signals(D, 1000, 5)
    f = LeastSquares(D, Y).whitened()
    shared, own = (fit(Objective(f, X, layers=6, per_layer=each), epochs=30) for each in (False, True))
    errors = [np.sum((found.apply(f.apply_to(measured)) - unseen) ** 2, axis=0) for found in (shared, own)]
    decibels = [10 * np.log10(error.sum() / np.sum(unseen**2)) for error in errors]
    assert decibels[1] < decibels[0] - 3
    assert (errors[1] <= np.maximum(np.sum(unseen**2, axis=0), np.mean(np.sum(unseen**2, axis=0)))).all()


def test_it_learns_the_shared_network_that_made_the_data():
    W = np.random.default_rng(1).normal(size=(20, 30))
    target = forward(Fidelity(W), Theta(1.5, 0.5, 0.4, 0.9), 1.2, 3)[-1]
    found = fit(Objective(Fidelity(W), target, layers=3, per_layer=True))
    assert found.status is Status.CONVERGED
    assert found.loss < 1e-20
    assert found.message.startswith("converged: the loss of what was learned from is 0 but for rounding; of all ")


@pytest.mark.parametrize("power", [-20, 3])
def test_data_scaled_by_a_power_of_two_learn_the_same_to_the_bit(power):
    scale = 2.0**power
    f = LeastSquares(WHITE.D, scale * WHITE.Y)
    other = fit(Objective(f, scale * X, layers=3, per_layer=True, threads=1), epochs=12)
    same = fit(Objective(LeastSquares(WHITE.D, WHITE.Y), X, layers=3, per_layer=True, threads=1), epochs=12)
    assert (other.theta / [1, 1, scale, scale]).tobytes() == same.theta.tobytes()
    assert other.L.tobytes() == same.L.tobytes()
    assert (other.history["loss"] / scale**2).tobytes() == same.history["loss"].tobytes()


def test_a_start_is_gone_on_from(learned):
    again = run(theta=learned.theta, L=learned.L)
    assert again.history["theta"][0] == pytest.approx(learned.theta, rel=1e-12)
    assert again.history["L"][0] == pytest.approx(learned.L, rel=1e-12)
    assert again.validation <= learned.validation * (1 + 1e-9)


def test_one_theta_and_one_L_are_a_start_of_every_layer():
    history = run(theta=(0.9, 0.8, 0.1, 0.4), L=1.25, epochs=1).history
    assert history["theta"][0] == pytest.approx(np.tile([0.9, 0.8, 0.1, 0.4], (3, 1)), rel=1e-12)
    assert history["L"][0] == pytest.approx([1.25] * 3, rel=1e-12)
    assert run(theta=(0.9, 0.8, 0.1, 0.4), epochs=1).history["L"][0] == pytest.approx([WHITE.lipschitz()] * 3)
    steps = run(L=1.25, epochs=1).history["L"][:3]
    assert steps[2] == pytest.approx([1.25] * 3, rel=1e-12)


def test_a_start_outside_7_is_projected():
    theta = run(theta=[(0.9, 1.5, 0.1, 0.4), (2.0, 1.0, 0.0, 1.0), (0.9, 0.8, 0.1, 0.4)], L=1.25, epochs=1).history
    expected = [Theta.projected(row) for row in [(0.9, 1.5, 0.1, 0.4), (2.0, 1.0, 0.0, 1.0), (0.9, 0.8, 0.1, 0.4)]]
    assert theta["theta"][0] == pytest.approx(np.array(expected), rel=1e-9)


def test_a_start_is_warned_of_but_not_its_own_schedules():
    with pytest.warns(StartWarning, match="the gradient is zero at the start, Θ and L of every layer as given"):
        run(theta=(1, 1, 90, 95), L=1.25, epochs=1)
    run(theta=(0.9, 0.8, 0.1, 0.4), L=[1.25, 0.4, 1.25], epochs=1)  # a long step of one layer is none to warn of


def test_the_callback_sees_every_epoch_and_can_stop():
    seen = []

    def stop(epoch, loss, theta, L):
        seen.append((epoch, loss, theta, L))
        return epoch == 4

    found = run(callback=stop)
    assert [epoch for epoch, *_ in seen] == [0, 1, 2, 3, 4]
    assert [loss for _, loss, *_ in seen] == found.history["loss"].tolist()
    assert all(np.array_equal(theta, told) for (*_, theta, _), told in zip(seen, found.history["theta"], strict=True))
    assert all(np.array_equal(L, told) for (*_, L), told in zip(seen, found.history["L"], strict=True))
    assert (found.status, found.message) == (Status.STOPPED, "stopped by the callback in epoch 4")
    assert found.theta.tolist() == seen[-1][2].tolist()


def test_ctrl_c_returns_the_best_so_far_by_what_is_held_out():
    def interrupt(epoch, *_):
        if epoch == 6:
            raise KeyboardInterrupt

    found = run(callback=interrupt)
    assert found.status is Status.INTERRUPTED
    assert found.message == "interrupted in epoch 7; this is the best so far"
    best = found.history["validation"].argmin()
    assert found.theta.tolist() == found.history["theta"][best].tolist()
    assert found.validation == found.history["validation"].min()


def bits(result):
    names = "loss", "theta", "L", "accepted", "validation"
    return [
        *(np.asarray(value).tobytes() for value in (result.theta, result.L, result.loss, *result.raw)),
        *(result.history[name].tobytes() for name in names),
        (result.message, result.status, result.validation),
    ]


class Killed(BaseException):
    """Leaves `fit` as a kill does."""


@pytest.mark.parametrize("epoch", range(0, 14))
def test_resumes_to_the_same_bits_at_every_epoch(epoch, learned, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)

    def kill(at, *_):
        if at == epoch:
            raise Killed("here")

    with pytest.raises(Killed, match="here"):
        run(checkpoint=tmp_path / "run", callback=kill)
    seen = []
    found = run(checkpoint=tmp_path / "run", resume=True, callback=lambda at, *_: seen.append(at))
    assert bits(found) == bits(learned)
    assert seen[0] == epoch  # nothing is done again


START = {"theta": (1, 1, 0.1, 0.2), "L": 1.1, "epochs": 3}


def test_more_epochs_are_added_to_a_checkpoint_with_the_bits_of_one_run_of_so_many(tmp_path):
    once = run(**{**START, "epochs": 8})
    first = run(**START, checkpoint=tmp_path / "run")
    assert "take more, by resume=True where there is a checkpoint, or go on" in first.message
    seen = []
    more = {**START, "epochs": 8, "checkpoint": tmp_path / "run", "resume": True}
    again = run(**more, callback=lambda at, *_: seen.append(at))
    assert (bits(again), seen) == (bits(once), [3, 4, 5, 6, 7])
    with pytest.raises(
        ModelFileError, match="run is of another run: its epochs were 8 a stage, and 7 are fewer: give 8"
    ):
        run(**{**more, "epochs": 7})


def test_more_epochs_are_added_where_the_schedules_ended_by_themselves(tmp_path, monkeypatch):
    class Short(Stage):
        """Of schedules, it ends by itself after two steps."""

        def step(self):
            super().step()
            if isinstance(self.family, Schedule) and self.steps == 2:
                self.ended = "two steps"

    monkeypatch.setattr(layered, "Stage", Short)
    once, first = run(epochs=9), run(epochs=4, checkpoint=tmp_path / "run")
    assert first.message.startswith(
        "not completed after 4 epochs a stage: take more, by resume=True where there is a checkpoint"
    )
    assert bits(run(epochs=9, checkpoint=tmp_path / "run", resume=True)) == bits(once)


def test_where_the_schedules_took_all_their_epochs_no_more_are_added(tmp_path):
    """A longer run would have gone on with them."""
    once = run(checkpoint=tmp_path / "run", epochs=2)
    assert once.message.startswith(
        "not completed after 2 epochs a stage: begin anew with more, or go on from here with theta and L; "
    )
    told = "its stage of schedules ended after all its 2 epochs, and would go on with 3: give epochs=2, and let another"
    with pytest.raises(ModelFileError, match=f"run is of another run: {told}"):
        run(checkpoint=tmp_path / "run", resume=True, epochs=3)
    assert bits(run(checkpoint=tmp_path / "run", resume=True, epochs=2)) == bits(once)


@pytest.mark.parametrize("epoch", [1, 4])
def test_a_run_that_was_killed_before_its_schedules_ended_takes_any_epochs_from_there(epoch, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)

    def kill(at, *_):
        if at == epoch:
            raise Killed("here")

    with pytest.raises(Killed, match="here"):
        run(epochs=3, checkpoint=tmp_path / "run", callback=kill)
    assert bits(run(epochs=5, checkpoint=tmp_path / "run", resume=True)) == bits(run(epochs=5))


def test_the_checkpoint_of_another_run_is_refused(tmp_path):
    run(checkpoint=tmp_path / "run", epochs=2)
    with pytest.raises(ModelFileError, match="run is of another run: its validation is"):
        run(checkpoint=tmp_path / "run", resume=True, epochs=2, validation=0.1)
    shared = Objective(WHITE, X, layers=3, threads=1)
    with pytest.raises(ModelFileError, match="run is of another run: its "):
        fit(shared, epochs=2, checkpoint=tmp_path / "run", resume=True)


def test_it_is_saved_and_loaded_to_the_same_bits(learned, tmp_path):
    save(tmp_path / "model", learned)
    assert bits(load(tmp_path / "model")) == bits(learned)
    again = load(tmp_path / "model")
    assert (again.layers, again.kind, again.per_layer) == (3, "LeastSquares", True)
    assert again.apply(WHITE).tobytes() == learned.apply(WHITE).tobytes()


def test_what_is_learned_is_applied_layer_by_layer(learned):
    unseen = signals(D, 5, 7)[1]
    f = WHITE.apply_to(unseen)
    assert learned.apply(f).tobytes() == forward(f, learned.theta, learned.L, 3)[-1].tobytes()
    x0 = np.full((16, 5), 0.1)
    assert learned.apply(f, x0).tobytes() == forward(f, learned.theta, learned.L, 3, x0)[-1].tobytes()


def test_any_smooth_term_will_do_with_nothing_or_other_data_held_out():
    f, x0 = FloatQuartic(np.array([[1.0, 0.25], [0.25, 0.5]])), np.array([[0.75, 0.125], [0.25, -0.5]])
    target = np.array([[0.5, 0.0], [0.25, -0.5]])
    J = Objective(f, target, layers=2, x0=x0, per_layer=True)
    start = {"theta": (0.9, 0.9, 0.05, 0.3), "L": 4.0, "epochs": 10}
    alone = fit(J, validation=0, **start)
    assert alone.history["loss"][-1] < alone.history["loss"][0]
    other = Fidelity([[0.75, 0.125], [0.25, -0.5]])
    judged = fit(J, validation=(other, target, x0), **start)
    assert judged.validation == Objective(other, target, layers=2, x0=x0, per_layer=True)(judged.theta, judged.L)[0]
    with pytest.raises(ValueError, match="not those of FloatQuartic: pass validation=0"):
        fit(J, **start)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"method": "authors"},
            ValueError,
            "method 'authors' has one Θ and one L for all layers, and J has one a layer",
        ),
        ({"method": "sgd"}, ValueError, "method must be one of 'gauss-newton', 'authors', got 'sgd'"),
        ({"theta": (1, 1, 1)}, ValueError, r"theta must be four numbers, or four for each of 3 layers, \(3, 4\), got"),
        ({"theta": [(1, 1, 0.1, 0.2)] * 2}, ValueError, r"\(3, 4\), got shape \(2, 4\)"),
        ({"L": [1.0, 2.0, 3.0]}, ValueError, "L of every layer is a start together with theta alone: give theta too"),
        ({"L": [1.0, 2.0]}, ValueError, "2"),
        ({"L": 0.0, "theta": (1, 1, 0.1, 0.2)}, ValueError, "L must be positive"),
        ({"validation": 2.5}, ValueError, "validation as a share of the columns must be at least 0 and less than 1"),
        ({"J": Objective(WHITE, X, layers=0, per_layer=True)}, ValueError, "layers = 0: .* there is nothing to learn"),
        (
            {"J": Objective(WHITE, X, layers=3), "validation": 0.2},
            ValueError,
            "validation is for an objective with per_",
        ),
    ],
)
def test_bad_arguments_are_refused_before_any_step(options, error, message):
    epochs = []
    with pytest.raises(error, match=message):
        fit(**{"J": objective(), "callback": lambda *state: epochs.append(state), **options})
    assert epochs == []


def test_an_f_without_a_constant_needs_a_whole_start():
    J = Objective(FloatQuartic(np.eye(2)), np.eye(2), x0=np.eye(2) / 2, layers=2, per_layer=True)
    with pytest.raises(ValueError, match=r"f.lipschitz\(\) is inf, no step constant to start from: give fit both"):
        fit(J, validation=0)


def test_of_many_columns_the_first_are_what_trials_see():
    few, many = (Objective(Fidelity(np.ones((2, m))), layers=1, per_layer=True) for m in (399, 400))
    assert layered.part_of(few) is few
    assert layered.part_of(many).shape == (2, 200)
    own = Objective(FloatQuartic(np.eye(2)), np.ones((2, 400)), x0=np.ones((2, 400)), layers=1, per_layer=True)
    assert layered.part_of(own) is own


@pytest.mark.parametrize(("most", "columns"), [(400, 200), (399, 400)])
def test_where_columns_are_long_trials_see_all_of_them(monkeypatch, most, columns):
    monkeypatch.setattr(layered, "MOST", most)
    J = Objective(Fidelity(np.ones((2, 400))), layers=1, per_layer=True)
    assert layered.part_of(J).shape == (2, columns)


def test_the_size_is_that_of_what_is_not_0():
    def of(target):
        return layered.size(Objective(Fidelity(target), target, layers=1, per_layer=True))

    assert of([[3.0, 0.0, -4.0, 0.0]]) == pytest.approx(np.sqrt(12.5))
    assert of([[0.0, 0.0]]) == 1


def test_steps_are_longer_than_2_only_where_all_eigenvalues_are_1_or_0_or_nobody_knows_the_largest():
    plain = LeastSquares(D, Y)
    assert layered.longest_step(plain, plain.lipschitz()) == layered.WITHOUT_GROWTH == 2
    for f, bound in ((WHITE, 1.0), (Fidelity(Y), 1.0), (plain, np.nan), (plain, 0.0), (plain, np.inf)):
        assert layered.longest_step(f, bound) == layered.LONGEST == 4.5


@compiled
@pytest.mark.parametrize("kind", ["plain", "whitened"])
def test_no_network_grows_on_signals_that_nobody_has_seen(kind):
    """Of 3,000 new ones like those that were learned from.

    Without whitening the squared errors of some of these networks were 1e4 times the signals' squares while steps of
    4.5/‖H‖ and more were taken.
    """
    for seed in range(3):
        rng = np.random.default_rng(seed)
        D = rng.normal(size=(30, 60)) / np.sqrt(30)
        X, new = (rng.normal(size=(60, m)) * (rng.random((60, m)) < 0.1) for m in (200, 3000))
        plain = LeastSquares(D, D @ X)
        f = plain if kind == "plain" else plain.whitened()
        found = fit(Objective(f, X, layers=6, per_layer=True))
        errors, squares = np.sum((found.apply(f.apply_to(D @ new)) - new) ** 2, axis=0), np.sum(new**2, axis=0)
        assert (errors <= 2 * np.maximum(squares, squares.mean())).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_under_seven_no_step_up_to_two_lengthens_the_answer(seed, layers):
    """‖X_(t)‖ is at most the sum of ‖∇f(0)‖/L_i, which is what `longest_step` promises."""
    rng = np.random.default_rng(seed)
    D, Y = rng.normal(size=(4, 7)), 10.0 ** rng.uniform(-2, 2) * rng.normal(size=(4, 3))
    f = LeastSquares(D, Y)
    L = f.lipschitz() * rng.uniform(0.5, 3, layers)
    theta = np.array([Theta.projected(rng.exponential(size=4)) for _ in range(layers)])
    X = forward(f, theta, L, layers)[-1]
    assert np.linalg.norm(X) <= (1 + 1e-12) * np.sum(np.linalg.norm(D.T @ Y) / L)


@compiled
def test_a_step_is_at_most_twice_what_the_hessian_allows_unless_that_is_whitened():
    rng = np.random.default_rng(3)
    D = rng.normal(size=(15, 30))
    X = rng.normal(size=(30, 100)) * (rng.random((30, 100)) < 0.1)
    for unit in (1.0, 1.2, 3.0):
        f = LeastSquares(unit * D, unit * D @ X)
        found = fit(Objective(f, X, layers=4, per_layer=True), epochs=10)
        assert found.L.min() >= (1 - 1e-9) * f.lipschitz() / 2
    white = LeastSquares(D, D @ X).whitened()
    assert layered.longest_step(white, 1.0) == 4.5
    assert fit(Objective(white, X, layers=4, per_layer=True)).L.min() >= (1 - 1e-9) / 4.5


def of_steep_start(layers, seed):
    """A problem, and a start from which undamped steps lead up."""
    rng = np.random.default_rng(0)
    D = rng.normal(size=(12, 24)) / np.sqrt(12)
    X = rng.normal(size=(24, 40)) * (rng.random((24, 40)) < 0.15)
    f = LeastSquares(D, D @ X + 0.01 * rng.normal(size=(12, 40))).whitened()
    rng = np.random.default_rng(seed)
    b2 = np.exp(rng.uniform(-4, 1, layers))
    w1, w2 = rng.uniform(0.3, 1, layers), rng.uniform(0.3, 1, layers)
    theta = np.column_stack([w1, w2, b2 * rng.uniform(0.1, 0.9, layers), b2])
    return Objective(f, X, layers=layers, per_layer=True), theta, rng.uniform(0.5, 2, layers)


@pytest.mark.parametrize(("layers", "seed", "validation"), [(4, 0, 0), (4, 0, None), (4, 46, 0)])
def test_it_is_not_completed_where_only_short_steps_lead_down(layers, seed, validation):
    """Six steps refused in a row say that they were too long, not that there is nothing to gain."""
    J, theta, L = of_steep_start(layers, seed)
    learned = fit(J, theta=theta, L=L, validation=validation, epochs=12)
    assert learned.history["loss"][5] == learned.history["loss"][0]
    assert learned.history["loss"][-1] < 0.9 * learned.history["loss"][0]


def test_a_callback_may_do_as_it_likes_to_what_it_is_given():
    J, theta, L = of_steep_start(2, 12)

    def spoil(epoch, loss, theta, L):
        theta[:], L[:] = 7.0, 7.0

    options = {"theta": theta, "L": L, "validation": 0, "epochs": 9}
    plain, spoiled = fit(J, **options), fit(J, callback=spoil, **options)
    for name in plain.history:
        assert spoiled.history[name].tobytes() == plain.history[name].tobytes()
    assert (spoiled.theta.tobytes(), spoiled.L.tobytes()) == (plain.theta.tobytes(), plain.L.tobytes())


@pytest.mark.parametrize(("of_D", "of_X"), [(2.0**330, 1.0), (2.0**-330, 1.0), (2.0**240, 2.0**-240)])
def test_a_scale_at_which_derivatives_in_L_have_no_squares_is_refused_with_what_to_do(of_D, of_X):
    D = np.random.default_rng(0).normal(size=(4, 6))
    X = of_X * np.eye(6, 8)
    with pytest.raises(ValueError, match=r"f\.lipschitz\(\) is .*Divide D and Y by one number"):
        fit(Objective(LeastSquares(of_D * D, of_D * D @ X), X, layers=2, per_layer=True), validation=0)


@pytest.mark.parametrize(("of_D", "of_X"), [(2.0**200, 1.0), (2.0**-200, 1.0), (1.0, 2.0**400), (1.0, 2.0**-400)])
def test_powers_of_two_in_the_data_are_the_same_in_what_is_learned_bit_for_bit(of_D, of_X):
    D = np.random.default_rng(0).normal(size=(4, 6))
    X = np.eye(6, 8)
    plain, scaled = (
        fit(Objective(LeastSquares(d * D, d * D @ (x * X)), x * X, layers=2, per_layer=True), validation=0, epochs=3)
        for d, x in ((1.0, 1.0), (of_D, of_X))
    )
    assert np.array_equal(scaled.theta, plain.theta * [1, 1, of_X, of_X])
    assert np.array_equal(scaled.L, plain.L * of_D**2)
    assert scaled.loss == plain.loss * of_X**2


def test_where_all_that_is_held_out_is_0_the_best_is_that_of_what_is_learned_from():
    J, theta, L = of_steep_start(2, 12)
    zeros = np.zeros((24, 3))
    learned = fit(J, theta=theta, L=L, validation=(J.f.apply_to(zeros[:12]), zeros), epochs=12)
    assert (learned.validation, learned.history["validation"].any()) == (0.0, False)
    assert J(learned.theta, learned.L)[0] < 0.8 * J(*learned_at(learned, 0))[0]
    assert learned.history["loss"].min() == pytest.approx(learned.history["loss"][-1], rel=0.2)


def learned_at(learned, epoch):
    return learned.history["theta"][epoch], learned.history["L"][epoch]


def test_a_start_of_every_layer_for_a_network_that_shares_is_told_of_per_layer():
    J, theta, L = of_steep_start(2, 12)
    for start in ({"theta": theta}, {"L": L}, {"theta": theta, "L": L}):
        with pytest.raises(
            ValueError, match="all layers of J share theirs: give one of each, or make J with per_layer"
        ):
            fit(Objective(J.f, J.target, layers=2), **start)


def test_what_is_held_out_does_not_choose_what_is_worse_than_an_answer_of_0():
    """One layer of W/L, L = 1/3 at the start: of 2.22 times the target that is a little better than L = 1."""
    W, x0 = np.random.default_rng(0).normal(size=(3, 20)), np.zeros((3, 20))
    J = Objective(Fidelity(W), W, x0=x0, layers=1, per_layer=True)
    learned = fit(J, theta=(1.0, 1.0, 1e-3, 1.0), L=1 / 3, validation=(Fidelity(W), 2.22 * W, x0), epochs=20)
    assert learned.history["validation"].argmin() == 0
    assert learned.history["loss"][0] > J.problem.half_square
    assert learned.loss < 0.2 * J.problem.half_square
    assert learned.validation > learned.history["validation"][0]
