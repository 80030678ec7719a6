"""Checks of one Θ and one L a layer: dJ/dΘ_i and dJ/dL_i are the terms that (10), (11), (15) and (16) add up.

`appendix.layers` states it; here it is judged as the appendix writes it, in float64 and in exact arithmetic. What the
engines make of it is judged in `layered_engines`.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array, issparse

import dsrl_ref
from dsrl_ref.appendix import layers as appendix
from dsrl_ref.arrays import Array
from dsrl_ref.smooth import Fidelity
from dsrl_ref.verify import exact, exact_layers
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.checks.totals import integers
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.findings import OWN, Check, none_differ, of_rationals
from dsrl_ref.verify.layered import LayeredProblem
from dsrl_ref.verify.networks import TINY, exactly, laid_out
from dsrl_ref.verify.problems import SHAPES

SMALL_GAP = Fraction(1, 2**350)
IN_MATRIX = 2.0**-40  # of the diagonal, what a product of two derivatives may round off


def terms_agree(cases: Cases) -> Iterator[Check]:
    """Forward and backward give the same terms; they add up to the shared gradient; both in exact arithmetic."""
    problems, differ, sums_differ = cases.layered.rational, 0, 0
    for problem in problems:
        f, target = problem.network.f, problem.network.target
        differ += exact_layers.forward_terms(f, problem.layers, problem.path, target) != problem.terms
        equal = problem.shared()
        sums = [sum(line) for line in zip(*equal.terms, strict=True)]
        sums_differ += sums != exact.reverse_gradient(f, problem.network.theta, problem.network.L, equal.path, target)
    yield of_rationals("forward and reverse give the same terms", differ, len(problems), "networks")
    yield of_rationals("the terms of equal layers add up to (10) and (15)", sums_differ, len(problems), "networks")


def terms_are_differences(cases: Cases) -> Check:
    """Exact differences of the loss in the five parameters of every layer."""
    worst, tried = Fraction(0), 0
    for problem in cases.layered.rational[:: 2 if cases.quick else 4]:
        rows = problem.layers.numbers
        if not all(0 < row[2] < row[3] for row in rows):
            continue  # on the boundary of the feasible Θ there are only one-sided differences
        for i in range(len(rows)):
            for c in range(5):
                up, down = (_moved_loss(problem, i, c, h) for h in (TINY, -TINY))
                worst = max(worst, abs((up - down) / (2 * TINY) - problem.terms[i][c]))
                tried += 1
    bits = worst.numerator.bit_length() - worst.denominator.bit_length()
    name = OWN + "the terms agree with exact differences in each layer, step 2^-200"
    return Check(name, tried > 0 and worst < SMALL_GAP, f"worst gap 2^{bits} of {tried} derivatives")


def _moved_loss(problem: LayeredProblem, layer: int, number: int, h: Fraction) -> Fraction:
    rows = [
        [v + h * ((i, c) == (layer, number)) for c, v in enumerate(r)] for i, r in enumerate(problem.layers.numbers)
    ]
    path = exact_layers.run(problem.network.f, exact_layers.of_numbers(rows), problem.network.x0)
    return exact.loss(path.iterates[-1], problem.network.target)


def partials_are_exact(cases: Cases) -> Check:
    """`appendix.layers.partials`: (12), (13) and (17) side by side, n×m×5."""
    wrong, tried = 0, 0
    for problem in cases.layered.grid:
        f, *_ = problem.arguments()
        own = exact_layers.own_terms(problem.network.f, problem.layers, problem.path)
        numbers = zip(problem.float_thetas(), problem.float_constants().tolist(), own, strict=True)
        for i, (theta, L, right) in enumerate(numbers):
            X, Z = (problem.network.matrix(part[i]) for part in (problem.path.iterates, problem.path.preactivations))
            got = appendix.partials(f, Z, X, theta, L, i + 1)
            wrong += not laid_out(got, (*Z.shape, 5), _joined(right))
            tried += 1
    return none_differ("partials has (12), (13) and (17) of a layer, bit for bit", wrong, tried, "layers")


def pulled_is_exact(cases: Cases) -> Check:
    """`appendix.layers.pulled`: C_(i-1), the pair (p,q) contracted, with tensors of no symmetry."""
    rng, wrong = cases.rng("pulled"), 0
    for _ in range(cases.many // 3):
        n, m = rng.choice(SHAPES)
        tensor, cotangent = integers(rng, n, m, n, m), integers(rng, n, m)
        flat = [[Fraction(v) for v in array.ravel().tolist()] for array in (tensor, cotangent)]
        size = n * m
        right = [sum((flat[0][pq * size + jk] * flat[1][pq] for pq in range(size)), exact.ZERO) for jk in range(size)]
        wrong += not laid_out(appendix.pulled(tensor, cotangent), (n, m), right)
    return none_differ("pulled contracts (p,q) and keeps (j,k), bit for bit", wrong, cases.many // 3, "tensors")


def appendix_is_exact(cases: Cases) -> Iterator[Check]:
    """`appendix.layers`: its gradient backward, its sensitivities forward, and their products, W dense and sparse."""
    gradients, carried, products, tried = 0, 0, 0, 0
    for problem in cases.layered.grid:
        f, _, _, layers, x0, target = problem.arguments()
        thetas, constants = problem.float_thetas(), problem.float_constants()
        flat = _joined(problem.terms)
        dX = exact_layers.sensitivities(problem.network.f, problem.layers, problem.path)
        of_entries = [value for line in zip(*dX, strict=True) for five in line for value in five]
        last, matrix = problem.path.iterates[-1], matrix_of(dX)
        terms = [f, Fidelity(csr_array(f.W))] if isinstance(f, Fidelity) else [f]
        for term in terms:
            loss, gradient = appendix.loss_and_gradient(term, thetas, constants, x0, target)
            gradients += Fraction(loss) != problem.loss or not laid_out(gradient, (layers, 5), flat)
            X, found = appendix.sensitivities(term, thetas, constants, x0)
            carried += not exactly(X, last) or not laid_out(found, (*x0.shape, layers, 5), of_entries)
            products += not agrees(appendix.gauss_newton(term, thetas, constants, x0), matrix)
            tried += 1
    yield none_differ("appendix.layers.loss_and_gradient, bit for bit", gradients, tried, "networks")
    yield none_differ("appendix.layers.sensitivities, bit for bit", carried, tried, "networks")
    yield none_differ("appendix.layers.gauss_newton", products, tried, "matrices")


def iterates_are_exact(cases: Cases) -> Check:
    """`forward` with one Θ and one L a layer, dense and sparse."""
    wrong, tried = 0, 0
    for problem in cases.layered.grid:
        f, _, _, layers, x0, _ = problem.arguments()
        of_layers = np.reshape(problem.float_thetas(), (layers, 4)), problem.float_constants()
        runs = [dsrl_ref.forward(f, *of_layers, layers, x0)]
        if isinstance(f, Fidelity):
            sparse = dsrl_ref.forward(Fidelity(csr_array(f.W)), *of_layers, layers, csr_array(x0))
            wrong += not all(map(issparse, sparse))
            runs.append([X.toarray() for X in sparse])
        for iterates in runs:
            wrong += len(iterates) != layers + 1 or not all(map(exactly, iterates, problem.path.iterates))
            tried += 1
    return none_differ("forward, each layer by its own Θ and L, bit for bit", wrong, tried, "networks")


def matrix_of(dX: list[list[Flat]]) -> Array:
    """Σ (∂x/∂a)(∂x/∂b) of exact sensitivities, each sum rounded once."""
    columns = [[line[c] for line in total] for total in dX for c in range(5)]
    products = [[float(sum(map(_times, p, q))) for q in columns] for p in columns]
    return np.array(products).reshape(len(columns), len(columns))


def _times(a: Fraction, b: Fraction) -> Fraction:
    return a * b if a and b else exact.ZERO


def agrees(got: Array, right: Array) -> bool:
    """Whether two Gauss-Newton matrices are of one shape, and differ by rounding alone."""
    size = np.sqrt(np.outer(np.diag(right), np.diag(right)))
    return got.shape == right.shape and bool((np.abs(got - right) <= IN_MATRIX * size).all())


def _joined(lines: list[Flat]) -> Flat:
    return [value for line in lines for value in line]
