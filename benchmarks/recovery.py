"""The rows on sparse recovery: what every method makes, layer by layer, of the same signals that none has seen.

X̃ (n, m) has a share `density` of standard normal entries, D (k, n) is Gaussian, Y = DX̃ + noise. A method learns from
known signals and is asked for X_(1), ..., X_(16) of others. Its error is the NMSE in decibels,
10·log10(‖X - X̃‖²/‖X̃‖²).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks import unrolled
from benchmarks.measure import Result
from benchmarks.rows import Row
from dsrl_ref import LeastSquares, Objective, Theta, fit, forward, solve

Array = np.ndarray
DEPTH = 16  # layers
SHOWN = 1, 2, 4, 6, 8, 10, 12, 14, 16
PEER_SIGNALS_SEED = 10_000  # away from the seeds of the problems


@dataclass(frozen=True)
class Setting:
    """A problem of recovery: n unknowns, k measurements, the share of entries that are not 0, the ratio in decibels."""

    n: int = 500
    k: int = 250
    density: float = 0.1
    decibels: float = 40.0

    def __str__(self) -> str:
        noise = "no noise" if math.isinf(self.decibels) else f"{self.decibels:g} dB"
        return f"n = {self.n}, m = {self.k}, density {self.density:g}, {noise}"

    def signals(self, D: Array, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """So many signals, X (n, count), and what is measured of them, Y (k, count)."""
        X = rng.normal(size=(self.n, count)) * (rng.random((self.n, count)) < self.density)
        Y, noise = D @ X, rng.normal(size=(self.k, count))
        return X, Y + noise * (np.linalg.norm(Y) / np.linalg.norm(noise) * 10 ** (-self.decibels / 20))

    def prior(self) -> unrolled.Prior:
        """What TISTA is told; an entry of DX has the variance density·n/k."""
        return unrolled.Prior(self.density, self.density * self.n / self.k * 10 ** (-self.decibels / 10))


@dataclass(frozen=True)
class Drawn:
    """D, the term of the signals to learn from and those signals, the same of signals to be measured on.

    Attributes
    ----------
    new_signals : callable
        Begins to draw signals of this D without end, for those who learn from as many as they like.
    prior : unrolled.Prior
        What TISTA is told.
    held : tuple of ndarray, optional
        X and Y that those signals never are, for peers to hold out; by default they draw some.
    """

    D: Array
    f: LeastSquares
    X: Array
    unseen: LeastSquares
    expected: Array
    new_signals: Callable[[], unrolled.Draw]
    prior: unrolled.Prior
    held: unrolled.Pair | None = None


def drawn(setting: Setting, known: int, unseen: int, seed: int = 0) -> Drawn:
    """A problem: the same of the same seed."""
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(setting.k, setting.n)) / np.sqrt(setting.k)
    (X, Y), (expected, signals) = (setting.signals(D, count, rng) for count in (known, unseen))

    def new_signals() -> unrolled.Draw:
        generator = np.random.default_rng(PEER_SIGNALS_SEED + seed)
        return lambda count: setting.signals(D, count, generator)

    return Drawn(D, LeastSquares(D, Y), X, LeastSquares(D, signals), expected, new_signals, setting.prior())


@dataclass(frozen=True)
class Learned:
    """What a method learned.

    Attributes
    ----------
    layers : callable
        From a `LeastSquares` of D and some signals to X by the number of layers; infinity where none are counted.
    numbers : int
        How many numbers were learned.
    at_each_depth : callable, optional
        As `layers`, of networks that were learned for so many layers and no more, where they came by the way: what a
        layer of a deeper network makes is not the best that so many can do.
    """

    layers: Callable[[LeastSquares], dict[float, Array]]
    numbers: int
    at_each_depth: Callable[[LeastSquares], dict[float, Array]] | None = None


Method = Callable[[Drawn], Learned | None]  # None: a peer that is not installed


def counted(outputs: list[Array]) -> dict[float, Array]:
    """X_(1), ..., X_(t) by the number of layers."""
    return dict(enumerate(outputs, start=1))


def decibels(X: Array, expected: Array) -> float:
    """The NMSE, over all signals together."""
    return 10 * math.log10(max(float(np.sum((X - expected) ** 2) / np.sum(expected**2)), 1e-30))


def dsrl(problem: Drawn, *, whiten: bool) -> Learned:
    """What `fit` learns by itself for 16 layers, five numbers for all of them, after each layer."""
    white = problem.f.whitened() if whiten else problem.f
    learned = fit(Objective(white, problem.X, layers=DEPTH))
    return Learned(lambda f: counted(forward(white.apply_to(f.Y), learned.theta, learned.L, DEPTH)[1:]), 5)


def dsrl_per_layer(problem: Drawn, *, whiten: bool) -> Learned:
    """What `fit` learns by itself for 16 layers, five numbers for each, after each layer."""
    white = problem.f.whitened() if whiten else problem.f
    learned = fit(Objective(white, problem.X, layers=DEPTH, per_layer=True))
    layers = partial(forward, theta=learned.theta, L=learned.L, layers=DEPTH)
    return Learned(lambda f: counted(layers(white.apply_to(f.Y))[1:]), 5 * DEPTH)


def dsrl_for_each_depth(problem: Drawn) -> Learned:
    """The same, whitened, with a network for each number of layers that is shown: each is best at its end."""
    white = problem.f.whitened()
    learned = {t: fit(Objective(white, problem.X, layers=t, per_layer=True)) for t in SHOWN}
    return Learned(lambda f: {t: network.apply(white.apply_to(f.Y)) for t, network in learned.items()}, 5 * DEPTH)


def with_best_threshold(method: Callable[[LeastSquares, float, float], list[Array]], problem: Drawn) -> Learned:
    """ISTA or FISTA with the threshold that is best on the known signals after all layers."""
    L = problem.f.lipschitz()
    thresholds: list[float] = (np.geomspace(1e-4, 1, 41) / L).tolist()
    best = min(thresholds, key=lambda b: float(np.sum((method(problem.f, L, b)[-1] - problem.X) ** 2)))
    return Learned(lambda f: counted(method(f, L, best)), 1)


def ista(f: LeastSquares, L: float, b: float) -> list[Array]:
    """The network with one soft threshold."""
    return forward(f, Theta.soft(b), L, DEPTH)[1:]


def fista(f: LeastSquares, L: float, b: float) -> list[Array]:
    """ISTA from a point ahead (Beck and Teboulle 2009)."""
    X, ahead, momentum, found = f.start(), f.start(), 1.0, []
    for _ in range(DEPTH):
        Z = ahead - f.gradient(ahead) / L
        new, larger = np.sign(Z) * np.maximum(np.abs(Z) - b, 0), (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead, X, momentum = new + (momentum - 1) / larger * (new - X), new, larger
        found.append(X)
    return found


def lasso(problem: Drawn) -> Learned:
    """The minimum of ½‖Dx - y‖² + weight·‖x‖₁, by `solve`, with the weight that is best on the known signals."""

    def minimum(f: LeastSquares, weight: float) -> Array:
        return np.asarray(solve(f, Theta.soft(1.0), weight, tol=1e-6).x)

    few = min(200, problem.X.shape[1])
    f, X = LeastSquares(problem.D, problem.f.Y[:, :few]), problem.X[:, :few]
    weights: list[float] = np.geomspace(1e-4, 1, 17).tolist()
    best = min(weights, key=lambda weight: float(np.sum((minimum(f, weight) - X) ** 2)))
    return Learned(lambda f: {math.inf: minimum(f, best)}, 1)


def true_support(problem: Drawn) -> Learned:
    """Least squares on the entries that are not 0, which no method is told; for the unseen signals alone."""

    def solved(f: LeastSquares) -> dict[float, Array]:
        X = np.zeros_like(problem.expected)
        for column, truth in enumerate(problem.expected.T):
            support = np.flatnonzero(truth)
            X[support, column] = np.linalg.lstsq(problem.D[:, support], f.Y[:, column], rcond=None)[0]
        return {math.inf: X}

    return Learned(solved, 0)


def peer(name: str, problem: Drawn, *, schedule: dict[str, Any] | None = None) -> Learned | None:
    """A network of `unrolled`, by its own schedule or by one that differs in some of its fields."""
    own = unrolled.CLASSES[name].schedule
    network = unrolled.learn(
        name, problem.D, DEPTH, problem.new_signals(), problem.prior, replace(own, **(schedule or {})), problem.held
    )
    if network is None:
        return None
    return Learned(lambda f: counted(network(f.Y)), network.numbers(), lambda f: counted(network.at_each_depth(f.Y)))


def methods(schedule: dict[str, Any] | None = None) -> dict[str, Method]:
    """All that are compared, ours first."""
    return {
        "dsrl_ref, per layer, whitened": partial(dsrl_per_layer, whiten=True),
        "dsrl_ref, each depth, whitened": dsrl_for_each_depth,
        "dsrl_ref, per layer": partial(dsrl_per_layer, whiten=False),
        "dsrl_ref, shared, whitened": partial(dsrl, whiten=True),
        "dsrl_ref, shared": partial(dsrl, whiten=False),
        "ISTA, best threshold": partial(with_best_threshold, ista),
        "FISTA, best threshold": partial(with_best_threshold, fista),
        "the lasso's minimum, best weight": lasso,
        **{f"{name}, PyTorch": partial(peer, name, schedule=schedule) for name in unrolled.CLASSES},
        "least squares on the true support": true_support,
    }


@dataclass
class Figures:
    """What one method did on each problem: NMSE by layer, seconds to learn, seconds a signal, how many numbers.

    Seconds are those of processors, of all threads: a busy machine changes them little.

    `last` is what it made of the unseen signals of the last problem, after all layers. `at_each_depth` is as `errors`,
    of networks of so many layers and no more; empty where they did not come by the way.
    """

    errors: list[dict[float, float]]
    to_learn: list[float]
    to_apply: list[float]
    numbers: int
    last: Array
    at_each_depth: list[dict[float, float]]


def measured(method: Method, problems: list[Drawn]) -> Figures | None:
    """Learn and apply on each problem; None where the method is not there."""
    found = Figures([], [], [], 0, np.empty(0), [])
    for problem in problems:
        began = time.process_time()
        learned = method(problem)
        if learned is None:
            return None
        found.to_learn.append(time.process_time() - began)
        began = time.process_time()
        outputs = learned.layers(problem.unseen)
        found.to_apply.append((time.process_time() - began) / problem.expected.shape[1])
        found.errors.append({t: decibels(X, problem.expected) for t, X in outputs.items()})
        found.numbers, found.last = learned.numbers, outputs[max(outputs)]
        if learned.at_each_depth is not None:
            own = learned.at_each_depth(problem.unseen)
            found.at_each_depth.append({t: decibels(X, problem.expected) for t, X in own.items()})
    return found


def compared(
    name: str, setting: Setting, known: int, unseen: int, seeds: int, schedule: dict[str, Any] | None = None
) -> Row:
    """One table: for every method its NMSE by layer, the mean over the seeds, and the spread of the last layer's."""
    problems = [drawn(setting, known, unseen, seed) for seed in range(seeds)]
    if find_spec("torch") is not None:
        import torch  # noqa: F401  # so that no method's time is that of importing it
    results = []
    notes = [f"NMSE in dB on {unseen} unseen signals, {seeds} seed(s), after layers {', '.join(map(str, SHOWN))}"]
    for label, method in methods(schedule).items():
        found = measured(method, problems)
        if found is None:
            results.append(Result(label))
            continue
        results.append(Result(f"{label}, {found.numbers:,} numbers", float(np.mean(found.to_learn))))
        notes += lines(label, found)
    work = f"{setting}; {known} known signals; the time is that of processors, to learn"
    return Row(name, work, results, notes=notes)


