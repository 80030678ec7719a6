"""`fit`, by either method: what it asks, tells, warns of and returns, however it ends."""

import importlib
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, Status, Theta, fit, forward, load, progress, save
from dsrl_ref.errors import DivergenceWarning, ModelFileError, StartWarning
from dsrl_ref.training import checkpoint

fit_module = importlib.import_module("dsrl_ref.training.fit")  # `dsrl_ref.training.fit` is the function
rng = np.random.default_rng(0)
W = rng.normal(scale=2.0, size=(2, 3))
TARGET = W + rng.normal(size=W.shape)
D, X = rng.normal(size=(3, 4)), rng.normal(size=(4, 6))


def network(matrix=W, target=TARGET, **options):
    """The authors' network, away from its optimum."""
    return Objective(Fidelity(matrix), target, **{"layers": 11, **options})


def recovery():
    return Objective(LeastSquares(D, D @ X), X, layers=3)


def of_layers(layers=2):
    """One Θ and one L a layer."""
    return Objective(LeastSquares(D, D @ X).whitened(), X, layers=layers, per_layer=True)


RUNS = {
    "authors": (network(), partial(fit, network(), method="authors", theta=(0.9, 0.8, 0.4, 1.1), L=1.5)),
    "gauss-newton": (recovery(), partial(fit, recovery(), theta=(0.9, 0.8, 0.01, 0.3), L=12.0)),
}
each_method = pytest.mark.parametrize(("J", "run"), RUNS.values(), ids=RUNS)


@each_method
def test_history_is_loss_and_parameters_before_each_step(J, run):
    learned = run(epochs=6)
    history = learned.history
    assert (history["loss"].shape, history["theta"].shape, history["L"].shape) == ((6,), (6, 4), (6,))
    for loss, stored, L in zip(history["loss"], history["theta"], history["L"], strict=True):
        assert loss == J(Theta.projected(stored), L)[0]
    longer = run(epochs=7).history
    assert [longer[name][:6].tolist() for name in history] == [history[name].tolist() for name in history]


@each_method
def test_what_is_returned_is_the_projection_of_what_was_stored(J, run):
    learned = run(epochs=6)
    assert learned.theta == Theta.projected(learned.raw[0])
    assert (learned.raw[1], learned.layers) == (learned.L, J.layers)
    assert learned.loss == J(learned.theta, learned.L)[0]
    assert isinstance(learned.loss, float)
    assert isinstance(learned.L, float)


def test_authors_return_the_last_epoch_whatever_it_is_worth():
    _, run = RUNS["authors"]
    learned = run(epochs=6)
    assert np.append(*learned.raw).tolist() == [*run(epochs=7).history["theta"][6], run(epochs=7).history["L"][6]]
    assert learned.converged
    assert learned.message == "completed 6 epochs"


def test_the_stored_parameters_are_not_those_projected():
    learned = fit(network(), method="authors", theta=(0.9, 1.4, 0.6, 0.3), L=1.5, epochs=2)
    assert learned.history["theta"][0].tolist() == [0.9, 1.4, 0.6, 0.3]
    assert learned.raw[0][1] > 1 == learned.theta.w2


def test_gauss_newton_returns_the_best_of_all_the_last_included():
    _, run = RUNS["gauss-newton"]
    learned = run(epochs=6)
    assert learned.loss < learned.history["loss"].min()
    assert not learned.converged
    assert learned.message == "not converged after 6 epochs: take more, or go on from here with theta and L"
    converged = run(epochs=300)
    assert converged.converged
    assert converged.message.startswith(
        "converged: none of 484 points drawn up to 10% away is lower by more than 1e-06 "
    )
    assert converged.loss == min([*converged.history["loss"], converged.loss])


