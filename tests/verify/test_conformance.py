"""The vectors carry exact answers, and `check` names the equation that an implementation breaks."""

import json
import re
import sys
import warnings
from fractions import Fraction

import naive
import numpy as np
import pytest

from dsrl_ref import Fidelity, LeastSquares, loss_and_gradient
from dsrl_ref.verify import exact
from dsrl_ref.verify.conformance import check
from dsrl_ref.verify.ladder import ladder
from dsrl_ref.verify.vectors import document, read


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


def test_document_is_strict_json_of_exact_numbers_that_float64_holds():
    problems = json.loads(json.dumps(document(), allow_nan=False))["problems"]
    assert {"name", "equations", "f", "theta", "L", "layers", "x0", "target"} <= set(problems[0])
    for problem in problems:
        inputs = [*problem["theta"], problem["L"], *(x for line in problem["x0"] + problem["target"] for x in line)]
        assert all(Fraction(float(Fraction(x))) == Fraction(x) for x in inputs)
        assert len(problem["iterates"]) == problem["layers"] + 1
        assert len(problem["preactivations"]) == len(problem["regions"]) == problem["layers"]
    assert {equation for problem in problems for equation in problem["equations"]} == set(range(8, 18))


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
    assert {rung.ties for rung in ladder() if rung.problem.shape != (1, 1)} == {0}


def test_the_answers_are_those_of_another_oracle_and_every_number_has_a_denominator():
    for problem in document()["problems"]:
        f = {key: parsed(value) for key, value in problem["f"].items() if key != "kind"}
        term = naive.Fidelity(f["W"]) if problem["f"]["kind"] == "fidelity" else naive.LeastSquares(f["D"], f["Y"])
        theta, L, x0, target = (parsed(problem[key]) for key in ("theta", "L", "x0", "target"))
        iterates, preactivations = naive.forward(term, theta, L, problem["layers"], x0)
        assert parsed(problem["iterates"]) == iterates
        assert parsed(problem["preactivations"]) == preactivations
        assert problem["regions"] == [[[naive.region(z, theta) for z in line] for line in Z] for Z in preactivations]
        assert parsed(problem["loss"]) == naive.loss(target, iterates[-1])
        gradient = [parsed(problem["gradient"][name]) for name in ("w1", "w2", "b1", "b2", "L")]
        assert gradient == naive.tensor_gradient(term, theta, L, problem["layers"], x0, target)


def test_the_sensitivities_add_up_to_the_gradient():
    for problem in document()["problems"]:
        last, target = parsed(problem["iterates"][-1]), parsed(problem["target"])
        residual = naive.minus(last, target)
        for name in ("w1", "w2", "b1", "b2", "L"):
            first, *_, final = [parsed(layer[name]) for layer in problem["sensitivities"]] * 2
            assert not any(value for line in first for value in line)
            products = [r * d for lines in zip(residual, final, strict=True) for r, d in zip(*lines, strict=True)]
            assert sum(products) == parsed(problem["gradient"][name])


def parsed(value):
    """Nested lists of "p/q" as rationals, as another language would read them."""
    if isinstance(value, list):
        return [parsed(part) for part in value]
    numerator, denominator = value.split("/")
    return Fraction(int(numerator), int(denominator))


def written(tmp_path, given):
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps(given))
    return path


def of_version_1():
    """The document as version 1 had it."""
    given = document()
    del given["about"]
    for problem in given["problems"]:
        for key in ("points_at", "ties", "sensitivities"):
            del problem[key]
    return {**given, "version": 1}


def test_version_2_is_read_as_it_was_written(tmp_path):
    assert read(written(tmp_path, document())) == list(ladder())


