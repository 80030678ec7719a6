"""One Θ and one L a layer, by every engine that takes them: rationals, what must be invariant, and their memory."""

import os
from fractions import Fraction

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from methods import FIDELITY_ONLY, LEAST_SQUARES_ONLY, OF_PIECES, PER_LAYER, each_per_layer, suited
from strategies import FloatQuartic, examples, floats, layered_problems, problems

from dsrl_ref import Fidelity, LeastSquares, Objective, check_gradient, forward
from dsrl_ref.engines import recursion, tangent
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.table import ENGINES
from dsrl_ref.errors import DivergenceError

OF_COLUMNS = ["columns", "support", "fused", "pieces", "disk"]  # which tell the error of each
JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"


def objective(problem, method, f=None, **options):
    """The objective of a problem of the grid, one Θ a layer."""
    f = problem.term if f is None else f
    x0, target = floats(problem.x0), floats(problem.target)
    return Objective(f, target, layers=problem.layers, x0=x0, method=method, per_layer=True, **options)


def in_floats(thetas, constants):
    return floats(thetas).reshape(-1, 4), np.array([float(L) for L in constants])


def rationals(array):
    return [Fraction(x) for x in np.asarray(array).ravel().tolist()]


def squares(target, X):
    """Σ(x - x̃)² of every column."""
    pairs = zip(zip(*X, strict=True), zip(*target, strict=True), strict=True)
    return [sum((x - goal) ** 2 for x, goal in zip(*pair, strict=True)) for pair in pairs]


def ties(f, thetas, constants, x0):
    _, Z = naive.layered_forward(f, thetas, constants, x0)
    return sum(abs(z) in own[2:] for own, matrix in zip(thetas, Z, strict=True) for line in matrix for z in line)


def test_there_are_engines_that_take_them():
    assert {"tensor", "tangent", "adjoint", "columns", "support", "fused", "pieces", "disk"} <= set(PER_LAYER)


@each_per_layer
@examples(40)
@given(drawn=layered_problems())
def test_all_that_an_engine_tells_equals_the_rationals(method, drawn):
    problem, thetas, constants = drawn
    problem = suited(problem, method)
    J, at = objective(problem, method), in_floats(thetas, constants)
    last = naive.layered_forward(problem.f, thetas, constants, problem.x0)[0][-1]
    expected = naive.layered_gradient(problem.f, thetas, constants, problem.x0, problem.target)
    products = naive.layered_gauss_newton(problem.f, thetas, constants, problem.x0)
    loss, gradient, matrix = J.gauss_newton(*at)
    assert Fraction(loss) == naive.loss(problem.target, last)
    assert rationals(np.array(gradient).T) == [value for row in expected for value in row]
    assert matrix.shape == (5 * problem.layers,) * 2
    assert rationals(matrix) == [value for row in products for value in row]
    again, same = J(*at)
    assert (again, np.array(same).tolist()) == (loss, np.array(gradient).tolist())
    if method in OF_COLUMNS:
        assert rationals(J.errors(*at)) == squares(problem.target, last)
    assert J.ties(*at) == ties(problem.f, thetas, constants, problem.x0)


@each_per_layer
@examples(40)
@given(problem=problems())
def test_the_sum_over_layers_is_the_shared_gradient_bit_for_bit(method, problem):
    problem = suited(problem, method)
    theta, L = problem.float_theta, float(problem.L)
    x0, target = floats(problem.x0), floats(problem.target)
    shared = Objective(problem.term, target, layers=problem.layers, x0=x0, method=method)
    loss, gradient, matrix = shared.gauss_newton(theta, L)
    own_loss, own, own_matrix = objective(problem, method).gauss_newton(theta, L)
    assert own_loss == loss
    assert np.array(own).sum(axis=1).tolist() == list(gradient)
    blocks = own_matrix.reshape(problem.layers, 5, problem.layers, 5)
    assert np.array_equal(blocks.sum(axis=(0, 2)), matrix)
    assert objective(problem, method).ties(theta, L) == shared.ties(theta, L)


