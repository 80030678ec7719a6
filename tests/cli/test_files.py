"""``dsrl-ref files``: what it says of the commands' files is what they read and write."""

from importlib import import_module

import numpy as np
import pytest
from command_data import FIDELITY, LEAST_SQUARES, VIEWS, in_json, problem_file, views_file

from dsrl_ref import cli
from dsrl_ref.cli import files

DATA = {"W": FIDELITY["W"]}
VALUES = {
    "theta": [1, 0.5, 0.3, 0.6],
    "L": 1.0,
    "layers": 3,
    "weight": 1.0,
    **dict.fromkeys(["x0", "target"], FIDELITY["W"]),
}
COMMANDS = "cluster", "classify", "predict"
QUICK = {"fit": ["--epochs", "1"]}


@pytest.fixture
def told(capsys):
    return in_json(capsys, "files")


def test_every_command_that_declares_keys_is_told(told):
    modules = {name: import_module(f"dsrl_ref.cli.{name}") for name in cli.COMMANDS}
    declaring = {name for name, module in modules.items() if hasattr(module, "REQUIRED") or hasattr(module, "WRITES")}
    assert declaring == set(told["commands"])
    assert {name for name, module in modules.items() if hasattr(module, "REQUIRED")} == set(files.OF_PROBLEMS)


@pytest.mark.parametrize("command", ["gradient", "fit", "solve"])
def test_a_command_takes_the_keys_that_are_told_and_no_others(told, command, tmp_path, capsys):
    keys = told["commands"][command]
    assert keys["data"] == [["W"], ["D", "Y"]]
    needed = {key: VALUES[key] for key in keys["required"]}
    whole = {**DATA, **needed, **{key: VALUES[key] for key in keys["optional"]}}
    for content in ({**DATA, **needed}, whole):
        assert cli.main([command, problem_file(tmp_path, **content), *QUICK.get(command, [])]) in (0, 1)
    for key in needed:
        assert cli.main([command, problem_file(tmp_path, **{**whole, key: None})]) == 3
        assert f"has no key {key}" in capsys.readouterr().err
    assert cli.main([command, problem_file(tmp_path, **whole, other=1.0)]) == 3
    assert "has the unknown key other" in capsys.readouterr().err


def test_plot_takes_the_keys_that_are_told(told):
    from dsrl_ref.cli import plot

    assert told["commands"]["plot"]["required"] == [*plot.REQUIRED] == ["target"]
    assert set(told["commands"]["plot"]["optional"]) == {*LEAST_SQUARES, "x0", "theta", "L"} - {"D", "Y", "target"}


def written(path):
    with np.load(path, allow_pickle=False) as archive:
        return [*archive]


def test_solve_writes_the_keys_that_are_told(told, tmp_path):
    problem = problem_file(tmp_path, W=FIDELITY["W"], theta=FIDELITY["theta"])
    assert cli.main(["solve", problem, "-o", str(tmp_path / "found.npz")]) == 0
    assert written(tmp_path / "found.npz") == told["commands"]["solve"]["writes"] == ["x"]


@pytest.mark.parametrize("command", ["cluster", "classify"])
def test_what_is_found_of_samples_is_written_under_the_keys_that_are_told(told, command, tmp_path):
    data, model, found = views_file(tmp_path), str(tmp_path / "model.dsrl"), str(tmp_path / "found.npz")
    assert told["commands"][command]["data"] == [["X", "Y"], ["W"]]
    assert cli.main([command, data, "--repeats", "1", "-o", found, "--model", model]) == 0
    nameless = {
        command: [key for key in told["commands"][command]["writes"] if key != "sample"] for command in COMMANDS
    }
    assert set(written(found)) == set(nameless[command])
    assert cli.main(["predict", model, data, "-o", found]) == 0
    assert written(found) == (nameless["predict"] if command == "classify" else nameless["predict"][:1])


def test_samples_with_names_keep_them_under_the_key_that_is_told(told, tmp_path):
    for name, view in enumerate(VIEWS):
        rows = "".join(f"s{i},{','.join(map(str, row))}\n" for i, row in enumerate(view[:30].tolist()))
        columns = ",".join(f"c{j}" for j in range(view.shape[1]))
        (tmp_path / f"v{name}.csv").write_text(f"id,{columns}\n{rows}")
    found = str(tmp_path.parent / f"{tmp_path.name}.npz")
    assert (
        cli.main(["cluster", str(tmp_path), "--clusters", "2", "--neighbors", "3", "--repeats", "1", "-o", found]) == 0
    )
    assert set(written(found)) == set(told["commands"]["cluster"]["writes"])


def test_every_key_has_a_meaning_and_every_meaning_a_key(told):
    used = set()
    for keys in told["commands"].values():
        used.update(*keys["data"], keys["required"], keys["optional"], keys["writes"])
    assert used == set(told["keys"])


def test_the_table_says_the_same(told, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["files"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    lines = {line.split()[0]: line for line in out.splitlines() if line[10:15] == "reads"}
    assert list(lines) == [*files.OF_PROBLEMS, *files.OF_SAMPLES] == list(told["commands"])
    assert lines["solve"] == "solve     reads  W, or D and Y; theta; optional weight, x0"
    assert "          writes labels, probability, reached, sample\n" in out
    for key in told["keys"]:
        assert f"\n{key} " in out
