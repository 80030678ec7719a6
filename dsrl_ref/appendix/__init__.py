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
layers       (10), (11), (15), (16): their terms left apart, by layer      Θ_i, L_i
===========  ============================================================  =========

`statements` has all of them as the appendix prints them, in TeX, for the page of ``verify --report``.

How to add an equation
----------------------
1. Write it as a function of the module where it belongs, in the appendix's symbols and order of rows, with its number
   at the line, ``# (12)``, and name it in the table above. Arguments are validated by what a user calls, not here.
2. Add a row to `dsrl_ref.verify.table`: the equation, the functions of the package that are it, and checks that judge
   them by rationals or differences, which share no code with them. A test spoils each of these functions and asks the
   row to fail.
3. State it in TeX in `statements`.
4. Add wrong variants to ``tests/mutants/appendix.py``, and the same in scalar loops to ``tests/naive.py``.
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
