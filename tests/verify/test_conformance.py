"""`check` names the equation that an implementation breaks, and tells what failed from what disagrees."""

import re
import sys
import warnings

import numpy as np
import pytest
from implementations import RightLayers

from dsrl_ref import Fidelity, LeastSquares, loss_and_gradient
from dsrl_ref.verify import exact
from dsrl_ref.verify.conformance import check
from dsrl_ref.verify.ladder import ladder
from dsrl_ref.verify.layered_ladder import layered_ladder


def implementation(f, theta, L, layers, x0, target):
    term = Fidelity(f["W"]) if f["kind"] == "fidelity" else LeastSquares(f["D"], f["Y"])
    return loss_and_gradient(term, theta, L, layers, target, x0)


def spoiled(number, factor):
    def function(*arguments):
        loss, gradient = implementation(*arguments)
        answer = [loss, *gradient]
        answer[number] *= factor
        return answer[0], np.array(answer[1:])

    return function


def first_failure(function):
    return next(outcome for outcome in check(function) if outcome.failure)


def test_this_package_conforms():
    outcomes = list(check(implementation))
    assert len(outcomes) == len(list(ladder())) > 20
    assert not [outcome for outcome in outcomes if outcome.failure]


@pytest.mark.parametrize(("number", "equation"), [(0, 8), (1, 12), (2, 12), (3, 13), (4, 13), (5, 17)])
@pytest.mark.parametrize("factor", [1.001, -1])
def test_the_first_failure_names_the_equation(number, factor, equation):
    assert first_failure(spoiled(number, factor)).equation == equation


def test_a_gradient_of_zeros_from_the_second_layer_on_is_blamed_on_the_chain():
    def forgets_the_chain(f, theta, L, layers, x0, target):
        loss, gradient = implementation(f, theta, L, layers, x0, target)
        return loss, (gradient if layers < 2 else np.zeros(5))

    assert first_failure(forgets_the_chain).equation == 11


FORM = r"function\(f, theta, L, layers, x0, target\) must return \(loss, gradient\)"


@pytest.mark.parametrize(
    ("function", "failure"),
    [
        (lambda *_: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda *_: sys.exit(0), "raised SystemExit: 0"),
        (lambda: None, "raised TypeError: .*takes 0 positional arguments"),
        (lambda *_: 0.0, f"returned a float, no pair; {FORM}"),
        (lambda *_: None, f"returned a NoneType, no pair; {FORM}"),
        (lambda *_: {"loss": 0.0, "gradient": [0.0] * 5}, f"returned a dict; {FORM}"),
        (lambda *_: (0.0, [0.0] * 4), f"returned a gradient of 4 numbers, not 5; {FORM}"),
        (lambda *_: (0.0, dict.fromkeys("abcde", 0.0)), f"returned a dict as the gradient; {FORM}"),
        (lambda *_: (0.0, *[0.0] * 5), f"returned 6 values where a pair is expected; {FORM}"),
        (
            lambda *_: iter([0.0, 1.0, 2.0]),
            f"returned a list_iterator that is no pair where a pair is expected; {FORM}",
        ),
        (lambda *_: ([0.0, 1.0], [0.0] * 5), f"returned a loss of 2 numbers, not 1; {FORM}"),
        (lambda *_: (0.0, ["a"] * 5), f"returned a gradient that is not of real numbers .*; {FORM}"),
        (lambda *_: (None, [0.0] * 5), f"returned a NoneType as the loss; {FORM}"),
        (lambda *_: (np.complex128(1), [0.0] * 5), f"returned a loss that is not of real numbers .*; {FORM}"),
        (lambda *_: (1j, [0.0] * 5), f"returned a loss that is not of real numbers .*; {FORM}"),
    ],
)
def test_a_function_that_failed_blames_no_equation(function, failure):
    first = first_failure(function)
    assert (first.status, first.equation) == ("failed", 0)
    assert re.match(failure, first.failure)


def test_the_traceback_begins_in_the_function():
    def breaks(*_):
        raise KeyError("deep inside")

    lines = first_failure(breaks).traceback
    assert "in breaks" in lines
    assert "deep inside" in lines
    assert "verify/conformance.py" not in lines


