"""Learning Θ and L: `fit`."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsrl_ref.appendix.theta import Theta, ThetaLike, projection_jacobian
from dsrl_ref.arrays import Array, as_count, as_number, as_real, is_sparse
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity

AUTHORS_START = (1.0, 1.0, 1.0, 2.0)
AUTHORS_LAYERS = 11  # ξ(W), then their 10 blocks

Callback = Callable[[int, float, Theta, float], Any]


@dataclass(frozen=True)
class FitResult:
    """What `fit` learned.

    Attributes
    ----------
    theta : Theta
        Projected onto (7): what the network uses.
    L : float
        The step constant.
    loss : float
        J at `theta` and `L`.
    converged : bool
        Whether all epochs were completed.
    message : str
        How it ended.
    history : dict of ndarray
        "loss" (epochs,), "theta" (epochs, 4), "L" (epochs,): before each epoch's step, as stored.
    raw : tuple of ndarray (4,) and float
        Θ and L as stored, before the projection.
    """

    theta: Theta
    L: float
    loss: float
    converged: bool
    message: str
    history: dict[str, Array]
    raw: tuple[Array, float]


def fit(
    J: Objective,
    *,
    theta: ThetaLike | None = None,
    L: float | None = None,
    method: str = "authors",
    epochs: int = 100,
    learning_rate: float = 0.02,
    callback: Callback | None = None,
) -> FitResult:
    """Learn Θ and L that make J small.

    Parameters
    ----------
    J : Objective
        Of a `Fidelity`, with x0 = W and 11 layers: the authors' network, ξ(W) and 10 blocks.
    theta : four finite numbers, optional
        Where to start; they are stored as given and projected onto (7) in every evaluation. Default (1, 1, 1, 2).
    L : float, optional
        Where to start; default 1.
    method : {"authors"}
        The optimiser of the authors' program: the gradient through the projection, Adam with (0.90, 0.92), L2
        decay 0.15 on all five parameters, learning rate a tenth after 4 epochs without progress.
    epochs : int
        Number of steps.
    learning_rate : float
        Of the first step, positive.
    callback : callable, optional
        ``callback(epoch, loss, theta, L)`` before each step, theta projected; a true answer stops.

    Returns
    -------
    FitResult
        Of the last epoch; of the best one after Ctrl-C.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, and for an objective that is not the authors' network.

    Notes
    -----
    With target = W the identity has loss 0, so that sparsity comes from the decay and the number of epochs.
    The start (1, 1, 1, 2) maps every |W| <= 1 to 0 with zero gradient: there only the decay moves it.

    Examples
    --------
    >>> import numpy as np
    >>> from dsrl_ref import Fidelity, Objective
    >>> W = np.linspace(0, 1, 12).reshape(3, 4)
    >>> result = fit(Objective(Fidelity(W), layers=11), epochs=40)
    >>> bool(result.loss < result.history["loss"][0]), result.theta.violations()
    (True, ())
    """
    if method != "authors":
        raise ValueError(f"method must be 'authors', the only one so far, got {method!r}")
    _require_authors_network(J)
    epochs = as_count(epochs, "epochs", least=1)
    rate = as_number(learning_rate, "learning_rate")
    if rate <= 0:
        raise ValueError(f"learning_rate must be positive, got {rate}")
    start = as_real(list(AUTHORS_START if theta is None else theta), "theta")
    Theta.projected(start)
    values = np.append(start, 1.0 if L is None else as_number(L, "L"))
    J(Theta.projected(values[:4]), values[4])  # a start that cannot be evaluated is refused here

    trail: list[tuple[float, Array]] = []
    message = f"completed {epochs} epochs"
    try:
        for epoch, (loss, at) in enumerate(_authors_descent(J, values, rate)):
            if len(trail) == epochs:
                return _result(J, at, trail, True, message)
            trail.append((loss, at))
            if callback is not None and callback(epoch, loss, Theta.projected(at[:4]), float(at[4])):
                message = f"stopped by the callback in epoch {epoch}"
                return _result(J, at, trail, False, message)
    except KeyboardInterrupt:
        message = f"interrupted in epoch {len(trail)}; this is the best so far"
    except ValueError as error:
        message = f"stopped in epoch {len(trail)}: {error}; this is the best so far"
    best = min(trail, key=lambda step: step[0], default=(np.inf, values))[1]
    return _result(J, best, trail, False, message)


def _require_authors_network(J: Objective) -> None:
    if not isinstance(J.f, Fidelity):
        raise ValueError(f"method 'authors' is for Fidelity, got {type(J.f).__name__}")
    if J.layers != AUTHORS_LAYERS:
        raise ValueError(f"method 'authors' has {AUTHORS_LAYERS} layers (ξ(W) and 10 blocks), got layers = {J.layers}")
    same = J.x0 is J.f.W or (is_sparse(J.x0) == is_sparse(J.f.W) and _equal(J.x0, J.f.W))
    if not same:
        raise ValueError("method 'authors' starts at x0 = W; leave x0 out")


def _equal(first: Any, second: Any) -> bool:
    if is_sparse(first):
        return bool((first != second).nnz == 0)
    return bool(np.array_equal(first, second))


def _authors_descent(J: Objective, values: Array, rate: float) -> Iterator[tuple[float, Array]]:
    """Yield (loss, parameters as stored) before each step, without end."""
    adam, plateau = Adam(), Plateau(rate)
    while True:
        loss, gradient = J(Theta.projected(values[:4]), values[4])
        yield loss, values
        pulled = np.append(np.array(gradient[:4]) @ projection_jacobian(values[:4]), gradient.L)
        values = values - plateau.rate * adam.direction(pulled + 0.15 * values)
        plateau.observe(loss)


class Adam:
    """Adam's direction, with bias correction."""

    def __init__(self, beta1: float = 0.90, beta2: float = 0.92, epsilon: float = 1e-8) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.steps = 0
        self.mean: Any = 0.0
        self.square: Any = 0.0

    def direction(self, gradient: Array) -> Array:
        """Take one gradient in, and return what to subtract per unit of learning rate."""
        self.steps += 1
        self.mean = self.beta1 * self.mean + (1 - self.beta1) * gradient
        self.square = self.beta2 * self.square + (1 - self.beta2) * gradient**2
        root = np.sqrt(self.square / (1 - self.beta2**self.steps))
        return self.mean / (1 - self.beta1**self.steps) / (root + self.epsilon)


