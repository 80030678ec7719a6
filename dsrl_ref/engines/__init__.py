"""Other ways to the same J and gradient as the appendix's tensors.

An engine takes Θ and validation from below and no formula: shared tables would hide shared errors. Each is
judged by the `appendix` folder and by the exact arithmetic of `verify`.

How to add an engine
--------------------
1. Write one file here. It holds the arithmetic, as functions of arrays; a class whose objects are a problem made
   ready (`engine.Prepared`: loss_and_gradient, gauss_newton, ties); and ``ENGINE``, an `engine.Engine`: its name, a
   summary for users, ``refuses(problem)`` and ``prepare(problem)``. What it gets is a `problem.Problem`: dense,
   validated, with zeros that nothing stores set aside. Sums over blocks, threads or parts are added by `parts`.
   Compiled loops go into one file in ``kernels/``, and are imported where they are called. ``prepare_layers`` makes the
   same with one Θ and one L a layer, whose derivatives are the terms that (10), (11), (15) and (16) add up; without it
   such a problem is refused. One class serves both where it works layer by layer: `problem.Problem.of_layers` gives
   Θ and L of each, and `problem.Problem.added` adds their derivatives up if all share them.
2. Add one line to ``ENGINES`` in `table`, and one to ``RULES`` there if "auto" should take it.
3. `Objective`, its docstring, ``dsrl-ref gradient``, the ways of `verify` and the tests of all engines read the table.
   Name what evaluates in `verify.table` too, so that it is spoiled there.
4. Tests ask three things of each line: wrong variants of its file (``tests/mutants/engines.py``), that it is among
   those that hold all properties of ``tests/engines/test_engines.py``, or has properties of its own, and a row of
   ``python -m benchmarks`` that names it.
"""
