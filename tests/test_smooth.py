"""f: values, gradients and Hessians by differences, dense and sparse alike."""

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import FloatQuartic, examples, floats, matrices

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, forward, smooth
from dsrl_ref.errors import SizeError

rng = np.random.default_rng(0)
W, D, Y = rng.normal(size=(3, 5)), rng.normal(size=(7, 3)), rng.normal(size=(7, 5))
X, V = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
SYMMETRIC = D.T @ D
TERMS = [
    Fidelity(W),
    Fidelity(sp.csr_array(W)),
    LeastSquares(D, Y),
    LeastSquares(sp.csr_array(D), sp.csr_array(Y)),
    FloatQuartic(SYMMETRIC),
]


@pytest.mark.parametrize("f", TERMS[:4], ids=repr)
def test_value_is_half_the_sum_of_squares(f):
    residual = X - W if isinstance(f, Fidelity) else D @ X - Y
    assert f.value(X) == pytest.approx(0.5 * np.sum(residual**2), rel=1e-14)


@pytest.mark.parametrize("f", TERMS, ids=repr)
def test_gradient_is_the_derivative_of_the_value(f):
    h = 2.0**-16
    difference = (f.value(X + h * V) - f.value(X - h * V)) / (2 * h)
    assert np.sum(f.gradient(X) * V) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize("f", TERMS, ids=repr)
def test_hessian_product_is_the_derivative_of_the_gradient(f):
    h = 2.0**-16
    difference = (f.gradient(X + h * V) - f.gradient(X - h * V)) / (2 * h)
    assert np.asarray(f.hessian_product(V, X)) == pytest.approx(np.asarray(difference), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("f", TERMS[:4], ids=repr)
def test_lipschitz_is_the_largest_curvature(f):
    size = X.size
    hessian = np.column_stack([np.asarray(f.hessian_product(e.reshape(X.shape), X)).ravel() for e in np.eye(size)])
    assert f.lipschitz() == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-12)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40)])
def test_lipschitz_of_a_large_sparse_dictionary(shape):
    rng = np.random.default_rng(1)
    dictionary = sp.csr_array(rng.normal(size=shape) * (rng.random(shape) < 0.1))
    largest = np.linalg.norm(dictionary.toarray(), 2) ** 2
    assert LeastSquares(dictionary, np.ones((shape[0], 1))).lipschitz() == pytest.approx(largest, rel=1e-10)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_a_curvature_that_overflows_is_infinite_and_none_is_0(kind):
    assert LeastSquares(kind([[1e200, -1e200], [1e200, 1.0]]), np.ones((2, 1))).lipschitz() == np.inf
    for shape in ((2, 3), (30, 40)):
        assert LeastSquares(kind(np.zeros(shape)), np.ones((shape[0], 1))).lipschitz() == 0


def test_lipschitz_of_a_dictionary_whose_rows_sum_to_0():
    differences = sp.csr_array(np.eye(64) - np.roll(np.eye(64), 1, axis=1))
    assert LeastSquares(differences, np.ones((64, 1))).lipschitz() == pytest.approx(4, rel=1e-12)


def test_starts():
    assert Fidelity(W).start() is W
    assert not LeastSquares(D, Y).start().any()
    assert LeastSquares(D, Y).start().shape == (3, 5)


def test_sparse_value_of_a_sparse_point():
    f = Fidelity(sp.csr_array(W))
    assert f.value(sp.csr_array(X)) == pytest.approx(0.5 * np.sum((X - W) ** 2))
    assert sp.issparse(f.gradient(sp.csr_array(X)))


def test_repr_says_what_it_is():
    assert [repr(f) for f in TERMS[:4]] == [
        "Fidelity(W 3×5)",
        "Fidelity(W 3×5, sparse)",
        "LeastSquares(D 7×3, Y 7×5)",
        "LeastSquares(D 7×3, sparse, Y 7×5)",
    ]


EPS = 2.0**-52
KINDS = pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])


@st.composite
def factored(draw):
    """Rational B and C of D = BC, of any rank, beside signals and a point."""
    rank = draw(st.integers(1, 3))
    k, n, m = rank + draw(st.integers(0, 2)), rank + draw(st.integers(0, 2)), draw(st.integers(1, 2))
    B, C = draw(matrices(k, rank)), draw(matrices(rank, n))
    return B, C, draw(matrices(k, m)), draw(matrices(n, m))


