"""Implementations without this package: the wrong ones are named by their equation, the right ones pass."""

import naive
import pytest
from implementations import WRONG_IMPLEMENTATIONS, Right, adjoint, duals

from dsrl_ref.verify.conformance import check


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
