"""Labels that spread, against dense solves and by hand."""

import blas
import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array, linalg

from dsrl_ref.multiview import propagation
from dsrl_ref.multiview.propagation import distributions, propagate


def example(seed=0):
    """A graph of 30 samples, of which some are labelled."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((30, 30)) * (rng.random((30, 30)) < 0.2), 1)
    return csr_array(upper + upper.T), np.where(rng.random(30) < 0.4, rng.integers(0, 3, 30), -1)


W, CODES = example()


def expected(form, alpha):
    """(I + αL) F = sources, all dense."""
    A = W.toarray()
    d = A.sum(axis=1)
    Y = np.array([[float(code == c) for c in range(3)] for code in CODES])
    if form == "balanced":
        Y = Y / Y.sum(axis=0)
    laplacian = np.diag(d) - A
    if form == "normalized":
        laplacian = np.diag(d**-0.5) @ laplacian @ np.diag(d**-0.5)
    elif alpha is not None:
        laplacian = laplacian / d.mean()
    return np.linalg.solve(np.eye(30) + (1.0 if alpha is None else alpha) * laplacian, Y)


@pytest.mark.parametrize("samples", [0, 10**6])
@pytest.mark.parametrize(("form", "alpha"), [("balanced", 10), ("one-hot", None), ("one-hot", 3), ("normalized", 5)])
def test_equals_the_dense_solution(monkeypatch, samples, form, alpha):
    monkeypatch.setattr(propagation, "DENSE", samples)
    (F,) = propagate(W, [CODES], 3, form, alpha)
    assert pytest.approx(expected(form, alpha), rel=1e-9, abs=1e-13) == F


@pytest.mark.parametrize("samples", [0, 10**6])
def test_several_labellings_at_once_are_each_alone(monkeypatch, samples):
    monkeypatch.setattr(propagation, "DENSE", samples)
    other = np.roll(CODES, 7)
    together = propagate(W, [CODES, other], 3, "balanced", 10)
    for F, codes in zip(together, (CODES, other), strict=True):
        assert pytest.approx(propagate(W, [codes], 3, "balanced", 10)[0], rel=1e-10, abs=1e-14) == F


def test_rows_become_distributions():
    F = np.array([[1.0, 3.0], [0.0, 0.0], [-1e-18, 2.0], [1e-300, 0.0]])
    assert distributions(F).tolist() == [[0.25, 0.75], [0.5, 0.5], [0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("samples", [0, 10**6])
def test_a_component_without_labels_is_exactly_0_and_uniform(monkeypatch, samples):
    monkeypatch.setattr(propagation, "DENSE", samples)
    pairs = csr_array(np.kron(np.eye(3), [[0, 1], [1, 0]]))
    (F,) = propagate(pairs, [np.array([0, -1, 1, -1, -1, -1])], 2, "balanced", 10)
    assert not F[4:].any()
    assert distributions(F)[4:].tolist() == [[0.5, 0.5]] * 2
    assert distributions(F).argmax(axis=1)[:4].tolist() == [0, 0, 1, 1]


def test_labels_reach_the_far_end_of_a_chain(monkeypatch):
    n = 300  # at each end a label; in the middle F is 1e-21, below what a residual sees
    ones = np.ones(n - 1)
    chain = csr_array(diags_array([ones, ones], offsets=[1, -1]))
    codes = np.full(n, -1)
    codes[0], codes[-1] = 0, 1
    (exact,) = propagate(chain, [codes], 2, "balanced", 10)
    monkeypatch.setattr(propagation, "DENSE", 0)
    (F,) = propagate(chain, [codes], 2, "balanced", 10)
    assert F.argmax(axis=1).tolist() == [0] * 150 + [1] * 150
    assert (np.abs(F - exact).max(axis=1) / exact.max(axis=1)).max() < 1e-6


def test_balanced_sources_keep_a_frequent_class_from_flooding():
    n = 41  # a path with five labelled samples of class 0 at one end, one of class 1 at the other
    path = csr_array(np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1))
    codes = np.full(n, -1)
    codes[:5], codes[-1] = 0, 1
    shares = {
        form: np.mean(propagate(path, [codes], 2, form, 1e4)[0].argmax(axis=1)) for form in ("balanced", "one-hot")
    }
    assert shares["one-hot"] < 0.05 < 0.3 < shares["balanced"]


def test_a_graph_without_edges():
    (F,) = propagate(csr_array((3, 3)), [np.array([0, 1, -1])], 2, "balanced", 10)
    assert F.tolist() == [[1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("samples", [0, 10**6])
@pytest.mark.parametrize("form", ["balanced", "normalized"])
@pytest.mark.parametrize("alpha", [1e13, 1e17, 1e300])
def test_an_alpha_beyond_float64_is_refused(monkeypatch, samples, form, alpha):
    monkeypatch.setattr(propagation, "DENSE", samples)
    with pytest.raises(ValueError, match=r"alpha = 1e\+\d+ times the largest degree, .* is too large for float64"):
        propagate(W, [CODES], 3, form, alpha)


def test_the_largest_degree_counts_where_an_alpha_is_refused(monkeypatch):
    star = np.zeros((101, 101))
    star[0, 1:] = star[1:, 0] = 1.0  # mean degree 200/101, largest 100
    codes = np.array([0, 1] + 99 * [-1])
    monkeypatch.setattr(propagation, "MOST", 101.1 * 5)
    assert propagate(csr_array(star), [codes], 2, "balanced", 10)[0].shape == (101, 2)
    with pytest.raises(ValueError, match=r"alpha = 10\.1 times the largest degree, 50\.5, is too large for float64"):
        propagate(csr_array(star), [codes], 2, "balanced", 10.1)
    assert propagate(csr_array(star), [codes], 2, "normalized", 500)[0].shape == (101, 2)
    assert propagate(csr_array(5 * star), [codes], 2, "one-hot", None)[0].shape == (101, 2)
    with pytest.raises(ValueError, match="alpha = 1 times the largest degree, 600, is too large"):
        propagate(csr_array(6 * star), [codes], 2, "one-hot", None)


def test_conjugate_gradients_that_fail_say_what_to_do(monkeypatch):
    monkeypatch.setattr(propagation, "DENSE", 0)
    monkeypatch.setattr(linalg, "cg", lambda matrix, column, **_: (column, 1))
    with pytest.raises(ValueError, match="the propagation did not converge: alpha is too large for float64; take a"):
        propagate(W, [CODES], 3, "balanced", 10)


@pytest.mark.parametrize(("most", "dense"), [(30, True), (29, False)])
def test_few_samples_are_solved_by_a_dense_factorisation(monkeypatch, most, dense):
    monkeypatch.setattr(propagation, "DENSE", most)
    monkeypatch.setattr(linalg, "cg", lambda *_, **__: pytest.fail("conjugate gradients were taken"))
    if dense:
        assert propagate(W, [CODES], 3, "balanced", 10)[0] == pytest.approx(expected("balanced", 10), rel=1e-9)
    else:
        with pytest.raises(pytest.fail.Exception, match="conjugate gradients were taken"):
            propagate(W, [CODES], 3, "balanced", 10)


@pytest.mark.parametrize("samples", [0, 10**6])
def test_the_unit_of_the_weights_does_not_matter(monkeypatch, samples):
    monkeypatch.setattr(propagation, "DENSE", samples)
    (expected,) = propagate(W, [CODES], 3, "balanced", 10)
    for unit in (2.0**-500, 2.0**500):
        assert propagate(unit * W, [CODES], 3, "balanced", 10)[0] == pytest.approx(expected, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("module", ["dense", "iterative"])
def test_blas_has_one_thread_while_small_graphs_are_solved(module, monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    import scipy.linalg
    import scipy.sparse.linalg

    seen, where, name = [], *((scipy.linalg, "cho_factor") if module == "dense" else (scipy.sparse.linalg, "cg"))
    original = getattr(where, name)
    monkeypatch.setattr(where, name, lambda *a, **b: (seen.append(set(blas.numbers().values())), original(*a, **b))[1])
    monkeypatch.setattr(propagation, "DENSE", 2_500 if module == "dense" else 1)
    W = csr_array(np.ones((4, 4)) - np.eye(4))
    with threadpoolctl.threadpool_limits(3, "blas"):
        found = propagation.propagate(W, [np.array([0, 1, -1, -1])], 2, "balanced", 10.0)
        assert set(blas.numbers().values()) == {3}
    assert found[0].shape == (4, 2)
    assert seen
    assert all(each == {1} for each in seen)
