"""Deep Sparse Regularizer Learning (DSRL) with explicit gradients: the appendix, executable and verified.

What this is: the shrinkage, the unrolled proximal-gradient network and the hand-derived gradients (1)-(17) in
float64 NumPy on a CPU, readable first, in `dsrl_ref.appendix`; the same numbers from engines that share no
formula with it; and `dsrl_ref.verify`, a proof by independent routes for every equation. What it is not: a
deep-learning framework, or the authors' program, whose training is a preset here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dsrl_ref.appendix import Theta, forward, prox, region, regularizer, regularizer_gradient, shrink
from dsrl_ref.smooth import Fidelity, LeastSquares

if TYPE_CHECKING:
    from dsrl_ref.differences import check_gradient, check_smooth_term
    from dsrl_ref.engines.scalar_map import ScalarMap
    from dsrl_ref.objective import Objective, loss_and_gradient
    from dsrl_ref.parameters import Gradient
    from dsrl_ref.persistence import load, save
    from dsrl_ref.results import FitResult, SolveResult
    from dsrl_ref.solver import solve, solve_path
    from dsrl_ref.status import Status
    from dsrl_ref.training.fit import fit
else:
    # Where the names above live. Their modules are imported when one is first asked for, so that ``import dsrl_ref``
    # costs little more than NumPy.
    _LIVES_IN = {
        "check_gradient": "differences",
        "check_smooth_term": "differences",
        "ScalarMap": "engines.scalar_map",
        "Gradient": "parameters",
        "Objective": "objective",
        "loss_and_gradient": "objective",
        "load": "persistence",
        "save": "persistence",
        "FitResult": "results",
        "SolveResult": "results",
        "solve": "solver",
        "solve_path": "solver",
        "Status": "status",
        "fit": "training",
    }

    def __getattr__(name):
        """Find a public name in its module, or one of those modules."""
        if name in _LIVES_IN:
            return getattr(import_module(f"dsrl_ref.{_LIVES_IN[name]}"), name)
        if name == "engines" or name in _LIVES_IN.values():
            return import_module(f"dsrl_ref.{name}")
        raise AttributeError(f"module 'dsrl_ref' has no attribute {name!r}")

    def __dir__():
        """Name what is found only when it is asked for as well."""
        return sorted({*globals(), *_LIVES_IN})


__version__ = "0.1.0"

__all__ = [
    "Fidelity",
    "FitResult",
    "Gradient",
    "LeastSquares",
    "Objective",
    "ScalarMap",
    "SolveResult",
    "Status",
    "Theta",
    "__version__",
    "check_gradient",
    "check_smooth_term",
    "fit",
    "forward",
    "load",
    "loss_and_gradient",
    "prox",
    "region",
    "regularizer",
    "regularizer_gradient",
    "save",
    "shrink",
    "solve",
    "solve_path",
]