def lines(label: str, found: Figures) -> list[str]:
    """A method's line of the table, and another of its networks of so many layers and no more, where there are such."""
    whole = [line(label, found)]
    if found.at_each_depth:
        whole.append(line("  a network for each depth", replace(found, errors=found.at_each_depth)))
    return whole


def line(label: str, found: Figures) -> str:
    """A method's line of the table; one that counts no layers stands in the last column."""
    errors, seconds = found.errors, float(np.mean(found.to_apply))
    shown: list[float] = [*SHOWN] if DEPTH in errors[0] else [math.inf]
    means = [f"{np.mean([error[t] for error in errors]):>6.1f}" for t in shown]
    table = " ".join(means).rjust(7 * len(SHOWN) - 1)
    spread = np.ptp([error[shown[-1]] for error in errors])
    return f"{label:<34} {table}  within {spread:.1f}; {seconds * 1e6:.0f} µs a signal"


SMALLEST = Setting(n=20, k=10), {"most": 2, "look": 1, "batch": 8}
QUICK = Setting(n=100, k=50), {"most": 300, "look": 50}


def recovery(size: str) -> Row:
    """Sparse recovery by layer: ours, ISTA, FISTA, lasso, LISTA, LISTA-CPSS, ALISTA, TISTA, the true support."""
    if size == "smallest":
        return compared("recovery", SMALLEST[0], 50, 50, 1, SMALLEST[1])
    if size == "quick":
        return compared("recovery", QUICK[0], 300, 300, 1, QUICK[1])
    return compared("recovery", Setting(), 1000, 1000, 3)


