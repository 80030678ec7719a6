"""The vectors carry exact answers in a documented format, and files of any version are read, or refused by name."""

import json
from fractions import Fraction

import naive
import numpy as np
import pytest

from dsrl_ref import Fidelity, LeastSquares, Objective, loss_and_gradient
from dsrl_ref.verify.conformance import check
from dsrl_ref.verify.ladder import ladder
from dsrl_ref.verify.layered_ladder import layered_ladder
from dsrl_ref.verify.vectors import document, read, read_layers

PARAMETERS = ("w1", "w2", "b1", "b2", "L")


def smooth_term(f):
    return Fidelity(f["W"]) if f["kind"] == "fidelity" else LeastSquares(f["D"], f["Y"])


def implementation(f, theta, L, layers, x0, target):
    return loss_and_gradient(smooth_term(f), theta, L, layers, target, x0)


def layered(f, theta, L, layers, x0, target):
    loss, gradient = Objective(smooth_term(f), target, layers=layers, x0=x0, per_layer=True)(theta, L)
    return loss, np.array(gradient).T


def spoiled(number, factor):
    def function(*arguments):
        loss, gradient = implementation(*arguments)
        answer = [loss, *gradient]
        answer[number] *= factor
        return answer[0], np.array(answer[1:])

    return function


def test_document_is_strict_json_of_exact_numbers_that_float64_holds():
    problems = json.loads(json.dumps(document(), allow_nan=False))["problems"]
    assert {"name", "equations", "f", "theta", "L", "layers", "x0", "target"} <= set(problems[0])
    for problem in problems:
        inputs = [*problem["theta"], problem["L"], *(x for line in problem["x0"] + problem["target"] for x in line)]
        assert all(Fraction(float(Fraction(x))) == Fraction(x) for x in inputs)
        assert len(problem["iterates"]) == problem["layers"] + 1
        assert len(problem["preactivations"]) == len(problem["regions"]) == problem["layers"]
    assert {equation for problem in problems for equation in problem["equations"]} == set(range(8, 18))


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


def of_version_2():
    """The document as version 2 had it."""
    given = document()
    del given["per_layer"]
    return {**given, "version": 2}


def of_version_1():
    """The document as version 1 had it."""
    given = of_version_2()
    del given["about"]
    for problem in given["problems"]:
        for key in ("points_at", "ties", "sensitivities"):
            del problem[key]
    return {**given, "version": 1}


def test_version_3_is_read_as_it_was_written(tmp_path):
    path = written(tmp_path, document())
    assert read(path) == list(ladder())
    assert read_layers(path) == list(layered_ladder())


def test_version_2_is_read_and_has_no_problems_of_layers(tmp_path):
    path = written(tmp_path, of_version_2())
    assert read(path) == list(ladder())
    assert read_layers(path) == []