def test_of_many_entries_fewer_points_are_drawn_and_no_more_are_claimed():
    rng = np.random.default_rng(1)
    dictionary, signals = rng.normal(size=(20, 40)), rng.normal(size=(40, 128)) * (rng.random((40, 128)) < 0.1)
    learned = fit(Objective(LeastSquares(dictionary, dictionary @ signals), signals, layers=4))
    assert learned.converged
    assert learned.message.startswith("converged: none of 39 points drawn up to 10% away is lower by more than 1e-06 ")


def test_the_epochs_that_led_to_the_result_are_marked_as_accepted():
    history = fit(recovery(), epochs=60).history
    accepted, losses = history["accepted"], history["loss"]
    assert accepted[-1]
    assert 0 < np.sum(~accepted) < len(accepted)  # those of other starts that were tried
    assert np.all(np.diff(losses[accepted]) <= 0)
    assert history["loss"][~accepted].min() > losses[-1]


def test_it_goes_on_from_where_it_ended():
    _, run = RUNS["gauss-newton"]
    first = run(epochs=4)
    second = fit(recovery(), theta=first.theta, L=first.L, epochs=4)
    assert second.history["theta"][0].tolist() == list(first.theta)
    assert second.history["L"][0] == first.L
    assert second.history["loss"][0] == first.loss >= second.loss


def test_default_starts_take_the_place_of_what_is_not_given():
    authors = partial(fit, network(), method="authors", epochs=1)
    assert authors().history["theta"].tolist() == [[1, 1, 1, 2]]
    assert authors().history["L"].tolist() == [1]
    assert authors(theta=(0.9, 1.2, 0.1, 0.05)).history["theta"].tolist() == [[0.9, 1.2, 0.1, 0.05]]
    assert authors(theta=(0.9, 1.2, 0.1, 0.05)).history["L"].tolist() == [1]
    assert authors(L=0.75).history["theta"].tolist() == [[1, 1, 1, 2]]
    assert authors(L=0.75).history["L"].tolist() == [0.75]
    J = recovery()
    assert fit(J, epochs=1).history["L"].tolist() == [J.f.lipschitz()]
    assert fit(J, epochs=1, L=20.0).history["L"].tolist() == [20.0]
    with_theta = fit(J, epochs=1, theta=(0.9, 0.8, 0.01, 0.3)).history
    assert with_theta["theta"].tolist() == [[0.9, 0.8, 0.01, 0.3]]
    assert with_theta["L"].tolist() == [J.f.lipschitz()]


def test_the_learning_rate_is_that_of_the_first_step():
    """Adam's first step is the rate in every parameter whose gradient is not next to zero."""
    moved = [
        np.append(*fit(network(), method="authors", epochs=1, learning_rate=rate).raw) - [1, 1, 1, 2, 1]
        for rate in (0.01, 0.04)
    ]
    assert np.abs(moved[0]) == pytest.approx(np.full(5, 0.01), rel=1e-6)
    assert moved[1] == pytest.approx(4 * moved[0], rel=1e-9)


def test_the_defaults_are_gauss_newton_and_a_hundred_epochs():
    J = network()
    assert (
        fit(J, epochs=3).theta
        == fit(J, method="gauss-newton", epochs=3).theta
        != fit(J, method="authors", epochs=3).theta
    )
    assert len(fit(J, method="authors").history["loss"]) == 100
    default, told = fit(J, method="authors", epochs=2), fit(J, method="authors", epochs=2, learning_rate=0.02)
    assert default.raw[0].tobytes() == told.raw[0].tobytes()


@each_method
def test_the_callback_sees_every_epoch_and_can_stop(J, run):
    seen = []

    def stop_at_3(epoch, loss, theta, L):
        seen.append((epoch, loss, theta, L))
        return epoch == 3

    learned = run(epochs=30, callback=stop_at_3)
    assert [epoch for epoch, *_ in seen] == [0, 1, 2, 3]
    assert (learned.converged, learned.message) == (False, "stopped by the callback in epoch 3")
    assert [loss for _, loss, _, _ in seen] == learned.history["loss"].tolist()
    assert [L for *_, L in seen] == learned.history["L"].tolist()
    assert all(type(theta) is Theta and type(L) is float for *_, theta, L in seen)
    assert [theta for *_, theta, _ in seen] == [Theta.projected(stored) for stored in learned.history["theta"]]
    assert (learned.theta, learned.L) == seen[-1][2:]
    assert learned.loss == seen[-1][1]


