"""The shell: what goes where, and which exit code says what."""

import io
import json
import os
import pkgutil
import re
import sys
import warnings

import children
import pytest
from command_data import FIDELITY, problem_file

from dsrl_ref import __version__, cli
from dsrl_ref.errors import GraphWarning, InfeasibleThetaError, MissingExtraError, ModelFileError, SizeError
from dsrl_ref.verify.findings import Check, Finding
from dsrl_ref.verify.table import EQUATIONS


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"dsrl-ref {__version__}\n"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["verify", "--equation", "18"],
        ["verify", "--equation", "layer"],
        ["verify", "--seed", "-1"],
        ["verify", "-x"],
    ],
)
def test_usage_errors_exit_2(argv, capsys):
    assert cli.main(argv) == 2
    assert "usage: dsrl-ref" in capsys.readouterr().err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command, capsys):
    assert cli.main([command, "--help"]) == 0
    assert f"dsrl-ref {command}" in capsys.readouterr().out


@pytest.fixture
def failing(monkeypatch):
    """Make the command ``gradient`` fail in a way of the test's choice."""

    def fail(error):
        def run(_):
            print("begun")
            raise error

        monkeypatch.setattr("dsrl_ref.cli.gradient.run", run)

    return fail


@pytest.mark.filterwarnings("always::dsrl_ref.errors.GraphWarning")
def test_a_warning_is_a_line_without_its_place_in_the_source_and_comes_once(monkeypatch, capsys):
    def run(_):
        for text in ("one", "other", "one"):
            warnings.warn(text, GraphWarning, stacklevel=1)
        return 0

    monkeypatch.setattr("dsrl_ref.cli.gradient.run", run)
    usual = warnings.formatwarning
    with warnings.catch_warnings():  # which show themselves here, and are not recorded by pytest
        warnings.showwarning = lambda *warning: sys.stderr.write(warnings.formatwarning(*warning[:4]))
        for _ in range(2):
            assert cli.main(["gradient", "file"]) == 0
            assert capsys.readouterr().err == "dsrl-ref: warning: one\ndsrl-ref: warning: other\n"
    assert warnings.formatwarning is usual


def test_warnings_are_as_they_were_after_a_command_that_failed(failing):
    failing(ValueError("bad"))
    usual = warnings.formatwarning
    assert cli.main(["gradient", "file"]) == 3
    assert warnings.formatwarning is usual


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelFileError("no model"), 4),
        (FileNotFoundError(2, "no file", "p.npz"), 5),
        (InfeasibleThetaError("no theta"), 3),
        (MissingExtraError("no extra"), 3),
        (SizeError("no room"), 3),
        (ValueError("no value"), 3),
        (TypeError("no type"), 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_error_has_its_exit_code_and_goes_to_stderr(failing, capsys, error, code):
    failing(error)
    assert cli.main(["gradient", "p.npz"]) == code
    assert capsys.readouterr() == ("begun\n", f"dsrl-ref: {error}\n")


def test_ctrl_c_exits_130(failing, capsys):
    failing(KeyboardInterrupt())
    assert cli.main(["gradient", "p.npz"]) == 130
    assert capsys.readouterr().err == ""


def test_an_error_of_the_program_itself_is_not_hidden(failing):
    failing(ZeroDivisionError("a mistake of ours"))
    with pytest.raises(ZeroDivisionError, match="a mistake of ours"):
        cli.main(["gradient", "p.npz"])


def test_the_code_of_the_command_is_the_exit_code(monkeypatch):
    monkeypatch.setattr("dsrl_ref.cli.gradient.run", lambda arguments: 1)
    assert cli.main(["gradient", "p.npz"]) == 1


def test_a_command_knows_how_it_was_typed(monkeypatch):
    typed = []
    monkeypatch.setattr("dsrl_ref.cli.gradient.run", lambda arguments: typed.append(arguments.command) or 0)
    cli.main(["gradient", "my <b>.npz", "--json"])
    monkeypatch.setattr(sys, "argv", ["anything", "gradient", "p.npz"])
    cli.main()
    assert typed == ["dsrl-ref gradient 'my <b>.npz' --json", "dsrl-ref gradient p.npz"]


def test_only_the_command_that_is_asked_for_is_imported():
    code = "import sys; from dsrl_ref import cli; cli.main(['gradient', '-h']); print(*sys.modules, file=sys.stderr)"
    loaded = children.run("-c", code).stderr.split()
    commands = {name for name in loaded if name.removeprefix("dsrl_ref.cli.") in cli.COMMANDS}
    assert commands == {"dsrl_ref.cli.gradient"}


BUFFERED = children.environment(PYTHONUNBUFFERED="")


@pytest.mark.parametrize("arguments", [["--help"], ["gradient", "problem.npz"]], ids=["help", "gradient"])
def test_a_closed_pipe_exits_141_in_silence(arguments, tmp_path):
    problem_file(tmp_path, **FIDELITY)
    read, write = os.pipe()
    os.close(read)
    done = children.run("-m", "dsrl_ref", *arguments, stdout=write, env=BUFFERED, cwd=tmp_path)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["gradient", "problem.npz"]], ids=["help", "gradient"])
