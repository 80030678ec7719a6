"""The checks, one module for each of the `appendix` folder; `dsrl_ref.verify.table` says which equation has which.

A check is a function of `Cases` that returns one `Check` or more. Where its name begins with "verify's own rationals",
it judges the appendix in exact arithmetic and touches no code of the package; every other one calls the package.
"""
