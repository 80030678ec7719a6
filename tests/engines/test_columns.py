"""LeastSquares by blocks of columns: the same numbers for any width, and memory that does not grow with m."""

import os
import tracemalloc
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from strategies import exact, examples, floats, problems

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta
from dsrl_ref.engines import columns
from dsrl_ref.engines.problem import Problem

THETA, LAYERS = Theta(1.1, 0.6, 0.02, 0.1), 6
JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"


def problem(k=8, n=12, m=30, seed=0):
    rng = np.random.default_rng(seed)
    f = LeastSquares(rng.normal(size=(k, n)), rng.normal(size=(k, m)))
    return f, f.lipschitz(), rng.normal(size=(n, m))


def evaluate(method, f, theta, L, layers, x0, target):
    """Loss and gradient, an array of five."""
    loss, gradient = Objective(f, target, layers=layers, x0=x0, method=method)(theta, L)
    return loss, np.array(gradient)


@pytest.mark.parametrize("entries", [1, 50, 10**9])
@examples(60)
@given(drawn=problems(kinds=("least squares",)))
def test_equals_the_rationals_at_any_width(entries, drawn):
    """One column at a time, two or three where the layers are few, all."""
    f, x0, target = drawn.term, floats(drawn.x0), floats(drawn.target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "BLOCK_ENTRIES", entries)
        J, gradient = Objective(f, target, layers=drawn.layers, x0=x0, method="columns")(drawn.float_theta, 4.0)
    assert naive.loss(drawn.target, naive.forward(*drawn.arguments[:5])[0][-1]) == J
    assert naive.tensor_gradient(*drawn.arguments) == list(gradient)


@pytest.mark.parametrize("shape", [(4, 12), (6, 12), (20, 12)])
@pytest.mark.parametrize("entries", [1, 1000, 2**21])
@pytest.mark.parametrize("sparse", [False, True])
def test_agrees_with_the_unblocked_pass(monkeypatch, shape, entries, sparse):
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", entries)
    f, L, target = problem(*shape)
    f = LeastSquares(sp.csr_array(f.D), f.Y) if sparse else f
    for x0 in (np.zeros(target.shape), 0.5 * target):
        ours = evaluate("columns", f, THETA, L, LAYERS, x0, target)
        theirs = evaluate("adjoint", f, THETA, L, LAYERS, x0, target)
        assert ours[0] == pytest.approx(theirs[0], rel=1e-13)
        assert ours[1] == pytest.approx(theirs[1], rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 5, 4)])
@pytest.mark.parametrize("lengthened", [0.6, 1.0, 30.0, 1e3, 1e9])
def test_loses_no_digits_of_any_derivative_however_short_the_step(shape, lengthened):
    f, L, target = problem(*shape)
    L = 1 / (1 / (lengthened * L))
    _, gradient = evaluate("columns", f, THETA, L, 3, 0.5 * target, target)
    rational = (naive.LeastSquares(exact(f.D), exact(f.Y)), [*map(Fraction, THETA)], 1 / Fraction(1 / L), 3)
    rational = (*rational, exact(0.5 * target), exact(target))
    assert_within_rounding(gradient, rational)


@pytest.mark.parametrize("shape", [(4, 3), (2, 5)])
@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-4, 1e-8])
def test_loses_no_digits_where_one_column_of_D_is_far_shorter_and_all_depends_on_it(shape, scale):
    rng, (k, n) = np.random.default_rng(0), shape
    D, x0, target = rng.normal(size=shape), np.zeros((n, 2)), np.zeros((n, 2))
    D[:, 0] *= scale
    f, x0[0], target[0] = LeastSquares(D, 0.1 * rng.normal(size=(k, 2))), 2 + rng.normal(size=2), 1.0
    theta, L = Theta(1.0, 0.9, 0.3, 0.5), 1 / (1 / f.lipschitz())
    _, gradient = evaluate("columns", f, theta, L, 3, x0, target)
    rational = (naive.LeastSquares(exact(f.D), exact(f.Y)), [*map(Fraction, theta)], 1 / Fraction(1 / L), 3)
    assert_within_rounding(gradient, (*rational, exact(x0), exact(target)))


