"""The authors' optimiser, against a transcription in plain numbers, and against the run of their program."""

import math

import authors_data
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref import Fidelity, LeastSquares, Objective, fit
from dsrl_ref.training import authors
from dsrl_ref.training.authors import Adam, AuthorsDescent, Plateau

W = np.random.default_rng(0).normal(scale=2.0, size=(2, 3))
TARGET = W + np.random.default_rng(1).normal(size=W.shape)
STARTS = {
    "their own": [1.0, 1.0, 1.0, 2.0, 1.0],
    "inside (7)": [0.9, 0.8, 0.4, 1.1, 1.5],
    "below the cone, whose edge turns with w1": [2.5, 0.9, 0.1, 1.3, 1.2],
    "b1 above b2": [0.9, 1.2, 0.6, 0.3, 1.5],
    "slopes below their floor": [-0.5, -0.1, 0.2, 0.8, 1.3],
    "the tip of the cone": [1.2, 0.9, -0.7, -0.2, 1.1],
}


def projected(w1, w2, b1, b2):
    """The nearest point of (7), in numbers that may be complex: their imaginary parts carry a derivative."""
    w1 = w1 if w1.real >= 1e-4 else 1e-4
    w2 = 1.0 if w2.real > 1 else w2 if w2.real >= 1e-4 else 1e-4
    edge = 1 - 1 / w1 if w1.real > 1 else 0.0
    if b1.real > b2.real:
        edge = 1.0
    elif b2.real >= 0 and b1.real >= (edge * b2).real:
        return w1, w2, b1, b2
    along = (edge * b1 + b2) / (edge * edge + 1)  # of the ray (edge, 1)
    along = along if along.real > 0 else 0.0
    return w1, w2, edge * along, along


def loss(values, entries=W, target=TARGET):
    """J of eleven layers on the projection of what is stored; every entry by itself."""
    w1, w2, b1, b2 = projected(*values[:4])
    step, total = 1 / values[4], 0.0
    for w, goal in zip(entries.ravel().tolist(), target.ravel().tolist(), strict=True):
        x = w
        for _ in range(11):
            z = x - (x - w) * step
            side, size = (1, z) if z.real >= 0 else (-1, -z)
            if size.real < b1.real:
                x = 0.0
            elif size.real < b2.real:
                x = side * w1 * (size - b1)
            else:
                x = side * (w1 * (b2 - b1) + w2 * (size - b2))
        total += (x - goal) * (x - goal) / 2
    return total


def gradient(values):
    """Of `loss`, by complex steps: exact to rounding, as nothing is subtracted."""
    tiny = 1e-30
    shifted = [[value + 1j * tiny * (k == i) for k, value in enumerate(values)] for i in range(5)]
    return [complex(loss(moved)).imag / tiny for moved in shifted]


def transcription(values, rate, epochs):
    """Losses, stored values and rates of Adam (Kingma and Ba 2015) with L2 decay and a rate that falls on plateaus."""
    mean, square, best, idle, told = [0.0] * 5, [0.0] * 5, math.inf, 0, []
    for epoch in range(1, epochs + 1):
        at = loss(values)
        told.append((at, *values, rate))
        for k, slope in enumerate(gradient(values)):
            g = slope + 0.15 * values[k]
            mean[k] = 0.9 * mean[k] + 0.1 * g
            square[k] = 0.92 * square[k] + 0.08 * g * g
            m, v = mean[k] / (1 - 0.9**epoch), square[k] / (1 - 0.92**epoch)
            values = [*values[:k], values[k] - rate * m / (math.sqrt(v) + 1e-8), *values[k + 1 :]]
        if at < best * (1 - 1e-4):
            best, idle = at, 0
        else:
            idle += 1
        if idle == 4:
            idle = 0
            if rate - max(rate / 10, 1e-6) > 1e-8:
                rate = max(rate / 10, 1e-6)
    return told


def objective(matrix=W, target=TARGET, **options):
    return Objective(Fidelity(matrix), target, **{"layers": 11, **options})


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_every_epoch_is_that_of_the_transcription(start, rate):
    descent = AuthorsDescent(objective(), np.array(start), rate)
    expected, told = transcription(start, rate, 60), []
    for _ in expected:
        at = descent.evaluate()
        told.append((at, *descent.values, descent.plateau.rate))
        descent.step()
    assert np.array(told) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-12)
    assert expected[-1][-1] < rate or rate == 0.02  # plateaus were met