@pytest.mark.parametrize("method", [name for name in PER_LAYER if name not in LEAST_SQUARES_ONLY])
@examples(30)
@given(drawn=layered_problems(kinds=("fidelity",)))
def test_what_nothing_stores_counts_as_zeros_do(method, drawn):
    problem, thetas, constants = drawn
    problem = suited(problem, method)
    J, at = objective(problem, method), in_floats(thetas, constants)
    W, x0, target = (sp.csr_array(floats(X)) for X in (problem.f.W, problem.x0, problem.target))
    sparse = Objective(Fidelity(W), target, layers=problem.layers, x0=x0, method=method, per_layer=True)
    assert sparse.ties(*at) == J.ties(*at)
    (loss, gradient, matrix), expected = sparse.gauss_newton(*at), J.gauss_newton(*at)
    assert loss == expected[0]
    assert np.array_equal(gradient, expected[1])
    assert np.array_equal(matrix, expected[2])


@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint"])
def test_the_gradient_is_one_of_differences_where_the_hessian_depends_on_X(method):
    """¼‖XXᵀ - S‖²: each layer's own X is where its Hessian is taken."""
    rng = np.random.default_rng(0)
    S, x0, target = rng.normal(size=(3, 3)), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    thetas, L = [(1.1, 0.6, 0.1, 0.5), (0.8, 0.9, 0.2, 0.4), (1.3, 0.7, 0.05, 0.7)], [9.0, 14.0, 11.0]
    J = Objective(FloatQuartic(S + S.T), target, layers=3, x0=x0, method=method, per_layer=True)
    assert np.count_nonzero(J(thetas, L)[1]) >= 12
    found = check_gradient(J, thetas, L)
    assert found.gap < 1e-7
    assert len(found.gaps) == 15


def learnable(m=30, layers=4):
    rng = np.random.default_rng(2)
    D, X = rng.normal(size=(8, 12)) / 3, rng.normal(size=(12, m)) * (rng.random((12, m)) < 0.3)
    thetas = np.column_stack([rng.uniform(0.5, 1.2, (layers, 2)), np.sort(rng.uniform(0.01, 0.3, (layers, 2)))])
    return LeastSquares(D, D @ X), X, thetas, rng.uniform(4, 9, layers)