def condition(B, C):
    """Of D on its range; B and C must have full rank."""
    assume(all(np.linalg.matrix_rank(floats(A)) == len(C) for A in (B, C)))
    s = np.linalg.svd(floats(naive.multiply(B, C)), compute_uv=False)[: len(C)]
    assume(s[-1] > 1e-4 * s[0])
    return s[0] / s[-1]


@examples(200)
@given(factored(), st.sampled_from([np.asarray, sp.csr_array]))
def test_a_whitened_term_is_that_of_the_rationals(drawn, kind):
    """Value and gradient within some units of rounding times the condition of D, of any rank, dense and sparse."""
    B, C, Y, X = drawn
    worst = 200 * EPS * condition(B, C)
    right = naive.Whitened(B, C, Y)
    white = LeastSquares(kind(floats(right.D)), floats(Y)).whitened()
    gradient = floats(right.gradient(X))
    scale = np.abs(floats(right.solved)) @ (np.abs(floats(right.D)) @ np.abs(floats(X)) + np.abs(floats(Y)))
    assert np.abs(white.gradient(floats(X)) - gradient).max() <= worst * max(scale.max(), EPS)
    assert white.value(floats(X)) == pytest.approx(float(right.value(X)), abs=worst * max(scale.max(), 1) ** 2)
    assert repr(white).endswith(f"whitened on rank {len(C)})")
    assert type(white) is LeastSquares


@examples(100)
@given(factored())
def test_P_is_the_inverse_square_root_of_DDT_on_the_range_of_D(drawn):
    """PD Dᵀ is (DDᵀ)^½: symmetric, without a negative eigenvalue, of square DDᵀ. PD has singular values 0 and 1."""
    B, C, Y, _ = drawn
    D = floats(naive.multiply(B, C))
    worst = 100 * EPS * condition(B, C)
    white = LeastSquares(D, floats(Y)).whitened()
    root, size = white.D @ D.T, np.linalg.norm(D, 2)
    assert np.abs(root - root.T).max() <= worst * size
    assert np.linalg.eigvalsh((root + root.T) / 2)[0] >= -worst * size
    assert np.abs(root @ root - D @ D.T).max() <= worst * size**2
    s = np.linalg.svd(white.D, compute_uv=False)
    assert np.minimum(s, np.abs(s - 1)).max() <= 100 * EPS
    assert np.count_nonzero(s > 0.5) == len(C)
    assert np.abs(root @ white.Y - D @ (np.linalg.pinv(D) @ floats(Y))).max() <= 100 * worst * max(1, np.abs(Y).max())


@KINDS
@pytest.mark.parametrize("exponent", [0, 4, 6])
def test_no_digit_is_lost_to_the_square_of_the_condition(kind, exponent):
    """D = H diag(1, 2^-e, ..) G of Hadamard matrices, exact in float64: PD is HG over 4, whatever the condition is."""
    H = np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]])[:, [0, 3, 1, 2]]
    s = 2.0 ** (-exponent * np.arange(4))
    G = H.T[:, ::-1]
    white = LeastSquares(kind(H * s @ G), np.eye(4)).whitened()
    error = np.abs(white.D - H @ G / 4).max()
    assert error <= 20 * EPS / s[-1]  # by the eigenvalues of DDᵀ it would be 20·EPS / s[-1]²
    P = H / s @ H.T / 16
    assert np.abs(white.Y - P).max() <= 20 * EPS / s[-1] * np.abs(P).max()


def test_signals_that_come_later_are_whitened_by_the_same_P():
    white = LeastSquares(D, Y).whitened()
    later = rng.normal(size=(7, 4))
    other = white.apply_to(later)
    assert type(other) is LeastSquares
    assert other.D is white.D
    assert np.array_equal(other.Y, LeastSquares(D, later).whitened().Y)
    assert np.array_equal(other.apply_to(Y).Y, white.Y)
    assert np.array_equal(white.apply_to(sp.csr_array(later)).Y, other.Y)
    assert other.shape == (3, 4)


def test_a_term_that_is_not_whitened_applies_to_signals_as_they_are():
    f = LeastSquares(sp.csr_array(D), Y)
    later = rng.normal(size=(7, 4))
    other = f.apply_to(later)
    assert np.shares_memory(other.D.data, f.D.data)
    assert other.Y is later
    assert repr(other) == "LeastSquares(D 7×3, sparse, Y 7×4)"


