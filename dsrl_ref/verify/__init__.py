"""A proof by independent routes for every equation of the appendix.

`verify` runs all checks and returns one `Finding` per equation. The routes: exact rational arithmetic through
the whole recursion, data on which float64 must equal the rationals bit for bit, central differences, a global
search for the proximity operator, and counterexamples.
"""

from dsrl_ref.verify.findings import Check, Finding
from dsrl_ref.verify.runner import verify

__all__ = ["Check", "Finding", "verify"]
