"""Help fits a screen, shows what works, and leaves nothing out where all is asked for."""

import os
import shlex

import children
import pytest

from dsrl_ref import cli
from dsrl_ref.cli import help as helping
from dsrl_ref.engines.table import ENGINES
from dsrl_ref.multiview.propagation import PROPAGATION
from dsrl_ref.training.fit import METHODS

SCREEN = 24  # lines, of 80 columns
RARE = {"fit": "--checkpoint", "solve": "--max-iter", "cluster": "--transpose", "plot": "--layers"}


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys, *arguments):
    assert cli.main(list(arguments)) == 0
    return capsys.readouterr().out


def parser_of(command):
    """The parser of a command, with its options."""
    (commands,) = (action for action in cli._parser([command])._actions if isinstance(action.choices, dict))
    return commands.choices[command]


def options_of(command):
    return {name for action in parser_of(command)._actions for name in action.option_strings}


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_fits_a_screen(command, capsys):
    lines = printed(capsys, *filter(None, [command]), "--help").splitlines()
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"usage: dsrl-ref {command or 'COMMAND'}")
    assert lines[0].endswith(" [options]")
    assert lines[1] == ""


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_shows_what_most_need_and_help_all_every_option(command, capsys):
    module = __import__(f"dsrl_ref.cli.{command}", fromlist=["OFTEN"])
    options = options_of(command)
    assert set(module.OFTEN) <= options
    short, everything = printed(capsys, command, "--help"), printed(capsys, command, "--help-all")
    for name in options:
        assert name in everything
    for name in (*module.OFTEN, "--help-all"):
        assert name in short
    for name in options - {"-o", "-h", "--help", "--help-all", *module.OFTEN}:
        assert f"  {name}" not in short
    if command in RARE:
        assert RARE[command] not in short


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_the_example_is_a_line_that_the_command_takes(command, capsys):
    module = __import__(f"dsrl_ref.cli.{command}", fromlist=["EXAMPLE"])
    assert printed(capsys, command, "--help").endswith(f"\nexample: {module.EXAMPLE}\n")
    program, *arguments = shlex.split(module.EXAMPLE)
    assert program == "dsrl-ref"
    assert cli._parser(arguments).parse_args(arguments).run is module.run


def test_without_a_command_five_things_to_do_are_shown_on_stderr_and_it_is_2(capsys):
    assert cli.main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) <= SCREEN
    assert max(map(len, err.splitlines())) <= 80
    shown = [line[line.index("dsrl-ref") :] for line in err.splitlines() if line.startswith("  ")]
    assert len(shown) == 5
    for line in shown:
        arguments = shlex.split(line)[1:]
        assert cli._parser(arguments).parse_args(arguments).run


def test_help_all_describes_every_engine_and_help_names_them(capsys):
    short, everything = printed(capsys, "gradient", "--help"), printed(capsys, "gradient", "--help-all")
    for engine in ENGINES:
        assert engine in short
        assert f'\n* "{engine}": ' in everything
    assert "engines:" not in short
    assert max(map(len, everything.splitlines())) <= 80


def test_an_option_is_one_line_with_its_value_named_once_and_positional_arguments_are_shown(capsys):
    lines = [line[2:] for line in printed(capsys, "fit", "--help").splitlines()]
    assert any(line.startswith("-o, --output MODEL  ") for line in lines)
    assert any(line.startswith("--per-layer  ") for line in lines)
    assert any(line.startswith("PROBLEM.npz  ") for line in lines)


def test_choices_are_named(capsys):
    assert all(method in printed(capsys, "fit", "--help") for method in METHODS)
    assert all(form in printed(capsys, "classify", "--help") for form in PROPAGATION)


def test_the_short_help_and_the_long_one_come_in_any_order(capsys):
    parser = parser_of("fit")
    short, everything = parser.format_help(), parser.format_all_help()
    assert (parser.format_help(), parser.format_all_help()) == (short, everything)
    assert "--checkpoint" in everything
    assert "--checkpoint" not in short


def test_wrong_usage_shows_the_line_of_usage_alone(capsys):
    assert cli.main(["fit", "problem.npz", "--nonsense"]) == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage == "usage: dsrl-ref COMMAND [options]"
    assert "unrecognized arguments: --nonsense" in error
    assert cli.main(["fit"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == "usage: dsrl-ref fit PROBLEM.npz [options]"


def test_long_text_is_broken_where_the_terminal_ends_but_never_beyond_100_columns(monkeypatch):
    for columns, widest in ((60, 58), (200, 100)):
        monkeypatch.setenv("COLUMNS", str(columns))
        text = helping.filled(["word " * 60, "other " * 60], indent="  ")
        assert widest - 5 <= max(map(len, text.splitlines())) <= widest
        assert text.count("\n\n") == 0
        assert text.splitlines()[1].startswith("  word")
        assert helping.filled(["one", "two"]) == "one\n\ntwo\n"


@pytest.mark.peer
@pytest.mark.children
def test_the_shell_completes_commands_and_options_that_help_does_not_show(tmp_path):
    pytest.importorskip("argcomplete", reason="argcomplete is not installed: pip install '.[completion]'")
    for line, expected in (("dsrl-ref cl", ["classify", "cluster"]), ("dsrl-ref fit --che", ["--checkpoint"])):
        told = tmp_path / "told"
        asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(told), "_ARGCOMPLETE_IFS": "\n"}
        place = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
        children.run("-m", "dsrl_ref", env=children.environment(**asked, **place), cwd=os.curdir)
        assert sorted(told.read_text().split()) == expected