def test_what_is_white_is_not_whitened_again():
    white = LeastSquares(2 * D, Y).whitened()
    assert white.whitened() is white
    assert white.whitened(rcond=0.5) is white


def test_signals_of_another_number_of_rows_are_refused():
    with pytest.raises(ValueError, match=r"D has 7 rows .* but Y has 3"):
        LeastSquares(D, Y).whitened().apply_to(np.ones((3, 2)))


def test_whitening_does_not_touch_what_was_given():
    before = D.copy(), Y.copy()
    f = LeastSquares(D, Y)
    f.whitened().apply_to(Y)
    assert np.array_equal(D, before[0])
    assert np.array_equal(Y, before[1])
    assert f.D is D


@pytest.mark.parametrize(("k", "n"), [(4, 6), (6, 4), (5, 5), (1, 3), (3, 1)])
@KINDS
def test_rows_mixed_by_an_invertible_matrix_are_the_same_term(kind, k, n):
    """With full row rank f_white is ½‖D⁺(DX - Y)‖², in which a mixing A of the rows of D and Y cancels."""
    rng = np.random.default_rng(k)
    D, Y, X = rng.normal(size=(k, n)), rng.normal(size=(k, 2)), rng.normal(size=(n, 2))
    white = LeastSquares(kind(D), Y).whitened()
    assert white.lipschitz() == pytest.approx(1, rel=1e-14)
    if k <= n:
        A = rng.normal(size=(k, k)) + 3 * np.eye(k)
        other = LeastSquares(kind(A @ D), A @ Y).whitened()
        assert other.gradient(X) == pytest.approx(white.gradient(X), rel=1e-9, abs=1e-11)
    else:  # then f_white is the distance from the least-squares solution
        assert white.gradient(X) == pytest.approx(X - np.linalg.lstsq(D, Y, rcond=None)[0], rel=1e-9, abs=1e-11)


def graded(least, size=30):
    """A matrix whose singular values fall evenly, on a scale of decades, from 1 to `least`."""
    rng = np.random.default_rng(5)
    U, V = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    return U * np.geomspace(1, least, size) @ V


@KINDS
def test_rows_that_repeat_are_a_lower_rank_and_not_refused(kind):
    """A rule that refuses every small singular value would refuse this; the term is that of the rows that differ."""
    twice = LeastSquares(kind(np.vstack([D.T, D.T])), np.vstack([Y[:3], Y[:3]])).whitened()
    once = LeastSquares(D.T, Y[:3]).whitened()
    point = rng.normal(size=(7, 5))
    assert repr(twice) == "LeastSquares(D 6×7, Y 6×5, whitened on rank 3)"
    assert twice.gradient(point) == pytest.approx(once.gradient(point), rel=1e-9, abs=1e-12)
    assert twice.value(point) == pytest.approx(once.value(point), rel=1e-12)


@KINDS
def test_an_ill_conditioned_D_is_refused_and_not_cut_at_rounding(kind):
    """A rule that only drops what rounding explains would keep all of this, and divide by noise.

    With ``rcond=0``, which is that rule, moving the entries of D by a unit in their last place moves PD a thousand
    times as far as it ever does where the default accepts.
    """
    D = graded(least=2e-14)
    with pytest.raises(
        ValueError, match=r"17 of its 30 singular values are below 1e-06 of the largest, down to 2e-14, .*rcond=1e-06"
    ):
        LeastSquares(kind(D), np.ones((30, 1))).whitened()
    moved = D * (1 + EPS * np.sign(np.random.default_rng(6).normal(size=D.shape)))
    gap = lambda *args, **options: np.linalg.norm(  # noqa: E731
        LeastSquares(kind(D), np.eye(30)).whitened(*args, **options).D
        - LeastSquares(kind(moved), np.eye(30)).whitened(*args, **options).D,
        2,
    )
    assert gap(rcond=0) > 1e-5
    assert gap(rcond=1e-6) < 1e-9


def test_what_the_default_accepts_does_not_hang_on_the_last_place_of_D():
    accepted = graded(least=1.01e-6)
    moved = accepted * (1 + EPS * np.sign(np.random.default_rng(6).normal(size=accepted.shape)))
    first, second = (LeastSquares(A, np.eye(30)).whitened().D for A in (accepted, moved))
    assert np.linalg.norm(first - second, 2) < 1e-9
    with pytest.raises(ValueError, match="1 of its 30 singular values are below"):
        LeastSquares(graded(least=0.99e-6), np.eye(30)).whitened()


