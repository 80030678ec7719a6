"""Other people's learned networks for sparse recovery, in PyTorch: LISTA, LISTA-CPSS, ALISTA and TISTA.

Each is written from its paper, and trained in the way of its paper: one layer more at a time, by Adam on signals that
are drawn anew for every step, so that no peer lacks signals. LISTA, LISTA-CPSS and ALISTA train the new layer first,
then all layers so far at two smaller rates (Chen et al. 2018); TISTA trains all layers so far (Ito et al. 2019).
Signals that are held out end a phase that no longer gains, and decide which of its parameters are kept. What differs:
a phase ends after 300 steps without gain and has 2,000 at most, where the programs of Chen et al. wait for 4,000 and
have 200,000, which would take days here; TISTA has batches of 256 signals, not 1,000. Their smaller rates for earlier
layers multiply gradients, which Adam divides out again: there are none here.

In: D, k×n, and Y, k×m, in float32. Layer i makes X_(i), n×m, from X_(i-1), and X_(0) = 0.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray
Pair = tuple[Array, Array]  # signals: X (n, m) and Y (k, m)
Draw = Callable[[int], Pair]  # so many new signals
SELECTED, MOST_SELECTED = 0.012, 0.13  # support selection: this share a layer more, at most that (Chen et al. 2018)
HELD_OUT, SAME_AS_BEFORE = 1000, 1e-4


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: `most` steps a phase, looked at after every `look`, over after `patience` without gain.

    Attributes
    ----------
    rate : float
        Of Adam in the first phase of a layer.
    shares : tuple of float
        Of that rate, one a phase; in the first of several phases the new layer alone is trained.
    batch : int
        Signals a step.
    """

    rate: float
    shares: tuple[float, ...] = (1.0, 0.2, 0.02)
    batch: int = 64
    most: int = 2000
    look: int = 100
    patience: int = 3


@dataclass(frozen=True)
class Prior:
    """What TISTA is told and the others are not: signals are 0 but for a share `density` of standard normal entries.

    Attributes
    ----------
    density : float
        Of entries that are not 0.
    noise : float
        Variance of an entry of the noise.
    """

    density: float
    noise: float


class Network(ABC):
    """A network of layers with their own parameters. `torch` is passed in, since it is optional."""

    schedule: Schedule

    def __init__(self, torch: Any, D: Array) -> None:
        self.torch, self.D = torch, torch.from_numpy(np.asarray(D, dtype=np.float32))
        self.layers: list[list[Any]] = []
        self.of_depth: list[list[list[Any]]] = []  # the layers as they were when there were 1, 2, ... of them

    @abstractmethod
    def new_layer(self) -> list[Any]:
        """Parameters of one layer more, at their start: those of the layer before where there is one."""

    @abstractmethod
    def step(self, X: Any, Y: Any, i: int) -> Any:
        """X_(i+1) from X = X_(i) by the layer of index i."""

    def outputs(self, Y: Any) -> list[Any]:
        """X_(1), ..., X_(t) of all layers that there are."""
        X, found = self.torch.zeros((self.D.shape[1], Y.shape[1])), []
        for i in range(len(self.layers)):
            X = self.step(X, Y, i)
            found.append(X)
        return found

    def __call__(self, Y: Array) -> list[Array]:
        """The same of an array, as arrays."""
        with self.torch.no_grad():
            return [X.numpy().astype(float) for X in self.outputs(self.torch.from_numpy(Y.astype(np.float32)))]

    def at_each_depth(self, Y: Array) -> list[Array]:
        """X_(t) of the network of t layers, t = 1, 2, ..., as it was before the next layer came."""
        deepest, found = self.layers, []
        for layers in self.of_depth:
            self.layers = layers
            found.append(self(Y)[-1])
        self.layers = deepest
        return found

    def numbers(self) -> int:
        """How many are learned; a parameter that several layers share counts once."""
        return sum({id(value): value.numel() for layer in self.layers for value in layer}.values())

    def shrunk(self, Z: Any, threshold: Any, i: int) -> Any:
        """Soft thresholding, but the largest entries of every signal pass as they are: support selection."""
        torch = self.torch
        count = round(min(SELECTED * (i + 1), MOST_SELECTED) * len(Z))
        size = torch.abs(Z)
        soft = torch.sign(Z) * torch.relu(size - threshold)
        if not count:
            return soft
        least = torch.topk(size.detach(), count, dim=0).values[-1]
        return torch.where((size >= least) & (size > threshold), Z, soft)

    def parameter(self, value: Any) -> Any:
        """One of the numbers to learn."""
        return self.torch.tensor(np.asarray(value, dtype=np.float32), requires_grad=True)

    def again(self) -> list[Any]:
        """A copy of the last layer's parameters."""
        return [value.detach().clone().requires_grad_() for value in self.layers[-1]]


