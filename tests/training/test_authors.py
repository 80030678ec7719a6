"""`fit(method="authors")` is the authors' training to the last digits; and what it does when things go wrong."""

from functools import partial

import authors_data
import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta
from dsrl_ref import fit as fit_by
from dsrl_ref.training.authors import Adam, Plateau

fit = partial(fit_by, method="authors")
pytestmark = pytest.mark.filterwarnings("ignore:the gradient is zero at the start:dsrl_ref.errors.StartWarning")

W = np.random.default_rng(0).random((6, 7)) ** 2


def objective(matrix=W, **options):
    return Objective(Fidelity(matrix), **{"layers": 11, **options})


@pytest.mark.parametrize("name", ["MSRC-v1", "ALOI"])
def test_reproduces_the_authors_program_at_every_epoch(name):
    run = authors_data.run(name)
    J = objective(sp.csr_array(authors_data.graph(name)))
    learned = fit(J, method="authors", epochs=run["epochs"], learning_rate=run["lr"])
    raw, L = learned.raw
    assert learned.history["loss"] == pytest.approx(run["loss"], rel=1e-11)
    assert [*raw, L] == pytest.approx([*run["raw"]["w"], *run["raw"]["b"], run["raw"]["L"]], rel=1e-11)
    assert list(learned.theta) == pytest.approx([*run["projected"]["w"], *run["projected"]["b"]], rel=1e-11)


def test_history_is_what_was_stored_before_each_step():
    J = objective()
    learned = fit(J, epochs=30)
    history = learned.history
    assert (history["loss"].shape, history["theta"].shape, history["L"].shape) == ((30,), (30, 4), (30,))
    assert history["theta"][0].tolist() == [1, 1, 1, 2]
    for loss, raw, L in zip(history["loss"], history["theta"], history["L"], strict=True):
        assert loss == J(Theta.projected(raw), L)[0]
    assert learned.loss == J(learned.theta, learned.L)[0]
    assert learned.theta == Theta.projected(learned.raw[0])
    assert learned.converged
    assert learned.message == "completed 30 epochs"


def test_dense_and_sparse_learn_the_same():
    dense, sparse = (fit(objective(matrix), epochs=25) for matrix in (W, sp.csr_array(W)))
    assert list(dense.theta) == pytest.approx(list(sparse.theta), rel=1e-12)


def test_starts_where_it_is_told():
    learned = fit(objective(), theta=(0.9, 1.2, 0.1, 0.05), L=1.5, epochs=1)
    assert learned.history["theta"].tolist() == [[0.9, 1.2, 0.1, 0.05]]
    assert learned.history["L"].tolist() == [1.5]


def test_callback_sees_every_epoch_and_can_stop():
    seen = []

    def stop_at_3(epoch, loss, theta, L):
        seen.append((epoch, loss, theta, L))
        return epoch == 3

    learned = fit(objective(), epochs=30, callback=stop_at_3)
    assert [epoch for epoch, *_ in seen] == [0, 1, 2, 3]
    assert (learned.converged, learned.message) == (False, "stopped by the callback in epoch 3")
    assert [loss for _, loss, _, _ in seen] == learned.history["loss"].tolist()
    assert all(isinstance(theta, Theta) for *_, theta, _ in seen)
    assert learned.theta == seen[-1][2]


def test_ctrl_c_returns_the_best_so_far():
    def interrupt(epoch, *_):
        if epoch == 20:
            raise KeyboardInterrupt

    learned = fit(objective(), epochs=30, callback=interrupt)
    assert learned.message == "interrupted in epoch 21; this is the best so far"
    assert learned.loss == learned.history["loss"].min()
    assert not learned.converged


def test_a_run_that_leaves_the_domain_says_so_and_returns_the_best():
    learned = fit(objective(), epochs=30, learning_rate=2)
    assert "L must be positive" in learned.message
    assert learned.loss == learned.history["loss"].min()
    assert learned.L > 0


@pytest.mark.parametrize(
    ("J", "options", "error", "message"),
    [
        (objective(layers=10), {}, ValueError, r"has 11 layers \(ξ\(W\) and 10 blocks\), got layers = 10"),
        (objective(x0=np.zeros((6, 7))), {}, ValueError, "starts at x0 = W; leave x0 out"),
        (objective(sp.csr_array(W), x0=sp.csr_array(2 * W)), {}, ValueError, "starts at x0 = W; leave x0 out"),
        (
            Objective(LeastSquares(W, W), np.zeros((7, 7)), layers=11),
            {},
            ValueError,
            "is for Fidelity, got LeastSquares",
        ),
        (objective(), {"method": "sgd"}, ValueError, "method must be one of 'gauss-newton', 'authors', got 'sgd'"),
        ("J", {}, TypeError, "J must be an Objective, such as .*; got str"),
        (objective(), {"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        (objective(), {"epochs": 1.5}, TypeError, "epochs must be an integer"),
        (objective(), {"learning_rate": -1}, ValueError, "learning_rate must be positive, got -1"),
        (objective(), {"learning_rate": np.nan}, ValueError, "learning_rate contains NaN"),
        (objective(), {"theta": (1, 1, 1)}, ValueError, "theta must be four numbers"),
        (objective(), {"theta": (1, 1, np.nan, 1)}, ValueError, r"theta contains NaN: theta\[2\]"),
        (objective(), {"L": 0}, ValueError, "L must be positive, got 0"),
    ],
)
def test_bad_arguments_are_refused(J, options, error, message):
    with pytest.raises(error, match=message):
        fit(J, **options)


def test_x0_equal_to_W_is_the_authors_start_too():
    assert fit(objective(x0=W.copy()), epochs=2).converged
    assert fit(objective(sp.csr_array(W), x0=sp.csr_array(W)), epochs=2).converged


def test_adam_takes_unit_steps_at_first_and_averages_later():
    adam = Adam()
    assert adam.direction(np.array([3.0, -0.01])) == pytest.approx([1, -1], abs=1e-5)
    mean, square = 0.9 * 0.1 * 3 + 0.1 * 1, 0.92 * 0.08 * 9 + 0.08 * 1
    expected = mean / (1 - 0.9**2) / (np.sqrt(square / (1 - 0.92**2)) + 1e-8)
    assert adam.direction(np.array([1.0, 0.0]))[0] == pytest.approx(expected, rel=1e-14)


def test_plateau_falls_after_four_idle_losses_down_to_the_least():
    plateau = Plateau(0.02)
    rates = []
    for loss in [10.0, 9.0, 8.9999, 9.1, 9.0, 9.2, 9.0]:
        plateau.observe(loss)
        rates.append(plateau.rate)
    assert rates == pytest.approx([0.02] * 5 + [0.002] * 2)
    for _ in range(100):
        plateau.observe(9.0)
    assert plateau.rate == pytest.approx(1e-6)
