"""A proof by independent routes for every equation of the appendix.

`verify` runs all checks and returns one `Finding` per equation; `each_finding` yields them as they come. The routes:
exact rational arithmetic through the whole recursion, data on which float64 must equal the rationals bit for bit,
central differences, a global search for the proximity operator, and counterexamples. `dsrl_ref.verify.table` says which
functions of the package the row of an equation judges, and by which checks.
"""

from dsrl_ref.verify.findings import Check, Finding
from dsrl_ref.verify.runner import each_finding, verify

__all__ = ["Check", "Finding", "each_finding", "verify"]