@examples(100)
@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(1, 3))
def test_the_first_step_has_the_sign_of_the_gradient_through_the_projection(stored, L):
    """Adam's first direction is g/(|g| + 1e-8) whatever the size of g: decay and projection decide its sign."""
    values = [*stored, L]
    descent = AuthorsDescent(objective(), np.array(values), 1.0)
    assert descent.evaluate() == pytest.approx(loss(values), rel=1e-12, abs=1e-12)
    descent.step()
    pulled = [slope + 0.15 * value for slope, value in zip(gradient(values), values, strict=True)]
    expected = [value - g / (abs(g) + 1e-8) for value, g in zip(values, pulled, strict=True)]
    clear = np.abs(pulled) > 1e-9  # below, rounding decides the sign
    assert descent.values[clear] == pytest.approx(np.array(expected)[clear], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("epoch", range(1, 24))
def test_the_state_is_all_that_the_next_epochs_depend_on(epoch):
    """Also amid idle epochs, and before and after the rate has fallen."""
    whole, restored = (AuthorsDescent(objective(), np.array(STARTS["b1 above b2"]), 0.2) for _ in range(2))
    for _ in range(epoch):
        whole.evaluate()
        whole.step()
    restored.state = {name: np.array(array) for name, array in whole.state.items()}
    for _ in range(12):
        assert restored.evaluate() == whole.evaluate()
        whole.step()
        restored.step()
        assert restored.values.tobytes() == whole.values.tobytes()
        assert restored.plateau.rate == whole.plateau.rate


def test_the_state_of_a_descent_that_has_not_begun_is_restored_too():
    begun, fresh = (AuthorsDescent(objective(), np.array(STARTS["inside (7)"]), 0.02) for _ in range(2))
    begun.evaluate()
    begun.step()
    begun.state = {name: np.array(array) for name, array in fresh.state.items()}
    for descent in (begun, fresh):
        descent.evaluate()
        descent.step()
    assert begun.values.tobytes() == fresh.values.tobytes()


def test_it_never_ends_by_itself():
    assert AuthorsDescent(objective(), np.array(STARTS["their own"]), 0.02).status is None


def test_the_start_and_the_layers_are_theirs():
    assert authors.START.tolist() == STARTS["their own"]
    assert authors.LAYERS == 11


NO_NETWORK = [
    (objective(layers=10), r"method 'authors' has 11 layers \(ξ\(W\) and 10 blocks\), got layers = 10"),
    (objective(layers=12), "got layers = 12"),
    (objective(x0=np.zeros((2, 3))), "method 'authors' starts at x0 = W; leave x0 out"),
    (objective(sp.csr_array(W), x0=sp.csr_array(2 * W)), "method 'authors' starts at x0 = W; leave x0 out"),
    (objective(W, x0=sp.csr_array(W)), "method 'authors' starts at x0 = W; leave x0 out"),
    (objective(sp.csr_array(W), x0=W), "method 'authors' starts at x0 = W; leave x0 out"),
    (Objective(LeastSquares(W, W), np.zeros((3, 3)), layers=11), "method 'authors' is for Fidelity, got LeastSquares"),
]


@pytest.mark.parametrize(("J", "message"), NO_NETWORK)
def test_what_is_not_their_network_is_refused(J, message):
    with pytest.raises(ValueError, match=message):
        authors.require_network(J)


@pytest.mark.parametrize("matrix", [W, sp.csr_array(W)], ids=["dense", "sparse"])
def test_x0_equal_to_W_is_their_start_too(matrix):
    assert authors.require_network(objective(matrix, x0=matrix.copy())) is None
    assert authors.require_network(objective(matrix)) is None


def test_adam_takes_unit_steps_at_first_and_averages_later():
    adam = Adam()
    assert adam.direction(np.array([3.0, -0.01])) == pytest.approx([1, -1], abs=1e-5)
    mean, square = 0.9 * 0.1 * 3 + 0.1 * 1, 0.92 * 0.08 * 9 + 0.08 * 1
    expected = mean / (1 - 0.9**2) / (np.sqrt(square / (1 - 0.92**2)) + 1e-8)
    assert adam.direction(np.array([1.0, 0.0]))[0] == pytest.approx(expected, rel=1e-14)


def test_adam_divides_by_the_root_plus_epsilon():
    """Where the gradient is as small as epsilon the two ways to add it differ."""
    assert Adam().direction(np.array([1e-8, 1e-12])) == pytest.approx([0.5, 1e-4 / (1 + 1e-4)], rel=1e-6)


def rates(plateau, losses):
    told = []
    for value in losses:
        plateau.observe(value)
        told.append(plateau.rate)
    return told


def test_plateau_falls_after_four_idle_losses_down_to_the_least():
    plateau = Plateau(0.02)
    assert rates(plateau, [10.0, 9.0, 8.9999, 9.1, 9.0, 9.2, 9.0]) == pytest.approx([0.02] * 5 + [0.002] * 2)
    assert rates(plateau, [9.0] * 100)[-1] == pytest.approx(1e-6)


def test_plateau_counts_anew_after_progress_and_after_a_fall():
    assert rates(Plateau(1.0), [9, 9, 9, 9, 8, 8, 8, 8, 8]) == pytest.approx([1.0] * 8 + [0.1])
    assert rates(Plateau(1.0), [9] * 9) == pytest.approx([1.0] * 4 + [0.1] * 4 + [0.01])


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_progress_is_relative_to_the_best(scale):
    less = [1.0, 1 - 0.9e-4, 1 - 0.9e-4, 1 - 0.9e-4, 1 - 0.9e-4]
    enough = [(1 - 1.1e-4) ** k for k in range(20)]
    assert rates(Plateau(1.0), [scale * value for value in less])[-1] == pytest.approx(0.1)
    assert rates(Plateau(1.0), [scale * value for value in enough])[-1] == 1.0


def test_a_fall_of_a_hundred_millionth_is_none():
    """As in the program's scheduler: from 1.005e-6 the least, 1e-6, is too near."""
    assert rates(Plateau(1.005e-6), [1.0] * 9)[-1] == 1.005e-6
    assert rates(Plateau(1.02e-6), [1.0] * 9)[-1] == 1e-6


@pytest.mark.parametrize("name", ["MSRC-v1", "ALOI"])
@pytest.mark.filterwarnings("ignore:the gradient is zero at the start:dsrl_ref.errors.StartWarning")
def test_reproduces_the_authors_program_at_every_epoch(name):
    run = authors_data.run(name)
    J = objective(sp.csr_array(authors_data.graph(name)), None)
    learned = fit(J, method="authors", epochs=run["epochs"], learning_rate=run["lr"])
    raw, L = learned.raw
    assert learned.history["loss"] == pytest.approx(run["loss"], rel=1e-11)
    assert [*raw, L] == pytest.approx([*run["raw"]["w"], *run["raw"]["b"], run["raw"]["L"]], rel=1e-11)
    assert list(learned.theta) == pytest.approx([*run["projected"]["w"], *run["projected"]["b"]], rel=1e-11)