@pytest.mark.parametrize(("rcond", "rank"), [(0.0, 5), (1e-7, 4), (1e-3, 3), (0.2, 2), (0.99, 1)])
def test_rcond_says_what_is_dropped(rcond, rank):
    D = np.diag([1.0, 0.5, 0.1, 1e-5, 1e-9, 0.0])
    white = LeastSquares(D, np.ones((6, 1))).whitened(rcond=rcond)
    assert np.array_equal(white.D, np.diag((np.arange(6) < rank).astype(float)))
    assert white.Y.ravel() == pytest.approx(np.where(np.arange(6) < rank, 1 / np.maximum(np.diag(D), 1e-300), 0.0))


@pytest.mark.parametrize(
    ("rcond", "error", "message"),
    [
        (1.0, ValueError, r"rcond must be at least 0 and less than 1, got 1\.0"),
        (-1e-9, ValueError, "rcond must be at least 0 and less than 1, got -1e-09"),
        (np.nan, ValueError, "rcond contains NaN"),
        ("0.1", TypeError, "rcond must be numeric"),
    ],
)
def test_an_rcond_that_is_none_is_refused(rcond, error, message):
    with pytest.raises(error, match=message):
        LeastSquares(D, Y).whitened(rcond=rcond)


@KINDS
def test_a_D_that_is_zero_is_refused(kind):
    with pytest.raises(ValueError, match="D is zero: there is nothing to whiten"):
        LeastSquares(kind(np.zeros((2, 3))), np.ones((2, 1))).whitened()


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_unit_of_D_and_Y_does_not_matter(scale):
    white = LeastSquares(scale * D.T, scale * Y[:3]).whitened()
    point = rng.normal(size=(7, 5))
    assert white.gradient(point) == pytest.approx(LeastSquares(D.T, Y[:3]).whitened().gradient(point), rel=1e-9)


def test_signals_that_overflow_are_refused_now_and_later():
    f = LeastSquares(1e-200 * np.eye(2), np.ones((2, 1)))
    with pytest.raises(ValueError, match="PY overflows float64: Y is too large for the smallest singular value 1e-200"):
        f.apply_to(1e150 * np.ones((2, 1))).whitened()
    with pytest.raises(ValueError, match="PY overflows float64"):
        f.whitened().apply_to(1e150 * np.ones((2, 1)))


def test_a_sparse_D_that_would_be_too_large_when_dense_is_refused_before_it_is(monkeypatch):
    monkeypatch.setattr(smooth, "LARGEST_WHITENED", 8 * 3 * 7)
    assert LeastSquares(sp.csr_array(D.T), Y[:3]).whitened().D.shape == (3, 7)
    monkeypatch.setattr(smooth, "LARGEST_WHITENED", 8 * 3 * 7 - 1)
    with pytest.raises(SizeError, match=r"PD of the sparse D 3×7 is dense and would take 1\.56e-07 GiB"):
        LeastSquares(sp.csr_array(D.T), Y[:3]).whitened()
    assert LeastSquares(D.T, Y[:3]).whitened().D.shape == (3, 7)


def test_a_sparse_D_of_many_rows():
    """A thousand differences of neighbours and a thousand sums: sparse, whitened to the projection on their rows."""
    n = 400
    rows = sp.csr_array(np.eye(n) - np.roll(np.eye(n), 1, axis=1))  # they add up to 0: rank n - 1
    white = LeastSquares(sp.vstack([rows, sp.eye_array(n).tocsr()[:1]]), np.ones((n + 1, 1))).whitened()
    assert repr(white) == f"LeastSquares(D {n + 1}×{n}, Y {n + 1}×1, whitened on rank {n})"
    assert np.abs(white.D.T @ white.D - np.eye(n)).max() < 1e-12


def test_every_method_takes_a_whitened_term():
    white = LeastSquares(D.T, Y[:3]).whitened()
    target = rng.normal(size=(7, 5))
    losses = [
        Objective(white, target, layers=3, method=method)(Theta(1.1, 0.8, 0.05, 0.3), 0.8)[0]
        for method in ("tensor", "tangent", "adjoint")
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-12)
    steps = forward(white, Theta.soft(0.0), 0.55, 60)  # steps of 1.8: without whitening they would explode
    assert white.value(steps[-1]) < 1e-8
