"""``dsrl-ref check``: what it prints, in which form, and how it exits."""

import json
import re
import sys

import pytest

from dsrl_ref import cli


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other_implementation.py").write_text(
        "from dsrl_ref import Fidelity, LeastSquares, loss_and_gradient\n"
        "def right(f, theta, L, layers, x0, target):\n"
        "    term = Fidelity(f['W']) if f['kind'] == 'fidelity' else LeastSquares(f['D'], f['Y'])\n"
        "    return loss_and_gradient(term, theta, L, layers, target, x0)\n"
        "def wrong(*arguments):\n"
        "    loss, gradient = right(*arguments)\n"
        "    return loss, gradient._replace(b2=-gradient.b2)\n"
        "number = 3\n"
        "def breaks(*arguments):\n"
        "    return {}['nothing']\n"
        "from implementations import duals\n"
        "def on_knots(*arguments):\n"
        "    return duals(*arguments, on_knots=False)\n"
        "from implementations import WRONG_LAYERS, RightLayers\n"
        "own = RightLayers()\n"
        "reversed_rows = WRONG_LAYERS['the rows the other way round'][2]\n"
        "def own_on_knots(f, *arguments):\n"
        "    loss, rows = own(f, *arguments)\n"
        "    tied = f['kind'] == 'fidelity' and f['W'][0, 0] in (0.375, -1.125, -2.125, -3.625)\n"
        "    return loss, rows + tied\n"
        "def dicts(*arguments):\n"
        "    return dict(loss=0.0)\n"
        "def nan(*arguments):\n"
        "    return float('nan'), [float('inf')] * 5\n"
        "def leaves(*arguments):\n"
        "    raise SystemExit(0)\n"
    )
    yield "other_implementation"
    sys.modules.pop("other_implementation", None)


def test_check_passes_a_right_implementation(module, capsys):
    assert cli.main(["check", f"{module}:right"]) == 0
    out = capsys.readouterr().out
    assert "agrees on all 43 problems within 1e-12·S\n" in out
    assert "only the loss was judged" not in out


def test_check_exits_1_and_names_the_equation(module, capsys):
    assert cli.main(["check", f"{module}:wrong"]) == 1
    out = capsys.readouterr().out
    assert "first disagreement: equation (13)" in out
    assert "Only problems with entries on a knot" not in out


def test_check_says_once_what_form_is_expected(module, capsys):
    assert cli.main(["check", f"{module}:dicts"]) == 1
    _, summary = capsys.readouterr().out.split("your function failed on")
    assert summary.count("must return (loss, gradient)") == 1


def test_check_writes_what_is_not_finite_as_text(module, capsys):
    assert cli.main(["check", f"{module}:nan", "--problem", "2 layers", "--json"]) == 1
    got = json.loads(capsys.readouterr().out)["got"]
    assert (got["loss"], got["w1"]) == ("nan", "inf")


def test_check_tells_a_function_that_failed_from_one_that_disagrees(module, capsys):
    assert cli.main(["check", f"{module}:breaks"]) == 1
    out = capsys.readouterr().out
    assert "your function failed on" in out
    assert "in breaks" in out
    assert "must return (loss, gradient)" in out
    assert "disagreement" not in out


def test_check_explains_ties_and_leaves_them_out_on_request(module, capsys):
    assert cli.main(["check", f"{module}:on_knots"]) == 1
    out = capsys.readouterr().out
    assert "Only problems with entries on a knot of ξ disagree" in out
    assert "first disagreement: equation (13), problem 'one layer, on the knot b2'" in out
    assert cli.main(["check", f"{module}:on_knots", "--ignore-ties"]) == 0
    assert "only the loss was judged" in capsys.readouterr().out


