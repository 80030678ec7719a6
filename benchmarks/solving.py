"""The rows on solving where columns have units of their own, as raw data have."""

import warnings
from functools import partial
from importlib.util import find_spec

import numpy as np

from benchmarks.measure import time_in_turn
from benchmarks.rows import Call, Disagreement, Row
from dsrl_ref import LeastSquares, Theta, solve

Array = np.ndarray
GAP = 1e-8  # relative to the objective, to which both solve
PASSES = 1_000_000  # of scikit-learn's, after which it has not got there
SETS = {"wine": "load_wine", "breast cancer": "load_breast_cancer", "diabetes": "load_diabetes"}


def lasso_unscaled(size: str) -> Row:
    """The lasso of raw tables with a column of ones, each to a relative duality gap of 1e-8, beside scikit-learn's."""
    names = {"full": list(SETS), "quick": list(SETS), "smallest": ["wine"]}[size]
    weights = {"full": (1e-3, 1e-2, 0.1, 1.0, 10.0), "quick": (0.1, 10.0), "smallest": (1.0,)}[size]
    contestants: dict[str, Call | None] = {}
    notes = []
    for name in names:
        D, y = raw_table(name)
        for weight in weights:
            f = LeastSquares(D, y[:, None])
            found = solve(f, Theta.soft(1.0), weight, tol=GAP)
            if not found.converged:
                raise Disagreement(f"{name}, weight {weight}: {found.message}")
            label = f"{name}, weight {weight:g}"
            contestants[f"dsrl_ref solve: {label}"] = partial(solve, f, Theta.soft(1.0), weight, tol=GAP)
            peer = sklearn_lasso(D, y, weight, GAP * found.objective)
            contestants[f"scikit-learn Lasso: {label}"] = peer
            if peer is None:
                continue
            coefficients = peer()
            if coefficients is None:
                contestants[f"scikit-learn Lasso: {label}"] = None
                notes.append(f"{label}: scikit-learn is not there after {PASSES:,} passes")
                continue
            theirs = f.value(coefficients[:, None]) + weight * float(np.abs(coefficients).sum())
            if not abs(theirs / found.objective - 1) <= 2 * GAP:
                raise Disagreement(f"{label}: objectives {found.objective!r} and, of scikit-learn, {theirs!r}")
    return Row("lasso-unscaled", "raw tables and a column of ones", time_in_turn(contestants), notes=notes)


def raw_table(name: str) -> tuple[Array, Array]:
    """A table of scikit-learn's behind a column of ones, and what it is to explain; a generated one without it."""
    if find_spec("sklearn") is None:
        rng = np.random.default_rng(0)
        D = np.column_stack([np.ones(150), rng.normal(size=(150, 12)) * 10.0 ** rng.uniform(-2, 3, 12) + 5])
        return D, D @ rng.normal(size=13) + rng.normal(size=150)
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    table, target = getattr(datasets, SETS[name])(return_X_y=True, **options)
    return np.column_stack([np.ones(len(table)), table]), target.astype(float)


def sklearn_lasso(D: Array, y: Array, weight: float, gap: float) -> Call | None:
    """Coordinate descent to a duality gap; None in place of coefficients where it does not get there."""
    if find_spec("sklearn") is None:
        return None
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    peer = Lasso(alpha=weight / len(y), fit_intercept=False, tol=gap / float(y @ y), max_iter=PASSES)
    columns = np.asfortranarray(D)

    def call() -> Array | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            peer.fit(columns, y)
        return peer.coef_ if peer.n_iter_ < PASSES else None

    return call


ROWS = {"lasso-unscaled": lasso_unscaled}
