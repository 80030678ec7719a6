"""The house: imports go one way, names are kept, and importing it costs little."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dsrl_ref

ROOT = Path(dsrl_ref.__file__).parent
FLOORS = [
    "errors",
    "status",
    "arrays",
    "files",
    "appendix.theta",
    "appendix.shrinkage",
    "appendix.regularizer",
    "appendix.network",
    "appendix.partials",
    "appendix.totals",
    "appendix",
    "smooth",
    "engines",
    "objective",
    "results",
    "persistence",
    "training.authors",
    "training.gauss_newton",
    "training",
    "solver",
    "multiview.neighbors",
    "multiview.graph",
    "multiview.datasets",
    "multiview",
    "verify",
    "plotting",
    "cli",
    "__main__",
]
NAMES = {
    *("Theta", "shrink", "region", "regularizer", "regularizer_gradient", "prox", "Fidelity", "LeastSquares"),
    *(
        "forward",
        "Objective",
        "loss_and_gradient",
        "Gradient",
        "fit",
        "FitResult",
        "save",
        "load",
        "solve",
        "solve_path",
        "SolveResult",
        "Status",
        "__version__",
    ),
}
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if path.name != "__init__.py"]


def floor(name):
    """Index of the longest floor that `name`, without the package, lies on."""
    fitting = [known for known in FLOORS if name == known or name.startswith(known + ".")]
    assert fitting, f"{name} has no floor"
    return FLOORS.index(max(fitting, key=len))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dsrl_ref."):
            module = node.module.removeprefix("dsrl_ref.")
            for alias in node.names:
                inner = ROOT / Path(*module.split("."), alias.name + ".py")
                yield f"{module}.{alias.name}" if inner.exists() else module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_come_from_below(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for other in imported(path):
        assert floor(other) <= floor(name), f"{name} imports {other} from a floor above"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_engines_take_no_formula_from_the_appendix(path):
    if path.parent.name != "engines":
        return
    allowed = {"appendix.network", "appendix.theta", "arrays", "errors", "smooth"}
    assert {other for other in imported(path) if not other.startswith("engines")} <= allowed


def test_kernels_are_functions_of_arrays_and_scalars_only():
    for path in ROOT.rglob("kernels/*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            assert not isinstance(node, ast.ClassDef)
            if isinstance(node, ast.FunctionDef):
                assert node.decorator_list
                assert not node.args.defaults
            if isinstance(node, ast.ImportFrom):
                assert node.module == "dsrl_ref.engines.jit"


def test_exact_arithmetic_takes_nothing_from_the_package():
    assert list(imported(ROOT / "verify" / "exact.py")) == []


def test_public_names_are_kept():
    assert set(dsrl_ref.__all__) == NAMES
    assert all(hasattr(dsrl_ref, name) for name in NAMES)


def test_every_equation_is_named_in_the_appendix():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "appendix").glob("*.py"))
    assert {int(number) for number in re.findall(r"\((\d+)\)", text)} >= set(range(1, 18))


@pytest.mark.parametrize("heavy", ["scipy", "numba", "sklearn", "matplotlib"])
def test_import_is_cheap(heavy):
    code = f"import sys, dsrl_ref; print('{heavy}' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_fit_in_the_readers_head(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350