def test_check_shows_one_problem(module, capsys):
    name = "two layers, nothing but the chain"
    assert cli.main(["check", f"{module}:wrong", "--problem", name]) == 1
    out = capsys.readouterr().out
    for told in (
        "D         1/2",
        "X_(0)     5/2",
        "Z_(1)     19/8",
        "dX_(1)/dL",
        "dX_(2)/dw2",
        "expected",
        "WRONG   dJ/db2",
    ):
        assert told in out
    assert cli.main(["check", f"{module}:wrong", "--problem", name, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == name
    assert len(document["sensitivities"]) == 3
    assert set(document["got"]) == {"loss", "w1", "w2", "b1", "b2", "L"}
    assert cli.main(["check", f"{module}:right", "--problem", name]) == 0
    assert "WRONG" not in capsys.readouterr().out
    assert cli.main(["check", f"{module}:breaks", "--problem", name]) == 1
    assert "KeyError" in capsys.readouterr().out


def test_check_refuses_a_problem_that_there_is_not(module, capsys):
    assert cli.main(["check", f"{module}:right", "--problem", "no such"]) == 3
    err = capsys.readouterr().err
    assert "--problem 'no such' is none of the 58 problems" in err
    assert cli.main(["check", f"{module}:right", "--problem", "the los alone"]) == 3
    err = capsys.readouterr().err
    assert "nearest in spelling are 'the loss alone', " in err
    assert err.count("'") == 8  # the name that was given, and three


def test_check_reads_problems_from_a_file(module, tmp_path, capsys):
    assert cli.main(["vectors", "-o", str(tmp_path / "v.json")]) == 0
    document = json.loads((tmp_path / "v.json").read_text())
    document["problems"] = document["problems"][:3]
    (tmp_path / "v.json").write_text(json.dumps(document))
    assert cli.main(["check", f"{module}:right", "--vectors", str(tmp_path / "v.json")]) == 0
    assert "agrees on all 3 problems" in capsys.readouterr().out
    assert cli.main(["check", f"{module}:right", "--vectors", str(tmp_path / "none.json")]) == 5


def test_an_implementation_that_exits_does_not_pass(module, capsys):
    assert cli.main(["check", f"{module}:leaves"]) == 1
    assert "raised SystemExit: 0" in capsys.readouterr().out


def test_a_module_that_exits_is_not_imported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaves_at_once.py").write_text("raise SystemExit(0)\n")
    assert cli.main(["check", "leaves_at_once:f"]) == 3
    assert "cannot import leaves_at_once:f: SystemExit: 0" in capsys.readouterr().err


def test_check_json(module, capsys):
    assert cli.main(["check", f"{module}:wrong", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    assert {problem["equation"] for problem in document["problems"] if problem["failure"]} >= {11, 13}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:f", "cannot import no_such_module:f: ModuleNotFoundError"),
        ("no_such_module:f", "; run this in the folder where no_such_module is, here "),
        ("no_such.module:f", "; run this in the folder where no_such is, here "),
        ("other_implementation:absent", "cannot import other_implementation:absent: AttributeError"),
        ("other_implementation:absent", "; it has loss_and_gradient, right, wrong, breaks, duals, on_knots, "),
        ("other_implementation:number", "other_implementation:number is not callable"),
        ("other_implementation", "is not of the form module:function"),
    ],
)
def test_check_exits_3_for_what_cannot_be_called(module, name, message, capsys):
    assert cli.main(["check", name]) == 3
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("impl.py:right", "a module is named without folder and suffix: impl:right$"),
        ("./mods.py:right", "a module is named without folder and suffix: mods:right$"),
        ("deep/mods.py:right", "a module is named without folder and suffix: mods:right, in the folder deep$"),
        ("deep/mods:right", "a module is named without folder and suffix: mods:right, in the folder deep$"),
    ],
)
def test_check_says_how_a_file_is_named_as_a_module(name, message, capsys):
    assert cli.main(["check", name]) == 3
    assert re.search(message, capsys.readouterr().err.strip())


SKIPPED = (
    "one Θ and one L a layer: skipped, as no function for it was named; name yours with --per-layer module:function"
)
LAYERED = "two layers alike"