def test_nan_disagrees_with_the_equation_of_its_quantity():
    first = first_failure(lambda *_: (float("nan"), np.zeros(5)))
    assert first.failure.startswith("loss is nan")
    assert (first.status, first.equation) == ("disagrees", 8)


class Tensor:
    """Like a tensor of PyTorch that requires grad: NumPy may only take what is detached."""

    def __init__(self, value, attached=True):
        self.value, self.attached = value, attached

    def detach(self):
        return Tensor(self.value, attached=False)

    def __array__(self, dtype=None, copy=None):
        assert not self.attached
        return np.asarray(self.value, dtype=dtype)

    def __float__(self):
        if not self.attached:
            return float(self.value)
        warnings.warn("converting a tensor with requires_grad=True to a scalar", UserWarning, stacklevel=2)
        return float(self.value)


@pytest.mark.parametrize("pack", [Tensor, lambda gradient: [Tensor(value) for value in gradient]])
def test_tensors_that_keep_a_graph_are_detached(pack):
    def of_tensors(*arguments):
        loss, gradient = implementation(*arguments)
        return Tensor(loss), pack(np.array(gradient))

    assert not [outcome for outcome in check(of_tensors) if outcome.failure]


def test_what_the_wrong_numbers_look_like_is_said():
    def reordered(*arguments):
        loss, gradient = implementation(*arguments)
        return loss, np.array(gradient)[::-1]

    assert "in another order" in first_failure(reordered).hint
    assert "-1 times the right ones" in first_failure(lambda *a: (implementation(*a)[0], _negated(a))).hint
    assert first_failure(spoiled(3, 1.001)).hint == ""


def test_float32_is_recognised():
    def single(*arguments):
        loss, gradient = implementation(*arguments)
        return np.float32(loss), np.array(gradient, dtype=np.float32)

    first = first_failure(single)
    assert first.status == "disagrees"
    assert "JAX and PyTorch start with float32" in first.hint


def _negated(arguments):
    return -np.array(implementation(*arguments)[1])


def test_an_implementation_may_write_to_its_arguments():
    def tramples(f, theta, L, layers, x0, target):
        answer = implementation(f, theta, L, layers, x0.copy(), target.copy())
        for array in (theta, x0, target, *(value for key, value in f.items() if key != "kind")):
            array[...] = np.nan
        return answer

    assert not [outcome for outcome in check(tramples) if outcome.failure]


KNOTS = {"b2", "b1", "-b1", "-b2"}


def knots_of(rung):
    _, _, b1, b2 = rung.problem.theta
    last = rung.problem.run().preactivations[-1][0]
    return {name for name, knot in (("b2", b2), ("b1", b1), ("-b1", -b1), ("-b2", -b2)) if last == knot}


def test_the_ladder_has_every_knot_for_13_14_and_17_apart():
    one_entry = [rung for rung in ladder() if rung.problem.layers and rung.problem.shape == (1, 1)]
    found = {13: set(), 14: set(), 17: set()}
    for rung in one_entry:
        problem = rung.problem
        path = problem.run()
        slope = problem.f.gradient(path.iterates[-2])[0]
        sensitivities = exact.sensitivities(problem.f, problem.theta, problem.L, path)[-2][0]
        if problem.layers == 1:
            found[17 if slope else 13] |= knots_of(rung)
        elif all(sensitivities) and slope:
            found[14] |= knots_of(rung)
    assert found == {13: KNOTS, 14: KNOTS, 17: KNOTS}


def test_the_ladder_reaches_every_row_in_one_layer_and_in_the_second():
    rows = {1: set(), 2: set()}
    for rung in ladder():
        if rung.problem.shape == (1, 1) and rung.problem.layers and not rung.ties:
            rows[rung.problem.layers].add(exact.row(rung.problem.run().preactivations[-1][0], rung.problem.theta))
    assert rows == {1: {-2, -1, 0, 1, 2}, 2: {-2, -1, 0, 1, 2}}