class Lista(Network):
    """LISTA with tied weights (Gregor and LeCun 2010): X <- soft(B Y + S X, θ), the same B, S and θ in all layers."""

    schedule = Schedule(rate=5e-4, shares=(1.0, 0.2, 0.02))

    def __init__(self, torch: Any, D: Array) -> None:
        super().__init__(torch, D)
        step = 1 / np.linalg.norm(D, 2) ** 2
        starts = step * D.T, np.eye(D.shape[1]) - step * D.T @ D, 0.1 * step
        self.shared = [self.parameter(value) for value in starts]

    def new_layer(self) -> list[Any]:
        return self.shared

    def step(self, X: Any, Y: Any, i: int) -> Any:
        B, S, threshold = self.layers[i]
        Z = B @ Y + S @ X
        return self.torch.sign(Z) * self.torch.relu(self.torch.abs(Z) - threshold)


class ListaCPSS(Network):
    """LISTA with coupled weights and support selection (Chen et al. 2018): X <- select(X + Wᵢᵀ(Y - DX), θᵢ)."""

    schedule = Schedule(rate=5e-4)

    def new_layer(self) -> list[Any]:
        if self.layers:
            return self.again()
        D = self.D.numpy()
        step = 1 / np.linalg.norm(D, 2) ** 2
        return [self.parameter(step * D), self.parameter(0.1 * step)]

    def step(self, X: Any, Y: Any, i: int) -> Any:
        W, threshold = self.layers[i]
        return self.shrunk(X + W.T @ (Y - self.D @ X), threshold, i)


class Alista(Network):
    """ALISTA (Liu et al. 2019): X <- select(X - γᵢ Wᵀ(DX - Y), θᵢ), W found beforehand, γᵢ and θᵢ learned.

    W has the least ‖WᵀD‖_F among those with wⱼᵀdⱼ = 1 for all columns: wⱼ is a multiple of (DDᵀ)⁻¹dⱼ.
    """

    schedule = Schedule(rate=5e-3)

    def __init__(self, torch: Any, D: Array) -> None:
        super().__init__(torch, D)
        W = np.linalg.solve(D @ D.T, D)
        self.W = torch.from_numpy((W / np.sum(W * D, axis=0)).astype(np.float32))

    def new_layer(self) -> list[Any]:
        return self.again() if self.layers else [self.parameter(1.0), self.parameter(0.1)]

    def step(self, X: Any, Y: Any, i: int) -> Any:
        gamma, threshold = self.layers[i]
        return self.shrunk(X - gamma * (self.W.T @ (self.D @ X - Y)), threshold, i)


