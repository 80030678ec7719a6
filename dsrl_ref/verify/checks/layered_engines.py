"""Checks of one Θ and one L a layer on every engine that takes them, and on every method of `Objective`.

The engines are those of the table of engines that have it; "sparse" is what "auto" takes for a `Fidelity` of which
everything is stored sparse.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import forward, preactivation
from dsrl_ref.appendix.shrinkage import rows
from dsrl_ref.differences import differences
from dsrl_ref.errors import SizeError
from dsrl_ref.objective import Objective
from dsrl_ref.verify import exact, exact_layers
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.checks.engines import CLOSE, GAP, MOST_UNITS
from dsrl_ref.verify.checks.layers import agrees, matrix_of
from dsrl_ref.verify.engines import copied
from dsrl_ref.verify.exact import Flat
from dsrl_ref.verify.findings import Check, none_differ
from dsrl_ref.verify.layered import LayeredProblem, network_layers
from dsrl_ref.verify.networks import MOST_HIDDEN, UNIT, exactly
from dsrl_ref.verify.ways import LAYERED_WAYS, LayeredWay, objective

CLOSE_AT_FREE = Fraction(1e-11)  # of S: exp and log give Θ back to a few units, and the products are as many
NAMES = tuple(way.name for way in LAYERED_WAYS)


def on_grid(cases: Cases) -> Iterator[Check]:
    """Every way equals the rationals bit for bit where float64 is exact; its matrix and its ties are the rationals'."""
    wrong, tried, ties = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for problem in cases.layered.grid:
        arguments, of_layers = problem.arguments(), (problem.float_thetas(), problem.float_constants())
        matrix = matrix_of(exact_layers.sensitivities(problem.network.f, problem.layers, problem.path))
        for way in _ways_of(problem):
            J = way.objective(arguments)
            *beside, got = J.gauss_newton(*of_layers)
            wrong[way.name, "terms"] += not _is(J(*of_layers), problem.loss, problem.terms)
            wrong[way.name, "matrix"] += not agrees(got, matrix) or not _is(beside, problem.loss, problem.terms)
            wrong[way.name, "ties"] += J.ties(*of_layers) != problem.ties
            tried[way.name] += 1
            ties[way.name] += problem.ties
    for name in NAMES:
        what = f"networks, {ties[name]} ties"
        yield none_differ(f'(t, 5) terms by "{name}", bit for bit', wrong[name, "terms"], tried[name], what)
        yield none_differ(f'Gauss-Newton matrix, 5t×5t, by "{name}"', wrong[name, "matrix"], tried[name], "matrices")
        yield none_differ(f'ties by "{name}"', wrong[name, "ties"], tried[name], "networks")


def equal_layers(cases: Cases) -> Iterator[Check]:
    """Where all layers have one Θ and one L, the terms add up to the gradient of the network that shares them."""
    wrong, tried = Counter[str](), Counter[str]()
    for problem in cases.layered.equal:
        arguments = problem.arguments()
        f, theta, L, layers, x0, target = arguments
        right = [sum(line) for line in zip(*problem.terms, strict=True)] or [exact.ZERO] * 5
        for way in _ways_of(problem):
            loss, gradient = way.objective(arguments)([theta] * layers, [L] * layers)
            wrong[way.name] += not exactly(np.array(gradient).sum(axis=1), right)
            method = "auto" if way.name == "sparse" else way.name
            once, shared = Objective(f, target, layers=layers, x0=x0, method=method)(theta, L)
            wrong[way.name] += loss != once or np.array(gradient).sum(axis=1).tolist() != list(shared)
            tried[way.name] += 1
    for name in NAMES:
        yield none_differ(f'Σ of the terms of equal layers by "{name}", bit for bit', wrong[name], tried[name], "sums")