@pytest.mark.parametrize("numbers", [1, 4 * 5 * 12 * 7, 10**9])
@pytest.mark.parametrize("kind", ["fidelity", "least squares"])
def test_the_products_are_those_of_all_columns_however_many_are_taken_at_once(monkeypatch, numbers, kind):
    f, X, thetas, L = learnable()
    f = Fidelity(X[::-1]) if kind == "fidelity" else f
    matrix_of_all = Objective(f, X, layers=4, method="tangent", per_layer=True).gauss_newton(thetas, L)[2]
    widths, carry = [], tangent.carried
    monkeypatch.setattr(tangent, "MOST_NUMBERS", numbers)
    monkeypatch.setattr(
        tangent,
        "carried",
        lambda f, layers, places, tape, x0: widths.append(x0.shape[1]) or carry(f, layers, places, tape, x0),
    )
    J = Objective(f, X, layers=4, method="adjoint", per_layer=True)
    (loss, gradient, matrix), (right, expected) = J.gauss_newton(thetas, L), J(thetas, L)
    assert loss == right
    assert np.array(gradient) == pytest.approx(np.array(expected), rel=1e-11, abs=1e-12)
    assert matrix == pytest.approx(matrix_of_all, rel=1e-12, abs=1e-12)
    assert sum(widths) == 30
    assert max(widths) == max(1, min(30, numbers // (4 * 5 * 12)))


def test_an_f_of_ones_own_is_not_divided(monkeypatch):
    """Columns of ¼‖XXᵀ - S‖² interact."""
    f, x0 = FloatQuartic(np.eye(3)), np.full((3, 2), 0.5)
    J = Objective(f, np.ones((3, 2)), layers=2, x0=x0, method="adjoint", per_layer=True)
    expected = J.gauss_newton((1, 0.5, 0.125, 1), 4.0)[2]
    monkeypatch.setattr(tangent, "MOST_NUMBERS", 1)
    assert np.array_equal(J.gauss_newton((1, 0.5, 0.125, 1), 4.0)[2], expected)


class Counting(Fidelity):
    """A term that notes how often it is asked."""

    asked = 0

    def gradient(self, X):
        self.asked += 1
        return super().gradient(X)

    def hessian_product(self, V, X):
        self.asked += 1
        return super().hessian_product(V, X)


def test_the_terms_left_apart_ask_no_more_of_f_than_their_sum():
    f, theta = Counting([[1.0, 0.25, -2.0]]), (1, 0.5, 0.25, 1)
    counts = []
    for per_layer in (False, True):
        f.asked = 0
        Objective(f, [[0.0, 1.0, 2.0]], layers=5, method="adjoint", per_layer=per_layer)(theta, 2.0)
        counts.append(f.asked)
    assert counts == [15, 15]


@pytest.mark.parametrize(("per_layer", "products"), [(False, 5 * 4), (True, 5 * (1 + 2 + 3 + 4))])
@pytest.mark.parametrize("method", ["tangent", "adjoint"])
def test_gauss_newton_asks_for_a_gradient_a_layer_and_a_product_for_each_sensitivity(method, per_layer, products):
    """One pass: those of the first layer begin in it, and nothing is evaluated again for the loss and the gradient."""
    f = Counting([[1.0, 0.25, -2.0]])
    J = Objective(f, [[0.0, 1.0, 2.0]], layers=5, method=method, per_layer=per_layer)
    J.gauss_newton((1, 0.5, 0.25, 1), 2.0)
    assert f.asked == 5 + products


@each_per_layer
def test_a_network_that_diverges_is_refused_with_the_layer(method):
    f = Fidelity([[1e250]]) if method in FIDELITY_ONLY else LeastSquares([[1e100]], [[1.0]])
    x0 = [[0.0 if method in OF_PIECES else 1e10]]
    J = Objective(f, [[0.0]], layers=3, x0=x0, method=method, per_layer=True)
    with pytest.raises(ValueError, match=r"not finite in layer [12]"):
        J((1, 1, 0, 0), [1e-100, 1.0, 1.0])


@each_per_layer
def test_ties_of_a_network_that_diverges_are_refused(method):
    f = Fidelity([[1e250]]) if method in FIDELITY_ONLY else LeastSquares([[1e100]], [[1.0]])
    x0 = [[0.0 if method in OF_PIECES else 1e10]]
    J = Objective(f, [[0.0]], layers=3, x0=x0, method=method, per_layer=True)
    with pytest.raises(ValueError, match=r"not finite in layer [12]"):
        J.ties((1, 1, 0, 0), [1e-100, 1.0, 1.0])


@pytest.mark.parametrize("shape", [(1, 700), (700, 1), (40, 23)])
@pytest.mark.parametrize("method", OF_COLUMNS)
def test_the_error_of_a_column_has_the_same_bits_for_any_threads_and_any_blocks(monkeypatch, method, shape):
    n, m = shape if JIT else (min(shape[0], 70), min(shape[1], 70))
    rng = np.random.default_rng(4)
    f = LeastSquares(rng.normal(size=(5, n)), rng.normal(size=(5, m)))
    f = Fidelity(rng.normal(size=(n, m))) if method in FIDELITY_ONLY else f
    target, thetas, L = (
        rng.normal(size=(n, m)),
        [(1.1, 0.6, 0.1, 0.5), (0.8, 0.9, 0.2, 0.4)],
        np.array([1.5, 2.0]) * f.lipschitz(),
    )
    x0 = f.start() if method in OF_PIECES else 0.5 * target
    found = set()
    for most, threads in ((2**20, 1), (2**20, 3), (50, 1), (50, 2), (1, 3)):
        monkeypatch.setattr(recursion, "MOST_ENTRIES", most)
        J = Objective(f, target, layers=2, x0=x0, method=method, per_layer=True, threads=threads)
        found.add(J.errors(thetas, L).tobytes())
    expected = np.sum((forward(f, thetas, L, 2, x0)[-1] - target) ** 2, axis=0)
    assert J.errors(thetas, L) == pytest.approx(expected, rel=1e-11)
    assert len(found) == 1


@pytest.mark.parametrize("method", OF_COLUMNS)
def test_errors_of_a_network_that_diverges_are_refused_with_the_layer(method):
    f = Fidelity([[1e250, 1.0]]) if method in FIDELITY_ONLY else LeastSquares([[1e100]], [[1.0, 0.0]])
    x0 = [[0.0, 0.0] if method in OF_PIECES else [1e10, 0.0]]
    J = Objective(f, [[0.0, 0.0]], layers=3, x0=x0, method=method, per_layer=True)
    with pytest.raises(DivergenceError, match=r"not finite in layer [12]"):
        J.errors((1, 1, 0, 0), [1e-100, 1.0, 1.0])


def test_errors_are_told_where_columns_are_known():
    """Of a sparse matrix engines have the stored entries, without places. Squares may overflow where X does not."""
    W, thin = np.array([[1.0, 3.0], [2.0, 4.0]]), np.diag([3.0, 2.0])
    for method in ("fused", "pieces"):
        dense, *sparse = (
            Objective(Fidelity(form), layers=2, method=method, per_layer=True)
            for form in (W, sp.csr_array(W), sp.csr_array(thin))
        )
        assert dense.errors((1, 1, 0.5, 0.5), 1).tolist() == [0.5, 0.5]
        assert [J.errors((1, 1, 0.5, 0.5), 1) for J in sparse] == [None, None]
    assert Objective(Fidelity(W), layers=2, method="adjoint", per_layer=True).errors((1, 1, 0.5, 0.5), 1) is None
    for method in ("columns", "support"):
        J = Objective(LeastSquares([[1.0]], [[0.0, 0.0]]), [[1e200, 1.0]], layers=1, method=method)
        assert J.errors((1, 1, 0.5, 0.5), 1).tolist() == [np.inf, 1.0]


@pytest.mark.parametrize("method", [name for name in ENGINES if name not in PER_LAYER])
def test_an_engine_that_shares_theta_says_so(method):
    f = LeastSquares([[1.0]], [[1.0]])
    f = f if ENGINES[method].refuses(Problem(f, np.ones((1, 1)), np.ones((1, 1)), 1)) is None else Fidelity([[1.0]])
    with pytest.raises(ValueError, match=f"method '{method}' has one Θ and one L for all layers.*; take 'auto'"):
        Objective(f, [[1.0]], layers=2, method=method, per_layer=True)


@pytest.mark.parametrize("method", ["fused"])
def test_entries_of_many_chunks_and_blocks_agree_with_the_tangents(monkeypatch, method):
    """And have the same bits for any number of threads."""
    monkeypatch.setattr(recursion, "BLOCK", 512)
    rng = np.random.default_rng(3)
    W, x0, target = rng.normal(size=(3, 3, 400 if JIT else 201))
    thetas = [(1.1, 0.6, 0.1, 0.5), (0.8, 0.9, 0.2, 0.4), (1.3, 0.7, 0.05, 0.7)]
    way = lambda name, threads=1: Objective(  # noqa: E731
        Fidelity(W), target, layers=3, x0=x0, method=name, per_layer=True, threads=threads
    ).gauss_newton(thetas, [1.5, 0.8, 2.0])
    loss, gradient, matrix = way("tangent")
    found = {b"".join(np.asarray(part).tobytes() for part in way(method, threads)) for threads in (1, 2, 3)}
    ours = way(method)
    assert len(found) == 1
    assert ours[0] == pytest.approx(loss, rel=1e-13)
    assert np.array(ours[1]) == pytest.approx(np.array(gradient), rel=1e-11, abs=1e-11)
    assert ours[2] == pytest.approx(matrix, rel=1e-11, abs=1e-10)


def test_auto_takes_one_that_can():
    for entries in (9, 10**6):
        assert Objective(Fidelity(np.ones((1, entries))), layers=2, per_layer=True).method in PER_LAYER
