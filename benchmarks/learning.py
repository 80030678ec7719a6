"""The rows on learning and solving: what comes out, and what it takes."""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import recovery, trainers
from benchmarks.measure import Result, time_in_turn
from benchmarks.rows import Call, Disagreement, Row
from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, fit, solve
from dsrl_ref.engines import implicit as fixed_points
from dsrl_ref.errors import StartWarning
from dsrl_ref.multiview import load_dataset, similarity_graph
from dsrl_ref.training import gauss_newton as starts_of
from dsrl_ref.training.authors import Adam
from dsrl_ref.training.constraints import feasible

Array = np.ndarray
ADAM_RATES = 0.03, 0.01, 0.003


def authors_training(size: str) -> Row:
    """The authors' whole training on a graph of digits, beside a PyTorch transcription."""
    samples, epochs = {"full": (1079, 55), "quick": (210, 35), "smallest": (50, 3)}[size]
    views, _ = load_dataset("digits")
    W = similarity_graph([view[:samples] for view in views]).toarray()
    contestants: dict[str, Call | None] = {
        "dsrl_ref fit(method='authors')": partial(_train_as_authors, W, epochs),
        "PyTorch transcription": trainers.torch_authors_training(W, epochs, 0.02),
    }
    answers = [call() for call in contestants.values() if call]
    for losses, values in answers[1:]:
        gap = np.abs(losses / answers[0][0] - 1).max(), np.abs(values / answers[0][1] - 1).max()
        if not np.max(gap) <= 1e-9:
            raise Disagreement(f"losses differ by {gap[0]:.2g}, parameters by {gap[1]:.2g}")
    results = time_in_turn(contestants)
    return Row("authors-training", f"graph of {samples} digits, {epochs} epochs", results, notes=_ratios(results))


def _train_as_authors(W: Array, epochs: int) -> tuple[Array, Array]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StartWarning)
        learned = fit(Objective(Fidelity(W), layers=11), method="authors", epochs=epochs)
    return learned.history["loss"], np.append(*learned.raw)


def _ratios(results: list[Result]) -> list[str]:
    first, *others = results
    return [
        f"{other.peak / first.peak:.0f} times less memory than {other.contestant}"
        for other in others
        if first.peak and other.peak
    ]


def lasso(size: str) -> Row:
    """The lasso of many signals to 1e-9 of its objective, beside scikit-learn's coordinate descent."""
    k, n, signals = {"full": (256, 512, 2048), "quick": (128, 256, 1024), "smallest": (16, 32, 64)}[size]
    rng, weight = np.random.default_rng(0), 0.1
    D = rng.normal(size=(k, n))
    D /= np.linalg.norm(D, axis=0)
    X = rng.normal(size=(n, signals)) * (rng.random((n, signals)) < 0.05)
    f = LeastSquares(D, D @ X + 0.01 * rng.normal(size=(k, signals)))
    contestants: dict[str, Call | None] = {
        "dsrl_ref solve, tol=1e-9": lambda: solve(f, Theta.soft(1.0), weight, tol=1e-9).x,
        "scikit-learn sparse_encode, 2 jobs": trainers.sklearn_lasso(D, f.Y, weight),
    }
    least = solve(f, Theta.soft(1.0), weight, tol=1e-12).objective
    for name, call in contestants.items():
        if call is not None:
            X = call()
            gap = (f.value(X) + weight * float(np.abs(X).sum())) / least - 1
            if not abs(gap) <= 1e-9:
                raise Disagreement(f"the objective of {name} is {gap:.2g} above the least")
    return Row("lasso", f"D {k}×{n}, {signals} signals, weight {weight}", time_in_turn(contestants))