def test_a_stopped_run_returns_where_it_stopped_whatever_that_is_worth():
    run = partial(fit, network(), method="authors", learning_rate=0.3)
    learned = run(epochs=30, callback=lambda epoch, *_: epoch == 20)
    assert learned.loss == learned.history["loss"][-1] > learned.history["loss"].min()


@each_method
def test_a_false_answer_of_the_callback_does_not_stop(J, run):
    assert len(run(epochs=5, callback=lambda *_: 0).history["loss"]) == 5


def interrupted(run, **options):
    """The result; an interrupt that came through would end all tests."""
    try:
        return run(**options)
    except KeyboardInterrupt:
        return pytest.fail("Ctrl-C came through")


@each_method
def test_ctrl_c_returns_the_best_so_far(J, run):
    def interrupt(epoch, *_):
        if epoch == 5:
            raise KeyboardInterrupt

    learned = interrupted(run, epochs=30, callback=interrupt)
    assert (learned.status, learned.message) == (
        Status.INTERRUPTED,
        "interrupted in epoch 6; this is the best so far",
    )
    assert learned.loss == learned.history["loss"].min()
    assert not learned.converged
    assert len(learned.history["loss"]) == 6


def test_the_best_so_far_need_not_be_the_last():
    def interrupt(epoch, *_):
        if epoch == 20:
            raise KeyboardInterrupt

    run = partial(fit, network(), method="authors", learning_rate=0.3)
    learned = interrupted(run, epochs=30, callback=interrupt)
    losses = learned.history["loss"]
    assert learned.loss == losses.min() < losses[-1]
    assert losses.argmin() > 0


