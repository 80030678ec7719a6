"""Rows on small problems, where what surrounds the arithmetic takes a share of the time."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from benchmarks import peers
from benchmarks.measure import Result, time_in_turn
from benchmarks.rows import LAYERS, THETA, Call, L, Row, dictionary, evaluate_once, require_agreement
from dsrl_ref import Fidelity, Objective


def small(size: str) -> Row:
    """One evaluation of many, of small problems, by several engines beside JAX."""
    times = {"full": 100, "quick": 20, "smallest": 1}[size]
    results = []
    for k, n, m in ((20, 40, 100), (50, 100, 200)):
        f, target, step_constant, theta = dictionary(k, n, m)
        contestants: dict[str, Call | None] = {
            f"dsrl_ref {method}": partial(Objective(f, target, layers=10, method=method), theta, step_constant)
            for method in ("columns", "adjoint", "tangent")
        }
        contestants["JAX"] = peers.jax_least_squares(f.D, f.Y, target, 10, theta, step_constant)
        results += _each_of_many(f"D {k}×{n}, {m} columns, 10 layers", contestants, times)
    W = np.random.default_rng(0).random((20, 200))
    contestants = {
        f"dsrl_ref {method}": partial(Objective(Fidelity(W), layers=LAYERS, method=method), THETA, L)
        for method in ("pieces", "fused", "adjoint")
    }
    contestants["JAX"] = peers.jax_reverse(W, LAYERS, THETA, L)
    results += _each_of_many("W 20×200, 11 layers", contestants, times)
    return Row("small", f"an evaluation, the mean of {times} in turn", results)


def tensor(size: str) -> Row:
    """What the appendix's own form costs, on a matrix whose n×m×n×m tensor fits."""
    n, m = {"full": (60, 50), "quick": (30, 20), "smallest": (4, 3)}[size]
    f = Fidelity(np.random.default_rng(0).random((n, m)))
    contestants = {
        f"dsrl_ref {method}": partial(evaluate_once, f, method) for method in ("tensor", "tangent", "adjoint")
    }
    require_agreement(contestants)
    return Row("tensor", f"{n}×{m} entries, {LAYERS} layers", time_in_turn(contestants, rounds=3))


def _each_of_many(problem: str, contestants: Mapping[str, Call | None], times: int) -> list[Result]:
    """Time so many evaluations of each contestant at a stretch, and give the mean of one."""
    require_agreement(contestants)
    stretches = {name: None if call is None else partial(_repeat, call, times) for name, call in contestants.items()}
    return [
        Result(f"{problem}: {r.contestant}", None if r.seconds is None else r.seconds / times, r.peak)
        for r in time_in_turn(stretches)
    ]


def _repeat(call: Call, times: int) -> None:
    for _ in range(times):
        call()


ROWS: dict[str, Callable[[str], Row]] = {"small": small, "tensor": tensor}
