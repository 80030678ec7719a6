"""The vectors carry exact answers, and `check` names the equation that an implementation breaks."""

import json
from fractions import Fraction

import naive
import numpy as np
import pytest

from dsrl_ref import Fidelity, LeastSquares, loss_and_gradient
from dsrl_ref.verify.conformance import check
from dsrl_ref.verify.vectors import document, ladder


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


def test_a_wrong_second_layer_names_the_recursions():
    def forgets_the_chain(f, theta, L, layers, x0, target):
        loss, gradient = implementation(f, theta, L, layers, x0, target)
        return loss, (gradient if layers < 2 else np.zeros(5))

    assert first_failure(forgets_the_chain).equation == 11


@pytest.mark.parametrize(
    ("function", "failure"),
    [
        (lambda *_: 1 / 0, "raised ZeroDivisionError"),
        (lambda *_: (0.0, [1, 2]), "raised ValueError"),
        (lambda *_: (float("nan"), np.zeros(5)), "loss is nan"),
    ],
)
def test_an_implementation_that_breaks_is_reported_and_not_raised(function, failure):
    assert first_failure(function).failure.startswith(failure)


def test_an_implementation_may_write_to_its_arguments():
    def tramples(f, theta, L, layers, x0, target):
        answer = implementation(f, theta, L, layers, x0.copy(), target.copy())
        for array in (theta, x0, target, *(value for key, value in f.items() if key != "kind")):
            array[...] = np.nan
        return answer

    assert not [outcome for outcome in check(tramples) if outcome.failure]


def test_document_is_strict_json_of_exact_numbers_that_float64_holds():
    problems = json.loads(json.dumps(document(), allow_nan=False))["problems"]
    assert {"name", "equations", "f", "theta", "L", "layers", "x0", "target"} <= set(problems[0])
    for problem in problems:
        inputs = [*problem["theta"], problem["L"], *(x for line in problem["x0"] + problem["target"] for x in line)]
        assert all(Fraction(float(Fraction(x))) == Fraction(x) for x in inputs)
        assert len(problem["iterates"]) == problem["layers"] + 1
        assert len(problem["preactivations"]) == len(problem["regions"]) == problem["layers"]
    assert {equation for problem in problems for equation in problem["equations"]} == set(range(8, 18))


def test_the_ladder_reaches_every_row_and_every_knot():
    rows, knots = set(), set()
    for problem in document()["problems"]:
        if problem["layers"] == 1 and len(problem["target"]) == 1:
            (row,), (z,) = problem["regions"][0][0], problem["preactivations"][0][0]
            rows.add(row)
            knots |= {z} & {problem["theta"][2], problem["theta"][3], "-1/4", "-1/1"}
    assert rows == {-2, -1, 0, 1, 2}
    assert {"1/4", "1/1", "-1/4", "-1/1"} <= knots


def test_the_answers_are_those_of_another_oracle_and_every_number_has_a_denominator():
    for problem in document()["problems"]:
        f = {key: read(value) for key, value in problem["f"].items() if key != "kind"}
        term = naive.Fidelity(f["W"]) if problem["f"]["kind"] == "fidelity" else naive.LeastSquares(f["D"], f["Y"])
        theta, L, x0, target = (read(problem[key]) for key in ("theta", "L", "x0", "target"))
        iterates, preactivations = naive.forward(term, theta, L, problem["layers"], x0)
        assert read(problem["iterates"]) == iterates
        assert read(problem["preactivations"]) == preactivations
        assert problem["regions"] == [[[naive.region(z, theta) for z in line] for line in Z] for Z in preactivations]
        assert read(problem["loss"]) == naive.loss(target, iterates[-1])
        gradient = [read(problem["gradient"][name]) for name in ("w1", "w2", "b1", "b2", "L")]
        assert gradient == naive.tensor_gradient(term, theta, L, problem["layers"], x0, target)


def read(value):
    """Nested lists of "p/q" as rationals, as another language would read them."""
    if isinstance(value, list):
        return [read(part) for part in value]
    numerator, denominator = value.split("/")
    return Fraction(int(numerator), int(denominator))
