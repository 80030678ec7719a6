"""``python -m benchmarks``: every row checked, then timed."""

import argparse
import sys
from pathlib import Path

from benchmarks import applications, learning, report, rows
from benchmarks.rows import Disagreement
from dsrl_ref.errors import MissingExtraError

ROWS = {**rows.ROWS, **learning.ROWS, **applications.ROWS}


def main(argv: list[str] | None = None) -> int:
    """Run the rows asked for; 1 where contestants disagree, 2 for wrong usage, 5 where a file cannot be written."""
    arguments = _parser().parse_args(argv)
    if arguments.list:
        for name, row in ROWS.items():
            print(f"{name:<22}{(row.__doc__ or '').splitlines()[0]}")
        return 0
    found, failed = [], False
    print("machine:", ", ".join(f"{key} {value or '-'}" for key, value in report.machine().items()))
    for name in arguments.only or ROWS:
        try:
            found.append(ROWS[name](arguments.size))
        except Disagreement as error:
            failed = True
            print(f"\n{name}: not timed: {error}")
            continue
        print("\n" + report.as_text(found[-1]), flush=True)
    try:
        if arguments.json:
            Path(arguments.json).write_text(report.as_json(found), encoding="utf-8")
        if arguments.plot:
            report.plot(found, arguments.plot)
    except (OSError, MissingExtraError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 5 if isinstance(error, OSError) else 2
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.set_defaults(size="full")
    parser.add_argument(
        "--quick", dest="size", action="store_const", const="quick", help="smaller sizes: under a minute"
    )
    parser.add_argument("--smallest", dest="size", action="store_const", const="smallest", help="to see that all runs")
    parser.add_argument("--only", action="append", choices=list(ROWS), metavar="NAME", help="this row; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="also write all figures to FILE")
    parser.add_argument("--plot", metavar="FILE", help="also draw the times; needs matplotlib")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
