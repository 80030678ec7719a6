"""Sensitivities on the nonzeros: the rationals, and the loss and gradient of the pass back."""

import naive
import numpy as np
import pytest
from hypothesis import given
from strategies import examples, floats
from wide import THETA, data, prepared, wide_problems

from dsrl_ref import Theta
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


def test_the_gradient_is_that_of_the_pass_back_but_for_rounding():
    f, L, target = data(density=0.05)
    ours = prepared(f, f.start(), target)
    loss, gradient = ours.loss_and_gradient(THETA, L)
    other, tangents, _ = ours.gauss_newton(THETA, L)
    assert other == loss
    assert tangents == pytest.approx(gradient, rel=1e-12)
