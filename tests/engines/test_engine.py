"""What engines say when they cannot take a problem: why, and what to take instead."""

import math

import numpy as np
import pytest
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares
from dsrl_ref.engines.engine import unless_fidelity, unless_finite, unless_least_squares
from dsrl_ref.engines.problem import Problem

ONE = np.ones((1, 1))
TERMS = {"fidelity": Fidelity(ONE), "least squares": LeastSquares(ONE, ONE), "own": FloatQuartic(ONE)}
ONLY_FINITE = "needs finitely many layers, got inf; take 'implicit'"


def said(refuses, kind, layers=3):
    return refuses(Problem(TERMS[kind], ONE, ONE, layers))


@pytest.mark.parametrize("kind", TERMS)
def test_finitely_many_layers_are_taken_of_any_term(kind):
    assert said(unless_finite, kind) is None
    assert said(unless_finite, kind, 0) is None
    assert said(unless_finite, kind, math.inf) == ONLY_FINITE


@pytest.mark.parametrize(
    ("refuses", "taken", "name"),
    [(unless_fidelity, "fidelity", "Fidelity"), (unless_least_squares, "least squares", "LeastSquares")],
)
def test_one_kind_of_term_is_taken_and_no_other(refuses, taken, name):
    assert said(refuses, taken) is None
    assert said(refuses, taken, math.inf) == ONLY_FINITE
    for kind in TERMS.keys() - {taken}:
        got = type(TERMS[kind]).__name__
        assert said(refuses, kind) == said(refuses, kind, math.inf) == f"is for {name} alone, got {got}; take 'auto'"
