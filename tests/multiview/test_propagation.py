"""Labels that spread, against dense solves and by hand."""

import itertools

import blas
import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array

from dsrl_ref import memory
from dsrl_ref.errors import SizeError
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
    monkeypatch.setattr(propagation, "solved", lambda _, columns, tell: (columns, np.array([True, False, True])))
    with pytest.raises(ValueError, match="the propagation did not converge: alpha is too large for float64; take a"):
        propagate(W, [CODES], 3, "balanced", 10)


@pytest.mark.parametrize(("most", "dense"), [(30, True), (29, False)])
def test_few_samples_are_solved_by_a_dense_factorisation(monkeypatch, most, dense):
    monkeypatch.setattr(propagation, "DENSE", most)
    monkeypatch.setattr(propagation, "solved", lambda *_: pytest.fail("conjugate gradients were taken"))
    if dense:
        assert propagate(W, [CODES], 3, "balanced", 10)[0] == pytest.approx(expected("balanced", 10), rel=1e-9)
    else:
        with pytest.raises(pytest.fail.Exception, match="conjugate gradients were taken"):
            propagate(W, [CODES], 3, "balanced", 10)


@pytest.mark.parametrize(("most", "dense"), [(30, True), (29, False)])
def test_few_samples_of_poisson_learning_too(monkeypatch, most, dense):
    monkeypatch.setattr(propagation, "DENSE", most)
    monkeypatch.setattr(propagation, "solved", lambda *_: pytest.fail("conjugate gradients were taken"))
    if dense:
        (F,) = propagate(W, [CODES], 3, "poisson", None)
        assert pytest.approx(poisson_by_hand(W.toarray(), CODES, 3), rel=1e-8) == F
    else:
        with pytest.raises(pytest.fail.Exception, match="conjugate gradients were taken"):
            propagate(W, [CODES], 3, "poisson", None)


@pytest.mark.parametrize("samples", [0, 10**6])
def test_the_unit_of_the_weights_does_not_matter(monkeypatch, samples):
    monkeypatch.setattr(propagation, "DENSE", samples)
    (expected,) = propagate(W, [CODES], 3, "balanced", 10)
    for unit in (2.0**-500, 2.0**500):
        assert propagate(unit * W, [CODES], 3, "balanced", 10)[0] == pytest.approx(expected, rel=1e-10, abs=1e-15)