def _other(name: str, setting: Setting, known: int = 1000, seeds: int = 1) -> Callable[[str], Row]:
    def row(size: str) -> Row:
        if size == "full":
            return compared(name, setting, known, 1000, seeds)
        smaller, schedule = SMALLEST if size == "smallest" else QUICK
        scaled = replace(setting, n=smaller.n, k=round(setting.k / setting.n * smaller.n))
        return compared(name, scaled, 50, 50, 1, schedule)

    row.__doc__ = f"As recovery: {setting}; {known} known signals."
    return row


ROWS: dict[str, Callable[[str], Row]] = {"recovery": recovery}
BY_NAME: dict[str, Callable[[str], Row]] = {
    name: _other(name, setting, known, seeds)
    for name, setting, known, seeds in (
        ("recovery-10000", Setting(), 10_000, 3),
        ("recovery-20-db", Setting(decibels=20.0), 1000, 1),
        ("recovery-60-db", Setting(decibels=60.0), 1000, 1),
        ("recovery-no-noise", Setting(decibels=math.inf), 1000, 1),
        ("recovery-density-.05", Setting(density=0.05), 1000, 1),
        ("recovery-density-.15", Setting(density=0.15), 1000, 1),
        ("recovery-m-150", Setting(k=150), 1000, 1),
    )
}
