"""One Θ and one L a layer: the terms that (10), (11), (15) and (16) add up, left apart.

Let layer i have a Θ_i and an L_i of its own,

    X_(i) = ξ_{Θ_i}( X_(i-1) - ∇f(X_(i-1))/L_i ),    i = 1, ..., t,

and let J be (8). Θ_i acts on X_(i) directly, and on what follows through X_(i) alone. By the chain rule

    dJ/dΘ_i = Σ_pq [∂X_(i)/∂Θ_i]_pq [C_(i)]_pq    and    dJ/dL_i = Σ_pq [∂X_(i)/∂L_i]_pq [C_(i)]_pq,

where ∂X_(i) is that of (12), (13) and (17) at Z_(i), Θ_i and L_i, and C_(i) = dJ/dX_(i) is the cotangent of X_(i):

    C_(t) = X_(t) - X̃,    [C_(i-1)]_jk = Σ_pq [∂X_(i)/∂X_(i-1)]_pqjk [C_(i)]_pq, with the tensor (14) of layer i.

Nothing else is new. Written out, the recursion (11) adds up one term a layer,

    dX_(t)/dΘ = Σ_i ∂X_(i)/∂Θ · ∂X_(i+1)/∂X_(i) · ... · ∂X_(t)/∂X_(t-1),    contracted from left to right.

Contracted with dJ/dX_(t), as (10) asks, the last product is C_(i), and the i-th term is dJ/dΘ_i at Θ_i = Θ and
L_i = L. So the gradient of the network that shares its parameters is the sum over i of these gradients; and the same
holds of (15) and (16) for L. The order of what is returned is that of the layers: the first row is the first layer's.
"""

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm, loss, preactivation
from dsrl_ref.appendix.partials import dL, dtheta, dX, require_tensor_fits
from dsrl_ref.appendix.shrinkage import xi
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.appendix.totals import contract, total
from dsrl_ref.arrays import Array
from dsrl_ref.checked import gradient


def partials(f: SmoothTerm, Z: Array, X: Array, theta: Theta, L: float, layer: int) -> Array:
    """(12), (13), (17): ∂X_(i) with respect to the five parameters of layer i, n×m×5, from Z_(i) and X = X_(i-1)."""
    return np.concatenate([dtheta(Z, theta), dL(Z, gradient(f, X, layer), theta, L)[:, :, np.newaxis]], axis=2)


def pulled(tensor: Array, cotangent: Array) -> Array:
    """C_(i-1) from the tensor (14) of layer i and C_(i), both n×m, contracted over (p,q)."""
    return np.einsum("pqjk,pq->jk", tensor, cotangent)


def loss_and_gradient(
    f: SmoothTerm, thetas: tuple[Theta, ...], L: Array, x0: Array, target: Array
) -> tuple[float, Array]:
    """J (8) and its derivatives in the parameters of every layer, backward.

    Parameters
    ----------
    f : SmoothTerm
        Of n×m matrices.
    thetas : tuple of t Theta
        Θ_1, ..., Θ_t; see `as_thetas`.
    L : ndarray (t,)
        L_1, ..., L_t; see `as_step_constants`.
    x0, target : ndarray (n, m)
        X_(0) and X̃.

    Returns
    -------
    loss : float
        J.
    gradient : ndarray (t, 5)
        Row i: dJ/dw1, dJ/dw2, dJ/db1, dJ/db2 and dJ/dL of layer i.

    Raises
    ------
    SizeError
        Where the tensor (14) would exceed 1 GiB, before anything is computed.

    Examples
    --------
    >>> from dsrl_ref import Fidelity
    >>> thetas = Theta(1, 1, 0.5, 0.5), Theta(1, 1, 0.25, 0.25)
    >>> loss, gradient = loss_and_gradient(
    ...     Fidelity([[4.0]]), thetas, np.array([2.0, 2.0]), np.zeros((1, 1)), np.ones((1, 1))
    ... )
    >>> gradient
    array([[ 0.    ,  1.125 , -0.75  ,  0.    , -0.75  ],
           [ 0.    ,  3.75  , -1.5   ,  0.    , -0.9375]])
    """
    require_tensor_fits(x0.shape)
    X, tape = x0, []
    for i, (theta, constant) in enumerate(zip(thetas, L, strict=True), start=1):
        Z = preactivation(f, X, constant, i)
        tape.append((i, Z, X, theta, constant))
        X = xi(Z, theta)  # (9)
    cotangent = X - target  # dJ/dX_(t)
    gradients = np.zeros((len(thetas), 5))
    for i, Z, before, theta, constant in reversed(tape):
        gradients[i - 1] = contract(partials(f, Z, before, theta, constant, i), cotangent)  # (10), (15): the i-th term
        cotangent = pulled(dX(f, Z, before, theta, constant, i), cotangent)  # (14)
    return loss(target, X), gradients


def sensitivities(f: SmoothTerm, thetas: tuple[Theta, ...], L: Array, x0: Array) -> tuple[Array, Array]:
    """X_(t), n×m, and its derivatives in the parameters of every layer, n×m×t×5, forward.

    In (11) and (16) the parameters of layer i meet ∂X_(i) in layer i, and afterwards only the tensors of the layers
    that follow. `contract` with the residual gives the gradient again, in the other order of multiplication.
    """
    require_tensor_fits(x0.shape)
    X, of_layers = x0, list[Array]()
    for i, (theta, constant) in enumerate(zip(thetas, L, strict=True), start=1):
        Z = preactivation(f, X, constant, i)
        tensor = dX(f, Z, X, theta, constant, i)  # (14)
        of_layers = [total(np.zeros_like(before), tensor, before) for before in of_layers]  # (11), (16)
        of_layers.append(partials(f, Z, X, theta, constant, i))  # (12), (13), (17)
        X = xi(Z, theta)  # (9)
    return X, np.stack(of_layers, axis=2) if of_layers else np.zeros((*x0.shape, 0, 5))


def gauss_newton(f: SmoothTerm, thetas: tuple[Theta, ...], L: Array, x0: Array) -> Array:
    """Σ (∂x/∂a)(∂x/∂b) over the entries x of X_(t), 5t×5t.

    a and b run over w1, w2, b1, b2, L of the first layer, then over those of the second, and so on.
    """
    _, dX_dlayers = sensitivities(f, thetas, L, x0)
    rows = dX_dlayers.reshape(x0.size, 5 * len(thetas))
    return rows.T @ rows
