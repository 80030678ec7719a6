"""The mathematics in plain NumPy, in the appendix's order and symbols.

Never optimised: every other number in the package is tested against this folder.

===========  ============================================================  =========
module       equations                                                     symbols
===========  ============================================================  =========
theta        (2), (3), (5), (6), (7): when is g nonnegative                Θ
regularizer  (1), (4): the regularizer and its slope                       g, ∇g
shrinkage    ξ = prox of g, its five pieces and the tie rule               ξ
network      (8), (9): the loss and the recursion                          J, Z, X
partials     (12), (13), (14), (17): derivatives of one layer              ∂X
totals       (10), (11), (15), (16): derivatives of the whole network      dX, dJ
layers       (10), (11), (15), (16): their terms left apart, by layer    Θ_i, L_i
===========  ============================================================  =========
"""

from dsrl_ref.appendix.network import SmoothTerm, forward, loss
from dsrl_ref.appendix.regularizer import prox, regularizer, regularizer_gradient
from dsrl_ref.appendix.shrinkage import region, shrink
from dsrl_ref.appendix.theta import Theta, as_theta, as_thetas

__all__ = [
    "SmoothTerm",
    "Theta",
    "as_theta",
    "as_thetas",
    "forward",
    "loss",
    "prox",
    "region",
    "regularizer",
    "regularizer_gradient",
    "shrink",
]