def rounding(cases: Cases) -> Iterator[Check]:
    """Every way is within some units of 2^-53·S, on 53-bit data, each layer with another L."""
    worst, tried = dict.fromkeys(NAMES, 0.0), Counter[str]()
    for problem in cases.layered.rational:
        if not _regions_are_exact(problem):
            continue  # rounding moved an entry across a knot
        right, sizes = _right_and_sizes(problem)
        for way in _ways_of(problem):
            got = _numbers(way.objective(problem.arguments())(problem.float_thetas(), problem.float_constants()))
            worst[way.name] = max(worst[way.name], *map(_units, got, right, sizes))
            tried[way.name] += 1
    for name in NAMES:
        figure = f"{worst[name]:.3g} units of 2^-53·S, {tried[name]} networks"
        yield Check(f'rounding of the terms by "{name}"', tried[name] > 0 and worst[name] <= MOST_UNITS, figure)


def by_differences(cases: Cases) -> Check:
    """Every way against central differences of the loss in float64, f not quadratic among them."""
    rng, worst, taken, draws = np.random.default_rng(cases.seed), 0.0, set[str](), 0
    for _ in range(8 * cases.layered.draws):
        if draws == cases.layered.draws:
            break
        arguments, thetas, L = network_layers(rng, draws)
        try:
            expected = differences(objective(arguments, "tangent", per_layer=True), thetas, L)
        except ValueError:
            continue  # entries on knots
        if any(found.size and found.rounding > MOST_HIDDEN * found.size for found in expected.values()):
            continue  # where all is 0, as ∂X_(1)/∂L is at x0 = W, the rounding hides nothing
        draws += 1
        for way in (way for way in LAYERED_WAYS if way.takes(arguments)):
            _, gradient = way.objective(arguments)(thetas, L)
            derivatives = np.array(gradient).T.ravel().tolist()
            gaps = [d.gap(value) for d, value in zip(expected.values(), derivatives, strict=True)]
            worst, taken = max(worst, *gaps), taken | {way.name}
    figure = f"worst gap {worst:.2g} beyond rounding, {draws} networks"
    enough = draws == cases.layered.draws and taken == set(NAMES)
    return Check("the terms by every way against central differences", enough and worst <= GAP, figure)


def in_order(cases: Cases) -> Iterator[Check]:
    """`Gradient` of arrays (t,); `flat`, `free` and the matrix a layer after the other; one Θ is that of all layers."""
    wrong, of_free, tried, free_tried = 0, 0, 0, 0
    for problem in cases.layered.grid[:: 2 if cases.quick else 4]:
        J, thetas, L = _objective(problem), np.reshape(problem.float_thetas(), (-1, 4)), problem.float_constants()
        loss, flat = J.flat(np.column_stack([thetas, L]).ravel())
        wrong += Fraction(loss) != problem.loss or not exactly(flat, _joined(problem.terms))
        wrong += not _is(J(thetas, L), problem.loss, problem.terms)
        wrong += not _is(J.gauss_newton(thetas, L)[:2], problem.loss, problem.terms)
        equal = problem.shared()
        wrong += not _is(
            _objective(equal)(problem.network.float_theta(), float(problem.network.L)), equal.loss, equal.terms
        )
        tried += 4
    yield none_differ("Gradient, flat, gauss_newton, and one Θ for all layers, in order", wrong, tried, "calls")
    for problem in cases.layered.rational[:: 2 if cases.quick else 4]:
        if not all(0 < row[2] < row[3] for row in problem.layers.numbers) or not _regions_are_exact(problem):
            continue
        J = _objective(problem)
        loss, gradient = J.free(J.to_free(problem.float_thetas(), problem.float_constants()))
        right, sizes = (_in_free(problem, numbers) for numbers in _right_and_sizes(problem))
        apart = [abs(Fraction(value) - number) for value, number in zip([loss, *gradient], right, strict=True)]
        of_free += any(gap > CLOSE_AT_FREE * S for gap, S in zip(apart, sizes, strict=True))
        free_tried += 1
    yield none_differ("the terms at free numbers, by the chain rule", of_free, free_tried, "networks")