def test_a_full_disk_exits_5_and_says_so_once(arguments, tmp_path):
    problem_file(tmp_path, **FIDELITY)
    with open("/dev/full", "w") as full:
        done = children.run("-m", "dsrl_ref", *arguments, stdout=full, env=BUFFERED, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (5, "dsrl-ref: [Errno 28] No space left on device\n")


def test_a_closed_stdout_exits_5(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["gradient", "p.npz"]) == 5
    assert "standard output is closed" in capsys.readouterr().err


def test_an_error_without_stderr_does_not_go_to_stdout(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert cli.main(["gradient", "missing.npz"]) == 5
    assert capsys.readouterr().out == ""


def test_what_the_encoding_lacks_is_printed_as_an_escape(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr("dsrl_ref.cli.gradient.run", lambda arguments: print("Θ ± 1") or 0)
    assert cli.main(["gradient", "p.npz"]) == 0
    assert stream.buffer.getvalue() == b"\\u0398 \\xb1 1\n"


def test_python_m_is_the_command():
    assert children.output("-m", "dsrl_ref", "--version") == f"dsrl-ref {__version__}\n"


def test_verify_prints_a_table_of_all_equations_in_one_screen(capsys):
    assert cli.main(["verify", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:18]] == [*(f"({n})" for n in range(1, 18)), "layers"]
    assert len(lines) <= 46
    assert max(map(len, lines)) <= 100
    assert "0 failed" in lines[-1]


def test_verify_one_equation_shows_its_checks(capsys):
    assert cli.main(["verify", "--equation", "6", "--quick"]) == 0
    assert "erratum  false as printed" in capsys.readouterr().out


def test_verify_one_theta_a_layer_by_its_name(capsys):
    assert cli.main(["verify", "--equation", "layers", "--quick"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("layers  dJ/dΘ_i, dJ/dL_i: terms of (10), (11), (15), (16): confirmed\n")
    assert 'ok       (t, 5) terms by "tensor", bit for bit' in out


def test_verify_json_has_all_equations(capsys):
    assert cli.main(["verify", "--quick", "--json", "--seed", "3"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [equation["equation"] for equation in document["equations"]] == [*range(1, 18), "layers"]


def test_verify_json(capsys):
    assert cli.main(["verify", "--equation", "12", "--quick", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is True
    (equation,) = document["equations"]
    assert (equation["equation"], equation["verdict"]) == (12, "confirmed with a remark")
    assert {"name", "passed", "figure"} == set(equation["checks"][0])


def test_verify_markdown_is_a_table_of_functions_that_exist(monkeypatch, capsys):
    from dsrl_ref.cli import verify

    checks = [Check("a", True, "1"), Check("b", True, "2", "remark"), Check("c", True, "3", "erratum")]
    monkeypatch.setattr(
        verify,
        "each_finding",
        lambda *_, **__: (Finding(n, tuple(checks[: 1 + k % 3])) for k, n in enumerate(EQUATIONS)),
    )
    assert cli.main(["verify", "--quick", "--markdown"]) == 0
    header, rule, *lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    assert (header.count("|"), rule.count("|")) == (6, 6)
    assert [row[0] for row in rows] == [*(f"({n})" for n in range(1, 18)), "layers"]
    verdicts = ["confirmed", "confirmed with a remark", "erratum"] * 6
    assert [(int(row[3]), row[4]) for row in rows] == [(1 + k % 3, verdict) for k, verdict in enumerate(verdicts)]
    for row in rows:
        functions = re.findall(r"`([\w.]+)`", row[2])
        assert functions
        for function in functions:
            assert callable(pkgutil.resolve_name(f"dsrl_ref.{function}"))


def test_verify_markdown_of_what_failed_exits_1(monkeypatch, capsys):
    from dsrl_ref.appendix import partials

    monkeypatch.setattr(partials, "dw1", lambda Z, theta: 0 * Z)
    assert cli.main(["verify", "--quick", "--markdown", "--equation", "12"]) == 1
    assert capsys.readouterr().out.endswith("| failed |\n")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_verify_exits_1_and_shows_what_failed(monkeypatch, capsys, options):
    from dsrl_ref.appendix import partials

    monkeypatch.setattr(partials, "dw1", lambda Z, theta: 0 * Z)
    assert cli.main(["verify", "--quick", *options]) == 1
    out = capsys.readouterr().out
    assert '"passed": false' in out if options else "FAILED   dw1 equals the rationals" in out


@pytest.mark.parametrize("argv", [["gradient", "missing.npz"], ["gradient", "."], ["vectors", "-o", "missing/v.json"]])
def test_input_and_output_errors_exit_5_and_name_the_path(argv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(argv) == 5
    assert argv[-1] in capsys.readouterr().err