def assert_within_rounding(gradient, rational):
    _, sizes = naive.scale(*rational)
    for ours, theirs, S in zip(gradient, naive.tensor_gradient(*rational), sizes, strict=True):
        assert abs(Fraction(ours) - theirs) <= 1e-13 * S


@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("k", [3, 8, 20])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("entries", "tangents", "gathered"), [(1, 1, 1), (700, 60, 30), (1000, 1, 2**18), (2**21, 2**10, 2**18)]
)
def test_gauss_newton_is_that_of_the_unblocked_pass(monkeypatch, entries, tangents, gathered, sparse, k, per_layer):
    """And its loss has the bits of the gradient's."""
    sizes = {"BLOCK_ENTRIES": entries, "TANGENTS": tangents, "TANGENT_WORK": 1, "GATHERED": gathered}
    for name, size in sizes.items():
        monkeypatch.setattr(columns, name, size)
    f, L, target = problem(k)
    f = LeastSquares(sp.csr_array(np.where(abs(f.D) > 0.5, f.D, 0.0)), f.Y) if sparse else f
    theta = [Theta(1.1 - 0.1 * i, 0.6 + 0.1 * i, 0.2 * i, 0.5 + 0.3 * i) for i in range(4)] if per_layer else THETA
    for x0 in (np.zeros(target.shape), 0.5 * target):
        J, other = (
            Objective(f, target, layers=4, x0=x0, method=method, per_layer=per_layer)
            for method in ("columns", "adjoint")
        )
        (loss, gradient, matrix), expected = J.gauss_newton(theta, L), other.gauss_newton(theta, L)
        assert loss == J(theta, L)[0] == pytest.approx(expected[0], rel=1e-13)
        assert np.array(gradient) == pytest.approx(np.array(expected[1]), rel=1e-11, abs=1e-10)
        assert matrix == pytest.approx(expected[2], rel=1e-11, abs=1e-9)


def test_products_with_sensitivities_take_only_the_rows_that_are_active(monkeypatch):
    """A column at a time of each; there are five sensitivities of the first layer, ten of the first two."""
    monkeypatch.setattr(columns, "TANGENTS", 1)
    monkeypatch.setattr(columns, "TANGENT_WORK", 1)
    D, target = np.eye(4), np.zeros((4, 2))
    f = LeastSquares(D, [[3.0, 0.0], [0.5, 3.0], [-3.0, 0.5], [0.0, 0.5]])
    J = Objective(f, target, layers=3, method="columns", per_layer=True)
    seen, apply = [], columns.Curvature.apply_listed

    def noted(self, V, before, rows):
        seen.append((V.shape, before.tolist(), rows.tolist()))
        return apply(self, V, before, rows)

    monkeypatch.setattr(columns.Curvature, "apply_listed", noted)
    J.gauss_newton((1, 1, 1, 2), 1.0)
    first = [((0, 0), [], [0, 2]), ((2, 5), [0, 2], [0, 2]), ((2, 10), [0, 2], [0, 2])]
    second = [((0, 0), [], [1]), ((1, 5), [1], [1]), ((1, 10), [1], [1])]
    assert seen == [*first, *second]


def test_the_square_of_D_is_formed_once_for_all_evaluations(monkeypatch):
    formed, form = [], columns._gram
    monkeypatch.setattr(columns, "_gram", lambda D, rows: formed.append(rows) or form(D, rows))
    f, L, target = problem()
    J = Objective(f, target, layers=LAYERS, method="columns")
    assert len(formed) == 1
    for _ in range(2):
        J(THETA, L), J.gauss_newton(THETA, L), J.ties(THETA, 2 * L)
    assert len(formed) == 1


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("evaluation", ["__call__", "gauss_newton", "ties"])
def test_more_columns_need_no_more_memory(monkeypatch, sparse, start, evaluation):
    """Two layers of 80 entries a column: a block holds 250 of the columns."""
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", 20_000)
    peaks = []
    for m in (250, 4000 if JIT else 1000):
        f, L, target = problem(m=m)
        f = LeastSquares(sp.csr_array(f.D), f.Y) if sparse else f
        x0 = f.start() + start
        J = Objective(f, target, layers=2, x0=x0, method="columns")
        run = partial(getattr(J, evaluation), THETA, L)
        if JIT:
            run()  # compiles
        tracemalloc.start()
        run()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 1.2 * peaks[0]