def large(cases: Cases) -> Iterator[Check]:
    """Many copies of a small problem, with one thread and with three: copies times its terms."""
    entries = 12_000 if cases.quick else 120_000  # of which the tensor (14) would be beyond its limit
    for kind in (exact.Fidelity, exact.LeastSquares):
        deep = [p for p in cases.layered.grid if isinstance(p.network.f, kind) and p.network.layers in (2, 3)]
        problem = max(deep, key=lambda p: len(p.network.x0))
        right, sizes = _right_and_sizes(problem)
        copies = entries // len(problem.network.x0)
        arguments = copied(problem.network, copies, None)
        for way in (way for way in LAYERED_WAYS if way.takes(arguments)):
            worst = 0.0
            try:
                for threads in (3, 1):  # the other way round, memory not cleared might hold the answer already
                    J = way.objective(arguments, threads=threads)
                    got = _numbers(J(problem.float_thetas(), problem.float_constants()))
                    gaps = (abs(Fraction(a) / copies - b) / (S or 1) for a, b, S in zip(got, right, sizes, strict=True))
                    worst = max(worst, float(max(gaps)))
            except SizeError:
                continue
            name = f'the terms of a large {kind.__name__} by "{way.name}", with 1 and 3 threads'
            yield Check(name, worst <= CLOSE, f"{arguments.x0.size} entries: gap {worst:.2g}·S")


def _ways_of(problem: LayeredProblem) -> list[LayeredWay]:
    arguments = problem.arguments()
    return [way for way in LAYERED_WAYS if way.takes(arguments)]


def _objective(problem: LayeredProblem) -> Objective:
    return objective(problem.arguments(), "auto", per_layer=True)


def _numbers(answer: Sequence[Any]) -> list[float]:
    """The loss and the terms, a layer after the other."""
    loss, gradient = answer
    return [loss, *np.array(gradient).T.ravel().tolist()]


def _is(answer: Sequence[Any], loss: Fraction, terms: list[Flat]) -> bool:
    """Whether a loss and a `Gradient` of arrays are these, bit for bit."""
    if any(np.shape(column) != (len(terms),) for column in answer[1]):
        return False
    return exactly(np.array(_numbers(answer)), [loss, *_joined(terms)])


def _right_and_sizes(problem: LayeredProblem) -> tuple[Flat, Flat]:
    """The loss and the terms, and the S of each."""
    f, target = problem.network.f, problem.network.target
    of_loss, scales = exact_layers.rounding_scale(f, problem.layers, problem.path, target)
    return [problem.loss, *_joined(problem.terms)], [of_loss, *_joined(scales)]


def _units(got: float, right: Fraction, size: Fraction) -> float:
    """An error in units of 2^-53·S."""
    error = abs(Fraction(got) - right)
    return float(error / size) / UNIT if size else (0.0 if error == 0 else np.inf)


def _in_free(problem: LayeredProblem, numbers: Flat) -> Flat:
    """Derivatives in log w1, log w2, log b1, log(b2 - b1), log L of each layer, of the loss and those in Θ and L."""
    loss, *derivatives = numbers
    found = [loss]
    for i, (w1, w2, b1, b2, L) in enumerate(problem.layers.numbers):
        dw1, dw2, db1, db2, dL = derivatives[5 * i : 5 * i + 5]
        found += [w1 * dw1, w2 * dw2, b1 * db1 + b1 * db2, (b2 - b1) * db2, L * dL]
    return found


def _regions_are_exact(problem: LayeredProblem) -> bool:
    """Whether float64 finds every entry where the rationals have it."""
    f, _, _, layers, x0, _ = problem.arguments()
    thetas, constants = problem.float_thetas(), problem.float_constants()
    iterates = forward(f, thetas, constants, layers, x0)
    for i, (theta, of_theta) in enumerate(zip(thetas, problem.layers.thetas, strict=True)):
        Z = preactivation(f, iterates[i], float(constants[i]), i + 1)
        if rows(Z, theta).ravel().tolist() != [exact.row(z, of_theta) for z in problem.path.preactivations[i]]:
            return False
    return True


def _joined(lines: list[Flat]) -> Flat:
    return [value for line in lines for value in line]
