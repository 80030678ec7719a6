"""The loss J (8), the recursion (9), and the protocol that a smooth term f must meet."""

from typing import Any, Protocol

import numpy as np

from dsrl_ref.appendix.shrinkage import shrink
from dsrl_ref.appendix.theta import Theta, ThetasLike, as_thetas
from dsrl_ref.arrays import Array, as_count, as_step_constants
from dsrl_ref.checked import gradient, require_finite, starting_point
from dsrl_ref.disk import arrays_of, refuse_if_on_disk
from dsrl_ref.threads import blas_threads, processors


class SmoothTerm(Protocol):
    """What f must offer: twice differentiable in the n×m matrix X, with a symmetric Hessian.

    `Fidelity` and `LeastSquares` meet it; so does any object with these five methods. X arrives read-only. An
    attribute ``shape`` (n, m) is optional; with it an x0 that does not fit is refused before f is called.

    Examples
    --------
    The quartic f(X) = ¼‖XXᵀ - S‖²_F, whose Hessian depends on X:

    >>> import numpy as np
    >>> from dsrl_ref import loss_and_gradient
    >>> class Quartic:
    ...     def __init__(self, S, x0):
    ...         self.S, self.x0 = S, x0
    ...     def value(self, X):
    ...         return 0.25 * np.sum((X @ X.T - self.S) ** 2)
    ...     def gradient(self, X):
    ...         return (X @ X.T - self.S) @ X
    ...     def hessian_product(self, V, X):
    ...         return (V @ X.T + X @ V.T) @ X + (X @ X.T - self.S) @ V
    ...     def lipschitz(self):
    ...         return float("inf")  # no global bound
    ...     def start(self):
    ...         return self.x0
    >>> f = Quartic(np.eye(3), np.full((3, 2), 0.5))
    >>> loss, gradient = loss_and_gradient(f, (1, 0.5, 0.125, 1), 4.0, layers=2, target=np.ones((3, 2)))
    >>> loss
    1.8259084671735764
    """

    def value(self, X: Any) -> float:
        """f(X)."""

    def gradient(self, X: Any) -> Any:
        """∇f(X), in the shape of X."""

    def hessian_product(self, V: Any, X: Any) -> Any:
        """∇²f(X) applied to the direction V, in the shape of X."""

    def lipschitz(self) -> float:
        """A Lipschitz constant of ∇f, or infinity."""

    def start(self) -> Any:
        """X_(0) where the caller gives none."""


def loss(target: Array, X: Array) -> float:
    """(8): J = ½‖X̃ - X_(t)‖²_F."""
    return float(0.5 * np.sum((target - X) ** 2))  # (8)


def forward(f: SmoothTerm, theta: ThetasLike, L: Any, layers: int, x0: Any = None) -> list[Any]:
    """Run the recursion.

    Parameters
    ----------
    f : SmoothTerm
        `Fidelity`, `LeastSquares`, or your own.
    theta : Theta or four numbers, or `layers` of them
        w1, w2, b1, b2: one Θ for all layers, or one a layer, ``(layers, 4)``.
    L : float or array_like (layers,)
        Step constant, positive: every layer steps by 1/L, or layer i by 1/L_i.
    layers : int
        t, the number of applications of ξ; 0 gives X_(0) alone.
    x0 : array_like (n, m) or scipy.sparse container, optional
        X_(0); by default ``f.start()``.

    Returns
    -------
    list of layers + 1 matrices
        X_(0), ..., X_(t); ``csr_array`` where f and `x0` are sparse.

    Raises
    ------
    ValueError
        For bad arguments, and where an iterate is not finite: the message names the layer.
    SizeError
        For data on disk: the message says how large the iterates are.

    Notes
    -----
    Eq. (9).

    Examples
    --------
    >>> from dsrl_ref import Fidelity
    >>> forward(Fidelity([[1.0, 0.25]]), (1, 1, 0.5, 0.5), L=1, layers=1)
    [array([[1.  , 0.25]]), array([[0.5, 0. ]])]

    One Θ and one L a layer:

    >>> forward(Fidelity([[1.0, 0.25]]), [(1, 1, 0.5, 0.5), (1, 1, 0.25, 0.25)], L=[1, 2], layers=2)[-1]
    array([[0.5, 0. ]])
    """
    layers = as_count(layers, "layers")
    thetas, constants = as_thetas(theta, layers), as_step_constants(L, layers).tolist()
    _require_in_memory(f, layers)
    X = starting_point(f, x0)
    _require_in_memory(X, layers)
    iterates, (n, m) = [X], X.shape
    with blas_threads(processors(), n * n * m):
        for i, (theta, L) in enumerate(zip(thetas, constants, strict=True), start=1):
            Z = preactivation(f, X, L, layer=i)
            X = require_finite(
                shrink(Z, theta), f"X_({i})", i, f"the network diverges from L = {L} or slopes in {theta}"
            )  # (9)
            iterates.append(X)
    return iterates


def _require_in_memory(data: Any, layers: int) -> None:
    """Refuse what is on disk: all iterates are returned, in memory."""
    advice = (
        "FitResult.apply writes X_(t) alone to out=, and a ScalarMap is what a network of Fidelity is, entry by entry"
    )
    refuse_if_on_disk(f"X_(0), ..., X_({layers})", [data, *arrays_of(data)], advice, layers + 1)


def preactivation(f: SmoothTerm, X: Any, L: float, layer: int) -> Any:
    """Z_(i) = X_(i-1) - ∇f(X_(i-1))/L, with the step 1/L rounded once: the arithmetic decides the ties."""
    step = 1.0 / L
    with np.errstate(over="ignore", invalid="ignore"):
        Z = X - step * gradient(f, X, layer)
    return require_finite(Z, f"Z_({layer})", layer, f"the network diverges; L = {L} may be too small")


def preactivations(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> list[Any]:
    """Z_(1), ..., Z_(t) of the recursion, from which every X and every region follows."""
    found: list[Any] = []
    for i in range(1, layers + 1):
        X = shrink(found[-1], theta) if found else x0
        found.append(preactivation(f, X, L, i))
    return found
