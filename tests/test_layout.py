"""The house: imports go one way, files and functions are short."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

import dsrl_ref
from dsrl_ref import appendix

ROOT = Path(dsrl_ref.__file__).parent
# From the ground upwards. A module imports from its own floor and from those below; `__init__` is the package itself.
FLOORS = [
    "errors",
    "memory",
    "progress",
    "shown",
    "loaded",
    "blas",
    "threads",
    "status",
    "entries",
    "arrays",
    "quantiles",
    "spread",
    "files",
    "disk",
    "persistence",
    "checked",
    "appendix.theta",
    "appendix.shrinkage",
    "appendix.regularizer",
    "appendix.network",
    "appendix.partials",
    "appendix.totals",
    "appendix.layers",
    "appendix",
    "free",
    "parameters",
    "smooth",
    "engines",
    "distributed.carried",
    "distributed.work",
    "distributed.amounts",
    "distributed.quick",
    "distributed.cluster",
    "distributed.prepared",
    "distributed.columns",
    "distributed",
    "objective",
    "rounding",
    "differences",
    "results",
    "training.authors",
    "training.constraints",
    "training.kinks",
    "training.box",
    "training.subset",
    "training.gauss_newton",
    "training.schedule",
    "training.held_out",
    "training.denser",
    "training.stage",
    "training.layered",
    "training",
    "solver",
    "multiview.conventions",
    "multiview.naming",
    "multiview.absent",
    "multiview.assembly",
    "multiview.points",
    "multiview.kernels",
    "multiview.lists",
    "multiview.tiles",
    "multiview.trees",
    "multiview.approximate",
    "multiview.neighbors",
    "multiview.views",
    "multiview.blank",
    "multiview.edges",
    "multiview.eigen",
    "multiview.spectral",
    "multiview.agreement",
    "multiview.spread.blocks",
    "multiview.spread.views",
    "multiview.spread.neighbours",
    "multiview.spread.fusion",
    "multiview.graph",
    "multiview.reading",
    "multiview.datasets",
    "multiview",
    "plotting",
    "pictures",
    "__init__",
    "verify",
    "report",
    "cli",
    "__main__",
]
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 250, 60


def name_of(path):
    """The name of a module of the package, without that of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def text_of(path):
    return path.read_text(encoding="utf-8")


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}
MODULES = {name: path for name, path in FILES.items() if path.name != "__init__.py"}
KERNELS = {name: path for name, path in MODULES.items() if path.parent.name == "kernels"}


def floor(name):
    """The number of the floor that a module lies on: the one whose name fits it most closely."""
    fitting = [known for known in FLOORS if name == known or name.startswith(known + ".")]
    assert fitting, f"{name} is on no floor: add it to FLOORS"
    return FLOORS.index(max(fitting, key=len))


def imported(text):
    """The modules of the package that a source imports, in whatever way."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "dsrl_ref":
                    yield alias.name.removeprefix("dsrl_ref").removeprefix(".") or "__init__"
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute here"
            package, _, module = node.module.partition(".")
            if package == "dsrl_ref":
                yield from (_inner(module, alias.name) for alias in node.names)


def _inner(module, name):
    """What ``from dsrl_ref.MODULE import NAME`` imports: the module of that name if there is one, else MODULE."""
    path = ROOT.joinpath(*module.split("."), name) if module else ROOT / name
    inner = path.is_dir() or path.with_suffix(".py").exists()
    return (f"{module}.{name}" if module else name) if inner else module or "__init__"


def from_above(name, text):
    return {other for other in imported(text) if floor(other) > floor(name)}


def code_lines(text):
    """The numbers of the lines that hold code: neither blank, nor a comment, nor part of a docstring."""
    quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {line for token in tokens if token.type not in quiet for line in range(token.start[0], token.end[0] + 1)}
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return lines


def long_functions(text, most):
    """Names of the functions with more than so many lines of code, the line of their name among them."""
    lines = code_lines(text)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in functions if len(lines & set(range(node.lineno, node.end_lineno + 1))) > most]


def words(text):
    """What a source says to its reader: its comments and its docstrings."""
    said = [t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return "\n".join(said + [ast.get_docstring(node) or "" for node in nodes])


def test_every_module_is_on_a_floor():
    assert all(0 <= floor(name) < len(FLOORS) for name in MODULES)
    with pytest.raises(AssertionError, match="cellar is on no floor: add it to FLOORS"):
        floor("cellar")


def test_imports_come_from_below():
    above = {name: from_above(name, text_of(path)) for name, path in MODULES.items()}
    assert {name: others for name, others in above.items() if others} == {}


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("from dsrl_ref.plotting import plot", "plotting"),
        ("from dsrl_ref.engines import adjoint", "engines.adjoint"),
        ("from dsrl_ref import verify", "verify"),
        ("from dsrl_ref import Theta", "__init__"),
        ("import dsrl_ref", "__init__"),
        ("import dsrl_ref.training.fit as fit", "training.fit"),
        ("def later():\n    from dsrl_ref.cli.fit import run", "cli.fit"),
    ],
)
def test_an_import_from_above_is_seen_however_it_is_written(line, seen):
    assert list(imported(line)) == [seen]
    assert from_above("appendix.partials", line) == {seen}


def test_engines_take_no_formula_from_the_appendix():
    """But for the one that is the appendix, word for word."""
    engines = [path for name, path in MODULES.items() if name.startswith("engines.") and name != "engines.tensor"]
    taken = {other for path in engines for other in imported(text_of(path)) if other.startswith("appendix")}
    assert taken <= {"appendix.network", "appendix.theta"}
    assert taken, "the engines do know Θ"


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_functions_of_arrays_and_scalars_only(name):
    body = ast.parse(text_of(KERNELS[name])).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    assert functions
    assert all(node.decorator_list and not node.args.defaults for node in functions)
    assert not [node for node in body if isinstance(node, ast.ClassDef)]
    assert {"engines.jit"} <= set(imported(text_of(KERNELS[name]))) <= {"engines.jit", "engines.intrinsics"}


def test_exact_arithmetic_takes_nothing_from_the_package():
    assert list(imported(text_of(FILES["verify.exact"]))) == []


def test_every_equation_is_named_where_the_table_of_the_appendix_says():
    rows = re.findall(r"^(\w+) +((?:\(\d+\)(?:, )?)+):", appendix.__doc__, flags=re.MULTILINE)
    table = {module: set(re.findall(r"\(\d+\)", equations)) for module, equations in rows}
    assert set.union(*table.values()) == {f"({number})" for number in range(1, 18)}
    for module, equations in table.items():
        assert equations <= set(re.findall(r"\(\d+\)", words(text_of(FILES[f"appendix.{module}"])))), module


def test_files_and_functions_fit_in_the_readers_head():
    lines = {name: len(code_lines(text_of(path))) for name, path in FILES.items()}
    functions = {name: long_functions(text_of(path), MOST_LINES_OF_A_FUNCTION) for name, path in FILES.items()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    assert {name: long for name, long in functions.items() if long} == {}


SAMPLE = '''"""A docstring
of two lines."""

# a comment
def short():
    """Another."""
    return """a text
    of two lines"""


def long():  # with a comment
    x = [
        1,
    ]

    return x
'''


def test_lines_of_code_are_neither_blank_nor_comments_nor_docstrings():
    assert code_lines(SAMPLE) == {5, 7, 8, 11, 12, 13, 14, 16}
    assert long_functions(SAMPLE, 3) == ["long"]
    assert long_functions(SAMPLE, 5) == []
