"""Who judges a mutant, and whether it is caught.

The mathematics and its engines are judged by the layers of judges.py, in this process and with kernels in plain Python,
the nearest layer first. Every other file is judged by the tests that mirror it, which run in a child process. Both see
a copy of the package with the mutant in it, and neither sees the authors' data.
"""

import contextlib
import importlib
import importlib.util
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import children
import judges
import numba
import pytest

PACKAGE = Path(importlib.util.find_spec("dsrl_ref").origin).parent
TESTS = Path(__file__).parents[1]
LIMIT = 3600  # seconds: longer than any child of a test, of which each has its own, and as generous
NEAREST_LAYER = {
    "appendix/shrinkage.py": "tables",
    "appendix/regularizer.py": "tables",
    "appendix/theta.py": "rules",
    "appendix/network.py": "networks",
    "appendix/partials.py": "tables",
    "appendix/totals.py": "networks",
    "engines/forward.py": "networks",
    "engines/tangent.py": "networks",
    "engines/adjoint.py": "networks",
    "engines/columns.py": "networks",
    "engines/tensor.py": "networks",
    "engines/kernels/columns.py": "networks",
    "engines/implicit.py": "limits",
    "engines/recursion.py": "pieces",
    "engines/fused.py": "pieces",
    "engines/pieces.py": "pieces",
    "engines/kernels/fused.py": "pieces",
    "engines/kernels/pieces.py": "pieces",
    "engines/kernels/recursion.py": "pieces",
    "engines/kernels/recursion_layers.py": "networks",
    "engines/kernels/scalar_map.py": "pieces",
    "smooth.py": "rules",
}


def mirror(file):
    """The tests of a file: multiview/graph.py has tests/multiview/test_graph.py, and so would a kernel of that name.

    Those of an `__init__.py` are named after its folder.
    """
    path = Path(file)
    folder = path.parent.parent if path.parent.name == "kernels" else path.parent
    name = path.stem if path.stem != "__init__" else Path(PACKAGE.name, path).parent.name
    return TESTS / folder / f"test_{name}.py"


def caught_by(mutant):
    """The layer or the test that fails on the mutant, or "" if it survives."""
    with copied(mutant) as folder:
        if mutant.file in NEAREST_LAYER:
            return failing_layer(folder, first=NEAREST_LAYER[mutant.file])
        return failing_test(folder, mirror(mutant.file))


def failing_layer(folder, first="tables"):
    """The first layer that the package in `folder` fails, asked in their order but for `first`; "" if it passes all."""
    layers = sorted(judges.LAYERS.items(), key=lambda item: item[0] != first)
    with _imported_from(folder) as package:
        return next((name for name, layer in layers if _fails(layer, package)), "")


def failing_test(folder, tests):
    """The first test of a file that the package in `folder` fails; "" if it passes all.

    Kernels are plain Python, as each copy would have to compile its own.
    """
    environment = children.environment(
        PYTHONPATH=str(folder), NUMBA_DISABLE_JIT="1", DSRL_DATA=str(Path(folder, "no data here"))
    )
    options = ["-x", "-q", "-p", "no:cacheprovider", "-c", TESTS.parent / "pyproject.toml"]
    try:
        done = children.run("-m", "pytest", *options, tests, env=environment, cwd=folder, limit=LIMIT)
    except pytest.fail.Exception:
        return "a hang"
    assert done.returncode in (0, 1), f"{tests} did not judge:\n{done.stdout}{done.stderr}"
    failures = re.findall(r"^(?:FAILED|ERROR) \S*?(?:::)(\S+)", done.stdout, flags=re.MULTILINE)
    return failures[0] if done.returncode else ""


@contextlib.contextmanager
def copied(mutant=None):
    """A folder with a copy of the package, with the mutant in it if one is given."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "dsrl_ref")
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant is not None:
            file = copy / mutant.file
            file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
        yield folder


@contextlib.contextmanager
def _imported_from(folder):
    """Import the package from `folder`, kernels as plain Python, and put the real one back afterwards."""
    mine = lambda: [name for name in sys.modules if name.split(".")[0] == "dsrl_ref"]  # noqa: E731
    kept = {name: sys.modules.pop(name) for name in mine()}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    compiling, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        package = importlib.import_module("dsrl_ref")
        assert Path(package.__file__).is_relative_to(folder)
        for name in package.__all__:
            getattr(package, name)  # which loads the modules, all that the layers reach
        yield package
    finally:
        numba.config.DISABLE_JIT = compiling
        sys.path.remove(str(folder))
        for name in mine():
            del sys.modules[name]
        sys.modules.update(kept)


def _fails(layer, package):
    try:
        with _limited():
            layer(package)
    except Exception:  # a mutant may break in any way, and may never end: all of them count
        return True
    return False


@contextlib.contextmanager
def _limited():
    """Raise TimeoutError in what does not end, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, _time_out)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _time_out(*_):
    raise TimeoutError("the layer does not end")
