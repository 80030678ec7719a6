"""One Θ and one L a layer: their gradient beside that of shared ones, and the ways to learn them."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.measure import Result, cpu_in_turn
from benchmarks.recovery import Setting, decibels, drawn
from benchmarks.rows import Call, Row, dictionary, require_agreement
from dsrl_ref import Fidelity, LeastSquares, Objective, fit
from dsrl_ref.results import FitResult

GROWING = 4  # steps of all layers after each that is added
SIZES = {"full": (256, 512, 2048, 16), "quick": (128, 256, 512, 16), "smallest": (8, 16, 24, 3)}


def per_layer(size: str) -> Row:
    """The terms of (10) and (15) left apart, by the engines for `LeastSquares`, beside their sum; processor time."""
    k, n, m, layers = SIZES[size]
    f, target, step_constant, theta = dictionary(k, n, m)
    contestants: dict[str, Call] = {}
    for method in ("columns", "support", "adjoint"):
        shared, own = (
            Objective(f, target, layers=layers, method=method, per_layer=each, threads=1) for each in (False, True)
        )
        contestants[f"dsrl_ref {method}, shared"] = partial(shared, theta, step_constant)
        contestants[f"dsrl_ref {method}, of each layer"] = partial(own, theta, step_constant)
    shape = f"D {k}×{n}, {m} columns, {layers} layers; seconds of processors"
    return _beside_the_shared("per-layer", shape, contestants)


def per_layer_fidelity(size: str) -> Row:
    """The same of `Fidelity` with an x0 that is neither W nor zeros, by "fused", entry by entry."""
    n, layers = {"full": 1000, "quick": 300, "smallest": 8}[size], 16
    rng = np.random.default_rng(0)
    W, x0, target = rng.normal(size=(3, n, n))
    shared, own = (
        Objective(Fidelity(W), target, layers=layers, x0=x0, method="fused", per_layer=each, threads=1)
        for each in (False, True)
    )
    at = (1.1, 0.6, 0.1, 0.5), 1.5
    contestants: dict[str, Call] = {
        "dsrl_ref fused, shared": partial(shared, *at),
        "dsrl_ref fused, of each layer": partial(own, *at),
    }
    shape = f"{n * n:,} entries, {layers} layers; seconds of processors"
    return _beside_the_shared("per-layer-fidelity", shape, contestants)


def _beside_the_shared(name: str, shape: str, contestants: dict[str, Call]) -> Row:
    """Time them in turn: the shared gradient of an engine, and after it that of each layer."""
    require_agreement({name: partial(_added, call) for name, call in contestants.items()})
    results = cpu_in_turn(contestants)
    notes = [
        f"{own.contestant}: {own.seconds / shared.seconds:.3g}× the shared gradient"
        for shared, own in zip(results[::2], results[1::2], strict=True)
        if own.seconds and shared.seconds
    ]
    return Row(name, shape, results, notes=notes)


def _added(call: Call) -> tuple[float, np.ndarray]:
    """The loss, and the derivatives added up over the layers, where there are several."""
    loss, gradient = call()
    return loss, np.array(gradient).reshape(5, -1).sum(axis=1)


def stages(size: str) -> Row:
    """One Θ and one L a layer, learned by `fit` as it does, beside one layer more at a time; processor time."""
    setting, known, depth = {
        "full": (Setting(), 1000, 16),
        "quick": (Setting(n=100, k=50), 300, 8),
        "smallest": (Setting(n=20, k=10), 50, 3),
    }[size]
    problem = drawn(setting, known, 1000)
    f, results, notes = problem.f.whitened(), [], []
    unseen = f.apply_to(problem.unseen.Y)
    for name, learn in {"schedules, then all together": together, "one layer more at a time": growing}.items():
        began = time.process_time()
        learned = learn(f, problem.X, depth)
        results.append(Result(name, time.process_time() - began))
        known_error, error = decibels(learned.apply(f), problem.X), decibels(learned.apply(unseen), problem.expected)
        notes.append(f"{name}: {known_error:.2f} dB on what is known, {error:.2f} on 1000 unseen signals")
    return Row(
        "stages", f"{setting}; {known} known signals, {depth} layers; seconds of processors", results, notes=notes
    )


def together(f: LeastSquares, X: np.ndarray, depth: int) -> FitResult:
    """As `fit` does it."""
    return fit(Objective(f, X, layers=depth, per_layer=True, threads=1))


def growing(f: LeastSquares, X: np.ndarray, depth: int) -> FitResult:
    """A layer more begins as the last one, and `GROWING` steps of all follow; at the end as many as `fit` takes."""
    learned = fit(Objective(f, X, layers=1, per_layer=True, threads=1))
    for t in range(2, depth + 1):
        theta, L = np.vstack([learned.theta, learned.theta[-1:]]), np.append(learned.L, learned.L[-1])
        J = Objective(f, X, layers=t, per_layer=True, threads=1)
        learned = fit(J, theta=theta, L=L, epochs=GROWING if t < depth else 100)
    return learned


ROWS: dict[str, Callable[[str], Row]] = {
    "per-layer": per_layer,
    "per-layer-fidelity": per_layer_fidelity,
    "stages": stages,
}
