"""What Θ and L are of an objective: one of each for all layers, or one of each a layer.

An `Objective` asks one of the two kinds here for all that differs between them: how Θ and L are read, how many numbers
they are, in which order, and how derivatives are handed back.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dsrl_ref import free
from dsrl_ref.appendix.theta import Theta, as_theta, as_thetas
from dsrl_ref.arrays import Array, as_real, as_step_constant, as_step_constants


class Gradient(NamedTuple):
    """dJ/dw1, dJ/dw2, dJ/db1, dJ/db2 and dJ/dL: floats, or arrays (t,) where every layer has a Θ and an L."""

    w1: Any
    w2: Any
    b1: Any
    b2: Any
    L: Any


def is_a_layer_each(theta: Any, L: Any) -> bool:
    """Whether what was given as Θ and L looks like one a layer: several rows of numbers, or several L."""
    if isinstance(theta, list | tuple) and any(isinstance(row, list | tuple | np.ndarray) for row in theta):
        return True
    return isinstance(L, list | tuple) or getattr(theta, "ndim", 0) == 2 or getattr(L, "ndim", 0) == 1


class Shared:
    """One Θ and one L for all layers: five numbers, w1, w2, b1, b2, L."""

    size = 5

    def read(self, theta: Any, L: Any) -> tuple[Theta, float]:
        """Validate Θ and L; ValueError or TypeError, with what is wrong."""
        try:
            return as_theta(theta), as_step_constant(L)
        except (ValueError, TypeError) as error:
            if is_a_layer_each(theta, L):
                advice = "all layers share one Θ and one L here; Objective(..., per_layer=True) gives each its own"
                raise type(error)(f"{error}: {advice}") from None
            raise

    def of_flat(self, x: Any) -> tuple[Any, Any]:
        """Θ and L, not yet validated, of five numbers."""
        x = as_real(x, "x")
        if x.shape != (5,):
            raise ValueError(f"x must be (w1, w2, b1, b2, L), got shape {x.shape}")
        return x[:4], x[4]

    def projected(self, values: Array) -> tuple[Theta, float]:
        """Θ, projected onto (7), and L of five numbers as `fit` stores them."""
        return Theta.projected(values[:4]), float(values[4])

    def raw(self, values: Array) -> tuple[Array, float]:
        """Θ (4,) and L of the same numbers, as they are."""
        return values[:4], float(values[4])

    def told(self, values: Array) -> tuple[Array, Array]:
        """Θ (epochs, 4) and L (epochs,) of five numbers for each epoch, as they are."""
        return values[:, :4], values[:, 4]

    def gradient(self, derivatives: Array) -> Gradient:
        """Name the five derivatives; what is 0 is +0.0."""
        return Gradient(*map(float, derivatives + 0.0))

    def from_free(self, u: Any) -> tuple[Theta, float]:
        """Θ and L of five real numbers."""
        return free.from_free(u)

    def to_free(self, theta: Any, L: Any) -> Array:
        """The five real numbers of Θ and L."""
        return free.to_free(theta, L)

    def in_free(self, gradient: Gradient, u: Any) -> Array:
        """The derivatives in u, from those in Θ and L."""
        return free.pulled(np.array(gradient), u)

    def where(self, derivatives: Array, theta: Theta, L: float) -> str:
        """Say at which Θ and L something overflows."""
        return f"with {theta}, L = {L}"


class PerLayer:
    """One Θ and one L a layer: 5t numbers, w1, w2, b1, b2, L of the first layer, then those of the second, ...

    Parameters
    ----------
    layers : int
        t.
    """

    def __init__(self, layers: int) -> None:
        self.layers, self.size = layers, 5 * layers

    def read(self, theta: Any, L: Any) -> tuple[tuple[Theta, ...], Array]:
        """Validate Θ_1, ..., Θ_t and L_1, ..., L_t; what is wrong is told with its layer.

        One Θ, or one L, is that of all layers.
        """
        return as_thetas(theta, self.layers), as_step_constants(L, self.layers)

    def of_flat(self, x: Any) -> tuple[Any, Any]:
        """Θ (t, 4) and L (t,), not yet validated, of 5t numbers."""
        rows = self._rows(x, "x", "w1, w2, b1, b2, L")
        return rows[:, :4], rows[:, 4]

    def projected(self, values: Array) -> tuple[Array, Array]:
        """Θ (t, 4), every row projected onto (7), and L (t,) of 5t numbers as `fit` stores them."""
        theta, L = self.of_flat(values)
        return np.array([Theta.projected(row) for row in theta]).reshape(-1, 4), L.copy()

    def raw(self, values: Array) -> tuple[Array, Array]:
        """Θ (t, 4) and L (t,) of the same numbers, as they are."""
        theta, L = self.of_flat(values)
        return theta.copy(), L.copy()

    def told(self, values: Array) -> tuple[Array, Array]:
        """Θ (epochs, t, 4) and L (epochs, t) of 5t numbers for each epoch, as they are."""
        rows = values.reshape(-1, self.layers, 5)
        return rows[:, :, :4], rows[:, :, 4]

    def gradient(self, derivatives: Array) -> Gradient:
        """Name the columns of the derivatives (t, 5); what is 0 is +0.0."""
        return Gradient(*np.ascontiguousarray(derivatives.T + 0.0))

    def from_free(self, u: Any) -> tuple[tuple[Theta, ...], Array]:
        """Θ_1, ..., Θ_t and L (t,) of 5t real numbers."""
        found = list(map(free.from_free, self._free_rows(u)))
        return tuple(theta for theta, _ in found), np.array([L for _, L in found])

    def to_free(self, theta: Any, L: Any) -> Array:
        """The 5t real numbers of Θ and L; ValueError, with the layer, where one lies at u = -∞."""
        u = np.empty((self.layers, 5))
        for i, (own, constant) in enumerate(zip(*self.read(theta, L), strict=True)):
            try:
                u[i] = free.to_free(own, constant)
            except ValueError as error:
                raise ValueError(f"layer {i + 1}: {error}") from error
        return u.ravel()

    def in_free(self, gradient: Gradient, u: Any) -> Array:
        """The derivatives in u, from those in Θ and L."""
        rows = np.array(gradient).T
        return np.array([free.pulled(*both) for both in zip(rows, self._free_rows(u), strict=True)]).ravel()

    def where(self, derivatives: Array, theta: tuple[Theta, ...], L: Array) -> str:
        """Say of which layer the derivatives overflow, if it is they that do: of the last, which is where it begins."""
        wrong = np.flatnonzero(~np.isfinite(derivatives).all(axis=1))
        if not wrong.size:
            return "with these Θ and L"
        return f"with {theta[wrong[-1]]}, L = {L[wrong[-1]]} in layer {wrong[-1] + 1}"

    def _free_rows(self, u: Any) -> Array:
        return self._rows(u, "u", "w1, w2, b1, b2 - b1 and L")

    def _rows(self, numbers: Any, name: str, what: str) -> Array:
        numbers = as_real(numbers, name)
        if numbers.shape != (self.size,):
            raise ValueError(
                f"{name} must be {self.size} numbers, for {what} of each of {self.layers} layers, a layer after the "
                f"other; got shape {numbers.shape}"
            )
        return numbers.reshape(self.layers, 5)


Parameters: TypeAlias = Shared | PerLayer