def test_version_1_is_read_and_judged(tmp_path):
    rungs = read(written(tmp_path, of_version_1()))
    assert read_layers(written(tmp_path, of_version_1())) == []
    assert [rung.problem for rung in rungs] == [rung.problem for rung in ladder()]
    assert not [outcome for outcome in check(implementation, rungs) if outcome.failure]
    for number, equation in ((0, 8), (1, 12), (3, 13), (5, 17)):
        assert next(o for o in check(spoiled(number, 2), rungs) if o.failure).equation == equation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is not a file of conformance vectors"),
        ({"version": 4}, "has version 4 of the vectors; this package reads 1, 2 and 3"),
        ({"problems": []}, 'has no "problems"'),
        ({"problems": [{}]}, "problem 1 has no key 'name'"),
        ({"theta": ["1/1", "1/1", "2/1", "1/1"]}, "problem 2 .'no layer'. cannot be read: b2 must be at least b1"),
        ({"theta": ["1/0", "1/1", "2/1", "1/1"]}, "problem 2 .'no layer'. cannot be read: 1/0 divides by 0"),
        ({"theta": ["x", "1/1", "2/1", "1/1"]}, "problem 2 .'no layer'. cannot be read: 'x' is no number \"p/q\""),
        ({"L": "1/3"}, "cannot be read: 1/3 is not exact in float64, as every input must be"),
        ({"L": f"{10**400}/1"}, r"cannot be read: 10{19}\.\.\.0{10} \(401 characters\) is not exact in float64"),
        ({"x0": [["1/10", "1/1", "1/1"]] * 2}, "cannot be read: 1/10 is not exact in float64"),
        ({"L": 2}, 'cannot be read: numbers must be strings "p/q", got 2'),
        ({"L": "-1/1"}, "L must be positive, got -1"),
        ({"L": "0/1"}, "L must be positive, got 0"),
        ({"layers": -1}, "layers must be an integer from 0 on, got -1"),
        ({"layers": "1"}, "layers must be an integer from 0 on, got '1'"),
        ({"x0": [["1/1"], []]}, "x0 must have rows of one length"),
        ({"target": [["1/1"]]}, "f and target must fit x0, which is 2×3"),
        ({"f": {"kind": "other"}}, 'f must have the kind "fidelity" or "least_squares"'),
        ({"f": {"kind": "fidelity", "W": [["1/1"]]}}, "f and target must fit x0, which is 2×3"),
        (
            {"f": {"kind": "least_squares", "D": [["1/1"] * 2], "Y": [["1/1"] * 3] * 2}},
            "f and target must fit x0, which is 2×3",
        ),
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
        ("iterates", document()["problems"][0]["iterates"] * 5, r"X_\(i\) must be a list of 4"),
        (
            "gradient",
            dict.fromkeys(["w1", "w2", "b1", "b2", "L", "c"], "1/1"),
            "dJ must be stored for each of w1, w2, b1, b2, L",
        ),
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
    loss = Fraction(given["problems"][0]["loss"])
    given["problems"][0]["loss"] = f"{3 * loss.numerator}/{3 * loss.denominator}"
    assert read(written(tmp_path, given)) == list(ladder())


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "v.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read(tmp_path / "v.json")


LAYERED = document()["per_layer"]


def terms_of(problem):
    """The problem as naive.py takes it: f, the Θ and the L of the layers, X_(0)."""
    f = {key: parsed(value) for key, value in problem["f"].items() if key != "kind"}
    term = naive.Fidelity(f["W"]) if problem["f"]["kind"] == "fidelity" else naive.LeastSquares(f["D"], f["Y"])
    return term, parsed(problem["theta"]), parsed(problem["L"]), parsed(problem["x0"])


@pytest.mark.parametrize("problem", LAYERED, ids=lambda problem: problem["name"])
def test_the_answers_of_layers_are_those_of_another_oracle(problem):
    arguments, target = terms_of(problem), parsed(problem["target"])
    _, thetas, constants, _ = arguments
    assert len(thetas) == len(constants) == problem["layers"]
    iterates, preactivations = naive.layered_forward(*arguments)
    assert parsed(problem["iterates"]) == iterates
    assert parsed(problem["preactivations"]) == preactivations
    assert problem["regions"] == [
        [[naive.region(z, theta) for z in line] for line in Z] for theta, Z in zip(thetas, preactivations, strict=True)
    ]
    assert parsed(problem["loss"]) == naive.loss(target, iterates[-1])
    gradient = [[parsed(row[name]) for name in PARAMETERS] for row in problem["gradient"]]
    assert gradient == naive.layered_gradient(*arguments, target)


@pytest.mark.parametrize("problem", LAYERED, ids=lambda problem: problem["name"])
def test_partials_contracted_with_the_cotangent_of_their_layer_are_its_gradient(problem):
    last = naive.minus(parsed(problem["iterates"][-1]), parsed(problem["target"]))
    assert parsed(problem["cotangents"][-1]) == last
    assert len(problem["cotangents"]) == problem["layers"] + 1 == len(problem["partials"]) + 1
    for partials, C, row in zip(problem["partials"], problem["cotangents"][1:], problem["gradient"], strict=True):
        for name in PARAMETERS:
            pairs = zip(parsed(partials[name]), parsed(C), strict=True)
            assert sum(d * c for lines in pairs for d, c in zip(*lines, strict=True)) == parsed(row[name])


