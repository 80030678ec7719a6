"""Rows on least squares whose iterates are sparse: the engine "support" beside the one of columns and JAX."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks import peers
from benchmarks.measure import Result, cpu_in_turn
from benchmarks.rows import Call, Row, dictionary, require_agreement
from dsrl_ref import LeastSquares, Objective

THETA = (0.9, 0.8, 0.1, 0.5)
LONGER = 1.05  # the step constant, of the Lipschitz constant
DENSITIES = (0.1, 0.03, 0.01)  # of the signals
SIZES = {"full": (256, 512, 2048, 10), "quick": (128, 256, 512, 10), "smallest": (8, 16, 24, 3)}


def support(size: str) -> Row:
    """Least squares on the nonzeros, for signals of three densities and where half of X is not 0; processor time."""
    results: list[Result] = []
    notes: list[str] = []
    for density in DENSITIES:
        f, target = _signals(*SIZES[size][:3], density)
        results += _contestants(size, f, target, THETA, LONGER * f.lipschitz(), f"{density:g} of the signals", notes)
    f, target, step_constant, theta = dictionary(*SIZES[size][:3])
    results += _contestants(size, f, target, theta, step_constant, "half of X", notes)
    k, n, m, layers = SIZES[size]
    return Row("support", f"D {k}×{n}, {m} columns, {layers} layers; seconds of processors", results, notes=notes)


def _signals(k: int, n: int, m: int, density: float) -> tuple[LeastSquares, np.ndarray]:
    """Signals of that density, and what a dictionary makes of them."""
    rng = np.random.default_rng(0)
    D = rng.normal(size=(k, n)) / np.sqrt(k)
    X = rng.normal(size=(n, m)) * (rng.random((n, m)) < density)
    return LeastSquares(D, D @ X), X


def _contestants(
    size: str,
    f: LeastSquares,
    target: np.ndarray,
    theta: tuple[float, ...],
    step_constant: float,
    what: str,
    notes: list[str],
) -> list[Result]:
    """Time the engines beside JAX and the products that would be made of dense matrices."""
    layers = SIZES[size][3]
    ours, columns = (Objective(f, target, layers=layers, method=method) for method in ("support", "columns"))
    contestants: dict[str, Call | None] = {
        "dsrl_ref support": partial(ours, theta, step_constant),
        "dsrl_ref columns": partial(columns, theta, step_constant),
        "JAX": peers.jax_least_squares(f.D, f.Y, target, layers, theta, step_constant),
    }
    require_agreement(contestants)
    loss, gradient, _ = ours.gauss_newton(theta, step_constant)
    require_agreement({"gradient": contestants["dsrl_ref support"], "tangents": lambda: (loss, gradient)})
    gram, X = f.D.T @ f.D, np.ones(target.shape)
    products = 2 * layers - 2

    def bare() -> None:
        for _ in range(products):
            np.matmul(gram, X)

    contestants["dsrl_ref support, Gauss-Newton"] = partial(ours.gauss_newton, theta, step_constant)
    contestants[f"{products} bare products"] = bare
    timed = cpu_in_turn(contestants)
    first = timed[0].seconds or np.nan
    ratios = [f"{result.contestant} {result.seconds / first:.3g}×" for result in timed[1:] if result.seconds]
    notes.append(f"{what}: " + ", ".join(ratios))
    return [Result(f"{what}: {result.contestant}", result.seconds, result.peak) for result in timed]


ROWS: dict[str, Callable[[str], Row]] = {"support": support}
