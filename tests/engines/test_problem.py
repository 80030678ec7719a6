"""The problem as engines get it: dense, with zeros that nothing stores set aside, and divided into columns."""

import math
from threading import current_thread, main_thread

import numpy as np
import pytest
import scipy.sparse as sp
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Theta, disk, entries
from dsrl_ref.engines import problem as module
from dsrl_ref.engines.problem import Problem

W = np.array([[0.0, 2.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]])
X0 = np.array([[0.0, 0.0, 3.0, 0.0], [0.25, 0.0, 0.0, 0.0]])
TARGET = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 7.0]])


def test_dense_data_are_the_callers_own():
    f = Fidelity(W)
    problem = Problem(f, X0, TARGET, 3, threads=2)
    assert problem.f is f
    assert problem.x0 is X0
    assert problem.target is TARGET
    assert (problem.layers, problem.threads, problem.shape) == (3, 2, (2, 4))
    assert (problem.entries, problem.unstored) == (8, 0)


def test_of_sparse_data_what_any_matrix_stores_is_kept_row_by_row():
    problem = Problem(Fidelity(sp.csr_array(W)), sp.csr_array(X0), sp.csr_array(TARGET), 3)
    assert problem.f.W.tolist() == [[2.0, 0.0, 0.5, 0.0]]
    assert problem.x0.tolist() == [[0.0, 3.0, 0.25, 0.0]]
    assert problem.target.tolist() == [[1.0, 0.0, 0.0, 7.0]]
    assert (problem.shape, problem.entries, problem.unstored) == ((2, 4), 4, 4)


def test_matrices_of_one_pattern_keep_their_order():
    stored = sp.csr_array(W)
    problem = Problem(Fidelity(stored), stored, 2 * stored, 3)
    assert problem.f.W.tolist() == problem.x0.tolist() == [[2.0, 0.5]]
    assert problem.target.tolist() == [[4.0, 1.0]]


def test_where_nothing_is_stored_one_zero_is_left():
    nothing = sp.csr_array((3, 5))
    problem = Problem(Fidelity(nothing), nothing, nothing, 3)
    assert (problem.f.W.tolist(), problem.entries, problem.unstored) == ([[0.0]], 1, 14)


@pytest.mark.parametrize("dense", ["x0", "target", "both"])
def test_sparse_beside_dense_is_made_dense(dense):
    x0 = sp.csr_array(X0) if dense == "target" else X0
    target = sp.csr_array(TARGET) if dense == "x0" else TARGET
    problem = Problem(Fidelity(sp.csr_array(W)), x0, target, 3)
    assert np.array_equal(problem.f.W, W)
    assert np.array_equal(problem.x0, X0)
    assert np.array_equal(problem.target, TARGET)
    assert problem.unstored == 0


def test_a_dictionary_stays_sparse():
    f = LeastSquares(sp.csr_array(np.eye(2)), np.ones((2, 4)))
    problem = Problem(f, sp.csr_array(X0), sp.csr_array(TARGET), 3)
    assert problem.f is f
    assert np.array_equal(problem.x0, X0)


class OtherFidelity(Fidelity):
    pass


class OtherLeastSquares(LeastSquares):
    pass


@pytest.mark.parametrize(
    ("f", "fidelity", "least_squares"),
    [
        (Fidelity(W), True, False),
        (OtherFidelity(W), False, False),
        (LeastSquares(np.eye(2), W), False, True),
        (OtherLeastSquares(np.eye(2), W), False, False),
        (FloatQuartic(np.eye(2)), False, False),
    ],
)
def test_a_subclass_is_a_term_of_ones_own(f, fidelity, least_squares):
    problem = Problem(f, W, W, 3)
    assert (problem.is_fidelity, problem.is_least_squares) == (fidelity, least_squares)
    assert problem.start == (1.0 if fidelity else None)


def test_the_start_is_told_as_a_multiple_of_W():
    f = Fidelity(W)
    starts = {"W": f.W, "a copy": W.copy(), "zeros": 0 * W, "minus zeros": -0.0 * W, "another": X0, "twice": 2 * W}
    found = {name: Problem(f, x0, W, math.inf).start for name, x0 in starts.items()}
    assert found == {"W": 1.0, "a copy": 1.0, "zeros": 0.0, "minus zeros": 0.0, "another": None, "twice": None}


@pytest.mark.parametrize("f", [OtherLeastSquares(np.eye(2), W), FloatQuartic(np.eye(2))])
def test_columns_of_a_term_of_ones_own_may_interact(f):
    assert not Problem(f, W, W, 3).has_columns_apart


def test_one_theta_and_one_L_are_those_of_every_layer_or_each_layer_has_its_own():
    theta, other, zero = Theta(1, 1, 0.5, 1), Theta(1, 0.5, 0.25, 2), np.zeros((2, 1))
    shared, own = (Problem(Fidelity(zero), zero, zero, 2, per_layer=each) for each in (False, True))
    assert shared.of_layers(theta, 3.0) == [(theta, 3.0), (theta, 3.0)]
    assert own.of_layers((theta, other), np.array([3.0, 4.0])) == [(theta, 3.0), (other, 4.0)]
    assert (shared.parameters, own.parameters) == (5, 10)
    assert (list(shared.places), list(own.places)) == ([0, 0], [0, 5])


