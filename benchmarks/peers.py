"""Automatic differentiation of the same network: PyTorch eager in two forms, JAX compiled in two modes.

Every function returns a call without arguments that gives the loss and its five derivatives, or None where the
peer is not installed.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

Call = Callable[[], tuple[float, Any]]
Array = np.ndarray


def torch_authors(W: Array, layers: int, theta: tuple[float, ...], L: float) -> Call | None:
    """Five masks, each times its row: how the authors' program writes ξ."""
    return _torch(lambda torch: torch.from_numpy(W), _fidelity_step, rows, W, layers, theta, L)


def torch_best(W: Array, layers: int, theta: tuple[float, ...], L: float) -> Call | None:
    """Two rectifiers of |z|: what autograd keeps least of."""
    return _torch(lambda torch: torch.from_numpy(W), _fidelity_step, _rectifiers, W, layers, theta, L)


def torch_least_squares(
    D: Array, Y: Array, target: Array, layers: int, theta: tuple[float, ...], L: float
) -> Call | None:
    """DᵀD formed once, X_(0) = 0."""

    def prepare(torch: Any) -> Any:
        return torch.from_numpy(D.T @ D), torch.from_numpy(D.T @ Y)

    return _torch(prepare, _least_squares_step, _rectifiers, target, layers, theta, L)


def _torch(prepare: Any, step: Any, shrink: Any, target: Array, layers: int, theta: Any, L: float) -> Call | None:
    if find_spec("torch") is None:
        return None
    import torch

    data, goal = prepare(torch), torch.from_numpy(target)

    def call() -> tuple[float, Any]:
        x = torch.tensor([*theta, L], dtype=torch.float64, requires_grad=True)
        X = goal if step is _fidelity_step else torch.zeros_like(goal)
        for _ in range(layers):
            X = shrink(torch, step(X, data, x[4]), *x[:4])
        loss = 0.5 * torch.sum((X - goal) ** 2)
        loss.backward()
        return float(loss.detach()), x.grad.numpy()

    return call


def jax_reverse(W: Array, layers: int, theta: tuple[float, ...], L: float) -> Call | None:
    """``jit(value_and_grad)``."""
    return _jax("reverse", lambda jnp: jnp.asarray(W), _fidelity_step, W, layers, theta, L)


def jax_forward(W: Array, layers: int, theta: tuple[float, ...], L: float) -> Call | None:
    """``jit(jacfwd)``."""
    return _jax("forward", lambda jnp: jnp.asarray(W), _fidelity_step, W, layers, theta, L)


def jax_least_squares(
    D: Array, Y: Array, target: Array, layers: int, theta: tuple[float, ...], L: float
) -> Call | None:
    """``jit(value_and_grad)``, DᵀD formed once, X_(0) = 0."""

    def prepare(jnp: Any) -> Any:
        return jnp.asarray(D.T @ D), jnp.asarray(D.T @ Y)

    return _jax("reverse", prepare, _least_squares_step, target, layers, theta, L)


def _jax(mode: str, prepare: Any, step: Any, target: Array, layers: int, theta: Any, L: float) -> Call | None:
    if find_spec("jax") is None:
        return None
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    x, goal, data = jnp.array([*theta, L]), jnp.asarray(target), prepare(jnp)

    def loss(x: Any, data: Any, goal: Any) -> Any:
        X = goal if step is _fidelity_step else jnp.zeros_like(goal)
        for _ in range(layers):
            X = _rectifiers(jnp, step(X, data, x[4]), *x[:4])
        return 0.5 * jnp.sum((X - goal) ** 2)

    def with_forward_gradient(x: Any, data: Any, goal: Any) -> Any:
        value, derivative = jax.jvp(lambda y: loss(y, data, goal), (x,), (x * 0,))[0], jax.jacfwd(loss)(x, data, goal)
        return value, derivative

    compiled = jax.jit(jax.value_and_grad(loss) if mode == "reverse" else with_forward_gradient)

    def call() -> tuple[float, Any]:
        value, gradient = jax.block_until_ready(compiled(x, data, goal))
        return float(value), np.asarray(gradient)

    return call


def _fidelity_step(X: Any, W: Any, L: Any) -> Any:
    return X - (X - W) / L


def _least_squares_step(X: Any, data: Any, L: Any) -> Any:
    gram, correlation = data
    return X - (gram @ X - correlation) / L


def _rectifiers(xp: Any, z: Any, w1: Any, w2: Any, b1: Any, b2: Any) -> Any:
    size = abs(z)
    if hasattr(xp, "relu"):
        return xp.sign(z) * (w1 * xp.relu(size - b1) + (w2 - w1) * xp.relu(size - b2))
    return xp.sign(z) * (w1 * xp.maximum(size - b1, 0) + (w2 - w1) * xp.maximum(size - b2, 0))


def rows(torch: Any, z: Any, w1: Any, w2: Any, b1: Any, b2: Any) -> Any:
    rise = w1 * (b2 - b1)
    rows = (
        (z >= b2, w2 * (z - b2) + rise),
        ((z < b2) * (z >= b1), w1 * (z - b1)),
        ((z < b1) * (z >= -b1), 0 * z),
        ((z < -b1) * (z >= -b2), w1 * (z + b1)),
        (z < -b2, w2 * (z + b2) - rise),
    )
    return sum(values * mask.to(z.dtype) for mask, values in rows)