@each_method
def test_ctrl_c_before_the_first_loss_returns_the_start(J, run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(progress.Progress, "__enter__", interrupt)
    learned = interrupted(run, epochs=30)
    assert learned.message == "interrupted in epoch 0; this is the best so far"
    assert learned.history["theta"].shape == (0, 4)
    assert (*learned.raw[0].tolist(), learned.raw[1]) == (*run.keywords["theta"], run.keywords["L"])


@each_method
def test_verbose_tells_every_epoch_on_stderr_and_else_nothing_is_told_where_nobody_sees_it(J, run, capsys):
    quiet = run(epochs=6, verbose=False)
    assert run(epochs=6).loss == quiet.loss
    assert capsys.readouterr() == ("", "")
    losses = run(epochs=6, verbose=True).history["loss"]
    told = "".join(f"fit: epoch {epoch} of at most 6, loss {loss:.6g}\n" for epoch, loss in enumerate(losses))
    assert capsys.readouterr() == ("", told)


def test_of_several_stages_the_epochs_of_all_are_told(capsys):
    f = LeastSquares(np.eye(4), np.random.default_rng(0).normal(size=(4, 20)))
    learned = fit(Objective(f, 0.5 * f.Y, layers=2, per_layer=True), epochs=1, verbose=True)
    lines = [line.partition(",")[0].split() for line in capsys.readouterr().err.splitlines()]
    assert [int(line[2]) for line in lines] == list(range(len(learned.history["loss"])))
    (most,) = {int(line[6]) for line in lines}
    assert most >= len(lines) > 1


def test_a_run_that_leaves_the_domain_says_so_and_returns_the_best():
    learned = fit(network(), method="authors", epochs=30, learning_rate=2)
    assert learned.status is Status.STOPPED
    assert learned.message.startswith(f"stopped in epoch {len(learned.history['loss'])}: L must be positive, got -")
    assert learned.message.endswith("; this is the best so far")
    assert learned.loss == learned.history["loss"].min()
    assert learned.L > 0
    assert not learned.converged


@pytest.mark.parametrize("mine", [RuntimeError, ValueError])
@each_method
def test_an_error_of_the_callback_comes_through(J, run, mine):
    def fail(*_):
        raise mine("of the callback")

    with pytest.raises(mine, match="of the callback"):
        run(callback=fail)


def test_a_run_whose_last_step_leaves_the_domain_has_not_completed():
    """One step more than the longest run that stays inside."""
    run = partial(fit, network(), method="authors", theta=(0.9, 0.8, 0.02, 0.2), L=9.0, learning_rate=2)
    steps = len(run(epochs=30).history["loss"])
    learned = run(epochs=steps)
    assert not learned.converged
    assert learned.message.startswith(f"stopped in epoch {steps}: L must be positive, got -")
    assert learned.loss == learned.history["loss"].min()
    assert learned.L > 0
    assert run(epochs=steps - 1).converged
    assert steps > 2


@pytest.mark.parametrize(
    ("J", "options", "error", "message"),
    [
        (network(), {"method": "sgd"}, ValueError, "method must be one of 'gauss-newton', 'authors', got 'sgd'"),
        ("J", {}, TypeError, "J must be an Objective, such as .*; got str"),
        (network(), {"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        (network(), {"epochs": 1.5}, TypeError, "epochs must be an integer"),
        (network(), {"learning_rate": -1}, ValueError, "learning_rate must be positive, got -1"),
        (network(), {"learning_rate": 0}, ValueError, "learning_rate must be positive, got 0"),
        (network(), {"learning_rate": np.nan}, ValueError, "learning_rate contains NaN"),
        (network(), {"theta": (1, 1, 1)}, ValueError, "theta must be four numbers"),
        (network(), {"theta": (1, 1, np.nan, 1)}, ValueError, r"theta contains NaN: theta\[2\]"),
        (network(), {"L": 0}, ValueError, "L must be positive, got 0"),
        (network(), {"L": 0, "theta": (1, 1, 1, 2)}, ValueError, "L must be positive, got 0"),
        (network(), {"L": "1"}, TypeError, "L must be numeric, got '1'"),
        (network(), {"resume": True}, ValueError, "resume=True needs checkpoint, the file to go on from"),
        (network(layers=10), {"method": "authors"}, ValueError, "method 'authors' has 11 layers"),
        (recovery(), {"method": "authors"}, ValueError, "method 'authors' is for Fidelity"),
        (of_layers(), {"method": "authors"}, ValueError, "method 'authors' has one Θ and one L for all layers, and J"),
        (recovery(), {"validation": 0}, ValueError, "validation is for an objective with per_layer=True: five numbers"),
    ],
)
def test_bad_arguments_are_refused_before_any_step(J, options, error, message):
    epochs = []
    with pytest.raises(error, match=message):
        fit(J, callback=lambda *state: epochs.append(state), **options)
    assert epochs == []


def test_with_target_W_it_finds_the_identity_and_says_so():
    W = np.random.default_rng(2).random((3, 4))
    found = fit(Objective(Fidelity(W), layers=4))
    assert found.loss < 1e-20
    assert found.converged
    assert found.message.endswith("; with target = W the optimum is the identity, so expect no sparsity")
    for other in (network(), recovery()):
        assert "identity" not in fit(other, epochs=2).message


def test_it_learns_what_made_the_data():
    W = np.random.default_rng(1).normal(size=(20, 30))
    made = Theta(1.5, 0.5, 0.4, 0.9)
    target = forward(Fidelity(W), made, 1.2, 3)[-1]
    found = fit(Objective(Fidelity(W), target, layers=3), epochs=300)
    assert found.loss < 1e-24
    x = np.linspace(-3, 3, 50).reshape(1, -1)
    ours, theirs = (forward(Fidelity(x), theta, L, 3)[-1] for theta, L in ((found.theta, found.L), (made, 1.2)))
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_the_unit_of_D_changes_nothing_but_the_unit_of_L():
    """By a power of two down to curvatures of 1e-10; the path of the descent is the same, but for rounding."""
    rng = np.random.default_rng(5)
    D, X = rng.normal(size=(10, 20)) / 3, rng.normal(size=(20, 50)) * (rng.random((20, 50)) < 0.1)
    found = [fit(Objective(LeastSquares(c * D, c * D @ X), X, layers=3), epochs=30) for c in (1.0, 2.0**-16)]
    assert found[1].loss == pytest.approx(found[0].loss, rel=1e-6)
    assert np.array(found[1].theta) == pytest.approx(np.array(found[0].theta), rel=1e-3)
    assert pytest.approx(found[0].L * 2.0**-32, rel=1e-3) == found[1].L


@pytest.mark.parametrize("method", ["authors", "gauss-newton"])
def test_sparse_and_dense_learn_the_same(method):
    rng = np.random.default_rng(3)
    W = rng.normal(scale=2, size=(6, 5)) * (rng.random((6, 5)) < 0.5)
    target = W + 0.3 * rng.normal(size=W.shape) * (W != 0)
    dense, sparse = (
        fit(network(kind(W), kind(target)), method=method, theta=(0.9, 0.8, 0.4, 1.1), L=1.5, epochs=12)
        for kind in (np.asarray, sp.csr_array)
    )
    assert [*dense.theta, dense.L] == pytest.approx([*sparse.theta, sparse.L], rel=1e-9)


SEES = "the gradient is zero at the start"


def test_a_start_beyond_the_data_is_warned_of():
    J = Objective(Fidelity([[1.0, 0.5]]), layers=2)
    with pytest.warns(StartWarning, match=rf"{SEES}, Theta\(w1=1.0, w2=1.0, b1=9.0, b2=9.0\), L = 1.0: ") as told:
        fit(J, theta=(1, 1, 9, 9), epochs=1)
    assert told[0].filename == __file__


def test_a_start_that_nobody_gave_is_warned_of_where_it_is_the_only_one():
    """The authors' start takes every |W| < 1 to 0; of its own schedules of layers nobody need be told."""
    with pytest.warns(StartWarning, match=rf"{SEES}, Theta\(w1=1.0, w2=1.0, b1=1.0, b2=2.0\)"):
        fit(network(0.1 * W), method="authors", epochs=1)
    nothing_measured = Objective(LeastSquares(D, 0 * (D @ X)), X, layers=2, per_layer=True)
    assert fit(nothing_measured, epochs=1).loss == np.sum(X**2) / 2  # warnings are errors here


def test_a_start_with_ties_is_warned_of():
    with pytest.warns(StartWarning, match="1 entries of Z sit on a knot at the start") as told:
        fit(Objective(Fidelity([[1.0, 0.5]]), layers=1), theta=(1, 1, 0.5, 0.75), L=1, epochs=1)
    assert told[0].filename == __file__


def test_a_start_whose_step_overshoots_is_warned_of():
    """Where w1 or w2 is at most w, layers cannot grow from L = ‖H‖/(1 + 1/w) on."""
    J = Objective(Fidelity([[1.0, 0.4]]), [[0.5, 0.1]], layers=3)
    with pytest.warns(DivergenceWarning, match=r"L = 0.45 is below 0.5 at the start: the step 1/L overshoots") as told:
        fit(J, theta=(1, 1, 0.15, 0.75), L=0.45, epochs=1)
    assert told[0].filename == __file__
    fit(J, theta=(1, 1, 0.15, 0.75), L=0.5, epochs=1)  # warnings are errors here
    with pytest.warns(DivergenceWarning, match=r"L = 0.45 is below 0.5"):
        fit(J, theta=(1, 0.25, 0.15, 0.75), L=0.45, epochs=1)  # the larger slope counts
    unknown = Objective(FloatQuartic(np.eye(2)), 2 * np.eye(2), x0=np.eye(2) / 2 + 0.1, layers=1)
    fit(unknown, theta=(1, 1, 0.01, 0.3), L=4.0, epochs=1)  # its constant is inf: nothing is known
    slow = fit(J, theta=(0.25, 0.25, 0.15, 0.75), L=0.45, epochs=1)
    assert slow.history["L"][0] == 0.45


def test_a_start_that_is_infeasible_is_warned_of_where_it_is_projected():
    """The knots are judged where the network has them: stored (0.5, 0.5) is (0.5, 0.5), stored (0.75, 0.25) too."""
    with pytest.warns(StartWarning, match="1 entries of Z sit on a knot"):
        fit(Objective(Fidelity([[1.0, 0.5]]), layers=1), theta=(1, 1, 0.75, 0.25), L=1, epochs=1)


def resumed_elsewhere(run, path, epoch):
    """Stop as a kill does at an epoch, then go on from the file."""

    class Killed(BaseException):
        pass

    def kill(at, *_):
        if at == epoch:
            raise Killed("here")

    with pytest.raises(Killed, match="here"):
        run(checkpoint=path, callback=kill)
    return run(checkpoint=path, resume=True)


@each_method
def test_a_resumed_run_has_the_same_bits_and_warns_once(J, run, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    whole = run(epochs=12)
    again = resumed_elsewhere(partial(run, epochs=12), tmp_path / "run", 7)
    assert again.raw[0].tobytes() == whole.raw[0].tobytes()
    assert {name: a.tobytes() for name, a in again.history.items()} == {
        name: a.tobytes() for name, a in whole.history.items()
    }


@each_method
def test_without_resume_a_file_is_written_anew(J, run, tmp_path):
    epochs = []
    first = run(epochs=5, checkpoint=tmp_path / "run")
    second = run(epochs=5, checkpoint=str(tmp_path / "run"), callback=lambda epoch, *_: epochs.append(epoch))
    assert epochs == [0, 1, 2, 3, 4]
    assert second.history["loss"].tolist() == first.history["loss"].tolist()


def test_more_epochs_go_on_from_a_run_that_ended(tmp_path):
    _, run = RUNS["authors"]
    run(epochs=5, checkpoint=tmp_path / "run")
    seen = []
    more = run(epochs=8, checkpoint=tmp_path / "run", resume=True, callback=lambda epoch, *_: seen.append(epoch))
    assert seen == [5, 6, 7]
    assert more.raw[0].tobytes() == run(epochs=8).raw[0].tobytes()


def test_a_start_is_not_warned_of_again_when_it_is_resumed(tmp_path):
    J = Objective(Fidelity([[1.0, 0.5]]), layers=2)
    run = partial(fit, J, theta=(1, 1, 9, 9), L=1, epochs=1, checkpoint=tmp_path / "run")
    with pytest.warns(StartWarning, match=SEES):
        run()
    assert run(resume=True).theta == (1, 1, 9, 9)  # warnings are errors here


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"method": "gauss-newton"}, "its method is 'authors', here it is 'gauss-newton'"),
        ({"learning_rate": 0.05}, "its learning_rate is 0.02, here it is 0.05"),
        ({"L": 2.0}, r"its start is \[0.9, 0.8, 0.4, 1.1, 1.5\], here it is \[0.9, 0.8, 0.4, 1.1, 2.0\]"),
        ({"theta": (0.9, 0.8, 0.4, 1.2)}, "its start is"),
    ],
)
def test_the_file_of_another_run_is_not_gone_on_from(changes, what, tmp_path):
    _, run = RUNS["authors"]
    run(epochs=2, checkpoint=tmp_path / "run")
    with pytest.raises(ModelFileError, match=f"of another run: {what}"):
        run(epochs=2, checkpoint=tmp_path / "run", resume=True, **changes)


