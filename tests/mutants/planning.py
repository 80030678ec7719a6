"""Wrong variants of plans, and of the command that prints them."""

from mutants.mutant import of

MUTANTS = [
    *of(
        "multiview/planning.py",
        ("(n / TIMED) ** POWERS[name]", "(n / TIMED)"),
        ("slope * (n - a)", "slope * n"),
        ("max(0.0, self.more[name] - self.few[name])", "(self.more[name] - self.few[name])"),
        (
            "cost.seconds / processors() if name in (NEIGHBOURS, APPROXIMATE) else cost.seconds",
            "cost.seconds / processors()",
        ),
        ("cost.seconds / processors() if name in (NEIGHBOURS, APPROXIMATE) else cost.seconds", "cost.seconds"),
        ("sum(step.seconds for step in steps)", "sum(step.seconds for step in found.values())"),
        ("max(step.peak for step in steps)", "sum(step.peak for step in steps)"),
        ("    if peak > free:\n", "    if False:\n"),
        ('INSTEAD[name] if seconds > LONG else ""', "INSTEAD[name]"),
        ('INSTEAD[name] if seconds > LONG else ""', '""'),
        ("candidates = CANDIDATES * shape.neighbors", "candidates = shape.neighbors"),
        ("keep=KEEP, layers=11", "keep=1.0, layers=11"),
        ('for name in ("W", "learned")', 'for name in ("W", "W")'),
    ),
    *of(
        "cli/constants.py",
        ("{**_known(path), _key(shape)", "{_key(shape)"),
        ("{platform.node()} {platform.machine()} {os.cpu_count()}", "{platform.node()}"),
        ("dsrl_ref {__version__}, NumPy", "NumPy"),
        (', {machine}, {shape}"', ', {machine}"'),
        ("if os.path.isabs(given) else", "if given else"),
        ("found if isinstance(found, dict) else {}", "found"),
        ("    path.parent.mkdir(parents=True, exist_ok=True)\n", ""),
        ("np.isfinite([*constants.seconds.values()]).all()", "True"),
        ("except (TypeError, KeyError, ValueError):", "except (TypeError, KeyError):"),
        ("except (TypeError, KeyError, ValueError):", "except (TypeError, ValueError):"),
    ),
    *of(
        "cli/plan.py",
        ("None if again else kept.recalled(shape, path)", "kept.recalled(shape, path)"),
        ("            kept.keep(shape, constants, path)\n", "            pass\n"),
        ("        except OSError as error:\n", "        except ZeroDivisionError as error:\n"),
        ("    with limited(arguments.jobs):\n        found", "    with limited(None):\n        found"),
        ("[*found.steps, *found.totals]", "found.steps"),
        ("if arguments.samples < max(", "if arguments.samples < min("),
    ),
]
