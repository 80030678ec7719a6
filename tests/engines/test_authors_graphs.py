"""Every engine for Fidelity on the authors' two graphs, against the rationals, entry by entry."""

from fractions import Fraction
from functools import cache

import authors_data
import naive
import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, loss_and_gradient

FEW = 6  # rows by default, in which each value is as good as any other; nightly all
THETA, L, LAYERS = (1.0, 0.875, 0.125, 0.5), 1.0625, 11


@cache
def graph(name, rows):
    return authors_data.graph(name)[:rows]


@cache
def exact_answer(name, rows):
    """Loss, gradient and S: the recursion is entrywise, so each value of the graph is a 1 x 1 problem."""
    values, counts = np.unique(graph(name, rows), return_counts=True)
    theta = [Fraction(number) for number in THETA]
    J, gradient, S = Fraction(0), [Fraction(0)] * 5, [0.0] * 5
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        w = [[Fraction(value)]]
        problem = naive.Fidelity(w), theta, Fraction(L), LAYERS, w
        J += count * naive.loss(w, naive.forward(*problem)[0][-1])
        gradient = plus(gradient, count, naive.reverse_gradient(*problem, w))
        _, sizes = naive.scale(naive.Fidelity([[value]]), THETA, L, LAYERS, [[value]], [[value]])
        S = plus(S, count, sizes)
    return J, gradient, S


def plus(total, count, terms):
    return [old + count * new for old, new in zip(total, terms, strict=True)]


@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("method", ["tangent", "adjoint", "fused", "pieces"])
@pytest.mark.parametrize("name", ["MSRC-v1", "ALOI"])
def test_equals_the_rationals(name, method, wrap, repeats):
    rows = repeats(FEW, None)
    J, gradient, S = exact_answer(name, rows)
    loss, computed = loss_and_gradient(Fidelity(wrap(graph(name, rows))), THETA, L, LAYERS, method=method)
    assert loss == pytest.approx(float(J), rel=1e-13)
    for got, exact, scale in zip(computed, gradient, S, strict=True):
        assert abs(Fraction(got) - exact) <= 1e-12 * scale