def test_where_nothing_but_the_chain_is_judged_the_second_layer_adds_nothing():
    (rung,) = [rung for rung in ladder() if "nothing but the chain" in rung.name]
    problem = rung.problem
    path = problem.run()
    last = exact.own_terms(problem.f, problem.theta, problem.L, path.iterates[1], path.preactivations[1])[0]
    assert [last[c] for c in (1, 3, 4)] == [0, 0, 0]
    assert all(exact.tensor_gradient(problem.f, problem.theta, problem.L, path, problem.target))


def test_no_rung_with_more_than_one_entry_has_a_tie():
    assert {rung.ties for rung in (*ladder(), *layered_ladder()) if rung.network.shape != (1, 1)} == {0}


def test_the_ladder_of_layers_has_every_knot_in_a_layer_whose_neighbour_has_others():
    found = set()
    for rung in layered_ladder():
        if rung.ties:
            first, (*_, b1, b2) = rung.problem.layers.thetas
            (z,) = rung.problem.path.preactivations[-1]
            found.add({b2: "b2", b1: "b1", -b1: "-b1", -b2: "-b2"}[z])
            assert abs(z) not in first[2:]
            assert rung.ties == 1
    assert found == KNOTS


def test_what_is_dead_in_the_middle_leaves_no_term_to_the_layers_before():
    (rung,) = [rung for rung in layered_ladder() if "dead" in rung.name]
    first, second, third = rung.problem.terms
    assert not any(first)
    assert not any(second)
    assert all(third)


def shifted(*arguments):
    """The right loss, and every derivative too large by 1."""
    loss, gradient = implementation(*arguments)
    return loss, np.array(gradient) + 1


def test_only_the_problems_that_are_given_are_judged():
    rungs = list(ladder())[3:5]
    assert [outcome.name for outcome in check(implementation, rungs)] == [rung.name for rung in rungs]


def test_an_outcome_knows_its_ties_however_it_ends():
    ties = [rung.ties for rung in ladder()]
    assert any(ties)
    for function in (implementation, shifted, lambda *_: None):
        assert [outcome.ties for outcome in check(function)] == ties


def test_where_ties_are_ignored_derivatives_are_judged_off_them_alone():
    judged = {rung.name: rung.ties == 0 and rung.name != "the loss alone" for rung in ladder()}
    assert {outcome.name: bool(outcome.failure) for outcome in check(shifted, ignore_ties=True)} == judged
    all_judged = {name: name != "the loss alone" for name in judged}
    assert {outcome.name: bool(outcome.failure) for outcome in check(shifted)} == all_judged


def test_the_first_quantity_that_is_wrong_is_told():
    def negated(*arguments):
        loss, gradient = implementation(*arguments)
        return loss + 1, -np.array(gradient)

    assert all(outcome.failure.startswith("loss is ") for outcome in check(negated))
    outcome = next(o for o in check(lambda *a: (implementation(*a)[0], -np.array(implementation(*a)[1]))) if o.failure)
    assert outcome.failure.startswith("dJ/dw1 is ")


def of_layers(answer):
    """What a function that makes this of the right answer comes to on two layers alike."""
    rung = next(rung for rung in layered_ladder() if rung.name == "two layers alike")
    (outcome,) = check(lambda *arguments: answer(*RightLayers()(*arguments)), [rung])
    return outcome


def test_terms_of_layers_may_be_rows_or_flat_and_have_another_form_told():
    assert of_layers(lambda J, rows: (J, rows)).status == "agrees"
    assert of_layers(lambda J, rows: (J, rows.ravel())).status == "agrees"
    turned = of_layers(lambda J, rows: (J, rows.T))
    assert turned.status == "failed"
    assert turned.failure.startswith("returned a gradient of shape (5, 2), not (2, 5); function(f, theta, L")
    assert "(layers, 5) numbers" in turned.failure
    assert of_layers(lambda J, rows: (J, rows[:1])).failure.startswith("returned a gradient of 5 numbers, not 10;")


def test_tensors_of_layers_are_detached():
    assert of_layers(lambda J, rows: (Tensor(J), [[Tensor(value) for value in row] for row in rows])).status == "agrees"