def test_inputs_are_left_alone():
    f, L, target = problem()
    x0 = target.copy()
    kept = [array.tobytes() for array in (f.D, f.Y, target, x0)]
    J = Objective(f, target, layers=LAYERS, x0=x0, method="columns")
    assert np.shares_memory(J.x0, x0)
    J(THETA, L)
    assert [array.tobytes() for array in (f.D, f.Y, target, x0)] == kept


def test_is_for_least_squares_alone():
    class Other(LeastSquares):
        pass

    for f in (Fidelity([[1.0]]), Other([[1.0]], [[1.0]])):
        with pytest.raises(ValueError, match=f"method 'columns' is for LeastSquares alone, got {type(f).__name__}"):
            Objective(f, [[1.0]], layers=1, method="columns")


def test_ties_are_those_of_its_own_arithmetic():
    """Z is X - step·(DᵀDX - DᵀY): another order of operations, so that a Z beside a knot elsewhere is on it here."""
    D, L, b = np.array([[0.166195485167498, -1.293020305872751]]), 1.6995224506893225, 0.055882103107045916
    f, theta, target = LeastSquares(D, np.full((1, 3), 0.8164072979811922)), (0.5, 0.5, b, b), np.full((2, 3), -1.0)
    by_columns, by_tape = (Objective(f, target, layers=2, method=method) for method in ("columns", "adjoint"))
    curvature, X, on_knots, product = columns.Curvature(D, 12), np.zeros((2, 3)), 0, np.empty((2, 3))
    for layer in range(2):
        curvature.apply(X, product)
        Z = X - 1.0 / L * ((product if layer else 0 * X) - D.T @ f.Y)
        X, on_knots = np.where(np.abs(Z) >= b, 0.5 * (Z - np.sign(Z) * b), 0.0), on_knots + np.sum(np.abs(Z) == b)
    assert by_columns.ties(theta, L) == on_knots
    assert by_columns.ties(theta, L) != by_tape.ties(theta, L) == 3
    apart = by_columns(theta, L)[1].b1 - by_tape(theta, L)[1].b1
    assert abs(apart) > 1  # as three entries lie on the other side


@pytest.mark.parametrize("entries", [1, 100, 10**6])
def test_ties_are_counted_in_every_block(monkeypatch, entries):
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", entries)
    f = LeastSquares(np.eye(2), [[0.5, 1.0, -0.5, 0.25], [2.0, -0.5, 0.0, 0.5]])
    J = Objective(f, np.zeros((2, 4)), layers=3, method="columns")
    assert J.ties((1, 1, 0.5, 0.5), 1.0) == 12  # Z is Y in every layer


