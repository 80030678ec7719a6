"""A proof by independent routes for every equation of the appendix.

`verify` runs all checks and returns one `Finding` per equation; `each_finding` yields them as they come. The routes:
exact rational arithmetic through the whole recursion, data on which float64 must equal the rationals bit for bit,
central differences, a global search for the proximity operator, and counterexamples. `dsrl_ref.verify.table` says which
functions of the package the row of an equation judges, and by which checks.

Three verdicts need their reason. (3) divides (2) by w1(b2-b1)/2, which is 0 where b2 = b1: there (2) says nothing and
(3) asks for b1 >= 0, which the appendix states only in its summary. (6) is an erratum, since it is printed for every Θ;
it is false only where w1 <= 1 or b2 = 0, and (3), which it is to guarantee, is asked for w1 > 1 alone. (13) is the
derivative of ξ off ties; at z = b1 or b2 its row is the derivative for a decreasing knot, at -b1 or -b2 that for an
increasing one, and the other one-sided derivative is another number. Ties follow the appendix's half-open rows, b2 <=
z, b1 <= z < b2, ...: the derivative is the right one in z. There is one rule and no switch; `Objective.ties` counts
them. Automatic differentiation has others.
"""

from dsrl_ref.verify.findings import Check, Finding
from dsrl_ref.verify.runner import each_finding, verify

__all__ = ["Check", "Finding", "each_finding", "verify"]