def test_the_first_cotangent_is_the_derivative_in_the_start():
    problem = next(problem for problem in LAYERED if problem["name"] == "two layers alike")
    term, thetas, constants, ((x,),) = terms_of(problem)
    h, target = Fraction(1, 2**40), parsed(problem["target"])

    def loss(start):
        return naive.loss(target, naive.layered_forward(term, thetas, constants, [[start]])[0][-1])

    assert (loss(x + h) - loss(x - h)) / (2 * h) == parsed(problem["cotangents"][0])[0][0]


def test_a_file_of_layers_is_judged(tmp_path):
    rungs = read_layers(written(tmp_path, document()))
    assert [outcome.failure for outcome in check(layered, rungs)] == [""] * len(rungs)
    assert any(outcome.failure for outcome in check(lambda *a: (layered(*a)[0], layered(*a)[1][::-1]), rungs))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": [["1/1", "1/1", "1/2", "1/1"]]}, r"of 2 layers, which are 1 or more; got 1 and 2"),
        ({"L": ["2/1"]}, r"of 2 layers, which are 1 or more; got 2 and 1"),
        ({"layers": 3}, r"of 3 layers, which are 1 or more; got 2 and 2"),
        ({"theta": [], "L": [], "layers": 0}, r"of 0 layers, which are 1 or more; got 0 and 0"),
        ({"L": ["2/1", "-1/1"]}, "L must be positive, got -1"),
        ({"theta": [["1/1", "1/1", "1/2", "1/1"], ["1/1", "1/1", "2/1", "1/1"]]}, "b2 must be at least b1"),
        ({"gradient": []}, "dJ must be a list of 2"),
        ({"loss": "1/3"}, "loss is stored as 1/3, but its inputs give"),
        ({"cotangents": []}, r"C_\(i\) must be a list of 3"),
    ],
)
def test_a_damaged_problem_of_layers_is_refused_by_name(tmp_path, change, message):
    given = document()
    given["per_layer"][1].update(change)
    with pytest.raises(ValueError, match=f"per_layer, problem 2 .'two layers alike'. ?.*{message}"):
        read_layers(written(tmp_path, given))


@pytest.mark.parametrize("key", ["partials", "cotangents", "gradient"])
def test_any_stored_answer_of_layers_that_is_wrong_is_refused_by_its_name(tmp_path, key):
    named = {"partials": r"∂X_\([12]\)/d\w+", "cotangents": r"C_\([012]\)", "gradient": r"dJ\[[01]\]/d\w+"}[key]
    given = document()
    given["per_layer"] = [problem for problem in given["per_layer"] if problem["name"] == "two layers, each its Θ"]
    (problem,) = given["per_layer"]
    for path, value in leaves(problem[key]):
        home, (*way, last) = problem, (key, *path)
        for step in way:
            home = home[step]
        home[last] = "1/7"
        with pytest.raises(ValueError, match=rf"{named}.* is stored as 1/7"):
            read_layers(written(tmp_path, given))
        home[last] = value


def test_a_file_without_the_section_is_refused(tmp_path):
    with pytest.raises(ValueError, match='has no "per_layer": they must be a list with an entry or more'):
        read_layers(written(tmp_path, {**document(), "per_layer": []}))


@pytest.mark.parametrize("key", ["loss", "gradient", "name", "x0", "equations"])
def test_a_problem_that_lacks_a_key_is_refused(tmp_path, key):
    given = document()
    del given["problems"][2][key]
    with pytest.raises(ValueError, match=f"problem 3.* has no key '{key}'"):
        read(written(tmp_path, given))
