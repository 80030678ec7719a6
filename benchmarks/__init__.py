"""Benchmarks that check before they time.

``python -m benchmarks`` in a checkout; ``pip install '.[bench]'`` brings the peers.

How to add a row
----------------
1. Write a function of a size, "full", "quick" or "smallest", that returns a `rows.Row`; the first line of its
   docstring is what ``--list`` says. It makes its data from a seed and lets `rows.require_agreement` call every
   contestant once, which compiles what compiles. Only then are they timed, in turn, by `measure.time_in_turn`. Ours
   come first and are named "dsrl_ref ENGINE". A peer that is not installed is None among the contestants.
2. Add it to ``ROWS`` of its file. The suite runs every row at its smallest size, in one round, and reads no time.
3. Figures that the README gives are those of the full size, all contestants of a row in one run.
"""
