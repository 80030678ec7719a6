"""Sensitivities on the nonzeros: the rationals, and the loss and gradient of the pass back."""

import naive
import numpy as np
import pytest
from hypothesis import given
from strategies import examples, floats
from wide import JIT, LAYERS, THETA, data, prepared, prepared_layers, varied, wide_problems

from dsrl_ref import Objective, Theta
from dsrl_ref.engines import support


def products_of_sensitivities(f, theta, L, layers, x0, target):
    """Σ (∂x/∂p)(∂x/∂q) by rows, sensitivities carried forward in scalars."""
    iterates, Z = naive.forward(f, theta, L, layers, x0)
    total = [[[x * 0 for x in line] for line in x0] for _ in range(5)]
    for X, pre in zip(iterates, Z, strict=False):
        terms = naive.layer_terms(f, theta, L, X, pre)
        pushed = [naive.minus(V, f.hessian_product(V, X), 1 / L) for V in total]
        total = [
            [[terms[p, q][0][c] + terms[p, q][1] * v for q, v in enumerate(line)] for p, line in enumerate(pushed[c])]
            for c in range(5)
        ]
    rows = [[x for line in V for x in line] for V in total]
    return [sum(a * b for a, b in zip(one, other, strict=True)) for one in rows for other in rows]


@pytest.mark.parametrize("tape", [1, 2**21])
@examples(12)
@given(problem=wide_problems())
def test_equals_the_rationals_over_panels_and_blocks(tape, problem):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support, "TAPE", tape)
        ours = prepared(problem.term, floats(problem.x0), floats(problem.target), problem.layers)
        arguments = Theta(*problem.float_theta), float(problem.L)
        loss, gradient, matrix = ours.gauss_newton(*arguments)
        assert (loss, list(gradient)) == (
            naive.loss(problem.target, naive.forward(*problem.arguments[:5])[0][-1]),
            naive.reverse_gradient(*problem.arguments),
        )
        assert matrix.ravel().tolist() == products_of_sensitivities(*problem.arguments)
        assert loss == ours.loss_and_gradient(*arguments)[0]


def test_the_matrix_is_symmetric_and_not_negative():
    f, L, target = data()
    _, _, matrix = prepared(f, 0.5 * target, target).gauss_newton(THETA, L)
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix / np.abs(matrix).max()).min() >= -1e-12


def test_what_is_listed_may_come_and_go_in_any_panel():
    """X_(0) has other entries than X_(1), whose sensitivities are those of the pass back, with few entries or many."""
    for seed in range(20 if JIT else 3):
        rng = np.random.default_rng(seed)
        f, L, target = data(n=200, density=0.1, seed=seed)
        x0 = rng.normal(size=target.shape) * (rng.random(target.shape) < rng.choice([0.01, 0.1, 0.3], target.shape[1]))
        theta = Theta(1.1, 0.6, *np.sort(rng.uniform(0.001, 0.03, 2)))
        ours = prepared(f, x0, target)
        tangents, gradient = ours.gauss_newton(theta, L)[1], ours.loss_and_gradient(theta, L)[1]
        assert tangents == pytest.approx(gradient, rel=1e-10)


def test_the_gradient_is_that_of_the_pass_back_but_for_rounding():
    f, L, target = data(density=0.05)
    ours = prepared(f, f.start(), target)
    loss, gradient = ours.loss_and_gradient(THETA, L)
    other, tangents, _ = ours.gauss_newton(THETA, L)
    assert other == loss
    assert tangents == pytest.approx(gradient, rel=1e-12)


@pytest.mark.parametrize("layers", [0, 1, 9])
@pytest.mark.parametrize("start", [0.0, 0.5])
def test_those_of_every_layer_agree_with_the_tangents_of_whole_matrices(start, layers):
    """Of so many layers that sensitivities are pushed three vectors at a time, and one or two besides."""
    f, L, target = data(n=150 if JIT else 40)
    at = varied(layers, L)
    J = Objective(f, target, layers=layers, x0=start * target, method="tangent", per_layer=True)
    loss, gradient, matrix = J.gauss_newton(*at)
    ours = prepared_layers(f, start * target, target, layers)
    for answer in (ours.loss_and_gradient(*at), ours.gauss_newton(*at)):
        assert answer[0] == pytest.approx(loss, rel=1e-13)
        assert answer[1] == pytest.approx(np.array(gradient).T, rel=1e-10, abs=1e-11)
    assert ours.gauss_newton(*at)[2] == pytest.approx(matrix, rel=1e-10, abs=1e-9)


def test_the_loss_with_layers_of_their_own_has_the_bits_of_the_network_that_shares_and_the_same_in_both_passes():
    f, L, target = data(density=0.1)
    shared, own = prepared(f, f.start(), target), prepared_layers(f, f.start(), target)
    at = (THETA,) * LAYERS, np.full(LAYERS, L)
    loss, gradient, matrix = shared.gauss_newton(THETA, L)
    own_loss, rows, products = own.gauss_newton(*at)
    assert loss == own_loss == own.loss_and_gradient(*at)[0] == shared.loss_and_gradient(THETA, L)[0]
    assert rows.sum(axis=0) == pytest.approx(gradient, rel=1e-12)
    assert products.reshape(LAYERS, 5, LAYERS, 5).sum(axis=(0, 2)) == pytest.approx(matrix, rel=1e-12)
    assert np.array_equal(products, products.T)