class Counting(np.ndarray):
    """A matrix that notes the multiplications of each product it is in; of a symmetric one NumPy makes half."""

    products: list = []  # noqa: RUF012

    def __array_ufunc__(self, ufunc, kind, *inputs, **options):
        plain = [np.asarray(matrix) for matrix in inputs]
        if ufunc is np.matmul:
            (n, k), (_, m) = (matrix.shape for matrix in plain)
            symmetric = np.shares_memory(*plain) and n == m
            self.products.append(n * k * m // (2 if symmetric else 1))
        return getattr(ufunc, kind)(*plain, **options)


def work(*steps):
    """How many multiplications each product took that the steps made."""
    Counting.products.clear()
    for step in steps:
        step()
    return list(Counting.products)


@pytest.mark.parametrize(
    ("k", "n", "m", "by_gram"),
    [(4, 8, 640, True), (8, 19, 640, False), (40, 20, 2, False), (40, 20, 9, True), (40, 20, 200, True)],
)
def test_takes_the_products_that_are_less_work(k, n, m, by_gram):
    """DᵀD once and its products, or D and Dᵀ for every column: measured, and within a tenth of the lesser."""
    D, V, out = np.ones((k, n)).view(Counting), np.ones((n, m)).view(Counting), np.empty((n, m))
    one_by_one = sum(work(lambda: D.T @ (D @ V).view(Counting)))
    at_once = sum(work(lambda: (D.T @ D) @ V))
    taken = sum(work(lambda: columns.Curvature(D, m).apply(V, out)))
    assert taken <= 1.1 * min(one_by_one, at_once)
    assert (taken == at_once) is by_gram
    assert out == pytest.approx(k * n)


def test_a_tall_sparse_D_is_a_small_square_that_is_dense():
    rng = np.random.default_rng(0)
    D = sp.csr_array(np.where(rng.random((3000, 40)) < 0.1, rng.random((3000, 40)), 0.0))
    curvature = columns.Curvature(D, 2000)
    assert curvature.gram == pytest.approx((D.T @ D).toarray(), rel=1e-12, abs=1e-12)
    assert columns.Curvature(D.T.tocsr(), 2000).gram is None


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_a_square_of_D_that_overflows_is_not_formed(kind):
    """Products with D itself may be finite, as `judges.where_DtD_overflows` asks."""
    D, V, out = np.array([[2.0**513, 0, 1], [0, 2.0**513, 0]]), np.full((3, 1), 2.0**-500), np.empty((3, 1))
    curvature = columns.Curvature(kind(D), 10**6)
    curvature.apply(V, out)
    assert curvature.gram is None
    assert out.ravel().tolist() == [2.0**526 + 2.0**13, 2.0**526, 2.0**13]
    assert columns.Curvature(kind(D / 4), 10**6).gram is not None


@pytest.mark.parametrize("shape", [(8, 12), (3, 12), (40, 12)])
def test_no_product_is_so_long_that_an_interrupt_waits_for_it(monkeypatch, shape):
    f, L, target = problem(*shape)
    expected = evaluate("columns", f, THETA, L, LAYERS, 0.5 * target, target)
    monkeypatch.setattr(columns, "MOST_MULTIPLICATIONS", 2_000)
    widths, apply = [], columns.Curvature.apply

    def counted(self, V, out):
        widths.append(V.shape[1])
        apply(self, V.view(Counting), out)

    monkeypatch.setattr(columns.Curvature, "apply", counted)
    prepared, answers = columns.Columns(Problem(f, 0.5 * target, target, LAYERS)), []
    prepared.problem.f = SimpleNamespace(D=f.D.view(Counting), Y=f.Y)
    products = work(lambda: answers.append(prepared.loss_and_gradient(THETA, L)))
    assert max(products) <= 2_000
    assert max(widths) == 30 or max(products) * (max(widths) + 1) / max(widths) > 2_000  # no column more would do
    assert answers[0][0] == pytest.approx(expected[0], rel=1e-13)
    assert answers[0][1] == pytest.approx(expected[1], rel=1e-11)


@pytest.mark.parametrize("k", [3, 20])
def test_nor_is_a_product_with_sensitivities(monkeypatch, k):
    """By D and Dᵀ, and by all of DᵀD; rows of DᵀD are gathered a few at a time in any case."""
    rng, rows, answers = np.random.default_rng(3), np.arange(12), []
    D, V = rng.normal(size=(k, 12)), rng.normal(size=(12, 40))
    curvature = columns.Curvature(D.view(Counting), 100)
    if k == 20:
        curvature.gram = curvature.gram.view(Counting)
    monkeypatch.setattr(columns, "MOST_MULTIPLICATIONS", 1_000)
    products = work(lambda: answers.append(curvature.apply_listed(V, rows, rows)))
    assert len(products) > 1
    assert 900 < max(products) <= 1_000
    assert np.asarray(answers[0]) == pytest.approx(D.T @ D @ V, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shape", [(8, 12), (3, 12), (40, 12)])
def test_no_product_with_a_sparse_D_takes_longer_than_that(monkeypatch, shape):
    """A stored entry takes as long as so many multiplications of a dense product as `SPARSE` says."""
    f, L, target = problem(*shape)
    f = LeastSquares(sp.csr_array(f.D), f.Y)
    expected = evaluate("columns", f, THETA, L, LAYERS, 0.5 * target, target)
    monkeypatch.setattr(columns, "MOST_MULTIPLICATIONS", 20_000)
    widths, apply = [], columns.Curvature.apply
    monkeypatch.setattr(
        columns.Curvature, "apply", lambda self, V, out: widths.append(V.shape[1]) or apply(self, V, out)
    )
    loss, gradient = evaluate("columns", f, THETA, L, LAYERS, 0.5 * target, target)
    a_column = max(columns.SPARSE * f.D.nnz, 12 * 12)
    assert max(widths) * a_column <= 20_000
    assert max(widths) == 30 or (max(widths) + 1) * a_column > 20_000
    assert loss == pytest.approx(expected[0], rel=1e-13)
    assert gradient == pytest.approx(expected[1], rel=1e-11)


@pytest.mark.parametrize("rows", [1, 5, 12, 100])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_square_of_D_is_the_same_by_any_number_of_rows(rows, sparse):
    D = problem()[0].D
    gram = columns._gram(sp.csr_array(D) if sparse else D, rows)
    assert gram == pytest.approx(D.T @ D, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("target", [[1.2e154] * 3, [1.5e308, -1.5e308, 0.0]])
def test_blocks_whose_sum_overflows_are_refused_as_one_that_does(monkeypatch, target):
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", 1)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="overflows float64 after 1 layers"):
        Objective(LeastSquares([[1.0]], np.zeros((1, 3))), [target], layers=1, method="columns")((1, 1, 0.1, 0.2), 1)


def test_a_sparse_D_may_hold_nothing():
    f = LeastSquares(sp.csr_array((2, 3)), [[1.0], [2.0]])
    X = np.array([[1.0], [2.0], [0.0]])
    J, gradient = Objective(f, np.zeros((3, 1)), layers=2, x0=X, method="columns")((1, 1, 0.25, 0.5), 1)
    assert (J, gradient.L) == ((0.5**2 + 1.5**2) / 2, 0.0)


def test_divergence_names_the_layer():
    f = LeastSquares([[1e100]], [[1.0]])
    with pytest.raises(ValueError, match=r"not finite in layer \d"):
        Objective(f, [[0.0]], layers=9, x0=[[1e10]], method="columns")((1, 1, 0, 0), 1e-100)


@pytest.mark.parametrize("entries", [1, 1000, 2**21])
@pytest.mark.parametrize("shape", [(4, 12), (20, 12)])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_terms_of_the_layers_are_those_of_the_unblocked_pass(monkeypatch, entries, shape, sparse):
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", entries)
    f, L, target = problem(*shape)
    f = LeastSquares(sp.csr_array(f.D), f.Y) if sparse else f
    thetas = [Theta(1.1 - 0.1 * i, 0.6 + 0.1 * i, 0.02 * i, 0.1 + 0.05 * i) for i in range(4)]
    constants = [L, 1.5 * L, 1.2 * L, 2 * L]
    for x0 in (np.zeros(target.shape), 0.5 * target):
        ours, theirs = (
            Objective(f, target, layers=4, x0=x0, method=method, per_layer=True)(thetas, constants)
            for method in ("columns", "adjoint")
        )
        assert ours[0] == pytest.approx(theirs[0], rel=1e-13)
        assert np.array(ours[1]) == pytest.approx(np.array(theirs[1]), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("lengthened", [0.6, 1.0, 1e3])
def test_loses_no_digits_of_the_derivatives_of_a_layer(lengthened):
    """In units of the scale of the whole network: with all layers alike, their terms add up to its gradient."""
    f, L, target = problem(2, 5, 4)
    L = 1 / (1 / (lengthened * L))
    J = Objective(f, target, layers=3, x0=0.5 * target, method="columns", per_layer=True)
    rational = (naive.LeastSquares(exact(f.D), exact(f.Y)), [*map(Fraction, THETA)], 1 / Fraction(1 / L))
    rows = naive.layered_gradient(rational[0], [rational[1]] * 3, [rational[2]] * 3, exact(0.5 * target), exact(target))
    _, sizes = naive.scale(*rational, 3, exact(0.5 * target), exact(target))
    for ours, theirs in zip(np.array(J(THETA, L)[1]).T.tolist(), rows, strict=True):
        assert all(abs(Fraction(a) - b) <= 1e-13 * S for a, b, S in zip(ours, theirs, sizes, strict=True))