def test_what_is_held_out_is_of_the_run(tmp_path):
    fit(of_layers(), epochs=1, checkpoint=tmp_path / "run")
    again = partial(fit, of_layers(), epochs=1, checkpoint=tmp_path / "run", resume=True)
    assert len(again().history["loss"]) > 1
    with pytest.raises(ModelFileError, match="run is of another run: its validation is"):
        again(validation=0)


def test_the_file_of_a_run_of_layers_is_not_that_of_another_network(tmp_path):
    fit(of_layers(), epochs=1, checkpoint=tmp_path / "run")
    with pytest.raises(ModelFileError, match="run is of another run: its "):
        fit(of_layers(layers=3), epochs=1, checkpoint=tmp_path / "run", resume=True)


@pytest.mark.parametrize("make", [recovery, of_layers])
def test_an_f_that_computes_other_numbers_now_is_not_gone_on_with(make, tmp_path, monkeypatch):
    """What an f of one's own computes can change where its fingerprint does not look; its losses tell."""
    monkeypatch.setattr(fit_module, "fingerprint", lambda J: "the same")
    run = partial(fit, theta=(0.9, 0.8, 0.01, 0.3), L=12.0, epochs=2, checkpoint=tmp_path / "run")
    learned = run(make())
    assert run(make(), resume=True).loss == learned.loss
    J = make()
    other = Objective(J.f, 1.5 * J.target, layers=J.layers, per_layer=J.per_layer)
    with pytest.raises(
        ModelFileError, match=r"run is of another run: its loss in epoch 0 is .*; f computes other numb"
    ):
        run(other, resume=True)