class Plateau:
    """A learning rate that falls to a tenth when more than 3 losses in a row are no progress of 1e-4 relative."""

    def __init__(self, rate: float, patience: int = 3, factor: float = 0.1, least: float = 1e-6) -> None:
        self.rate, self.patience, self.factor, self.least = rate, patience, factor, least
        self.best, self.idle = np.inf, 0

    def observe(self, loss: float) -> None:
        """Take the loss of one epoch into account."""
        self.idle += 1
        if loss < self.best * (1 - 1e-4):
            self.best, self.idle = loss, 0
        if self.idle > self.patience:
            self.idle = 0
            self._fall()

    def _fall(self) -> None:
        lower = max(self.rate * self.factor, self.least)
        if self.rate - lower > 1e-8:  # as in the authors' scheduler: smaller falls are ignored
            self.rate = lower


def _result(J: Objective, values: Array, trail: list[tuple[float, Array]], converged: bool, message: str) -> FitResult:
    theta, L = Theta.projected(values[:4]), float(values[4])
    loss = np.nan
    with suppress(ValueError):  # reported in `message`: only a diverged end has no loss
        loss, _ = J(theta, L)
    steps = np.array([at for _, at in trail]).reshape(-1, 5)
    history = {"loss": np.array([loss for loss, _ in trail]), "theta": steps[:, :4], "L": steps[:, 4]}
    return FitResult(theta, L, float(loss), converged, message, history, (values[:4].copy(), L))
