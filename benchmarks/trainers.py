"""Other people's ways to learn and to solve: the authors' training in PyTorch, scikit-learn's lasso, skglm's MCP.

Every function returns a call without arguments, or None where the peer is not installed.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.peers import rows

Array = np.ndarray
BLOCKS = 10


def torch_authors_training(W: Array, epochs: int, rate: float) -> Callable[[], tuple[Array, Array]] | None:
    """Transcribe the training of the authors' program: losses, and w1, w2, b1, b2, L as stored at the end."""
    if find_spec("torch") is None:
        return None
    import torch

    def call() -> tuple[Array, Array]:
        losses, values = _authors_descent(torch, torch.from_numpy(W), epochs, rate)
        return losses, np.array([float(value.detach()) for value in values])

    return call


def torch_authors_output(W: Array, epochs: int, rate: float) -> Array:
    """Output of the authors' network after training."""
    import torch

    data = torch.from_numpy(W)
    _, values = _authors_descent(torch, data, epochs, rate)
    with torch.no_grad():
        return np.asarray(_authors_network(torch, data, values).numpy())


def _authors_descent(torch: Any, data: Any, epochs: int, rate: float) -> tuple[Array, list[Any]]:
    values = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in (1.0, 1.0, 1.0, 2.0, 1.0)]
    adam = torch.optim.Adam(values, lr=rate, betas=(0.90, 0.92), eps=1e-8, weight_decay=0.15)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, factor=0.1, patience=3, min_lr=1e-6)
    losses = []
    for _ in range(epochs):
        adam.zero_grad()
        X = _authors_network(torch, data, values)
        loss = 0.5 * torch.sum((X - data) ** 2)
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
        plateau.step(losses[-1])
    return np.array(losses), values


def _authors_network(torch: Any, data: Any, values: list[Any]) -> Any:
    theta = _projected(torch, *values[:4])
    X = rows(torch, data, *theta)
    for _ in range(BLOCKS):
        X = rows(torch, X - (X - data) / values[4], *theta)
    return X


def _projected(torch: Any, w1: Any, w2: Any, b1: Any, b2: Any) -> tuple[Any, ...]:
    w1, w2 = torch.clamp(w1, min=1e-4), torch.clamp(w2, 1e-4, 1.0)
    lowest = torch.clamp((w1 - 1) / w1, min=0.0)
    if b1 > b2:
        lowest = torch.ones_like(b1)
    elif b1 >= lowest * b2:
        return w1, w2, b1, b2
    b2 = torch.clamp((lowest * b1 + b2) / (lowest**2 + 1), min=0.0)
    return w1, w2, lowest * b2, b2


def sklearn_lasso(D: Array, Y: Array, weight: float) -> Callable[[], Array] | None:
    """``sparse_encode`` by coordinate descent on two processes."""
    if find_spec("sklearn") is None:
        return None
    from sklearn.decomposition import sparse_encode

    def call() -> Array:
        codes: Array = sparse_encode(Y.T, D.T, algorithm="lasso_cd", alpha=weight, max_iter=10_000, n_jobs=2)
        return codes.T

    return call


def skglm_mcp(D: Array, Y: Array, alpha: float, gamma: float) -> Callable[[], Array] | None:
    """Minimise ‖y - Dx‖²/2k + MCP(x) for every column y of k entries, one after the other."""
    if find_spec("skglm") is None:
        return None
    from skglm.estimators import MCPRegression

    peer = MCPRegression(alpha=alpha, gamma=gamma, fit_intercept=False, tol=1e-8, max_iter=1000)
    return lambda: np.column_stack([peer.fit(D, y).coef_ for y in Y.T])