def test_version_1_is_read_and_judged(tmp_path):
    rungs = read(written(tmp_path, of_version_1()))
    assert [rung.problem for rung in rungs] == [rung.problem for rung in ladder()]
    assert not [outcome for outcome in check(implementation, rungs) if outcome.failure]
    for number, equation in ((0, 8), (1, 12), (3, 13), (5, 17)):
        assert next(o for o in check(spoiled(number, 2), rungs) if o.failure).equation == equation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is not a file of conformance vectors"),
        ({"version": 3}, "has version 3 of the vectors; this package reads 1 and 2"),
        ({"problems": []}, 'has no "problems"'),
        ({"problems": [{}]}, "problem 1 has no key 'name'"),
        ({"theta": ["1/1", "1/1", "2/1", "1/1"]}, "problem 2 .'no layer'. cannot be read: b2 must be at least b1"),
        ({"theta": ["1/0", "1/1", "2/1", "1/1"]}, "problem 2 .'no layer'. cannot be read: 1/0 divides by 0"),
        ({"theta": ["x", "1/1", "2/1", "1/1"]}, "problem 2 .'no layer'. cannot be read: 'x' is no number \"p/q\""),
        ({"L": "1/3"}, "cannot be read: 1/3 is not exact in float64, as every input must be"),
        ({"L": f"{10**400}/1"}, r"cannot be read: 10{19}\.\.\.0{10} \(401 characters\) is not exact in float64"),
        ({"x0": [["1/10", "1/1", "1/1"]] * 2}, "cannot be read: 1/10 is not exact in float64"),
        ({"L": 2}, 'cannot be read: numbers must be strings "p/q", got 2'),
        ({"L": "-1/1"}, "layers must be an integer from 0 on and L positive, got 0 and -1"),
        ({"x0": [["1/1"], []]}, "x0 must have rows of one length"),
        ({"target": [["1/1"]]}, "f and target must fit x0, which is 2×3"),
        ({"f": {"kind": "other"}}, 'f must have the kind "fidelity" or "least_squares"'),
        ({"loss": "1/3"}, "loss is stored as 1/3, but its inputs give"),
        ({"points_at": {"w": 12}}, "points_at must have the keys loss, w, b, theta, L, all, or loss alone"),
    ],
)
def test_a_file_that_is_damaged_is_refused_by_name(tmp_path, change, message):
    given = document()
    ((key, value),) = change.items()
    (given if key in given else given["problems"][1])[key] = value
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path, given))


def leaves(value, path=()):
    """Every number that is stored in nested lists and dicts, with the way to it."""
    if isinstance(value, list | dict):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*path, key))
    else:
        yield path, value


STORED = {
    "iterates": r"X_\(\d\)\[\d\]\[\d\] is stored as",
    "preactivations": r"Z_\([1-3]\)\[\d\]\[\d\] is stored as",
    "regions": r"the region of Z_\([1-3]\)\[\d\]\[\d\] is stored as",
    "ties": "ties is stored as",
    "sensitivities": r"dX_\(\d\)/d(w1|w2|b1|b2|L)\[\d\]\[\d\] is stored as",
    "loss": "loss is stored as",
    "gradient": "dJ/d(w1|w2|b1|b2|L) is stored as",
}


@pytest.mark.parametrize("key", STORED)
def test_any_stored_answer_that_is_wrong_is_refused_by_its_name(tmp_path, key):
    given = document()
    problem = next(problem for problem in given["problems"] if problem["name"] == "3 layers")
    given["problems"] = [problem]
    numbers = list(leaves(problem[key]))
    for path, value in numbers[:: max(1, len(numbers) // 12)]:
        home, wrong = problem, value + 1 if isinstance(value, int) else f"{10**90}/3"
        *way, last = (key, *path)
        for step in way:
            home = home[step]
        home[last] = wrong
        with pytest.raises(
            ValueError, match=f"'3 layers'.: {STORED[key]} .*, but its inputs give .*; write"
        ) as refusal:
            read(written(tmp_path, given))
        assert len(str(refusal.value)) < 300
        home[last] = value
    assert len(read(written(tmp_path, given))) == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("iterates", [], r"X_\(i\) must be a list of 4"),
        ("gradient", {"w1": "1/1"}, "dJ must be stored for each of w1, w2, b1, b2, L"),
        ("sensitivities", [{}, {}, {}, {}], r"dX_\(0\) must be stored for each of"),
        ("regions", "none", r"the region of Z_\(i\) must be a list of 3"),
    ],
)
def test_stored_answers_of_another_form_are_refused(tmp_path, key, value, message):
    given = document()
    next(problem for problem in given["problems"] if problem["name"] == "3 layers")[key] = value
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path, given))


def test_a_number_that_is_written_otherwise_is_the_same_number(tmp_path):
    given = document()
    given["problems"][0]["loss"] = str(2 * Fraction(given["problems"][0]["loss"]) / 2)
    assert read(written(tmp_path, given)) == list(ladder())


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "v.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read(tmp_path / "v.json")