def test_derivatives_are_added_up_where_layers_share_their_parameters_from_the_last_to_the_first():
    zero, rows = np.zeros((1, 1)), np.array([[1.0] * 5, [1e16] * 5, [-1e16] * 5])
    shared, own = (Problem(Fidelity(zero), zero, zero, 3, per_layer=each) for each in (False, True))
    assert shared.added(rows).tolist() == [1.0] * 5  # (1 + 1e16) - 1e16 is 0
    assert own.added(rows) is rows
    assert shared.added(np.zeros((0, 5))).tolist() == [0.0] * 5


def test_what_is_known_of_the_target_and_of_the_first_layer():
    target, x0 = np.array([[3.0, 0.0], [-4.0, 0.0]]), np.array([[0.0, 2.0], [4.0, 8.0]])
    problem = Problem(Fidelity(np.zeros((2, 2))), x0, target, 3)
    assert (problem.largest, problem.half_square, problem.nonzeros) == (4.0, 12.5, 2)
    assert problem.root_mean_square == pytest.approx(12.5**0.5)
    assert problem.first_layer(2.0, [0.0, 0.5, 1.0]).tolist() == [1.0, 2.0, 4.0]  # of x0/2, its 0 left out
    nothing = Problem(Fidelity(np.zeros((2, 2))), 0 * x0, 0 * target, 3)
    assert (nothing.largest, nothing.half_square, nothing.nonzeros, nothing.root_mean_square) == (0, 0, 0, 1)
    assert nothing.first_layer(2.0, [0.5]) is None


def test_the_target_is_looked_at_some_entries_at_a_time(monkeypatch):
    monkeypatch.setattr(entries, "AT_ONCE", 2)
    target = np.array([[1.0, 0.0, 2.0], [0.0, -4.0, 0.0], [3.0, 0.0, 0.0]])
    problem = Problem(Fidelity(target), target, target, 3)
    assert problem.squares(1.0) == ([1.0, 4.0, 16.0, 9.0, 0.0], 4)
    assert problem.squares(2.0) == ([0.25, 1.0, 4.0, 2.25, 0.0], 4)
    assert (problem.largest, problem.half_square, problem.nonzeros) == (4.0, 15.0, 4)
    assert problem.root_mean_square == pytest.approx(7.5**0.5, rel=1e-15)


@pytest.mark.parametrize("step_constant", [1.0, 4.0])
def test_what_the_first_layer_sees_is_told_some_entries_at_a_time(step_constant, tmp_path, monkeypatch):
    numbers = np.random.default_rng(0)
    D, X, W, x0 = (numbers.normal(size=shape) for shape in ((3, 4), (4, 9), (4, 9), (4, 9)))
    thin, own = sp.csr_array(X * (X > 0)), FloatQuartic(np.eye(4))
    zeros = np.zeros((4, 9))
    monkeypatch.setattr(disk, "LARGE", 64)
    monkeypatch.setattr(module, "AT_ONCE", 8)
    np.save(tmp_path / "y.npy", D @ X)
    of_X = D.T @ D @ X / step_constant
    problems = {
        "x0 = W": (Problem(Fidelity(W), W, W, 1), W, 8),
        "another x0": (Problem(Fidelity(W), x0, W, 1), x0 - (x0 - W) / step_constant, 8),
        "sparse": (Problem(Fidelity(thin), 2 * thin, thin, 1), (2 - 1 / step_constant) * thin.data, -(-thin.nnz // 8)),
        "least squares": (Problem(LeastSquares(D, D @ X), zeros, X, 1), of_X, 1),
        "one's own": (Problem(own, x0, X, 1), x0 - own.gradient(x0) / step_constant, 1),
        "on disk": (Problem(LeastSquares(D, tmp_path / "y.npy"), zeros, X, 1), of_X, 5),
    }
    for name, (problem, expected, count) in problems.items():
        parts = list(problem.first_seen(step_constant))
        assert len(parts) == count, name
        assert np.sort(np.concatenate(parts)) == pytest.approx(np.sort(np.abs(np.ravel(expected))), rel=1e-12), name


def test_a_problem_is_made_ready_where_it_is_and_may_be_part_of_a_larger_one():
    problem = Problem(Fidelity(W), W, W, 3)
    assert problem.made_ready("engine", lambda engine, of: (engine, of)) == ("engine", problem)
    assert problem.whole_columns == W.shape[1]


@pytest.mark.parametrize(("at_once", "beside"), [(2, True), (2**20, False)])
def test_patterns_of_sparse_matrices_are_joined_beside_the_main_thread_where_they_are_large(
    monkeypatch, at_once, beside
):
    seen, unique = [], np.unique
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    monkeypatch.setattr(np, "unique", lambda keys: seen.append(current_thread() is main_thread()) or unique(keys))
    one, target = sp.csr_array([[1.0, 0.0, 2.0]]), sp.csr_array([[0.0, 3.0, 4.0]])
    found = Problem(Fidelity(one), one, target, 3)
    assert (found.x0.tolist(), found.target.tolist(), seen) == ([[1, 0, 2]], [[0, 3, 4]], [not beside])
