"""The authors' training: Adam through the projection onto (7), with decay and a rate that falls on plateaus."""

from typing import Any

import numpy as np

from dsrl_ref.appendix.theta import Theta, projection_jacobian
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status

START = np.array([1.0, 1.0, 1.0, 2.0, 1.0])
LAYERS = 11  # ξ(W), then their 10 blocks
DECAY = 0.15


class AuthorsDescent:
    """Their optimiser on one objective; `values` are w1, w2, b1, b2, L as stored, projected where J sees them."""

    status: Status | None = None  # it never ends by itself
    start = 0  # there is but one
    validation = np.nan  # nothing is held out

    def __init__(self, J: Objective, values: Array, rate: float) -> None:
        self.J, self.values = J, values
        self.adam, self.plateau = Adam(), Plateau(rate)
        self.loss, self.gradient = np.nan, np.zeros(5)

    def evaluate(self) -> float:
        """J where the descent is."""
        self.loss, gradient = self.J(Theta.projected(self.values[:4]), self.values[4])
        self.gradient = np.array(gradient)
        return self.loss

    def step(self) -> None:
        """Move on, from where J was evaluated last."""
        pulled = np.append(self.gradient[:4] @ projection_jacobian(self.values[:4]), self.gradient[4])
        self.values = self.values - self.plateau.rate * self.adam.direction(pulled + DECAY * self.values)
        self.plateau.observe(self.loss)

    def most(self, epochs: int) -> int:
        """All of them."""
        return epochs

    def message(self, status: Status, epochs: int) -> str:
        """That all were taken."""
        return f"completed {epochs} epochs"

    @property
    def state(self) -> dict[str, Array]:
        """All that the next epoch depends on."""
        adam, plateau = self.adam, self.plateau
        return {
            "values": self.values,
            "mean": np.broadcast_to(adam.mean, 5),
            "square": np.broadcast_to(adam.square, 5),
            "counts": np.array([adam.steps, plateau.idle]),
            "plateau": np.array([plateau.rate, plateau.best]),
        }

    @state.setter
    def state(self, state: dict[str, Array]) -> None:
        adam, plateau = self.adam, self.plateau
        self.values, adam.mean, adam.square = state["values"], state["mean"], state["square"]
        adam.steps, plateau.idle = map(int, state["counts"])
        plateau.rate, plateau.best = map(float, state["plateau"])


def require_network(J: Objective) -> None:
    """Refuse what is not the authors' network."""
    if not isinstance(J.f, Fidelity):
        raise ValueError(f"method 'authors' is for Fidelity, got {type(J.f).__name__}")
    if J.layers != LAYERS:
        raise ValueError(f"method 'authors' has {LAYERS} layers (ξ(W) and 10 blocks), got layers = {J.layers}")
    same = J.x0 is J.f.W or (is_sparse(J.x0) == is_sparse(J.f.W) and _equal(J.x0, J.f.W))
    if not same:
        raise ValueError("method 'authors' starts at x0 = W; leave x0 out")


def _equal(first: Any, second: Any) -> bool:
    if is_sparse(first):
        return bool((first != second).nnz == 0)
    return bool(np.array_equal(first, second))


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
