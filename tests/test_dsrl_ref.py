"""The package itself: public names are kept and found when they are asked for, and importing it costs little."""

import sys
from pathlib import Path

import children
import pytest

import dsrl_ref

ROOT = Path(dsrl_ref.__file__).parent
NAMES = {
    *("Theta", "shrink", "region", "regularizer", "regularizer_gradient", "prox", "Fidelity", "LeastSquares"),
    *("forward", "Objective", "loss_and_gradient", "Gradient", "fit", "FitResult", "save", "load"),
    *("ScalarMap", "solve", "solve_path", "SolveResult", "Status", "check_gradient", "check_smooth_term"),
}
LOADED = """
import sys
sys.path[:0] = {paths}
import numpy
before = set(sys.modules)
import dsrl_ref
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("numpy.")))
{more}
"""


def loaded_by_importing(more=""):
    """What ``import dsrl_ref`` loads beyond NumPy, without what helps to install packages, which loads much itself."""
    paths = [str(ROOT.parent), *(path for path in sys.path if path.endswith("site-packages"))]
    return children.output("-S", "-c", LOADED.format(paths=paths, more=more)).splitlines()


def test_public_names_are_kept():
    assert set(dsrl_ref.__all__) == {*NAMES, "__version__"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_is_that_of_what_it_names(name):
    assert getattr(dsrl_ref, name).__name__ == name


def test_a_name_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="module 'dsrl_ref' has no attribute 'nothing'"):
        dsrl_ref.nothing  # noqa: B018


def test_import_loads_the_mathematics_and_nothing_else():
    """Neither threading nor logging, hashlib, pathlib or dataclasses: what they serve is imported when it is used."""
    (loaded,) = loaded_by_importing()
    below = ["errors", "threads", "arrays", "entries", "loaded", "disk", "spread", "checked", "smooth", "appendix"]
    parts = [f"appendix.{path.stem}" for path in (ROOT / "appendix").glob("*.py") if path.stem != "__init__"]
    assert set(loaded.split()) <= {"dsrl_ref", *(f"dsrl_ref.{name}" for name in below + parts)}
    assert "dsrl_ref.appendix.network" in loaded


def test_an_objective_loads_nothing_that_is_for_clusters_or_files_alone():
    """asyncio and the like take as long to load as all engines together."""
    *_, after = loaded_by_importing(
        "J = dsrl_ref.Objective(dsrl_ref.Fidelity([[1.0, 2.0]]), layers=2)\n"
        "J((1, 1, 0.5, 0.5), 1), J.gauss_newton((1, 1, 0.5, 0.5), 1)\n"
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('numpy.')))"
    )
    found = {name.split(".")[0] for name in after.split()} | {name for name in after.split() if "dsrl_ref" in name}
    assert not found & {"asyncio", "concurrent", "hashlib", "ssl", "subprocess", "tempfile", "uuid"}
    assert "dsrl_ref.engines.table" in found
    assert "dsrl_ref.distributed" not in found


def test_every_public_name_is_found_when_it_is_asked_for():
    lines = loaded_by_importing(
        "for name in dsrl_ref.__all__: getattr(dsrl_ref, name)\n"
        "print(set(dsrl_ref.__all__) <= set(dir(dsrl_ref)), dsrl_ref.engines.table.__name__)\n"
        "print(hasattr(dsrl_ref, 'nothing'), 'numba' in sys.modules, 'scipy' in sys.modules)"
    )
    assert lines[1:] == ["True dsrl_ref.engines.table", "False False False"]


def test_names_and_modules_that_nobody_has_imported_are_found():
    lines = loaded_by_importing(
        "print({*dsrl_ref.__all__} <= {*dir(dsrl_ref)}, 'dsrl_ref.persistence' in sys.modules)\n"
        "print(dsrl_ref.engines.__name__, dsrl_ref.persistence.__name__)"
    )
    assert lines[1:] == ["True False", "dsrl_ref.engines dsrl_ref.persistence"]