def test_check_says_that_layers_are_skipped_and_does_not_fail(module, capsys):
    assert cli.main(["check", f"{module}:right"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(SKIPPED)
    assert cli.main(["check", f"{module}:right", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is True
    assert document["per_layer"] is None


def test_check_judges_a_function_for_layers(module, capsys):
    assert cli.main(["check", f"{module}:right", "--per-layer", f"{module}:own"]) == 0
    first, second = capsys.readouterr().out.split("\none Θ and one L a layer: 15 problems\n")
    assert "agrees on all 43 problems" in first
    assert f"ok      {LAYERED}" in second
    assert "agrees on all 15 problems within 1e-12·S" in second
    assert "skipped" not in second


def test_check_exits_1_where_only_layers_disagree_and_says_how(module, capsys):
    assert cli.main(["check", f"{module}:right", "--per-layer", f"{module}:reversed_rows"]) == 1
    first, second = capsys.readouterr().out.split("\none Θ and one L a layer: 15 problems\n")
    assert "agrees on all 43 problems" in first
    assert f"WRONG   {LAYERED}: dJ/dw1 of layer 1 is " in second
    assert f"first disagreement: equation (11), problem '{LAYERED}'\nthe rows of the layers the other way" in second
    assert cli.main(["check", f"{module}:right", "--per-layer", f"{module}:reversed_rows", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    assert not any(problem["failure"] for problem in document["problems"])
    assert {problem["status"] for problem in document["per_layer"]} == {"agrees", "disagrees"}


def test_check_says_what_form_a_function_for_layers_has(module, capsys):
    assert cli.main(["check", f"{module}:right", "--per-layer", f"{module}:breaks"]) == 1
    out = capsys.readouterr().out
    assert "your function failed on 15 of 15 problems, first on 'one layer of its own'" in out
    assert "KeyError" in out
    assert out.count("(layers, 5) numbers") == 1


def test_check_shows_a_problem_of_layers_with_and_without_a_function(module, capsys):
    assert cli.main(["check", f"{module}:right", "--problem", LAYERED]) == 0
    out = capsys.readouterr().out
    for told in (
        "theta     3/4 1/2 1/4 1; 3/4 1/2 1/4 1",
        "L         2, 2",
        "∂X_(1)/∂w2 1\n",
        "∂X_(2)/∂w2 1/32\n",
        "dJ/dX_(2) -219/64",
        SKIPPED,
    ):
        assert told in out
    assert "expected" not in out
    assert cli.main(["check", f"{module}:right", "--problem", LAYERED, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["passed"], document["got"], document["outcome"]) == (None, {}, None)
    options = ["--per-layer", f"{module}:reversed_rows", "--problem", LAYERED]
    assert cli.main(["check", f"{module}:right", *options]) == 1
    out = capsys.readouterr().out
    assert "ok      loss              expected 5.8546142578125" in out
    assert "WRONG   dJ/dw1 of layer 1 expected -0.6416015625            got -2.56640625" in out
    assert "points at equation (11)" in out
    assert cli.main(["check", f"{module}:right", "--per-layer", f"{module}:own", "--problem", LAYERED]) == 0
    assert "WRONG" not in capsys.readouterr().out


def test_check_ignores_ties_of_layers_on_request(module, capsys):
    options = ["--per-layer", f"{module}:own_on_knots", "--ignore-ties"]
    assert cli.main(["check", f"{module}:right", *options[:2]]) == 1
    assert "Only problems with entries on a knot of ξ disagree" in capsys.readouterr().out
    assert cli.main(["check", f"{module}:right", *options]) == 0
    assert "agrees on all 15 problems within 1e-12·S; of 4 with entries on a knot only" in capsys.readouterr().out


def test_check_reads_problems_of_layers_from_a_file(module, tmp_path, capsys):
    assert cli.main(["vectors", "-o", str(tmp_path / "v.json")]) == 0
    document = json.loads((tmp_path / "v.json").read_text())
    document["per_layer"] = document["per_layer"][:3]
    (tmp_path / "v.json").write_text(json.dumps(document))
    options = ["--per-layer", f"{module}:own", "--vectors", str(tmp_path / "v.json")]
    assert cli.main(["check", f"{module}:right", *options]) == 0
    assert "agrees on all 3 problems" in capsys.readouterr().out
    del document["per_layer"]
    (tmp_path / "v.json").write_text(json.dumps({**document, "version": 2}))
    assert cli.main(["check", f"{module}:right", *options]) == 0
    assert "one Θ and one L a layer: the file has no problems of it: it is of version 1 or 2" in capsys.readouterr().out


def test_check_refuses_a_function_for_layers_that_there_is_not(module, capsys):
    assert cli.main(["check", f"{module}:right", "--per-layer", f"{module}:absent"]) == 3
    assert f"cannot import {module}:absent" in capsys.readouterr().err


def test_check_leaves_the_path_of_imports_as_it_was(module):
    before = list(sys.path)
    assert cli.main(["check", f"{module}:right", "--problem", LAYERED]) == 0
    assert sys.path == before