def mcp(size: str) -> Row:
    """MCP of some signals, beside skglm: both must be stationary; how low each ended is noted."""
    k, n, signals = {"full": (256, 512, 64), "quick": (128, 256, 32), "smallest": (16, 32, 4)}[size]
    rng, alpha, gamma = np.random.default_rng(0), 0.05, 3.0
    D = rng.normal(size=(k, n))
    D *= math.sqrt(k) / np.linalg.norm(D, axis=0)
    X = rng.normal(size=(n, signals)) * (rng.random((n, signals)) < 0.05)
    f, theta = LeastSquares(D, D @ X + 0.1 * rng.normal(size=(k, signals))), Theta.firm(alpha, gamma * alpha)
    contestants: dict[str, Call | None] = {
        "dsrl_ref solve, tol=1e-6": lambda: solve(f, theta, k, tol=1e-6).x,
        "skglm MCPRegression": trainers.skglm_mcp(D, f.Y, alpha, gamma),
    }
    notes = []
    for name, call in contestants.items():
        if call is not None:
            at = solve(f, theta, k, x0=call(), tol=1e-5, max_iter=1)
            if not at.converged:
                raise Disagreement(f"what {name} ends at is not stationary: the residual is {at.residual:.2g}")
            notes.append(f"{name}: objective {at.objective:.8g}, {np.count_nonzero(at.x)} nonzeros")
    return Row("mcp", f"D {k}×{n}, {signals} signals", time_in_turn(contestants), notes=notes)


def implicit(size: str) -> Row:
    """The implicit gradient beside that of 10,000 layers, relative to the largest derivative."""
    seeds = {"full": 10, "quick": 4, "smallest": 1}[size]
    results = []
    for name, theta in (("convex", (0.9, 0.7, 0.05, 0.4)), ("nonconvex", (1.3, 0.9, 0.08, 0.3))):
        worst, radius = 0.0, 0.0
        for seed in range(seeds):
            problem = recovery.drawn(recovery.Setting(n=24, k=12), 10, 10, seed)
            f, X = problem.f, problem.X
            found = fixed_points.fixed_point(f, Theta(*theta), f.lipschitz(), f.start())
            if found.radius > 0.99:
                continue
            limit, layers = (Objective(f, X, layers=t)(theta, f.lipschitz()) for t in (math.inf, 10_000))
            gap = np.abs(np.subtract(limit[1], layers[1])).max() / np.abs(layers[1]).max()
            worst = float(np.max([worst, gap, abs(limit[0] / layers[0] - 1)]))
            radius = max(radius, found.radius)
        results.append(Result(f"{name} g, spectral radius up to {radius:.3f}", error=worst))
    return Row("implicit", f"layers = inf against 10,000 layers, {seeds} least-squares problems", results)


class Counted(Objective):
    """An objective that counts its evaluations, a Gauss-Newton matrix with its loss as one."""

    count = 0

    def __call__(self, theta: Any, L: float) -> Any:
        self.count += 1
        return super().__call__(theta, L)


def gauss_newton(size: str) -> Row:
    """Evaluations to a loss on the recovery problem: Gauss-Newton, and fifty times as many of Adam (quick: five)."""
    n, k, signals = {"full": (100, 50, 200), "quick": (60, 30, 60), "smallest": (20, 10, 20)}[size]
    more = {"full": 50, "quick": 5, "smallest": 2}[size]
    problem = recovery.drawn(recovery.Setting(n=n, k=k), signals, signals)
    f, X = problem.f, problem.X
    J = Counted(f, X, layers=16)
    began = time.perf_counter()
    learned = fit(J)
    results, budget = [Result("fit", time.perf_counter() - began)], more * J.count
    notes = [f"fit: {J.count} evaluations to the loss {learned.loss:.8g}"]
    for rate in ADAM_RATES if size != "smallest" else ADAM_RATES[:1]:
        began = time.perf_counter()
        used, least = _adam(Objective(f, X, layers=16), rate, budget, learned.loss)
        results.append(Result(f"Adam, rate {rate}", time.perf_counter() - began))
        notes.append(f"Adam, rate {rate}: {used} evaluations to the loss {least:.8g}")
    return Row("gauss-newton", f"n = {n}, m = {k}, {signals} signals, 16 layers", results, notes=notes)


def _adam(J: Objective, rate: float, budget: int, goal: float) -> tuple[int, float]:
    """Descend within (7) from the best of fit's own starts, until the goal or the budget is reached."""
    adam, least = Adam(), np.inf
    values = min(starts_of.starts(J), key=lambda start: J(Theta.projected(start[:4]), start[4])[0])
    for used in range(1, budget + 1):
        loss, gradient = J(values[:4], values[4])
        least = min(least, loss)
        if loss <= goal * (1 + 1e-6):
            return used, least
        values = feasible(values - rate * adam.direction(np.array(gradient)))
    return budget, least


ROWS: dict[str, Callable[[str], Row]] = {
    "authors-training": authors_training,
    "gauss-newton": gauss_newton,
    "lasso": lasso,
    "mcp": mcp,
    "implicit": implicit,
}
