"""Conjugate gradients side by side: each column is what a dense solver finds, and what converged has is true."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import examples

from dsrl_ref.multiview import assembly, conjugate
from dsrl_ref.multiview.conjugate import System, solved


def graph(n, seed, density=0.3):
    rng = np.random.default_rng(seed)
    W = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return W + W.T + np.diag(rng.random(n) < 0.2)


def system(W, reach=10.0):
    return System(csr_array(W), 1 + reach * W.sum(axis=1), reach)


def silent(share):
    assert 0 <= share < 1


def exact_residual(matrix, x, b):
    """b - A x of one column, in rational numbers."""
    x, residual = [Fraction(value) for value in x.tolist()], []
    for row, right in zip(matrix.tolist(), b.tolist(), strict=True):
        residual.append(float(Fraction(right) - sum(Fraction(a) * v for a, v in zip(row, x, strict=True))))
    return np.abs(residual)


@examples(40)
@given(st.integers(2, 20), st.integers(1, 4), st.floats(0.01, 1e4), st.integers(0, 10**6), st.integers(1, 60))
def test_every_column_is_solved_and_its_true_residual_is_small(n, columns, reach, seed, block):
    W, rng = graph(n, seed), np.random.default_rng(seed)
    A, B = system(W, reach), rng.normal(size=(n, columns)) * (rng.random((n, columns)) < 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "BLOCK", block)
        found, converged = solved(A, B, silent)
        dense = np.diag(A.diagonal) - reach * W
        assert A.toarray() == pytest.approx(dense, rel=1e-15)
        assert pytest.approx(dense @ B, rel=1e-12, abs=1e-12 * np.abs(dense).max()) == A @ B
        assert A.own == pytest.approx(np.diag(dense), rel=1e-15)
    assert converged.all()
    for x, b in zip(found.T, B.T, strict=True):
        size = (np.abs(dense) @ np.abs(x)).max()
        assert (
            np.abs(exact_residual(dense, x, b)).max() <= 1.01e-12 * np.linalg.norm(b) + 20 * np.finfo(float).eps * size
        )
    assert not found[:, ~B.any(axis=0)].any()


def test_a_column_leaves_when_it_is_done_itself_with_its_own_solution(monkeypatch):
    """In one run, none is taken up again: columns of many sizes, and of one sample alone, which takes one step."""
    monkeypatch.setattr(conjugate, "ROUNDS", 1)
    W = np.pad(graph(60, 1), (0, 1))
    A, B = system(W), np.random.default_rng(1).normal(size=(61, 6)) * 1e3 ** -np.arange(6.0)
    B[:, 2] = np.arange(61) == 60
    found, converged = solved(A, B, silent)
    assert converged.all()
    assert found == pytest.approx(np.linalg.solve(A.toarray(), B), rel=1e-8, abs=1e-30)


def test_sizes_are_those_of_what_is_added_up():
    A = system(graph(30, 2))
    X = np.random.default_rng(2).normal(size=(30, 3))
    parts = np.diag(A.diagonal) + A.factor * A.W.toarray()
    assert A.sizes(X) == pytest.approx((parts @ np.abs(X)).max(axis=0), rel=1e-12)


def test_a_column_is_not_changed_by_those_beside_it():
    A, B = system(graph(40, 0)), np.random.default_rng(0).normal(size=(40, 5))
    B[:, 2] *= 1e-9
    together, _ = solved(A, B, silent)
    for column in range(5):
        alone, _ = solved(A, B[:, [column]], silent)
        assert together[:, [column]] == pytest.approx(alone, rel=1e-9, abs=1e-13 * np.abs(alone).max())


def test_columns_leave_when_they_are_done(monkeypatch):
    W = graph(60, 1)
    A, B = system(W), np.random.default_rng(0).normal(size=(60, 3))
    B[:, [1]] = A @ np.ones((60, 1))  # one step: all ones is an eigenvector of the graph's part
    widths, product = [], System.__matmul__
    monkeypatch.setattr(System, "__matmul__", lambda self, X: (widths.append(X.shape[1]), product(self, X))[1])
    solved(A, B, silent)
    descent = widths[: widths.index(3, 1 + next(i for i, w in enumerate(widths) if w < 3))]
    assert descent == sorted(descent, reverse=True)
    assert descent[-1] < 3


def test_converged_is_judged_by_the_true_residual_and_a_column_that_drifted_is_taken_up_again(monkeypatch):
    A, B = system(graph(30, 2)), np.random.default_rng(1).normal(size=(30, 3))
    original, runs = conjugate._descended, []

    def drifting(system, columns, bounds, tell):
        runs.append(columns.shape[1])
        found = original(system, columns, bounds, tell)
        if len(runs) == 1:
            found[:, 1] *= 1 + 1e-6  # what the iteration carries along does not tell
        return found

    monkeypatch.setattr(conjugate, "_descended", drifting)
    found, converged = solved(A, B, silent)
    assert runs == [3, 1]
    assert converged.all()
    assert found == pytest.approx(np.linalg.solve(A.toarray(), B), rel=1e-9)


def test_a_column_that_does_not_converge_is_named_and_the_others_are_solved(monkeypatch):
    A, B = system(graph(30, 3)), np.random.default_rng(1).normal(size=(30, 3))
    original = conjugate._descended
    monkeypatch.setattr(conjugate, "ROUNDS", 1)

    def spoiled(*arguments):
        found = original(*arguments)
        found[4, 1] *= 1.001
        return found

    monkeypatch.setattr(conjugate, "_descended", spoiled)
    assert solved(A, B, silent)[1].tolist() == [True, False, True]


def test_eight_columns_go_side_by_side_where_they_stay_in_the_cache_and_else_one(monkeypatch):
    A, B = system(graph(40, 6)), np.random.default_rng(0).normal(size=(40, 10))
    expected, _ = solved(A, B, silent)
    widths, shares, together = [], [], conjugate._solved_together
    monkeypatch.setattr(
        conjugate, "_solved_together", lambda A, B, tell: (widths.append(B.shape[1]), together(A, B, tell))[1]
    )
    for cache, groups in ((8 * 40 * 8, [8, 2]), (8 * 40 * 8 - 1, [1] * 10), (0, [1] * 10)):
        monkeypatch.setattr(conjugate, "CACHE", cache)
        widths.clear()
        shares.clear()
        found, converged = solved(A, B, shares.append)
        assert widths == groups
        assert converged.tolist() == [True] * 10
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
        done = [int(share * len(groups)) for share in shares]
        assert done == sorted(done)
        assert done[-1] == len(groups) - 1


def test_what_only_a_part_of_the_samples_solve_is_their_part_of_the_matrix():
    A = system(graph(12, 4))
    kept = np.arange(12) % 3 > 0
    assert np.array_equal(A.among(kept).toarray(), A.toarray()[kept][:, kept])


def test_how_far_the_slowest_column_is_grows_to_all_of_it():
    A, B = system(graph(80, 5), 1e3), np.random.default_rng(1).normal(size=(80, 2))
    shares = []
    solved(A, B, shares.append)
    assert shares[0] == 0
    assert 0.8 < max(shares) < 1
    assert shares[len(shares) // 2] > 0.1
