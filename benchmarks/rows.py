"""The rows: each makes its data, checks that all contestants agree, and times them in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks import peers
from benchmarks.measure import Result, cpu_in_turn, most_allocated, peak_since, reset_peak, time_in_turn
from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, loss_and_gradient
from dsrl_ref.engines import recursion
from dsrl_ref.verify import exact

THETA, L, LAYERS = (1.1, 0.5, 0.2, 0.6), 0.8, 11
AGREE = 1e-9
Call = Callable[[], Any]
STEPS = 100


@dataclass
class Row:
    """What a benchmark found.

    Attributes
    ----------
    work : str
        What was done, with its size.
    results : list of Result
        Ours first, where there are peers.
    limit : Result, optional
        What the machine needs for the least that must be done.
    notes : list of str
        Figures derived from these.
    images : dict of str to ndarray (height, width), optional
        What there is to look at, with a line of text each; values from 0, black, to 1, white.
    curves : dict of str to list of (float, float), optional
        Seconds against a size, a curve each.
    """

    name: str
    work: str
    results: list[Result]
    limit: Result | None = None
    notes: list[str] = field(default_factory=list)
    images: dict[str, np.ndarray] = field(default_factory=dict)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


class Disagreement(Exception):
    """Two contestants give different numbers: there is nothing to time."""


def require_agreement(contestants: Mapping[str, Call | None]) -> None:
    """Call each once and compare with the first; whatever compiles does so here."""
    first: Any = None
    for name, call in contestants.items():
        if call is None:
            continue
        loss, gradient = call()
        gradient = np.array(gradient, dtype=float)
        first = first or (name, loss, gradient)
        gaps = [abs(loss - first[1]) / abs(first[1]), np.abs(gradient - first[2]).max() / np.abs(first[2]).max()]
        gap = np.max(gaps)  # NaN where one is: max() would pass over it
        if not gap <= AGREE:
            raise Disagreement(f"{name} and {first[0]} differ by {gap:.2g} of the largest value")


def fused_dense(size: str) -> Row:
    """Loss and five gradients of a dense Fidelity, one evaluation."""
    entries = {"full": 4_000_000, "quick": 400_000, "smallest": 20_000}[size]
    W = np.random.default_rng(0).random((entries // 100, 100))
    contestants = {
        "dsrl_ref fused": partial(evaluate_once, Fidelity(W), "fused"),
        "JAX jit(jacfwd)": peers.jax_forward(W, LAYERS, THETA, L),
        "JAX jit(value_and_grad)": peers.jax_reverse(W, LAYERS, THETA, L),
        "PyTorch, best form": peers.torch_best(W, LAYERS, THETA, L),
        "PyTorch, authors' form": peers.torch_authors(W, LAYERS, THETA, L),
    }
    require_agreement(contestants)
    limit = time_in_turn({"reading W once (np.sum)": W.sum})[0]
    return Row("fused-dense", f"{entries:,} entries, {LAYERS} layers", time_in_turn(contestants), limit)


def fused_csr(size: str) -> Row:
    """The same on graphs: time goes with the nonzeros, not with n²."""
    n = {"full": 4000, "quick": 1200, "smallest": 200}[size]
    contestants: dict[str, Call | None] = {}
    for share in (0.1, 0.01):
        W = _graph(n, share)
        call = partial(evaluate_once, Fidelity(W), "fused")
        require_agreement({"sparse": call, "dense": partial(evaluate_once, Fidelity(W.toarray()), "adjoint")})
        contestants[f"{W.nnz:,} nonzeros, {share:.0%}"] = call
    f = Fidelity(np.random.default_rng(1).random((n, n)))
    call = partial(evaluate_once, f, "fused")
    require_agreement({"dense": call, "pieces": partial(evaluate_once, f, "pieces")})
    contestants[f"{n * n:,} entries, dense"] = call
    results = time_in_turn(contestants)
    return Row("fused-csr", f"graphs of {n:,}² entries, {LAYERS} layers", results, notes=[_per_entry(results)])


def _graph(n: int, share: float) -> Any:
    """A CSR graph of n samples with about this share of its entries stored, uniform in [0, 1)."""
    rng = np.random.default_rng(1)
    return sp.csr_array(np.where(rng.random((n, n)) < share, rng.random((n, n)), 0.0))


def evaluate_once(f: Fidelity, method: str) -> Any:
    return loss_and_gradient(f, THETA, L, LAYERS, method=method)


def _per_entry(results: list[Result]) -> str:
    rates = [1e9 * (r.seconds or 0) / int(r.contestant.split()[0].replace(",", "")) for r in results]
    return "nanoseconds an entry: " + ", ".join(f"{rate:.2f}" for rate in rates)


def fused_matrix(size: str) -> Row:
    """The Gauss-Newton matrix of a dense Fidelity by "fused", beside loss and gradient alone, in time of processors."""
    entries = {"full": 1_000_000, "quick": 100_000, "smallest": 2_000}[size]
    W, other = np.random.default_rng(0).random((2, 1, entries))
    results, notes = [], []
    cases: dict[str, dict[str, Any]] = {
        "x0 = W": {},
        "a target of its own": {"target": other},
        "another x0": {"x0": other},
        "a Θ a layer": {"per_layer": True},
        "a Θ a layer, another x0": {"per_layer": True, "x0": other},
    }
    for case, options in cases.items():
        J = Objective(Fidelity(W), layers=LAYERS, method="fused", **options)
        alone, matrix = partial(J, THETA, L), partial(J.gauss_newton, THETA, L)
        loss, gradient, _ = matrix()
        require_agreement({"alone": alone, "with the matrix": partial(lambda *answer: answer, loss, gradient)})
        timed = cpu_in_turn({f"dsrl_ref fused, {case}": alone, f"dsrl_ref fused, {case}, Gauss-Newton": matrix})
        results += timed
        notes.append(f"{case} {(timed[1].seconds or 0) / (timed[0].seconds or 1):.2f}×")
    work = f"{entries:,} entries, {LAYERS} layers"
    return Row("fused-matrix", work, results, notes=["with the matrix / alone: " + ", ".join(notes)])


def pieces_evaluate(size: str) -> Row:
    """An evaluation after preparation, Θ and L moving from one to the next."""
    powers = {"full": (5, 6, 7, 8), "quick": (5, 6), "smallest": (3, 4)}[size]
    results = []
    for power in powers:
        W = np.random.default_rng(0).random((1, 10**power))
        J = Objective(Fidelity(W), layers=LAYERS, method="pieces")
        require_agreement({"pieces": partial(J, THETA, L), "fused": partial(evaluate_once, Fidelity(W), "fused")})
        (result,) = time_in_turn({f"10^{power} nonzeros": partial(_walk, J)})
        results.append(Result(result.contestant, (result.seconds or 0) / STEPS, result.peak))
    seconds = [result.seconds or 0.0 for result in results]
    note = f"largest/smallest {max(seconds) / min(seconds):.2f}"
    return Row("pieces-evaluate", f"{LAYERS} layers, after preparation", results, notes=[note])


def _walk(J: Objective) -> None:
    """Evaluate as a trainer does, Θ and L a little elsewhere each time."""
    for k in range(STEPS):
        J((1.1 - 0.001 * k, 0.5 + 0.001 * k, 0.2 + 0.002 * k, 0.6), L + 0.002 * k)


def pieces_prepare(size: str) -> Row:
    """Preparation and one evaluation, target = W."""
    entries = {"full": 10**7, "quick": 10**6, "smallest": 10**4}[size]
    W = np.random.default_rng(0).random((1, entries))
    f = Fidelity(W)
    kept: list[Any] = []

    def prepare() -> Any:
        kept[:] = [Objective(f, layers=LAYERS, method="pieces")]
        return kept[0](THETA, L)

    require_agreement({"pieces": prepare, "fused": partial(evaluate_once, f, "fused")})
    contestants = {"dsrl_ref pieces": prepare, "np.sort of the values": lambda: np.sort(W.ravel())}
    kept.clear()
    results = time_in_turn(contestants)
    notes = [f"{(results[0].seconds or 0) / (results[1].seconds or 1):.2f}× np.sort"]
    notes.append(f"allocates at most {most_allocated(prepare) / W.nbytes:.3f} of one copy")
    return Row("pieces-prepare", f"{entries:,} nonzeros, prepare and evaluate once", results, notes=notes)


def least_squares(size: str) -> Row:
    """Loss and five gradients of a dense LeastSquares."""
    k, n, m, layers = {"full": (256, 512, 2048, 10), "quick": (128, 256, 1024, 10), "smallest": (16, 32, 64, 3)}[size]
    f, target, step_constant, theta = dictionary(k, n, m)
    J = Objective(f, target, layers=layers, method="columns")
    contestants = {
        "dsrl_ref columns": lambda: J(theta, step_constant),
        "JAX jit(value_and_grad)": peers.jax_least_squares(f.D, f.Y, target, layers, theta, step_constant),
        "PyTorch": peers.torch_least_squares(f.D, f.Y, target, layers, theta, step_constant),
    }
    require_agreement(contestants)
    gram, X, out, products = f.D.T @ f.D, np.ones((n, m)), np.empty((n, m)), 2 * layers - 2

    def bare() -> None:
        for _ in range(products):
            np.matmul(gram, X, out=out)

    *results, limit = time_in_turn({**contestants, f"{products} bare products ({n}×{n})({n}×{m})": bare})
    return Row("least-squares", f"D {k}×{n}, {m} columns, {layers} layers", results, limit)


def dictionary(k: int, n: int, m: int) -> tuple[LeastSquares, np.ndarray, float, tuple[float, ...]]:
    """A least-squares problem with sparse targets: f, target, L and Θ."""
    rng = np.random.default_rng(0)
    D = rng.normal(size=(k, n)) / np.sqrt(k)
    target = rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.1)
    f = LeastSquares(D, D @ target)
    return f, target, f.lipschitz(), (1.1, 0.8, 0.02, 0.3)


def least_squares_memory(size: str) -> Row:
    """Peak of memory beyond inputs and output as the columns grow 16 times."""
    k, n, m, layers = {"full": (256, 512, 2048, 10), "quick": (128, 256, 2048, 10), "smallest": (8, 16, 16384, 3)}[size]
    results = []
    for columns in (m, 16 * m):
        f, target, step_constant, theta = dictionary(k, n, columns)
        J = Objective(f, target, layers=layers, method="columns")
        if columns == m:
            whole = Objective(f, target, layers=layers, method="adjoint")
            both = {"by blocks": J, "at once": whole}
            require_agreement({name: partial(each, theta, step_constant) for name, each in both.items()})
        J(theta, step_constant)
        before = reset_peak()
        J(theta, step_constant)
        results.append(Result(f"{columns:,} columns", peak=peak_since(before)))
    first, last = (result.peak for result in results)
    notes = [f"grows {last / first:.2f} times"] if first and last else []
    return Row("least-squares-memory", f"D {k}×{n}, {layers} layers", results, notes=notes)


def accuracy(size: str) -> Row:
    """The worst error of a derivative relative to Σ|x - x̃||dx|, and of the loss to itself, against rational sums."""
    entries = {"full": 4000, "quick": 1000, "smallest": 100}[size]
    results = []
    normal = np.random.default_rng(0).normal(size=entries)
    cases = {
        "plain": (normal, THETA),
        "near the identity": (normal, (1 + 1e-9, 1 - 1e-9, 1e-9, 0.3)),
        "badly scaled": (normal * 10.0 ** np.linspace(-8, 8, entries), THETA),
    }
    for case, (values, theta) in cases.items():
        W = values.reshape(1, -1)
        loss, gradient, sizes = _rational(W, theta)
        for method in ("pieces", "fused"):
            J, got = Objective(Fidelity(W), layers=3, method=method)(theta, 1.25)
            results.append(Result(f"{case}, {method}: loss", error=float(abs(Fraction(J) - loss) / loss)))
            error = max(float(abs(Fraction(a) - b)) / s for a, b, s in zip(got, gradient, sizes, strict=True))
            results.append(Result(f"{case}, {method}: gradient/Σ|r||dx|", error=error))
    return Row("accuracy", f"{entries:,} entries, 3 layers, against rational arithmetic", results)


def _rational(W: np.ndarray, theta: Any) -> tuple[Fraction, list[Fraction], list[float]]:
    flat: list[Fraction] = [Fraction(w) for w in W[0].tolist()]
    w1, w2, b1, b2 = map(Fraction, theta)
    exact_theta = w1, w2, b1, b2
    step_constant = 1 / Fraction(1 / 1.25)  # the engines step by the rounded 1/L
    f = exact.Fidelity(flat)
    path = exact.run(f, exact_theta, step_constant, 3, flat)
    gradient = exact.reverse_gradient(f, exact_theta, step_constant, path, flat)
    x, dx = recursion.sensitivities(W[0], W[0], Theta(*theta), 1.25, 3)
    return exact.loss(path.iterates[-1], flat), gradient, (np.abs(dx) @ np.abs(x - W[0])).tolist()


ROWS: dict[str, Callable[[str], Row]] = {
    "fused-dense": fused_dense,
    "fused-csr": fused_csr,
    "fused-matrix": fused_matrix,
    "pieces-evaluate": pieces_evaluate,
    "pieces-prepare": pieces_prepare,
    "least-squares": least_squares,
    "least-squares-memory": least_squares_memory,
    "accuracy": accuracy,
}
