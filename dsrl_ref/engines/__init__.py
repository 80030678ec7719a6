"""Other ways to the same J and gradient as the appendix's tensors.

An engine takes Θ and validation from below and no formula: shared tables would hide shared errors. Each is
judged by the `appendix` folder and by the exact arithmetic of `verify`.

The promise about errors
------------------------
With every engine of finitely many layers, the loss and each derivative are within 10³(t+1)·2^-53·S of those of exact
arithmetic through the regions that float64 finds; where D has n > 1,000 columns, within n(t+1)·2^-53·S, as sums over
them may be taken one by one. S is what (8) to (17) add up with absolute values throughout: of a difference both sides
are added, and X, Z and X_(t) - X̃ are replaced by the sizes of what cancelled to make them,

    M_(0) = |x0|    M_Z = M + |∇f|(M)/L    M_(i) = w1(M_Z + b1), or w2(M_Z + b2) + w1(b2 + b1), or 0, by Z's region

and M_(t) + |X̃|, with |∇f|(M) = M + |W|, or |D|ᵀ(|D|M + |Y|), and I + |H|/L for I - H/L. (|X_(t)| itself would not do:
next to a knot x = w1(z - b1) may be far smaller than z.) Tests hold it at 10(t+1): on entries next to knots, targets
next to X_(t) and networks that attenuate by up to 1e-30, 11 layers, the worst of 1,500 draws was 8 units of 2^-53·S.
"pieces", which does not form the residuals one by one, besides has every loss nonnegative and right to 32·2^-53 of
itself, but for entries within rounding of a knot, and those whose residuals are less than 2^-22 of their terms: these
are as float64 makes them one by one.

How to add an engine
--------------------
1. Write one file here. It holds the arithmetic, as functions of arrays; a class whose objects are a problem made
   ready (`engine.Prepared`: loss_and_gradient, gauss_newton, ties); and ``ENGINE``, an `engine.Engine`: its name, a
   summary for users, ``refuses(problem)`` and ``prepare(problem)``. What it gets is a `problem.Problem`: dense,
   validated, with zeros that nothing stores set aside. Sums over blocks, threads or parts are added by `parts`.
   Compiled loops go into one file in ``kernels/``, and are imported where they are called. ``prepare_layers`` makes the
   same with one Θ and one L a layer, whose derivatives are the terms that (10), (11), (15) and (16) add up; without it
   such a problem is refused. One class serves both where it works layer by layer: `problem.Problem.of_layers` gives
   Θ and L of each, and `problem.Problem.added` adds their derivatives up if all share them. An engine that reads its
   data by blocks, and forms no array of their size, says so by ``reads_disk=True``: others get none that is on disk.
   Training asks for ‖x_t - x̃‖² of every column, by ``errors(theta, L)`` of a prepared problem that has it; where it has
   not, `dsrl_ref.training.subset` runs the recursion, which may take longer than all evaluations.
2. Add one line to ``ENGINES`` in `table`, and one to ``RULES`` there if "auto" should take it.
   A problem may be spread over workers, whose parts are each prepared on its own (`dsrl_ref.distributed`). What
   ``terms`` and ``gauss_newton_terms`` of a prepared problem give, rows before they are added and rounded, is then
   added exactly over all parts, and ``Engine.complete`` makes J and its derivatives of it; ``Engine.cut`` says where a
   `LeastSquares` may be cut without a trace. Without these an engine rounds once a part. Prepared problems are sent
   from worker to worker: they can be pickled.
3. `Objective`, its docstring, ``dsrl-ref gradient``, the ways of `verify` and the tests of all engines read the table.
   Name what evaluates in `verify.table` too, so that it is spoiled there. `verify` then makes more checks: the README
   has the table that ``dsrl-ref verify --markdown --quick`` prints.
4. Tests ask three things of each line: wrong variants of its file (``tests/mutants/engines.py``), that it is among
   those that hold all properties of ``tests/engines/test_engines.py``, or has properties of its own, and a row of
   ``python -m benchmarks`` that is named after it, or has a contestant "dsrl_ref NAME".
"""