def test_blas_has_one_thread_while_small_graphs_are_solved(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    import scipy.linalg

    seen, original = [], scipy.linalg.cho_factor
    numbers = blas.numbers
    monkeypatch.setattr(
        scipy.linalg, "cho_factor", lambda *a, **b: (seen.append(set(numbers().values())), original(*a, **b))[1]
    )
    W = csr_array(np.ones((4, 4)) - np.eye(4))
    with threadpoolctl.threadpool_limits(3, "blas"):
        found = propagation.propagate(W, [np.array([0, 1, -1, -1])], 2, "balanced", 10.0)
        assert set(blas.numbers().values()) == {3}
    assert found[0].shape == (4, 2)
    assert seen
    assert all(each == {1} for each in seen)


def poisson_by_hand(graph, codes, classes):
    """Shares of Poisson learning as its authors have it: in each part of a graph, u by a pseudo-inverse, times b/ȳ."""
    graph, n = np.asarray(graph), len(codes)
    shares, left = np.zeros((n, classes)), set(range(n))
    while left:
        part = [left.pop()]
        for i in part:
            part += [left.remove(j) or j for j in sorted(left) if graph[i, j] > 0]
        part.sort()
        labelled = [i for i in part if codes[i] >= 0]
        present = sorted({codes[i] for i in labelled})
        if not labelled:
            continue
        laplacian = np.diag([graph[i].sum() for i in part]) - graph[np.ix_(part, part)]
        u = np.zeros((len(part), classes))
        for k in range(classes):
            mean = sum(codes[j] == k for j in labelled) / len(labelled)
            sources = [(codes[i] == k) - mean if i in labelled else 0.0 for i in part]
            column = np.linalg.pinv(laplacian, rcond=1e-10) @ sources
            degrees = [graph[i].sum() for i in part]
            weighted = sum(d * x for d, x in zip(degrees, column, strict=True)) / (sum(degrees) or 1.0)
            u[:, k] = (column - weighted) * ((1 / len(present)) / mean if mean else 0.0)
        middles = [sum(row[k] for k in present) / len(present) for row in u]
        sizes = sorted(
            (sum((row[k] - middle) ** 2 for k in present) / len(present)) ** 0.5
            for row, middle in zip(u, middles, strict=True)
        )
        middle = len(sizes) // 2
        s = (sizes[middle] + sizes[-1 - middle]) / 2
        for place, i in enumerate(part):
            powers = [
                np.exp((u[place, k] - middles[place]) / (s or 1.0)) if k in present else 0.0 for k in range(classes)
            ]
            shares[i] = np.array(powers) / sum(powers)
    return shares


def two_parts(seed, n=14):
    """A component of random edges, another, three isolated samples, and random labels."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.4), 1)
    upper[: n // 2, n // 2 :] = 0
    upper[-3:], upper[:, -3:] = 0, 0
    return upper + upper.T, np.where(rng.random(n) < 0.5, rng.integers(0, 3, n), -1)


both_solvers = pytest.mark.parametrize("samples", [0, 10**6])


@both_solvers
@pytest.mark.parametrize("seed", range(6))
def test_poisson_learning_is_its_definition_in_every_component(monkeypatch, samples, seed):
    monkeypatch.setattr(propagation, "DENSE", samples)
    graph, codes = two_parts(seed)
    (F,) = propagate(csr_array(graph), [codes], 3, "poisson", None)
    assert pytest.approx(poisson_by_hand(graph, codes, 3), rel=1e-8, abs=1e-12) == F
    connected = W.toarray()
    (F,) = propagate(W, [np.roll(CODES, seed)], 3, "poisson", None)
    assert pytest.approx(poisson_by_hand(connected, np.roll(CODES, seed), 3), rel=1e-8, abs=1e-12) == F


@both_solvers
def test_poisson_learning_of_one_class_or_of_nothing(monkeypatch, samples):
    """Two triangles and an isolated sample: a class is alone in the first, none is in the second."""
    monkeypatch.setattr(propagation, "DENSE", samples)
    triangles = np.zeros((7, 7))
    triangles[:6, :6] = np.kron(np.eye(2), np.ones((3, 3)) - np.eye(3))
    (F,) = propagate(csr_array(triangles), [np.array([1, -1, -1, -1, -1, -1, -1])], 2, "poisson", None)
    assert F.tolist() == [[0, 1]] * 3 + [[0, 0]] * 4
    (F,) = propagate(csr_array(triangles), [np.array([-1, -1, -1, -1, -1, -1, 0])], 2, "poisson", None)
    assert F.tolist() == [[0, 0]] * 6 + [[1, 0]]
    (F,) = propagate(csr_array((3, 3)), [np.array([0, 1, -1])], 2, "poisson", None)
    assert F.tolist() == [[1, 0], [0, 1], [0, 0]]
    (F,) = propagate(csr_array(triangles), [np.array([0, 1, 0, -1, -1, -1, -1])], 2, "poisson", None)  # all labelled
    assert F[:3].argmax(axis=1).tolist() == [0, 1, 0]


@both_solvers
def test_poisson_learning_asks_neither_alpha_nor_the_unit_of_the_weights(monkeypatch, samples):
    monkeypatch.setattr(propagation, "DENSE", samples)
    (expected,) = propagate(W, [CODES], 3, "poisson", None)
    for unit, alpha in ((2.0**-500, 1e300), (2.0**500, 0.0)):
        assert propagate(unit * W, [CODES], 3, "poisson", alpha)[0] == pytest.approx(expected, rel=1e-9)


@both_solvers
def test_several_labellings_of_poisson_learning_are_each_alone(monkeypatch, samples):
    monkeypatch.setattr(propagation, "DENSE", samples)
    graph, codes = two_parts(3)
    other = np.where(np.arange(14) < 7, codes, -1)
    together = propagate(csr_array(graph), [codes, other], 3, "poisson", None)
    for F, each in zip(together, (codes, other), strict=True):
        assert pytest.approx(propagate(csr_array(graph), [each], 3, "poisson", None)[0], rel=1e-9, abs=1e-14) == F
    assert not together[1][7:].any()


def test_stored_zeros_are_no_edges():
    graph = csr_array(np.kron(np.eye(2), [[0, 1], [1, 0]]) + 2 * np.fliplr(np.eye(4)))
    graph.data[graph.data == 2] = 0
    (F,) = propagate(graph, [np.array([0, -1, -1, -1])], 2, "poisson", None)
    assert F.tolist() == [[1, 0], [1, 0], [0, 0], [0, 0]]
    assert graph.nnz == 8, "the caller's graph is left as it is"


def test_poisson_learning_carries_labels_to_the_far_end_of_a_chain(monkeypatch):
    n = 3_000  # u falls in a straight line from one label to the other
    ones = np.ones(n - 1)
    chain = csr_array(diags_array([ones, ones], offsets=[1, -1]))
    codes = np.full(n, -1)
    codes[0], codes[-1] = 0, 1
    (F,) = propagate(chain, [codes], 2, "poisson", None)
    assert F.argmax(axis=1).tolist() == [0] * (n // 2) + [1] * (n // 2)
    log = np.log(F[:, 0] / F[:, 1])
    assert np.diff(log) == pytest.approx(np.full(n - 1, np.diff(log).mean()), rel=1e-5)


@both_solvers
@pytest.mark.parametrize("bridge", [1e-13, 1e-18, 1e-200])
def test_a_graph_that_hangs_by_a_thread_is_refused_not_guessed(monkeypatch, samples, bridge):
    monkeypatch.setattr(propagation, "DENSE", samples)
    graph = np.kron(np.eye(2), np.ones((6, 6)) - np.eye(6))
    graph[0, 6] = graph[6, 0] = bridge
    codes = np.array([0, 1] + 4 * [-1] + [0, 1, 1] + 3 * [-1])
    with pytest.raises(ValueError, match="propagation='poisson': parts of the graph hang together by weights so small"):
        propagate(csr_array(graph), [codes], 2, "poisson", None)


def test_a_factorisation_that_fails_is_refused_alike(monkeypatch):
    import scipy.linalg

    def fails(*_, **__):
        raise scipy.linalg.LinAlgError("not positive definite")

    monkeypatch.setattr(scipy.linalg, "cho_factor", fails)
    with pytest.raises(ValueError, match="parts of the graph hang together by weights so small"):
        propagate(W, [CODES], 3, "poisson", None)


def test_a_class_does_not_win_by_having_more_labels():
    n = 41  # a path with five labelled samples of class 0 at one end, one of class 1 at the other
    path = csr_array(diags_array([np.ones(n - 1), np.ones(n - 1)], offsets=[1, -1]))
    ends = np.full(n, -1)
    ends[:5], ends[-1] = 0, 1
    (F,) = propagate(path, [ends], 2, "poisson", None)
    assert 15 < np.count_nonzero(F.argmax(axis=1) == 1) < 22
    star = np.zeros((31, 31))  # three arms of ten samples; one class has four labels in its arm, the others have one
    for arm in range(3):
        line = [0, *range(1 + 10 * arm, 11 + 10 * arm)]
        for i, j in itertools.pairwise(line):
            star[i, j] = star[j, i] = 1.0
    codes = np.full(31, -1)
    codes[7:11], codes[20], codes[30] = 0, 1, 2
    (F,) = propagate(csr_array(star), [codes], 3, "poisson", None)
    assert [F[1 + 10 * arm : 11 + 10 * arm].argmax(axis=1).tolist() for arm in range(3)] == [[a] * 10 for a in range(3)]


def test_shares_grow_with_u_in_units_of_its_usual_size():
    u = np.array([[9.0, -9.0], [1.0, -1.0], [3.0, -3.0], [0.0, 0.0], [-5000.0, 5000.0], [5.0, -5.0]])
    codes, parts = np.array([0, -1, -1, -1, -1, 1]), np.zeros(6, dtype=np.intp)
    shares = propagation.poisson_shares(u, codes, parts)  # usual: the median of 0, 1, 3, 5, 9, 5000
    assert shares.sum(axis=1) == pytest.approx(np.ones(6))
    assert shares[:, 0] == pytest.approx([1 / (1 + np.exp(-x / 4)) for x in (18, 2, 6, 0, -2000, 10)], abs=1e-15)
    assert propagation.poisson_shares(1e300 * u, codes, parts) == pytest.approx(shares, abs=1e-15)
    u[0], u[1:5] = (9, -3), 0  # then the largest
    expected = [1 / (1 + np.exp(-x / 6)) for x in (12, 0, 0, 0, 0, 10)]
    assert propagation.poisson_shares(u, codes, parts)[:, 0] == pytest.approx(expected)


def test_the_shares_of_a_class_that_the_component_does_not_know_are_0():
    u, parts = np.array([[1.0, 5.0, -1.0], [-1.0, 5.0, 1.0]]), np.zeros(2, dtype=np.intp)
    assert propagation.poisson_shares(u, np.array([0, 2]), parts)[:, 1].tolist() == [0, 0]


@pytest.mark.parametrize("form", ["balanced", "poisson"])
def test_blas_has_one_thread_also_where_many_samples_are_solved(form, monkeypatch):
    """By more threads the factorisation is rounded in another way: a result would depend on their number."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    import scipy.linalg

    seen, original = [], scipy.linalg.cho_factor
    monkeypatch.setattr(
        scipy.linalg, "cho_factor", lambda *a, **b: (seen.append(set(blas.numbers().values())), original(*a, **b))[1]
    )
    n = 1_300  # n³/6 multiplications are many
    ring = csr_array(diags_array([np.ones(n - 1), np.ones(n - 1)], offsets=[1, -1]))
    codes = np.where(np.arange(n) % 100 == 0, np.arange(n) // 700, -1)
    with threadpoolctl.threadpool_limits(3, "blas"):
        propagate(ring, [codes], 2, form, 10.0)
    assert seen == [{1}]


@pytest.mark.parametrize("form", ["balanced", "poisson"])
def test_more_classes_than_fit_are_refused(monkeypatch, form):
    room = propagation.COPIES * 8 * 30 * 6
    monkeypatch.setattr(memory, "free_memory", lambda: room)
    assert len(propagate(W, [CODES, CODES], 3, form, 10)) == 2
    with pytest.raises(SizeError, match=r"labels y: what 4 classes have of 30 samples each: .*; take fewer classes"):
        propagate(W, [CODES, CODES], 4, form, 10)