def test_a_place_that_cannot_be_written_is_refused_before_any_step(tmp_path):
    (tmp_path / "file").write_text("")
    epochs = []
    with pytest.raises(OSError, match="Not a directory"):
        fit(network(), checkpoint=tmp_path / "file" / "run", callback=lambda epoch, *_: epochs.append(epoch))
    assert not epochs


def test_a_result_that_was_learned_can_be_saved(tmp_path):
    learned = fit(network(), epochs=3)
    save(tmp_path / "model", learned)
    assert load(tmp_path / "model").theta == learned.theta


@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("size", [1e-170, 1e-152, 1e152, 1e170])
def test_a_target_whose_squares_float64_cannot_add_up_is_refused(size, per_layer):
    rng = np.random.default_rng(0)
    D, X = rng.normal(size=(6, 12)), rng.normal(size=(12, 20))
    J = Objective(LeastSquares(D, size * (D @ X)), size * X, layers=2, per_layer=per_layer)
    with pytest.raises(ValueError, match=r"the largest entry of the target is .*: fit adds up squares, .* one factor"):
        fit(J)


@pytest.mark.parametrize("size", [1e-149, 1e140])
def test_what_it_takes_it_learns_from_whatever_its_size(size):
    """A power of two beside 1: the same Θ but for the unit of the knots."""
    unit = 2.0 ** round(np.log2(size))
    rng = np.random.default_rng(0)
    D, X = rng.normal(size=(6, 12)), rng.normal(size=(12, 20))
    here, there = (fit(Objective(LeastSquares(D, s * (D @ X)), s * X, layers=2, per_layer=True)) for s in (1.0, unit))
    assert there.theta[:, :2] == pytest.approx(here.theta[:, :2], rel=1e-6)
    assert there.theta[:, 2:] / unit == pytest.approx(here.theta[:, 2:], rel=1e-6)


def test_converged_is_said_of_what_is_returned():
    """What is held out may choose an epoch before the last, where the loss of what was learned from is not 0."""
    ends = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        D = rng.normal(size=(8, 16)) / np.sqrt(8)
        X = rng.normal(size=(16, 3)) * (rng.random((16, 3)) < 0.15)
        J = Objective(LeastSquares(D, D @ X).whitened(), X, layers=3, per_layer=True)
        found = fit(J, validation=1)
        learned_from = found.loss - found.validation
        ends.add(found.status)
        assert found.status is not Status.CONVERGED or learned_from < 1e-12 * np.sum(X**2)
    assert Status.COMPLETED in ends
