"""Implementations without this package: the wrong ones are named by their equation, the right ones pass."""

import re

import naive
import numpy as np
import pytest
from implementations import WRONG_IMPLEMENTATIONS, WRONG_LAYERS, Right, RightLayers, adjoint, duals

from dsrl_ref.verify.conformance import check
from dsrl_ref.verify.layered_ladder import layered_ladder


def loops(f, theta, L, layers, x0, target):
    term = naive.Fidelity(f["W"].tolist()) if f["kind"] == "fidelity" else None
    term = term or naive.LeastSquares(f["D"].tolist(), f["Y"].tolist())
    arguments = (term, tuple(theta), L, layers, x0.tolist())
    iterates, _ = naive.forward(*arguments)
    return naive.loss(target.tolist(), iterates[-1]), naive.tensor_gradient(*arguments, target.tolist())


def test_there_are_forty_of_them_for_every_equation_from_8_to_17():
    assert len(WRONG_IMPLEMENTATIONS) >= 40
    assert {equation for equation, _ in WRONG_IMPLEMENTATIONS.values()} == set(range(8, 18))


@pytest.mark.parametrize("name", WRONG_IMPLEMENTATIONS)
def test_a_wrong_implementation_is_named_by_its_equation(name):
    equation, implementation = WRONG_IMPLEMENTATIONS[name]
    first = next(outcome for outcome in check(implementation) if outcome.failure)
    assert (first.status, first.equation) == ("disagrees", equation)


@pytest.mark.parametrize("implementation", [loops, adjoint, duals, Right()], ids=["loops", "adjoint", "duals", "Right"])
def test_a_right_implementation_agrees_everywhere(implementation):
    outcomes = list(check(implementation))
    assert [outcome.name for outcome in outcomes if outcome.failure] == []
    assert len(outcomes) > 30


def by_relu(*arguments):
    return duals(*arguments, on_knots=False)


def test_automatic_differentiation_disagrees_on_knots_alone_and_passes_without_them():
    outcomes = list(check(by_relu))
    assert {outcome.ties > 0 for outcome in outcomes if outcome.failure} == {True}
    assert not any(outcome.failure for outcome in check(by_relu, ignore_ties=True))


def by_loops(f, theta, L, layers, x0, target):
    term = naive.Fidelity(f["W"].tolist()) if f["kind"] == "fidelity" else None
    term = term or naive.LeastSquares(f["D"].tolist(), f["Y"].tolist())
    arguments = (term, theta.tolist(), L.tolist(), x0.tolist())
    loss = naive.loss(target.tolist(), naive.layered_forward(*arguments)[0][-1])
    return loss, naive.layered_gradient(*arguments, target.tolist())


def flat(*arguments):
    loss, rows = RightLayers()(*arguments)
    return loss, np.ravel(rows)


@pytest.mark.parametrize("implementation", [by_loops, RightLayers(), flat], ids=["loops", "reverse", "flat"])
def test_a_right_implementation_of_layers_agrees_everywhere(implementation):
    outcomes = list(check(implementation, layered_ladder()))
    assert [outcome.failure for outcome in outcomes if outcome.failure] == []
    assert len(outcomes) >= 15


@pytest.mark.parametrize("name", WRONG_LAYERS)
def test_a_wrong_implementation_of_layers_is_named_and_told(name):
    equation, hint, implementation = WRONG_LAYERS[name]
    first = next(outcome for outcome in check(implementation, layered_ladder()) if outcome.failure)
    assert (first.status, first.equation) == ("disagrees", equation)
    assert hint in first.hint
    assert bool(hint) == bool(first.hint)


def test_the_problem_that_isolates_a_mistake_is_the_first_to_disagree():
    def first_of(name):
        outcomes = check(WRONG_LAYERS[name][2], layered_ladder())
        return next(outcome.name for outcome in outcomes if outcome.failure)

    assert first_of("the rows the other way round") == "two layers alike"
    assert first_of("sums for terms") == "two layers alike"
    assert first_of("the first Θ for all") == "two layers, each its Θ"
    assert first_of("the first L for all") == "two layers, each its L"
    assert first_of("1/L² of the last layer") == "two layers, each its L"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda J, rows: (J, rows.T), r"a gradient of shape \(5, 2\), not \(2, 5\); function.*\(layers, 5\) numbers"),
        (lambda J, rows: (J, rows.sum(axis=0)), "a gradient of 5 numbers, not 10; function"),
        (lambda J, rows: (J, rows.tolist()[0] + [[0.0]]), "a gradient that is not of real numbers"),
        (lambda J, rows: rows, "a pair|a loss of 5 numbers, not 1"),
    ],
)
def test_terms_of_another_form_are_told_by_their_shape(answer, told):
    def other(*arguments):
        return answer(*RightLayers()(*arguments))

    outcome = next(o for o in check(other, layered_ladder()) if o.name == "two layers alike")
    assert outcome.status == "failed"
    assert re.search(told, outcome.failure)