class Tista(Network):
    """TISTA (Ito, Takabe and Wadayama 2019): R = X + γᵢ W(Y - DX), W = D⁺, then the mean of X given R; γᵢ is learned.

    The variance v² of the error of X is estimated from the residual, that of R, τ², follows from it.
    """

    schedule = Schedule(rate=4e-2, shares=(1.0,), batch=256, most=200, look=50, patience=2)

    def __init__(self, torch: Any, D: Array, prior: Prior) -> None:
        super().__init__(torch, D)
        self.prior, self.W = prior, torch.from_numpy(np.linalg.pinv(D).astype(np.float32))
        self.trace, self.trace_of_W = float(np.sum(D**2)), float(np.sum(np.linalg.pinv(D) ** 2))

    def new_layer(self) -> list[Any]:
        return self.again() if self.layers else [self.parameter(1.0)]

    def step(self, X: Any, Y: Any, i: int) -> Any:
        torch, (gamma,), (k, n) = self.torch, self.layers[i], self.D.shape
        residual = Y - self.D @ X
        v2 = torch.clamp((torch.sum(residual**2, dim=0) - k * self.prior.noise) / self.trace, min=1e-9)
        tau2 = v2 / n * (n + (gamma**2 - 2 * gamma) * k) + gamma**2 * self.prior.noise / n * self.trace_of_W
        return self.mean(X + gamma * (self.W @ residual), torch.clamp(tau2, min=1e-9))

    def mean(self, R: Any, tau2: Any) -> Any:
        """E[x | x + N(0, τ²) = r] where x is N(0, 1) with the chance of the density, else 0."""
        p, xi = self.prior.density, 1 + tau2
        odds = math.log((1 - p) / p) + 0.5 * self.torch.log(xi / tau2) - 0.5 * R**2 * (1 / tau2 - 1 / xi)
        return R / xi * self.torch.sigmoid(-odds)


def train(network: Network, layers: int, draw: Draw, schedule: Schedule, held: Pair | None = None) -> Network:
    """Add layer after layer, each in the phases of the schedule; `held` are signals that `draw` never has."""
    torch = network.torch

    def as_tensors(pair: Pair) -> list[Any]:
        return [torch.from_numpy(A.astype(np.float32)) for A in pair]

    def tensors(count: int) -> list[Any]:
        return as_tensors(draw(count))

    held_out = tensors(HELD_OUT) if held is None else as_tensors(held)
    for t in range(1, layers + 1):
        network.layers.append(network.new_layer())
        for phase, share in enumerate(schedule.shares):
            first = t - 1 if phase == 0 and len(schedule.shares) > 1 else 0
            values = {id(value): value for layer in network.layers[first:] for value in layer}
            adam = torch.optim.Adam(list(values.values()), lr=schedule.rate * share)
            _descend(network, adam, tensors, held_out, schedule)
        network.of_depth.append([[value.detach().clone() for value in layer] for layer in network.layers])
    return network


def _descend(network: Network, adam: Any, tensors: Any, held_out: list[Any], schedule: Schedule) -> None:
    """One phase: the parameters that were best on the signals held out are those that are kept."""
    torch = network.torch
    values = [value for group in adam.param_groups for value in group["params"]]

    def error(X: Any, Y: Any) -> Any:
        return torch.sum((network.outputs(Y)[-1] - X) ** 2)

    def judged() -> float:
        with torch.no_grad():
            return float(error(*held_out))

    best, least, idle = [value.detach().clone() for value in values], judged(), 0
    for step in range(1, schedule.most + 1):
        adam.zero_grad()
        X, Y = tensors(schedule.batch)
        (error(X, Y) / torch.sum(X**2)).backward()
        adam.step()
        if step % schedule.look == 0:
            found = judged()
            idle = 0 if found < least * (1 - SAME_AS_BEFORE) else idle + 1
            if found < least:
                best, least = [value.detach().clone() for value in values], found
            if idle == schedule.patience:
                break
    with torch.no_grad():
        for value, kept in zip(values, best, strict=True):
            value.copy_(kept)


CLASSES: dict[str, type[Network]] = {"LISTA, tied": Lista, "LISTA-CPSS": ListaCPSS, "ALISTA": Alista, "TISTA": Tista}


def learn(
    name: str, D: Array, layers: int, draw: Draw, prior: Prior, schedule: Schedule, held: Pair | None = None
) -> Network | None:
    """The network of that name, trained as `train` tells; None where PyTorch is not installed."""
    if find_spec("torch") is None:
        return None
    import torch

    network = Tista(torch, D, prior) if name == "TISTA" else CLASSES[name](torch, D)
    return train(network, layers, draw, schedule, held)
