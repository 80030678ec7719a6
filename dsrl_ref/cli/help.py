"""Help that fits a screen: ``--help`` has what most need and an example, ``--help-all`` all there is.

A command says in ``OFTEN`` which options most need, and in ``EXAMPLE`` a line that works. What it has to say at length,
which ``--help-all`` prints below the options, is what its ``more()`` returns.
"""

import argparse
import shutil
import textwrap
from collections.abc import Sequence
from types import ModuleType
from typing import Any

WIDEST = 100  # columns, of what is said at length
FIRST_STEPS = """\
usage: dsrl-ref COMMAND [options]

Five things to do:
  see the main job done         dsrl-ref demo
  verify the appendix           dsrl-ref verify
  learn Θ and L, keep them      dsrl-ref fit problem.npz -o model.dsrl
  minimise f + weight·g         dsrl-ref solve problem.npz -o solution.npz
  cluster or classify samples   dsrl-ref cluster digits --compare

dsrl-ref --help lists all commands, dsrl-ref files the keys of their files."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Names the value of an option once: ``-o, --output FILE``."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}".rstrip()


class Parser(argparse.ArgumentParser):
    """A parser that shows of its options those in `often`, until all are asked for.

    Attributes
    ----------
    often : sequence of str or None
        Names of the options that ``--help`` shows; None shows all.
    example : str
        A line that works.
    more : callable
        () -> what ``--help-all`` says at length.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=Formatter, **options)
        self.often: Sequence[str] | None = None
        self.example = ""
        self.more: Any = str

    def describe(self, module: ModuleType) -> None:
        """Let the help be that of a command's module, of which the arguments have been added."""
        self.often, self.example = module.OFTEN, module.EXAMPLE
        self.more = getattr(module, "more", str)
        values = [str(action.metavar or action.dest) for action in self._actions if not action.option_strings]
        self.usage = " ".join([self.prog, *values, "[options]"])
        self.add_argument("--help-all", action=_HelpAll, nargs=0, help="show all options, and more")

    def format_help(self) -> str:
        """The short one."""
        rare = [action for action in self._actions if self._is_rare(action)]
        kept = [action.help for action in rare]
        for action in rare:
            action.help = argparse.SUPPRESS
        try:
            self.epilog = f"example: {self.example}" if self.example else None
            return super().format_help()
        finally:
            for action, text in zip(rare, kept, strict=True):
                action.help = text

    def format_all_help(self) -> str:
        """The whole."""
        self.often, often = None, self.often
        try:
            return "\n".join(part for part in (self.format_help(), self.more()) if part)
        finally:
            self.often = often

    def _is_rare(self, action: argparse.Action) -> bool:
        names = set(action.option_strings)
        return bool(self.often is not None and names and not names & {*self.often, "--help", "--help-all"})


class _HelpAll(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        assert isinstance(parser, Parser)
        print(parser.format_all_help(), end="")
        parser.exit()


def filled(paragraphs: Sequence[str], indent: str = "") -> str:
    """Break lines where the terminal ends; an empty line between paragraphs, `indent` before their further lines."""
    width = min(WIDEST, shutil.get_terminal_size().columns - 2)
    between = "\n" if indent else "\n\n"
    lines = (
        textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False) for text in paragraphs
    )  # "Gauss-Newton" stays one word
    return between.join(lines) + "\n"
