"""The command ``dsrl-ref``, one module a subcommand.

Data goes to stdout, notes and warnings to stderr, each warning once. Exit codes: 0 ok, 1 ran but a check failed,
2 usage, 3 bad data, 4 bad model file, 5 input or output, 130 Ctrl-C, 141 closed pipe. What was printed is flushed
before the command ends, so that a full disk is exit 5 and not a message of the interpreter. Without a command, five
things that one can do go to stderr, and the exit code is 2: a script that has lost its arguments has not worked.

How to add a command
--------------------
1. Write one module here, named after the command, with ``add_arguments(parser)`` and ``run(arguments) -> int``, which
   returns the exit code. It lets errors go: `main` turns them into a line on stderr and an exit code. A command that
   prints results takes ``--json``, by `cli.output`; one that reads a problem uses `cli.problem`, and has the keys of
   its files in ``REQUIRED``, ``OPTIONAL`` and ``WRITES``, which `cli.files` tells once it names the command.
2. Name in its ``OFTEN`` the options that most need, which ``--help`` shows within a screen, and in its ``EXAMPLE`` a
   line that works: see `cli.help`.
3. Add a line to ``COMMANDS``: the name, and what it does. The module is imported when the command is asked for, alone.
4. Test it in ``tests/cli``, through `main`, with its exit codes, and add wrong variants to ``tests/mutants/cli.py``.
"""

import argparse
import errno
import importlib
import io
import os
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dsrl_ref import __version__
from dsrl_ref.cli.help import FIRST_STEPS, Parser
from dsrl_ref.cli.output import note
from dsrl_ref.errors import DSRLError, ModelFileError
from dsrl_ref.progress import give_way

COMMANDS = {
    "demo": "the main job, on real handwritten digits",
    "verify": "check every equation of the appendix",
    "gradient": "loss and gradient of a problem in a file",
    "fit": "learn Θ and L for a problem in a file",
    "solve": "minimise f + weight·g for a problem in a file",
    "plot": "draw what fit learned, or cluster or classify found",
    "cluster": "cluster samples that are seen in several views",
    "classify": "classify samples of which some are labelled",
    "predict": "take what cluster or classify fitted to new samples",
    "plan": "what clustering or classifying so many samples would take",
    "vectors": "write conformance vectors for other implementations",
    "check": "judge your own implementation by such vectors",
    "files": "the keys of the files that these commands read and write",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        By default ``sys.argv[1:]``.
    """
    try:
        _require_output()
        with _warnings_in_words():
            code = _run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141
    except ModelFileError as error:
        return _failed(error, 4)
    except OSError as error:
        return _failed(error, 5)
    except (DSRLError, ValueError, TypeError) as error:
        return _failed(error, 3)


def _run(argv: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    completing = "_ARGCOMPLETE" in os.environ  # the shell asks how a line may go on, by the extra completion
    if completing:
        given = os.environ["COMP_LINE"].split()[1:]
    elif not given:
        note(FIRST_STEPS)
        return 2
    try:
        parser = _parser(given)
        if completing:
            from argcomplete import autocomplete

            autocomplete(parser)
        arguments = parser.parse_args(given)
        code: int = arguments.run(arguments)
        return code
    except SystemExit as stop:  # argparse: 2 for usage, 0 for --help
        return stop.code if isinstance(stop.code, int) else 2


@contextmanager
def _warnings_in_words() -> Iterator[None]:
    """Print a warning as a line, once, without the place in the source, which tells nothing on a shell."""
    usual, told = warnings.formatwarning, set()

    def in_words(message: Warning | str, *_: Any, **__: Any) -> str:
        text = f"dsrl-ref: warning: {message}\n"
        if text in told:
            return ""
        told.add(text)
        give_way()
        return text

    warnings.formatwarning = in_words
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _require_output() -> None:
    """Raise OSError where stdout is closed; a character that its encoding lacks is printed as an escape."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed; send it to a file, or to /dev/null to drop it")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _failed(error: Exception, code: int) -> int:
    """Say what went wrong on stderr, if that is open, and return the exit code."""
    if sys.stderr is not None:
        print(f"dsrl-ref: {error}", file=sys.stderr)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # it is stdout that failed, and it would fail again when the interpreter ends
        _drop_output()
    return code


def _drop_output() -> None:
    """Send what stdout still holds nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser; only the command that was asked for is imported."""
    parser = Parser(prog="dsrl-ref", description="Deep Sparse Regularizer Learning, explicit gradients.")
    parser.add_argument("--version", action="version", version=f"dsrl-ref {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    parser.usage = "dsrl-ref COMMAND [options]"
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name in given:
            module = importlib.import_module(f"dsrl_ref.cli.{name}")
            module.add_arguments(command)
            command.describe(module)
            command.set_defaults(run=module.run, command=shlex.join(["dsrl-ref", *given]))
    return parser
